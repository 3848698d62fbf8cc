"""E9: kappa from the book's shape: how fast depth per level falls with distance.

Model: the size shown at distance x from the mid, level by level, is exp(c_side - k x) times
lognormal noise. Every `sample_s`, log lots of both sides are regressed on distance, each side with
its own constant and one slope -k (cumulated depth has no such slope: on an exact book it gives the
wrong sign). A level counts with the least it showed at its price over the last `persistence` books,
so size that flashes doesn't, and a price that wasn't there doesn't; prices that an earlier book
didn't reach down to are not held against it.

Slopes are averaged over time with exponential weights of `half_life_s`; w is the weight of the
newest in the average. Successive books are nearly the same book: the error of a slope, of standard
error s_t, is taken to be autocorrelated as exp(-dt / `memory_s`), and the variance V of the average
follows exactly:

    C <- (1 - w) r C + w s_t^2,  V <- (1 - w)^2 V + 2 w (1 - w) r C' + w^2 s_t^2,

with r the autocorrelation and C' the C before. R^2 is told (`book_fit`) but is no precision:
without any slope its mean is one over the degrees of freedom.

The book's slope is not the decay of the intensity of fills. With `calibrate` it is multiplied by
`book_ratio`: the average of ln(market kappa / slope), `ratio_half_life_s`, shrunk to 0 by a prior
of standard deviation `ratio_log_sd`, whose uncertainty enters the interval; errors of the market's
kappa are taken to last `ratio_memory_s`. What the calibrated book adds to the market's kappa is
then its changes.

Of a side at most 20 levels are seen, and none beyond the first 512 prices from the touch: on a grid
so fine that levels lie many steps apart there are few, and with fewer than `least_levels` nothing
is said. Ticks of one time count once. In silence the value stays and its variance grows as in
`silence.py`; an interruption forgets the books compared, not the slope. Wrong where the book isn't
exponential (a hump away from the touch lowers k), where size is hidden, and where noise outlasts
`memory_s`: intervals then are too narrow.

On tapes: no guide. On Hyperliquid and CME depth doesn't fall with distance at all, which its
interval says; where it speaks, it foretells reach worse than a rolling mean, or no better.

On books of 20 levels of Hyperliquid's majors depth grows with distance (R^2 below 0.11): the slope
has the wrong sign, `book_kappa` lies at its floor with an interval over all magnitudes, and the
blend leaves it out. Errors of slopes last a few seconds there (0.4 after 1 s, 0.15 after 5 s).

Source: least squares with two constants; variance of an average of an AR(1) series.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import ASK, CLOCK, GAP, LEVELS
from simmm.estimators.silence import SILENT, count_unknown, grown, replace, start_silence
from simmm.jit import kernel
from simmm.math import clip, exp, is_finite, log, sqrt

ROW = "E9"
HEARS = (CLOCK, GAP)
READS = ("market_kappa",)
SILENCE = "hold"
APPROXIMATE = ""

BOOKS = 16  # remembered, at most

PARAMETERS = parameters(
    sample_s=Parameter(3.0, "s", "between books looked at", low=0.0, high=3600.0, time_power=1.0),
    persistence=Parameter(
        3, "books", "books over which a level's least size counts", low=1, high=BOOKS
    ),
    least_levels=Parameter(8, "levels", "of both sides, for a regression", low=4, high=2 * LEVELS),
    half_life_s=Parameter(
        60.0, "s", "that halves the weight of a slope", low=1e-3, high=1e7, time_power=1.0
    ),
    memory_s=Parameter(
        10.0, "s", "autocorrelation time of a slope's error", low=1e-6, high=1e7, time_power=1.0
    ),
    calibrate=Parameter(1, "", "1: multiply by the ratio learned; 0: the slope itself", 0, 1),
    ratio_log_sd=Parameter(
        0.5, "", "prior's standard deviation of the ratio's logarithm", low=0.0, high=10.0
    ),
    ratio_half_life_s=Parameter(
        3600.0, "s", "that halves weights in the ratio", low=1e-3, high=1e9, time_power=1.0
    ),
    ratio_memory_s=Parameter(
        600.0,
        "s",
        "autocorrelation time of the market's error: its window",
        low=1e-6,
        high=1e9,
        time_power=1.0,
    ),
)

BELIEFS = (
    Belief("book_kappa", "1/fraction", "decay of depth by distance, calibrated", law="lognormal"),
    Belief("book_fit", "", "R^2 of the last regression", law="code"),
    Belief("book_ratio", "", "what the book's slope is multiplied by", law="code"),
)

WIDEST = 100.0  # variance of ln book_kappa while the market is unknown: all magnitudes

State = np.dtype(
    [
        ("books", "i8"),  # remembered
        ("newest", "i8"),  # its place in the ring
        ("book_ts", "i8"),  # ns, of the newest
        ("levels", "i8", (BOOKS, 2)),
        ("price", "f8", (BOOKS, 2, LEVELS)),  # quanta
        ("lots", "f8", (BOOKS, 2, LEVELS)),
        ("least", "f8", (LEVELS,)),
        ("kept", "i8", (2,)),  # levels that persisted
        ("kept_distance", "f8", (2, LEVELS)),
        ("kept_log_lots", "f8", (2, LEVELS)),
        ("weight", "f8"),  # of all slopes, s
        ("slope", "f8"),  # weighted average
        ("variance", "f8"),  # of that average
        ("covariance", "f8"),  # of that average with the newest slope
        ("fit", "f8"),
        ("ratio_weight", "f8"),  # of all ratios, s
        ("ratio", "f8"),  # weighted average of logarithms
        ("ratio_variance", "f8"),
        ("ratio_covariance", "f8"),
        ("value", "f8"),
        ("deviation", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        ("factor", "f8"),  # the ratio in force
        *SILENT,
        ("tick_ts", "i8"),  # ns, of the last slope; -1: none
        ("ratio_ts", "i8"),  # ns, of the last ratio; -1: none
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.books = 0
    s.newest = 0
    s.weight = 0.0
    s.slope = 0.0
    s.variance = 0.0
    s.covariance = 0.0
    s.fit = 0.0
    s.ratio_weight = 0.0
    s.ratio = 0.0
    s.ratio_variance = 0.0
    s.ratio_covariance = 0.0
    s.value = 0.0
    s.deviation = 0.0
    s.low = 0.0
    s.high = 0.0
    start_silence(s)
    s.book_ts = -1
    s.tick_ts = -1
    s.ratio_ts = -1
    s.factor = 1.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in the book of one tick."""
    if o.kind == GAP:
        s.books = 0
        return
    known = 0.0 < o.mid < 1e300
    if count_unknown(s, known, o.now, p.half_life_s) and s.tick_ts >= 0:
        _conclude(s, p)
    if not known or o.now == s.book_ts:
        return
    if s.book_ts >= 0 and o.now - s.book_ts < 1e9 * p.sample_s:
        return
    _remember(s, p, o)
    if s.books < p.persistence:
        return
    for side in range(2):
        _keep(s, o, side)
    slope, variance = _regress(s, p)
    if variance < 0.0:
        return
    seconds = 1e-9 * (o.now - s.tick_ts) if s.tick_ts >= 0 else 0.0
    _average(s, p, slope, variance, seconds)
    s.tick_ts = o.now
    if p.calibrate == 1:
        _calibrate(s, p, o, b)
    _conclude(s, p)


@kernel
def _remember(s: Any, p: Any, o: Any) -> None:
    s.book_ts = o.now
    s.newest = (s.newest + 1) % p.persistence
    s.books = min(s.books + 1, p.persistence)
    for side in range(2):
        sign = 1.0 if side == ASK else -1.0
        count, last = 0, -1.0
        for i in range(min(o.levels[side], LEVELS)):
            distance, lots = o.level_distance[side, i], o.level_lots[side, i]
            if last < distance <= 1.0 and 0.0 < lots < 1e300:
                s.price[s.newest, side, count] = o.mid * (1.0 + sign * distance)
                s.lots[s.newest, side, count] = lots
                count += 1
                last = distance
        s.levels[s.newest, side] = count


@kernel
def _keep(s: Any, o: Any, side: int) -> None:
    """Find the least size of each level of the newest book over the books remembered."""
    count = s.levels[s.newest, side]
    prices, sizes, least = s.price[s.newest, side], s.lots[s.newest, side], s.least
    for i in range(count):
        least[i] = sizes[i]
    for book in range(s.books):
        shown = s.levels[book, side]
        if book != s.newest and shown > 0:
            _compare(least, prices, count, s.price[book, side], s.lots[book, side], shown, side)
    kept = 0
    for i in range(count):
        if least[i] > 0.0:
            s.kept_distance[side, kept] = abs(prices[i] / o.mid - 1.0)
            s.kept_log_lots[side, kept] = log(least[i])
            kept += 1
    s.kept[side] = kept


@kernel
def _compare(
    least: Any, prices: Any, count: int, earlier: Any, sizes: Any, shown: int, side: int
) -> None:
    """Lower `least` to what an earlier book showed at the same prices; both go outwards."""
    sign = 1.0 if side == ASK else -1.0
    place = 0
    for i in range(count):
        price = prices[i]
        tolerance = 1e-9 * price
        while place < shown - 1 and sign * (price - earlier[place]) > tolerance:
            place += 1
        gap = sign * (price - earlier[place])
        if -tolerance <= gap <= tolerance:
            least[i] = min(least[i], sizes[place])
        elif gap < 0.0 or place < shown - 1:  # else it lies deeper than that book was shown
            least[i] = 0.0


@kernel
def _regress(s: Any, p: Any) -> tuple[float, float]:
    """Return minus the slope, and the square of its standard error; -1 if there is none."""
    across, both, along = 0.0, 0.0, 0.0
    freedom = -1
    for side in range(2):
        count = s.kept[side]
        if count < 2:
            continue
        mean_x, mean_y = 0.0, 0.0
        for i in range(count):
            mean_x += s.kept_distance[side, i]
            mean_y += s.kept_log_lots[side, i]
        mean_x /= count
        mean_y /= count
        for i in range(count):
            x, y = s.kept_distance[side, i] - mean_x, s.kept_log_lots[side, i] - mean_y
            across += x * x
            both += x * y
            along += y * y
        freedom += count - 1
    if freedom < 1 or s.kept[0] + s.kept[1] < p.least_levels or not across > 1e-24:
        return 0.0, -1.0
    explained = both * both / across
    s.fit = clip(explained / along, 0.0, 1.0) if along > 0.0 else 0.0
    return -both / across, max(along - explained, 0.0) / freedom / across


@kernel
def _average(s: Any, p: Any, slope: float, variance: float, seconds: float) -> None:
    # The least of several books outlasts the noise itself, by about half of them.
    memory = p.memory_s + 0.5 * (p.persistence - 1) * seconds
    kept = exp(-0.6931471805599453 * seconds / p.half_life_s) * s.weight
    s.weight = kept + seconds
    gain = seconds / s.weight if s.tick_ts >= 0 else 1.0
    keep = 1.0 - gain
    replace(s, keep)
    together = keep * exp(-seconds / memory) * s.covariance
    s.slope = keep * s.slope + gain * slope
    s.variance = keep * keep * s.variance + 2.0 * gain * together + gain * gain * variance
    s.covariance = together + gain * variance


@kernel
def _calibrate(s: Any, p: Any, o: Any, b: Any) -> None:
    market, deviation = b.market_kappa, b.market_kappa_sd
    if b.market_kappa_age_ns < 0 or not (1.0 <= market <= 1e9 and is_finite(deviation)):
        return
    if not s.slope > 1.0:
        return
    seconds = 1e-9 * (o.now - s.ratio_ts) if s.ratio_ts >= 0 else 0.0
    relative = clip(deviation / market, 0.0, 10.0)
    kept = exp(-0.6931471805599453 * seconds / p.ratio_half_life_s) * s.ratio_weight
    s.ratio_weight = kept + seconds
    gain = seconds / s.ratio_weight if s.ratio_ts >= 0 else 1.0
    keep = 1.0 - gain
    together = keep * exp(-seconds / p.ratio_memory_s) * s.ratio_covariance
    variance = relative * relative
    s.ratio = keep * s.ratio + gain * log(market / s.slope)
    s.ratio_variance = (
        keep * keep * s.ratio_variance + 2.0 * gain * together + gain * gain * variance
    )
    s.ratio_covariance = together + gain * variance
    s.ratio_ts = o.now


@kernel
def _conclude(s: Any, p: Any) -> None:
    log_ratio, ratio_variance = 0.0, 0.0
    if p.calibrate == 1:
        ratio_variance = p.ratio_log_sd * p.ratio_log_sd
        if s.ratio_ts >= 0:
            whole = ratio_variance + s.ratio_variance
            share = ratio_variance / whole if whole > 0.0 else 1.0
            log_ratio = share * s.ratio
            ratio_variance = share * s.ratio_variance
    s.factor = exp(clip(log_ratio, -20.0, 20.0))
    slope = max(s.slope, 1.0)
    relative = s.variance / (slope * slope) + ratio_variance
    deviation = min(sqrt(grown(relative, s.excess, WIDEST)), 10.0)
    if not s.slope > 1.0:  # depth doesn't fall with distance, however surely
        deviation = 10.0
    s.value = s.factor * slope
    s.deviation = s.value * deviation
    s.low = s.value * exp(-1.959963984540054 * deviation)
    s.high = s.value * exp(1.959963984540054 * deviation)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.tick_ts if s.tick_ts >= 0 else -1
    b.book_kappa = s.value
    b.book_kappa_sd = s.deviation
    b.book_kappa_low = s.low
    b.book_kappa_high = s.high
    b.book_kappa_age_ns = age
    b.book_fit = s.fit
    b.book_fit_age_ns = age
    b.book_ratio = s.factor
    b.book_ratio_age_ns = now - s.ratio_ts if s.ratio_ts >= 0 else -1
