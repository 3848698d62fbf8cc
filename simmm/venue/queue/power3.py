"""`power3`: a cancel is ahead of us only if n draws of a lot of the level all fall ahead.

Formula: p = 1 - (a / (a + b))^n, with a lots ahead of us and b behind. n = 1 is `proportional`; a
larger n moves cancels behind us, towards `pessimistic`.

When it is right: of the published forms its shape is nearest to what order-by-order data show, that
cancels come from the back all along the queue and not only where most stand. It still takes
fractions of many orders where in truth one whole order leaves.

Source: hftbacktest's documentation, "Order fill: queue models", third power form.
"""

from simmm.jit import kernel
from simmm.math import power

NAME = "power3"
ASSUMES = "cancels prefer the back, the more so the larger n"
FORMULA = "1 - (a / (a + b))^n"
PARAMETERS = ("n",)


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us; 1 where nobody stands at all."""
    front = max(ahead, 0.0)
    total = front + max(behind, 0.0)
    if not total > 0.0 or total > 1e300:
        return 1.0
    return 1.0 - power(front / total, n)
