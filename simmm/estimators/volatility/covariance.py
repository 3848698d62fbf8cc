"""E15: how log kappa and log sigma move together.

What the beliefs `kappa` and `sigma` did lately: each `spacing_s` a pair (log kappa, log sigma),
whose mean, covariance c and correlation r have weights 2^(-age / half-life). Logarithms, since both
are positive and vary by factors; the covariance is of relative changes.

Beliefs are smooth, so pairs resemble those before them and count for less. With a_x and a_y the
autocorrelations of the two series from one pair to the next, and n weighted pairs, the effective
number is

    m = n (1 - a_x a_y) / (1 + a_x a_y)

(Bartlett), where a is raised by (1 + 3 a) / n, its bias in a finite series (Kendall). The interval
of r is Fisher's: atanh r +- 1.96 / sqrt(m - 3), and the deviation that is told is a quarter of its
width, roughly: the width over 3.92. Var(c) = (v_x v_y + c^2) / m, and its root times 1 + 2 / m
since the variances come from the same few pairs. Below `minimum_pairs` effective
pairs nothing is said.

It is about how the two beliefs moved over hours, not about the errors of either, and it matters to
quotes only by the slope of the spread in sigma: the half-spread log(1 + gamma / kappa) / gamma of
no inventory doesn't know sigma. Where it is wrong: autocorrelation that decays otherwise than
geometrically, and shared noise, as both are estimated from one market. A clock that ticks twice is
one pair. Pairs are taken only while the mid is known and both beliefs have an age; while it is not
values stay and m falls as in `silence.py`, not below `minimum_pairs`.

On tapes: not scored; nothing that comes along reads it.

Source: Fisher (1915); Bartlett (1946); Kendall (1954).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import CLOCK
from simmm.estimators.silence import SILENT, count_silence, start_silence
from simmm.estimators.volatility.forgetting import retention
from simmm.estimators.volatility.spread import Z95
from simmm.jit import kernel
from simmm.math import clip, exp, is_finite, log, sqrt

ROW = "E15"
HEARS = (CLOCK,)
READS = ("kappa", "sigma")
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    half_life_s=Parameter(
        3600.0, "s", "half-life; 0 forgets nothing", low=0.0, high=1e9, time_power=1.0
    ),
    spacing_s=Parameter(10.0, "s", "from one pair to the next", low=0.1, high=1e6, time_power=1.0),
    minimum_pairs=Parameter(
        5.0, "pairs", "effective number below which nothing is said", low=4.0, high=1e6
    ),
)

BELIEFS = (
    Belief("kappa_sigma_correlation", "", "correlation of log kappa and log sigma"),
    Belief("kappa_sigma_covariance", "", "covariance of log kappa and log sigma"),
)

NS_PER_S = 1e9
MOST_ALIKE = 0.9999  # autocorrelation that is believed at most
LEAST_VARIANCE = 1e-18  # of a logarithm: less is rounding
ADJACENT = 1.5  # spacings: a pair that comes later doesn't follow the one before it
STRONGEST = 1.0 - 1e-9  # correlation that is told at most

State = np.dtype(
    [
        ("last_ts", "i8"),  # ns, of the newest pair
        ("pairs", "i8"),
        ("first", "f8", (2,)),  # log kappa, log sigma of the first pair; all below is less these
        ("newest", "f8", (2,)),
        ("weight", "f8"),
        ("weight_squared", "f8"),
        ("total", "f8", (2,)),  # weighted
        ("square", "f8", (2,)),
        ("cross", "f8"),
        ("lag_weight", "f8"),  # of pairs with one just before them
        ("lag_sum", "f8", (2,)),
        ("lag_before", "f8", (2,)),
        ("lag_product", "f8", (2,)),
        *SILENT,
        ("known", "i8"),
        ("correlation", "f8"),
        ("correlation_low", "f8"),
        ("correlation_high", "f8"),
        ("covariance", "f8"),
        ("covariance_sd", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.last_ts = 0
    s.pairs = 0
    s.weight = 0.0
    s.weight_squared = 0.0
    s.cross = 0.0
    s.lag_weight = 0.0
    for i in range(2):
        s.first[i] = 0.0
        s.newest[i] = 0.0
        s.total[i] = 0.0
        s.square[i] = 0.0
        s.lag_sum[i] = 0.0
        s.lag_before[i] = 0.0
        s.lag_product[i] = 0.0
    start_silence(s)
    s.known = 0
    s.correlation = 0.0
    s.correlation_low = 0.0
    s.correlation_high = 0.0
    s.covariance = 0.0
    s.covariance_sd = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in a pair, if it is time for one."""
    seen = is_finite(o.mid) and o.mid > 0.0
    if count_silence(s, seen, o.now, p.half_life_s) and s.known == 1:
        _settle(s, p)
    if not (seen and b.kappa_age_ns >= 0 and b.sigma_age_ns >= 0):
        return
    if not (is_finite(b.kappa) and is_finite(b.sigma) and b.kappa > 0.0 and b.sigma > 0.0):
        return
    elapsed = float(o.now - s.last_ts) / NS_PER_S
    if s.pairs == 0:
        s.first[0] = log(b.kappa)
        s.first[1] = log(b.sigma)
    elif elapsed < p.spacing_s:
        return
    # What wasn't seen in a longer silence makes forget nothing.
    kept = retention(p.spacing_s, p.half_life_s, 0.0, 0.0)
    follows = s.pairs > 0 and elapsed < ADJACENT * p.spacing_s
    _take(s, 0, log(b.kappa) - s.first[0], kept, follows)
    _take(s, 1, log(b.sigma) - s.first[1], kept, follows)
    s.weight = kept * s.weight + 1.0
    s.weight_squared = kept * kept * s.weight_squared + 1.0
    s.cross = kept * s.cross + s.newest[0] * s.newest[1]
    s.lag_weight = kept * s.lag_weight + (1.0 if follows else 0.0)
    s.pairs += 1
    s.last_ts = o.now
    _settle(s, p)


@kernel
def _take(s: Any, i: int, x: float, kept: float, follows: bool) -> None:
    """Add one of a pair to the sums, and its product with the one before."""
    s.total[i] = kept * s.total[i] + x
    s.square[i] = kept * s.square[i] + x * x
    s.lag_sum[i] *= kept
    s.lag_before[i] *= kept
    s.lag_product[i] *= kept
    if follows:
        s.lag_sum[i] += x
        s.lag_before[i] += s.newest[i]
        s.lag_product[i] += x * s.newest[i]
    s.newest[i] = x


@kernel
def _variance(s: Any, i: int) -> float:
    average = s.total[i] / s.weight
    return s.square[i] / s.weight - average * average


@kernel
def _autocorrelation(s: Any, i: int, variance: float, pairs: float) -> float:
    """Of one series from one pair to the next, less its bias in a finite series."""
    product = s.lag_product[i] - s.lag_sum[i] * s.lag_before[i] / s.lag_weight
    found = product / s.lag_weight / variance
    return clip(found + (1.0 + 3.0 * found) / pairs, 0.0, MOST_ALIKE)


@kernel
def _settle(s: Any, p: Any) -> None:
    """Work out correlation and covariance and their intervals."""
    s.known = 0
    if not s.lag_weight > 0.0:
        return
    of_kappa, of_sigma = _variance(s, 0), _variance(s, 1)
    if not (of_kappa > LEAST_VARIANCE and of_sigma > LEAST_VARIANCE):
        return
    pairs = s.weight * s.weight / s.weight_squared
    alike = _autocorrelation(s, 0, of_kappa, pairs) * _autocorrelation(s, 1, of_sigma, pairs)
    effective = pairs * (1.0 - alike) / (1.0 + alike)
    if effective < p.minimum_pairs:
        return
    s.known = 1
    effective = max(effective / (1.0 + s.excess), min(effective, p.minimum_pairs))
    s.covariance = s.cross / s.weight - s.total[0] * s.total[1] / (s.weight * s.weight)
    product = of_kappa * of_sigma
    s.covariance_sd = sqrt((product + s.covariance * s.covariance) / effective)
    s.covariance_sd *= 1.0 + 2.0 / effective
    s.correlation = clip(s.covariance / sqrt(product), -STRONGEST, STRONGEST)
    centre = 0.5 * log((1.0 + s.correlation) / (1.0 - s.correlation))
    reach = Z95 / sqrt(effective - 3.0)
    s.correlation_low = _tanh(centre - reach)
    s.correlation_high = _tanh(centre + reach)


@kernel
def _tanh(x: float) -> float:
    grown = exp(2.0 * x)
    return (grown - 1.0) / (grown + 1.0)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    known = 1.0 if s.known == 1 else 0.0
    age = now - s.last_ts if s.known == 1 else -1
    b.kappa_sigma_correlation = known * s.correlation
    width = s.correlation_high - s.correlation_low
    b.kappa_sigma_correlation_sd = known * width / (2.0 * Z95)
    b.kappa_sigma_correlation_low = known * s.correlation_low
    b.kappa_sigma_correlation_high = known * s.correlation_high
    b.kappa_sigma_correlation_age_ns = age
    b.kappa_sigma_covariance = known * s.covariance
    b.kappa_sigma_covariance_sd = known * s.covariance_sd
    b.kappa_sigma_covariance_low = known * (s.covariance - Z95 * s.covariance_sd)
    b.kappa_sigma_covariance_high = known * (s.covariance + Z95 * s.covariance_sd)
    b.kappa_sigma_covariance_age_ns = age
