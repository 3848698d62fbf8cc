"""Worlds for `kappa`: exponential reach, on grids, after changes, and what isn't so."""

from __future__ import annotations

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.kappa import FINE, changed, ideal_sd, outliers, steady_cases
from simmm.study.recovery.worlds.reach import clustered, heard

_BELIEF = "market_kappa"


def _after_alarms(seed: int) -> World:
    """A false alarm cuts the window five minutes before the end."""
    seen = heard(np.random.default_rng([seed, 8]), FINE)
    seconds = (seen["now"] - seen["now"][0]) / 1e9
    alarms = np.where(seconds < FINE.seconds - 300, 0.0, 1.0)
    ideal = {_BELIEF: ideal_sd(seen, FINE, 300.0)}
    return World(seen, {_BELIEF: FINE.kappa}, {"changepoint_alarms": alarms}, ideal)


def _alike(seed: int) -> World:
    """Aggressors come in families, and those of one minute share the scale of their reach."""

    def reach(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        scales = rng.gamma(4.0, 0.25, FINE.seconds // 60 + 1)  # mean 1, deviation 1/2
        return rng.exponential(1.0 / FINE.kappa, len(times)) * scales[(times // 60).astype(int)]

    arrivals = clustered(0.6, 0.5)
    seen = heard(np.random.default_rng([seed, 10]), FINE, arrivals, reach)
    return World(seen, {_BELIEF: FINE.kappa})


CASES = (
    *steady_cases(_BELIEF, 6),
    Case("after a false alarm", "assumed", _after_alarms, (_BELIEF,),
         "a change point is called 300 s before the end, though nothing changes"),
    Case("change, called", "changing", changed(_BELIEF, 7, alarm=True), (_BELIEF,),
         "reach falls to two fifths; a change point is called 30 s later"),
    Case("change, not called", "changing", changed(_BELIEF, 7, alarm=False), (_BELIEF,),
         "reach falls to two fifths; nobody calls it"),
    Case("outliers", "violated", outliers(_BELIEF, 9, 0.05), (_BELIEF,),
         "one in twenty reaches twenty times as far"),
    Case("alike", "violated", _alike, (_BELIEF,),
         "aggressors in Hawkes families (branching 0.6); each minute has its own scale of reach"),
)  # fmt: skip
