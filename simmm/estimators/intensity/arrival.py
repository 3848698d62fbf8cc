"""E18: how often aggressors come that would reach the mid, and how often they reach the touch.

`arrival` belongs with `market_kappa`: arrival * exp(-market_kappa * d) is the rate at distance d
from the mid. With the blended `kappa`, start from `aggressor_rate` / 2 at the touch instead.

Model: on each side, aggressors that reach at least distance d from the mid come as a Poisson
process of rate A exp(-kappa d). Those that reach the touch, at half a spread h, are seen: N of them
over the exposure E = sum over sides of the integral of exp(-kappa h(t)) dt. What is *t* old weighs
w = 2^(-t / half-life); with S1 and S2 the integrals of w and w^2 over the time watched and
r = S1 / S2 (1 without forgetting, towards 2 with it), given kappa

    A ~ Gamma(a0 + r N, F (a0 / A0 + r S1)),  F = E / S1,
    so  A F = (a0 + r N) / (a0 / A0 + r S1)

with the prior a0 = `prior_shape` aggressors at the rate A0 = `prior_arrival`: r N is the number of
aggressors that N weighted ones are worth, since Var(N) / N = S2 / S1. The prior is of the rate at
the touch, as if it had watched touches as far as those seen: F is the mean over time of
exp(-kappa h), so that A F is what was seen and little else, however far the touch. The exposure is
kept by class of half spread, so that it is right for the newest kappa.

Kappa is from reach beyond the touch, which tells nothing of how often the touch is reached, so the
two are independent, and ln A moves with kappa as the mean of h, weighted by exposure, does:

    Var(A) / A^2 = 1 / (a0 + r N) + f^2,   f = (mean h) sd(kappa)

The 95 % interval is that of the product of the gamma law given kappa and a lognormal one of f: the
distances of its ends from the value, in logs, are the roots of the sums of both laws' squares.
`aggressor_rate` is the same without kappa: N over the time watched, both sides together, its prior
2 A0. Before any touch was watched `arrival` is A0.

Time counts at the clock only, each interval at the touch's distance at its end. Were the touch
looked at when aggressors come, the moments at which they like to come would count as if they
lasted. Time or aggressors with an unknown touch count neither as exposure nor as arrivals. While
the market is unknown the values stay and the gamma law's variance grows as in `silence.py`, up to
that of the prior; what passed then counts as age afterwards.

An aggressor counts once, however many prints it has. Duplicates count twice. Where it is wrong:
aggressors that cluster (E19) are less certain than Poisson ones. In clusters much shorter than the
half-life, of branching ratio n, the interval is too narrow by 1 / (1 - n): at n = 0.6 it held the
truth in 62 % of worlds.

On tapes: `arrival`, turned into the rate at the touch, loses to a rolling mean rate on most tapes:
aggressors don't come less often when the spread is wide, so A exp(-kappa h) was too high at narrow
and too low at wide spreads. `aggressor_rate` is as good as a rolling mean, and no better.

Source: conjugate prior of the Poisson rate with exposure; effective number of weighted data; the
interval of a product from those of its factors, Zou and Donner (2008), in logs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import gamma_quantile
from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import AGGRESSOR, CLOCK
from simmm.estimators.silence import SILENT, count_unknown, replace, start_silence
from simmm.estimators.volatility.forgetting import LN2, retention
from simmm.estimators.volatility.spread import JEFFREYS
from simmm.jit import kernel
from simmm.math import exp, expm1, floor_int, log, sqrt

ROW = "E18"
HEARS = (CLOCK, AGGRESSOR)
READS = ("market_kappa",)
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    half_life_s=Parameter(
        300.0, "s", "what is this old counts half; 0 forgets nothing", 0.0, 1e9, time_power=1.0
    ),
    prior_shape=Parameter(1.0, "aggressors", "number that the prior is worth", 0.01, 1e6),
    prior_arrival=Parameter(
        1.0, "1/s and side", "rate of the prior at the touch", 1e-9, 1e6, time_power=-1.0
    ),
)

BELIEFS = (
    Belief(
        "arrival",
        "1/s and side",
        "rate A of aggressors that would reach the mid",
        law="gamma",
        time_power=-1.0,
    ),
    Belief(
        "aggressor_rate",
        "1/s",
        "aggressors of both sides that reach the touch",
        law="gamma",
        time_power=-1.0,
    ),
)

SIDES = 2.0
CLASSES = 84  # of half spread: the first up to a millionth, the last ends at 1
CLASSES_PER_E_FOLD = 6.0
NEAREST = 1e-6
LARGEST_KAPPA = 1e9
LEAST_SHAPE = 0.01  # of the law told; less is no different to anyone
FARTHEST = 50.0  # kappa h, at most; an interval's end is no farther from its value, in logs
Z = 1.959963984540054  # 97.5 % quantile of the normal law
ARRIVAL, TOUCHED = 0, 1

State = np.dtype(
    [
        ("started", "i8"),  # by a first tick of the clock
        ("clock_ts", "i8"),  # of the last tick, ns
        ("known_ts", "i8"),  # of the last tick whose time counted; sums of time are aged to it
        ("count_ts", "i8"),  # to which the count is aged
        ("count", "f8"),  # sum of weights of aggressors
        ("seconds", "f8"),  # S1, both sides
        ("seconds_squared", "f8"),  # S2, both sides
        ("class_seconds", "f8", (CLASSES,)),  # of both sides, by half spread
        ("class_distance", "f8", (CLASSES,)),  # the same times half spread
        *SILENT,
        ("told_shape", "f8", (2,)),  # of arrival, aggressor_rate
        ("from_kappa", "f8", (2,)),  # deviation of their logarithms by kappa's
        ("value", "f8", (2,)),  # arrival, aggressor_rate
        ("deviation", "f8", (2,)),
        ("low", "f8", (2,)),
        ("high", "f8", (2,)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior."""
    s.started = 0
    s.clock_ts = 0
    s.known_ts = 0
    s.count_ts = 0
    s.count = 0.0
    s.seconds = 0.0
    s.seconds_squared = 0.0
    for k in range(CLASSES):
        s.class_seconds[k] = 0.0
        s.class_distance[k] = 0.0
    start_silence(s)
    _tell(s, p, ARRIVAL, p.prior_arrival, p.prior_shape, 0.0)
    _tell(s, p, TOUCHED, SIDES * p.prior_arrival, p.prior_shape, 0.0)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Count an aggressor, or the time since the last tick of the clock."""
    known = 0.0 < o.half_spread <= 1.0
    if o.kind == AGGRESSOR:
        if s.started == 1 and known:
            _age_count(s, p, o.now)
            s.count += 1.0
        return
    if s.started == 0:
        s.started = 1
        s.clock_ts = o.now
        s.known_ts = o.now
        s.count_ts = o.now
    told = s.seconds_squared > 0.0
    if count_unknown(s, known and o.mid > 0.0, o.now, p.half_life_s) and told:
        for which in range(2):
            _tell(s, p, which, s.value[which], s.told_shape[which], s.from_kappa[which])
    seconds = float(o.now - s.clock_ts) * 1e-9
    s.clock_ts = max(s.clock_ts, o.now)
    if known and o.mid > 0.0 and seconds > 0.0:
        _age_count(s, p, o.now)
        _expose(s, p, o, seconds)
        if s.excess > 0.0:
            whole = 0.0
            for k in range(CLASSES):
                whole += s.class_seconds[k]
            replace(s, max(1.0 - seconds / whole, 0.0) if whole > 0.0 else 0.0)
        if s.seconds_squared > 0.0:
            _estimate(s, p, b)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age_ns = now - s.known_ts if s.seconds_squared > 0.0 else -1
    b.arrival = s.value[ARRIVAL]
    b.arrival_sd = s.deviation[ARRIVAL]
    b.arrival_low = s.low[ARRIVAL]
    b.arrival_high = s.high[ARRIVAL]
    b.arrival_age_ns = age_ns
    b.aggressor_rate = s.value[TOUCHED]
    b.aggressor_rate_sd = s.deviation[TOUCHED]
    b.aggressor_rate_low = s.low[TOUCHED]
    b.aggressor_rate_high = s.high[TOUCHED]
    b.aggressor_rate_age_ns = age_ns


@kernel
def _age_count(s: Any, p: Any, ts: int) -> None:
    if ts > s.count_ts:
        s.count *= retention(float(ts - s.count_ts) * 1e-9, p.half_life_s, 0.0, 0.0)
        s.count_ts = ts


@kernel
def _expose(s: Any, p: Any, o: Any, seconds: float) -> None:
    """Age the time watched, and add the last `seconds` of it."""
    keep = retention(float(o.now - s.known_ts) * 1e-9, p.half_life_s, 0.0, 0.0)
    s.known_ts = o.now
    if keep < 1.0:
        for k in range(CLASSES):
            s.class_seconds[k] *= keep
            s.class_distance[k] *= keep
    weighted = SIDES * _weight(p.half_life_s, 1.0, seconds)
    k = _class_of(o.half_spread)
    s.class_seconds[k] += weighted
    s.class_distance[k] += weighted * o.half_spread
    s.seconds = keep * s.seconds + weighted
    squared = SIDES * _weight(p.half_life_s, 2.0, seconds)
    s.seconds_squared = keep * keep * s.seconds_squared + squared


@kernel
def _weight(half_life_s: float, power: float, seconds: float) -> float:
    """Integral of the weight to a power over the last `seconds`."""
    if not half_life_s > 0.0:
        return seconds
    rate = power * LN2 / half_life_s
    return -expm1(-rate * seconds) / rate


@kernel
def _class_of(half_spread: float) -> int:
    place = floor_int(CLASSES_PER_E_FOLD * log(half_spread / NEAREST))
    return int(min(max(place + 1, 0), CLASSES - 1))


@kernel
def _estimate(s: Any, p: Any, b: Any) -> None:
    worth = s.seconds / s.seconds_squared  # aggressors that one of weight 1 is worth
    shape = p.prior_shape + worth * s.count
    watched = p.prior_shape / p.prior_arrival + worth * s.seconds
    _tell(s, p, TOUCHED, SIDES * shape / watched, shape, 0.0)
    kappa, deviation = b.market_kappa, b.market_kappa_sd
    if not (0.0 < kappa < LARGEST_KAPPA and 0.0 <= deviation < LARGEST_KAPPA):
        return
    seconds = 0.0
    exposure = 0.0
    moment = 0.0
    for k in range(CLASSES):
        if s.class_seconds[k] > 0.0:
            distance = s.class_distance[k] / s.class_seconds[k]
            part = s.class_seconds[k] * exp(-min(kappa * distance, FARTHEST))
            seconds += s.class_seconds[k]
            exposure += part
            moment += part * distance
    if exposure > 0.0:
        fall = exposure / seconds
        _tell(s, p, ARRIVAL, shape / (fall * watched), shape, deviation * moment / exposure)


@kernel
def _tell(s: Any, p: Any, which: int, mean: float, shape: float, from_kappa: float) -> None:
    """Tell the gamma law of that mean and shape, wider by kappa's deviation of its logarithm."""
    shape = max(shape, LEAST_SHAPE)
    s.told_shape[which] = shape
    s.from_kappa[which] = from_kappa
    if s.excess > 0.0:
        shape = max(shape / (1.0 + s.excess), min(shape, max(p.prior_shape, JEFFREYS)))
    s.value[which] = mean
    s.deviation[which] = mean * sqrt(1.0 / shape + from_kappa * from_kappa)
    below = log(max(gamma_quantile(shape, 0.025) / shape, 1e-300))
    above = log(max(gamma_quantile(shape, 0.975) / shape, 1.0))
    more = Z * from_kappa * (Z * from_kappa)
    s.low[which] = mean * exp(-min(sqrt(below * below + more), FARTHEST))
    s.high[which] = mean * exp(min(sqrt(above * above + more), FARTHEST))
