"""One world of a case: what the estimator believed in it, beside the truth.

The figures of a world are named ``belief.figure``; NaN is a figure that there isn't.

==============  ==================================================================================
value, sd,      the belief at the last observation
low, high, age
truth           there
ideal_sd        of the best possible estimator there
ideal           what the best possible estimator believes there
quarter         width of the interval after a quarter of the observations
first_s         `changing`: seconds from the change until the belief is near the new truth
stays_s         until it is near it for good
first_seen,     the same in aggressors
stays_seen
==============  ==================================================================================

With an alarm there are ``alarm.false`` (how often it went off while nothing had changed),
``alarm.hours`` (in how much time), and in `changing` worlds ``alarm.lag_s`` and ``alarm.lag_seen``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from simmm.estimators.catalogue import BELIEFS
from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, Observation
from simmm.study.recovery.case import Case, World

NS_PER_S = 1e9
_PARTS = 4  # a quarter
Given = Mapping[str, float | np.ndarray]


def sample(estimator: str, case: Case, seed: int) -> dict[str, float]:
    """Draw a world, let the estimator hear it, and return what it believed.

    Raises
    ------
    ValueError
        The case drew something that is no world.
    """
    world = case.draw(seed)
    _check(case, world)
    driver = Driver(estimator, case.parameters, key=seed + 1)
    observations, given = world.observations, world.given
    figures: dict[str, float] = {}
    if case.kind == "changing" or case.alarm:
        trace = driver.run(observations, given)
        last = trace[-1]
        _lags(figures, case, world, trace)
        _alarms(figures, case, world, trace)
    else:
        cut = max(1, len(observations) // _PARTS)
        early = _heard(driver, observations[:cut], _part(given, slice(None, cut)))
        for name in case.beliefs:
            if BELIEFS[name].law != "code" and early[f"{name}_age_ns"] >= 0:
                figures[f"{name}.quarter"] = float(early[f"{name}_high"] - early[f"{name}_low"])
        last = early
        if cut < len(observations):
            last = _heard(driver, observations[cut:], _part(given, slice(cut, None)))
    for name in case.beliefs:
        figures |= _at_the_end(name, world, last)
    return figures


def _check(case: Case, world: World) -> None:
    if world.observations.dtype != Observation or not len(world.observations):
        raise ValueError("a world needs an array of observations")
    if np.any(np.diff(world.observations["now"]) < 0):
        raise ValueError("the maker's clock falls")
    missing = [name for name in case.beliefs if name not in world.truth]
    if missing:
        raise ValueError(f"no truth of {', '.join(missing)}")
    if case.kind == "changing" and world.change is None:
        raise ValueError("a changing world must say when it changed")


def _part(given: Given, which: slice) -> Given:
    return {
        name: values[which] if isinstance(values, np.ndarray) and values.ndim else values
        for name, values in given.items()
    }


def _heard(driver: Driver, observations: np.ndarray, given: Given) -> np.void:
    """Return what is believed after the last of the observations."""
    found: np.void = driver.run(observations, given, every=len(observations))[-1]
    return found


def _at_the_end(name: str, world: World, last: np.void) -> dict[str, float]:
    truth = world.truth[name]
    told = {
        "value": float(last[name]),
        "age": float(last[f"{name}_age_ns"]),
        "truth": float(np.asarray(truth).reshape(-1)[-1]),
        "ideal_sd": world.ideal_sd.get(name, math.nan),
        "ideal": world.ideal.get(name, math.nan),
    }
    if BELIEFS[name].law != "code":
        told |= {part: float(last[f"{name}_{part}"]) for part in ("sd", "low", "high")}
    return {f"{name}.{figure}": float(value) for figure, value in told.items()}


def _lags(figures: dict[str, float], case: Case, world: World, trace: np.ndarray) -> None:
    """How long after the change each belief is near the new truth, first and for good."""
    if case.kind != "changing" or world.change is None:
        return
    size = len(world.observations)
    for name in case.beliefs:
        truth = np.broadcast_to(np.asarray(world.truth[name], float), size)[world.change :]
        belief = trace[world.change :]
        room = case.within * np.where(truth == 0.0, 1.0, np.abs(truth))
        near = (np.abs(belief[name] - truth) <= room) & (belief[f"{name}_age_ns"] >= 0)
        near |= np.isnan(truth)  # not judged there
        away = np.flatnonzero(~near)
        first = int(np.argmax(near)) if near.any() else None
        stays = int(away[-1]) + 1 if len(away) else 0
        _lag(figures, f"{name}.first", world, first)
        _lag(figures, f"{name}.stays", world, stays if stays < len(near) else None)


def _lag(figures: dict[str, float], name: str, world: World, after: int | None) -> None:
    """Write the time and the aggressors from the change to `after` observations later."""
    seconds = seen = math.nan
    if after is not None and world.change is not None:
        now = world.observations["now"]
        seconds = float(now[world.change + after] - now[world.change]) / NS_PER_S
        kinds = world.observations["kind"][world.change : world.change + after + 1]
        seen = float(np.count_nonzero(kinds == AGGRESSOR))
    figures[f"{name}_s"], figures[f"{name}_seen"] = seconds, seen


def _alarms(figures: dict[str, float], case: Case, world: World, trace: np.ndarray) -> None:
    if not case.alarm:
        return
    on = trace[case.alarm] >= 1.0
    rises = on & ~np.concatenate([[False], on[:-1]])
    quiet = slice(None, world.change if case.kind == "changing" else None)
    now = world.observations["now"][quiet]
    figures["alarm.false"] = float(np.count_nonzero(rises[quiet]))
    figures["alarm.hours"] = float(now[-1] - now[0]) / NS_PER_S / 3600.0 if len(now) else 0.0
    if case.kind == "changing" and world.change is not None:
        after = np.flatnonzero(on[world.change :])
        _lag(figures, "alarm.lag", world, int(after[0]) if len(after) else None)
