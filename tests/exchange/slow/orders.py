"""Open orders, in the order in which they joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.exchange.slow.account import sign
from tests.exchange.slow.terms import Order


class Orders:
    """Open orders by id; every order has the exchange's own number too."""

    def __init__(self) -> None:
        self.open: dict[int, Order] = {}
        self.joins = 0
        self.oids = 0

    def next_oid(self) -> int:
        self.oids += 1
        return self.oids

    def join(self, order: Order) -> None:
        self.joins += 1
        order.joined = self.joins
        self.open[order.id] = order

    def find(self, id: int, by_oid: bool) -> Order | None:
        if by_oid:
            return next((o for o in self.open.values() if o.oid == id), None)
        return self.open.get(id)

    def side(self, side: int) -> list[Order]:
        """Return one side's orders, best price first, then oldest."""
        chosen = [order for order in self.open.values() if order.side == side]
        return sorted(chosen, key=lambda order: (-side * order.px, order.joined))

    def oldest_first(self) -> list[Order]:
        return sorted(self.open.values(), key=lambda order: order.joined)

    def at(self, side: int, px: int) -> Iterator[Order]:
        return (order for order in self.side(side) if order.px == px)

    def best(self, side: int) -> int | None:
        """Return the best own price of a side."""
        orders = self.side(side)
        return orders[0].px if orders else None

    def trim(self, position: int, cancel: Callable[[Order], None]) -> None:
        """Reduce-only orders must not exceed what is held: the newest stay."""
        room = abs(position)
        for order in reversed(self.oldest_first()):
            if not order.reduce_only:
                continue
            if sign(position) in (0, order.side) or room == 0:
                cancel(order)
            else:
                order.quantity -= max(order.leaves - room, 0)
                order.leaves = min(order.leaves, room)
                room -= order.leaves
