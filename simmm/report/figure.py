"""A figure of the report with its interval."""

from __future__ import annotations

import msgspec


class Estimate(msgspec.Struct, frozen=True):
    """A number and the 95 % interval around it, where there is one."""

    value: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    clusters: int = 0  # independent pieces that the standard error rests on
