"""Reading a run folder: `run.json` and the Parquet tables beside it, checked and as columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from simmm.decoding import ready
from simmm.errors import RunError, ScenarioError
from simmm.market import MarketRules
from simmm.output_records import (
    BeliefRow,
    EquityRow,
    FillRow,
    FundingRow,
    IntentRow,
    MidRow,
    OrderRow,
    PredictionRow,
)

Columns = dict[str, np.ndarray]

_TABLES = {
    "fills": FillRow,
    "orders": OrderRow,
    "intents": IntentRow,
    "equity": EquityRow,
    "beliefs": BeliefRow,
    "mids": MidRow,
}
#: Columns that are read of the long tables; a report needs no others.
_USED = {
    "intents": ("ts", "kind"),
    "orders": (
        "sent_ts",
        "placed_ts",
        "answered_ts",
        "end_ts",
        "end",
        "reason",
        "quantity",
        "filled",
        "ahead_at_join",
        "level_at_join",
    ),
}
#: Columns that runs of earlier versions don't have; they read as zeros.
_LATER = {"answered_ts"}
#: Columns that are left out where a run of an earlier version doesn't have them.
_NEWER: dict[str, dict[str, str]] = {
    "fills": {"ahead": "f8", "closed_pnl": "i8"},
    "orders": {"ahead_at_end": "f8", "reduce_only": "i8"},
    "equity": dict.fromkeys(
        ("mark", "value", "margin_used", "maintenance", "margin_available", "requests_used",
         "requests_cap"),
        "i8",
    ),
}  # fmt: skip
#: Tables that not every run has.
_PERHAPS = {"predictions": PredictionRow, "funding": FundingRow}
_SORTED = ("fills", "equity", "beliefs", "mids", "intents")


class Period(msgspec.Struct, frozen=True):
    """Start of the run, start of quoting and end, ns."""

    t0_ns: int
    quote_start_ns: int
    end_ns: int


class Final(msgspec.Struct, frozen=True):
    """The state in which the run ended."""

    mid2: int
    position: int
    best_bid: int = -1
    best_ask: int = 1 << 60
    mid_stale: int = 0
    chain_venue: str = ""
    chain_maker: str = ""
    quoted_bid_ns: int | None = None
    quoted_ask_ns: int | None = None
    touch_bid_ns: int | None = None
    touch_ask_ns: int | None = None


class RunInfo(msgspec.Struct, frozen=True):
    """`run.json`. Fields that are not listed here are passed over."""

    simmm_version: str
    scenario_name: str
    market: dict[str, Any]
    period: Period
    account: dict[str, int]  # with `margin` 0 what is said of margin in the tables is void
    final: Final
    created: str = ""
    scenario: dict[str, Any] = {}
    origins: dict[str, Any] = {}
    tape: dict[str, Any] = {}
    seed: dict[str, Any] = {}
    code_digest: str = ""
    config_digest: str = ""
    strategy: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    queue: dict[str, Any] = {}
    latency: dict[str, Any] = {}
    wall: dict[str, Any] = {}
    unmodelled: list[str] = []
    rules: dict[str, Any] | None = None
    liquidation: dict[str, Any] | None = None
    latency_drawn: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    session: dict[str, Any] | None = None


@dataclass(frozen=True)
class Run:
    """A run as it lies on disk. Tables are columns of int64, uint64 or float64."""

    folder: Path
    info: RunInfo
    market: MarketRules
    fills: Columns
    orders: Columns
    intents: Columns
    equity: Columns
    beliefs: Columns
    mids: Columns
    predictions: Columns | None = None
    funding: Columns | None = None
    estimates: Columns | None = None  # all beliefs, by their names in the market record

    @property
    def money_scale(self) -> int:
        """Money quanta per quantum x lot."""
        return self.market.money_scale

    @property
    def half_quantum(self) -> float:
        """Quote currency per half money quantum."""
        return self.market.money_quantum / 2

    @property
    def lot(self) -> float:
        """Base units per lot."""
        return float(self.market.lot_size)

    @property
    def notional_unit(self) -> float:
        """Quote currency per quantum x lot."""
        return self.market.money_quantum * self.money_scale

    @property
    def hours(self) -> float:
        """Hours of trading; the warm-up isn't part of them."""
        return max(0, self.info.period.end_ns - self.info.period.quote_start_ns) / 3.6e12

    def mid2_at(self, instants: np.ndarray) -> np.ndarray:
        """Mid in force at each instant (ns), in half quanta.

        The one left by the last block with a time at or before the instant; from the end of the
        run on, the final one; before the first, the first.
        """
        final, end = self.info.final.mid2, self.info.period.end_ns
        if not len(self.mids["ts"]):
            return np.full(len(instants), final, np.int64)
        row = np.searchsorted(self.mids["ts"], instants, side="right") - 1
        known = self.mids["mid2"][np.maximum(row, 0)]
        return np.where(instants >= end, final, known)


def read_run(folder: str | Path) -> Run:
    """Read a run folder.

    Parameters
    ----------
    folder : str or Path
        Folder that a backtest has written.

    Raises
    ------
    RunError
        The folder, `run.json` or a table is missing, unreadable, or lacks a field.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder}: there is no such run folder")
    info = _read_info(folder / "run.json")
    try:
        market = msgspec.convert(info.market, MarketRules)
    except (msgspec.ValidationError, ScenarioError) as error:
        raise RunError(f"{folder / 'run.json'}: market: {error}") from None
    tables = {
        name: _read_table(folder / f"{name}.parquet", dtype, _USED.get(name, dtype.names or ()))
        for name, dtype in _TABLES.items()
    }
    for name, dtype in _PERHAPS.items():
        if (folder / f"{name}.parquet").exists():
            tables[name] = _read_table(folder / f"{name}.parquet", dtype, dtype.names or ())
    if (path := folder / "estimates.parquet").exists():
        tables["estimates"] = _read_estimates(path)
    for name in (*_SORTED, *(name for name in _PERHAPS if name in tables)):
        ts = tables[name]["ts"]
        if len(ts) and (back := np.flatnonzero(np.diff(ts) < 0)).size:
            raise RunError(
                f"{folder / name}.parquet: row {int(back[0]) + 1}: ts goes backwards; "
                "the file was changed after the run, run the backtest again"
            )
    return Run(folder=folder, info=info, market=market, **tables)


def _read_estimates(path: Path) -> Columns:
    """Whatever beliefs the run had; which there are depends on simmm's version."""
    frame = _readable(path, None)
    if "now_ns" not in frame.columns:
        raise RunError(f"{path}: field 'now_ns' is missing; run the backtest again")
    return {name: frame[name].to_numpy() for name in frame.columns}


def _readable(path: Path, columns: list[str] | None) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(
            f"{path}: not readable as Parquet ({first}); run the backtest again"
        ) from None


def _read_info(path: Path) -> RunInfo:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RunError(
            f"{path.parent}: no run.json in it; it is no run folder, or the run did not finish"
        ) from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return msgspec.json.decode(content, type=RunInfo, strict=False)
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: {error}; run the backtest again") from None


def _read_table(path: Path, dtype: np.dtype, used: tuple[str, ...]) -> Columns:
    newer = _NEWER.get(path.stem, {})
    wanted = tuple(dict.fromkeys((*used, *newer)))
    if not path.exists():
        raise RunError(f"{path}: missing; the run did not finish or the folder was changed")
    try:
        known = pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):
        known = {}  # and the next line says why
    frame = _readable(path, [name for name in wanted if name in known])
    assert dtype.names is not None
    columns: Columns = {}
    for name in dtype.names:
        if name not in known and name not in _LATER and name not in newer:
            raise RunError(f"{path}: field {name!r} is missing; run the backtest again")
    for name in wanted:
        if name not in known:
            if name not in newer:
                columns[name] = np.zeros(frame.height, np.int64)
            continue
        try:
            kind = newer[name] if name in newer else dtype[name]
            columns[name] = frame[name].to_numpy().astype(kind, copy=False)
        except (TypeError, ValueError):
            raise RunError(f"{path}: field {name!r} does not hold numbers") from None
    return columns


ready(RunInfo)
