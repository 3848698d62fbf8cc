"""Rows as generators make them: kernels fill one buffer, slice by slice, and a writer empties it.

A generator makes rows in causal order and counts its messages in that order. `Rows` turns those
numbers into arrival numbers (`seq`) as soon as no later message can arrive earlier.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from simmm.jit import kernel, records
from simmm.records import NEVER, PACKET_END

START_TS = 1_735_689_600_000_000_000  # of every world: 2025-01-01 00:00 UTC
SLICE_ROWS = 65_536

#: Called with (done, total) in any unit; progress never decides anything.
Progress = Callable[[int, int], None]

Row = np.dtype(
    [
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("message", "i8"),  # number of the message in causal order
        ("tag", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("aux", "i8"),
    ],
    align=True,
)


@kernel
def put(  # type: ignore[no-untyped-def]
    state, rows, exch_ts: int, local_ts: int, tag: int, px: int, qty: int, aux: int
) -> None:
    """Append one row of the message being written; `state` counts rows and messages."""
    row = rows[state.rows]
    row.exch_ts = exch_ts
    row.local_ts = local_ts
    row.message = state.messages
    row.tag = tag
    row.px = px
    row.qty = qty
    row.aux = aux
    state.rows += 1


@kernel
def end_message(state, rows) -> None:  # type: ignore[no-untyped-def]
    """Close the message being written: the maker steps after its last row."""
    rows[state.rows - 1].tag |= PACKET_END
    state.messages += 1


class Writer(Protocol):
    """What takes a tape's columns (`simmm.tape.writer.TapeWriter`)."""

    truth: dict[str, Any]

    def append(
        self,
        exch_ts: np.ndarray,
        local_ts: np.ndarray,
        seq: np.ndarray,
        tag: np.ndarray,
        px: np.ndarray,
        qty: np.ndarray,
        aux: np.ndarray | None = None,
    ) -> None:
        """Append rows in causal order."""


class Rows:
    """The buffer that a generator's kernel fills, and the numbering of messages by arrival."""

    def __init__(self, writer: Writer) -> None:
        self.buffer = records(np.zeros(SLICE_ROWS, Row))
        self._writer = writer
        self._waiting = np.zeros(0, Row)
        self._local_ts = np.zeros(0, np.int64)  # of messages not yet written
        self._seq = np.zeros(0, np.int64)  # of the same messages, -1: not known yet
        self._first_message = 0
        self._numbered = 0

    def flush(self, count: int, known_until: int) -> None:
        """Take the first `count` rows of the buffer.

        Parameters
        ----------
        count
            Rows in the buffer; they hold whole messages.
        known_until
            No later message has a `local_ts` below this, ns.
        """
        fresh = np.array(self.buffer[:count]).view(Row)
        rows = np.concatenate((self._waiting, fresh))
        starts = np.flatnonzero(np.diff(fresh["message"], prepend=-1))
        self._local_ts = np.concatenate((self._local_ts, fresh["local_ts"][starts]))
        self._seq = np.concatenate((self._seq, np.full(len(starts), -1)))
        self._number(known_until)
        unknown = np.flatnonzero(self._seq < 0)
        messages = int(unknown[0]) if len(unknown) else len(self._seq)
        place = rows["message"] - self._first_message
        ready = int(np.searchsorted(place, messages))
        if ready:
            out = rows[:ready]
            self._writer.append(
                out["exch_ts"],
                out["local_ts"],
                self._seq[place[:ready]],
                out["tag"],
                out["px"],
                out["qty"],
                out["aux"],
            )
        self._waiting = rows[ready:].copy()
        self._local_ts, self._seq = self._local_ts[messages:], self._seq[messages:]
        self._first_message += messages

    def _number(self, known_until: int) -> None:
        places = np.flatnonzero((self._seq < 0) & (self._local_ts < known_until))
        order = places[np.argsort(self._local_ts[places], kind="stable")]
        self._seq[order] = self._numbered + np.arange(len(order))
        self._numbered += len(order)


def write_world(
    advance: Callable[[np.ndarray], int],
    s: Any,
    writer: Writer,
    progress: Progress | None,
    feed_ns: int = 0,
) -> None:
    """Let a kernel fill slice after slice until its world's time is over, and write them.

    Parameters
    ----------
    advance
        Fills the buffer with `s.rows` rows until it is nearly full (returns 0) or the time is over
        (1).
    s
        The world's state, with `rows`, `now` and `end_ts`.
    writer
        Takes the rows.
    progress
        Called with (done, total) in seconds of tape.
    feed_ns
        No message is seen sooner than this after it happened.
    """
    rows = Rows(writer)
    total = int(s.end_ts - START_TS) // 1_000_000_000
    over = 0
    while not over:
        over = advance(rows.buffer)
        rows.flush(int(s.rows), NEVER if over else int(s.now) + feed_ns + 1)
        if progress is not None:
            progress(total if over else int(s.now - START_TS) // 1_000_000_000, total)
