"""What a comparison of two runs holds; B minus A throughout.

Units are those of `report.json`: money in the quote currency, sizes in base units, edge in basis
points, shares between 0 and 1. A figure that cannot be given is `None`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from simmm.report.schema import Estimate, Verdict

#: Grows by one when a field changes its meaning or disappears.
COMPARISON_SCHEMA = 1


class Side(msgspec.Struct, frozen=True):
    """One of the two runs, and what its own report says first."""

    folder: str
    scenario: str
    strategy: str
    symbol: str
    venue: str
    quote: str
    start_ns: int  # of quoting, after the warm-up
    end_ns: int
    hours: float
    said: str


class Value(msgspec.Struct, frozen=True):
    """A value that differs, and where it came from; an origin of None: it isn't there."""

    path: str
    a: Any
    a_origin: str | None
    b: Any
    b_origin: str | None


class FirstRow(msgspec.Struct, frozen=True):
    """The first row at which a table differs, in words; None where a table has ended."""

    table: str  # fill or request
    row: int
    a: str | None
    b: str | None


class Agreement(msgspec.Struct, frozen=True):
    """Whether a hash chain ends alike in both runs and, if not, where it first differs."""

    chain: str
    agree: bool
    a: str
    b: str
    after_ns: int | None = None  # last sample at which both agree; None: none does
    until_ns: int | None = None  # first sample at which they differ
    sample: int | None = None  # its number, from 1
    samples: int = 0  # compared
    note: str = ""
    first_row: FirstRow | None = None


class Pairing(msgspec.Struct, frozen=True):
    """Whether the runs are compared moment by moment, over which time, and why (not)."""

    paired: bool
    same_period: bool
    reason: str
    start_ns: int | None = None  # common time
    end_ns: int | None = None
    step_s: float | None = None


class Figure(msgspec.Struct, frozen=True):
    """One figure of both runs. `why` says what is missing of the difference, if anything."""

    key: str
    name: str
    kind: str  # money, amount (without a direction), bps, number, size, share, seconds
    a: float | None
    b: float | None
    difference: Estimate
    why: str = ""

    @property
    def notable(self) -> bool:
        """True if the 95 % interval of the difference leaves out zero."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


class Group(msgspec.Struct, frozen=True):
    """Figures under one heading. `intervals`: how theirs were made."""

    title: str
    unit: str
    figures: list[Figure]
    intervals: str
    note: str = ""


class Curves(msgspec.Struct, frozen=True):
    """Net P&L of both runs at common instants; `None` where a run isn't quoting.

    `axis`: *utc* (times in ns since 1970) or *elapsed* (ns since each run began to quote).
    `difference` is empty where the runs aren't paired.
    """

    axis: str
    ts: list[int]
    a: list[float | None]
    b: list[float | None]
    difference: list[float | None]


class Comparison(msgspec.Struct, frozen=True):
    """Everything that is shown of two runs beside each other."""

    schema_version: int
    a: Side
    b: Side
    same_folder: bool
    money_comparable: bool
    configuration: list[Value]
    agreements: list[Agreement]
    pairing: Pairing
    groups: list[Group]
    notes: list[str]
    verdict: Verdict
    curves: Curves

    @property
    def same_results(self) -> bool:
        """True if both hash chains end alike."""
        return all(agreement.agree for agreement in self.agreements)
