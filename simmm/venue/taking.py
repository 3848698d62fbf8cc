"""Orders that take: level by level through what the other side shows."""

from typing import Any

from simmm.book import shown
from simmm.jit import kernel
from simmm.records import SELF_TRADE, TAKER
from simmm.venue.checks import opposite_best
from simmm.venue.fills import expire, fill, follow_position
from simmm.venue.taken import take, taken_at

LEVELS_PER_TAKER = 256  # a taker meets at most this many levels


@kernel
def take_liquidity(venue: Any, book: Any, mail: Any, out: Any, slot: int, marks: int) -> None:
    """Take what the other side shows, up to the order's price; `marks` go on every fill.

    Where the venue prevents self-trades, own orders that are reached are cancelled.
    """
    order = venue.orders[slot]
    level_side = 0 if order.side > 0 else 1
    px = opposite_best(venue, book, order.side)
    levels = 0
    while order.leaves > 0 and levels < LEVELS_PER_TAKER and _within(venue, book, order, px):
        lots = max(shown(book, level_side, px), 0) - taken_at(venue, level_side, px)
        if venue.market.self_trade:
            _meet_own(venue, mail, out, level_side, px, order.leaves, max(lots, 0))
        if lots > 0:
            lots = min(lots, order.leaves)
            fill(venue, mail, out, slot, px, lots, TAKER | marks, 0.0)
            take(venue, level_side, px, lots)
            levels += 1
            if venue.n_reduce_only > 0:
                follow_position(venue, mail, out)
        px += order.side


@kernel
def _within(venue: Any, book: Any, order: Any, px: int) -> bool:
    """Return whether the order may take at `px` and something may stand there or beyond."""
    if order.side > 0:
        last = -book.edge[0]
        if venue.market.self_trade and venue.n_asks > 0:
            last = max(last, venue.orders[venue.asks[venue.n_asks - 1]].px)
        return px <= min(order.px, last)
    last = book.edge[1]
    if venue.market.self_trade and venue.n_bids > 0:
        last = min(last, venue.orders[venue.bids[venue.n_bids - 1]].px)
    return px >= max(order.px, last)


@kernel
def _meet_own(venue: Any, mail: Any, out: Any, side: int, px: int, leaves: int, shown: int) -> None:
    """Cancel own orders at a price that a taker with `leaves` lots left reaches."""
    while True:
        slot = -1
        if side and venue.n_bids > 0:
            slot = venue.bids[0]
        elif side == 0 and venue.n_asks > 0:
            slot = venue.asks[0]
        if slot < 0 or venue.orders[slot].px != px:
            return
        ahead = min(int(max(float(venue.queue[slot].ahead), 0.0)), shown)
        if leaves <= ahead:
            return
        expire(venue, mail, out, slot, SELF_TRADE)
