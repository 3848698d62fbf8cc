"""E4: liquidation cascades force sigma up and kappa down at once, and let go by a half-life.

The belief `kappa` (E11) has `cascade_kappa_factor` in it already; don't multiply twice.

Three things are a cascade (`cascade_cause`, and the observation at which it is seen):

1. open interest lies more than `oi_threshold` below its maximum of the last `oi_window_s`, of the
   traded market (1) or of a reference (8): at the CONTEXT that says so;
2. a burst of liquidations (2): at an AGGRESSOR. Where the feed flags them, `liquidations` of the
   last `burst_s` are one. Most feeds don't, so else what is asked is that one side makes
   `burst_share` of the volume of the last `burst_s` and either that volume is `burst_factor` times
   its root mean square of the last `burst_level_s`, or `hawkes_intensity` is as many times its mean
   base / (1 - branching) (E19); and that the price, swept to where the aggressor reached, has moved
   its way by `burst_move` deviations and by the spread;
3. the mid of a reference market moves by `reference_move` of its deviations (4): at the CLOCK.

The move is D = sum of log changes, each times exp(-age / burst_s); that of a price with volatility
sigma has variance sigma^2 V, where V is the sum of the seconds of the changes, each times exp(-2
age / burst_s), so that a change over a gap is judged by the gap's length. V counts as at least
burst_s / 2, its value for a price that is always looked at. sigma is E14's, of a reference its own,
weighted by `reference_half_life_s` and used from 20 effective moves on.

A trigger sets the strength `cascade` to 1; it is 2^(-time since / half_life_s) after, computed when
read. A trigger while it is above 1/2 belongs to the same cascade, else `cascades` grows. With the
sigma before the cascade s0,

    override = min(s0 (1 + (override_factor - 1) strength), max_sigma)
    sigma_effective = max(sigma, override)
    cascade_kappa_factor = 1 - (1 - kappa_factor) strength       kappa is to be multiplied by it

While the override is the larger, it is a precaution and no measurement: the sd of its logarithm is
taken as half its distance from log sigma, so that the interval reaches back to sigma, with sigma's
own sd added in quadrature. Else sigma_effective has sigma's interval.

Where it is wrong: thresholds are choices, and a large order of one trader that sweeps the book is
not told from a liquidation: the defaults see none or one burst in half an hour of each of three
recorded liquid markets (five with half the thresholds), and three an hour in a thin one. Open
interest is seen only as often as the venue sends it. Returns much heavier-tailed than normal
trigger 3 falsely.

A row that comes twice counts twice in volumes; one that comes late counts as new. Open interest,
prices and times that are no numbers, or not positive, are ignored.

On tapes: `sigma_effective` is nowhere better than `sigma` at foretelling the next minutes, and
worse on some: after bursts it raises sigma by more than what followed. It is a precaution.

Source: this project's definition (override at once, decay by an own half-life, other markets too);
the moments of D are those of an Ornstein-Uhlenbeck process.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import AGGRESSOR, CLOCK, CONTEXT, REFERENCES
from simmm.jit import kernel
from simmm.math import clip, exp, floor_int, is_finite, log, sqrt

ROW = "E4"
HEARS = (CLOCK, AGGRESSOR, CONTEXT)
READS = ("sigma", "filtered_sigma", "hawkes_base", "hawkes_branching", "hawkes_intensity")
SILENCE = "prior"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(("sigma_effective",), "it is that of `sigma`, which widens")

OPEN_INTEREST, BURST, REFERENCE_MOVE, REFERENCE_OPEN_INTEREST = 1.0, 2.0, 4.0, 8.0
MARKETS = 1 + REFERENCES
SLOTS = 8  # a window of open interest is kept as the maxima of its eighths
REFERENCE_MOVES = 20.0
FORGOTTEN = 20.0  # half-lives after which strength is 0
LARGEST_DEVIATION = 10.0  # of a logarithm
ALL = 1e12  # lots, and a bound of prices' ratios
NS_PER_S = 1_000_000_000.0
LN2 = 0.6931471805599453
Z95 = 1.959963984540054

PARAMETERS = parameters(
    oi_threshold=Parameter(0.02, "fraction", "drop of open interest", low=1e-4, high=0.99),
    oi_window_s=Parameter(60.0, "s", "in which it drops", low=1e-2, high=1e5, time_power=1.0),
    burst_s=Parameter(2.0, "s", "memory of volume and move", low=1e-2, high=1e3, time_power=1.0),
    burst_level_s=Parameter(
        300.0, "s", "memory of what volume is usual", low=1e-1, high=1e6, time_power=1.0
    ),
    burst_factor=Parameter(10.0, "", "times usual that is a burst", low=1.0, high=1e3),
    burst_share=Parameter(0.8, "", "of volume on the aggressive side", low=0.5, high=1.0),
    burst_move=Parameter(8.0, "deviations", "of the price in a burst", low=0.0, high=1e3),
    liquidations=Parameter(3.0, "aggressors", "flagged ones that are a burst", low=1.0, high=1e6),
    warm_up=Parameter(50, "aggressors", "before bursts are looked for", low=1, high=1_000_000),
    reference_move=Parameter(12.0, "deviations", "of a reference's mid", low=1.0, high=1e3),
    reference_half_life_s=Parameter(
        300.0, "s", "of a reference's sigma", low=1e-1, high=1e6, time_power=1.0
    ),
    half_life_s=Parameter(60.0, "s", "of the strength", low=1e-2, high=1e5, time_power=1.0),
    override_factor=Parameter(5.0, "", "of sigma before, at strength 1", low=1.0, high=100.0),
    max_sigma=Parameter(
        1e-3, "fraction/√s", "the override stays below", low=1e-8, high=1.0, time_power=-0.5
    ),
    kappa_factor=Parameter(0.25, "", "of kappa, at strength 1", low=0.001, high=1.0),
)
RULES = (rising("burst_s", "burst_level_s"),)

BELIEFS = (
    Belief(
        "sigma_effective",
        "fraction/√s",
        "the larger of sigma and the cascade's override",
        law="lognormal",
        time_power=-0.5,
    ),
    Belief("cascade", "", "strength of the cascade, 1 at its trigger", law="code"),
    Belief("cascades", "", "cascades so far", law="code"),
    Belief(
        "cascade_cause",
        "",
        "of the last trigger: 1 open interest, 2 burst, 4 reference's move, 8 its open interest",
        law="code",
    ),
    Belief("cascade_kappa_factor", "", "what kappa is to be multiplied by", law="code"),
)

Track = np.dtype(  # of one price
    [
        ("last_mid", "f8"),  # quanta; 0: none yet
        ("last_ts", "i8"),  # ns
        ("move", "f8"),  # D
        ("seconds", "f8"),  # V
        ("weight", "f8"),  # s; what follows is of references only
        ("square", "f8"),  # weighted sum of squared changes
        ("moves", "f8"),  # weighted number
    ],
    align=True,
)
State = np.dtype(
    [
        ("heard_ts", "i8"),  # ns; 0: nothing yet
        # The cascade
        ("trigger_ts", "i8"),
        ("cascades", "i8"),
        ("cause", "f8"),
        ("before", "f8"),  # sigma before it
        # The burst
        ("flow_ts", "i8"),
        ("flow", "f8", (2,)),  # lots of late, of sellers and buyers
        ("liquidated", "f8"),  # flagged liquidations of late
        ("aggressors", "i8"),
        ("tick_ts", "i8"),  # ns
        ("level", "f8"),  # weighted sum of squared flow, s
        ("level_weight", "f8"),  # s
        # Prices: the own mid, then references
        ("price", Track, (MARKETS,)),
        # Open interest: maxima by slot of time
        ("slot", "i8", (MARKETS, SLOTS)),
        ("largest", "f8", (MARKETS, SLOTS)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.heard_ts = 0
    s.trigger_ts = 0
    s.cascades = 0
    s.cause = 0.0
    s.before = 0.0
    s.flow_ts = 0
    s.flow[0] = 0.0
    s.flow[1] = 0.0
    s.liquidated = 0.0
    s.aggressors = 0
    s.tick_ts = 0
    s.level = 0.0
    s.level_weight = 0.0
    for k in range(MARKETS):
        track = s.price[k]
        track.last_mid = 0.0
        track.last_ts = 0
        track.move = 0.0
        track.seconds = 0.0
        track.weight = 0.0
        track.square = 0.0
        track.moves = 0.0
        for j in range(SLOTS):
            s.slot[k, j] = -1
            s.largest[k, j] = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Look whether this is a cascade."""
    cause = 0.0
    if o.kind == CONTEXT:
        cause = _open_interest(s, p, o)
    elif o.kind == AGGRESSOR:
        cause = _burst(s, p, o, b)
    else:
        _flow_on(s, p, o.now)
        _usual_on(s, p, o.now)
        _price_on(s.price[0], o.now, o.mid, p.burst_s)
        for k in range(REFERENCES):
            if _reference(s.price[1 + k], p, o.now, o.reference_mid[k]):
                cause = REFERENCE_MOVE
    s.heard_ts = o.now
    if cause > 0.0:
        if _strength(s, p, o.now) < 0.5:
            s.cascades += 1
            s.before = min(b.sigma if b.sigma > 0.0 else b.filtered_sigma, p.max_sigma)
        s.trigger_ts = o.now
        s.cause = cause


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.heard_ts if s.heard_ts > 0 else -1
    strength = _strength(s, p, now)
    b.cascade = strength
    b.cascade_age_ns = age
    b.cascades = float(s.cascades)
    b.cascades_age_ns = age
    b.cascade_cause = s.cause
    b.cascade_cause_age_ns = now - s.trigger_ts if s.cascades > 0 else -1
    b.cascade_kappa_factor = 1.0 - (1.0 - p.kappa_factor) * strength
    b.cascade_kappa_factor_age_ns = age
    known = b.sigma > 0.0
    b.sigma_effective = b.sigma if known else 0.0
    b.sigma_effective_sd = max(b.sigma_sd, 0.0) if known else 0.0
    b.sigma_effective_low = clip(b.sigma_low, 0.0, b.sigma) if known else 0.0
    b.sigma_effective_high = max(b.sigma_high, b.sigma) if known else 0.0
    b.sigma_effective_age_ns = max(b.sigma_age_ns, 0) if known else -1
    if not (strength > 0.0 and s.before > 0.0):
        return
    value = min(s.before * (1.0 + (p.override_factor - 1.0) * strength), p.max_sigma)
    if not value > b.sigma:
        return
    distance = 0.5 * log(value / (b.sigma if known else s.before))
    own = clip(b.sigma_sd / b.sigma, 0.0, LARGEST_DEVIATION) if known else 0.0
    deviation = min(sqrt(distance * distance + own * own), LARGEST_DEVIATION)
    factor = exp(Z95 * deviation)
    b.sigma_effective = value
    b.sigma_effective_sd = deviation * value
    b.sigma_effective_low = value / factor
    b.sigma_effective_high = value * factor
    since = now - s.trigger_ts
    b.sigma_effective_age_ns = min(since, max(b.sigma_age_ns, 0)) if known else since


@kernel
def _strength(s: Any, p: Any, now: int) -> float:
    """1 at a trigger, halved each half-life since."""
    if s.cascades == 0:
        return 0.0
    lives = float(now - s.trigger_ts) / NS_PER_S / p.half_life_s
    if not lives < FORGOTTEN:
        return 0.0
    return exp(-LN2 * lives) if lives > 0.0 else 1.0


@kernel
def _open_interest(s: Any, p: Any, o: Any) -> float:
    """Take in one market's open interest; return the cause it is, or 0."""
    if not (o.open_interest > 0.0 and is_finite(o.open_interest) and 0 <= o.market < MARKETS):
        return 0.0
    k = int(o.market)
    slot = floor_int(float(o.now) / (p.oi_window_s * NS_PER_S / SLOTS))
    largest = o.open_interest
    for j in range(SLOTS):
        if slot - SLOTS < s.slot[k, j] <= slot and s.slot[k, j] >= 0:
            largest = max(largest, s.largest[k, j])
    j = slot % SLOTS
    fallen = o.open_interest < (1.0 - p.oi_threshold) * largest
    if fallen:  # the same fall is not told again
        for i in range(SLOTS):
            s.slot[k, i] = -1
    if s.slot[k, j] == slot:
        s.largest[k, j] = max(s.largest[k, j], o.open_interest)
    else:
        s.slot[k, j] = slot
        s.largest[k, j] = o.open_interest
    if not fallen:
        return 0.0
    return OPEN_INTEREST if k == 0 else REFERENCE_OPEN_INTEREST


@kernel
def _burst(s: Any, p: Any, o: Any, b: Any) -> float:
    """Take in one aggressor; return the cause it is, or 0."""
    if not (o.lots > 0.0 and is_finite(o.lots) and (o.side == 1.0 or o.side == -1.0)):
        return 0.0
    _flow_on(s, p, o.now)
    track = s.price[0]
    _price_on(track, o.now, o.mid, p.burst_s)
    side = 1 if o.side > 0.0 else 0
    s.flow[side] += min(o.lots, ALL)
    s.aggressors += 1
    if o.liquidation == 1.0:
        s.liquidated += 1.0
        if s.liquidated > p.liquidations - 0.5:
            return BURST
    if s.aggressors <= p.warm_up or not b.sigma > 0.0:
        return 0.0
    if s.flow[side] < p.burst_share * (s.flow[0] + s.flow[1]):
        return 0.0
    usual = s.flow[side] * s.flow[side] * s.level_weight
    many = s.level > 0.0 and usual > p.burst_factor * p.burst_factor * s.level
    if b.hawkes_base > 0.0 and b.hawkes_branching < 1.0:
        mean = b.hawkes_base / (1.0 - b.hawkes_branching)
        many = many or b.hawkes_intensity > p.burst_factor * mean
    if not many or not (o.mid > 0.0 and 0.0 <= o.half_spread <= 1.0 and is_finite(o.reach)):
        return 0.0
    move = o.side * track.move + clip(o.reach - o.half_spread, 0.0, 1.0)
    deviation = b.sigma * sqrt(max(track.seconds, 0.5 * p.burst_s))
    return BURST if move > max(p.burst_move * deviation, 2.0 * o.half_spread) else 0.0


@kernel
def _flow_on(s: Any, p: Any, now: int) -> None:
    """Let the volume of late age."""
    seconds = float(now - s.flow_ts) / NS_PER_S
    s.flow_ts = now
    if seconds > 0.0:
        keep = exp(-seconds / p.burst_s)
        s.flow[0] *= keep
        s.flow[1] *= keep
        s.liquidated *= keep


@kernel
def _usual_on(s: Any, p: Any, now: int) -> None:
    """Take the volume of late, at a tick of the clock, into what is usual."""
    seconds = min(float(now - s.tick_ts) / NS_PER_S, p.burst_s)  # a gap counts as one look
    s.tick_ts = now
    if s.aggressors == 0 or not seconds > 0.0:
        return
    keep = exp(-seconds / p.burst_level_s)
    larger = max(s.flow[0], s.flow[1])
    s.level = keep * s.level + seconds * larger * larger
    s.level_weight = keep * s.level_weight + seconds


@kernel
def _price_on(track: Any, now: int, mid: float, burst_s: float) -> float:
    """Let D and V age and take in a mid; return the seconds since the last one, 0 if none."""
    if not (0.0 < mid < ALL * ALL):
        return 0.0
    last = track.last_mid
    seconds = float(now - track.last_ts) / NS_PER_S
    if last == 0.0 or not 1.0 / ALL < mid / last < ALL:
        track.last_mid = mid
        track.last_ts = now
        track.move = 0.0
        track.seconds = 0.0
        return 0.0
    if seconds > 0.0:
        keep = exp(-seconds / burst_s)
        track.move *= keep
        track.seconds = keep * keep * track.seconds + seconds
        track.last_ts = now
    if mid != last:
        track.move += log(mid / last)
        track.last_mid = mid
    return max(seconds, 0.0)


@kernel
def _reference(track: Any, p: Any, now: int, mid: float) -> bool:
    """Take in a reference's mid; return whether it moved as in a cascade."""
    last = track.last_mid
    seconds = _price_on(track, now, mid, p.burst_s)
    if not seconds > 0.0:
        return False
    cascade = False
    if track.moves > REFERENCE_MOVES:
        variance = track.square / track.weight * max(track.seconds, 0.5 * p.burst_s)
        cascade = track.move * track.move > p.reference_move * p.reference_move * variance
    keep = exp(-LN2 * seconds / p.reference_half_life_s)
    change = log(mid / last)
    track.weight = keep * track.weight + seconds
    track.square = keep * track.square + change * change
    track.moves = keep * track.moves + (1.0 if change != 0.0 else 0.0)
    return cascade
