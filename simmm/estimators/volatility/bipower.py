"""E2: volatility without jumps, at three scales of the volume clock, and how much jumps add.

Use it to tell diffusion from jumps, not as a forecast of all variance: that is `sigma` (E14).

Model: the log price is a diffusion plus rare jumps. Of returns r over buckets of d seconds,

    RV = sum(r^2) / sum(d)                                  holds diffusion and jumps,
    BV = pi/2 sum(|r_i| |r_i-1|) / sum(sqrt(d_i d_i-1))     leaves jumps out,

both per second, with the true durations, each term with weight 2^(-age / half-life). Without jumps
n Var(BV) = (pi^2/4 + pi - 3) IQ = 2.609 IQ, and n Var(RV / BV - 1) = pi^2/4 + pi - 5 = 0.609 times
IQ / IV^2, where IQ, the integrated quarticity, is estimated by tripower products and n is the
effective number of terms.

A jump beside a usual return still adds to BV (one of 5 deviations among 200 buckets 5 %), so
inside products a return counts as at most `cut` deviations, and the mean product is that of a
normal variable cut there.

Scales: each bucket, each 4 and each 16 as one. They are combined with weights 1 / V_k, where
V_k = 2.609 max(IQ_k, IV^2) / n_k is estimated; the maximum (Barndorff-Nielsen and Shephard's) keeps
a scale of few terms from gaining weight by being low (bias -2 % without, -0.6 % with). The scales
share data: with w_k the weights, Var(BV) = sum over k, l of w_k w_l rho_kl sqrt(V_k V_l), where
rho = 0.376, 0.372 between neighbours and 0.192 between the first and the last, computed for normal
returns. For clean normal returns the coarse scales cost a tenth of the precision of the first
alone (n Var(BV) = 2.93); where returns of buckets have heavier tails they gain weight. Deviations
of RV / BV are all but uncorrelated between scales (|rho| < 0.05), so their variances add.

Prices on a grid: for moves of +-1 tick RV / BV is 2 / (pi p) with p the share of buckets that
move, without any jump. So at each scale the share P of returns that are 0 is watched: above
`most_still` the scale is left out, below BV is divided by 1 - pi/2 P^2, its bias on a fine grid
(within 2 % for P < 0.3). With no scale left only `total_sigma` is known, which needs no correction.

`jump_ratio` is about RV / BV of the law, so its interval has the randomness of jumps in it, as far
as jumps were seen; the spread of RV is measured, r^2 against sigma^2 d. Where it is wrong: a
volatility that changes within few buckets by much, or a mid that bounces, moves both; jumps in
adjacent buckets stay in BV. If variance goes by volume instead of seconds, durations only add to
BV: by sum(d) / sum(sqrt(d d')), a quarter for exponential durations; recorded markets lie between.
A duplicate bucket counts twice; order matters little. While the market is unknown values stay, and
their variances grow as in `silence.py` up to those of half a move.

On tapes: `bipower_sigma` foretells the variance of the next minutes no better than `sigma` or an
EWMA, on some tapes worse: it leaves jumps out by design, and they are part of what comes.

Source: Barndorff-Nielsen and Shephard (2004, 2006); Huang and Tauchen (2005); the cut is in the
spirit of Corsi, Pirino and Reno (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import BUCKET, CLOCK
from simmm.estimators.silence import SILENT, count_silence, grown, start_silence
from simmm.estimators.volatility.bipower_terms import (
    BIPOWER_VARIANCE,
    HALF_PI,
    RATIO_VARIANCE,
    bipower_variance,
    mean_beyond,
    mean_cut_squared,
    pair,
    triple,
)
from simmm.estimators.volatility.forgetting import retention
from simmm.estimators.volatility.spread import JEFFREYS, Z95, log_deviation
from simmm.jit import kernel
from simmm.math import exp, sqrt

ROW = "E2"
HEARS = (BUCKET, CLOCK)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    half_life_s=Parameter(
        600.0, "s", "half-life; 0 forgets nothing", low=0.0, high=1e9, time_power=1.0
    ),
    cut=Parameter(
        3.0, "deviations", "a return counts as no more inside a product", low=1.0, high=1e3
    ),
    most_still=Parameter(
        0.3, "", "share of returns that are 0 above which a scale is left out", low=0.0, high=0.5
    ),
    minimum_terms=Parameter(
        10.0, "terms", "effective number below which a scale is left out", low=2.0, high=1e6
    ),
)

_UNIT = "fraction/√s"
BELIEFS = (
    Belief("bipower_sigma", _UNIT, "volatility without jumps", law="lognormal", time_power=-0.5),
    Belief("total_sigma", _UNIT, "volatility with jumps", law="lognormal", time_power=-0.5),
    Belief("jump_ratio", "", "RV / BV; 1 without jumps", law="lognormal"),
)

SCALES = 3
FACTOR = 4  # buckets of one scale in one of the next
NEXT, NEXT_BUT_ONE = 0.374, 0.192  # correlation of BV between scales
REALISED_NEXT = 0.5  # of RV: 1 / sqrt(FACTOR) exactly, its square for the next but one
SMALLEST_CHANGE = 1e-15  # of a log price: below what its floating mid can tell
LARGEST_CHANGE = 1e3  # of a log price; a bucket with more, or over more seconds, is ignored
LARGEST_S = 1e12
SHORTEST_S = 1e-9
LEAST = 1e-60  # of a variance per second
WIDEST = 1.0 / JEFFREYS  # relative variance of one while the market is unknown: of half a move

State = np.dtype(
    [
        ("part_change", "f8", (SCALES,)),  # of the aggregate that is being filled
        ("part_seconds", "f8", (SCALES,)),
        ("part_count", "i8", (SCALES,)),
        ("terms", "i8", (SCALES,)),  # returns taken
        ("scaled", "f8", (SCALES, 2)),  # |r| / sqrt(d) of the last two returns, cut
        ("seconds", "f8", (SCALES, 2)),
        ("weight", "f8", (SCALES,)),  # of products of two, s
        ("weight_squared", "f8", (SCALES,)),
        ("product", "f8", (SCALES,)),
        ("triple_weight", "f8", (SCALES,)),
        ("triple", "f8", (SCALES,)),
        ("time", "f8", (SCALES,)),  # of squares, s
        ("time_squares", "f8", (SCALES,)),  # of d^2
        ("square", "f8", (SCALES,)),  # of r^2
        ("fourth", "f8", (SCALES,)),
        ("cross", "f8", (SCALES,)),  # of r^2 d
        ("beyond", "f8", (SCALES,)),  # of r^2 times what of it is beyond the cut
        ("count", "f8", (SCALES,)),  # of returns
        ("count_squared", "f8", (SCALES,)),
        ("still", "f8", (SCALES,)),  # of those that were 0
        ("share", "f8", (SCALES,)),  # of the combination; 0: left out
        ("bipower", "f8", (SCALES,)),
        ("variance", "f8", (SCALES,)),  # of it
        ("error", "f8", (SCALES,)),  # its deviation times the share
        ("cut_mean", "f8"),  # mean product of cut normal variables
        ("cut_beyond", "f8"),  # mean of `beyond` of normal returns
        ("last_ts", "i8"),  # ns
        *SILENT,
        ("known", "i8"),  # 1: sigma and ratio are known
        ("realised", "f8"),
        ("sigma", "f8"),
        ("sigma_deviation", "f8"),  # of its logarithm
        ("sigma_factor", "f8"),  # upper bound over value
        ("total", "f8"),  # 0: unknown
        ("total_deviation", "f8"),
        ("total_factor", "f8"),
        ("ratio", "f8"),
        ("ratio_deviation", "f8"),
        ("ratio_factor", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    for k in range(SCALES):
        s.part_change[k] = 0.0
        s.part_seconds[k] = 0.0
        s.part_count[k] = 0
        s.terms[k] = 0
        s.weight[k] = 0.0
        s.weight_squared[k] = 0.0
        s.product[k] = 0.0
        s.triple_weight[k] = 0.0
        s.triple[k] = 0.0
        s.time[k] = 0.0
        s.time_squares[k] = 0.0
        s.square[k] = 0.0
        s.fourth[k] = 0.0
        s.cross[k] = 0.0
        s.beyond[k] = 0.0
        s.count[k] = 0.0
        s.count_squared[k] = 0.0
        s.still[k] = 0.0
        s.share[k] = 0.0
        s.bipower[k] = 0.0
        s.variance[k] = 0.0
        s.error[k] = 0.0
        for j in range(2):
            s.scaled[k, j] = 0.0
            s.seconds[k, j] = 0.0
    s.cut_mean = mean_cut_squared(p.cut)
    s.cut_beyond = mean_beyond(p.cut)
    s.last_ts = 0
    start_silence(s)
    s.known = 0
    s.realised = 0.0
    s.sigma = 0.0
    s.sigma_deviation = 0.0
    s.sigma_factor = 1.0
    s.total = 0.0
    s.total_deviation = 0.0
    s.total_factor = 1.0
    s.ratio = 0.0
    s.ratio_deviation = 0.0
    s.ratio_factor = 1.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in one bucket, and the aggregates that it completes; at the clock, count silence."""
    if o.kind == CLOCK:
        if count_silence(s, o.mid > 0.0, o.now, p.half_life_s) and s.terms[0] > 0:
            _settle(s, p)
        return
    if not (SHORTEST_S <= o.seconds <= LARGEST_S and abs(o.change) <= LARGEST_CHANGE):
        return
    change, seconds = o.change, o.seconds
    for k in range(SCALES):
        _take(s, p, k, change, seconds)
        if k + 1 == SCALES:
            break
        s.part_change[k] += change
        s.part_seconds[k] += seconds
        s.part_count[k] += 1
        if s.part_count[k] < FACTOR:
            break
        change, seconds = s.part_change[k], s.part_seconds[k]
        s.part_change[k] = 0.0
        s.part_seconds[k] = 0.0
        s.part_count[k] = 0
    s.last_ts = o.now
    _settle(s, p)


@kernel
def _take(s: Any, p: Any, k: int, change: float, seconds: float) -> None:
    """Add a return at one scale: its square, and its products with the last two."""
    kept = retention(seconds, p.half_life_s, 0.0, 0.0)
    size = abs(change) / sqrt(seconds) if abs(change) >= SMALLEST_CHANGE else 0.0
    square = size * size * seconds
    over = 0.0
    if s.known == 1 and size > p.cut * s.sigma:
        size = p.cut * s.sigma
        over = square * (square - size * size * seconds)
    s.time[k] = kept * s.time[k] + seconds
    s.time_squares[k] = kept * s.time_squares[k] + seconds * seconds
    s.square[k] = kept * s.square[k] + square
    s.fourth[k] = kept * s.fourth[k] + square * square
    s.cross[k] = kept * s.cross[k] + square * seconds
    s.beyond[k] = kept * s.beyond[k] + over
    s.count[k] = kept * s.count[k] + 1.0
    s.count_squared[k] = kept * kept * s.count_squared[k] + 1.0
    s.still[k] = kept * s.still[k] + (1.0 if abs(change) < SMALLEST_CHANGE else 0.0)
    if s.terms[k] >= 1:
        between = sqrt(seconds * s.seconds[k, 0])
        s.weight[k] = kept * s.weight[k] + between
        s.weight_squared[k] = kept * kept * s.weight_squared[k] + between * between
        s.product[k] = kept * s.product[k] + between * pair(size, s.scaled[k, 0])
    if s.terms[k] >= 2:
        among = sqrt(seconds * s.seconds[k, 1])
        s.triple_weight[k] = kept * s.triple_weight[k] + among
        s.triple[k] = kept * s.triple[k] + among * triple(size, s.scaled[k, 0], s.scaled[k, 1])
    s.terms[k] += 1
    s.scaled[k, 1] = s.scaled[k, 0]
    s.seconds[k, 1] = s.seconds[k, 0]
    s.scaled[k, 0] = size
    s.seconds[k, 0] = seconds


@kernel
def _settle(s: Any, p: Any) -> None:
    """Combine the scales."""
    typical, together = 0.0, 0.0
    for k in range(SCALES):
        s.share[k] = 0.0
        if _is_used(s, p, k):
            typical += s.product[k]
            together += s.weight[k]
    s.known = 1 if typical > LEAST * together else 0
    if s.known == 0:
        s.share[0] = 1.0
        _settle_total(s, p)
        return
    typical /= together
    precision = 0.0
    for k in range(SCALES):
        if _is_used(s, p, k):
            terms = s.weight[k] * s.weight[k] / s.weight_squared[k]
            quarticity = s.triple[k] / s.triple_weight[k]
            s.bipower[k] = s.product[k] / s.weight[k] / (s.cut_mean * _grid_bias(_still(s, k)))
            s.variance[k] = bipower_variance(terms, quarticity, typical)
            s.share[k] = 1.0 / s.variance[k]
            precision += s.share[k]
    for k in range(SCALES):
        s.share[k] /= precision
    _settle_total(s, p)
    _settle_bipower(s)


@kernel
def _is_used(s: Any, p: Any, k: int) -> bool:
    """Whether a scale has enough terms and a price that moves."""
    return (
        s.terms[k] >= 3
        and s.weight[k] * s.weight[k] >= p.minimum_terms * s.weight_squared[k]
        and _still(s, k) <= p.most_still
    )


@kernel
def _still(s: Any, k: int) -> float:
    """Share of returns that were 0."""
    return s.still[k] / s.count[k]


@kernel
def _grid_bias(still: float) -> float:
    """What a grid of prices leaves of BV where a share `still` of returns is 0."""
    return 1.0 - HALF_PI * still * still


@kernel
def _settle_total(s: Any, p: Any) -> None:
    """Work out the volatility with jumps."""
    mean = variance = 0.0
    for k in range(SCALES):
        if s.share[k] == 0.0:
            continue
        terms = s.count[k] * s.count[k] / s.count_squared[k]
        average = s.square[k] / s.time[k]
        mean += s.share[k] * average
        squares = s.fourth[k] + average * (average * s.time_squares[k] - 2.0 * s.cross[k])
        spread = _of_ratio(s, k, max(squares, 0.0)) * terms / max(terms - 1.0, 1.0)
        s.error[k] = s.share[k] * sqrt(spread)
        variance += s.error[k] * s.error[k]
        for j in range(k):
            if s.share[j] > 0.0:
                correlation = REALISED_NEXT if k - j == 1 else REALISED_NEXT * REALISED_NEXT
                variance += 2.0 * correlation * s.error[k] * s.error[j]
    s.realised = mean
    s.total = 0.0
    relative = variance / (mean * mean) if mean > LEAST else 1.0 / LEAST
    few = s.count[0] * s.count[0] < p.minimum_terms * s.count_squared[0]
    if few or relative > 1.0 / JEFFREYS:  # half a move in the window
        return
    s.total = sqrt(mean)
    s.total_deviation = log_deviation(grown(relative, s.excess, WIDEST))
    s.total_factor = exp(Z95 * s.total_deviation)


@kernel
def _of_ratio(s: Any, k: int, squares: float) -> float:
    """Variance of a weighted sum over the time, of terms whose squares add up to `squares`."""
    return squares * s.count_squared[k] / (s.count[k] * s.time[k] * s.time[k])


@kernel
def _settle_bipower(s: Any) -> None:
    """Work out the volatility without jumps, and the ratio."""
    mean = variance = ratio = grid = 0.0
    for k in range(SCALES):
        mean += s.share[k] * s.bipower[k]
        s.error[k] = s.share[k] * sqrt(s.variance[k])
        variance += s.error[k] * s.error[k]
        for j in range(k):
            correlation = NEXT if k - j == 1 else NEXT_BUT_ONE
            variance += 2.0 * correlation * s.error[k] * s.error[j]
        ratio += s.error[k] * s.error[k]
        if s.share[k] > 0.0:
            still = _still(s, k)
            slope = s.share[k] * s.bipower[k] * 2.0 * HALF_PI * still
            grid += slope * slope * still * (1.0 - still) / s.count[k]
    s.sigma = sqrt(mean)
    s.sigma_deviation = log_deviation(grown(variance / (mean * mean), s.excess, WIDEST))
    s.sigma_factor = exp(Z95 * s.sigma_deviation)
    diffusive = (RATIO_VARIANCE / BIPOWER_VARIANCE * ratio + grid) / (mean * mean)
    beyond = s.beyond[0] - s.cut_beyond * mean * mean * s.time_squares[0]
    jumps = _of_ratio(s, 0, max(beyond, 0.0))
    s.ratio = s.realised / mean
    relative = diffusive + jumps / (s.realised * s.realised)
    s.ratio_deviation = 2.0 * log_deviation(grown(relative, s.excess, WIDEST))
    s.ratio_factor = exp(Z95 * s.ratio_deviation)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.last_ts
    known = 1.0 if s.known == 1 else 0.0
    b.bipower_sigma = known * s.sigma
    b.bipower_sigma_sd = known * s.sigma * s.sigma_deviation
    b.bipower_sigma_low = known * s.sigma / s.sigma_factor
    b.bipower_sigma_high = known * s.sigma * s.sigma_factor
    b.bipower_sigma_age_ns = age if s.known == 1 else -1
    b.total_sigma = s.total
    b.total_sigma_sd = s.total * s.total_deviation
    b.total_sigma_low = s.total / s.total_factor
    b.total_sigma_high = s.total * s.total_factor
    b.total_sigma_age_ns = age if s.total > 0.0 else -1
    b.jump_ratio = known * s.ratio
    b.jump_ratio_sd = known * s.ratio * s.ratio_deviation
    b.jump_ratio_low = known * s.ratio / s.ratio_factor
    b.jump_ratio_high = known * s.ratio * s.ratio_factor
    b.jump_ratio_age_ns = age if s.known == 1 else -1
