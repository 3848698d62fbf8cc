"""Quantiles and probabilities that kernels may call: normal, gamma, beta, Student; log-gamma.

They use only `simmm.math`, so they give the same bits compiled, interpreted and on any processor.
Arguments are held inside the stated ranges, so results are finite for anything, nan included.
Probabilities are right within 1e-12, quantiles and the gamma functions within a billionth of their
value (near their zeros: within 1e-13), for shapes from 0.05 to 1e6 and probabilities from 1e-6.

Source: incomplete gamma function, power series, Legendre's continued fraction, and for large shapes
Temme's uniform expansion (Gil, Segura and Temme, 2012), its coefficients derived here. Incomplete
beta function: the continued fraction of DLMF 8.17.22, for large shapes Gauss-Legendre quadrature of
the tail. Quantiles: Halley's method on the logarithm of the smaller tail, which is concave in log x
(gamma) or log-odds (beta); of gamma laws of large shape, Cornish and Fisher's expansion (1960).
"""

from __future__ import annotations

from simmm.distribution_tables import NODES, UNIFORM, WEIGHTS
from simmm.gamma_functions import (
    HALF_LOG_TWO_PI,
    HIGHEST,
    LOWEST,
    digamma,
    excess,
    gamma_expansion,
    log_gamma,
    stirling_rest,
    trigamma,
)
from simmm.jit import kernel
from simmm.math import clip, exp, expm1, log, log1p, normal_cdf, sqrt
from simmm.normal_distribution import normal_quantile, probability

__all__ = [
    "beta_cdf",
    "beta_quantile",
    "digamma",
    "gamma_cdf",
    "gamma_quantile",
    "log_gamma",
    "normal_quantile",
    "student_cdf",
    "student_quantile",
    "trigamma",
]

LOWEST_SHAPE, HIGHEST_SHAPE = 1e-3, 1e12
_NOTHING = 37.0  # e to minus that is nothing beside 1
_MOST_TERMS = 5000  # never needed in the ranges above
_STEPS = 60  # of a quantile; 2 to 4 are usual
_UNIFORM_SHAPE = 24.0  # from here Temme's expansion holds to the last digits, for |eta| <= 1
_FRACTION_SHAPE = 2000.0  # above, the beta's continued fraction gets slow


# ------------------------------------------------------------------------------ gamma distribution


@kernel
def gamma_cdf(shape: float, x: float) -> float:
    """Probability that a gamma variable of that shape and rate 1 is below `x`.

    The shape is held inside [1e-3, 1e12], `x` inside [0, 1e300].
    """
    return _gamma_tails(_shape(shape), x)[0]


@kernel
def _shape(shape: float) -> float:
    return clip(shape, LOWEST_SHAPE, HIGHEST_SHAPE) if shape > 0.0 else LOWEST_SHAPE


@kernel
def _gamma_weight(a: float, x: float) -> float:
    """x^a e^-x / Gamma(a), the density of the variable's logarithm."""
    if a < 10.0:
        return exp(a * log(x) - x - log_gamma(a))
    return exp(-a * excess((x - a) / a) - stirling_rest(a) - HALF_LOG_TWO_PI) * sqrt(a)


@kernel
def _gamma_tails(a: float, x: float) -> tuple[float, float, float]:
    """Probabilities below and above `x`, and the density of the logarithm."""
    if not x > LOWEST:
        return 0.0, 1.0, 0.0
    x = min(x, HIGHEST)
    weight = _gamma_weight(a, x)
    if a >= _UNIFORM_SHAPE and 0.3 * a < x < 2.3 * a:
        below, above = _uniform_tails(a, (x - a) / a)
        return below, above, weight
    if x < a + 2.0:
        below = weight * _gamma_series(a, x)
        return below, 1.0 - below, weight
    above = weight * _gamma_fraction(a, x)
    return 1.0 - above, above, weight


@kernel
def _gamma_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    below = a
    for _ in range(_MOST_TERMS):
        below += 1.0
        term *= x / below
        total += term
        if term < 1e-17 * total:
            break
    return total


@kernel
def _gamma_fraction(a: float, x: float) -> float:
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), by its convergents."""
    b = x + 1.0 - a
    above, above_before = 1.0 / b, 0.0
    below_before = 1.0 / b
    found = above
    for n in range(1, _MOST_TERMS):
        b += 2.0
        part = n * (a - n)
        above_next = b * above + part * above_before
        below_next = b + part * below_before
        scale = 1.0 / below_next
        above_before, below_before = above * scale, scale
        above = above_next * scale
        if abs(above - found) <= 1e-16 * above:
            break
        found = above
    return above


@kernel
def _uniform_tails(a: float, m: float) -> tuple[float, float]:
    """Both tails at x = a (1 + m), Temme's way.

    With eta as in `_uniform_series`, the upper tail is that of a normal variable at eta sqrt(a)
    and exp(-a eta^2 / 2) / sqrt(2 pi a) S(eta), where S' / a - eta S = 1 - (eta / m) / g and g is
    Gamma(a) over Stirling's formula; so the coefficients of g S follow one from the other.
    """
    half_square = excess(m)
    eta = sqrt(2.0 * half_square)
    if m < 0.0:
        eta = -eta
    # Coefficients fall like 3.5^-k; near the centre of a large shape fewer are enough.
    last = 18 if a > 100.0 and abs(m) < 0.35 else UNIFORM.size - 1
    later, latest = UNIFORM[last], 0.0
    inverse = 1.0 / a
    total = later
    first = later
    # `later` is the coefficient of eta^k.
    for k in range(last - 2, -1, -1):
        latest, later = later, (k + 2.0) * inverse * latest + UNIFORM[k + 1]
        total = total * eta + later
        if k == 1:
            first = later
    total /= 1.0 + first / a
    correction = exp(-a * half_square - HALF_LOG_TWO_PI) / sqrt(a) * total
    tail = normal_cdf(-abs(eta) * sqrt(a))
    if m < 0.0:
        tail -= correction
        return tail, 1.0 - tail
    tail += correction
    return 1.0 - tail, tail


@kernel
def gamma_quantile(shape: float, p: float) -> float:
    """The number below which a gamma variable of that shape and rate 1 lies with probability `p`.

    The shape is held inside [1e-3, 1e12].
    """
    a = _shape(shape)
    p = probability(p)
    if a >= _UNIFORM_SHAPE:
        z = normal_quantile(p)
        x = gamma_expansion(a, z)
        if a >= 100.0 and z * z < 0.05 * a:  # right within 1e-10
            return x
    else:
        x = _gamma_start(a, p)
        if x < 1e-10:  # where P(x) is x^a / Gamma(a + 1), which was solved
            return x
    upper = p > 0.9
    goal = log(1.0 - p if upper else p)
    for _ in range(_STEPS):
        below, above, weight = _gamma_tails(a, x)
        step = _halley(above if upper else below, weight, goal, a - x, upper)
        x *= exp(step)
        if step * step * max(a, 1.0) < 1e-6:
            break
    return x


@kernel
def _gamma_start(a: float, p: float) -> float:
    """Near the quantile."""
    if a >= 0.5:  # Wilson and Hilferty: the cube root is nearly normal
        ninth = 1.0 / (9.0 * a)
        root = 1.0 - ninth + normal_quantile(p) * sqrt(ninth)
        if root > 0.2:
            return a * root * root * root
    elif p > 0.9:
        return max(-log(1.0 - p) - log_gamma(a), 0.2)
    return exp((log(p) + log_gamma(a + 1.0)) / a)


@kernel
def _halley(tail: float, weight: float, goal: float, slope: float, upper: bool) -> float:
    """Step towards the place at which the logarithm of a tail is `goal`.

    `weight` is the density there, `slope` the derivative of its logarithm.
    """
    if not tail > LOWEST or not weight > LOWEST:
        return 0.5 if upper != (not tail > LOWEST) else -0.5
    miss = log(tail) - goal
    h = weight / tail
    newton = miss / h if upper else -miss / h
    bend = slope + h if upper else slope - h
    return clip(newton / clip(1.0 + 0.5 * newton * bend, 0.5, 2.0), -3.0, 3.0)


# ------------------------------------------------------------------------------- beta distribution


@kernel
def beta_cdf(a: float, b: float, x: float) -> float:
    """Probability that a beta variable of shapes `a` and `b` is below `x`.

    Shapes are held inside [1e-3, 1e12], `x` inside [0, 1].
    """
    x = clip(x, 0.0, 1.0) if x > 0.0 else 0.0
    return _beta_tails(_shape(a), _shape(b), x, 1.0 - x)[0]


@kernel
def _beta_weight(a: float, b: float, x: float, y: float) -> float:
    """x^a y^b / B(a, b), the density of the variable's log-odds; y is 1 - x."""
    if a > b:
        a, b, x, y = b, a, y, x
    r = a + b
    if a >= 10.0:
        miss = x * b - y * a  # (x - a / r) r
        rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(r)
        size = a * excess(miss / a) + b * excess(-miss / b) + rest + HALF_LOG_TWO_PI
        return exp(-size) * sqrt(a * b / r)
    if b < 10.0:
        return exp(a * log(x) + b * log(y) + log_gamma(r) - log_gamma(a) - log_gamma(b))
    power = b * log(y) if y < 0.5 else b * log1p(-x)
    grown = (b - 0.5) * log1p(a / b) - a + stirling_rest(r) - stirling_rest(b)
    return exp(a * log(x * r) + power + grown - log_gamma(a))


@kernel
def _beta_tails(a: float, b: float, x: float, y: float) -> tuple[float, float, float]:
    """Probabilities below and above `x`, and the density of the log-odds; y is 1 - x."""
    if not x > LOWEST:
        return 0.0, 1.0, 0.0
    if not y > LOWEST:
        return 1.0, 0.0, 0.0
    weight = _beta_weight(a, b, x, y)
    lower = x * (a + b + 2.0) < a + 1.0
    if not lower:
        a, b, x, y = b, a, y, x
    if a > min(b, _FRACTION_SHAPE) and a + b > _FRACTION_SHAPE:
        tail = weight * _beta_quadrature(a, b, x, y)
    else:
        tail = weight * _beta_fraction(a, b, x) / a
    return (tail, 1.0 - tail, weight) if lower else (1.0 - tail, tail, weight)


@kernel
def _beta_fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d_1 / (1 + d_2 / (1 + ...))), two convergents at a time."""
    first = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    above, above_before, below_before = first, first, first
    for n in range(1, _MOST_TERMS):
        even = n * (b - n) * x / ((a + 2.0 * n - 1.0) * (a + 2.0 * n))
        odd = -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1.0))
        middle_above = above + even * above_before
        middle_below = 1.0 + even * below_before
        scale = 1.0 / (middle_below + odd)
        found = above
        above, above_before = (middle_above + odd * above) * scale, middle_above * scale
        below_before = middle_below * scale
        if abs(above - found) <= 1e-16 * abs(above):
            break
    return above


@kernel
def _beta_quadrature(a: float, b: float, x: float, y: float) -> float:
    """Integral of the density of the log-odds below those of `x`, over the density there.

    At log-odds lower by t the density is exp(-E(t)) of what it is at x. For x below the mean E is
    convex, so Newton's method finds the t behind which nothing is left.
    """
    r = a + b
    end = 9.0 / sqrt(r * x * y)
    for _ in range(5):
        odds = x * exp(-end)
        slope = a - r * odds / (y + odds)
        end -= (_beta_fall(a, b, x, y, end) - _NOTHING) / slope
    total = 0.0
    for k in range(NODES.size):
        total += WEIGHTS[k] * exp(-_beta_fall(a, b, x, y, end * NODES[k]))
    return total * end


@kernel
def _beta_fall(a: float, b: float, x: float, y: float, t: float) -> float:
    """E(t), from whichever of x and y is the smaller and so the more exact."""
    if x < y:
        return a * t + (a + b) * log1p(x * expm1(-t))
    return (a + b) * log1p(y * expm1(t)) - b * t


@kernel
def _beta_start(a: float, b: float, p: float, upper: bool) -> float:
    """Log-odds near the quantile."""
    if a > 1.0 and b > 1.0:  # Abramowitz and Stegun 26.5.22
        z = normal_quantile(p)
        of_a, of_b = 1.0 / (2.0 * a - 1.0), 1.0 / (2.0 * b - 1.0)
        h = 2.0 / (of_a + of_b)
        bend = (z * z - 3.0) / 6.0
        if h + bend > 0.0:
            w = z * sqrt(h + bend) / h + (of_b - of_a) * (bend + 5.0 / 6.0 - 2.0 / (3.0 * h))
            return log(a / b) + 2.0 * w
    if min(a, b) < 1.0 and a + b > 10.0:  # b times the variable, or a times the rest, is gamma
        if a < b:
            k = gamma_quantile(a, p)
            return log(max(k, LOWEST) / (b + 0.5 * (a - 1.0 + k)))
        k = gamma_quantile(b, 1.0 - p)
        return -log(max(k, LOWEST) / (a + 0.5 * (b - 1.0 + k)))
    # Far out a tail is a power of the odds; that start is beyond the quantile, where Newton's
    # method on a concave function can't overshoot.
    log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b)
    if upper:
        return -(log(1.0 - p) + log(b) + log_beta) / b
    return (log(p) + log(a) + log_beta) / a


@kernel
def beta_quantile(a: float, b: float, p: float) -> float:
    """The number below which a beta variable of shapes `a` and `b` lies with probability `p`.

    Shapes are held inside [1e-3, 1e12].
    """
    return _beta_quantile(_shape(a), _shape(b), probability(p))[0]


@kernel
def _beta_quantile(a: float, b: float, p: float) -> tuple[float, float]:
    """`beta_quantile` and one less it."""
    upper = p > (0.5 if min(a, b) >= 0.5 else 0.9 if a < b else 0.1)
    goal = log(1.0 - p if upper else p)
    u = _beta_start(a, b, p, upper)
    scale = max(a * b / (a + b), 1.0)
    for _ in range(_STEPS):
        x, y = 1.0 / (1.0 + exp(-u)), 1.0 / (1.0 + exp(u))
        below, above, weight = _beta_tails(a, b, x, y)
        step = _halley(above if upper else below, weight, goal, a * y - b * x, upper)
        u += step
        if step * step * scale < 1e-6:
            break
    return 1.0 / (1.0 + exp(-u)), 1.0 / (1.0 + exp(u))


# ---------------------------------------------------------------------------- Student distribution


@kernel
def student_cdf(freedom: float, x: float) -> float:
    """Probability that a Student variable is below `x`; freedom is held inside [2e-3, 2e12]."""
    v = 2.0 * _shape(0.5 * freedom)
    size = clip(abs(x), 0.0, 1e150) if x * x >= 0.0 else 0.0
    square = size * size
    tail = 0.5 * _beta_tails(0.5 * v, 0.5, v / (v + square), square / (v + square))[0]
    return tail if x < 0.0 else 1.0 - tail


@kernel
def student_quantile(freedom: float, p: float) -> float:
    """The number below which a Student variable lies with probability `p`.

    Freedom is held inside [2e-3, 2e12]; what lies beyond 1e150 is told as that.
    """
    v = 2.0 * _shape(0.5 * freedom)
    p = probability(p)
    inside = abs(2.0 * p - 1.0)
    if inside < 1e-300:
        return 0.0
    if inside < 0.5:
        part, rest = _beta_quantile(0.5, 0.5 * v, inside)
    else:
        rest, part = _beta_quantile(0.5 * v, 0.5, 2.0 * min(p, 1.0 - p))
    size = sqrt(v * part / max(rest, LOWEST))
    size = min(size, 1e150)
    return size if p > 0.5 else -size
