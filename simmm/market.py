"""Market rules: what prices, sizes and fees of one market are made of.

Quanta, lots and money quanta are integers everywhere below this file; here they are translated
from and to the decimal figures that people and venues use.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

import msgspec
import numpy as np

from simmm.decoding import ready
from simmm.errors import ScenarioError
from simmm.records import Market

FEE_SCALE = 1_000_000_000
LARGEST_COUNT = 1 << 60  # of quanta, lots or money quanta: their sums must fit 63 bits


class MarketRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules of one market. Decimal figures are strings, so that they stay exact.

    `price_quantum` is the unit in which prices are counted; the *valid step* at a price is
    `tick_quanta` of them or, with `significant_figures`, the coarser step that leaves that many
    figures (whole prices are always valid; Hyperliquid, order rules).
    """

    symbol: str
    venue: str = "unknown"
    quote: str = "USD"
    price_quantum: str = "0.01"
    lot_size: str = "0.001"
    contract_multiplier: str = "1"
    tick_quanta: int = 1
    significant_figures: int = 0
    min_notional: str = "0"
    maker_fee: str = "0"
    taker_fee: str = "0"
    modify: Literal["replace", "in_place"] = "replace"
    max_open_orders: int = 60

    def __post_init__(self) -> None:
        for name in ("price_quantum", "lot_size", "contract_multiplier"):
            if _decimal(name, getattr(self, name)) <= 0:
                raise ScenarioError(f"market.{name}: {getattr(self, name)} must be above zero")
        for name in ("min_notional", "maker_fee", "taker_fee"):
            _decimal(name, getattr(self, name))
        if _decimal("min_notional", self.min_notional) < 0:
            raise ScenarioError(f"market.min_notional: {self.min_notional} must not be negative")
        for name in ("maker_fee", "taker_fee"):
            if abs(Decimal(getattr(self, name))) >= Decimal("0.5"):
                raise ScenarioError(
                    f"market.{name}: {getattr(self, name)} is a fraction of notional"
                )
        for name in ("price_quantum", "lot_size", "contract_multiplier"):
            if Decimal(getattr(self, name)).adjusted() not in range(-18, 19):
                raise ScenarioError(f"market.{name}: {getattr(self, name)} is out of any range")
        if self.money(self.min_notional) > LARGEST_COUNT:
            raise ScenarioError(
                f"market.min_notional: {self.min_notional} is more than can be counted"
            )
        if self.tick_quanta < 1:
            raise ScenarioError(f"market.tick_quanta: {self.tick_quanta} must be at least 1")
        if not 0 <= self.significant_figures <= 12:
            raise ScenarioError(
                f"market.significant_figures: {self.significant_figures} must lie in 0..12"
            )
        if not 1 <= self.max_open_orders <= 60:
            raise ScenarioError(f"market.max_open_orders: {self.max_open_orders} must lie in 1..60")

    @property
    def money_scale(self) -> int:
        """Money quanta per quantum x lot: a power of ten; they are at most 1e-6 of `quote`."""
        unit = self._unit
        scale = 1
        while unit / scale > Decimal("0.000001"):
            scale *= 10
        return scale

    @property
    def money_quantum(self) -> float:
        """Quote currency per money quantum."""
        return float(self._unit / self.money_scale)

    @property
    def _unit(self) -> Decimal:
        return (
            Decimal(self.price_quantum) * Decimal(self.lot_size) * Decimal(self.contract_multiplier)
        )

    @property
    def unit_quanta(self) -> int:
        """Quanta per 1.0 of price, 0 where a whole price is no whole number of quanta."""
        count = 1 / Decimal(self.price_quantum)
        return int(count) if count == int(count) else 0

    def quanta(self, price: float | str | Decimal) -> int:
        """Return `price` in quanta, rounded to the nearest.

        >>> MarketRules(symbol="X", price_quantum="0.1").quanta("97.3")
        973
        """
        return _whole(Decimal(str(price)) / Decimal(self.price_quantum))

    def lots(self, size: float | str | Decimal) -> int:
        """Return `size` in lots, rounded to the nearest."""
        return _whole(Decimal(str(size)) / Decimal(self.lot_size))

    def money(self, amount: float | str | Decimal) -> int:
        """Return an amount of `quote` in money quanta, rounded to the nearest."""
        return _whole(Decimal(str(amount)) * self.money_scale / self._unit)

    def price(self, quanta: float) -> float:
        """Return quanta as a price."""
        return float(Decimal(str(quanta)) * Decimal(self.price_quantum))

    def step_quanta(self, quanta: int) -> int:
        """Return the valid price step at a price, both in quanta.

        >>> rules = MarketRules(symbol="BTC", price_quantum="0.1", significant_figures=5)
        >>> rules.step_quanta(1_050_000)
        10
        """
        step = self.tick_quanta
        if self.significant_figures and quanta > 0:
            coarse = 10 ** max(0, len(str(quanta)) - self.significant_figures)
            if self.unit_quanta:
                coarse = min(coarse, self.unit_quanta)
            step = max(step, coarse)
        return step

    def to_record(self) -> np.ndarray:
        """Return the rules as a record array of one `Market`."""
        record = np.zeros(1, Market)
        record["money_scale"] = self.money_scale
        record["tick_quanta"] = self.tick_quanta
        record["significant_figures"] = self.significant_figures
        record["unit_quanta"] = self.unit_quanta
        record["min_notional"] = self.money(self.min_notional)
        record["maker_fee_e9"] = _whole(Decimal(self.maker_fee) * FEE_SCALE)
        record["taker_fee_e9"] = _whole(Decimal(self.taker_fee) * FEE_SCALE)
        record["modify_in_place"] = int(self.modify == "in_place")
        record["max_open_orders"] = self.max_open_orders
        return record


def _decimal(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise ScenarioError(f"market.{name}: {text!r} is no decimal number") from None
    if not value.is_finite():
        raise ScenarioError(f"market.{name}: {text!r} must be finite")
    return value


def _whole(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_HALF_EVEN))


ready(MarketRules)
