"""What the simulated exchange does with a request: new, cancel, modify, or about the account."""

from typing import Any

from simmm.book import UNKNOWN, shown
from simmm.jit import kernel
from simmm.mail import respond
from simmm.records import (
    ACCEPTED,
    ACCOUNT_REJECTED,
    ACCOUNT_SET,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    IOC,
    MODIFIED,
    MODIFY,
    MODIFY_REJECTED,
    NEW,
    NO_LIQUIDITY,
    NO_REASON,
    REJECTED,
    UNKNOWN_ORDER,
)
from simmm.venue.actions import change_account
from simmm.venue.checks import NO_SLOT, crosses, crossing_refusal, refusal
from simmm.venue.draws import draws_adopt, draws_reset
from simmm.venue.fills import end_order, follow_position
from simmm.venue.levels import stand_behind
from simmm.venue.queue import ADOPT
from simmm.venue.resting import delist, enlist, find_named, free_slot
from simmm.venue.taking import take_liquidity
from simmm.venue.watching import watched


@kernel
def on_request(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any) -> None:
    """Act on one request that passed `gate` and acts at `venue.now`."""
    if request.kind == NEW:
        _new(verbs, venue, book, mail, out, request)
    elif request.kind == CANCEL:
        _cancel(venue, mail, out, request)
    elif request.kind == MODIFY:
        _modify(verbs, venue, book, mail, out, request)
    else:
        reason = change_account(venue, request)
        kind = ACCOUNT_SET
        if reason != NO_REASON:
            venue.rejections[reason] += 1
            kind = ACCOUNT_REJECTED
        _answer(venue, mail, request, kind, reason, request.id, 0, 0, 0)


@kernel
def refuse(venue: Any, mail: Any, out: Any, request: Any, reason: int) -> None:
    """Answer a request that `gate` didn't let pass."""
    if request.kind == NEW:
        _refuse_new(venue, mail, out, request, reason)
        return
    venue.rejections[reason] += 1
    kind = ACCOUNT_REJECTED
    leaves = 0
    if request.kind in (CANCEL, MODIFY):
        kind = CANCEL_REJECTED if request.kind == CANCEL else MODIFY_REJECTED
        slot = find_named(venue, request)
        if slot >= 0:
            leaves = venue.orders[slot].leaves
    _answer(venue, mail, request, kind, reason, request.id, 0, leaves, 0)


@kernel
def _new(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any) -> None:
    reason = refusal(venue, book, request, request.tif, request.reduce_only, NO_SLOT)
    crossing = reason == NO_REASON and crosses(venue, book, request.side, request.px)
    if reason == NO_REASON:
        reason = crossing_refusal(request.tif, crossing)
    if reason != NO_REASON:
        _refuse_new(venue, mail, out, request, reason)
        return
    slot = free_slot(venue)
    _fill_in(venue, slot, request, request.id)
    order = venue.orders[slot]
    if request.tif != IOC:
        order.answered_ts = _answer(
            venue, mail, request, ACCEPTED, NO_REASON, request.id, 0, order.leaves, order.oid
        )
    if crossing:
        take_liquidity(venue, book, mail, out, slot, 0)
    _settle(verbs, venue, book, mail, out, slot)


@kernel
def _refuse_new(venue: Any, mail: Any, out: Any, request: Any, reason: int) -> None:
    slot = free_slot(venue)
    _fill_in(venue, slot, request, request.id)
    order = venue.orders[slot]
    order.quantity = request.quantity
    order.answered_ts = _answer(venue, mail, request, REJECTED, reason, request.id, 0, 0, order.oid)
    venue.rejections[reason] += 1
    end_order(venue, out, slot, REJECTED, reason)


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
            order.oid,
        )
        if order.answered_ts == 0:
            order.answered_ts = known
        end_order(venue, out, slot, EXPIRED, reason)
    else:
        _join(verbs, venue, book, slot)
        if order.reduce_only:
            follow_position(venue, mail, out)


@kernel
def _cancel(venue: Any, mail: Any, out: Any, request: Any) -> None:
    slot = find_named(venue, request)
    if slot < 0:
        venue.rejections[UNKNOWN_ORDER] += 1
        _answer(venue, mail, request, CANCEL_REJECTED, UNKNOWN_ORDER, request.id, 0, 0, 0)
        return
    order = venue.orders[slot]
    _answer(venue, mail, request, CANCELLED, NO_REASON, order.id, 0, order.leaves, order.oid)
    delist(venue, slot)
    end_order(venue, out, slot, CANCELLED, NO_REASON)


@kernel
def _modify(verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any) -> None:
    slot = find_named(venue, request)
    if slot < 0:
        venue.rejections[UNKNOWN_ORDER] += 1
        _answer(venue, mail, request, MODIFY_REJECTED, UNKNOWN_ORDER, request.id, 0, 0, 0)
        return
    order = venue.orders[slot]
    reason = refusal(venue, book, request, order.tif, order.reduce_only, slot)
    keeps_place = venue.market.modify_in_place != 0 and (
        request.px == order.px and request.quantity <= order.leaves
    )
    crossing = (
        reason == NO_REASON and not keeps_place and crosses(venue, book, request.side, request.px)
    )
    gone = False
    if reason == NO_REASON:
        reason = crossing_refusal(order.tif, crossing)
        gone = reason != NO_REASON and venue.market.modify_in_place == 0
    if reason != NO_REASON:
        venue.rejections[reason] += 1
        leaves = 0 if gone else order.leaves
        _answer(venue, mail, request, MODIFY_REJECTED, reason, order.id, 0, leaves, order.oid)
        if gone:
            delist(venue, slot)
            end_order(venue, out, slot, MODIFY_REJECTED, reason)
        return
    if venue.market.modify_in_place:
        _modify_in_place(verbs, venue, book, mail, out, request, slot, keeps_place, crossing)
    else:
        _replace(verbs, venue, book, mail, out, request, slot, crossing)


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
    crossing: bool,
) -> None:
    order = venue.orders[slot]
    order.quantity = order.filled + request.quantity
    order.leaves = request.quantity
    order.modifies += 1
    _answer(venue, mail, request, MODIFIED, NO_REASON, order.id, order.id, order.leaves, order.oid)
    if keeps_place:
        return
    delist(venue, slot)
    order.px = request.px
    if crossing:
        take_liquidity(venue, book, mail, out, slot, 0)
    _settle(verbs, venue, book, mail, out, slot)


@kernel
def _replace(
    verbs: Any, venue: Any, book: Any, mail: Any, out: Any, request: Any, slot: int, crossing: bool
) -> None:
    order = venue.orders[slot]
    old_id = order.id
    tif = order.tif
    reduce_only = order.reduce_only
    modifies = order.modifies
    delist(venue, slot)
    end_order(venue, out, slot, MODIFIED, NO_REASON)
    _fill_in(venue, slot, request, request.new_id)
    order.tif = tif
    order.reduce_only = reduce_only
    _cut_to_position(venue, slot)
    order.modifies = modifies + 1
    order.answered_ts = _answer(
        venue,
        mail,
        request,
        MODIFIED,
        NO_REASON,
        old_id,
        request.new_id,
        order.leaves,
        order.oid,
    )
    if crossing:
        take_liquidity(venue, book, mail, out, slot, 0)
    _settle(verbs, venue, book, mail, out, slot)


@kernel
def _join(verbs: Any, venue: Any, book: Any, slot: int) -> None:
    """Rest the order behind what others show at its price."""
    order = venue.orders[slot]
    is_bid = 1 if order.side > 0 else 0
    lots = shown(book, is_bid, order.px)
    order.seen = 0 if lots == UNKNOWN else 1
    order.seen_at_join = order.seen
    order.joined_ts = venue.now
    order.told_ts = 0
    order.joined_seq = venue.joins
    order.awaits_image = venue.settings.joins_image
    venue.joins += 1
    draws_reset(venue, slot)
    level = watched(venue, is_bid, order.px, lots)
    stand_behind(verbs, venue, slot, max(lots, 0))
    order.level_at_join = lots
    if level >= 0:
        verbs[ADOPT](venue.queue[slot], venue.settings, venue.level[level])
        draws_adopt(verbs, venue, slot, level)
    enlist(venue, slot)


@kernel
def _fill_in(venue: Any, slot: int, request: Any, id: int) -> None:
    """Write a request into an order slot that is not resting yet; it gets the next number."""
    order = venue.orders[slot]
    venue.oids += 1
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
    order.joined_ts = 0
    order.seen = 1
    order.seen_at_join = 1
    order.level_at_join = UNKNOWN
    order.ahead_at_join = 0.0
    order.modifies = 0
    order.oid = venue.oids
    order.reduce_only = request.reduce_only
    order.awaits_image = 0
    _cut_to_position(venue, slot)


@kernel
def _cut_to_position(venue: Any, slot: int) -> None:
    """A reduce-only order is no larger than the position that it reduces."""
    order = venue.orders[slot]
    position = venue.account.position
    if order.reduce_only and order.side * position < 0 and order.leaves > abs(position):
        order.leaves = abs(position)
        order.quantity = abs(position)


@kernel
def _answer(
    venue: Any,
    mail: Any,
    request: Any,
    kind: int,
    reason: int,
    id: int,
    new_id: int,
    leaves: int,
    oid: int,
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
        oid,
    )
