"""Tapes with a false future: what nobody could know at a time t is garbage, the rest is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simmm.backtest import WINDOW_PER_REACH
from simmm.records import (
    AGGRESSOR_END,
    BBO,
    BOOK_WINDOW,
    BUY,
    CONTEXT,
    DEPTH,
    FIRST,
    GAP,
    KIND_MASK,
    PACKET_END,
    SNAPSHOT,
    TRADE,
)
from simmm.tape import info
from simmm.tape.schema import COLUMNS, NO_AUX, RANKS
from tests.contract.tapes import Columns

SECOND = 1_000_000_000
GARBAGE_MESSAGES = 600
Row = list[int]  # exch_ts, local_ts, seq, tag, px, qty, aux


def book_window(*tapes: Path) -> int:
    """Return the size of books that the true tapes ask for; a false one must not change it.

    It is derived from a tape's metadata, and decides only how far from the touch orders may lie.
    """
    reach = max(info(tape).reach_px_99 for tape in tapes)
    return max(BOOK_WINDOW, WINDOW_PER_REACH * reach)


def cut(columns: Columns, t: int) -> Columns:
    """Return the rows that have happened at `t`; no future at all."""
    return _where(columns, columns["exch_ts"] <= t)


def false_future(columns: Columns, t: int, seed: int) -> Columns:
    """Replace the rows that happen after `t`."""
    rng = np.random.default_rng([seed, t])
    return _joined(cut(columns, t), _garbage(columns, t, t + 1, rng))


def false_arrivals(columns: Columns, t: int, seed: int) -> Columns:
    """Let messages that arrive after `t` arrive at other times after `t`."""
    rng = np.random.default_rng([seed, t])
    local = columns["local_ts"].copy()
    late = local > t
    seq = columns["seq"]
    delays = rng.integers(0, 3 * SECOND, int(seq.max()) + 1)  # one for each message
    last = np.zeros(delays.size, np.int64)  # a message is seen when all of it has happened
    np.maximum.at(last, seq, columns["exch_ts"])
    local[late] = np.maximum(last[seq[late]], t + 1) + delays[seq[late]]
    return {**columns, "local_ts": local}


def false_unseen(columns: Columns, t: int, seed: int) -> Columns:
    """Replace the rows that arrive after `t`, those that have happened by then too."""
    rng = np.random.default_rng([seed, t])
    known = _where(columns, columns["local_ts"] <= t)
    return _joined(known, _garbage(columns, t, t - 2 * SECOND, rng))


def _where(columns: Columns, keep: np.ndarray) -> Columns:
    return {name: values[keep] for name, values in columns.items()}


def _garbage(columns: Columns, t: int, first_ts: int, rng: np.random.Generator) -> Columns:
    """Return messages of wild content that happen from `first_ts` on and arrive after `t`."""
    traded = columns["px"][columns["tag"] & KIND_MASK == TRADE]
    centre = int(traded[0]) if traded.size else int(np.median(columns["px"]))
    most = 20 * int(columns["qty"].max())
    seq = int(columns["seq"].max())
    rows: list[Row] = []
    ts = first_ts
    for _ in range(GARBAGE_MESSAGES):
        ts += int(rng.choice([0, 1, 1_000, SECOND // 10]))
        local = max(ts, t + 1) + int(rng.choice([0, 1, SECOND // 2]))
        seq += 1
        said = _message(rng, centre, most)
        for place, (tag, px, qty) in enumerate(said):
            end = PACKET_END if place == len(said) - 1 else 0
            rows.append([ts, local, seq, tag | end, px, qty, NO_AUX])
    return {
        name: np.array(values, np.uint8 if name == "tag" else np.int64)
        for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }


def _message(rng: np.random.Generator, centre: int, most: int) -> list[tuple[int, int, int]]:
    kind = int(rng.choice([DEPTH, DEPTH, TRADE, TRADE, BBO, SNAPSHOT, CONTEXT, GAP]))
    px = round(centre * float(rng.choice([1.0, 1.0, 1.001, 0.999, 1.4, 0.7])))
    px += int(rng.integers(-30, 31))
    side = int(rng.choice([0, BUY]))
    count = int(rng.integers(1, 4))
    if kind == GAP:
        return [(GAP, 0, 0)]
    if kind == CONTEXT:
        return [(CONTEXT, px, figure) for figure in range(count)]
    if kind == BBO:
        return [(BBO | BUY, px - 1, int(rng.integers(1, most))), (BBO, px, 1)]
    step = -1 if side else 1
    if kind == SNAPSHOT:
        return [
            (SNAPSHOT | side | (0 if k else FIRST), px + k * step, int(rng.integers(1, most)))
            for k in range(count)
        ]
    if kind == DEPTH:
        return [(DEPTH | side, px + k, int(rng.integers(0, most))) for k in range(count)]
    step = -step  # a buyer goes up
    end = count - 1
    return [
        (
            TRADE | side | (AGGRESSOR_END if k == end else 0),
            px + k * step,
            int(rng.integers(1, most)),
        )
        for k in range(count)
    ]


def _joined(one: Columns, two: Columns) -> Columns:
    """Return the rows of both in causal order."""
    whole = {name: np.concatenate((one[name], two[name])) for name in COLUMNS}
    rank = RANKS[whole["tag"] & KIND_MASK]
    order = np.lexsort((whole["seq"], rank, whole["exch_ts"]))  # keeps the places in a message
    return {name: values[order] for name, values in whole.items()}
