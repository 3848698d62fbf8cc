"""E13: how likely the newest return was a jump, and what share of returns are jumps.

A return is that of the mid over a bucket of the volume clock (E1).

Model: returns of buckets over the root of their seconds, y = r / sqrt(d), are independent, normal
with deviation sigma for a share 1 - pi of them and rho sigma for the share pi, the jumps. Then

    P(jump | y) = pi phi(z / rho) / rho / (pi phi(z / rho) / rho + (1 - pi) phi(z)),   z = y / sigma

which is never 0: at z = 0 it is pi / rho over pi / rho + 1 - pi. pi, sigma and rho are the maximum
of the likelihood over the last `window` returns, with pi ~ Beta and a few jumps' worth of belief in
`prior_ratio`, found by expectation and maximisation. Each new return goes on with a slice of the
sum over the window; whenever it is complete the parameters move. sigma is that of the returns that
were no jumps, so jumps don't contaminate it, and rho is kept between `lowest_ratio` and
`highest_ratio`, so the components can't change places.

Deviations come from the observed information of (logit pi, log sigma, log rho), the sum of products
of scores: what isn't known of the labels and of the other parameters widens the interval.

`jump_toxicity` is pi of the last hundred returns or so; it has nothing to do with the toxicity of
fills (E24). It is a running average of P(jump), itself computed with that average for pi (the
online form of the same method). With gain g its stationary variance is g / 2 pi (1 - pi), that of 2
/ g labels seen, besides what not knowing sigma and rho adds; it follows a change more slowly than 1
/ g returns, by the share of information that is left without labels.

A return of exactly 0 is put together with the next until the price has moved: on a grid of prices
zeros would otherwise count as a sigma of their own. Where it is wrong: volatility that changes
inside the window gives heavy tails, which are read as jumps (on recorded markets 2 to 15 % of
buckets, whatever they were); moves of +-1 step in buckets of unlike durations give tails too; jumps
far beyond 5 deviations make the share too large (of 30 deviations, twice), for then fewer usual
returns are excused, while sigma stays right. It never says 0: without any jump the share is told as
about 0.4 %, and the interval does not hold 0. A duplicate bucket counts twice; order matters to
`jump_toxicity` alone.

Before `minimum_returns` it tells the prior. When no buckets come everything stays.

On tapes: not scored apart; what it calls jumps there is mostly volatility that changes.

Source: Dempster, Laird and Rubin (1977); Cappe and Moulines (2009) for the online form; Louis
(1982) on information that is missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import beta_quantile
from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import BUCKET
from simmm.estimators.volatility.forgetting import retention
from simmm.estimators.volatility.spread import Z95
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

ROW = "E13"
HEARS = (BUCKET,)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("jump_probability", "jump_share", "jump_toxicity", "diffusion_sigma"),
    "of the returns of closed buckets, and forgotten by their number",
)

LARGEST_WINDOW = 1024

PARAMETERS = parameters(
    window=Parameter(1000, "returns", "that are learned from", low=50, high=LARGEST_WINDOW),
    slice=Parameter(
        64, "returns", "of the window gone through at each new return", low=8, high=1024
    ),
    minimum_returns=Parameter(50, "returns", "before the prior is left", low=10, high=1024),
    half_life_returns=Parameter(
        100.0, "returns", "half-life of the running share", low=5.0, high=1e6
    ),
    prior_share=Parameter(0.05, "", "of jumps: mean of its beta prior", low=1e-4, high=0.5),
    prior_returns=Parameter(20.0, "returns", "what that prior is worth", low=2.0, high=1e4),
    prior_ratio=Parameter(4.0, "", "jump over diffusion deviation, before data", low=3.0, high=5.0),
    prior_jumps=Parameter(5.0, "jumps", "what prior_ratio is worth", low=0.5, high=1e4),
    lowest_ratio=Parameter(3.0, "", "jump over diffusion deviation, least", low=1.5, high=10.0),
    highest_ratio=Parameter(5.0, "", "jump over diffusion deviation, most", low=1.5, high=100.0),
)
RULES = (
    rising("lowest_ratio", "highest_ratio"),
    rising("minimum_returns", "window"),  # else the prior would never be left
)

BELIEFS = (
    Belief("jump_probability", "", "that the newest return was a jump", law="beta"),
    Belief("jump_share", "", "of returns that are jumps", law="beta"),
    Belief("jump_toxicity", "", "share of the last 100 or so that were jumps", law="beta"),
    Belief(
        "diffusion_sigma",
        "fraction/√s",
        "volatility of the returns that are no jumps",
        law="lognormal",
        time_power=-0.5,
    ),
)

SIZE_CLIP = 1e12  # of a return per root second
SMALLEST = 1e-15  # of a log price: below what its floating mid can tell
LONGEST_S, SHORTEST_S = 1e12, 1e-9
LARGEST_EXPONENT = 600.0
NEAREST = 1e-9  # to 0 and 1 that a probability is told
LEAST_SIGMA = 1e-30

State = np.dtype(
    [
        ("returns", "f8", (LARGEST_WINDOW,)),  # ring, per root second; the oldest is overwritten
        ("count", "i8"),  # ever put into it
        ("carried_change", "f8"),  # of buckets that didn't move, and their time
        ("carried_s", "f8"),
        ("last_ts", "i8"),  # ns
        ("share", "f8"),  # pi
        ("sigma", "f8"),
        ("ratio", "f8"),  # rho
        ("covariance", "f8", (3, 3)),  # of logit pi, log sigma, log rho
        ("shared", "f8"),  # part of the first that sigma and rho are to blame for
        ("cursor", "i8"),  # of the sum over the window
        ("extent", "i8"),  # returns in it
        ("jumps", "f8"),  # sum of P
        ("inner", "f8"),  # of (1 - P) y^2
        ("outer", "f8"),  # of P y^2
        ("scores", "f8", (3, 3)),  # of products of scores
        ("running", "f8"),  # pi of late
        ("running_weight", "f8"),
        ("running_squares", "f8"),
        ("value", "f8", (3,)),  # of the beta beliefs
        ("deviation", "f8", (3,)),
        ("low", "f8", (3,)),
        ("high", "f8", (3,)),
        ("sigma_factor", "f8"),
    ],
    align=True,
)

PROBABILITY, SHARE, RUNNING = 0, 1, 2


@kernel
def probability(z: float, share: float, ratio: float) -> float:
    """Probability that a return of `z` diffusion deviations was a jump."""
    exponent = 0.5 * z * z * (1.0 - 1.0 / (ratio * ratio))
    odds = share / ((1.0 - share) * ratio) * exp(min(exponent, LARGEST_EXPONENT))
    return odds / (1.0 + odds)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the prior."""
    for i in range(LARGEST_WINDOW):
        s.returns[i] = 0.0
    s.count = 0
    s.carried_change = 0.0
    s.carried_s = 0.0
    s.last_ts = 0
    s.share = p.prior_share
    s.sigma = 0.0
    s.ratio = p.prior_ratio
    s.running = p.prior_share
    s.running_weight = p.prior_returns
    s.running_squares = p.prior_returns
    s.sigma_factor = 1.0
    s.shared = 0.0
    for i in range(3):
        for j in range(3):
            s.covariance[i, j] = 0.0
    _begin(s, p)
    for which in range(3):
        _tell(s, which, p.prior_share, p.prior_share * (1.0 - p.prior_share) / p.prior_returns)


@kernel
def _begin(s: Any, p: Any) -> None:
    """Begin a sum over the window."""
    s.cursor = 0
    s.extent = min(s.count, p.window)
    s.jumps = 0.0
    s.inner = 0.0
    s.outer = 0.0
    for i in range(3):
        for j in range(3):
            s.scores[i, j] = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in one bucket."""
    if not (SHORTEST_S <= o.seconds <= LONGEST_S and -SIZE_CLIP <= o.change <= SIZE_CLIP):
        return
    s.carried_change += o.change
    s.carried_s = min(s.carried_s + o.seconds, LONGEST_S)
    if abs(s.carried_change) < SMALLEST:
        return
    y = clip(s.carried_change / sqrt(s.carried_s), -SIZE_CLIP, SIZE_CLIP)
    s.carried_change = 0.0
    s.carried_s = 0.0
    s.returns[s.count % p.window] = y
    s.count += 1
    s.last_ts = o.now
    if s.count < p.minimum_returns:
        return
    if s.sigma == 0.0:
        _guess(s, p)
    for _ in range(p.slice):
        if s.cursor >= s.extent:
            break
        _add(s, s.returns[s.cursor])
        s.cursor += 1
    if s.cursor >= s.extent:
        _maximise(s, p)
        _begin(s, p)
    _newest(s, p, y / s.sigma)


@kernel
def _guess(s: Any, p: Any) -> None:
    """Start from the mean size of the returns so far."""
    total = 0.0
    count = min(s.count, p.window)
    for i in range(count):
        total += abs(s.returns[i])
    s.sigma = max(total / count, LEAST_SIGMA)
    _begin(s, p)


@kernel
def _add(s: Any, y: float) -> None:
    """Add a return of the window to the sums."""
    z = y / s.sigma
    jump = probability(z, s.share, s.ratio)
    s.jumps += jump
    s.inner += (1.0 - jump) * y * y
    s.outer += jump * y * y
    of_share = jump - s.share
    of_ratio = jump * (z * z / (s.ratio * s.ratio) - 1.0)
    of_sigma = (1.0 - jump) * (z * z - 1.0) + of_ratio
    s.scores[0, 0] += of_share * of_share
    s.scores[0, 1] += of_share * of_sigma
    s.scores[0, 2] += of_share * of_ratio
    s.scores[1, 1] += of_sigma * of_sigma
    s.scores[1, 2] += of_sigma * of_ratio
    s.scores[2, 2] += of_ratio * of_ratio


@kernel
def _maximise(s: Any, p: Any) -> None:
    """Move the parameters to what the sums say."""
    count = float(s.extent)
    s.scores[0, 0] += p.prior_returns * s.share * (1.0 - s.share)
    s.scores[1, 1] += 1.0
    width = log(p.highest_ratio / p.lowest_ratio)  # bounds say as much as a uniform law inside
    s.scores[2, 2] += 2.0 * p.prior_jumps + 12.0 / max(width * width, 1e-12)
    _invert(s)
    prior_jumps = p.prior_share * p.prior_returns
    s.share = (prior_jumps + s.jumps) / (p.prior_returns + count)
    s.sigma = max(sqrt(s.inner / max(count - s.jumps, 1.0)), LEAST_SIGMA)
    scaled = p.prior_jumps * p.prior_ratio * p.prior_ratio + s.outer / (s.sigma * s.sigma)
    ratio = sqrt(scaled / (p.prior_jumps + s.jumps))
    s.ratio = clip(ratio, p.lowest_ratio, max(p.lowest_ratio, p.highest_ratio))
    spread = s.share * (1.0 - s.share)
    _tell(s, SHARE, s.share, spread * spread * s.covariance[0, 0])
    s.sigma_factor = exp(Z95 * min(sqrt(s.covariance[1, 1]), 1.0))


@kernel
def _invert(s: Any) -> None:
    """Set the covariance to the inverse of the information, by its cofactors."""
    a, b, c = s.scores[0, 0], s.scores[0, 1], s.scores[0, 2]
    d, e, f = s.scores[1, 1], s.scores[1, 2], s.scores[2, 2]
    aa, bb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * aa + b * bb + c * cc
    if not determinant > 1e-9 * a * d * f:
        return
    s.covariance[0, 0] = aa / determinant
    s.covariance[0, 1] = bb / determinant
    s.covariance[0, 2] = cc / determinant
    s.covariance[1, 1] = (a * f - c * c) / determinant
    s.covariance[1, 2] = (b * c - a * e) / determinant
    s.covariance[2, 2] = (a * d - b * b) / determinant
    s.shared = max(s.covariance[0, 0] - 1.0 / a, 0.0)


@kernel
def _newest(s: Any, p: Any, z: float) -> None:
    """Judge the newest return, and let it into the running share."""
    chance = probability(z, s.share, s.ratio)
    square = min(z * z, LARGEST_EXPONENT) / (s.ratio * s.ratio)
    of_sigma = square - square * s.ratio * s.ratio  # slope of logit P in log sigma
    of_ratio = square - 1.0
    logit = s.covariance[0, 0] + 2.0 * (s.covariance[0, 1] * of_sigma)
    logit += 2.0 * of_ratio * (s.covariance[0, 2] + s.covariance[1, 2] * of_sigma)
    logit += of_sigma * of_sigma * s.covariance[1, 1] + of_ratio * of_ratio * s.covariance[2, 2]
    spread = chance * (1.0 - chance)
    _tell(s, PROBABILITY, chance, spread * spread * max(logit, 0.0))
    kept = retention(0.0, 0.0, 1.0, p.half_life_returns)
    s.running_weight = kept * s.running_weight + 1.0
    s.running_squares = kept * kept * s.running_squares + 1.0
    s.running += (probability(z, s.running, s.ratio) - s.running) / s.running_weight
    s.running = clip(s.running, NEAREST, 1.0 - NEAREST)
    labels = s.running_weight * s.running_weight / s.running_squares
    spread = s.running * (1.0 - s.running)
    _tell(s, RUNNING, s.running, spread / labels + spread * spread * s.shared)


@kernel
def _tell(s: Any, which: int, mean: float, variance: float) -> None:
    """Keep mean, deviation and bounds of a beta law of that variance."""
    mean = clip(mean, NEAREST, 1.0 - NEAREST)
    most = mean * (1.0 - mean)
    total = max(most / max(variance, 1e-300), 1.0 + NEAREST) - 1.0
    total = clip(total, NEAREST, 1.0 / NEAREST)
    s.value[which] = mean
    s.deviation[which] = sqrt(most / (1.0 + total))
    s.low[which] = min(beta_quantile(mean * total, (1.0 - mean) * total, 0.025), mean)
    s.high[which] = max(beta_quantile(mean * total, (1.0 - mean) * total, 0.975), mean)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.last_ts if s.sigma > 0.0 else -1
    b.jump_probability = s.value[0]
    b.jump_probability_sd = s.deviation[0]
    b.jump_probability_low = s.low[0]
    b.jump_probability_high = s.high[0]
    b.jump_probability_age_ns = age
    b.jump_share = s.value[1]
    b.jump_share_sd = s.deviation[1]
    b.jump_share_low = s.low[1]
    b.jump_share_high = s.high[1]
    b.jump_share_age_ns = age
    b.jump_toxicity = s.value[2]
    b.jump_toxicity_sd = s.deviation[2]
    b.jump_toxicity_low = s.low[2]
    b.jump_toxicity_high = s.high[2]
    b.jump_toxicity_age_ns = age
    b.diffusion_sigma = s.sigma
    b.diffusion_sigma_sd = s.sigma * log(s.sigma_factor) / Z95
    b.diffusion_sigma_low = s.sigma / s.sigma_factor
    b.diffusion_sigma_high = s.sigma * s.sigma_factor
    b.diffusion_sigma_age_ns = age
