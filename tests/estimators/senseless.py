"""Observations that make no sense, for tests that an estimator stays finite whatever comes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from simmm.estimators.observation import AGGRESSOR, CLOCK, KINDS, Observation

NS = 1_000_000_000
ANY = st.floats(allow_nan=True, allow_infinity=True)
#: Kind, mid, half spread, step and reach of clocks and aggressors.
CALLS = st.lists(
    st.tuples(st.sampled_from([CLOCK, AGGRESSOR]), ANY, ANY, ANY, ANY), min_size=1, max_size=40
)
Call = tuple[int, float, float, float, float]


def as_observations(calls: list[Call]) -> np.ndarray:
    """Observations of `CALLS`, one a second."""
    seen = np.zeros(len(calls), Observation)
    for i, (kind, mid, half_spread, step, reach) in enumerate(calls):
        seen[i]["kind"], seen[i]["now"] = kind, i * NS
        seen[i]["mid"], seen[i]["half_spread"] = mid, half_spread
        seen[i]["step"], seen[i]["reach"] = step, reach
    return seen


def of_own_orders(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Observations of all kinds whose fields on own orders are drawn from `values`."""
    rows = np.zeros(2000, Observation)
    rows["kind"] = rng.integers(0, len(KINDS), rows.size)
    rows["now"] = np.sort(rng.integers(0, 10**12, rows.size))
    rows["exch_ts"] = rng.integers(-(10**12), 10**12, rows.size)
    for name in ("mid", "side", "distance", "own_distance"):
        rows[name] = rng.choice(values, rows[name].shape)
    rows["own"] = rng.integers(-5, 40, (rows.size, 2))
    return rows
