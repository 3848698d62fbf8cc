"""Run a drawn case through the compiled engine and return what the oracle returns."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from simmm import records, tape
from simmm.engine import link, open_run
from simmm.jit import compiled
from simmm.market import MarketRules
from simmm.strategy.load import load_strategy
from simmm.venue.latency import LATENCY_FORMS
from simmm.venue.queue import queue_model
from tests.swarm.draw import Case

Rows = list[dict[str, Any]]
COUNTS = {
    "fills": "n_fills", "intents": "n_intents", "orders": "n_orders", "equity": "n_equity",
    "beliefs": "n_beliefs", "mids": "n_mids",
}


class Outcome(NamedTuple):
    """What a run produced."""

    fills: Rows
    intents: Rows
    account: dict[str, int]
    orders: Rows


@functools.cache
def _linked(strategy: Path) -> tuple[Any, Callable[..., None]]:
    """The strategy and its entry; the published queue forms share their verbs."""
    loaded = load_strategy(strategy)
    return loaded, link(loaded, queue_model("power"))


@compiled
def _start(venues: Any, venue_books: Any, makers: Any, maker_books: Any) -> None:
    open_run(venues[0], venue_books, makers[0], maker_books, 1, (60.0, 60.0))


def _chunks(case: Case, rules: MarketRules, folder: Path, rows_per_chunk: int | None) -> Any:
    """Write the rows as a tape and read them back: whole, as arrays of one chunk."""
    columns = list(zip(*case.rows, strict=True))
    kinds = [records.KIND_NAMES[tag & records.KIND_MASK] for tag in columns[3]]
    file = folder / "tape.parquet"
    tape.write(
        file,
        pl.DataFrame({
            "exch_ts": columns[0], "local_ts": columns[1], "seq": columns[2], "kind": kinds,
            "side": [1 if tag & records.BUY else -1 for tag in columns[3]],
            "px": list(columns[4]), "qty": list(columns[5]),
            "context": [records.CONTEXT_NAMES[qty % 4] for qty in columns[5]],
            "aggressor_end": [bool(tag & records.AGGRESSOR_END) for tag in columns[3]],
        }),
        rules,
    )
    with tape.open_tapes([tape.TapeSpec(file)], rows_per_chunk=rows_per_chunk) as stream:
        return list(stream.chunks()), stream.first_local_ts, stream.last_local_ts


def _line(record: Any, line: dict[str, Any]) -> None:
    record["form"] = LATENCY_FORMS.index(line["form"])
    for name in ("low_ns", "scale_ns", "shape", "key"):
        record[name] = line[name]
    record["cap_ns"] = line.get("cap_ns", 1 << 60)


def _feed(chunk: Any, feed: Any) -> list[np.ndarray]:
    """Whole arrays and the feed record that describes them."""
    feed["row_mask"] = feed["packet_mask"] = feed["arrival_mask"] = -1
    feed["packet_hi"], feed["row_hi"] = len(chunk.packet_ts), len(chunk.tag)
    feed["arrival_hi"] = len(chunk.arrival_ts)
    feed["bound_ts"], feed["final"] = chunk.bound_ts, int(chunk.final)
    packet_row = np.append(chunk.packet_row, len(chunk.tag))
    columns = [chunk.tag, chunk.px, chunk.qty, chunk.packet_ts, packet_row, chunk.packet_info,
               chunk.arrival_ts, chunk.arrival_packet]
    for column in columns:
        column.flags.writeable = False
    return columns


def run_engine(case: Case) -> Outcome:
    """Run `case` through the engine."""
    rules = MarketRules(symbol="SWARM", **case.rules)
    with tempfile.TemporaryDirectory() as folder:
        chunks, first_ts, last_ts = _chunks(case, rules, Path(folder), None)
    (chunk,) = chunks
    strategy, advance = _linked(case.strategy)
    model = queue_model(case.queue)
    venues = np.zeros(1, records.venue_dtype(
        np.dtype((model.state, (records.ORDER_SLOTS,))).base))
    books = np.zeros(1, records.book_dtype())
    makers, maker_books = np.zeros(1, records.Maker), np.zeros(1, records.book_dtype())
    mails, feeds = np.zeros(1, records.Mail), np.zeros(1, records.Feed)
    outputs = np.zeros(1, records.Outputs)
    venues["market"] = makers["market"] = rules.to_record()
    venues["settings"]["form"], venues["settings"]["n"] = model.form, case.queue_n
    venues["next_sample_ts"] = records.NEVER
    venues["sample_ns"] = 10**9
    _line(mails["entry"], case.entry)
    _line(mails["answer"], case.response)
    made = case.maker
    makers["start_ts"] = makers["next_requote_ts"] = first_ts + made["warmup_ns"]
    makers["end_ts"] = last_ts if case.to is None else case.to
    makers["requote_ns"] = made["requote_ns"]
    makers["next_clock_ts"] = makers["next_record_ts"] = records.NEVER
    makers["record_ns"] = 10**9
    for name in ("quote_on_fill", "quote_on_packet", "tif", "max_position"):
        makers[name] = int(made[name])
    makers["reconcile"] = int(made["reconcile"] == "replace")
    makers["moves"] = int(made["moves"] == "modify")
    _start(venues, books, makers, maker_books)
    memories, params = strategy.memory.filled(), strategy.params.filled(case.params)
    memory_rows = np.zeros(records.BELIEFS, strategy.memory.dtype)
    columns = _feed(chunk, feeds[0])
    gathered: dict[str, list[np.ndarray]] = {name: [] for name in COUNTS}
    while True:
        advance(*columns, feeds, venues, books, makers, maker_books, mails, memories, params,
                outputs, memory_rows)
        for name, count in COUNTS.items():
            gathered[name].append(outputs[0][name][: outputs[0][count]].copy())
            outputs[count] = 0
        status = int(feeds["status"][0])
        if status == records.ENDED:
            break
        assert status == records.OUTPUT_FULL, (status, int(makers["fault"][0]))
    return _outcome(gathered, venues[0])


def _rows(parts: list[np.ndarray]) -> Rows:
    whole = np.concatenate(parts)
    names = whole.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in whole.tolist()]


def _outcome(gathered: dict[str, list[np.ndarray]], venue: Any) -> Outcome:
    account = {
        name: int(venue["account"][name])
        for name in ("position", "cash", "fees", "maker_volume", "taker_volume")
    }
    orders = _rows(gathered["orders"])
    for slot in venue["orders"]:
        if slot["id"]:
            orders.append({
                **{name: slot[name].item() for name in slot.dtype.names},
                "end": records.ACCEPTED, "reason": 0, "end_ts": 0,
            })
    return Outcome(_rows(gathered["fills"]), _rows(gathered["intents"]), account, orders)
