"""`proportional`: every lot of the level is equally likely to be cancelled, wherever it stands.

Formula: p = b / (b + a), with a lots ahead of us and b behind.

When it is right: where a cancel takes a lot drawn at random. Then the lots ahead are right on
average, though not the moment of the fill: whole orders leave, fractions don't. Real cancels are
mostly of young orders, far back, so that it is too far ahead.

Source: Rigtorp, "Estimating order queue position" (2013), with f(x) = x.
"""

from simmm.jit import kernel

NAME = "proportional"
ASSUMES = "every lot of a level is equally likely to be cancelled"
FORMULA = "b / (b + a)"
PARAMETERS: tuple[str, ...] = ()


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us; 1 where nobody stands at all."""
    back = max(behind, 0.0)
    total = back + max(ahead, 0.0)
    if not total > 0.0 or total > 1e300:
        return 1.0
    return back / total
