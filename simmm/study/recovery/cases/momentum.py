"""Worlds of E26: returns without memory, returns with a slow part, a sigma that is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.lead_lag import autoregression
from simmm.study.recovery.worlds.volatility import on_clock, path

SIGMA = 1e-4  # per root second
BARS = 15  # in a window
BAR_S = 2.0
COUNT = 5400  # bars, three hours
SIGMA_ERROR = 0.05  # relative deviation of the sigma that is told
UNFORGETTING: Mapping[str, float | int] = {"half_life_s": 1e7}


def slope(share: float, coefficient: float) -> float:
    """Return the slope where a `share` of the returns' variance is an AR(1)."""
    lags = np.arange(1, 2 * BARS)
    covariance = share * coefficient**lags
    weights = np.minimum(lags, 2 * BARS - lags)
    variance = BARS + 2.0 * float(np.sum((BARS - lags[: BARS - 1]) * covariance[: BARS - 1]))
    return float(np.sum(weights * covariance)) / variance


def _returns(rng: np.random.Generator, share: float, coefficient: float) -> np.ndarray:
    slow = autoregression(rng, coefficient, COUNT)
    fast: np.ndarray = rng.standard_normal(COUNT)
    return math.sqrt(share) * slow + math.sqrt(1.0 - share) * fast


def _world(
    seed: int, returns: np.ndarray, truth: dict[str, float], ideal: dict[str, float] | None = None
) -> World:
    """A clock of a second on which the mid moves every other second, by normalised returns."""
    error = math.exp(SIGMA_ERROR * np.random.default_rng([seed, 1]).standard_normal())
    mids = path(SIGMA * math.sqrt(BAR_S) * returns)
    seen = on_clock(np.repeat(mids, 2))
    told = SIGMA * error
    given = {"sigma": told, "sigma_sd": SIGMA_ERROR * told}
    moved = float(np.sum(returns[-BARS:])) / math.sqrt(BARS)
    return World(seen[:-1], {"momentum": moved} | truth, given, ideal or {})


def _memoryless(seed: int) -> World:
    """Without memory all 29 sample autocorrelations that the slope weighs have variance 1 / n."""
    returns = _returns(np.random.default_rng(seed), 0.0, 0.0)
    bound = math.sqrt((2 * BARS**2 + 1) / (3 * BARS) / COUNT)
    truth = {"momentum_slope": 0.0, "momentum_stationary": 1.0}
    return _world(seed, returns, truth, {"momentum_slope": bound})


def _trending(seed: int) -> World:
    returns = _returns(np.random.default_rng(seed), 0.1, 0.8)
    return _world(seed, returns, {"momentum_slope": slope(0.1, 0.8)})


def _wandering(seed: int) -> World:
    """The mean of the returns is a random walk that has moved by a deviation after an hour."""
    rng = np.random.default_rng(seed)
    level = np.cumsum(rng.standard_normal(COUNT)) / math.sqrt(COUNT / 3.0)
    return _world(seed, rng.standard_normal(COUNT) + level, {"momentum_stationary": 0.0})


def _doubled(seed: int) -> World:
    """Volatility doubles 256 s before the end, and sigma doesn't notice."""
    returns = _returns(np.random.default_rng(seed), 0.0, 0.0)
    returns[-128:] *= 2.0
    return _world(seed, returns, {"momentum_stationary": 0.0})


TOLD = ("momentum", "momentum_slope", "momentum_stationary")
CASES = (
    Case(
        "no memory",
        "assumed",
        _memoryless,
        TOLD,
        "normal returns, sigma told within 5 %",
        UNFORGETTING,
    ),
    Case(
        "trends",
        "assumed",
        _trending,
        ("momentum", "momentum_slope"),
        "a tenth of the variance is an AR(1) of 0.8 each 2 s: a slope of 0.08",
        UNFORGETTING,
    ),
    Case(
        "wandering mean",
        "violated",
        _wandering,
        ("momentum_stationary",),
        "the mean is a random walk, by a deviation an hour",
    ),
    Case(
        "late sigma",
        "violated",
        _doubled,
        ("momentum_stationary",),
        "volatility doubled 256 s ago, and sigma didn't notice",
    ),
)
