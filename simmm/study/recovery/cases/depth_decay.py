"""Worlds for E23: fills whose chance to be adverse falls with depth, or doesn't."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.own_fills import Fills, bursts, told

LOSS = 30e-4  # far beyond threshold and noise
SIGMA = 1e-4
TOUCH, DECAY = 0.25, 8e-4
NAMES = ("adverse_touch", "adverse_decay")
GIVEN = {"sigma": SIGMA, "sigma_sd": 0.05 * SIGMA, "sigma_age_ns": 0}
LOW, HIGH = 0.01, 0.5  # of alpha
PRIOR_TOUCH, PRIOR_TOUCH_SD = 0.15, 1.5
PRIOR_DECAY, PRIOR_DECAY_SD = 10e-4, 1.0


def _world(
    rng: np.random.Generator,
    seconds: np.ndarray,
    side: np.ndarray,
    depth: np.ndarray,
    adverse: np.ndarray,
    sigma: float = SIGMA,
    loss: float = LOSS,
) -> np.ndarray:
    fills = Fills(seconds, side, loss * adverse, depth)
    return told(rng, fills, sigma, delay_s=1.0, clock_s=2.5)


def posterior(depth: np.ndarray, adverse: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return alpha, delta and weights of the exact posterior on a fine grid."""
    middle = (PRIOR_TOUCH - LOW) / (HIGH - LOW)
    odds = np.linspace(-5.0, 5.0, 36)
    log_decay = np.log(PRIOR_DECAY) + np.linspace(-3.5, 4.0, 36)
    touch = LOW + (HIGH - LOW) / (1.0 + np.exp(-odds))
    reached = np.exp(-np.outer(np.exp(-log_decay), depth))
    chance = touch[:, None, None] * reached
    chance[..., ~adverse] = 1.0 - chance[..., ~adverse]
    found = np.log(np.maximum(chance, 1e-300)).sum(axis=-1)
    found -= 0.5 * np.square((odds - np.log(middle / (1.0 - middle))) / PRIOR_TOUCH_SD)[:, None]
    found -= 0.5 * np.square((log_decay - np.log(PRIOR_DECAY)) / PRIOR_DECAY_SD)
    weights = np.exp(found - found.max())
    return touch, np.exp(log_decay), weights / weights.sum()


def _ideal(depth: np.ndarray, adverse: np.ndarray) -> dict[str, float]:
    """Deviations of the exact posterior."""
    touch, decay, weights = posterior(depth, adverse)
    of_touch, of_decay = weights.sum(axis=1), weights.sum(axis=0)
    return {
        "adverse_touch": _deviation(touch, of_touch),
        "adverse_decay": _deviation(decay, of_decay),
    }


def _deviation(values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.sqrt(weights @ np.square(values - weights @ values)))


def _exponential(
    count: int, number: int, *, sigma: float = SIGMA, loss: float = LOSS, fixed: bool = False
) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        rng = np.random.default_rng((seed, number))
        touch, decay = (TOUCH, DECAY) if fixed else _prior(rng)
        seconds = np.cumsum(rng.uniform(8.0, 12.0, count))
        depth = rng.exponential(6e-4, count)
        adverse = rng.random(count) < touch * np.exp(-depth / decay)
        seen = _world(rng, seconds, rng.choice([-1.0, 1.0], count), depth, adverse, sigma, loss)
        ideal = _ideal(depth, adverse) if fixed else {}
        truth = {"adverse_touch": touch, "adverse_decay": decay}
        given = {"sigma": sigma, "sigma_sd": 0.05 * sigma, "sigma_age_ns": 0}
        return World(seen, truth, given, ideal)

    return draw


def _prior(rng: np.random.Generator) -> tuple[float, float]:
    """Draw alpha and delta from their prior."""
    middle = (PRIOR_TOUCH - LOW) / (HIGH - LOW)
    odds = np.exp(rng.normal(np.log(middle / (1.0 - middle)), PRIOR_TOUCH_SD))
    touch = LOW + (HIGH - LOW) * odds / (1.0 + odds)
    return float(touch), float(PRIOR_DECAY * np.exp(rng.normal(0.0, PRIOR_DECAY_SD)))


def _bursts(seed: int) -> World:
    rng = np.random.default_rng((seed, 24))
    count = 200
    touch, decay = _prior(rng)
    seconds, burst = bursts(rng, count, 30.0, 3.0, 0.2)
    depth = rng.exponential(6e-4, count)
    adverse = rng.random(count) < touch * np.exp(-depth / decay)
    side = rng.choice([-1.0, 1.0], count)
    seen = _world(rng, seconds, side[burst], depth[burst], adverse[burst])
    return World(seen, {"adverse_touch": touch, "adverse_decay": decay}, GIVEN)


def _step(seed: int) -> World:
    rng = np.random.default_rng((seed, 25))
    count = 600
    seconds = np.cumsum(rng.uniform(8.0, 12.0, count))
    depth = rng.exponential(6e-4, count)
    adverse = rng.random(count) < np.where(depth < 5e-4, 0.25, 0.02)
    seen = _world(rng, seconds, rng.choice([-1.0, 1.0], count), depth, adverse)
    truth = {"adverse_touch": 0.25, "adverse_bucket_1": 0.25, "adverse_bucket_4": 0.02}
    return World(seen, truth, GIVEN)


CASES = (
    Case(
        "exponential in depth",
        "assumed",
        _exponential(600, 21, fixed=True),
        NAMES,
        "600 fills at depths of mean 6 bps; alpha 0.25, delta 8 bps; sigma 1 bps",
    ),
    Case(
        "few fills",
        "assumed",
        _exponential(100, 22),
        NAMES,
        "100 fills, alpha and delta drawn from the prior of each",
    ),
    Case(
        "loud noise",
        "assumed",
        _exponential(600, 23, sigma=5e-4, loss=120e-4),
        NAMES,
        "600 fills, alpha and delta from the prior; sigma 5 bps: noise alone makes 7 % adverse",
    ),
    Case(
        "bursts",
        "assumed",
        _bursts,
        NAMES,
        "200 bursts of 3 fills that share depth, side and fate; alpha and delta from the prior",
    ),
    Case(
        "a step in depth",
        "violated",
        _step,
        ("adverse_touch", "adverse_bucket_1", "adverse_bucket_4"),
        "600 fills: 25 % adverse up to 5 bps, 2 % beyond, which is no exponential",
    ),
)
