"""The simulated exchange of one market: applies packets in causal order, and requests.

Theory of operation. The venue has its own clock (exchange time) and its own book. A block is all
that carries one exchange timestamp; the mid of a fill is that of the book before its block. Rows
that come nowhere near an own order only touch the book: `apply_rows` compares one price.
"""

from typing import Any

from simmm.book import best_ask, best_bid, clear, forget, set_best, set_depth, set_image
from simmm.jit import kernel
from simmm.math import chain
from simmm.records import (
    BBO,
    DEPTH,
    FILLS,
    FIRST,
    GAP,
    KIND_MASK,
    MIDS,
    NO_ASK,
    NO_BID,
    ORDER_SLOTS,
    ORDERS,
    SAMPLES,
    SNAPSHOT,
    TRADE,
)
from simmm.venue.fills import on_crossing, on_level, on_trade
from simmm.venue.mail import next_request_ts
from simmm.venue.requests import LEVELS_PER_TAKER, on_request
from simmm.venue.resting import refresh


@kernel
def open_venue(venue: Any, book: Any) -> None:
    """Make an exchange that has seen nothing."""
    clear(book)
    refresh(venue)
    venue.mid_stale = 1
    venue.best_bid = NO_BID
    venue.best_ask = NO_ASK


@kernel
def has_room(out: Any) -> bool:
    """Return whether the buffers surely hold what one row, request or sample may write."""
    return (
        out.n_fills < FILLS - LEVELS_PER_TAKER - ORDER_SLOTS
        and out.n_orders < ORDERS - ORDER_SLOTS
        and out.n_equity < SAMPLES - 1
        and out.n_mids < MIDS - 2
    )


@kernel
def read_mid(venue: Any, book: Any, out: Any) -> None:
    """Tighten the best levels and keep the mid; a change is written to the log of mids."""
    if venue.dirty == 0:
        return
    venue.dirty = 0
    bid = best_bid(book)
    ask = best_ask(book)
    venue.best_bid = bid
    venue.best_ask = ask
    if bid == NO_BID or ask == NO_ASK:
        venue.mid_stale = 1
        return
    venue.mid_stale = 0
    venue.mid2 = bid + ask
    if venue.mid2 != venue.logged_mid2:
        venue.logged_mid2 = venue.mid2
        row = out.mids[out.n_mids]
        row.ts = venue.block_ts
        row.mid2 = venue.mid2
        out.n_mids += 1


@kernel
def pass_time(venue: Any, ts: int) -> None:
    """Account for the time quotes rested since the last event; moves the clock to `ts`."""
    waited = ts - venue.now
    venue.now = ts
    if venue.n_bids > 0:
        venue.quoted_bid_ns += waited
        if venue.own_bid >= venue.best_bid:
            venue.touch_bid_ns += waited
    if venue.n_asks > 0:
        venue.quoted_ask_ns += waited
        if venue.own_ask <= venue.best_ask:
            venue.touch_ask_ns += waited


@kernel
def begin_block(venue: Any, book: Any, out: Any, ts: int) -> None:
    """Start the block of exchange time `ts`."""
    read_mid(venue, book, out)
    pass_time(venue, ts)
    venue.block_ts = ts


@kernel
def samples_due(venue: Any, book: Any, out: Any, ts: int) -> bool:
    """Write the equity samples before `ts`; return False if the buffer is full first."""
    if venue.next_sample_ts < ts:
        read_mid(venue, book, out)
    while venue.next_sample_ts < ts:
        if not has_room(out):
            return False
        pass_time(venue, venue.next_sample_ts)
        _sample(venue, out)
        venue.next_sample_ts += venue.sample_ns
    return True


@kernel
def _sample(venue: Any, out: Any) -> None:
    account = venue.account
    h = chain(venue.chain, venue.now)
    h = chain(h, account.position)
    h = chain(h, account.cash)
    venue.chain = chain(h, venue.mid2)
    row = out.equity[out.n_equity]
    row.ts = venue.now
    row.mid2 = venue.mid2
    row.position = account.position
    row.cash = account.cash
    row.fees = account.fees
    row.funding = account.funding
    row.own_bid = venue.own_bid
    row.own_ask = venue.own_ask
    row.best_bid = venue.best_bid
    row.best_ask = venue.best_ask
    row.quoted_bid_ns = venue.quoted_bid_ns
    row.quoted_ask_ns = venue.quoted_ask_ns
    row.touch_bid_ns = venue.touch_bid_ns
    row.touch_ask_ns = venue.touch_ask_ns
    row.fills = venue.fills
    row.chain = venue.chain
    out.n_equity += 1


@kernel
def apply_rows(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    window: Any,
    row: int,
    end: int,
) -> int:
    """Apply rows [row, end) of one packet; return the row reached, less if a buffer fills up."""
    mask = window.tag.size - 1
    while row < end:
        k = row & mask
        tag = window.tag[k]
        px = window.px[k]
        lots = window.qty[k]
        kind = tag & KIND_MASK
        is_bid = (tag >> 3) & 1
        row += 1
        if kind == DEPTH:
            if is_bid:
                venue.dirty |= px >= book.high_bid
                near = px == venue.own_bid or px >= venue.own_ask or venue.deep_bid != 0
            else:
                venue.dirty |= px <= book.low_ask
                near = px == venue.own_ask or px <= venue.own_bid or venue.deep_ask != 0
            if near or venue.n_taken > 0:
                on_level(verbs, venue, book, tag, is_bid, px, lots)
                set_depth(book, is_bid, px, lots)
                if lots > 0:
                    on_crossing(venue, mail, out, is_bid, px, lots)
            else:
                set_depth(book, is_bid, px, lots)
        elif kind == TRADE:
            if is_bid:
                near = px >= venue.own_ask
            else:
                near = px <= venue.own_bid
            if near:
                on_trade(verbs, venue, mail, out, tag, px, lots)
        elif kind == SNAPSHOT or kind == BBO:
            _level_row(verbs, venue, book, mail, out, tag, is_bid, px, lots)
        elif kind == GAP:
            venue.gaps += 1
            forget(book)
            venue.dirty = 1
        if not has_room(out):
            return row
    return row


@kernel
def _level_row(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    tag: int,
    is_bid: int,
    px: int,
    lots: int,
) -> None:
    """Apply one row of an image or a bbo."""
    continued = tag & KIND_MASK == SNAPSHOT and not tag & FIRST
    if continued:
        if is_bid:
            near = px >= venue.own_ask or (
                px <= venue.own_bid and (venue.own_bid < book.image_px or venue.deep_bid != 0)
            )
        else:
            near = px <= venue.own_bid or (
                px >= venue.own_ask and (venue.own_ask > book.image_px or venue.deep_ask != 0)
            )
    else:
        venue.dirty = 1
        near = venue.n_bids + venue.n_asks > 0
    near = near or venue.n_taken > 0
    if lots <= 0 and not continued:
        px = 0 if is_bid else NO_ASK  # an empty side is empty at every price
    if near:
        on_level(verbs, venue, book, tag, is_bid, px, lots)
    if tag & KIND_MASK == SNAPSHOT:
        set_image(book, tag, is_bid, px, lots)
    else:
        set_best(book, is_bid, px, lots)
    if near and lots > 0:
        on_crossing(venue, mail, out, is_bid, px, lots)


@kernel
def serve_request(verbs: Any, venue: Any, book: Any, mail: Any, out: Any) -> None:
    """Let the next request on its way arrive and act on it."""
    request = mail.requests[mail.request_head & (mail.requests.size - 1)]
    read_mid(venue, book, out)
    pass_time(venue, next_request_ts(mail))
    mail.request_head += 1
    on_request(verbs, venue, book, mail, out, request)
    read_mid(venue, book, out)
