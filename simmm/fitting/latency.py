"""Latency learned from recorded packets: its distribution, and how alike neighbours in time are.

The distribution becomes a table of quantiles, besides a lognormal fitted to three of them. How
alike latencies are is seen in the correlation of their normal scores (of ranks) over time: the
model of `simmm.latency` makes it share x exp(-time / mean) + slow_share x exp(-time / slow_mean),
which is fitted by weighted least squares. Standard errors are those of a block bootstrap: blocks of
time are drawn with replacement, so what is correlated within a block is drawn together.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtri
from scipy.stats import rankdata

from simmm.errors import TapeError
from simmm.latency_settings import table_of
from simmm.math import stream_key

LEAST_PACKETS = 200
SHOWN = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_NS_PER_MS = 1e6
_Z95 = 1.6448536269514722
_LAGS_MS = np.array(
    [0, 10, 20, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 1e4, 1.5e4, 2e4,
     3e4, 5e4, 7e4, 1e5, 1.5e5, 2e5, 3e5, 5e5, 7e5, 1e6, 2e6, 3e6, 5e6], np.float64
)  # fmt: skip
_WIDTH = 0.15  # pairs within this share of a lag count as apart by it
_BLOCKS = 60
_REPLICATES = 100
_LEAST_PAIRS = 100
_LONGEST_PART = 0.1  # of the recording: over longer times correlation can't be told
_BETTER = 12.0  # drop of weighted squares that a second spell must bring
_BOOTSTRAP_SAMPLE = 200_000


class Lognormal(msgspec.Struct, frozen=True):
    """Parameters as a scenario names them, ms."""

    ms: float
    scale_ms: float
    shape: float


class Spells(msgspec.Struct, frozen=True):
    """Parameters of ``burst`` as a scenario names them."""

    share: float
    mean_ms: float
    slow_share: float = 0.0
    slow_mean_ms: float = 30_000.0


class Correlation(msgspec.Struct, frozen=True):
    """Correlation of normal scores of messages so far apart, and what the fit makes of it."""

    lag_ms: float
    value: float
    se: float
    fitted: float
    pairs: int


class LatencyFit(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned from latencies; `errors` holds standard errors by the names of values."""

    packets: int
    seconds: float
    mean_ms: float
    least_ms: float
    most_ms: float
    quantiles_ms: dict[str, float]
    table_ms: list[float]
    lognormal: Lognormal
    burst: Spells | None
    correlation: list[Correlation]
    errors: dict[str, float]


def fit_latency(exch_ts: np.ndarray, latency_ns: np.ndarray) -> LatencyFit:
    """Fit latencies of packets, in causal order.

    Parameters
    ----------
    exch_ts
        When each happened, ns, ascending, shape (n,).
    latency_ns
        How much later each was seen, ns, shape (n,).

    Raises
    ------
    TapeError
        Where there are fewer than 200, or all happened at one time.
    """
    count = len(latency_ns)
    if count < LEAST_PACKETS:
        raise TapeError(f"{count} packets; a latency is learned from at least {LEAST_PACKETS}")
    seconds = (int(exch_ts[-1]) - int(exch_ts[0])) / 1e9
    if seconds <= 0:
        raise TapeError("all packets are of one moment; no latency can be learned from them")
    ms = np.asarray(latency_ns, np.float64) / _NS_PER_MS
    block = _blocks(exch_ts)
    draws = _draws()
    quantiles, lognormal, errors = _distribution(ms, block, draws)
    burst, correlation, burst_errors = _correlate(exch_ts, ms, block, draws, seconds)
    return LatencyFit(
        packets=count,
        seconds=seconds,
        mean_ms=float(ms.mean()),
        least_ms=float(ms.min()),
        most_ms=float(ms.max()),
        quantiles_ms=quantiles,
        table_ms=table_of(ms).tolist(),
        lognormal=lognormal,
        burst=burst,
        correlation=correlation,
        errors={**errors, **burst_errors},
    )


def _blocks(exch_ts: np.ndarray) -> np.ndarray:
    """Return the block of time that each packet belongs to."""
    since = (exch_ts - exch_ts[0]).astype(np.float64)
    block: np.ndarray = np.minimum((since / since[-1] * _BLOCKS).astype(np.int64), _BLOCKS - 1)
    return block


def _draws() -> np.ndarray:
    """Return how often each block is drawn in each replicate, shape (replicates, blocks)."""
    chosen = np.random.default_rng(stream_key(0, "fit latency")).integers(
        0, _BLOCKS, (_REPLICATES, _BLOCKS)
    )
    return np.stack([np.bincount(one, minlength=_BLOCKS) for one in chosen])


# ------------------------------------------------------------------------------- distribution


def _distribution(
    ms: np.ndarray, block: np.ndarray, draws: np.ndarray
) -> tuple[dict[str, float], Lognormal, dict[str, float]]:
    whole = np.sort(ms)
    names = [f"p{100 * share:g}" for share in SHOWN]
    found = np.quantile(whole, SHOWN)
    low, median, high = np.quantile(whole, (0.05, 0.5, 0.95)).tolist()
    lognormal = lognormal_of(low, median, high, float(whole[0]))
    stride = -(-len(ms) // _BOOTSTRAP_SAMPLE)
    order = np.argsort(ms[::stride], kind="stable")
    values, of_block = ms[::stride][order], block[::stride][order]
    shares = np.array([*SHOWN, 0.05, 0.5, 0.95])
    again = []
    for weights in draws:
        total = np.cumsum(weights[of_block])
        if total[-1] == 0:
            continue
        drawn = values[np.searchsorted(total, shares * total[-1])]
        low, median, high = drawn[-3:].tolist()
        fitted = lognormal_of(low, median, high, float(values[0]))
        again.append([*drawn[:-3], fitted.ms, fitted.scale_ms, fitted.shape, _mean(values, total)])
    spread = np.std(np.array(again), axis=0, ddof=1)
    told = [*names, "lognormal.ms", "lognormal.scale_ms", "lognormal.shape", "mean_ms"]
    errors = dict(zip(told, spread.tolist(), strict=True))
    return dict(zip(names, found.tolist(), strict=True)), lognormal, errors


def _mean(values: np.ndarray, total: np.ndarray) -> float:
    return float(values @ np.diff(total, prepend=0) / total[-1])


def lognormal_of(low: float, median: float, high: float, least: float) -> Lognormal:
    """Return the lognormal with these quantiles of 5, 50 and 95 %, ms.

    Its least latency is where the outer two lie as far from the median in the logarithm; it is held
    between 0 and `least`.
    """
    bend = low + high - 2 * median
    start = (low * high - median * median) / bend if bend > 0 else 0.0
    start = min(max(start, 0.0), least, low)
    if not start < low < high:  # hardly any spread
        return Lognormal(start, median - start, 0.0)
    shape = float(np.log((high - start) / (low - start))) / (2 * _Z95)
    return Lognormal(start, median - start, shape)


# ---------------------------------------------------------------------------------- bursts


def _correlate(
    exch_ts: np.ndarray, ms: np.ndarray, block: np.ndarray, draws: np.ndarray, seconds: float
) -> tuple[Spells | None, list[Correlation], dict[str, float]]:
    if ms.min() == ms.max():
        return None, [], {}
    score = ndtri((rankdata(ms) - 0.5) / len(ms))
    score /= score.std()
    lags, sums, pairs = _products(exch_ts, score, block, seconds)
    if len(lags) < 4:
        return None, [], {}
    means = [_weighted(sums, pairs, weights) for weights in draws]
    spread = np.maximum(np.std(np.array(means), axis=0, ddof=1), 0.005)
    value = sums.sum(axis=1) / pairs.sum(axis=1)
    fitted = _fit(lags, value, spread)
    again = np.array([_fit(lags, one, spread, fitted) for one in means])
    errors = np.std(again, axis=0, ddof=1)
    burst = None
    told: dict[str, float] = {}
    if fitted[0] + fitted[2] > max(0.02, 2 * float(np.std(again[:, 0] + again[:, 2]))):
        names = ("share", "mean_ms", "slow_share", "slow_mean_ms")[: 4 if fitted[2] > 0 else 2]
        told = {f"burst.{name}": float(error) for name, error in zip(names, errors, strict=False)}
        burst = Spells(**dict(zip(names, fitted.tolist(), strict=False)))
    curve = _curve(fitted, lags)
    found = [
        Correlation(float(lag), float(one), float(se), float(fit), int(number))
        for lag, one, se, fit, number in zip(
            lags, value, spread, curve, pairs.sum(axis=1), strict=True
        )
    ]
    return burst, found, told


def _products(
    exch_ts: np.ndarray, score: np.ndarray, block: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lags (ms, as they were), and sums and numbers of products of pairs, by lag and block.

    A packet's pair is the first one after the lag; that of the lag 0 is the next packet.
    """
    found = []
    for lag in _LAGS_MS:
        if lag > _LONGEST_PART * 1e3 * seconds:
            break
        if lag == 0:
            other = np.arange(1, len(exch_ts) + 1)
            farthest = 1.0
        else:
            other = np.searchsorted(exch_ts, exch_ts + round(lag * _NS_PER_MS))
            farthest = lag * (1 + _WIDTH)
        one = np.flatnonzero(other < len(exch_ts))
        two = other[one]
        apart = (exch_ts[two] - exch_ts[one]) / _NS_PER_MS
        near = apart <= farthest
        one, two = one[near], two[near]
        if len(one) < _LEAST_PAIRS:
            continue
        sums = np.bincount(block[one], score[one] * score[two], _BLOCKS)
        found.append((float(apart[near].mean()), sums, np.bincount(block[one], minlength=_BLOCKS)))
    if not found:
        return np.empty(0), np.empty((0, _BLOCKS)), np.empty((0, _BLOCKS))
    return (
        np.array([lag for lag, _, _ in found]),
        np.stack([sums for _, sums, _ in found]),
        np.stack([pairs for _, _, pairs in found]),
    )


def _weighted(sums: np.ndarray, pairs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean: np.ndarray = (sums @ weights) / np.maximum(pairs @ weights, 1)
    return mean


def _curve(parameters: Any, lags: np.ndarray) -> np.ndarray:
    share, mean, slow_share, slow_mean = parameters
    curve: np.ndarray = share * np.exp(-lags / mean) + slow_share * np.exp(-lags / slow_mean)
    return curve


def _fit(
    lags: np.ndarray, value: np.ndarray, spread: np.ndarray, like: np.ndarray | None = None
) -> np.ndarray:
    """Return share, mean, slow share and slow mean (ms); the slow share is 0 where one will do.

    With `like` the number of spells is that one's.
    """
    longest = float(lags[-1])

    def misfit(x: np.ndarray, spells: int) -> np.ndarray:
        wanted = _unpack(x, spells)
        miss: np.ndarray = (_curve(wanted, lags) - value) / spread
        return miss

    def best(spells: int, starts: list[list[float]]) -> tuple[float, np.ndarray]:
        low = [0.0, np.log(0.1), 0.0, np.log(4.0)][: 2 * spells]
        high = [1.0, np.log(2 * longest), 1.0, np.log(1e4)][: 2 * spells]
        tried = [
            least_squares(misfit, start, bounds=(low, high), args=(spells,)) for start in starts
        ]
        done = min(tried, key=lambda one: float(one.cost))
        return 2 * float(done.cost), _unpack(done.x, spells)

    level = min(max(float(value[0]), 0.05), 0.95)
    spells = 0 if like is None else (2 if like[2] > 0 else 1)
    if like is not None:
        start = [like[0], np.log(like[1])]
        if spells == 2:
            left = like[2] / max(1e-9, 1 - like[0])
            start += [min(left, 0.999), np.log(max(4.001, like[3] / like[1]))]
        return best(spells, [_inside(start)])[1]
    cost, single = best(1, [[level, np.log(mean)] for mean in (100.0, 1000.0, 10_000.0)])
    pairs = [[0.7 * level, np.log(mean), 0.3, np.log(40.0)] for mean in (30.0, 300.0, 3000.0)]
    cost_of_two, double = best(2, pairs)
    return double if cost - cost_of_two > _BETTER and double[2] > 0.01 else single


def _inside(start: list[float]) -> list[float]:
    return [min(max(start[0], 0.001), 0.999), *start[1:]]


def _unpack(x: np.ndarray, spells: int) -> np.ndarray:
    """Return the model's parameters: the slow share is one of what is left, its mean a multiple."""
    if spells == 1:
        return np.array([x[0], np.exp(x[1]), 0.0, 30_000.0])
    mean = np.exp(x[1])
    return np.array([x[0], mean, x[2] * (1 - x[0]), mean * np.exp(x[3])])
