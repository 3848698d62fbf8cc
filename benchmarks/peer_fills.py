"""Fills a fixed schedule of orders with the peer and writes when each was filled.

Run by the peer's interpreter on a tape and a schedule of ``peer_schedule.py``. Prices are given to
the peer in ticks and sizes in lots, so that its sums of sizes are exact. All orders are post-only.

What of the peer is wrong and therefore kept out of the comparison: own orders at one price and side
all fill from the same trade (a schedule has one there at a time, which is checked), partial fills
never reach the position (its exchange without partial fills is used: orders of one lot), requests
for an order that has one under way are refused (an order must live longer than there and back,
which is checked too).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import (  # type: ignore[import-not-found]
    CANCELED,
    EXPIRED,
    FILLED,
    GTX,
    LIMIT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from numba import njit
from peer_columns import Array, load_arrays, save_arrays
from peer_convert import load_events
from peer_schedule import SCHEDULE

STATUS_LIVE, STATUS_FILLED, STATUS_CANCELLED, STATUS_REJECTED = 0, 1, 2, 3
"""Values of the column ``status``; rejected is a post-only order that would have taken."""

MODELS = ("pessimistic", "power", "power2", "power3", "log", "log2")
PRICE_MARGIN_TICKS = 200
_ACTIONS_PER_SWEEP = 128
_END_NS = 1 << 62


@njit()
def _sweep(hbt: Any, status: Array, exch_ts: Array) -> None:
    """Note the orders that have ended and let the peer forget them."""
    values = hbt.orders(0).values()
    while values.has_next():
        order = values.get()
        row = order.order_id - 1
        if order.status == FILLED:
            status[row] = STATUS_FILLED
        elif order.status == CANCELED:
            status[row] = STATUS_CANCELLED
        elif order.status == EXPIRED:
            status[row] = STATUS_REJECTED
        else:
            continue
        exch_ts[row] = order.exch_timestamp
    hbt.clear_inactive_orders(0)


@njit()
def _replay(
    hbt: Any,
    action_ts: Array,
    action_row: Array,
    side: Array,
    px_ticks: Array,
    qty_lots: Array,
    status: Array,
    exch_ts: Array,
) -> int:
    """Send `action_row` (row to submit, or ~row to cancel) at `action_ts`; 0 or the peer's code."""
    code = hbt.elapse(0)
    for action in range(action_ts.size):
        wait = action_ts[action] - hbt.current_timestamp
        if wait > 0:
            code = hbt.elapse(wait)
        if code != 0:
            return int(code)
        row = action_row[action]
        if row < 0:
            order = hbt.orders(0).get(~row + 1)
            if order is not None and order.cancellable:
                code = hbt.cancel(0, ~row + 1, False)
        elif side[row] == 1:
            code = hbt.submit_buy_order(
                0, row + 1, float(px_ticks[row]), float(qty_lots[row]), GTX, LIMIT, False
            )
        else:
            code = hbt.submit_sell_order(
                0, row + 1, float(px_ticks[row]), float(qty_lots[row]), GTX, LIMIT, False
            )
        if code != 0:
            return int(code)
        if action % _ACTIONS_PER_SWEEP == 0:
            _sweep(hbt, status, exch_ts)
    code = hbt.elapse(_END_NS - hbt.current_timestamp)
    _sweep(hbt, status, exch_ts)
    return 0 if code == 1 else int(code)


def check_schedule(schedule: dict[str, Array], entry_ns: int, response_ns: int) -> None:
    """Refuse a schedule on which the peer is known to be wrong.

    Raises
    ------
    ValueError
        If an order id stands twice, an order is cancelled before it can be acknowledged, or a side
        has two orders at one price at once. The message names the row.
    """
    missing = sorted(set(SCHEDULE) - set(schedule))
    if missing:
        raise ValueError(f"schedule: column {missing[0]} is missing")
    if len(np.unique(schedule["order_id"])) != len(schedule["order_id"]):
        raise ValueError("schedule: an order_id stands twice")
    life = schedule["cancel_ts"] - schedule["submit_ts"]
    short = np.flatnonzero(life <= entry_ns + response_ns)
    if short.size:
        raise ValueError(f"schedule row {short[0]}: cancelled before it can be acknowledged")
    order = np.lexsort((schedule["submit_ts"], schedule["px_ticks"], schedule["side"]))
    same = np.diff(schedule["side"][order]) == 0
    same &= np.diff(schedule["px_ticks"][order]) == 0
    overlap = same & (schedule["submit_ts"][order][1:] <= schedule["cancel_ts"][order][:-1])
    if overlap.any():
        row = order[int(np.argmax(overlap)) + 1]
        raise ValueError(f"schedule row {row}: another order stands at its side and price")


def _build(events: Array, model: str, power: float, entry_ns: int, response_ns: int) -> Any:
    asset = BacktestAsset().data(events).linear_asset(1.0)
    asset = asset.constant_order_latency(entry_ns, response_ns)
    queue = {
        "pessimistic": lambda: asset.risk_adverse_queue_model(),
        "power": lambda: asset.power_prob_queue_model(power),
        "power2": lambda: asset.power_prob_queue_model2(power),
        "power3": lambda: asset.power_prob_queue_model3(power),
        "log": lambda: asset.log_prob_queue_model(),
        "log2": lambda: asset.log_prob_queue_model2(),
    }
    asset = queue[model]().no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
    # The first row clears the book and has no price.
    low, high = float(events["px"][1:].min()), float(events["px"][1:].max())
    asset = asset.tick_size(1.0).lot_size(1.0)
    asset = asset.roi_lb(low - PRICE_MARGIN_TICKS).roi_ub(high + PRICE_MARGIN_TICKS)
    return ROIVectorMarketDepthBacktest([asset])


def fill_schedule(
    events: Array,
    schedule: dict[str, Array],
    model: str,
    power: float = 3.0,
    entry_ns: int = 5_000_000,
    response_ns: int = 5_000_000,
) -> dict[str, Array]:
    """Send the orders of a schedule to the peer and give the end of each.

    Parameters
    ----------
    events
        The tape as the peer's rows, in ticks and lots.
    schedule
        Columns of ``peer_schedule.SCHEDULE``.
    model
        One of `MODELS`.
    power
        The n of the power models.
    entry_ns, response_ns
        Constant latency to the exchange and back.

    Returns
    -------
    dict
        ``order_id``, ``status`` and ``exch_ts``, in the order of the schedule. ``exch_ts`` is the
        exchange's time of the fill, cancel or rejection; 0 for an order still live.

    Raises
    ------
    ValueError
        If the schedule is refused by `check_schedule`.
    RuntimeError
        If the peer ends with an error code.
    """
    check_schedule(schedule, entry_ns, response_ns)
    count = len(schedule["order_id"])
    rows = np.arange(count)
    action_ts = np.concatenate([schedule["cancel_ts"], schedule["submit_ts"]])
    order = np.argsort(action_ts, kind="stable")
    action_row = np.concatenate([~rows, rows])[order]
    status = np.zeros(count, np.int8)
    exch_ts = np.zeros(count, np.int64)
    hbt = _build(events, model, power, entry_ns, response_ns)
    code = _replay(
        hbt,
        action_ts[order],
        action_row,
        schedule["side"],
        schedule["px_ticks"],
        schedule["qty_lots"],
        status,
        exch_ts,
    )
    position = float(hbt.position(0))
    hbt.close()
    if code != 0:
        raise RuntimeError(f"the peer ended with code {code}")
    filled = status == STATUS_FILLED
    booked = int((schedule["side"] * schedule["qty_lots"])[filled].sum())
    if booked != round(position):
        raise RuntimeError(f"noted fills sum to {booked} lots, the peer's position is {position}")
    return {"order_id": schedule["order_id"], "status": status, "exch_ts": exch_ts}


def main() -> int:
    """Fill one schedule under one queue model; print counts, write ``.npz``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tape", type=Path)
    parser.add_argument("schedule", type=Path)
    parser.add_argument("out", type=Path, help="file to write, ending in .npz")
    parser.add_argument("--model", choices=MODELS, default="power")
    parser.add_argument("--power", type=float, default=3.0)
    parser.add_argument("--entry-ns", type=int, default=5_000_000)
    parser.add_argument("--response-ns", type=int, default=5_000_000)
    arguments = parser.parse_args()
    events = load_events(arguments.tape, in_lots=True)
    start = time.perf_counter()
    ends = fill_schedule(
        events,
        load_arrays(arguments.schedule),
        arguments.model,
        arguments.power,
        arguments.entry_ns,
        arguments.response_ns,
    )
    wall_s = time.perf_counter() - start
    save_arrays(arguments.out, ends)
    names = ("live", "filled", "cancelled", "rejected")
    counts = np.bincount(ends["status"], minlength=len(names)).tolist()
    found = dict(zip(names, counts, strict=True))
    print(json.dumps({"model": arguments.model, **found, "wall_s": round(wall_s, 3)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
