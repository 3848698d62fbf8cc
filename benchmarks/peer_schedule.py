"""Draws a fixed schedule of orders for a benchmark tape, to be filled by simmm and by its peer.

Each order has a life of its own: sent at ``submit_ts``, cancelled at ``cancel_ts`` if it is still
there. Each lane of a side sends its next order only after it has cancelled the
one before, and lane k uses only prices whose ticks leave the remainder k, so that no side ever has
two own orders at one price. No own bid stands at or above an own ask. With one lane (the default)
a side has one order at a time, and no two own orders can want the volume of one trade.

Run ``python benchmarks/peer_schedule.py TAPE FILE`` with any interpreter with NumPy and numba.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from pathlib import Path

import numpy as np
from numba import njit
from peer_columns import CLEAR, TRADE, Array, load_columns, save_arrays

SCHEDULE: dict[str, str] = {
    "order_id": "i8",
    "submit_ts": "i8",
    "cancel_ts": "i8",
    "side": "i1",
    "px_ticks": "i8",
    "qty_lots": "i8",
}
"""Columns of a schedule, rows by ``submit_ts``; clocks are the strategy's, in ns."""

LEAST_LIFE_NS = 30_000_000
MOST_LIFE_NS = 900_000_000
LEAST_PAUSE_NS = 20_000_000
MOST_PAUSE_NS = 60_000_000
SETTLE_NS = 1_000_000_000

# Ticks towards the market from the own touch, and how often of 100: mostly joining, some behind,
# some inside a wide spread, a few that post-only must turn away.
_OFFSETS = np.repeat(np.array([0, -1, -2, 1, 2]), [62, 18, 6, 10, 4])


@njit()
def _touches(
    kind: Array, side: Array, px: Array, qty: Array, low: int, bid: Array, ask: Array
) -> None:
    """Best bid and ask after each row, as ticks above `low`."""
    window = px.max() - low + 2
    sizes = np.zeros((2, window), np.int64)
    best_bid, best_ask = 0, window - 1
    for row in range(kind.size):
        if kind[row] == CLEAR:
            sizes[:] = 0
            best_bid, best_ask = 0, window - 1
        elif kind[row] != TRADE:
            at = px[row] - low
            if side[row] == 1:
                sizes[0, at] = qty[row]
                best_bid = max(best_bid, at)
                while best_bid > 0 and sizes[0, best_bid] == 0:
                    best_bid -= 1
            else:
                sizes[1, at] = qty[row]
                best_ask = min(best_ask, at)
                while best_ask < window - 1 and sizes[1, best_ask] == 0:
                    best_ask += 1
        bid[row], ask[row] = best_bid, best_ask


def touches(columns: dict[str, Array]) -> tuple[Array, Array]:
    """Give best bid and best ask in ticks after each row, both of shape (rows,)."""
    rows = len(columns["px_ticks"])
    low = int(columns["px_ticks"][1:].min()) - 1
    bid, ask = np.empty(rows, np.int64), np.empty(rows, np.int64)
    _touches(
        columns["kind"], columns["side"], columns["px_ticks"], columns["qty_lots"], low, bid, ask
    )
    return bid + low, ask + low


def _in_lane(ticks: int, lane: int, lanes: int, side: int) -> int:
    """Price nearest to `ticks`, away from the market, that belongs to `lane`."""
    return ticks - side * ((side * (ticks - lane)) % lanes)


def draw_schedule(
    columns: dict[str, Array], seed: int, lanes: int = 1, qty_lots: int = 1
) -> dict[str, Array]:
    """Draw orders over the whole of a tape.

    Parameters
    ----------
    columns
        Columns of the tape, as ``peer_tape.load_columns`` gives them.
    seed
        Seed of the draw.
    lanes
        Orders that a side may have at once, each at its own price.
    qty_lots
        Size of each order.

    Returns
    -------
    dict
        The columns of `SCHEDULE`, ordered by ``submit_ts``; ``order_id`` counts from 1.
    """
    rng = np.random.default_rng(seed)
    bid, ask = touches(columns)
    heard = np.asarray(columns["local_ts"])
    last_ts = int(heard[-1]) - SETTLE_NS
    start = int(heard[0]) + SETTLE_NS
    turns = []
    for lane in range(lanes):
        for side in (1, -1):
            turns.append((start + int(rng.integers(MOST_LIFE_NS)), lane, side))
    heapq.heapify(turns)
    resting: dict[tuple[int, int], tuple[int, int]] = {}
    rows: list[tuple[int, ...]] = []
    while turns:
        now, lane, side = heapq.heappop(turns)
        cancel_ts = now + int(rng.integers(LEAST_LIFE_NS, MOST_LIFE_NS))
        pause = int(rng.integers(LEAST_PAUSE_NS, MOST_PAUSE_NS))
        offset = int(_OFFSETS[rng.integers(len(_OFFSETS))])
        if cancel_ts > last_ts:
            continue
        seen = int(np.searchsorted(heard, now, side="right")) - 1
        ticks = int((bid if side == 1 else ask)[seen]) + side * offset
        # An order counts as resting until its cancel has surely arrived.
        for (_, other_side), (other_ticks, gone_ts) in resting.items():
            if other_side == -side and gone_ts >= now:
                ticks = side * min(side * ticks, side * (other_ticks - side))
        ticks = _in_lane(ticks, lane, lanes, side)
        resting[lane, side] = (ticks, cancel_ts + LEAST_PAUSE_NS)
        rows.append((len(rows) + 1, now, cancel_ts, side, ticks, qty_lots))
        heapq.heappush(turns, (cancel_ts + pause, lane, side))
    table = np.array(rows, np.int64).reshape(-1, len(SCHEDULE))
    return {name: table[:, i].astype(dtype) for i, (name, dtype) in enumerate(SCHEDULE.items())}


def main() -> int:
    """Draw a schedule for the tape in a folder and write it as ``.npz``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tape", type=Path)
    parser.add_argument("out", type=Path, help="file to write, ending in .npz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--qty-lots", type=int, default=1)
    arguments = parser.parse_args()
    schedule = draw_schedule(
        load_columns(arguments.tape), arguments.seed, arguments.lanes, arguments.qty_lots
    )
    save_arrays(arguments.out, schedule)
    print(len(schedule["order_id"]), "orders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
