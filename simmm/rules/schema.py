"""`VenueRules`: what a venue's rules say about one market on one date.

Amounts are in quote currency; `write` and `write_budget` translate into the records that kernels
read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from simmm.decoding import ready
from simmm.errors import ScenarioError
from simmm.market import MarketRules
from simmm.records import FUNDING_SCALE, TIERS
from simmm.rules.fees import FeeSchedule, check_fees
from simmm.rules.tiers import MarginTier, check_tiers, deductions

_NS = 1_000_000_000


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class OpenOrders(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many orders may be open: `at_least`, one more per `volume_per_order`, `at_most`."""

    at_least: int
    at_most: int
    volume_per_order: int


class LargestOrder(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Largest notional of orders, for markets whose largest leverage is at least `leverage`."""

    leverage: int
    market: int
    limit: int


class Funding(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Payments each `hours`, at a rate of at most `cap` in size (fraction of notional)."""

    hours: int
    cap: float


class Liquidation(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Positions above `whole_up_to` go by `part` with `cooldown_s` between.

    Below `backstop` (a fraction of maintenance margin) the venue's own vault takes over.
    """

    whole_up_to: int
    part: float
    cooldown_s: int
    backstop: tuple[int, int]


class RequestBudget(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests of an address: `initial`, one more per `volume_per_request`; and weight per IP."""

    initial: int
    volume_per_request: int
    cancels_more: int
    one_per_s: int
    expired_cost: int
    ip_weight_per_minute: int


class Blocks(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most this long between blocks, and in which order a block runs its actions."""

    ms: int
    order: tuple[Literal["post_only", "cancels", "takers"], ...]


class ScheduleCancel(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account must have traded, how far ahead it must ask, how often a day it happens."""

    volume: int
    ahead_s: int
    per_day: int


class Stream(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of book images: levels a side and time between them."""

    levels: int
    ms: int


class VenueRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One market's rules, in force from the day `since` (UTC) on."""

    venue: str
    symbol: str
    since: str
    quote: str
    size_decimals: int
    price_decimals: int  # sizes' and prices' decimals together: 6 on Hyperliquid's perps
    significant_figures: int
    min_notional: int
    modify: Literal["replace", "in_place"]
    self_trade: Literal["expire_resting", "allowed"]
    open_orders: OpenOrders
    largest_orders: tuple[LargestOrder, ...]
    price_band: float
    tiers: tuple[MarginTier, ...]
    fees: FeeSchedule
    funding: Funding
    liquidation: Liquidation
    budget: RequestBudget
    blocks: Blocks
    schedule_cancel: ScheduleCancel
    books: dict[str, Stream]
    asset: int | None = None  # the venue's index of the market

    @property
    def largest_leverage(self) -> int:
        """Largest leverage of any position."""
        return self.tiers[0].leverage

    @property
    def largest_order(self) -> LargestOrder:
        """The row of `largest_orders` that holds for this market."""
        return next(r for r in self.largest_orders if self.largest_leverage >= r.leverage)

    def max_open_orders(self, volume: float = 0.0) -> int:
        """Return how many orders may be open for who has traded `volume` in quote currency."""
        more = int(volume // self.open_orders.volume_per_order)
        return min(self.open_orders.at_least + more, self.open_orders.at_most)

    def market(
        self,
        volume_14d: float = 0.0,
        maker_share: float = 0.0,
        referral_discount: float = 0.0,
        staking_discount: float = 0.0,
    ) -> MarketRules:
        """Return the market's quanta, lots and fees; arguments as of `FeeSchedule.rates`."""
        maker, taker = self.fees.rates(volume_14d, maker_share, referral_discount, staking_discount)
        return MarketRules(
            symbol=self.symbol,
            venue=self.venue,
            quote=self.quote,
            price_quantum=_power(self.size_decimals - self.price_decimals),
            lot_size=_power(-self.size_decimals),
            significant_figures=self.significant_figures,
            min_notional=str(self.min_notional),
            maker_fee=f"{Decimal(repr(maker)):f}",
            taker_fee=f"{Decimal(repr(taker)):f}",
            modify=self.modify,
        )

    def write(
        self,
        record: Any,
        volume_14d: float = 0.0,
        maker_share: float = 0.0,
        referral_discount: float = 0.0,
        staking_discount: float = 0.0,
    ) -> None:
        """Write what these rules know into a `Market` record.

        Parameters
        ----------
        record
            Array of one `Market`, as `MarketRules.to_record` makes it from `self.market()`.
        volume_14d, maker_share, referral_discount, staking_discount
            As of `FeeSchedule.rates`.
        """
        maker, taker = self.fees.rates(volume_14d, maker_share, referral_discount, staking_discount)
        money = self._money
        record["double_fee"] = 1
        record["maker_rate"] = maker
        record["taker_rate"] = taker
        record["self_trade"] = int(self.self_trade == "expire_resting")
        record["block_ns"] = self.blocks.ms * 1_000_000
        record["largest_limit"] = self.largest_order.limit * money
        record["largest_market"] = self.largest_order.market * money
        record["price_band_e9"] = round(self.price_band * 1e9)
        record["funding_ns"] = self.funding.hours * 3600 * _NS
        record["funding_cap_e12"] = round(self.funding.cap * FUNDING_SCALE)
        record["partial_liquidation"] = self.liquidation.whole_up_to * money
        record["cooldown_ns"] = self.liquidation.cooldown_s * _NS
        record["schedule_volume"] = self.schedule_cancel.volume * money
        record["n_tiers"] = len(self.tiers)
        unused = [0] * (TIERS - len(self.tiers))
        record["tier_low"] = [tier.low * money for tier in self.tiers] + unused
        record["tier_leverage"] = [tier.leverage for tier in self.tiers] + unused
        record["tier_deduction"] = deductions(self._where, self.tiers, money) + unused

    def write_budget(self, record: Any) -> None:
        """Write the request budget into an array of one `Budget`; its counts stay."""
        record["by_address"] = 1
        record["initial"] = self.budget.initial
        record["per_money"] = self.budget.volume_per_request * self._money
        record["cancels_more"] = self.budget.cancels_more
        record["free_ns"] = self.budget.one_per_s * _NS
        record["expired_cost"] = self.budget.expired_cost
        record["by_ip"] = 1
        record["ip_limit"] = self.budget.ip_weight_per_minute

    def check(self) -> None:
        """Refuse rules that contradict themselves.

        Raises
        ------
        ScenarioError
            What is wrong, and in which venue, market and date.
        """
        where = self._where
        check_tiers(where, self.tiers)
        deductions(where, self.tiers, self._money)
        check_fees(where, self.fees)
        for name, value, low, high in (
            ("size_decimals", self.size_decimals, 0, self.price_decimals),
            ("price_decimals", self.price_decimals, 0, 12),
            ("significant_figures", self.significant_figures, 0, 12),
            ("min_notional", self.min_notional, 0, 10**9),
            ("open_orders.at_least", self.open_orders.at_least, 1, self.open_orders.at_most),
            ("open_orders.volume_per_order", self.open_orders.volume_per_order, 1, 10**12),
            ("price_band", self.price_band, 0, 9),
            ("funding.hours", self.funding.hours, 1, 24),
            ("funding.cap", self.funding.cap, 0, 1),
            ("liquidation.whole_up_to", self.liquidation.whole_up_to, 0, 10**12),
            ("liquidation.part", self.liquidation.part, 0, 1),
            ("liquidation.cooldown_s", self.liquidation.cooldown_s, 0, 10**6),
            ("budget.initial", self.budget.initial, 0, 10**12),
            ("budget.volume_per_request", self.budget.volume_per_request, 1, 10**9),
            ("budget.cancels_more", self.budget.cancels_more, 0, 10**12),
            ("budget.expired_cost", self.budget.expired_cost, 0, 10**9),
            ("budget.ip_weight_per_minute", self.budget.ip_weight_per_minute, 1, 10**9),
            ("schedule_cancel.volume", self.schedule_cancel.volume, 0, 10**12),
            ("open_orders.at_most", self.open_orders.at_most, 1, 10**6),
            ("fees.tiers", len(self.fees.tiers), 1, TIERS),
            *(
                (f"largest_orders.{name}", getattr(row, name), 0, 10**12)
                for row in self.largest_orders
                for name in ("market", "limit")
            ),
            *(("tiers.low", tier.low, 0, 10**12) for tier in self.tiers),
            *(("fees.tiers.above", tier.above, 0, 10**12) for tier in self.fees.tiers),
            ("budget.one_per_s", self.budget.one_per_s, 0, 10**6),
            ("blocks.ms", self.blocks.ms, 0, 60_000),
        ):
            if not low <= value <= high:
                raise ScenarioError(f"{where}: {name}: {value} must lie in {low}..{high}")
        for name, figure, known in (
            ("liquidation.part", self.liquidation.part, 0.2),
            ("liquidation.backstop", tuple(self.liquidation.backstop), (2, 3)),
            ("schedule_cancel.ahead_s", self.schedule_cancel.ahead_s, 5),
            ("schedule_cancel.per_day", self.schedule_cancel.per_day, 10),
        ):
            if figure != known:
                raise ScenarioError(
                    f"{where}: {name}: {figure}; the simulated exchange knows only {known}"
                )
        if self.blocks.order[-1:] != ("takers",):
            raise ScenarioError(
                f"{where}: blocks.order: the simulated exchange puts takers last; "
                f"not {', '.join(self.blocks.order)}"
            )
        if all(self.largest_leverage < row.leverage for row in self.largest_orders):
            raise ScenarioError(
                f"{where}: largest_orders: no row for a leverage of {self.largest_leverage}"
            )
        if sorted(self.blocks.order) != ["cancels", "post_only", "takers"]:
            raise ScenarioError(
                f"{where}: blocks.order: {', '.join(self.blocks.order)}; it must name post_only, "
                "cancels and takers once each"
            )

    @property
    def _where(self) -> str:
        return f"rules of {self.venue} since {self.since}, {self.symbol}"

    @property
    def _money(self) -> int:
        """Money quanta per 1.0 of quote currency, as `MarketRules` counts them."""
        return int(10 ** max(self.price_decimals, 6))


def _power(exponent: int) -> str:
    return f"{Decimal(1).scaleb(exponent):f}"


ready(VenueRules)
