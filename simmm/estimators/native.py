"""The stack as machine code of its own, which the engine calls by address.

So the stack compiles once for all queue models and strategies, and the engine without it.
Interpreted, the engine calls its functions themselves.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from simmm.estimators import stack as estimators
from simmm.estimators.observation import Observation
from simmm.estimators.stack import Stack
from simmm.jit import compiled, compiled_as
from simmm.maker_records import MarketRecord
from simmm.pointers import address_of, address_of_verb, call_verb, record_at

#: What stands for the stack in compiled code: addresses.
StackHandle = np.dtype([("verb", "i8"), ("state", "i8")], align=True)

_START, _HEAR, _READ = range(3)


def start(stack: Any, o: Any, record: Any) -> None:
    """Let all estimators know nothing."""
    estimators.start(stack, record)


def hear(stack: Any, o: Any, record: Any) -> None:
    """Let all estimators hear the observation `o`; beliefs go into `record`."""
    estimators.hear(stack, o, record)


def read(stack: Any, o: Any, record: Any) -> None:
    """Write all beliefs as they stand at `o.now` into `record`."""
    estimators.read(stack, o, record)


@compiled_as(start)
def _start_at(stack: Any, o: Any, record: Any) -> None:
    call_verb(stack.verb, _START, stack.state, address_of(o), address_of(record))


@compiled_as(hear)
def _hear_at(stack: Any, o: Any, record: Any) -> None:
    call_verb(stack.verb, _HEAR, stack.state, address_of(o), address_of(record))


@compiled_as(read)
def _read_at(stack: Any, o: Any, record: Any) -> None:
    call_verb(stack.verb, _READ, stack.state, address_of(o), address_of(record))


@cache
def stack_entry() -> Any:
    """Return the one entry of the stack; it takes what to do and the addresses of its records."""

    def stack_at(what: int, stack_address: int, o_address: int, record_address: int) -> None:
        stack = record_at(stack_address, Stack)
        o = record_at(o_address, Observation)
        record = record_at(record_address, MarketRecord)
        if what == _HEAR:
            estimators.hear(stack, o, record)
        elif what == _READ:
            estimators.read(stack, o, record)
        else:
            estimators.start(stack, record)

    return compiled(stack_at)


def handle_of(stacks: np.ndarray) -> np.ndarray:
    """Return an array of one `StackHandle` for an array of one stack, which must outlive it."""
    with global_compiler_lock:
        found = np.zeros(1, StackHandle)
        found["verb"] = address_of_verb(stack_entry())
        found["state"] = stacks.ctypes.data
        return found
