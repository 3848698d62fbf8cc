"""The engine's window on the tape: what venue or maker may still need of it.

Small chunks are appended piece by piece; rows that both machines have passed are overwritten. A
chunk larger than the window is read where it lies, and what is still on its way at its end is kept.
A window that packets in flight fill up grows, so a late packet costs memory (and compiling the
engine for the larger window), never a row.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from simmm.jit import direct, records
from simmm.knowledge import believe
from simmm.records import NEVER, WINDOW_ROWS
from simmm.tape import Chunk
from simmm.window import append, settle, take
from simmm.window_records import knowledge_dtype, window_dtype

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
_COLUMNS = Chunk._fields[:8]
_NUMBERED = ("row", "packet", "arrival")
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
        """Rows the venue has passed; of one that learns from the feed, rows it was shown."""
        if self.knowledge is not None:
            know = self.knowledge[0]
            return int(know["rows"]) + int(know["other_rows"])
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

        A piece ends between packets. Arrivals are known up to the piece's end. A chunk larger than
        the window is one piece.
        """
        if self.knowledge is None and len(chunk.tag) > self.capacity and _lies_straight(chunk):
            yield from self._lend(chunk)
            return
        first_row = self.row_hi  # rows of a chunk are counted from the stream's start
        done = np.zeros(2, np.int64)  # packets and arrivals put into the window
        while True:
            append(self.windows, *chunk[:8], first_row, chunk.bound_ts, int(chunk.final), done)
            if done[0] < 0:
                self._grow()
                done[0] = -1 - done[0]
                continue
            yield from self.believe()
            if done[0] == len(chunk.packet_ts) and done[1] == len(chunk.arrival_ts):
                return

    def _lend(self, chunk: Chunk) -> Iterator[None]:
        """Let the engine read a chunk where it lies."""
        window = self.array[0]
        window["lent"] = 1
        window["row_base"] = window["row_hi"]
        window["packet_base"] = window["packet_hi"]
        window["arrival_base"] = window["arrival_hi"]
        for name in _COLUMNS:
            window[f"{name}_at"] = getattr(chunk, name).ctypes.data
        window["row_hi"] += len(chunk.tag)
        window["packet_hi"] += len(chunk.packet_ts)
        window["arrival_hi"] += len(chunk.arrival_ts)
        window["bound_ts"] = chunk.bound_ts
        window["final"] = chunk.final
        yield
        while not settle(self.windows):
            self._grow()

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
                self._take = direct(take, *given)
            if self._take(*given):
                return
            self._grow()

    def prepare(self) -> None:
        """Fetch the compiled code for single packets, so that the first one doesn't wait for it."""
        tag, numbers = np.zeros(0, np.uint8), np.zeros(0, np.int64)
        tag.flags.writeable = numbers.flags.writeable = False  # as packets are
        self._take = direct(take, self.windows, 0, 0, 0, 0, tag, numbers, numbers)
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
            row_hi, packet_hi, arrival_hi = (
                int(was[f"{of}_base" if was["lent"] else f"{of}_hi"]) for of in _NUMBERED
            )
            oldest = min(int(was["oldest"]), packet_hi)
            packets = (oldest, packet_hi + 1)
            rows = (int(was["packet_row"][oldest & old_mask]), row_hi)
            arrivals = (int(was["marked"]), arrival_hi)
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


def _lies_straight(chunk: Chunk) -> bool:
    """Return whether a chunk's columns are such that compiled code may read them by address."""
    for name in _COLUMNS:
        column = getattr(chunk, name)
        kind = np.uint8 if name == "tag" else np.int64
        if column.dtype != kind or not column.flags.c_contiguous:
            return False
    return True


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
