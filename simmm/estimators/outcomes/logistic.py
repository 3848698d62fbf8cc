"""Logistic regression that learns from one outcome at a time, with a normal posterior.

    P(y = 1 | x) = 1 / (1 + exp(-u)),  u = m . x,   x[0] = 1

The posterior of the coefficients is normal with precision L and linear part h = L m. An outcome
first lets it forget: L and h go `forget` of the way to the prior's, so that what nothing speaks of
any more returns to it and nothing grows without bound. Then the outcome's likelihood enters as the
normal law that leaves mean and variance right. Only the direction x learns from it, so these are
those of one number: u, normal with m . x and v = x' inverse(L) x before, and weighed by P(y | u)
after, by the trapezoidal rule. With mean m . x + d and variance q v there,

    L += x x' (1 / q - 1) / v,  h += x ((m . x + d) / q - m . x) / v

The state that is handed in has the fields `LOGISTIC`.

Source: assumed-density filtering: Opper, A Bayesian approach to on-line learning (1998); Minka
(2001), chapter 3. Forgetting towards the prior: Kulhavy and Zarrop (1993).
"""

from __future__ import annotations

from typing import Any

from simmm.jit import kernel
from simmm.math import clip, exp, sqrt

SIZE = 7  # of x, the constant included
LEAST_VARIANCE = 1e-12  # of u; below, nothing is left to learn
_NODES = 10  # to each side
_SPACING = 0.6  # deviations

LOGISTIC = [
    ("precision", "f8", (SIZE, SIZE)),
    ("linear", "f8", (SIZE,)),
    ("coefficient", "f8", (SIZE,)),
    ("covariance", "f8", (SIZE, SIZE)),
    ("factor", "f8", (SIZE, SIZE)),  # workspace
    ("product", "f8", (SIZE,)),  # workspace
]


@kernel
def start_logistic(s: Any, constant: float, constant_sd: float, slope_sd: float) -> None:
    """Take the prior: independent coefficients, those of features of mean 0."""
    for i in range(SIZE):
        deviation = constant_sd if i == 0 else slope_sd
        for j in range(SIZE):
            s.precision[i, j] = 0.0
            s.covariance[i, j] = 0.0
        s.precision[i, i] = 1.0 / (deviation * deviation)
        s.covariance[i, i] = deviation * deviation
        s.coefficient[i] = constant if i == 0 else 0.0
        s.linear[i] = s.precision[i, i] * s.coefficient[i]


@kernel
def foretell(s: Any, x: Any) -> tuple[float, float]:
    """Mean of u at `x`, and its variance by the posterior."""
    mean, variance = 0.0, 0.0
    for i in range(SIZE):
        mean += s.coefficient[i] * x[i]
        row = 0.0
        for j in range(SIZE):
            row += s.covariance[i, j] * x[j]
        variance += x[i] * row
    return mean, max(variance, 0.0)


@kernel
def part_of_prior(s: Any, x: Any, constant_sd: float, slope_sd: float) -> float:
    """Variance of u at `x` that the prior would give if outcomes were exact: x' C L0 C x.

    If outcomes vary `factor` times as much as the posterior C takes them to, the variance of u is
    factor v + (1 - factor) times this.
    """
    total = 0.0
    for i in range(SIZE):
        deviation = constant_sd if i == 0 else slope_sd
        row = 0.0
        for j in range(SIZE):
            row += s.covariance[i, j] * x[j]
        total += row * row / (deviation * deviation)
    return total


@kernel
def forget_to_prior(
    s: Any, forget: float, constant: float, constant_sd: float, slope_sd: float
) -> None:
    """Go `forget` of the way to the prior."""
    keep = 1.0 - forget
    for i in range(SIZE):
        deviation = constant_sd if i == 0 else slope_sd
        prior = 1.0 / (deviation * deviation)
        for j in range(SIZE):
            s.precision[i, j] *= keep
        s.precision[i, i] += forget * prior
        s.linear[i] = keep * s.linear[i] + (forget * prior * constant if i == 0 else 0.0)
    _invert(s)
    for i in range(SIZE):
        total = 0.0
        for j in range(SIZE):
            total += s.covariance[i, j] * s.linear[j]
        s.coefficient[i] = total


@kernel
def _invert(s: Any) -> None:
    """Covariance from precision, by Cholesky's factor."""
    for i in range(SIZE):
        for j in range(i + 1):
            total = s.precision[i, j]
            for k in range(j):
                total -= s.factor[i, k] * s.factor[j, k]
            if i == j:
                s.factor[i, i] = sqrt(max(total, 1e-12))
            else:
                s.factor[i, j] = total / s.factor[j, j]
    for c in range(SIZE):
        for i in range(SIZE):
            total = 1.0 if i == c else 0.0
            for k in range(i):
                total -= s.factor[i, k] * s.product[k]
            s.product[i] = total / s.factor[i, i]
        for i in range(SIZE - 1, -1, -1):
            total = s.product[i]
            for k in range(i + 1, SIZE):
                total -= s.factor[k, i] * s.covariance[k, c]
            s.covariance[i, c] = total / s.factor[i, i]


@kernel
def learn(s: Any, x: Any, y: float) -> None:
    """Take in one outcome, 0 or 1, at `x`."""
    start, variance = foretell(s, x)
    if not variance > LEAST_VARIANCE:
        return
    deviation = sqrt(variance)
    sign = 1.0 if y > 0.5 else -1.0
    weights = first = second = 0.0
    for k in range(-_NODES, _NODES + 1):
        z = k * _SPACING
        u = sign * (start + deviation * z)
        weight = exp(-0.5 * z * z) / (1.0 + exp(-clip(u, -700.0, 700.0)))
        weights += weight
        first += weight * z
        second += weight * z * z
    if not weights > 0.0:
        return
    shift = first / weights  # of the mean, in deviations
    left = clip(second / weights - shift * shift, 1e-6, 1.0)  # of the variance
    precision = (1.0 / left - 1.0) / variance
    linear = (start + shift * deviation) / (left * variance) - start / variance
    for i in range(SIZE):
        row = 0.0
        for j in range(SIZE):
            row += s.covariance[i, j] * x[j]
            s.precision[i, j] += precision * x[i] * x[j]
        s.product[i] = row
        s.linear[i] += linear * x[i]
    for i in range(SIZE):
        s.coefficient[i] += s.product[i] * shift / deviation
        for j in range(SIZE):
            s.covariance[i, j] -= s.product[i] * s.product[j] * (1.0 - left) / variance
