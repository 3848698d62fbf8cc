"""The share of fills that were adverse for a reason, where some would have been by noise alone.

Of n fills a share y came out adverse, and noise alone makes a fill adverse with chance q. If a
share r of fills is adverse for a reason, the chance to see one adverse is

    y = r + (1 - r) q        so        r = (y - q) / (1 - q)

The posterior of y is a beta law with the prior's counts, cut off below q since r is not negative;
r has that law, stretched. Told are its exact mean and standard deviation, and the bounds of the
beta law on 0..1 that has both. Where the data lie far below q, which a q that is too large makes,
the cut law is that of its edge, an exponential.

Source: moments of a truncated beta law by the incomplete beta function.
"""

from __future__ import annotations

from simmm.distributions import beta_cdf
from simmm.jit import kernel
from simmm.math import clip, exp, sqrt

LARGEST_NOISE = 0.999
SMALLEST_TAIL = 1e-6
_NODES = 6  # to each side
_SPACING = 0.75  # deviations


@kernel
def share_beyond(a: float, b: float, noise: float) -> tuple[float, float]:
    """Mean and standard deviation of r, for counts `a` adverse and `b` not, prior included."""
    total = a + b
    mean = a / total
    if not noise > 0.0:
        return mean, sqrt(mean * (1.0 - mean) / (total + 1.0))
    q = min(noise, LARGEST_NOISE)
    tail = 1.0 - beta_cdf(a, b, q)
    if tail < SMALLEST_TAIL:
        slope = (b - 1.0) / (1.0 - q) - (a - 1.0) / q
        edge = clip(1.0 / (max(slope, 1.0) * (1.0 - q)), 0.0, 1.0)
        return edge, edge
    first = mean * (1.0 - beta_cdf(a + 1.0, b, q)) / tail
    second = mean * (a + 1.0) / (total + 1.0) * (1.0 - beta_cdf(a + 2.0, b, q)) / tail
    spread = max(second - first * first, 0.0)
    return clip((first - q) / (1.0 - q), 0.0, 1.0), sqrt(spread) / (1.0 - q)


@kernel
def beta_counts(mean: float, deviation: float) -> tuple[float, float]:
    """Counts a and b of the beta law with this mean and standard deviation."""
    mean = clip(mean, 1e-9, 1.0 - 1e-9)
    total = mean * (1.0 - mean) / max(deviation * deviation, 1e-18) - 1.0
    total = clip(total, 1e-3, 1e12)
    return mean * total, (1.0 - mean) * total


@kernel
def logistic_moments(centre: float, deviation: float) -> tuple[float, float]:
    """Mean and standard deviation of 1 / (1 + exp(-x)), x normal, by the trapezoidal rule."""
    weights = total = squares = 0.0
    for k in range(-_NODES, _NODES + 1):
        z = k * _SPACING
        weight = exp(-0.5 * z * z)
        y = 1.0 / (1.0 + exp(-clip(centre + deviation * z, -700.0, 700.0)))
        weights += weight
        total += weight * y
        squares += weight * y * y
    mean = total / weights
    return mean, sqrt(max(squares / weights - mean * mean, 0.0))
