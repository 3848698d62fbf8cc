"""Latency of one direction of one connection."""

from __future__ import annotations

import math

from simmm.math import exp, exponential, normal, uniform


class Line:
    """Messages of one sender: each takes its own drawn time, and none overtakes."""

    def __init__(
        self,
        form: str,
        low_ns: int,
        scale_ns: float = 0.0,
        shape: float = 0.0,
        cap_ns: int = 1 << 60,
        key: int = 0,
    ) -> None:
        self.form, self.low_ns, self.scale_ns = form, low_ns, scale_ns
        self.shape, self.cap_ns, self.key = shape, cap_ns, key
        self.count, self.last = 0, 0

    def arrival(self, now: int) -> int:
        """Return when the next message, sent `now`, arrives."""
        variable = 0.0
        if self.form == "uniform":
            variable = uniform(self.key, self.count)
        elif self.form == "exponential":
            variable = exponential(self.key, self.count)
        elif self.form == "lognormal":
            variable = exp(self.shape * normal(self.key, self.count))
        wait = self.low_ns
        if self.form != "constant":
            wait = math.floor(min(self.low_ns + self.scale_ns * variable, float(self.cap_ns)))
        self.count += 1
        self.last = max(self.last, now + max(1, wait))
        return self.last
