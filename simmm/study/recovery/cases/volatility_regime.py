"""E5 where log sigma wanders about a constant level, where it stands, and where it jumps."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from simmm.estimators.observation import CLOCK, Observation
from simmm.study.recovery.case import Case, World

HOURS = 12.0
TICK_S = 30.0
SIGMA = 1e-4
BATCH_SD = 0.25  # of a batch's mean of log sigma: the estimator's `usual_sd`
FREEDOM = 4.0  # of that, as the estimator's prior
LOG_SD = 0.4  # of log sigma where it is the same in all worlds
RELAXATION_S = 600.0
ERROR = 0.08  # relative, of the sigma that is given; forgotten with `RELAXATION_S` too
AFTER_S = 900.0
NS_PER_S = 1e9
LIVES = 3600.0 / RELAXATION_S
OF_MEAN = 2.0 / LIVES * (1.0 - (1.0 - math.exp(-LIVES)) / LIVES)  # of log sigma's variance: hourly


def told(log_sigma: np.ndarray, rng: np.random.Generator, change: int | None = None) -> World:
    """Ticks of a clock, and a sigma with an error that lasts; truth is the ratio to `SIGMA`."""
    count = len(log_sigma)
    observations = np.zeros(count, Observation)
    observations["kind"] = CLOCK
    observations["now"] = np.arange(1, count + 1) * int(TICK_S * NS_PER_S)
    observations["mid"] = 1e6
    value = np.exp(log_sigma + ERROR * wandering(count, rng))
    bound = math.exp(1.96 * ERROR)
    given: dict[str, np.ndarray | float] = {
        "sigma": value,
        "sigma_sd": ERROR * value,
        "sigma_low": value / bound,
        "sigma_high": value * bound,
        "sigma_age_ns": 0.0,
    }
    ratio = np.exp(log_sigma) / SIGMA
    truth = {"volatility_level": ratio, "volatility_regime": np.where(ratio > 3.0, 3.0, 1.0)}
    ideal = {"volatility_level": ERROR * float(ratio[-1])}  # of a level that is known
    return World(observations, truth, given=given, ideal_sd=ideal, change=change)


def exact_posterior(log_sigma: np.ndarray) -> tuple[float, float]:
    """Mean and sd of the ratio now, given the path of the sigma that was told.

    Of one who knows all of the model but the level, of which nothing is known, and `log_sd`, drawn
    as in `from_prior`. Given that, all is normal: the path told is an Ornstein-Uhlenbeck one of
    variance v = log_sd^2 + ERROR^2 about the level, and of its distance from the level the share
    log_sd^2 / v is expected to be sigma's own. What is left is a sum over log_sd.
    """
    keep = math.exp(-TICK_S / RELAXATION_S)
    noise = math.sqrt(1.0 - keep * keep)
    white = np.append(log_sigma[:1], (log_sigma[1:] - keep * log_sigma[:-1]) / noise)
    one = np.append(1.0, np.full(len(log_sigma) - 1, (1.0 - keep) / noise))
    level = float(one @ white / (one @ one))
    squares = float(np.sum(np.square(white - level * one)))
    log_sd = np.exp(np.linspace(math.log(0.005), math.log(20.0), 2_000))
    v = np.square(log_sd) + ERROR * ERROR
    drawn = FREEDOM * BATCH_SD * BATCH_SD / OF_MEAN / np.square(log_sd)  # chi square
    log_weight = special.xlogy(0.5 * FREEDOM, drawn) - 0.5 * drawn
    log_weight -= 0.5 * ((len(white) - 1) * np.log(v) + squares / v)
    weight = special.softmax(log_weight)
    share = np.square(log_sd) / v
    centre = share * (log_sigma[-1] - level)
    variance = share * ERROR * ERROR + share * share * v / (one @ one)
    mean = np.exp(centre + 0.5 * variance)
    first = float(weight @ mean)
    return first, math.sqrt(float(weight @ (mean * mean * np.exp(variance))) - first * first)


def wandering(count: int, rng: np.random.Generator) -> np.ndarray:
    """An Ornstein-Uhlenbeck path of variance 1 at the ticks."""
    keep = math.exp(-TICK_S / RELAXATION_S)
    path = rng.normal(size=count)
    noise = math.sqrt(1.0 - keep * keep)
    for i in range(1, count):
        path[i] = keep * path[i - 1] + noise * path[i]
    return path


def from_prior(seed: int, hours: float) -> World:
    """The model's own world: how much hourly means vary is drawn from the estimator's prior."""
    rng = np.random.default_rng(seed)
    count = int(hours * 3600.0 / TICK_S)
    log_sd = BATCH_SD * math.sqrt(FREEDOM / rng.chisquare(FREEDOM) / OF_MEAN)
    world = told(math.log(SIGMA) + log_sd * wandering(count, rng), rng)
    best, sd = exact_posterior(np.log(np.asarray(world.given["sigma"])))
    ideal, ideal_sd = {"volatility_level": best}, {"volatility_level": sd}
    return World(world.observations, world.truth, world.given, ideal_sd, ideal)


def own(seed: int) -> World:
    """Twelve hours of it."""
    return from_prior(seed, HOURS)


def short(seed: int) -> World:
    """Hardly a batch of it."""
    return from_prior(seed, 0.95)


def jump(seed: int) -> World:
    """Sigma stands still, and is four times that for a quarter of an hour."""
    rng = np.random.default_rng(seed)
    before, after = int(HOURS * 3600.0 / TICK_S), int(AFTER_S / TICK_S)
    path = math.log(SIGMA) + math.log(4.0) * np.repeat([0.0, 1.0], [before, after])
    return told(path, rng, change=before)


def daily(seed: int) -> World:
    """The level itself swings by a factor of two with the time of day."""
    rng = np.random.default_rng(seed)
    count = int(24.0 * 3600.0 / TICK_S)
    swing = math.log(2.0) * np.sin(2.0 * math.pi * (np.arange(count) / count + rng.random()))
    return told(math.log(SIGMA) + swing + LOG_SD * wandering(count, rng), rng)


_LEVEL = ("volatility_level",)
CASES: tuple[Case, ...] = (
    Case(
        "own world",
        "assumed",
        own,
        _LEVEL,
        "12 hours; log sigma of relaxation 600 s about a constant level, its sd of the prior",
    ),
    Case("short", "assumed", short, _LEVEL, "57 minutes of the same"),
    Case(
        "times four",
        "changing",
        jump,
        ("volatility_level", "volatility_regime"),
        "sigma stands for 12 hours, then is four times that for 15 minutes",
    ),
    Case(
        "time of day",
        "violated",
        daily,
        _LEVEL,
        "24 hours in which the level swings by a factor of two either way",
    ),
)
