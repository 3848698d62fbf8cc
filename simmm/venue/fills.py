"""When resting orders fill: trades, and the opposite best that reaches us.

The rules are numbered in docs/fill-model.md; `verbs` are those of the linked queue model.
"""

from typing import Any

from simmm.jit import kernel
from simmm.mail import respond
from simmm.math import chain
from simmm.records import (
    BUY,
    CANCELLED,
    CROSSED,
    FILLED,
    LATE,
    MARGIN,
    NO_REASON,
    REDUCE_ONLY,
    STALE_MID,
    TAKER,
    THROUGH,
    UNSEEN,
)
from simmm.venue.account import book_fill
from simmm.venue.draws import draws_trade, log_prediction
from simmm.venue.margin import affords
from simmm.venue.queue import FILLED_LOTS, TRADED
from simmm.venue.resting import delist
from simmm.venue.taken import take, taken_at

NEVER_JOINED = 1 << 62


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
    row.ahead_at_end = max(float(venue.queue[slot].ahead), 0.0) if order.joined_ts > 0 else 0.0
    row.reduce_only = order.reduce_only
    out.n_orders += 1
    order.id = 0


@kernel
def fill(
    venue: Any, mail: Any, out: Any, slot: int, px: int, lots: int, flags: int, ahead: float
) -> None:
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
    closed_pnl = venue.account.closed_pnl
    fee = book_fill(venue.account, venue.market, order.side, px, lots, flags)
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
        order.oid,
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
    row.ahead = ahead
    row.closed_pnl = venue.account.closed_pnl - closed_pnl
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
def expire(venue: Any, mail: Any, out: Any, slot: int, reason: int) -> None:
    """Cancel a resting order without being asked, for `reason`."""
    order = venue.orders[slot]
    respond(
        mail,
        venue.now,
        CANCELLED,
        reason,
        order.id,
        0,
        order.side,
        order.px,
        0,
        order.leaves,
        0,
        0,
        order.oid,
    )
    delist(venue, slot)
    end_order(venue, out, slot, CANCELLED, reason)


@kernel
def fill_resting(
    venue: Any, mail: Any, out: Any, slot: int, lots: int, flags: int, ahead: float
) -> int:
    """Fill up to `lots` of a resting order at its price; return how many.

    An order whose margin is gone is cancelled instead, and reduce-only orders follow the position.
    """
    order = venue.orders[slot]
    lots = min(lots, order.leaves)
    if lots <= 0:
        return 0
    account = venue.account
    if account.margin and not order.reduce_only:
        after = abs(account.position + order.side * lots)
        if not affords(account, venue.market, after):
            expire(venue, mail, out, slot, MARGIN)
            return 0
    fill(venue, mail, out, slot, order.px, lots, flags, ahead)
    if order.leaves == 0:
        finish(venue, out, slot)
    if venue.n_reduce_only > 0:
        follow_position(venue, mail, out)
    return lots


@kernel
def follow_position(venue: Any, mail: Any, out: Any) -> None:
    """Shrink or cancel the reduce-only orders that are more than the position.

    The newest keep their size as long as they are covered together; the first that isn't is cut
    to the rest, all older ones are cancelled.
    """
    position = venue.account.position
    newest = NEVER_JOINED
    while True:
        slot = _newest_reduce_only(venue, newest)
        if slot < 0:
            return
        order = venue.orders[slot]
        newest = order.joined_seq
        covered = max(-order.side * position, 0) - _reducing_after(venue, order.side, newest)
        if covered <= 0:
            expire(venue, mail, out, slot, REDUCE_ONLY)
        elif order.leaves > covered:
            order.quantity -= order.leaves - covered
            order.leaves = covered


@kernel
def _newest_reduce_only(venue: Any, before: int) -> int:
    """Return the slot of the reduce-only order that joined last before `before`, -1 if none."""
    found = -1
    joined = -1
    for k in range(venue.n_bids + venue.n_asks):
        slot = venue.bids[k] if k < venue.n_bids else venue.asks[k - venue.n_bids]
        order = venue.orders[slot]
        if order.reduce_only and joined < order.joined_seq < before:
            joined = order.joined_seq
            found = slot
    return found


@kernel
def _reducing_after(venue: Any, side: int, joined: int) -> int:
    """Return the open lots of a side's reduce-only orders that joined after `joined`."""
    lots = 0
    for k in range(venue.n_bids if side > 0 else venue.n_asks):
        order = venue.orders[venue.bids[k] if side > 0 else venue.asks[k]]
        if order.reduce_only and order.joined_seq > joined:
            lots += order.leaves
    return lots


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
        own_px = order.px
        joined = order.joined_seq
        lots_filled = 0
        ahead = max(float(venue.queue[slot].ahead), 0.0)
        if venue.late and order.joined_ts >= venue.row_ts:
            pass
        elif beyond > 0:
            lots_filled = fill_resting(venue, mail, out, slot, budget, THROUGH, ahead)
        elif order.seen and not (venue.late and order.told_ts >= venue.row_ts):
            lots_filled = _match(verbs, venue, mail, out, slot, budget, ahead)
        budget -= lots_filled
        k = _after(venue, buyer, own_px, joined)


@kernel
def _match(
    verbs: Any, venue: Any, mail: Any, out: Any, slot: int, budget: int, ahead: float
) -> int:
    """A print of `budget` lots at the order's own price: fill what passes its queue."""
    order = venue.orders[slot]
    order_id = order.id
    state = venue.queue[slot]
    chance = -1.0
    mean = 0.0
    if venue.settings.draws > 0 and order.filled == 0:
        chance, mean = draws_trade(verbs, venue, slot, budget)
    verbs[TRADED](state, venue.settings, budget)
    past_queue = min(verbs[FILLED_LOTS](state, venue.settings), budget)
    lots = fill_resting(venue, mail, out, slot, past_queue, 0, ahead)
    if chance >= 0.0:
        log_prediction(venue, out, order_id, chance, 1 if lots > 0 else 0, ahead, mean)
    return lots


@kernel
def _after(venue: Any, buyer: int, px: int, joined: int) -> int:
    """Return the place of the first order that a print meets after that of (`px`, `joined`)."""
    k = 0
    if buyer:
        while k < venue.n_asks:
            order = venue.orders[venue.asks[k]]
            if order.px > px or (order.px == px and order.joined_seq > joined):
                return k
            k += 1
    else:
        while k < venue.n_bids:
            order = venue.orders[venue.bids[k]]
            if order.px < px or (order.px == px and order.joined_seq > joined):
                return k
            k += 1
    return k


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
        ahead = max(float(venue.queue[slot].ahead), 0.0)
        lots_filled = fill_resting(venue, mail, out, slot, available, CROSSED, ahead)
        if lots_filled > 0:
            take(venue, is_bid, px, lots_filled)
        available -= lots_filled
