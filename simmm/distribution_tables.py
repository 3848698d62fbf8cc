"""Constants of `distributions`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

# Nodes and weights of Gauss and Legendre on [0, 1].
NODES = np.array(
    [
        0.00240639000148932, 0.012635722014345251, 0.030862723998633622, 0.056792236497799485,
        0.08999900701304854, 0.12993790421072282, 0.17595317403151223, 0.22728926430558022,
        0.2831032461869774, 0.3424786601519183, 0.40444056626319186, 0.4679715535686972,
        0.5320284464313028, 0.5955594337368082, 0.6575213398480817, 0.7168967538130225,
        0.7727107356944197, 0.8240468259684878, 0.8700620957892772, 0.9100009929869515,
        0.9432077635022005, 0.9691372760013663, 0.9873642779856547, 0.9975936099985107,
    ]
)  # fmt: skip
WEIGHTS = np.array(
    [
        0.0061706148999936, 0.014265694314466832, 0.022138719408709904, 0.02964929245771839,
        0.03667324070554015, 0.04309508076597664, 0.04880932605205694, 0.05372213505798282,
        0.0577528340268628, 0.060835236463901696, 0.06291872817341415, 0.06396909767337608,
        0.06396909767337608, 0.06291872817341415, 0.060835236463901696, 0.0577528340268628,
        0.05372213505798282, 0.04880932605205694, 0.04309508076597664, 0.03667324070554015,
        0.02964929245771839, 0.022138719408709904, 0.014265694314466832, 0.0061706148999936,
    ]
)  # fmt: skip


def _uniform_series(terms: int) -> np.ndarray:
    """Coefficients of eta / m in powers of eta, where eta^2 / 2 = m - log(1 + m).

    With m = eta (c_0 + c_1 eta + ...), m m' = eta (1 + m) gives one c after the other.
    """
    c = [Fraction(1)]
    for n in range(1, terms):
        crossed = sum((c[i] * c[n - i] for i in range(1, n)), Fraction(0))
        # [eta^(n + 1)] of (m^2 / 2)' is (n + 2) / 2 * sum c_i c_(n - i); of eta m it is c_(n - 1).
        c.append((2 * c[n - 1] / (n + 2) - crossed) / 2)
    inverse = [Fraction(1)]
    for n in range(1, terms):
        inverse.append(-sum((c[i] * inverse[n - i] for i in range(1, n + 1)), Fraction(0)))
    return np.array([float(x) for x in inverse])


UNIFORM = _uniform_series(31)
