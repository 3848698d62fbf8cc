"""Prewhitening of two series for a test of what is between them: parts of E25.

The state holds rings `own` and `other` with `count` pairs, arrays `x`, `y`, `held_x`, `held_y` and
the coefficients `filter`.

Source: Box and Jenkins (1976), Time Series Analysis, ch. 11; Levinson's recursion.
"""

from __future__ import annotations

from typing import Any

from simmm.jit import kernel
from simmm.math import clip, sqrt

RING = 1024  # a power of two
ORDER = 4  # of the autoregression
HELD = 4.0  # deviations


@kernel
def freeze(s: Any, n: int) -> None:
    """Copy the newest n pairs, oldest first, less their means."""
    first = s.count - n
    mean_x = 0.0
    mean_y = 0.0
    for i in range(n):
        slot = (first + i) & (RING - 1)
        s.x[i] = s.other[slot]
        s.y[i] = s.own[slot]
        mean_x += s.x[i] / n
        mean_y += s.y[i] / n
    for i in range(n):
        s.x[i] -= mean_x
        s.y[i] -= mean_y


@kernel
def fit(s: Any, n: int) -> None:
    """Yule and Walker's equations by Levinson's recursion."""
    c0 = 0.0
    c1 = 0.0
    c2 = 0.0
    c3 = 0.0
    c4 = 0.0
    for i in range(ORDER, n):
        x = s.x[i]
        c0 += x * x
        c1 += x * s.x[i - 1]
        c2 += x * s.x[i - 2]
        c3 += x * s.x[i - 3]
        c4 += x * s.x[i - 4]
    for i in range(ORDER):
        c0 += s.x[i] * s.x[i]
        s.filter[i] = 0.0
        if i >= 1:
            c1 += s.x[i] * s.x[i - 1]
        if i >= 2:
            c2 += s.x[i] * s.x[i - 2]
        if i >= 3:
            c3 += s.x[i] * s.x[i - 3]
    if not c0 > 0.0:
        return
    covariances = (c1, c2, c3, c4)
    rest = c0
    for k in range(ORDER):
        reflected = covariances[k]
        for j in range(k):
            reflected -= s.filter[j] * covariances[k - 1 - j]
        reflected /= rest
        for j in range((k + 1) // 2):
            low = s.filter[j]
            high = s.filter[k - 1 - j]
            s.filter[j] = low - reflected * high
            s.filter[k - 1 - j] = high - reflected * low
        s.filter[k] = reflected
        rest *= 1.0 - reflected * reflected
        if not rest > 1e-12 * c0:
            return


@kernel
def whiten(s: Any, n: int) -> None:
    """Leave of both what the other's past didn't say of the other; n remain."""
    a1 = s.filter[0]
    a2 = s.filter[1]
    a3 = s.filter[2]
    a4 = s.filter[3]
    for i in range(n):
        x = s.x[i + 4] - a1 * s.x[i + 3] - a2 * s.x[i + 2] - a3 * s.x[i + 1] - a4 * s.x[i]
        y = s.y[i + 4] - a1 * s.y[i + 3] - a2 * s.y[i + 2] - a3 * s.y[i + 1] - a4 * s.y[i]
        s.x[i] = x
        s.y[i] = y


@kernel
def hold(s: Any, n: int) -> None:
    """Both in units of their deviation, held inside a few; 0 if there is none."""
    square_x = 0.0
    square_y = 0.0
    for i in range(n):
        square_x += s.x[i] * s.x[i]
        square_y += s.y[i] * s.y[i]
    unit_x = sqrt(n / square_x) if square_x > 1e-60 else 0.0
    unit_y = sqrt(n / square_y) if square_y > 1e-60 else 0.0
    for i in range(n):
        s.held_x[i] = clip(s.x[i] * unit_x, -HELD, HELD)
        s.held_y[i] = clip(s.y[i] * unit_y, -HELD, HELD)


@kernel
def product(s: Any, begin: int, end: int, shift: int) -> float:
    """Sum of y(i) x(i + shift) for i from `begin`, in four sums at once, which is faster."""
    first = 0.0
    second = 0.0
    third = 0.0
    fourth = 0.0
    fours = (end - begin) // 4
    for k in range(fours):
        i = (begin + 4 * k) & (RING - 1)  # changes nothing, but tells the compiler: no index < 0
        j = (i + shift) & (RING - 1)
        first += s.held_y[i] * s.held_x[j]
        second += s.held_y[i + 1] * s.held_x[j + 1]
        third += s.held_y[i + 2] * s.held_x[j + 2]
        fourth += s.held_y[i + 3] * s.held_x[j + 3]
    for i in range(begin + 4 * fours, end):
        first += s.held_y[i] * s.held_x[i + shift]
    return (first + second) + (third + fourth)
