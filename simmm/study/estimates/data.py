"""What a run believed, and what came: mid and aggressors, all at the time the maker heard of them.

Beliefs, baselines and what is foretold share one clock, the maker's, so neither knows more than the
other, and nothing is foretold that was heard already.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from simmm.records import GAP, KIND_MASK, TRADE
from simmm.report.tables import Run, read_run
from simmm.tape import TapeSpec, open_tapes
from simmm.tape.touch import Touch

NS = 1_000_000_000


@dataclass(frozen=True)
class Aggressors:
    """All aggressors of a tape, in the order in which the maker heard of them."""

    heard: np.ndarray  # ns, maker's clock
    stamp: np.ndarray  # ns, exchange's
    excess: np.ndarray  # quanta beyond the touch; NaN where that is unknown
    gaps: np.ndarray  # ns, exchange's: when the feed was interrupted


class Recorded:
    """One run as the study reads it.

    Seconds are a grid of `step` apart from the first sample; each belief row lies on it.
    """

    def __init__(self, folder: Path, tape: Path) -> None:
        self.run: Run = read_run(folder)
        self.tape = tape
        assert self.run.estimates is not None
        self.ts = self.run.beliefs["ts"]
        mid = self.run.beliefs["mid"]
        self.mid = np.where(mid > 0, mid, np.nan)
        self.step = float(np.median(np.diff(self.ts))) / NS if len(self.ts) > 1 else 1.0
        self._columns = self.run.estimates
        self.now = self._columns["now_ns"]
        self.at = np.minimum(np.searchsorted(self.ts, self.now), len(self.ts) - 1)
        self.every = float(np.median(np.diff(self.now))) / NS if len(self.now) > 1 else 1.0

    @property
    def seconds(self) -> float:
        """Length of the run."""
        return float(self.ts[-1] - self.ts[0]) / NS if len(self.ts) else 0.0

    def steps(self, seconds: float) -> int:
        """So many seconds in steps of the grid."""
        return max(1, round(seconds / self.step))

    def raw(self, name: str) -> np.ndarray:
        """A column of the table `estimates`."""
        return np.asarray(self._columns[name], np.float64)

    def belief(self, name: str) -> np.ndarray:
        """A belief at each row; NaN before any data spoke."""
        value = self.raw(name)
        return np.where((self._columns[f"{name}_age_ns"] >= 0) & np.isfinite(value), value, np.nan)

    def later(self, seconds: float) -> np.ndarray:
        """Mid so many seconds after each row; NaN where unknown."""
        at = self.at + self.steps(seconds)
        return np.where(at < len(self.mid), self.mid[np.minimum(at, len(self.mid) - 1)], np.nan)

    @cached_property
    def squares(self) -> np.ndarray:
        """Squared log return per second that ends at each step of the grid; NaN where unknown."""
        found = np.diff(np.log(self.mid), prepend=np.nan)
        return np.asarray(found * found / self.step)

    def realised(self, seconds: float) -> np.ndarray:
        """Variance per second of the time after each row; NaN if a fifth of it is unknown."""
        steps = self.steps(seconds)
        known = np.isfinite(self.squares)
        total = np.concatenate([[0.0], np.cumsum(np.where(known, self.squares, 0.0))])
        count = np.concatenate([[0], np.cumsum(known)])
        end = np.minimum(self.at + 1 + steps, len(self.squares))
        n = count[end] - count[self.at + 1]
        whole = (self.at + 1 + steps <= len(self.squares)) & (n >= 0.8 * steps)
        return np.where(whole, (total[end] - total[self.at + 1]) / np.maximum(n, 1), np.nan)

    @cached_property
    def aggressors(self) -> Aggressors:
        """Aggressors of the tape."""
        return _aggressors(self.tape)

    def heard_by(self, instants: np.ndarray) -> np.ndarray:
        """Number of aggressors heard up to each instant."""
        return np.searchsorted(self.aggressors.heard, instants, side="right")

    @cached_property
    def reach_steps(self) -> np.ndarray:
        """Whole price steps that each aggressor went beyond the touch; NaN where unknown."""
        row = np.maximum(np.searchsorted(self.now, self.aggressors.heard, side="right") - 1, 0)
        step = self.raw("step")[row]
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.floor(np.maximum(self.aggressors.excess, 0.0) / step + 1e-9)
        return np.where((step > 0) & np.isfinite(self.aggressors.excess), steps, np.nan)


def _aggressors(tape: Path) -> Aggressors:
    """Read them; one is heard with the last of the prints that share its stamp."""
    touch = Touch()
    parts, stamps, infos, arrived, packets = [], [], [], [], []
    with open_tapes([TapeSpec([str(tape)])]) as stream:
        for chunk in stream.chunks():
            parts.append(touch(chunk).aggressors.copy())
            stamps.append(chunk.packet_ts.copy())
            infos.append(chunk.packet_info & KIND_MASK)
            arrived.append(chunk.arrival_ts.copy())
            packets.append(chunk.arrival_packet.copy())
    rows, stamp, kind = (np.concatenate(one) for one in (parts, stamps, infos))
    heard = np.zeros(len(stamp), np.int64)
    heard[np.concatenate(packets)] = np.concatenate(arrived)
    prints = kind == TRADE
    own, where = np.unique(stamp[prints], return_inverse=True)
    last = np.zeros(len(own), np.int64)
    np.maximum.at(last, where, heard[prints])
    at = last[np.searchsorted(own, rows["ts"])] if len(rows) else np.zeros(0, np.int64)
    order = np.argsort(at, kind="stable")
    rows, at = rows[order], at[order]
    excess = rows["side"] * (rows["px"] - rows["touch"]).astype(np.float64)
    excess[(rows["touch"] <= 0) | (rows["mid2"] <= 0)] = np.nan
    return Aggressors(at, rows["ts"].astype(np.int64), excess, np.sort(stamp[kind == GAP]))
