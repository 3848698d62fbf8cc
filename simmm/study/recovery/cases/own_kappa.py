"""Worlds of E8: kappas drawn around the market's, one side idle, a change, a wrong prior."""

from __future__ import annotations

import numpy as np
from scipy import stats

from simmm.study.recovery.case import Case, World
from simmm.study.recovery.cases.exposure import TICKS, paths
from simmm.study.recovery.worlds.own_quotes import quote

MARKET, MARKET_CV = 2000.0, 0.2
SHAPE, SHARED = 4.0, 0.5
ALL = ("own_kappa", "bid_kappa", "ask_kappa")
ASK, BID = 0, 1


def _kappas(rng: np.random.Generator) -> np.ndarray:
    """Of ask and bid: gamma around the market's, joined by a normal copula."""
    common, *alone = rng.standard_normal(3)
    z = np.sqrt(SHARED) * common + np.sqrt(1.0 - SHARED) * np.array(alone)
    drawn: np.ndarray = stats.gamma.ppf(stats.norm.cdf(z), SHAPE) * MARKET / SHAPE
    return drawn


def _given(rng: np.random.Generator) -> dict[str, float]:
    market = MARKET * rng.gamma(MARKET_CV**-2, MARKET_CV**2)
    return {
        "market_kappa": market,
        "market_kappa_sd": MARKET_CV * market,
        "market_kappa_age_ns": 0,
        "markout_5s_age_ns": -1,
    }


def _truth(kappa: np.ndarray, factor: float = 1.0) -> dict[str, float]:
    return {
        "own_kappa": float(factor * np.sqrt(kappa[ASK] * kappa[BID])),
        "bid_kappa": float(kappa[BID]),
        "ask_kappa": float(kappa[ASK]),
    }


def _around(seed: int, ticks: int = TICKS, idle: bool = False) -> World:
    rng = np.random.default_rng(seed)
    kappa, given = _kappas(rng), _given(rng)
    arrival = 0.1 * np.exp(rng.standard_normal(2))
    observations = quote(rng, arrival, kappa, paths(rng, ticks)).observations
    if idle:
        observations = observations[(observations["kind"] == 0) | (observations["side"] < 0)]
        observations["own"][:, BID] = 0
    return World(observations, _truth(kappa), given)


def _scarce(seed: int) -> World:
    return _around(seed, 61)


def _one_sided(seed: int) -> World:
    return _around(seed, TICKS, idle=True)


def _adverse(seed: int) -> World:
    """Markouts of -3 bps, known within 1 bp: phi is exp(-0.3)."""
    world = _around(seed)
    rng = np.random.default_rng([seed, 1])
    told = -3e-4 + 1e-4 * rng.standard_normal()
    given = {"markout_5s": told, "markout_5s_sd": 1e-4, "markout_5s_age_ns": 0}
    kappa = np.array([world.truth["ask_kappa"], world.truth["bid_kappa"]])
    return World(world.observations, _truth(kappa, np.exp(-0.3)), {**world.given, **given})


def _plenty(seed: int) -> World:
    """Where data outweigh the prior: the bound is that of the fills alone."""
    rng = np.random.default_rng(seed)
    kappa, arrival = np.full(2, MARKET), 0.5
    quotes = quote(rng, np.full(2, arrival), kappa, paths(rng, TICKS))
    sides = []
    for side in range(2):
        one = type(quotes)(quotes.observations, quotes.distance[[side]], quotes.tick_s)
        sides.append(np.linalg.inv(one.information(arrival, MARKET))[1, 1])
    ideal = {
        "own_kappa": float(0.5 * np.sqrt(sides[0] + sides[1])),
        "bid_kappa": float(np.sqrt(sides[BID])),
        "ask_kappa": float(np.sqrt(sides[ASK])),
    }
    return World(quotes.observations, _truth(kappa), _given(rng), ideal_sd=ideal)


def _ask_halved(seed: int) -> World:
    rng = np.random.default_rng(seed)
    ticks, change = 2 * TICKS, TICKS
    kappa = np.full((2, ticks), MARKET)
    kappa[ASK, change:] *= 0.5
    observations = quote(rng, np.full(2, 0.5), kappa, paths(rng, ticks)).observations
    at = int(np.flatnonzero(observations["kind"] == 0)[change])
    truth = np.where(np.arange(observations.size) < at, MARKET, 0.5 * MARKET)
    return World(observations, {"ask_kappa": truth}, _given(rng), change=at)


def _wrong_prior(seed: int) -> World:
    """The market's kappa is three times that of own fills."""
    rng = np.random.default_rng(seed)
    kappa = np.full(2, MARKET / 3.0)
    observations = quote(rng, np.full(2, 0.02), kappa, paths(rng, TICKS)).observations
    return World(observations, _truth(kappa), _given(rng))


CASES = (
    Case("around the market", "assumed", _around, ALL, "kappas drawn from the prior, 1 h"),
    Case("scarce", "assumed", _scarce, ALL, "kappas drawn from the prior, 5 min"),
    Case("plenty", "assumed", _plenty, ALL, "A 0.5/s, kappa 2,000 as the market's, 1 h"),
    Case("asks only", "assumed", _one_sided, ALL, "kappas drawn from the prior, no bids, 1 h"),
    Case("adverse", "assumed", _adverse, ("own_kappa",), "markouts of -3 bps, known within 1"),
    Case(
        "ask halved",
        "changing",
        _ask_halved,
        ("ask_kappa",),
        "the asks' kappa falls from 2,000 to 1,000 after 1 h",
        parameters={"half_life_s": 900.0},
    ),
    Case(
        "wrong prior", "violated", _wrong_prior, ALL, "own kappa a third of the market's, A 0.02/s"
    ),
)
