"""E8: kappa of own fills, bid and ask jointly, with the market's kappa as prior.

Model: the order on side j (ask, bid) is filled at the rate A_j exp(-kappa_j d) while it rests at
distance d, as in E12, whose likelihood this is, a side at a time. The market's kappa sets the
prior: kappa_j is Gamma(alpha0, alpha0 / kappa_market). In ln kappa that law has its maximum at ln
kappa_market with curvature alpha0; with that normal law in its place the two sides can share:

    ln kappa_j = ln kappa_market + e + e_j,
    Var(e) = r / alpha0 + cv^2,  Var(e_j) = (1 - r) / alpha0,

r = `shared`, cv the relative sd of the market's kappa, its error common to both sides. So fills of
one side inform the other. The posterior is maximised by Newton's method (each A_j at its best) and
its curvature gives the variances, intervals by the gamma law of the same mean and curvature;
`side_correlation` is that of ln kappa_ask and ln kappa_bid.

`own_kappa` is the geometric mean of both sides times phi = exp(-`adverse_weight` AS), AS the
adverse part of the 5 s markout of own fills, phi never below `least_factor`: flow that picks off
deserves wider quotes than fills alone say. A strategy that takes this kappa has paid for adverse
selection; adding it to the spread again counts it twice. `bid_kappa` and `ask_kappa` are without
it.

Forgetting, time between ticks, repeated rows, order, ladders, silence: as in E12 (exposure).
Shrinkage is that of the likelihood, neither linear in kappa nor in 1 / kappa.

Wrong where E12 is wrong; and where own orders see other flow than the market's prints, the prior's
width must allow for it.

On tapes: not scored apart; it is most of the blended `kappa` once fills have come, which is no
better than a rolling mean of reach at foretelling reach. What it is for, own fills, has no
baseline.

Source: hierarchical normal model on the log scale (Gelman and others, Bayesian Data Analysis, 5.4)
over the Poisson likelihood of E12.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.intensity.quoted import (
    CLASSES,
    EXPOSURE_PARAMETERS,
    SEEN,
    best_arrival,
    clear,
    design,
    expose,
    fade,
    gamma_bounds,
    integrals,
    seconds_since,
    see_nothing,
    see_orders,
    side_of,
    take_fill,
)
from simmm.estimators.observation import ASK, BID, CLOCK, FILL, GAP
from simmm.estimators.silence import SILENT, count_unknown, grown, replace, start_silence
from simmm.jit import kernel
from simmm.math import clip, exp, is_finite, log, sqrt

ROW = "E8"
HEARS = (CLOCK, FILL, GAP)
READS = ("market_kappa", "markout_5s")
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    prior_shape=Parameter(
        4.0, "fills", "alpha0: how closely own kappa follows the market's", low=0.01, high=1e6
    ),
    prior_kappa=Parameter(
        2000.0, "1/fraction", "the market's kappa where that is unknown", low=1.0, high=1e7
    ),
    shared=Parameter(0.5, "", "r: share of the prior's variance common to both sides", 0.0, 0.99),
    adverse_weight=Parameter(
        0.1, "1/bps", "c: discount of kappa per adverse markout", low=0.0, high=10.0
    ),
    least_factor=Parameter(0.5, "", "lower bound of the discount", low=0.01, high=1.0),
    **EXPOSURE_PARAMETERS,
    steps=Parameter(3, "", "Newton steps of a fit, at most", low=1, high=50),
)

BELIEFS = (
    Belief("own_kappa", "1/fraction", "of own fills, less adverse selection", law="gamma"),
    Belief("bid_kappa", "1/fraction", "of own bids' fills", law="gamma"),
    Belief("ask_kappa", "1/fraction", "of own asks' fills", law="gamma"),
    Belief("side_correlation", "", "of ln bid_kappa and ln ask_kappa in the posterior", law="code"),
)

OWN = 2  # index after those of the sides
LARGEST_VARIANCE = 2.0  # of ln kappa told in silence

State = np.dtype(
    [
        ("seconds", "f8", (2, CLASSES)),
        ("first", "f8", (2, CLASSES)),  # seconds times distance
        ("second", "f8", (2, CLASSES)),  # seconds times distance squared
        ("fills", "f8", (2,)),  # weighted
        ("distance", "f8", (2,)),  # weighted sum over fills
        ("pairs", "f8", (2, 3)),  # of fills of one aggressor, squared weights
        ("weight", "f8", (2,)),  # weighted time quoted, s
        ("weight_squares", "f8", (2,)),  # the same with squared weights
        ("log_arrival", "f8", (2,)),
        ("log_kappa", "f8", (2,)),
        ("slope", "f8", (2,)),  # of the log-likelihood in ln kappa
        ("bend", "f8", (2,)),  # minus its second derivative
        ("kappa", "f8", (2,)),
        ("deviation", "f8", (2,)),  # of ln kappa
        ("low", "f8", (2,)),
        ("high", "f8", (2,)),
        ("variance", "f8", (3,)),  # of their logarithms by the newest fit, and of own kappa's
        ("widest", "f8"),  # variance of ln kappa by the prior of that fit
        ("own_kappa", "f8"),
        ("own_deviation", "f8"),
        ("own_low", "f8"),
        ("own_high", "f8"),
        ("correlation", "f8"),
        ("informed_ts", "i8"),  # ns; -1: no data yet
        ("fitted_ts", "i8"),  # ns; -1: a fill came since
        *SILENT,
        *SEEN,
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior."""
    for side in range(2):
        clear(s.seconds[side])
        clear(s.first[side])
        clear(s.second[side])
        clear(s.pairs[side])
        s.fills[side] = 0.0
        s.distance[side] = 0.0
        s.weight[side] = 0.0
        s.weight_squares[side] = 0.0
        s.log_arrival[side] = log(p.prior_arrival)
        s.log_kappa[side] = log(p.prior_kappa)
    see_nothing(s)
    start_silence(s)
    s.informed_ts = -1
    s.fitted_ts = -1
    _fit(s, p, p.prior_kappa, 0.0, 1.0, 0.0)


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Count a fill, or the time quoted since the last tick."""
    if o.kind == GAP:
        s.tick_ts = -1
        return
    if o.kind == FILL:
        side = side_of(o)
        if take_fill(s, o, s.pairs[side]):
            s.fills[side] += 1.0
            s.distance[side] += max(o.distance, 0.0)
            s.informed_ts = o.now
            s.fitted_ts = -1
        return
    if count_unknown(s, o.mid > 0.0, o.now, p.half_life_s) and s.informed_ts >= 0:
        _tell(s)
    if o.mid > 0.0:
        duration = seconds_since(s, o, p.longest_s)
        for side in range(2):
            if duration > 0.0 and s.own[side] + o.own[side] > 0:
                _take_time(s, p, o, side, duration)
                s.informed_ts = o.now
                if s.excess > 0.0 and p.half_life_s > 0.0:  # either side is half of what is told
                    replace(s, exp(-0.34657359027997264 * duration / p.half_life_s))
        see_orders(s, o)
        if s.fitted_ts < 0 or 1e-9 * (o.now - s.fitted_ts) >= p.refit_s:
            s.fitted_ts = o.now
            _hear_others(s, p, o, b)
    else:
        s.tick_ts = -1


@kernel
def _take_time(s: Any, p: Any, o: Any, side: int, duration: float) -> None:
    seconds, first, second = s.seconds[side], s.first[side], s.second[side]
    if p.half_life_s > 0.0:
        keep = exp(-0.6931471805599453 * duration / p.half_life_s)
        fade(seconds, first, second, keep)
        s.fills[side] *= keep
        s.distance[side] *= keep
        s.weight[side] *= keep
        s.weight_squares[side] *= keep * keep
        for i in range(3):
            s.pairs[side, i] *= keep * keep
    s.weight[side] += duration
    s.weight_squares[side] += duration
    half, near, far = 0.5 * duration, p.nearest, p.farthest
    expose(seconds, first, second, s.own_distance[side], s.own[side], half, near, far)
    expose(seconds, first, second, o.own_distance[side], o.own[side], half, near, far)


@kernel
def _hear_others(s: Any, p: Any, o: Any, b: Any) -> None:
    """Fit with what the market's kappa and the markouts say now."""
    market, market_cv = p.prior_kappa, 0.0
    if 1.0 <= b.market_kappa <= 1e8 and b.market_kappa_age_ns >= 0:
        market = b.market_kappa
        market_cv = clip(b.market_kappa_sd / market, 0.0, 2.0)
        s.informed_ts = max(s.informed_ts, o.now - b.market_kappa_age_ns)
    factor, factor_deviation = 1.0, 0.0
    if b.markout_5s_age_ns >= 0 and is_finite(b.markout_5s) and b.markout_5s < 0.0:
        weight = 1e4 * p.adverse_weight
        factor = max(exp(weight * b.markout_5s), p.least_factor)
        if factor > p.least_factor:
            factor_deviation = clip(weight * b.markout_5s_sd, 0.0, 2.0)
    _fit(s, p, market, market_cv, factor, factor_deviation)


@kernel
def _fit(
    s: Any, p: Any, market: float, market_cv: float, factor: float, factor_deviation: float
) -> None:
    """Newton's method in both ln kappa, and the variances there."""
    centre = log(market)
    alone = (1.0 - p.shared) / p.prior_shape
    common = p.shared / p.prior_shape + market_cv * market_cv
    # Inverse of the prior's covariance: `own` on the diagonal, `other` beside it.
    own = (alone + common) / (alone * (alone + 2.0 * common))
    other = -common / (alone * (alone + 2.0 * common))
    variance_ask, variance_bid, covariance = 0.0, 0.0, 0.0
    for _ in range(p.steps):
        _look(s, p)
        away_ask, away_bid = s.log_kappa[ASK] - centre, s.log_kappa[BID] - centre
        slope_ask = s.slope[ASK] - own * away_ask - other * away_bid
        slope_bid = s.slope[BID] - own * away_bid - other * away_ask
        bend_ask, bend_bid = s.bend[ASK] + own, s.bend[BID] + own
        area = bend_ask * bend_bid - other * other
        variance_ask, variance_bid, covariance = bend_bid / area, bend_ask / area, -other / area
        step_ask = clip(variance_ask * slope_ask + covariance * slope_bid, -1.0, 1.0)
        step_bid = clip(covariance * slope_ask + variance_bid * slope_bid, -1.0, 1.0)
        s.log_kappa[ASK] = clip(s.log_kappa[ASK] + step_ask, 0.0, 20.0)
        s.log_kappa[BID] = clip(s.log_kappa[BID] + step_bid, 0.0, 20.0)
        if abs(step_ask) + abs(step_bid) < 1e-4:  # the error left is about its square
            break
    s.correlation = covariance / sqrt(variance_ask * variance_bid)
    for side in range(2):
        s.kappa[side] = exp(s.log_kappa[side])
    s.own_kappa = factor * exp(0.5 * (s.log_kappa[ASK] + s.log_kappa[BID]))
    mean_variance = 0.25 * (variance_ask + variance_bid + 2.0 * covariance)
    s.variance[ASK], s.variance[BID] = variance_ask, variance_bid
    s.variance[OWN] = mean_variance + factor_deviation * factor_deviation
    s.widest = min(alone + common, LARGEST_VARIANCE)
    _tell(s)


@kernel
def _tell(s: Any) -> None:
    """Tell what the newest fit found, less sure by the time unknown, up to the prior's variance."""
    for side in range(2):
        s.deviation[side] = sqrt(grown(s.variance[side], s.excess, s.widest))
        s.low[side], s.high[side] = gamma_bounds(s.kappa[side], s.deviation[side])
    s.own_deviation = sqrt(grown(s.variance[OWN], s.excess, s.widest))
    s.own_low, s.own_high = gamma_bounds(s.own_kappa, s.own_deviation)


@kernel
def _look(s: Any, p: Any) -> None:
    """First and second derivative of each side's log-likelihood in ln kappa, A at its best."""
    tightness = 1.0 / (p.prior_arrival_log_sd * p.prior_arrival_log_sd)
    for side in range(2):
        spread = s.weight_squares[side]
        power = s.weight[side] / spread if spread > 0.0 else 1.0
        kappa = exp(s.log_kappa[side])
        zeroth, once, twice = integrals(s.seconds[side], s.first[side], s.second[side], kappa)
        arrival = exp(s.log_arrival[side])
        power /= design(s.pairs[side], power, zeroth, once, twice, arrival)
        s.log_arrival[side] = best_arrival(
            s.log_arrival[side],
            power * s.fills[side],
            power * zeroth,
            log(p.prior_arrival),
            tightness,
        )
        arrival = power * exp(s.log_arrival[side])
        cross = arrival * once
        squared = arrival * twice - cross * cross / (arrival * zeroth + tightness)
        slope = kappa * (cross - power * s.distance[side])
        s.slope[side] = slope
        s.bend[side] = max(kappa * kappa * squared - slope, 0.0)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.informed_ts if s.informed_ts >= 0 else -1
    b.own_kappa = s.own_kappa
    b.own_kappa_sd = s.own_kappa * s.own_deviation
    b.own_kappa_low = s.own_low
    b.own_kappa_high = s.own_high
    b.own_kappa_age_ns = age
    b.bid_kappa = s.kappa[BID]
    b.bid_kappa_sd = s.kappa[BID] * s.deviation[BID]
    b.bid_kappa_low = s.low[BID]
    b.bid_kappa_high = s.high[BID]
    b.bid_kappa_age_ns = age
    b.ask_kappa = s.kappa[ASK]
    b.ask_kappa_sd = s.kappa[ASK] * s.deviation[ASK]
    b.ask_kappa_low = s.low[ASK]
    b.ask_kappa_high = s.high[ASK]
    b.ask_kappa_age_ns = age
    b.side_correlation = s.correlation
    b.side_correlation_age_ns = age
