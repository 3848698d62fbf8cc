"""Worlds of E2: a diffusion in buckets of uneven duration, with and without jumps, on a grid."""

from __future__ import annotations

import math

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.volatility import durations, in_buckets

SIGMA = 1e-4  # per root second
BUCKET_S = 5.0
COUNT = 1200
HALF_LIFE_S = 600.0
JUMP = 6.0  # deviations of a bucket's return


def _terms(count: int) -> float:
    """Effective number of buckets of mean duration under the half-life."""
    kept = 0.5 ** (BUCKET_S / HALF_LIFE_S)
    return (1.0 - kept**count) / (1.0 + kept**count) * (1.0 + kept) / (1.0 - kept)


#: Of the bipower and the realised variance of `_terms` normal returns, and of their ratio.
IDEAL = {
    "bipower_sigma": 0.5 * SIGMA * math.sqrt((math.pi**2 / 4 + math.pi - 3) / _terms(COUNT)),
    "total_sigma": 0.5 * SIGMA * math.sqrt(2.0 / _terms(COUNT)),
    "jump_ratio": math.sqrt((math.pi**2 / 4 + math.pi - 5) / _terms(COUNT)),
}


def _diffusion(rng: np.random.Generator, seconds: np.ndarray, sigma: object = SIGMA) -> np.ndarray:
    return np.asarray(sigma * np.sqrt(seconds) * rng.standard_normal(len(seconds)))


def _constant(seed: int) -> World:
    rng = np.random.default_rng(seed)
    seconds = durations(rng, COUNT, BUCKET_S)
    truth = {"bipower_sigma": SIGMA, "total_sigma": SIGMA, "jump_ratio": 1.0}
    return World(in_buckets(_diffusion(rng, seconds), seconds), truth, ideal_sd=IDEAL)


def _jumps(seed: int, share: float) -> World:
    """Jumps of normal size, JUMP deviations of a mean bucket's return."""
    rng = np.random.default_rng(seed)
    seconds = durations(rng, COUNT, BUCKET_S)
    jumps = np.where(rng.random(COUNT) < share, JUMP, 0.0) * rng.standard_normal(COUNT)
    changes = _diffusion(rng, seconds) + SIGMA * math.sqrt(BUCKET_S) * jumps
    ratio = 1.0 + share * JUMP * JUMP
    truth = {
        "bipower_sigma": SIGMA,
        "total_sigma": SIGMA * math.sqrt(ratio),
        "jump_ratio": ratio,
    }
    return World(in_buckets(changes, seconds), truth)


def _few_jumps(seed: int) -> World:
    return _jumps(seed, 0.005)


def _many_jumps(seed: int) -> World:
    return _jumps(seed, 0.05)


def _doubled(seed: int) -> World:
    rng = np.random.default_rng(seed)
    seconds = durations(rng, 2 * COUNT, BUCKET_S)
    truth = np.repeat([SIGMA, 2.0 * SIGMA], COUNT)
    changes = _diffusion(rng, seconds, truth)
    return World(
        in_buckets(changes, seconds),
        {"bipower_sigma": truth, "total_sigma": truth, "jump_ratio": 1.0},
        change=COUNT,
    )


def _grid(seed: int, steps_per_s: float) -> World:
    """Moves of +-1 step as a Poisson process."""
    rng = np.random.default_rng(seed)
    seconds = durations(rng, COUNT, BUCKET_S)
    up, down = rng.poisson(0.5 * steps_per_s * seconds, (2, COUNT))
    truth = SIGMA * math.sqrt(steps_per_s)
    return World(
        in_buckets(SIGMA * (up - down), seconds),
        {"bipower_sigma": truth, "total_sigma": truth, "jump_ratio": 1.0},
    )


def _fine_grid(seed: int) -> World:
    return _grid(seed, 0.6)


def _coarse_grid(seed: int) -> World:
    return _grid(seed, 0.04)


def _heavy(seed: int) -> World:
    """Volatility of each bucket lognormal, independent of the others."""
    rng = np.random.default_rng(seed)
    seconds = durations(rng, COUNT, BUCKET_S)
    spread = np.exp(0.5 * rng.standard_normal(COUNT) - 0.25)
    return World(
        in_buckets(_diffusion(rng, seconds, SIGMA * spread), seconds),
        {"bipower_sigma": SIGMA, "total_sigma": SIGMA, "jump_ratio": 1.0},
    )


ALL = ("bipower_sigma", "total_sigma", "jump_ratio")
CASES = (
    Case("constant", "assumed", _constant, ALL, "1,200 normal buckets of 5 s, no jumps"),
    Case("few jumps", "assumed", _few_jumps, ("bipower_sigma",), "a jump of 6 deviations in 200"),
    Case("fine grid", "assumed", _fine_grid, ALL, "moves of +-1 step, 3 a bucket"),
    Case("doubled", "changing", _doubled, ALL, "volatility doubles after 6,000 s"),
    Case("many jumps", "violated", _many_jumps, ALL, "a jump of 6 deviations in 20 buckets"),
    Case("coarse grid", "violated", _coarse_grid, ALL, "moves of +-1 step, one in 5 buckets"),
    Case("restless", "violated", _heavy, ALL, "volatility of each bucket by itself, lognormal"),
)
