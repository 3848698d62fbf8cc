"""E19: aggressors that bring aggressors: base rate, branching ratio and decay of a Hawkes process.

Model: aggressors of both sides together come with intensity

    lambda(t) = mu + alpha beta A(t),   A(t) = sum over t_i < t of exp(-beta (t - t_i))

so that each brings `alpha` others on average (alpha < 1: the branching ratio) after a mean of
1 / beta seconds. The three are those that maximise the posterior of the last `window` aggressors,

    log L = sum log lambda(t_i) - mu T - alpha sum (1 - exp(-beta (T - t_i)))

plus weak normal priors of deviation `prior_sd` on log mu (middle: half the mean rate), logit alpha
(0) and log beta (`decay_prior` times the mean rate). The first twentieth of the window is history:
it excites, and is not explained itself. A, and its first two derivatives by beta, are sums that go
from one aggressor to the next, so one pass over the window gives log L, its gradient and the
observed information; then comes one Newton step, shortened to 1 in these three logarithms, with as
much ridge as makes the information positive. Where the next pass finds that worse, the step is cut
to a quarter; once steps are small, the next pass is over the newest window. A pass goes on by
`slice` aggressors at each tick of the clock, if there was any aggressor since the tick before.
Deviations are the inverse information's; that of the intensity now is the delta method's on the
parameters (its past is known). Nothing is believed until `warm_up` aggressors, and a step below 0.2
from an information that needed no ridge.

Aggressors with one time stamp, as blocks give them, are taken to have come evenly spread over the
time since the stamp before, but no longer than `resolution_s`: at one moment they would drive beta
to infinity. One whose stamp is before the newest counts at the newest. A stamp far ahead of the
maker's clock is ignored. Duplicates count, and look like excitement. A gap of the feed empties the
window; what was believed stays until there is enough anew. Where more come than a pass can follow,
it takes in fewer of them, down to 128.

Where it is wrong: a base rate that changes with the time of day, or in steps, is taken for slow
excitement (alpha too high, beta too low); several time scales are averaged; with alpha near 0
nothing tells beta but its prior. Where dozens of aggressors come within 1 / beta, or alpha is above
0.9, 2,000 of them say too little: the 95 % bounds of alpha then hold the truth in 80 to 90 %.

On tapes: tells the next aggressor better than a mean rate on several tapes (part of it is how
shared time stamps are spread); counts of the next 10 s it foretells no better than a mean rate, on
the long tape worse.

Source: Hawkes (1971); likelihood recursion of Ozaki, "Maximum likelihood estimation of Hawkes'
self-exciting point processes" (1979), here with derivatives in (mu, alpha, beta).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import beta_quantile
from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.flow.hawkes_fit import (
    PASS,
    add_one,
    explain,
    finish,
    forget_history,
    improve,
    log_posterior,
    move_on,
    set_point,
    solve,
)
from simmm.estimators.observation import AGGRESSOR, CLOCK, GAP
from simmm.jit import kernel
from simmm.math import exp, floor_int, log, sqrt

ROW = "E19"
HEARS = (CLOCK, AGGRESSOR, GAP)
READS = ()
SILENCE = "prior"  # the intensity falls to the base rate; the others hold
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("hawkes_base", "hawkes_branching", "hawkes_decay", "hawkes_intensity"),
    "constants of the model; the intensity goes to the base rate, which they give",
)

RING = 4096  # times kept
FEWEST = 128  # in a pass
RECENT = 256  # whose excitement is summed anew after a fit
PASSES = 20  # at most over one window
SMALL = 0.2  # of a step
NS_PER_S = 1_000_000_000.0
MOST_AHEAD_NS = 3_600_000_000_000  # of the maker's clock; nonsense beyond
LATEST_NS = 4_000_000_000_000_000_000

PARAMETERS = parameters(
    window=Parameter(2000, "aggressors", "fitted to", low=FEWEST, high=3000),
    slice=Parameter(100, "aggressors", "looked at per tick of the clock", low=10, high=1000),
    warm_up=Parameter(200, "aggressors", "before anything is said", low=50, high=3000),
    decay_prior=Parameter(1.0, "", "middle of beta's prior, of the mean rate", low=1e-3, high=1e3),
    prior_sd=Parameter(2.0, "", "deviation of the priors, of logarithms", low=0.1, high=1e6),
    resolution_s=Parameter(
        0.1,
        "s",
        "longest that aggressors with one stamp are spread over",
        low=0.0,
        high=1e6,
        source="exchange fact",
        time_power=1.0,
    ),
)

BELIEFS = (
    Belief("hawkes_base", "1/s", "rate of aggressors that none brought", "lognormal", -1.0),
    Belief("hawkes_branching", "", "aggressors that each brings on average; below 1", law="beta"),
    Belief("hawkes_decay", "1/s", "rate at which excitement dies down", "lognormal", -1.0),
    Belief("hawkes_intensity", "1/s", "expected rate of aggressors now", "lognormal", -1.0),
)

State = np.dtype(
    [
        # Times of aggressors, ns, by number modulo RING
        ("times", "i8", (RING,)),
        ("head", "i8"),  # number of the next
        ("tail", "i8"),  # of the first since a gap
        ("stamp", "i8"),  # newest stamp
        ("together", "i8"),  # aggressors that have it, not yet in the ring
        ("before", "i8"),  # the stamp before it
        ("heard", "i8"),  # since the last tick
        ("last_now", "i8"),  # maker's clock at the newest
        # Excitement at the newest stamp, that one included
        ("level", "f8"),  # A
        ("moment", "f8"),  # sum of age times weight
        # The pass
        ("most", "i8"),  # aggressors in it
        ("cursor", "i8"),  # next to look at; -1: no pass
        ("first", "i8"),
        ("explained", "i8"),  # first that is not history
        ("end", "i8"),
        ("passes", "i8"),  # over this window
        ("anchor", "f8", (3,)),  # the best point yet
        ("stride", "f8", (3,)),  # from there to the point
        ("best", "f8"),  # log posterior there
        *PASS,
        # What is believed
        ("begun", "i8"),  # the point means something
        ("known", "i8"),
        ("value", "f8", (3,)),
        ("covariance", "f8", (3, 3)),  # of the point
        ("low", "f8", (3,)),
        ("high", "f8", (3,)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing. What isn't set here is set before it is read."""
    s.head = 0
    s.tail = 0
    s.stamp = 0
    s.together = 0
    s.before = 0
    s.heard = 0
    s.last_now = 0
    s.level = 0.0
    s.moment = 0.0
    s.most = p.window
    s.cursor = -1
    s.passes = 0
    s.begun = 0
    s.known = 0
    s.value[2] = 1.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Note an aggressor's time, or go on with the pass."""
    if o.kind == AGGRESSOR:
        if 0 < o.exch_ts < LATEST_NS and o.exch_ts - o.now < MOST_AHEAD_NS:
            _note(s, p, o.exch_ts)
            s.heard += 1
            s.last_now = o.now
    elif o.kind == CLOCK:
        if s.heard > 0:
            s.heard = 0
            _go_on(s, p)
    else:
        s.tail = s.head
        s.together = 0
        s.cursor = -1
        s.passes = 0


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed; the intensity as it is now."""
    known = s.known == 1
    age = now - s.last_now if known else -1
    mu, alpha, beta = s.value[0], s.value[1], s.value[2]
    b.hawkes_base = mu if known else 0.0
    b.hawkes_base_sd = mu * sqrt(s.covariance[0, 0]) if known else 0.0
    b.hawkes_base_low = s.low[0] if known else 0.0
    b.hawkes_base_high = s.high[0] if known else 0.0
    b.hawkes_base_age_ns = age
    b.hawkes_branching = alpha if known else 0.0
    b.hawkes_branching_sd = alpha * (1.0 - alpha) * sqrt(s.covariance[1, 1]) if known else 0.0
    b.hawkes_branching_low = s.low[1] if known else 0.0
    b.hawkes_branching_high = s.high[1] if known else 0.0
    b.hawkes_branching_age_ns = age
    b.hawkes_decay = beta if known else 0.0
    b.hawkes_decay_sd = beta * sqrt(s.covariance[2, 2]) if known else 0.0
    b.hawkes_decay_low = s.low[2] if known else 0.0
    b.hawkes_decay_high = s.high[2] if known else 0.0
    b.hawkes_decay_age_ns = age
    b.hawkes_intensity = 0.0
    b.hawkes_intensity_sd = 0.0
    b.hawkes_intensity_low = 0.0
    b.hawkes_intensity_high = 0.0
    b.hawkes_intensity_age_ns = age
    if not known:
        return
    elapsed = max(float(now - s.stamp) / NS_PER_S, 0.0)
    keep = exp(-beta * elapsed)
    level = keep * s.level
    moment = keep * (s.moment + elapsed * s.level)
    excited = alpha * beta * level
    intensity = mu + excited
    by_alpha = (1.0 - alpha) * excited
    by_beta = excited - alpha * beta * beta * moment
    c = s.covariance
    variance = (
        mu * mu * c[0, 0]
        + by_alpha * by_alpha * c[1, 1]
        + by_beta * by_beta * c[2, 2]
        + 2.0 * (mu * (by_alpha * c[0, 1] + by_beta * c[0, 2]) + by_alpha * by_beta * c[1, 2])
    )
    deviation = sqrt(max(variance, 0.0))
    factor = exp(min(1.959963984540054 * deviation / intensity, 50.0))
    b.hawkes_intensity = intensity
    b.hawkes_intensity_sd = deviation
    b.hawkes_intensity_low = intensity / factor
    b.hawkes_intensity_high = intensity * factor


# -------------------------------------------------------------------------------- times and ring


@kernel
def _note(s: Any, p: Any, stamp: int) -> None:
    """Take in one aggressor's time."""
    if s.stamp == 0:
        s.stamp = stamp
    if stamp > s.stamp:
        _spread(s, p)
        elapsed = float(stamp - s.stamp) / NS_PER_S
        keep = exp(-s.value[2] * elapsed)
        s.moment = keep * (s.moment + elapsed * s.level)
        s.level = keep * s.level
        s.before = s.stamp
        s.stamp = stamp
    s.level += 1.0
    s.together = min(s.together + 1, RING)


@kernel
def _spread(s: Any, p: Any) -> None:
    """Put the aggressors of the newest stamp into the ring."""
    width = min(floor_int(p.resolution_s * NS_PER_S), s.stamp - s.before)
    apart = width // max(s.together, 1)
    for k in range(s.together):
        s.times[s.head % RING] = s.stamp - apart * (s.together - 1 - k)
        s.head += 1
    s.together = 0


# ---------------------------------------------------------------------------------------- a pass


@kernel
def _go_on(s: Any, p: Any) -> None:
    """Look at the next aggressors of the pass; at its end, step."""
    if s.cursor >= 0 and s.cursor - 1 < s.head - RING:  # they were overwritten
        s.cursor = -1
        s.passes = 0
        s.most = max(s.most // 2, FEWEST)
    if s.cursor < 0 and not _begin(s, p):
        return
    for _ in range(p.slice):
        i = s.cursor
        if i == s.end:
            break
        seconds = float(s.times[i % RING] - s.times[(i - 1) % RING]) / NS_PER_S
        move_on(s, seconds)
        if i >= s.explained:
            explain(s, seconds)
        add_one(s)
        if i == s.explained - 1:
            forget_history(s)
        s.cursor += 1
    if s.cursor == s.end:
        s.cursor = -1
        finish(s)
        _step(s, p)


@kernel
def _begin(s: Any, p: Any) -> bool:
    """Begin a pass: over the same window, or if that is done the newest, if it has enough."""
    if s.passes == 0:
        count = min(s.head - s.tail, s.most)
        if count < min(p.warm_up, s.most):
            return False
        s.first = s.head - count
        s.end = s.head
        s.explained = s.first + max(count // 20, 1)
        span = float(s.times[(s.end - 1) % RING] - s.times[s.first % RING]) / NS_PER_S
        if not span > 0.0:
            return False
        if s.begun == 0:
            s.begun = 1
            s.point[0] = log(0.5 * count / span)
            s.point[1] = 0.0
            s.point[2] = log(p.decay_prior * count / span)
    elif s.first < s.head - RING:
        s.passes = 0
        s.most = max(s.most // 2, FEWEST)
        return False
    set_point(s)
    add_one(s)
    s.cursor = s.first + 1
    if s.cursor == s.explained:
        forget_history(s)
    return True


@kernel
def _step(s: Any, p: Any) -> None:
    """After a pass: step on from the point, or back towards the one before if that was better."""
    worth = log_posterior(s, p)
    s.passes += 1
    if s.passes > 1 and worth < s.best and s.passes < PASSES:
        for i in range(3):
            s.stride[i] *= 0.25
            s.point[i] = s.anchor[i] + s.stride[i]
        return
    s.best = worth
    for i in range(3):
        s.anchor[i] = s.point[i]
    ridge = improve(s, p)
    largest = 0.0
    for i in range(3):
        s.stride[i] = s.point[i] - s.anchor[i]
        largest = max(largest, abs(s.stride[i]))
    if ridge == 0.0 and largest < SMALL:
        _conclude(s)
    elif s.passes < PASSES:
        return
    s.passes = 0
    s.most = min(2 * s.most, p.window)


# -------------------------------------------------------------------------------- what is believed


@kernel
def _excite(s: Any) -> None:
    """Sum the excitement at the newest stamp anew, for a new beta."""
    s.level = float(s.together)
    s.moment = 0.0
    for i in range(min(s.head - s.tail, RECENT)):
        age = float(s.stamp - s.times[(s.head - 1 - i) % RING]) / NS_PER_S
        weight = exp(-s.value[2] * age)
        if weight < 1e-12:
            return
        s.level += weight
        s.moment += age * weight


@kernel
def _conclude(s: Any) -> None:
    """Believe the point."""
    for j in range(3):  # columns of the inverse of the information
        for i in range(3):
            s.step[i] = 1.0 if i == j else 0.0
        solve(s)
        for i in range(3):
            s.covariance[i, j] = s.step[i]
    s.known = 1
    s.value[1] = 1.0 / (1.0 + exp(-s.point[1]))
    for i in (0, 2):
        s.value[i] = exp(s.point[i])
        factor = exp(min(1.959963984540054 * sqrt(s.covariance[i, i]), 50.0))
        s.low[i] = s.value[i] / factor
        s.high[i] = s.value[i] * factor
    alpha = s.value[1]
    total = max(1.0 / (alpha * (1.0 - alpha) * s.covariance[1, 1]) - 1.0, 1e-3)
    _excite(s)
    s.low[1] = min(beta_quantile(alpha * total, (1.0 - alpha) * total, 0.025), alpha)
    high = beta_quantile(alpha * total, (1.0 - alpha) * total, 0.975)
    s.high[1] = max(min(high, 1.0 - 1e-9), alpha)
