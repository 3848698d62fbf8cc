"""Columns of Tardis files become rows of messages; what is dropped is counted."""

import numpy as np
import polars as pl
import pyarrow as pa

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import BBO, DEPTH, SNAPSHOT, TRADE
from simmm.tape.sources.arrivals import ARRIVED, mixed
from simmm.tape.sources.registry import SourceOptions
from simmm.tape.sources.steps import Steps, market_rules
from simmm.tape.sources.tardis_files import TardisFile, batches

_SIDES = {"bid": 1, "buy": 1, "ask": -1, "sell": -1, "unknown": 0}
#: Times in µs of the years 2001 to 2096.
_EARLIEST_US, _LATEST_US = 10**15, 4 * 10**15


class Reading:
    """What all files of one conversion have in common."""

    def __init__(self, files: list[TardisFile], options: SourceOptions) -> None:
        self.files, self.options = files, options
        self.wanted = options.symbol
        self.exchange, self.symbol = "", options.symbol
        self.counts: dict[str, int] = {}
        self.assumed: dict[str, str] = {
            "order": "trades before quotes before book changes where they arrived at one time"
        }
        rules = options.market
        self.prices = Steps(rules.price_quantum if rules else options.price_quantum, "--tick")
        self.sizes = Steps(rules.lot_size if rules else options.lot_size, "--lot")
        self.shift_ns = options.clock_shift_ns or 0
        self.n_rows = self.n_untimed = 0

    def count(self, name: str, more: int | np.integer) -> None:
        """Add to a count of what was dropped or repaired."""
        if more:
            self.counts[name] = self.counts.get(name, 0) + int(more)

    def market(self) -> MarketRules:
        """Return the market's rules, once all rows have been seen."""
        if self.n_rows == 0:
            first = self.files[0].path
            if self.wanted:
                raise TapeError(f"{first}: no rows of {self.wanted!r}; {self._several()}")
            raise TapeError(f"{first}: no rows")
        if self.n_rows and self.n_rows == self.n_untimed:
            self.assumed["exch_ts"] = "the recorder's clock in every row: the exchange told no time"
        return market_rules(
            self.symbol, self.exchange, self.prices, self.sizes, self.options, self.assumed
        )

    def chosen(self, batch: pa.RecordBatch, file: TardisFile) -> np.ndarray:
        """Return which rows are of the symbol; `TapeError` where it isn't clear which is meant."""
        exchange, symbol = batch.column("exchange"), batch.column("symbol")
        for name in exchange.dictionary.to_pylist():
            if self.exchange and name != self.exchange:
                raise TapeError(
                    f"{file.path}: exchange {name!r} beside {self.exchange!r}; convert one alone"
                )
            self.exchange = name
        names = symbol.dictionary.to_pylist()
        if not self.wanted:
            self.symbol = self.symbol or (names[0] if names else "")
            if any(name != self.symbol for name in names):
                raise TapeError(f"{file.path}: {self._several()}; choose one with --symbol")
        place = names.index(self.symbol) if self.symbol in names else -1
        self.count("rows_without_symbol_dropped", symbol.null_count)
        chosen = symbol.indices.fill_null(-2).to_numpy(zero_copy_only=False) == place
        others = len(chosen) - np.count_nonzero(chosen) - symbol.null_count
        self.count("rows_of_other_symbols_ignored", others)
        return chosen

    def _several(self) -> str:
        found = set()
        for file in self.files:
            for batch in batches(file, ("symbol",)):
                found |= set(batch.column("symbol").dictionary.to_pylist())
        shown = [" ".join(name.split()) for name in sorted(found)[:20]]
        more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        return f"holds the symbols {', '.join(shown)}{more}"

    def rows(self, batch: pa.RecordBatch, file: TardisFile, line: int) -> np.ndarray:
        """Return the symbol's rows of a piece of a file, whose first row stands in `line`.

        They are rows of `arrivals.ARRIVED` whose `message` is the time of arrival as it stands.
        """
        place = np.flatnonzero(self.chosen(batch, file))
        where = _Place(file, line, place)
        batch = batch.take(pa.array(place)) if len(place) < batch.num_rows else batch
        rows = np.zeros(len(place), ARRIVED)
        local = self._times(batch, "local_timestamp", where)
        where.refuse(local <= 0, "local_timestamp", batch, "is no time in microseconds")
        exch = self._times(batch, "timestamp", where)
        rows["local_ts"] = local * 1_000 + self.shift_ns
        rows["exch_ts"], rows["message"] = exch * 1_000, local
        rows["trade_id"] = -1
        self.n_rows += len(rows)
        self.n_untimed += int(np.count_nonzero((exch == local) | (exch <= 0)))
        if file.kind == "trades":
            rows = self._trades(rows, batch, where)
        elif file.kind == "book_ticker":
            rows = self._quotes(rows, batch, where)
        else:
            rows = self._levels(rows, batch, where)
        self._check_steps(rows, where)
        return rows

    def _times(self, batch: pa.RecordBatch, name: str, where: "_Place") -> np.ndarray:
        """Return times in µs, 0 where none is told."""
        times = batch.column(name).fill_null(0).to_numpy(zero_copy_only=False)
        strange = (times != 0) & ((times < _EARLIEST_US) | (times > _LATEST_US))
        where.refuse(strange, name, batch, "is no time in microseconds")
        return times

    def _sides(self, batch: pa.RecordBatch, where: "_Place", other: bool) -> np.ndarray:
        column = batch.column("side")
        words = [str(word).lower() for word in column.dictionary.to_pylist()]
        codes = np.array([*(_SIDES.get(word, 2) for word in words), 0 if other else 2], np.int8)
        indices = column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        sides = codes[indices]
        known = "buy, sell or unknown" if other else "bid or ask"
        where.refuse((sides == 2) | ((sides == 0) & (not other)), "side", batch, f"is not {known}")
        return sides

    def _trades(self, rows: np.ndarray, batch: pa.RecordBatch, where: "_Place") -> np.ndarray:
        rows["kind"], rows["side"] = TRADE, self._sides(batch, where, True)
        rows["px"], rows["qty"] = _numbers(batch, "price"), _numbers(batch, "amount")
        names = pl.Series(pl.from_arrow(batch.column("id"))).cast(pl.String)
        whole = names.cast(pl.Int64, strict=False)
        whole = whole.set(whole < 0, None)
        given = names.is_not_null().to_numpy()
        is_whole = whole.is_not_null().to_numpy()
        rows["trade_id"] = whole.fill_null(-1).to_numpy()
        hashed = np.where(
            is_whole, whole.fill_null(0).to_numpy().view("u8"), names.hash().to_numpy()
        )
        rows["identity"] = np.where(given, mixed(hashed, np.zeros(1, "u8")), 0)
        self.count("textual_trade_ids_dropped", np.count_nonzero(given & ~is_whole))
        sound = _above_zero(rows["px"]) & _above_zero(rows["qty"])
        self.count("trades_without_price_or_size_dropped", np.count_nonzero(~sound))
        sided = rows["side"] != 0
        self.count("trades_without_side_dropped", np.count_nonzero(sound & ~sided))
        return where.keep(rows, sound & sided)

    def _levels(self, rows: np.ndarray, batch: pa.RecordBatch, where: "_Place") -> np.ndarray:
        image = batch.column("is_snapshot").fill_null(False).to_numpy(zero_copy_only=False)
        rows["kind"] = np.where(image, SNAPSHOT, DEPTH)
        rows["side"] = self._sides(batch, where, False)
        rows["px"], rows["qty"] = _numbers(batch, "price"), _numbers(batch, "amount")
        sound = _above_zero(rows["px"]) & np.isfinite(rows["qty"])
        self.count("levels_without_price_or_size_dropped", np.count_nonzero(~sound))
        negative = sound & (rows["qty"] < 0)
        self.count("negative_sizes_dropped", np.count_nonzero(negative))
        return where.keep(rows, sound & ~negative)

    def _quotes(self, rows: np.ndarray, batch: pa.RecordBatch, where: "_Place") -> np.ndarray:
        """Return two rows a quote; a side without price or size is empty."""
        rows["kind"] = BBO
        rows["message"] = where.lines
        pairs = np.repeat(rows, 2)
        pairs["side"] = np.tile([1, -1], len(rows))
        px, qty = np.empty((2, len(rows), 2))
        for side, name in enumerate(("bid", "ask")):
            px[:, side], qty[:, side] = (
                _numbers(batch, f"{name}_price"),
                _numbers(batch, f"{name}_amount"),
            )
        there = _above_zero(px) & _above_zero(qty)
        told = there.any(axis=1)
        self.count("quotes_of_nothing_dropped", np.count_nonzero(~told))
        crossed = there.all(axis=1) & (px[:, 0] >= px[:, 1])
        self.count("crossed_quotes_dropped", np.count_nonzero(crossed))
        told &= ~crossed
        self.count("empty_sides_of_quotes", np.count_nonzero(~there[told]))
        pairs["px"] = np.where(there, px, 0.0).ravel()
        pairs["qty"] = np.where(there, qty, 0.0).ravel()
        where.lines = np.repeat(where.lines, 2)
        return where.keep(pairs, np.repeat(told, 2))

    def _check_steps(self, rows: np.ndarray, where: "_Place") -> None:
        """Feed prices and sizes to what finds the steps; what is off given ones is an error."""
        for steps, name, field in ((self.prices, "px", "price"), (self.sizes, "qty", "amount")):
            values = rows[name]
            shown = values > 0
            bad = np.zeros(len(values), bool)
            bad[shown] = steps.bad(values[shown])
            large = steps.too_large(values)
            if large.any() or (steps.given and bad.any()):
                place = int(np.argmax(large if large.any() else bad))
                what = "too large" if large.any() else f"no multiple of {steps.given}"
                raise TapeError(
                    f"{where.file.path}: line {where.lines[place]}: {field}: {values[place]} is "
                    f"{what}"
                )
            if not bad.any():
                continue
            values[bad] = np.maximum(np.round(values[bad], steps.decimals), 10.0**-steps.decimals)
            self.count(f"{field}s_rounded", np.count_nonzero(bad))


class _Place:
    """Where rows stand in their file."""

    def __init__(self, file: TardisFile, line: int, place: np.ndarray) -> None:
        self.file = file
        self.lines = line + place

    def refuse(self, bad: np.ndarray, field: str, batch: pa.RecordBatch, what: str) -> None:
        """Raise `TapeError` with the first line for which `bad` holds."""
        if bad.any():
            row = int(np.argmax(bad))
            value = batch.column(field)[row].as_py()
            shown = "empty" if value is None else f"{value!r} {what}"
            raise TapeError(f"{self.file.path}: line {self.lines[row]}: {field}: {shown}")

    def keep(self, rows: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return some of the rows and forget where the others stood."""
        self.lines = self.lines[which]
        return rows[which]


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """Return a column of floats, NaN where it is empty."""
    return batch.column(name).fill_null(np.nan).to_numpy(zero_copy_only=False)


def _above_zero(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & (values > 0)
