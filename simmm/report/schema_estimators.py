"""Section of `report.json` on the estimators: warm-up, sources of kappa, alarms, toxicity.

As in `simmm.report.schema`: times in s since the start of the run, edges in bps.
"""

from __future__ import annotations

import msgspec

from simmm.report.figure import Estimate


class Third(msgspec.Struct, frozen=True):
    """A third of the fills by the toxicity last believed before them."""

    name: str
    fills: int
    believed: float  # mean
    adverse: Estimate  # share
    edge: Estimate  # bps from the fill price after 5 s
    move: Estimate  # bps, of the mid in those


class Estimators(msgspec.Struct, frozen=True):
    """What stands in the table of beliefs, in short."""

    rows: int
    warm_s: float | None  # None: never warm
    warm_reason: str
    kappa_weights: dict[str, float]  # at the end
    cascades: dict[str, int]  # by cause
    change_points: int
    starved_s: float
    stagnant_s: float
    toxicity: list[Third]
    last: dict[str, Estimate] = {}  # sigma, kappa, toxicity and kappa's sources at the end
    toxicity_skill: float | None = None  # share by which forecasts beat the base rate
