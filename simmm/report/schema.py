"""What `report.json` holds: one struct per section, versioned.

Money is in the quote currency, sizes in base units, edge in basis points of the notional at the
fill prices, times in ns. Where something cannot be said (too few fills, nothing quoted) the field
is `None` and never a made-up number. The exact integers that the split is checked with are kept
beside the amounts, in half money quanta.
"""

from __future__ import annotations

from typing import Any

import msgspec

from simmm.decoding import ready
from simmm.report.figure import Estimate as Estimate
from simmm.report.schema_account import (
    Fees,
    FundingFacts,
    Margin,
    Place,
    Reliability,
    RequestBudget,
)
from simmm.report.schema_estimators import Estimators

#: Grows by one when a field changes its meaning or disappears; new fields alone don't count.
SCHEMA_VERSION = 3

#: Horizons of the markouts, seconds. The P&L split uses `SPLIT_HORIZON_S`.
HORIZONS_S = (0.5, 1.0, 5.0, 30.0)
SPLIT_HORIZON_S = 5.0


class RunFacts(msgspec.Struct, frozen=True):
    """Which run this is: enough to make it again and to know it was the same."""

    scenario: str
    created: str
    simmm_version: str
    symbol: str
    venue: str
    quote: str
    strategy: dict[str, Any]
    tape: dict[str, Any]
    seed: dict[str, Any]
    queue: dict[str, Any]
    latency: dict[str, Any]
    market: dict[str, Any]
    code_digest: str
    config_digest: str
    chain_venue: str
    chain_maker: str
    start_ns: int  # of the run
    quote_start_ns: int  # after the warm-up
    end_ns: int
    warm_up_s: float
    hours: float  # of trading, the warm-up left out
    counts: dict[str, Any]
    wall: dict[str, Any]


class Verdict(msgspec.Struct, frozen=True):
    """The first thing to read. `outcome`: earned, lost, undecided or idle (no fill)."""

    outcome: str
    sentences: list[str]


class Part(msgspec.Struct, frozen=True):
    """One part of the P&L. `bps` is of the notional traded."""

    name: str
    amount: float
    half_quanta: int
    bps: float | None
    modelled: bool = True


class Closing(msgspec.Struct, frozen=True):
    """What it would cost to close the final position at the touch; not part of net."""

    position: float
    cost: float | None
    fee: float | None
    note: str


class Profit(msgspec.Struct, frozen=True):
    """Net P&L with its interval, and the parts that add up to the account exactly."""

    net: Estimate
    net_half_quanta: int
    parts: list[Part]
    horizon_s: float
    notional: float
    volume: float
    closing: Closing
    method: str


class Risk(msgspec.Struct, frozen=True):
    """Sharpe ratio per square root of a day (and of 365 days) and the drawdown on samples."""

    sharpe_day: float | None
    sharpe_day_se: float | None
    sharpe_year: float | None
    sharpe_year_se: float | None
    drawdown: float
    drawdown_peak_ns: int | None
    drawdown_trough_ns: int | None
    samples: int
    sample_s: float | None
    lags: int
    note: str


class Fills(msgspec.Struct, frozen=True):
    """How many fills of which kind. Shares are of the number of fills."""

    count: int
    per_hour: float | None
    maker: int
    taker: int
    buys: int
    sells: int
    maker_volume: float
    taker_volume: float
    fees_paid: float
    mean_size: float | None
    flagged: dict[str, float | None]
    time_to_fill_s: dict[str, float | None]


class Markout(msgspec.Struct, frozen=True):
    """Edge left at a horizon, from the fill price, and the move of the mid alone; bps."""

    horizon_s: float
    side: str
    fills: int
    beyond_end: int  # fills whose horizon lies after the end of the run; left out
    edge: Estimate
    move: Estimate


class Inventory(msgspec.Struct, frozen=True):
    """Position over the time of quoting, base units; means are weighted by time."""

    mean: float
    mean_absolute: float
    longest: float
    shortest: float
    limit: float | None
    long_share: float
    short_share: float
    flat_share: float
    mean_absolute_notional: float | None
    final: float


class Quoting(msgspec.Struct, frozen=True):
    """Shares of the quoting time with a bid or ask resting, and at or inside the touch."""

    bid: float | None
    ask: float | None
    touch_bid: float | None
    touch_ask: float | None


class Orders(msgspec.Struct, frozen=True):
    """Fates of orders. Ratios are over the orders that the venue took in."""

    placed: int
    filled: int
    fill_ratio: float | None
    size_fill_ratio: float | None
    requests: dict[str, int]
    order_to_trade: float | None
    ends: dict[str, int]
    refusals: dict[str, int]
    mean_life_s: float | None


class Queue(msgspec.Struct, frozen=True):
    """Size ahead of our orders when they joined, where it was known what others show.

    *joined*: all orders that rested; *filled*: those with a maker fill, each once.
    """

    model: dict[str, Any]
    shown: float | None  # base units: median others showed at our prices, where anything was
    ahead_joined: dict[str, float | None]  # quantiles and mean, base units
    ahead_filled: dict[str, float | None]
    times_joined: dict[str, float | None]  # the same as multiples of `shown`
    times_filled: dict[str, float | None]
    known_joined: int
    known_filled: int
    alone_joined: float | None  # share of orders with nobody ahead
    alone_filled: float | None


class Hour(msgspec.Struct, frozen=True):
    """One hour since quoting began; the nets of all hours add up to net."""

    start_ns: int
    end_ns: int
    net: float
    fills: int
    volume: float
    notional: float
    fees: float
    position: float
    mid: float | None


class Calibration(msgspec.Struct, frozen=True):
    """A belief against the truth of a generated tape, or against what was realised."""

    name: str
    unit: str
    against: str  # truth or realised
    reference: float
    final: float | None
    final_sd: float | None
    mean: float | None
    mean_error: float | None
    mean_sd: float | None
    coverage: float | None  # share of samples whose 95 % interval holds the truth of the moment
    samples: int
    unknown_samples: int
    final_low: float | None = None  # 95 % interval of the final value
    final_high: float | None = None
    averaged_coverage: float | None = None  # the same of the truth averaged over sigma's window
    averaged_error: float | None = None  # mean error against that
    half_life_s: float | None = None  # of that window; 0: the whole run
    realised_over_truth: float | None = None  # volatility on the clock over that of single steps


class Unknown(msgspec.Struct, frozen=True):
    """One thing that the simulation doesn't know, in plain words."""

    topic: str
    text: str


class Change(msgspec.Struct, frozen=True):
    """A value in force that isn't the default, and where it came from."""

    path: str
    value: Any
    origin: str


class Late(msgspec.Struct, frozen=True):
    """What came after the simulated exchange had believed its block complete."""

    packets: int
    packets_of: int
    rows: int
    rows_of: int
    ignored_rows: int  # older than the newest of their kind: without effect
    fills: int  # own fills that a late row caused


class OtherKnowledge(msgspec.Struct, frozen=True):
    """The same session's figures where notices came at their own latency alone."""

    net: Estimate
    parts: list[Part]
    fills: int
    volume: float
    chain_venue: str
    chain_maker: str


class Session(msgspec.Struct, frozen=True):
    """What only a run whose exchange learns from the feed has (`venue.knowledge: feed`)."""

    kind: str  # backtest or paper
    feed: str | None  # of a paper session, as it was named
    speed: float | None  # feed seconds per second; None: as fast as it goes
    hold_back_ms: float
    late: Late
    answer_s: dict[str, float | None]  # request to answer: median, p95, p99, max
    step_us: dict[str, float | None]  # paper: packet to intents on the wall clock: median, p99, max
    resumed: int  # times the session was taken up again
    journal: dict[str, Any] | None  # records, bytes, digest
    under_tape: OtherKnowledge | None
    interrupted: bool = False  # ended before its scenario did


class Report(msgspec.Struct, frozen=True):
    """Everything that is shown of a run, on the terminal and on the page."""

    schema_version: int
    run: RunFacts
    verdict: Verdict
    profit: Profit
    risk: Risk
    fills: Fills
    markouts: list[Markout]
    inventory: Inventory
    quoting: Quoting
    orders: Orders
    queue: Queue
    hours: list[Hour]
    calibration: list[Calibration]
    unknowns: list[Unknown]
    changes: list[Change]
    scenario: dict[str, Any]
    curve: dict[str, list[float | int]]  # thinned: ts, net, position, mid
    session: Session | None = None
    place: Place | None = None
    reliability: Reliability | None = None
    fees: Fees | None = None
    funding: FundingFacts | None = None
    margin: Margin | None = None
    budget: RequestBudget | None = None
    latency_drawn: dict[str, Any] | None = None  # by kind, as the run counted it
    estimators: Estimators | None = None


ready(Report)
