"""Aggressors of exponential reach against a touch that moves: what E6, E10 and E18 assume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation

START_TS = 1_735_689_600_000_000_000
MID = 1e6  # quanta
TOUCH_LASTS_S = 0.7


@dataclass(frozen=True)
class Market:
    """Constants of a world; distances are fractions of the mid."""

    seconds: int = 1_200
    kappa: float = 8_000.0
    arrival: float = 0.5  # per second and side, of those that would reach the mid
    step: float = 1e-5  # 0: no grid
    half_spreads: tuple[float, ...] = (0.5e-5, 1.5e-5, 2.5e-5, 4.5e-5)  # equally likely


#: Times of aggressors, s, of those that would reach the mid, both sides.
Arrivals = Callable[[np.random.Generator, Market], np.ndarray]
#: Their reach, fraction.
Reach = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def poisson(rng: np.random.Generator, market: Market) -> np.ndarray:
    """Return arrivals at a constant rate."""
    count = rng.poisson(2.0 * market.arrival * market.seconds)
    return np.sort(rng.uniform(0.0, market.seconds, count))


def clustered(branching: float, decay: float) -> Arrivals:
    """Return arrivals of a Hawkes process of the same rate, drawn as families of a Poisson one."""

    def draw(rng: np.random.Generator, market: Market) -> np.ndarray:
        base = 2.0 * market.arrival * (1.0 - branching)
        parents = rng.uniform(0.0, market.seconds, rng.poisson(base * market.seconds))
        times = [parents]
        while len(parents):
            children = rng.poisson(branching, len(parents))
            delays = rng.exponential(1.0 / decay, children.sum())
            parents = np.repeat(parents, children) + delays
            times.append(parents)
        every = np.concatenate(times)
        return np.sort(every[every < market.seconds])

    return draw


def heard(
    rng: np.random.Generator,
    market: Market,
    arrivals: Arrivals = poisson,
    reach: Reach | None = None,
) -> np.ndarray:
    """Return aggressors and ticks of the clock, once a second, the last at the end.

    Parameters
    ----------
    rng
        Of everything.
    market
        Its constants.
    arrivals
        When aggressors come.
    reach
        How far they reach beyond the touch, of those that reach it, as a law of their times (s);
        by default, exponential with the market's kappa.
    """
    changes = np.cumsum(rng.exponential(TOUCH_LASTS_S, int(2 * market.seconds / TOUCH_LASTS_S) + 9))
    touches = rng.choice(market.half_spreads, len(changes) + 1)
    times = arrivals(rng, market)
    half = touches[np.searchsorted(changes, times)]
    reached = rng.uniform(size=len(times)) < np.exp(-market.kappa * half)
    times, half = times[reached], half[reached]
    if reach is None:
        excess = rng.exponential(1.0 / market.kappa, len(times))
    else:
        excess = reach(rng, times)
    if market.step > 0.0:
        excess = np.floor(excess / market.step) * market.step
    ticks = np.arange(market.seconds + 1, dtype=float)
    ticks_half = touches[np.searchsorted(changes, ticks)]
    count, size = len(times), len(times) + len(ticks)
    seen = np.zeros(size, Observation)
    seen["kind"] = CLOCK
    seen["kind"][:count] = AGGRESSOR
    seen["now"] = START_TS + np.round(np.concatenate([times, ticks]) * 1e9).astype(np.int64)
    seen["half_spread"] = np.concatenate([half, ticks_half])
    seen["reach"][:count] = half + excess
    seen["lots"][:count] = seen["prints"][:count] = 1.0
    seen["side"][:count] = rng.choice((-1.0, 1.0), count)
    seen = seen[np.argsort(seen["now"], kind="stable")]
    seen["exch_ts"] = seen["now"]
    seen["lot"], seen["mid"], seen["step"] = 1e-3, MID, market.step
    return seen


def information(kappa: float, step: float) -> float:
    """Fisher information of one aggressor about log kappa."""
    u = kappa * step
    if u == 0.0:
        return 1.0
    return u * u * math.exp(-u) / math.expm1(-u) ** 2


def aggressors_since(seen: np.ndarray, seconds: float) -> int:
    """How many aggressors came in the last seconds."""
    since = seen["now"][-1] - round(seconds * 1e9)
    return int(np.sum((seen["kind"] == AGGRESSOR) & (seen["now"] >= since)))
