"""The posterior of alpha and delta of E23, found in slices.

The parameters are x = (log-odds of alpha within its range, log delta), the prior normal in both.
First the mode, by Fisher scoring: passes over all outcomes, 128 of them a call. With A the
information there, prior included, I that of the outcomes alone and g the score summed over a burst
of fills (closer together than the horizon), bursts vary

    bursts = trace(inverse(A) sum(g g')) / trace(inverse(A) I)

times as much as single fills would; the likelihood is raised to 1 / bursts if that is above 1. Then
means and variances by the trapezoidal rule on 7 x 11 points, as wide as the mode's information says
and wider: with few fills the posterior is skewed, and the mode and its curvature alone cover too
seldom.

The state that is handed in has the fields `FIT`.

Source: McCullagh and Nelder, Generalized linear models (1989), chapter 2 and 4; powers of
likelihoods for dependent data as in Ribatet, Cooley and Davison (2012).
"""

from __future__ import annotations

from typing import Any

from simmm.estimators.outcomes.pending import nanoseconds
from simmm.jit import kernel
from simmm.math import clip, exp, log, sqrt

RING = 1024  # outcomes; the oldest is forgotten for a new one
SLICE = 128  # outcomes per tick of the clock, in a pass for the mode
THIN_SLICE = 32  # at all points
TOUCHES, DECAYS = 7, 11
_TOUCH_SPACING, _DECAY_SPACING = 1.1, 0.9  # deviations
_MOST_PASSES = 20
_IDLE, _MODE, _POINTS = 0, 1, 2

FIT = [
    ("outcomes", "i8"),  # so far
    ("outcome_ts", "i8", (RING,)),  # of the fill
    ("depth", "f8", (RING,)),
    ("adverse", "f8", (RING,)),  # 0 or 1
    ("noise", "f8", (RING,)),  # q
    ("fitting", "i8"),
    ("fit_end", "i8"),  # number of outcomes when it began
    ("cursor", "i8"),
    ("passes", "i8"),
    ("x", "f8", (2,)),  # the mode
    ("score", "f8", (2,)),
    ("information", "f8", (3,)),  # 00, 01, 11
    ("burst_score", "f8", (2,)),  # of the burst at the cursor
    ("burst_ts", "i8"),
    ("spread", "f8", (3,)),  # sum of squares of bursts' scores
    ("bursts", "f8"),
    ("point_sd", "f8", (2,)),
    ("point_alpha", "f8", (TOUCHES,)),
    ("point_delta", "f8", (DECAYS,)),
    ("point_product", "f8", (DECAYS, TOUCHES)),
    ("point_log", "f8", (DECAYS, TOUCHES)),
    ("found", "f8", (2,)),  # means
    ("found_variance", "f8", (2,)),
]


@kernel
def start_fit(s: Any, p: Any) -> None:
    """No outcomes: the prior."""
    s.outcomes = 0
    s.fitting = _IDLE
    s.fit_end = 0
    s.x[0] = _prior_touch(p)
    s.x[1] = log(1e-4 * p.prior_decay_bps)


@kernel
def _prior_touch(p: Any) -> float:
    prior = clip((p.prior_touch - p.touch_low) / (p.touch_high - p.touch_low), 0.001, 0.999)
    return log(prior / (1.0 - prior))


@kernel
def fit_on(s: Any, p: Any) -> bool:
    """Do one slice of work; True if `found` and `found_variance` are new."""
    if s.fitting == _IDLE:
        if s.outcomes - s.fit_end < p.refit_fills:
            return False
        s.fitting = _MODE
        s.passes = 0
        s.fit_end = s.outcomes
        _begin_pass(s)
    if s.fitting == _MODE:
        _score_on(s, p)
        return False
    return _points_on(s, p)


@kernel
def _begin_pass(s: Any) -> None:
    s.cursor = max(0, s.fit_end - RING)
    for k in range(2):
        s.score[k] = 0.0
        s.burst_score[k] = 0.0
    for k in range(3):
        s.information[k] = 0.0
        s.spread[k] = 0.0
    s.burst_ts = s.outcome_ts[s.cursor % RING]


@kernel
def _score_on(s: Any, p: Any) -> None:
    """Take one slice of the outcomes in; after the last, take a step."""
    width = p.touch_high - p.touch_low
    inside = 1.0 / (1.0 + exp(-s.x[0]))
    alpha = p.touch_low + width * inside
    slope = width * inside * (1.0 - inside)
    delta = exp(s.x[1])
    horizon_ns = nanoseconds(p.horizon_s)
    end = min(s.cursor + SLICE, s.fit_end)
    for i in range(s.cursor, end):
        slot = i % RING
        ts = s.outcome_ts[slot]
        if ts - s.burst_ts > horizon_ns:
            _close_burst(s)
            s.burst_ts = ts
        ratio = s.depth[slot] / delta
        reached = (1.0 - s.noise[slot]) * exp(-ratio)
        chance = clip(s.noise[slot] + alpha * reached, 1e-12, 1.0 - 1e-12)
        first = slope * reached
        second = alpha * reached * ratio
        weight = 1.0 / (chance * (1.0 - chance))
        miss = (s.adverse[slot] - chance) * weight
        s.burst_score[0] += miss * first
        s.burst_score[1] += miss * second
        s.information[0] += weight * first * first
        s.information[1] += weight * first * second
        s.information[2] += weight * second * second
    s.cursor = end
    if end == s.fit_end:
        _close_burst(s)
        _step(s, p)


@kernel
def _close_burst(s: Any) -> None:
    first, second = s.burst_score[0], s.burst_score[1]
    s.score[0] += first
    s.score[1] += second
    s.spread[0] += first * first
    s.spread[1] += first * second
    s.spread[2] += second * second
    s.burst_score[0] = 0.0
    s.burst_score[1] = 0.0


@kernel
def _step(s: Any, p: Any) -> None:
    of_touch = 1.0 / (p.prior_touch_sd * p.prior_touch_sd)
    of_decay = 1.0 / (p.prior_decay_sd * p.prior_decay_sd)
    a = s.information[0] + of_touch
    b = s.information[1]
    c = s.information[2] + of_decay
    first = s.score[0] + of_touch * (_prior_touch(p) - s.x[0])
    second = s.score[1] + of_decay * (log(1e-4 * p.prior_decay_bps) - s.x[1])
    determinant = max(a * c - b * b, 1e-300)
    move_touch = clip((c * first - b * second) / determinant, -1.0, 1.0)
    move_decay = clip((a * second - b * first) / determinant, -1.0, 1.0)
    s.x[0] = clip(s.x[0] + move_touch, -6.0, 6.0)
    s.x[1] = clip(s.x[1] + move_decay, -14.0, 0.0)
    s.passes += 1
    if s.passes < _MOST_PASSES and max(abs(move_touch), abs(move_decay)) > 1e-6:
        _begin_pass(s)
        return
    alone = _traced(a, b, c, s.information[0], s.information[1], s.information[2])
    together = _traced(a, b, c, s.spread[0], s.spread[1], s.spread[2])
    s.bursts = max(together / max(alone, 1e-300), 1.0) if s.fit_end > 1 else 1.0
    s.point_sd[0] = sqrt(s.bursts * c / determinant)
    s.point_sd[1] = sqrt(s.bursts * a / determinant)
    _begin_points(s, p)


@kernel
def _traced(a: float, b: float, c: float, x: float, y: float, z: float) -> float:
    """Trace of inverse((a b, b c)) (x y, y z), times the determinant of the first."""
    return c * x - 2.0 * b * y + a * z


@kernel
def _begin_points(s: Any, p: Any) -> None:
    s.fitting = _POINTS
    s.cursor = max(0, s.fit_end - RING)
    for i in range(TOUCHES):
        inside = 1.0 / (1.0 + exp(-_touch_point(s, i)))
        s.point_alpha[i] = p.touch_low + (p.touch_high - p.touch_low) * inside
    for j in range(DECAYS):
        s.point_delta[j] = exp(_decay_point(s, j))
        for i in range(TOUCHES):
            s.point_product[j, i] = 1.0
            s.point_log[j, i] = 0.0


@kernel
def _touch_point(s: Any, i: int) -> float:
    return clip(s.x[0] + (i - TOUCHES // 2) * _TOUCH_SPACING * s.point_sd[0], -40.0, 40.0)


@kernel
def _decay_point(s: Any, j: int) -> float:
    return clip(s.x[1] + (j - DECAYS // 2) * _DECAY_SPACING * s.point_sd[1], -40.0, 40.0)


@kernel
def _points_on(s: Any, p: Any) -> bool:
    """Take one slice of the outcomes in at all points; after the last, sum the points up."""
    end = min(s.cursor + THIN_SLICE, s.fit_end)
    for k in range(s.cursor, end):
        slot = k % RING
        noise = s.noise[slot]
        depth = s.depth[slot]
        adverse = s.adverse[slot] > 0.5
        for j in range(DECAYS):
            reached = (1.0 - noise) * exp(-depth / s.point_delta[j])
            for i in range(TOUCHES):
                chance = clip(noise + s.point_alpha[i] * reached, 1e-12, 1.0 - 1e-12)
                s.point_product[j, i] *= chance if adverse else 1.0 - chance
        if k % 16 == 15 or k == s.fit_end - 1:  # before the products get too small
            for j in range(DECAYS):
                for i in range(TOUCHES):
                    s.point_log[j, i] += log(s.point_product[j, i])
                    s.point_product[j, i] = 1.0
    s.cursor = end
    if end < s.fit_end:
        return False
    s.fitting = _IDLE
    _sum_up(s, p)
    return True


@kernel
def _sum_up(s: Any, p: Any) -> None:
    highest = -1e300
    for j in range(DECAYS):
        off_decay = (_decay_point(s, j) - log(1e-4 * p.prior_decay_bps)) / p.prior_decay_sd
        for i in range(TOUCHES):
            off_touch = (_touch_point(s, i) - _prior_touch(p)) / p.prior_touch_sd
            s.point_log[j, i] /= s.bursts
            s.point_log[j, i] -= 0.5 * (off_touch * off_touch + off_decay * off_decay)
            highest = max(highest, s.point_log[j, i])
    total = touch = decay = touch_square = decay_square = 0.0
    for j in range(DECAYS):
        off_decay = _decay_point(s, j) - s.x[1]
        for i in range(TOUCHES):
            off_touch = _touch_point(s, i) - s.x[0]
            weight = exp(s.point_log[j, i] - highest)
            total += weight
            touch += weight * off_touch
            decay += weight * off_decay
            touch_square += weight * off_touch * off_touch
            decay_square += weight * off_decay * off_decay
    touch /= total
    decay /= total
    s.found[0] = s.x[0] + touch
    s.found[1] = s.x[1] + decay
    s.found_variance[0] = max(touch_square / total - touch * touch, 0.0)
    s.found_variance[1] = max(decay_square / total - decay * decay, 0.0)
