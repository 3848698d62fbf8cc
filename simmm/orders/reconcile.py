"""Wanted against resting: keep, modify, cancel, place.

Orders that stay keep their place in the queue. Orders being cancelled or modified are left alone.
"""

from typing import Any

from simmm.jit import kernel
from simmm.mail import request
from simmm.math import chain
from simmm.orders.table import exposure, is_full, place
from simmm.records import (
    CANCEL,
    CANCELLING,
    IOC,
    MODIFY,
    MODIFYING,
    NEW,
    PENDING,
    RESTING,
)
from simmm.risk.limits import is_large_enough


@kernel
def reconcile(maker: Any, mail: Any, out: Any) -> None:
    """Send what brings the resting orders to the targets: first both sides' changes, then news."""
    for side_index in range(2):
        side = -1 if side_index else 1
        for k in range(maker.n_targets[side_index]):
            maker.target_met[side_index, k] = 0
        _keep(maker, side_index, side)
        if maker.moves == 1 and maker.reconcile == 0:
            _modify(maker, mail, out, side_index, side, True)
            _modify(maker, mail, out, side_index, side, False)
        _cancel(maker, mail, out, side)
    for side_index in range(2):
        side = -1 if side_index else 1
        for k in range(maker.n_targets[side_index]):
            if maker.target_met[side_index, k] == 0:
                px = maker.target_px[side_index, k]
                room = maker.max_position - side * maker.position - exposure(maker, side)
                lots = min(maker.target_lots[side_index, k], room)
                if is_large_enough(maker, px, lots):
                    if is_full(maker):
                        maker.no_place += 1
                    else:
                        send_new(maker, mail, out, side, px, lots, maker.tif, 0)


@kernel
def _keep(maker: Any, side_index: int, side: int) -> None:
    """Mark the orders that stay, and the targets they stand for."""
    room = maker.max_position - side * maker.position - exposure(maker, side)
    for n in range(maker.n_orders):
        order = maker.orders[n]
        order.kept = 1
        if order.side != side or order.tif == IOC or order.state == CANCELLING:
            continue
        if order.state == MODIFYING:
            k = _target_at(maker, side_index, order.new_px)
            if k >= 0:
                maker.target_met[side_index, k] = 1
            continue
        order.kept = 0
        k = _target_at(maker, side_index, order.px)
        if maker.reconcile == 0 and k >= 0 and _is_as_wanted(maker, side_index, k, order, room):
            maker.target_met[side_index, k] = 1
            order.kept = 1


@kernel
def _is_as_wanted(maker: Any, side_index: int, k: int, order: Any, room: int) -> bool:
    """Return whether an order at a target's price stays: a new one would be no nearer to it.

    While the old order may still fill, a new one is cut to the room beside it.
    """
    lots = maker.target_lots[side_index, k]
    if lots in (order.quantity, order.leaves):
        return True
    return lots > order.leaves and min(lots, room) <= order.leaves


@kernel
def _target_at(maker: Any, side_index: int, px: int) -> int:
    """Return the place of the open target at `px`, -1 if there is none."""
    for k in range(maker.n_targets[side_index]):
        if maker.target_met[side_index, k] == 0 and maker.target_px[side_index, k] == px:
            return k
    return -1


@kernel
def _modify(maker: Any, mail: Any, out: Any, side_index: int, side: int, same_price: bool) -> None:
    """Modify resting orders left over, oldest first, to targets left over, in ladder order."""
    for n in range(maker.n_orders):
        order = maker.orders[n]
        if order.side != side or order.kept or order.state != RESTING:
            continue
        for k in range(maker.n_targets[side_index]):
            px = maker.target_px[side_index, k]
            if maker.target_met[side_index, k] or (same_price and px != order.px):
                continue
            room = maker.max_position - side * maker.position - exposure(maker, side)
            lots = min(maker.target_lots[side_index, k], room)
            if not is_large_enough(maker, px, lots):
                continue
            maker.target_met[side_index, k] = 1
            order.kept = 1
            _send_modify(maker, mail, out, order, px, lots)
            break


@kernel
def _cancel(maker: Any, mail: Any, out: Any, side: int) -> None:
    for n in range(maker.n_orders):
        order = maker.orders[n]
        if order.side == side and order.kept == 0:
            order.state = CANCELLING
            _send(maker, mail, out, CANCEL, order.id, 0, side, order.px, order.leaves, order.tif, 0)


@kernel
def _send_modify(maker: Any, mail: Any, out: Any, order: Any, px: int, lots: int) -> None:
    new_id = order.id
    if maker.market.modify_in_place == 0:
        new_id = maker.next_id
        maker.next_id += 1
    order.state = MODIFYING
    order.new_id = new_id
    order.new_px = px
    order.new_leaves = lots
    _send(maker, mail, out, MODIFY, order.id, new_id, order.side, px, lots, order.tif, 0)


@kernel
def send_new(
    maker: Any, mail: Any, out: Any, side: int, px: int, lots: int, tif: int, reduce_only: int
) -> None:
    """Send a new order and enter it in the table."""
    new_id = maker.next_id
    maker.next_id += 1
    place(maker, new_id, side, px, lots, tif)
    _send(maker, mail, out, NEW, new_id, 0, side, px, lots, tif, reduce_only)


@kernel
def has_taker(maker: Any) -> bool:
    """Return whether an order that takes is on its way."""
    for n in range(maker.n_orders):
        if maker.orders[n].tif == IOC and maker.orders[n].state == PENDING:
            return True
    return False


@kernel
def _send(
    maker: Any,
    mail: Any,
    out: Any,
    kind: int,
    id: int,
    new_id: int,
    side: int,
    px: int,
    lots: int,
    tif: int,
    reduce_only: int,
) -> None:
    expires_ts = maker.now + maker.expires_ns if maker.expires_ns > 0 and kind != CANCEL else 0
    arrival = request(
        mail, maker.now, kind, id, new_id, side, px, lots, tif, reduce_only, expires_ts
    )
    row = out.intents[out.n_intents]
    row.ts = maker.now
    row.seq = maker.sequence
    row.kind = kind
    row.id = id
    row.new_id = new_id
    row.side = side
    row.px = px
    row.quantity = lots
    row.tif = tif
    row.arrival_ts = arrival
    out.n_intents += 1
    maker.sequence += 1
    h = chain(maker.chain, maker.now)
    h = chain(h, kind)
    h = chain(h, id)
    h = chain(h, side * px)
    maker.chain = chain(h, lots)
