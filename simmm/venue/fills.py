"""When resting orders fill: trades, levels that change, and the opposite best that reaches us.

The rules are numbered in docs/fill-model.md; `verbs` are those of the linked queue model.
"""

from typing import Any

from simmm.book import UNKNOWN, key_of, shown_within
from simmm.jit import kernel
from simmm.mail import respond
from simmm.math import chain
from simmm.records import (
    BBO,
    BUY,
    CROSSED,
    FILLED,
    FIRST,
    KIND_MASK,
    LATE,
    NO_ASK,
    NO_REASON,
    SNAPSHOT,
    STALE_MID,
    TAKER,
    THROUGH,
    UNSEEN,
)
from simmm.venue.account import book_fill
from simmm.venue.queue import CAP, DEPTH_CHANGED, FILLED_LOTS, JOIN, TRADED
from simmm.venue.resting import delist
from simmm.venue.taken import give_back, take, taken_at


@kernel
def end_order(venue: Any, out: Any, slot: int, kind: int, reason: int) -> None:
    """Write the row of an order that ended and free its slot."""
    order = venue.orders[slot]
    row = out.orders[out.n_orders]
    row.id = order.id
    row.side = order.side
    row.px = order.px
    row.quantity = order.quantity
    row.filled = order.filled
    row.tif = order.tif
    row.sent_ts = order.sent_ts
    row.placed_ts = order.placed_ts
    row.answered_ts = order.answered_ts
    row.end_ts = venue.now
    row.end = kind
    row.reason = reason
    row.ahead_at_join = order.ahead_at_join
    row.level_at_join = order.level_at_join
    row.modifies = order.modifies
    out.n_orders += 1
    order.id = 0


@kernel
def fill(venue: Any, mail: Any, out: Any, slot: int, px: int, lots: int, flags: int) -> None:
    """Fill `lots` of the order in `slot` at `px`: account, output and response at once.

    The order keeps its slot; a resting order with nothing left must be taken out by the caller.
    """
    order = venue.orders[slot]
    if order.seen_at_join == 0 and flags & TAKER == 0:
        flags |= UNSEEN
    if venue.mid_stale:
        flags |= STALE_MID
    if venue.late:
        flags |= LATE
    fee = book_fill(venue.account, venue.market, order.side, px, lots, flags & TAKER != 0)
    order.leaves -= lots
    order.filled += lots
    venue.fills += 1
    known = respond(
        mail,
        venue.now,
        FILLED,
        NO_REASON,
        order.id,
        0,
        order.side,
        px,
        lots,
        order.leaves,
        fee,
        flags,
    )
    if order.answered_ts == 0:
        order.answered_ts = known
    row = out.fills[out.n_fills]
    row.ts = venue.now
    row.known_ts = known
    row.id = order.id
    row.side = order.side
    row.px = px
    row.quantity = lots
    row.leaves = order.leaves
    row.fee = fee
    row.marks = flags
    row.mid2 = venue.mid2
    row.position = venue.account.position
    row.placed_ts = order.placed_ts
    row.ahead_at_join = order.ahead_at_join
    row.level_at_join = order.level_at_join
    out.n_fills += 1
    h = chain(venue.chain, venue.now)
    h = chain(h, order.id)
    h = chain(h, order.side * px)
    h = chain(h, lots)
    venue.chain = chain(h, fee)


@kernel
def finish(venue: Any, out: Any, slot: int) -> None:
    """Take a resting order that is wholly filled off its list."""
    delist(venue, slot)
    end_order(venue, out, slot, FILLED, NO_REASON)


@kernel
def on_trade(verbs: Any, venue: Any, mail: Any, out: Any, tag: int, px: int, lots: int) -> None:
    """Rule 3: a print of `lots` at `px` meets own orders, best price first, then oldest.

    A late print passes over orders that joined after it, and at its own price over those whose
    level a row has told since: there the depth has counted it.
    """
    buyer = tag & BUY
    budget = lots
    k = 0
    while budget > 0:
        if buyer:
            if k >= venue.n_asks:
                return
            slot = venue.asks[k]
            beyond = px - venue.orders[slot].px
        else:
            if k >= venue.n_bids:
                return
            slot = venue.bids[k]
            beyond = venue.orders[slot].px - px
        order = venue.orders[slot]
        if beyond < 0:
            return
        lots_filled = 0
        if venue.late and order.joined_ts >= venue.row_ts:
            pass
        elif beyond > 0:
            lots_filled = min(order.leaves, budget)
            fill(venue, mail, out, slot, order.px, lots_filled, THROUGH)
        elif order.seen and not (venue.late and order.told_ts >= venue.row_ts):
            state = venue.queue[slot]
            verbs[TRADED](state, venue.settings, budget)
            lots_filled = min(min(verbs[FILLED_LOTS](state, venue.settings), order.leaves), budget)
            if lots_filled > 0:
                fill(venue, mail, out, slot, order.px, lots_filled, 0)
        budget -= lots_filled
        if order.leaves == 0:
            finish(venue, out, slot)
        else:
            k += 1


@kernel
def on_level(
    verbs: Any,
    venue: Any,
    book: Any,
    tag: int,
    is_bid: int,
    px: int,
    lots: int,
) -> None:
    """Rules 1 and 2: tell the queues of own orders at `px`, and at prices a row shows empty.

    Called before the row is applied to `book`.
    """
    kind = tag & KIND_MASK
    continued = kind == SNAPSHOT and not tag & FIRST
    # Prices strictly better than px, up to `reach`, hold nothing after this row.
    clears = kind in (BBO, SNAPSHOT)
    reach = px
    if clears:
        reach = NO_ASK if is_bid else -1
        if continued:
            reach = key_of(is_bid, book.image_key)
    if is_bid:
        for k in range(venue.n_bids):
            slot = venue.bids[k]
            own = venue.orders[slot].px
            if own == px:
                _tell(verbs, venue, slot, _before(book, 1, own, continued), lots)
            elif clears and own > px and own < reach:
                _tell(verbs, venue, slot, _before(book, 1, own, continued), 0)
    else:
        for k in range(venue.n_asks):
            slot = venue.asks[k]
            own = venue.orders[slot].px
            if own == px:
                _tell(verbs, venue, slot, _before(book, 0, own, continued), lots)
            elif clears and own < px and own > reach:
                _tell(verbs, venue, slot, _before(book, 0, own, continued), 0)
    if venue.n_taken > 0:
        if _before(book, is_bid, px, continued) != lots:
            give_back(venue, is_bid, px, px)
        if clears:
            if is_bid:
                give_back(venue, 1, px + 1, reach - 1)
            else:
                give_back(venue, 0, reach + 1, px - 1)


@kernel
def tell_own(verbs: Any, venue: Any, side: int, previous: int, lots: int) -> None:
    """Tell the own orders of a side, all at one price, that their level went to `lots`."""
    if side:
        for k in range(venue.n_bids):
            _tell(verbs, venue, venue.bids[k], previous, lots)
    else:
        for k in range(venue.n_asks):
            _tell(verbs, venue, venue.asks[k], previous, lots)


@kernel
def _before(book: Any, is_bid: int, px: int, continued: bool) -> int:
    """Return what a level showed before the row; `continued`: an image of this side is being read.

    While an image is read the edge already moves with it; what was known is told by the old edge.
    """
    edge = book.image_edge if continued else book.edge[is_bid]
    return shown_within(book, is_bid, px, edge)


@kernel
def _tell(verbs: Any, venue: Any, slot: int, previous: int, lots: int) -> None:
    """Tell one own order that others now show `lots` at its price."""
    order = venue.orders[slot]
    state = venue.queue[slot]
    order.told_ts = max(order.told_ts, venue.row_ts)
    if order.seen == 0:
        order.seen = 1
        verbs[JOIN](state, venue.settings, float(lots))
        order.ahead_at_join = float(lots)
        order.level_at_join = lots
    elif previous == UNKNOWN:
        verbs[CAP](state, venue.settings, lots)
    else:
        verbs[DEPTH_CHANGED](state, venue.settings, previous, lots)


@kernel
def on_crossing(venue: Any, mail: Any, out: Any, is_bid: int, px: int, lots: int) -> None:
    """Rule 3, last part: the other side shows `lots` at a price that reaches own orders."""
    available = lots - taken_at(venue, is_bid, px)
    while available > 0:
        if is_bid:
            if venue.n_asks == 0 or venue.own_ask > px:
                return
            slot = venue.asks[0]
        else:
            if venue.n_bids == 0 or venue.own_bid < px:
                return
            slot = venue.bids[0]
        order = venue.orders[slot]
        lots_filled = min(order.leaves, available)
        fill(venue, mail, out, slot, order.px, lots_filled, CROSSED)
        take(venue, is_bid, px, lots_filled)
        available -= lots_filled
        if order.leaves == 0:
            finish(venue, out, slot)
