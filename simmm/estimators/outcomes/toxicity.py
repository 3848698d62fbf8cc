"""E24: how likely a fill now would be adverse, on either side, before it happens.

A fill is adverse if within `horizon_s` the mid goes against it by more than `adverse_bps` and a
floor of `noise_floor` deviations of sigma sqrt(h): without any toxicity, and no threshold, noise
does that in 16 % of fills. The chance is logistic in six features, told against the side of the
fill where they have a side (positive: the price is about to leave through the fill):

1. imbalance of the lots at the touch, (other side - own side) / both;
2. flow: signed lots of aggressors, decaying with `flow_half_life_s`, over all of them and one mean
   aggressor, so that silence takes it to 0;
3. `imbalance` of E16, which says where the microprice stands between the touches;
4. `jump_probability` of E13;
5. log of `hawkes_intensity` over `hawkes_base`, E19;
6. log of the half spread.

They are standardised by running moments over the ticks of the clock; one that is unknown counts as
its mean. The regression (`logistic.py`) learns from each outcome, and forgets. Features of a fill
are those of the last tick of the clock before it happened at the exchange: what the feed shows by
the time the answer is heard may be what followed the fill. A fill without such a tick among the
last 16 is left out. Told is the law of the chance for a fill now, of a bid and an ask in turns at
the ticks of the clock: its mean, its deviation, and the bounds of the beta law with both. With
weights w that fall, outcomes count as sum(w)^2 / sum(w^2) fills, and as fewer by how much residuals
summed over bursts of fills vary more than those of single ones would, if that is above 1
(`clusters.py`).

`toxicity_skill` is 1 - (mean squared error) / (that of the base rate), both foretold before the
outcome. Neither has seen what it is judged by, so nothing has to be taken off; without any truth in
the features it lies below 0, by about the 6 more coefficients that are learned over the fills.

Where it is wrong: the chance is for fills like those that happened; quotes elsewhere get others. A
feature acts linearly on the log-odds, and beyond 5 deviations no more. Fills while sigma is unknown
are left out. A fill told twice counts twice, as one burst. Late rows change nothing; in silence the
beliefs stay.

On tapes: no skill yet: nowhere clearly better than the share of adverse fills so far, on some
worse. Fills were 58 to some thousands. `toxicity_skill` says it for the run at hand: use it above 0
only.

Before any fill the chance is 0.31, the mean of a prior of median `prior_share`. Only fills narrow
the interval, so a strategy that stays away because its upper bound is high never learns better.

Source: the regression as in `logistic.py`; skill, Brier (1950) and Murphy (1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import beta_quantile
from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import AGGRESSOR, ASK, BID, CLOCK, FILL, GAP, TOUCH
from simmm.estimators.outcomes.clusters import (
    channels,
    gather,
    outcomes_of,
    start_channel,
    variance_of,
    weights_of,
)
from simmm.estimators.outcomes.logistic import (
    LOGISTIC,
    SIZE,
    foretell,
    forget_to_prior,
    learn,
    part_of_prior,
    start_logistic,
)
from simmm.estimators.outcomes.pending import (
    NS_PER_S,
    PENDING,
    RING,
    admit,
    hear_mid,
    markout,
    nanoseconds,
    next_due,
    noise_of,
    start_pending,
)
from simmm.estimators.outcomes.share import beta_counts, logistic_moments
from simmm.jit import kernel
from simmm.math import clip, exp, is_finite, log, sqrt

ROW = "E24"
HEARS = (CLOCK, AGGRESSOR, TOUCH, FILL, GAP)
READS = ("sigma", "imbalance", "jump_probability", "hawkes_base", "hawkes_intensity")
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("toxicity_bid", "toxicity_ask"),
    "of own fills, and forgotten by their number",
)

PARAMETERS = parameters(
    horizon_s=Parameter(5.0, "s", "from fill to outcome", low=1e-3, high=3600.0, time_power=1.0),
    adverse_bps=Parameter(0.0, "bps", "move that is adverse", low=0.0, high=1e4),
    noise_floor=Parameter(1.0, "deviations", "of noise, above the threshold", low=0.0, high=10.0),
    flow_half_life_s=Parameter(
        5.0, "s", "memory of the aggressors' flow", low=0.01, high=1e5, time_power=1.0
    ),
    flow_weight=Parameter(0.02, "", "of the newest in the mean aggressor", low=1e-6, high=1.0),
    forget=Parameter(0.001, "", "of what was learned, per fill", low=0.0, high=0.5),
    prior_share=Parameter(
        0.25,
        "",
        "median chance before any fill; the mean, which is told, is 0.31",
        low=0.001,
        high=0.999,
    ),
    constant_sd=Parameter(1.5, "", "of the constant's prior, log-odds", low=0.01, high=100.0),
    slope_sd=Parameter(
        0.7, "", "of a coefficient's prior, log-odds per deviation", low=0.01, high=100.0
    ),
    moment_ticks=Parameter(3600, "ticks", "memory of the features' moments", low=10, high=10**9),
    least_spread=Parameter(0.05, "", "least deviation of a feature", low=1e-6, high=10.0),
)

BELIEFS = (
    Belief("toxicity_bid", "", "chance that a fill of an own bid now is adverse", law="beta"),
    Belief("toxicity_ask", "", "chance that a fill of an own ask now is adverse", law="beta"),
    Belief("toxicity_fills", "fills", "learned from so far", law="code"),
    Belief(
        "toxicity_skill", "", "Brier skill score; above 0: better than the base rate", law="code"
    ),
)

FEATURES = SIZE - 1
_IMBALANCE, _FLOW, _MICROPRICE, _JUMP, _HAWKES, _SPREAD = range(FEATURES)
_SIDED = 3  # the first three change their sign with the side
_FARTHEST = 5.0  # deviations
_MOST_LOTS = 1e15
LOOKS = 16  # ticks of the clock whose features are kept
_MOST_LEARNED = 4  # outcomes per observation heard
LN2 = 0.6931471805599453

State = np.dtype(
    [
        *PENDING,
        ("settled", "i8", (2,)),  # outcome known, learned from
        ("pending_adverse", "f8", (RING,)),  # 0 or 1; -1: not known
        ("pending_x", "f8", (RING, SIZE)),
        ("pending_chance", "f8", (RING,)),
        ("pending_base", "f8", (RING,)),
        *LOGISTIC,
        *channels(1),  # residuals over their deviation
        ("touch_lots", "f8", (2,)),
        ("half_spread", "f8"),
        ("flow_ts", "i8"),
        ("flow_signed", "f8"),
        ("flow_total", "f8"),
        ("flow_mean", "f8"),  # lots of an aggressor; 0: none yet
        ("ticks", "i8"),
        ("looks", "i8"),  # ticks whose features were kept
        ("look_ts", "i8", (LOOKS,)),  # ns
        ("look_raw", "f8", (LOOKS, FEATURES)),
        ("look_known", "f8", (LOOKS, FEATURES)),
        ("centre", "f8", (FEATURES,)),
        ("square", "f8", (FEATURES,)),
        ("raw", "f8", (FEATURES,)),  # as if bought
        ("known", "f8", (FEATURES,)),  # 1 or 0
        ("x", "f8", (SIZE,)),
        ("fills_learned", "i8"),
        ("base_weight", "f8"),
        ("base_adverse", "f8"),
        ("error", "f8"),  # weighted squares
        ("base_error", "f8"),
        ("due_ts", "i8"),
        ("told", "f8", (2, 4)),  # of ASK and BID: value, sd, low, high
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """No fills yet: the prior."""
    start_pending(s)
    constant = log(p.prior_share / (1.0 - p.prior_share))
    start_logistic(s, constant, p.constant_sd, p.slope_sd)
    start_channel(s, 0)
    s.touch_lots[0] = 0.0
    s.touch_lots[1] = 0.0
    s.half_spread = 0.0
    s.flow_ts = 0
    s.flow_signed = 0.0
    s.flow_total = 0.0
    s.flow_mean = 0.0
    s.ticks = 0
    s.looks = 0
    for k in range(FEATURES):
        s.centre[k] = 0.0
        s.square[k] = 0.0
    s.fills_learned = 0
    s.base_weight = 1.0
    s.base_adverse = p.prior_share
    s.error = 0.0
    s.base_error = 0.0
    s.due_ts = 0
    s.x[0] = 1.0
    for k in range(FEATURES):
        s.x[k + 1] = 0.0
    _tell(s, p, ASK)
    _tell(s, p, BID)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Settle what is due; take up a fill, an aggressor or a touch; foretell at the clock."""
    if o.kind == AGGRESSOR:
        _hear_aggressor(s, p, o)
        return
    hear_mid(s, o)
    if s.settled[0] < s.fills:
        _settle(s, p)
    if s.settled[1] < s.settled[0]:
        _learn_some(s, p)
    if o.kind == FILL:
        _hear_fill(s, p, o, b)
    elif o.kind == TOUCH or o.kind == CLOCK:
        s.half_spread = o.half_spread if 0.0 < o.half_spread <= 1.0 else 0.0
        for k in range(2):
            lots = o.touch_lots[k]
            s.touch_lots[k] = min(lots, _MOST_LOTS) if lots > 0.0 else 0.0
        if o.kind == CLOCK and s.mid > 0.0 and s.half_spread > 0.0:
            _age_flow(s, p, o.now)
            _look(s, b, s.flow_signed, s.flow_total)
            _keep_look(s, o.now)
            _moments(s, p)
            if s.fills_learned > 0:
                side = s.ticks & 1  # in turns
                _standardise(s, p, 1.0 if side == BID else -1.0)
                _tell(s, p, side)


@kernel
def _age_flow(s: Any, p: Any, now: int) -> None:
    seconds = float(now - s.flow_ts) / NS_PER_S
    if seconds > 0.0:
        keep = exp(-LN2 * seconds / p.flow_half_life_s)
        s.flow_signed *= keep
        s.flow_total *= keep
        s.flow_ts = now


@kernel
def _hear_aggressor(s: Any, p: Any, o: Any) -> None:
    if not (o.lots > 0.0) or not (o.side == 1.0 or o.side == -1.0):
        return
    lots = min(o.lots, _MOST_LOTS)
    _age_flow(s, p, o.now)
    if s.flow_mean > 0.0:
        s.flow_mean += p.flow_weight * (lots - s.flow_mean)
    else:
        s.flow_mean = lots
    s.flow_signed += o.side * lots
    s.flow_total += lots


@kernel
def _hear_fill(s: Any, p: Any, o: Any, b: Any) -> None:
    if not (b.sigma_age_ns >= 0 and b.sigma >= 0.0):
        return
    if not _recall(s, o.exch_ts):
        return
    place = admit(s, o, b.sigma)
    if place < 0:
        return
    _standardise(s, p, o.side)
    mean, variance = foretell(s, s.x)
    s.pending_chance[place] = logistic_moments(mean, sqrt(variance))[0]
    s.pending_adverse[place] = -1.0
    s.pending_base[place] = s.base_adverse / s.base_weight
    for k in range(SIZE):
        s.pending_x[place, k] = s.x[k]


@kernel
def _look(s: Any, b: Any, signed: float, total: float) -> None:
    """Write the features as if bought, and which of them are known."""
    for k in range(FEATURES):
        s.raw[k] = 0.0
        s.known[k] = 0.0
    both = s.touch_lots[ASK] + s.touch_lots[BID]
    if both > 0.0:
        s.raw[_IMBALANCE] = (s.touch_lots[ASK] - s.touch_lots[BID]) / both
        s.known[_IMBALANCE] = 1.0
    if s.flow_mean > 0.0:
        s.raw[_FLOW] = -signed / (total + s.flow_mean)
        s.known[_FLOW] = 1.0
    if b.imbalance_age_ns >= 0 and is_finite(b.imbalance):
        s.raw[_MICROPRICE] = -clip(b.imbalance, -1.0, 1.0)
        s.known[_MICROPRICE] = 1.0
    if b.jump_probability_age_ns >= 0 and is_finite(b.jump_probability):
        s.raw[_JUMP] = clip(b.jump_probability, 0.0, 1.0)
        s.known[_JUMP] = 1.0
    if b.hawkes_intensity_age_ns >= 0 and b.hawkes_base > 0.0 and b.hawkes_intensity > 0.0:
        s.raw[_HAWKES] = clip(log(b.hawkes_intensity) - log(b.hawkes_base), -20.0, 20.0)
        s.known[_HAWKES] = 1.0
    if s.half_spread > 0.0:
        s.raw[_SPREAD] = max(log(s.half_spread), -40.0)
        s.known[_SPREAD] = 1.0


@kernel
def _keep_look(s: Any, now: int) -> None:
    place = s.looks % LOOKS
    s.looks += 1
    s.look_ts[place] = now
    for k in range(FEATURES):
        s.look_raw[place, k] = s.raw[k]
        s.look_known[place, k] = s.known[k]


@kernel
def _recall(s: Any, exch_ts: int) -> bool:
    """Take the features of the newest tick not after a fill happened; False if none is kept."""
    for back in range(min(s.looks, LOOKS)):
        place = (s.looks - 1 - back) % LOOKS
        if s.look_ts[place] <= exch_ts:
            for k in range(FEATURES):
                s.raw[k] = s.look_raw[place, k]
                s.known[k] = s.look_known[place, k]
            return True
    return False


@kernel
def _moments(s: Any, p: Any) -> None:
    """Take the features of this tick into their moments: of both sides, so 0 is the sided mean."""
    s.ticks += 1
    weight = 1.0 / min(s.ticks, p.moment_ticks)
    for k in range(FEATURES):
        if s.known[k] == 0.0:
            continue
        if k >= _SIDED:
            off = s.raw[k] - s.centre[k]
            s.centre[k] += weight * off
            s.square[k] += weight * ((1.0 - weight) * off * off - s.square[k])
        else:
            s.square[k] += weight * (s.raw[k] * s.raw[k] - s.square[k])


@kernel
def _standardise(s: Any, p: Any, side: float) -> None:
    """Write `x` for a fill on that side."""
    for k in range(FEATURES):
        spread = max(sqrt(s.square[k]), p.least_spread)
        z = 0.0
        if s.known[k] == 1.0:
            z = clip((s.raw[k] - s.centre[k]) / spread, -_FARTHEST, _FARTHEST)
        s.x[k + 1] = side * z if k < _SIDED else z


@kernel
def _settle(s: Any, p: Any) -> None:
    horizon_ns = nanoseconds(p.horizon_s)
    while True:
        place = next_due(s, 0, horizon_ns)
        if place < 0:
            return
        bound = 1e-4 * p.adverse_bps + p.noise_floor * noise_of(s.pending_sigma[place], p.horizon_s)
        s.pending_adverse[place] = 1.0 if -markout(s, place) > bound else 0.0


@kernel
def _learn_some(s: Any, p: Any) -> None:
    """Learn from a few of the outcomes that are known; the others come next."""
    for _ in range(_MOST_LEARNED):
        if s.settled[1] < s.settled[0]:
            place = s.settled[1] % RING
            s.settled[1] += 1
            if s.pending_adverse[place] >= 0.0:
                _learn(s, p, place)


@kernel
def _learn(s: Any, p: Any, place: int) -> None:
    horizon_ns = nanoseconds(p.horizon_s)
    constant = log(p.prior_share / (1.0 - p.prior_share))
    keep = 1.0 - p.forget
    adverse = s.pending_adverse[place]
    chance, base = s.pending_chance[place], s.pending_base[place]
    miss = adverse - chance
    s.error = keep * s.error + miss * miss
    s.base_error = keep * s.base_error + (adverse - base) * (adverse - base)
    s.base_weight = keep * s.base_weight + 1.0
    s.base_adverse = keep * s.base_adverse + adverse
    residual = miss / sqrt(max(chance * (1.0 - chance), 1e-6))
    gather(s, 0, s.pending_ts[place], residual, keep, horizon_ns)
    forget_to_prior(s, p.forget, constant, p.constant_sd, p.slope_sd)
    learn(s, s.pending_x[place], adverse)
    s.fills_learned += 1
    s.due_ts = s.pending_ts[place] + horizon_ns


@kernel
def _tell(s: Any, p: Any, side: int) -> None:
    mean, variance = foretell(s, s.x)
    fills = outcomes_of(s, 0)
    if fills > 0.0:
        counted = weights_of(s, 0) / fills
        factor = counted * max(variance_of(s, 0) * fills, 1.0)
        by_prior = part_of_prior(s, s.x, p.constant_sd, p.slope_sd)
        variance = max(factor * variance + (1.0 - factor) * by_prior, 0.0)
    chance, deviation = logistic_moments(mean, sqrt(variance))
    a, b = beta_counts(chance, deviation)
    s.told[side, 0] = chance
    s.told[side, 1] = deviation
    s.told[side, 2] = min(beta_quantile(a, b, 0.025), chance)
    s.told[side, 3] = max(beta_quantile(a, b, 0.975), chance)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.due_ts if s.fills_learned > 0 else -1
    b.toxicity_bid = s.told[BID, 0]
    b.toxicity_bid_sd = s.told[BID, 1]
    b.toxicity_bid_low = s.told[BID, 2]
    b.toxicity_bid_high = s.told[BID, 3]
    b.toxicity_bid_age_ns = age
    b.toxicity_ask = s.told[ASK, 0]
    b.toxicity_ask_sd = s.told[ASK, 1]
    b.toxicity_ask_low = s.told[ASK, 2]
    b.toxicity_ask_high = s.told[ASK, 3]
    b.toxicity_ask_age_ns = age
    b.toxicity_fills = float(s.fills_learned)
    b.toxicity_fills_age_ns = age
    b.toxicity_skill = 1.0 - s.error / s.base_error if s.base_error > 0.0 else 0.0
    b.toxicity_skill_age_ns = age
