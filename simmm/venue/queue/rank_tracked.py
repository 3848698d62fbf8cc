"""`rank_tracked`: the rank law with lists of levels kept before we join them.

The exchange follows every level near the market, so that an order that joins knows more of those
before it than their sum. It asks for a tape that shows each change, and every row costs what
otherwise only rows at our levels cost.

Numbers: alpha 1.5, ln kappa -4, the best on 0-60 % of an hour of CME ES (docs/fill-model.md). The
law itself is in rank.py.
"""

NAME = "rank_tracked"
ASSUMES = "as rank; levels are followed before we join them, so the orders ahead are known better"
FORMULA = "1 - (sum over those ahead of (1 + younger)^-alpha kappa^larger) / (the same over all)"
PARAMETERS = ("alpha", "log_kappa")
COST = "grows with the orders of the level, at every level"
EXPONENTS = (1.5, -4.0)  # alpha, log kappa
