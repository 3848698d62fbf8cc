"""Worlds of prices and volumes: a clock's mids, buckets of volume, aggressors."""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import AGGRESSOR, BUCKET, CLOCK, Observation

NS_PER_S = 1_000_000_000
START_QUANTA = 1e6


def on_clock(mids: np.ndarray, seconds: np.ndarray | float = 1.0) -> np.ndarray:
    """Observations of a clock that sees `mids`, quanta, `seconds` apart; the first at 0."""
    observations = np.zeros(len(mids), Observation)
    apart = np.broadcast_to(seconds, len(mids) - 1)
    observations["kind"] = CLOCK
    observations["now"][1:] = np.rint(np.cumsum(apart) * NS_PER_S)
    observations["exch_ts"] = observations["now"]
    observations["lot"] = 1.0
    observations["mid"] = mids
    return observations


def path(changes: np.ndarray) -> np.ndarray:
    """Mids, quanta, of log returns `changes`; one more than these."""
    return START_QUANTA * np.exp(np.concatenate([[0.0], np.cumsum(changes)]))


def grid_path(steps: np.ndarray, step: float) -> np.ndarray:
    """Mids of a price that moves by whole steps, each a fraction `step` of the first mid."""
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    return START_QUANTA * (1.0 + step * walked)


def in_buckets(changes: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Observations of buckets with these log returns and durations."""
    observations = np.zeros(len(changes), Observation)
    observations["kind"] = BUCKET
    observations["now"] = np.rint(np.cumsum(seconds) * NS_PER_S)
    observations["exch_ts"] = observations["now"]
    observations["lot"] = 1.0
    observations["lots"] = 1.0
    observations["change"] = changes
    observations["seconds"] = seconds
    observations["mid"] = path(changes)[1:]
    return observations


def durations(rng: np.random.Generator, count: int, mean_s: float) -> np.ndarray:
    """Seconds that buckets of volume take: gamma, with a coefficient of variation of 1/2."""
    return np.asarray(rng.gamma(4.0, mean_s / 4.0, count))


def trading(
    times_s: np.ndarray, lots: np.ndarray, mids: np.ndarray, lot: float, clock_s: float = 1.0
) -> np.ndarray:
    """Aggressors at `times_s` among the ticks of a clock; `mids` are those at the ticks."""
    ticks = np.arange(len(mids)) * clock_s
    order = np.argsort(np.concatenate([times_s, ticks]), kind="stable")
    observations = np.zeros(len(order), Observation)
    is_tick = order >= len(times_s)
    observations["kind"] = np.where(is_tick, CLOCK, AGGRESSOR)
    observations["now"] = np.rint(np.concatenate([times_s, ticks])[order] * NS_PER_S)
    observations["exch_ts"] = observations["now"]
    observations["lot"] = lot
    seen = np.maximum(np.searchsorted(ticks, np.concatenate([times_s, ticks])[order], "right"), 1)
    observations["mid"] = mids[seen - 1]
    observations["lots"] = np.concatenate([lots, np.zeros(len(ticks))])[order]
    return observations
