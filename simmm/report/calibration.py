"""Did the maker know what it was doing: beliefs against the truth, or against what was realised.

A generated tape carries the truth of its model (sigma, kappa, A); each recorded belief is compared
with it, or with its value at that time where it changes (the reference told is then its mean).
Without a truth, sigma is compared with the volatility realised over the whole run, which is itself
only an estimate: no coverage is given then. Samples of one run share their past, so the coverage of
a single run is one draw, not a frequency.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simmm.report.intervals import mean, share, total
from simmm.report.schema import Calibration
from simmm.report.tables import Run

_REACH = 1.96
#: name of the belief, column, names in `tape.truth`, unit
_BELIEFS = (
    ("sigma", "sigma", ("sigma",), "fraction of price / sqrt(s)"),
    ("kappa", "kappa", ("kappa",), "1 / fraction of price"),
    ("A", "arrival", ("A", "arrival"), "aggressors / s and side"),
)


def calibration(run: Run) -> list[Calibration]:
    """Compare the beliefs recorded after the warm-up."""
    truth = run.info.tape.get("truth")
    truth = truth if isinstance(truth, dict) else {}
    found = []
    for name, column, keys, unit in _BELIEFS:
        value = next((truth[key] for key in keys if _is_number(truth.get(key))), None)
        path = truth_path(run, truth, name)
        if path is not None:
            found.append(_compare(run, name, column, unit, "truth", path))
        elif value is not None:
            found.append(_compare(run, name, column, unit, "truth", float(value)))
    if not any(entry.name == "sigma" for entry in found):
        realised = realised_sigma(run, clock_ns(run))
        if realised is not None:
            found.append(_compare(run, "sigma", "sigma", _BELIEFS[0][3], "realised", realised))
    return found


def truth_path(
    run: Run, truth: dict[str, Any], name: str, ts: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the truth at each recorded belief, or at `ts` (ns), where it changes over time.

    ``sigma_path`` lists the figure of consecutive stretches of ``sigma_path_s`` seconds, from the
    tape's start on.
    """
    path, step_s = truth.get(f"{name}_path"), truth.get(f"{name}_path_s")
    if not isinstance(path, list) or not path or not _is_number(step_s):
        return None
    since = (run.beliefs["ts"] if ts is None else ts) - int(run.info.tape.get("first_ts", 0))
    places = np.clip(since // round(step_s * 1e9), 0, len(path) - 1)  # type: ignore[operator]
    return np.asarray(path, np.float64)[places]


def clock_ns(run: Run) -> int:
    """The clock of the maker's own estimator, so that both measure the same thing."""
    node: object = run.info.scenario
    for name in ("estimators", "clock_ms"):
        node = node.get(name) if isinstance(node, dict) else None
    return max(1, round(node * 1e6)) if _is_number(node) else 1_000_000_000  # type: ignore[operator]


def realised_sigma(run: Run, clock_ns: int = 1_000_000_000) -> float | None:
    """Volatility of the exchange's mid while quoting, fraction of price per sqrt(second)."""
    period = run.info.period
    instants = np.arange(period.quote_start_ns, period.end_ns + 1, clock_ns, dtype=np.int64)
    mid2 = run.mid2_at(instants).astype(np.float64)
    mid2 = mid2[mid2 > 0]
    if len(mid2) < 3:
        return None
    returns = np.diff(mid2) / mid2[:-1]
    return math.sqrt(total(returns * returns) / (len(returns) * clock_ns / 1e9))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _compare(
    run: Run, name: str, column: str, unit: str, against: str, reference: float | np.ndarray
) -> Calibration:
    beliefs = run.beliefs
    after = beliefs["ts"] >= run.info.period.quote_start_ns
    value, sd = beliefs[column][after], beliefs[f"{column}_sd"][after]
    known = np.isfinite(value) & (value > 0) & np.isfinite(sd) & (sd > 0)
    value, sd = value[known], sd[known]
    count = len(value)
    if isinstance(reference, np.ndarray):
        reference = reference[after][known]
        told = mean(reference) if count else 0.0
    else:
        told = reference
    inside = int(np.count_nonzero(np.abs(value - reference) <= _REACH * sd))
    return Calibration(
        name=name,
        unit=unit,
        against=against,
        reference=told,
        final=float(value[-1]) if count else None,
        final_sd=float(sd[-1]) if count else None,
        mean=mean(value) if count else None,
        mean_error=mean(value - reference) if count else None,
        mean_sd=mean(sd) if count else None,
        coverage=share(inside, count) if against == "truth" else None,
        samples=count,
        unknown_samples=int(np.count_nonzero(~known)),
    )
