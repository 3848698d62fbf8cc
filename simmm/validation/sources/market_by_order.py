"""From market-by-order rows: the level-2 tape that a market would have shown, and the truth.

The tape holds every change of a level and every print, and no more. The truth holds, for each order
that joined after the record began, the queue before it and what became of both: the columns of a
truth file (docs/validate.md). Places in the queue follow price and time; where a fill goes to an
order that isn't the oldest, that is counted, and the places behind it stay right.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from simmm.errors import RunError, TapeError
from simmm.jit import records
from simmm.market import MarketRules
from simmm.tape.schema import TapeInfo
from simmm.tape.sources.neutral import read_about
from simmm.tape.sources.registry import SourceOptions
from simmm.tape.sources.steps import Steps, market_rules, on_grid
from simmm.tape.writer import TapeWriter
from simmm.validation.sources import order_events
from simmm.validation.sources import order_records as codes
from simmm.validation.sources.order_rows import IGNORED, Layout, OrderRows

#: Columns of a truth file, in order.
TRUTH_COLUMNS = (
    "order_id", "side", "px", "qty", "add_ts", "kind", "dist_ticks", "spread_ticks", "ahead_qty0",
    "ahead_n0", "ahead_exec", "ahead_canc", "first_fill_ts", "last_fill_ts", "filled", "end",
    "end_ts",
)  # fmt: skip
_WORDS = {
    codes.UNKNOWN_ORDER: "order {id} isn't in the book: it never joined, or it has ended; orders "
    "that rest before the record begins must be told by rows `open` at its start",
    codes.KNOWN_ORDER: "order {id} is in the book already",
    codes.BEYOND_FILL: "a fill of {size:g}, but order {id} has {open:g} open",
    codes.BEYOND_CANCEL: "a cancel of {size:g}, but order {id} has {open:g} open",
    codes.NO_SIZE: "needs a size above zero",
    codes.NO_PRICE: "needs a price",
    codes.NO_SIDE: "needs a side, buy or sell",
    codes.OTHER_SIDE: "order {id} is on the other side",
    codes.OTHER_PRICE: "order {id} rests at another price",
    codes.CROSSED: "the book is crossed after this moment: best bid {bid:g}, best ask {ask:g}; "
    "orders that take must be left out, with only the fills of those that they meet",
    codes.LATE_OPEN: "a row `open` after the record began; they stand at its start",
}


class Built(NamedTuple):
    """What was built."""

    tape: Path
    info: TapeInfo
    truth: pl.DataFrame  # columns TRUTH_COLUMNS; prices and sizes as floats
    counts: dict[str, int]  # what was dropped, moved or stood out
    assumed: dict[str, str]  # what the file doesn't say


def build(
    source: str | Path,
    tape: str | Path,
    *,
    layout: Layout | None = None,
    options: SourceOptions | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Built:
    """Write the tape of market-by-order rows, and return it with the truth.

    The file is read twice, in pieces; what is kept of it are its prices, the book and the truth.

    Parameters
    ----------
    source
        A Parquet or CSV file.
    tape
        The tape to write, whole or not at all.
    layout
        What its columns are called, and the unit of its times.
    options
        Symbol, steps of price and size, fees; what isn't given is found from the rows.
    overwrite
        Replace the tape if it exists.
    progress
        Called with the number of rows done.

    Raises
    ------
    TapeError
        Where the file can't be used: which row and field, and why.
    RunError
        Where the tape can't be written.
    """
    path, target = Path(source), Path(tape)
    options = options or SourceOptions()
    steps = options.market or options
    rows = OrderRows(path, layout or Layout(), steps.price_quantum, steps.lot_size)
    assumed: dict[str, str] = {}
    market, prices, opening = _survey(rows, options, assumed)
    if not rows.has_local_ts:
        assumed["local_ts"] = f"ts + {(layout or Layout()).feed_latency_ns} ns"
    about = {"importer": "market_by_order", "file": path.name, "assumed": assumed}
    try:
        with TapeWriter(target, market, source=about, overwrite=overwrite) as writer:
            replay = _Replay(path, writer, market, prices, opening)
            for piece in rows.pieces():
                replay.take(piece)
                if progress is not None:
                    progress(piece["row"] + len(piece["ts"]))
            fates = replay.finish()
            writer.source["counts"] = replay.counts
            info = writer.close()
    except OSError as error:
        raise RunError(f"{target}: cannot be written ({error.strerror or error})") from None
    truth = _frame(fates, market)
    if truth.height == 0:
        target.unlink(missing_ok=True)
        raise TapeError(f"{path}: no order joins after the opening book; nothing can be scored")
    return Built(target, info, truth, replay.counts, assumed)


def _survey(
    rows: OrderRows, options: SourceOptions, assumed: dict[str, str]
) -> tuple[MarketRules, np.ndarray, int]:
    """Read all rows once: the market's rules, all prices in quanta, and rows of the opening."""
    told = read_about(rows.path) if rows.path.suffix.lower() == ".parquet" else {}
    steps = {
        "px": Steps(options.price_quantum or str(told.get("tick", "")), "price_quantum"),
        "size": Steps(options.lot_size or str(told.get("lot", "")), "lot_size"),
    }
    seen: list[np.ndarray] = []
    opening, still = 0, True
    first_ts = 0
    for piece in rows.pieces():
        first_ts = first_ts or int(piece["ts"][0])
        for field, step in steps.items():
            values = piece[field][piece[field] > 0]
            bad = step.bad(values)
            if bad.any():
                at = piece["row"] + int(np.flatnonzero(piece[field] > 0)[np.argmax(bad)])
                raise TapeError(
                    f"{rows.path}: row {at}, {field}: {values[bad][0]} is no multiple of the step"
                )
        values = np.unique(piece["px"])
        seen = [np.unique(np.concatenate((*seen, values[values > 0])))]
        if still:
            action = piece["action"]
            joins = (action == codes.OPEN) | ((action == codes.ADD) & (piece["ts"] == first_ts))
            ends = np.flatnonzero(~joins)
            opening += int(ends[0]) if len(ends) else len(joins)
            still = len(ends) == 0
    symbol = options.symbol or str(told.get("symbol", rows.path.stem))
    venue = str(told.get("venue", "unknown")).lower()
    market = market_rules(symbol, venue, steps["px"], steps["size"], options, assumed)
    if not len(seen[0]):
        raise TapeError(f"{rows.path}: no row has a price")
    return market, np.unique(on_grid(seen[0], market.price_quantum, str(rows.path))), opening


class _Replay:
    """Feeds pieces of rows to the kernels, and what they write to the tape."""

    def __init__(
        self, path: Path, writer: TapeWriter, market: MarketRules, prices: np.ndarray, opening: int
    ) -> None:
        self.counts: dict[str, int] = {}
        self._path = path
        self._writer = writer
        self._market = market
        self._prices = prices
        # One row alone is no opening book, unless it says so.
        self._opening = opening
        self._book = records(np.zeros(1, codes.Book))
        self._book["best"] = codes.NOBODY
        self._book["tick_quanta"] = market.tick_quanta
        self._levels = records(np.zeros(2 * len(prices), codes.Level))
        self._orders = records(np.zeros(1 << 12, codes.Order))
        self._slots: dict[Any, int] = {}
        self._free: list[int] = list(range(len(self._orders)))[::-1]
        self._fates: list[np.ndarray] = []
        self._ids = 0  # orders numbered, where ids are no numbers
        self._ignored = 0
        self._started = False

    def take(self, piece: dict[str, Any]) -> None:
        """Do a piece's rows."""
        kept = piece["action"] != IGNORED
        self._ignored += int(np.count_nonzero(~kept))
        numbers = piece["row"] + np.flatnonzero(kept)
        piece = {name: part[kept] for name, part in piece.items() if name != "row"}
        if not len(numbers):
            return
        changes, used = self._changes(piece, numbers)
        if not self._started:
            self._start(changes, numbers)
            changes, numbers = changes[self._opening :], numbers[self._opening :]
        self._run(order_events.replay, changes, numbers)
        self._release(used)

    def _start(self, changes: np.ndarray, numbers: np.ndarray) -> None:
        """Begin with the orders that rest already; none: with an empty book."""
        if self._opening == 1 and changes["action"][0] == codes.ADD:
            self._opening = 0
        opening = changes[: self._opening]
        self._started = True
        first = changes[0]
        last_told = int(opening["local_ts"].max()) if len(opening) else int(first["local_ts"])
        early = 0 if len(opening) else 1  # before the first event
        self._book["now"] = int(first["ts"]) - early
        self._book["local_ts"] = max(last_told - early, int(first["ts"]) - early)
        self._run(order_events.open_book, opening, numbers)

    def _changes(
        self, piece: dict[str, np.ndarray], numbers: np.ndarray
    ) -> tuple[np.ndarray, list[Any]]:
        changes = records(np.zeros(len(numbers), codes.Change))
        for name in ("ts", "local_ts", "action", "side"):
            changes[name] = piece[name]
        where = str(self._path)
        for name, source, unit in (
            ("lots", "size", self._market.lot_size),
            ("level", "px", self._market.price_quantum),
        ):
            told = np.isfinite(piece[source]) & (piece[source] > 0 if name == "level" else True)
            values = np.full(len(numbers), codes.UNTOLD)
            values[told] = on_grid(piece[source][told], unit, f"{where}: {source}")
            if name == "level":
                values[told] = np.searchsorted(self._prices, values[told])
            changes[name] = values
        changes["slot"], used = self._places(piece["order_id"])
        changes["new_slot"] = changes["slot"]
        if "new_id" in piece:
            named = np.isin(changes["action"], (codes.REPLACE, codes.MODIFY)) & piece["named_anew"]
            kind = piece["order_id"].dtype
            changes["new_slot"][named], more = self._places(piece["new_id"][named].astype(kind))
            used += more
        return changes, used

    def _places(self, ids: np.ndarray) -> tuple[np.ndarray, list[Any]]:
        """Return the pool's place of each order, and the ids; new ones get a free place."""
        unique, inverse = np.unique(ids, return_inverse=True)
        names = unique.tolist()
        places = np.empty(len(names), np.int64)
        for k, name in enumerate(names):
            slot = self._slots.get(name)
            if slot is None:
                slot = self._place(name)
            places[k] = slot
        return places[inverse], names

    def _place(self, name: Any) -> int:
        if not self._free:
            count = len(self._orders)
            wider = records(np.zeros(2 * count, codes.Order))
            wider[:count] = self._orders
            self._orders = wider
            self._free = list(range(count, 2 * count))[::-1]
        slot = self._free.pop()
        self._slots[name] = slot
        self._ids += 1
        number = name if isinstance(name, int) else self._ids
        self._orders["fate"]["order_id"][slot] = number
        self._orders["alive"][slot] = 0
        return slot

    def _release(self, used: list[Any]) -> None:
        alive = self._orders["alive"]
        for name in used:
            slot = self._slots.get(name)
            if slot is not None and alive[slot] == 0:
                del self._slots[name]
                self._free.append(slot)

    def _run(self, kernel: Any, changes: np.ndarray, numbers: np.ndarray) -> None:
        out = records(np.zeros(2 * len(changes) + 4, codes.TapeRow))
        fates = records(np.zeros(len(changes) + 1, codes.Fate))
        fault = kernel(self._book, self._orders, self._levels, self._prices, changes, out, fates)
        if fault != codes.SOUND:
            raise self._error(fault, changes, numbers)
        book = self._book[0]
        rows = out[: book["rows"]]
        self._writer.append(
            *(np.ascontiguousarray(rows[name]) for name in codes.TapeRow.names or ())
        )
        self._fates.append(np.array(fates[: book["fates"]]))

    def _error(self, fault: int, changes: np.ndarray, numbers: np.ndarray) -> TapeError:
        book = self._book[0]
        row = changes[int(book["bad_row"])]
        order = self._orders[int(row["slot"])]
        market = self._market
        ids = {slot: name for name, slot in self._slots.items()}
        bid, ask = (market.price(int(self._prices[int(book["best"][side])])) for side in (1, 0))
        words = _WORDS[fault].format(
            id=ids.get(int(row["slot"]), "?"),
            size=float(row["lots"]) * float(market.lot_size),
            open=float(order["lots"]) * float(market.lot_size),
            bid=bid,
            ask=ask,
        )
        return TapeError(f"{self._path}: row {numbers[int(book['bad_row'])]}: {words}")

    def finish(self) -> np.ndarray:
        """Return the fates of all orders, those still open too."""
        if not self._started:
            raise TapeError(f"{self._path}: no rows about orders")
        fates = records(np.zeros(len(self._orders), codes.Fate))
        order_events.finish(self._book, self._orders, fates)
        book = self._book[0]
        self._fates.append(np.array(fates[: book["fates"]]))
        found = {
            "trade_rows_left_out": self._ignored,
            "moments_parted": int(book["shifted"]),
            "local_ts_raised": int(book["raised"]),
            "fills_out_of_turn": int(book["out_of_turn"]),
        }
        self.counts = {name: count for name, count in found.items() if count}
        whole = np.concatenate(self._fates)
        return whole[np.argsort(whole["joined"])]


def _frame(fates: np.ndarray, market: MarketRules) -> pl.DataFrame:
    """Return fates as a truth file has them, in the order of joining."""
    px = np.array([market.price(int(value)) for value in np.unique(fates["px"])])
    price = px[np.searchsorted(np.unique(fates["px"]), fates["px"])]
    inverse = 1 / float(market.lot_size)
    whole = round(inverse) if abs(inverse - round(inverse)) < 1e-9 * inverse else 0

    def sizes(name: str) -> np.ndarray:
        lots = fates[name].astype(np.float64)
        return lots / whole if whole else lots * float(market.lot_size)

    columns = {name: fates[name] for name in TRUTH_COLUMNS if name in (fates.dtype.names or ())}
    columns |= {
        name: sizes(name) for name in ("qty", "ahead_qty0", "ahead_exec", "ahead_canc", "filled")
    }
    columns["px"] = price
    columns["kind"] = np.where(fates["replaced"] == 1, "replace", "add")
    columns["end"] = np.array(codes.ENDS)[fates["end"]]
    return pl.DataFrame({name: columns[name] for name in TRUTH_COLUMNS})


def write_truth(truth: pl.DataFrame, path: Path) -> None:
    """Write a truth frame as Parquet, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        truth.write_parquet(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)
