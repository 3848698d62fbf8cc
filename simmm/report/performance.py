"""The interval around the net P&L, the Sharpe ratio with its standard error, and the drawdown.

All three rest on equity sampled at equal steps while quoting. Increments of equity are neither
independent (a position is held for many samples) nor of one variance (fills cluster), so their
long-run variance is estimated, and at least `LEAST_MEMORY_S` of memory is allowed for.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simmm.report.intervals import around, long_run_variance, mean, total
from simmm.report.schema import Estimate, Risk
from simmm.report.tables import Run

LEAST_MEMORY_S = 60.0
LEAST_SAMPLES = 16
MOST_SAMPLES = 50_000
_DAY_S = 86_400.0
METHOD = (
    "95 %: long-run variance of equity increments (Newey and West 1987, 1994; triangular weights), "
    "Student's t; it says what other stretches of this length, alike in kind, would give"
)


class Samples(NamedTuple):
    """Equity while quoting, at equal steps; quote currency."""

    ts: np.ndarray
    equity: np.ndarray
    step_s: float | None


def sampled_equity(run: Run) -> Samples:
    """Equity at the mid from the start of quoting on."""
    table, period = run.equity, run.info.period
    rows = np.flatnonzero((table["ts"] >= period.quote_start_ns) & (table["ts"] <= period.end_ns))
    worth = table["position"][rows].astype(np.float64) * table["mid2"][rows] * run.money_scale
    equity = (worth + 2.0 * table["cash"][rows]) * run.half_quantum
    ts = table["ts"][rows]
    step = float(np.diff(ts)[0]) / 1e9 if len(ts) > 1 else None
    return Samples(ts, equity, step)


def net_and_risk(run: Run, net: float) -> tuple[Estimate, Risk]:
    """Return the net P&L (quote currency) with its interval, and the risk figures.

    Notes
    -----
    Sharpe ratio per square root of a day: mean increment over the square root of the long-run
    variance, scaled by time, so that autocorrelation does not flatter it. Its standard error is
    that of the ratio of mean to deviation by the delta method, with the long-run variance of its
    influence values. The risk-free rate is zero.

    Source: Lo (2002), "The statistics of Sharpe ratios", sections on returns that are not
    independent and on time aggregation; Newey and West (1987, 1994).
    """
    samples = sampled_equity(run)
    peak_row, trough_row, drawdown = _drawdown(samples.equity)
    every = max(1, -(-len(samples.ts) // MOST_SAMPLES))  # a long run: longer increments
    increments = np.diff(samples.equity[::every])
    n, step = len(increments), (samples.step_s or 0.0) * every
    note, lags = "", 0
    day: float | None = None
    day_se: float | None = None
    estimate = Estimate(net)
    if n < LEAST_SAMPLES or not step:
        note = f"{n} samples of equity are too few for an interval"
    elif not np.any(increments):
        note = "equity never changed"
    else:
        least = math.ceil(LEAST_MEMORY_S / step)
        run_variance = long_run_variance(increments, least)
        lags = run_variance.lags
        if run_variance.variance > 0:
            # the last, incomplete step has no increment of its own: the covered time is scaled up
            scale = max(run.hours * 3600 / step, n)
            se = math.sqrt(run_variance.variance * scale)
            estimate = around(net, se, run_variance.freedom, max(1, n // (lags + 1)))
            day, day_se = _sharpe(increments, step, run_variance.variance, least)
        else:
            note = "the estimated variance of equity is zero"
    year = math.sqrt(365.0)
    return estimate, Risk(
        sharpe_day=day,
        sharpe_day_se=day_se,
        sharpe_year=None if day is None else day * year,
        sharpe_year_se=None if day_se is None else day_se * year,
        drawdown=drawdown,
        drawdown_peak_ns=None if peak_row is None else int(samples.ts[peak_row]),
        drawdown_trough_ns=None if trough_row is None else int(samples.ts[trough_row]),
        samples=n,
        sample_s=step or None,
        lags=lags,
        note=note,
    )


def _sharpe(
    increments: np.ndarray, step_s: float, variance: float, least: int
) -> tuple[float | None, float | None]:
    """Sharpe ratio per square root of a day and its standard error."""
    centre = mean(increments)
    away = increments - centre
    square = total(away * away) / len(away)
    if square <= 0:
        return None, None
    deviation = math.sqrt(square)
    ratio = centre / deviation
    influence = away / deviation - ratio / (2 * square) * (away * away - square)
    error = math.sqrt(long_run_variance(influence, least).variance / len(increments))
    to_day = math.sqrt(_DAY_S / step_s) * deviation / math.sqrt(variance)
    return ratio * to_day, error * to_day


def _drawdown(equity: np.ndarray) -> tuple[int | None, int | None, float]:
    """Rows of the peak and trough of the deepest fall, and its depth (not negative)."""
    if not len(equity):
        return None, None, 0.0
    below = np.maximum.accumulate(equity) - equity
    trough = int(np.argmax(below))
    if below[trough] <= 0:
        return None, None, 0.0
    peak = int(np.argmax(equity[: trough + 1]))
    return peak, trough, float(below[trough])
