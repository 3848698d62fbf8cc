"""`log2`: most cancels happen behind us as soon as a few lots stand there.

Formula: p = ln(1 + b) / ln(1 + b + a), with a lots ahead of us and b behind.

When it is right: where cancels come from the back but a few lots behind already take most of them.
It depends on the size of a lot: the smaller, the more cancels are behind us.

Source: hftbacktest's documentation, "Order fill: queue models", second logarithmic form, which is
that simulator's default.
"""

from simmm.jit import kernel
from simmm.math import log1p

NAME = "log2"
ASSUMES = "a few lots behind us take most of the cancels; depends on the lot"
FORMULA = "ln(1 + b) / ln(1 + b + a)"
PARAMETERS: tuple[str, ...] = ()


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us; 1 where nobody stands at all."""
    back = max(behind, 0.0)
    total = log1p(back + max(ahead, 0.0))
    if not total > 0.0 or total > 1e300:
        return 1.0
    return log1p(back) / total
