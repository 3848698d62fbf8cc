"""Latency of one direction of one connection, or of requests of several kinds on one."""

from __future__ import annotations

import math
from typing import Any

from simmm.math import exp, expm1, exponential, log, mix, normal, normal_cdf, sqrt, uniform


class Line:
    """Messages of one sender: each takes its own drawn time, and none overtakes.

    `kinds` holds what differs for some kinds of messages: number of the kind -> arguments.
    """

    def __init__(
        self,
        form: str,
        low_ns: int,
        scale_ns: float = 0.0,
        shape: float = 0.0,
        cap_ns: int = 1 << 60,
        key: int = 0,
        table_ns: tuple[float, ...] = (),
        share: float = 0.0,
        mean_ns: float = 0.0,
        slow_share: float = 0.0,
        slow_mean_ns: float = 0.0,
        kinds: dict[int, dict[str, Any]] | None = None,
    ) -> None:
        self.form, self.low_ns, self.scale_ns = form, low_ns, scale_ns
        self.shape, self.cap_ns, self.key = shape, cap_ns, key
        self.table_ns = table_ns
        self.spells = [
            _Spells(part, mean, mix(key, (1 << 62) + number))
            for number, (part, mean) in enumerate(((share, mean_ns), (slow_share, slow_mean_ns)))
        ]
        self.left = 1.0 - (share + slow_share)
        self.kinds = {
            number: Line(**{**arguments, "key": key}) for number, arguments in (kinds or {}).items()
        }
        self.count, self.last = 0, 0

    def arrival(self, now: int, kind: int = 0) -> int:
        """Return when the next message, sent `now`, arrives."""
        wait = self.kinds.get(kind, self).wait(now, self.count)
        self.count += 1
        self.last = max(self.last, now + max(1, wait))
        return self.last

    def wait(self, now: int, count: int) -> int:
        """Return the drawn latency of message `count`."""
        if self.form == "constant":
            return self.low_ns
        if any(spell.share > 0 for spell in self.spells):
            found = self._at(self._score(now, count))
        elif self.form == "uniform":
            found = self.low_ns + self.scale_ns * uniform(self.key, count)
        elif self.form == "exponential":
            found = self.low_ns + self.scale_ns * exponential(self.key, count)
        else:
            found = self._at(normal(self.key, count))
        return math.floor(min(found, float(self.cap_ns)))

    def _score(self, now: int, count: int) -> float:
        """Add up the message's own score and those of the spells, their squares adding up to 1."""
        score = sqrt(max(0.0, self.left)) * normal(self.key, count)
        for spell in self.spells:
            if spell.share > 0:
                score += sqrt(spell.share) * spell.score(now)
        return score

    def _at(self, score: float) -> float:
        """Return the latency that as large a part of all lies below as of scores below `score`."""
        if self.form == "uniform":
            return self.low_ns + self.scale_ns * normal_cdf(score)
        if self.form == "exponential":
            return self.low_ns - self.scale_ns * log(max(normal_cdf(-score), 1e-300))
        if self.form == "lognormal":
            return self.low_ns + self.scale_ns * exp(self.shape * score)
        place = min(max((score + 4.0) * 16.0, 0.0), 128.0)
        below = min(math.floor(place), 127)
        low, high = self.table_ns[below], self.table_ns[below + 1]
        return high if place == 128.0 else low + (place - below) * (high - low)


class _Spells:
    """Scores that stay for a while; each moment is looked up from nothing."""

    def __init__(self, share: float, mean_ns: float, key: int) -> None:
        self.share, self.key = share, key
        mean_ns = max(mean_ns, 1.0)
        self.cell_ns = max(1, round(mean_ns / 16))
        self.chance = -expm1(-self.cell_ns / mean_ns)

    def score(self, now: int) -> float:
        cell = now // self.cell_ns
        while cell > 0 and uniform(self.key, 2 * cell) >= self.chance:
            cell -= 1
        return normal(self.key, 2 * cell + 1)
