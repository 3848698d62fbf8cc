"""Orders of our own in a world of single orders, and what would really have become of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simmm.market import MarketRules
from simmm.records import BUY, DEPTH, KIND_MASK, NEVER, SNAPSHOT
from simmm.tape import TapeWriter
from simmm.tape.synthetic.order_book import OrderQueue, Orders, write_orders
from simmm.tape.synthetic.order_world import ADD, CANCEL, FILL

LIFE_NS = 30_000_000_000
PAUSE_NS = 1_000_000_000
ENTRY_NS = 1_000


class Fates(NamedTuple):
    """What became of orders; one element each."""

    filled: np.ndarray
    end_ts: np.ndarray  # fill or cancel, ns
    ahead: np.ndarray  # lots ahead at the end, 0 if filled
    traded: np.ndarray  # lots that traded at its price meanwhile


class World(NamedTuple):
    """A tape, orders that join the touch of it, and their fates."""

    tape: Path
    market: MarketRules
    schedule: dict[str, np.ndarray]  # columns as those of benchmarks/peer_schedule.py
    fates: Fates


def make_world(folder: Path, parameters: OrderQueue, seed: int) -> World:
    """Write a tape, and follow orders of one lot that are on none of its pages.

    One at a time on each side joins the best price and is cancelled after `LIFE_NS`.
    """
    path = folder / "queue.parquet"
    with TapeWriter(path, parameters.market) as writer:
        orders = write_orders(parameters, seed, writer)
    schedule = _schedule(orders)
    return World(path, parameters.market, schedule, _followed(orders, schedule))


def _schedule(orders: Orders) -> dict[str, np.ndarray]:
    rows = orders.tape_rows
    first, last = int(rows["exch_ts"][0]), int(rows["exch_ts"][-1])
    times, best = _touches(orders)
    found = []
    for side in (1, -1):
        now = first + 60_000_000_000 + side * PAUSE_NS
        while now + LIFE_NS + PAUSE_NS < last:
            px = best[bisect_right(times, now) - 1][side > 0]
            found.append((now, now + LIFE_NS, side, px, 1))
            now += LIFE_NS + PAUSE_NS
    found.sort()
    columns = np.array(found).T
    names = ("submit_ts", "cancel_ts", "side", "px_ticks", "qty_lots")
    return {"order_id": np.arange(1, len(found) + 1)} | dict(zip(names, columns, strict=True))


def _touches(orders: Orders) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the best ask and bid after each level row."""
    sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
    times, best = [], []
    kinds = orders.tape_rows["tag"] & KIND_MASK
    rows = orders.tape_rows[(kinds == DEPTH) | (kinds == SNAPSHOT)]
    columns = (rows[name].tolist() for name in ("exch_ts", "tag", "px", "qty"))
    for ts, tag, px, lots in zip(*columns, strict=True):
        side = sizes[tag & BUY > 0]
        side[px] = lots
        if lots == 0:
            del side[px]
        times.append(ts)
        best.append((min(sizes[0], default=1 << 40), max(sizes[1], default=0)))
    return times, best


class _Phantom:
    """An order that is in nobody's way: what is ahead of it, order by order."""

    def __init__(self, row: int, side: int, px: int, ahead: dict[int, int]) -> None:
        self.row, self.side, self.px = row, side, px
        self.ahead = set(ahead)
        self.lots = self.before = sum(ahead.values())  # ahead; and before the taker at hand
        self.traded = 0


class _Replay:
    """Follows each phantom through the orders."""

    def __init__(self, schedule: dict[str, np.ndarray]) -> None:
        self.schedule = {name: values.tolist() for name, values in schedule.items()}
        count = len(schedule["order_id"])
        self.filled = [False] * count
        self.end_ts: list[int] = (schedule["cancel_ts"] + ENTRY_NS).tolist()
        self.ahead, self.traded = [0] * count, [0] * count
        self.levels: dict[int, dict[int, int]] = defaultdict(dict)  # by price: open lots by order
        self.alive: list[_Phantom] = []
        self.coming = 0

    def settle(self, ts: int) -> None:
        """Let phantoms whose time has come join and leave, before what happens at `ts`."""
        while True:
            ends = min((self.end_ts[p.row] for p in self.alive), default=NEVER)
            joins = NEVER
            if self.coming < len(self.filled):
                joins = self.schedule["submit_ts"][self.coming] + ENTRY_NS
            if min(ends, joins) >= ts:
                return
            if ends <= joins:
                gone = next(p for p in self.alive if self.end_ts[p.row] == ends)
                self.ahead[gone.row] = gone.lots
                self._end(gone)
            else:
                row, self.coming = self.coming, self.coming + 1
                px = self.schedule["px_ticks"][row]
                side = self.schedule["side"][row]
                self.alive.append(_Phantom(row, side, px, self.levels[px]))

    def joins(self, number: int, side: int, px: int, lots: int, ts: int) -> None:
        """An order joins; a phantom that it reaches from the other side fills."""
        self.levels[px][number] = lots
        for phantom in list(self.alive):
            if phantom.side == -side and (px - phantom.px) * phantom.side <= 0:
                self._fill(phantom, ts)

    def leaves(self, number: int, side: int, px: int, lots: int) -> None:
        """Lots of an order are gone."""
        level = self.levels[px]
        level[number] -= lots
        if level[number] == 0:
            del level[number]
        for phantom in self.alive:
            if phantom.px == px and phantom.side == side and number in phantom.ahead:
                phantom.lots -= lots

    def taken(self, side: int, printed: dict[int, int], ts: int) -> None:
        """A taker took `printed` lots by price from makers of `side`."""
        for phantom in list(self.alive):
            here = printed.get(phantom.px, 0)
            if phantom.side == side:
                phantom.traded += here
                beyond = any((px - phantom.px) * side < 0 for px in printed)
                if beyond or here > phantom.before:
                    self._fill(phantom, ts)
        for phantom in self.alive:
            phantom.before = phantom.lots

    def _fill(self, phantom: _Phantom, ts: int) -> None:
        self.filled[phantom.row], self.end_ts[phantom.row] = True, ts
        self._end(phantom)

    def _end(self, phantom: _Phantom) -> None:
        self.traded[phantom.row] = phantom.traded
        self.alive.remove(phantom)


def _followed(orders: Orders, schedule: dict[str, np.ndarray]) -> Fates:
    """Replay the orders and return what would have become of each of ours."""
    replay = _Replay(schedule)
    rows = orders.order_rows
    names = ("ts", "action", "order_id", "side", "px", "lots")
    columns = [rows[name].tolist() for name in names]
    k = 0
    while k < len(rows):
        ts, action, number, side, px, lots = (column[k] for column in columns)
        replay.settle(ts)
        for phantom in replay.alive:
            phantom.before = phantom.lots
        if action == ADD:
            replay.joins(number, side, px, lots, ts)
            k += 1
            continue
        printed: dict[int, int] = defaultdict(int)
        while k < len(rows) and columns[0][k] == ts:  # one cancel, or all that one taker fills
            _, action, number, side, px, lots = (column[k] for column in columns)
            assert action in (CANCEL, FILL)
            replay.leaves(number, side, px, lots)
            if action == FILL:
                printed[px] += lots
            k += 1
        if printed:
            replay.taken(side, printed, ts)
    replay.settle(NEVER)
    kinds = (replay.filled, replay.end_ts, replay.ahead, replay.traded)
    return Fates(*map(np.array, kinds))
