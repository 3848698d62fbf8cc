"""What the tests of all estimators share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from simmm.estimators.catalogue import Estimator
from simmm.estimators.driver import Driver
from tests.contract.estimator_stack import NAMES, given_to, stream

WARM = 20_000  # observations after which all that can be warm is
each = pytest.mark.parametrize("name", NAMES)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether all fields have the same bits; padding does not count."""
    assert a.dtype == b.dtype
    return all(a[f].tobytes() == b[f].tobytes() for f in a.dtype.names or ())


def uncertain(entry: Estimator) -> Iterator[str]:
    """Names of the beliefs that have an interval."""
    yield from (belief.name for belief in entry.beliefs if belief.law != "code")


def written(entry: Estimator) -> list[str]:
    return [field for belief in entry.beliefs for field in belief.fields]


def check_sane(entry: Estimator, found: np.ndarray, ordered: bool = True) -> None:
    """All fields are finite, intervals hold their value, ages are times that have passed."""
    for field in written(entry):
        assert np.isfinite(found[field]).all(), f"{field} is not finite"
    for belief in entry.beliefs:
        name = belief.name
        assert found[f"{name}_age_ns"].min() >= -1, f"{name}: an age below -1"
        if belief.law == "code":
            continue
        value, low, high = found[name], found[f"{name}_low"], found[f"{name}_high"]
        assert found[f"{name}_sd"].min() >= 0.0, f"{name}: a deviation below 0"
        slack = 1e-9 * np.maximum(np.abs(value), np.maximum(np.abs(low), np.abs(high)))
        wrong = low > high
        if ordered:
            wrong = wrong | (low > value + slack) | (value > high + slack)
        at = int(np.argmax(wrong))
        assert not wrong.any(), (
            f"{name}: {value[at]} is not from {low[at]} to {high[at]} after observation {at}; "
            f"{np.count_nonzero(wrong)} in all"
        )
        if belief.law in ("gamma", "lognormal", "beta"):
            assert low.min() >= 0.0, f"{name}: below 0"
        if belief.law == "beta":
            assert high.max() <= 1.0 + 1e-12, f"{name}: above 1"


_warm: dict[str, np.ndarray] = {}


def warm(name: str) -> np.ndarray:
    """Return the memory after most of the hour."""
    if name not in _warm:
        driver = Driver(name)
        part = slice(0, WARM)
        driver.run(stream()[part].copy(), given_to(name, part), every=WARM)
        _warm[name] = driver.state
    return _warm[name]
