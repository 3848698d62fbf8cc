"""Emulates a venue's streams from a finer tape, in bounded memory: tape in, tape out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from simmm.book import clear
from simmm.errors import TapeError
from simmm.jit import records
from simmm.latency_settings import LatencySettings
from simmm.math import stream_key
from simmm.record_views import record_view
from simmm.records import NEVER, Latency, book_dtype
from simmm.tape.files import Tape, expand
from simmm.tape.schema import COLUMNS, TapeInfo, group_columns, open_tape_file
from simmm.tape.streams.kernel import transform
from simmm.tape.streams.numbering import Numbering
from simmm.tape.streams.presets import Streams, check_streams, streams_of
from simmm.tape.streams.state import State
from simmm.tape.writer import TapeWriter

#: `progress(done, total)` in rows read.
Progress = Callable[[int, int], None]

Item = TypeVar("Item")
_OUT_ROWS = 1 << 17
_WINDOW = 1 << 20  # quanta of the book: one size for all, compiled once
_COUNTS = ("trades", "bbos", "images", "short_sides", "crossed_blocks")

Out = np.dtype(
    [("exch_ts", "i8"), ("local_ts", "i8"), ("tag", "i8"), ("px", "i8"), ("qty", "i8"),
     ("aux", "i8")], align=True
)  # fmt: skip
Packet = np.dtype([("row", "i8"), ("local_ts", "i8")], align=True)


class Emulation(NamedTuple):
    """What an emulation did."""

    target: Path
    info: TapeInfo
    streams: Streams
    counts: dict[str, int]


def emulate(
    source: str | Path | Sequence[str | Path],
    target: str | Path,
    *,
    streams: str | Streams = "hyperliquid_fast",
    latency: LatencySettings | None = None,
    seed: int = 1,
    overwrite: bool = False,
    rows_per_chunk: int | None = None,
    progress: Progress | None = None,
) -> Emulation:
    """Write the tape that a venue's public streams would have given of the same market.

    Trades keep price, size, id and order. Images and bbo show the book at the end of their block.
    What the source doesn't know is not told.

    Parameters
    ----------
    source
        Tape file, folder or glob, or several files of one tape.
    target
        The tape to write.
    streams
        A name of `PRESETS`, or `Streams`.
    latency
        How much later a message is seen than its block; None: as much as the row behind it was.
        Drawn latencies are those of one connection, on which nothing overtakes; recorded ones keep
        the order within each stream.
    seed
        Of the draws.
    rows_per_chunk
        Rows read at a time; the result doesn't depend on it.

    Raises
    ------
    TapeError
        Where the source is no tape, the streams can't be, the target exists, or nothing is told.
    RunError
        Where the target can't be written.
    """
    chosen = streams_of(streams) if isinstance(streams, str) else streams
    check_streams(chosen)
    if rows_per_chunk is not None and rows_per_chunk < 1:
        raise TapeError(f"rows_per_chunk: {rows_per_chunk} must be at least 1")
    tape = Tape(expand(source), None, None)
    there = Path(target)
    try:
        if there.exists() and any(there.samefile(path) for path in tape.paths):
            raise TapeError(f"{there}: is the source itself; choose another name")
        machine = _Machine(tape, chosen, latency, seed)
        about = {
            "streams": msgspec.structs.asdict(chosen),
            "of": {"digests": [info.digest for info in tape.infos], **tape.infos[0].source},
        }  # fmt: skip
        with TapeWriter(
            there, tape.market, source=about, truth=tape.infos[0].truth, overwrite=overwrite
        ) as writer:
            numbering = Numbering(writer.append)
            done = 0
            for rows, final in _ahead(_pieces(tape, rows_per_chunk)):
                machine(rows, final, numbering)
                done += len(rows["tag"])
                if progress is not None:
                    progress(done, tape.rows)
            if writer.rows == 0:
                raise TapeError(f"{there}: the streams would have shown nothing of {tape.paths[0]}")
            counts = machine.counts()
            writer.source["counts"] = counts
    finally:
        tape.close()
    assert writer.info is not None
    return Emulation(there, writer.info, chosen, counts)


def _pieces(tape: Tape, size: int | None) -> Iterator[tuple[dict[str, np.ndarray], bool]]:
    """Yield the columns of a tape's rows in causal order, and whether they are the last."""
    left = tape.rows
    opened: tuple[int, Any] | None = None
    try:
        for piece in tape.pieces:
            if opened is None or opened[0] != piece.file:
                if opened is not None:
                    opened[1].close()
                opened = piece.file, open_tape_file(tape.paths[piece.file])[0]
            columns = group_columns(opened[1], piece.group, COLUMNS, tape.paths[piece.file])
            step = size or piece.high - piece.low
            for low in range(piece.low, piece.high, step):
                high = min(low + step, piece.high)
                left -= high - low
                yield {name: columns[name][low:high] for name in COLUMNS}, left == 0
    finally:
        if opened is not None:
            opened[1].close()


def _ahead(pieces: Iterator[Item]) -> Iterator[Item]:
    """Take one item ahead, in a thread of its own."""
    with ThreadPoolExecutor(1, "simmm-tape") as reader:
        coming = reader.submit(next, pieces, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, pieces, None)
            yield item


class _Machine:
    """The kernel with its state and buffers."""

    def __init__(
        self, tape: Tape, streams: Streams, latency: LatencySettings | None, seed: int
    ) -> None:
        self._state = np.zeros(1, State)
        self._book = np.zeros(1, book_dtype(_WINDOW))
        self._line = np.zeros(1, Latency)
        self._market = tape.market.to_record()
        self._outs = np.zeros(_OUT_ROWS, Out)
        self._packets = np.zeros(_OUT_ROWS, Packet)
        clear(record_view(self._book)[0])
        state = self._state[0]
        state["block_ns"] = round(streams.block_ms * 1e6)
        state["image_ns"] = round(streams.every_ms * 1e6) or -1
        state["levels"] = streams.levels
        state["tells_bbo"] = streams.bbo
        state["trade_row"] = -1
        state["shown"] = -1
        state["owed"] = 1
        if latency is not None:
            state["drawn"] = 1
            latency.write(self._line[0], stream_key(seed, "streams.latency"))

    def __call__(self, rows: dict[str, np.ndarray], final: bool, numbering: Numbering) -> None:
        """Read rows and hand on what the streams tell of them."""
        count = len(rows["tag"])
        at = 0
        while at < count + final:
            at = transform(
                rows["exch_ts"], rows["local_ts"], rows["tag"], rows["px"], rows["qty"],
                rows["aux"], at, int(final), records(self._state), records(self._book),
                records(self._line), records(self._market), records(self._outs),
                records(self._packets),
            )  # fmt: skip
            # What is still to be told happens no earlier than the last row that was read.
            over = at > count
            bound = NEVER if over else int(rows["exch_ts"][at - 1]) if at else 0
            self._drain(numbering, bound)

    def _drain(self, numbering: Numbering, bound_ts: int) -> None:
        """Hand complete blocks on; what belongs to the open one moves to the front."""
        state = self._state[0]
        rows, packets = int(state["closed_rows"]), int(state["packets"])
        left = int(state["rows"]) - rows
        if rows == 0 and left > len(self._outs) // 2:  # one block with very many trades
            self._outs = np.concatenate((self._outs, np.zeros_like(self._outs)))
            return
        numbering.add(self._outs[:rows], self._packets[:packets], bound_ts)
        self._outs[:left] = self._outs[rows : rows + left].copy()
        state["rows"], state["packets"], state["closed_rows"] = left, 0, 0
        if state["trade_row"] >= 0:
            state["trade_row"] -= rows

    def counts(self) -> dict[str, int]:
        """Return what was told, and what was left untold."""
        state = self._state[0]
        found = {name: int(state[name]) for name in _COUNTS}
        return {**found, "rows_outside_window": int(self._book["dropped"][0])}
