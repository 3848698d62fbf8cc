"""Worlds of books: exponential depth per level, noise of log lots that lasts."""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import CLOCK, LEVELS, Observation

NS = 1_000_000_000
STEP = 1e-4  # between levels, fraction


def book(
    rng: np.random.Generator,
    slope: float | np.ndarray,
    ticks: int,
    noise: float,
    memory_s: float,
    tick_s: float = 1.0,
) -> np.ndarray:
    """Clocks with `LEVELS` levels a side, lots exp(7 - slope distance + noise).

    Parameters
    ----------
    slope
        One, or one per tick.
    noise
        Standard deviation of the logarithm of lots, of each level by itself.
    memory_s
        Its autocorrelation time.
    """
    distance = STEP * (0.5 + np.arange(LEVELS))
    kept = np.exp(-tick_s / memory_s)
    fresh = noise * rng.standard_normal((ticks, 2, LEVELS))
    error = fresh.copy()
    for tick in range(1, ticks):
        error[tick] = kept * error[tick - 1] + np.sqrt(1.0 - kept * kept) * fresh[tick]
    observations = np.zeros(ticks, Observation)
    observations["kind"] = CLOCK
    observations["now"] = observations["exch_ts"] = NS + (np.arange(ticks) * tick_s * NS).astype(
        "i8"
    )
    observations["mid"] = 10_005.0
    observations["levels"] = LEVELS
    observations["level_distance"] = distance
    steep = np.broadcast_to(np.asarray(slope, float), ticks)[:, None, None]
    observations["level_lots"] = np.exp(7.0 - steep * distance + error)
    return observations


def slope_sd(noise: float) -> float:
    """Standard error of the slope of one book, both sides."""
    distance = STEP * np.arange(LEVELS)
    return float(noise / np.sqrt(2.0 * ((distance - distance.mean()) ** 2).sum()))
