"""Quantile of the normal distribution, for kernels.

Source: Wichura (1988), algorithm AS 241, whose three rational functions are right within 1e-15 of
the value.
"""

from __future__ import annotations

import numpy as np

from simmm.gamma_functions import LOWEST
from simmm.jit import kernel
from simmm.math import log, sqrt

# Numerator and denominator, constant first: of the centre, the sides, far out.
_CENTRE = np.array(
    [
        [3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946,
         45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227],
        [1.0, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597,
         39307.89580009271, 28729.085735721943, 5226.495278852854],
    ]
)  # fmt: skip
_SIDE = np.array(
    [
        [1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045,
         1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 0.0007745450142783414],
        [1.0, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008,
         0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-09],
    ]
)  # fmt: skip
_FAR = np.array(
    [
        [6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487,
         0.026532189526576124, 0.0012426609473880784, 2.7115555687434876e-05,
         2.0103343992922881e-07],
        [1.0, 0.599832206555888, 0.1369298809227358, 0.014875361290850615,
         0.0007868691311456133, 1.8463183175100548e-05, 1.421511758316446e-07,
         2.0442631033899397e-15],
    ]
)  # fmt: skip


@kernel
def normal_quantile(p: float) -> float:
    """The number below which a standard normal variable lies with probability `p`."""
    p = probability(p)
    centred = p - 0.5
    if -0.425 <= centred <= 0.425:
        return centred * _ratio(_CENTRE, 0.180625 - centred * centred)
    r = sqrt(-log(p if centred < 0.0 else 1.0 - p))
    size = _ratio(_SIDE, r - 1.6) if r <= 5.0 else _ratio(_FAR, r - 5.0)
    return size if centred > 0.0 else -size


@kernel
def _ratio(coefficients: np.ndarray, x: float) -> float:
    above = below = 0.0
    for k in range(7, -1, -1):
        above = above * x + coefficients[0, k]
        below = below * x + coefficients[1, k]
    return above / below


@kernel
def probability(p: float) -> float:
    """`p` held inside (0, 1)."""
    if not p > LOWEST:
        return LOWEST
    return float(min(p, 0.9999999999999999))
