"""Importer of Tardis CSV files: `incremental_book_L2`, `trades` and `book_ticker` of one symbol.

Times are in µs. Consecutive rows with one `local_timestamp` are one message (of the book: with one
`timestamp` too); of `book_ticker` each row is one. Files are read in pieces, so memory doesn't grow
with them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from simmm.errors import TapeError
from simmm.records import DEPTH, SNAPSHOT
from simmm.tape.sources.arrivals import ARRIVED, message_starts, tidy_images
from simmm.tape.sources.registry import Converted, SourceOptions
from simmm.tape.sources.staging import write_merged
from simmm.tape.sources.tardis_files import (
    COLUMNS,
    HEAD,
    TardisFile,
    batches,
    first_time,
    header,
    listed,
    tardis_file,
)
from simmm.tape.sources.tardis_rows import Reading

title = "Tardis CSV (incremental_book_L2, trades, book_ticker)"

_USED = (
    "symbol",
    "market",
    "price_quantum",
    "lot_size",
    "min_notional",
    "maker_fee",
    "taker_fee",
    "clock_shift_ns",
)


def recognises(path: Path) -> bool:
    """Return whether a file, or a file of a folder, has a header of Tardis."""
    try:
        return any(_like_tardis(file) for file in listed(path))
    except (TapeError, OSError):
        return False


def _like_tardis(path: Path) -> bool:
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        return False
    found = set(header(path))
    named = any(kind in path.name for kind in COLUMNS)
    return len(found & set(HEAD)) >= 3 and ("local_timestamp" in found or named)


def convert(sources: Sequence[Path], target: Path, options: SourceOptions) -> Converted:
    """Write Tardis files of one symbol as one tape.

    Parameters
    ----------
    sources
        Files, plain or gzip, of any of the three data types and of any days; or folders of them.

    Returns
    -------
    tuple
        The tape's metadata; counts of what was dropped, repaired and added; what was assumed.

    Raises
    ------
    TapeError
        Names file and line of what can't be read; lists the symbols where there are several.
    """
    options.refuse_others(_USED, str(sources[0]))
    files = [tardis_file(path) for source in sources for path in listed(source)]
    if not files:
        raise TapeError(f"{sources[0]}: no CSV file in this folder")
    files.sort(key=lambda file: (list(COLUMNS).index(file.kind), first_time(file)))
    reading = Reading(files, options)
    info = write_merged(
        [_in_turn([file for file in files if file.kind == kind], reading) for kind in COLUMNS],
        target,
        market=reading.market,
        source={"importer": "tardis_csv", "files": [file.path.name for file in files]},
        counts=reading.counts,
        assumed=reading.assumed,
    )
    return info, reading.counts, reading.assumed


class _Messages:
    """Puts the rows of one file, piece by piece, together to messages."""

    def __init__(self, file: TardisFile, reading: Reading) -> None:
        self._file, self._reading = file, reading
        self._held = np.empty(0, ARRIVED)
        self._number = 0  # of the next message
        self._imageless: bool | None = None  # None: not looked for yet
        self._image_seen = False  # changes before a file's first image are of an older one
        self._before = -1  # kind of the last row of the last message that was let go

    def take(self, rows: np.ndarray, *, final: bool = False) -> np.ndarray:
        """Return the messages that are whole with these rows; the last ones are held back."""
        book = self._file.kind == "incremental_book_L2"
        if book and not self._image_seen and len(rows):
            rows = self._from_first_image(rows)
        rows = np.concatenate((self._held, rows))
        change = np.zeros(len(rows), bool)
        # A message of the book has one time of the exchange, one of trades a time for each.
        for name in ("message", "local_ts", "kind", *(("exch_ts",) if book else ())):
            change[1:] |= rows[name][1:] != rows[name][:-1]
        starts = np.flatnonzero(np.append(True, change[1:])) if len(rows) else np.empty(0, int)
        whole = len(rows) if final else self._whole(rows, starts)
        self._held = rows[whole:].copy()
        rows, starts = rows[:whole], starts[: np.searchsorted(starts, whole)]
        if len(rows) == 0:
            return rows
        rows["message"] = self._number + np.repeat(
            np.arange(len(starts)), np.diff(starts, append=len(rows))
        )
        self._number += len(starts)
        if not book:
            return rows
        return tidy_images(self._as_images(rows), self._reading.counts)

    def _from_first_image(self, rows: np.ndarray) -> np.ndarray:
        images = np.flatnonzero(rows["kind"] == SNAPSHOT)
        if len(images) == 0 and self._imageless is None:
            self._imageless = not self._has_image()
        if self._imageless:
            self._image_seen = True
            self._reading.assumed["book"] = (
                f"{self._file.path.name} holds no image; the book builds up from changes"
            )
            return rows
        first = int(images[0]) if len(images) else len(rows)
        self._image_seen = len(images) > 0
        self._reading.count("changes_before_first_image_dropped", first)
        return rows[first:]

    def _has_image(self) -> bool:
        pieces = batches(self._file, ("symbol", "is_snapshot"))
        symbol = self._reading.symbol
        return any(
            name == symbol and image
            for piece in pieces
            for name, image in zip(*piece.to_pydict().values(), strict=True)
        )

    @staticmethod
    def _whole(rows: np.ndarray, starts: np.ndarray) -> int:
        """Return how many rows are of messages that no later row can belong to."""
        if len(starts) == 0:
            return 0
        last = int(starts[-1])
        if len(starts) > 1 and rows["kind"][last] == SNAPSHOT:
            before = rows[int(starts[-2]) : last]
            if before["kind"][0] == SNAPSHOT and len(np.unique(before["side"])) == 1:
                return int(starts[-2])  # the other side may follow
        return last

    def _as_images(self, rows: np.ndarray) -> np.ndarray:
        """Join images whose sides came one after the other, and note lost connections."""
        starts = message_starts(rows)
        length = np.diff(starts, append=len(rows))
        image = rows["kind"][starts] == SNAPSHOT
        low = np.minimum.reduceat(rows["side"], starts)
        high = np.maximum.reduceat(rows["side"], starts)
        before = np.append(self._before, rows["kind"][starts[:-1]])
        self._before = int(rows["kind"][-1])
        restart = image & (before == DEPTH)
        joins = image[1:] & image[:-1] & (low == high)[1:] & (low == high)[:-1]
        joins &= low[1:] != low[:-1]
        joined = 0
        for place in np.flatnonzero(joins) + 1:
            if joined == place - 1 and joined:
                continue  # the one before has both sides already
            joined = int(place)
            here = slice(int(starts[place]), int(starts[place]) + int(length[place]))
            one = slice(int(starts[place - 1]), here.stop)
            rows["message"][here] = rows["message"][starts[place - 1]]
            rows["local_ts"][one] = rows["local_ts"][one].max()
            self._reading.count("halves_of_images_joined", 1)
        rows["restart"] = np.repeat(restart, length)
        # An image is of one time: the latest that its rows tell.
        starts = message_starts(rows)
        image = rows["kind"][starts] == SNAPSHOT
        latest = np.maximum.reduceat(rows["exch_ts"], starts)
        spread = np.repeat(np.where(image, latest, 0), np.diff(starts, append=len(rows)))
        rows["exch_ts"] = np.where(spread > 0, spread, rows["exch_ts"])
        return rows


def _in_turn(files: Sequence[TardisFile], reading: Reading) -> Iterator[np.ndarray]:
    """Yield the messages of files of one data type, which must follow one another in time."""
    newest, number = 0, 0
    for place, file in enumerate(files):
        begins = place > 0
        for rows in _messages(file, reading):
            if len(rows) == 0:
                continue
            if begins and rows["local_ts"][0] < newest:
                raise TapeError(
                    f"{file.path}: begins before {files[place - 1].path.name} ends; give each time "
                    "once"
                )
            begins = False
            newest = max(newest, int(rows["local_ts"].max()))
            rows["message"] += number
            yield rows
        number += 1 << 40


def _messages(file: TardisFile, reading: Reading) -> Iterator[np.ndarray]:
    """Yield a file's messages, whole, as rows of `arrivals.ARRIVED`."""
    put_together = _Messages(file, reading)
    line = 2
    for batch in batches(file):
        rows = reading.rows(batch, file, line)
        line += batch.num_rows
        yield put_together.take(rows)
    yield put_together.take(np.empty(0, ARRIVED), final=True)
