"""Worlds of E9: exponential books, with and without a market to calibrate to; spoofs, a hump."""

from __future__ import annotations

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.books import STEP, book, slope_sd

SLOPE, KAPPA = 1500.0, 2000.0
NOISE, MEMORY_S = 0.5, 10.0
TICKS = 300
BARE = {"calibrate": 0}
ONLY = ("book_kappa",)


def _exponential(seed: int) -> World:
    rng = np.random.default_rng(seed)
    return World(book(rng, SLOPE, TICKS, NOISE, MEMORY_S), {"book_kappa": SLOPE})


def _one_minute(seed: int) -> World:
    rng = np.random.default_rng(seed)
    # Of a mean of 60 values that are autocorrelated as r, r^2, ... (generalised least squares).
    r = np.exp(-1.0 / MEMORY_S)
    ideal = slope_sd(NOISE) / np.sqrt(1.0 + 59.0 * (1.0 - r) / (1.0 + r))
    rows = book(rng, SLOPE, 60, NOISE, MEMORY_S)
    return World(rows, {"book_kappa": SLOPE}, ideal_sd={"book_kappa": float(ideal)})


def _calibrated(seed: int) -> World:
    """Half an hour; the market's kappa errs by 15 % that last 600 s."""
    rng = np.random.default_rng(seed)
    ticks, cv, kept = 450, 0.15, np.exp(-4.0 / 600.0)
    error = rng.standard_normal(ticks)
    for tick in range(1, ticks):
        error[tick] = kept * error[tick - 1] + np.sqrt(1.0 - kept * kept) * error[tick]
    market = KAPPA * np.exp(cv * error)
    given: dict[str, float | np.ndarray] = {
        "market_kappa": market,
        "market_kappa_sd": cv * market,
        "market_kappa_age_ns": 0,
    }
    observations = book(rng, SLOPE, ticks, NOISE, MEMORY_S, tick_s=4.0)
    return World(observations, {"book_kappa": KAPPA}, given)


def _doubled(seed: int) -> World:
    slope = np.where(np.arange(2 * TICKS) < TICKS, SLOPE, 2.0 * SLOPE)
    observations = book(np.random.default_rng(seed), slope, 2 * TICKS, NOISE, MEMORY_S)
    return World(observations, {"book_kappa": slope}, change=TICKS)


def _spoofed(seed: int) -> World:
    """On each tick three deep levels show ten times their size, for that tick alone."""
    rng = np.random.default_rng(seed)
    observations = book(rng, SLOPE, TICKS, NOISE, MEMORY_S)
    for tick in range(TICKS):
        level = rng.choice(np.arange(10, 20), 3, replace=False)
        observations["level_lots"][tick, rng.integers(2), level] *= 10.0
    return World(observations, {"book_kappa": SLOPE})


def _humped(seed: int) -> World:
    """Size at the touch is thin: a factor x / (x + 5 bp)."""
    observations = book(np.random.default_rng(seed), SLOPE, TICKS, NOISE, MEMORY_S)
    x = observations["level_distance"]
    observations["level_lots"] *= x / (x + 5.0 * STEP)
    return World(observations, {"book_kappa": SLOPE})


def _lasting(seed: int) -> World:
    rng = np.random.default_rng(seed)
    return World(book(rng, SLOPE, TICKS, NOISE, 4.0 * MEMORY_S), {"book_kappa": SLOPE})


CASES = (
    Case("exponential", "assumed", _exponential, ONLY, "300 books, noise of 50 % for 10 s", BARE),
    Case("one minute", "assumed", _one_minute, ONLY, "60 books, noise of 50 % for 10 s", BARE),
    Case("calibrated", "assumed", _calibrated, ONLY, "slope 1,500, the market's kappa 2,000"),
    Case("doubled", "changing", _doubled, ONLY, "the slope doubles after 300 s", BARE),
    Case(
        "spoofed", "violated", _spoofed, ONLY, "three levels ten times too big on each tick", BARE
    ),
    Case("humped", "violated", _humped, ONLY, "little size near the touch", BARE),
    Case("lasting", "violated", _lasting, ONLY, "noise lasts 40 s instead of 10", BARE),
)
