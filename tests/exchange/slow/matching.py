"""Rows of the feed in, fills out; and what follows from each fill."""

from __future__ import annotations

from typing import Any

from tests.exchange.slow.account import Account
from tests.exchange.slow.margin import Margin
from tests.exchange.slow.orders import Orders
from tests.exchange.slow.rates import Rates
from tests.exchange.slow.terms import Answer, Order, Rules
from tests.oracle.book import BookSide

HALF_WINDOW = 1 << 8  # quanta around the first price shown


class Matching:
    """One market, its book of others' lots, and one account's orders."""

    def __init__(self, rules: Rules, account: Account) -> None:
        self.rules, self.account = rules, account
        self.margin = Margin(rules, account)
        self.rates = Rates(rules, account)
        self.orders = Orders()
        self.sides = {1: BookSide(), -1: BookSide()}
        self.taken: dict[tuple[int, int], int] = {}
        self.window = range(0)  # prices that the exchange's book can hold
        self.half_window = HALF_WINDOW
        self.now = 0
        self.answers: list[Answer] = []
        self.fills: list[Answer] = []
        self.ended: dict[int, Order] = {}
        self.counts: dict[str, int] = {}

    def count(self, what: str) -> None:
        """Remember that something rare happened."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def say(self, kind: str, reason: str = "NO_REASON", **figures: Any) -> Answer:
        """Answer the account's owner."""
        answer = Answer(self.now, kind, reason, **figures)
        self.answers.append(answer)
        if kind != "FILLED":
            self.count(reason)
            self.count(f"{kind} {reason}")
        return answer

    # ------------------------------------------------------------------ fills

    def fill(
        self, order: Order, px: int, lots: int, marks: set[str], *, free: bool = False
    ) -> None:
        """Fill `lots` of an order; the orders of the account then fit its position again."""
        taker = "TAKER" in marks
        fee = 0 if free else self.rules.fee(px, lots, self.rates.rate(taker))
        if not order.seen_at_join and not taker:
            marks = marks | {"UNSEEN"}
        order.leaves -= lots
        order.filled += lots
        before = self.account.position
        self.account.fill(order.side, px, lots, fee, taker)
        if before * self.account.position < 0:
            self.count("flip")
        self.fills.append(
            self.say(
                "FILLED",
                id=order.id,
                side=order.side,
                px=px,
                quantity=lots,
                leaves=order.leaves,
                fee=fee,
                marks=frozenset(marks),
            )
        )
        if order.leaves == 0:
            self.end(order, "FILLED")
        self.trim()

    def trim(self) -> None:
        """Reduce-only orders follow the position."""
        before = {order.id: order.leaves for order in self.orders.open.values()}
        self.orders.trim(self.account.position, lambda o: self.drop(o, "REDUCE_ONLY"))
        if any(order.leaves < before[order.id] for order in self.orders.open.values()):
            self.count("shrunk")

    def end(self, order: Order, how: str, reason: str = "NO_REASON") -> None:
        """An order is no more."""
        self.orders.open.pop(order.id, None)
        order.end, order.reason = how, reason
        self.ended[order.id] = order

    def drop(self, order: Order, reason: str) -> None:
        """The exchange cancels an order that its owner didn't cancel."""
        self.say(
            "CANCELLED", reason, id=order.id, side=order.side, px=order.px, leaves=order.leaves
        )
        self.end(order, "CANCELLED", reason)

    def fill_resting(self, order: Order, lots: int, marks: set[str]) -> bool:
        """Fill a resting order at its price if its margin allows, else cancel it."""
        if self.margin.can_fill(order, lots):
            self.fill(order, order.px, lots, marks)
            return True
        self.drop(order, "MARGIN")
        return False

    # ------------------------------------------------------------------ rows

    def trade(self, aggressor: int, px: int, lots: int) -> None:
        """A print meets own orders, best price first, then oldest."""
        for order in self.orders.side(-aggressor):
            if lots <= 0 or aggressor * order.px > aggressor * px:
                return
            if order.id not in self.orders.open:
                continue
            if order.px == px:
                if not order.seen:
                    continue
                reached, marks = order.place.trade(lots), set[str]()
            else:
                reached, marks = lots, {"THROUGH"}
            reached = min(reached, order.leaves, lots)
            if reached > 0 and self.fill_resting(order, reached, marks):
                lots -= reached

    def level(self, side: int, px: int, lots: int) -> None:
        """One level is shown."""
        self._show(side, px, lots, self.sides[side].get(side * px))

    def bbo(self, side: int, px: int, lots: int) -> None:
        """The best of a side is shown; no lots: nobody is there."""
        if lots == 0:
            self._nobody(side)
            return
        before = self.sides[side].get(side * px)
        for order in self.orders.side(side):
            if side * order.px > side * px:
                self._emptied(order)
        self._forget_taken(side, lambda key: key > side * px)
        self.sides[side].empty_better(side * px)
        self._show(side, px, lots, before)

    def image(self, side: int, levels: list[tuple[int, int]]) -> None:
        """One side of the book is shown, best to worst."""
        if not levels:
            self._nobody(side)
            return
        before = {px: self.sides[side].get(side * px) for px, _ in levels}
        worst = side * levels[-1][0]
        shown = {side * px for px, _ in levels}
        self.sides[side].image([(side * px, lots) for px, lots in levels])
        for order in self.orders.side(side):
            if order.px not in before and side * order.px > worst:
                self._emptied(order)
        self._forget_taken(side, lambda key: key > worst and key not in shown)
        for px, lots in levels:
            self._show(side, px, lots, before[px])

    def forget(self) -> None:
        """The feed missed something: nothing is known any more."""
        for side in self.sides.values():
            side.forget()

    def _forget_taken(self, side: int, chosen: Any) -> None:
        for key in [k for k in self.taken if k[0] == side and chosen(side * k[1])]:
            del self.taken[key]

    def _nobody(self, side: int) -> None:
        for order in self.orders.side(side):
            self._emptied(order)
        self._forget_taken(side, lambda key: True)
        self.sides[side].nobody()

    @staticmethod
    def _emptied(order: Order) -> None:
        order.seen = True
        order.place.join(0)

    def _show(self, side: int, px: int, lots: int, before: int | None) -> None:
        if not self.window:
            self.window = range(px - self.half_window, px + self.half_window)
        if before != lots:
            self.taken.pop((side, px), None)
        for order in self.orders.at(side, px):
            if not order.seen:
                order.seen = True
                order.place.join(lots)
            elif before is None:
                order.place.cap(lots)
            else:
                order.place.depth(before, lots)
        self.sides[side].show(side * px, lots)
        if lots <= 0:
            return
        budget = lots - self.taken.get((side, px), 0)
        for order in self.orders.side(-side):
            if side * order.px > side * px or budget <= 0:
                return
            if order.id not in self.orders.open:
                continue
            reached = min(order.leaves, budget)
            if self.fill_resting(order, reached, {"CROSSED"}):
                budget -= reached
                self.taken[side, px] = self.taken.get((side, px), 0) + reached

    # ------------------------------------------------------------------ taking

    def best_other(self, side: int) -> int | None:
        """Return the best price an order of `side` could trade at, own ones included."""
        key = self.sides[-side].best()
        prices = [] if key is None else [-side * key]
        own = self.orders.best(-side)
        if self.rules.self_trade and own is not None:
            prices.append(own)
        return min(prices, key=lambda px: side * px, default=None)

    def crosses(self, side: int, px: int) -> bool:
        """Tell whether an order would trade at once."""
        best = self.best_other(side)
        return best is not None and side * px >= side * best

    def take(self, order: Order, marks: set[str], *, any_price: bool = False) -> None:
        """Match an order against the other side, price by price; own orders in its way go."""
        other = -order.side
        shown = {other * key: lots for key, lots in self.sides[other].from_best()}
        own = {o.px for o in self.orders.side(other)} if self.rules.self_trade else set()
        for px in sorted({*shown, *own}, key=lambda px: order.side * px):
            if order.leaves == 0 or (not any_price and order.side * px > order.side * order.px):
                return
            self._take_price(order, px, shown.get(px, 0), marks)

    def _take_price(self, order: Order, px: int, shown: int, marks: set[str]) -> None:
        other = -order.side
        available = max(shown - self.taken.get((other, px), 0), 0)
        if self.rules.self_trade:
            for mine in list(self.orders.at(other, px)):
                if order.leaves <= min(mine.place.ahead, available):
                    break
                self.drop(mine, "SELF_TRADE")
        lots = min(available, order.leaves)
        if lots > 0:
            self.taken[other, px] = self.taken.get((other, px), 0) + lots
            self.fill(order, px, lots, marks)
