"""Worlds of E13: a mixture of two normal laws, more jumps from some point on, and no mixture."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import durations, in_buckets

SIGMA = 1e-4  # per root second
BUCKET_S = 5.0
SHARE, RATIO = 0.05, 4.0
COUNT, WINDOW = 1500, 1000


def _labels(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    return rng.random(len(shares)) < shares


def _observed(rng: np.random.Generator, deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observations and returns over sigma times the root of seconds, of these deviations."""
    seconds = durations(rng, len(deviations), BUCKET_S)
    z = deviations * rng.standard_normal(len(deviations))
    return in_buckets(SIGMA * np.sqrt(seconds) * z, seconds), z


def _chance(z: float) -> float:
    jump = SHARE / RATIO * math.exp(-0.5 * z * z / RATIO**2)
    return jump / (jump + (1.0 - SHARE) * math.exp(-0.5 * z * z))


@cache
def _ideal() -> dict[str, float]:
    """Cramér-Rao bounds of share and sigma from a window, the ratio being unknown too."""
    z = np.linspace(-40.0, 40.0, 160_001)
    normal = np.exp(-0.5 * z * z) * (1.0 - SHARE)
    jump = np.exp(-0.5 * (z / RATIO) ** 2) * SHARE / RATIO
    density = (normal + jump) / math.sqrt(2.0 * math.pi) * (z[1] - z[0])
    chance = jump / np.maximum(normal + jump, 1e-300)
    of_ratio = chance * ((z / RATIO) ** 2 - 1.0)
    of_sigma = (1.0 - chance) * (z * z - 1.0) + of_ratio
    scores = np.array([chance - SHARE, of_sigma, of_ratio])
    bound = np.linalg.inv((scores * density) @ scores.T) / WINDOW
    return {
        "jump_share": SHARE * (1.0 - SHARE) * math.sqrt(bound[0, 0]),
        "diffusion_sigma": SIGMA * math.sqrt(bound[1, 1]),
    }


def _mixture(seed: int) -> World:
    rng = np.random.default_rng(seed)
    jumps = _labels(rng, np.full(COUNT, SHARE))
    observations, z = _observed(rng, np.where(jumps, RATIO, 1.0))
    truth = {
        "jump_share": SHARE,
        "jump_toxicity": SHARE,
        "diffusion_sigma": SIGMA,
        "jump_probability": _chance(z[-1]),
    }
    return World(observations, truth, ideal_sd=_ideal())


def _more(seed: int) -> World:
    rng = np.random.default_rng(seed)
    shares = np.repeat([SHARE, 4.0 * SHARE], [1000, 1500])
    observations, _ = _observed(rng, np.where(_labels(rng, shares), RATIO, 1.0))
    truth = {"jump_share": shares, "jump_toxicity": shares, "diffusion_sigma": np.full(2500, SIGMA)}
    return World(observations, truth, change=1000)


def _none(seed: int) -> World:
    observations, _ = _observed(np.random.default_rng(seed), np.ones(COUNT))
    truth = {"jump_share": 0.0, "jump_toxicity": 0.0, "diffusion_sigma": SIGMA}
    return World(observations, truth)


def _restless(seed: int) -> World:
    """Log volatility is a slow AR(1); there are no jumps."""
    rng = np.random.default_rng(seed)
    level = np.zeros(COUNT)
    for i, shock in enumerate(0.1 * rng.standard_normal(COUNT - 1)):
        level[i + 1] = 0.98 * level[i] + shock
    observations, _ = _observed(rng, np.exp(level))
    return World(observations, {"jump_share": 0.0, "jump_toxicity": 0.0})


LEARNED = ("jump_share", "jump_toxicity", "diffusion_sigma")
CASES = (
    Case(
        "mixture",
        "assumed",
        _mixture,
        (*LEARNED, "jump_probability"),
        "5 % jumps of 4 deviations, 1,500 buckets",
    ),
    Case("more jumps", "changing", _more, LEARNED, "5 % jumps, then 20 %", within=0.25),
    Case(
        "no jumps", "violated", _none, LEARNED, "normal returns only: a share of 0 is no beta law"
    ),
    Case("restless", "violated", _restless, LEARNED[:2], "volatility wanders by 50 %, no jumps"),
)
