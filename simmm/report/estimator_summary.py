"""The estimators of a run in short, for `report.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from simmm.report.belief_table import (
    KAPPA_SOURCES,
    BeliefTable,
    alarms,
    belief_table,
    change_points,
    warm_up,
)
from simmm.report.figure import Estimate
from simmm.report.fill_forecasts import buckets
from simmm.report.schema_estimators import Estimators, Third
from simmm.report.tables import Run

#: Beliefs whose last value is told.
LAST = (
    "sigma",
    "kappa",
    *(f"{name}_kappa" for name in KAPPA_SOURCES),
    "toxicity_bid",
    "toxicity_ask",
)


def estimator_summary(run: Run) -> Estimators | None:
    """Sum up the table of beliefs; None for a run that has none."""
    found = belief_table(run)
    if found is None:
        return None
    warm, told = warm_up(run, found), alarms(found, run.info.period.end_ns)
    seconds = {
        kind: sum(a.end_ns - a.start_ns for a in told if a.kind == kind) / 1e9
        for kind in ("fill_starved", "kappa_stagnant")
    }
    causes = Counter(a.text.partition(": ")[2] for a in told if a.kind == "cascade")
    return Estimators(
        rows=len(found.ts),
        warm_s=None if warm is None else warm.warm_s,
        warm_reason="" if warm is None else warm.reason,
        kappa_weights=kappa_weights(found),
        cascades=dict(sorted(causes.items())),
        change_points=change_points(found),
        starved_s=seconds["fill_starved"],
        stagnant_s=seconds["kappa_stagnant"],
        toxicity=[
            Third(b.name, b.fills, b.believed, b.adverse, b.edge, b.move)
            for b in buckets(run, found)
        ],
        last={name: one for name in LAST if (one := last_of(found, name)) is not None},
        toxicity_skill=_skill(found),
    )


def last_of(found: BeliefTable, name: str) -> Estimate | None:
    """The last value of a belief with its interval; None if data never spoke."""
    if not found.has(name):
        return None
    row = np.flatnonzero(found.known(name))[-1]
    bounds = found.interval(name)
    low, high = (None, None) if bounds is None else (float(bound[row]) for bound in bounds)
    return Estimate(float(found.value(name)[row]), low, high)


def kappa_sources(last: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Sources of kappa by their short names."""
    return {name: last[f"{name}_kappa"] for name in KAPPA_SOURCES if f"{name}_kappa" in last}


def _skill(found: BeliefTable) -> float | None:
    told = last_of(found, "toxicity_skill")
    return None if told is None else told.value


def kappa_weights(found: BeliefTable) -> dict[str, float]:
    """Weights of the sources of kappa as they were last told."""
    ends = {}
    for name in KAPPA_SOURCES:
        if found.has(f"{name}_weight"):
            weight = found.value(f"{name}_weight")
            ends[name] = float(weight[np.isfinite(weight)][-1])
    return ends
