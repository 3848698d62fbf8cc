"""Worlds for `robust_kappa`: clean exponential reach, on grids, and outliers."""

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


def _steady(market: Market) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        seen = heard(np.random.default_rng([seed, 10]), market)
        count = max(aggressors_since(seen, WINDOW_S), 1)
        ideal = market.kappa / math.sqrt(count * information(market.kappa, market.step))
        return World(seen, {"robust_kappa": market.kappa}, ideal_sd={"robust_kappa": ideal})

    return draw


def _change(seed: int) -> World:
    """The reach shrinks at once; a change point is called half a minute later."""
    market = replace(FINE, seconds=1_500, arrival=1.0, half_spreads=(0.5e-5,))

    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        return rng.exponential(1.0 / np.where(times < CHANGE_S, 1.0, AFTER)) / market.kappa

    seen = heard(np.random.default_rng([seed, 11]), market, reach=reach)
    seconds = (seen["now"] - seen["now"][0]) / 1e9
    truth = np.where(seconds < CHANGE_S, market.kappa, AFTER * market.kappa)
    alarms = np.where(seconds < CHANGE_S + 30, 0.0, 1.0)
    change = int(np.searchsorted(seconds, CHANGE_S))
    return World(seen, {"robust_kappa": truth}, {"changepoint_alarms": alarms}, change=change)


def _outliers(share: float) -> Callable[[int], World]:
    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        excess = rng.exponential(1.0 / FINE.kappa, len(times))
        return np.where(rng.random(len(times)) < share, 20.0 * excess, excess)

    def draw(seed: int) -> World:
        seen = heard(np.random.default_rng([seed, 12]), FINE, reach=reach)
        return World(seen, {"robust_kappa": FINE.kappa})

    return draw


_BELIEFS = ("robust_kappa",)
CASES = (
    Case("no grid", "assumed", _steady(CONTINUOUS), _BELIEFS,
         "kappa 8,000, about 500 aggressors in the window, on no grid"),
    Case("fine grid", "assumed", _steady(FINE), _BELIEFS,
         "the same, on steps of a twelfth of the mean reach"),
    Case("coarse grid", "assumed", _steady(COARSE), _BELIEFS,
         "kappa times step is 1.4: three of four aggressors stop at the touch"),
    Case("few", "assumed", _steady(SPARSE), _BELIEFS, "about 50 aggressors in the window"),
    Case("change, called", "changing", _change, _BELIEFS,
         "reach falls to two fifths; a change point is called 30 s later"),
    Case("outliers", "violated", _outliers(0.05), _BELIEFS,
         "one in twenty reaches twenty times as far"),
    Case("few outliers", "violated", _outliers(0.01), _BELIEFS,
         "one in a hundred reaches twenty times as far"),
)  # fmt: skip
