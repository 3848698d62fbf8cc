"""A book of single orders: places in the queue, and the rows of a level-2 tape that show it.

Orders lie in a pool, those at a price in a list with the oldest first.
"""

from typing import Any

from simmm.jit import kernel
from simmm.records import BUY, DEPTH, FIRST, PACKET_END, SNAPSHOT
from simmm.validation.sources.order_records import END_FILL, END_OPEN, NOBODY


@kernel
def put(book: Any, out: Any, tag: int, px: int, lots: int, aux: int) -> None:
    """Write one row of the message that is being written."""
    row = out[book.rows]
    row.exch_ts = book.now
    row.local_ts = book.local_ts
    row.seq = book.messages
    row.tag = tag
    row.px = px
    row.qty = lots
    row.aux = aux
    book.rows += 1


@kernel
def end_message(book: Any, out: Any) -> None:
    """Close the message that is being written."""
    out[book.rows - 1].tag |= PACKET_END
    book.messages += 1


@kernel
def show(book: Any, levels: Any, prices: Any, out: Any, is_bid: int, at: int) -> None:
    """Write the size of a level."""
    tag = DEPTH | BUY if is_bid == 1 else DEPTH
    put(book, out, tag, prices[at], levels[is_bid * len(prices) + at].lots, -1)


@kernel
def show_image(book: Any, levels: Any, prices: Any, out: Any) -> None:
    """Write the opening book, best prices first; a side without orders is told to be empty."""
    for k in range(2):
        is_bid = 1 - k
        step = -1 if is_bid == 1 else 1
        tag = (SNAPSHOT | BUY if is_bid == 1 else SNAPSHOT) | FIRST
        left = book.resting[is_bid]
        at = book.best[is_bid]
        if left == 0:
            put(book, out, tag, 0, 0, -1)
        while left > 0:
            level = levels[is_bid * len(prices) + at]
            if level.count > 0:
                put(book, out, tag, prices[at], level.lots, level.count)
                tag &= ~FIRST
                left -= level.count
            at += step
    end_message(book, out)


@kernel
def join(
    book: Any, orders: Any, levels: Any, prices: Any, slot: int, at: int, replaced: int
) -> None:
    """Put an order, whose id, side and open lots stand, at the back of a level."""
    order = orders[slot]
    fate = order.fate
    is_bid = 1 if fate.side > 0 else 0
    level = levels[is_bid * len(prices) + at]
    best, other = book.best[is_bid], book.best[1 - is_bid]
    order.alive = 1
    order.level = at
    order.opening = 1 - book.started
    fate.px = prices[at]
    fate.qty = order.lots
    fate.add_ts = book.now
    fate.replaced = replaced
    fate.dist_ticks = 0
    fate.spread_ticks = 0
    if best != NOBODY:
        fate.dist_ticks = (prices[best] - prices[at]) * fate.side // book.tick_quanta
        if other != NOBODY:
            fate.spread_ticks = (prices[other] - prices[best]) * fate.side // book.tick_quanta
    fate.ahead_qty0 = level.lots
    fate.ahead_n0 = level.count
    fate.ahead_exec = fate.ahead_canc = fate.filled = 0
    fate.first_fill_ts = fate.last_fill_ts = 0
    fate.joined = book.joins
    book.joins += 1
    order.younger = NOBODY
    order.older = level.youngest if level.count > 0 else NOBODY
    if level.count > 0:
        orders[level.youngest].younger = slot
    else:
        level.oldest = slot
    level.youngest = slot
    level.count += 1
    level.lots += order.lots
    if book.resting[is_bid] == 0 or (at - best) * fate.side > 0:
        book.best[is_bid] = at
    book.resting[is_bid] += 1


@kernel
def tell(book: Any, order: Any, fates: Any, end: int) -> None:
    """Write the fate of an order that joined after the record began."""
    order.fate.end = end
    order.fate.end_ts = 0 if end == END_OPEN else book.now
    if order.opening == 0:
        fates[book.fates] = order.fate
        book.fates += 1


@kernel
def leave(
    book: Any, orders: Any, levels: Any, prices: Any, fates: Any, slot: int, end: int
) -> None:
    """Take an order off its level, which no longer counts its lots, and tell its fate."""
    order = orders[slot]
    is_bid = 1 if order.fate.side > 0 else 0
    first = is_bid * len(prices)
    level = levels[first + order.level]
    if order.older == NOBODY:
        level.oldest = order.younger
    else:
        orders[order.older].younger = order.younger
    if order.younger == NOBODY:
        level.youngest = order.older
    else:
        orders[order.younger].older = order.older
    level.count -= 1
    book.resting[is_bid] -= 1
    order.alive = 0
    if level.count == 0 and order.level == book.best[is_bid] and book.resting[is_bid] > 0:
        at = order.level
        while levels[first + at].count == 0:
            at -= order.fate.side
        book.best[is_bid] = at
    tell(book, order, fates, end)


@kernel
def take_away(orders: Any, levels: Any, prices: Any, slot: int, lots: int, traded: int) -> None:
    """Take lots out of an order, and note them for all who are behind it."""
    order = orders[slot]
    is_bid = 1 if order.fate.side > 0 else 0
    behind = order.younger
    while behind != NOBODY:
        fate = orders[behind].fate
        if fate.filled == 0:
            if traded:
                fate.ahead_exec += lots
            else:
                fate.ahead_canc += lots
        behind = orders[behind].younger
    order.lots -= lots
    levels[is_bid * len(prices) + order.level].lots -= lots


@kernel
def fill(
    book: Any, orders: Any, levels: Any, prices: Any, fates: Any, slot: int, lots: int
) -> None:
    """Fill an order by some lots; it may be its last."""
    order = orders[slot]
    if order.older != NOBODY:
        book.out_of_turn += 1
    if order.fate.filled == 0:
        order.fate.first_fill_ts = book.now
    order.fate.last_fill_ts = book.now
    order.fate.filled += lots
    take_away(orders, levels, prices, slot, lots, 1)
    if order.lots == 0:
        leave(book, orders, levels, prices, fates, slot, END_FILL)
