"""E12: kappa and the arrival rate from own fills and the time quoted at each distance.

Model: an own order that rests at distance d from the mid is filled by a Poisson process of rate A
exp(-kappa d). With n fills at distances of sum D, and d(t) quoted,

    log L = n ln A - kappa D - A S(kappa),  S(kappa) = integral of exp(-kappa d(t)) dt,

so the time without fills says as much as the fills. Distances of own fills alone say where one
quoted, not kappa (quoting always at d gives 1 / d whatever the truth). Priors: kappa is
Gamma(`prior_shape`, `prior_shape` / `prior_kappa`), A lognormal. The posterior is maximised in (ln
A, ln kappa) by Newton's method at the clock; its curvature there gives the variances (Laplace). In
ln kappa a gamma law has its maximum at its mean and a curvature of its shape, so the interval of
kappa is that of the gamma law with this mean and curvature: exact if only the prior speaks.

Old fills and old time lose weight with `half_life_s` of time quoted (0: never). Weighted so, the
likelihood is raised to (sum w) / (sum w^2), sums over the time quoted, which makes counts effective
counts: interval and coverage are then right for a truth that doesn't move. An aggressor that fills
several orders of a ladder makes their fills dependent; the likelihood is further divided by what
the products of such fills add to the variance of kappa's score.

Time between two ticks counts half at the distances before it and half at those after it; ticks
farther apart than `longest_s`, and time around an interruption, don't count. Both sides are pooled.
Partial fills at one distance of one exchange time are one aggressor and count once, which makes
repeated rows harmless; orders at one distance count once too; order of rows doesn't matter but for
that. Fills beyond the mid count as at it. Time without quotes changes nothing. While the market is
unknown values stay, and variances grow as in `silence.py` up to the priors'.

Wrong where intensity isn't exponential in distance, or moves while one quotes: quoting wide exactly
when flow is strong makes kappa look small. At one single distance only A exp(-kappa d) is known and
kappa stays its prior's. Priors belong to a market: kappa is near 17,000 on a major of Hyperliquid.

On tapes: not scored; it judges own fills alone, of which most recordings give few.

Source: Poisson likelihood with exposure; Avellaneda and Stoikov (2008), section 2.5, for the
intensity; Laplace's approximation; composite likelihood with adjusted magnitude, Varin, Reid and
Firth (2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.intensity.quoted import (
    CLASSES,
    EXPOSURE_PARAMETERS,
    SEEN,
    best_arrival,
    clear,
    design,
    expose,
    fade,
    gamma_bounds,
    integrals,
    seconds_since,
    see_nothing,
    see_orders,
    take_fill,
)
from simmm.estimators.observation import CLOCK, FILL, GAP
from simmm.estimators.silence import SILENT, count_unknown, grown, replace, start_silence
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

ROW = "E12"
HEARS = (CLOCK, FILL, GAP)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    prior_kappa=Parameter(2000.0, "1/fraction", "mean of the prior", low=1.0, high=1e7),
    prior_shape=Parameter(
        2.0, "fills", "shape of the prior; 0: flat in ln kappa", low=0.0, high=1e6
    ),
    **EXPOSURE_PARAMETERS,
    steps=Parameter(4, "", "Newton steps of a fit, at most", low=1, high=50),
)

BELIEFS = (
    Belief(
        "exposure_kappa", "1/fraction", "decay of own fills' intensity by distance", law="gamma"
    ),
    Belief(
        "exposure_arrival", "1/s", "own fills per side at the mid", law="lognormal", time_power=-1.0
    ),
    Belief("exposure_correlation", "", "of ln A and ln kappa in the posterior", law="code"),
    Belief("exposure_fills", "", "effective number of own fills", law="code"),
)

LEAST_SHAPE = 0.5  # of a law that is told in silence

State = np.dtype(
    [
        ("seconds", "f8", (CLASSES,)),
        ("first", "f8", (CLASSES,)),  # seconds times distance
        ("second", "f8", (CLASSES,)),  # seconds times distance squared
        ("fills", "f8"),  # weighted
        ("distance", "f8"),  # weighted sum over fills
        ("pairs", "f8", (3,)),  # of fills of one aggressor, squared weights
        ("effective", "f8"),  # fills
        ("weight", "f8"),  # weighted time quoted, s
        ("weight_squares", "f8"),  # the same with squared weights
        ("log_arrival", "f8"),
        ("log_kappa", "f8"),
        ("arrival", "f8"),
        ("arrival_deviation", "f8"),
        ("arrival_low", "f8"),
        ("arrival_high", "f8"),
        ("kappa", "f8"),
        ("kappa_deviation", "f8"),
        ("kappa_low", "f8"),
        ("kappa_high", "f8"),
        ("correlation", "f8"),
        ("informed_ts", "i8"),  # ns; -1: nothing quoted or filled yet
        ("fitted_ts", "i8"),  # ns; -1: a fill came since
        ("variance", "f8", (2,)),  # of ln A and ln kappa, by the newest fit
        *SILENT,
        *SEEN,
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior."""
    clear(s.seconds)
    clear(s.first)
    clear(s.second)
    clear(s.pairs)
    s.fills = 0.0
    s.distance = 0.0
    s.weight = 0.0
    s.weight_squares = 0.0
    s.log_arrival = log(p.prior_arrival)
    s.log_kappa = log(p.prior_kappa)
    s.informed_ts = -1
    s.fitted_ts = -1
    see_nothing(s)
    start_silence(s)
    _fit(s, p)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Count a fill, or the time quoted since the last tick."""
    if o.kind == GAP:
        s.tick_ts = -1
        return
    if o.kind == FILL:
        if take_fill(s, o, s.pairs):
            s.fills += 1.0
            s.distance += max(o.distance, 0.0)
            s.informed_ts = o.now
            s.fitted_ts = -1
        return
    if count_unknown(s, o.mid > 0.0, o.now, p.half_life_s) and s.informed_ts >= 0:
        _tell(s, p)
    if o.mid > 0.0:
        duration = seconds_since(s, o, p.longest_s)
        if duration > 0.0 and s.own[0] + s.own[1] + o.own[0] + o.own[1] > 0:
            _take_time(s, p, o, duration)
            s.informed_ts = o.now
            if s.fitted_ts < 0 or 1e-9 * (o.now - s.fitted_ts) >= p.refit_s:
                s.fitted_ts = o.now
                _fit(s, p)
        see_orders(s, o)
    else:
        s.tick_ts = -1


@kernel
def _take_time(s: Any, p: Any, o: Any, duration: float) -> None:
    if p.half_life_s > 0.0:
        keep = exp(-0.6931471805599453 * duration / p.half_life_s)
        fade(s.seconds, s.first, s.second, keep)
        s.fills *= keep
        s.distance *= keep
        s.weight *= keep
        s.weight_squares *= keep * keep
        for i in range(3):
            s.pairs[i] *= keep * keep
        replace(s, keep)
    s.weight += duration
    s.weight_squares += duration
    half = 0.5 * duration
    for side in range(2):
        for before in range(2):
            distances = s.own_distance[side] if before else o.own_distance[side]
            count = s.own[side] if before else o.own[side]
            expose(s.seconds, s.first, s.second, distances, count, half, p.nearest, p.farthest)


@kernel
def _fit(s: Any, p: Any) -> None:
    """Newton's method in ln kappa, with A at its best for each, and the variances there."""
    count = s.weight / s.weight_squares if s.weight_squares > 0.0 else 1.0
    tightness = 1.0 / (p.prior_arrival_log_sd * p.prior_arrival_log_sd)
    power, arrival_variance, cross, kappa_variance = count, 0.0, 0.0, 0.0
    for _ in range(p.steps):
        kappa = exp(s.log_kappa)
        zeroth, once, twice = integrals(s.seconds, s.first, s.second, kappa)
        power = count / design(s.pairs, count, zeroth, once, twice, exp(s.log_arrival))
        s.log_arrival = best_arrival(
            s.log_arrival, power * s.fills, power * zeroth, log(p.prior_arrival), tightness
        )
        arrival = power * exp(s.log_arrival)
        # The curvature in ln kappa is written for a gradient of zero: positive everywhere.
        slope = kappa * (arrival * once - power * s.distance)
        slope += p.prior_shape * (1.0 - kappa / p.prior_kappa)
        bend_a = arrival * zeroth + tightness
        bend_k = kappa * kappa * arrival * twice + p.prior_shape
        bend_ak = -kappa * arrival * once
        bend = max(bend_k - bend_ak * bend_ak / bend_a, 1e-9 * (1.0 + bend_k))
        kappa_variance = 1.0 / bend
        cross = -bend_ak / bend_a * kappa_variance
        arrival_variance = 1.0 / bend_a - bend_ak / bend_a * cross
        step = clip(slope * kappa_variance, -1.0, 1.0)
        s.log_kappa = clip(s.log_kappa + step, 0.0, 18.0)
        if abs(step) < 1e-4:  # the error left is about its square
            break
    s.effective = power * s.fills
    s.correlation = cross / sqrt(arrival_variance * kappa_variance)
    s.variance[0] = arrival_variance
    s.variance[1] = kappa_variance
    _tell(s, p)


@kernel
def _tell(s: Any, p: Any) -> None:
    """Tell what the newest fit found, less sure by the time unknown, up to the prior's variance."""
    widest = p.prior_arrival_log_sd * p.prior_arrival_log_sd
    deviation_a = min(sqrt(grown(s.variance[0], s.excess, widest)), 100.0)
    widest = 1.0 / max(p.prior_shape, LEAST_SHAPE)
    deviation_k = min(sqrt(grown(s.variance[1], s.excess, widest)), 10.0)
    s.arrival = exp(s.log_arrival)
    s.arrival_deviation = s.arrival * deviation_a
    s.arrival_low = s.arrival * exp(-1.959963984540054 * deviation_a)
    s.arrival_high = s.arrival * exp(1.959963984540054 * deviation_a)
    s.kappa = exp(s.log_kappa)
    s.kappa_deviation = s.kappa * deviation_k
    s.kappa_low, s.kappa_high = gamma_bounds(s.kappa, deviation_k)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.informed_ts if s.informed_ts >= 0 else -1
    b.exposure_kappa = s.kappa
    b.exposure_kappa_sd = s.kappa_deviation
    b.exposure_kappa_low = s.kappa_low
    b.exposure_kappa_high = s.kappa_high
    b.exposure_kappa_age_ns = age
    b.exposure_arrival = s.arrival
    b.exposure_arrival_sd = s.arrival_deviation
    b.exposure_arrival_low = s.arrival_low
    b.exposure_arrival_high = s.arrival_high
    b.exposure_arrival_age_ns = age
    b.exposure_correlation = s.correlation
    b.exposure_correlation_age_ns = age
    b.exposure_fills = s.effective
    b.exposure_fills_age_ns = age
