"""`rank_scalar`: the rank law in closed form, of the lots ahead and behind alone.

A cancel is wholly ahead of us or wholly behind. With orders of one typical size, the mean of those
seen added to the touch, the law of rank gives p = Z(b) / Z(a + b), where Z(n) sums (1 + j)^-alpha
over the n youngest orders.

Numbers: alpha 1.5 (docs/fill-model.md). The law itself is in rank.py, which falls back to this
form where a queue is too long for its list.
"""

NAME = "rank_scalar"
ASSUMES = "as rank, but only lots ahead and behind are kept, in orders of one size"
FORMULA = "Z(b) / Z(a + b), Z(n) = 1 + 2^-alpha + ... + n^-alpha"
PARAMETERS = ("alpha",)
COST = "constant"
EXPONENTS = (1.5, 0.0)  # alpha, log kappa (not used)
