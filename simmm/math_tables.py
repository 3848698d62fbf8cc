"""Tables for `simmm.math`, made with whole numbers, so the same bits anywhere.

Each entry is a pair of floats whose sum is good to about 100 bits.
"""

import math

import numpy as np

_FIXED = 160  # bits after the point while tables are made


def _split(value: int, keep: int = 53) -> tuple[float, float]:
    """Split a fixed-point number into a float of multiples of 2**-`keep` and the rest."""
    head = (value >> (_FIXED - keep)) << (_FIXED - keep)
    return head / 2**_FIXED, (value - head) / 2**_FIXED


def _fixed_log(numerator: int, denominator: int) -> int:
    """log(numerator/denominator) in fixed point, by 2 atanh((n - d)/(n + d))."""
    step = ((numerator - denominator) << _FIXED) // (numerator + denominator)
    square, power, total, odd = step * step >> _FIXED, step, 0, 1
    while abs(power) > 1:
        total += power // odd
        power, odd = power * square >> _FIXED, odd + 2
    return 2 * total


def _fixed_root(step: int) -> int:
    """2**(step/64) in fixed point, by six square roots."""
    value = 1 << (64 * _FIXED + step)
    for _ in range(6):
        value = math.isqrt(value)
    return value


_LN2 = _fixed_log(2, 1)
_LOG_KEEP = 42  # exponent times LN2_HIGH, plus a table entry, is then exact
LN2_HIGH, LN2_LOW = _split(_LN2, _LOG_KEEP)
STEP_HIGH, STEP_LOW = _split(_LN2 >> 6, 38)  # ln 2 / 64; times 17 bits is exact
STEPS_PER_UNIT = (64 << (2 * _FIXED)) / _LN2 / 2**_FIXED

ROOTS = np.array([_split(_fixed_root(j), 52) for j in range(64)])
LOG_FIRST = 88  # 0.6875 * 128
LOGS = np.array([_split(_fixed_log(j, 128), _LOG_KEEP) for j in range(LOG_FIRST, 177)])
LOG_BASE_BITS = 0x3FE6000000000000  # of 0.6875
for _table in (ROOTS, LOGS):
    _table.setflags(write=False)
