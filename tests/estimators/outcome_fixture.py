"""Observations of own fills by hand, and coverage over worlds, for E22 to E24."""

from __future__ import annotations

import numpy as np

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, FILL, GAP, TOUCH, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.case import Case

START_TS = 1_000_000_000_000
WORLDS = 3 if INTERPRETED else 500
SIGMA = {"sigma": 1e-6}
UNKNOWN_SIGMA = {"sigma": 0.0, "sigma_age_ns": -1.0}


def row(kind: int, seconds: float, mid: float = 0.0, **fields: float) -> np.ndarray:
    """One observation."""
    found = np.zeros(1, Observation)
    found["kind"] = kind
    found["now"] = found["exch_ts"] = START_TS + round(seconds * 1e9)
    found["mid"] = mid
    found["half_spread"] = 1e-4
    found["step"] = 1e-5
    found["lot"] = found["lots"] = 1.0
    found["touch_lots"] = 10.0
    for name, value in fields.items():
        found[name] = value
    return found


def touch(seconds: float, mid: float) -> np.ndarray:
    return row(TOUCH, seconds, mid)


def clock(seconds: float, mid: float) -> np.ndarray:
    return row(CLOCK, seconds, mid)


def gap(seconds: float, mid: float = 0.0) -> np.ndarray:
    return row(GAP, seconds, mid)


def fill(seconds: float, mid: float, side: float, depth: float = 0.0) -> np.ndarray:
    return row(FILL, seconds, mid, side=side, depth=depth)


def together(*rows: np.ndarray) -> np.ndarray:
    """Rows in order of time."""
    found = np.concatenate(rows)
    return found[np.argsort(found["now"], kind="stable")]


def pairs(outcomes: list[tuple[float, float, float]], wait: float = 1.0) -> np.ndarray:
    """Fills (seconds, side, markout) a long time apart, the mid back at 1000 before each."""
    rows = []
    for seconds, side, markout in outcomes:
        rows += [touch(seconds - 0.5, 1000.0), fill(seconds, 1000.0, side)]
        rows += [touch(seconds + 0.1, 1000.0 * (1.0 + side * markout))]
        rows += [clock(seconds + wait * 40.0, 1000.0 * (1.0 + side * markout))]
    return np.concatenate(rows)


def case_named(cases: tuple[Case, ...], name: str) -> Case:
    return next(case for case in cases if case.name == name)


def last_of(name: str, case: Case, seed: int) -> tuple[np.void, dict[str, float], dict[str, float]]:
    """What is believed at the end of a world, its truth and the ideal deviations."""
    world = case.draw(seed)
    seen = world.observations
    found = Driver(name, case.parameters).run(seen, world.given, every=len(seen))[-1]
    return found, dict(world.truth), dict(world.ideal_sd)


def judged(name: str, case: Case, worlds: int = WORLDS) -> dict[str, tuple[float, float]]:
    """Share of worlds whose interval holds the truth, and mean width over the ideal, by belief."""
    held = dict.fromkeys(case.beliefs, 0)
    told = dict.fromkeys(case.beliefs, 0.0)
    best = dict.fromkeys(case.beliefs, 0.0)
    for seed in range(worlds):
        found, truth, ideal = last_of(name, case, 10_000 + seed)
        for belief in case.beliefs:
            assert found[f"{belief}_age_ns"] >= 0
            low, high = found[f"{belief}_low"], found[f"{belief}_high"]
            held[belief] += bool(low <= truth[belief] <= high)
            told[belief] += found[f"{belief}_sd"]
            best[belief] += ideal.get(belief, 0.0)
    return {
        belief: (held[belief] / worlds, told[belief] / best[belief] if best[belief] else 0.0)
        for belief in case.beliefs
    }
