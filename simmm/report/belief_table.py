"""The table of beliefs of a run: values over time, what was believed before a moment, alarms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmm.estimators.catalogue import BELIEFS
from simmm.report.tables import Columns, Run

CAUSES = ((1, "open interest fell"), (2, "burst of liquidations"), (4, "reference moved"),
          (8, "reference's open interest fell"))  # fmt: skip
REASONS = ("warming up", "enough was heard", "the time was up, on priors")
#: Sources of kappa and the belief that says their weight.
KAPPA_SOURCES = ("own", "book", "robust", "market")


class Alarm(NamedTuple):
    """A stretch in which an alarm stood, from one written row to the next without it."""

    start_ns: int
    end_ns: int
    kind: str  # name of the belief
    text: str


class BeliefTable:
    """Beliefs of a run by name. Where no data spoke yet there is no number (NaN)."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.ts = columns["now_ns"]

    def has(self, name: str) -> bool:
        """Whether the belief is in the table and was ever informed by data."""
        return f"{name}_age_ns" in self.columns and name in self.columns and bool(
            np.any(self.known(name))
        )  # fmt: skip

    def known(self, name: str) -> np.ndarray:
        """Where data had spoken and the value is a finite number."""
        return (self.columns[f"{name}_age_ns"] >= 0) & np.isfinite(self.columns[name])

    def value(self, name: str) -> np.ndarray:
        """Values over time."""
        return np.where(self.known(name), self.columns[name].astype(np.float64), np.nan)

    def interval(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Bounds that hold 95 %; None for a belief that has none."""
        if f"{name}_low" not in self.columns or f"{name}_high" not in self.columns:
            return None
        known = self.known(name)
        low, high = self.columns[f"{name}_low"], self.columns[f"{name}_high"]
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    def first_ns(self, name: str) -> int | None:
        """Time of the first row in which data had spoken."""
        rows = np.flatnonzero(self.known(name))
        return int(self.ts[rows[0]]) if len(rows) else None

    def before(self, name: str, instants: np.ndarray) -> np.ndarray:
        """Newest value written strictly before each instant (ns); NaN where there is none.

        A row of the same ns is left out: the maker may have heard of what happened then.
        """
        row = np.searchsorted(self.ts, instants, side="left") - 1
        if not len(self.ts):
            return np.full(len(instants), np.nan)
        return np.where(row >= 0, self.value(name)[np.maximum(row, 0)], np.nan)


def belief_table(run: Run) -> BeliefTable | None:
    """Beliefs of a run; None if it wrote none (an earlier version, or estimators off)."""
    columns = run.estimates
    if columns is None or not len(columns["now_ns"]):
        return None
    return BeliefTable(columns)


def beliefs_of(found: BeliefTable) -> list[str]:
    """Names of the beliefs in the table that this version knows, as the catalogue orders them."""
    return [name for name in BELIEFS if name in found.columns and f"{name}_age_ns" in found.columns]


def stretches(found: BeliefTable, on: np.ndarray, end_ns: int) -> list[tuple[int, int, int]]:
    """Start, end (ns) and first row of each run of rows where `on` is true."""
    edges = np.flatnonzero(np.diff(on.astype(np.int8), prepend=0, append=0))
    ends = np.append(found.ts, max(end_ns, int(found.ts[-1])))
    return [
        (int(found.ts[a]), int(ends[b]), int(a))
        for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def alarms(found: BeliefTable, end_ns: int) -> list[Alarm]:
    """Stretches of the four alarms, in order of time.

    A cascade stands while its strength is above 1/2, its override's half-life.
    """
    told: list[Alarm] = []
    for name, above, text in (
        ("cascade", 0.5, "cascade"),
        ("changepoint", 0.0, "change point"),
        ("fill_starved", 0.0, "starved of fills"),
        ("kappa_stagnant", 0.0, "kappa stagnant"),
    ):
        if not found.has(name):
            continue
        on = np.nan_to_num(found.value(name)) > above
        for start, end, row in stretches(found, on, end_ns):
            said = f"{text}: {cause(found, row)}" if name == "cascade" else text
            told.append(Alarm(start, end, name, said))
    return sorted(told)


def cause(found: BeliefTable, row: int) -> str:
    """What the cascade of a row was told by, in words."""
    code = found.columns.get("cascade_cause")
    bits = int(code[row]) if code is not None and np.isfinite(code[row]) else 0
    return ", ".join(text for bit, text in CAUSES if bits & bit) or "cause not told"


def change_points(found: BeliefTable) -> int:
    """How many change points alarmed; one stretch of alarm can hold several."""
    name = "changepoint_alarms"
    return int(np.nanmax(found.value(name))) if found.has(name) else 0


class WarmUp(NamedTuple):
    """When the maker became warm, s since the first row written, and why; None if it never did."""

    warm_s: float | None
    reason: str
    enough_s: float | None  # when enough was heard; None if that never came


def warm_up(run: Run, found: BeliefTable) -> WarmUp | None:
    """When the warm-up of the estimators ended; None if the table doesn't tell."""
    if "warm" not in found.columns or "warm_reason" not in found.columns:
        return None
    start = run.info.period.t0_ns
    warm = np.flatnonzero(found.columns["warm"] == 1)
    reason = found.columns["warm_reason"]
    enough = np.flatnonzero(reason == 1)
    enough_s = float(found.ts[enough[0]] - start) / 1e9 if len(enough) else None
    if not len(warm):
        return WarmUp(None, REASONS[0], None)
    code = int(reason[warm[0]])
    told = REASONS[code] if 0 <= code < len(REASONS) else "reason not told"
    return WarmUp(float(found.ts[warm[0]] - start) / 1e9, told, enough_s)
