"""Position over time and how long quotes rested, both over the time of quoting."""

from __future__ import annotations

import numpy as np

from simmm.report.intervals import total
from simmm.report.schema import Inventory, Quoting
from simmm.report.tables import Run

_QUOTED = ("quoted_bid_ns", "quoted_ask_ns", "touch_bid_ns", "touch_ask_ns")


def inventory(run: Run) -> Inventory:
    """Describe the position, a step function that the fills give exactly."""
    period, fills = run.info.period, run.fills
    start = period.quote_start_ns
    edges = np.concatenate(([start], fills["ts"], [max(period.end_ns, start)]))
    held = np.diff(edges).astype(np.float64)
    position = np.concatenate(([0], fills["position"])).astype(np.float64) * run.lot
    time = total(held)
    limit = _limit(run)
    if time <= 0:
        return Inventory(0.0, 0.0, 0.0, 0.0, limit, 0.0, 0.0, 1.0, None, 0.0)
    absolute = total(np.abs(position) * held) / time
    mid = run.mid2_at(edges[:-1]).astype(np.float64) / 2
    price = run.notional_unit / run.lot  # quote currency per quantum and base unit
    long_share = total(held[position > 0]) / time
    short_share = total(held[position < 0]) / time
    return Inventory(
        mean=total(position * held) / time,
        mean_absolute=absolute,
        longest=float(max(position.max(), 0.0)),
        shortest=float(min(position.min(), 0.0)),
        limit=limit,
        long_share=long_share,
        short_share=short_share,
        flat_share=total(held[position == 0]) / time,
        mean_absolute_notional=total(np.abs(position) * mid * held) / time * price,
        final=float(position[-1]),
    )


def _limit(run: Run) -> float | None:
    """`maker.max_position` of the scenario, base units."""
    maker = run.info.scenario.get("maker")
    limit = maker.get("max_position") if isinstance(maker, dict) else None
    return float(limit) if isinstance(limit, int | float) else None


def quoting(run: Run) -> Quoting:
    """Shares of the quoting time during which a bid or ask rested, and at or inside the touch.

    From the exchange's counters at the end of the run or, without them, at the last sample.
    """
    period, final = run.info.period, run.info.final
    until = period.end_ns
    counters = [getattr(final, name) for name in _QUOTED]
    if any(counter is None for counter in counters):
        if not len(run.equity["ts"]):
            return Quoting(None, None, None, None)
        until = int(run.equity["ts"][-1])
        counters = [int(run.equity[name][-1]) for name in _QUOTED]
    time = until - period.quote_start_ns
    if time <= 0:
        return Quoting(None, None, None, None)
    bid, ask, touch_bid, touch_ask = (counter / time for counter in counters)
    return Quoting(bid=bid, ask=ask, touch_bid=touch_bid, touch_ask=touch_ask)
