"""Liquidation: what happens to an account that is worth less than it must hold."""

from __future__ import annotations

from tests.exchange.slow.account import sign
from tests.exchange.slow.requests import Desk
from tests.exchange.slow.terms import Order


class Liquidation:
    """Watches one account."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cooldown_ts = 0

    def check(self) -> None:
        """Liquidate if the account must be; asked whenever the mark moved, and after funding."""
        desk = self.desk
        margin, account = desk.margin, desk.account
        if not margin.on or account.position == 0 or desk.now < self.cooldown_ts:
            return
        if margin.backing >= margin.maintenance:
            return
        desk.liquidated_ts = desk.liquidated_ts or desk.now
        for side in (1, -1):
            for order in desk.orders.side(side):
                desk.drop(order, "LIQUIDATED")
        if margin.backing < margin.maintenance * 2 // 3:
            self._backstop()
        else:
            self._market()

    def _order(self, lots: int) -> Order:
        side = -sign(self.desk.account.position)
        return Order(0, 0, side, self.desk.margin.mark, lots, "IOC", False, leaves=lots)

    def _backstop(self) -> None:
        """The liquidator takes the position over at the mark, and what stood behind it."""
        desk = self.desk
        desk.count("backstop")
        left = desk.margin.backing
        order = self._order(abs(desk.account.position))
        desk.fill(order, order.px, order.leaves, {"LIQUIDATION_FILL", "BACKSTOP"}, free=True)
        desk.ended.pop(0, None)
        desk.account.cash -= left
        desk.account.forfeited += left

    def _market(self) -> None:
        """A market order into the shown book: a fifth of what is large, else all of it."""
        desk = self.desk
        lots = abs(desk.account.position)
        large = desk.margin.notional > desk.rules.partial_liquidation
        if large and not self.cooldown_ts:
            lots = -(-lots // 5)
            self.cooldown_ts = desk.now + desk.rules.cooldown_ns
            desk.count("partial liquidation")
        desk.count("market liquidation")
        desk.take(self._order(lots), {"LIQUIDATION_FILL", "TAKER"}, any_price=True)
        desk.ended.pop(0, None)
