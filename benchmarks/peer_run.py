"""Times the peer on a benchmark tape and prints one line of JSON. Run by the peer's interpreter.

``bare``
    The tape is replayed in steps of 100 ms with nothing done between them.
``quotes``
    Every 100 ms both own orders are cancelled and one bid and one ask placed anew: post-only, 0.01
    each, power queue model with n = 3, 5 ms to the exchange and 5 ms back. Each order stands one
    tick behind its touch. The pair is shifted one tick against the inventory for every order held,
    the inventory counted in orders and clamped at ten, but no order goes past its touch.
``ladder``
    The same with five bids and five asks, a tick behind one another from that tick on.

The time is that of the compiled call alone, after a first call on the head of the tape that
compiles it. Each case should run in a process of its own. ``cpu_s`` is what of the time the thread
spent on a processor; the peer works in the calling thread alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import (  # type: ignore[import-not-found]
    GTX,
    LIMIT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from numba import njit
from peer_columns import LOT_SIZE, TICK_SIZE, Array
from peer_convert import load_events

STEP_NS = 100_000_000
ENTRY_NS = 5_000_000
RESPONSE_NS = 5_000_000
QUEUE_POWER = 3.0
ORDER_QTY = 0.01
INVENTORY_CLAMP = 10
TICKS_BEHIND = 1
ORDERS_PER_TICK = 1
WARM_UP_ROWS = 50_000
PRICE_MARGIN_TICKS = 200


@njit()
def bare(hbt: Any, counts: Array) -> None:
    """Step through the tape; count the steps."""
    while hbt.elapse(STEP_NS) == 0:
        counts[0] += 1


def requote(levels: int) -> Any:
    """Give the compiled loop that replaces `levels` orders a side at each step."""

    @njit()
    def quote(hbt: Any, counts: Array) -> None:
        """Cancel all orders and place them anew each step; count steps, orders, cancels."""
        order_id = 0
        while hbt.elapse(STEP_NS) == 0:
            counts[0] += 1
            hbt.clear_inactive_orders(0)
            own = hbt.orders(0)
            for own_id in range(max(order_id - 2 * levels + 1, 1), order_id + 1):
                order = own.get(own_id)
                if order is not None and order.cancellable:
                    hbt.cancel(0, own_id, False)
                    counts[2] += 1
            depth = hbt.depth(0)
            held = round(hbt.position(0) / ORDER_QTY)
            held = max(-INVENTORY_CLAMP, min(INVENTORY_CLAMP, held))
            shift = abs(held) // ORDERS_PER_TICK
            shift = shift if held > 0 else -shift
            bid = depth.best_bid_tick - max(TICKS_BEHIND + shift, 0)
            ask = depth.best_ask_tick + max(TICKS_BEHIND - shift, 0)
            for k in range(levels):
                bid_px, ask_px = (bid - k) * TICK_SIZE, (ask + k) * TICK_SIZE
                bid_id, ask_id = order_id + 2 * k + 1, order_id + 2 * k + 2
                hbt.submit_buy_order(0, bid_id, bid_px, ORDER_QTY, GTX, LIMIT, False)
                hbt.submit_sell_order(0, ask_id, ask_px, ORDER_QTY, GTX, LIMIT, False)
            order_id += 2 * levels
        counts[1] = order_id

    return quote


CASES = {"bare": bare, "quotes": requote(1), "ladder": requote(5)}


def build(events: Array, low: float, high: float) -> Any:
    """Give a fresh backtest over `events`, which the caller must keep alive until it is closed."""
    asset = (
        BacktestAsset()
        .data(events)
        .linear_asset(1.0)
        .constant_order_latency(ENTRY_NS, RESPONSE_NS)
        .power_prob_queue_model(QUEUE_POWER)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(TICK_SIZE)
        .lot_size(LOT_SIZE)
        .roi_lb(low)
        .roi_ub(high)
    )
    return ROIVectorMarketDepthBacktest([asset])


def time_case(case: str, events: Array) -> dict[str, Any]:
    """Run `case` over `events` and give its counts, wall time and the process's peak memory."""
    strategy = CASES[case]
    # The first row clears the book and has no price.
    low = float(events["px"][1:].min()) - PRICE_MARGIN_TICKS * TICK_SIZE
    high = float(events["px"][1:].max()) + PRICE_MARGIN_TICKS * TICK_SIZE

    warm_up = build(events[:WARM_UP_ROWS], low, high)
    strategy(warm_up, np.zeros(3, np.int64))
    warm_up.close()

    hbt = build(events, low, high)
    counts = np.zeros(3, np.int64)
    start, cpu_start = time.perf_counter(), time.thread_time()
    strategy(hbt, counts)
    wall_s, cpu_s = time.perf_counter() - start, time.thread_time() - cpu_start
    values = hbt.state_values(0)
    result = {
        "case": case,
        "rows": len(events),
        "wall_s": round(wall_s, 6),
        "cpu_s": round(cpu_s, 6),
        "m_rows_per_s": round(len(events) / wall_s / 1e6, 3),
        "steps": int(counts[0]),
        "orders": int(counts[1]),
        "cancels": int(counts[2]),
        "fills": int(values.num_trades),
        "position": round(float(values.position), 8),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    hbt.close()
    return result


def main() -> int:
    """Time one case on the tape in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("tape", type=Path)
    arguments = parser.parse_args()
    if not (arguments.tape / "peer.npy").exists():
        # Converting here would count in the peak memory that is reported.
        parser.error(f"{arguments.tape}: has no peer.npy; run peer_convert.py on it first")
    print(json.dumps(time_case(arguments.case, load_events(arguments.tape))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
