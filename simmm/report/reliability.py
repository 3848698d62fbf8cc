"""Are predicted probabilities of fill kept by the simulated path?

Each print that reaches an own order's level is a prediction: the share of further draws of the
queue that it fills, given all that the tape showed until then. The path is one more draw of the
same law, so this checks the simulator against itself. Whether real orders would have filled is
another question, which only data with the real fate of orders can answer (`simmm validate fills`);
the two are never mixed in one figure.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simmm.report.figure import Estimate
from simmm.report.intervals import mean, weighted_mean
from simmm.report.markouts import CLUSTER_NS
from simmm.report.schema_account import Bin, Reliability
from simmm.report.tables import Run

EDGES = (0.0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98, 1.0)


def reliability(run: Run) -> Reliability | None:
    """Compare predictions with the path; None where none were made.

    Notes
    -----
    Predictions of one minute count as one piece, as fills do in markouts. The first bin holds
    probabilities up to 2 %, the last those from 98 % on; edges belong to the bin below.
    """
    table = run.predictions
    if table is None:
        return None
    known = (table["probability"] >= 0) & (table["probability"] <= 1)
    if not known.any():
        return None
    predicted, filled = table["probability"][known], table["filled"][known].astype(np.float64)
    cluster = (table["ts"][known] - run.info.period.quote_start_ns) // CLUSTER_NS
    ones = np.ones(len(predicted))
    whole = weighted_mean(filled, ones, cluster)
    assert whole.value is not None
    error = filled - predicted
    return Reliability(
        predictions=len(predicted),
        orders=len(np.unique(table["id"][known])),
        draws=int(run.info.queue.get("draws", 0) or 0),
        predicted=mean(predicted),
        filled=_share(whole),
        apart=weighted_mean(-error, ones, cluster),
        brier=mean(error * error),
        brier_constant=whole.value * (1 - whole.value),
        bins=_bins(predicted, filled, cluster),
    )


def _bins(predicted: np.ndarray, filled: np.ndarray, cluster: np.ndarray) -> list[Bin]:
    place = np.clip(np.searchsorted(EDGES, predicted, side="left") - 1, 0, len(EDGES) - 2)
    found = []
    for at, (low, high) in enumerate(pairwise(EDGES)):
        use = place == at
        if not use.any():
            continue
        shared = weighted_mean(filled[use], np.ones(int(use.sum())), cluster[use])
        found.append(Bin(low, high, int(use.sum()), mean(predicted[use]), _share(shared)))
    return found


def _share(found: Estimate) -> Estimate:
    """The interval of a share, cut to 0 and 1; none where all pieces agree, which is no proof."""
    if found.low is None or found.high is None or found.high <= found.low:
        return Estimate(found.value, clusters=found.clusters)
    return Estimate(
        found.value, max(0.0, found.low), min(1.0, found.high), found.se, found.clusters
    )
