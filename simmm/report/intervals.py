"""Exact sums, quantiles, and the standard errors behind every interval of the report.

All of it is deterministic to the last bit: integers are summed exactly, floats by `math.fsum`
(correctly rounded whatever the order), and nothing is drawn at random. That is one reason for
closed forms here instead of a bootstrap; the other is that the same long-run variance serves the
net P&L and the Sharpe ratio, so the two cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simmm.math import power
from simmm.report.schema import Estimate

_NORMAL_975 = 1.959963984540054
_STUDENT_975 = (
    12.706204736174705, 4.302652729749464, 3.182446305283708, 2.7764451051977943,
    2.570581835636315, 2.446911851144969, 2.3646242515927853, 2.306004135204168,
    2.2621571628540997, 2.228138851986274,
)  # fmt: skip
_INT64 = 2**63


def exact_sum(values: np.ndarray) -> int:
    """Sum of int64 values as a Python integer; it cannot overflow."""
    values = np.asarray(values)
    if values.dtype == object:
        return int(sum(values.tolist()))
    high = values >> 32
    return (int(high.sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def exact_dot(a: np.ndarray, b: np.ndarray) -> int:
    """Sum of products of two int64 arrays as a Python integer; it cannot overflow."""
    if not len(a):
        return 0
    largest = max(abs(int(a.max())), abs(int(a.min()))) * max(abs(int(b.max())), abs(int(b.min())))
    if largest < _INT64:
        return exact_sum(a * b)
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def total(values: np.ndarray | Sequence[float]) -> float:
    """Sum of floats, correctly rounded."""
    return math.fsum(values.tolist() if isinstance(values, np.ndarray) else values)


def mean(values: np.ndarray) -> float:
    """Mean of a non-empty array."""
    return total(values) / len(values)


def student_975(freedom: float) -> float:
    """The 97.5 % point of Student's t with `freedom` degrees of freedom, at least 1.

    A table for the first ten (fractions are rounded down, which widens the interval), above them
    the expansion in 1/freedom; within 1e-5 of the exact value.

    Source: Cornish-Fisher expansion, Abramowitz and Stegun (1964), 26.7.5.
    """
    if freedom < 11:
        return _STUDENT_975[max(int(freedom), 1) - 1]
    z = _NORMAL_975
    z2 = z * z
    first = z * (z2 + 1) / 4
    second = z * ((5 * z2 + 16) * z2 + 3) / 96
    third = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384
    fourth = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160
    x = 1 / freedom
    return z + x * (first + x * (second + x * (third + x * fourth)))


def around(value: float, se: float, freedom: float, clusters: int) -> Estimate:
    """`value` with its 95 % interval from a standard error and degrees of freedom."""
    reach = student_975(freedom) * se
    return Estimate(value, value - reach, value + reach, se, clusters)


def quantiles(values: np.ndarray) -> dict[str, float | None]:
    """Quantiles 5, 25, 50, 75, 95 % (each a value that occurs) and the mean; None of nothing."""
    ordered = np.sort(values)
    last = len(ordered) - 1
    found: dict[str, float | None] = {}
    for percent in (5, 25, 50, 75, 95):
        row = (last * percent + 50) // 100
        found[f"p{percent:02d}"] = float(ordered[row]) if last >= 0 else None
    found["mean"] = mean(ordered) if last >= 0 else None
    return found


def share(part: int, whole: int) -> float | None:
    """`part` over `whole`, None where there is no whole."""
    return part / whole if whole else None


def weighted_mean(values: np.ndarray, weights: np.ndarray, cluster: np.ndarray) -> Estimate:
    """Weighted mean with an interval that is robust to dependence inside clusters.

    Parameters
    ----------
    values, weights : ndarray of float, shape (n,)
        Weights are positive.
    cluster : ndarray of int, shape (n,)
        Label of the cluster of each value, not decreasing. Values of different clusters count as
        independent; inside one any dependence is allowed.

    Notes
    -----
    Linearised ratio with cluster totals and the factor G/(G - 1); quantile of Student's t with
    G - 1 degrees of freedom. Less than two clusters: no interval.

    Source: Cameron and Miller (2015), "A practitioner's guide to cluster-robust inference".
    """
    if not len(values):
        return Estimate(None)
    weight = total(weights)
    value = total(values * weights) / weight
    starts = np.flatnonzero(np.diff(cluster, prepend=cluster[0] - 1))
    groups = len(starts)
    if groups < 2:
        return Estimate(value, clusters=groups)
    residual = (values - value) * weights
    ends = np.append(starts[1:], len(values))
    sums = [total(residual[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    variance = total([s * s for s in sums]) * groups / (groups - 1)
    return around(value, math.sqrt(variance) / weight, groups - 1, groups)


class LongRun(NamedTuple):
    """Long-run variance of a series: n times the variance of its mean, for large n."""

    variance: float
    lags: int
    freedom: float


def long_run_variance(series: np.ndarray, least_lags: int) -> LongRun:
    """Long-run variance with triangular weights and a lag chosen from the data.

    Parameters
    ----------
    series : ndarray of float, shape (n,)
        At least 8 values, equally spaced in time.
    least_lags : int
        Lags taken in any case; never more than a quarter of the values.

    Notes
    -----
    Never negative. The degrees of freedom are those of a chi-square that spreads like the estimate,
    3n / 2(lags + 1).

    Source: Newey and West (1987, 1994); Priestley (1981), section 6.2 for the degrees of freedom.
    """
    n = len(series)
    x = series - mean(series)
    most = max(n // 4, 1)
    pilot = min(int(4 * power(n / 100, 2 / 9)), most)
    gammas = [_autocovariance(x, lag) for lag in range(pilot + 1)]
    flat = gammas[0] + 2 * math.fsum(gammas[1:])
    slope = 2 * math.fsum(lag * gamma for lag, gamma in enumerate(gammas))
    lags = least_lags
    if flat > 0:
        wanted = 1.1447 * power((slope / flat) * (slope / flat) * n, 1 / 3)
        lags = max(lags, int(min(wanted, most)))
    lags = min(lags, most)
    gammas += [_autocovariance(x, lag) for lag in range(pilot + 1, lags + 1)]
    terms = [2 * (1 - lag / (lags + 1)) * gammas[lag] for lag in range(1, lags + 1)]
    variance = max(math.fsum([gammas[0], *terms]), 0.0)
    return LongRun(variance, lags, 1.5 * n / (lags + 1))


def _autocovariance(x: np.ndarray, lag: int) -> float:
    return total(x[lag:] * x[: len(x) - lag]) / len(x)
