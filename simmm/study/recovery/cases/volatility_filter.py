"""E3 in its own world, with the exact filter beside it, and where its world is another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.stochastic_volatility import Model, buckets

BUCKETS = 300
SECONDS = 5.0
SIGMA = 1e-4
AFTER = 150  # buckets after a change
FREEDOM = 4.0

KNOWN = {"level_sd": 0.0, "level_drift": 0.0, "regime_probability": 0.0}
OWN = Model(sigma=0.3 * SIGMA, level_drift=0.005, move_probability=0.002)
PLAIN = Model(sigma=SIGMA)


def known_level(seed: int) -> World:
    """All parameters known: the exact filter is known too."""
    rng = np.random.default_rng(seed)
    seconds = np.full(BUCKETS, SECONDS)
    h = PLAIN.log_variance(seconds, rng)
    changes = np.exp(0.5 * h) * np.sqrt(seconds) * rng.normal(size=BUCKETS)
    mean, deviation = PLAIN.filtered(changes, SECONDS)
    return World(
        buckets(changes, seconds),
        {"filtered_sigma": np.exp(0.5 * h)},
        ideal_sd={"filtered_sigma": math.exp(mean) * deviation},
        ideal={"filtered_sigma": math.exp(mean)},
    )


def own(seed: int) -> World:
    """Irregular buckets, an unknown level that drifts, moves of the regime."""
    rng = np.random.default_rng(seed)
    seconds = rng.gamma(2.0, SECONDS / 2.0, BUCKETS)
    h = OWN.log_variance(seconds, rng)
    changes = np.exp(0.5 * h) * np.sqrt(seconds) * rng.normal(size=BUCKETS)
    return World(buckets(changes, seconds), {"filtered_sigma": np.exp(0.5 * h)})


def constant(seed: int) -> World:
    """Volatility is constant."""
    rng = np.random.default_rng(seed)
    changes = SIGMA * math.sqrt(SECONDS) * rng.normal(size=BUCKETS)
    return World(buckets(changes, SECONDS), {"filtered_sigma": SIGMA})


def times_four(alarm_after: int | None = None) -> Callable[[int], World]:
    """Volatility is constant, then four times that; the volume clock runs four times as fast."""

    def draw(seed: int) -> World:
        rng = np.random.default_rng(seed)
        sigma = np.repeat([SIGMA, 4.0 * SIGMA], [BUCKETS, AFTER])
        seconds = np.repeat([SECONDS, 0.25 * SECONDS], [BUCKETS, AFTER])
        changes = sigma * np.sqrt(seconds) * rng.normal(size=len(sigma))
        alarms = np.zeros(len(sigma))
        if alarm_after is not None:
            alarms[BUCKETS + alarm_after :] = 1.0
        given = {"changepoint_alarms": alarms}
        return World(
            buckets(changes, seconds), {"filtered_sigma": sigma}, given=given, change=BUCKETS
        )

    return draw


def heavy_tails(seed: int) -> World:
    """Returns given h follow Student's law of 4 degrees of freedom, of the same variance."""
    rng = np.random.default_rng(seed)
    seconds = np.full(BUCKETS, SECONDS)
    h = PLAIN.log_variance(seconds, rng)
    shocks = rng.standard_t(FREEDOM, BUCKETS) * math.sqrt((FREEDOM - 2.0) / FREEDOM)
    changes = np.exp(0.5 * h) * np.sqrt(seconds) * shocks
    return World(buckets(changes, seconds), {"filtered_sigma": np.exp(0.5 * h)})


def coarse(seed: int) -> World:
    """The mid is seen in steps as large as a bucket's usual move."""
    rng = np.random.default_rng(seed)
    seconds = np.full(BUCKETS, SECONDS)
    h = PLAIN.log_variance(seconds, rng)
    step = SIGMA * math.sqrt(SECONDS)
    path = np.cumsum(np.exp(0.5 * h) * np.sqrt(seconds) * rng.normal(size=BUCKETS))
    changes = np.diff(np.round(path / step) * step, prepend=0.0)
    return World(buckets(changes, seconds), {"filtered_sigma": np.exp(0.5 * h)})


_SIGMA = ("filtered_sigma",)
CASES: tuple[Case, ...] = (
    Case(
        "known level",
        "assumed",
        known_level,
        _SIGMA,
        "300 buckets of 5 s; log variance of sd 0.8 and relaxation 120 s, all parameters known",
        KNOWN,
    ),
    Case(
        "own world",
        "assumed",
        own,
        _SIGMA,
        "300 irregular buckets of 5 s; level unknown, drifting, moved once in 500 buckets",
    ),
    Case(
        "times four",
        "changing",
        times_four(),
        _SIGMA,
        "constant sigma, after 300 buckets of 5 s four times as much in buckets of 1.25 s",
        within=0.25,
    ),
    Case(
        "times four, no regimes",
        "changing",
        times_four(),
        _SIGMA,
        "the same, without moves of the regime",
        {"regime_probability": 0.0},
        within=0.25,
    ),
    Case(
        "times four, alarm",
        "changing",
        times_four(4),
        _SIGMA,
        "the same without moves, but E21 alarms after 4 buckets",
        {"regime_probability": 0.0},
        within=0.25,
    ),
    Case("constant", "violated", constant, _SIGMA, "sigma is constant: 300 buckets of 5 s"),
    Case(
        "heavy tails",
        "violated",
        heavy_tails,
        _SIGMA,
        "returns of Student's law with 4 degrees of freedom",
    ),
    Case("coarse mid", "violated", coarse, _SIGMA, "a mid in steps of one usual bucket's move"),
)
