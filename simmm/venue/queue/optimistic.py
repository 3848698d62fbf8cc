"""`optimistic`: every cancel happens ahead of us, as long as somebody stands there.

Formula: p = 0, the share of cancels behind.

When it is right: never on a market known to us, and so it is good as a bound: we are never behind
our real place, no fill comes later than it would have, and many come that would not.

Source: the other end of Rigtorp, "Estimating order queue position" (2013).
"""

from simmm.jit import kernel

NAME = "optimistic"
ASSUMES = "cancels happen ahead of us, while anybody stands there"
FORMULA = "0"
PARAMETERS: tuple[str, ...] = ()


@kernel
def probability_behind(n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us: none."""
    return 0.0
