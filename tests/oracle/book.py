"""One side of a book as a dict of what was said, so that all the rest is unknown by itself.

Prices are turned into *keys*, side x price, so that on both sides the higher key is the better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator


class BookSide:
    """Shown sizes by key, and intervals of keys that are known to be empty."""

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.empty: list[tuple[float, float]] = []

    def get(self, key: int) -> int | None:
        """Return the lots that others show at `key`, None where that is unknown."""
        if key in self.sizes:
            return self.sizes[key]
        if any(low <= key <= high for low, high in self.empty):
            return 0
        return None

    def best(self) -> int | None:
        """Return the best key with something shown."""
        return max((key for key, lots in self.sizes.items() if lots > 0), default=None)

    def from_best(self) -> Iterator[tuple[int, int]]:
        """Yield (key, lots) of what is shown, best first."""
        for key in sorted(self.sizes, reverse=True):
            if self.sizes[key] > 0:
                yield key, self.sizes[key]

    def forget(self) -> None:
        """A gap: nothing is known any more."""
        self.sizes.clear()
        self.empty.clear()

    def show(self, key: int, lots: int) -> None:
        """One level is shown."""
        self.sizes[key] = lots

    def nobody(self) -> None:
        """The whole side is shown to be empty."""
        self.sizes.clear()
        self.empty = [(-math.inf, math.inf)]

    def empty_better(self, key: int) -> None:
        """Everything better than `key` is known to be empty."""
        for other in [k for k in self.sizes if k > key]:
            del self.sizes[other]
        self.empty = [(low, high) for low, high in self.empty if low <= key]
        self.empty.append((key + 1, math.inf))

    def image(self, levels: list[tuple[int, int]], limit: float | None = None) -> None:
        """Replace the side by an image, best to worst; keys from `limit` on stay as they are."""
        if limit is None and not any(lots for _, lots in levels):
            self.nobody()
            return
        worst = levels[-1][0]
        if limit is not None and worst >= limit:
            return
        kept: dict[int, int] = {}
        empty: list[tuple[float, float]] = []
        below = math.inf
        if limit is not None:
            below = limit - 1
            kept = {key: lots for key, lots in self.sizes.items() if key >= limit}
            empty = [(max(low, limit), high) for low, high in self.empty if high >= limit]
        for key, lots in levels:
            if key <= below:
                kept[key] = lots
        empty.append((worst, below))
        self.sizes, self.empty = kept, empty
