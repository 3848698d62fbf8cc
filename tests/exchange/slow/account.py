"""Position, cash, and what the exchange remembers of how the position came about."""

from __future__ import annotations

from dataclasses import dataclass

from tests.exchange.slow.terms import Rules


def sign(x: int) -> int:
    """Return -1, 0 or 1."""
    return (x > 0) - (x < 0)


@dataclass
class Account:
    """One account in one market. Cash counts from zero, beside the deposit."""

    rules: Rules
    deposit: int = 0
    margin: int = 0  # 0 unmodelled, 1 cross, 2 isolated
    leverage: int = 1
    position: int = 0
    cash: int = 0
    fees: int = 0
    funding: int = 0
    forfeited: int = 0
    entry_cost: int = 0
    isolated: int = 0
    closed_pnl: int = 0
    maker_volume: int = 0
    taker_volume: int = 0
    maker_money: int = 0
    taker_money: int = 0
    volume_before: int = 0  # of the days before

    def fill(self, side: int, px: int, lots: int, fee: int, taker: bool) -> None:
        """Book a fill: what closes first, then what opens."""
        money = self.rules.notional(px, lots)
        self.cash -= side * money + fee
        self.fees += fee
        if taker:
            self.taker_volume += lots
            self.taker_money += money
        else:
            self.maker_volume += lots
            self.maker_money += money
        closing = min(lots, abs(self.position)) if self.position * side < 0 else 0
        if closing:
            self._close(px, closing)
        if lots > closing:
            self._open(side, px, lots - closing)

    def _close(self, px: int, lots: int) -> None:
        held, long = abs(self.position), sign(self.position)
        entry_px = self.entry_cost // held // self.rules.money_scale
        self.closed_pnl += long * self.rules.notional(px - entry_px, lots)
        self.entry_cost = self.entry_cost * (held - lots) // held
        self.isolated -= self.isolated * lots // held
        self.position -= long * lots

    def _open(self, side: int, px: int, lots: int) -> None:
        money = self.rules.notional(px, lots)
        self.entry_cost += money
        if self.margin == 2:
            self.isolated += money // self.leverage
        self.position += side * lots
