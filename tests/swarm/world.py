"""A small imaginary market: levels on a grid, and the rows that tell of it."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.oracle import codes

Row = tuple[int, int, int, int, int, int]
Said = tuple[int, int, int]  # tag, px, qty


class World:
    """The true book, on whole grid numbers; side +1 holds bids."""

    def __init__(
        self, rng: random.Random, price: Callable[[int], int], lots: int, depth: int
    ) -> None:
        self.rng, self.price, self.lots, self.depth = rng, price, lots, depth
        self.levels: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.dirty: set[tuple[int, int]] = set()
        self.centre = 0
        self.refill()

    def size(self) -> int:
        return 1 + int(self.rng.paretovariate(1.3) * self.lots)

    def best(self, side: int) -> int | None:
        held = self.levels[side]
        return (max(held) if side > 0 else min(held)) if held else None

    def visible(self, side: int, count: int) -> list[int]:
        """The best `count` grid numbers of a side, best first."""
        return sorted(self.levels[side], key=lambda k: -side * k)[:count]

    def put(self, side: int, k: int, lots: int) -> None:
        if lots > 0:
            self.levels[side][k] = lots
        else:
            self.levels[side].pop(k, None)
        self.dirty.add((side, k))

    def refill(self) -> None:
        """Bring both sides back to `depth` levels, with holes in between."""
        for side in (1, -1):
            best, other = self.best(side), self.best(-side)
            if best is None:
                best = self.centre if other is None else other - side * self.rng.randint(1, 3)
                if other is not None and side * best >= side * other:
                    best = other - side
                self.put(side, best, self.size())
            k = best
            while len(self.levels[side]) < self.depth:
                k -= side
                if k not in self.levels[side] and self.rng.random() < 0.85:
                    self.put(side, k, self.size())

    # ------------------------------------------------------------------ what happens

    def change(self) -> None:
        """Somebody adds, cancels, or improves."""
        side = self.rng.choice((1, -1))
        best, other = self.best(side), self.best(-side)
        if best is None:
            return
        kind = self.rng.random()
        if kind < 0.15 and other is not None and side * (other - best) > 1:
            self.put(side, best + side, self.size())
            return
        k = best - side * min(int(self.rng.expovariate(0.5)), self.depth)
        held = self.levels[side].get(k, 0)
        if kind < 0.55:
            self.put(side, k, held + self.rng.randint(1, self.lots))
        elif held and len(self.levels[side]) > 2:
            cut = held if self.rng.random() < 0.25 else self.rng.randint(1, held)
            self.put(side, k, held - cut)

    def trade(self, lots: int) -> list[Said]:
        """One aggressor; return its prints."""
        aggressor = self.rng.choice((1, -1))
        said: list[Said] = []
        tag = codes.TRADE | (codes.BUY_BIT if aggressor > 0 else 0)
        for k in self.visible(-aggressor, 6):
            held = self.levels[-aggressor][k]
            rest = min(held, lots)
            while rest > 0:  # several resting orders, several prints
                part = rest if self.rng.random() < 0.6 else self.rng.randint(1, rest)
                said.append((tag, self.price(k), part))
                rest -= part
            if len(self.levels[-aggressor]) > 2 or held > lots:
                self.put(-aggressor, k, held - min(held, lots))
            lots -= min(held, lots)
            if lots <= 0:
                break
        if said:
            tag, px, part = said[-1]
            said[-1] = (tag | codes.AGGRESSOR_END_BIT, px, part)
        return said

    def vanish(self, side: int) -> None:
        """A side pulls out altogether."""
        for k in list(self.levels[side]):
            self.put(side, k, 0)

    # ------------------------------------------------------------------ what is told

    @staticmethod
    def _tag(kind: int, side: int) -> int:
        return kind | (codes.BUY_BIT if side > 0 else 0)

    def depth_rows(self, window: int) -> list[Said]:
        """Changed levels inside the window; those outside stay untold until they come into it."""
        told: list[Said] = []
        for side, k in sorted(self.dirty, key=lambda d: (-d[0], -d[0] * d[1])):
            best = self.best(side)
            if best is not None and side * (best - k) > window:
                continue
            lots = self.levels[side].get(k, 0)
            told.append((self._tag(codes.DEPTH, side), self.price(k), lots))
            self.dirty.discard((side, k))
        return told

    def bbo_rows(self, sides: tuple[int, ...]) -> list[Said]:
        told: list[Said] = []
        for side in sides:
            best = self.best(side)
            tag = self._tag(codes.BBO, side)
            if best is None:
                told.append((tag, self.price(self.centre), 0))
            else:
                told.append((tag, self.price(best), self.levels[side][best]))
        return told

    def image_rows(self, count: int, sides: tuple[int, ...]) -> list[Said]:
        told: list[Said] = []
        for side in sides:
            shown = self.visible(side, count)
            for place, k in enumerate(shown):
                tag = self._tag(codes.SNAPSHOT, side) | (0 if place else codes.FIRST_BIT)
                told.append((tag, self.price(k), self.levels[side][k]))
            if not shown:
                tag = self._tag(codes.SNAPSHOT, side) | codes.FIRST_BIT
                told.append((tag, self.price(self.centre), 0))
            else:
                worst = shown[-1]
                self.dirty = {d for d in self.dirty if d[0] != side or side * (worst - d[1]) > 0}
        return told
