"""A random market of single orders in plain Python lists: rows, and each order's fate."""

from __future__ import annotations

import random
from typing import Any

START = 1_700_000_000_000_000_000
MS = 1_000_000
Rows = list[tuple[int, str, int, int, float | None, float | None]]


class World:
    """A book of lists; each event is written down as a row, and the truth is counted by hand."""

    def __init__(self, seed: int, middle: int = 200) -> None:
        self._draw = random.Random(seed)
        self._levels: dict[tuple[int, int], list[dict[str, Any]]] = {}
        self._middle = middle
        self._next = 1
        self.ts = START
        self.rows: Rows = []
        self.truth: list[dict[str, Any]] = []

    def run(self, events: int) -> World:
        for side in (1, -1):
            for away in (1, 2, 3):
                for _ in range(3):
                    self._add(side, self._middle - side * away, "open")
        for _ in range(events):
            self.ts += self._draw.randint(1, 40) * MS
            what = self._draw.random()
            side = self._draw.choice((1, -1))
            if what < 0.5:
                self._add(side, self._best(-side) - side * self._draw.randint(1, 3), "add")
            elif what < 0.8:
                self._leave(side, replace=what < 0.6)
            else:
                self._take(side, self._draw.randint(1, 8))
        return self

    def _best(self, side: int) -> int:
        prices = [px for (s, px), orders in self._levels.items() if s == side and orders]
        if not prices:
            return self._middle - side
        return max(prices) if side > 0 else min(prices)

    def _row(self, action: str, order: dict[str, Any], size: float) -> None:
        px = order["px"] * 0.5
        self.rows.append((self.ts, action, order["order_id"], order["side"], px, size))

    def _add(self, side: int, px: int, action: str, number: int = 0, lots: int = 0) -> None:
        if side * px >= side * self._best(-side):
            return
        queue = self._levels.setdefault((side, px), [])
        order = {
            "order_id": number or self._next, "side": side, "px": px,
            "lots": lots or self._draw.randint(1, 5), "add_ts": self.ts,
            "kind": "replace" if action == "replace" else "add", "filled": 0,
            "ahead_qty0": sum(o["lots"] for o in queue), "ahead_n0": len(queue),
            "ahead_exec": 0, "ahead_canc": 0, "first_fill_ts": 0, "last_fill_ts": 0,
            "end": "open", "end_ts": 0,
        }  # fmt: skip
        order["qty"] = order["lots"]
        self._next += not number
        queue.append(order)
        if action != "open":
            self.truth.append(order)
        self._row(action, order, order["lots"])

    def _leave(self, side: int, replace: bool) -> None:
        queue = self._levels.get((side, self._best(side)), [])
        if not queue:
            return
        at = self._draw.randrange(len(queue))
        order = queue.pop(at)
        for behind in queue[at:]:
            behind["ahead_canc"] += order["lots"] if not behind["filled"] else 0
        order.update(end="replace" if replace else "cancel", end_ts=self.ts)
        new = self._best(-side) - side * self._draw.randint(1, 3)
        if replace:
            self._add(side, new, "replace", order["order_id"], order["lots"])
        else:
            self._row("cancel", order, order["lots"])

    def _take(self, side: int, lots: int) -> None:
        """A taker meets orders of `side` from the front; at the last price it stops."""
        while lots and self._levels.get((side, self._best(side))):
            queue = self._levels[side, self._best(side)]
            order = queue[0]
            filled = min(lots, order["lots"])
            for behind in queue[1:]:
                behind["ahead_exec"] += filled if not behind["filled"] else 0
            order["first_fill_ts"] = order["first_fill_ts"] or self.ts
            order.update(last_fill_ts=self.ts, filled=order["filled"] + filled)
            order["lots"] -= filled
            lots -= filled
            self._row("fill", order, filled)
            if not order["lots"]:
                queue.pop(0)
                order.update(end="fill", end_ts=self.ts)
