"""How often, and how deep, aggressors come: the decay kappa and the rate A, from their reach.

Model: on each side, aggressors that reach at least distance d from the mid come as a Poisson
process of rate A exp(-kappa d), so their reach is exponential. Only those that reach the touch, at
half a spread h, are seen, and their reach is seen on the grid of valid steps s: the number of whole
steps beyond the touch is geometric. With m the mean excess,

    kappa = ln(1 + s / m) / s                 deviation 1 / sqrt(m (m + s) n)
    A = N / sum of integrals of exp(-kappa h(t)) dt, over both sides

(distances are fractions of the price). What is *t* old weighs w = 2^(-t / half-life); N is the sum
of w, n = sum(w)^2 / sum(w^2) the effective number of aggressors. The exposure is kept by class of
half spread, so that it is right for the newest kappa. Deviations are the delta method's:

    Var(ln A) = (integral of w^2 / integral of w) / N + (mean h)^2 Var(kappa)

with the mean of h weighted by exposure. They hold for Poisson arrivals and exponential reach; where
aggressors cluster, the truth is less certain than they say, and where few reach far and many stop
at the touch the fit is a compromise.

An aggressor counts once, however many prints it has. Time or aggressors with an unknown touch count
neither as exposure nor as arrivals. Unknown, told as value 0, deviation 0 and age -1, are kappa and
A until `MINIMUM_AGGRESSORS` effective aggressors were seen, one of them beyond the touch.

Source: geometric maximum likelihood of floored exponential distances; Poisson rate with exposure;
both are textbook results.
"""

from __future__ import annotations

from typing import Any

from simmm.jit import kernel
from simmm.math import exp, floor_int, is_finite, log, log1p, sqrt
from simmm.records import SPREAD_CLASSES

LN2 = 0.6931471805599453
NS_PER_S = 1_000_000_000.0
MINIMUM_AGGRESSORS = 10.0
SIDES = 2.0
CLASSES_PER_E_FOLD = 6.0  # a class spans a sixth of a factor e of half spread
LARGEST = 1e9  # figures above are not estimates but accidents, and stay unknown
FORGOTTEN = 1e-100  # weights below are too small for their squares to be exact


@kernel
def start(i: Any, half_life_s: float) -> None:
    """Empty the state (`records.Intensity`) and set its half-life."""
    i.half_life_s = half_life_s
    i.started = 0
    i.last_ts = 0
    i.clock_ts = 0
    i.clock_half_spread = 0.0
    i.aggressor_ts = 0
    i.count = 0.0
    i.count_squared = 0.0
    i.excess = 0.0
    i.step = 0.0
    i.seconds = 0.0
    i.seconds_squared = 0.0
    for k in range(SPREAD_CLASSES):
        i.class_seconds[k] = 0.0
        i.class_distance[k] = 0.0
    i.stale = 0
    i.kappa = 0.0
    i.kappa_sd = 0.0
    i.arrival = 0.0
    i.arrival_sd = 0.0
    i.sweep_px = 0
    i.sweep_side = 0
    i.sweep_ts = 0


@kernel
def on_time(i: Any, ts: int, half_spread: float, step: float) -> None:
    """Count the time since the last tick as exposure at the touch's present distance.

    Call it at the estimator clock only. Between ticks the touch is not looked at: were it looked at
    when aggressors come, the moments at which they like to come would count as if they lasted.

    Parameters
    ----------
    i : records.Intensity
    ts : int
        Time, ns.
    half_spread : float
        Distance from mid to touch, fraction of price; 0 if a side is unknown. What is not in
        (0, 1] counts as unknown.
    step : float
        Valid price step, fraction of price.
    """
    known = 0.0 < half_spread <= 1.0 and 0.0 < step <= 1.0
    if i.started == 0:
        i.started = 1
        i.last_ts = ts
        i.clock_ts = ts
    _age(i, ts)
    seconds = float(ts - i.clock_ts) / NS_PER_S
    if seconds > 0.0 and known:
        weighted = SIDES * _integral(i.half_life_s, 1.0, seconds)
        k = _spread_class(half_spread / step)
        i.class_seconds[k] += weighted
        i.class_distance[k] += weighted * half_spread
        i.seconds += weighted
        i.seconds_squared += SIDES * _integral(i.half_life_s, 2.0, seconds)
    i.clock_ts = max(i.clock_ts, ts)
    i.clock_half_spread = half_spread if known else 0.0
    i.stale = 1


@kernel
def on_aggressor(i: Any, ts: int, reach: float, half_spread: float, step: float) -> None:
    """Count one aggressor, whole.

    Parameters
    ----------
    i : records.Intensity
    ts : int
        Time, ns.
    reach : float
        Distance from the mid before it came to the deepest price it printed at, fraction of price.
        One that printed inside the touch counts as reaching the touch.
    half_spread : float
        Distance from that mid to the touch, fraction of price; 0 if it was unknown.
    step : float
        Valid price step, fraction of price.
    """
    if not (0.0 < half_spread <= 1.0 and 0.0 < step <= 1.0 and is_finite(reach)):
        return
    if i.started == 0:
        i.started = 1
        i.last_ts = ts
        i.clock_ts = ts
    _age(i, ts)
    excess = reach - half_spread
    i.count += 1.0
    i.count_squared += 1.0
    i.step += step
    if excess > 0.0:
        i.excess += min(excess, 1.0)
    i.aggressor_ts = ts
    i.stale = 1


@kernel
def read(i: Any, now: int, record: Any) -> None:
    """Write kappa (1 / fraction of price) and arrival (1 / s and side), deviations and ages."""
    if i.stale == 1:
        _estimate(i)
    record.kappa = i.kappa
    record.kappa_sd = i.kappa_sd
    record.kappa_age_ns = now - i.aggressor_ts if i.kappa > 0.0 else -1
    record.arrival = i.arrival
    record.arrival_sd = i.arrival_sd
    record.arrival_age_ns = now - i.last_ts if i.arrival > 0.0 else -1


@kernel
def _age(i: Any, ts: int) -> None:
    """Let all sums forget the time from `last_ts` to `ts`."""
    elapsed_ns = ts - i.last_ts
    if elapsed_ns <= 0:
        return
    i.last_ts = ts
    if not i.half_life_s > 0.0:
        return
    decay = exp(-LN2 * (float(elapsed_ns) / NS_PER_S) / i.half_life_s)
    i.count *= decay
    i.count_squared *= decay * decay
    i.excess *= decay
    i.step *= decay
    i.seconds *= decay
    i.seconds_squared *= decay * decay
    for k in range(SPREAD_CLASSES):
        i.class_seconds[k] *= decay
        i.class_distance[k] *= decay


@kernel
def _integral(half_life_s: float, power: float, seconds: float) -> float:
    """Integral of the weight to a power over the last `seconds`."""
    if not half_life_s > 0.0:
        return seconds
    rate = power * LN2 / half_life_s
    return (1.0 - exp(-rate * seconds)) / rate


@kernel
def _spread_class(steps: float) -> int:
    """Class of a half spread told in steps: half a step and less is 0, then a sixth of e each."""
    if not steps > 0.5:
        return 0
    return min(SPREAD_CLASSES - 1, floor_int(CLASSES_PER_E_FOLD * log(2.0 * steps)))


@kernel
def _estimate(i: Any) -> None:
    i.stale = 0
    i.kappa = 0.0
    i.kappa_sd = 0.0
    i.arrival = 0.0
    i.arrival_sd = 0.0
    if not i.count > FORGOTTEN or not i.excess > 0.0:
        return
    aggressors = i.count * i.count / i.count_squared
    if aggressors < MINIMUM_AGGRESSORS:
        return
    step = i.step / i.count
    excess = i.excess / i.count
    kappa = log1p(step / excess) / step
    kappa_sd = 1.0 / sqrt(excess * (excess + step) * aggressors)
    if not 0.0 < kappa < LARGEST or not kappa_sd < LARGEST:
        return
    i.kappa = kappa
    i.kappa_sd = kappa_sd
    _estimate_arrival(i)


@kernel
def _estimate_arrival(i: Any) -> None:
    exposure = 0.0
    moment = 0.0
    for k in range(SPREAD_CLASSES):
        if i.class_seconds[k] > 0.0:
            distance = i.class_distance[k] / i.class_seconds[k]
            part = i.class_seconds[k] * exp(-i.kappa * distance)
            exposure += part
            moment += part * distance
    # The time since the last tick, whose aggressors are counted already.
    seconds = SIDES * (float(i.last_ts - i.clock_ts) / NS_PER_S)
    if seconds > 0.0 and i.clock_half_spread > 0.0:
        part = seconds * exp(-i.kappa * i.clock_half_spread)
        exposure += part
        moment += part * i.clock_half_spread
    if not exposure > 0.0 or not i.seconds > 0.0:
        return
    arrival = i.count / exposure
    from_kappa = i.kappa_sd * moment / exposure
    variance = i.seconds_squared / i.seconds / i.count + from_kappa * from_kappa
    arrival_sd = arrival * sqrt(variance)
    if not 0.0 < arrival < LARGEST or not arrival_sd < LARGEST:
        return
    i.arrival = arrival
    i.arrival_sd = arrival_sd
