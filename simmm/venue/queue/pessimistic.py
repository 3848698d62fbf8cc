"""`pessimistic`: every cancel happens behind us, as long as somebody else stands there.

Formula: p = 1, the share of cancels behind. Only trades move us up, and cancels that nobody behind
us can have made.

When it is right: where those who wait longest cancel least, and as a bound. On a tape that shows
every change and has no hidden orders we are never before our real place, so that every fill it
gives is a real one; it misses some and has the rest late.

Source: Rigtorp, "Estimating order queue position" (2013), calls it conservative; hftbacktest calls
it risk-adverse.
"""

from simmm.jit import kernel

NAME = "pessimistic"
ASSUMES = "cancels happen behind us, while anybody stands there"
FORMULA = "1"
PARAMETERS: tuple[str, ...] = ()


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us: all."""
    return 1.0
