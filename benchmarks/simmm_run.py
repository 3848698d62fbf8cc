"""Times simmm on a benchmark tape and prints one line of JSON.

``bare``
    Replay with both books and both clocks. Every 100 ms a quote step runs and wants nothing.
``quotes``
    Every 100 ms both own orders are cancelled and one bid and one ask placed anew: the rule of
    ``peer_run.py``, written as a strategy file (``strategies/inventory_shift.py``).
``ladder``
    The same with five bids and five asks, a tick behind one another (``strategies/ladder.py``).

``--queue`` names the queue model, ``power`` with n = 3 unless told. ``--account`` switches on all
of Hyperliquid's exchange: its rules for BTC, blocks, fee tiers, funding, margin and the count of
requests. Budget of requests and deposit are so high that nothing is refused. ``--estimators``
switches on all estimators, at their defaults; all of them are read at each quote step.

What runs is the entry that every backtest runs, its columns whole in memory. The time is that of
feeding it, of the compiled calls and of taking what they put out from their buffers, after a first
run over the head of the tape; fetching the compiled code is not part of it. Rows put out are
counted and dropped, as the peer keeps none. Each case should run in a process of its own. ``cpu_s``
is what of the time the thread spent on a processor.

Beside the peer's work simmm also does, in the time that is measured: a hash chain over fills,
account and intents; rows of every fill, order, intent and change of the mid; each second a sample
of the account and of the maker's beliefs; limits and reconciliation; time quoted at the touch.
Estimators are off unless asked for. The peer fills whole orders only, simmm fills them in part, so
that numbers of fills differ; ``orders_filled`` is the figure to compare with the peer's fills.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from simmm_tape import NAME, market_rules

from simmm.estimators.observation import KINDS
from simmm.exchange_settings import ExchangeSettings, settings_of
from simmm.records import FILLED
from simmm.rules import dates, venue_rules
from simmm.simulation import LatencySettings, Settings, Simulation
from simmm.strategy.load import load_strategy
from simmm.tape import Chunk, TapeSpec, open_tapes

STEP_NS = 100_000_000
ENTRY_NS = 5_000_000
RESPONSE_NS = 5_000_000
SAMPLE_NS = 1_000_000_000
QUEUE, QUEUE_POWER = "power", 3.0
WARM_UP_PACKETS = 50_000
DEPOSIT, REQUESTS = "1000000000", 10**12
COLUMNS = Chunk._fields[:8]
STRATEGIES = {
    "bare": "stand_aside.py",
    "quotes": "inventory_shift.py",
    "ladder": "ladder.py",
}


def whole_tape(path: Path) -> Chunk:
    """Read a tape into one chunk."""
    with open_tapes([TapeSpec(path)]) as stream:
        parts = list(stream.chunks())
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        columns[name] = np.concatenate([getattr(part, name) for part in parts])
        columns[name].flags.writeable = False
    return parts[-1]._replace(**columns)


def head_of(chunk: Chunk, packets: int) -> Chunk:
    """Give the first packets of a tape, and when they arrive."""
    packets = min(packets, len(chunk.packet_ts) - 1)
    rows = int(chunk.packet_row[packets])
    kept = chunk.arrival_packet < packets
    columns: dict[str, Any] = {name: getattr(chunk, name)[:rows] for name in COLUMNS[:3]}
    columns |= {name: getattr(chunk, name)[:packets] for name in COLUMNS[3:6]}
    columns |= {name: getattr(chunk, name)[kept] for name in COLUMNS[6:]}
    for column in columns.values():
        column.flags.writeable = False
    return chunk._replace(**columns)


def hyperliquid(first_ts: int) -> ExchangeSettings:
    """Give the settings of all of Hyperliquid's exchange, for an account that lacks nothing."""
    rules = venue_rules("hyperliquid", "BTC", dates("hyperliquid")[0])
    found = settings_of(rules, market_rules(), first_ts, deposit=DEPOSIT)
    found.budget["initial"] = REQUESTS
    return found


def make_settings(
    first_local_ts: int,
    last_local_ts: int,
    queue: str = QUEUE,
    account: bool = False,
    estimate: bool = False,
) -> Settings:
    """Give the settings of all cases: the first quote falls one step after the first row."""
    return Settings(
        t0_ns=first_local_ts,
        quote_start_ns=first_local_ts + STEP_NS,
        end_ns=last_local_ts,
        clock_t0_ns=first_local_ts,
        max_position_lots=10**12,
        requote_ns=STEP_NS,
        sample_ns=SAMPLE_NS,
        estimate=estimate,
        replace_all=True,
        queue=queue,
        queue_n=QUEUE_POWER,
        exchange=hyperliquid(first_local_ts) if account else ExchangeSettings(),
        entry=LatencySettings(low_ns=ENTRY_NS),
        response=LatencySettings(low_ns=RESPONSE_NS),
    )


class Run(NamedTuple):
    """A finished run: its state, what it put out, and what it took in seconds."""

    simulation: Simulation
    rows: dict[str, int]  # put out, by table
    filled: int  # orders filled whole
    wall_s: float
    cpu_s: float


def simulate(
    case: str, chunk: Chunk, queue: str, account: bool = False, estimate: bool = False
) -> Run:
    """Run a case over a whole tape under a queue model."""
    strategy = load_strategy(Path(__file__).with_name("strategies") / STRATEGIES[case])
    first_ts, last_ts = int(chunk.arrival_ts[0]), int(chunk.arrival_ts[-1])
    settings = make_settings(first_ts, last_ts, queue, account, estimate)
    simulation = Simulation([market_rules()], strategy, strategy.params.filled({}), settings)
    counts: dict[str, int] = {}
    filled = 0

    def sink(table: str, rows: np.ndarray) -> None:
        nonlocal filled
        counts[table] = counts.get(table, 0) + len(rows)
        if table == "orders":
            filled += int(np.count_nonzero(rows["end"] == FILLED))

    simulation.prepare()
    start, cpu_start = time.perf_counter(), time.thread_time()
    simulation.run(iter([chunk]), sink)
    wall_s, cpu_s = time.perf_counter() - start, time.thread_time() - cpu_start
    return Run(simulation, counts, filled, wall_s, cpu_s)


def time_case(
    case: str, chunk: Chunk, queue: str = QUEUE, account: bool = False, estimate: bool = False
) -> dict[str, Any]:
    """Run `case` over a tape and give its counts, wall time and the process's peak memory."""
    simulate(case, head_of(chunk, WARM_UP_PACKETS), queue, account, estimate)
    run = simulate(case, chunk, queue, account, estimate)
    venue, maker = run.simulation.venues[0], run.simulation.makers[0]
    rows = len(chunk.tag)
    return {
        "case": case,
        "queue": queue,
        "account": account,
        "heard": dict(zip(KINDS, run.simulation.stacks[0]["heard"].tolist(), strict=False)),
        "rows": rows,
        "wall_s": round(run.wall_s, 6),
        "cpu_s": round(run.cpu_s, 6),
        "m_rows_per_s": round(rows / run.wall_s / 1e6, 3),
        "steps": int(maker["steps"]),
        "orders": int(maker["next_id"]) - 1,
        "fills": int(venue["fills"]),
        "orders_filled": run.filled,
        "position": int(venue["account"]["position"]),
        "digest": f"{int(venue['chain']):016x} {int(maker['chain']):016x}",
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> int:
    """Time one case on the tape in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=sorted(STRATEGIES))
    parser.add_argument("tape", type=Path)
    parser.add_argument("--queue", default=QUEUE, help="queue model")
    parser.add_argument("--account", action="store_true", help="all of Hyperliquid's exchange")
    parser.add_argument("--estimators", action="store_true", help="all estimators on")
    arguments = parser.parse_args()
    path = arguments.tape / NAME
    if not path.exists():
        # Converting here would count in the peak memory that is reported.
        parser.error(f"{arguments.tape}: has no {NAME}; run simmm_tape.py on it first")
    chunk = whole_tape(path)
    chosen = (arguments.case, chunk, arguments.queue, arguments.account, arguments.estimators)
    print(json.dumps(time_case(*chosen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
