"""The stack as machine code of its own, which the engine calls by address.

So the stack compiles once for all queue models and strategies, and the engine without it.
Interpreted, the engine calls its functions themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

import simmm
from simmm.estimators import stack as estimators
from simmm.estimators.observation import Observation
from simmm.estimators.stack import Stack
from simmm.jit import INTERPRETED, announce, compiled, compiled_as, is_kept
from simmm.maker_records import MarketRecord
from simmm.pointers import VERB, address_of, address_of_verb, call_verb, record_at

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


def fill(handle: np.ndarray, stacks: np.ndarray) -> None:
    """Write into an array of one `StackHandle` where a stack lies, which must outlive it."""
    child = _Beside.child
    if child is not None:
        child.wait()
    with global_compiler_lock:
        handle["verb"] = address_of_verb(stack_entry())
        handle["state"] = stacks.ctypes.data


class _Beside:
    """The process that compiles the stack, if there is one: one at a time for all threads."""

    child: subprocess.Popen[bytes] | None = None
    lock = threading.Lock()


@contextmanager
def compiling_beside() -> Iterator[None]:
    """Meanwhile let another process compile the stack, if nobody has yet; `fill` waits for it.

    It is the longest compilation there is, so it should begin first. Where it went wrong, whoever
    needs the stack compiles it. Inside another such context this one does nothing.
    """
    with _Beside.lock:
        child = _started() if _Beside.child is None else None
        _Beside.child = _Beside.child or child
    try:
        yield
    finally:
        if child is not None:
            child.kill()
            child.wait()
            _Beside.child = None


def _started() -> subprocess.Popen[bytes] | None:
    if INTERPRETED or (os.cpu_count() or 1) < 2 or is_kept(stack_entry(), VERB.args):
        return None
    announce(stack_entry().__name__)
    paths = [str(Path(simmm.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "simmm.compile_estimators"],  # nothing of the user's folder
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
