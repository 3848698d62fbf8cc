"""Worlds of E15: beliefs that wander as a pair of AR(1), one that drifts, and heavy tails."""

from __future__ import annotations

import math

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import on_clock

CLOCK_S = 10.0
COUNT = 1500
KAPPA, SIGMA = 2000.0, 1e-4
SPREAD = 0.2  # deviation of either logarithm


def _wander(shocks: np.ndarray, kept: float) -> np.ndarray:
    """AR(1) of unit variance from shocks of unit variance, each row a series."""
    found = shocks.copy()
    scale = math.sqrt(1.0 - kept * kept)
    for i in range(1, shocks.shape[1]):
        found[:, i] = kept * found[:, i - 1] + scale * shocks[:, i]
    return found


def _pair(rng: np.random.Generator, correlation: float) -> np.ndarray:
    shocks = rng.standard_normal((2, COUNT))
    shocks[1] = correlation * shocks[0] + math.sqrt(1.0 - correlation**2) * shocks[1]
    return shocks


def _world(logs: np.ndarray, correlation: float) -> World:
    observations = on_clock(np.full(COUNT, 1e6), CLOCK_S)
    given = {"kappa": KAPPA * np.exp(SPREAD * logs[0]), "sigma": SIGMA * np.exp(SPREAD * logs[1])}
    truth = {
        "kappa_sigma_correlation": correlation,
        "kappa_sigma_covariance": correlation * SPREAD * SPREAD,
    }
    return World(observations, truth, given)


def _independent(seed: int) -> World:
    return _world(_wander(_pair(np.random.default_rng(seed), 0.0), 0.9), 0.0)


def _related(seed: int) -> World:
    return _world(_wander(_pair(np.random.default_rng(seed), -0.5), 0.9), -0.5)


def _white(seed: int) -> World:
    """No autocorrelation: the bound (1 - r^2) / sqrt(n) is known, n under the half-life."""
    world = _world(_pair(np.random.default_rng(seed), -0.5), -0.5)
    kept = 0.5 ** (CLOCK_S / 3600.0)
    pairs = (1.0 - kept**COUNT) / (1.0 + kept**COUNT) * (1.0 + kept) / (1.0 - kept)
    ideal = {"kappa_sigma_correlation": 0.75 / math.sqrt(pairs)}
    return World(world.observations, world.truth, world.given, ideal_sd=ideal)


def _turned(seed: int) -> World:
    rng = np.random.default_rng(seed)
    shocks = np.concatenate(
        [_pair(rng, -0.5)[:, : COUNT // 2], _pair(rng, 0.5)[:, COUNT // 2 :]], 1
    )
    world = _world(_wander(shocks, 0.9), 0.0)
    truth = np.repeat([-0.5, 0.5], [COUNT // 2, COUNT - COUNT // 2])
    return World(
        world.observations,
        {"kappa_sigma_correlation": truth, "kappa_sigma_covariance": truth * SPREAD * SPREAD},
        world.given,
        change=COUNT // 2,
    )


def _heavy(seed: int) -> World:
    """Shocks of Student's law, 3 degrees of freedom, large in both at once."""
    rng = np.random.default_rng(seed)
    shocks = _pair(rng, -0.5) / np.sqrt(rng.chisquare(3.0, COUNT))
    return _world(_wander(shocks, 0.9), -0.5)


BOTH = ("kappa_sigma_correlation", "kappa_sigma_covariance")
CASES = (
    Case("independent", "assumed", _independent, BOTH, "two AR(1), 0.9 each 10 s, for 4 hours"),
    Case("related", "assumed", _related, BOTH, "the same with correlation -0.5"),
    Case("white", "assumed", _white, BOTH[:1], "no autocorrelation, correlation -0.5"),
    Case("turned", "changing", _turned, BOTH, "correlation -0.5, then 0.5", within=0.5),
    Case("heavy tails", "violated", _heavy, BOTH, "shocks of Student's law, 3 degrees"),
)
