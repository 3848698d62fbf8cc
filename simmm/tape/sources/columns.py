"""Importer of CSV, Parquet and NumPy files whose columns a YAML map describes.

docs/tape-format.md has an example. Files are read whole.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl
import yaml

from simmm.errors import SimmmError, TapeError
from simmm.market import MarketRules
from simmm.nearest import suggestion
from simmm.records import KIND_NAMES
from simmm.tape.schema import TapeInfo
from simmm.tape.sources.repair import write_repaired

_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_SIDES = {
    "1": 1, "+1": 1, "b": 1, "buy": 1, "bid": 1, "bids": 1,
    "-1": -1, "a": -1, "s": -1, "sell": -1, "ask": -1, "asks": -1, "0": 0,
}  # fmt: skip
#: Not known as sides: in one file `true` is a buyer, in another a buyer who was hit.
_TRUTHS = ("true", "false")
_KINDS = {name: name for name in KIND_NAMES} | {
    "snap": "snapshot", "l2": "depth", "update": "depth", "quote": "bbo", "trades": "trade",
}  # fmt: skip
_REQUIRED = ("exch_ts", "kind", "side", "price", "size")
_OPTIONAL = (
    "local_ts", "seq", "trade_id", "order_count", "aggressor_end", "liquidation", "context",
)  # fmt: skip
TimeUnit = Literal["ns", "us", "ms", "s", "iso"]


class ColumnMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a map file says.

    `columns` names the file's column of each field; `constants` gives fields that have none.
    `values` translates what stands in columns `kind` and `side`. Without `local_ts`, rows are seen
    `feed_latency_ns` after they happened.
    """

    market: MarketRules
    columns: dict[str, str]
    constants: dict[str, str | int] = {}
    values: dict[Literal["kind", "side"], dict[str | int | bool, str | int]] = {}
    time_unit: TimeUnit | dict[Literal["exch_ts", "local_ts"], TimeUnit] = "ns"
    feed_latency_ns: int = 0
    separator: str = ","


def read_map(path: str | Path) -> ColumnMap:
    """Read a map file.

    Raises
    ------
    TapeError
        Where it can't be read, doesn't parse, or a field is unknown, missing or of a wrong type.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise TapeError(f"{path}: is no YAML ({reason})") from None
    _check_names(content, path)
    try:
        column_map = msgspec.convert(content, ColumnMap)
    except (msgspec.ValidationError, SimmmError) as error:
        raise TapeError(f"{path}: {error}") from None
    known = (*_REQUIRED, *_OPTIONAL)
    for name in (*column_map.columns, *column_map.constants):
        if name not in known:
            hint = suggestion(name, known)
            raise TapeError(f"{path}: columns.{name} is no field{hint}")
    for name in _REQUIRED:
        if name not in column_map.columns and name not in column_map.constants:
            raise TapeError(f"{path}: columns.{name} is missing; name the column that holds it")
    if column_map.feed_latency_ns < 0:
        raise TapeError(f"{path}: feed_latency_ns must not be negative")
    return column_map


def _check_names(content: Any, path: str | Path) -> None:
    """Refuse a name that a map, or its market, doesn't have, and tell the nearest."""
    if not isinstance(content, dict):
        raise TapeError(f"{path}: expected fields such as `market` and `columns`, found none")
    market = content.get("market")
    for place, names, section in (
        ("", content, ColumnMap),
        ("market.", market if isinstance(market, dict) else {}, MarketRules),
        ("values.", content["values"] if isinstance(content.get("values"), dict) else {}, None),
    ):
        known = ("kind", "side") if section is None else section.__struct_fields__
        for name in names:
            if name not in known:
                hint = suggestion(str(name), known)
                raise TapeError(f"{path}: {place}{name}: unknown field{hint}")


def convert_columns(
    source: Path, target: Path, *, map_file: Path, overwrite: bool = False
) -> tuple[TapeInfo, dict[str, int], dict[str, str]]:
    """Write a file as a tape, by a map; see `convert`."""
    column_map = read_map(map_file)
    table = _read(source, column_map.separator)
    for field, column in column_map.columns.items():
        if column not in table.columns:
            found = ", ".join(table.columns)
            raise TapeError(f"{source}: no column {column!r} for {field}; found {found}")
    frame = _in_arrival_order(_fields(table, column_map, source), source)
    assumed: dict[str, str] = {}
    if "local_ts" not in column_map.columns:
        assumed["local_ts"] = f"exch_ts + {column_map.feed_latency_ns} ns"
    if "seq" not in column_map.columns:
        assumed["seq"] = "neighbours of one kind with equal clocks are one message"
    info, counts = write_repaired(
        frame,
        target,
        column_map.market,
        where=str(source),
        source={"importer": "columns", "file": source.name},
        assumed=assumed,
        overwrite=overwrite,
    )
    return info, counts, assumed


def _read(source: Path, separator: str) -> pl.DataFrame:
    if not source.is_file():
        raise TapeError(f"{source}: no such file")
    if source.stat().st_size == 0:
        raise TapeError(f"{source}: the file is empty")
    kind = source.suffix.lower()
    try:
        if kind == ".parquet":
            table = pl.read_parquet(source, glob=False)
        elif kind == ".npy":
            table = _from_arrays(np.load(source, allow_pickle=False), source)
        elif kind == ".npz":
            with np.load(source, allow_pickle=False) as arrays:
                table = pl.DataFrame({name: arrays[name] for name in arrays.files})
        else:
            chosen = "\t" if kind == ".tsv" else separator
            table = pl.read_csv(source, separator=chosen, infer_schema_length=10_000, glob=False)
    except (pl.exceptions.PolarsError, ValueError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "damaged"
        raise TapeError(f"{source}: cannot be read ({reason})") from None
    if table.height == 0:
        raise TapeError(f"{source}: no rows")
    return table


def _from_arrays(array: np.ndarray, source: Path) -> pl.DataFrame:
    if array.dtype.names is None:
        raise TapeError(f"{source}: must be a structured array, one field a column")
    return pl.DataFrame({name: np.ascontiguousarray(array[name]) for name in array.dtype.names})


def _fields(table: pl.DataFrame, column_map: ColumnMap, source: Path) -> pl.DataFrame:
    """Return the fields a tape is made of, under their own names."""

    def raw(field: str) -> pl.Series:
        if field in column_map.columns:
            return table[column_map.columns[field]]
        return pl.Series(field, [column_map.constants[field]]).new_from_index(0, table.height)

    given = {*column_map.columns, *column_map.constants}
    units = column_map.time_unit
    unit_of = units if isinstance(units, dict) else {"exch_ts": units, "local_ts": units}
    out: dict[str, Any] = {
        "exch_ts": _times(raw("exch_ts"), unit_of.get("exch_ts", "ns"), source),
        "kind": _translate(raw("kind"), _KINDS, column_map.values.get("kind", {}), source),
        "side": _translate(raw("side"), _SIDES, column_map.values.get("side", {}), source),
        "px": _numbers(raw("price"), "price", source),
        "qty": _numbers(raw("size"), "size", source),
    }
    if "local_ts" in given:
        out["local_ts"] = _times(raw("local_ts"), unit_of.get("local_ts", "ns"), source)
        if out["local_ts"].null_count():
            raise TapeError(f"{source}: local_ts must not be null")
    else:
        out["local_ts"] = out["exch_ts"] + column_map.feed_latency_ns
    for field in ("seq", "trade_id", "order_count"):
        if field in given:
            out[field] = raw(field).cast(pl.Int64, strict=False)
    for field in ("aggressor_end", "liquidation"):
        if field in given:
            out[field] = raw(field).cast(pl.Boolean)
    if "context" in given:
        out["context"] = raw("context").cast(pl.String)
    out.setdefault("trade_id", pl.Series([None], dtype=pl.Int64).new_from_index(0, table.height))
    return pl.DataFrame(out)


def _times(values: pl.Series, unit: TimeUnit, source: Path) -> pl.Series:
    if unit == "iso":
        try:
            moment = values.cast(pl.String).str.to_datetime(time_unit="ns", time_zone="UTC")
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0]
            raise TapeError(f"{source}: {values.name}: no ISO time ({reason})") from None
        return moment.dt.epoch("ns")
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.epoch("ns")
    if values.dtype.is_integer():
        return values.cast(pl.Int64) * _NS[unit]
    if values.dtype.is_float():
        # A float holds times of our days to a quarter of a microsecond: keep whole ones.
        return (values * (_NS[unit] / 1_000)).round().cast(pl.Int64) * 1_000
    raise TapeError(f"{source}: {values.name}: {values.dtype} is no time in {unit}")


def _translate(
    values: pl.Series,
    usual: dict[str, Any],
    own: dict[str | int | bool, str | int],
    source: Path,
) -> pl.Series:
    table = usual | {_text(key): _text_or_side(value) for key, value in own.items()}
    if values.dtype.is_float():
        values = values.cast(pl.Int64, strict=False)
    told = values.cast(pl.String).fill_null("0")
    text = told.str.to_lowercase()
    kind: pl.DataType | type[pl.DataType] = pl.String if usual is _KINDS else pl.Int64
    out = text.replace_strict(table, default=None, return_dtype=kind)
    if out.null_count():
        row = int(out.is_null().arg_max() or 0)
        word, place = told[row], "kind" if usual is _KINDS else "side"
        if place == "side" and text[row] in _TRUTHS:
            raise TapeError(
                f"{source}: row {row}, {values.name}: {word!r} says no side by itself; translate "
                "true and false in the map's `values`: {side: {true: sell, false: buy}} where true "
                "means that the buyer was the maker, else the other way round"
            )
        raise TapeError(
            f"{source}: row {row}, {values.name}: {word!r} is no {place} that is known; translate "
            f"it in the map's `values`: {{{place}: {{{word}: ...}}}}"
        )
    return out


def _text(key: str | int | bool) -> str:
    return str(key).lower()


def _text_or_side(value: str | int) -> str | int:
    return _SIDES.get(value.lower(), value) if isinstance(value, str) else value


def _numbers(values: pl.Series, field: str, source: Path) -> pl.Series:
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.null_count():
        row = int(numbers.is_null().arg_max() or 0)
        raise TapeError(f"{source}: row {row}, {field}: {values[row]!r} is no number")
    return numbers


def _in_arrival_order(frame: pl.DataFrame, source: Path) -> pl.DataFrame:
    if "seq" in frame.columns:
        if frame["seq"].null_count():
            raise TapeError(f"{source}: seq must not be null")
        return frame.sort("seq", maintain_order=True)
    frame = frame.sort("local_ts", maintain_order=True)
    change = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ("exch_ts", "local_ts", "kind")
    )
    return frame.with_columns(seq=change.cum_sum().cast(pl.Int64))
