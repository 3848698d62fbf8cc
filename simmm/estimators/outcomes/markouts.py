"""E22: what the mid does after own fills, and which share of them was informed.

The markout of a fill is side (mid at fill + h - mid before it) / mid before it: negative is
adverse. A fill's time is the exchange's, whenever its answer was heard, and the mid in force at
fill + h is exact, since each change of it is told (`pending.py`). For each horizon the mean is
taken with weights that fall by 1 - `weight` per fill; its deviation counts bursts, not fills
(`clusters.py`), with clusters of the horizon or `cluster_s`, if that is longer.

`adverse` is what fills lost to the market's move within 5 s: - (mean markout - b m), where m is the
mean drift of the mid over 5 s at any time, from the estimator clock, and b the mean side of the
fills, +1 bought. Its variance is that of both, added; that they move together where one buys only
makes the interval wider than it need be.

A fill counts as adverse for `informed_share` if the mid went against it by more than
`informed_bps` and a noise floor of `noise_floor` deviations of sigma sqrt(h) within the shortest
horizon. Noise alone does that with a chance q that is known from sigma, and is taken out:
r = (y - q) / (1 - q) (`share.py`; the interval is that of a beta law). The number of fills behind y
is y (1 - y) over its variance by clusters, held between the number of clusters and of fills. So r
is the share whose move shows through floor and threshold: all informed fills, if theirs is large.

Assumed: fills farther apart than two clusters are independent, the mid's noise is normal with the
sigma of E14, and all fills count alike whatever their size. Where toxicity lasts for minutes the
deviations are too small; where noise has heavy tails q is, and some of it is called informed.

With the defaults `informed_share` is about large moves: 5 bps within 0.5 s is 18 deviations where
volatility is 0.4 bps per √s, so on a liquid major it stays near 0 whatever flow does. There lower
`informed_bps`, or read `adverse`.

Fills at a horizon where the mid is unknown are left out there. A fill told twice counts twice, as
two of one burst. Late rows change nothing: the maker's clock orders all. Silence changes nothing.

On tapes: not scored; these are averages of what own fills had, told with their error.

Source: markouts as in Glosten and Harris's (1988) realised spread; Liang and Zeger (1986).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import beta_quantile
from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import CLOCK, FILL, GAP, TOUCH
from simmm.estimators.outcomes.clusters import (
    MINIMUM_CLUSTERS,
    Z,
    channels,
    clusters_of,
    deviation_of,
    gather,
    mean_of,
    outcomes_of,
    start_channel,
)
from simmm.estimators.outcomes.pending import (
    NS_PER_S,
    PENDING,
    admit,
    hear_mid,
    known_price,
    markout,
    nanoseconds,
    next_due,
    noise_beyond,
    noise_of,
    start_pending,
)
from simmm.estimators.outcomes.share import beta_counts, share_beyond
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

ROW = "E22"
HEARS = (CLOCK, TOUCH, FILL, GAP)
READS = ("sigma",)
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("markout_500ms", "markout_1s", "markout_5s", "markout_30s", "adverse", "informed_share"),
    "of own fills, and forgotten by their number",
)

PARAMETERS = parameters(
    horizon_500ms=Parameter(
        0.5, "s", "shortest horizon, of `markout_500ms`", low=1e-3, high=3600.0, time_power=1.0
    ),
    horizon_1s=Parameter(
        1.0,
        "s",
        "second horizon; its belief stays `markout_1s`",
        low=1e-3,
        high=3600.0,
        time_power=1.0,
    ),
    horizon_5s=Parameter(
        5.0,
        "s",
        "third horizon, of `markout_5s` and `adverse`",
        low=1e-3,
        high=3600.0,
        time_power=1.0,
    ),
    horizon_30s=Parameter(
        30.0, "s", "longest horizon, of `markout_30s`", low=1e-3, high=3600.0, time_power=1.0
    ),
    weight=Parameter(0.01, "", "weight of the newest fill", low=1e-6, high=0.5),
    cluster_s=Parameter(
        5.0, "s", "least length of a burst of fills", low=0.0, high=3600.0, time_power=1.0
    ),
    informed_bps=Parameter(5.0, "bps", "adverse move that is informed", low=0.0, high=10_000.0),
    noise_floor=Parameter(1.0, "deviations", "of noise, above the threshold", low=0.0, high=10.0),
    prior_fills=Parameter(2.0, "fills", "weight of the prior share", low=0.1, high=1e6),
    prior_share=Parameter(0.25, "", "informed share before any fill", low=0.001, high=0.999),
    drift_half_life_s=Parameter(
        600.0, "s", "memory of the mid's drift", low=1.0, high=1e7, time_power=1.0
    ),
)
RULES = (rising("horizon_500ms", "horizon_1s", "horizon_5s", "horizon_30s"),)

BELIEFS = (
    Belief("markout_500ms", "fraction", "mean markout 0.5 s after own fills; < 0 is adverse"),
    Belief("markout_1s", "fraction", "mean markout 1 s after own fills"),
    Belief("markout_5s", "fraction", "mean markout 5 s after own fills"),
    Belief("markout_30s", "fraction", "mean markout 30 s after own fills"),
    Belief("adverse", "fraction", "mean loss to the mid's move within 5 s, without its drift"),
    Belief("informed_share", "", "share of own fills after which the mid ran away", law="beta"),
)

HORIZONS = 4
_INFORMED, _NOISE, _SIDE, CHANNELS = 4, 5, 6, 7  # channels after those of the markouts
_THIRD = 2
_TOLD = 5  # beliefs by the normal law: the markouts and `adverse`
LN2 = 0.6931471805599453
LARGEST_RATIO = 1e9  # a mid that changes by more is not a return

State = np.dtype(
    [
        *PENDING,
        ("settled", "i8", (HORIZONS,)),
        *channels(CHANNELS),
        ("horizon_ns", "i8", (HORIZONS,)),
        ("due_ts", "i8", (HORIZONS,)),  # of the newest fill that was settled there, ns
        ("stale", "i8", (HORIZONS,)),  # settled since it was told
        ("drift_mid", "f8"),
        ("drift_ts", "i8"),
        ("drift_seconds", "f8"),  # weighted
        ("drift_sum", "f8"),  # of log returns
        ("drift_squares", "f8"),  # of weight squared times return squared
        ("step", "f8"),  # newest valid price step, fraction
        ("value", "f8", (_TOLD,)),
        ("deviation", "f8", (_TOLD,)),
        ("told_ts", "i8", (_TOLD,)),  # -1: nothing
        ("share", "f8", (4,)),  # value, sd, low, high
        ("share_ts", "i8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """No fills yet."""
    start_pending(s)
    for c in range(CHANNELS):
        start_channel(s, c)
    s.horizon_ns[0] = nanoseconds(p.horizon_500ms)
    s.horizon_ns[1] = nanoseconds(p.horizon_1s)
    s.horizon_ns[2] = nanoseconds(p.horizon_5s)
    s.horizon_ns[3] = nanoseconds(p.horizon_30s)
    for h in range(HORIZONS):
        s.due_ts[h] = 0
        s.stale[h] = 0
    s.drift_mid = 0.0
    s.drift_ts = 0
    s.drift_seconds = 0.0
    s.drift_sum = 0.0
    s.drift_squares = 0.0
    s.step = 0.0
    for k in range(_TOLD):
        s.value[k] = 0.0
        s.deviation[k] = 0.0
        s.told_ts[k] = -1
    s.share_ts = -1
    _tell_share(s, p.prior_fills * p.prior_share, p.prior_fills * (1.0 - p.prior_share), 0.0)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Settle what is due, take up a fill or a mid, and tell anew at the clock."""
    hear_mid(s, o)
    if s.settled[0] + s.settled[1] + s.settled[2] + s.settled[3] < HORIZONS * s.fills:
        for h in range(HORIZONS):
            _settle(s, p, h)
    if o.kind == FILL:
        known = b.sigma_age_ns >= 0 and b.sigma >= 0.0
        admit(s, o, b.sigma if known else -1.0)
    elif o.kind == CLOCK:
        if 0.0 < o.step <= 1.0:
            s.step = o.step
        _drift(s, p, o.now)
        _refresh(s, p)


@kernel
def _settle(s: Any, p: Any, h: int) -> None:
    horizon_ns = s.horizon_ns[h]
    keep = 1.0 - p.weight
    span_ns = max(horizon_ns, nanoseconds(p.cluster_s))
    while True:
        place = next_due(s, h, horizon_ns)
        if place < 0:
            return
        ts = s.pending_ts[place]
        move = markout(s, place)
        s.due_ts[h] = ts + horizon_ns
        s.stale[h] = 1
        gather(s, h, ts, move, keep, span_ns)
        if h == _THIRD:
            gather(s, _SIDE, ts, s.pending_side[place], keep, span_ns)
        if h == 0 and s.pending_sigma[place] >= 0.0:
            threshold = 1e-4 * p.informed_bps
            noise = noise_of(s.pending_sigma[place], float(horizon_ns) / NS_PER_S)
            informed = 1.0 if -move > threshold + p.noise_floor * noise else 0.0
            gather(s, _INFORMED, ts, informed, keep, span_ns)
            gather(s, _NOISE, ts, noise_beyond(threshold, p.noise_floor, noise), keep, span_ns)


@kernel
def _drift(s: Any, p: Any, now: int) -> None:
    """Take in the return of the mid since the last tick at which it was known."""
    if not known_price(s.mid):
        return
    seconds = float(now - s.drift_ts) / NS_PER_S
    ratio = s.mid / s.drift_mid if s.drift_mid > 0.0 else 0.0
    if seconds > 0.0 and 1.0 / LARGEST_RATIO < ratio < LARGEST_RATIO:
        keep = exp(-LN2 * seconds / p.drift_half_life_s)
        change = log(ratio) if ratio != 1.0 else 0.0
        s.drift_seconds = keep * s.drift_seconds + seconds
        s.drift_sum = keep * s.drift_sum + change
        s.drift_squares = keep * keep * s.drift_squares + change * change
    s.drift_mid = s.mid
    s.drift_ts = now


@kernel
def _refresh(s: Any, p: Any) -> None:
    """Tell anew what was settled since it was told."""
    for h in range(HORIZONS):
        if s.stale[h] == 0:
            continue
        s.stale[h] = 0
        clusters = clusters_of(s, h)
        if clusters >= MINIMUM_CLUSTERS:
            # Of the smallest move there is, half a step, one may yet be to come in each mean.
            unseen = 0.5 * s.step / clusters
            spread = deviation_of(s, h)
            s.value[h] = mean_of(s, h)
            s.deviation[h] = sqrt(spread * spread + unseen * unseen)
            s.told_ts[h] = s.due_ts[h]
            if h == _THIRD:
                _tell_adverse(s)
        if h == 0:
            _informed(s, p)


@kernel
def _tell_adverse(s: Any) -> None:
    baseline, spread = 0.0, 0.0
    if s.drift_seconds > 0.0:
        exposure = mean_of(s, _SIDE) * (float(s.horizon_ns[_THIRD]) / NS_PER_S) / s.drift_seconds
        baseline = exposure * s.drift_sum
        spread = exposure * sqrt(s.drift_squares)
    own = s.deviation[_THIRD]
    s.value[HORIZONS] = clip(baseline - s.value[_THIRD], -1.0, 1.0)
    s.deviation[HORIZONS] = sqrt(own * own + spread * spread)
    s.told_ts[HORIZONS] = s.told_ts[_THIRD]


@kernel
def _informed(s: Any, p: Any) -> None:
    fills = outcomes_of(s, _INFORMED)
    if not fills > 0.0:
        return
    y = clip(mean_of(s, _INFORMED), 0.0, 1.0)
    clusters = clusters_of(s, _INFORMED)
    deviation = deviation_of(s, _INFORMED)
    if deviation > 0.0 and 0.0 < y < 1.0:
        fills = clip(y * (1.0 - y) / (deviation * deviation), clusters, fills)
    else:
        fills = clusters
    a = p.prior_fills * p.prior_share + fills * y
    b = p.prior_fills * (1.0 - p.prior_share) + fills * (1.0 - y)
    _tell_share(s, a, b, mean_of(s, _NOISE))
    s.share_ts = s.due_ts[0]


@kernel
def _tell_share(s: Any, a: float, b: float, noise: float) -> None:
    mean, deviation = share_beyond(a, b, noise)
    above, below = beta_counts(mean, deviation)
    s.share[0] = mean
    s.share[1] = deviation
    s.share[2] = min(beta_quantile(above, below, 0.025), s.share[0])
    s.share[3] = max(beta_quantile(above, below, 0.975), s.share[0])


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.markout_500ms = s.value[0]
    b.markout_500ms_sd = s.deviation[0]
    b.markout_500ms_low = s.value[0] - Z * s.deviation[0]
    b.markout_500ms_high = s.value[0] + Z * s.deviation[0]
    b.markout_500ms_age_ns = now - s.told_ts[0] if s.told_ts[0] >= 0 else -1
    b.markout_1s = s.value[1]
    b.markout_1s_sd = s.deviation[1]
    b.markout_1s_low = s.value[1] - Z * s.deviation[1]
    b.markout_1s_high = s.value[1] + Z * s.deviation[1]
    b.markout_1s_age_ns = now - s.told_ts[1] if s.told_ts[1] >= 0 else -1
    b.markout_5s = s.value[2]
    b.markout_5s_sd = s.deviation[2]
    b.markout_5s_low = s.value[2] - Z * s.deviation[2]
    b.markout_5s_high = s.value[2] + Z * s.deviation[2]
    b.markout_5s_age_ns = now - s.told_ts[2] if s.told_ts[2] >= 0 else -1
    b.markout_30s = s.value[3]
    b.markout_30s_sd = s.deviation[3]
    b.markout_30s_low = s.value[3] - Z * s.deviation[3]
    b.markout_30s_high = s.value[3] + Z * s.deviation[3]
    b.markout_30s_age_ns = now - s.told_ts[3] if s.told_ts[3] >= 0 else -1
    b.adverse = s.value[4]
    b.adverse_sd = s.deviation[4]
    b.adverse_low = s.value[4] - Z * s.deviation[4]
    b.adverse_high = s.value[4] + Z * s.deviation[4]
    b.adverse_age_ns = now - s.told_ts[4] if s.told_ts[4] >= 0 else -1
    b.informed_share = s.share[0]
    b.informed_share_sd = s.share[1]
    b.informed_share_low = s.share[2]
    b.informed_share_high = s.share[3]
    b.informed_share_age_ns = now - s.share_ts if s.share_ts >= 0 else -1
