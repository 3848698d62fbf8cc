"""The published forms as hftbacktest 2.4.4 computes them: without bounds on the place.

A print leaves the place between -1/2 and 0 where it took up to half a lot more than stood ahead.
simmm holds the place at 0 or above at the next sight of the level. The peer goes on with the number
below zero, at which no formula means anything: the share of cancels behind us comes out above 1, or
as no number at all, and the order that was first is put back behind others. `Unbounded.misled` says
where that happened.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simmm.jit import kernel
from simmm.math import NAN, floor_int, is_finite, log, power
from simmm.venue.queue.published import LOG, LOG2, OPTIMISTIC, PESSIMISTIC, POWER2, POWER3

Unbounded = np.dtype(
    [
        ("ahead", "f8"),  # lots
        ("traded", "f8"),  # lots since the level was last shown
        ("misled", "i8"),  # a share was asked for with hardly anybody, or fewer than nobody, ahead
    ],
    align=True,
)

HARDLY_ANYBODY, FEWER_THAN_NOBODY = 1, 2  # values of `misled`
HARDLY = 1e-9  # lots; less is what rounding leaves of nobody


@kernel
def join(state: Any, settings: Any, ahead: float) -> None:
    """Enter the queue behind `ahead` lots."""
    state.ahead = ahead
    state.traded = 0.0
    state.misled = 0


@kernel
def trade(state: Any, settings: Any, lots: int) -> None:
    """Count a print."""
    state.ahead -= lots
    state.traded += lots


@kernel
def _ln1(x: float) -> float:
    return log(1.0 + x) if 1.0 + x > 0.0 else NAN


@kernel
def _share(form: int, n: float, front: float, back: float) -> float:
    if form == PESSIMISTIC:
        return 1.0
    if form == OPTIMISTIC:
        return 0.0
    if form == LOG:
        part, whole = _ln1(back), _ln1(back) + _ln1(front)
    elif form == LOG2:
        part, whole = _ln1(back), _ln1(back + front)
    elif form == POWER2:
        part, whole = power(back, n), power(back + front, n)
    elif form == POWER3:
        if front + back == 0.0:
            return NAN
        return 1.0 - power(front / (front + back), n)
    else:
        part, whole = power(back, n), power(back, n) + power(front, n)
    if whole == 0.0:
        return NAN if part == 0.0 or math.isnan(part) else 1.0
    return part / whole


@kernel
def depth(state: Any, settings: Any, previous: int, shown: int) -> None:
    """Take cancels off the place; what is no number loses against what is shown."""
    change = previous - shown - state.traded
    state.traded = 0.0
    if change < 0.0:
        state.ahead = min(state.ahead, float(shown))
        return
    front = state.ahead
    back = previous - front
    if front < 0.0:
        state.misled = FEWER_THAN_NOBODY
    elif front < HARDLY:
        state.misled = max(state.misled, HARDLY_ANYBODY)
    share = _share(settings.form, settings.n, front, back)
    if not is_finite(share) and not math.isnan(share):
        share = 1.0
    left = front - (1.0 - share) * change + min(back - share * change, 0.0)
    state.ahead = float(shown) if math.isnan(left) else min(left, float(shown))


@kernel
def cap(state: Any, settings: Any, shown: int) -> None:
    """Nothing: the peer knows no level that is out of view."""


@kernel
def filled(state: Any, settings: Any) -> int:
    """Return the whole lots matched beyond the queue, rounded half up."""
    lots = floor_int(0.5 - state.ahead)
    if lots > 0:
        state.ahead = 0.0
        return lots
    return 0


@kernel
def watch(state: Any, settings: Any, previous: int, shown: int) -> None:
    """Nothing."""


@kernel
def begin(state: Any, settings: Any, stream: int) -> None:
    """Nothing is queued."""
    join(state, settings, 0.0)


@kernel
def adopt(state: Any, settings: Any, level: Any) -> None:
    """Nothing."""


@kernel
def learn(settings: Any, lots: int) -> None:
    """Nothing."""


VERBS = (join, trade, depth, cap, filled, watch, begin, adopt, learn)
