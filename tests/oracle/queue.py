"""The published queue formulas, on a state of two floats: lots ahead, and lots traded since."""

from __future__ import annotations

import math

from simmm.math import log, power

FORMS = (
    "pessimistic",
    "proportional",
    "optimistic",
    "power",
    "log",
    "power2",
    "power3",
    "log2",
)


class Place:
    """Place of one order in the queue at its price."""

    def __init__(self, form: str, exponent: float) -> None:
        self.form, self.exponent = form, float(exponent)
        self.front, self.cum = 0.0, 0.0

    def join(self, shown: int) -> None:
        """Start behind what others show."""
        self.front, self.cum = float(shown), 0.0

    def cap(self, shown: int) -> None:
        """The level came back: keep the place, but no more than what is shown."""
        self.front, self.cum = max(0.0, min(self.front, float(shown))), 0.0

    def trade(self, quantity: int) -> None:
        """A print of `quantity` lots at the price."""
        self.front -= float(quantity)
        self.cum += float(quantity)

    def filled(self) -> int:
        """Lots of the print that reached beyond the queue; the place is then the first."""
        beyond = math.floor(0.5 - self.front)
        if beyond <= 0:
            return 0
        self.front = 0.0
        return beyond

    def depth(self, before: int, now: int) -> None:
        """What others show went from `before` to `now`."""
        change = float(before) - float(now) - self.cum
        self.cum = 0.0
        if change < 0.0:
            self.front = max(0.0, min(self.front, float(now)))
            return
        back = float(before) - self.front
        p = self._behind(self.front, back)
        left = self.front - (1.0 - p) * change + min(back - p * change, 0.0)
        self.front = max(0.0, min(left, float(now)))

    def _behind(self, front: float, back: float) -> float:
        """Probability that a decrease happens behind the order."""
        if self.form == "pessimistic":
            return 1.0
        if self.form == "optimistic":
            return 0.0
        if self.form == "power3":
            return 1.0 - power(front / (front + back), self.exponent) if front + back else 1.0
        if self.form in ("power2", "log2"):
            part, whole = back, front + back
            if self.form == "log2":
                part, whole = log(1.0 + part), log(1.0 + whole)
            else:
                part, whole = power(part, self.exponent), power(whole, self.exponent)
            return part / whole if whole else 1.0
        if self.form == "log":
            ours, theirs = log(1.0 + back), log(1.0 + front)
        else:
            n = 1.0 if self.form == "proportional" else self.exponent
            ours, theirs = power(back, n), power(front, n)
        total = ours + theirs
        if total == 0.0 or not math.isfinite(ours / total):
            return 1.0
        return ours / total
