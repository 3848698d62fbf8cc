"""The valid price step at a price, and rounding to it, for kernels.

Source: Hyperliquid, tick and lot size: at most five significant figures, whole prices always valid.
"""

from typing import Any

from simmm.jit import kernel
from simmm.math import floor_int


@kernel
def step_at(market: Any, px: int) -> int:
    """Return the valid step at price `px`, both in quanta."""
    step = market.tick_quanta
    figures = market.significant_figures
    if figures > 0 and px > 0:
        coarse = 1
        limit = 1
        for _ in range(figures):
            limit *= 10
        rest = px
        while rest >= limit:
            rest //= 10
            coarse *= 10
        if market.unit_quanta > 0:
            coarse = min(coarse, market.unit_quanta)
        step = max(step, coarse)
    return step


@kernel
def round_down(market: Any, px: float) -> int:
    """Return the highest valid price at or below `px` quanta."""
    whole = floor_int(px)
    return whole - whole % step_at(market, whole)


@kernel
def round_up(market: Any, px: float) -> int:
    """Return the lowest valid price at or above `px` quanta."""
    whole = -floor_int(-px)
    step = step_at(market, whole)
    return whole + (step - whole % step) % step
