"""Files of Tardis: which data type each is, and their columns piece by piece.

Columns and their meaning: docs.tardis.dev, "Downloadable CSV files", data types.
"""

import csv
import gzip
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from simmm.errors import TapeError

HEAD = ("exchange", "symbol", "timestamp", "local_timestamp")
#: Columns of each data type, in the order in which messages of one time are merged.
COLUMNS = {
    "trades": (*HEAD, "id", "side", "price", "amount"),
    "book_ticker": (*HEAD, "ask_amount", "ask_price", "bid_price", "bid_amount"),
    "incremental_book_L2": (*HEAD, "is_snapshot", "side", "price", "amount"),
}
#: A column that only this data type has.
_MARKS = {"trades": "id", "book_ticker": "ask_price", "incremental_book_L2": "is_snapshot"}
_WORDS = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "exchange": _WORDS,
    "symbol": _WORDS,
    "side": _WORDS,
    "id": pa.string(),
    "is_snapshot": pa.bool_(),
    "timestamp": pa.int64(),
    "local_timestamp": pa.int64(),
}
_BLOCK_BYTES = 1 << 22
_ENDINGS = (".csv", ".csv.gz")


class TardisFile(NamedTuple):
    """A file and its data type, a key of `COLUMNS`."""

    path: Path
    kind: str


def listed(path: Path) -> list[Path]:
    """Return the CSV files of a folder by name, or the file itself."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.name.lower().endswith(_ENDINGS))
    return [path]


def header(path: Path) -> list[str]:
    """Return the names in a file's first line.

    Raises
    ------
    TapeError
        Where the file can't be read or is damaged.
    """
    return _first_lines(path)[0]


def first_time(file: TardisFile) -> int:
    """Return when a file's first row arrived, µs; 0 if that can't be told."""
    names, values = _first_lines(file.path)
    told = dict(zip(names, values, strict=False)).get("local_timestamp", "")
    return int(told) if told.isdecimal() else 0


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    with _open(path) as file:
        try:
            lines = csv.reader(file)
            return next(lines, []), next(lines, [])
        except (EOFError, OSError, ValueError, csv.Error) as error:
            raise damaged(path, error) from None


def _open(path: Path) -> io.TextIOBase:
    try:
        if path.name.lower().endswith(".gz"):
            return cast(io.TextIOBase, gzip.open(path, "rt", encoding="utf-8", newline=""))
        return path.open("r", encoding="utf-8", newline="")
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror or error})") from None


def damaged(path: Path, error: Exception) -> TapeError:
    """Return the error for a file that is cut short or not what its name says."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else "it ends early"
    return TapeError(f"{path}: truncated or damaged file ({reason}); fetch it again")


def tardis_file(path: Path) -> TardisFile:
    """Return what a file is by its header.

    Raises
    ------
    TapeError
        Where the file is empty or damaged, lacks a column, or is of another data type.
    """
    found = header(path)
    if not found:
        raise TapeError(f"{path}: the file is empty")
    for kind, columns in COLUMNS.items():
        if set(columns) <= set(found):
            return TardisFile(path, kind)
    there = "; found " + " ".join(", ".join(found).split())[:200]
    near = next((kind for kind in COLUMNS if kind in path.name), "") or next(
        (kind for kind, mark in _MARKS.items() if mark in found), ""
    )
    missing = [name for name in COLUMNS.get(near, HEAD) if name not in found]
    if missing:
        of = f" of {near}" if near else ""
        raise TapeError(f"{path}: line 1: column {missing[0]!r}{of} is missing{there}")
    known = ", ".join(COLUMNS)
    raise TapeError(f"{path}: line 1: these are not the columns of {known}{there}")


def batches(
    file: TardisFile, names: Sequence[str] = (), *, block_bytes: int = _BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield a file's columns piece by piece; `TapeError` names the line that can't be read."""
    columns = list(names or COLUMNS[file.kind])
    convert = pacsv.ConvertOptions(
        column_types={name: _TYPES.get(name, pa.float64()) for name in columns},
        include_columns=columns,
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        with pacsv.open_csv(
            file.path,
            pacsv.ReadOptions(block_size=block_bytes, use_threads=False),
            convert_options=convert,
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        _tell_line(file, columns)
        raise damaged(file.path, error) from None
    except (pa.ArrowException, OSError, EOFError) as error:
        raise damaged(file.path, error) from None


def _tell_line(file: TardisFile, columns: Sequence[str]) -> None:
    """Raise `TapeError` for the first line that doesn't parse."""
    with _open(file.path) as text:
        reader = csv.reader(text)
        try:
            names = next(reader, [])
            for fields in reader:
                where = f"{file.path}: line {reader.line_num}"
                if fields and len(fields) != len(names):
                    raise TapeError(f"{where}: {len(fields)} columns, expected {len(names)}")
                for name, value in zip(names, fields, strict=False):
                    if name in columns and not _parses(name, value):
                        raise TapeError(f"{where}: {name}: {value!r} is no {_what(name)}")
        except (EOFError, OSError, ValueError, csv.Error) as error:
            raise damaged(file.path, error) from None


def _what(name: str) -> str:
    kind = _TYPES.get(name)
    if kind is None:
        return "number"
    return "true or false" if kind == pa.bool_() else "whole number"


def _parses(name: str, value: str) -> bool:
    kind = _TYPES.get(name)
    if value == "" or kind in (_WORDS, pa.string()):
        return True
    if kind == pa.bool_():
        return value.lower() in ("true", "false", "0", "1")
    try:
        if kind is not None:
            return abs(int(value)) < 1 << 63
        return not math.isnan(float(value)) or value.lower() in ("nan", "-nan")
    except ValueError:
        return False
