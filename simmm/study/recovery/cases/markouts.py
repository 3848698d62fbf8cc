"""Worlds for E22: fills of known markout and known share of informed ones."""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import FILL
from simmm.math import normal_cdf
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.own_fills import Fills, bursts, told

HORIZONS = (0.5, 1.0, 5.0, 30.0)
NAMES = ("markout_500ms", "markout_1s", "markout_5s", "markout_30s")
LOSS = 12e-4
SIGMA = 1e-4


def _world(
    rng: np.random.Generator,
    seconds: np.ndarray,
    side: np.ndarray,
    informed: np.ndarray,
    share: float,
    sigma: float = SIGMA,
    drift: float = 0.0,
    shocks: np.ndarray | None = None,
) -> World:
    fills = Fills(seconds, side, LOSS * informed)
    seen = told(rng, fills, sigma, horizons=HORIZONS, drift=drift, shocks=shocks)
    truth: dict[str, float | np.ndarray] = dict.fromkeys(NAMES, -share * LOSS)
    truth |= {"adverse": share * LOSS, "informed_share": share * _seen(sigma)}
    given = {"sigma": sigma, "sigma_sd": 0.05 * sigma, "sigma_age_ns": 0}
    return World(seen, truth, given)


def _seen(sigma: float) -> float:
    """Chance that a jump shows through threshold, floor and noise, above that of noise alone."""
    noise = sigma * np.sqrt(HORIZONS[0])
    bound = 5e-4 + noise
    alone = 1.0 - normal_cdf(bound / noise)
    return (normal_cdf((LOSS - bound) / noise) - alone) / (1.0 - alone)


def _sparse(seed: int) -> World:
    rng = np.random.default_rng((seed, 1))
    n, share = 150, 0.2
    seconds = np.cumsum(rng.uniform(20.0, 60.0, n))
    side = rng.choice([-1.0, 1.0], n)
    world = _world(rng, seconds, side, rng.random(n) < share, share)
    jumps = share * (1.0 - share)
    ideal = {
        name: float(np.sqrt((SIGMA**2 * horizon + LOSS**2 * jumps) / n))
        for name, horizon in zip(NAMES[:3], HORIZONS[:3], strict=True)
    }
    ideal |= {"adverse": ideal["markout_5s"], "informed_share": float(np.sqrt(jumps / n))}
    return World(world.observations, world.truth, world.given, ideal)


def _bursts(seed: int) -> World:
    rng = np.random.default_rng((seed, 2))
    count, share = 60, 0.3
    seconds, burst = bursts(rng, count, 60.0, 4.0, 1.0, 0.7)
    side = rng.choice([-1.0, 1.0], count)[burst]
    informed = rng.random(len(seconds)) < np.where(rng.random(count) < 0.5, 0.6, 0.0)[burst]
    # A burst's jumps add up in the windows of its earlier fills, which has no closed truth.
    world = _world(rng, seconds, side, informed, share)
    return World(world.observations, {"informed_share": share}, world.given)


def _noise(seed: int) -> World:
    rng = np.random.default_rng((seed, 3))
    count = 80
    seconds, burst = bursts(rng, count, 40.0, 4.0, 0.5)
    side = rng.choice([-1.0, 1.0], count)[burst]
    world = _world(rng, seconds, side, np.zeros(len(seconds)), 0.0, 4e-4)
    truth = {name: value for name, value in world.truth.items() if name != "informed_share"}
    return World(world.observations, truth, world.given)


def _drifting(seed: int) -> World:
    rng = np.random.default_rng((seed, 4))
    n, share = 120, 0.2
    seconds = np.cumsum(rng.uniform(20.0, 60.0, n))
    side = np.where(rng.random(n) < 0.8, 1.0, -1.0)
    world = _world(rng, seconds, side, rng.random(n) < share, share, 1e-4, 2e-5)
    # What follows the fills, one in 40 s and 0.6 bought net, is part of the drift of the whole.
    adverse = share * LOSS * (1.0 - 0.6**2 * 5.0 / 40.0)
    return World(world.observations, {"adverse": adverse}, world.given)


def _loud(seed: int) -> World:
    rng = np.random.default_rng((seed, 5))
    n, share = 150, 0.2
    seconds = np.cumsum(rng.uniform(20.0, 60.0, n))
    side = rng.choice([-1.0, 1.0], n)
    informed = rng.random(n) < share
    return _world(rng, seconds, side, informed, share, 4e-4)


def _heavy(seed: int) -> World:
    rng = np.random.default_rng((seed, 6))
    n, share = 150, 0.2
    seconds = np.cumsum(rng.uniform(20.0, 60.0, n))
    side = rng.choice([-1.0, 1.0], n)
    shocks = rng.standard_t(3.0, 20_000) / np.sqrt(3.0)
    return _world(rng, seconds, side, rng.random(n) < share, share, 4e-4, shocks=shocks)


def _changing(seed: int) -> World:
    rng = np.random.default_rng((seed, 7))
    n, change, before, after = 600, 200, 0.1, 0.4
    seconds = np.cumsum(rng.uniform(20.0, 60.0, n))
    share = np.where(np.arange(n) < change, before, after)
    world = _world(rng, seconds, rng.choice([-1.0, 1.0], n), rng.random(n) < share, after)
    seen = world.observations
    fills = np.flatnonzero(seen["kind"] == FILL)
    later = np.arange(len(seen)) >= fills[change]
    truth: dict[str, float | np.ndarray] = {
        "informed_share": np.where(later, after, before),
        "markout_5s": np.where(later, -after * LOSS, -before * LOSS),
    }
    return World(seen, truth, world.given, change=int(fills[change]))


CASES = (
    Case(
        "sparse fills",
        "assumed",
        _sparse,
        (*NAMES, "adverse", "informed_share"),
        "150 fills, 20 to 60 s apart, a fifth followed by a jump of 12 bps; sigma 1 bps",
    ),
    Case(
        "bursts that share their fate",
        "assumed",
        _bursts,
        ("informed_share",),
        "60 bursts of 4 fills on average; in half of them 60 % of the fills are informed",
    ),
    Case(
        "bursts in noise",
        "assumed",
        _noise,
        (*NAMES, "adverse"),
        "80 bursts of 4 fills on one side, 0.5 s apart, no toxicity; sigma 4 bps",
    ),
    Case(
        "drift",
        "assumed",
        _drifting,
        ("adverse",),
        "four fifths of the fills buy, a fifth is informed, and the mid climbs 0.2 bps a second",
    ),
    Case(
        "loud noise",
        "assumed",
        _loud,
        ("informed_share", "markout_5s"),
        "as with sparse fills, sigma 4 bps: noise alone passes the threshold in 0.3 % of fills",
    ),
    Case(
        "toxicity comes",
        "changing",
        _changing,
        ("informed_share", "markout_5s"),
        "the share of informed fills jumps from 0.1 to 0.4 after 200 fills, 40 s apart",
    ),
    Case(
        "heavy tails",
        "violated",
        _heavy,
        ("informed_share", "adverse"),
        "as with loud noise, of Student's law with 3 degrees: noise passes more often than told",
    ),
)
