"""Worlds of E12: own fills at known distances, a ladder, a change, flow that moves with quotes."""

from __future__ import annotations

import numpy as np

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.own_quotes import Quotes, path, quote

ARRIVAL, KAPPA = 0.5, 2000.0  # A per second and side
TICKS = 721  # of 5 s
KNOT = 48  # ticks between turns of a quote's distance
NEAR, FAR = 1e-4, 2e-3
BOTH = ("exposure_kappa", "exposure_arrival")
PRIOR_SHAPE, PRIOR_KAPPA, PRIOR_ARRIVAL, PRIOR_LOG_SD = 2.0, 2000.0, 0.1, 2.0


def paths(rng: np.random.Generator, ticks: int, near: float = NEAR, far: float = FAR) -> np.ndarray:
    """Distance of one order a side, that of each side by itself."""
    return np.stack([path(rng, ticks, KNOT, near, far) for _ in range(2)])


def _world(quotes: Quotes, arrival: float, kappa: float, bound: bool = True) -> World:
    truth = {"exposure_kappa": kappa, "exposure_arrival": arrival}
    if not bound:
        return World(quotes.observations, truth)
    covariance = np.linalg.inv(quotes.information(arrival, kappa))
    ideal = {
        "exposure_kappa": float(np.sqrt(covariance[1, 1])),
        "exposure_arrival": float(arrival * np.sqrt(covariance[0, 0])),
    }
    return World(quotes.observations, truth, ideal_sd=ideal)


def _constant(seed: int) -> World:
    rng = np.random.default_rng(seed)
    distance = paths(rng, TICKS)
    quotes = quote(rng, np.full(2, ARRIVAL), np.full(2, KAPPA), distance)
    return _world(quotes, ARRIVAL, KAPPA)


def _prior(seed: int, ticks: int) -> World:
    rng = np.random.default_rng(seed)
    kappa = rng.gamma(PRIOR_SHAPE, PRIOR_KAPPA / PRIOR_SHAPE)
    arrival = min(PRIOR_ARRIVAL * np.exp(PRIOR_LOG_SD * rng.standard_normal()), 5.0)
    quotes = quote(rng, np.full(2, arrival), np.full(2, kappa), paths(rng, ticks))
    return _world(quotes, arrival, kappa, bound=False)


def _drawn(seed: int) -> World:
    return _prior(seed, TICKS)


def _scarce(seed: int) -> World:
    return _prior(seed, 61)


def _halved(seed: int) -> World:
    rng = np.random.default_rng(seed)
    ticks, change = 2 * TICKS, TICKS
    kappa = np.where(np.arange(ticks) < change, KAPPA, 0.5 * KAPPA) * np.ones((2, 1))
    quotes = quote(rng, np.full(2, ARRIVAL), kappa, paths(rng, ticks))
    clocks = np.flatnonzero(quotes.observations["kind"] == 0)
    at = int(clocks[change])
    truth = np.where(np.arange(quotes.observations.size) < at, KAPPA, 0.5 * KAPPA)
    return World(quotes.observations, {"exposure_kappa": truth}, change=at)


def _ladder(seed: int) -> World:
    """Three orders a side, 2 bp apart; an aggressor fills all that it reaches."""
    rng = np.random.default_rng(seed)
    nearest = paths(rng, TICKS, NEAR, 1e-3)
    quotes = quote(rng, np.full(2, ARRIVAL), np.full(2, KAPPA), nearest)
    whole = quotes.observations
    clocks = whole["kind"] == 0
    whole["own"][clocks] = 3
    for i in (1, 2):
        further = whole["own_distance"][clocks, :, 0] + 2e-4 * i
        whole["own_distance"][clocks, :, i] = further
    fills = whole[~clocks]
    beyond = rng.exponential(1.0 / KAPPA, fills.size)
    rows = [whole]
    for i in (1, 2):
        deeper = fills[beyond >= 2e-4 * i].copy()
        deeper["distance"] += 2e-4 * i
        rows.append(deeper)
    rows_of_all = np.concatenate(rows)
    ordered = rows_of_all[np.argsort(rows_of_all["now"], kind="stable")]
    truth = {"exposure_kappa": KAPPA, "exposure_arrival": ARRIVAL}
    return World(ordered, truth)


def _fearful(seed: int) -> World:
    """Quotes go wide just when flow is strong."""
    rng = np.random.default_rng(seed)
    distance = paths(rng, TICKS)
    busy = (distance.mean(axis=0) > np.median(distance.mean(axis=0))).astype(float)
    arrival = ARRIVAL * np.exp(busy - 0.5) * np.ones((2, 1))
    quotes = quote(rng, arrival, np.full(2, KAPPA), distance)
    return _world(quotes, ARRIVAL, KAPPA, bound=False)


def _split(seed: int) -> World:
    """Half of all fills come in two parts: the second comes 10 ms later."""
    rng = np.random.default_rng(seed)
    world = _constant(seed)
    fills = world.observations[world.observations["kind"] != 0]
    again = fills[rng.uniform(size=fills.size) < 0.5].copy()
    again["now"] += 10_000_000
    again["exch_ts"] += 10_000_000
    rows = np.concatenate([world.observations, again])
    return World(rows[np.argsort(rows["now"], kind="stable")], world.truth)


CASES = (
    Case(
        "constant",
        "assumed",
        _constant,
        BOTH,
        "A 0.5/s, kappa 2,000, quotes at 1 to 20 bp, 1 h; nothing forgotten",
        parameters={"half_life_s": 0.0},
    ),
    Case("forgetting", "assumed", _constant, BOTH, "the same, half forgotten in an hour"),
    Case("drawn", "assumed", _drawn, BOTH, "A and kappa drawn from the priors, 1 h"),
    Case("scarce", "assumed", _scarce, BOTH, "A and kappa drawn from the priors, 5 min"),
    Case(
        "halved",
        "changing",
        _halved,
        ("exposure_kappa",),
        "kappa falls from 2,000 to 1,000 after 1 h",
        parameters={"half_life_s": 900.0},
    ),
    Case("ladder", "assumed", _ladder, BOTH, "three orders a side, filled by the same aggressors"),
    Case("fearful", "violated", _fearful, BOTH, "flow e times stronger while quotes are wide"),
    Case("split", "violated", _split, BOTH, "half of all fills come in two, 10 ms apart"),
)
