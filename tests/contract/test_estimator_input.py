"""The law of estimators, continued: no observation and no parameter makes a belief that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.estimators.catalogue import estimator
from simmm.estimators.driver import Driver
from simmm.estimators.observation import LEVELS, OWN, REFERENCES, Observation
from simmm.study.generated_observations import NS
from tests.contract.estimator_checks import WARM, check_sane, each, warm
from tests.contract.estimator_stack import SHORT, given_to, head, stream

NASTY = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-9, 1e300, -1e300, 5e-324, 1e-160, 1e154, 2.0**53,
         -1e-300, float("inf"), float("-inf"), float("nan"))  # fmt: skip
FINITE = tuple(value for value in NASTY if np.isfinite(value))
WAITS = (0, 1, NS, 3_600 * NS, 86_400 * NS, 10 * 365 * 86_400 * NS)
FLOATS = [field for field in Observation.names or () if Observation[field].base == np.float64]
STRETCH = 150  # observations
Change = tuple[int, str, float]


def changed(observations: np.ndarray, changes: list[Change]) -> np.ndarray:
    """Return observations with fields put to other values; `now` is put off from there on."""
    found = observations.copy()
    for at, field, value in changes:
        if field == "now":
            found["now"][at:] += int(value)
        else:
            found[field][at] = value
    return found


CHANGE = st.one_of(
    st.tuples(st.integers(0, STRETCH - 1), st.sampled_from(FLOATS), st.sampled_from(NASTY)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("now"), st.sampled_from(WAITS)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("kind"), st.integers(0, 6)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("levels"), st.integers(0, LEVELS)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("own"), st.integers(0, OWN)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("market"), st.integers(0, REFERENCES)),
    st.tuples(
        st.integers(0, STRETCH - 1), st.just("exch_ts"), st.sampled_from([-(2**62), 0, 2**62])
    ),
)


@each
@given(changes=st.lists(CHANGE, min_size=1, max_size=25), cold=st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_finite_for_any_field(name: str, changes: list[Change], cold: bool) -> None:
    driver = Driver(name)
    if not cold:
        driver.state[:] = warm(name)
    part = slice(0, STRETCH) if cold else slice(WARM, WARM + STRETCH)
    known = {f: v[part] for f, v in given_to(name).items()}
    found = driver.run(changed(stream()[part], changes), known)
    check_sane(estimator(name), found)


@each
@pytest.mark.parametrize("share", [0.02, 1.0])
def test_finite_where_much_is_nonsense(name: str, share: float) -> None:
    """Fields of observations, and what others believe, of any size at once."""
    rng = np.random.default_rng(7)
    observations = head(4 * SHORT)
    size = len(observations)
    for field in FLOATS:
        shape = observations[field].shape
        picked = rng.random(shape) < share
        observations[field] = np.where(picked, rng.choice(NASTY, shape), observations[field])
    observations["now"] += np.cumsum(
        np.where(rng.random(size) < 0.01, rng.choice(WAITS[:4], size), 0)
    )
    known: dict[str, Any] = {}
    for field, values in given_to(name, slice(size)).items():
        odd = rng.choice(FINITE, size)
        if field.endswith("_age_ns"):
            odd = rng.integers(-1, 10 * NS, size)
        known[field] = np.where(rng.random(size) < share, odd, values)
    driver = Driver(name)
    check_sane(estimator(name), driver.run(observations, known))
    after = stream()[size : 2 * size].copy()
    after["now"] += observations["now"][-1] - after["now"][0]
    check_sane(estimator(name), driver.run(after, given_to(name, slice(size, 2 * size))))


@each
def test_parameters_at_the_ends_of_their_ranges(name: str) -> None:
    entry, known = estimator(name), given_to(name)
    for parameter, spec in entry.parameters.fields.items():
        for value in (spec.low, spec.high):
            whole = int(value) if isinstance(spec.default, int) else value
            found = Driver(name, {parameter: whole}).run(stream().copy(), known, every=50)
            # The mean of a very skewed law may lie outside of its 95 % interval.
            check_sane(entry, found, ordered=False)
