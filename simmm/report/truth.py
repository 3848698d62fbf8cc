"""The truth of a generated tape beside a belief: of the moment, and averaged over sigma's window.

The interval of a belief that forgets is of the average over its window. Where the truth moves
within that window, the truth of the moment can lie outside an interval that is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simmm.estimators.catalogue import estimator
from simmm.math import power
from simmm.report.tables import Run

#: Keys of the tape's truth by belief, where they differ or are several.
TRUTHS = {"sigma": ("sigma",), "kappa": ("kappa",), "arrival": ("A", "arrival")}


#: Returns that are weighed one by one; of more, so many neighbours that fewer are left as one.
_MOST_RETURNS = 200_000


class Averaged(NamedTuple):
    """The truth over the window of a belief: one figure per instant, and how fast it forgets."""

    values: np.ndarray
    half_life_s: float


def truth_at(run: Run, name: str, ts: np.ndarray) -> np.ndarray | None:
    """The truth of a belief at each of `ts` (ns); None if the tape doesn't know it."""
    truth = run.info.tape.get("truth")
    if not isinstance(truth, Mapping):
        return None
    path = _path(truth, name)
    if path is not None:
        values, step_ns = path
        since = ts - _first_ns(run)
        return np.asarray(values[np.clip(since // step_ns, 0, len(values) - 1)])
    for key in TRUTHS.get(name, (name,)):
        value = truth.get(key)
        if is_number(value):
            return np.full(len(ts), float(value))  # type: ignore[arg-type]
    return None


def averaged_sigma(run: Run, ts: np.ndarray) -> Averaged | None:
    """The truth that sigma estimates at each of `ts`: that of its returns with their weights.

    The root of the average variance over the returns of the clock until then, forgotten as E14
    forgets them. None where the truth doesn't change over time: it is then its own average.
    """
    truth = run.info.tape.get("truth")
    path = _path(truth, "sigma") if isinstance(truth, Mapping) else None
    if path is None:
        return None
    values, step_ns = path
    half_life_s, ticks, longest_s = (
        parameter(run, "ewma", name) for name in ("half_life_s", "half_life_ticks", "longest_s")
    )
    period, clock = run.info.period, clock_ns(run)
    together = 1 + (period.end_ns - period.t0_ns) // (clock * _MOST_RETURNS)
    instants = np.arange(period.t0_ns, period.end_ns + 1, clock * together, dtype=np.int64)
    instants = instants[run.mid2_at(instants) > 0]  # a return spans the silence before it
    if len(instants) < 2:
        return None
    variance = _integral(values, step_ns, instants - _first_ns(run))
    seconds = np.diff(instants) / 1e9
    found = np.full(len(instants), np.nan)
    weight = square = 0.0
    kept_of: dict[float, float] = {}
    for k, (lasted, gained) in enumerate(
        zip(seconds.tolist(), np.diff(variance).tolist(), strict=True), start=1
    ):
        counted = min(lasted, max(longest_s, together * clock / 1e9))
        if counted not in kept_of:
            rate = (counted / half_life_s if half_life_s > 0 else 0.0) + (
                together / ticks if ticks > 0 else 0.0
            )
            kept_of[counted] = power(0.5, rate)
        kept = kept_of[counted]
        weight = kept * weight + counted
        square = kept * square + counted * gained / lasted
        found[k] = math.sqrt(square / weight)
    row = np.searchsorted(instants, ts, side="right") - 1
    return Averaged(np.where(row >= 0, found[np.maximum(row, 0)], np.nan), half_life_s)


def _integral(values: np.ndarray, step_ns: int, since_ns: np.ndarray) -> np.ndarray:
    """Variance from the tape's start until each time; before it the first, after it the last."""
    squares = values * values
    before = np.concatenate(([0.0], np.cumsum(squares))) * (step_ns / 1e9)
    step = np.clip(since_ns // step_ns, 0, len(values) - 1)
    return np.asarray(before[step] + squares[step] * ((since_ns - step * step_ns) / 1e9))


def _path(truth: Mapping[str, object], name: str) -> tuple[np.ndarray, int] | None:
    """Figures of consecutive stretches from the tape's start on, and their length in ns.

    ``sigma_path`` lists the figures, ``sigma_path_s`` the seconds of a stretch.
    """
    path, step_s = truth.get(f"{name}_path"), truth.get(f"{name}_path_s")
    if not isinstance(path, list) or not path or not is_number(step_s):
        return None
    return np.asarray(path, np.float64), round(step_s * 1e9)  # type: ignore[operator]


def _first_ns(run: Run) -> int:
    return int(run.info.tape.get("first_ts", 0))


def clock_ns(run: Run) -> int:
    """The clock of the maker's own estimator, so that both measure the same thing."""
    node: object = run.info.scenario
    for name in ("estimators", "clock_ms"):
        node = node.get(name) if isinstance(node, dict) else None
    return max(1, round(node * 1e6)) if is_number(node) else 1_000_000_000  # type: ignore[operator]


def parameter(run: Run, section: str, name: str) -> float:
    """A parameter of an estimator as the run had it, else its default."""
    node: object = run.info.scenario
    for key in ("estimators", section, name):
        node = node.get(key) if isinstance(node, Mapping) else None
    if is_number(node):
        return float(node)  # type: ignore[arg-type]
    return float(estimator(section).parameters.fields[name].default)


def is_number(value: object) -> bool:
    """Whether this is a finite number; a truth of yes or no is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
