"""Markouts: what the mid did after fills.

`edge` starts from the fill price, so it is what is left of the spread; `move` starts from the mid
before the fill's block and is the market's move alone. Both are in the direction of the fill (a
loss is negative), before fees, in basis points of the notional at the fill prices: times that
notional they are money. Fills whose horizon lies after the end of the run are left out.

Fills come in bursts and share the mid that follows. So fills of one minute are one cluster, and
clusters, not fills, are what the intervals count.
"""

from __future__ import annotations

import numpy as np

from simmm.report.intervals import weighted_mean
from simmm.report.schema import HORIZONS_S, Estimate, Markout, Report
from simmm.report.tables import Run

CLUSTER_NS = 60_000_000_000
_SIDES = (("all", 0), ("buy", 1), ("sell", -1))


class Edges:
    """Edge of every fill at a horizon, and its means over groups of fills."""

    def __init__(self, run: Run) -> None:
        fills = run.fills
        self.run, self.side, self.px, self.ts = run, fills["side"], fills["px"], fills["ts"]
        self.notional = (self.px * fills["quantity"]).astype(np.float64)
        self.cluster = (self.ts - run.info.period.quote_start_ns) // CLUSTER_NS

    def at(self, horizon_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Edge in bps from the fill price, and which fills have one."""
        if horizon_s == 0:
            mid2, inside = self.run.fills["mid2"], np.ones(len(self.ts), bool)
        else:
            later = self.ts + round(horizon_s * 1e9)
            mid2, inside = self.run.mid2_at(later), later <= self.run.info.period.end_ns
        edge = self.side * (mid2 - 2 * self.px) / np.maximum(2 * self.px, 1) * 1e4
        return edge, inside & (mid2 > 0) & (self.run.fills["mid2"] > 0)

    def mean(self, edge: np.ndarray, use: np.ndarray) -> Estimate:
        """Mean over some fills, weighted by notional."""
        return weighted_mean(edge[use], self.notional[use], self.cluster[use])


def markouts(run: Run) -> list[Markout]:
    """Markouts at every horizon, for all fills, buys and sells."""
    fills, period = run.fills, run.info.period
    side, px, mid2 = fills["side"], fills["px"], fills["mid2"]
    notional = (px * fills["quantity"]).astype(np.float64)
    cluster = (fills["ts"] - period.quote_start_ns) // CLUSTER_NS
    found = []
    for horizon in HORIZONS_S:
        later = fills["ts"] + round(horizon * 1e9)
        mid2_h = run.mid2_at(later)
        edge = side * (mid2_h - 2 * px) / (2 * px) * 1e4
        move = side * (mid2_h - mid2) / (2 * px) * 1e4
        known = (mid2 > 0) & (mid2_h > 0)
        inside = later <= period.end_ns
        for name, sign in _SIDES:
            of_side = np.ones(len(side), bool) if sign == 0 else side == sign
            use = of_side & known & inside
            found.append(
                Markout(
                    horizon_s=horizon,
                    side=name,
                    fills=int(np.count_nonzero(use)),
                    beyond_end=int(np.count_nonzero(of_side & ~inside)),
                    edge=weighted_mean(edge[use], notional[use], cluster[use]),
                    move=weighted_mean(move[use], notional[use], cluster[use]),
                )
            )
    return found


def find_markout(report: Report, horizon_s: float, side: str) -> Markout | None:
    """The markout of one horizon and side."""
    for entry in report.markouts:
        if entry.horizon_s == horizon_s and entry.side == side:
            return entry
    return None
