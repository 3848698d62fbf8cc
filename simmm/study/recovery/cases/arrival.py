"""Worlds for `arrival`: Poisson aggressors against a moving touch, and clustered ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simmm.estimators.observation import AGGRESSOR, CLOCK
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.reach import (
    Arrivals,
    Market,
    clustered,
    heard,
    information,
    poisson,
)

HALF_LIFE_S = 300.0  # default of the parameter
FINE = Market(seconds=1_800)
WIDE = Market(seconds=1_800, kappa=2_000.0, step=5e-5, half_spreads=(2.5e-5, 2.25e-4, 4.75e-4))
SLOW = Market(seconds=1_800, arrival=0.05)
NEAR = Market(seconds=1_800, arrival=1.0)
FAR = 8.0  # kappa times what lies before the touches of NEAR
CHANGE_S = 1_200
AFTER = 3.0  # times the rate before


def _weights(seen: np.ndarray, half_life_s: float) -> np.ndarray:
    ages = (seen["now"][-1] - seen["now"]) / 1e9
    return 0.5 ** (ages / half_life_s) if half_life_s > 0.0 else np.ones(len(seen))


def _kappa(rng: np.random.Generator, market: Market, count: int) -> tuple[float, float]:
    """What another estimator would believe after so many aggressors: a value and its deviation."""
    share = 1.0 / math.sqrt(max(count, 1) * information(market.kappa, market.step))
    kappa = market.kappa * math.exp(share * rng.normal())
    return kappa, kappa * share


def _world(
    market: Market, arrivals: Arrivals = poisson, half_life_s: float = HALF_LIFE_S
) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        rng = np.random.default_rng([seed, 18])
        seen = heard(rng, market, arrivals)
        came, ticks = seen[seen["kind"] == AGGRESSOR], seen[seen["kind"] == CLOCK][1:]
        kappa, kappa_sd = _kappa(rng, market, len(came))
        weights = _weights(ticks, half_life_s)
        falls = np.exp(-market.kappa * ticks["half_spread"])
        seconds = weights.sum()
        worth = seconds / np.sum(weights**2)
        reached = float(np.mean(np.exp(-market.kappa * np.array(market.half_spreads))))
        number = float(worth * seconds * 2.0 * market.arrival * reached)
        far = float(np.average(ticks["half_spread"], weights=weights * falls))
        share = (
            market.kappa
            * far
            / math.sqrt(max(len(came), 1) * information(market.kappa, market.step))
        )
        rate = 2.0 * market.arrival * reached
        return World(
            seen,
            {"arrival": market.arrival, "aggressor_rate": rate},
            {"market_kappa": kappa, "market_kappa_sd": kappa_sd},
            {
                "arrival": market.arrival * math.sqrt(1.0 / number + share * share),
                "aggressor_rate": rate / math.sqrt(number),
            },
        )

    return draw


def _far(seed: int) -> World:
    """NEAR, moved away from the mid; as many aggressors of the same law still reach it."""
    before = _world(NEAR)(seed)
    seen = before.observations
    rng = np.random.default_rng([seed, 20])
    away = FAR / NEAR.kappa
    seen["half_spread"] += away
    seen["reach"] += away
    came = int(np.sum(seen["kind"] == AGGRESSOR))
    kappa, kappa_sd = _kappa(rng, NEAR, came)
    ticks = seen[seen["kind"] == CLOCK][1:]
    weights = _weights(ticks, HALF_LIFE_S)
    falls = weights * np.exp(-NEAR.kappa * ticks["half_spread"])
    far = float(np.average(ticks["half_spread"], weights=falls))
    share = NEAR.kappa * far / math.sqrt(max(came, 1) * information(NEAR.kappa, NEAR.step))
    rate = float(before.truth["aggressor_rate"])
    counted = before.ideal_sd["aggressor_rate"] / rate
    variance = counted * counted + share * share  # of log arrival, which is near normal
    arrival = NEAR.arrival * math.exp(FAR)
    return World(
        seen,
        {"arrival": arrival, "aggressor_rate": rate},
        {"market_kappa": kappa, "market_kappa_sd": kappa_sd},
        {
            "arrival": arrival * math.sqrt(math.expm1(variance) * math.exp(variance)),
            "aggressor_rate": rate * counted,
        },
    )


def _change(seed: int) -> World:
    def arrivals(rng: np.random.Generator, market: Market) -> np.ndarray:
        times = poisson(rng, market)
        late = market.seconds - CHANGE_S
        count = rng.poisson(2.0 * market.arrival * (AFTER - 1.0) * late)
        return np.sort(np.concatenate([times, CHANGE_S + rng.uniform(0.0, late, count)]))

    seen = heard(np.random.default_rng([seed, 19]), FINE, arrivals)
    seconds = (seen["now"] - seen["now"][0]) / 1e9
    truth = np.where(seconds < CHANGE_S, FINE.arrival, AFTER * FINE.arrival)
    given = {"market_kappa": FINE.kappa, "market_kappa_sd": 0.03 * FINE.kappa}
    change = int(np.searchsorted(seconds, CHANGE_S))
    return World(seen, {"arrival": truth}, given, change=change)


_BELIEFS = ("arrival", "aggressor_rate")
CASES = (
    Case("Poisson", "assumed", _world(FINE), _BELIEFS,
         "half an aggressor a second and side, at a touch of one to nine half steps"),
    Case("Poisson, wide", "assumed", _world(WIDE), ("arrival",),
         "a touch so far that kappa's uncertainty counts: kappa times half spread up to 0.95"),
    Case("Poisson, slow", "assumed", _world(SLOW), _BELIEFS, "about 60 aggressors in the window"),
    Case("Poisson, nothing forgotten", "assumed", _world(FINE, half_life_s=0.0), _BELIEFS,
         "half an aggressor a second and side, all of 30 minutes", {"half_life_s": 0.0}),
    Case("Poisson, far", "assumed", _far, _BELIEFS,
         "a touch so far that kappa decides: kappa times half spread of 8.0 to 8.4"),
    Case("change", "changing", _change, ("arrival",), "the rate grows threefold at once"),
    Case("clustered", "violated", _world(FINE, clustered(0.6, 0.5)), _BELIEFS,
         "aggressors in Hawkes families, branching 0.6, children after 2 s on average"),
)  # fmt: skip
