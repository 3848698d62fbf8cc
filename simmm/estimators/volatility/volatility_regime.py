"""E5: Low, Normal, High or Extreme: sigma against its own long-run level.

Model: log sigma (E14's) varies about a level that is taken as constant over `half_life_s`. It is
averaged over time within batches of an eighth of that, long enough for their means x to be nearly
independent, and these by weights w that halve in `half_life_s`:

    level = sum(w x) / sum(w),     Var(level) = S^2 / n,     n = sum(w)^2 / sum(w^2)

S is the deviation of the means, of n - 1 degrees of freedom and four more at `usual_sd`. Then
`volatility_level` = sigma / exp(level), whose logarithm has sigma's own relative variance and
Var(level), the latter widened as Student's law asks.

The regime rises past `normal_up`, `high_up` and `extreme_up`, and falls below `high_down`,
`normal_down` and `low_down`, each named by the regime that is entered; a scenario whose `_down`
lies above the `_up` of the same border is refused. It rises at once, and falls when it has lasted
`dwell_s`. `volatility_regime_probability` is that of the ratio being where the present regime would
stay.

Where it is wrong: a level that moves within a half-life, as it does by time of day, is followed too
slowly, and sigma's own lag is the regime's. In the first batch the ratio is near 1 by construction,
and its interval says how little that means: after 57 minutes it is 1.37 times as wide as that of
one who knows how log sigma relaxes, which is not assumed here and lets him see within the batch how
much its means will vary.

While the mid or sigma is unknown values stay, and sigma may wander from where it was as far as the
means of batches differ: the variance of the ratio's logarithm grows by t / batch of `usual_sd`^2,
at most all of that. Such ticks change nothing else. Duplicates take no time and change nothing.

On tapes: on the one long tape the minute after High or Extreme had about twice the usual variance;
on short ones too few such minutes came to tell. It says what is, by `sigma`; it foretells no
change.

Source: batch means as in Conway (1963); Student's factor by its expansion in 1 / freedom.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import CLOCK
from simmm.jit import kernel
from simmm.math import clip, exp, is_finite, log, normal_cdf, sqrt

ROW = "E5"
HEARS = (CLOCK,)
READS = ("sigma",)
SILENCE = "hold"
APPROXIMATE = ""

LOW, NORMAL, HIGH, EXTREME = 0, 1, 2, 3
BATCHES = 8.0  # in a half-life
PRIOR_FREEDOM = 4.0
LARGEST_DEVIATION = 10.0  # of log sigma
LARGEST_LOG = 100.0
NS_PER_S = 1_000_000_000.0
Z95 = 1.959963984540054

PARAMETERS = parameters(
    half_life_s=Parameter(
        28_800.0, "s", "of the level: a third of a day", low=1.0, high=1e8, time_power=1.0
    ),
    usual_sd=Parameter(0.25, "", "of a batch's mean log sigma, before data", low=0.01, high=5.0),
    low_down=Parameter(0.6, "", "Normal to Low, sigma over its level", low=0.01, high=1.0),
    normal_up=Parameter(0.7, "", "Low to Normal", low=0.01, high=1.0),
    normal_down=Parameter(1.35, "", "High to Normal", low=1.0, high=10.0),
    high_up=Parameter(1.6, "", "Normal to High", low=1.0, high=10.0),
    high_down=Parameter(2.4, "", "Extreme to High", low=1.0, high=100.0),
    extreme_up=Parameter(3.0, "", "High to Extreme", low=1.0, high=100.0),
    dwell_s=Parameter(30.0, "s", "a regime lasts before a fall", low=0.0, high=1e5, time_power=1.0),
)
RULES = (
    rising("low_down", "normal_up"),
    rising("normal_down", "high_up", "extreme_up"),
    rising("high_down", "extreme_up"),
)

BELIEFS = (
    Belief("volatility_level", "", "sigma over its long-run level", law="lognormal"),
    Belief("volatility_regime", "", "0 Low, 1 Normal, 2 High, 3 Extreme", law="code"),
    Belief(
        "volatility_regime_probability",
        "",
        "that sigma's ratio lies where this regime stays",
        law="code",
    ),
)

State = np.dtype(
    [
        ("tick_ts", "i8"),  # ns; 0: none yet
        ("last_ts", "i8"),  # of the newest sigma
        ("told", "i8"),  # sigmas taken in
        # The batch that runs
        ("seconds", "f8"),
        ("summed", "f8"),  # of log sigma times seconds
        # Batches closed
        ("weight", "f8"),
        ("weight_squared", "f8"),
        ("average", "f8"),
        ("squares", "f8"),  # weighted, about the mean
        # What is believed
        ("regime", "i8"),
        ("regime_ts", "i8"),  # ns, since when
        ("log_ratio", "f8"),
        ("deviation", "f8"),  # of it
        ("seen_deviation", "f8"),  # the same at the last tick that told sigma
        ("probability", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Take sigma for normal."""
    s.tick_ts = 0
    s.last_ts = 0
    s.told = 0
    s.seconds = 0.0
    s.summed = 0.0
    s.weight = 0.0
    s.weight_squared = 0.0
    s.average = 0.0
    s.squares = 0.0
    s.regime = NORMAL
    s.regime_ts = 0
    s.log_ratio = 0.0
    s.deviation = p.usual_sd
    s.seen_deviation = p.usual_sd
    s.probability = _probability(s, p)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Look at sigma at a tick of the clock."""
    batch = p.half_life_s / BATCHES
    if not (o.mid > 0.0 and is_finite(o.mid) and b.sigma > 0.0 and is_finite(b.sigma)):
        if s.told > 0:
            share = clip(float(o.now - s.last_ts) / NS_PER_S / batch, 0.0, 1.0)
            away = share * p.usual_sd * p.usual_sd
            s.deviation = sqrt(s.seen_deviation * s.seen_deviation + away)
            s.probability = _probability(s, p)
        return
    log_sigma = log(b.sigma)
    seconds = 0.0
    if s.told > 0:  # a gap counts as no more than an eighth of a batch
        seconds = clip(float(o.now - s.tick_ts) / NS_PER_S, 0.0, batch / 8.0)
    else:
        s.regime_ts = o.now
        s.average = log_sigma
    s.told += 1
    s.tick_ts = o.now
    s.last_ts = o.now
    s.seconds += seconds
    s.summed += seconds * log_sigma
    level, variance = _level(s, p, batch)
    relative = clip(b.sigma_sd / b.sigma, 0.0, LARGEST_DEVIATION)
    s.log_ratio = clip(log_sigma - level, -LARGEST_LOG, LARGEST_LOG)
    s.deviation = min(sqrt(relative * relative + variance), LARGEST_DEVIATION)
    s.seen_deviation = s.deviation
    if s.seconds >= batch:
        _close_batch(s)
    _choose(s, p, o.now)
    s.probability = _probability(s, p)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.last_ts if s.told > 0 else -1
    value = exp(s.log_ratio)
    factor = exp(Z95 * s.deviation)
    b.volatility_level = value
    b.volatility_level_sd = value * s.deviation
    b.volatility_level_low = value / factor
    b.volatility_level_high = value * factor
    b.volatility_level_age_ns = age
    b.volatility_regime = float(s.regime)
    b.volatility_regime_age_ns = age
    b.volatility_regime_probability = s.probability
    b.volatility_regime_probability_age_ns = age


@kernel
def _level(s: Any, p: Any, batch: float) -> tuple[float, float]:
    """Mean log sigma with the running batch by its share, and the variance of that mean."""
    share = s.seconds / batch
    if not share > 0.0:  # the first tick
        return float(s.average), _widened(p.usual_sd * p.usual_sd, PRIOR_FREEDOM)
    weight = s.weight + share
    level = (s.weight * s.average + share * (s.summed / s.seconds)) / weight
    effective = weight * weight / (s.weight_squared + share * share)
    freedom = PRIOR_FREEDOM
    squares = PRIOR_FREEDOM * p.usual_sd * p.usual_sd
    if s.weight_squared > 0.0:
        own = s.weight * s.weight / s.weight_squared - 1.0
        if own > 0.01:
            freedom += own
            squares += own * s.squares / (s.weight - s.weight_squared / s.weight)
    return level, _widened(squares / freedom / effective, freedom)


@kernel
def _widened(variance: float, freedom: float) -> float:
    """Variance of the normal law whose 95 % interval is about Student's of that freedom."""
    factor = 1.0 + 1.21 / freedom + 1.44 / (freedom * freedom)
    return variance * factor * factor


@kernel
def _close_batch(s: Any) -> None:
    """Take the running batch in with weight 1."""
    x = s.summed / s.seconds
    keep = exp(-0.6931471805599453 / BATCHES)
    before = keep * s.weight
    away = x - s.average
    s.weight = before + 1.0
    s.weight_squared = keep * keep * s.weight_squared + 1.0
    s.average += away / s.weight
    s.squares = keep * s.squares + before / s.weight * away * away
    s.seconds = 0.0
    s.summed = 0.0


@kernel
def _border_up(p: Any, regime: int) -> float:
    """Ratio above which a regime is left upwards."""
    if regime == LOW:
        return float(p.normal_up)
    return float(p.high_up) if regime == NORMAL else float(p.extreme_up)


@kernel
def _border_down(p: Any, regime: int) -> float:
    """Ratio below which a regime is left downwards."""
    if regime == NORMAL:
        return float(min(p.low_down, p.normal_up))
    if regime == HIGH:
        return float(min(p.normal_down, p.high_up))
    return float(min(p.high_down, p.extreme_up))


@kernel
def _choose(s: Any, p: Any, now: int) -> None:
    """Rise as far as the ratio is, or fall if the regime has lasted."""
    ratio = exp(s.log_ratio)
    regime = s.regime
    while regime < EXTREME and ratio > _border_up(p, regime):
        regime += 1
    if float(now - s.regime_ts) >= p.dwell_s * NS_PER_S:
        while regime > LOW and ratio < _border_down(p, regime):
            regime -= 1
    if regime != s.regime:
        s.regime = regime
        s.regime_ts = now


@kernel
def _probability(s: Any, p: Any) -> float:
    """Of the ratio between the borders of the present regime."""
    deviation = max(s.deviation, 1e-12)
    above = 1.0
    if s.regime < EXTREME:
        above = normal_cdf((log(_border_up(p, s.regime)) - s.log_ratio) / deviation)
    below = 0.0
    if s.regime > LOW:
        below = normal_cdf((log(_border_down(p, s.regime)) - s.log_ratio) / deviation)
    return clip(above - below, 0.0, 1.0)
