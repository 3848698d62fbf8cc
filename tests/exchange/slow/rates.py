"""Which fee rates hold: looked at once a day."""

from __future__ import annotations

from tests.exchange.slow.account import Account
from tests.exchange.slow.terms import NEVER, UTC_DAY, Rules


class Rates:
    """The account's rates, as decimal text."""

    def __init__(self, rules: Rules, account: Account) -> None:
        self.rules, self.account = rules, account
        self.maker, self.taker = rules.maker_fee, rules.taker_fee
        self.next_ts = NEVER

    def open(self, now: int) -> None:
        """Begin at `now`; the first look is at the next midnight."""
        if self.rules.fee_tiers:
            self.next_ts = (now // UTC_DAY + 1) * UTC_DAY

    def rate(self, taker: bool) -> str:
        return self.taker if taker else self.maker

    def look(self) -> None:
        """It is midnight: the volume so far decides."""
        self.next_ts += UTC_DAY
        a = self.account
        volume = a.volume_before + a.maker_money + a.taker_money
        reached = [tier for tier in self.rules.fee_tiers if volume > tier[0]]
        _, self.maker, self.taker = reached[-1] if reached else self.rules.fee_tiers[0]
