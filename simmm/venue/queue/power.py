"""`power`: the larger of the two parts cancels more than its share, the more so the larger n.

Formula: p = b^n / (b^n + a^n), with a lots ahead of us and b behind. n = 1 is `proportional`.

When it is right: near the front, where nearly nobody ahead cancels. In the middle it is a switch
rather than a share: with twice as many ahead as behind and n = 3, 8 of 9 cancels are ahead. Real
cancels come from the back there too, so that orders far back move up too early.

Source: hftbacktest's documentation, "Order fill: queue models", power probability; the form is that
of Rigtorp, "Estimating order queue position" (2013), with f(x) = x^n.
"""

from simmm.jit import kernel
from simmm.math import power

NAME = "power"
ASSUMES = "the larger part cancels more than its share, the more so the larger n"
FORMULA = "b^n / (b^n + a^n)"
PARAMETERS = ("n",)


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us; 1 where nobody stands at all."""
    back = power(max(behind, 0.0), n)
    total = back + power(max(ahead, 0.0), n)
    if not total > 0.0 or total > 1e300:
        return 1.0
    return back / total
