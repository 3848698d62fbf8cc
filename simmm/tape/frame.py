"""Tapes from and to data frames with plain columns."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import (
    AGGRESSOR_END,
    BUY,
    CONTEXT,
    CONTEXT_NAMES,
    FIRST,
    FUNDING,
    FUNDING_SCALE,
    GAP,
    KIND_MASK,
    KIND_NAMES,
    KIND_RANK,
    LIQUIDATION,
    OPEN_INTEREST,
    PACKET_END,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.files import Tape, expand
from simmm.tape.schema import NO_AUX, TapeInfo
from simmm.tape.writer import TapeWriter

KIND = pl.Enum(KIND_NAMES)
CONTEXT_FIGURE = pl.Enum(CONTEXT_NAMES)
#: Relative distance from a whole quantum or lot up to which a float counts as that one.
GRID_TOLERANCE = 1e-6
_OTHER_NAMES = {"snap": "snapshot", "l2book": "snapshot", "quote": "bbo"}


def write(
    path: str | Path,
    rows: pl.DataFrame,
    market: MarketRules,
    *,
    source: dict[str, Any] | None = None,
    truth: dict[str, Any] | None = None,
    sort: bool = True,
    overwrite: bool = False,
) -> TapeInfo:
    """Write a frame of plain columns as a tape.

    Parameters
    ----------
    path
        The file to write; it appears when it is complete.
    rows
        Columns `exch_ts`, `local_ts` (integers, ns), `kind` (docs/tape-format.md), `side` (+1, -1),
        `price` and `size` (floats) or `px_quanta` and `qty_lots` (integers). `px` and `qty` are
        taken for either, by their type. Optional: `seq` (else neighbours of one
        kind with equal clocks are one message),
        `trade_id`, `order_count`, `aggressor_end`, `liquidation`, `packet_end`, `context`.
        What `scan` returns can be written again.
    sort
        Put rows into causal order; False: they must already be.

    Raises
    ------
    TapeError
        Names row and field where rows break the format.
    """
    place = Path(path)
    frame = _complete(rows, market, str(place))
    if sort:
        frame = sort_causally(frame)
    frame = _flags(frame)
    with TapeWriter(place, market, source=source, truth=truth, overwrite=overwrite) as tape:
        tape.append(*(frame[name].to_numpy() for name in _OUT))
        return tape.close()


_OUT = ("exch_ts", "local_ts", "seq", "tag", "px", "qty", "aux")


def _complete(rows: pl.DataFrame, market: MarketRules, where: str) -> pl.DataFrame:
    """Return the frame with all columns in their stored types, in the order given."""
    missing = [name for name in ("exch_ts", "local_ts", "kind", "side") if name not in rows.columns]
    if missing:
        raise TapeError(f"{where}: column {missing[0]} is missing; found {', '.join(rows.columns)}")
    if rows.height == 0:
        raise TapeError(f"{where}: no rows to write")
    for name in ("exch_ts", "local_ts", "seq"):
        if name in rows.columns and (
            not rows[name].dtype.is_integer() or rows[name].null_count() > 0
        ):
            raise TapeError(f"{where}: {name} must be integers without nulls (ns)")
    kind = _kinds(rows, where)
    side = _sides(rows, kind, where)
    which = _figures(rows, kind, where)
    px, qty = _amounts(rows, market, kind, which, where)
    return pl.DataFrame(
        {
            "row": pl.int_range(rows.height, eager=True),
            "exch_ts": rows["exch_ts"].cast(pl.Int64),
            "local_ts": rows["local_ts"].cast(pl.Int64),
            "seq": rows["seq"].cast(pl.Int64) if "seq" in rows.columns else _numbers(rows, kind),
            "kind": kind,
            "rank": np.array(KIND_RANK)[kind],
            "side": side,
            "px": px,
            "qty": qty,
            "aux": _aux(rows, kind),
            "aggressor_end": _optional(rows, "aggressor_end"),
            "liquidation": _optional(rows, "liquidation"),
            "packet_end": _optional(rows, "packet_end"),
        }
    )


def _kinds(rows: pl.DataFrame, where: str) -> np.ndarray:
    text = rows["kind"].cast(pl.String)
    codes = {name: code for code, name in enumerate(KIND_NAMES)}
    codes |= {other: codes[name] for other, name in _OTHER_NAMES.items()}
    kind = text.str.to_lowercase().replace_strict(codes, default=None, return_dtype=pl.Int64)
    if kind.null_count():
        row = int(kind.is_null().arg_max() or 0)
        raise TapeError(
            f"{where}: row {row}, kind: {text[row]!r} is unknown; one of {', '.join(KIND_NAMES)}"
        )
    return kind.to_numpy()


def _sides(rows: pl.DataFrame, kind: np.ndarray, where: str) -> np.ndarray:
    side = rows["side"].cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    _refuse((kind <= TRADE) & (np.abs(side) != 1), where, "side", "must be +1 or -1")
    return np.where(kind <= TRADE, side, 0)


def _figures(rows: pl.DataFrame, kind: np.ndarray, where: str) -> np.ndarray:
    """Which figure each CONTEXT row holds; 0 elsewhere."""
    if "context" not in rows.columns or not (kind == CONTEXT).any():
        _refuse(kind == CONTEXT, where, "context", "column is missing for a context row")
        return np.zeros(len(kind), np.int64)
    text = rows["context"].cast(pl.String)
    codes = {name: code for code, name in enumerate(CONTEXT_NAMES)}
    which = text.replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()
    _refuse((kind == CONTEXT) & (which < 0), where, "context", f"not one of {CONTEXT_NAMES}")
    return np.where(kind == CONTEXT, which, 0)


def _amounts(
    rows: pl.DataFrame, market: MarketRules, kind: np.ndarray, which: np.ndarray, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return `px` and `qty` of all rows as stored."""
    price = _column(rows, ("px_quanta", "price", "px"), where)
    size = _column(rows, ("qty_lots", "size", "qty"), where)
    if price.dtype.is_integer():
        px = price.cast(pl.Int64).to_numpy()
    else:
        values = price.cast(pl.Float64).to_numpy()
        unit = np.full(len(values), float(market.price_quantum))
        unit[which == FUNDING] = 1 / FUNDING_SCALE
        unit[which == OPEN_INTEREST] = float(market.lot_size)
        loose = (kind == CONTEXT) | (kind == GAP)
        px = _to_grid(values, unit, loose, where, price.name, market.price_quantum)
    if size.dtype.is_integer():
        qty = size.cast(pl.Int64).to_numpy()
    else:
        values = size.cast(pl.Float64).to_numpy()
        unit = np.full(len(values), float(market.lot_size))
        qty = _to_grid(values, unit, kind >= CONTEXT, where, size.name, market.lot_size)
    _refuse((qty < 0) & (kind <= TRADE), where, size.name, "negative")
    if not price.dtype.is_integer():
        px, qty = _gaps(rows, kind, px, qty)
    return px, np.where(kind == CONTEXT, which, qty)


def _gaps(
    rows: pl.DataFrame, kind: np.ndarray, px: np.ndarray, qty: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A gap row says when the last row before it happened and how long the silence was."""
    if not (kind == GAP).any():
        return px, qty
    ts = rows["exch_ts"].to_numpy()
    known = np.sort(ts[kind != GAP])
    before = np.searchsorted(known, ts) - 1
    last = np.where(before >= 0, known[np.maximum(before, 0)], ts)
    return np.where(kind == GAP, last, px), np.where(kind == GAP, ts - last, qty)


def _column(rows: pl.DataFrame, names: tuple[str, ...], where: str) -> pl.Series:
    """Return the first of `names` that is there, but an integer one before a float one."""
    there = [rows[name] for name in names if name in rows.columns]
    if not there:
        raise TapeError(f"{where}: column {names[1]} is missing; found {', '.join(rows.columns)}")
    chosen = next((column for column in there if column.dtype.is_integer()), there[0])
    if not chosen.dtype.is_numeric() or chosen.null_count():
        raise TapeError(f"{where}: {chosen.name} must be numbers without nulls")
    return chosen


def _to_grid(
    values: np.ndarray, unit: np.ndarray, loose: np.ndarray, where: str, field: str, grid: str
) -> np.ndarray:
    _refuse(~np.isfinite(values) & ~loose, where, field, "not finite")
    scaled = np.where(np.isfinite(values), values, 0.0) / unit
    whole = np.rint(scaled)
    off = np.abs(scaled - whole) > GRID_TOLERANCE * np.maximum(1.0, np.abs(whole) * 1e-6)
    bad = off & ~loose
    if bad.any():
        row = int(np.argmax(bad))
        raise TapeError(f"{where}: row {row}, {field}: {values[row]} is no multiple of {grid}")
    return whole.astype(np.int64)


def stored_amounts(
    rows: pl.DataFrame, market: MarketRules, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return `px` and `qty` of a plain frame as a tape stores them.

    Raises
    ------
    TapeError
        Names the row whose price or size is no multiple of the market's quantum or lot.
    """
    kind = _kinds(rows, where)
    return _amounts(rows, market, kind, _figures(rows, kind, where), where)


def _aux(rows: pl.DataFrame, kind: np.ndarray) -> np.ndarray:
    trade_id = _integers(rows, "trade_id")
    order_count = _integers(rows, "order_count")
    return np.where(kind == TRADE, trade_id, np.where(kind < TRADE, order_count, NO_AUX))


def _integers(rows: pl.DataFrame, name: str) -> np.ndarray:
    if name not in rows.columns:
        return np.full(rows.height, NO_AUX, np.int64)
    return rows[name].cast(pl.Int64).fill_null(NO_AUX).to_numpy()


def _optional(rows: pl.DataFrame, name: str) -> pl.Series:
    if name not in rows.columns:
        return pl.Series(name, [None], dtype=pl.Boolean).new_from_index(0, rows.height)
    return rows[name].cast(pl.Boolean)


def _numbers(rows: pl.DataFrame, kind: np.ndarray) -> np.ndarray:
    """Number messages as they arrive: neighbours of one kind with equal clocks are one."""
    frame = pl.DataFrame({"kind": kind, "exch": rows["exch_ts"], "local": rows["local_ts"]})
    frame = frame.with_columns(rank=np.array(KIND_RANK)[kind], row=pl.int_range(pl.len()))
    change = pl.any_horizontal(
        pl.col(name) != pl.col(name).shift(1) for name in ("kind", "exch", "local")
    )
    arrived = frame.sort("local", "rank", "row").with_columns(
        seq=change.fill_null(True).cum_sum() - 1
    )
    return arrived.sort("row")["seq"].cast(pl.Int64).to_numpy()


def sort_causally(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort by (exch_ts, rank, seq, place in message); images best to worst, bids first."""
    image = pl.col("kind") == SNAPSHOT
    return frame.sort(
        "exch_ts",
        "rank",
        "seq",
        pl.when(image).then(-pl.col("side")).otherwise(0),
        pl.when(image).then(-pl.col("side") * pl.col("px")).otherwise(0),
        "row",
    )


def _flags(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `tag` to a frame in causal order."""
    message_end = ~pl.col("seq").is_duplicated() | pl.col("seq").is_last_distinct()
    same_packet = pl.all_horizontal(
        pl.col(name) == pl.col(name).shift(1) for name in ("exch_ts", "rank", "seq")
    ).fill_null(False)
    first = (pl.col("kind") == SNAPSHOT) & ~(
        same_packet & (pl.col("side") == pl.col("side").shift(1))
    )
    frame = frame.with_columns(first=first, message_end=message_end)
    trades = frame.filter(pl.col("kind") == TRADE).select(
        "row",
        alone=(pl.col("exch_ts") != pl.col("exch_ts").shift(-1)).fill_null(True)
        | (pl.col("side") != pl.col("side").shift(-1)).fill_null(True),
    )
    frame = frame.join(trades, on="row", how="left", maintain_order="left")
    trade = pl.col("kind") == TRADE

    def bit(condition: pl.Expr, value: int) -> pl.Expr:
        return pl.when(condition).then(value).otherwise(0)

    return frame.with_columns(
        tag=(
            pl.col("kind")
            + bit(pl.col("side") > 0, BUY)
            + bit(pl.coalesce("packet_end", "message_end"), PACKET_END)
            + bit(pl.col("first"), FIRST)
            + bit(trade & pl.coalesce("aggressor_end", "alone"), AGGRESSOR_END)
            + bit(trade & pl.col("liquidation").fill_null(False), LIQUIDATION)
        ).cast(pl.UInt8)
    )


def _refuse(bad: np.ndarray, where: str, field: str, what: str) -> None:
    if bad.any():
        raise TapeError(f"{where}: row {int(np.argmax(bad))}, {field}: {what}")


def scan(paths: str | Path | Iterable[str | Path]) -> pl.LazyFrame:
    """Return one tape's rows, lazily, as a frame of plain columns in causal order.

    `exch_ts`, `local_ts` (ns), `seq`, `kind`, `side` (+1 bid or buying aggressor, -1, 0 none),
    `price`, `size`, `px` (quanta), `qty` (lots), `trade_id`, `order_count`, `packet_end`, `first`,
    `aggressor_end`, `liquidation`, `context` (which figure `price` holds, in its natural unit).

    Raises
    ------
    TapeError
        Where a file is no tape, or files overlap.
    """
    tape = Tape(expand(paths), None, None)
    tape.close()
    market, tag = tape.market, pl.col("tag")
    kind = tag & KIND_MASK
    is_trade, is_level = kind == TRADE, kind < TRADE
    is_context = kind == CONTEXT
    figure = pl.when(is_context).then(pl.col("qty"))
    known = pl.when(pl.col("aux") != NO_AUX).then(pl.col("aux"))
    names = dict(enumerate(KIND_NAMES))
    return pl.scan_parquet(tape.paths, glob=False).select(
        "exch_ts",
        "local_ts",
        "seq",
        kind=kind.replace_strict(names, return_dtype=KIND),
        side=pl.when(is_trade | is_level)
        .then(pl.when(tag & BUY != 0).then(1).otherwise(-1))
        .otherwise(0)
        .cast(pl.Int8),
        price=pl.when(is_trade | is_level)
        .then(_scaled("px", market.price_quantum))
        .when(figure == FUNDING)
        .then(_scaled("px", str(1 / FUNDING_SCALE)))
        .when(figure == OPEN_INTEREST)
        .then(_scaled("px", market.lot_size))
        .when(is_context)
        .then(_scaled("px", market.price_quantum)),
        size=pl.when(is_trade | is_level).then(_scaled("qty", market.lot_size)),
        px=pl.col("px"),
        qty=pl.col("qty"),
        trade_id=pl.when(is_trade).then(known),
        order_count=pl.when(is_level).then(known),
        packet_end=tag & PACKET_END != 0,
        first=tag & FIRST != 0,
        aggressor_end=is_trade & (tag & AGGRESSOR_END != 0),
        liquidation=is_trade & (tag & LIQUIDATION != 0),
        context=figure.replace_strict(
            dict(enumerate(CONTEXT_NAMES)), default=None, return_dtype=CONTEXT_FIGURE
        ),
    )


def _scaled(name: str, unit: str) -> pl.Expr:
    """Return a column times its unit, as the nearest float where the unit is 1 / whole."""
    inverse = 1 / float(unit)
    if abs(inverse - round(inverse)) < 1e-9 * inverse:
        # By a column: polars multiplies by the reciprocal of a constant, which is a little off.
        return pl.col(name) / (pl.col(name) * 0 + float(round(inverse)))
    return pl.col(name) * float(unit)
