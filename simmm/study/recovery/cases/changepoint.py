"""Worlds for E21: runs of random length, one change, none, and fat tails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.changes import (
    KAPPA,
    SIGMA,
    aggressors,
    buckets,
    rates,
    run_lengths,
)

BATCH = 10  # the defaults of `changepoint`
HAZARD = 1.0 / 250.0
WARM_UP = 10
LONGEST = 128
COUNT = 500


def _told(runs: np.ndarray) -> float:
    """What of the last run can be known: it begins after the warm-up, and is told up to 128."""
    return float(min(runs[-1], len(runs) - WARM_UP, LONGEST))


def _volatility_runs(seed: int) -> World:
    rng = np.random.default_rng(seed)
    runs = run_lengths(rng, COUNT, HAZARD)
    sigma = SIGMA / np.sqrt(rates(rng, runs, 1.0))
    return World(buckets(sigma * rng.normal(size=COUNT)), {"run_length": _told(runs)})


def _reach_runs(seed: int) -> World:
    rng = np.random.default_rng(seed)
    runs = run_lengths(rng, COUNT, HAZARD)
    kappa = KAPPA * np.repeat(rates(rng, runs, 1.0), BATCH)
    return World(aggressors(rng.exponential(1.0 / kappa)), {"reach_run_length": _told(runs)})


def _volatility(factor: float, before: int, after: int) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        rng = np.random.default_rng(seed)
        size = np.where(np.arange(before + after) < before, 1.0, factor)
        runs = _since(before, after, factor != 1.0)
        world = buckets(SIGMA * size * rng.normal(size=len(size)))
        return World(world, {"run_length": runs}, change=before if after else None)

    return draw


def _reach(factor: float, before: int, after: int) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        rng = np.random.default_rng(seed)
        size = np.repeat(np.where(np.arange(before + after) < before, 1.0, factor), BATCH)
        world = aggressors(size * rng.exponential(1.0 / KAPPA, len(size)))
        runs = np.repeat(_since(before, after, factor != 1.0), BATCH + 1)
        change = before * (BATCH + 1) if after else None
        return World(world, {"reach_run_length": runs}, change=change)

    return draw


def _since(before: int, after: int, changed: bool) -> np.ndarray:
    """Run length after each observation."""
    all_of_it = np.arange(before + after) + 1.0
    runs = np.maximum(all_of_it - WARM_UP, 0.0)
    if changed:
        runs[before:] = all_of_it[:after]
    return np.minimum(runs, LONGEST)


def _fat_returns(seed: int) -> World:
    rng = np.random.default_rng(seed)
    world = buckets(SIGMA * rng.standard_t(3, size=COUNT))
    return World(world, {"run_length": float(LONGEST)})


def _ticks(seed: int) -> World:
    rng = np.random.default_rng(seed)
    moves = np.where(rng.random(COUNT) < 0.3, rng.choice([-1.0, 1.0], COUNT), 0.0)
    return World(buckets(SIGMA * moves), {"run_length": float(LONGEST)})


def _fat_reach(seed: int) -> World:
    rng = np.random.default_rng(seed)
    reach = rng.lognormal(-np.log(KAPPA) - 0.5, 1.0, COUNT * BATCH)
    return World(aggressors(reach), {"reach_run_length": float(LONGEST)})


CASES = (
    Case("volatility runs", "assumed", _volatility_runs, ("run_length",),
         "500 returns; a change at each with probability 1/250, then 1/sigma^2 times Exp(1)"),
    Case("reach runs", "assumed", _reach_runs, ("reach_run_length",),
         "500 batches of ten; a change at each with probability 1/250, then kappa times Exp(1)"),
    Case("volatility doubles", "changing", _volatility(2.0, 200, 200), ("run_length",),
         "200 returns, then 200 of twice the volatility", alarm="changepoint"),
    Case("volatility halves", "changing", _volatility(0.5, 200, 200), ("run_length",),
         "200 returns, then 200 of half the volatility", alarm="changepoint"),
    Case("reach halves", "changing", _reach(0.5, 100, 100), ("reach_run_length",),
         "1,000 aggressors, then 1,000 of half the reach (twice the kappa)", alarm="changepoint"),
    Case("steady volatility", "quiet", _volatility(1.0, 1000, 0), ("run_length",),
         "1,000 returns of one volatility", alarm="changepoint"),
    Case("steady reach", "quiet", _reach(1.0, 400, 0), ("reach_run_length",),
         "4,000 aggressors of one kappa", alarm="changepoint"),
    Case("fat-tailed returns", "violated", _fat_returns, ("run_length",),
         "500 returns of Student's law with 3 degrees of freedom, no change", alarm="changepoint"),
    Case("price rests", "violated", _ticks, ("run_length",),
         "500 returns, of which 70 % are zero and the others one tick, no change",
         alarm="changepoint"),
    Case("fat-tailed reach", "violated", _fat_reach, ("reach_run_length",),
         "500 batches of lognormal reach with log deviation 1, no change", alarm="changepoint"),
)  # fmt: skip
