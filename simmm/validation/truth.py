"""What really happened to real orders: a table, read and checked against the tape.

Columns are those of docs/validate.md. Prices and sizes may be decimals or whole quanta and lots
(`px_quanta`, `qty_lots`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simmm.errors import TapeError
from simmm.records import TRADE
from simmm.validation.rows import Rows, look

ENDS = ("fill", "cancel", "replace", "take", "open", "censored")
FILL, CANCEL, REPLACE, TAKE, OPEN, CENSORED = range(6)
#: How far a price or size may lie from a whole quantum or lot, of one.
TOLERANCE = 1e-6
#: Share of orders that may disagree with the tape before it counts as another market's.
MISFIT = 0.01
#: The same of the queue ahead; orders of one moment may be seen together.
MISPLACED = 0.1

#: One real order.
Order = np.dtype(
    [
        ("id", "i8"),
        ("side", "i8"),  # +1 bid, -1 ask
        ("px", "i8"),  # quanta
        ("lots", "i8"),  # when it joined
        ("add_ts", "i8"),  # ns
        ("dist", "i8"),  # steps behind the best when it joined; 0 joined it, < 0 improved it
        ("ahead0", "i8"),  # lots ahead at the join
        ("ahead_exec", "i8"),  # of those, traded before its own first fill
        ("ahead_cancelled", "i8"),  # of those, cancelled before its own first fill
        ("first_fill_ts", "i8"),  # ns, 0 none
        ("last_fill_ts", "i8"),
        ("filled", "i8"),  # lots
        ("end", "i8"),  # FILL ... CENSORED
        ("end_ts", "i8"),  # ns, 0 unknown
    ],
    align=True,
)

_AMOUNTS = {
    "qty": "lots",
    "ahead_qty0": "ahead0",
    "ahead_exec": "ahead_exec",
    "ahead_canc": "ahead_cancelled",
    "filled": "filled",
}
_WHOLE = {
    "order_id": "id",
    "side": "side",
    "add_ts": "add_ts",
    "dist_ticks": "dist",
    "first_fill_ts": "first_fill_ts",
    "last_fill_ts": "last_fill_ts",
    "end_ts": "end_ts",
}


def read_orders(path: str | Path, rows: Rows) -> np.ndarray:
    """Read a table of real orders (Parquet or CSV) that lived in the market of `rows`.

    Returns
    -------
    array of `Order`, by `add_ts`

    Raises
    ------
    TapeError
        If it can't be read, breaks its own rules, or doesn't fit the tape.
    """
    place = Path(path)
    table = _read(place)
    wanted = [*_WHOLE, *_AMOUNTS, "px", "end"]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise TapeError(
            f"{place}: column {missing[0]} is missing; a table of real orders has "
            f"{', '.join(wanted)} (docs/validate.md)"
        )
    if table.height == 0:
        raise TapeError(f"{place}: holds no orders")
    for name in wanted:
        if table[name].null_count():
            row = int(table[name].is_null().arg_max() or 0)
            raise TapeError(f"{place}: row {row}, {name}: is empty")
    orders = np.zeros(table.height, Order)
    for name, field in _WHOLE.items():
        if not table[name].dtype.is_integer():
            raise TapeError(f"{place}: {name} must be whole numbers, is {table[name].dtype}")
        orders[field] = table[name].cast(pl.Int64).to_numpy()
    for name, field in _AMOUNTS.items():
        orders[field] = _count(place, name, table[name], float(rows.market.lot_size), "lots")
    orders["px"] = _count(place, "px", table["px"], float(rows.market.price_quantum), "quanta")
    codes = {name: code for code, name in enumerate(ENDS)}
    ends = table["end"].cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Int64)
    if ends.null_count():
        row = int(ends.is_null().arg_max() or 0)
        raise TapeError(
            f"{place}: row {row}, end: {table['end'][row]!r} is unknown; one of {', '.join(ENDS)}"
        )
    orders["end"] = ends.to_numpy()
    check(place, orders, rows)
    return orders[np.argsort(orders["add_ts"], kind="stable")]


def _read(place: Path) -> pl.DataFrame:
    try:
        if place.suffix.lower() == ".csv":
            return pl.read_csv(place)
        return pl.read_parquet(place)
    except FileNotFoundError:
        raise TapeError(f"{place}: no such file") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TapeError(f"{place}: not a table of orders that can be read ({reason})") from None


def _count(place: Path, name: str, column: pl.Series, unit: float, units: str) -> np.ndarray:
    """Return amounts as whole units."""
    if not column.dtype.is_numeric():
        raise TapeError(f"{place}: {name} must be numbers, is {column.dtype}")
    amounts = column.cast(pl.Float64).to_numpy() / unit
    with np.errstate(invalid="ignore"):
        whole = np.rint(amounts)
        off = ~(np.abs(amounts - whole) <= TOLERANCE * np.maximum(1.0, np.abs(whole)))
    if off.any():
        row = int(off.argmax())
        raise TapeError(
            f"{place}: row {row}, {name}: {column[row]} is no whole number of the tape's {units} "
            f"({unit:g}); is it the truth of another market?"
        )
    return whole.astype(np.int64)


def check(place: Path, orders: np.ndarray, rows: Rows) -> None:
    """Refuse orders that break their own rules or can't have lived in the market of `rows`."""

    def refuse(bad: np.ndarray, field: str, message: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise TapeError(
                f"{place}: row {row} (order {orders['id'][row]}), {field}: {message} "
                f"({int(bad.sum())} of {len(orders)} rows)"
            )

    refuse(np.abs(orders["side"]) != 1, "side", "must be +1 or -1")
    refuse(orders["lots"] <= 0, "qty", "must be above zero")
    pairs = np.stack((orders["id"], orders["add_ts"]), axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    again = np.ones(len(orders), bool)
    again[first] = False  # a replaced order comes again under its id, later
    refuse(again, "order_id", "stands there twice with one add_ts")
    steps = rows.market.tick_quanta
    refuse(orders["px"] % steps != 0, "px", "is off the tape's price step")
    early = (orders["add_ts"] < rows.start_ts) | (orders["add_ts"] > rows.end_ts)
    refuse(early, "add_ts", f"lies outside the tape ({rows.start_ts} to {rows.end_ts} ns)")
    over = np.isin(orders["end"], (FILL, CANCEL, REPLACE, TAKE))
    refuse(over & (orders["end_ts"] < orders["add_ts"]), "end_ts", "is before add_ts")
    fills = orders["first_fill_ts"] > 0
    refuse(fills & (orders["first_fill_ts"] < orders["add_ts"]), "first_fill_ts", "before add_ts")
    refuse(orders["last_fill_ts"] < orders["first_fill_ts"], "last_fill_ts", "before first_fill_ts")
    refuse(fills != (orders["filled"] > 0), "filled", "and first_fill_ts disagree")
    refuse((orders["end"] == FILL) & ~fills, "end", "is fill, but nothing was filled")
    refuse(orders["filled"] > orders["lots"], "filled", "is more than qty")
    gone = orders["ahead_exec"] + orders["ahead_cancelled"]
    refuse(gone > orders["ahead0"], "ahead_exec", "and ahead_canc are more than ahead_qty0")
    _fits(place, orders, rows)


def _fits(place: Path, orders: np.ndarray, rows: Rows) -> None:
    """Refuse the truth of another market or another time."""
    seen = look(rows, orders["add_ts"], (orders["side"] > 0).astype(np.int64), orders["px"])
    known = seen["lots"] >= 0
    # An order that was cancelled or matched within the moment it came isn't in the level.
    alive = known & ~((orders["end_ts"] == orders["add_ts"]) & (orders["end_ts"] > 0))
    wrong = alive & (seen["lots"] < orders["lots"])
    if not known.any():
        raise TapeError(
            f"{place}: none of its {len(orders)} orders lies at a price the tape ever showed; is "
            "it the truth of another market?"
        )
    if wrong.sum() > MISFIT * alive.sum():
        row = int(wrong.argmax())
        raise TapeError(
            f"{place}: does not fit the tape: after order {orders['id'][row]} joined with "
            f"{orders['lots'][row]} lots the tape shows {seen['lots'][row]} at its price, and so "
            f"for {int(wrong.sum())} of {int(alive.sum())} orders; is it another market or time?"
        )
    ahead = seen["lots"] - orders["lots"]
    wrong = alive & (orders["ahead0"] != ahead)
    if wrong.sum() > max(MISPLACED * alive.sum(), 10):
        row = int(wrong.argmax())
        raise TapeError(
            f"{place}: does not fit the tape: order {orders['id'][row]} has ahead_qty0 "
            f"{orders['ahead0'][row]} lots, the tape shows {ahead[row]} besides it, and so for "
            f"{int(wrong.sum())} of {int(alive.sum())} orders"
        )
    trades = rows.kind == TRADE
    at = np.unique(rows.ts[trades])
    filled = orders["first_fill_ts"][orders["first_fill_ts"] > 0]
    filled = filled[filled <= rows.end_ts]
    if len(filled):
        missed = ~np.isin(filled, at)
        if missed.sum() > MISFIT * len(filled):
            raise TapeError(
                f"{place}: does not fit the tape: {int(missed.sum())} of {len(filled)} first fills "
                "happened when the tape has no trade; are its clocks the same?"
            )


def cuts_of(orders: np.ndarray, rows: Rows) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each order, times and lots of its own fills.

    An order that has begun to fill stands at the front, so that each later trade at its price
    takes from it first; what these don't explain was its first fill.
    """
    kind, is_bid = rows.kind, rows.is_bid
    prints: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    found: list[tuple[np.ndarray, np.ndarray]] = []
    empty = (np.empty(0, np.int64), np.empty(0, np.int64))
    for order in orders:
        first, last = int(order["first_fill_ts"]), int(order["last_fill_ts"])
        if first == 0:
            found.append(empty)
            continue
        if first == last:
            found.append((np.array([first]), np.array([int(order["filled"])])))
            continue
        key = (int(order["side"]), int(order["px"]))
        if key not in prints:
            mask = (kind == TRADE) & (is_bid == (key[0] < 0)) & (rows.px == key[1])
            ts, into = np.unique(rows.ts[mask], return_inverse=True)
            lots = np.zeros(len(ts), np.int64)
            np.add.at(lots, into, rows.lots[mask])
            prints[key] = (ts, lots)
        ts, lots = prints[key]
        low, high = np.searchsorted(ts, first, "right"), np.searchsorted(ts, last, "right")
        times = np.concatenate(([first], ts[low:high]))
        later = np.minimum(lots[low:high], int(order["filled"]))
        amounts = np.concatenate(([max(int(order["filled"]) - int(later.sum()), 1)], later))
        found.append((times, amounts))
    return found


def as_frame(orders: np.ndarray) -> Any:
    """Return orders as a data frame, for those who look at them."""
    return pl.DataFrame({name: orders[name] for name in orders.dtype.names or ()})
