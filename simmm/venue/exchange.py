"""The simulated exchange of one market: applies packets in causal order, and requests.

Theory of operation. The venue has its own clock (exchange time) and its own book. A block is all
that carries one exchange timestamp; the mid of a fill is that of the book before its block. Rows
that come nowhere near an own order only touch the book: `apply_rows` compares one price.
"""

from typing import Any

import numpy as np

from simmm.book import best_ask, best_bid, clear, forget, key_of, set_best, set_depth, set_image
from simmm.jit import kernel
from simmm.math import chain
from simmm.records import (
    BBO,
    DEPTH,
    FILLS,
    FIRST,
    GAP,
    INFO_MARKET_SHIFT,
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
def apply_packets(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, window: Any, until: int
) -> None:
    """Apply packets up to exchange time `until`, or to the first that answers the maker.

    Stops between rows where a buffer is nearly full; `window.packet` and `window.row` say how far
    it came. Rows of depth that are near no own order and move nothing but a size are the many:
    they are dealt with here in a few comparisons that need no branch.
    """
    mask = window.tag.size - 1
    cell_mask = book.cells.size // 2 - 1
    low = book.low
    answers = mail.response_tail
    n = window.packet
    high = window.packet_hi
    row = window.row
    own_ask_key = venue.own_key[0]
    own_bid_key = venue.own_key[1]
    while n < high:
        ts = window.packet_ts[n & mask]
        if ts > until:
            break
        end = window.packet_row[(n + 1) & mask]
        info = window.packet_info[n & mask]
        if info >> INFO_MARKET_SHIFT == 0:
            if ts != venue.block_ts:
                if venue.next_sample_ts < ts and not samples_due(venue, book, out, ts):
                    break
                begin_block(venue, book, out, ts)
            is_depth = info & KIND_MASK == DEPTH
            quiet = is_depth & (venue.n_taken + venue.deep[0] + venue.deep[1] == 0)
            while row < end:
                k = row & mask
                tag = np.int64(window.tag[k])
                side = (tag >> 3) & 1
                px = window.px[k]
                lots = window.qty[k]
                key = px * (2 * side - 1)
                bound = book.bound[side]
                own_key = own_bid_key if side else own_ask_key
                opposite = own_ask_key if side else own_bid_key
                row += 1
                plain = (
                    quiet
                    & (key != own_key)
                    & (key < -opposite)
                    & (px >= low)
                    & (px - low <= cell_mask)
                    & ((key <= bound) | (lots == 0))
                    & (key >= book.edge[side])
                )
                if plain:
                    venue.dirty |= key >= bound
                    book.cells[((px & cell_mask) << 1) | side] = lots
                    continue
                _apply_row(verbs, venue, book, mail, out, tag, side, px, lots)
                low = book.low
                own_ask_key = venue.own_key[0]
                own_bid_key = venue.own_key[1]
                quiet = is_depth & (venue.n_taken + venue.deep[0] + venue.deep[1] == 0)
                if not has_room(out):
                    break
            if row < end:
                break
        row = end
        n += 1
        if mail.response_tail != answers or not has_room(out):
            break
    window.packet = n
    window.row = row


@kernel
def _apply_row(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    tag: int,
    side: int,
    px: int,
    lots: int,
) -> None:
    """Apply one row of any kind."""
    kind = tag & KIND_MASK
    if kind == DEPTH:
        key = key_of(side, px)
        venue.dirty |= key >= book.bound[side]
        near = (
            key == venue.own_key[side]
            or key >= -venue.own_key[1 - side]
            or venue.deep[side] != 0
            or venue.n_taken > 0
        )
        if near:
            on_level(verbs, venue, book, tag, side, px, lots)
        set_depth(book, side, px, lots)
        if near and lots > 0:
            on_crossing(venue, mail, out, side, px, lots)
    elif kind == TRADE:
        # A buyer (side 1) meets own asks.
        if key_of(side, px) >= -venue.own_key[1 - side]:
            on_trade(verbs, venue, mail, out, tag, px, lots)
    elif kind == SNAPSHOT or kind == BBO:
        _level_row(verbs, venue, book, mail, out, tag, side, px, lots)
    elif kind == GAP:
        venue.gaps += 1
        forget(book)
        venue.dirty = 1


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
        key = key_of(is_bid, px)
        own_key = venue.own_key[is_bid]
        near = key >= -venue.own_key[1 - is_bid] or (
            key <= own_key and (own_key < book.image_key or venue.deep[is_bid] != 0)
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
