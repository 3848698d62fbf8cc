"""What the account is worth, and what it must hold."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from tests.exchange.slow.account import Account, sign
from tests.exchange.slow.terms import Order, Rules


class Margin:
    """Margin of one account at a mark price; `mark` 0 is unknown, and then nothing is checked."""

    def __init__(self, rules: Rules, account: Account) -> None:
        self.rules, self.account = rules, account
        self.mark = 0

    @property
    def on(self) -> bool:
        return self.account.margin > 0 and self.mark > 0

    @property
    def is_isolated(self) -> bool:
        return self.account.margin == 2

    def money(self, lots: int) -> int:
        """Return the notional of a position at the mark."""
        return self.rules.notional(self.mark, abs(lots))

    @property
    def notional(self) -> int:
        return self.money(self.account.position)

    @property
    def initial(self) -> int:
        return self.notional // self.account.leverage

    @property
    def value(self) -> int:
        a = self.account
        return a.deposit + a.cash + self.rules.notional(self.mark, a.position)

    @property
    def isolated_value(self) -> int:
        a = self.account
        worth = self.rules.notional(self.mark, a.position)
        return a.isolated + worth - sign(a.position) * a.entry_cost

    @property
    def free(self) -> int:
        return self.value - self.isolated_value

    @property
    def withdrawable(self) -> int:
        if self.is_isolated:
            return max(0, self.free)
        return max(0, self.value - max(self.initial, self.notional // 10))

    def tier_leverage(self, notional: int) -> int:
        """Return the largest leverage allowed at a notional."""
        return [largest for low, largest in self.rules.tiers if low <= notional][-1]

    @property
    def maintenance(self) -> int:
        """What the position must be worth not to be liquidated."""
        if not self.rules.tiers:
            return 0
        deduction = Fraction(0)
        before = 0
        for low, largest in self.rules.tiers:
            if low > self.notional:
                break
            if before:
                deduction += low * (Fraction(1, 2 * largest) - Fraction(1, 2 * before))
            before = largest
        return floor(Fraction(self.notional, 2 * before) - deduction)

    @property
    def backing(self) -> int:
        """What stands behind the position."""
        return self.isolated_value if self.is_isolated else self.value

    def refusal(self, side: int, lots: int, open_orders: list[Order]) -> str:
        """Return why an order that may add to the position can't be, or nothing."""
        if not self.on:
            return ""
        held = self.account.position
        may_buy = sum(o.leaves for o in open_orders if o.side > 0 and not o.reduce_only)
        may_sell = sum(o.leaves for o in open_orders if o.side < 0 and not o.reduce_only)
        if side > 0:
            may_buy += lots
        else:
            may_sell += lots
        worst = max(abs(held + may_buy), abs(held - may_sell))
        if self.tier_leverage(self.money(worst)) < self.account.leverage:
            return "MAX_POSITION"
        if worst == abs(held):
            return ""
        if self.is_isolated:
            poor = self.money(worst - abs(held)) // self.account.leverage > self.free
        else:
            poor = self.money(worst) // self.account.leverage > self.value
        return "MARGIN" if poor else ""

    def can_fill(self, order: Order, lots: int) -> bool:
        """Tell whether a resting order may fill; asked at the moment of the match."""
        before = abs(self.account.position)
        after = abs(self.account.position + order.side * lots)
        if not self.on or order.reduce_only or after <= before:
            return True
        if self.is_isolated:
            return self.money(after - before) // self.account.leverage <= self.free
        return self.money(after) // self.account.leverage <= self.value
