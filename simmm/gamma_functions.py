"""The gamma function's logarithm and its derivatives, for kernels.

Arguments are held inside the stated ranges. Errors are below 1e-13, and below 1e-14 of the value
away from the zeros.

Source: Stirling's series after a shift by the recurrence; Fisher and Cornish (1960).
"""

from __future__ import annotations

from simmm.jit import kernel
from simmm.math import clip, log, log1p, sqrt

HALF_LOG_TWO_PI = 0.9189385332046727
LOWEST, HIGHEST = 1e-300, 1e300


@kernel
def log_gamma(x: float) -> float:
    """Logarithm of the gamma function, for x in [1e-300, 1e300]."""
    x = clip(x, LOWEST, HIGHEST) if x > 0.0 else LOWEST
    shift = 1.0
    while x < 10.0:
        shift *= x
        x += 1.0
    return (x - 0.5) * log(x) - x + HALF_LOG_TWO_PI + stirling_rest(x) - log(shift)


@kernel
def stirling_rest(x: float) -> float:
    """What Stirling's formula (x - 1/2) log x - x + log(2 pi) / 2 lacks, for x >= 10."""
    y = 1.0 / x
    square = y * y
    tail = 1.0 / 1188.0 - square * (691.0 / 360360.0 - square * (1.0 / 156.0))
    tail = 1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square * tail))
    return y * (1.0 / 12.0 - square * tail)


@kernel
def digamma(x: float) -> float:
    """Derivative of `log_gamma`, for x in [1e-300, 1e300]."""
    x = clip(x, LOWEST, HIGHEST) if x > 0.0 else LOWEST
    shift = 0.0
    while x < 10.0:
        shift += 1.0 / x
        x += 1.0
    square = 1.0 / (x * x) if x < 1e100 else 0.0
    tail = 1.0 / 132.0 - square * (691.0 / 32760.0 - square * (1.0 / 12.0))
    tail = 1.0 / 120.0 - square * (1.0 / 252.0 - square * (1.0 / 240.0 - square * tail))
    return log(x) - 0.5 / x - square * (1.0 / 12.0 - square * tail) - shift


@kernel
def trigamma(x: float) -> float:
    """Derivative of `digamma`, for x in [1e-150, 1e300]."""
    x = clip(x, 1e-150, HIGHEST) if x > 0.0 else 1e-150
    shift = 0.0
    while x < 10.0:
        shift += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / x
    square = y * y
    tail = 5.0 / 66.0 - square * (691.0 / 2730.0 - square * (7.0 / 6.0))
    tail = 1.0 / 30.0 - square * (1.0 / 42.0 - square * (1.0 / 30.0 - square * tail))
    return y + 0.5 * square + y * square * (1.0 / 6.0 - square * tail) + shift


@kernel
def excess(x: float) -> float:
    """x - log(1 + x) without cancellation, for x > -1."""
    if not -0.25 < x < 0.25:
        return x - log1p(x)
    # log(1 + x) = 2 artanh(r) with r = x / (2 + x), and x - 2 r = x r.
    r = x / (2.0 + x)
    square = r * r
    total, power, odd = 0.0, 1.0, 3.0
    while power > 1e-18:
        total += power / odd
        power *= square
        odd += 2.0
    return r * (x - 2.0 * square * total)


@kernel
def gamma_expansion(a: float, z: float) -> float:
    """Quantile of the gamma law of large shape `a`, by the normal law's `z`: Cornish and Fisher's
    expansion in falling powers of sqrt(2 a).
    """
    square = z * z
    inverse = 1.0 / (2.0 * a)
    even = 2.0 / 3.0 * (square - 1.0) - inverse * (
        ((6.0 * square + 14.0) * square - 32.0) / 405.0
        - inverse * (((12.0 * square - 243.0) * square - 923.0) * square + 1472.0) / 25515.0
    )
    odd = ((9.0 * square + 256.0) * square - 433.0) / 4860.0
    last = (((3753.0 * square + 4353.0) * square - 289517.0) * square - 289717.0) / 9185400.0
    odd = 2.0 + inverse * ((square - 7.0) / 9.0 + inverse * (odd - inverse * last))
    return max(a + 0.5 * even + 0.5 * z * odd * sqrt(a), 0.01 * a)
