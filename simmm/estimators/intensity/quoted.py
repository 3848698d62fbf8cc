"""How long own orders rested at which distance, in classes: what a Poisson likelihood needs.

Orders that rest at distance d are filled at the rate A exp(-kappa d), so of the time quoted only

    S(kappa) = integral of exp(-kappa d(t)) dt

and its two derivatives matter. Time is kept in classes of distance that grow by a constant factor,
each with its seconds and the first two moments of its distances; within a class the integral is
expanded to second order about the mean, exact for a constant distance.
"""

from __future__ import annotations

from typing import Any

from simmm.distributions import gamma_quantile
from simmm.estimators.declare import Parameter
from simmm.estimators.observation import OWN
from simmm.jit import kernel
from simmm.math import clip, exp, floor_int, log

CLASSES = 64  # the first is everything nearer than `nearest`, the last everything farther

#: Parameters of an estimator that fits the likelihood: the prior of A, forgetting, classes, fits.
EXPOSURE_PARAMETERS = {
    "prior_arrival": Parameter(
        0.1, "1/s", "median of the prior of A, per side", low=1e-9, high=1e6, time_power=-1.0
    ),
    "prior_arrival_log_sd": Parameter(
        2.0, "", "standard deviation of ln A in the prior", low=0.01, high=1e4
    ),
    "half_life_s": Parameter(
        3600.0, "s", "time quoted that halves weights; 0: none", low=0.0, high=1e9, time_power=1.0
    ),
    "nearest": Parameter(1e-5, "fraction", "upper end of the first class", low=1e-9, high=1e-2),
    "farthest": Parameter(0.1, "fraction", "lower end of the last class", low=2e-2, high=1.0),
    "longest_s": Parameter(
        60.0, "s", "longest time between ticks that counts", low=1e-3, high=1e6, time_power=1.0
    ),
    "refit_s": Parameter(
        5.0, "s", "between fits, if no fill comes", low=0.0, high=1e6, time_power=1.0
    ),
}

#: Fields of a state that follows own orders from tick to tick and fills of one aggressor.
SEEN = [
    ("tick_ts", "i8"),  # of the last clock with a mid; -1: none since an interruption
    ("own", "i8", (2,)),  # own orders as of then
    ("own_distance", "f8", (2, OWN)),
    ("fill_ts", "i8", (2,)),  # exchange's clock, of the last fill, by side
    ("fill_distance", "f8", (2,)),
    ("together", "f8", (2,)),  # fills at that time
    ("together_distance", "f8", (2,)),  # their sum
]


@kernel
def see_nothing(s: Any) -> None:
    """Clear the fields of `SEEN`."""
    s.tick_ts = -1
    for side in range(2):
        s.own[side] = 0
        s.fill_ts[side] = 0
        s.fill_distance[side] = 0.0
        s.together[side] = 0.0
        s.together_distance[side] = 0.0
        for i in range(OWN):
            s.own_distance[side, i] = 0.0


@kernel
def seconds_since(s: Any, o: Any, longest_s: float) -> float:
    """Seconds since the last tick; 0 if they don't count."""
    duration = 1e-9 * (o.now - s.tick_ts)
    return duration if s.tick_ts >= 0 and 0.0 < duration <= longest_s else 0.0


@kernel
def see_orders(s: Any, o: Any) -> None:
    """Remember the own orders of this tick for the next."""
    s.tick_ts = o.now
    for side in range(2):
        s.own[side] = o.own[side]
        for i in range(min(o.own[side], OWN)):
            s.own_distance[side, i] = o.own_distance[side, i]


@kernel
def side_of(o: Any) -> int:
    """Side of the own order that filled: `BID` or `ASK`."""
    return 1 if o.side > 0.0 else 0


@kernel
def take_fill(s: Any, o: Any, pairs: Any) -> bool:
    """Whether a fill counts: it has a distance, and is no other part of the fill before it.

    Fills of one aggressor (one exchange time, one side) depend on each other. `pairs` sums
    over their ordered pairs: the number, the mean of both distances, the product.
    """
    side = side_of(o)
    if not (is_distance(o.distance) and o.mid > 0.0):  # a distance from what was known
        return False
    distance = max(o.distance, 0.0)
    if s.fill_ts[side] != o.exch_ts:
        s.together[side] = 0.0
        s.together_distance[side] = 0.0
    elif s.together[side] > 0.0 and s.fill_distance[side] == distance:
        return False
    pairs[0] += 2.0 * s.together[side]
    pairs[1] += s.together_distance[side] + s.together[side] * distance
    pairs[2] += 2.0 * s.together_distance[side] * distance
    s.together[side] += 1.0
    s.together_distance[side] += distance
    s.fill_ts[side] = o.exch_ts
    s.fill_distance[side] = distance
    return True


@kernel
def is_distance(distance: float) -> bool:
    """Whether a distance can be one: a price between 0 and twice the mid."""
    return -1.0 <= distance <= 1.0


@kernel
def class_of(distance: float, nearest: float, farthest: float) -> int:
    """Class of a distance (fraction)."""
    if not distance > nearest:
        return 0
    if not distance < farthest:
        return CLASSES - 1
    share = log(distance / nearest) / log(farthest / nearest)
    return min(1 + floor_int((CLASSES - 2) * share), CLASSES - 2)


@kernel
def expose(
    seconds: Any,
    first: Any,
    second: Any,
    distances: Any,
    count: int,
    duration: float,
    nearest: float,
    farthest: float,
) -> None:
    """Add `duration` seconds for each of the first `count` distances.

    Equal distances are one price and count once; beyond the mid counts as at it.
    """
    for i in range(min(count, distances.size)):
        distance = distances[i]
        if not is_distance(distance):
            continue
        again = False
        for j in range(i):
            again = again or distances[j] == distance
        if again:
            continue
        distance = max(distance, 0.0)
        c = class_of(distance, nearest, farthest)
        seconds[c] += duration
        first[c] += duration * distance
        second[c] += duration * distance * distance


@kernel
def clear(values: Any) -> None:
    """Set all of an array to 0."""
    for i in range(values.size):
        values[i] = 0.0


@kernel
def fade(seconds: Any, first: Any, second: Any, keep: float) -> None:
    """Multiply all that was added by `keep`."""
    for c in range(CLASSES):
        seconds[c] *= keep
        first[c] *= keep
        second[c] *= keep


@kernel
def integrals(seconds: Any, first: Any, second: Any, kappa: float) -> tuple[float, float, float]:
    """Return S(kappa), -S'(kappa) and S''(kappa), in s, s x fraction and s x fraction^2."""
    zeroth, once, twice = 0.0, 0.0, 0.0
    for c in range(CLASSES):
        duration = seconds[c]
        if duration > 1e-9:
            mean = first[c] / duration
            variance = max(second[c] / duration - mean * mean, 0.0)
            spread = kappa * variance
            size = duration * exp(-kappa * mean)
            whole = 1.0 + 0.5 * kappa * spread
            zeroth += size * whole
            once += size * (mean * whole - spread)
            twice += size * (mean * mean * whole - 2.0 * mean * spread + variance)
    return zeroth, once, twice


@kernel
def best_arrival(
    log_arrival: float, fills: float, integral: float, centre: float, tightness: float
) -> float:
    """Return the ln A that maximises fills ln A - A integral - tightness (ln A - centre)^2 / 2."""
    for _ in range(100):
        expected = exp(log_arrival) * integral
        slope = fills - expected - tightness * (log_arrival - centre)
        step = clip(slope / (expected + tightness), -3.0, 1.0)
        log_arrival = clip(log_arrival + step, -60.0, 60.0)
        if abs(step) < 1e-9:
            break
    return log_arrival


@kernel
def design(
    pairs: Any, power: float, zeroth: float, once: float, twice: float, arrival: float
) -> float:
    """What the dependence of an aggressor's fills multiplies the variance of kappa by.

    `power` is that of the likelihood without it: by its inverse, squared weights are smaller.

    Kappa's score, A at its best, jumps by m - d at a fill, m the mean distance of what is expected.
    Jumps at one time add to its variance all products of two: the optional variation of a
    martingale.
    """
    if not zeroth > 0.0:
        return 1.0
    mean = once / zeroth
    alone = arrival * (twice - once * mean)
    products = mean * mean * pairs[0] - 2.0 * mean * pairs[1] + pairs[2]
    return clip(1.0 + power * products / alone, 0.5, 100.0) if alone > 1e-30 else 1.0


@kernel
def gamma_bounds(mean: float, relative: float) -> tuple[float, float]:
    """95 % of the gamma law with this mean and relative standard deviation, and the mean."""
    shape = 1.0 / (relative * relative)
    scale = mean / shape
    low, high = scale * gamma_quantile(shape, 0.025), scale * gamma_quantile(shape, 0.975)
    return min(low, mean), max(high, mean)
