"""The estimators of a run in short, for `report.json`."""

from __future__ import annotations

from collections import Counter

import numpy as np

from simmm.report.belief_table import (
    KAPPA_SOURCES,
    BeliefTable,
    alarms,
    belief_table,
    change_points,
    warm_up,
)
from simmm.report.fill_forecasts import buckets
from simmm.report.schema_estimators import Estimators, Third
from simmm.report.tables import Run


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
    )


def kappa_weights(found: BeliefTable) -> dict[str, float]:
    """Weights of the sources of kappa as they were last told."""
    ends = {}
    for name in KAPPA_SOURCES:
        if found.has(f"{name}_weight"):
            weight = found.value(f"{name}_weight")
            ends[name] = float(weight[np.isfinite(weight)][-1])
    return ends
