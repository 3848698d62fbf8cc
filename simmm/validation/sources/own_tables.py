"""An account's orders and fills as recorded, in any of the shapes known, as plain tables.

===============  ===================================================================================
Hyperliquid      replies to `historicalOrders` and `userFills` or `userFillsByTime`, as JSON, or
                 fills as a table of the same columns
simmm            `orders.parquet` and `fills.parquet` of a run or a paper session
tables           Parquet, CSV or JSON with the columns of docs/validate.md
===============  ===================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import ACCEPTED, CANCELLED, EXPIRED, FILLED, GTC, IOC, TAKER

_SUFFIXES = (".parquet", ".csv", ".json")
_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_SIDES = {
    "1": 1, "+1": 1, "b": 1, "buy": 1, "bid": 1, "-1": -1, "a": -1, "s": -1, "sell": -1, "ask": -1,
}  # fmt: skip
#: Column of a table of orders: names it may have.
_ORDERS = {
    "order_id": ("order_id", "id", "oid"),
    "side": ("side",),
    "px": ("px", "price", "limitPx"),
    "size": ("size", "qty", "quantity", "origSz"),
    "placed_ts": ("placed_ts", "add_ts", "timestamp"),
    "end_ts": ("end_ts", "statusTimestamp"),
    "end": ("end", "status"),
}
_FILLS = {
    "order_id": ("order_id", "id", "oid"),
    "ts": ("ts", "time", "time_ms", "fill_ts"),
    "px": ("px", "price"),
    "size": ("size", "qty", "quantity", "sz"),
}
#: Columns that only Hyperliquid's replies have; their times are ms.
_HYPERLIQUID = ("oid", "limitPx", "startPosition", "statusTimestamp")


class Tables(NamedTuple):
    """Orders and fills in common columns, in the order given.

    `orders`: order_id, side, px, size (floats), placed_ts, end_ts (ns, 0 none), end ("fill",
    "cancel", "open"), resting (whether it may have rested). `fills`: order_id, ts (ns), px, size,
    taker.
    """

    orders: pl.DataFrame
    fills: pl.DataFrame
    simulated: bool  # of a simmm run: its orders aren't in the tape
    counts: dict[str, int]  # what was left out
    where: str


def read_tables(paths: Sequence[Path], market: MarketRules, time_unit: str = "ns") -> Tables:
    """Read an account's orders and fills of one market.

    Parameters
    ----------
    paths
        A folder that holds `orders` and `fills`, such as a run's, or the files themselves.
    market
        The tape's; rows of other markets are left out.
    time_unit
        Of tables in no known shape.

    Raises
    ------
    TapeError
        Where a file can't be read or lacks something, or where one kind is missing.
    """
    files = _files(paths)
    orders: list[pl.DataFrame] = []
    fills: list[pl.DataFrame] = []
    counts: dict[str, int] = {}
    simulated = False
    for path in files:
        for frame in _frames(path):
            if _is_simulated(frame):
                simulated = True
                kind, table = _of_run(frame, market)
            else:
                kind, table = _of_account(frame, path, market, time_unit, counts)
            (orders if kind == "orders" else fills).append(table)
    where = ", ".join(str(path) for path in paths)
    if not orders:
        raise TapeError(
            f"{where}: fills alone don't say which orders never filled; give the account's orders "
            "too, as a second --fills or in one folder (docs/validate.md)"
        )
    whole = pl.concat(orders).sort("placed_ts", maintain_order=True)
    every = pl.concat(fills) if fills else _no_fills()
    if whole.height == 0:
        raise TapeError(f"{where}: no orders of {market.symbol}")
    return Tables(_last_word(whole), every, simulated, counts, where)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [
                one
                for one in sorted(path.iterdir())
                if one.suffix.lower() in _SUFFIXES
                and any(word in one.stem.lower() for word in ("orders", "fills"))
            ]
            if not inside:
                raise TapeError(f"{path}: holds no file named orders or fills ({_kinds()})")
            found += inside
        elif not path.is_file():
            raise TapeError(f"{path}: no such file or folder")
        elif path.suffix.lower() not in _SUFFIXES:
            raise TapeError(f"{path}: orders and fills are read from {_kinds()}")
        elif path.stat().st_size == 0:
            raise TapeError(f"{path}: the file is empty")
        else:
            found.append(path)
    return found


def _kinds() -> str:
    return ", ".join(_SUFFIXES)


def _frames(path: Path) -> list[pl.DataFrame]:
    """Return the tables of a file."""
    try:
        if path.suffix.lower() == ".parquet":
            return [pl.read_parquet(path, glob=False)]
        if path.suffix.lower() == ".csv":
            return [pl.read_csv(path, infer_schema_length=10_000, glob=False)]
        content = json.loads(path.read_bytes())
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "damaged"
        raise TapeError(f"{path}: cannot be read ({reason})") from None
    lists = [content] if isinstance(content, list) else []
    if isinstance(content, dict):
        lists = [content[name] for name in ("orders", "fills") if name in content]
    if not lists or not all(isinstance(one, list) for one in lists):
        raise TapeError(f"{path}: expected a list of orders or fills, or both by these names")
    return [_frame(path, rows) for rows in lists if rows]


def _frame(path: Path, rows: list[Any]) -> pl.DataFrame:
    flat = []
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            raise TapeError(f"{path}: entry {at} is no order or fill")
        inner = row.get("order")
        inner = inner.get("order", inner) if isinstance(inner, dict) else {}
        flat.append({**inner, **{name: v for name, v in row.items() if name != "order"}})
    try:
        return pl.DataFrame(flat, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise TapeError(f"{path}: entries differ in kind ({str(error).splitlines()[0]})") from None


def _is_simulated(frame: pl.DataFrame) -> bool:
    return "ahead_at_join" in frame.columns and "quantity" in frame.columns


def _of_run(frame: pl.DataFrame, market: MarketRules) -> tuple[str, pl.DataFrame]:
    """Return a table of a simmm run in common columns."""
    price, lot = float(market.price_quantum), float(market.lot_size)
    both = [
        pl.col("id").alias("order_id"),
        (pl.col("px") * price).alias("px"),
        (pl.col("quantity") * lot).alias("size"),
    ]
    if "known_ts" in frame.columns:
        taker = (pl.col("marks") & TAKER) != 0
        return "fills", frame.select(both[0], "ts", *both[1:], taker=taker)
    ends = {FILLED: "fill", CANCELLED: "cancel", EXPIRED: "cancel", ACCEPTED: "open"}
    end = pl.col("end").replace_strict(ends, default="cancel", return_dtype=pl.String)
    rested = pl.col("end").is_in(list(ends)) & (pl.col("tif") != IOC) & (pl.col("modifies") == 0)
    return "orders", frame.select(
        both[0], "side", *both[1:], "placed_ts", "end_ts", end=end, resting=rested
    )


def _of_account(
    frame: pl.DataFrame, path: Path, market: MarketRules, time_unit: str, counts: dict[str, int]
) -> tuple[str, pl.DataFrame]:
    """Return a table of an account in common columns, its own market alone."""
    unit = _NS["ms" if any(name in frame.columns for name in _HYPERLIQUID) else time_unit]
    is_orders = any(name in frame.columns for name in (*_ORDERS["placed_ts"], *_ORDERS["end"]))
    names = _resolve(frame, path, _ORDERS if is_orders else _FILLS, is_orders)
    market_column = next((name for name in ("coin", "symbol") if name in frame.columns), None)
    if market_column is not None:
        own = {market.symbol, market.symbol.removesuffix("-PERP").removesuffix("-USD")}
        kept = frame.filter(pl.col(market_column).is_in(list(own)))
        if kept.height < frame.height:
            counts["of other markets"] = (
                counts.get("of other markets", 0) + frame.height - kept.height
            )
        if kept.height == 0:
            others = ", ".join(map(str, frame[market_column].unique().sort().head(4)))
            raise TapeError(f"{path}: nothing of {market.symbol}, only of {others}")
        frame = kept
    columns: dict[str, pl.Series] = {}
    for field, column in names.items():
        values = frame[column]
        if field in ("px", "size"):
            columns[field] = _numbers(values, path, field)
        elif field.endswith("ts"):
            columns[field] = _times(values, path, field, unit)
        elif field == "side":
            columns[field] = _sides(values, path)
        elif field == "end":
            columns[field] = _ends(values, path)
        else:
            columns[field] = _whole(values, path, field)
    table = pl.DataFrame(columns)
    if not is_orders:
        taker = frame["crossed"] if "crossed" in frame.columns else pl.Series([False])
        if taker.len() != table.height:
            taker = taker.new_from_index(0, table.height)
        return "fills", table.select("order_id", "ts", "px", "size").with_columns(
            taker=taker.cast(pl.Boolean)
        )
    rests = _may_rest(frame)
    return "orders", table.select(
        "order_id", "side", "px", "size", "placed_ts", "end_ts", "end"
    ).with_columns(resting=rests & (columns["end"] != "refused"))


def _may_rest(frame: pl.DataFrame) -> pl.Series:
    """Whether an order is one that may rest: no trigger, market or immediate order."""
    rests = pl.Series([True]).new_from_index(0, frame.height)
    if "tif" in frame.columns:
        tif = frame["tif"].cast(pl.String).str.to_lowercase().fill_null("none")
        rests &= tif.is_in(["gtc", "alo", "post_only", str(GTC), "2"])
    if "isTrigger" in frame.columns:
        rests &= ~frame["isTrigger"].cast(pl.Boolean).fill_null(False)
    return rests


def _resolve(
    frame: pl.DataFrame, path: Path, known: dict[str, tuple[str, ...]], is_orders: bool
) -> dict[str, str]:
    names = {}
    for field, usual in known.items():
        name = next((name for name in usual if name in frame.columns), None)
        if name is None:
            what = "orders" if is_orders else "fills"
            raise TapeError(
                f"{path}: no column {field} ({' or '.join(usual)}); a table of {what} has "
                f"{', '.join(known)}; found {', '.join(frame.columns)}"
            )
        names[field] = name
    return names


def _numbers(values: pl.Series, path: Path, field: str) -> pl.Series:
    numbers = values.cast(pl.Float64, strict=False)
    bad = numbers.is_null() | ~numbers.is_finite() | (numbers <= 0)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise TapeError(f"{path}: row {row}, {field}: {values[row]!r} is no number above zero")
    return numbers


def _whole(values: pl.Series, path: Path, field: str) -> pl.Series:
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count():
        row = int(whole.is_null().arg_max() or 0)
        raise TapeError(f"{path}: row {row}, {field}: {values[row]!r} is no whole number")
    return whole


def _times(values: pl.Series, path: Path, field: str, unit: int) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.epoch("ns")
    if field == "end_ts":
        values = values.fill_null(0) if values.dtype.is_numeric() else values
    return _whole(values, path, field) * unit


def _sides(values: pl.Series, path: Path) -> pl.Series:
    text = values.cast(pl.String).str.to_lowercase()
    sides = text.replace_strict(_SIDES, default=None, return_dtype=pl.Int64)
    if sides.null_count():
        row = int(sides.is_null().arg_max() or 0)
        raise TapeError(f"{path}: row {row}, side: {values[row]!r} is neither buy nor sell")
    return sides


def _ends(values: pl.Series, path: Path) -> pl.Series:
    """How orders ended: fill, cancel, open, or refused."""
    text = values.cast(pl.String).fill_null("").str.to_lowercase()
    told = {
        word: end
        for end, words in {
            "fill": ("fill", "filled"),
            "open": ("open", "censored", "resting", "accepted"),
            "cancel": ("cancel", "canceled", "cancelled", "replace", "replaced", "modified", "take",
                       "expired"),
            "refused": ("rejected", "refused", "triggered"),
        }.items()
        for word in words
    }  # fmt: skip
    ends = [
        told.get(word)
        or ("cancel" if word.endswith(("canceled", "cancelled")) else None)
        or ("refused" if word.endswith("rejected") else None)
        for word in text
    ]
    if None in ends:
        row = ends.index(None)
        raise TapeError(
            f"{path}: row {row}, end: {values[row]!r} is unknown; "
            "one of fill, cancel, replace, open"
        )
    return pl.Series(ends, dtype=pl.String)


def _last_word(orders: pl.DataFrame) -> pl.DataFrame:
    """Keep one row an order: the one that tells its end, where several tell of it."""
    is_open = pl.col("end") == "open"
    return (
        orders.with_columns(known=~is_open)
        .sort("known", "end_ts", maintain_order=True)
        .unique(["order_id", "placed_ts"], keep="last", maintain_order=True)
        .drop("known")
        .sort("placed_ts", "order_id")
    )


def _no_fills() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"order_id": pl.Int64, "ts": pl.Int64, "px": pl.Float64, "size": pl.Float64,
                "taker": pl.Boolean}
    )  # fmt: skip
