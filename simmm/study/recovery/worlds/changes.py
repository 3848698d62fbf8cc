"""Worlds whose reach and volatility change at known moments, and how well alarms find them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, BUCKET, CLOCK, Observation

SECONDS = 10.0  # of a bucket
SIGMA = 1e-4  # before any change, fraction / sqrt(s)
KAPPA = 2000.0  # before any change, 1 / fraction
HALF_SPREAD = 1e-4
STEP = 1e-6
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def run_lengths(rng: np.random.Generator, count: int, hazard: float) -> np.ndarray:
    """Observations since the last change, the newest one included, at each of `count`."""
    starts = rng.random(count) < hazard
    starts[0] = True
    last = np.maximum.accumulate(np.where(starts, np.arange(count), 0))
    return np.asarray(np.arange(count) - last + 1)


def rates(rng: np.random.Generator, runs: np.ndarray, shape: float) -> np.ndarray:
    """A rate for every observation: 1 in the first run, a gamma draw of mean 1 in the others."""
    run = np.cumsum(runs == 1) - 1
    drawn = rng.gamma(shape, 1.0 / shape, run[-1] + 1)
    drawn[0] = 1.0
    return np.asarray(drawn[run])


def buckets(returns: np.ndarray) -> np.ndarray:
    """Observations of buckets; `returns` are fractions per root second."""
    o = np.zeros(len(returns), Observation)
    o["kind"] = BUCKET
    o["now"] = o["exch_ts"] = (np.arange(len(returns)) + 1) * int(SECONDS * 1e9)
    o["mid"] = 100_000.0
    o["seconds"] = SECONDS
    o["change"] = returns * np.sqrt(SECONDS)
    return o


def aggressors(excess: np.ndarray, a_tick: int = 10, step: float = STEP) -> np.ndarray:
    """Observations of aggressors, ten a second, and of the clock after every `a_tick` of them.

    `excess` is continuous and is floored to whole steps, as prices are.
    """
    ticks = len(excess) // a_tick
    o = np.zeros(len(excess) + ticks, Observation)
    kind = o["kind"]
    kind[:] = AGGRESSOR
    kind[a_tick :: a_tick + 1] = CLOCK
    o["now"] = o["exch_ts"] = (np.arange(len(o)) + 1) * 100_000_000
    o["mid"] = 100_000.0
    o["half_spread"] = HALF_SPREAD
    o["step"] = step
    o["reach"][kind == AGGRESSOR] = HALF_SPREAD + np.floor(excess / step) * step
    return o


@dataclass(frozen=True)
class Point:
    """One row of the curve: what an alarm at `threshold` costs and gives.

    Parameters
    ----------
    false_alarms
        Per 1000 observations in worlds where nothing changes.
    found
        Share of changes that were found within the observations that followed.
    delay
        Median observations until then, of those found.
    alarms
        Mean number of alarms per change.
    """

    series: str
    factor: float
    threshold: float
    false_alarms: float
    found: float
    delay: float
    alarms: float


def operating_curve(
    seeds: Iterable[int],
    factors: Sequence[float] = (0.5, 2.0, 3.0),
    thresholds: Sequence[float] = THRESHOLDS,
    series: str = "volatility",
    before: int = 200,
    after: int = 200,
    quiet: int = 1000,
) -> list[Point]:
    """False alarms against delay over thresholds, for volatility or mean reach times `factors`.

    Parameters
    ----------
    seeds
        Worlds; each gives a quiet one and one per factor, the same for every threshold.
    before, after
        Observations (buckets, or batches of ten aggressors) before and after the change.
    quiet
        Observations of a world without a change.
    """
    seeds = tuple(seeds)
    points = []
    for threshold in thresholds:
        false = sum(_alarms(series, seed, 1.0, quiet, 0, threshold)[-1] for seed in seeds)
        for factor in factors:
            delays, alarms = [], 0.0
            for seed in seeds:
                count = _alarms(series, seed, factor, before, after, threshold)
                new = count[before:] - count[before - 1]
                alarms += new[-1]
                if new[-1] > 0:
                    delays.append(int(np.argmax(new > 0)) + 1)
            points.append(
                Point(
                    series,
                    factor,
                    threshold,
                    1000.0 * float(false) / (quiet * len(seeds)),
                    len(delays) / len(seeds),
                    float(np.median(delays)) if delays else float("nan"),
                    alarms / len(seeds),
                )
            )
    return points


def _alarms(
    series: str, seed: int, factor: float, before: int, after: int, threshold: float
) -> np.ndarray:
    """Alarms counted so far after each observation of the series."""
    rng = np.random.default_rng(seed)
    driver = Driver("changepoint", {"threshold": threshold})
    if series == "volatility":
        size = np.where(np.arange(before + after) < before, 1.0, factor)
        found = driver.run(buckets(SIGMA * size * rng.normal(size=before + after)))
    else:
        size = np.where(np.arange(10 * (before + after)) < 10 * before, 1.0, factor)
        reach = size * rng.exponential(1.0 / KAPPA, size=len(size))
        found = driver.run(aggressors(reach), every=11)
    return np.asarray(found["changepoint_alarms"])
