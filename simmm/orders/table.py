"""The maker's own orders as one table, oldest first, and how responses change it.

Lifecycle (state x response → state; "—" frees the place)::

                 ACCEPTED  REJECTED  FILLED*  CANCELLED  CANCEL_    MODIFIED  MODIFY_    EXPIRED
                                              REJECTED              REJECTED
    PENDING      RESTING   —         PENDING  —          PENDING    RESTING   RESTING†   —
    RESTING      RESTING   —         RESTING  —          RESTING    RESTING   RESTING†   —
    CANCELLING   same      —         same     —          RESTING‡   same      same†      —
    MODIFYING    same      —         same     —          same       RESTING   RESTING†   —

    * frees the place when nothing is left     † frees it when the venue says leaves 0
    ‡ PENDING if it was never accepted: a cancel that overtook it, where takers wait for their block
"""

from typing import Any

from simmm.jit import kernel
from simmm.records import (
    ACCEPTED,
    CANCEL_REJECTED,
    CANCELLED,
    CANCELLING,
    EXPIRED,
    FILLED,
    FUNDED,
    LIQUIDATED,
    LIQUIDATED_ACCOUNT,
    MODIFIED,
    MODIFY_REJECTED,
    MODIFYING,
    ORDER_SLOTS,
    PENDING,
    REJECTED,
    RESTING,
)


@kernel
def place(maker: Any, id: int, side: int, px: int, lots: int, tif: int) -> None:
    """Append a new order, on its way to the venue."""
    order = maker.orders[maker.n_orders]
    order.id = id
    order.state = PENDING
    order.side = side
    order.px = px
    order.leaves = lots
    order.quantity = lots
    order.tif = tif
    order.kept = 0
    order.accepted = 0
    order.new_id = 0
    order.new_px = 0
    order.new_leaves = 0
    order.sent_ts = maker.now
    maker.n_orders += 1


@kernel
def is_full(maker: Any) -> bool:
    """Return whether no further order can be held."""
    return maker.n_orders >= ORDER_SLOTS


@kernel
def exposure(maker: Any, side: int) -> int:
    """Return the lots of a side that may still fill, whatever is on its way.

    A modify sets the open size, whatever filled before it arrives: both sizes may fill.
    """
    lots = 0
    for k in range(maker.n_orders):
        order = maker.orders[k]
        if order.side == side:
            lots += order.leaves + order.new_leaves
    return lots


@kernel
def on_response(maker: Any, response: Any) -> None:
    """Change the table as the table of the module says; fills move the position first."""
    if response.kind == FILLED:
        maker.position += response.side * response.quantity
        maker.cash -= (
            response.side * response.px * response.quantity * maker.market.money_scale
            + response.fee
        )
        maker.fees += response.fee
    elif response.kind == FUNDED:
        maker.cash -= response.fee
    if response.reason in (LIQUIDATED, LIQUIDATED_ACCOUNT):
        maker.halted = 1
    k = _find(maker, response.id)
    if k < 0:
        return
    order = maker.orders[k]
    kind = response.kind
    if kind == ACCEPTED:
        order.accepted = 1
        if order.state == PENDING:
            order.state = RESTING
    elif kind == FILLED:
        order.leaves = response.leaves
        if order.leaves == 0:
            _remove(maker, k)
    elif kind in (REJECTED, CANCELLED, EXPIRED):
        _remove(maker, k)
    elif kind == CANCEL_REJECTED:
        if order.state != MODIFYING:
            order.state = RESTING if order.accepted else PENDING
    elif kind == MODIFIED:
        order.accepted = 1
        order.id = response.new_id
        order.px = response.px
        order.leaves = response.leaves
        order.quantity = response.leaves
        _stop_modifying(order)
    elif kind == MODIFY_REJECTED:
        if response.leaves == 0:
            _remove(maker, k)
        else:
            _stop_modifying(order)


@kernel
def _stop_modifying(order: Any) -> None:
    order.new_id = 0
    order.new_px = 0
    order.new_leaves = 0
    if order.state != CANCELLING:
        order.state = RESTING


@kernel
def _find(maker: Any, id: int) -> int:
    for k in range(maker.n_orders):
        if maker.orders[k].id == id:
            return k
    return -1


@kernel
def _remove(maker: Any, index: int) -> None:
    maker.n_orders -= 1
    for k in range(index, maker.n_orders):
        maker.orders[k] = maker.orders[k + 1]
