"""Tapes and schedules as folders of columns, the form that ``benchmarks/peer_*.py`` read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from simmm.market import MarketRules
from simmm.records import BUY, DEPTH, KIND_MASK, SNAPSHOT, TRADE
from simmm.tape import convert
from tests.contract.tapes import read

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))

import peer_schedule  # noqa: E402
import peer_tape  # noqa: E402
from peer_columns import (  # noqa: E402
    CLEAR,
    COLUMNS,
    FORMAT,
    load_columns,
    save_arrays,
)
from peer_columns import DEPTH as THEIR_DEPTH  # noqa: E402
from peer_columns import SNAPSHOT as THEIR_SNAPSHOT  # noqa: E402
from peer_columns import TRADE as THEIR_TRADE  # noqa: E402
from simmm_tape import write_simmm_tape  # noqa: E402

#: What both sides count in: ticks and lots.
MARKET = MarketRules(symbol="BTC-PERP", venue="benchmark", price_quantum="1", lot_size="0.00001")
REACH = 1 << 14  # quanta about the middle of the prints; levels farther out are left away


def write_generated(folder: Path, rows: int, seed: int) -> None:
    """Write a generated tape, each row an event of its own."""
    peer_tape.write_tape(folder, rows=rows, seed=seed)
    write_simmm_tape(folder)


def write_recorded(folder: Path, source: Path) -> None:
    """Write a recorded event tape.

    Of a recording only what both sides can read in one way is kept: its first image and, from then
    on, level changes and prints, in causal order. A separate stream of best prices is left out: the
    peer has no such row.
    """
    folder.mkdir()
    tape = folder / "recording.parquet"
    convert(source, tape)
    rows = read(tape)
    kind, ts = rows["tag"] & KIND_MASK, rows["exch_ts"]
    first_ts = ts[np.argmax(kind == SNAPSHOT)]
    image = (kind == SNAPSHOT) & (ts == first_ts)
    kept = image | (((kind == DEPTH) | (kind == TRADE)) & (ts > first_ts))
    kept &= np.abs(rows["px"] - np.median(rows["px"][kind == TRADE])) < REACH
    for name, values in _columns(rows, np.flatnonzero(kept)).items():
        np.save(folder / f"{name}.npy", values)
    (folder / "tape.json").write_text(json.dumps({"format": FORMAT}), encoding="utf-8")
    write_simmm_tape(folder)


def _columns(rows: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of the chosen rows, behind a row that tells the peer to empty its book."""
    tag = rows["tag"][chosen]
    kinds = np.zeros(8, np.int8)
    kinds[[DEPTH, SNAPSHOT, TRADE]] = THEIR_DEPTH, THEIR_SNAPSHOT, THEIR_TRADE
    found: dict[str, Any] = {
        "exch_ts": rows["exch_ts"][chosen],
        "local_ts": rows["local_ts"][chosen],
        "kind": kinds[tag & KIND_MASK],
        "side": np.where(tag & BUY, 1, -1),
        "px_ticks": rows["px"][chosen],
        "qty_lots": rows["qty"][chosen],
    }
    found["px"], found["qty"] = found["px_ticks"], found["qty_lots"]
    head = {name: found[name][0] for name in ("exch_ts", "local_ts")} | {"kind": CLEAR}
    return {
        name: np.concatenate(([head.get(name, 0)], found[name])).astype(kind)
        for name, kind in COLUMNS.items()
    }


def write_schedules(folder: Path, seeds: range, most_life_s: float) -> None:
    """Draw schedules of single orders, none of which lives longer than `most_life_s`."""
    columns = load_columns(folder)
    before = peer_schedule.MOST_LIFE_NS
    peer_schedule.MOST_LIFE_NS = round(most_life_s * 1e9)
    try:
        for seed in seeds:
            schedule = peer_schedule.draw_schedule(columns, seed)
            save_arrays(folder / f"schedule-{seed}.npz", schedule)
    finally:
        peer_schedule.MOST_LIFE_NS = before
