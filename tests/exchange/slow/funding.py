"""Funding: what a position pays, or receives, each hour."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tests.exchange.slow.account import Account
from tests.exchange.slow.terms import Rules


@dataclass
class Funding:
    """Rate and index price of the next payment."""

    rules: Rules
    account: Account
    next_ts: int
    rate_e12: int | None = None
    oracle: int = 0
    table: dict[int, int] | None = None  # rate by hour, ns; it alone counts where there is one
    unfunded: int = 0  # payments left out

    def pay(self, now: int, mark: int) -> int | None:
        """Pay what is due; return it, or None if nothing was."""
        self.next_ts += self.rules.funding_ns
        rate = self.rate_e12
        if self.table is not None:
            rate = self.table.get(now)
        if self.account.position == 0:
            return None
        if rate is None or not (self.oracle or mark):
            self.unfunded += 1
            return None
        cap = self.rules.funding_cap_e12
        if cap:
            rate = max(-cap, min(cap, rate))
        money = self.rules.notional(self.oracle or mark, self.account.position)
        payment = int(Fraction(money * rate, 10**12))
        self.account.cash -= payment
        self.account.funding += payment
        return payment
