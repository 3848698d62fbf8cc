"""Worlds of E17: a random walk seen with noise, at even and uneven times, and on a grid."""

from __future__ import annotations

import math

import numpy as np

from simmm.estimators.observation import CLOCK, TOUCH
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import on_clock

START = 1e6  # quanta
SHAPE = 10.0  # of the priors, and means of q and r
Q, R = 1e-8, 2.5e-9
WINDOW = 512  # measurements that q and r are learned from
TICKS = 1200
CHANGE = 1000


def _noises(rng: np.random.Generator) -> tuple[float, float]:
    """Draw q and r from the priors."""
    q, r = np.array([Q, R]) * (SHAPE - 1.0) / rng.gamma(SHAPE, size=2)
    return float(q), float(r)


def filtered(log_mids: np.ndarray, seconds: np.ndarray, q: float, r: float) -> tuple[float, float]:
    """Return mean and variance of the price, in logarithms, given q and r."""
    mean, variance = float(log_mids[0]), r
    for seen, elapsed in zip(log_mids[1:].tolist(), seconds.tolist(), strict=True):
        variance += q * elapsed
        gain = variance / (variance + r)
        mean += gain * (seen - mean)
        variance = gain * r
    return mean, variance


def _bounds(q: float, r: float) -> dict[str, float]:
    """Bounds of the noises' deviations, with the priors, at even times.

    Source: Whittle's information, from the spectral density q + 2 r (1 - cos w) of the changes.
    """
    bounce = 2.0 * r * (1.0 - np.cos((np.arange(4096) + 0.5) * math.pi / 4096))
    slopes = np.stack([np.full_like(bounce, q), bounce]) / (q + bounce)
    information = WINDOW / 2.0 * (slopes @ slopes.T) / bounce.size + SHAPE * np.eye(2)
    spread = 0.5 * np.sqrt(np.diag(np.linalg.inv(information)))
    return {
        "process_noise": math.sqrt(q) * float(spread[0]),
        "measurement_noise": math.sqrt(r) * float(spread[1]),
    }


def _world(seen: np.ndarray, fair: np.ndarray, q: float, r: float, since: float) -> World:
    """A world of which the first observation of each mid is a measurement."""
    mids, now = seen["mid"], seen["now"] / 1e9
    new = np.flatnonzero(np.diff(mids, prepend=0.0) != 0.0)
    mean, variance = filtered(np.log(mids[new]), np.diff(now[new]), q, r)
    ideal_sd = {"fair_price": math.exp(mean) * math.sqrt(variance + q * since)}
    if np.ptp(np.diff(seen["now"])) == 0:
        ideal_sd |= _bounds(q, r)
    truth: dict[str, float | np.ndarray] = {
        "fair_price": fair,
        "process_noise": math.sqrt(q),
        "measurement_noise": math.sqrt(r),
    }
    return World(seen, truth, ideal_sd=ideal_sd, ideal={"fair_price": math.exp(mean)})


def _even(seed: int) -> World:
    rng = np.random.default_rng(seed)
    q, r = _noises(rng)
    fair = START * np.exp(np.cumsum(math.sqrt(q) * rng.standard_normal(TICKS)))
    seen = on_clock(fair * np.exp(math.sqrt(r) * rng.standard_normal(TICKS)))
    return _world(seen, fair, q, r, 0.0)


def _uneven(seed: int) -> World:
    """Touches that change at random times, between the ticks of a clock that sees them stand."""
    rng = np.random.default_rng(seed)
    q, r = _noises(rng)
    touches = np.cumsum(rng.exponential(1.0, TICKS))
    ticks = np.arange(1.0, touches[-1] + 1.0)
    times = np.concatenate([touches, ticks])
    order = np.argsort(times, kind="stable")[np.sort(times) >= touches[0]]
    times = np.rint(times[order] * 1e9) / 1e9
    seconds = np.diff(times, prepend=times[0])
    walk = np.cumsum(np.sqrt(q * seconds) * rng.standard_normal(len(times)))
    measured = walk + math.sqrt(r) * rng.standard_normal(len(times))
    is_touch = order < TICKS
    standing = np.maximum.accumulate(np.where(is_touch, np.arange(len(times)), 0))
    seen = on_clock(START * np.exp(measured[standing]), seconds[1:])
    seen["kind"] = np.where(is_touch, TOUCH, CLOCK)
    since = float(times[-1] - times[standing[-1]])
    return _world(seen, START * np.exp(walk), q, r, since)


def _wilder(seed: int) -> World:
    rng = np.random.default_rng(seed)
    noise = np.repeat([math.sqrt(Q), 3.0 * math.sqrt(Q)], [CHANGE, 1500])
    fair = START * np.exp(np.cumsum(noise * rng.standard_normal(len(noise))))
    seen = on_clock(fair * np.exp(math.sqrt(R) * rng.standard_normal(len(noise))))
    return World(seen, {"process_noise": noise}, change=CHANGE)


def _lasting(seed: int) -> World:
    """Errors that last ten seconds, and mids on a grid of half a deviation of a second's move."""
    rng = np.random.default_rng(seed)
    fair = START * np.exp(np.cumsum(math.sqrt(Q) * rng.standard_normal(TICKS)))
    errors = np.repeat(math.sqrt(R) * rng.standard_normal(TICKS // 10), 10)
    grid = 50.0  # quanta
    seen = on_clock(np.rint(fair * np.exp(errors) / grid) * grid)
    return World(seen, {"fair_price": fair, "process_noise": math.sqrt(Q)})


ALL = ("fair_price", "process_noise", "measurement_noise")
CASES = (
    Case("even", "assumed", _even, ALL, "1,200 mids a second apart, q and r from their priors"),
    Case("uneven", "assumed", _uneven, ALL, "1,200 touches at random times, seen by a clock too"),
    Case(
        "wilder",
        "changing",
        _wilder,
        ("process_noise",),
        "the process noise grows threefold after 1,000 s",
    ),
    Case("lasting errors", "violated", _lasting, ALL[:2], "errors last 10 s, mids are on a grid"),
)
