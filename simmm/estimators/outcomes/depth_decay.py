"""E23: how adverse selection falls with the depth at which own fills rested.

A fill is adverse if the mid went against it by more than `adverse_bps` and a floor of `noise_floor`
deviations of sigma sqrt(h) within h = `horizon_s`; noise alone does that with a chance q. At a
depth d behind the touch (fractions of the mid; inside the spread d is 0)

    P(adverse) = q + (1 - q) alpha exp(-d / delta)

with alpha, `adverse_touch`, within `touch_low`..`touch_high`. Each `refit_fills` outcomes the
posterior of both is found anew (`depth_fit.py`), from the Bernoulli likelihood of the last 1,024
outcomes and a weak prior: normal in the log-odds of alpha within its range and in log delta. Its
means there are smoothed as s += w (mean - s) with w = `smoothing`, the k-th of the first ones with
1 / k. The fits share their data, so cov(earlier, later fit) = var(later fit) = V, and that of s is

    v += (1 - (1 - w)^2) (V - v),  not below V

Told are alpha with the mean and deviation that s and v give it, by the beta law, and delta by the
lognormal law.

The shares of four buckets of depth (`adverse_bucket_1` is the nearest) are told beside the curve,
each by itself, with weights that fall by `bucket_weight` per fill in it, to be compared with it.

Where it is wrong: toxicity need not fall with depth at all (fills that a moving price crosses are
more adverse the deeper they rest); the fit then runs to the prior's far end and the buckets show
it. A depth of which there are no fills is extrapolated to. Fills while sigma is unknown are left
out. A fill told twice counts twice, as one burst. Late rows change nothing, nor does silence.

On tapes: not scored; own fills there are too few to compare with a baseline.

Source: the likelihood is that of a binomial regression, McCullagh and Nelder (1989), chapter 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import beta_quantile
from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import CLOCK, FILL, GAP, TOUCH
from simmm.estimators.outcomes.clusters import Z
from simmm.estimators.outcomes.depth_fit import FIT, RING, fit_on, start_fit
from simmm.estimators.outcomes.pending import (
    PENDING,
    admit,
    hear_mid,
    markout,
    nanoseconds,
    next_due,
    noise_beyond,
    noise_of,
    start_pending,
)
from simmm.estimators.outcomes.pending import RING as WAITING
from simmm.estimators.outcomes.share import beta_counts, logistic_moments, share_beyond
from simmm.jit import kernel
from simmm.math import clip, exp, is_finite, sqrt

ROW = "E23"
HEARS = (CLOCK, TOUCH, FILL, GAP)
READS = ("sigma",)
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("adverse_touch", "adverse_decay", *(f"adverse_bucket_{k}" for k in range(1, 5))),
    "of own fills, and forgotten by their number",
)

PARAMETERS = parameters(
    horizon_s=Parameter(5.0, "s", "from fill to outcome", low=1e-3, high=3600.0, time_power=1.0),
    adverse_bps=Parameter(5.0, "bps", "move that is adverse", low=0.0, high=1e4),
    noise_floor=Parameter(1.0, "deviations", "of noise, above the threshold", low=0.0, high=10.0),
    touch_low=Parameter(0.01, "", "least alpha", low=0.0, high=0.2),
    touch_high=Parameter(0.5, "", "greatest alpha", low=0.3, high=1.0),
    prior_touch=Parameter(0.15, "", "median of alpha before any fill", low=0.001, high=0.999),
    prior_touch_sd=Parameter(1.5, "", "of its log-odds within the range", low=0.01, high=1e4),
    prior_decay_bps=Parameter(10.0, "bps", "delta before any fill", low=0.01, high=1e4),
    prior_decay_sd=Parameter(1.0, "", "of log delta", low=0.01, high=1e4),
    refit_fills=Parameter(20, "fills", "outcomes between fits", low=1, high=1000),
    smoothing=Parameter(0.2, "", "weight of the newest fit", low=0.01, high=1.0),
    bucket_2_bps=Parameter(
        2.0, "bps", "depth at which the second bucket begins", low=0.0, high=1e4
    ),
    bucket_3_bps=Parameter(5.0, "bps", "depth at which the third bucket begins", low=0.0, high=1e4),
    bucket_4_bps=Parameter(
        10.0, "bps", "depth at which the fourth bucket begins", low=0.0, high=1e4
    ),
    bucket_weight=Parameter(0.005, "", "of the newest fill in its bucket", low=1e-6, high=0.5),
)
RULES = (
    rising("touch_low", "prior_touch", "touch_high"),
    rising("bucket_2_bps", "bucket_3_bps", "bucket_4_bps"),
)

BELIEFS = (
    Belief("adverse_touch", "", "alpha: share of fills at the touch that are adverse", law="beta"),
    Belief("adverse_decay", "fraction", "delta: depth over which that falls by e", law="lognormal"),
    Belief("adverse_bucket_1", "", "adverse share of fills in the nearest bucket", law="beta"),
    Belief("adverse_bucket_2", "", "adverse share of fills in the second bucket", law="beta"),
    Belief("adverse_bucket_3", "", "adverse share of fills in the third bucket", law="beta"),
    Belief("adverse_bucket_4", "", "adverse share of fills in the deepest bucket", law="beta"),
)

BUCKETS = 4
_PRIOR_COUNT = 0.5  # Jeffreys, of a bucket

State = np.dtype(
    [
        *PENDING,
        ("settled", "i8", (1,)),
        ("pending_depth", "f8", (WAITING,)),
        *FIT,
        # what came of it
        ("fits", "i8"),
        ("fit_ts", "i8"),  # when its newest outcome was due
        ("smooth", "f8", (2,)),
        ("variance", "f8", (2,)),
        ("touch", "f8", (4,)),  # value, sd, low, high
        ("decay", "f8", (4,)),
        ("due_ts", "i8"),
        # buckets
        ("bucket_n", "f8", (BUCKETS,)),
        ("bucket_each", "f8", (BUCKETS,)),  # of squared weights
        ("bucket_adverse", "f8", (BUCKETS,)),
        ("bucket_noise", "f8", (BUCKETS,)),
        ("bucket_stale", "i8", (BUCKETS,)),
        ("bucket_ts", "i8", (BUCKETS,)),
        ("bucket", "f8", (BUCKETS, 4)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """No fills yet: the prior."""
    start_pending(s)
    s.fits = 0
    s.fit_ts = -1
    s.due_ts = 0
    start_fit(s, p)
    s.smooth[0] = s.x[0]
    s.smooth[1] = s.x[1]
    s.variance[0] = p.prior_touch_sd * p.prior_touch_sd
    s.variance[1] = p.prior_decay_sd * p.prior_decay_sd
    _tell_curve(s, p)
    for k in range(BUCKETS):
        s.bucket_n[k] = 0.0
        s.bucket_each[k] = 0.0
        s.bucket_adverse[k] = 0.0
        s.bucket_noise[k] = 0.0
        s.bucket_stale[k] = 0
        s.bucket_ts[k] = -1
        _tell_bucket(s, k)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Settle what is due, take up a fill or a mid, and fit on at the clock."""
    hear_mid(s, o)
    if s.settled[0] < s.fills:
        _settle(s, p)
    if o.kind == FILL:
        if b.sigma_age_ns >= 0 and b.sigma >= 0.0 and is_finite(o.depth):
            place = admit(s, o, b.sigma)
            if place >= 0:
                s.pending_depth[place] = clip(o.depth, 0.0, 1.0)
    elif o.kind == CLOCK:
        for k in range(BUCKETS):
            if s.bucket_stale[k] == 1:
                s.bucket_stale[k] = 0
                _tell_bucket(s, k)
                break  # the others at the next ticks
        if fit_on(s, p):
            _smooth(s, p)


@kernel
def _settle(s: Any, p: Any) -> None:
    horizon_ns = nanoseconds(p.horizon_s)
    threshold = 1e-4 * p.adverse_bps
    while True:
        place = next_due(s, 0, horizon_ns)
        if place < 0:
            return
        noise = noise_of(s.pending_sigma[place], p.horizon_s)
        adverse = 1.0 if -markout(s, place) > threshold + p.noise_floor * noise else 0.0
        slot = s.outcomes % RING
        s.outcomes += 1
        s.outcome_ts[slot] = s.pending_ts[place]
        s.depth[slot] = s.pending_depth[place]
        s.adverse[slot] = adverse
        s.noise[slot] = noise_beyond(threshold, p.noise_floor, noise)
        s.due_ts = s.pending_ts[place] + horizon_ns
        bps = 1e4 * s.depth[slot]
        k = 0
        if bps >= p.bucket_4_bps:
            k = 3
        elif bps >= p.bucket_3_bps:
            k = 2
        elif bps >= p.bucket_2_bps:
            k = 1
        keep = 1.0 - p.bucket_weight
        s.bucket_n[k] = keep * s.bucket_n[k] + 1.0
        s.bucket_each[k] = keep * keep * s.bucket_each[k] + 1.0
        s.bucket_adverse[k] = keep * s.bucket_adverse[k] + adverse
        s.bucket_noise[k] = keep * s.bucket_noise[k] + s.noise[slot]
        s.bucket_stale[k] = 1
        s.bucket_ts[k] = s.due_ts


@kernel
def _smooth(s: Any, p: Any) -> None:
    s.fits += 1
    w = max(p.smoothing, 1.0 / s.fits)
    old = (1.0 - w) * (1.0 - w)
    for k in range(2):
        newest = s.found_variance[k]
        s.smooth[k] += w * (s.found[k] - s.smooth[k])
        s.variance[k] = max(newest, newest + old * (s.variance[k] - newest))
    s.fit_ts = s.due_ts
    _tell_curve(s, p)


@kernel
def _tell_curve(s: Any, p: Any) -> None:
    width = p.touch_high - p.touch_low
    mean, deviation = logistic_moments(s.smooth[0], sqrt(s.variance[0]))
    _tell(s.touch, p.touch_low + width * mean, width * deviation)
    value = exp(s.smooth[1])
    deviation = min(sqrt(s.variance[1]), 100.0)
    s.decay[0] = value
    s.decay[1] = value * deviation
    s.decay[2] = value * exp(-Z * deviation)
    s.decay[3] = value * exp(Z * deviation)


@kernel
def _tell_bucket(s: Any, k: int) -> None:
    fills, adverse, noise = 0.0, 0.0, 0.0
    if s.bucket_n[k] > 0.0:
        fills = s.bucket_n[k] * s.bucket_n[k] / s.bucket_each[k]
        adverse = fills * s.bucket_adverse[k] / s.bucket_n[k]
        noise = s.bucket_noise[k] / s.bucket_n[k]
    mean, deviation = share_beyond(_PRIOR_COUNT + adverse, _PRIOR_COUNT + fills - adverse, noise)
    _tell(s.bucket[k], mean, deviation)


@kernel
def _tell(told: Any, mean: float, deviation: float) -> None:
    """Write value, deviation and bounds of the beta law that has them."""
    a, b = beta_counts(mean, deviation)
    told[0] = mean
    told[1] = deviation
    told[2] = min(beta_quantile(a, b, 0.025), mean)  # the mean of a skewed law may be outside
    told[3] = max(beta_quantile(a, b, 0.975), mean)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.adverse_touch = s.touch[0]
    b.adverse_touch_sd = s.touch[1]
    b.adverse_touch_low = s.touch[2]
    b.adverse_touch_high = s.touch[3]
    b.adverse_touch_age_ns = now - s.fit_ts if s.fit_ts >= 0 else -1
    b.adverse_decay = s.decay[0]
    b.adverse_decay_sd = s.decay[1]
    b.adverse_decay_low = s.decay[2]
    b.adverse_decay_high = s.decay[3]
    b.adverse_decay_age_ns = b.adverse_touch_age_ns
    b.adverse_bucket_1 = s.bucket[0, 0]
    b.adverse_bucket_1_sd = s.bucket[0, 1]
    b.adverse_bucket_1_low = s.bucket[0, 2]
    b.adverse_bucket_1_high = s.bucket[0, 3]
    b.adverse_bucket_1_age_ns = now - s.bucket_ts[0] if s.bucket_ts[0] >= 0 else -1
    b.adverse_bucket_2 = s.bucket[1, 0]
    b.adverse_bucket_2_sd = s.bucket[1, 1]
    b.adverse_bucket_2_low = s.bucket[1, 2]
    b.adverse_bucket_2_high = s.bucket[1, 3]
    b.adverse_bucket_2_age_ns = now - s.bucket_ts[1] if s.bucket_ts[1] >= 0 else -1
    b.adverse_bucket_3 = s.bucket[2, 0]
    b.adverse_bucket_3_sd = s.bucket[2, 1]
    b.adverse_bucket_3_low = s.bucket[2, 2]
    b.adverse_bucket_3_high = s.bucket[2, 3]
    b.adverse_bucket_3_age_ns = now - s.bucket_ts[2] if s.bucket_ts[2] >= 0 else -1
    b.adverse_bucket_4 = s.bucket[3, 0]
    b.adverse_bucket_4_sd = s.bucket[3, 1]
    b.adverse_bucket_4_low = s.bucket[3, 2]
    b.adverse_bucket_4_high = s.bucket[3, 3]
    b.adverse_bucket_4_age_ns = now - s.bucket_ts[3] if s.bucket_ts[3] >= 0 else -1
