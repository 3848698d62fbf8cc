"""`log`: the two parts cancel in shares that differ less than their sizes.

Formula: p = ln(1 + b) / (ln(1 + b) + ln(1 + a)), with a lots ahead of us and b behind.

When it is right: where a long part is long because its orders are large or lasting. It depends on
the size of a lot: the same queue told in lots a tenth as large gives other shares, nearer to half
and half.

Source: Rigtorp, "Estimating order queue position" (2013), with f(x) = ln(1 + x).
"""

from simmm.jit import kernel
from simmm.math import log1p

NAME = "log"
ASSUMES = "shares of cancels differ less than the parts' sizes; depends on the lot"
FORMULA = "ln(1 + b) / (ln(1 + b) + ln(1 + a))"
PARAMETERS: tuple[str, ...] = ()


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us; 1 where nobody stands at all."""
    back = log1p(max(behind, 0.0))
    total = back + log1p(max(ahead, 0.0))
    if not total > 0.0 or total > 1e300:
        return 1.0
    return back / total
