"""Market rules in exact arithmetic, from the decimal figures of a case."""

from __future__ import annotations

from fractions import Fraction
from typing import Any


class Rules:
    """Rules of one market; prices in quanta, sizes in lots, money in money quanta."""

    def __init__(self, figures: dict[str, Any]) -> None:
        unit = Fraction(figures["price_quantum"]) * Fraction(figures["lot_size"])
        self.money_scale = 1
        while unit / self.money_scale > Fraction(1, 1_000_000):
            self.money_scale *= 10
        self.price_quantum = float(figures["price_quantum"])
        self.lot_size = float(figures["lot_size"])
        self.tick_quanta: int = figures["tick_quanta"]
        self.significant_figures: int = figures["significant_figures"]
        per_unit = 1 / Fraction(figures["price_quantum"])
        self.unit_quanta = int(per_unit) if per_unit.denominator == 1 else 0
        self.min_notional = round(Fraction(figures["min_notional"]) * self.money_scale / unit)
        self.maker_fee = Fraction(figures["maker_fee"])
        self.taker_fee = Fraction(figures["taker_fee"])
        self.in_place: bool = figures["modify"] == "in_place"
        self.max_open_orders: int = figures["max_open_orders"]

    def step(self, px: int) -> int:
        """Return the valid step at a price."""
        if not self.significant_figures or px <= 0:
            return self.tick_quanta
        coarse = 1
        while px // coarse >= 10**self.significant_figures:
            coarse *= 10
        if self.unit_quanta and coarse > self.unit_quanta:
            coarse = self.unit_quanta
        return max(coarse, self.tick_quanta)

    def valid(self, px: int) -> bool:
        """Tell whether orders may stand at a price."""
        return px > 0 and px % self.step(px) == 0

    def notional(self, px: int, lots: int) -> int:
        """Return px x lots in money quanta."""
        return px * lots * self.money_scale

    def fee(self, px: int, lots: int, taker: bool) -> int:
        """Return the fee of one fill, cut towards zero to a money quantum."""
        exact = self.notional(px, lots) * (self.taker_fee if taker else self.maker_fee)
        return int(exact)
