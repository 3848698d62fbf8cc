"""Worlds of E25: a second market that leads, one that doesn't, one that moves at the same time."""

from __future__ import annotations

import math

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.lead_lag import (
    BETA,
    LAGS,
    SCALE,
    TICKS,
    WINDOW,
    autoregression,
    follower,
    watched,
)

CHANGE = 1500  # tick after which the lag is another
AFTER = 1800


def _told(other: np.ndarray, lag: int) -> dict[str, float]:
    coming = BETA * SCALE * float(np.sum(other[-lag:]))
    return {"lead_on": 1.0, "lead_lag_s": float(lag), "lead_beta": BETA, "lead_prediction": coming}


def _leads(seed: int, coefficient: float) -> World:
    rng = np.random.default_rng(seed)
    lag = int(rng.integers(1, LAGS + 1))
    other = autoregression(rng, coefficient, TICKS + lag)
    rest = BETA * autoregression(rng, coefficient, TICKS + lag)
    truth = _told(other, lag)
    # Both filtered: white, with standard deviations in the ratio of 1 to BETA.
    ideal = BETA / math.sqrt(WINDOW - lag)
    coming = abs(truth["lead_prediction"]) * ideal / BETA
    seen = watched(follower(other, lag, rest), other[lag:])
    return World(seen, truth, ideal_sd={"lead_beta": ideal, "lead_prediction": coming})


def _white(seed: int) -> World:
    return _leads(seed, 0.0)


def _correlated(seed: int) -> World:
    return _leads(seed, 0.9)


def _unrelated(seed: int) -> World:
    rng = np.random.default_rng(seed)
    own, other = (autoregression(rng, 0.9, TICKS) for _ in range(2))
    return World(watched(own, other), {"lead_on": 0.0})


def _another_lag(seed: int) -> World:
    rng = np.random.default_rng(seed)
    other, rest = (autoregression(rng, 0.5, CHANGE + AFTER) for _ in range(2))
    own = BETA * rest
    own[3:CHANGE] += BETA * other[: CHANGE - 3]
    own[CHANGE:] += BETA * other[CHANGE - 7 : -7]
    lag = np.repeat([3.0, 7.0], [CHANGE + 1, AFTER])
    return World(watched(own, other), {"lead_lag_s": lag, "lead_beta": BETA}, change=CHANGE + 1)


def _together(seed: int) -> World:
    """A factor moves both in one tick; own returns bounce."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(TICKS)
    own, other = (common + autoregression(rng, c, TICKS) for c in (-0.3, 0.3))
    return World(watched(own, other), {"lead_on": 0.0})


def _echo(seed: int) -> World:
    """The own market leads by a tick and its returns are autocorrelated."""
    rng = np.random.default_rng(seed)
    own = autoregression(rng, 0.5, TICKS + 1)
    other = own[:-1] + autoregression(rng, 0.0, TICKS)
    return World(watched(own[1:], other), {"lead_on": 0.0})


TOLD = ("lead_on", "lead_lag_s", "lead_beta", "lead_prediction")
CASES = (
    Case("white", "assumed", _white, TOLD, "white returns, a lead of 1 to 20 s, as much noise"),
    Case("autocorrelated", "assumed", _correlated, TOLD, "the same, both parts AR(1) of 0.9"),
    Case(
        "unrelated",
        "quiet",
        _unrelated,
        ("lead_on",),
        "two AR(1) of 0.9, one test",
        alarm="lead_on",
    ),
    Case(
        "another lag",
        "changing",
        _another_lag,
        ("lead_lag_s", "lead_beta"),
        "the lead of 3 s becomes one of 7 s after 1,500 s",
        within=0.1,
    ),
    Case("at once", "violated", _together, ("lead_on",), "a factor moves both in the same second"),
    Case("echo", "violated", _echo, ("lead_on",), "the own market leads by a second, AR(1) of 0.5"),
)
