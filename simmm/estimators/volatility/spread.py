"""How uncertain a volatility is whose square is an average of few measured terms."""

from __future__ import annotations

from simmm.jit import kernel
from simmm.math import log, sqrt

Z95 = 1.959963984540054
POISSON = 3.7  # 97.5 % bound of a Poisson mean of which no event was seen
JEFFREYS = 0.5  # events that Jeffreys' prior of a Poisson rate adds to a count


@kernel
def log_deviation(relative: float) -> float:
    """Return the standard deviation of log sigma, given Var(sigma^2) / sigma^4.

    Half its root, times 1 + `relative` because that was measured on the same few terms (about what
    Student's law asks of 2 / relative degrees of freedom). Where few moves make the variance,
    1 / relative is about their number, and counting them by Poisson's law bounds it: the second
    form reaches that law's upper 97.5 %.
    """
    root = sqrt(relative)
    normal = 0.5 * root * (1.0 + relative)
    counted = log(1.0 + Z95 * root + POISSON * relative) / (2.0 * Z95)
    return min(normal, counted)
