"""`power2`: a cancel is behind us only if n draws of a lot of the level all fall behind.

Formula: p = b^n / (b + a)^n, with a lots ahead of us and b behind. n = 1 is `proportional`; a
larger n moves cancels ahead of us, towards `optimistic`.

When it is right: on markets whose old orders leave first. We know of none; it is here because
results are published with it.

Source: hftbacktest's documentation, "Order fill: queue models", second power form.
"""

from simmm.jit import kernel
from simmm.math import power

NAME = "power2"
ASSUMES = "cancels prefer the front, the more so the larger n"
FORMULA = "b^n / (b + a)^n"
PARAMETERS = ("n",)


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us; 1 where nobody stands at all."""
    back = max(behind, 0.0)
    total = power(back + max(ahead, 0.0), n)
    if not total > 0.0 or total > 1e300:
        return 1.0
    return power(back, n) / total
