"""An hour or less of a market with a clock, aggressors, open interest and a reference market."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simmm.estimators.observation import AGGRESSOR, CLOCK, CONTEXT, Observation
from simmm.study.recovery.case import World

NS_PER_S = 1e9
SIGMA = 1e-4  # per root second
BEFORE_S = 1200.0
AFTER_S = 120.0
RATE = 2.0  # aggressors per second
LOTS = 10.0  # median
SIZE_SD = 1.0  # of the logarithm
HALF_SPREAD = 2e-5
REACH = 2e-5  # mean beyond the touch
CONTEXT_S = 3.0
SIGMA_ERROR = 0.05  # relative, of the sigma that is given
SPIKE = 4.0  # of sigma, at the cascade's first moment
SPIKE_HALF_LIFE_S = 90.0
SIGMA_HALF_LIFE_S = 300.0  # of the sigma that is given
FALL_S = 15.0  # a cascade's flow and fall last so long


@dataclass(frozen=True)
class Cascade:
    """What happens at `BEFORE_S`; nothing by default.

    Parameters
    ----------
    flow
        How many times as many aggressors, all sellers, of twice the size; 1: none.
    fall
        Of the mid in `FALL_S`, fraction.
    open_interest
        Share of it that is liquidated in `FALL_S`.
    reference_fall
        The same as `fall`, of the reference market.
    """

    flow: float = 1.0
    fall: float = 0.0
    open_interest: float = 0.0
    reference_fall: float = 0.0


@dataclass(frozen=True)
class Market:
    """Laws of a quiet market.

    Parameters
    ----------
    branching, decay
        Of the Hawkes process that aggressors are, 0: Poisson; decay in 1/s.
    freedom
        Degrees of freedom of Student's law of changes of the mids; 0: normal.
    """

    branching: float = 0.0
    decay: float = 1.0
    freedom: float = 0.0

    def arrivals(self, rng: np.random.Generator, seconds: float) -> np.ndarray:
        """Times of aggressors, generation by generation."""
        base = RATE * (1.0 - self.branching)
        parents = rng.random(rng.poisson(base * seconds)) * seconds
        found = [parents]
        while len(parents):
            children = np.repeat(parents, rng.poisson(self.branching, len(parents)))
            children = children + rng.exponential(1.0 / self.decay, len(children))
            parents = children[children < seconds]
            found.append(parents)
        return np.sort(np.concatenate(found))

    def changes(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Shocks of variance 1."""
        if self.freedom == 0.0:
            return rng.normal(size=count)
        scale = math.sqrt((self.freedom - 2.0) / self.freedom)
        return np.asarray(rng.standard_t(self.freedom, count) * scale)

    def intensity(self, times: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Rate after each `now`, given aggressors at `times`."""
        level, seen, last = 0.0, np.zeros(len(times)), 0.0
        for i, time in enumerate(times):
            level = level * math.exp(-self.decay * (time - last)) + 1.0
            seen[i], last = level, time
        index = np.searchsorted(times, now, side="right") - 1
        since = now - times[np.maximum(index, 0)]
        excited = np.where(index >= 0, seen[index] * np.exp(-self.decay * since), 0.0)
        return RATE * (1.0 - self.branching) + self.branching * self.decay * excited


def drawn(seed: int, market: Market, cascade: Cascade | None = None) -> World:
    """Draw a world; with a cascade it goes on after it, and sigma with it."""
    rng = np.random.default_rng(seed)
    end = BEFORE_S + (AFTER_S if cascade else 0.0)
    event = cascade or Cascade()
    times = market.arrivals(rng, end)
    selling = np.zeros(0)
    if event.flow > 1.0:
        selling = BEFORE_S + FALL_S * np.sort(rng.random(rng.poisson(event.flow * RATE * FALL_S)))
    at = [np.arange(1.0, end), times, selling, np.arange(0.5, end, CONTEXT_S)]
    now = np.concatenate(at)
    order = np.argsort(now, kind="stable")
    forced = np.repeat([False, False, True, False], [len(x) for x in at])[order]
    told = np.zeros(len(now), Observation)
    told["kind"] = np.repeat([CLOCK, AGGRESSOR, AGGRESSOR, CONTEXT], [len(x) for x in at])[order]
    now = now[order]
    told["now"] = told["exch_ts"] = np.rint(now * NS_PER_S)
    since = np.maximum(now - BEFORE_S, 0.0)
    begun = now >= BEFORE_S if cascade else np.zeros(len(now), bool)
    sigma = SIGMA * np.where(begun, 1.0 + (SPIKE - 1.0) * 0.5 ** (since / SPIKE_HALF_LIFE_S), 1.0)
    seconds = np.diff(now, prepend=0.0)
    fallen = np.minimum(since / FALL_S, 1.0)
    for field, depth in (("mid", event.fall), ("reference", event.reference_fall)):
        walk = np.cumsum(market.changes(rng, len(now)) * sigma * np.sqrt(seconds))
        price = 1e6 * np.exp(walk - depth * fallen)
        if field == "mid":
            told["mid"] = price
        else:
            told["reference_mid"][:, 0] = price
    buys = rng.random(len(now)) < 0.5
    told["side"] = np.where(buys & ~forced, 1.0, -1.0)
    told["lots"] = LOTS * np.exp(SIZE_SD * rng.normal(size=len(now))) * np.where(forced, 2.0, 1.0)
    told["half_spread"] = HALF_SPREAD
    told["reach"] = HALF_SPREAD + rng.exponential(REACH, len(now)) * np.where(forced, 3.0, 1.0)
    told["open_interest"] = np.rint(
        1e7
        * np.exp(np.cumsum(rng.normal(0.0, 2e-4, len(now)) * (told["kind"] == CONTEXT)))
        * (1.0 - event.open_interest * fallen)
    )
    given = _given(rng, market, times, now, sigma, seconds)
    change = int(np.argmax(now >= BEFORE_S)) if cascade else None
    return World(told, {"sigma_effective": sigma}, given=given, change=change)


def _given(
    rng: np.random.Generator,
    market: Market,
    times: np.ndarray,
    now: np.ndarray,
    sigma: np.ndarray,
    seconds: np.ndarray,
) -> dict[str, np.ndarray | float]:
    """A sigma that lags as an EWMA does, with an error, and Hawkes beliefs that are right."""
    keep = 0.5 ** (seconds / SIGMA_HALF_LIFE_S)
    lagging, last = np.empty(len(now)), SIGMA * SIGMA
    for i in range(len(now)):
        last = keep[i] * last + (1.0 - keep[i]) * sigma[i] * sigma[i]
        lagging[i] = math.sqrt(last)
    value = lagging * math.exp(SIGMA_ERROR * rng.normal())
    bound = math.exp(1.96 * SIGMA_ERROR)
    found: dict[str, np.ndarray | float] = {
        "sigma": value,
        "sigma_sd": SIGMA_ERROR * value,
        "sigma_low": value / bound,
        "sigma_high": value * bound,
        "sigma_age_ns": 0.0,
        "filtered_sigma": value,
    }
    if market.branching > 0.0:
        found["hawkes_base"] = RATE * (1.0 - market.branching)
        found["hawkes_branching"] = market.branching
        found["hawkes_intensity"] = market.intensity(times, now)
    return found
