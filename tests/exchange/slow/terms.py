"""What the slow model's parts hand to each other, and the market's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

NEVER = (1 << 62) - 1  # a time that never comes, ns
UTC_DAY = 86_400 * 10**9
SCHEDULE_VOLUME = 1_000_000 * 10**6  # money quanta that must have been traded
SCHEDULE_AHEAD = 5 * 10**9  # ns
SCHEDULES_A_DAY = 10


@dataclass(frozen=True)
class Rules:
    """Rules of one market. Prices in quanta, sizes in lots, money in money quanta, times in ns."""

    money_scale: int = 1
    tick_quanta: int = 1
    significant_figures: int = 0
    unit_quanta: int = 0
    min_notional: int = 0
    maker_fee: str = "0"
    taker_fee: str = "0"
    fee_tiers: tuple[tuple[int, str, str], ...] = ()  # (volume above which, maker's, taker's)
    double_fee: bool = True
    max_open_orders: int = 60
    self_trade: bool = True
    block_ns: int = 0
    largest_limit: int = 0
    largest_market: int = 0
    price_band_e9: int = 0
    funding_ns: int = 3600 * 10**9
    funding_cap_e12: int = 0
    partial_liquidation: int = 0
    cooldown_ns: int = 0
    tiers: tuple[tuple[int, int], ...] = ()  # (notional from which, largest leverage)

    def step(self, px: int) -> int:
        """Return the valid step at a price."""
        coarse = 1
        if self.significant_figures and px > 0:
            while px // coarse >= 10**self.significant_figures:
                coarse *= 10
            if self.unit_quanta:
                coarse = min(coarse, self.unit_quanta)
        return max(coarse, self.tick_quanta)

    def notional(self, px: int, lots: int) -> int:
        """Return the money of `lots` at `px`."""
        return px * lots * self.money_scale

    def fee(self, px: int, lots: int, rate: str) -> int:
        """Return the fee of one fill, cut towards zero."""
        if self.double_fee:
            return int(float(self.notional(px, lots)) / 1e6 * float(rate) * 1e6)
        return int(self.notional(px, lots) * Fraction(rate))


@dataclass
class Request:
    """One message of the account's owner."""

    kind: str
    id: int = 0
    new_id: int = 0
    side: int = 0
    px: int = 0
    quantity: int = 0
    tif: str = "ALO"
    reduce_only: bool = False
    by_oid: bool = False
    expires_ts: int = 0
    sent_ts: int = 0


@dataclass
class Answer:
    """One message of the exchange."""

    ts: int
    kind: str
    reason: str = "NO_REASON"
    id: int = 0
    new_id: int = 0
    side: int = 0
    px: int = 0
    quantity: int = 0
    leaves: int = 0
    fee: int = 0
    marks: frozenset[str] = frozenset()


@dataclass
class Place:
    """Place in a queue where cancels never help unless nobody else is left to cancel."""

    ahead: int = 0
    printed: int = 0

    def join(self, shown: int) -> None:
        self.ahead, self.printed = shown, 0

    def cap(self, shown: int) -> None:
        self.ahead, self.printed = max(min(self.ahead, shown), 0), 0

    def depth(self, before: int, shown: int) -> None:
        cancels = before - shown - self.printed
        behind = before - self.ahead
        if cancels > behind and cancels > 0:
            self.ahead -= cancels - behind
        self.ahead, self.printed = max(min(self.ahead, shown), 0), 0

    def trade(self, lots: int) -> int:
        """Take a print's lots from the queue; return how many reach the order."""
        self.ahead -= lots
        self.printed += lots
        beyond = max(-self.ahead, 0)
        if beyond:
            self.ahead = 0
        return beyond


@dataclass
class Order:
    """An order that reached the exchange."""

    id: int
    oid: int
    side: int
    px: int
    quantity: int
    tif: str
    reduce_only: bool
    leaves: int = 0
    filled: int = 0
    joined: int = 0  # the how manieth join it was
    seen: bool = True
    seen_at_join: bool = True
    place: Place = field(default_factory=Place)
    end: str = ""  # how it ended
    reason: str = ""
