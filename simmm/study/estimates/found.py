"""What the study finds, as it stands in its JSON."""

from __future__ import annotations

import msgspec

from simmm.decoding import ready
from simmm.report.schema import Estimate

SCHEMA = 1


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One belief against one baseline: `gain` above `nothing` is better."""

    family: str  # variance, reach, arrivals, price, stretches, fills
    row: str  # of the estimator, such as E14
    belief: str
    ahead_s: float  # how far it is to foretell; 0: until the next aggressor
    baseline: str
    unit: str  # of the gain
    gain: Estimate
    verdict: str
    cases: int  # forecasts that were scored
    nothing: float = 0.0
    level: float | None = None  # believed over realised
    shape: Estimate | None = None  # the gain with both levels put right in hindsight


class TapeFound(msgspec.Struct, frozen=True, kw_only=True):
    """One tape: what was compared, and what else there is to say of it in words."""

    name: str
    symbol: str
    venue: str
    hours: float
    start_ns: int
    end_ns: int
    aggressors: int
    fills: int
    order_size: float
    record_s: float
    comparisons: list[Comparison]
    facts: dict[str, str]


class EstimatesStudy(msgspec.Struct, frozen=True):
    """All tapes."""

    schema_version: int
    tapes: list[TapeFound]


ready(EstimatesStudy)
