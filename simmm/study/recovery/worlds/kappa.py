"""Worlds of one kappa for whoever estimates it: constant, on grids, after a change, outliers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.reach import Market, aggressors_since, heard, information

WINDOW_S = 600.0  # default of the parameter
CONTINUOUS = Market(step=0.0)
FINE = Market()
COARSE = Market(step=1.75e-4, half_spreads=(0.875e-4,), arrival=1.0)  # kappa step = 1.4
SPARSE = Market(seconds=700, arrival=0.05)
CHANGE_S = 900
AFTER = 2.5  # times kappa before


def ideal_sd(seen: np.ndarray, market: Market, seconds: float) -> float:
    """Cramér-Rao bound of kappa by the aggressors of the last seconds."""
    count = max(aggressors_since(seen, seconds), 1)
    return market.kappa / math.sqrt(count * information(market.kappa, market.step))


def steady(belief: str, stream: int, market: Market) -> Callable[[int], World]:
    """Return worlds of constant kappa."""

    def draw(seed: int) -> World:
        seen = heard(np.random.default_rng([seed, stream]), market)
        ideal = ideal_sd(seen, market, WINDOW_S)
        return World(seen, {belief: market.kappa}, ideal_sd={belief: ideal})

    return draw


def steady_cases(belief: str, stream: int) -> tuple[Case, ...]:
    """Return the cases of constant kappa, few data and grids among them."""
    told = (
        ("no grid", CONTINUOUS, "kappa 8,000, about 500 aggressors in the window, on no grid"),
        ("fine grid", FINE, "the same, on steps of a twelfth of the mean reach"),
        ("coarse grid", COARSE,
         "kappa times step is 1.4: three of four aggressors stop at the touch"),
        ("few", SPARSE, "about 50 aggressors in the window"),
    )  # fmt: skip
    return tuple(
        Case(name, "assumed", steady(belief, stream, market), (belief,), doc)
        for name, market, doc in told
    )


def changed(belief: str, stream: int, alarm: bool) -> Callable[[int], World]:
    """Return worlds whose reach shrinks at once; a change is called 30 s later, or never."""
    market = replace(FINE, seconds=1_500, arrival=1.0, half_spreads=(0.5e-5,))

    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        kappa = np.where(times < CHANGE_S, market.kappa, AFTER * market.kappa)
        return rng.exponential(1.0 / kappa)

    def draw(seed: int) -> World:
        seen = heard(np.random.default_rng([seed, stream]), market, reach=reach)
        seconds = (seen["now"] - seen["now"][0]) / 1e9
        truth = np.where(seconds < CHANGE_S, market.kappa, AFTER * market.kappa)
        alarms = np.where(seconds < CHANGE_S + 30, 0.0, 1.0) if alarm else 0.0
        change = int(np.searchsorted(seconds, CHANGE_S))
        return World(seen, {belief: truth}, {"changepoint_alarms": alarms}, change=change)

    return draw


def outliers(belief: str, stream: int, share: float) -> Callable[[int], World]:
    """Return worlds in which a share of aggressors reaches twenty times as far."""

    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        excess = rng.exponential(1.0 / FINE.kappa, len(times))
        return np.where(rng.random(len(times)) < share, 20.0 * excess, excess)

    def draw(seed: int) -> World:
        seen = heard(np.random.default_rng([seed, stream]), FINE, reach=reach)
        return World(seen, {belief: FINE.kappa})

    return draw
