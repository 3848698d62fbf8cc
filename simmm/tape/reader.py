"""Streams tapes as chunks of rows, packets and arrivals.

A chunk is what the engine is fed. Where chunks end can't be seen in the results: concatenated,
chunks of any size are the same arrays.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import NEVER
from simmm.tape.files import Block, Tape, expand
from simmm.tape.merge import merge
from simmm.tape.packets import insert_arrivals
from simmm.tape.schema import TapeInfo

QUEUE_DEPTH = 2

#: Replaces the recorded clock: `clock(packet_ts, packet_seq)` gets the next packets in causal
#: order, the exchange's time and the message's number, and returns their `local_ts`, >= exch_ts.
FeedClock = Callable[[np.ndarray, np.ndarray], np.ndarray]


class TapeSpec(NamedTuple):
    """Files of one market: a path, folder or glob, or several."""

    paths: str | Path | Sequence[str | Path]
    role: Literal["trade", "reference"] = "trade"


class Chunk(NamedTuple):
    """Rows in causal order, their packets, and packets in arrival order. Arrays are read-only."""

    tag: np.ndarray  # u1, one a row
    px: np.ndarray  # i8, quanta
    qty: np.ndarray  # i8, lots
    packet_ts: np.ndarray  # i8, ns of the exchange's clock
    packet_row: np.ndarray  # i8, first row, counted from the stream's start
    packet_info: np.ndarray  # i8, kind | INFO_END | market << INFO_MARKET_SHIFT
    arrival_ts: np.ndarray  # i8, ns of the recorder's clock
    arrival_packet: np.ndarray  # i8, packet, counted from the stream's start
    bound_ts: int  # later packets have exch_ts and local_ts >= this, ns
    final: bool


class TapeStream:
    """Several tapes as one stream. Market index = place in `specs`.

    Attributes
    ----------
    markets, digests, truth, infos
        Of each market: rules; digests, truths and metadata of its files.
    roles
        'trade' or 'reference'.
    rows
        Rows of all markets between start and end.
    first_ts, last_ts, first_local_ts, last_local_ts
        Ends of the stream by both clocks, ns. With a feed clock of one's own, `first_local_ts`
        and `last_local_ts` are the exchange's times: lower bounds.
    """

    def __init__(
        self,
        tapes: Sequence[Tape],
        roles: Sequence[str],
        rows_per_chunk: int | None,
        feed: Callable[[], FeedClock] | None,
    ) -> None:
        self._tapes = list(tapes)
        self._rows_per_chunk = rows_per_chunk
        self._feed = feed
        self.roles = list(roles)
        self.markets: list[MarketRules] = [tape.market for tape in tapes]
        self.infos: list[list[TapeInfo]] = [tape.infos for tape in tapes]
        self.digests = [[info.digest for info in infos] for infos in self.infos]
        self.truth = [infos[0].truth for infos in self.infos]
        self.rows = sum(tape.rows for tape in tapes)
        self.first_ts = min(tape.first_ts for tape in tapes)
        self.last_ts = max(tape.last_ts for tape in tapes)
        self.first_local_ts = min(tape.first_local_ts for tape in tapes)
        self.last_local_ts = max(tape.last_local_ts for tape in tapes)
        if feed is not None:
            self.first_local_ts, self.last_local_ts = self.first_ts, self.last_ts

    def holds(self, kind: int, figure: int | None = None) -> bool:
        """Return whether the traded market's tape has rows of a kind (with that `qty`)."""
        return self._tapes[0].holds(kind, figure)

    def chunks(self) -> Generator[Chunk, None, None]:
        """Yield the stream's chunks, decoded ahead in one thread. May be called again.

        Raises
        ------
        TapeError
            Where the rows on disk can't be read or aren't in causal order.
        """
        return prefetch(self._decode)

    def _decode(self) -> Iterator[Chunk]:
        sources = [tape.blocks(i) for i, tape in enumerate(self._tapes)]
        release = _Release(self._feed() if self._feed else None, self._rows_per_chunk)
        for block in merge(sources):
            yield from release(block)

    def close(self) -> None:
        """Close the files."""
        for tape in self._tapes:
            tape.close()

    def __enter__(self) -> "TapeStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_tapes(
    specs: Sequence[TapeSpec],
    *,
    start: int | None = None,
    end: int | None = None,
    rows_per_chunk: int | None = None,
    feed: Callable[[], FeedClock] | None = None,
) -> TapeStream:
    """Open tapes for streaming.

    Parameters
    ----------
    specs
        One for each market. Files of one spec are read as one tape, by time.
    start, end
        Only rows with start <= exch_ts < end, ns.
    rows_per_chunk
        Close a chunk at the first packet's end at or after so many rows; None: row groups.
    feed
        Makes the clock that replaces the recorded `local_ts`; called at each `chunks()`.

    Raises
    ------
    TapeError
        Where a file can't be used, files overlap, or rules of one market differ.
    """
    if not specs:
        raise TapeError("no tape given")
    if rows_per_chunk is not None and rows_per_chunk < 1:
        raise TapeError(f"rows_per_chunk: {rows_per_chunk} must be at least 1")
    if start is not None and end is not None and end <= start:
        raise TapeError(f"end ({end} ns) must be after start ({start} ns)")
    tapes = [Tape(expand(spec.paths), start, end) for spec in specs]
    return TapeStream(tapes, [spec.role for spec in specs], rows_per_chunk, feed)


class _Release:
    """Turns blocks into chunks; holds arrivals back until no earlier one can come."""

    def __init__(self, feed: FeedClock | None, rows_per_chunk: int | None) -> None:
        self._feed = feed
        self._rows_per_chunk = rows_per_chunk
        self._rows = 0
        self._packets = 0
        self._waiting = tuple(np.empty(0, np.int64) for _ in range(3))
        _freeze(*self._waiting)  # one kind of array, one compiled version

    def __call__(self, block: Block) -> Iterator[Chunk]:
        local = block.local
        if self._feed is not None:
            local = np.asarray(self._feed(block.ts, block.seq), np.int64)
            if (local < block.ts).any():
                raise TapeError("feed latency: a packet would be seen before it happened")
        ts, seq, packet = self._sort(local, block.seq)
        stops = self._stops(block)
        ends = [int(block.row[stop]) for stop in stops[:-1]] + [len(block.tag)]
        packet_row = block.row
        packet_row += self._rows  # in place: blocks are handed over
        _freeze(*block[:6], ts, seq, packet)
        done = row = released = 0
        count = len(block.ts)
        for stop, end_row in zip(stops, ends, strict=True):
            last = stop == count
            final = block.final and last
            bound = NEVER if final else int(block.bound_ts if last else block.ts[stop])
            known = len(ts) if final else int(np.searchsorted(ts, bound))
            yield Chunk(
                block.tag[row:end_row], block.px[row:end_row], block.qty[row:end_row],
                block.ts[done:stop], packet_row[done:stop], block.info[done:stop],
                ts[released:known], packet[released:known], bound, final,
            )  # fmt: skip
            done, row, released = stop, end_row, known
        self._waiting = (ts[released:], seq[released:], packet[released:])
        self._rows += len(block.tag)
        self._packets += count

    def _stops(self, block: Block) -> list[int]:
        """Packets before which a chunk ends; the last is the number of packets."""
        count = len(block.ts)
        if self._rows_per_chunk is None or count == 0:
            return [count]
        stops: list[int] = []
        row = 0
        while True:
            place = int(np.searchsorted(block.row, row + self._rows_per_chunk))
            if place >= count:
                return [*stops, count]
            stops.append(place)
            row = int(block.row[place])

    def _sort(self, local: np.ndarray, seq: np.ndarray) -> tuple[np.ndarray, ...]:
        kept = self._waiting
        total = len(kept[0]) + len(local)
        out = tuple(np.empty(total, np.int64) for _ in range(3))
        disordered = insert_arrivals(
            kept[0], kept[1], kept[2], local, seq, self._packets, out[0], out[1], out[2]
        )
        if disordered:
            ts = np.concatenate((kept[0], local))
            number = np.concatenate((kept[1], seq))
            packet = np.concatenate((kept[2], self._packets + np.arange(len(local))))
            order = np.lexsort((packet, number, ts))
            return ts[order], number[order], packet[order]
        return out


def _freeze(*arrays: np.ndarray) -> None:
    for array in arrays:
        array.flags.writeable = False


class _End(NamedTuple):
    error: BaseException | None


def prefetch(make: Callable[[], Iterator[Chunk]]) -> Generator[Chunk, None, None]:
    """Run an iterator in a thread of its own, at most `QUEUE_DEPTH` items ahead."""
    ready: queue.Queue[Chunk | _End] = queue.Queue(QUEUE_DEPTH)
    stop = threading.Event()

    def offer(item: Chunk | _End) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in make():
                if not offer(item):
                    return
            offer(_End(None))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            offer(_End(error))

    thread = threading.Thread(target=work, name="simmm-tape", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()
