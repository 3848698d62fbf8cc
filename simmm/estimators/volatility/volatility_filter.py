"""E3: volatility now, by a particle filter on the volume clock.

It is the volatility of the last few buckets, not a forecast: quote on `sigma` (E14).

Model: the log variance per second h wanders about a level m that itself drifts slowly, and the log
return r of the mid over a bucket of d seconds tells of it (all times in seconds):

    dh = -(h - m) dt / relaxation + noise,   sd of h about m in the long run: log_variance_sd
    dm = level_drift dW,                     m at first: N(2 log default_sigma, level_sd^2)
    r | h ~ N(0, exp(h) d)

At each bucket, with `regime_probability`, the regime moves: h and m shift together by
N(0, regime_sd^2). Growth of `changepoint_alarms` (E21) makes that `alarm_probability` for one
bucket, so that half of the particles, by default, are spread anew.

Each of `particles` particles holds h and, given its path, the normal law of m (mean and variance,
by Kalman's recursion: m is never sampled). The transition over the time t since the last bucket is
exact, phi = exp(-t / relaxation). A particle is proposed from a normal law of the transition's own
variance v about the mode of transition times likelihood, which is
W(v x / 2 exp(v / 2)) - v / 2 from the predicted h, with x = r^2 / (d exp(predicted h)) and W
Lambert's function, here approximated; weights make up for it and are bounded. A tenth of the
particles is always tried as a move of the regime, with its weight put right. Below an effective
number of half the particles they are resampled systematically. `log_likelihood` of the state is
the estimate of log p(all returns), unbiased in p.

`filtered_sigma` is exp(E h / 2), the median of the lognormal law with the posterior's mean and
variance of h (widened for the sampling error of so many effective particles); the mean of sigma is
exp((sd / value)^2 / 2) times as much. It is `default_sigma` until `warm_up` buckets moved the mid,
and never above `cap_factor` times that.

Where it is wrong: relaxation and log_variance_sd are set, not learned; of those tried, the defaults
are near the likeliest on half an hour of three recorded markets (a relaxation of 600 s is 2 to 7
worse in log likelihood), and a thin market with a coarse tick wants a shorter one. Tails of returns
heavier than normal given h are taken for volatility, up to a move of the regime: at a jump sigma
leaps and falls back after a few buckets. A mid on a grid coarse against a bucket's return makes h
noisy; buckets that did not move it count as moves of 0.2 price steps (the deviation of what two
roundings to half a step hide), at least of a hundredth of default_sigma. h is a bucket's mean, so
what happens within one is not told. Between buckets the value stays as it is, and its interval
widens as that of h does.

A bucket that comes twice counts twice. Draws come from an own stream and depend on nothing but its
key and the number of buckets before.

On tapes: loses. As a forecast of the next minutes it was never better than `sigma`, and worse than
it or an EWMA on most tapes; its level was 1.1 to 2.7 times what came. It beat an EWMA on one.

Source: Gordon, Salmond and Smith (1993) for the filter; Pitt and Shephard (1999) for the shifted
proposal in stochastic volatility; Chen and Liu (2000) for the part by Kalman; Iacono and Boyd
(2017) for W; Kitagawa (1996) for systematic resampling.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import BUCKET
from simmm.jit import kernel
from simmm.math import clip, exp, floor_int, is_finite, log, log1p, normal, sqrt, uniform

ROW = "E3"
HEARS = (BUCKET,)
READS = ("changepoint_alarms",)
SILENCE = "hold"
APPROXIMATE = ""

CAPACITY = 1024
PROPOSED = 10  # one particle in so many is tried as a move of the regime
SMALLEST = 0.01  # of default_sigma: returns below count as such
ROUNDING = 0.2  # sqrt(2 / 12) of half a step
LOWEST, HIGHEST = -80.0, 30.0  # of h; no market is there
LONGEST_S = 1e7
SHORTEST_S = 1e-6
LARGEST_CHANGE = 20.0
LARGEST_LEVEL_VARIANCE = 100.0
NS_PER_S = 1_000_000_000.0
LOG_2PI = 1.8378770664093453
Z95 = 1.959963984540054

PARAMETERS = parameters(
    particles=Parameter(100, "particles", "how many", low=10, high=CAPACITY),
    relaxation_s=Parameter(
        120.0, "s", "in which h returns to its level by 1/e", low=1e-2, high=1e6, time_power=1.0
    ),
    log_variance_sd=Parameter(0.8, "", "of h about its level, in the long run", low=0.01, high=5.0),
    default_sigma=Parameter(
        1e-4,
        "fraction/√s",
        "told before warm-up; where the level is expected",
        low=1e-9,
        high=1.0,
        time_power=-0.5,
    ),
    level_sd=Parameter(
        3.0, "", "of the level about default_sigma's log variance; 0: known", low=0.0, high=10.0
    ),
    level_drift=Parameter(
        0.005, "1/√s", "wandering of the level", low=0.0, high=1.0, time_power=-0.5
    ),
    regime_probability=Parameter(
        0.002,
        "1/bucket",
        "of a move of the regime: once in 500; 0: never",
        low=0.0,
        high=0.5,
        source="derivation",
    ),
    regime_sd=Parameter(2.0, "", "of such a move of h: a factor e of sigma", low=0.0, high=10.0),
    alarm_probability=Parameter(
        0.5, "", "of a move of the regime at an alarm of E21", low=0.0, high=1.0
    ),
    cap_factor=Parameter(10.0, "", "of default_sigma: never more is told", low=1.0, high=1000.0),
    warm_up=Parameter(
        20, "buckets", "that moved the mid, before default_sigma is left", low=1, high=100_000
    ),
)

BELIEFS = (
    Belief(
        "filtered_sigma",
        "fraction/√s",
        "volatility now, by the particle filter, capped",
        law="lognormal",
        time_power=-0.5,
    ),
    Belief(
        "filter_degeneracy",
        "",
        "effective share of the particles at the last bucket, before resampling",
        law="code",
    ),
)

State = np.dtype(
    [
        ("key", "i8"),  # of the stream
        ("counter", "i8"),  # draws made
        ("buckets", "i8"),
        ("moves", "i8"),  # buckets that moved the mid
        ("last_ts", "i8"),  # ns
        ("alarms", "f8"),  # of E21, when last looked at
        ("log_likelihood", "f8"),  # of all returns, estimated
        ("effective", "f8"),  # number of particles, before resampling
        ("mean_log_variance", "f8"),  # of h
        ("sd_log_variance", "f8"),
        ("h", "f8", (CAPACITY,)),
        ("level", "f8", (CAPACITY,)),  # mean of m given the particle's path
        ("level_variance", "f8", (CAPACITY,)),
        ("log_weight", "f8", (CAPACITY,)),
        ("weight", "f8", (CAPACITY,)),  # of sum 1
        ("ancestor", "i8", (CAPACITY,)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know only the prior."""
    s.key = key
    s.counter = 0
    s.buckets = 0
    s.moves = 0
    s.last_ts = 0
    s.alarms = 0.0
    s.log_likelihood = 0.0
    s.effective = float(p.particles)
    s.mean_log_variance = 2.0 * log(p.default_sigma)
    s.sd_log_variance = sqrt(p.level_sd * p.level_sd + p.log_variance_sd * p.log_variance_sd)
    for i in range(p.particles):
        s.h[i] = s.mean_log_variance
        s.level[i] = s.mean_log_variance
        s.level_variance[i] = p.level_sd * p.level_sd
        s.log_weight[i] = -log(float(p.particles))
        s.weight[i] = 1.0 / float(p.particles)
        s.ancestor[i] = i


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in one bucket."""
    if not (o.seconds > 0.0 and is_finite(o.seconds) and is_finite(o.change)):
        return
    seconds = clip(o.seconds, SHORTEST_S, LONGEST_S)
    elapsed = clip(float(o.now - s.last_ts) / NS_PER_S, seconds, LONGEST_S)
    keep = exp(-elapsed / p.relaxation_s) if s.buckets > 0 else 0.0
    change = clip(o.change, -LARGEST_CHANGE, LARGEST_CHANGE)
    smallest = SMALLEST * p.default_sigma
    rounded = ROUNDING * o.step if 0.0 < o.step <= 1.0 else 0.0
    rate = max(change * change, rounded * rounded) / seconds
    rate = max(rate, smallest * smallest)
    _move(s, p, keep, elapsed if s.buckets > 0 else 0.0, rate, b.changepoint_alarms)
    s.log_likelihood += _weigh(s, p.particles) - 0.5 * (LOG_2PI + log(seconds))
    _summarise(s, p)
    if s.effective < 0.5 * float(p.particles):
        _resample(s, p.particles)
    s.buckets += 1
    s.moves += 1 if change != 0.0 else 0
    s.last_ts = o.now


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    largest = p.cap_factor * p.default_sigma
    warm = s.moves >= p.warm_up
    value = p.default_sigma
    relative = 0.5 * sqrt(p.level_sd * p.level_sd + p.log_variance_sd * p.log_variance_sd)
    if warm:
        value = min(exp(0.5 * s.mean_log_variance), largest)
        usual = p.log_variance_sd * p.log_variance_sd
        variance = s.sd_log_variance * s.sd_log_variance
        aged = 1.0 - exp(-2.0 * float(now - s.last_ts) / NS_PER_S / p.relaxation_s)
        relative = 0.5 * sqrt(variance + aged * max(usual - variance, 0.0))
    factor = exp(Z95 * relative)
    b.filtered_sigma = value
    b.filtered_sigma_sd = relative * value
    b.filtered_sigma_low = value / factor
    b.filtered_sigma_high = min(value * factor, largest)
    b.filtered_sigma_age_ns = now - s.last_ts if warm else -1
    b.filter_degeneracy = s.effective / float(p.particles)
    b.filter_degeneracy_age_ns = now - s.last_ts if s.buckets > 0 else -1


@kernel
def _move(s: Any, p: Any, keep: float, elapsed: float, rate: float, alarms: float) -> None:
    """Draw each particle's next h; `log_weight` takes in prior and likelihood over proposal."""
    probability, stride = p.regime_probability, PROPOSED
    if alarms > s.alarms and is_finite(alarms):
        s.alarms = alarms
        probability, stride = p.alarm_probability, 2
    chosen = CAPACITY  # next particle that is tried as a move
    staying = moving = 0.0
    if probability > 0.0 and p.regime_sd > 0.0:
        chosen = min(floor_int(float(stride) * uniform(s.key, s.counter)), stride - 1)
        share = 1.0 / float(stride)
        staying = log(max(1.0 - probability, 1e-300) / (1.0 - share))
        moving = log(probability / share)
    s.counter += 1
    back = 1.0 - keep
    noise = p.log_variance_sd * p.log_variance_sd * (1.0 - keep * keep)
    drift = p.level_drift * p.level_drift * elapsed
    draw = 0.0
    for i in range(p.particles):
        moves = i == chosen
        chosen += stride if moves else 0
        shift = p.regime_sd * p.regime_sd if moves else 0.0
        level_variance = min(s.level_variance[i] + drift, LARGEST_LEVEL_VARIANCE)
        predicted = clip(keep * s.h[i] + back * s.level[i], LOWEST, HIGHEST)
        common = back * level_variance + shift  # covariance of h and m
        variance = max(noise + back * back * level_variance + shift, 1e-12)
        precision = 1.0 / variance
        ratio = rate * exp(-predicted)
        mode = _mode(variance, ratio)
        draw = normal(s.key, s.counter + i) if i & 1 == 0 else -draw  # in opposite pairs
        step = mode + sqrt(variance) * draw
        s.log_weight[i] += (
            (moving if moves else staying)
            - 0.5 * (predicted + step + ratio * exp(-step))
            - 0.5 * (step * step * precision - draw * draw)
        )
        s.h[i] = clip(predicted + step, LOWEST, HIGHEST)
        gain = common * precision
        s.level[i] = clip(s.level[i] + gain * step, LOWEST, HIGHEST)
        s.level_variance[i] = max(level_variance + shift - gain * common, 0.0)
    s.counter += p.particles


@kernel
def _mode(variance: float, ratio: float) -> float:
    """About where -(step^2 / variance + step + ratio exp(-step)) is largest."""
    half = 0.5 * variance
    slope = half * ratio
    if slope < 0.5:
        return (slope - half) / (1.0 + slope)  # one step of Newton's
    first = log1p(slope * exp(half))
    return first * (1.0 - log1p(first) / (2.0 + first)) - half


@kernel
def _weigh(s: Any, particles: int) -> float:
    """Set weights that sum to 1 and the effective number; return the log of the sum before."""
    largest = s.log_weight[0]
    for i in range(1, particles):
        largest = max(largest, s.log_weight[i])
    total = 0.0
    squares = 0.0
    for i in range(particles):
        weight = exp(s.log_weight[i] - largest)
        s.weight[i] = weight
        total += weight
        squares += weight * weight
    logged = largest + log(total)
    for i in range(particles):
        s.weight[i] /= total
        s.log_weight[i] -= logged
    s.effective = total * total / squares
    return logged


@kernel
def _summarise(s: Any, p: Any) -> None:
    """Moments of the weighted particles."""
    mean = 0.0
    for i in range(p.particles):
        mean += s.weight[i] * s.h[i]
    variance = 0.0
    for i in range(p.particles):
        variance += s.weight[i] * (s.h[i] - mean) * (s.h[i] - mean)
    # For so few draws: the variance's bias, the error of the mean, and (as Student's law asks) the
    # error of the variance.
    effective = max(0.5 * s.effective, 2.0)  # half: particles share ancestors
    s.mean_log_variance = mean
    s.sd_log_variance = sqrt(variance * (effective + 3.0) / (effective - 1.0))


@kernel
def _resample(s: Any, particles: int) -> None:
    """Draw all particles anew by their weights, in place."""
    systematic(s.weight, particles, uniform(s.key, s.counter), s.ancestor)
    s.counter += 1
    # Ancestors ascend: what comes from above is moved upwards from 0 on, the rest from the end.
    for i in range(particles):
        if s.ancestor[i] > i:
            _copy(s, s.ancestor[i], i)
    for i in range(particles - 1, -1, -1):
        if s.ancestor[i] < i:
            _copy(s, s.ancestor[i], i)
    equal = -log(float(particles))
    for i in range(particles):
        s.log_weight[i] = equal
        s.weight[i] = 1.0 / float(particles)


@kernel
def systematic(weight: Any, particles: int, u: float, ancestor: Any) -> None:
    """Write which particle each of `particles` points (i + u) / particles falls on."""
    j = 0
    below = float(weight[0])
    for i in range(particles):
        point = (float(i) + u) / float(particles)
        while below <= point and j < particles - 1:
            j += 1
            below += weight[j]
        ancestor[i] = j


@kernel
def _copy(s: Any, source: int, target: int) -> None:
    s.h[target] = s.h[source]
    s.level[target] = s.level[source]
    s.level_variance[target] = s.level_variance[source]
