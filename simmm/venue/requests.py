"""What the simulated exchange does with a request: new, cancel, modify."""

from typing import Any

from simmm.book import UNKNOWN, best_ask, best_bid, in_window, shown
from simmm.jit import kernel
from simmm.mail import respond
from simmm.records import (
    ACCEPTED,
    ALO,
    BAD_SIZE,
    BAD_STEP,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    IOC,
    MIN_NOTIONAL,
    MODIFIED,
    MODIFY_REJECTED,
    NEW,
    NO_ASK,
    NO_BID,
    NO_LIQUIDITY,
    NO_REASON,
    OUT_OF_WINDOW,
    REJECTED,
    TAKER,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    WOULD_CROSS,
)
from simmm.steps import step_at
from simmm.venue.fills import end_order, fill
from simmm.venue.queue import JOIN
from simmm.venue.resting import delist, enlist, find, free_slot
from simmm.venue.taken import take, taken_at

LEVELS_PER_TAKER = 256  # a taker meets at most this many levels


@kernel
def on_request(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any) -> None:
    """Act on one request that reached the venue at `venue.now`."""
    if request.kind == NEW:
        _new(verbs, venue, book, mail, out, request)
    elif request.kind == CANCEL:
        _cancel(venue, mail, out, request)
    else:
        _modify(verbs, venue, book, mail, out, request)


@kernel
def _new(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any) -> None:
    reason = _invalid(venue, request)
    if reason == NO_REASON and venue.n_bids + venue.n_asks >= venue.market.max_open_orders:
        reason = TOO_MANY_ORDERS
    if reason == NO_REASON and not in_window(book, request.px):
        reason = OUT_OF_WINDOW
    crosses = reason == NO_REASON and _crosses(book, request.side, request.px)
    if crosses and request.tif == ALO:
        reason = WOULD_CROSS
    slot = free_slot(venue)
    _fill_in(venue, slot, request, request.id)
    order = venue.orders[slot]
    if reason != NO_REASON:
        order.answered_ts = _answer(venue, mail, request, REJECTED, reason, request.id, 0, 0)
        venue.rejections[reason] += 1
        end_order(venue, out, slot, REJECTED, reason)
        return
    if request.tif != IOC:
        order.answered_ts = _answer(
            venue, mail, request, ACCEPTED, NO_REASON, request.id, 0, request.quantity
        )
    if crosses:
        _take_liquidity(venue, book, mail, out, slot)
    _settle(verbs, venue, book, mail, out, slot)


@kernel
def _settle(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, slot: int) -> None:
    """What taking left over rests, or expires if it may not."""
    order = venue.orders[slot]
    if order.leaves == 0:
        end_order(venue, out, slot, FILLED, NO_REASON)
    elif order.tif == IOC:
        reason = NO_REASON if order.filled > 0 else NO_LIQUIDITY
        known = respond(
            mail,
            venue.now,
            EXPIRED,
            reason,
            order.id,
            0,
            order.side,
            order.px,
            0,
            0,
            0,
            0,
        )
        if order.answered_ts == 0:
            order.answered_ts = known
        end_order(venue, out, slot, EXPIRED, reason)
    else:
        _join(verbs, venue, book, slot)


@kernel
def _cancel(venue: Any, mail: Any, out: Any, request: Any) -> None:
    slot = find(venue, request.id)
    if slot < 0:
        venue.rejections[UNKNOWN_ORDER] += 1
        _answer(venue, mail, request, CANCEL_REJECTED, UNKNOWN_ORDER, request.id, 0, 0)
        return
    _answer(venue, mail, request, CANCELLED, NO_REASON, request.id, 0, venue.orders[slot].leaves)
    delist(venue, slot)
    end_order(venue, out, slot, CANCELLED, NO_REASON)


@kernel
def _modify(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any) -> None:
    slot = find(venue, request.id)
    if slot < 0:
        venue.rejections[UNKNOWN_ORDER] += 1
        _answer(venue, mail, request, MODIFY_REJECTED, UNKNOWN_ORDER, request.id, 0, 0)
        return
    order = venue.orders[slot]
    reason = _invalid(venue, request)
    if reason == NO_REASON and not in_window(book, request.px):
        reason = OUT_OF_WINDOW
    keeps_place = venue.market.modify_in_place != 0 and (
        request.px == order.px and request.quantity <= order.leaves
    )
    crosses = reason == NO_REASON and not keeps_place and _crosses(book, request.side, request.px)
    gone = False
    if crosses and order.tif == ALO:
        reason = WOULD_CROSS
        gone = venue.market.modify_in_place == 0
    if reason != NO_REASON:
        venue.rejections[reason] += 1
        leaves = 0 if gone else order.leaves
        _answer(venue, mail, request, MODIFY_REJECTED, reason, request.id, 0, leaves)
        if gone:
            delist(venue, slot)
            end_order(venue, out, slot, MODIFY_REJECTED, reason)
        return
    if venue.market.modify_in_place:
        _modify_in_place(verbs, venue, book, mail, out, request, slot, keeps_place, crosses)
    else:
        _replace(verbs, venue, book, mail, out, request, slot, crosses)


@kernel
def _modify_in_place(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    request: Any,
    slot: int,
    keeps_place: bool,
    crosses: bool,
) -> None:
    order = venue.orders[slot]
    order.quantity = order.filled + request.quantity
    order.leaves = request.quantity
    order.modifies += 1
    _answer(venue, mail, request, MODIFIED, NO_REASON, request.id, request.id, request.quantity)
    if keeps_place:
        return
    delist(venue, slot)
    order.px = request.px
    if crosses:
        _take_liquidity(venue, book, mail, out, slot)
    _settle(verbs, venue, book, mail, out, slot)


@kernel
def _replace(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any, slot: int, crosses: bool
) -> None:
    order = venue.orders[slot]
    tif = order.tif
    modifies = order.modifies
    delist(venue, slot)
    end_order(venue, out, slot, MODIFIED, NO_REASON)
    _fill_in(venue, slot, request, request.new_id)
    order.tif = tif
    order.modifies = modifies + 1
    order.answered_ts = _answer(
        venue, mail, request, MODIFIED, NO_REASON, request.id, request.new_id, request.quantity
    )
    if crosses:
        _take_liquidity(venue, book, mail, out, slot)
    _settle(verbs, venue, book, mail, out, slot)


@kernel
def _invalid(venue: Any, request: Any) -> int:
    """Return why an order's price or size is refused, `NO_REASON` if they are right."""
    market = venue.market
    if request.quantity < 1:
        return BAD_SIZE
    if request.px < 1 or request.px % step_at(market, request.px) != 0:
        return BAD_STEP
    if request.px * request.quantity * market.money_scale < market.min_notional:
        return MIN_NOTIONAL
    return NO_REASON


@kernel
def _crosses(book: Any, side: int, px: int) -> bool:
    if side > 0:
        ask = best_ask(book)
        return ask != NO_ASK and px >= ask
    bid = best_bid(book)
    return bid != NO_BID and px <= bid


@kernel
def _take_liquidity(venue: Any, book: Any, mail: Any, out: Any, slot: int) -> None:
    """Take what the other side shows, level by level, up to the order's price."""
    order = venue.orders[slot]
    mask = book.cells.size // 2 - 1
    levels = 0
    if order.side > 0:
        px = best_ask(book)
        while order.leaves > 0 and px <= min(order.px, -book.edge[0]) and levels < LEVELS_PER_TAKER:
            lots = book.cells[(px & mask) << 1] - taken_at(venue, 0, px)
            if lots > 0:
                lots = min(lots, order.leaves)
                fill(venue, mail, out, slot, px, lots, TAKER)
                take(venue, 0, px, lots)
                levels += 1
            px += 1
    else:
        px = best_bid(book)
        while order.leaves > 0 and px >= max(order.px, book.edge[1]) and levels < LEVELS_PER_TAKER:
            lots = book.cells[((px & mask) << 1) | 1] - taken_at(venue, 1, px)
            if lots > 0:
                lots = min(lots, order.leaves)
                fill(venue, mail, out, slot, px, lots, TAKER)
                take(venue, 1, px, lots)
                levels += 1
            px -= 1


@kernel
def _join(verbs: Any, venue: Any, book: Any, slot: int) -> None:
    """Rest the order behind what others show at its price."""
    order = venue.orders[slot]
    lots = shown(book, 1 if order.side > 0 else 0, order.px)
    order.seen = 0 if lots == UNKNOWN else 1
    order.seen_at_join = order.seen
    order.level_at_join = lots
    order.ahead_at_join = float(max(lots, 0))
    order.joined_ts = venue.now
    order.told_ts = 0
    order.joined_seq = venue.joins
    venue.joins += 1
    verbs[JOIN](venue.queue[slot], venue.settings, float(max(lots, 0)))
    enlist(venue, slot)


@kernel
def _fill_in(venue: Any, slot: int, request: Any, id: int) -> None:
    """Write a request into an order slot that is not resting yet."""
    order = venue.orders[slot]
    order.id = id
    order.side = request.side
    order.px = request.px
    order.leaves = request.quantity
    order.filled = 0
    order.quantity = request.quantity
    order.tif = request.tif
    order.sent_ts = request.sent_ts
    order.placed_ts = venue.now
    order.answered_ts = 0
    order.seen = 1
    order.seen_at_join = 1
    order.level_at_join = UNKNOWN
    order.ahead_at_join = 0.0
    order.modifies = 0


@kernel
def _answer(
    venue: Any, mail: Any, request: Any, kind: int, reason: int, id: int, new_id: int, leaves: int
) -> int:
    """Answer a request; return when the maker hears of it (ns)."""
    return respond(
        mail,
        venue.now,
        kind,
        reason,
        id,
        new_id,
        request.side,
        request.px,
        0,
        leaves,
        0,
        0,
    )
