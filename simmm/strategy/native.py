"""A strategy as machine code of its own, which the engine calls by address.

So an edited strategy compiles in a second, and the engine once for all of them. Interpreted, the
engine calls the strategy's functions themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.jit import compiled, kernel
from simmm.maker_records import Event, MarketRecord, Wanted
from simmm.pointers import address_of, address_of_verb, call_verb, record_at, word_at
from simmm.strategy.load import Strategy, Verb

#: What stands for a strategy's memory and parameters in compiled code: addresses.
Handles = np.dtype(
    [
        ("quote", "i8"),
        ("observe", "i8"),  # 0: the strategy has none
        ("memory", "i8"),
        ("params", "i8"),
        ("words", "i8"),  # int64 or float64 numbers of the memory
    ],
    align=True,
)


class Native:
    """A strategy's compiled verbs.

    Raises
    ------
    numba.core.errors.NumbaError
        If one of them doesn't compile.
    """

    def __init__(self, strategy: Strategy) -> None:
        self._verbs: list[Any] = []  # their machine code lives as long as these
        memory, params = strategy.memory.dtype, strategy.params.dtype
        self.quote = self._address(strategy.quote, Wanted, memory, params)
        self.observe = 0
        if strategy.observe is not None:
            self.observe = self._address(strategy.observe, Event, memory, params)

    def _address(self, verb: Verb, first: np.dtype, memory: np.dtype, params: np.dtype) -> int:
        entry = entry_of(verb, first, memory, params)
        self._verbs.append(entry)
        return address_of_verb(entry)

    def handles(self, memories: np.ndarray, params: np.ndarray) -> np.ndarray:
        """Return an array of one `Handles` for arrays of one record, which must outlive it."""
        found = np.zeros(1, Handles)
        found["quote"], found["observe"] = self.quote, self.observe
        found["memory"], found["params"] = memories.ctypes.data, params.ctypes.data
        found["words"] = memories.itemsize // 8
        return found


def entry_of(verb: Verb, first: np.dtype, memory: np.dtype, params: np.dtype) -> Any:
    """Return a verb as an entry that takes the addresses of its records."""

    @compiled
    def verb_at(first_at: int, market_at: int, memory_at: int, params_at: int) -> None:
        verb(
            record_at(first_at, first),
            record_at(market_at, MarketRecord),
            record_at(memory_at, memory),
            record_at(params_at, params),
        )

    return verb_at


@kernel
def quote_at(wanted: Any, market: Any, handles: Any, params: Any) -> None:
    """Call the strategy's `quote`."""
    call_verb(handles.quote, address_of(wanted), address_of(market), handles.memory, handles.params)


@kernel
def observe_at(event: Any, market: Any, handles: Any, params: Any) -> None:
    """Call the strategy's `observe`."""
    call_verb(
        handles.observe, address_of(event), address_of(market), handles.memory, handles.params
    )


@kernel
def keep_at(rows: Any, n: int, handles: Any) -> None:
    """Copy the strategy's memory into row `n`; `rows` are its words, row after row."""
    for k in range(handles.words):
        rows[n * handles.words + k] = word_at(handles.memory, k)


@kernel
def keep_record(rows: Any, n: int, memory: Any) -> None:
    """Copy the strategy's memory into row `n`, interpreted."""
    rows[n] = memory
