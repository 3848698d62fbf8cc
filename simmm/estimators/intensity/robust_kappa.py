"""E10: decay kappa of the market's reach that outliers can't carry away.

Model: as E6's, reach beyond the touch x is exponential with rate kappa, but some of it is not. In
place of sum kappa x = n it solves, over the same window,

    sum over aggressors of psi(kappa x) - E psi(kappa X) = 0,
    psi(u) = (nu + 1) (f u)^2 / (nu + (f u)^2),

the score of the scale of a half Student law of nu degrees of freedom, in which no aggressor counts
for more than nu + 1. E is over what an exponential X with rate kappa would show on the grid of
price steps (0, s, 2 s, ...), and f is such that E psi = 1 where there is no grid. So the equation
holds at the truth, and what it finds is right for clean data (the uncorrected half Student fit is
0.9 % low at nu = 4; reweighting by (nu + 1) / (nu + (kappa x)^2) as means are weighted, without a
target of its own, is 49 % high).

In log kappa, with M the sum, M' its derivative and V the sum of its squared terms (joined by ten
terms of the model's variance, since few don't know theirs), the data's information is M'^2 / V, the
sandwich's, so the interval also holds where the model doesn't. The prior is normal in log kappa
about `prior_kappa` with the information `prior_shape`, and so is what is told.

Newton's method goes over the window a slice of `visits` aggressors a tick; a pass takes more ticks
if more are in it, and what came meanwhile waits for the next. While nothing is known of the market
(mid 0) the data's information fades by the share of aggressors still in the window, so the belief
goes straight to the prior.

Price: with clean data and nu = 4 the deviation is 3 % above E6's. Where it is wrong: if one in
twenty reaches twenty times as far it is still 16 % low (E6: 48 %), and its interval doesn't know;
it doesn't tell outliers from a tail that is just heavy (E7 does).

Duplicates count twice; order matters for the window only. Window, ring and change points:
`reach_window.py`.

On tapes: no better than a rolling mean of reach, worse on some: on Hyperliquid it says about 0.6 of
the reach that came, because the far sweeps that it resists are part of what comes.

Source: M-estimation (Huber, 1964), Fisher-consistent for the exponential law; sandwich variance
(Huber, 1967).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.intensity.reach_window import (
    CLASSES,
    RING,
    SIZE,
    class_of,
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
from simmm.math import exp, floor_int, log, sqrt

ROW = "E10"
HEARS = (CLOCK, AGGRESSOR)
READS = ("changepoint_alarms",)
SILENCE = "prior"
APPROXIMATE = ""

PARAMETERS = parameters(
    **WINDOW,
    nu=Parameter(4.0, "", "degrees of freedom; fewer resist more", low=1.0, high=1000.0),
    visits=Parameter(256, "aggressors", "looked at in one tick of the clock", low=1, high=SIZE),
)

BELIEFS = (
    Belief("robust_kappa", "1/fraction", "decay of reach, resisting outliers", law="lognormal"),
)

Z95 = 1.959963984540054
CLOSE = 1e-3  # of a step in log kappa; what is left is about its square
LONGEST_STEP = 1.0
LOWEST, HIGHEST = -6.91, 20.73  # of log kappa: the range of `prior_kappa`
VARIANCE_COUNT = 10.0
TABLE = 66  # places of u = 0, 1/8, ... of the table of E psi
PER_UNIT = 8.0
FINEST = 0.01  # of the integrals over the exponential law
FARTHEST = 40.0

State = np.dtype(
    [
        *RING,
        ("factor", "f8"),  # f
        ("slope", "f8"),  # E of u psi'(u), without a grid
        ("variance", "f8"),  # of psi
        ("table", "f8", (TABLE,)),  # E psi by kappa times step
        ("cursor", "i8"),  # number of the next aggressor of the pass
        ("end", "i8"),  # the pass ends before this
        ("passing", "i8"),
        ("again", "i8"),  # the last pass didn't bring it close
        ("class_mean", "f8", (CLASSES,)),  # E psi at the step of the class, in this pass
        ("class_slope", "f8", (CLASSES,)),  # u times its derivative
        ("miss", "f8"),  # M so far
        ("miss_slope", "f8"),
        ("miss_square", "f8"),
        ("number", "f8"),
        ("log_kappa", "f8"),
        ("information", "f8"),  # of the data, about log kappa
        ("known_size", "i8"),  # aggressors in the window when a pass last ended
        ("informed", "i8"),
        ("newest_ts", "i8"),  # ns
        ("value", "f8"),
        ("deviation", "f8"),  # of log kappa
        ("low", "f8"),
        ("high", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior, and psi's constants for this nu."""
    empty(s)
    _tune(s, p.nu)
    _tabulate(s, p.nu)
    s.passing = 0
    s.again = 0
    s.log_kappa = log(p.prior_kappa)
    s.information = 0.0
    s.known_size = 0
    s.informed = 0
    s.newest_ts = 0
    _tell(s, p, 1.0)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in one aggressor, or go on with the passes at the clock."""
    if o.kind == AGGRESSOR:
        take(s, o)
        return
    pass_time(s, o.now, p.window_s, p.keep, b.changepoint_alarms)
    if o.mid > 0.0 or s.came > 0:
        _go_on(s, p)
        return
    if s.passing == 1:
        s.passing = 0
        s.again = 1
    if s.left > 0:
        s.informed = 1 if s.held > 0 else 0
        _tell(s, p, min(float(s.held) / float(max(s.known_size, 1)), 1.0))


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.robust_kappa = s.value
    b.robust_kappa_sd = s.value * s.deviation
    b.robust_kappa_low = s.low
    b.robust_kappa_high = s.high
    b.robust_kappa_age_ns = now - s.newest_ts if s.informed == 1 else -1


# ----------------------------------------------------------------------------------------- passes


@kernel
def _go_on(s: Any, p: Any) -> None:
    """Visit so many aggressors; at the end of a pass step, and begin another until it is close."""
    visits = p.visits
    while visits > 0:
        if s.passing == 0:
            if s.came == 0 and s.left == 0 and s.again == 0:
                return
            _begin(s)
        visits -= _visit(s, p.nu, visits)
        if s.cursor >= s.end:
            _step(s, p)


@kernel
def _begin(s: Any) -> None:
    s.came = 0
    s.left = 0
    s.again = 0
    s.passing = 1
    s.cursor = s.first
    s.end = s.first + s.held
    s.miss = 0.0
    s.miss_slope = 0.0
    s.miss_square = 0.0
    s.number = 0.0
    kappa = exp(s.log_kappa)
    for k in range(CLASSES):
        if s.class_count[k] > 0.0:
            u = kappa * s.class_step[k] / s.class_count[k]
            s.class_mean[k] = _expected(s, u)
            # Over a relative distance of a thousandth, to both sides.
            s.class_slope[k] = 500.0 * (_expected(s, 1.001 * u) - _expected(s, 0.999 * u))


@kernel
def _visit(s: Any, nu: float, most: int) -> int:
    """Add up to so many aggressors to the pass; return how many, at least 1."""
    kappa_f = exp(s.log_kappa) * s.factor
    s.cursor = max(s.cursor, s.first)
    count = min(most, s.end - s.cursor)
    total = s.miss
    slope = s.miss_slope
    square = s.miss_square
    for number in range(s.cursor, s.cursor + count):
        place = number % SIZE
        k = class_of(s.step[place])
        u = kappa_f * s.excess[place]
        over = nu / (nu + u * u)
        term = (nu + 1.0) * (1.0 - over) - s.class_mean[k]
        total += term
        square += term * term
        slope += 2.0 * (nu + 1.0) * (1.0 - over) * over - s.class_slope[k]
    s.miss = total
    s.miss_slope = slope
    s.miss_square = square
    s.number += float(max(count, 0))
    s.cursor += max(count, 0)
    return int(max(count, 1))


@kernel
def _step(s: Any, p: Any) -> None:
    """End a pass: one step of Newton's method, and what it tells."""
    s.passing = 0
    scale = s.slope / s.variance  # makes of M a score, to set beside the prior's
    miss = scale * s.miss + p.prior_shape * (s.log_kappa - log(p.prior_kappa))
    step = -miss / (scale * s.miss_slope + p.prior_shape)
    step = min(max(step, -LONGEST_STEP), LONGEST_STEP)
    s.log_kappa = min(max(s.log_kappa + step, LOWEST), HIGHEST)
    s.again = 1 if abs(step) > CLOSE else 0
    s.information = 0.0
    if s.number > 0.0:
        spread = (s.miss_square + VARIANCE_COUNT * s.variance) / (s.number + VARIANCE_COUNT)
        s.information = s.miss_slope * s.miss_slope / (s.number * spread)
    s.known_size = s.held
    s.informed = 1 if s.held > 0 else 0
    if s.held > 0:
        s.newest_ts = newest_ts(s)
    _tell(s, p, 1.0)


@kernel
def _tell(s: Any, p: Any, share: float) -> None:
    """Make the figures, with that share of the data's information left."""
    information = share * s.information + p.prior_shape
    prior = log(p.prior_kappa)
    weight = share * (s.information + p.prior_shape) / information
    s.value = exp(prior + weight * (s.log_kappa - prior))
    s.deviation = 1.0 / sqrt(information)
    s.low = s.value * exp(-Z95 * s.deviation)
    s.high = s.value * exp(Z95 * s.deviation)


# -------------------------------------------------------------------------------------- constants


@kernel
def _psi(u: float, nu: float) -> float:
    return (nu + 1.0) * u * u / (nu + u * u)


@kernel
def _tune(s: Any, nu: float) -> None:
    """Find f, by Newton's method in log f; slope and variance of psi; all by Simpson's rule."""
    f = 1.0
    fade = exp(-FINEST)
    for _ in range(12):
        mean = 0.0
        square = 0.0
        slope = 0.0
        weight = FINEST / 3.0
        for i in range(1, floor_int(FARTHEST / FINEST)):  # psi(0) = 0
            weight *= fade
            u = f * FINEST * i
            part = (4.0 if i % 2 == 1 else 2.0) * weight
            psi = _psi(u, nu)
            mean += part * psi
            square += part * psi * psi
            slope += part * 2.0 * psi * nu / (nu + u * u)
        s.factor = f
        s.slope = slope
        s.variance = square - mean * mean
        if abs(mean - 1.0) < 1e-9:
            break
        f *= exp((1.0 - mean) / slope)


@kernel
def _tabulate(s: Any, nu: float) -> None:
    """Fill the table of E psi for geometric numbers of steps."""
    s.table[0] = 1.0
    for j in range(1, TABLE):
        u = j / PER_UNIT
        fade = exp(-u)
        weight = 1.0 - fade
        total = 0.0
        for k in range(1, floor_int(FARTHEST / u) + 2):
            weight *= fade
            total += weight * _psi(s.factor * u * k, nu)
        s.table[j] = total


@kernel
def _expected(s: Any, u: float) -> float:
    """E psi where a step is u / kappa: through four places of the table, far out 0."""
    place = u * PER_UNIT
    if not place < TABLE - 2.0:
        # Only the first step counts; its weight falls faster than exp(-u).
        return float(s.table[TABLE - 1] * exp((TABLE - 1) / PER_UNIT - u))
    j = min(max(floor_int(place), 1), TABLE - 3)
    x = place - j
    before, here, after, last = s.table[j - 1], s.table[j], s.table[j + 1], s.table[j + 2]
    return float(
        here * (1.0 - x * x) * (1.0 - 0.5 * x)
        + after * x * (1.0 + x) * (1.0 - 0.5 * x)
        - before * x * (1.0 - x) * (2.0 - x) / 6.0
        + last * x * (x * x - 1.0) / 6.0
    )
