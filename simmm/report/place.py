"""Place in the queue at the fill, beside that at the join, and how fills came about."""

from __future__ import annotations

import numpy as np

from simmm.records import CROSSED, THROUGH
from simmm.report.intervals import exact_sum, quantiles, share
from simmm.report.payments import NOT_MAKER
from simmm.report.schema_account import Place, Way
from simmm.report.tables import Run


def ways(run: Run) -> dict[str, np.ndarray]:
    """Masks over the fills: by the queue, by a print beyond, by the book alone; takers in none."""
    marks = run.fills["marks"]
    maker = (marks & NOT_MAKER) == 0
    crossed, through = (marks & CROSSED) != 0, (marks & THROUGH) != 0
    return {
        "queue": maker & ~crossed & ~through,
        "through": maker & through & ~crossed,
        "crossed": maker & crossed,
    }


def placed(run: Run) -> np.ndarray:
    """Mask over the fills: of makers, with a place in the queue that is known."""
    maker = (run.fills["marks"] & NOT_MAKER) == 0
    known = maker & (run.fills["level_at_join"] >= 0)
    if "ahead" in run.fills:
        known &= np.isfinite(run.fills["ahead"]) & (run.fills["ahead"] >= 0)
    return known


def place(run: Run) -> Place | None:
    """Describe the queue at the fill; None where the run didn't record it."""
    fills = run.fills
    if "ahead" not in fills:
        return None
    use = placed(run)
    ahead = fills["ahead"] * run.lot
    joined = fills["ahead_at_join"] * run.lot
    masks = ways(run)
    every = np.logical_or.reduce(list(masks.values()))
    count, volume = int(np.count_nonzero(every)), exact_sum(fills["quantity"][every])
    return Place(
        fills=int(np.count_nonzero(use)),
        at_join=quantiles(joined[use]),
        at_fill=quantiles(ahead[use]),
        alone_at_fill=share(int(np.count_nonzero(use & (ahead <= 0))), int(np.count_nonzero(use))),
        ways=[
            Way(
                name=name,
                fills=int(np.count_nonzero(mask)),
                volume=exact_sum(fills["quantity"][mask]) * run.lot,
                share=share(int(np.count_nonzero(mask)), count),
                volume_share=share(exact_sum(fills["quantity"][mask]), volume),
                ahead_at_join=quantiles(joined[mask & use])["p50"],
                ahead_at_fill=quantiles(ahead[mask & use])["p50"],
            )
            for name, mask in masks.items()
        ],
    )
