"""The engine's feed: rings that hold what a machine may still need of the tape.

Chunks are appended; rows that both venue and maker have passed are overwritten. A ring grows when
a packet stays in flight for longer than it spans, so a late packet costs memory, never a row.
"""

from typing import Any

import numpy as np

from simmm.jit import records
from simmm.records import NEVER, Feed
from simmm.tape import Chunk

FIRST_CAPACITY = 1 << 16


class _Ring:
    """One column in a ring of a power of two, written at absolute positions."""

    def __init__(self, dtype: Any) -> None:
        self._cells = np.zeros(FIRST_CAPACITY, dtype)
        self.view = self._read_only()

    @property
    def capacity(self) -> int:
        return int(self._cells.size)

    def write(self, start: int, values: np.ndarray) -> None:
        place = start & (self.capacity - 1)
        head = min(values.size, self.capacity - place)
        self._cells[place : place + head] = values[:head]
        self._cells[: values.size - head] = values[head:]

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._cells[np.arange(start, stop) & (self.capacity - 1)]

    def grow(self, capacity: int, start: int, stop: int) -> None:
        kept = self.read(start, stop)
        self._cells = np.zeros(capacity, self._cells.dtype)
        self.write(start, kept)
        self.view = self._read_only()

    def _read_only(self) -> np.ndarray:
        view = self._cells.view()
        view.flags.writeable = False
        return view


class RingFeed:
    """Rows, packets and arrivals that are known and not yet passed, and the cursors into them."""

    def __init__(self) -> None:
        self.feeds = records(np.zeros(1, Feed))
        self._rows = [_Ring(np.uint8), _Ring(np.int64), _Ring(np.int64)]
        self._packets = [_Ring(np.int64), _Ring(np.int64), _Ring(np.int64)]
        self._arrivals = [_Ring(np.int64), _Ring(np.int64)]
        self._unseen = _Ring(np.bool_)  # packets the maker has not seen
        self._oldest = 0  # no packet before is needed
        self._marked = 0  # arrivals taken into account in `_unseen`
        self._set_masks()

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """The eight columns `engine.advance` takes, as read-only rings."""
        return tuple(ring.view for ring in (*self._rows, *self._packets, *self._arrivals))

    def push(self, chunk: Chunk) -> None:
        """Append a chunk."""
        feed = self.feeds[0]
        self._forget_seen()
        packet_hi, row_hi = int(feed["packet_hi"]), int(feed["row_hi"])
        arrival, arrival_hi = int(feed["arrival"]), int(feed["arrival_hi"])
        first_row = row_hi
        if self._oldest < packet_hi:
            first_row = int(self._packets[1].read(self._oldest, self._oldest + 1)[0])
        n_packets, n_rows = chunk.packet_ts.size, chunk.tag.size
        n_arrivals = chunk.arrival_ts.size
        self._make_room(self._rows, first_row, row_hi, n_rows)
        # One more packet: the row after the last packet is its end.
        self._make_room([*self._packets, self._unseen], self._oldest, packet_hi, n_packets + 1)
        self._make_room(self._arrivals, arrival, arrival_hi, n_arrivals)
        for ring, values in zip(self._rows, chunk[:3], strict=True):
            ring.write(row_hi, values)
        for ring, values in zip(self._packets, chunk[3:6], strict=True):
            ring.write(packet_hi, values)
        self._packets[1].write(packet_hi + n_packets, np.array([row_hi + n_rows]))
        for ring, values in zip(self._arrivals, chunk[6:8], strict=True):
            ring.write(arrival_hi, values)
        self._unseen.write(packet_hi, np.ones(n_packets, np.bool_))
        feed["row_hi"] = row_hi + n_rows
        feed["packet_hi"] = packet_hi + n_packets
        feed["arrival_hi"] = arrival_hi + n_arrivals
        feed["bound_ts"] = NEVER if chunk.final else chunk.bound_ts
        feed["final"] = int(chunk.final)
        self._set_masks()

    def _forget_seen(self) -> None:
        """Move `_oldest` past packets that both machines have passed."""
        feed = self.feeds[0]
        arrival = int(feed["arrival"])
        if arrival > self._marked:
            seen = self._arrivals[1].read(self._marked, arrival)
            mask = self._unseen.capacity - 1
            self._unseen._cells[seen & mask] = False
            self._marked = arrival
        stop = int(feed["packet"])
        if stop > self._oldest:
            unseen = self._unseen.read(self._oldest, stop)
            first = int(np.argmax(unseen)) if unseen.any() else unseen.size
            self._oldest += first

    @staticmethod
    def _make_room(rings: list[_Ring], start: int, stop: int, count: int) -> None:
        capacity = rings[0].capacity
        while stop - start + count > capacity:
            capacity *= 2
        if capacity > rings[0].capacity:
            for ring in rings:
                ring.grow(capacity, start, stop)

    def _set_masks(self) -> None:
        feed = self.feeds[0]
        feed["row_mask"] = self._rows[0].capacity - 1
        feed["packet_mask"] = self._packets[0].capacity - 1
        feed["arrival_mask"] = self._arrivals[0].capacity - 1


class WholeFeed:
    """A whole tape in memory: the columns as they are, nothing copied."""

    def __init__(self, chunk: Chunk) -> None:
        self.feeds = records(np.zeros(1, Feed))
        feed = self.feeds[0]
        packet_row = np.append(chunk.packet_row, chunk.tag.size)
        packet_row.flags.writeable = False
        for name in ("row_mask", "packet_mask", "arrival_mask"):
            feed[name] = NEVER
        feed["row_hi"] = chunk.tag.size
        feed["packet_hi"] = chunk.packet_ts.size
        feed["arrival_hi"] = chunk.arrival_ts.size
        feed["bound_ts"] = NEVER
        feed["final"] = 1
        self.columns = (
            chunk.tag,
            chunk.px,
            chunk.qty,
            chunk.packet_ts,
            packet_row,
            chunk.packet_info,
            chunk.arrival_ts,
            chunk.arrival_packet,
        )
