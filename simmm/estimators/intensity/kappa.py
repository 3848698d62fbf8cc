"""E6: decay kappa of the market's reach, by the conjugate posterior over a rolling window.

Writes `market_kappa`, and not `kappa`: the belief `kappa` that strategies read is blended from this
and others by kappa_blend (E11). There `market_kappa` counts directly only while book and robust
kappa are unknown or too vague, and through own kappa, whose prior it is.

Model: what an aggressor reaches beyond the touch, x, is exponential with rate kappa, whatever the
half spread (an exponential law has no memory). With the prior Gamma(a0, b0), a0 = `prior_shape`
and b0 = a0 / `prior_kappa`, n aggressors leave the posterior Gamma(a0 + n, b0 + sum x), mean
(a0 + n) / (b0 + sum x): a harmonic, not a linear, shrinkage.

Reach is seen on the grid of price steps s, so whole steps are counted, which are geometric:
P(x = k s) = (1 - exp(-kappa s)) exp(-kappa s k). The posterior is then no gamma law in kappa; told
is the one with the same mode and curvature in log kappa. With u = kappa s and h = u / (exp(u) - 1),

    kappa (b0 + sum x) = a0 + sum h,      shape = a0 + sum h (u + h),      rate = shape / kappa

which for s = 0 (h = 1) is the exact posterior, without the prior the geometric maximum likelihood
ln(1 + s / mean x) / s, and whose shape is the geometric law's information. Steps are kept in
classes of a factor of two, each with its mean step.

Aggressors count, not prints and not volume; one counts once however many orders it filled, whole
once it is known. Those that printed inside the touch reached the touch. Window, ring and change
points: `reach_window.py`. While nothing is known of the market (mid 0) all that is in the window
fades together, by the share of its aggressors that are still young enough, so the belief goes
straight to the prior. Figures are made at the clock.

Duplicates count twice. Order matters for the window only. Where it is wrong: aggressors of one
moment that reach alike are worth less than their number (where each minute has its own scale, of
deviation one half, the interval held the truth in 41 % of worlds); a few that reach far carry it
away (one in twenty, twenty times as far: half of the truth). E7 tells of such tails, E10 resists.

On tapes: no better than a rolling mean of reach, and nearest to it of all kappas.

Source: conjugate prior of the exponential law; geometric law of floored exponential distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import gamma_quantile
from simmm.estimators.declare import Belief, parameters
from simmm.estimators.intensity.reach_window import (
    CLASSES,
    RING,
    empty,
    newest_ts,
    pass_time,
    take,
)
from simmm.estimators.intensity.reach_window import (
    PARAMETERS as WINDOW,
)
from simmm.estimators.observation import AGGRESSOR, CLOCK
from simmm.jit import kernel
from simmm.math import exp, expm1, sqrt

ROW = "E6"
HEARS = (CLOCK, AGGRESSOR)
READS = ("changepoint_alarms",)
SILENCE = "prior"
APPROXIMATE = ""

PARAMETERS = parameters(**WINDOW)

BELIEFS = (
    Belief(
        "market_kappa", "1/fraction", "decay of aggressors' reach beyond the touch", law="gamma"
    ),
    Belief("market_kappa_count", "aggressors", "in the window of market_kappa", law="code"),
)

ITERATIONS = 20
CLOSE = 1e-10  # in log kappa
OVERFLOW = 700.0

State = np.dtype(
    [
        *RING,
        ("faded", "i8"),  # the figures were made without knowing the market
        ("known_size", "i8"),  # aggressors in the window when they were last made knowing it
        ("posterior_shape", "f8"),  # then
        ("posterior_rate", "f8"),
        ("newest_ts", "i8"),  # ns, of what informed the figures
        ("value", "f8"),
        ("deviation", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        ("count", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior."""
    empty(s)
    s.faded = 0
    s.known_size = 0
    s.newest_ts = 0
    s.count = 0.0
    s.posterior_shape = p.prior_shape
    s.posterior_rate = p.prior_shape / p.prior_kappa
    _tell(s, s.posterior_shape, s.posterior_rate)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in one aggressor, or make the figures at the clock."""
    if o.kind == AGGRESSOR:
        take(s, o)
        return
    pass_time(s, o.now, p.window_s, p.keep, b.changepoint_alarms)
    known = o.mid > 0.0 or s.came > 0
    if s.came == 0 and s.left == 0 and not (known and s.faded == 1):
        return
    s.came = 0
    s.left = 0
    s.count = float(s.held)
    if s.held > 0:
        s.newest_ts = newest_ts(s)
    if known:
        s.faded = 0
        s.known_size = s.held
        _solve(s, p)
        _tell(s, s.posterior_shape, s.posterior_rate)
    else:
        s.faded = 1
        share = float(s.held) / float(max(s.known_size, 1))
        rate = p.prior_shape / p.prior_kappa
        shape = p.prior_shape + share * (s.posterior_shape - p.prior_shape)
        _tell(s, shape, rate + share * max(s.posterior_rate - rate, 0.0))


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age_ns = now - s.newest_ts if s.count > 0.0 else -1
    b.market_kappa = s.value
    b.market_kappa_sd = s.deviation
    b.market_kappa_low = s.low
    b.market_kappa_high = s.high
    b.market_kappa_age_ns = age_ns
    b.market_kappa_count = s.count
    b.market_kappa_count_age_ns = age_ns


@kernel
def _solve(s: Any, p: Any) -> None:
    """Find mode and curvature of the posterior in log kappa, by Newton's method."""
    prior_rate = p.prior_shape / p.prior_kappa
    total = prior_rate + s.excess_sum
    below = total  # the sum of x, had steps been halves further on average
    for k in range(CLASSES):
        below += 0.5 * s.class_step[k]
    kappa = (p.prior_shape + float(s.held)) / below
    shape = p.prior_shape
    for _ in range(ITERATIONS):
        expected = p.prior_shape
        shape = p.prior_shape
        for k in range(CLASSES):
            count = s.class_count[k]
            if count > 0.0:
                u = kappa * s.class_step[k] / count
                h = 1.0
                if u > 0.0:
                    h = u / expm1(u) if u < OVERFLOW else 0.0
                expected += count * h
                shape += count * h * (u + h)
        # The derivative in log kappa is expected - kappa total, that of this is minus `slope`.
        slope = kappa * total + shape - expected
        step = (expected - kappa * total) / slope
        kappa *= exp(min(max(step, -1.0), 1.0))
        if abs(step) < CLOSE:
            break
    s.posterior_shape = shape
    s.posterior_rate = shape / kappa


@kernel
def _tell(s: Any, shape: float, rate: float) -> None:
    s.value = shape / rate
    s.deviation = sqrt(shape) / rate
    s.low = min(gamma_quantile(shape, 0.025) / rate, s.value)
    s.high = max(gamma_quantile(shape, 0.975) / rate, s.value)
