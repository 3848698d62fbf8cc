"""E26: momentum in units of noise, what it has foretold of late, and whether that may be asked.

Bars: the clock closes a bar every `window_s` / 15 seconds. With s the sigma believed then and d the
bar's true duration, its normalised return is

    u = ln(mid / mid before) / (s sqrt(d)),

of variance 1 if sigma is right. Momentum is m = (sum of the last 15 u) / sqrt(15): the return over
the window in units of its deviation, each bar by the sigma of its time. It is a figure of the past,
so its deviation is that of sigma and of the grid: a mid on steps tells either end of the window to
half a step up or down,

    sd(m)^2 = (m sd(s) / s)^2 + (step / (s sqrt(`window_s`)))^2 / 6,

and 1 before there is a window, as m's is where nothing drives it.

Slope: the coefficient, through the origin, of the next window's m on this one's. Overlapping
windows repeat each other, so the covariance is taken from the same terms, regrouped by bar

    15 Cov(m, next m) = E[u(next bar) X],  X = sum over j = 1 .. 29 of min(j, 30 - j) u(j bars back)

Over blocks of 90 bars, N is the sum of u X / 15 and M that of m^2. With weights w that halve in
`half_life_s`, and n = sum(w)^2 / sum(w^2) blocks,

    slope = sum(w N) / sum(w M),  Var = sum(w^2 (N - slope M)^2) / sum(w M)^2 * n / (n - 1)

and the deviation is widened by 1 + 3 / (n - 1) for being measured on n blocks: what Student's law
asks of .4 n degrees of freedom, since the kurtosis of N is about 6. Blocks are six windows long, so
that what depends on each other falls mostly into one.

Stationary: over the last 256 bars neither the level of u nor that of |u| wanders, by the test of
Kwiatkowski, Phillips, Schmidt and Shin with Bartlett weights over 5 lags, each at `critical`. Where
it says 1, the test did not see otherwise; it is 0 (with an age of -1) until the first test. The
default is the 97.5 % quantile, .558 +- .002, of 200,000 simulations of 256 independent normal
returns, so that both together reject 5 % of stationary hours. A test runs in slices over 8 ticks;
the next begins 64 bars later.

Where it is wrong: a sigma that lags makes |u| wander, and a mid that bounces makes slopes negative.

Duplicates and late rows (no time passed) are ignored. While the mid or sigma is unknown nothing
changes; the bar after spans the silence, by its true duration, if only the mid was missing.

On tapes: slopes hold 0 on most; on one returns turned back. There is no trend to follow in them.

Source: Hodrick (1992), Review of Financial Studies 5(3), standard errors 1B; Kwiatkowski et al.
(1992), Journal of Econometrics 54.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import CLOCK
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

ROW = "E26"
HEARS = (CLOCK,)
READS = ("sigma",)
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(("momentum", "momentum_slope"), "of a window of the past, as it was")

BARS = 15  # in a window
ROOT_6 = 2.449489742783178  # of two ends, each uniform over a step
BLOCK = 90  # bars, of which the slope takes in one sum
RING = 512  # bars, a power of two
TESTED = 256  # bars
RETEST = 64  # new bars until the next test
LAGS = 5  # of the test's long-run variance
SLICE = 64  # bars a tick
LARGEST_MID = 1e18
LARGEST_RATIO = 1e9
SMALLEST = 1e-30  # sigma below is unknown
LARGEST = 100.0  # of a normalised return; what is more counts as this
LN2 = 0.6931471805599453
NS_PER_S = 1_000_000_000.0

PARAMETERS = parameters(
    window_s=Parameter(30.0, "s", "that momentum looks back", 1e-3, 86_400.0, time_power=1),
    half_life_s=Parameter(3600.0, "s", "of the slope's memory", 1.0, 1e7, time_power=1),
    warm_up=Parameter(10.0, "blocks", "effective, before a slope is told", 2.0, 1e6),
    critical=Parameter(
        0.558, "", "statistic above which a level wanders", 0.1, 10.0, source="derivation"
    ),
)

BELIEFS = (
    Belief("momentum", "", "return over the window in units of its deviation"),
    Belief("momentum_slope", "", "of the next window's momentum on this one's"),
    Belief("momentum_stationary", "", "1: normalised returns are stationary", law="code"),
)

State = np.dtype(
    [
        ("last_mid", "f8"),
        ("last_ts", "i8"),  # when the newest bar closed, ns
        ("count", "i8"),  # bars ever
        ("bars", "f8", (RING,)),  # u
        ("momentum", "f8"),
        ("deviation", "f8"),  # of it
        ("block", "i8"),  # bars in the block in course
        ("product", "f8"),  # N of it
        ("square", "f8"),  # M of it
        ("weight", "f8"),
        ("weight_squares", "f8"),
        ("products", "f8"),
        ("squares", "f8"),
        ("product_product", "f8"),  # of N N, with weights squared
        ("product_square", "f8"),
        ("square_square", "f8"),
        ("slope", "f8"),
        ("slope_sd", "f8"),
        ("slope_ts", "i8"),  # -1: not told yet
        ("stationary", "f8"),
        ("tested_ts", "i8"),  # newest bar of the test, -1 none
        ("tested_count", "i8"),  # bars ever when the test began
        ("first", "i8"),  # bar of the test in course
        ("cursor", "i8"),  # bars seen in the first pass, then in the second
        ("test_ts", "i8"),
        ("means", "f8", (2,)),  # of u and |u|: sums in the first pass
        ("partial", "f8", (2,)),  # sums of deviations
        ("partial_squares", "f8", (2,)),
        ("covariances", "f8", (2 * (LAGS + 1),)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.last_mid = 0.0
    s.last_ts = 0
    s.count = 0
    s.momentum = 0.0
    s.deviation = 1.0
    s.block = 0
    s.product = 0.0
    s.square = 0.0
    s.weight = 0.0
    s.weight_squares = 0.0
    s.products = 0.0
    s.squares = 0.0
    s.product_product = 0.0
    s.product_square = 0.0
    s.square_square = 0.0
    s.slope = 0.0
    s.slope_sd = 1.0
    s.slope_ts = -1
    s.stationary = 0.0
    s.tested_ts = -1
    s.first = -1
    s.cursor = 0
    for i in range(RING):
        s.bars[i] = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Close a bar if it is time; do a slice of the test."""
    if not 0.0 < o.mid < LARGEST_MID or not SMALLEST < b.sigma < LARGEST_MID:
        return
    if s.last_mid == 0.0:
        s.last_mid = o.mid
        s.last_ts = o.now
        return
    seconds = float(o.now - s.last_ts) / NS_PER_S
    bar = p.window_s / BARS
    if seconds >= bar * (1.0 - 1e-6):
        ratio = o.mid / s.last_mid
        if 1.0 / LARGEST_RATIO < ratio < LARGEST_RATIO:
            _close(s, p, clip(log(ratio) / (b.sigma * sqrt(seconds)), -LARGEST, LARGEST), o.now)
            if s.count >= BARS:
                from_sigma = s.momentum * clip(b.sigma_sd / b.sigma, 0.0, LARGEST)
                step = o.step if 0.0 < o.step <= 1.0 else 0.0
                from_grid = min(step / (b.sigma * sqrt(p.window_s)), LARGEST) / ROOT_6
                s.deviation = sqrt(from_sigma * from_sigma + from_grid * from_grid)
        s.last_mid = o.mid
        s.last_ts = o.now
    _test(s, p)


@kernel
def _close(s: Any, p: Any, bar: float, now: int) -> None:
    """Take in one normalised return."""
    if s.count >= 2 * BARS - 1:
        past = 0.0
        for j in range(1, 2 * BARS):
            past += min(j, 2 * BARS - j) * s.bars[(s.count - j) & (RING - 1)]
        s.product += bar * past / BARS
        s.square += s.momentum * s.momentum
        s.block += 1
        if s.block == BLOCK:
            _regress(s, p, now)
    s.bars[s.count & (RING - 1)] = bar
    s.count += 1
    if s.count >= BARS:
        total = 0.0
        for j in range(1, BARS + 1):
            total += s.bars[(s.count - j) & (RING - 1)]
        s.momentum = total / sqrt(float(BARS))


@kernel
def _regress(s: Any, p: Any, now: int) -> None:
    """Take in one block and renew the slope."""
    keep = exp(-LN2 * BLOCK * (p.window_s / BARS) / p.half_life_s)
    s.weight = keep * s.weight + 1.0
    s.weight_squares = keep * keep * s.weight_squares + 1.0
    s.products = keep * s.products + s.product
    s.squares = keep * s.squares + s.square
    s.product_product = keep * keep * s.product_product + s.product * s.product
    s.product_square = keep * keep * s.product_square + s.product * s.square
    s.square_square = keep * keep * s.square_square + s.square * s.square
    s.block = 0
    s.product = 0.0
    s.square = 0.0
    blocks = s.weight * s.weight / s.weight_squares
    if blocks < p.warm_up or blocks < 1.5 or not s.squares > 1e-12:
        return
    slope = s.products / s.squares
    rest = s.product_product - 2.0 * slope * s.product_square + slope * slope * s.square_square
    widened = (1.0 + 3.0 / (blocks - 1.0)) * sqrt(blocks / (blocks - 1.0))
    s.slope = slope
    s.slope_sd = sqrt(max(rest, 0.0)) / s.squares * widened
    s.slope_ts = now


@kernel
def _test(s: Any, p: Any) -> None:
    """Do a slice of the test: first the means, then the statistics; at its end, decide."""
    if s.first < 0:
        if s.count < TESTED or (s.tested_ts >= 0 and s.count - s.tested_count < RETEST):
            return
        s.tested_count = s.count
        s.first = s.count - TESTED
        s.test_ts = s.last_ts
        s.cursor = 0
        for k in range(2):
            s.means[k] = 0.0
            s.partial[k] = 0.0
            s.partial_squares[k] = 0.0
        for k in range(2 * (LAGS + 1)):
            s.covariances[k] = 0.0
    stop = s.cursor + SLICE
    while s.cursor < stop:
        i = s.cursor & (TESTED - 1)
        u = s.bars[(s.first + i) & (RING - 1)]
        if s.cursor < TESTED:
            s.means[0] += u / TESTED
            s.means[1] += abs(u) / TESTED
        else:
            _deviate(s, i, u)
        s.cursor += 1
    if s.cursor >= 2 * TESTED:
        wanders = _statistic(s, 0) > p.critical or _statistic(s, 1) > p.critical
        s.stationary = 0.0 if wanders else 1.0
        s.tested_ts = s.test_ts
        s.first = -1


@kernel
def _deviate(s: Any, i: int, u: float) -> None:
    level = u - s.means[0]
    size = abs(u) - s.means[1]
    s.partial[0] += level
    s.partial[1] += size
    s.partial_squares[0] += s.partial[0] * s.partial[0]
    s.partial_squares[1] += s.partial[1] * s.partial[1]
    for lag in range(min(i, LAGS) + 1):
        before = s.bars[(s.first + i - lag) & (RING - 1)]
        s.covariances[lag] += level * (before - s.means[0])
        s.covariances[LAGS + 1 + lag] += size * (abs(before) - s.means[1])


@kernel
def _statistic(s: Any, k: int) -> float:
    """Sum of squared partial sums over n times the long-run variance's sum; 0 if all are equal."""
    total = s.covariances[k * (LAGS + 1)]
    for lag in range(1, LAGS + 1):
        total += 2.0 * (1.0 - lag / (LAGS + 1.0)) * s.covariances[k * (LAGS + 1) + lag]
    return s.partial_squares[k] / (TESTED * total) if total > 1e-12 else 0.0


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.momentum = s.momentum
    b.momentum_sd = s.deviation
    b.momentum_low = s.momentum - 1.96 * s.deviation
    b.momentum_high = s.momentum + 1.96 * s.deviation
    b.momentum_age_ns = now - s.last_ts if s.count >= BARS else -1
    b.momentum_slope = s.slope
    b.momentum_slope_sd = s.slope_sd
    b.momentum_slope_low = s.slope - 1.96 * s.slope_sd
    b.momentum_slope_high = s.slope + 1.96 * s.slope_sd
    b.momentum_slope_age_ns = now - s.slope_ts if s.slope_ts >= 0 else -1
    b.momentum_stationary = s.stationary
    b.momentum_stationary_age_ns = now - s.tested_ts if s.tested_ts >= 0 else -1
