"""A latency's settings, how they become a record, and what a run says of latencies as they were."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from simmm.latency import (
    CELLS_PER_SPELL,
    HIGHEST_SCORE,
    LATENCY_FORMS,
    SCORES_PER_UNIT,
)
from simmm.math import expm1, mix, normal_cdf, sqrt
from simmm.records import LATENCY_BUCKETS, LATENCY_SCORES, NEVER, REQUEST_NAMES, SPELLS

_SPELL_KEYS = 1 << 62  # counters that no message reaches
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class LatencySettings:
    """A latency distribution in ns; see `simmm.latency`.

    Attributes
    ----------
    form, low_ns, scale_ns, shape, cap_ns
        As a scenario's; `low_ns` of the empirical form is its table's lowest value.
    table_ns
        Of the empirical form: 129 ascending values at the normal scores -4 to 4.
    share, mean_ns
        Share of the scores' variance that messages of one spell have in common, and the spell's
        mean length. 0: no such spells.
    slow_share, slow_mean_ns
        The same of a second, longer kind of spell.
    """

    form: str = "constant"
    low_ns: int = 1
    scale_ns: float = 0.0
    shape: float = 0.0
    cap_ns: int = NEVER
    table_ns: tuple[float, ...] = ()
    share: float = 0.0
    mean_ns: float = 0.0
    slow_share: float = 0.0
    slow_mean_ns: float = 0.0

    def write(self, record: Any, key: int) -> None:
        """Write the distribution into a `records.Latency`."""
        record["form"] = LATENCY_FORMS.index(self.form)
        record["low_ns"] = max(self.low_ns, 1)
        record["scale_ns"] = self.scale_ns
        record["log_sd"] = self.shape
        record["cap_ns"] = self.cap_ns
        record["key"] = key
        if self.table_ns:
            record["table_ns"] = self.table_ns
        shares = (self.share, self.slow_share)
        record["bursts"] = int(sum(shares) > 0)
        record["own_weight"] = sqrt(max(0.0, 1.0 - sum(shares)))
        for k in range(SPELLS):
            mean_ns = max((self.mean_ns, self.slow_mean_ns)[k], 1.0)
            cell_ns = max(1, round(mean_ns / CELLS_PER_SPELL))
            record["spell_weight"][k] = sqrt(shares[k])
            record["spell_key"][k] = mix(key, _SPELL_KEYS + k)
            record["spell_cell_ns"][k] = cell_ns
            record["spell_chance"][k] = -expm1(-cell_ns / mean_ns)
            record["spell_cell"][k] = -1

    def problem(self) -> str:
        """Say in a few words why no latency can be so; empty if it can."""
        if self.form not in LATENCY_FORMS or not 0 < self.low_ns <= NEVER:
            return "form and least latency"
        if len(self.table_ns) != (LATENCY_SCORES if self.form == "empirical" else 0):
            return "table"
        table = np.asarray(self.table_ns)
        if self.table_ns and not (table[0] >= 0 and (np.diff(table) >= 0).all()):
            return "table"
        shares, means = (self.share, self.slow_share), (self.mean_ns, self.slow_mean_ns)
        if not (min(shares) >= 0 and sum(shares) <= 1 and 0 <= min(means) <= max(means) < NEVER):
            return "bursts"
        return ""


def table_shares() -> np.ndarray:
    """Return the probabilities at which an empirical latency's table has its values."""
    places = np.arange(LATENCY_SCORES) / SCORES_PER_UNIT - HIGHEST_SCORE
    return np.array([normal_cdf(score) for score in places.tolist()])


def table_of(values: np.ndarray) -> np.ndarray:
    """Return the table of a sample of latencies (ms): its quantiles at `table_shares`.

    The k-th smallest of n stands at the probability (k - 1/2) / n; between them on a line. Values
    are rounded to whole nanoseconds.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    shares = (np.arange(len(ordered)) + 0.5) / len(ordered)
    table: np.ndarray = np.round(np.interp(table_shares(), shares, ordered), 6)
    return table


def drawn(mail: Any) -> dict[str, Any]:
    """Return what ``run.json`` says of latencies as they were, by direction and kind of request."""
    entry = {
        name: summary(mail["entry"][kind])
        for kind, name in enumerate(REQUEST_NAMES)
        if mail["entry"][kind]["sent"]
    }
    response = summary(mail["answer"]) if mail["answer"]["sent"] else None
    return {"entry": entry, "response": response}


def summary(latency: Any) -> dict[str, Any]:
    """Return count, mean, quantiles and histogram of what was sent over one line, in ms.

    Quantiles lie within a bucket's width, an eighth of an octave at most.
    """
    counts = np.asarray(latency["buckets"])
    least, most = int(latency["least_ns"]), int(latency["most_ns"])
    return {
        "count": int(latency["sent"]),
        "mean_ms": float(latency["sum_ns"]) / int(latency["sent"]) / _NS_PER_MS,
        "min_ms": least / _NS_PER_MS,
        "p50_ms": _quantile(counts, 0.50, least, most) / _NS_PER_MS,
        "p99_ms": _quantile(counts, 0.99, least, most) / _NS_PER_MS,
        "max_ms": most / _NS_PER_MS,
        "buckets": [
            [low / _NS_PER_MS, high / _NS_PER_MS, count] for low, high, count in _filled(counts)
        ],
    }


def bucket_bounds(bucket: int) -> tuple[float, float]:
    """Return the latencies (ns) between which a bucket lies; the first and last are open."""
    low, high = (
        float(2 ** (7 + place // 8) * (8 + place % 8)) / 8 for place in (bucket, bucket + 1)
    )
    return (0.0 if bucket == 0 else low), high


def _filled(counts: np.ndarray) -> Iterator[tuple[float, float, int]]:
    for bucket in np.flatnonzero(counts).tolist():
        low, high = bucket_bounds(bucket)
        yield low, high, int(counts[bucket])


def _quantile(counts: np.ndarray, share: float, least: int, most: int) -> float:
    """Return a quantile in ns, on a line within its bucket."""
    total = int(counts.sum())
    bucket = int(np.searchsorted(np.cumsum(counts), share * total))
    bucket = min(bucket, LATENCY_BUCKETS - 1)
    low, high = bucket_bounds(bucket)
    before = int(counts[:bucket].sum())
    into = (share * total - before) / max(1, int(counts[bucket]))
    return float(min(max(low + (high - low) * into, least), most))
