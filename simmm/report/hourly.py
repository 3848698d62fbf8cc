"""The run hour by hour, and the thinned curves that a page or a terminal draws."""

from __future__ import annotations

import numpy as np

from simmm.report import payments
from simmm.report.intervals import exact_dot, exact_sum
from simmm.report.schema import Hour
from simmm.report.tables import Run

HOUR_NS = 3_600_000_000_000
CURVE_POINTS = 480


def worth_at(run: Run, instants: np.ndarray) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Equity (half money quanta), position (lots) and mid2 after all that happened up to each."""
    fills = run.fills
    mid2 = run.mid2_at(instants)
    row = np.searchsorted(fills["ts"], instants, side="right")
    # the end of the run is a point in time like any other: fills there are part of it
    paid = fills["side"] * fills["quantity"] * fills["px"] * run.money_scale + fills["fee"]
    cash = np.concatenate(([0], -np.cumsum(paid)))[row]
    cash = cash - payments.until(run, instants)
    position = np.concatenate(([0], fills["position"]))[row]
    equity = [
        2 * c + p * m * run.money_scale
        for c, p, m in zip(cash.tolist(), position.tolist(), mid2.tolist(), strict=True)
    ]
    return equity, position, mid2


def hours(run: Run) -> list[Hour]:
    """Break the run down by hours since quoting began; the nets add up to the net P&L."""
    period, fills = run.info.period, run.fills
    start, end = period.quote_start_ns, period.end_ns
    if end <= start:
        return []
    edges = np.array([*range(start, end, HOUR_NS), end], np.int64)
    equity, position, mid2 = worth_at(run, edges)
    equity[0] = 0  # a fill at the very start belongs to the first hour
    first = np.searchsorted(fills["ts"], edges, side="right")
    first[0] = 0
    rows = []
    for k in range(len(edges) - 1):
        part = slice(int(first[k]), int(first[k + 1]))
        quantity = fills["quantity"][part]
        rows.append(
            Hour(
                start_ns=int(edges[k]),
                end_ns=int(edges[k + 1]),
                net=(equity[k + 1] - equity[k]) * run.half_quantum,
                fills=len(quantity),
                volume=exact_sum(quantity) * run.lot,
                notional=exact_dot(quantity, fills["px"][part]) * run.notional_unit,
                fees=2 * exact_sum(fills["fee"][part]) * run.half_quantum,
                position=int(position[k + 1]) * run.lot,
                mid=price_of(run, int(mid2[k + 1])),
            )
        )
    return rows


def price_of(run: Run, mid2: int) -> float | None:
    """A mid in half quanta as a price, None where there is none."""
    return run.market.price(mid2) / 2 if mid2 > 0 else None


def curve(run: Run) -> dict[str, list[float | int]]:
    """Net P&L, position and mid at up to `CURVE_POINTS` equally spaced instants."""
    period = run.info.period
    span = period.end_ns - period.quote_start_ns
    if span <= 0:
        return {"ts": [], "net": [], "position": [], "mid": []}
    instants = np.array(
        [period.quote_start_ns + span * k // (CURVE_POINTS - 1) for k in range(CURVE_POINTS)],
        np.int64,
    )
    equity, position, mid2 = worth_at(run, instants)
    return {
        "ts": instants.tolist(),
        "net": [value * run.half_quantum for value in equity],
        "position": [int(lots) * run.lot for lots in position],
        "mid": [run.market.price(value) / 2 for value in mid2.tolist()],
    }
