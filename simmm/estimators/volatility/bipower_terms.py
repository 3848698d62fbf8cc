"""Terms of the bipower variation and the tripower quarticity, and moments of normal variables.

Source: Barndorff-Nielsen and Shephard (2004, 2006); Huang and Tauchen (2005).
"""

from __future__ import annotations

from simmm.jit import kernel
from simmm.math import exp, log, normal_cdf

HALF_PI = 1.5707963267948966  # 1 / (E|Z|)^2
TRIPOWER = 1.7434720745319843  # 1 / (E|Z|^(4/3))^3
BIPOWER_VARIANCE = 2.6089937538621326  # pi^2/4 + pi - 3
RATIO_VARIANCE = 0.6089937538621326  # pi^2/4 + pi - 5


@kernel
def pair(a: float, b: float) -> float:
    """Term of the bipower variation."""
    return HALF_PI * abs(a) * abs(b)


@kernel
def triple(a: float, b: float, c: float) -> float:
    """Term of the tripower quarticity."""
    size = abs(a) * abs(b) * abs(c)
    return TRIPOWER * exp(4.0 / 3.0 * log(size)) if size > 0.0 else 0.0


@kernel
def bipower_variance(terms: float, quarticity: float, mean: float) -> float:
    """Variance of an average of `terms` bipower terms whose mean is about `mean`."""
    return BIPOWER_VARIANCE / terms * max(quarticity, mean * mean)


@kernel
def mean_cut_squared(cut: float) -> float:
    """Square of E min(|Z|, cut) over that of E|Z|."""
    density = exp(-0.5 * cut * cut) * 0.3989422804014327
    mean = 0.7978845608028654 - 2.0 * (density - cut * normal_cdf(-cut))
    return mean * mean * HALF_PI


@kernel
def mean_beyond(cut: float) -> float:
    """E Z^2 (Z^2 - cut^2) where |Z| > cut."""
    density = exp(-0.5 * cut * cut) * 0.3989422804014327
    tail = normal_cdf(-cut)
    return 2.0 * (3.0 * cut * density + (3.0 - cut * cut) * tail)
