"""All estimators over one stream, each told what those before it believe."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from simmm.estimators.catalogue import ESTIMATORS, Estimator, belief_columns, estimator
from simmm.estimators.driver import Driver, _entries
from simmm.study.generated_observations import observed

NAMES = tuple(entry.name for entry in ESTIMATORS)
SECONDS = 3_600
SHORT = 1_500  # observations
Given = dict[str, Any]


@cache
def stream() -> np.ndarray:
    """Return the hour that all hear; nobody may write to it."""
    seen = observed(seed=5, seconds=SECONDS)
    seen.setflags(write=False)
    return seen


def head(count: int = SHORT) -> np.ndarray:
    """Return a copy of the first observations."""
    return stream()[:count].copy()


@cache
def told(name: str) -> np.ndarray:
    """Return what an estimator believes after each observation."""
    return Driver(name).run(stream().copy(), given_to(name))


def given_to(name: str, which: slice = slice(None)) -> Given:
    """Return the fields of others that an estimator reads, as they are on the stream."""
    writer = {f: one.name for one in ESTIMATORS for belief in one.beliefs for f in belief.fields}
    return {
        field: told(writer[field])[field][which].copy()
        for field in others(estimator(name))
        if field in writer
    }


def others(entry: Estimator) -> list[str]:
    """Fields that an estimator reads and others write."""
    own = {field for belief in entry.beliefs for field in belief.fields}
    return [field for field, _ in belief_columns(entry.reads) if field not in own]


def started(driver: Driver) -> Driver:
    """Start a driver again with what stands in its parameters, which no scenario may allow."""
    begin, _ = _entries(driver.estimator.name)
    begin(*driver._arguments(), 1)
    return driver


def digest(name: str, given: Given) -> str:
    """SHA-256 of an estimator's beliefs and memory over the first observations."""
    driver = Driver(name)
    beliefs = driver.run(head(), given)
    bits = hashlib.sha256(driver.state.tobytes())
    for field in beliefs.dtype.names or ():
        bits.update(np.ascontiguousarray(beliefs[field]).tobytes())
    return bits.hexdigest()


def tried(name: str, given: Given, how: str) -> str:
    """`digest`, or what went wrong, which is never the same compiled and interpreted."""
    try:
        return digest(name, given)
    except Exception as error:  # noqa: BLE001 - whatever an estimator does wrong is its own
        return f"{how}: {type(error).__name__}: {error}"


def save(path: str, names: Sequence[str]) -> dict[str, str]:
    """Write what these are given on the first observations; return their digests."""
    given = {name: given_to(name, slice(SHORT)) for name in names}
    flat = {f"{name}.{f}": values for name, one in given.items() for f, values in one.items()}
    np.savez(path, **flat)
    return {name: tried(name, given[name], "compiled") for name in names}


def main(path: str, names: Sequence[str]) -> None:
    """Print the digests, one a line; run with ``NUMBA_DISABLE_JIT=1``."""
    given: dict[str, Given] = {name: {} for name in names}
    with np.load(path) as flat:
        for key in flat.files:
            name, _, field = key.partition(".")
            given[name][field] = flat[key]
    np.seterr(all="ignore")  # compiled code does not warn
    for name in names:
        print(name, tried(name, given[name], "interpreted"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
