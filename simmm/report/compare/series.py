"""What each figure is made of, step by step, so that its error and that of a difference follow.

A figure is a sum, a mean or a ratio over the steps of a grid of time. Its *influence* is what each
step contributes to it, to first order and up to a constant; the long-run variance of the influence
times the number of steps is the variance of the figure. The influence of a difference is the
difference of the influences: where two runs saw the same market at the same time, what moved both
cancels, which is all that pairing is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simmm.report import payments
from simmm.report.hourly import worth_at
from simmm.report.intervals import around, long_run_variance, mean, total
from simmm.report.performance import LEAST_MEMORY_S, LEAST_SAMPLES
from simmm.report.schema import SPLIT_HORIZON_S, Estimate
from simmm.report.tables import Run

#: A long time gets longer steps: some forty figures are looked at, not one as in the report.
MOST_STEPS = 12_000
_DAY_S = 86_400.0
PART_NAMES = ("spread", "adverse", "holding", "fees")


class Grid(NamedTuple):
    """Equally spaced instants, ns, and how many steps the time told of is long."""

    ts: np.ndarray
    step_s: float
    scale: float

    @property
    def least_lags(self) -> int:
        """Lags that the memory allowed for is long."""
        return math.ceil(LEAST_MEMORY_S / self.step_s)


class Series(NamedTuple):
    """A figure's influence at each step of a grid, shape (n,)."""

    influence: np.ndarray
    grid: Grid


def make_grid(start_ns: int, end_ns: int, step_ns: int) -> Grid | None:
    """Instants from `start_ns` at most to `end_ns`; None where they are too few for an interval.

    A long time gets longer steps, at most `MOST_STEPS` of them.
    """
    if step_ns <= 0 or end_ns <= start_ns:
        return None
    steps = (end_ns - start_ns) // step_ns
    if steps < LEAST_SAMPLES:
        return None
    step_ns *= -(-steps // MOST_STEPS)
    ts = np.arange(start_ns, end_ns + 1, step_ns, dtype=np.int64)
    # the last, incomplete step has no increment of its own: the covered time is scaled up
    scale = max((end_ns - start_ns) / step_ns, float(len(ts) - 1))
    return Grid(ts, step_ns / 1e9, scale)


def binned(grid: Grid, instants: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
    """Sum of `values` (or the count) at `instants` in each step, its end included."""
    step = np.searchsorted(grid.ts, instants, side="left") - 1
    inside = (step >= 0) & (step < len(grid.ts) - 1)
    weights = None if values is None else np.asarray(values, np.float64)[inside]
    return np.bincount(step[inside], weights, len(grid.ts) - 1).astype(np.float64)


class Money(NamedTuple):
    """Net P&L, its parts and the notional traded, at each step; quote currency."""

    net: np.ndarray
    parts: dict[str, np.ndarray]
    notional: np.ndarray
    position: np.ndarray  # base units, at the end of each step


def money(run: Run, grid: Grid, end_ns: int) -> Money:
    """Divide the P&L of each step; moves after `end_ns` are nobody's.

    Spread, adverse moves and fees are booked at the fill, payments when they are made; holding is
    what is left of the increment of equity, so that an adverse move booked at once comes back there
    within its horizon.
    """
    fills = run.fills
    equity, position, _ = worth_at(run, grid.ts)
    net = np.diff(np.array(equity, np.float64)) * run.half_quantum
    signed = (fills["side"] * fills["quantity"]).astype(np.float64)
    unit = run.money_scale * run.half_quantum
    later = run.mid2_at(np.minimum(fills["ts"] + round(SPLIT_HORIZON_S * 1e9), end_ns))
    spread = binned(grid, fills["ts"], (fills["mid2"] - 2 * fills["px"]) * signed * unit)
    adverse = binned(grid, fills["ts"], (later - fills["mid2"]) * signed * unit)
    fees = binned(grid, fills["ts"], -2 * fills["fee"] * run.half_quantum)
    paid = {
        name: binned(grid, ts, -2 * amounts * run.half_quantum)
        for name, (ts, amounts) in (
            ("funding", payments.funding(run)), ("forfeited", payments.forfeited(run)),
        )
    }  # fmt: skip
    traded = fills["px"].astype(np.float64) * fills["quantity"] * run.notional_unit
    return Money(
        net,
        {"spread": spread, "adverse": adverse,
         "holding": net - spread - adverse - fees - paid["funding"] - paid["forfeited"],
         "fees": fees, **paid},
        binned(grid, fills["ts"], traded),
        position[1:] * run.lot,
    )  # fmt: skip


def ratio(grid: Grid, above: np.ndarray, below: np.ndarray, value: float | None) -> Series | None:
    """Influence of a ratio of two sums; None where there is nothing below."""
    whole = total(below)
    if not whole or value is None:
        return None
    return Series((above - value * below) / whole, grid)


def sharpe(grid: Grid, net: np.ndarray) -> Series | None:
    """Influence of the Sharpe ratio per square root of a day, as in `performance`.

    Source: Lo (2002), "The statistics of Sharpe ratios"; the long-run variance that the ratio is
    scaled with counts as known.
    """
    centre = mean(net)
    away = net - centre
    square = total(away * away) / len(away)
    variance = long_run_variance(net, grid.least_lags).variance if square > 0 else 0.0
    if variance <= 0:
        return None
    deviation = math.sqrt(square)
    own = away / deviation - centre / deviation / (2 * square) * (away * away - square)
    to_day = math.sqrt(_DAY_S / grid.step_s) * deviation / math.sqrt(variance)
    return Series(own * to_day / len(net), grid._replace(scale=float(len(net))))


def difference(
    value: float, a: Series | None, b: Series | None, paired: bool
) -> tuple[Estimate, str]:
    """Return B - A with its 95 % interval, and why there is none.

    Notes
    -----
    Paired: the long-run variance of the difference of influences. Unpaired: the sum of both
    variances, with the degrees of freedom of Satterthwaite (1946).
    """
    if a is None or b is None:
        return Estimate(value), "too little for an interval"
    if paired:
        apart = b.influence - a.influence
        if not np.any(apart):
            return Estimate(value), "the same throughout" if value == 0 else "no interval"
        found = long_run_variance(apart, a.grid.least_lags)
        if found.variance <= 0:
            return Estimate(value), "no interval"
        pieces = max(1, len(apart) // (found.lags + 1))
        return around(value, math.sqrt(found.variance * a.grid.scale), found.freedom, pieces), ""
    runs = [(long_run_variance(one.influence, one.grid.least_lags), one) for one in (a, b)]
    variances = [found.variance * one.grid.scale for found, one in runs]
    if not sum(variances) > 0:
        return Estimate(value), "both constant" if value == 0 else "no interval"
    pieces = sum(max(1, len(one.influence) // (found.lags + 1)) for found, one in runs)
    freedom = satterthwaite(variances, [found.freedom for found, _ in runs])
    return around(value, math.sqrt(sum(variances)), freedom, pieces), ""


def satterthwaite(variances: list[float], freedoms: list[float]) -> float:
    """Degrees of freedom of a sum of independent variances.

    Source: Satterthwaite (1946), "An approximate distribution of estimates of variance components".
    """
    whole = math.fsum(variances)
    below = math.fsum(
        variance * variance / freedom for variance, freedom in zip(variances, freedoms, strict=True)
    )
    return whole * whole / below if below > 0 else 1.0


def cluster_sums(
    values: np.ndarray, weights: np.ndarray, cluster: np.ndarray, value: float
) -> dict[int, float]:
    """Influence of each cluster on a weighted mean that is `value`."""
    whole = total(weights)
    found: dict[int, float] = {}
    for label, part in zip(
        cluster.tolist(), ((values - value) * weights / whole).tolist(), strict=True
    ):
        found[label] = found.get(label, 0.0) + part
    return found


def cluster_difference(
    value: float, a: dict[int, float], b: dict[int, float], paired: bool
) -> tuple[Estimate, str]:
    """B - A of two weighted means with errors by cluster, and why there is no interval.

    Source: Cameron and Miller (2015), as in `intervals.weighted_mean`.
    """
    if paired:
        labels = sorted(a | b)
        count = len(labels)
        if count < 2:
            return Estimate(value), "fills of one minute alone"
        apart = [b.get(label, 0.0) - a.get(label, 0.0) for label in labels]
        if not any(apart):
            return Estimate(value), "the same throughout" if value == 0 else "no interval"
        variance = math.fsum(x * x for x in apart) * count / (count - 1)
        return around(value, math.sqrt(variance), count - 1, count), ""
    if min(len(a), len(b)) < 2:
        return Estimate(value), "fills of one minute alone"
    variances = [
        math.fsum(x * x for x in side.values()) * len(side) / (len(side) - 1) for side in (a, b)
    ]
    if not sum(variances) > 0:
        return Estimate(value), "no interval"
    freedom = satterthwaite(variances, [len(a) - 1.0, len(b) - 1.0])
    return around(value, math.sqrt(sum(variances)), freedom, len(a) + len(b)), ""
