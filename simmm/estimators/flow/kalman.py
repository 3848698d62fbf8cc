"""E17: the efficient price behind the mid, by a local-level Kalman filter that learns its noises.

Model: the logarithm x of the efficient price is a random walk, and every new mid shows it with an
error of its own,

    x(t + d) = x(t) + sqrt(q d) N(0, 1),   ln mid = x + sqrt(r) N(0, 1).

With P the variance of what is believed, a new mid after d seconds is taken in as

    P <- P + q d,  K = P / (P + r),  x <- x + K (ln mid - x),  P <- (1 - K) P.

A mid that still stands is the same measurement, not a new one: until it changes, time only widens
P. At even steps K goes to (sqrt(m^2 + 4 m) - m) / 2 with m = q d / r; .828 where m = 4.

q and r have inverse-gamma priors of one shape a and mean b / (a - 1), and are learned as the mode
of their posterior, in logarithms, over the last `window` measurements. One step of Fisher's scoring
needs one pass of the filter over them with the derivatives of P and of the innovation; a pass is
made in slices of 64 measurements at the clock, and begins again when an eighth of them is new. The
deviations of ln q and ln r are those of the curvature there. If more mids come during a pass than
the ring has spare, the pass skips to the oldest it has and starts a chain anew.

Where it is wrong: errors of real mids last (a quote that is off stays off until it changes) and lie
on a grid, while here each is drawn anew; what lasts is then taken for the price. Mids are looked at
when they change, so that long stands, which say that the price did not move, are not used: the
interval is too wide there. The interval of the price takes q and r for known.

Duplicates (the same mid again) do nothing. Time never runs backwards; several mids at one time are
several measurements. A mid that changes by more than a factor of e starts the filter anew. While
the mid is unknown values are held, and the deviation of the price grows as the process lets it.

On tapes: `fair_price` loses: at 1 s it was worse than the mid on nearly all tapes and better on
none. What it smooths away is news there rather than noise. Quote around the mid or the microprice.

Source: Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter, ch. 3
(score and information); the priors are inverse-gamma with mean b / (a - 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import CLOCK, TOUCH
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

ROW = "E17"
HEARS = (CLOCK, TOUCH)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("measurement_noise", "process_noise"),
    "constants of the model, learned from measurements",
)

RING = 1024  # a power of two
NEWS = 8  # a pass begins when one in so many measurements is new
SLICE = 64  # measurements of a pass a tick of the clock
LARGEST_MID = 1e18
NS_PER_S = 1_000_000_000.0

PARAMETERS = parameters(
    process_noise=Parameter(
        1e-4, "fraction/√s", "root of the prior mean of q", low=1e-9, high=1.0, time_power=-0.5
    ),
    measurement_noise=Parameter(
        5e-5, "fraction", "root of the prior mean of r", low=1e-9, high=1.0
    ),
    prior_shape=Parameter(10.0, "", "shape a of both inverse-gamma priors", low=2.0, high=1e12),
    window=Parameter(512, "measurements", "that q and r are learned from", low=16, high=512),
)

BELIEFS = (
    Belief("fair_price", "quanta", "efficient price", price_power=1.0),
    Belief("kalman_gain", "", "share of the last innovation that was believed", law="code"),
    Belief("measurement_noise", "fraction", "deviation of a mid from the price", law="lognormal"),
    Belief(
        "process_noise",
        "fraction/√s",
        "deviation of the price after a second",
        law="lognormal",
        time_power=-0.5,
    ),
)

State = np.dtype(
    [
        ("fair", "f8"),  # quanta; 0 unknown
        ("above", "f8"),  # logarithm of the last mid less that of `fair`
        ("variance", "f8"),  # P after the last measurement
        ("gain", "f8"),
        ("last_mid", "f8"),
        ("last_ts", "i8"),  # of the last measurement, ns
        ("process", "f8"),  # q
        ("measurement", "f8"),  # r
        ("process_spread", "f8"),  # deviation of ln sqrt(q)
        ("measurement_spread", "f8"),
        ("process_told", "f8", (4,)),  # as a deviation: value, sd, low, high
        ("measurement_told", "f8", (4,)),
        ("learned_ts", "i8"),  # newest measurement in the last pass, ns; -1 none
        ("count", "i8"),  # measurements put into the ring
        ("changes", "f8", (RING,)),  # of ln mid from measurement to measurement
        ("seconds", "f8", (RING,)),
        ("position", "i8"),  # of the pass: next measurement, counted from the first ever
        ("end", "i8"),
        ("end_ts", "i8"),
        ("error", "f8"),  # last measurement less what is believed, and its derivatives
        ("error_q", "f8"),
        ("error_r", "f8"),
        ("belief", "f8"),  # P, and its derivatives by ln q and ln r
        ("belief_q", "f8"),
        ("belief_r", "f8"),
        ("score_q", "f8"),
        ("score_r", "f8"),
        ("info_qq", "f8"),
        ("info_qr", "f8"),
        ("info_rr", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know the priors."""
    s.fair = 0.0
    s.above = 0.0
    s.variance = 0.0
    s.gain = 0.0
    s.last_mid = 0.0
    s.last_ts = 0
    mode = (p.prior_shape - 1.0) / p.prior_shape  # of ln q, as a share of the mean of q
    s.process = p.process_noise * p.process_noise * mode
    s.measurement = p.measurement_noise * p.measurement_noise * mode
    s.process_spread = 0.5 / sqrt(p.prior_shape)
    s.measurement_spread = 0.5 / sqrt(p.prior_shape)
    _tell(s.process_told, s.process, s.process_spread)
    _tell(s.measurement_told, s.measurement, s.measurement_spread)
    s.learned_ts = -1
    s.count = 0
    s.position = 0
    s.end = 0
    s.end_ts = 0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in a mid; at the clock, learn a slice."""
    if not 0.0 < o.mid < LARGEST_MID:
        return
    if o.mid != s.last_mid:
        _measure(s, o.now, o.mid)
    if o.kind == CLOCK:
        _learn(s, p)


@kernel
def _measure(s: Any, now: int, mid: float) -> None:
    ratio = mid / s.last_mid if s.last_mid > 0.0 else 0.0
    if not 0.36787944117144233 < ratio < 2.718281828459045:
        s.fair = mid
        s.above = 0.0
        s.variance = s.measurement
        s.gain = 1.0
    else:
        seconds = max(float(now - s.last_ts), 0.0) / NS_PER_S
        slot = s.count & (RING - 1)
        change = log(ratio)
        s.changes[slot] = change
        s.seconds[slot] = seconds
        s.count += 1
        before = s.variance + s.process * seconds
        s.gain = before / (before + s.measurement)
        s.variance = s.gain * s.measurement
        s.above = (1.0 - s.gain) * (s.above + change)
        s.fair = mid * exp(-s.above)
    s.last_mid = mid
    s.last_ts = now


@kernel
def _learn(s: Any, p: Any) -> None:
    """Do a slice of the pass; at its end move q and r, and begin another if there is news."""
    if s.position >= s.end:
        if s.count - s.end < max(min(s.count, p.window) // NEWS, 1):
            return
        s.end = s.count
        s.end_ts = s.last_ts
        s.position = max(s.count - p.window, 0)
        s.score_q = 0.0
        s.score_r = 0.0
        s.info_qq = 0.0
        s.info_qr = 0.0
        s.info_rr = 0.0
        _fresh(s)
    if s.count - s.position > RING:
        s.position = s.count - RING
        _fresh(s)
    stop = min(s.position + SLICE, s.end)
    while s.position < stop:
        slot = s.position & (RING - 1)
        _score(s, s.changes[slot], s.seconds[slot])
        s.position += 1
    if s.position >= s.end:
        _move(s, p)


@kernel
def _fresh(s: Any) -> None:
    """Begin a chain: one measurement is all that is known."""
    s.error = 0.0
    s.error_q = 0.0
    s.error_r = 0.0
    s.belief = s.measurement
    s.belief_q = 0.0
    s.belief_r = s.measurement


@kernel
def _score(s: Any, change: float, seconds: float) -> None:
    """Add one innovation's score and expected information."""
    grown = s.process * seconds
    before = s.belief + grown
    before_q = s.belief_q + grown
    inverse = 1.0 / (before + s.measurement)
    innovation = s.error + change
    share = innovation * innovation * inverse
    # Derivatives of the innovation's variance, relative to it, and of the innovation.
    by_q = before_q * inverse
    by_r = (s.belief_r + s.measurement) * inverse
    s.score_q += 0.5 * by_q * (share - 1.0) - innovation * s.error_q * inverse
    s.score_r += 0.5 * by_r * (share - 1.0) - innovation * s.error_r * inverse
    s.info_qq += 0.5 * by_q * by_q + s.error_q * s.error_q * inverse
    s.info_qr += 0.5 * by_q * by_r + s.error_q * s.error_r * inverse
    s.info_rr += 0.5 * by_r * by_r + s.error_r * s.error_r * inverse
    gain = before * inverse
    gain_q = by_q - gain * by_q
    gain_r = s.belief_r * inverse - gain * by_r
    s.error = (1.0 - gain) * innovation
    s.error_q = (1.0 - gain) * s.error_q - gain_q * innovation
    s.error_r = (1.0 - gain) * s.error_r - gain_r * innovation
    s.belief = gain * s.measurement
    s.belief_q = gain_q * s.measurement
    s.belief_r = (gain_r + gain) * s.measurement


@kernel
def _move(s: Any, p: Any) -> None:
    """One step of scoring, with the priors, of at most a factor of e; tell the deviations."""
    shape = p.prior_shape
    prior_q = (shape - 1.0) * p.process_noise * p.process_noise / s.process
    prior_r = (shape - 1.0) * p.measurement_noise * p.measurement_noise / s.measurement
    score_q = s.score_q + prior_q - shape
    score_r = s.score_r + prior_r - shape
    info_qq = s.info_qq + prior_q
    info_rr = s.info_rr + prior_r
    determinant = info_qq * info_rr - s.info_qr * s.info_qr
    if not determinant > 0.0:
        return
    step_q = (info_rr * score_q - s.info_qr * score_r) / determinant
    step_r = (info_qq * score_r - s.info_qr * score_q) / determinant
    s.process = clip(s.process * exp(clip(step_q, -1.0, 1.0)), 1e-30, 1e6)
    s.measurement = clip(s.measurement * exp(clip(step_r, -1.0, 1.0)), 1e-30, 1e6)
    s.process_spread = 0.5 * sqrt(info_rr / determinant)
    s.measurement_spread = 0.5 * sqrt(info_qq / determinant)
    _tell(s.process_told, s.process, s.process_spread)
    _tell(s.measurement_told, s.measurement, s.measurement_spread)
    s.learned_ts = s.end_ts


@kernel
def _tell(told: Any, variance: float, spread: float) -> None:
    noise = sqrt(variance)
    factor = exp(1.96 * min(spread, 10.0))
    told[0] = noise
    told[1] = noise * spread
    told[2] = noise / factor
    told[3] = noise * factor


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    known = s.fair > 0.0
    ahead = s.process * max(float(now - s.last_ts), 0.0) / NS_PER_S
    deviation = s.fair * sqrt(s.variance + ahead) if known else 0.0
    b.fair_price = s.fair
    b.fair_price_sd = deviation
    b.fair_price_low = s.fair - 1.96 * deviation
    b.fair_price_high = s.fair + 1.96 * deviation
    b.fair_price_age_ns = now - s.last_ts if known else -1
    b.kalman_gain = s.gain
    b.kalman_gain_age_ns = now - s.last_ts if known else -1
    age = now - s.learned_ts if s.learned_ts >= 0 else -1
    b.measurement_noise = s.measurement_told[0]
    b.measurement_noise_sd = s.measurement_told[1]
    b.measurement_noise_low = s.measurement_told[2]
    b.measurement_noise_high = s.measurement_told[3]
    b.measurement_noise_age_ns = age
    b.process_noise = s.process_told[0]
    b.process_noise_sd = s.process_told[1]
    b.process_noise_low = s.process_told[2]
    b.process_noise_high = s.process_told[3]
    b.process_noise_age_ns = age
