"""Worlds of E1: aggressors that come as a Poisson process, a rate that changes, and clusters."""

from __future__ import annotations

import math

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import path, trading

PER_S = 0.5  # aggressors
LOTS = 20.0  # of an aggressor, on average
LOT = 0.01  # base units
RATE = PER_S * LOTS * LOT  # base units per second
SIGMA = 1e-4


def _world(rng: np.random.Generator, times_s: np.ndarray, seconds: int) -> np.ndarray:
    lots = rng.exponential(LOTS, len(times_s))
    mids = path(SIGMA * rng.standard_normal(seconds))
    return trading(times_s, lots, mids, LOT)


def _constant(seed: int) -> World:
    """Volumes are exponential: their mean is known as well as their count and sum allow."""
    rng, seconds = np.random.default_rng(seed), 600
    times = np.sort(rng.uniform(0.0, seconds, rng.poisson(PER_S * seconds)))
    ideal = RATE * math.sqrt(2.0 / (PER_S * seconds))
    return World(
        _world(rng, times, seconds), {"volume_rate": RATE}, ideal_sd={"volume_rate": ideal}
    )


def _doubled(seed: int) -> World:
    rng = np.random.default_rng(seed)
    before = rng.uniform(0.0, 1200.0, rng.poisson(PER_S * 1200.0))
    after = rng.uniform(1200.0, 3600.0, rng.poisson(2.0 * PER_S * 2400.0))
    observations = _world(rng, np.sort(np.concatenate([before, after])), 3600)
    late = observations["now"] >= 1_200_000_000_000
    truth = np.where(late, 2.0 * RATE, RATE)
    return World(observations, {"volume_rate": truth}, change=int(np.argmax(late)))


def _clusters(seed: int) -> World:
    """Four aggressors at a time on average, a second after each other."""
    rng, seconds = np.random.default_rng(seed), 2400
    parents = rng.uniform(0.0, seconds, rng.poisson(PER_S / 4.0 * seconds))
    sizes = rng.geometric(0.25, len(parents))
    waits = rng.exponential(1.0, sizes.sum())
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    summed = np.concatenate([[0.0], np.cumsum(waits)])
    times = np.repeat(parents, sizes) + summed[1:] - summed[first]
    times = np.sort(times[times < seconds])
    return World(_world(rng, times, seconds), {"volume_rate": RATE})


JUDGED = ("volume_rate",)
CASES = (
    Case("constant", "assumed", _constant, JUDGED, "one aggressor each 2 s, exponential volumes"),
    Case("doubled", "changing", _doubled, JUDGED, "twice as many aggressors from 1,200 s on"),
    Case("clusters", "violated", _clusters, JUDGED, "aggressors in runs of 4, a second apart"),
)
