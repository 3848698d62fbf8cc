"""What a tape measures: spread, touch, volatility, flow, and how far aggressors reach.

Read in causal order and streamed: memory doesn't grow with the tape.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from simmm.market import MarketRules
from simmm.records import KIND_MASK, TRADE
from simmm.tape.reader import TapeSpec, open_tapes
from simmm.tape.schema import group_columns, open_tape_file
from simmm.tape.touch import Touch

KAPPA_QUANTILE = 0.99
KAPPA_POINTS = 20
_SECOND_NS = 1_000_000_000
_KEPT = 1 << 20


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of one tape. NaN where there is nothing to measure.

    Attributes
    ----------
    hours
        Time with both sides of the book known.
    tick_bps
        Valid price step over the median mid, bps.
    trades_per_s, aggressors_per_s
        Prints and aggressors over known time.
    spread_ticks, one_tick_share
        Time-weighted mean spread in valid steps; share of time that it is one.
    vol_1s_bps, vol_10s_bps
        Standard deviation of log returns of mids on a grid, bps per square root of a second.
    touch_size
        Median size at the touch over blocks and sides, contracts.
    aggressor_median, aggressor_mean
        Size of an aggressor, contracts.
    kappa_per_bp, kappa_r2
        Slope and fit of the log of the number of aggressors that reach at least so far beyond the
        mid before their block, on 20 equal steps from 0 to the 99 % quantile of reach.
    trading_share_of_depletion
        Volume traded at the touch over all decreases of size at the touch.
    sweeping_share
        Share of aggressors that trade at more than one price.
    feed_latency_p1, feed_latency_p50, feed_latency_p99
        `local_ts - exch_ts` of messages, s.
    """

    hours: float
    tick_bps: float
    trades_per_s: float
    aggressors_per_s: float
    spread_ticks: float
    one_tick_share: float
    vol_1s_bps: float
    vol_10s_bps: float
    touch_size: float
    aggressor_median: float
    aggressor_mean: float
    kappa_per_bp: float
    kappa_r2: float
    trading_share_of_depletion: float
    sweeping_share: float
    feed_latency_p1: float
    feed_latency_p50: float
    feed_latency_p99: float


def describe(path: str | Path) -> Statistics:
    """Measure one tape file.

    Raises
    ------
    TapeError
        Where the file is no tape.
    """
    place = Path(path)
    measure = _Measure()
    touch = Touch()
    with open_tapes([TapeSpec(place)]) as stream:
        market = stream.markets[0]
        for chunk in stream.chunks():
            trades = int(np.count_nonzero((chunk.tag & KIND_MASK) == TRADE))
            samples, aggressors = touch(chunk)
            measure.add(market, samples, aggressors, trades)
    latency = _Thinned()
    for values in _latencies(place):
        latency.add(values)
    return measure.result(market, latency)


def _latencies(path: Path) -> Iterator[np.ndarray]:
    """Yield the feed latency of each message, or part of one at another exchange time, s."""
    file, _ = open_tape_file(path)
    last = np.array([-1, -1])
    with file:
        for group in range(file.metadata.num_row_groups):
            read = group_columns(file, group, ("exch_ts", "local_ts", "seq"), path)
            key = np.stack((read["seq"], read["exch_ts"]))
            new = (np.diff(key, axis=1, prepend=last[:, None]) != 0).any(axis=0)
            last = key[:, -1]
            yield (read["local_ts"][new] - read["exch_ts"][new]) / _SECOND_NS


class _Thinned:
    """Keeps every k-th value, k doubling as they become many: quantiles in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._stride = 1
        self._parts: list[np.ndarray] = []
        self._held = 0

    def add(self, values: np.ndarray) -> None:
        kept = np.asarray(values[(-self.count) % self._stride :: self._stride], np.float64)
        self.count += len(values)
        self.total += float(np.sum(values))
        self._parts.append(kept)
        self._held += len(kept)
        while self._held > _KEPT:
            self._parts = [self.values()[::2]]
            self._stride *= 2
            self._held = len(self._parts[0])

    def values(self) -> np.ndarray:
        return np.concatenate(self._parts) if self._parts else np.empty(0)

    def quantile(self, share: float) -> float:
        values = self.values()
        return float(np.quantile(values, share)) if len(values) else float("nan")

    def mean(self) -> float:
        return self.total / self.count if self.count else float("nan")


class _Grid:
    """Mids on a grid of `step_ns`; accumulates squared and plain log returns."""

    def __init__(self, step_ns: int) -> None:
        self._step_ns = step_ns
        self._next_ts = -1
        self._mid = float("nan")
        self._log = float("nan")
        self._count = 0
        self._sum = 0.0
        self._squares = 0.0

    def add(self, ts: np.ndarray, mid: np.ndarray) -> None:
        if len(ts) == 0:
            return
        if self._next_ts < 0:
            self._next_ts, self._mid = int(ts[0]), float(mid[0])
        grid = np.arange(self._next_ts, int(ts[-1]), self._step_ns)
        if len(grid):
            known = np.concatenate(([self._mid], mid))
            logs = np.log(known[np.searchsorted(ts, grid, side="right")])
            returns = np.diff(logs, prepend=self._log)
            returns = returns[np.isfinite(returns)]
            self._count += len(returns)
            self._sum += float(returns.sum())
            self._squares += float(returns @ returns)
            self._log = float(logs[-1])
            self._next_ts = int(grid[-1]) + self._step_ns
        self._mid = float(mid[-1])

    def volatility_bps(self) -> float:
        if self._count < 2:
            return float("nan")
        mean = self._sum / self._count
        variance = max(0.0, self._squares / self._count - mean * mean)
        return float(np.sqrt(variance / (self._step_ns / _SECOND_NS))) * 1e4


class _Measure:
    """Accumulates blocks and aggressors."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._known_s = self._spread_s = self._one_tick_s = 0.0
        self._trades = self._sweeps = 0
        self._depleted = self._traded = 0
        self._mids = _Thinned()
        self._touch = _Thinned()
        self._sizes = _Thinned()
        self._reach = _Thinned()
        self._grids = _Grid(_SECOND_NS), _Grid(10 * _SECOND_NS)

    def add(
        self, market: MarketRules, samples: np.ndarray, aggressors: np.ndarray, trades: int
    ) -> None:
        self._trades += trades
        self._sweeps += int(np.count_nonzero(aggressors["levels"] > 1))
        self._sizes.add(aggressors["qty"])
        known = aggressors[aggressors["mid2"] > 0]
        mid = known["mid2"] / 2
        self._reach.add(np.abs(known["px"] - mid) / mid * 1e4)
        if len(samples) == 0:
            return
        both = samples[(samples["bid"] > 0) & (samples["ask"] > 0)]
        mids = (both["bid"] + both["ask"]) / 2
        self._mids.add(mids)
        self._touch.add(np.concatenate((both["bid_qty"], both["ask_qty"])))
        for grid in self._grids:
            grid.add(both["ts"], mids)
        joined = samples if self._last is None else np.concatenate((self._last, samples))
        self._last = samples[-1:].copy()
        self._add_intervals(market, joined)

    def _add_intervals(self, market: MarketRules, samples: np.ndarray) -> None:
        before, after = samples[:-1], samples[1:]
        known = (before["bid"] > 0) & (before["ask"] > 0)
        seconds = np.where(known, after["ts"] - before["ts"], 0) / _SECOND_NS
        ticks = (before["ask"] - before["bid"]) / steps(market, before["bid"])
        self._known_s += float(seconds.sum())
        self._spread_s += float(seconds @ np.where(known, ticks, 0.0))
        self._one_tick_s += float(seconds[ticks == 1].sum())
        for side, sign in (("bid", 1), ("ask", -1)):
            px, now = before[side], after[side]
            left = np.where(now == px, after[f"{side}_qty"], 0)
            gone = np.maximum(before[f"{side}_qty"] - left, 0)
            improved = (now > 0) & (sign * (now - px) > 0)
            self._depleted += int(gone[(px > 0) & ~improved].sum())
            self._traded += int(after[f"traded_{side}"].sum())

    def result(self, market: MarketRules, latency: _Thinned) -> Statistics:
        lot = float(market.lot_size)
        mid = self._mids.quantile(0.5)
        slope, fit = fit_reach(self._reach.values())
        return Statistics(
            hours=self._known_s / 3600,
            tick_bps=market.step_quanta(int(mid)) / mid * 1e4 if mid > 0 else float("nan"),
            trades_per_s=_ratio(self._trades, self._known_s),
            aggressors_per_s=_ratio(self._sizes.count, self._known_s),
            spread_ticks=_ratio(self._spread_s, self._known_s),
            one_tick_share=_ratio(self._one_tick_s, self._known_s),
            vol_1s_bps=self._grids[0].volatility_bps(),
            vol_10s_bps=self._grids[1].volatility_bps(),
            touch_size=self._touch.quantile(0.5) * lot,
            aggressor_median=self._sizes.quantile(0.5) * lot,
            aggressor_mean=self._sizes.mean() * lot,
            kappa_per_bp=slope,
            kappa_r2=fit,
            trading_share_of_depletion=_ratio(self._traded, self._depleted),
            sweeping_share=_ratio(self._sweeps, self._sizes.count),
            feed_latency_p1=latency.quantile(0.01),
            feed_latency_p50=latency.quantile(0.50),
            feed_latency_p99=latency.quantile(0.99),
        )


def fit_reach(reach_bps: np.ndarray) -> tuple[float, float]:
    """Fit the log of how many aggressors reach at least so far; return (kappa per bp, R²)."""
    if len(reach_bps) < KAPPA_POINTS:
        return float("nan"), float("nan")
    ordered = np.sort(reach_bps)
    x = np.linspace(0.0, float(np.quantile(ordered, KAPPA_QUANTILE)), KAPPA_POINTS)
    if x[-1] <= 0:
        return float("nan"), float("nan")
    y = np.log(len(ordered) - np.searchsorted(ordered, x))
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    total = float(dy @ dy)
    left = float(np.sum((dy - slope * dx) ** 2))
    return -slope, 1 - left / total if total > 0 else float("nan")


def steps(market: MarketRules, px: np.ndarray) -> np.ndarray:
    """Return the valid price step at each price, in quanta."""
    if not market.significant_figures:
        return np.full(len(px), market.tick_quanta, np.int64)
    bounds = 10 ** np.arange(1, 19)
    table = np.array([market.step_quanta(10**digits) for digits in range(19)])
    return table[np.searchsorted(bounds, px, side="right")]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
