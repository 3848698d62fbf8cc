"""Run a drawn case through the compiled engine and return what the oracle returns."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from simmm import records, tape
from simmm.exchange_settings import ExchangeSettings
from simmm.market import MarketRules
from simmm.simulation import LatencySettings, Settings, Simulation
from simmm.strategy.load import Strategy, load_strategy
from tests.swarm.draw import Case
from tests.swarm.world import Row

Rows = list[dict[str, Any]]
ACCOUNT = ("position", "cash", "fees", "maker_volume", "taker_volume")
OPEN = (
    "id",
    "side",
    "px",
    "quantity",
    "filled",
    "tif",
    "sent_ts",
    "placed_ts",
    "ahead_at_join",
    "level_at_join",
    "modifies",
)


class Outcome(NamedTuple):
    """What a run produced."""

    fills: Rows
    intents: Rows
    account: dict[str, int]
    orders: Rows
    predictions: Rows


_strategy = functools.cache(load_strategy)


def write_tape(case: Case, file: Path, rows: list[Row] | None = None) -> None:
    """Write the rows of a case (or those given), as they were drawn, as a tape."""
    given = case.rows if rows is None else rows
    exch_ts, local_ts, seq, tags, px, qty = (list(c) for c in zip(*given, strict=True))
    tape.write(
        file,
        pl.DataFrame(
            {
                "exch_ts": exch_ts,
                "local_ts": local_ts,
                "seq": seq,
                "kind": [records.KIND_NAMES[tag & records.KIND_MASK] for tag in tags],
                "side": [1 if tag & records.BUY else -1 for tag in tags],
                "px_quanta": px,
                "qty_lots": qty,
                "context": [records.CONTEXT_NAMES[lots % 4] for lots in qty],
                "aggressor_end": [bool(tag & records.AGGRESSOR_END) for tag in tags],
            }
        ),
        MarketRules(symbol="SWARM", **case.rules),
    )


def _latency(line: dict[str, Any]) -> LatencySettings:
    given = {name: value for name, value in line.items() if name not in ("key", "kinds")}
    return LatencySettings(**given)


def run_engine(case: Case) -> Outcome:
    """Run `case` through the engine, in chunks of a size drawn with it."""
    strategy: Strategy = _strategy(case.strategy)
    gathered: dict[str, list[np.ndarray]] = {}

    def sink(table: str, rows: np.ndarray) -> None:
        gathered.setdefault(table, []).append(rows.copy())

    with tempfile.TemporaryDirectory() as folder:
        specs = []
        for place, rows in enumerate([case.rows, *case.references]):
            file = Path(folder) / f"tape{place}.parquet"
            write_tape(case, file, rows)
            specs.append(tape.TapeSpec(file))
        with tape.open_tapes(specs, rows_per_chunk=case.rows_per_chunk) as stream:
            simulation = Simulation(
                stream.markets,
                strategy,
                strategy.params.filled(case.params),
                _settings(case, stream.first_local_ts, stream.last_local_ts),
            )
            simulation.run(stream.chunks(), sink)
    venue = simulation.venues[0]
    account = venue["account"]
    open_orders = [
        {name: slot[name].item() for name in OPEN}
        | {"end": records.ACCEPTED, "reason": 0, "ahead_at_end": max(float(queue["ahead"]), 0.0)}
        for slot, queue in zip(venue["orders"], venue["queue"], strict=True)
        if slot["id"]
    ]
    return Outcome(
        _rows(gathered, "fills"),
        _rows(gathered, "intents"),
        {name: int(account[name]) for name in ACCOUNT},
        _rows(gathered, "orders") + open_orders,
        _rows(gathered, "predictions"),
    )


def _settings(case: Case, first_ts: int, last_ts: int) -> Settings:
    maker = case.maker
    feed: dict[str, Any] = {}
    if case.knowledge == "feed":
        feed = {"knowledge": "feed", "hold_back_ns": case.hold_back_ns}
    return Settings(
        t0_ns=first_ts,
        quote_start_ns=first_ts + maker["warmup_ns"],
        end_ns=last_ts if case.to is None else case.to,
        clock_t0_ns=first_ts,
        max_position_lots=maker["max_position"],
        seed=case.seed,
        requote_ns=maker["requote_ns"],
        estimate=False,
        quote_on_fill=maker["quote_on_fill"],
        quote_on_packet=maker["quote_on_packet"],
        replace_all=maker["reconcile"] == "replace",
        move_by_modify=maker["moves"] == "modify",
        time_in_force=maker["tif"],
        queue=case.queue,
        queue_n=case.queue_n,
        queue_alpha=case.alpha,
        queue_log_kappa=case.log_kappa,
        queue_images=case.images,
        queue_draws=case.draws,
        exchange=ExchangeSettings(market={"block_ns": case.block_ns}),
        entry=_latency(case.entry),
        **{
            name: _latency(case.entry["kinds"][kind])
            for kind, name in enumerate(records.REQUEST_NAMES)
            if kind in case.entry.get("kinds", {})
        },
        response=_latency(case.response),
        **feed,
    )


def _rows(gathered: dict[str, list[np.ndarray]], table: str) -> Rows:
    rows: Rows = []
    for part in gathered.get(table, []):
        names = part.dtype.names or ()
        rows += [dict(zip(names, row, strict=True)) for row in part.tolist()]
    return rows
