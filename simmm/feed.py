"""The engine's window on the tape: what venue or maker may still need of it.

Chunks are appended piece by piece; rows that both machines have passed are overwritten. A window
that packets in flight fill up grows, so a late packet costs memory (and compiling the engine for
the larger window), never a row.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from simmm.jit import compiled, kernel, records
from simmm.records import NEVER, WINDOW_ROWS, window_dtype
from simmm.tape import Chunk

_ROWS = ("tag", "px", "qty")
_PACKETS = ("packet_ts", "packet_row", "packet_info", "unseen")
_ARRIVALS = ("arrival_ts", "arrival_packet")


class Feed:
    """The window, and how chunks are put into it."""

    def __init__(self, rows: int = WINDOW_ROWS) -> None:
        self._array = np.zeros(1, window_dtype(rows))
        self.windows = records(self._array)

    @property
    def capacity(self) -> int:
        """Rows, packets and arrivals the window holds."""
        return int(self._array["tag"].shape[1])

    @property
    def status(self) -> int:
        """Why the engine returned."""
        return int(self._array["status"][0])

    @property
    def row_hi(self) -> int:
        """Rows fed so far."""
        return int(self._array["row_hi"][0])

    @property
    def rows_applied(self) -> int:
        """Rows the venue has passed."""
        return int(self._array["row"][0])

    def push(self, chunk: Chunk) -> Iterator[None]:
        """Append a chunk in as many pieces as it takes; the engine advances after each.

        A piece ends between packets. Arrivals are known up to the piece's end.
        """
        first_row = self.row_hi  # rows of a chunk are counted from the stream's start
        done = np.zeros(2, np.int64)  # packets and arrivals put into the window
        while True:
            _append(self.windows, *chunk[:8], first_row, chunk.bound_ts, int(chunk.final), done)
            if done[0] < 0:
                self._grow()
                done[0] = -1 - done[0]
                continue
            yield
            if done[0] == len(chunk.packet_ts) and done[1] == len(chunk.arrival_ts):
                return

    def _grow(self) -> None:
        """Move to a window four times as large."""
        old, old_mask = self._array[0], self.capacity - 1
        self._array = np.zeros(1, window_dtype(4 * self.capacity))
        self.windows = records(self._array)
        new, mask = self._array[0], self.capacity - 1
        for name in old.dtype.names or ():
            if old.dtype[name].shape == ():
                new[name] = old[name]
        packets = (int(old["oldest"]), int(old["packet_hi"]) + 1)
        rows = (int(old["packet_row"][packets[0] & old_mask]), int(old["row_hi"]))
        arrivals = (int(old["marked"]), int(old["arrival_hi"]))
        for names, (low, high) in ((_ROWS, rows), (_PACKETS, packets), (_ARRIVALS, arrivals)):
            numbers = np.arange(low, high)
            for name in names:
                new[name][numbers & mask] = old[name][numbers & old_mask]


@compiled
def _append(
    windows: Any,
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
    packet_ts: np.ndarray,
    packet_row: np.ndarray,
    packet_info: np.ndarray,
    arrival_ts: np.ndarray,
    arrival_packet: np.ndarray,
    first_row: int,
    bound_ts: int,
    final: int,
    done: np.ndarray,
) -> None:
    """Put what fits of a chunk, from packet `done[0]` and arrival `done[1]` on, into the window.

    `done` moves on; if not one packet fits, ``done[0]`` becomes -1 - itself.
    """
    window = windows[0]
    capacity = window.tag.size
    mask = capacity - 1
    # What both machines have passed is free.
    for n in range(window.marked, window.arrival):
        window.unseen[window.arrival_packet[n & mask] & mask] = 0
    window.marked = window.arrival
    oldest = window.oldest
    while oldest < window.packet and window.unseen[oldest & mask] == 0:
        oldest += 1
    window.oldest = oldest
    kept_row = window.row_hi
    if oldest < window.packet_hi:
        kept_row = window.packet_row[oldest & mask]
    row_limit = kept_row + capacity
    packet_limit = oldest + capacity - 1  # one more: the row after the last packet is its end

    count = packet_ts.size
    packet = done[0]
    place = window.packet_hi
    row = window.row_hi
    stop = min(count, packet + packet_limit - place)
    end = packet_row[stop] if stop < count else first_row + tag.size
    if end > row_limit:
        # The first packet that begins beyond the limit: the one before it ends there.
        stop = _first_not_below(packet_row, packet, row_limit + 1) - 1
        end = packet_row[stop]
    if stop <= packet and packet < count:
        done[0] = -1 - packet
        return
    _copy(window.packet_ts, place, packet_ts, packet, stop)
    _copy(window.packet_row, place, packet_row, packet, stop)
    _copy(window.packet_info, place, packet_info, packet, stop)
    _set_unseen(window.unseen, place, stop - packet)
    _copy(window.tag, row, tag, row - first_row, end - first_row)
    _copy(window.px, row, px, row - first_row, end - first_row)
    _copy(window.qty, row, qty, row - first_row, end - first_row)
    place += stop - packet
    packet = stop
    row = end
    window.packet_row[place & mask] = row
    window.packet_hi = place
    window.row_hi = row
    done[0] = packet
    bound = bound_ts if packet == count else packet_ts[packet]

    arrival = done[1]
    known = window.arrival_hi
    arrival_limit = window.arrival + capacity
    until = arrival_ts.size
    if packet < count:
        until = _first_not_below(arrival_ts, arrival, bound)
    until = min(until, arrival + arrival_limit - known)
    _copy(window.arrival_ts, known, arrival_ts, arrival, until)
    _copy(window.arrival_packet, known, arrival_packet, arrival, until)
    known += until - arrival
    arrival = until
    window.arrival_hi = known
    done[1] = arrival
    window.final = 0
    if arrival < arrival_ts.size:
        bound = min(bound, arrival_ts[arrival])
    elif packet == count and final:
        bound = NEVER
        window.final = 1
    window.bound_ts = bound


@kernel
def _copy(ring: Any, place: int, source: np.ndarray, start: int, stop: int) -> None:
    """Copy source[start:stop] into a ring from `place` on, in at most two straight runs."""
    at = place & (ring.size - 1)
    head = min(stop - start, ring.size - at)
    # Loops over slices from 0 on are those that the compiler turns into wide moves.
    into = ring[at : at + head]
    values = source[start : start + head]
    for k in range(into.size):
        into[k] = values[k]
    into = ring[: stop - start - head]
    values = source[start + head : stop]
    for k in range(into.size):
        into[k] = values[k]


@kernel
def _set_unseen(ring: Any, place: int, count: int) -> None:
    """Set `count` places of a ring from `place` on to 1."""
    at = place & (ring.size - 1)
    head = min(count, ring.size - at)
    into = ring[at : at + head]
    for k in range(into.size):
        into[k] = 1
    into = ring[: count - head]
    for k in range(into.size):
        into[k] = 1


@kernel
def _first_not_below(values: np.ndarray, low: int, limit: int) -> int:
    """Return the first place from `low` on whose value is not below `limit`; values ascend."""
    high = values.size
    while low < high:
        middle = (low + high) // 2
        if values[middle] < limit:
            low = middle + 1
        else:
            high = middle
    return low
