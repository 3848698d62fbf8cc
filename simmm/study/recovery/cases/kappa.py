"""Worlds for `kappa`: exponential reach, on grids, after changes, and what isn't so."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.reach import (
    Market,
    aggressors_since,
    clustered,
    heard,
    information,
)

WINDOW_S = 600.0  # default of the parameter
CONTINUOUS = Market(step=0.0)
FINE = Market()
COARSE = Market(step=1.75e-4, half_spreads=(0.875e-4,), arrival=1.0)  # kappa step = 1.4
SPARSE = Market(seconds=700, arrival=0.05)
CHANGE_S = 900
AFTER = 2.5  # times kappa before


def _steady(market: Market) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        seen = heard(np.random.default_rng([seed, 6]), market)
        count = max(aggressors_since(seen, WINDOW_S), 1)
        ideal = market.kappa / math.sqrt(count * information(market.kappa, market.step))
        return World(seen, {"market_kappa": market.kappa}, ideal_sd={"market_kappa": ideal})

    return draw


def _change(seed: int, alarm: bool) -> World:
    """The reach shrinks at once; a change point is called half a minute later, or never."""
    market = replace(FINE, seconds=1_500, arrival=1.0, half_spreads=(0.5e-5,))

    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        kappa = np.where(times < CHANGE_S, market.kappa, AFTER * market.kappa)
        return rng.exponential(1.0 / kappa)

    seen = heard(np.random.default_rng([seed, 7]), market, reach=reach)
    seconds = (seen["now"] - seen["now"][0]) / 1e9
    truth = np.where(seconds < CHANGE_S, market.kappa, AFTER * market.kappa)
    alarms = np.where(seconds < CHANGE_S + 30, 0.0, 1.0) if alarm else 0.0
    change = int(np.searchsorted(seconds, CHANGE_S))
    return World(seen, {"market_kappa": truth}, {"changepoint_alarms": alarms}, change=change)


def _after_alarms(seed: int) -> World:
    """A false alarm cuts the window five minutes before the end."""
    seen = heard(np.random.default_rng([seed, 8]), FINE)
    seconds = (seen["now"] - seen["now"][0]) / 1e9
    alarms = np.where(seconds < FINE.seconds - 300, 0.0, 1.0)
    count = max(aggressors_since(seen, 300.0), 1)
    ideal = FINE.kappa / math.sqrt(count * information(FINE.kappa, FINE.step))
    truth = {"market_kappa": FINE.kappa}
    return World(seen, truth, {"changepoint_alarms": alarms}, {"market_kappa": ideal})


def _outliers(seed: int) -> World:
    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        excess = rng.exponential(1.0 / FINE.kappa, len(times))
        return np.where(rng.random(len(times)) < 0.05, 20.0 * excess, excess)

    return World(
        heard(np.random.default_rng([seed, 9]), FINE, reach=reach), {"market_kappa": FINE.kappa}
    )


def _alike(seed: int) -> World:
    """Aggressors come in families, and those of one minute share the scale of their reach."""

    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        scales = rng.gamma(4.0, 0.25, FINE.seconds // 60 + 1)  # mean 1, deviation 1/2
        return rng.exponential(1.0 / FINE.kappa, len(times)) * scales[(times // 60).astype(int)]

    arrivals = clustered(0.6, 0.5)
    seen = heard(np.random.default_rng([seed, 10]), FINE, arrivals, reach)
    return World(seen, {"market_kappa": FINE.kappa})


_BELIEFS = ("market_kappa",)
CASES = (
    Case("no grid", "assumed", _steady(CONTINUOUS), _BELIEFS,
         "kappa 8,000, about 500 aggressors in the window, on no grid"),
    Case("fine grid", "assumed", _steady(FINE), _BELIEFS,
         "the same, on steps of a twelfth of the mean reach"),
    Case("coarse grid", "assumed", _steady(COARSE), _BELIEFS,
         "kappa times step is 1.4: three of four aggressors stop at the touch"),
    Case("few", "assumed", _steady(SPARSE), _BELIEFS, "about 50 aggressors in the window"),
    Case("after a false alarm", "assumed", _after_alarms, _BELIEFS,
         "a change point is called 300 s before the end, though nothing changes"),
    Case("change, called", "changing", lambda seed: _change(seed, True), _BELIEFS,
         "reach falls to two fifths; a change point is called 30 s later"),
    Case("change, not called", "changing", lambda seed: _change(seed, False), _BELIEFS,
         "reach falls to two fifths; nobody calls it"),
    Case("outliers", "violated", _outliers, _BELIEFS, "one in twenty reaches twenty times as far"),
    Case("alike", "violated", _alike, _BELIEFS,
         "aggressors in Hawkes families (branching 0.6); each minute has its own scale of reach"),
)  # fmt: skip
