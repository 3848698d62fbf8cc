"""Market-by-order rows as recorded: read in pieces, in plain columns, with errors for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from simmm.errors import TapeError
from simmm.nearest import suggestion
from simmm.validation.sources.order_records import (
    ADD,
    CANCEL,
    DELETE,
    FILL,
    MODIFY,
    OPEN,
    REPLACE,
)

NEEDED = ("ts", "action", "order_id", "side", "px", "size")
FURTHER = ("local_ts", "new_id")
#: What a column may be called; the first name is the field's own.
NAMES = {
    "ts": ("ts", "exch_ts", "timestamp", "time", "ts_event"),
    "local_ts": ("local_ts", "ts_recv", "received"),
    "action": ("action", "type", "event"),
    "order_id": ("order_id", "id", "oid"),
    "side": ("side",),
    "px": ("px", "price", "px_quanta"),
    "size": ("size", "qty", "quantity", "lots", "sz", "qty_lots"),
    "new_id": ("new_id", "new_order_id"),
}
IGNORED = -1
_WORDS = {
    "add": ADD, "a": ADD, "new": ADD, "insert": ADD, "join": ADD,
    "cancel": CANCEL, "c": CANCEL, "x": CANCEL, "reduce": CANCEL,
    "delete": DELETE, "d": DELETE, "remove": DELETE,
    "replace": REPLACE, "u": REPLACE,
    "modify": MODIFY, "m": MODIFY, "update": MODIFY,
    "fill": FILL, "f": FILL, "e": FILL, "execute": FILL,
    "open": OPEN, "snapshot": OPEN, "resting": OPEN,
    "trade": IGNORED, "t": IGNORED,
}  # fmt: skip
_SIDES = {
    "1": 1, "+1": 1, "b": 1, "buy": 1, "bid": 1,
    "-1": -1, "a": -1, "s": -1, "sell": -1, "ask": -1, "0": 0, "n": 0, "": 0,
}  # fmt: skip
_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_ROWS = 1 << 20


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a file of market-by-order rows is laid out, where it doesn't use the usual names.

    `columns` names the file's column of a field. Without a column `local_ts`, rows are seen
    `feed_latency_ns` after they happened.
    """

    columns: dict[str, str] = {}
    time_unit: Literal["ns", "us", "ms", "s"] = "ns"
    feed_latency_ns: int = 0


class OrderRows:
    """The rows of a file, piece by piece, as often as wanted.

    Parameters
    ----------
    path
        A Parquet or CSV file (docs/validate.md has the columns).
    layout
        What the columns are called.
    price_quantum, lot_size
        What columns `px_quanta` and `qty_lots` count; "": one.

    Raises
    ------
    TapeError
        Where the file is missing, empty, of another kind, or lacks a column.
    """

    def __init__(
        self, path: Path, layout: Layout, price_quantum: str = "", lot_size: str = ""
    ) -> None:
        self.path = path
        self._layout = layout
        self._counted = {"px_quanta": price_quantum or "1", "qty_lots": lot_size or "1"}
        _require_file(path)
        self._columns = self._resolve(self._names())

    @property
    def has_local_ts(self) -> bool:
        """Whether the file says when a row was seen."""
        return "local_ts" in self._columns

    def _names(self) -> list[str]:
        for batch in self._batches():
            return list(batch.schema.names)
        raise TapeError(f"{self.path}: no rows")

    def _resolve(self, found: list[str]) -> dict[str, str]:
        """Return the file's column of each field."""
        for field, column in self._layout.columns.items():
            if field not in NAMES:
                hint = suggestion(field, NAMES)
                raise TapeError(f"{self.path}: --columns {field}: no such field{hint}")
            if column not in found:
                names = ", ".join(found)
                raise TapeError(f"{self.path}: no column {column!r} for {field}; found {names}")
        columns = dict(self._layout.columns)
        for field, usual in NAMES.items():
            name = next((name for name in usual if name in found), None)
            if field not in columns and name is not None:
                columns[field] = name
        for field in NEEDED:
            if field not in columns:
                raise TapeError(
                    f"{self.path}: no column {field}; found {', '.join(found)}; name it with "
                    f"--columns {field}=NAME if it is among them"
                )
        return columns

    def pieces(self) -> Iterator[dict[str, Any]]:
        """Yield columns of rows in the file's order, whole moments each.

        Each piece holds `row` (number of its first), and arrays `ts`, `local_ts` (ns), `action`,
        `order_id`, `side`, `px`, `size` (floats, nan: none) and, where the file has it, `new_id`.
        """
        waiting: list[dict[str, np.ndarray]] = []
        row = first = 0
        last: int | None = None
        for batch in self._batches():
            columns = self._read(batch, row)
            row += batch.num_rows
            if last is not None and len(columns["ts"]) and columns["ts"][0] < last:
                raise self._backwards(row - batch.num_rows)
            backwards = np.diff(columns["ts"]) < 0
            if backwards.any():
                raise self._backwards(row - batch.num_rows + int(np.argmax(backwards)) + 1)
            last = int(columns["ts"][-1])
            waiting.append(columns)
            whole = _joined(waiting)
            cut = int(np.searchsorted(whole["ts"], last))
            if cut:
                yield {"row": first, **{name: part[:cut] for name, part in whole.items()}}
                whole = {name: part[cut:] for name, part in whole.items()}
                first += cut
            waiting = [whole]
        if waiting and len(waiting[0]["ts"]):
            yield {"row": first, **waiting[0]}

    def _backwards(self, row: int) -> TapeError:
        return TapeError(f"{self.path}: row {row}, ts: goes back; rows must be sorted by time")

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            if self.path.suffix.lower() == ".parquet":
                with pq.ParquetFile(self.path) as file:
                    yield from (b for b in file.iter_batches(_ROWS) if b.num_rows)
                return
            delimiter = "\t" if self.path.suffix.lower() == ".tsv" else ","
            with pa.csv.open_csv(
                self.path,
                read_options=pa.csv.ReadOptions(block_size=1 << 26),
                parse_options=pa.csv.ParseOptions(delimiter=delimiter),
            ) as reader:
                yield from (b for b in reader if b.num_rows)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "damaged"
            raise TapeError(f"{self.path}: cannot be read as orders ({reason})") from None

    def _read(self, batch: pa.RecordBatch, row: int) -> dict[str, np.ndarray]:
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        picked = {field: frame[column] for field, column in self._columns.items()}
        unit = _NS[self._layout.time_unit]
        ts = self._times(picked["ts"], unit, row)
        out = {
            "ts": ts,
            "local_ts": (
                self._times(picked["local_ts"], unit, row)
                if "local_ts" in picked
                else ts + self._layout.feed_latency_ns
            ),
            "action": self._coded(picked["action"], "action", _WORDS, row),
            "order_id": self._ids(picked["order_id"], "order_id", row),
            "side": self._coded(picked["side"], "side", _SIDES, row),
            "px": self._numbers(picked["px"], "px", row),
            "size": self._numbers(picked["size"], "size", row),
        }
        if "new_id" in picked:
            new = picked["new_id"]
            text = new.cast(pl.String).fill_null("0").is_in(["0", "0.0", "NaN", ""])
            out["named_anew"] = (~text).to_numpy()
            none = "" if new.dtype == pl.String else 0
            out["new_id"] = new.set(text, None).fill_null(none).to_numpy()
        bad = out["size"] < 0
        if bad.any():
            raise TapeError(
                f"{self.path}: row {row + int(np.argmax(bad))}, size: "
                f"{out['size'][bad][0]:g} is negative"
            )
        return out

    def _times(self, values: pl.Series, unit: int, row: int) -> np.ndarray:
        if isinstance(values.dtype, pl.Datetime):
            values = values.dt.epoch("ns")
        elif values.dtype.is_integer():
            values = values.cast(pl.Int64) * unit
        else:
            raise TapeError(
                f"{self.path}: {values.name}: {values.dtype} is no time; expected whole numbers "
                f"since 1970 in {self._layout.time_unit} (--time-unit), or a column of times"
            )
        if values.null_count():
            at = row + int(values.is_null().arg_max() or 0)
            raise TapeError(f"{self.path}: row {at}, {values.name}: no time")
        return values.to_numpy()

    def _coded(self, values: pl.Series, field: str, words: dict[str, int], row: int) -> np.ndarray:
        text = values.cast(pl.String).fill_null("").str.to_lowercase()
        if values.dtype.is_float():
            text = text.str.strip_suffix(".0")
        codes = text.replace_strict(words, default=None, return_dtype=pl.Int64)
        if codes.null_count():
            at = int(codes.is_null().arg_max() or 0)
            known = ", ".join(word for word in words if len(word) > 1 or field == "side")
            raise TapeError(
                f"{self.path}: row {row + at}, {field}: {values[at]!r} is unknown; one of {known}"
            )
        return codes.to_numpy()

    def _ids(self, values: pl.Series, field: str, row: int) -> np.ndarray:
        if values.null_count():
            at = row + int(values.is_null().arg_max() or 0)
            raise TapeError(f"{self.path}: row {at}, {field}: empty")
        if values.dtype.is_float():
            values = values.cast(pl.Int64)
        return values.to_numpy()

    def _numbers(self, values: pl.Series, field: str, row: int) -> np.ndarray:
        numbers = values.cast(pl.Float64, strict=False)
        if numbers.null_count() > values.null_count():
            at = int((numbers.is_null() & values.is_not_null()).arg_max() or 0)
            raise TapeError(f"{self.path}: row {row + at}, {field}: {values[at]!r} is no number")
        unit = float(self._counted.get(self._columns[field], "1"))
        return numbers.fill_null(np.nan).to_numpy() * unit


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _require_file(path: Path) -> None:
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise TapeError(f"{path}: {what}")
    if path.stat().st_size == 0:
        raise TapeError(f"{path}: the file is empty")
    if path.suffix.lower() not in (".parquet", ".csv", ".tsv"):
        raise TapeError(f"{path}: orders are read from .parquet, .csv or .tsv files")
