"""E11: the kappa that strategies read, blended from book, robust and own kappa.

Writes `kappa`, how fills thin out with distance from the mid. Sources may disagree by far (own
fills see a queue, reach doesn't): the weights tell which one speaks. Widen by `kappa_sd`, or use
`kappa_low`. With `kappa` start from the rate at the touch, `aggressor_rate`; `arrival` (E18) goes
with `market_kappa`.

On the log scale, with weights that sum to 1,

    ln kappa = sum of w_i ln kappa_i,

own kappa's weight n / (n + `own_strength`), n its effective fills, 0 until `warm_up_fills` own
fills came (from then on it takes part for good: fills that are forgotten don't bring warm-up back).
The rest is shared by book and robust kappa in proportion to (kappa_i / sd_i)^2; where neither is
known it is the market's kappa's, and where that is unknown too, the prior's. The sources share
data: book is calibrated to the market's kappa, robust sees the market's trades, own has the
market's kappa as prior. So the blend's relative sd is the weighted sum of theirs, as if their
errors were one: right if they are, too wide if they aren't, never too narrow while each source is
honest.

Each tick moves ln kappa by 1 - `smoothing` of the way, and its sd alike. At reading, the override
of a cascade (`cascade_kappa_factor`) multiplies at once, then `floor` holds.

Fill-starved: over the time quoted, fills and hours are counted with half-life `rate_half_life_s`.
Once `starved_after_s` were quoted and the rate is below `minimum_fills_per_hour`, `fill_starved` is
1 and `starved_spread_factor` approaches 1 + (`starved_factor` - 1) (1 - rate / minimum) with the
time constant `starved_ramp_s`; it goes back to 1 as it came. Stagnant: own weight below 1/2 after
`stagnant_after_s` of quoting.

Repeated rows of a fill count once; order doesn't matter. While the market is unknown the value
stays and its variance grows as in `silence.py`, by `unseen_half_life_s`, up to the prior's; time
without quotes changes nothing. Wrong where all sources are wrong alike: the weighted sum measures
no common bias.

On tapes: at foretelling how far aggressors reach, no better than a rolling mean and on some worse;
what it says of own fills is more, and has no baseline there.

Source: logarithmic pooling (Genest and Zidek, 1986), with dependence bounded by perfect
correlation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import CLOCK, FILL, GAP
from simmm.estimators.silence import SILENT, count_unknown, grown, start_silence
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

ROW = "E11"
HEARS = (CLOCK, FILL, GAP)
READS = (
    "market_kappa",
    "book_kappa",
    "robust_kappa",
    "own_kappa",
    "exposure_fills",
    "cascade_kappa_factor",
)
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    own_strength=Parameter(10.0, "fills", "that give own kappa a weight of 1/2", 0.1, 1e6),
    warm_up_fills=Parameter(5, "fills", "own, before own kappa takes part", low=0, high=1_000_000),
    smoothing=Parameter(0.9, "", "weight of the tick before in ln kappa", low=0.0, high=0.9999),
    vaguest=Parameter(1.0, "", "relative sd above which a source is left out", 0.01, 100.0),
    floor=Parameter(1.0, "1/fraction", "lower bound at reading", low=1.0, high=1e6),
    prior_kappa=Parameter(2000.0, "1/fraction", "where no source knows any", low=1.0, high=1e7),
    prior_log_sd=Parameter(0.5, "", "its standard deviation, of ln kappa", low=0.01, high=10.0),
    minimum_fills_per_hour=Parameter(
        6.0, "1/h", "rate below which quotes are starved", low=0.0, high=1e6, time_power=-1.0
    ),
    rate_half_life_s=Parameter(
        1800.0, "s", "time quoted that halves weights in the rate", 1.0, 1e8, time_power=1.0
    ),
    starved_after_s=Parameter(
        1800.0, "s", "time quoted before starving is called", low=0.0, high=1e8, time_power=1.0
    ),
    starved_factor=Parameter(1.5, "", "of the spread, without any fills", low=1.0, high=100.0),
    starved_ramp_s=Parameter(
        600.0, "s", "time constant of the widening", low=1e-3, high=1e8, time_power=1.0
    ),
    stagnant_after_s=Parameter(
        3600.0, "s", "time quoted before stagnation is called", low=0.0, high=1e8, time_power=1.0
    ),
    unseen_half_life_s=Parameter(
        600.0, "s", "time unknown that doubles the variance; 0: none", 0.0, 1e9, time_power=1.0
    ),
    longest_s=Parameter(
        60.0, "s", "longest time between ticks that counts", low=1e-3, high=1e6, time_power=1.0
    ),
)

BELIEFS = (
    Belief("kappa", "1/fraction", "decay of fill intensity by distance, blended", law="lognormal"),
    Belief("own_weight", "", "of own kappa in it", law="code"),
    Belief("book_weight", "", "of book kappa in it", law="code"),
    Belief("robust_weight", "", "of robust kappa in it", law="code"),
    Belief("market_weight", "", "of the market's kappa, or the prior, in it", law="code"),
    Belief("fill_starved", "", "1: fewer own fills than the least rate", law="code"),
    Belief("starved_spread_factor", "", "what starving widens spreads by, >= 1", law="code"),
    Belief("kappa_stagnant", "", "1: own weight below 1/2 for too long", law="code"),
)

State = np.dtype(
    [
        ("log_kappa", "f8"),
        ("deviation", "f8"),  # of it
        ("kappa", "f8"),
        *SILENT,
        ("told", "f8"),  # deviation with what silence adds
        ("bound", "f8"),  # exp(1.96 told)
        ("informed", "i8"),  # 1: from a source that heard data
        ("informed_ts", "i8"),  # ns, of the newest of them
        ("own_weight", "f8"),
        ("book_weight", "f8"),
        ("robust_weight", "f8"),
        ("market_weight", "f8"),
        ("fills", "i8"),  # own, ever
        ("warm", "i8"),  # 1: own kappa takes part; never goes back
        ("fill_ts", "i8"),  # exchange's clock, of the last own fill
        ("rate_fills", "f8"),  # weighted
        ("rate_hours", "f8"),  # weighted
        ("quoted_s", "f8"),  # ever
        ("hunger", "f8"),  # 0 to 1, what the widening follows
        ("starved", "i8"),
        ("tick_ts", "i8"),  # ns; -1: none since an interruption
        ("quoting", "i8"),  # 1: orders rested at the last tick
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior."""
    s.log_kappa = log(p.prior_kappa)
    s.deviation = p.prior_log_sd
    s.informed = 0
    s.informed_ts = -1
    s.own_weight = 0.0
    s.book_weight = 0.0
    s.robust_weight = 0.0
    s.market_weight = 1.0
    s.fills = 0
    s.warm = 0
    s.fill_ts = 0
    s.rate_fills = 0.0
    s.rate_hours = 0.0
    s.quoted_s = 0.0
    s.hunger = 0.0
    s.starved = 0
    s.tick_ts = -1
    s.quoting = 0
    start_silence(s)
    _conclude(s, p)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Count a fill; at the clock, blend."""
    if o.kind == GAP:
        s.tick_ts = -1
    elif o.kind == FILL:
        if s.fills == 0 or s.fill_ts != o.exch_ts:
            s.fills += 1
            s.rate_fills += 1.0
        s.fill_ts = o.exch_ts
    else:
        changed = count_unknown(s, o.mid > 0.0, o.now, p.unseen_half_life_s)
        if o.mid > 0.0:
            _count_time(s, p, o)
            _blend(s, p, o, b)
            _conclude(s, p)
        else:
            s.tick_ts = -1
            if changed and s.informed == 1:
                _conclude(s, p)


@kernel
def _count_time(s: Any, p: Any, o: Any) -> None:
    """Count the time quoted, and follow the rate of fills."""
    seconds = 1e-9 * (o.now - s.tick_ts)
    if s.tick_ts >= 0 and 0.0 < seconds <= p.longest_s and s.quoting == 1:
        keep = exp(-0.6931471805599453 * seconds / p.rate_half_life_s)
        s.quoted_s += seconds
        s.rate_fills *= keep
        s.rate_hours = keep * s.rate_hours + seconds / 3600.0
        wanted = p.minimum_fills_per_hour * s.rate_hours
        starved = s.quoted_s >= p.starved_after_s and s.rate_fills < wanted
        s.starved = 1 if starved else 0
        target = 1.0 - s.rate_fills / wanted if starved else 0.0
        s.hunger += (1.0 - exp(-seconds / p.starved_ramp_s)) * (target - s.hunger)
    s.tick_ts = o.now
    s.quoting = 1 if o.own[0] + o.own[1] > 0 else 0


@kernel
def _known(value: float, deviation: float, age_ns: int, vaguest: float) -> bool:
    """Whether a source says anything that can be used."""
    return age_ns >= 0 and 1e-3 <= value <= 1e9 and 0.0 <= deviation <= vaguest * value


@kernel
def _precision(value: float, deviation: float) -> float:
    ratio = max(deviation / value, 1e-6)
    return 1.0 / (ratio * ratio)


@kernel
def _blend(s: Any, p: Any, o: Any, b: Any) -> None:
    if s.fills >= p.warm_up_fills:
        s.warm = 1
    fills = clip(b.exposure_fills, 0.0, 1e12)
    own = 0.0
    if s.warm == 1 and _known(b.own_kappa, b.own_kappa_sd, b.own_kappa_age_ns, p.vaguest):
        own = fills / (fills + p.own_strength)
    book, robust = 0.0, 0.0
    if _known(b.book_kappa, b.book_kappa_sd, b.book_kappa_age_ns, p.vaguest):
        book = _precision(b.book_kappa, b.book_kappa_sd)
    if _known(b.robust_kappa, b.robust_kappa_sd, b.robust_kappa_age_ns, p.vaguest):
        robust = _precision(b.robust_kappa, b.robust_kappa_sd)
    whole = book + robust
    s.own_weight = own
    s.book_weight = (1.0 - own) * book / whole if whole > 0.0 else 0.0
    s.robust_weight = (1.0 - own) * robust / whole if whole > 0.0 else 0.0
    s.market_weight = 0.0 if whole > 0.0 else 1.0 - own
    value, deviation, age = 0.0, 0.0, -1
    if s.own_weight > 0.0:
        value += s.own_weight * log(b.own_kappa)
        deviation += s.own_weight * b.own_kappa_sd / b.own_kappa
        age = b.own_kappa_age_ns
    if s.book_weight > 0.0:
        value += s.book_weight * log(b.book_kappa)
        deviation += s.book_weight * b.book_kappa_sd / b.book_kappa
        age = b.book_kappa_age_ns if age < 0 else min(age, b.book_kappa_age_ns)
    if s.robust_weight > 0.0:
        value += s.robust_weight * log(b.robust_kappa)
        deviation += s.robust_weight * b.robust_kappa_sd / b.robust_kappa
        age = b.robust_kappa_age_ns if age < 0 else min(age, b.robust_kappa_age_ns)
    if s.market_weight > 0.0:
        if _known(b.market_kappa, b.market_kappa_sd, b.market_kappa_age_ns, p.vaguest):
            value += s.market_weight * log(b.market_kappa)
            deviation += s.market_weight * b.market_kappa_sd / b.market_kappa
            age = b.market_kappa_age_ns if age < 0 else min(age, b.market_kappa_age_ns)
        else:
            value += s.market_weight * log(p.prior_kappa)
            deviation += s.market_weight * p.prior_log_sd
    deviation = min(deviation, 10.0)
    if age >= 0 and s.informed == 0:  # the prior is left at once
        s.log_kappa, s.deviation = value, deviation
        s.informed = 1
    elif age >= 0 or s.informed == 0:
        s.log_kappa += (1.0 - p.smoothing) * (value - s.log_kappa)
        s.deviation += (1.0 - p.smoothing) * (deviation - s.deviation)
        if s.excess > 0.0:  # seen again: the sources say what they missed
            s.deviation = max(deviation, s.deviation)
            s.excess = 0.0
    if age >= 0:
        s.informed_ts = max(s.informed_ts, o.now - age)


@kernel
def _conclude(s: Any, p: Any) -> None:
    s.kappa = exp(s.log_kappa)
    s.told = s.deviation
    if s.excess > 0.0:
        widest = p.prior_log_sd * p.prior_log_sd
        s.told = sqrt(grown(s.deviation * s.deviation, s.excess, widest))
    s.bound = exp(1.959963984540054 * s.told)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.informed_ts if s.informed_ts >= 0 else -1
    factor = 1.0
    if b.cascade_kappa_factor_age_ns >= 0 and 0.0 < b.cascade_kappa_factor <= 1.0:
        factor = b.cascade_kappa_factor
    kappa = max(s.kappa * factor, p.floor)
    b.kappa = kappa
    b.kappa_sd = kappa * s.told
    b.kappa_low = kappa / s.bound
    b.kappa_high = kappa * s.bound
    b.kappa_age_ns = age
    b.own_weight = s.own_weight
    b.own_weight_age_ns = age
    b.book_weight = s.book_weight
    b.book_weight_age_ns = age
    b.robust_weight = s.robust_weight
    b.robust_weight_age_ns = age
    b.market_weight = s.market_weight
    b.market_weight_age_ns = age
    quoted = now - s.tick_ts if s.quoted_s > 0.0 and s.tick_ts >= 0 else -1
    b.fill_starved = float(s.starved)
    b.fill_starved_age_ns = quoted
    b.starved_spread_factor = 1.0 + (p.starved_factor - 1.0) * s.hunger
    b.starved_spread_factor_age_ns = quoted
    stagnant = s.quoted_s >= p.stagnant_after_s and s.own_weight < 0.5
    b.kappa_stagnant = 1.0 if stagnant else 0.0
    b.kappa_stagnant_age_ns = quoted
