"""Worlds for E19: Hawkes arrivals, the same in blocks, and arrivals that aren't Hawkes'."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simmm.estimators.observation import AGGRESSOR
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.hawkes import (
    BEGIN_NS,
    NS_PER_S,
    arrivals,
    intensity,
    least_deviations,
    simulate,
)

EVENTS = 2500  # expected
WINDOW = 2000  # the default of `hawkes`
BLOCK_NS = 100_000_000
BELIEFS = ("hawkes_base", "hawkes_branching", "hawkes_decay", "hawkes_intensity")
PARAMETERS = BELIEFS[:3]


def _hawkes(mu: float, alpha: float, beta: float) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        rng = np.random.default_rng(seed)
        times = simulate(rng, mu, alpha, beta, EVENTS * (1.0 - alpha) / mu)
        seen = arrivals(times)
        now = float(seen["now"][-1] - BEGIN_NS) / NS_PER_S
        truth = dict(zip(PARAMETERS, (mu, alpha, beta), strict=True))
        truth["hawkes_intensity"] = intensity(times, mu, alpha, beta, now)
        ideal = least_deviations(times[-WINDOW:], mu, alpha, beta)
        bounds = {name: float(sd) for name, sd in zip(PARAMETERS, ideal, strict=True)}
        return World(seen, truth, ideal_sd=bounds)

    return draw


def _in_blocks(seed: int) -> World:
    world = _hawkes(0.5, 0.5, 1.6)(seed)
    seen = world.observations
    stamps = -(-seen["exch_ts"] // BLOCK_NS) * BLOCK_NS
    seen["exch_ts"] = np.where(seen["kind"] == AGGRESSOR, stamps, seen["exch_ts"])
    seen["now"] = np.maximum.accumulate(np.maximum(seen["now"], seen["exch_ts"]))
    return World(seen, {name: world.truth[name] for name in PARAMETERS})


def _more_excited(seed: int) -> World:
    rng = np.random.default_rng(seed)
    before = simulate(rng, 0.7, 0.3, 1.6, 2500.0)
    after = simulate(rng, 0.3, 0.7, 1.6, 2500.0) + 2500.0
    seen = arrivals(np.concatenate([before, after]))
    change = int(np.searchsorted(seen["now"], BEGIN_NS + 2500 * NS_PER_S))
    truth = np.where(np.arange(len(seen)) < change, 0.3, 0.7)
    return World(seen, {"hawkes_branching": truth}, change=change)


def _told(times: np.ndarray, mu: float, alpha: float, beta: float) -> World:
    truth = dict(zip(PARAMETERS, (mu, alpha, beta), strict=True))
    return World(arrivals(times), truth)


def _poisson(seed: int) -> World:
    rng = np.random.default_rng(seed)
    return _told(np.cumsum(rng.exponential(1.0, EVENTS)), 1.0, 0.0, math.nan)


def _seasonal(seed: int) -> World:
    rng = np.random.default_rng(seed)
    times = simulate(rng, 1.0, 0.5, 1.6, float(EVENTS))
    kept = rng.random(len(times)) < 0.5 * (1.0 + 0.9 * np.sin(2.0 * np.pi * times / 1200.0))
    return _told(times[kept], math.nan, 0.25, 1.6)


def _long_memory(seed: int) -> World:
    rng = np.random.default_rng(seed)
    times = simulate(rng, 0.5, 0.5, 1.6, float(EVENTS), lambda n: 0.3 * rng.pareto(1.5, n))
    return _told(times, 0.5, 0.5, math.nan)


CASES = (
    Case("half excited", "assumed", _hawkes(0.5, 0.5, 1.6), BELIEFS,
         "2,500 aggressors at 1/s; each brings 0.5 others after 0.6 s on average"),
    Case("mostly excited", "assumed", _hawkes(0.2, 0.8, 1.0), BELIEFS,
         "2,500 aggressors at 1/s; each brings 0.8 others after 1 s on average"),
    Case("in blocks", "violated", _in_blocks, PARAMETERS,
         "as the first, with the stamps of blocks of 100 ms"),
    Case("excitement grows", "changing", _more_excited, ("hawkes_branching",),
         "the branching ratio goes from 0.3 to 0.7 at the same mean rate, after 2,500 s"),
    Case("not excited", "violated", _poisson, PARAMETERS,
         "2,500 Poisson arrivals at 1/s: a branching ratio of 0 is at the edge"),
    Case("seasonal", "violated", _seasonal, PARAMETERS,
         "the rate swings by 90 % every 20 minutes; each brings 0.25 others on average"),
    Case("long memory", "violated", _long_memory, PARAMETERS,
         "delays are Pareto's with exponent 1.5: few short, some very long"),
)  # fmt: skip
