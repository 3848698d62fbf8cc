"""Long columns in few bytes: integers and floats as base64, thinned to what a screen can show.

A packed column is `{"t": type, "b": base64, "o": offset, "k": factor, "z": 1}`; the page's script
makes the numbers again: raw x k + o, little endian. With `z` a raw 0 means that there is no number.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

#: Stretches that a long series is thinned to. Each keeps its lowest and highest value.
BUCKETS = 4000
_LARGE = 1e37  # near the end of what 32 bits hold


def packed(values: np.ndarray, factor: float = 1.0, missing: np.ndarray | None = None) -> Any:
    """Pack numbers, times `factor`.

    Integers keep every digit, in the narrowest type that holds their range; floats become 32-bit
    differences to the first finite one, NaN and infinity "no number".

    Parameters
    ----------
    values : ndarray, shape (n,)
        Integers or floats.
    factor : float
        What a 1 of `values` is worth on the page.
    missing : ndarray of bool, shape (n,), optional
        Where there is no number; for integers.
    """
    values = np.asarray(values)
    if values.dtype.kind in "iub":
        return _integers(values, factor, missing)
    values = values.astype(np.float64)
    if missing is not None:
        values = np.where(missing, np.nan, values)
    finite = np.isfinite(values)
    first = float(values[finite][0]) if finite.any() else 0.0
    if finite.any() and np.abs(values[finite]).max() > _LARGE:
        return _column(np.where(finite, values, np.nan).astype("<f8"), "f8", 0.0, factor, False)
    raw = np.where(finite, values - first, np.nan).astype("<f4")
    return _column(raw, "f4", first * factor, factor, False)


def _integers(values: np.ndarray, factor: float, missing: np.ndarray | None) -> Any:
    known = values if missing is None else values[~missing]
    low = int(known.min()) if len(known) else 0
    reach = int(known.max()) - low if len(known) else 0
    gap = 0 if missing is None else 1
    for kind, size in (("u1", 8), ("u2", 16), ("u4", 32)):
        if reach + gap < 1 << size:
            raw = np.where(missing, low - gap, values) if missing is not None else values
            raw = (raw - low + gap).astype(f"<{kind}")
            return _column(raw, kind, (low - gap) * factor, factor, bool(gap))
    wide = values.astype("<f8")
    if missing is not None:
        wide = np.where(missing, np.nan, wide)
    return _column(wide, "f8", 0.0, factor, False)


def _column(raw: np.ndarray, kind: str, offset: float, factor: float, zero: bool) -> Any:
    text = base64.b64encode(np.ascontiguousarray(raw).tobytes()).decode("ascii")
    column: dict[str, Any] = {"t": kind, "b": text, "o": offset, "k": factor}
    if zero:
        column["z"] = 1
    return column


class Thinning:
    """Which rows of a table fall into one stretch of time.

    A table of up to 2 x `BUCKETS` rows is left as it is. `x` are the times of what is kept, ms
    since `start_ns`; `low` and `high` reduce a column to it.
    """

    def __init__(self, ts: np.ndarray, start_ns: int, buckets: int = BUCKETS) -> None:
        self.whole = len(ts) <= 2 * buckets
        starts = np.arange(len(ts))
        if not self.whole:
            span = int(ts[-1] - ts[0]) + 1
            bucket = ((ts - ts[0]) // max(1, -(-span // buckets))).astype(np.int64)
            starts = np.flatnonzero(np.diff(bucket, prepend=-1))
        self.starts = starts
        self.ms = (ts[starts] - start_ns) / 1e6

    def x(self) -> Any:
        """Times, to the ms."""
        return packed(np.rint(self.ms).astype(np.int64))

    def low(self, values: np.ndarray) -> np.ndarray:
        """Lowest value of each stretch; NaN only where it has none."""
        return values if self.whole else np.fmin.reduceat(values, self.starts)

    def high(self, values: np.ndarray) -> np.ndarray:
        """Highest value of each stretch."""
        return values if self.whole else np.fmax.reduceat(values, self.starts)

    def last(self, values: np.ndarray) -> np.ndarray:
        """Last value of each stretch."""
        if self.whole:
            return values
        return values[np.append(self.starts[1:], len(values)) - 1]

    def line(self, values: np.ndarray, factor: float = 1.0) -> dict[str, Any]:
        """A series: `y`, or `y` (last), `lo` and `hi` of each stretch."""
        found = {"y": packed(self.last(values), factor)}
        if not self.whole:
            found["lo"] = packed(self.low(values), factor)
            found["hi"] = packed(self.high(values), factor)
        return found
