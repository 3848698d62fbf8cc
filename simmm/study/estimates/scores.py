"""Scores of forecasts, their intervals and verdicts; all of plain arrays.

A *gain* is what a forecast scores above its baseline, so more than zero is better. Every gain is a
ratio of sums over cells of time, and its interval comes from a circular block bootstrap of the
cells: forecasts that look at the same stretch, and markets that stay as they are, make neighbours
alike. With few blocks the percentiles are too narrow, so their distance from the value is widened
as Student's law asks of that many.

Source: Politis and Romano (1992) for circular blocks; Patton (2011) for the loss of variances,
which ranks forecasts rightly though the variance is only seen through noisy squares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from simmm.report.intervals import student_975
from simmm.report.schema import Estimate

DRAWS = 2000
LEAST_BLOCKS = 4
_SEED = 5
_NORMAL_975 = 1.959963984540054
Verdict = Literal["better", "no better", "worse", "too few"]


def quasi_likelihood(forecast: np.ndarray, realised: np.ndarray) -> np.ndarray:
    """Loss of a variance's forecast, ln f + v / f: QLIKE but for a term that has no f in it."""
    return np.asarray(np.log(forecast) + realised / forecast)


def poisson_score(mean: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Log probability of a count, but for ln n!, which no forecast changes."""
    return np.asarray(count * np.log(mean) - mean)


def geometric_score(q: np.ndarray, count: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Log probability that `count` aggressors reach `steps` price steps beyond the touch in all.

    Each goes one step further with probability `q`: an exponential reach on a grid of prices.
    """
    return np.asarray(count * np.log1p(-q) + steps * np.log(q))


def block_bootstrap(
    columns: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], block: int
) -> Estimate:
    """A statistic of sums over time, with its 95 % interval.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
        What each cell of time adds to each of k sums; cells that have nothing to say add 0.
    statistic
        Takes sums of shape (..., k), gives values of shape (...).
    block
        Cells of a block, at least 1.

    Returns
    -------
    Estimate
        Without an interval if there are fewer than `LEAST_BLOCKS` blocks.
    """
    n = len(columns)
    with np.errstate(all="ignore"):
        value = float(statistic(columns.sum(axis=0))) if n else np.nan
    if not np.isfinite(value):
        return Estimate(None)
    blocks = n // block
    if blocks < LEAST_BLOCKS:
        return Estimate(value, clusters=blocks)
    around = np.concatenate([columns, columns[:block]])
    running = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(around, axis=0)])
    of_block = running[block:] - running[:-block]  # by first cell
    starts = np.random.default_rng(_SEED).integers(0, n, (DRAWS, blocks))
    with np.errstate(all="ignore"):
        drawn = statistic(of_block[starts].sum(axis=1))
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < DRAWS // 2:
        return Estimate(value, clusters=blocks)
    wider = student_975(blocks - 1) / _NORMAL_975 * np.sqrt(blocks / (blocks - 1))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(
        value,
        float(value - wider * max(0.0, value - low)),
        float(value + wider * max(0.0, high - value)),
        float(wider * drawn.std()),
        blocks,
    )


def ratio(sums: np.ndarray) -> np.ndarray:
    """First sum over the second."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def ratio_of_means(sums: np.ndarray) -> np.ndarray:
    """Mean of a marked subset over the mean of all: sums are (marked v, marked, v, all)."""
    return np.asarray((sums[..., 0] / sums[..., 1]) / (sums[..., 2] / sums[..., 3]))


def verdict(gain: Estimate, nothing: float = 0.0) -> Verdict:
    """What an interval says of a gain; `nothing` is its value where there is none."""
    if gain.value is None or gain.low is None or gain.high is None:
        return "too few"
    if gain.low > nothing:
        return "better"
    return "worse" if gain.high < nothing else "no better"


def decayed(values: np.ndarray, known: np.ndarray, half_life: float) -> tuple[np.ndarray, ...]:
    """Sums of values and of weights, each `half_life` cells older counting half, up to each cell.

    Cells that are not known add nothing, but age the others.
    """
    from scipy.signal import lfilter

    keep = 0.5 ** (1.0 / half_life)
    total = lfilter([1.0], [1.0, -keep], np.where(known, values, 0.0))
    weight = lfilter([1.0], [1.0, -keep], known.astype(float))
    return total, weight


def expanding(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mean of all known values up to each cell; NaN before the first."""
    total, count = np.cumsum(np.where(known, values, 0.0)), np.cumsum(known)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def hawkes_residuals(
    times: np.ndarray, apart: np.ndarray, base: np.ndarray, branching: np.ndarray, decay: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rescaled waiting times of a Hawkes process, and the log of its intensity at each event.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Of the events, s, not falling.
    apart : ndarray of bool, shape (n,)
        Nothing is known of the time before this event: excitement starts anew, and its own
        residual is NaN.
    base, branching, decay : ndarray, shape (n,)
        Believed when the event before came; NaN: unknown, and so is the residual.

    Returns
    -------
    tuple of ndarray
        Residuals, exponential of mean 1 if the beliefs are right (time-change theorem, Brown et
        al., 2002), and log intensities; NaN where unknown.
    """
    size = len(times)
    residual, log_rate = np.full(size, np.nan), np.full(size, np.nan)
    excitement = 0.0
    for i in range(1, size):
        if apart[i]:
            excitement = 0.0
            continue
        passed = times[i] - times[i - 1]
        excitement += 1.0  # of the event before
        if not np.isfinite(base[i]):
            continue  # until something is believed events only add up; the first hundreds
        kept = np.exp(-decay[i] * passed)
        residual[i] = base[i] * passed + branching[i] * (1.0 - kept) * excitement
        excitement *= kept
        log_rate[i] = np.log(base[i] + branching[i] * decay[i] * excitement)
    return residual, log_rate


def spread_out(stamps: np.ndarray, resolution: int) -> np.ndarray:
    """Times of events whose stamps are shared, as E19 takes them: evenly over the time before.

    Those with one stamp lie evenly between the stamp before and theirs, over no longer than
    `resolution`.
    """
    own, first, together = np.unique(stamps, return_index=True, return_counts=True)
    width = np.minimum(resolution, np.diff(own, prepend=own[:1] - resolution))
    step = np.repeat(width // together, together)
    behind = np.repeat(first + together - 1, together) - np.arange(len(stamps))
    return np.asarray(stamps - step * behind)
