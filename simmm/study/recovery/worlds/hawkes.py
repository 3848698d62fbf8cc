"""Worlds of self-exciting arrivals, and the residuals that tell whether a fit explains them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation

NS_PER_S = 1_000_000_000
BEGIN_NS = 1_000_000_000_000


def simulate(
    rng: np.random.Generator,
    mu: float,
    alpha: float,
    beta: float,
    seconds: float,
    delays: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """Times in [0, `seconds`] of a Hawkes process, in its stationary state from the start on.

    Built from families: immigrants come at rate `mu`, each event has a Poisson number of children
    of mean `alpha`, each after a delay that is exponential of rate `beta`. Families begin early
    enough before 0 that what is missing doesn't count.

    Parameters
    ----------
    delays
        Draws that many delays, instead of exponential ones.

    Source: Hawkes and Oakes (1974), the cluster representation.
    """
    early = 50.0 / (beta * (1.0 - alpha))
    generation = rng.uniform(-early, seconds, rng.poisson(mu * (seconds + early)))
    found = [generation]
    while len(generation):
        children = rng.poisson(alpha, len(generation))
        count = int(children.sum())
        after = rng.exponential(1.0 / beta, count) if delays is None else delays(count)
        generation = np.repeat(generation, children) + after
        generation = generation[generation < seconds]
        found.append(generation)
    times = np.sort(np.concatenate(found))
    return times[times >= 0.0]


def excitement(times: np.ndarray, beta: float) -> np.ndarray:
    """At each event, the sum over those before it of exp(-beta age)."""
    level = np.zeros(len(times))
    keep = np.exp(-beta * np.diff(times))
    for i in range(1, len(times)):
        level[i] = keep[i - 1] * (1.0 + level[i - 1])
    return level


def intensity(times: np.ndarray, mu: float, alpha: float, beta: float, now: float) -> float:
    """Rate at `now`, given the events before it."""
    before = times[times <= now]
    return mu + alpha * beta * float(np.exp(-beta * (now - before)).sum())


def residuals(times: np.ndarray, mu: float, alpha: float, beta: float) -> np.ndarray:
    """Expected numbers of events between neighbours: exponential of mean 1 if the model holds.

    Source: random time change (Ogata, 1988).
    """
    level = excitement(times, beta)[:-1] + 1.0
    apart = np.diff(times)
    return np.asarray(mu * apart - alpha * level * np.expm1(-beta * apart))


def arrivals(times: np.ndarray, clock_s: float = 1.0) -> np.ndarray:
    """Observations of aggressors at `times`, seconds, with a tick of the clock every `clock_s`."""
    ticks = np.arange(clock_s, times[-1] + clock_s, clock_s) if len(times) else np.zeros(0)
    moments = np.concatenate([times, ticks])
    order = np.argsort(moments, kind="stable")
    o = np.zeros(len(moments), Observation)
    o["kind"] = np.where(order < len(times), AGGRESSOR, CLOCK)
    o["now"] = o["exch_ts"] = BEGIN_NS + np.rint(moments[order] * NS_PER_S).astype(np.int64)
    o["mid"] = 100_000.0
    o["half_spread"] = 1e-4
    o["step"] = 1e-5
    o["reach"] = 1e-4
    return o


def least_deviations(times: np.ndarray, mu: float, alpha: float, beta: float) -> np.ndarray:
    """Cramer-Rao deviations of mu, alpha and beta from these events, at the truth.

    The information is the sum of squared scores of the events' log intensities.
    """
    apart = np.diff(times, prepend=times[0])
    level = excitement(times, beta)
    moment = np.zeros(len(times))
    keep = np.exp(-beta * apart)
    for i in range(1, len(times)):
        moment[i] = keep[i] * (moment[i - 1] + apart[i] * (1.0 + level[i - 1]))
    rate = mu + alpha * beta * level
    slopes = np.stack([np.ones(len(times)), beta * level, alpha * (level - beta * moment)]) / rate
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(slopes @ slopes.T))))
