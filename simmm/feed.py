"""The engine's window on the tape: what venue or maker may still need of it.

Chunks are appended piece by piece; rows that both machines have passed are overwritten. A window
that packets in flight fill up grows, so a late packet costs memory (and compiling the engine for
the larger window), never a row.
"""

from collections.abc import Iterator

import numpy as np

from simmm.jit import records
from simmm.records import NEVER, WINDOW_ROWS, window_dtype
from simmm.tape import Chunk

_ROWS = ("tag", "px", "qty")
_PACKETS = ("packet_ts", "packet_row", "packet_info")
_ARRIVALS = ("arrival_ts", "arrival_packet")


class Feed:
    """The window, and which of its packets the maker has not seen."""

    def __init__(self, rows: int = WINDOW_ROWS) -> None:
        self._open(rows)
        self._oldest = 0  # no packet before is needed
        self._marked = 0  # arrivals taken into account in `_unseen`

    def _open(self, rows: int) -> None:
        self._array = np.zeros(1, window_dtype(rows))
        self.windows = records(self._array)
        self._unseen = np.zeros(rows, np.bool_)

    @property
    def capacity(self) -> int:
        """Rows, packets and arrivals the window holds."""
        return int(self._unseen.size)

    @property
    def status(self) -> int:
        """Why the engine returned."""
        return int(self._array["status"][0])

    @property
    def row_hi(self) -> int:
        """Rows fed so far."""
        return int(self._array["row_hi"][0])

    def push(self, chunk: Chunk) -> Iterator[None]:
        """Append a chunk in as many pieces as it takes; advance after each.

        A piece ends between packets. Arrivals are known up to the piece's end.
        """
        offset = self.row_hi  # rows of the chunk are counted from the stream's start
        ends = np.append(chunk.packet_row[1:], offset + chunk.tag.size)
        packets = len(chunk.packet_ts)
        done = arrived = 0
        while True:
            self._forget_seen()
            stop = self._fitting(ends, done, packets)
            last = stop == packets
            row, end = (int(ends[k - 1]) if k else offset for k in (done, stop))
            bound = chunk.bound_ts if last else int(chunk.packet_ts[stop])
            known = len(chunk.arrival_ts)
            if not last:
                known = int(np.searchsorted(chunk.arrival_ts, bound))
            known = self._room_for_arrivals(arrived, known)
            self._write(_ROWS, row, [column[row - offset : end - offset] for column in chunk[:3]])
            first = int(self._array["packet_hi"][0])
            self._write(_PACKETS, first, [column[done:stop] for column in chunk[3:6]])
            self._write(("packet_row",), first + stop - done, [np.array([end])])
            self._mark_unseen(first, stop - done)
            arrival_hi = int(self._array["arrival_hi"][0])
            self._write(_ARRIVALS, arrival_hi, [column[arrived:known] for column in chunk[6:8]])
            window = self._array[0]
            window["row_hi"] = end
            window["packet_hi"] = first + stop - done
            window["arrival_hi"] = arrival_hi + known - arrived
            final = chunk.final and last and known == len(chunk.arrival_ts)
            window["final"] = int(final)
            window["bound_ts"] = NEVER if final else bound
            if known < len(chunk.arrival_ts) and chunk.arrival_ts[known] < bound:
                window["bound_ts"] = chunk.arrival_ts[known]
            done, arrived = stop, known
            yield
            if done == packets and arrived == len(chunk.arrival_ts):
                return

    def _fitting(self, ends: np.ndarray, done: int, packets: int) -> int:
        """Return up to which packet of the chunk the window has room; grows it for a large one."""
        while True:
            window = self._array[0]
            packet_hi, row_hi = int(window["packet_hi"]), int(window["row_hi"])
            first_row = row_hi
            if self._oldest < packet_hi:
                first_row = int(window["packet_row"][self._oldest & (self.capacity - 1)])
            rows_free = self.capacity - (row_hi - first_row)
            # One place more than the packets: the row after the last packet is its end.
            packets_free = self.capacity - (packet_hi - self._oldest) - 1
            stop = int(np.searchsorted(ends, row_hi + rows_free, side="right"))
            stop = min(stop, done + packets_free, packets)
            if stop > done or done == packets:
                return stop
            self._grow()

    def _room_for_arrivals(self, arrived: int, known: int) -> int:
        window = self._array[0]
        held = int(window["arrival_hi"]) - int(window["arrival"])
        return min(known, arrived + self.capacity - held)

    def _write(self, names: tuple[str, ...], start: int, columns: list[np.ndarray]) -> None:
        place = start & (self.capacity - 1)
        for name, values in zip(names, columns, strict=True):
            cells = self._array[name][0]
            head = min(values.size, self.capacity - place)
            cells[place : place + head] = values[:head]
            cells[: values.size - head] = values[head:]

    def _mark_unseen(self, first: int, count: int) -> None:
        place = first & (self.capacity - 1)
        head = min(count, self.capacity - place)
        self._unseen[place : place + head] = True
        self._unseen[: count - head] = True

    def _forget_seen(self) -> None:
        """Move `_oldest` past packets that both machines have passed."""
        window = self._array[0]
        mask = self.capacity - 1
        arrival = int(window["arrival"])
        if arrival > self._marked:
            passed = np.arange(self._marked, arrival) & mask
            self._unseen[window["arrival_packet"][passed] & mask] = False
            self._marked = arrival
        stop = int(window["packet"])
        if stop > self._oldest:
            unseen = self._unseen[np.arange(self._oldest, stop) & mask]
            self._oldest += int(np.argmax(unseen)) if unseen.any() else unseen.size

    def _grow(self) -> None:
        """Move to a window four times as large."""
        old, old_mask = self._array[0], self.capacity - 1
        unseen = self._unseen
        self._open(4 * self.capacity)
        new = self._array[0]
        for name in old.dtype.names or ():
            if old.dtype[name].shape == ():
                new[name] = old[name]
        packets = (self._oldest, int(old["packet_hi"]) + 1)
        rows = (int(old["packet_row"][self._oldest & old_mask]), int(old["row_hi"]))
        arrivals = (int(old["arrival"]), int(old["arrival_hi"]))
        mask = self.capacity - 1
        for names, (low, high) in ((_ROWS, rows), (_PACKETS, packets), (_ARRIVALS, arrivals)):
            numbers = np.arange(low, high)
            for name in names:
                new[name][numbers & mask] = old[name][numbers & old_mask]
        numbers = np.arange(*packets)
        self._unseen[numbers & mask] = unseen[numbers & old_mask]
