"""Worlds for E24: fills that are adverse with a chance that is logistic in known features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmm.estimators.observation import (
    AGGRESSOR,
    ASK,
    BID,
    CLOCK,
    FILL,
    TOUCH,
    Observation,
)
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.logistic import exact_posterior
from simmm.study.recovery.worlds.own_fills import FIRST_MID, HALF_SPREAD, START_TS, STEP

EVERY_S = 12.0  # between fills, or bursts
MOVE = 20e-4
SIGMA = 1e-5
#: Constant, then of touch imbalance, flow, filtered imbalance, jump, Hawkes ratio and half spread.
TRUTH = np.array([-1.2, 1.0, 0.8, 0.5, 2.0, 0.6, 0.5])
SPREADS = np.array([0.577, 0.35, 0.577, 0.16, 0.5, 0.3])  # of the features, roughly
MIRROR = np.array([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0])  # what the other side's fill would see
PRIOR_SD = 0.7  # of a coefficient per deviation of its feature, as the estimator's prior
CONSTANT, CONSTANT_SD = float(np.log(1.0 / 3.0)), 1.5  # log-odds at mean features, likewise
MEANS = np.array([0.0, 0.0, 0.0, 0.09, 0.0, 0.0])  # of the features that the constant is at
NAMES = ("toxicity_bid", "toxicity_ask")
HALF_LIFE_S, FLOW_WEIGHT = 5.0, 0.02


def _flow(side: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """Flow against a buyer, before the fill that comes 2 s after each aggressor."""
    between, wait = 2.0 ** (-EVERY_S / HALF_LIFE_S), 2.0 ** (-2.0 / HALF_LIFE_S)
    signed = total = mean = 0.0
    found = np.zeros(len(side))
    for i in range(len(side)):
        mean = lots[i] if i == 0 else mean + FLOW_WEIGHT * (lots[i] - mean)
        signed = between * signed + side[i] * lots[i]
        total = between * total + lots[i]
        found[i] = -wait * signed / (wait * total + mean)
    return found


def _rows(count: int, kinds: tuple[int, ...], offsets: tuple[float, ...]) -> np.ndarray:
    """Rows of rounds that all look alike."""
    rounds = (1.0 + np.arange(count)) * EVERY_S
    found = np.zeros((count, len(kinds)), Observation)
    found["kind"] = kinds
    seconds = rounds[:, None] + np.array(offsets)
    found["now"] = START_TS + np.round(seconds * 1e9).astype(np.int64)
    found["exch_ts"] = found["now"]
    found["lot"] = 1.0
    found["step"] = STEP
    return found


def _from_prior(rng: np.random.Generator) -> np.ndarray:
    """Coefficients of features as they are."""
    slopes = rng.normal(0.0, PRIOR_SD, 6) / SPREADS
    return np.concatenate(([rng.normal(CONSTANT, CONSTANT_SD) - slopes @ MEANS], slopes))


def _drawn(
    seed: int, number: int, count: int, truth: np.ndarray | None, size: int, bend: float
) -> World:
    rng = np.random.default_rng((seed, number))
    from_prior = truth is None
    if truth is None:
        truth = _from_prior(rng)
    kinds = (AGGRESSOR, CLOCK, CLOCK, *([FILL] * size), TOUCH, TOUCH)
    offsets = (-2.0, -0.001, 0.0, *(0.01 * (1 + k) for k in range(size)), 0.5, 9.5)
    found = _rows(count, kinds, offsets)
    side = rng.choice([-1.0, 1.0], count)
    taker, lots = rng.choice([-1.0, 1.0], count), rng.exponential(10.0, count)
    queue = rng.exponential(20.0, (count, 2))
    queue[:, BID] = queue.sum(axis=1) * rng.random(count)
    queue[:, ASK] = queue[:, ASK] + 1e-3
    spread = HALF_SPREAD * np.exp(rng.normal(0.0, 0.3, count))
    imbalance = rng.uniform(-1.0, 1.0, count)
    jump = rng.beta(0.4, 4.0, count)
    ratio = rng.normal(0.5, 0.5, count)
    x = np.stack(
        [
            (queue[:, ASK] - queue[:, BID]) / queue.sum(axis=1),
            _flow(taker, lots),
            -imbalance,
            jump,
            ratio,
            np.log(spread / HALF_SPREAD),
        ]
    )
    x[:3] *= side
    chance = _chance(truth, x, bend)
    adverse = rng.random(count) < chance
    move = np.where(adverse, -MOVE, MOVE) * side
    before = FIRST_MID * np.exp(np.cumsum(move) - move)
    found["mid"] = before[:, None]
    found["mid"][:, -2] = before * (1.0 + move)
    found["mid"][:, -1] = FIRST_MID * np.exp(np.cumsum(move))
    found["half_spread"] = spread[:, None]
    found["touch_lots"] = queue[:, None, :]
    found["lots"] = 1.0
    found["lots"][:, 0] = lots
    found["side"] = side[:, None]
    found["side"][:, 0] = taker
    given: dict[str, float | np.ndarray] = {
        "sigma": SIGMA,
        "imbalance": np.repeat(imbalance, len(kinds)),
        "jump_probability": np.repeat(jump, len(kinds)),
        "hawkes_base": 1.0,
        "hawkes_intensity": np.repeat(np.exp(ratio), len(kinds)),
    }
    seen = found.reshape(-1)[: -(len(kinds) - 3)]  # ends at two ticks of the clock
    given = {k: v[: len(seen)] if isinstance(v, np.ndarray) else v for k, v in given.items()}
    names = NAMES if side[-1] > 0.0 else NAMES[::-1]
    at = np.stack((x[:, -1], x[:, -1] * MIRROR))
    beliefs = {n: float(_chance(truth, one, bend)) for n, one in zip(names, at, strict=True)}
    if size > 1 or bend != 0.0:
        return World(seen, beliefs, given)
    if from_prior:
        mean, sd = posterior(x[:, :-1], adverse[:-1], at, rng)
        best = dict(zip(names, mean.tolist(), strict=True))
    else:
        sd, best = _bound(x[:, :-1], chance[:-1], at, np.array(list(beliefs.values()))), {}
    return World(seen, beliefs, given, dict(zip(names, sd.tolist(), strict=True)), best)


def posterior(
    x: np.ndarray, adverse: np.ndarray, at: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and deviation of the chance at each of `at`, of coefficients from the prior."""
    deviations = np.concatenate(([CONSTANT_SD], PRIOR_SD / SPREADS))
    centre = np.concatenate(([CONSTANT], np.zeros(6)))
    features = np.concatenate((np.ones((1, x.shape[1])), x - MEANS[:, None]))
    where = np.concatenate((np.ones((len(at), 1)), at - MEANS), axis=1)
    return exact_posterior(features, adverse.astype(float), centre, deviations, where, rng)


def _bound(x: np.ndarray, chance: np.ndarray, at: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Deviation of the chance by the Fisher information at the truth, and the prior's."""
    features = np.concatenate((np.ones((1, x.shape[1])), x))
    information = chance * (1.0 - chance) * features @ features.T
    information += np.diag(np.concatenate(([CONSTANT_SD**-2], np.square(SPREADS / PRIOR_SD))))
    where = np.concatenate((np.ones((len(at), 1)), at), axis=1)
    variance = np.einsum("ki,ij,kj->k", where, np.linalg.inv(information), where)
    found: np.ndarray = told * (1.0 - told) * np.sqrt(variance)
    return found


def _chance(truth: np.ndarray, x: np.ndarray, bend: float) -> np.ndarray:
    odds = truth[0] + truth[1:] @ x + bend * x[0] * x[1]
    found: np.ndarray = 1.0 / (1.0 + np.exp(-odds))
    return found


def _world(
    number: int,
    count: int,
    truth: np.ndarray | None = TRUTH,
    size: int = 1,
    bend: float = 0.0,
) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        return _drawn(seed, number, count, truth, size, bend)

    return draw


CASES = (
    Case(
        "logistic",
        "assumed",
        _world(31, 600),
        NAMES,
        "600 fills, logistic in all six features; 35 % adverse",
    ),
    Case(
        "few fills",
        "assumed",
        _world(32, 60, None),
        NAMES,
        "59 fills, coefficients drawn from the prior; the ideal is the exact posterior",
    ),
    Case(
        "nothing in the features",
        "assumed",
        _world(33, 700, np.array([-1.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])),
        NAMES,
        "700 fills, 23 % adverse whatever the features",
    ),
    Case(
        "bursts",
        "assumed",
        _world(34, 300, size=4),
        NAMES,
        "300 bursts of 4 fills that share features and fate",
    ),
    Case(
        "interaction",
        "violated",
        _world(35, 600, bend=3.0),
        NAMES,
        "600 fills; imbalance and flow multiply, which the model doesn't know",
    ),
)
