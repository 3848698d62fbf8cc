"""One estimator by itself: observations in, beliefs out. For tests, studies and curiosity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from simmm.estimators.catalogue import Estimator, belief_columns
from simmm.estimators.catalogue import estimator as estimator_of
from simmm.jit import compiled, kernel, records


class Driver:
    """Runs one estimator over arrays of observations.

    Parameters
    ----------
    name
        Of the estimator.
    parameters
        Values other than the defaults.
    key
        Of its stream of random numbers, if it has one.

    Attributes
    ----------
    estimator : Estimator
    state : numpy.ndarray
        One record, its whole memory; it may be copied and put back.
    """

    def __init__(
        self, name: str, parameters: Mapping[str, float | int] | None = None, key: int = 1
    ) -> None:
        self.estimator = estimator_of(name)
        self.parameters = self.estimator.parameters.filled(parameters, f"estimators.{name}")
        self.state = np.zeros(1, self.estimator.state)
        self.record = np.zeros(1, record_dtype(name))
        for belief in self.estimator.beliefs:
            self.record[f"{belief.name}_age_ns"] = -1
        start, _ = _entries(name)
        start(*self._arguments(), key)

    def run(
        self,
        observations: np.ndarray,
        given: Mapping[str, np.ndarray | float] | None = None,
        every: int = 1,
    ) -> np.ndarray:
        """Let it hear `observations`; return its beliefs after each, or after each `every`-th.

        Parameters
        ----------
        observations
            Array of `observation.Observation`; kinds that it doesn't hear are passed over, but are
            read after.
        given
            Fields of other estimators' beliefs (``"market_kappa"``, ``"market_kappa_sd"``), a value
            or one per observation.

        Returns
        -------
        numpy.ndarray
            Records with all fields it reads and writes.
        """
        given = given or {}
        known: Any = np.zeros(len(observations) if given else 0, self.record.dtype)
        for name, values in given.items():
            known[name] = values
        found = np.zeros(len(observations) // every, self.record.dtype)
        _, run = _entries(self.estimator.name)
        run(*self._arguments(), records(observations), records(known), records(found), every)
        return found

    def _arguments(self) -> tuple[np.ndarray, ...]:
        return tuple(records(a) for a in (self.state, self.parameters, self.record))


def record_dtype(name: str) -> np.dtype:
    """Return the record of what an estimator reads and writes."""
    entry = estimator_of(name)
    written = tuple(belief.name for belief in entry.beliefs)
    others = tuple(n for n in entry.reads if n not in written)
    return np.dtype(belief_columns((*others, *written)), align=True)


@cache
def _entries(name: str) -> tuple[Callable[..., None], Callable[..., None]]:
    return _start_of(estimator_of(name)), _run_of(estimator_of(name))


def _start_of(entry: Estimator) -> Callable[..., None]:
    begin, read = entry.start, entry.read

    def start(states: Any, parameters: Any, record: Any, key: int) -> None:
        begin(states[0], parameters[0], key)
        read(states[0], parameters[0], 0, record[0])

    return compiled(start)


def _run_of(entry: Estimator) -> Callable[..., None]:
    update, read = entry.update, entry.read
    reads = tuple(field for field, _ in belief_columns(tuple(n for n in entry.reads)))
    hears = sum(1 << kind for kind in entry.hears)
    give = _giver(reads)

    def run(
        states: Any,
        parameters: Any,
        record: Any,
        observations: Any,
        known: Any,
        found: Any,
        every: int,
    ) -> None:
        s, p, b = states[0], parameters[0], record[0]
        for i in range(observations.size):
            o = observations[i]
            if known.size:
                give(known[i], b)
            if hears >> o.kind & 1:
                update(s, p, o, b)
            if (i + 1) % every == 0 and (i + 1) // every <= found.size:
                read(s, p, o.now, b)
                found[(i + 1) // every - 1] = b

    return compiled(run)


def _giver(fields: tuple[str, ...]) -> Callable[..., None]:
    """Return a kernel that copies the named fields from one record to another."""

    def nothing(source: Any, target: Any) -> None:
        return

    copy: Callable[..., None] = kernel(nothing)
    for field in fields:
        copy = _copier(field, copy)
    return copy


def _copier(field: str, rest: Callable[..., None]) -> Callable[..., None]:
    def copy(source: Any, target: Any) -> None:
        target[field] = source[field]
        rest(source, target)

    return kernel(copy)
