"""Closed-form quotes of a maker with inventory risk, far from the end of trading (GLFT).

The price moves with volatility sigma, an order at distance d from it fills at rate
A exp(-kappa d), the maker has constant absolute risk aversion gamma and trades a fixed size. Then,
when a stationary state is reached, the best distances are close to

    bid: c + (q + size / 2) slope        ask: c - (q - size / 2) slope

    c     = ln(1 + x) / (xi size),   x = xi size / kappa             (1 / kappa for xi = 0)
    slope = sigma sqrt(gamma / (2 kappa A size) (1 + x)^(1 + 1 / x))   (e for the power at xi = 0)

with inventory q in units of the size's. xi is the aversion to the risk *of being filled or not*:
gamma itself for a maker whose only taste is exponential utility, 0 for one that dislikes inventory
alone.

Units: all distances in one unit (here fractions of the price), kappa in its inverse, sigma in it
per sqrt(second), A per second, gamma and xi in 1 / (distance x size): **kappa's unit** for size 1.
With gamma in another unit than kappa it silently has no effect.

Where it is wrong: the error grows with slope / c (0.04 % of the spread at a ratio of 0.02, 2 % and
more at 0.5) and near the inventory limit, and the formula knows no ticks, no queue and no adverse
selection.

Source: Guéant, Lehalle, Fernandez-Tapia, "Dealing with the inventory risk", Math. Financ. Econ.
7(4), 2013 (arXiv 1105.3115), section 4; with order size and xi: Guéant, "The financial mathematics
of market liquidity", 2016, chapter 10. A fee f per fill moves both distances by f and leaves
A exp(-kappa f) of the rate: substitute d - f for d.
"""

from __future__ import annotations

from simmm.jit import kernel
from simmm.math import exp, is_finite, log1p, sqrt


@kernel
def half_spread_and_skew(
    sigma: float, kappa: float, arrival: float, gamma: float, order_size: float, xi: float
) -> tuple[float, float]:
    """Return c and the slope of the quotes in inventory; both 0 if an argument makes no sense.

    Parameters
    ----------
    sigma : float
        Volatility, distance per sqrt(second); at least 0.
    kappa : float
        Decay of the fill rate, 1 / distance; above 0.
    arrival : float
        Fill rate at distance 0, per second and side; above 0.
    gamma : float
        Risk aversion, 1 / (distance x size); at least 0.
    order_size : float
        Size of one order, in the unit of inventory; above 0.
    xi : float
        Aversion to the risk of fills, in gamma's unit; `gamma` for plain exponential utility, or 0.

    Returns
    -------
    half_spread : float
        Distance at which a maker without inventory risk would quote.
    slope : float
        Change of the distance per unit of inventory.
    """
    if not (sigma >= 0.0 and kappa > 0.0 and arrival > 0.0):
        return 0.0, 0.0
    if not (gamma >= 0.0 and order_size > 0.0 and xi >= 0.0):
        return 0.0, 0.0
    x = xi * order_size / kappa
    half_spread = 1.0 / kappa
    growth = 2.718281828459045
    if x > 1e-12:
        logarithm = log1p(x)
        half_spread = logarithm / (xi * order_size)
        growth = exp(logarithm + logarithm / x)
    divisor = 2.0 * kappa * arrival * order_size
    if not divisor > 0.0:
        return 0.0, 0.0
    slope = sigma * sqrt(gamma / divisor * growth)
    if not is_finite(half_spread) or not is_finite(slope):
        return 0.0, 0.0
    return half_spread, slope


@kernel
def distances(
    half_spread: float, slope: float, order_size: float, inventory: float
) -> tuple[float, float]:
    """Return the distances of bid and ask from the mid; negative beyond it.

    >>> distances(5.0, 0.5, 1.0, 2.0)
    (6.25, 4.25)
    """
    bid = half_spread + (inventory + 0.5 * order_size) * slope
    ask = half_spread - (inventory - 0.5 * order_size) * slope
    return bid, ask


@kernel
def arrival_after_fee(arrival: float, kappa: float, fee: float) -> float:
    """Return the rate that stands for `arrival` once distances are told net of `fee`."""
    return arrival * exp(-kappa * fee)
