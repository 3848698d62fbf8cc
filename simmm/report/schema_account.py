"""Sections of `report.json` on queue places at fills, predictions, and the account.

As in `simmm.report.schema`: money in the quote currency, sizes in base units, times in ns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from simmm.report.figure import Estimate


class Way(msgspec.Struct, frozen=True):
    """Maker fills that came about in one way, with the median place in the queue."""

    name: str  # queue, through or crossed
    fills: int
    volume: float
    share: float | None  # of maker fills
    volume_share: float | None
    ahead_at_join: float | None
    ahead_at_fill: float | None


class Place(msgspec.Struct, frozen=True):
    """Place in the queue of maker fills: at the join, and just before what filled them.

    Base units, of fills where it was known what others showed at the join.
    """

    fills: int
    at_join: dict[str, float | None]
    at_fill: dict[str, float | None]
    alone_at_fill: float | None  # share of fills with nobody ahead
    ways: list[Way]


class Bin(msgspec.Struct, frozen=True):
    """Predictions between two probabilities."""

    low: float
    high: float
    predictions: int
    predicted: float  # mean
    filled: Estimate  # share of them that filled on the simulated path


class Reliability(msgspec.Struct, frozen=True):
    """Probabilities of fill against the simulated path: the simulator against itself."""

    predictions: int
    orders: int
    draws: int
    predicted: float
    filled: Estimate
    apart: Estimate  # predicted less filled
    brier: float
    brier_constant: float  # of predicting the share that filled, always
    bins: list[Bin]


class FeeLine(msgspec.Struct, frozen=True):
    """Fees of maker or taker fills."""

    name: str
    paid: float
    notional: float
    bps: float | None
    fills: int


class FeePeriod(msgspec.Struct, frozen=True):
    """Fees of one stretch of the run."""

    start_ns: int
    maker: float
    taker: float


class Fees(msgspec.Struct, frozen=True):
    """Fees paid; received ones are negative."""

    lines: list[FeeLine]
    period_s: int
    periods: list[FeePeriod]
    rules: dict[str, Any]  # the rates in force and what they follow from, where the run says so


class FundingFacts(msgspec.Struct, frozen=True):
    """Funding payments; `unknown` are those left out because no rate was known."""

    payments: int
    paid: float
    received: float
    net: float  # paid less received
    rate_mean: float | None  # fraction of notional, per payment
    rate_low: float | None
    rate_high: float | None
    unknown: int


class Margin(msgspec.Struct, frozen=True):
    """The margin account; money in the quote currency."""

    mode: str  # cross or isolated
    leverage: int
    deposit: float
    value_final: float
    value_least: float
    used_most: float
    maintenance_most: float
    available_least: float
    cover_least: float | None  # value over maintenance, where a position was held
    cover_least_ns: int | None
    mark_told: bool  # the tape tells the mark; else it is the middle of the book
    liquidation: dict[str, Any] | None  # ts, kind, forfeited


class RequestBudget(msgspec.Struct, frozen=True):
    """What the address may ask for."""

    used: int
    cap: int
    refused: int
    exhausted_ns: int | None
