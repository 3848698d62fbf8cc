"""Worlds for E20: three hidden rates of flow, a change of rate, one rate only, clusters."""

from __future__ import annotations

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.flow_regimes import (
    DISPERSION,
    INTERVAL_S,
    RATES,
    TRANSITION,
    chain,
    counts,
    flow,
)
from simmm.study.recovery.worlds.hawkes import arrivals, simulate

INTERVALS = 1000
LAST = 8  # intervals of the last state, at least: so that it can be told
BELIEFS = ("flow_regime_rate", "flow_regime_stay")


def _states(rng: np.random.Generator, count: int) -> np.ndarray:
    """A chain that goes on from `count` until its last few states are the same."""
    states = chain(rng, TRANSITION, count + 500, 0)
    end = count
    while end < len(states) and len(set(states[end - LAST : end])) > 1:
        end += 1
    return states[:end]


def _three(dispersion: float) -> Case:
    def draw(seed: int) -> World:
        rng = np.random.default_rng(seed)
        states = _states(rng, INTERVALS)
        seen, _ = flow(counts(rng, INTERVAL_S * RATES[states], dispersion))
        last = states[-1]
        truth = {
            "flow_regime_rate": float(RATES[last]),
            "flow_regime_stay": float(TRANSITION[last, last]),
        }
        return World(seen, truth)

    if dispersion == DISPERSION:
        return Case(
            "three regimes", "assumed", draw, BELIEFS,
            "1,000 intervals of 5 s at 0.1, 1.5 or 9 aggressors/s; states last 33, 20 and 12",
        )  # fmt: skip
    return Case(
        "wilder regimes", "violated", draw, BELIEFS,
        "the same with a variance of mean + mean squared: states overlap, and may be misnamed",
    )  # fmt: skip


def _rises(seed: int) -> World:
    rng = np.random.default_rng(seed)
    states = np.concatenate([chain(rng, TRANSITION, 600, 0), np.repeat([0, 2], (40, 40))])
    seen, ends = flow(counts(rng, INTERVAL_S * RATES[states], DISPERSION))
    change = int(ends[639]) + 1
    truth = np.where(np.arange(len(seen)) < change, RATES[0], RATES[2])
    state = np.where(np.arange(len(seen)) < change, 0.0, 2.0)
    return World(seen, {"flow_regime_rate": truth, "flow_regime": state}, change=change)


def _one_rate(seed: int) -> World:
    rng = np.random.default_rng(seed)
    seen, _ = flow(counts(rng, np.full(INTERVALS, INTERVAL_S), DISPERSION))
    return World(seen, {"flow_regime_rate": 1.0})


def _clusters(seed: int) -> World:
    rng = np.random.default_rng(seed)
    return World(arrivals(simulate(rng, 0.3, 0.7, 0.5, 5_000.0)), {"flow_regime_rate": 1.0})


CASES = (
    _three(DISPERSION),
    Case("flow rises", "changing", _rises, ("flow_regime_rate",),
         "after 600 intervals of three regimes and 40 calm ones, 40 hectic ones"),
    _three(1.0),
    Case("one rate", "violated", _one_rate, ("flow_regime_rate",),
         "1,000 intervals at 1 aggressor/s: there is but one regime"),
    Case("clusters", "violated", _clusters, ("flow_regime_rate",),
         "Hawkes arrivals at 1/s, each bringing 0.7 others within 2 s: no regimes, but bursts"),
)  # fmt: skip
