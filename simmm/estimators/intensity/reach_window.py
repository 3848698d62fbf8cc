"""The aggressors of the last seconds, each with its reach beyond the touch: at most 4,096.

The window holds what came in [now - window, now], both ends included. A change point, told by
another estimator's count of alarms, cuts it to what came after the alarm, but for the newest `keep`
aggressors. If the ring is full the oldest goes; `dropped` counts these. Beside the ring stand its
sums, by class of price step: class 0 is steps of 2^-31 and less, each other spans a factor of two.
"""

from __future__ import annotations

from typing import Any

from simmm.estimators.declare import Parameter
from simmm.jit import kernel
from simmm.math import float_bits, is_finite

SIZE = 4096
CLASSES = 32
EXPONENT_OF_FIRST = 1023 - 31
MOST_LEAVING = 512  # at one tick, so that none takes long
LONG_AGO = -(2**62)

RING = (
    ("ts", "i8", (SIZE,)),  # ns
    ("excess", "f8", (SIZE,)),  # reach beyond the touch, fraction
    ("step", "f8", (SIZE,)),  # valid price step then, fraction
    ("first", "i8"),  # number of the oldest; numbers grow for ever, n is at place n % SIZE
    ("held", "i8"),
    ("dropped", "i8"),
    ("alarms", "f8"),  # of change points, so far
    ("cut_ts", "i8"),  # ns; what came before goes as soon as `keep` came after
    ("excess_sum", "f8"),
    ("class_count", "f8", (CLASSES,)),
    ("class_step", "f8", (CLASSES,)),  # sum of steps
    ("came", "i8"),  # aggressors, since the window was last looked at
    ("left", "i8"),
)

PARAMETERS = {
    "window_s": Parameter(
        600.0, "s", "window, of 4,096 aggressors at most", low=1e-3, high=1e9, time_power=1.0
    ),
    "keep": Parameter(
        30, "aggressors", "newest that a change point leaves in the window", low=0, high=SIZE
    ),
    "prior_shape": Parameter(
        1.0, "aggressors", "number that the prior is worth", low=0.01, high=1e6
    ),
    "prior_kappa": Parameter(5000.0, "1/fraction", "kappa of the prior", low=1e-3, high=1e9),
}


@kernel
def empty(s: Any) -> None:
    """Hold nothing."""
    s.first = 0
    s.held = 0
    s.dropped = 0
    s.alarms = 0.0
    s.cut_ts = LONG_AGO
    s.excess_sum = 0.0
    for k in range(CLASSES):
        s.class_count[k] = 0.0
        s.class_step[k] = 0.0
    s.came = 0
    s.left = 0


@kernel
def take(s: Any, o: Any) -> None:
    """Take in an aggressor, if it says how far beyond the touch it reached."""
    if not (0.0 < o.half_spread <= 1.0 and 0.0 <= o.step <= 1.0 and is_finite(o.reach)):
        return
    if s.held == SIZE:
        _leave(s)
        s.dropped += 1
    place = (s.first + s.held) % SIZE
    excess = min(max(o.reach - o.half_spread, 0.0), 1.0)
    s.ts[place] = o.now
    s.excess[place] = excess
    s.step[place] = o.step
    s.held += 1
    k = class_of(o.step)
    s.excess_sum += excess
    s.class_count[k] += 1.0
    s.class_step[k] += o.step
    s.came += 1


@kernel
def pass_time(s: Any, now: int, window_s: float, keep: int, alarms: float) -> None:
    """Let go what is too old, or came before a change point."""
    if alarms > s.alarms:
        s.cut_ts = now
    if is_finite(alarms):
        s.alarms = alarms
    for _ in range(MOST_LEAVING):
        if s.held == 0:
            break
        ts = s.ts[s.first % SIZE]
        is_old = float(now - ts) > window_s * 1e9
        if not (is_old or (ts < s.cut_ts and s.held > keep)):
            break
        _leave(s)


@kernel
def class_of(step: float) -> int:
    """Class of a step in [0, 1], by the exponent of the number."""
    exponent = (float_bits(step) >> 52) - EXPONENT_OF_FIRST
    return int(min(max(exponent, 0), CLASSES - 1))


@kernel
def newest_ts(s: Any) -> int:
    """Time of the newest of a window that isn't empty, ns."""
    return int(s.ts[(s.first + s.held - 1) % SIZE])


@kernel
def _leave(s: Any) -> None:
    """Let the oldest go."""
    place = s.first % SIZE
    k = class_of(s.step[place])
    s.class_count[k] -= 1.0
    s.class_step[k] = max(s.class_step[k] - s.step[place], 0.0)
    s.excess_sum = max(s.excess_sum - s.excess[place], 0.0)
    s.first += 1
    s.held -= 1
    s.left += 1
    if s.class_count[k] == 0.0:  # no rounding errors stay
        s.class_step[k] = 0.0
    if s.held == 0:
        s.excess_sum = 0.0
