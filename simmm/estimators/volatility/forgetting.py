"""How much of what was known is kept: half-lives in seconds, in ticks, or in both.

A weight of 2^(-age / half-life) for data of that age; counted in both time and ticks, the two
exponents add. For one tick alone the weight of the newest is 1 - 2^(-1 / half-life), which is not
ln 2 / half-life.
"""

from __future__ import annotations

from simmm.jit import kernel
from simmm.math import exp

LN2 = 0.6931471805599453


@kernel
def retention(seconds: float, half_life_s: float, ticks: float, half_life_ticks: float) -> float:
    """Return the share of old weight that is kept; a half-life of 0 forgets nothing."""
    halvings = 0.0
    if half_life_s > 0.0:
        halvings += seconds / half_life_s
    if half_life_ticks > 0.0:
        halvings += ticks / half_life_ticks
    return exp(-LN2 * halvings)
