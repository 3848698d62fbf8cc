"""All estimators together: one state, one set of parameters, and who hears what.

Kernels are put together from the catalogue, each estimator after those whose beliefs it reads. When
one has heard an observation it writes its beliefs at once, so that those after it read what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from simmm.errors import ScenarioError
from simmm.estimators.catalogue import ESTIMATORS
from simmm.estimators.observation import (
    AGGRESSOR,
    BUCKET,
    CLOCK,
    CONTEXT,
    FILL,
    GAP,
    TOUCH,
)
from simmm.jit import kernel
from simmm.math import stream_key
from simmm.nearest import suggestion

States = np.dtype([(entry.name, entry.state) for entry in ESTIMATORS], align=True)
Parameters = np.dtype([(entry.name, entry.parameters.dtype) for entry in ESTIMATORS], align=True)
Keys = np.dtype([(entry.name, "i8") for entry in ESTIMATORS], align=True)

#: The whole stack of one market.
Stack = np.dtype(
    [
        ("states", States),
        ("parameters", Parameters),
        ("keys", Keys),  # of the streams of random numbers
        ("heard", "i8", (8,)),  # observations so far, by kind
    ],
    align=True,
)


def write_parameters(
    stack: Any, values: Mapping[str, Mapping[str, float | int]], seed: int
) -> None:
    """Write what was set, defaults elsewhere, and the keys of the random streams.

    Raises
    ------
    ScenarioError
        For an unknown estimator or parameter, or a value out of range.
    """
    names = [entry.name for entry in ESTIMATORS]
    for name in values:
        if name not in names:
            hint = suggestion(str(name), names)
            raise ScenarioError(f"estimators.{name}: there is no such estimator{hint}")
    for entry in ESTIMATORS:
        filled = entry.parameters.filled(values.get(entry.name), f"estimators.{entry.name}")
        stack["parameters"][entry.name] = filled[0]
        stack["keys"][entry.name] = stream_key(seed, f"estimators.{entry.name}")


@kernel
def _nothing(states: Any, parameters: Any, o: Any, b: Any) -> None:
    """End a chain."""


def _after(name: str, update: Any, read: Any, rest: Any) -> Callable[..., None]:
    def hear(states: Any, parameters: Any, o: Any, b: Any) -> None:
        update(states[name], parameters[name], o, b)
        read(states[name], parameters[name], o.now, b)
        rest(states, parameters, o, b)

    return kernel(hear)


def _chain(kind: int) -> Callable[..., None]:
    """Return a kernel that lets all who hear observations of a kind hear one."""
    chain: Callable[..., None] = _nothing
    for entry in reversed(ESTIMATORS):
        if kind in entry.hears:
            chain = _after(entry.name, entry.update, entry.read, chain)
    return chain


@kernel
def _no_start(states: Any, parameters: Any, keys: Any, b: Any) -> None:
    """End a chain."""


def _start_after(name: str, start: Any, read: Any, rest: Any) -> Callable[..., None]:
    def begin(states: Any, parameters: Any, keys: Any, b: Any) -> None:
        start(states[name], parameters[name], keys[name])
        read(states[name], parameters[name], 0, b)
        rest(states, parameters, keys, b)

    return kernel(begin)


def _starts() -> Callable[..., None]:
    chain: Callable[..., None] = _no_start
    for entry in reversed(ESTIMATORS):
        chain = _start_after(entry.name, entry.start, entry.read, chain)
    return chain


@kernel
def _no_read(states: Any, parameters: Any, now: int, b: Any) -> None:
    """End a chain."""


def _read_after(name: str, read: Any, rest: Any) -> Callable[..., None]:
    def reads(states: Any, parameters: Any, now: int, b: Any) -> None:
        read(states[name], parameters[name], now, b)
        rest(states, parameters, now, b)

    return kernel(reads)


def _reads() -> Callable[..., None]:
    chain: Callable[..., None] = _no_read
    for entry in reversed(ESTIMATORS):
        chain = _read_after(entry.name, entry.read, chain)
    return chain


_clock, _aggressor, _touch = _chain(CLOCK), _chain(AGGRESSOR), _chain(TOUCH)
_bucket, _fill, _context, _gap = _chain(BUCKET), _chain(FILL), _chain(CONTEXT), _chain(GAP)
_start, _read = _starts(), _reads()


@kernel
def start(stack: Any, b: Any) -> None:
    """Let all know nothing; parameters and keys are written before."""
    for kind in range(8):
        stack.heard[kind] = 0
    _start(stack.states, stack.parameters, stack.keys, b)


@kernel
def hear(stack: Any, o: Any, b: Any) -> None:
    """Let all who want to hear `o`; if that closes a bucket of volume, let them hear that too."""
    kind = o.kind
    stack.heard[kind] += 1
    if kind == TOUCH:
        _touch(stack.states, stack.parameters, o, b)
        return
    if kind == AGGRESSOR:
        _aggressor(stack.states, stack.parameters, o, b)
    elif kind == CLOCK:
        _clock(stack.states, stack.parameters, o, b)
    elif kind == FILL:
        _fill(stack.states, stack.parameters, o, b)
        return
    elif kind == CONTEXT:
        _context(stack.states, stack.parameters, o, b)
        return
    else:
        _gap(stack.states, stack.parameters, o, b)
        return
    clock = stack.states.volume_clock
    if clock.closed:
        o.kind = BUCKET
        o.lots = clock.lots
        o.seconds = clock.seconds
        o.change = clock.change
        o.mid = clock.mid
        stack.heard[BUCKET] += 1
        clock.closed = 0
        _bucket(stack.states, stack.parameters, o, b)


@kernel
def read(stack: Any, o: Any, b: Any) -> None:
    """Write all beliefs as they stand at `o.now`."""
    _read(stack.states, stack.parameters, o.now, b)
