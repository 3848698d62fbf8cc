"""Did the maker know what it was doing: beliefs against the truth, or against what was realised.

A generated tape carries the truth of its model (sigma, kappa, A); each recorded belief is compared
with it, or with its value at that time where it changes (the reference told is then its mean).
Sigma is besides compared with the truth averaged over sigma's own window, which is what it
estimates and what its interval is of. Without a truth, sigma is compared with the volatility
realised over the whole run, which is itself only an estimate: no coverage is given then. Samples of
one run share their past, so the coverage of a single run is one draw, not a frequency.

Intervals are those of the table of all beliefs. A run without it recorded deviations only: there an
interval is the value and 1.96 of them to either side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simmm.report.belief_table import belief_table
from simmm.report.intervals import mean, share, total
from simmm.report.schema import Calibration
from simmm.report.tables import Run
from simmm.report.truth import averaged_sigma, clock_ns, truth_at

REACH = 1.96
#: name of the belief, column, unit
_BELIEFS = (
    ("sigma", "sigma", "fraction of price / sqrt(s)"),
    ("kappa", "kappa", "1 / fraction of price"),
    ("A", "arrival", "aggressors / s and side"),
)


class Samples(NamedTuple):
    """A belief over time; NaN where nothing was known."""

    ts: np.ndarray
    value: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray


def samples(run: Run, column: str) -> Samples:
    """A belief with its interval, of the table of all beliefs or, without it, of the samples."""
    found = belief_table(run)
    if found is not None and f"{column}_age_ns" in found.columns and column in found.columns:
        bounds = found.interval(column)
        if bounds is not None and f"{column}_sd" in found.columns:
            value, sd = found.value(column), found.columns[f"{column}_sd"]
            return _known(Samples(found.ts, value, sd, *bounds))
    beliefs = run.beliefs
    value, sd = beliefs[column], beliefs[f"{column}_sd"]
    low, high = np.maximum(value - REACH * sd, 0.0), value + REACH * sd
    return _known(Samples(beliefs["ts"], value, sd, low, high))


def _known(told: Samples) -> Samples:
    known = np.isfinite(told.value) & (told.value > 0) & np.isfinite(told.sd) & (told.sd > 0)
    return Samples(told.ts, *(np.where(known, column, np.nan) for column in told[1:]))


def calibration(run: Run) -> list[Calibration]:
    """Compare the beliefs recorded after the warm-up."""
    found = []
    for name, column, unit in _BELIEFS:
        told = samples(run, column)
        truth = truth_at(run, column, told.ts)
        if truth is not None:
            found.append(_compare(run, name, unit, "truth", told, truth))
        elif name == "sigma":
            realised = realised_sigma(run, clock_ns(run))
            if realised is not None:
                reference = np.full(len(told.ts), realised)
                found.append(_compare(run, name, unit, "realised", told, reference))
    return found


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


def _compare(
    run: Run, name: str, unit: str, against: str, told: Samples, reference: np.ndarray
) -> Calibration:
    after = told.ts >= run.info.period.quote_start_ns
    use = after & np.isfinite(told.value)
    value, count = told.value[use], int(np.count_nonzero(use))
    averaged = averaged_sigma(run, told.ts) if name == "sigma" and against == "truth" else None
    averaged_error = averaged_coverage = over = None
    if averaged is not None:
        over = _realised_over_truth(run)
        there = use & np.isfinite(averaged.values)
        averaged_coverage = _covered(told, averaged.values, there)
        if there.any():
            averaged_error = mean((told.value - averaged.values)[there])
    return Calibration(
        name=name,
        unit=unit,
        against=against,
        reference=_reference(reference, use),
        final=float(value[-1]) if count else None,
        final_sd=float(told.sd[use][-1]) if count else None,
        final_low=float(told.low[use][-1]) if count else None,
        final_high=float(told.high[use][-1]) if count else None,
        mean=mean(value) if count else None,
        mean_error=mean(value - reference[use]) if count else None,
        mean_sd=mean(told.sd[use]) if count else None,
        coverage=_covered(told, reference, use) if against == "truth" else None,
        samples=count,
        unknown_samples=int(np.count_nonzero(after)) - count,
        averaged_coverage=averaged_coverage,
        averaged_error=averaged_error,
        half_life_s=None if averaged is None else averaged.half_life_s,
        realised_over_truth=over,
    )


def _realised_over_truth(run: Run) -> float | None:
    """The mid's volatility on the clock over the truth while quoting.

    The truth adds up single steps. Above 1 they followed each other, below 1 they bounced.
    """
    clock, period = clock_ns(run), run.info.period
    realised = realised_sigma(run, clock)
    instants = np.arange(period.quote_start_ns, period.end_ns, clock, dtype=np.int64) + clock // 2
    truth = truth_at(run, "sigma", instants)
    if realised is None or truth is None or not truth.any():
        return None
    return realised / math.sqrt(mean(truth * truth))


def _reference(reference: np.ndarray, use: np.ndarray) -> float:
    """The mean of the truth, or what it always was."""
    if len(reference) and np.all(reference == reference[0]):
        return float(reference[0])
    return mean(reference[use]) if use.any() else 0.0


def _covered(told: Samples, truth: np.ndarray, use: np.ndarray) -> float | None:
    inside = (told.low <= truth) & (truth <= told.high) & use
    return share(int(np.count_nonzero(inside)), int(np.count_nonzero(use)))
