"""The engine's window on the tape: what venue or maker may still need of it.

Chunks are appended piece by piece; rows that both machines have passed are overwritten. A window
that packets in flight fill up grows, so a late packet costs memory (and compiling the engine for
the larger window), never a row.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from simmm.jit import compiled, direct, kernel, records
from simmm.knowledge import believe
from simmm.math import chain
from simmm.records import (
    NEVER,
    UNSEEN_BY_MAKER,
    UNSEEN_BY_VENUE,
    WINDOW_ROWS,
    knowledge_dtype,
    window_dtype,
)
from simmm.tape import Chunk

_ROWS = ("tag", "px", "qty")
_PACKETS = (
    "packet_ts",
    "packet_row",
    "packet_info",
    "packet_order",
    "told_ts",
    "late_ts",
    "unseen",
)
_ARRIVALS = ("arrival_ts", "arrival_packet")
_WINDOW: dict[str, Any] = dict(window_dtype(1).fields or {})
_STATUS, _ROW_HI, _ROW, _PACKET, _BOUND_TS, _SEEN_CHAIN = (
    _WINDOW[name][1] // 8
    for name in ("status", "row_hi", "row", "packet", "bound_ts", "seen_chain")
)
_MARKS = ("mark_local_ts", "mark_exch_ts")


class Feed:
    """The window, and how chunks or single packets are put into it.

    Parameters
    ----------
    hold_ns
        Of a venue that learns from the feed: how long it holds packets back; it then has a window
        of its own. None: it knows all at once.
    end_ns
        What arrives later is not part of such a feed.
    by_arrival
        Packets come singly, as they arrive (`take`), instead of in chunks (`push`).
    """

    def __init__(
        self,
        rows: int = WINDOW_ROWS,
        *,
        hold_ns: int | None = None,
        end_ns: int = NEVER,
        by_arrival: bool = False,
    ) -> None:
        held = hold_ns is not None
        self.knowledge: np.ndarray | None = None
        self._adopt(np.zeros(2 if held else 1, window_dtype(rows)))
        if hold_ns is not None:
            self.array[0]["held"] = 1
            self.knowledge = np.zeros(1, knowledge_dtype(rows))
            self.knowledge[0]["hold_ns"] = hold_ns
            self.knowledge[0]["end_ts"] = end_ns
            self.knowledge[0]["by_arrival"] = by_arrival

    def _adopt(self, array: np.ndarray) -> None:
        self.array = array
        self.windows = records(array)
        #: Rows, packets and arrivals the window holds.
        self.capacity = int(array["tag"].shape[1])
        self._venues, self._makers = (whole_numbers(array[k : k + 1 or None]) for k in (0, -1))
        self._take: Callable[..., bool] | None = None
        self._believe: Callable[..., int] | None = None

    @property
    def status(self) -> int:
        """Why the engine returned."""
        return self._venues.item(_STATUS)

    @property
    def row_hi(self) -> int:
        """Rows fed so far."""
        return self._makers.item(_ROW_HI)

    @property
    def rows_applied(self) -> int:
        """Rows the venue has passed."""
        return self._venues.item(_ROW)

    @property
    def seen_chain(self) -> int:
        """Hash chain over the packets that came singly, as int64."""
        return self._makers.item(_SEEN_CHAIN)

    @property
    def bound_ts(self) -> int:
        """No unknown packet arrives before this, ns."""
        return self._makers.item(_BOUND_TS)

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
            yield from self.believe()
            if done[0] == len(chunk.packet_ts) and done[1] == len(chunk.arrival_ts):
                return

    def take(
        self,
        local_ts: int,
        exch_ts: int,
        info: int,
        order: int,
        tag: np.ndarray,
        px: np.ndarray,
        qty: np.ndarray,
    ) -> None:
        """Append one packet as it arrives; `local_ts` may not be less than that of the last.

        `order` is its place in causal order among packets of equal time and kind.
        """
        while True:
            given = (self.windows, local_ts, exch_ts, info, order, tag, px, qty)
            if self._take is None:
                self._take = direct(_take, *given)
            if self._take(*given):
                return
            self._grow()

    def prepare(self) -> None:
        """Fetch the compiled code for single packets, so that the first one doesn't wait for it."""
        tag, numbers = np.zeros(0, np.uint8), np.zeros(0, np.int64)
        tag.flags.writeable = numbers.flags.writeable = False  # as packets are
        self._take = direct(_take, self.windows, 0, 0, 0, 0, tag, numbers, numbers)
        if self.knowledge is not None:
            self._believe = direct(believe, self.windows, records(self.knowledge))

    def wait(self, bound_ts: int) -> None:
        """Tell that nothing arrives before `bound_ts` that isn't here yet."""
        self._makers[_BOUND_TS] = max(self.bound_ts, bound_ts)

    def finish(self, end_ns: int) -> None:
        """Tell that nothing more will come, and that the run ends at `end_ns`."""
        self.array[-1]["bound_ts"] = NEVER
        self.array[-1]["final"] = 1
        if self.knowledge is not None:
            self.knowledge[0]["end_ts"] = end_ns

    def believe(self) -> Iterator[None]:
        """Let the venue have what it may know by now; the engine advances after each step."""
        if self.knowledge is None:
            yield
            return
        full = 1
        while full:
            passed = self._venues.item(_PACKET)
            given = (self.windows, records(self.knowledge))
            if self._believe is None:
                self._believe = direct(believe, *given)
            full = self._believe(*given)
            yield
            if full and passed == self._venues.item(_PACKET):
                self._grow()

    def _grow(self) -> None:
        """Move to windows four times as large."""
        old, old_mask = self.array, self.capacity - 1
        self._adopt(np.zeros(len(old), window_dtype(4 * self.capacity)))
        mask = self.capacity - 1
        for was, new in zip(old, self.array, strict=True):
            _copy_scalars(was, new)
            packets = (int(was["oldest"]), int(was["packet_hi"]) + 1)
            rows = (int(was["packet_row"][packets[0] & old_mask]), int(was["row_hi"]))
            arrivals = (int(was["marked"]), int(was["arrival_hi"]))
            for names, (low, high) in ((_ROWS, rows), (_PACKETS, packets), (_ARRIVALS, arrivals)):
                for name in names:
                    _copy_ring(was[name], new[name], low, high, old_mask, mask)
        if self.knowledge is None:
            return
        know = self.knowledge[0]
        self.knowledge = np.zeros(1, knowledge_dtype(self.capacity))
        grown = self.knowledge[0]
        _copy_scalars(know, grown)
        grown["held"][: know["n_held"]] = know["held"][: know["n_held"]]
        for name in _MARKS:
            low, high = int(know["mark_head"]), int(know["mark_tail"])
            _copy_ring(know[name], grown[name], low, high, old_mask, mask)
        low, high = int(know["waiting_head"]), int(know["waiting_tail"])
        _copy_ring(know["waiting"], grown["waiting"], low, high, old_mask, mask)


def whole_numbers(array: np.ndarray) -> np.ndarray:
    """Return all of a one-element structured array as int64, without a copy.

    Its single integers are read and written so in a tenth of the time that a record takes.
    """
    return np.ndarray((array.nbytes // 8,), np.int64, buffer=array.data)


def _copy_scalars(old: np.void, new: np.void) -> None:
    for name in old.dtype.names or ():
        if old.dtype[name].shape == ():
            new[name] = old[name]


def _copy_ring(
    old: np.ndarray, new: np.ndarray, low: int, high: int, old_mask: int, mask: int
) -> None:
    numbers = np.arange(low, high)
    new[numbers & mask] = old[numbers & old_mask]


@compiled
def _take(
    windows: Any,
    local_ts: int,
    exch_ts: int,
    info: int,
    order: int,
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
) -> bool:
    """Append one packet and its arrival; False if there is no room."""
    window = windows[windows.size - 1]
    mask = window.tag.size - 1
    kept_row = _free(window)
    if window.packet_hi - window.oldest >= mask or window.row_hi + tag.size - kept_row > mask:
        return False
    n = window.packet_hi
    window.packet_ts[n & mask] = exch_ts
    window.packet_info[n & mask] = info
    window.packet_order[n & mask] = order
    window.unseen[n & mask] = UNSEEN_BY_MAKER
    if windows.size > 1:
        window.unseen[n & mask] = UNSEEN_BY_MAKER | UNSEEN_BY_VENUE
    h = chain(window.seen_chain, local_ts)
    h = chain(h, exch_ts)
    h = chain(h, info)
    h = chain(h, order)
    for k in range(tag.size):
        into = (window.row_hi + k) & mask
        h = chain(h, int(tag[k]))
        h = chain(h, px[k])
        h = chain(h, qty[k])
        window.tag[into] = tag[k]
        window.px[into] = px[k]
        window.qty[into] = qty[k]
    window.seen_chain = h
    window.row_hi += tag.size
    window.packet_hi += 1
    window.packet_row[window.packet_hi & mask] = window.row_hi
    window.arrival_ts[window.arrival_hi & mask] = local_ts
    window.arrival_packet[window.arrival_hi & mask] = n
    window.arrival_hi += 1
    window.bound_ts = max(window.bound_ts, local_ts)
    return True


@kernel
def _free(window: Any) -> int:
    """Give up what both machines have passed; return the first row that is still needed."""
    mask = window.tag.size - 1
    for n in range(window.marked, window.arrival):
        window.unseen[window.arrival_packet[n & mask] & mask] &= UNSEEN_BY_VENUE
    window.marked = window.arrival
    oldest = window.oldest
    while oldest < window.packet and window.unseen[oldest & mask] == 0:
        oldest += 1
    window.oldest = oldest
    if oldest < window.packet_hi:
        return window.packet_row[oldest & mask]
    return window.row_hi


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
    window = windows[windows.size - 1]
    capacity = window.tag.size
    mask = capacity - 1
    row_limit = _free(window) + capacity
    packet_limit = (
        window.oldest + capacity - 1
    )  # one more: the row after the last packet is its end

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
    unseen = UNSEEN_BY_MAKER if windows.size == 1 else UNSEEN_BY_MAKER | UNSEEN_BY_VENUE
    _set_unseen(window.unseen, place, stop - packet, unseen)
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
def _set_unseen(ring: Any, place: int, count: int, unseen: int) -> None:
    """Set `count` places of a ring from `place` on to `unseen`."""
    at = place & (ring.size - 1)
    head = min(count, ring.size - at)
    into = ring[at : at + head]
    for k in range(into.size):
        into[k] = unseen
    into = ring[: count - head]
    for k in range(into.size):
        into[k] = unseen


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
