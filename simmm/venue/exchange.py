"""The simulated exchange of one market: applies packets in causal order, and requests.

Theory of operation. The venue has its own clock (exchange time) and its own book. A block is all
that carries one exchange timestamp; the mid of a fill is that of the book before its block. Rows
that come nowhere near an own order only touch the book: `apply_rows` compares one price.
"""

from typing import Any

from simmm.book import best_ask, best_bid, clear, key_of
from simmm.images import pass_image
from simmm.jit import kernel
from simmm.mail import next_request_ts
from simmm.math import chain
from simmm.output_records import FILLS, FUNDINGS, MIDS, ORDERS, PREDICTIONS, SAMPLES
from simmm.reading import (
    octet,
    packet_info_of,
    packet_row_of,
    packet_ts_of,
    pass_due,
    px_of,
    qty_of,
    row_line,
    tag_of,
    word,
)
from simmm.records import (
    BUY,
    DEPTH,
    FIRST,
    INFO_LATE,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    NEVER,
    NO_ASK,
    NO_BID,
    NO_KEY,
    NO_REASON,
    ORDER_SLOTS,
    SNAPSHOT,
    TRADE,
    WHAT_MASK,
    WHATS,
)
from simmm.venue import margin
from simmm.venue.actions import DAY_NS, run_schedule
from simmm.venue.blocks import acts_later, next_waiting_ts, pop_waiting
from simmm.venue.budget import address_limit
from simmm.venue.checks import gate
from simmm.venue.draws import draws_begin
from simmm.venue.fees import set_fee_tier
from simmm.venue.funding import pay_funding
from simmm.venue.levels import tell_own
from simmm.venue.liquidation import watch_margin
from simmm.venue.requests import on_request, refuse
from simmm.venue.resting import pass_time, refresh
from simmm.venue.rows import apply_late_row, apply_row
from simmm.venue.taking import LEVELS_PER_TAKER
from simmm.venue_records import SIZES

_ASK = DEPTH
_BID = DEPTH | BUY
_SELLER = TRADE
_BUYER = TRADE | BUY
DELETION_SHIFT = 4  # of `WHATS`: what rows that delete a level are looked up by


@kernel
def open_venue(verbs: Any, venue: Any, book: Any) -> None:
    """Make an exchange that has seen nothing."""
    clear(book)
    refresh(venue)
    draws_begin(verbs, venue)
    venue.account.schedule_ts = NEVER
    if venue.account.next_day_ts == 0:
        venue.account.next_day_ts = NEVER
    if venue.market.funding_ns == 0 or venue.account.next_funding_ts == 0:
        venue.account.next_funding_ts = NEVER
    venue.mid_stale = 1
    venue.best_bid = NO_BID
    venue.best_ask = NO_ASK
    for what in range(WHATS):
        venue.own_low[what] = NO_ASK
        venue.own_high[what] = NO_BID
    for place in range(2 * WHATS):
        venue.quiet_low[place] = NO_ASK
        venue.quiet_high[place] = NO_BID
    venue.quiet_low[_BUYER] = 0
    venue.quiet_high[_SELLER] = NO_ASK


@kernel
def has_room(out: Any) -> bool:
    """Return whether the buffers surely hold what one row, request or sample may write."""
    return (
        out.n_fills < FILLS - LEVELS_PER_TAKER - ORDER_SLOTS
        and out.n_orders < ORDERS - ORDER_SLOTS
        and out.n_equity < SAMPLES - 1
        and out.n_mids < MIDS - 2
        and out.n_predictions < PREDICTIONS - ORDER_SLOTS
        and out.n_funding < FUNDINGS - 1
    )


@kernel
def read_mid(venue: Any, book: Any, out: Any) -> None:
    """Tighten the best levels and keep the mid; a change is written to the log of mids."""
    if venue.dirty == 0:
        return
    venue.dirty = 0
    pass_time(venue, max(venue.block_ts, venue.passed_ts))
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
        if venue.account.mark_told == 0:
            venue.account.mark = venue.mid2 // 2
            venue.mark_moved = 1
        row = out.mids[out.n_mids]
        row.ts = venue.block_ts
        row.mid2 = venue.mid2
        out.n_mids += 1


@kernel
def samples_due(venue: Any, book: Any, out: Any, ts: int) -> bool:
    """Write the equity samples before `ts`; return False if the buffer is full first."""
    if venue.next_sample_ts < ts:
        read_mid(venue, book, out)
    while venue.next_sample_ts < ts:
        if not has_room(out):
            return False
        venue.now = venue.next_sample_ts
        pass_time(venue, venue.now)
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
    row.mark = account.mark
    row.value = margin.value(account, venue.market)
    if account.margin:
        margin.refresh(account, venue.market)
    row.margin_used = account.margin_used
    row.maintenance = account.maintenance
    row.margin_available = account.margin_available
    row.requests_used = venue.budget.used
    row.requests_cap = address_limit(venue.budget, account)
    row.chain = venue.chain
    out.n_equity += 1


@kernel
def apply_packets(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, window: Any, until: int
) -> None:
    """Apply packets up to exchange time `until`, or to the first row that answers the maker.

    Stops between rows where a buffer is nearly full; `window.packet` and `window.row` say how far
    it came. Rows are read in runs: a run is all that is known, due and of this market or, once the
    best may have moved, the rest of the block. Within it only rows that are not quiet are asked
    which packet they belong to.
    """
    answers = mail.response_tail
    n = window.packet
    row = window.row
    due = n  # packets before are due
    stopped = False
    while n < window.packet_hi and not stopped:
        ts = packet_ts_of(window, n)
        if ts > until:
            break
        info = packet_info_of(window, n)
        if info >> INFO_MARKET_SHIFT != 0 and info & INFO_LATE == 0:
            n += 1
            row = packet_row_of(window, n)
            continue
        if ts != venue.block_ts:
            if venue.dirty != 0 or venue.next_sample_ts < ts:
                if venue.next_sample_ts < ts and not samples_due(venue, book, out, ts):
                    break
                read_mid(venue, book, out)
                if venue.mark_moved:
                    venue.now = ts
                    watch_margin(venue, book, mail, out)
                    if mail.response_tail != answers:
                        break
            venue.block_ts = ts
        if info & INFO_LATE:
            row = _apply_late(verbs, venue, book, mail, out, window, n, row)
            if row == packet_row_of(window, n + 1):
                n += 1
            stopped = mail.response_tail != answers or not has_room(out)
            continue
        venue.row_ts = ts
        if info & KIND_MASK not in (DEPTH, TRADE):
            row = _apply_packet(verbs, venue, book, mail, out, window, n, row)
            if row == packet_row_of(window, n + 1):
                n += 1
            stopped = mail.response_tail != answers or not has_room(out)
            continue
        stop = n + 1
        if venue.dirty != 0:
            while stop < due and packet_ts_of(window, stop) == ts:
                stop += 1
        else:
            limit = min(until, venue.next_sample_ts)
            if window.held:
                limit = ts  # what tells a level is remembered by its time
            if due < stop:
                due = pass_due(window, stop, limit)
            stop = due
        end = packet_row_of(window, stop)
        set_quiet(venue, book)
        row = _pass_quiet(verbs, venue, book, window, row, end)
        if row == end:
            n = stop
            venue.block_ts = packet_ts_of(window, n - 1)
            stopped = not has_room(out)
        else:
            while packet_row_of(window, n + 1) <= row:
                n += 1
            venue.block_ts = packet_ts_of(window, n)
            venue.row_ts = venue.block_ts
            venue.now = venue.block_ts
            if window.held:
                mail.told_ts = window.told_ts[n & (window.told_ts.size - 1)]
            tag = tag_of(window, row)
            apply_row(verbs, venue, book, mail, out, tag, px_of(window, row), qty_of(window, row))
            row += 1
            if row == packet_row_of(window, n + 1):
                n += 1
            stopped = mail.response_tail != answers or not has_room(out)
    venue.now = max(venue.now, venue.block_ts)
    window.packet = n
    window.row = row


@kernel
def _apply_packet(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, window: Any, n: int, row: int
) -> int:
    """Apply the rest of packet `n`, or up to a row that answers; return where.

    For packets whose rows are never quiet, though most of an image's rows touch only the book.
    """
    answers = mail.response_tail
    end = packet_row_of(window, n + 1)
    venue.now = venue.block_ts
    if window.held:
        mail.told_ts = window.told_ts[n & (window.told_ts.size - 1)]
    while row < end and mail.response_tail == answers and has_room(out):
        tag = tag_of(window, row)
        in_run = venue.n_taken == 0 and venue.level.size <= 1
        if in_run and tag & KIND_MASK == SNAPSHOT and not tag & FIRST:
            passed = row
            side = (tag >> 3) & 1
            own_key = venue.own_key[side]
            floor = NO_KEY
            if own_key < book.image_key or venue.deep[side] != 0:
                floor = own_key
            row = pass_image(book, side, window, row, end, floor, -venue.own_key[1 - side])
            if row > passed:
                continue
        apply_row(verbs, venue, book, mail, out, tag, px_of(window, row), qty_of(window, row))
        row += 1
    return row


@kernel
def _apply_late(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, window: Any, n: int, row: int
) -> int:
    """Apply the rest of the late packet `n`, or up to a row that answers; return where."""
    mask = window.told_ts.size - 1
    answers = mail.response_tail
    end = packet_row_of(window, n + 1)
    mail.told_ts = window.told_ts[n & mask]
    venue.row_ts = window.late_ts[n & mask]
    venue.now = venue.block_ts
    venue.late = 1
    while row < end and mail.response_tail == answers and has_room(out):
        tag = tag_of(window, row)
        apply_late_row(verbs, venue, book, mail, out, tag, px_of(window, row), qty_of(window, row))
        row += 1
    venue.late = 0
    return row


@kernel
def _pass_quiet(verbs: Any, venue: Any, book: Any, window: Any, row: int, end: int) -> int:
    """Apply rows up to `end` or the first that is not quiet; return the row reached.

    A quiet row sets a cell, or is a trade that reaches nothing of ours, or changes the level of
    our orders without filling them.
    """
    cell_mask = book.cells.size // 2 - 1
    while row < end:
        tags, prices, sizes, count = row_line(window, row, end)
        k = 0
        while k < count:
            px = word(prices, k)
            lots = word(sizes, k)
            what = octet(tags, k) & WHAT_MASK
            side = what >> 3
            cell = ((px & cell_mask) << 1) | side
            before = book.cells[cell]
            # One branch for all: which rows are quiet can't be foreseen one condition at a time.
            place = what | ((lots <= 0) << DELETION_SHIFT)
            quiet = (px >= venue.quiet_low[place]) & (px <= venue.quiet_high[place])
            if quiet & ((px < venue.own_low[what]) | (px > venue.own_high[what])):
                book.cells[cell] = lots if what & KIND_MASK == DEPTH else before
            elif quiet:
                tell_own(verbs, venue, side, px, before, lots, key_of(side, px) == book.bound[side])
                book.cells[cell] = lots
            else:
                return row + k
            k += 1
        row += count
    return row


@kernel
def set_quiet(venue: Any, book: Any) -> None:
    """Set where rows are quiet, by kind and side.

    Depth: where levels are known, no better than the best, out of reach of our other side; the
    best itself unless it is deleted, or sizes are learned there while we have several prices on the
    side. While something we took is remembered, nowhere. Trades: short of our orders. All other
    kinds: nowhere.
    """
    settings = venue.settings
    bid_high = min(min(book.bound[1], venue.own_ask - 1), book.low + book.cells.size // 2 - 1)
    ask_low = max(max(-book.bound[0], venue.own_bid + 1), book.low)
    venue.own_low[_BID] = venue.own_bid
    venue.own_high[_BID] = venue.own_bid
    venue.own_low[_ASK] = venue.own_ask
    venue.own_high[_ASK] = venue.own_ask
    if venue.deep[1]:
        venue.own_low[_BID] = venue.orders[venue.bids[venue.n_bids - 1]].px
        if settings.learns:
            bid_high = min(bid_high, book.bound[1] - 1)
    if venue.deep[0]:
        venue.own_high[_ASK] = venue.orders[venue.asks[venue.n_asks - 1]].px
        if settings.learns:
            ask_low = max(ask_low, 1 - book.bound[0])
    looks = venue.level.size > 1 or (settings.learns and settings.adds < SIZES)
    if venue.n_taken > 0 or looks:
        bid_high = NO_BID
        ask_low = NO_ASK
    venue.quiet_low[_BID] = max(book.edge[1], book.low)
    venue.quiet_high[_BID] = bid_high
    venue.quiet_low[_ASK] = ask_low
    venue.quiet_high[_ASK] = min(-book.edge[0], book.low + book.cells.size // 2 - 1)
    venue.quiet_low[_SELLER] = venue.own_bid + 1
    venue.quiet_high[_BUYER] = venue.own_ask - 1
    if venue.level.size > 1:
        venue.quiet_low[_SELLER] = NO_ASK
        venue.quiet_high[_BUYER] = NO_BID
    # A row that deletes the best is not quiet.
    for what in (_BID, _ASK, _SELLER, _BUYER):
        venue.quiet_low[what | WHATS] = venue.quiet_low[what]
        venue.quiet_high[what | WHATS] = venue.quiet_high[what]
    venue.quiet_high[_BID | WHATS] = min(bid_high, book.bound[1] - 1)
    venue.quiet_low[_ASK | WHATS] = max(ask_low, 1 - book.bound[0])


@kernel
def next_request_due(venue: Any, mail: Any) -> int:
    """Return when the venue acts on a request next (ns), `NEVER` if none is on its way."""
    return min(next_request_ts(mail), next_waiting_ts(venue))


@kernel
def serve_requests(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    now: int,
    sends_due: int,
    block_end_ts: int,
) -> None:
    """Act on the next request, due `now`, and on all others of that time.

    What arrives at the same time can't be told of the answer before. At `sends_due` or later more
    may arrive: from then on what waits for the end of a block stays.
    """
    serve_request(verbs, venue, book, mail, out, block_end_ts)
    while (
        next_request_due(venue, mail) == now
        and (now < sends_due or next_request_ts(mail) == now)
        and has_room(out)
    ):
        serve_request(verbs, venue, book, mail, out, block_end_ts)


@kernel
def serve_request(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, block_end_ts: int
) -> None:
    """Act on the next request: one that arrives, or a taker whose block is complete.

    A taker that arrives now acts at `block_end_ts`, where the venue has blocks.
    """
    read_mid(venue, book, out)
    arrival_ts = next_request_ts(mail)
    if arrival_ts > next_waiting_ts(venue):
        venue.now = next_waiting_ts(venue)
        if venue.mark_moved:
            watch_margin(venue, book, mail, out)
        if venue.n_waiting > 0:
            on_request(verbs, venue, book, mail, out, venue.waiting[0])
            pop_waiting(venue)
    else:
        request = mail.requests[mail.request_head & (mail.requests.size - 1)]
        venue.now = arrival_ts
        mail.request_head += 1
        if venue.mark_moved:
            watch_margin(venue, book, mail, out)
        reason = gate(venue, request)
        if reason != NO_REASON:
            refuse(venue, mail, out, request, reason)
        elif not acts_later(venue, request, block_end_ts):
            on_request(verbs, venue, book, mail, out, request)
    read_mid(venue, book, out)


@kernel
def next_due_ts(venue: Any) -> int:
    """Return when the venue next acts by itself: funding, scheduled cancel, fee tier (ns)."""
    account = venue.account
    return min(min(account.next_funding_ts, account.schedule_ts), account.next_day_ts)


@kernel
def act_due(venue: Any, book: Any, mail: Any, out: Any) -> None:
    """Do what is due by itself; at one time first fee tier, then funding, then scheduled cancel."""
    read_mid(venue, book, out)
    venue.now = next_due_ts(venue)
    if venue.mark_moved:
        watch_margin(venue, book, mail, out)
    if venue.account.next_day_ts == venue.now:
        venue.account.next_day_ts += DAY_NS
        set_fee_tier(venue.account, venue.market)
    elif venue.account.next_funding_ts == venue.now:
        pay_funding(venue, mail, out)
        watch_margin(venue, book, mail, out)
    else:
        run_schedule(venue, mail, out)
