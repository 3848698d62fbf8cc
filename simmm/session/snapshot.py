"""What a running session shows of itself, in units for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OwnQuote:
    """One own order as the simulated exchange holds it."""

    side: int  # +1 bid, -1 ask
    px: float  # quote currency
    leaves: float  # base units still open
    ahead: float | None  # base units before it in the queue; None: its level was never shown
    shown: float | None  # base units that others show at its price
    age_s: float


@dataclass(frozen=True)
class Belief:
    """An estimate and its standard deviation; None where unknown."""

    name: str  # sigma, kappa or arrival
    unit: str
    value: float | None
    sd: float | None


@dataclass(frozen=True)
class Snapshot:
    """A session at one moment. Money in the quote currency, sizes in base units, times in ns."""

    symbol: str
    venue: str
    quote: str  # currency
    strategy: str
    feed: str
    speed: float | None  # feed seconds a second; None: as fast as it goes
    now_ns: int  # the feed's clock
    start_ns: int
    quote_start_ns: int  # after the warm-up
    end_ns: int | None  # planned; None: open
    wall_s: float  # since the session was started (or taken up again)
    price_decimals: int
    size_decimals: int
    bid: float | None  # best of the market, as the maker sees it
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    mid_age_s: float | None  # since the last packet
    quotes: tuple[OwnQuote, ...]
    position: float
    max_position: float
    net: float
    spread: float  # part of net: earned against the mid at the fill
    adverse: float  # within 5 s after fills (younger fills: up to now)
    holding: float  # after that
    fees: float  # negative: paid
    volume: float  # quote currency traded
    fills: int
    requests: int
    rejections: int
    beliefs: tuple[Belief, ...]
    answer_s: float | None  # median time from request to answer
    step_us: float | None  # median time from packet to intents, wall clock
    step_us_99: float | None
    packets: int
    rows: int
    late_packets: int
    late_rows: int
    ignored_rows: int
    gaps: int
    checkpoint_ns: int | None  # feed time of the last checkpoint
    journal_bytes: int
