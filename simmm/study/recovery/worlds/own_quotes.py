"""Worlds in which own orders rest at known distances and fill as a Poisson process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmm.estimators.observation import CLOCK, FILL, Observation

NS = 1_000_000_000


@dataclass(frozen=True)
class Quotes:
    """Own fills and quotes, and the distances quoted.

    Parameters
    ----------
    observations
        A clock every `tick_s` with the own orders, fills between.
    distance
        Of the order at each clock; a row per side (ask, bid), in fractions.
    tick_s
        Seconds between clocks.
    """

    observations: np.ndarray
    distance: np.ndarray
    tick_s: float

    def information(self, arrival: float, kappa: float) -> np.ndarray:
        """Fisher information of (ln A, kappa) of both sides pooled."""
        weight = np.full(self.distance.shape[1], self.tick_s)
        weight[[0, -1]] *= 0.5
        rate = arrival * np.exp(-kappa * self.distance) * weight
        first, second = (rate * self.distance).sum(), (rate * self.distance**2).sum()
        return np.array([[rate.sum(), -first], [-first, second]])


def path(
    rng: np.random.Generator, ticks: int, knot: int, nearest: float, farthest: float
) -> np.ndarray:
    """Distance of one order: log-uniform at every `knot`-th tick, straight lines between."""
    knots = np.exp(rng.uniform(np.log(nearest), np.log(farthest), ticks // knot + 2))
    return np.interp(np.arange(ticks) / knot, np.arange(knots.size), knots)


def quote(
    rng: np.random.Generator,
    arrival: np.ndarray,
    kappa: np.ndarray,
    distance: np.ndarray,
    tick_s: float = 5.0,
) -> Quotes:
    """Let orders at `distance` fill at arrival exp(-kappa distance).

    Parameters
    ----------
    arrival, kappa
        By side (ask, bid), or by side and tick.
    distance
        By side and tick; straight between ticks.
    """
    ticks = distance.shape[1]
    log_rate = np.log(arrival.reshape(2, -1)) - kappa.reshape(2, -1) * distance
    rate = np.exp(log_rate)
    most = np.maximum(rate[:, :-1], rate[:, 1:]) * tick_s
    sides, times, at = [], [], []
    for side in range(2):
        before = np.repeat(np.arange(ticks - 1), rng.poisson(most[side]))
        share = rng.uniform(size=before.size)
        now = np.exp(log_rate[side, before] * (1 - share) + log_rate[side, before + 1] * share)
        kept = rng.uniform(size=before.size) * most[side, before] < now * tick_s
        before, share = before[kept], share[kept]
        times.append(before + share)
        at.append(distance[side, before] * (1 - share) + distance[side, before + 1] * share)
        sides.append(np.full(before.size, side))
    fills = fills_at(np.concatenate(times), np.concatenate(sides), np.concatenate(at), tick_s)
    rows = clocks(ticks, tick_s)
    rows["own_distance"][:, :, 0] = distance.T
    whole = np.concatenate([rows, fills])
    return Quotes(whole[np.argsort(whole["now"], kind="stable")], distance, tick_s)


def clocks(ticks: int, tick_s: float) -> np.ndarray:
    """Clocks with one own order a side, at distance 0."""
    rows = np.zeros(ticks, Observation)
    rows["kind"] = CLOCK
    rows["now"] = rows["exch_ts"] = NS + (np.arange(ticks) * tick_s * NS).astype("i8")
    rows["mid"] = 1000.0
    rows["own"] = 1
    return rows


def fills_at(time: np.ndarray, side: np.ndarray, distance: np.ndarray, tick_s: float) -> np.ndarray:
    """Observations of fills; `time` in ticks, `side` 0 ask and 1 bid."""
    fills = np.zeros(time.size, Observation)
    fills["kind"] = FILL
    fills["now"] = fills["exch_ts"] = NS + (time * tick_s * NS).astype("i8")
    fills["side"] = 2.0 * side - 1.0
    fills["lots"] = 1.0
    fills["mid"] = 1000.0
    fills["distance"] = distance
    return fills
