"""Worlds of E14: normal returns, a price that jumps by ticks, a change, tails, a bounce."""

from __future__ import annotations

import math

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import grid_path, on_clock, path

SIGMA = 1e-4  # per root second
FREEDOM = 4.0  # of Student's law, rescaled to unit variance


def _ideal_sd(ticks: int) -> float:
    """Cramér-Rao bound of sigma from `ticks` normal returns: sigma / sqrt(2 n)."""
    return SIGMA / math.sqrt(2.0 * ticks)


def _normal(seed: int, ticks: int, belief: str) -> World:
    returns = SIGMA * np.random.default_rng(seed).standard_normal(ticks)
    return World(on_clock(path(returns)), {belief: SIGMA}, ideal_sd={belief: _ideal_sd(ticks)})


def _constant(seed: int) -> World:
    return _normal(seed, 600, "sigma")


def _short(seed: int) -> World:
    return _normal(seed, 60, "fast_sigma")


def _uneven(seed: int) -> World:
    """Ticks of the clock that come 0.2 to 5 s apart."""
    rng = np.random.default_rng(seed)
    seconds = rng.uniform(0.2, 5.0, 300)
    returns = SIGMA * np.sqrt(seconds) * rng.standard_normal(300)
    return World(on_clock(path(returns), seconds), {"sigma": SIGMA})


def _ticks(seed: int) -> World:
    rng = np.random.default_rng(seed)
    up, down = rng.poisson(0.1, (2, 1500))
    truth = SIGMA * math.sqrt(0.2)
    observations = on_clock(grid_path(up - down, SIGMA))
    return World(observations, {"sigma": truth, "fast_sigma": truth})


def _doubled(seed: int) -> World:
    truth = np.repeat([SIGMA, 2.0 * SIGMA], [900, 600])
    returns = truth[1:] * np.random.default_rng(seed).standard_normal(len(truth) - 1)
    return World(on_clock(path(returns)), {"sigma": truth, "fast_sigma": truth}, change=900)


def _heavy(seed: int) -> World:
    draws = np.random.default_rng(seed).standard_t(FREEDOM, 1200)
    returns = SIGMA * draws * math.sqrt((FREEDOM - 2.0) / FREEDOM)
    return World(on_clock(path(returns)), {"sigma": SIGMA, "fast_sigma": SIGMA})


def _bouncing(seed: int) -> World:
    rng = np.random.default_rng(seed)
    walk = np.log(path(SIGMA * rng.standard_normal(1200)))
    noise = 0.5 * SIGMA * np.sign(rng.standard_normal(len(walk)))
    return World(on_clock(np.exp(walk + noise)), {"sigma": SIGMA, "fast_sigma": SIGMA})


BOTH = ("sigma", "fast_sigma")
CASES = (
    Case("constant", "assumed", _constant, ("sigma",), "600 normal returns, 1e-4 per root second"),
    Case("one minute", "assumed", _short, ("fast_sigma",), "60 normal returns"),
    Case("uneven clock", "assumed", _uneven, ("sigma",), "300 returns over 0.2 to 5 s"),
    Case("ticks", "assumed", _ticks, BOTH, "moves of +-1 step, one each 5 s, for 1,500 s"),
    Case("doubled", "changing", _doubled, BOTH, "sigma doubles after 900 s"),
    Case("heavy tails", "violated", _heavy, BOTH, "returns of Student's law, 4 degrees of freedom"),
    Case("bounce", "violated", _bouncing, BOTH, "independent noise of half a return at each tick"),
)
