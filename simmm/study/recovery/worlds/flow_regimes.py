"""Worlds of aggressors whose rate is that of a hidden state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation

NS_PER_S = 1_000_000_000
INTERVAL_S = 5.0
BEGIN_NS = 1_000_000_000_000
RATES = np.array([0.1, 1.5, 9.0])  # aggressors a second
TRANSITION = np.array([[0.97, 0.02, 0.01], [0.03, 0.95, 0.02], [0.02, 0.06, 0.92]])
DISPERSION = 0.1  # the default of `flow_regime`
LEARNED = 600  # intervals before the question of the curve


def chain(rng: np.random.Generator, transition: np.ndarray, count: int, first: int) -> np.ndarray:
    """States of a Markov chain that starts in `first`."""
    states = np.empty(count, np.int64)
    below = np.cumsum(transition, axis=1)
    draws = rng.random(count)
    state = first
    for i in range(count):
        states[i] = state
        state = min(int(np.searchsorted(below[state], draws[i], side="right")), len(below) - 1)
    return states


def counts(rng: np.random.Generator, means: np.ndarray, dispersion: float) -> np.ndarray:
    """Negative binomial numbers of variance mean + `dispersion` mean^2; Poisson's if that is 0."""
    if dispersion > 0.0:
        means = rng.gamma(1.0 / dispersion, means * dispersion)
    return np.asarray(rng.poisson(means))


def flow(
    numbers: np.ndarray, interval_s: float = INTERVAL_S, ticks: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Aggressors, `numbers` of them in each interval, and `ticks` of the clock in each.

    Returns
    -------
    observations
        The first is a tick, at which the first interval begins.
    ends
        Places of the ticks that end the intervals.
    """
    sizes = numbers + ticks
    interval = np.repeat(np.arange(len(numbers)), sizes)
    ends = np.cumsum(sizes)
    place = np.arange(len(interval)) - (ends - sizes)[interval]
    clock = place >= numbers[interval]
    share = np.where(
        clock,
        (place - numbers[interval] + 1) / ticks,
        (place + 0.5) / np.maximum(numbers[interval], 1),
    )
    moments = (interval + share) * interval_s
    order = np.argsort(moments, kind="stable")
    o = np.zeros(len(moments) + 1, Observation)
    o["kind"][0] = CLOCK
    o["kind"][1:] = np.where(clock[order], CLOCK, AGGRESSOR)
    o["now"] = BEGIN_NS
    o["now"][1:] += np.rint(moments[order] * NS_PER_S).astype(np.int64)
    o["exch_ts"] = o["now"]
    o["mid"] = 100_000.0
    o["half_spread"] = 1e-4
    o["step"] = 1e-5
    o["reach"] = 1e-4
    return o, ends


@dataclass(frozen=True)
class Point:
    """One row of the curve: to call the flow hectic where that is more likely than `threshold`.

    Parameters
    ----------
    false_alarms
        Per 1000 intervals of busy flow.
    found
        Share of changes to hectic flow that were found within 50 intervals.
    delay
        Median intervals until then, of those found.
    """

    threshold: float
    false_alarms: float
    found: float
    delay: float


def operating_curve(
    seeds: Iterable[int],
    factor: float = 1.0,
    thresholds: Sequence[float] = (0.5, 0.7, 0.9, 0.99, 0.999, 0.9999),
) -> list[Point]:
    """False alarms against delay, after three regimes were learned.

    `factor` times the learned rate is what hectic flow then has; 200 busy intervals come before.
    """
    hectic = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        states = chain(rng, TRANSITION, LEARNED, 0)
        rates = np.concatenate([RATES[states], np.repeat([RATES[1], factor * RATES[2]], (200, 50))])
        seen, ends = flow(counts(rng, INTERVAL_S * rates, DISPERSION))
        found = Driver("flow_regime").run(seen)[ends]
        share = np.where(found["flow_regime"] == 2, found["flow_regime_probability"], 0.0)
        hectic.append(share[LEARNED + 20 :])  # the first busy ones may still be thought hectic
    table = np.array(hectic)
    points = []
    for threshold in thresholds:
        alarms = table > threshold
        after = alarms[:, 180:]
        found_at = np.argmax(after, axis=1)[after.any(axis=1)] + 1
        points.append(
            Point(
                threshold,
                1000.0 * float(alarms[:, :180].mean()),
                len(found_at) / len(table),
                float(np.median(found_at)) if len(found_at) else float("nan"),
            )
        )
    return points
