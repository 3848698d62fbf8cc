"""Which rows of which files a stream reads, and the packets of one tape, group by group."""

from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import KIND_MASK, PACKET_END
from simmm.tape.packets import NOT_CAUSAL, UNKNOWN_KIND, cut_packets
from simmm.tape.schema import (
    RANKS,
    REPLAY_COLUMNS,
    TapeInfo,
    group_columns,
    open_tape_file,
)


class Piece(NamedTuple):
    """Rows [low, high) of one row group; `row` is the file's number of the group's first row."""

    file: int
    group: int
    low: int
    high: int
    row: int


class Block(NamedTuple):
    """Rows in causal order and their packets. `bound_ts`: later packets have exch_ts >= it."""

    tag: np.ndarray
    px: np.ndarray
    qty: np.ndarray
    ts: np.ndarray
    row: np.ndarray
    info: np.ndarray
    local: np.ndarray
    seq: np.ndarray
    bound_ts: int
    final: bool


def expand(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files that paths, folders and globs name; folders and globs sorted by name."""
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found: list[Path] = []
    for item in given:
        path = Path(item)
        if path.is_dir():
            inside = sorted(path.glob("*.parquet"))
            if not inside:
                raise TapeError(f"{path}: the folder holds no .parquet file")
            found.extend(inside)
        elif not path.exists() and has_magic(str(item)):
            matches = sorted(glob(str(item)))
            if not matches:
                raise TapeError(f"{item}: no file matches")
            found.extend(Path(match) for match in matches)
        else:
            found.append(path)
    if not found:
        raise TapeError("no tape given")
    return found


class Tape:
    """One or more files read as one tape, within [start, end) of exchange time."""

    def __init__(self, paths: Sequence[Path], start: int | None, end: int | None) -> None:
        opened = [(path, *open_tape_file(path)) for path in paths]
        opened.sort(key=lambda item: (item[2].first_ts, item[2].last_ts))
        self.paths = [path for path, _, _ in opened]
        self.infos: list[TapeInfo] = [info for _, _, info in opened]
        self._files: list[pq.ParquetFile] = [file for _, file, _ in opened]
        self.market: MarketRules = self.infos[0].market
        for i in range(1, len(opened)):
            before, now = self.infos[i - 1], self.infos[i]
            if now.market != before.market:
                raise TapeError(
                    f"{self.paths[i]}: market rules differ from those of {self.paths[i - 1]} "
                    f"({_difference(before.market, now.market)}); they can't be one tape"
                )
            if now.first_ts < before.last_ts:
                raise TapeError(
                    f"{self.paths[i]}: begins at {now.first_ts} ns, before {self.paths[i - 1]} "
                    f"ends ({before.last_ts} ns); name each stretch of time once"
                )
        self.pieces = [piece for i in range(len(opened)) for piece in self._pieces(i, start, end)]
        self.rows = sum(piece.high - piece.low for piece in self.pieces)
        if self.rows == 0:
            low, high = self.infos[0].first_ts, self.infos[-1].last_ts
            raise TapeError(
                f"{self.paths[0]}: no rows between start and end; the tape covers {low} to "
                f"{high} ns"
            )
        self._set_times(start is None and end is None)

    def _pieces(self, file: int, start: int | None, end: int | None) -> Iterator[Piece]:
        metadata = self._files[file].metadata
        row = 0
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            low, high = 0, count
            if start is not None or end is not None:
                first, last = self._range(file, group, "exch_ts")
                if (start is not None and first < start) or (end is not None and last >= end):
                    ts = self._column(file, group, "exch_ts")
                    low = 0 if start is None else int(np.searchsorted(ts, start))
                    high = count if end is None else int(np.searchsorted(ts, end))
            if low < high:
                yield Piece(file, group, low, high, row)
            row += count

    def _range(self, file: int, group: int, name: str) -> tuple[int, int]:
        description = self._files[file].metadata.row_group(group)
        place = self._files[file].schema_arrow.names.index(name)
        statistics = description.column(place).statistics
        if statistics is not None and statistics.has_min_max:
            return int(statistics.min), int(statistics.max)
        values = self._column(file, group, name)
        return int(values.min()), int(values.max())

    def holds(self, kind: int, figure: int | None = None) -> bool:
        """Return whether there are rows of a kind (with that `qty`); reads on until the first."""
        for piece in self.pieces:
            tag = self._column(piece.file, piece.group, "tag")[piece.low : piece.high]
            found = (tag & KIND_MASK) == kind
            if figure is not None and found.any():
                qty = self._column(piece.file, piece.group, "qty")[piece.low : piece.high]
                found &= qty == figure
            if found.any():
                return True
        return False

    def _column(self, file: int, group: int, name: str) -> np.ndarray:
        return group_columns(self._files[file], group, (name,), self.paths[file])[name]

    def _set_times(self, whole: bool) -> None:
        if whole:
            self.first_ts, self.last_ts = self.infos[0].first_ts, self.infos[-1].last_ts
            self.first_local_ts = min(info.first_local_ts for info in self.infos)
            self.last_local_ts = max(info.last_local_ts for info in self.infos)
            return
        head, tail = self.pieces[0], self.pieces[-1]
        self.first_ts = int(self._column(head.file, head.group, "exch_ts")[head.low])
        self.last_ts = int(self._column(tail.file, tail.group, "exch_ts")[tail.high - 1])
        ranges = []
        for piece in self.pieces:
            if piece is head or piece is tail:
                local = self._column(piece.file, piece.group, "local_ts")[piece.low : piece.high]
                ranges.append((int(local.min()), int(local.max())))
            else:
                ranges.append(self._range(piece.file, piece.group, "local_ts"))
        self.first_local_ts = min(low for low, _ in ranges)
        self.last_local_ts = max(high for _, high in ranges)

    def blocks(self, market: int) -> Iterator[Block]:
        """Yield all rows with their packets; only whole packets, the last block is `final`."""
        previous = np.array([np.iinfo(np.int64).min, 0, 0, 0])
        carry: dict[str, np.ndarray] | None = None
        for number, piece in enumerate(self.pieces):
            read = group_columns(
                self._files[piece.file], piece.group, REPLAY_COLUMNS, self.paths[piece.file]
            )
            columns = {name: values[piece.low : piece.high] for name, values in read.items()}
            place = piece.row + piece.low
            if carry is not None:
                place -= len(carry["tag"])
                columns = {
                    name: np.concatenate((carry[name], values)) for name, values in columns.items()
                }
                for values in columns.values():
                    values.flags.writeable = False
                carry = None
            final = number == len(self.pieces) - 1
            block, used = self._cut(columns, market, previous, piece.file, place, final)
            if used < len(columns["tag"]):
                carry = {name: values[used:] for name, values in columns.items()}
            if len(block.ts) or final:
                yield block

    def _cut(
        self,
        columns: dict[str, np.ndarray],
        market: int,
        previous: np.ndarray,
        file: int,
        place: int,
        final: bool,
    ) -> tuple[Block, int]:
        """Return the block of whole packets and how many rows it uses."""
        count = len(columns["tag"])
        before = previous.copy()
        ts, row, info, local, seq = (np.empty(count, np.int64) for _ in range(5))
        packets = cut_packets(
            columns["exch_ts"], columns["local_ts"], columns["seq"], columns["tag"], market,
            previous, ts, row, info, local, seq,
        )  # fmt: skip
        if packets < 0:
            self._fail(packets, file, place + int(previous[3]))
        used = count
        bound = int(ts[packets - 1])
        if not final and not columns["tag"][-1] & PACKET_END:
            # The last packet may go on in the next group: it waits.
            packets -= 1
            used = int(row[packets])
            previous[:] = before
            if packets:
                kind = int(info[packets - 1]) & KIND_MASK
                previous[:3] = ts[packets - 1], RANKS[kind], seq[packets - 1]
        block = Block(
            columns["tag"][:used], columns["px"][:used], columns["qty"][:used], ts[:packets],
            row[:packets], info[:packets], local[:packets], seq[:packets], bound, final,
        )  # fmt: skip
        return block, used

    def _fail(self, code: int, file: int, row: int) -> None:
        what = {
            UNKNOWN_KIND: "tag: unknown kind",
            NOT_CAUSAL: "exch_ts, kind, seq: not in causal order; write the tape again, sorted",
        }.get(code, "local_ts: before exch_ts")
        raise TapeError(f"{self.paths[file]}: row {row}, {what}")

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def _difference(one: MarketRules, other: MarketRules) -> str:
    for name in one.__struct_fields__:
        if getattr(one, name) != getattr(other, name):
            return f"{name}: {getattr(one, name)} and {getattr(other, name)}"
    return "none"
