"""Which order at a level cancelled, and how likely the rank law says that was.

Orders at a level stand in the order of their joins. A cancel of c lots took one of those of at
least c; the rank law gives each the weight ``(1 + younger)^-alpha``, times kappa where it is larger
than c (docs/fill-model.md). A cancel after which an order was gone tells its victim; one after
which all are still there was a part of a larger one, which of them isn't told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from simmm.errors import VenueError
from simmm.records import DEPTH, TRADE
from simmm.validation.rows import Rows
from simmm.validation.truth import CANCEL, FILL, REPLACE, TAKE, cuts_of

LEAST_CANCELS = 100
START = np.array([1.0, -2.0])  # alpha, log kappa
BOUNDS = [(0.0, 4.0), (-12.0, 2.0)]


class Victims(NamedTuple):
    """Cancels at the best prices, and the orders that may have been their victims, flattened."""

    ts: np.ndarray  # of each cancel, ns
    first: np.ndarray  # candidates of cancel k are first[k]:first[k + 1]
    younger: np.ndarray  # of each candidate: orders at the level that joined later
    larger: np.ndarray  # of each candidate: it was larger than what was cancelled
    taken: np.ndarray  # of each candidate: it may have been the victim, as far as is told

    @property
    def cancels(self) -> int:
        return len(self.ts)

    @property
    def partial(self) -> int:
        """Cancels that left their order in the queue."""
        if self.cancels == 0:
            return 0
        told = np.add.reduceat(self.taken & ~self.larger, self.first[:-1])
        return int((told == 0).sum())

    def part(self, chosen: np.ndarray) -> Victims:
        """Return some of the cancels."""
        counts = np.diff(self.first)
        inside = np.repeat(chosen, counts)
        first = np.concatenate(([0], np.cumsum(counts[chosen])))
        return Victims(
            self.ts[chosen], first, self.younger[inside], self.larger[inside], self.taken[inside]
        )


class Likelihood(NamedTuple):
    """The rank law that makes the victims most likely."""

    alpha: float
    log_kappa: float
    alpha_error: float  # one standard error, cancels of a block of time taken together
    log_kappa_error: float
    nats: float  # mean surprise of a cancel
    nats_uniform: float  # the same if every order were alike


class _Level:
    """Orders known at one price and side, oldest first."""

    def __init__(self) -> None:
        self.orders: list[int] = []
        self.lots: dict[int, int] = {}


def victims(rows: Rows, orders: np.ndarray, from_ts: int, to_ts: int) -> Victims:
    """Return the cancels at the best prices in [from_ts, to_ts) at levels known order by order.

    A level counts while all it shows are orders that joined within the tape. Moments at which more
    happens there than one cancel are left out.
    """
    reader = _Reader(rows, orders)
    for block in reader.blocks():
        reader.apply(block, from_ts <= block.ts < to_ts)
    return reader.found()


class _Block(NamedTuple):
    ts: int
    key: tuple[int, int]  # side, px
    before: int  # lots shown
    after: int
    traded: int
    touch: bool


class _Reader:
    """Follows each level through changes of the tape and joins and ends of orders."""

    def __init__(self, rows: Rows, orders: np.ndarray) -> None:
        self._rows, self._orders = rows, orders
        self._levels: dict[tuple[int, int], _Level] = {}
        self._joins = _at(orders, "add_ts")
        ended = orders["end_ts"] > 0
        gone = ended & np.isin(orders["end"], (CANCEL, REPLACE, TAKE, FILL))
        self._ends = _at(orders, "end_ts", gone)
        self._fills: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
        for n, (times, lots) in enumerate(cuts_of(orders, rows)):
            for ts, count in zip(times.tolist(), lots.tolist(), strict=True):
                self._fills.setdefault(self._place(n, ts), []).append((n, count))
        self._out: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []

    def _place(self, n: int, ts: int) -> tuple[int, int, int]:
        order = self._orders[n]
        return ts, int(order["side"]), int(order["px"])

    def blocks(self) -> list[_Block]:
        """Return each change of a level, with what traded there at the same moment."""
        return _changes(self._rows)

    def apply(self, block: _Block, scored: bool) -> None:
        """Move a level on; note the cancel if there was exactly one."""
        level = self._levels.setdefault(block.key, _Level())
        place = (block.ts, *block.key)
        joins, ends = self._joins.get(place, []), self._ends.get(place, [])
        fills = self._fills.get(place, [])
        known = sum(level.lots.values())
        change = block.before - block.traded - block.after
        quiet = not joins and not fills and block.traded == 0
        whole = known == block.before and block.touch and scored
        if whole and quiet and change > 0 and len(ends) <= 1:
            self._note(level, block.ts, change, ends)
        for n, count in fills:
            if n in level.lots:
                level.lots[n] -= count
        for n in ends:
            if n in level.lots:
                del level.lots[n]
                level.orders.remove(n)
        if not ends and quiet and change > 0:
            self._shrink(level, change)
        for n in joins:
            if n not in ends:
                level.orders.append(n)
                level.lots[n] = int(self._orders["lots"][n])

    @staticmethod
    def _shrink(level: _Level, change: int) -> None:
        """An order cut itself, nobody says which: the youngest of those that are large enough."""
        for n in reversed(level.orders):
            if level.lots[n] > change:
                level.lots[n] -= change
                return

    def _note(self, level: _Level, ts: int, change: int, ends: list[int]) -> None:
        if ends:
            if ends[0] not in level.lots:
                return
            level.lots[ends[0]] = change  # it had cut itself before; now we know how much was left
        lots = np.array([level.lots[n] for n in level.orders])
        younger = np.arange(len(lots))[::-1]
        enough = lots >= change
        larger = lots[enough] > change
        if ends:
            taken = np.array([n == ends[0] for n in level.orders])[enough]
        else:
            taken = larger
        if enough.sum() > 1 and taken.any():
            self._out.append((ts, younger[enough], larger, taken))

    def found(self) -> Victims:
        """Return what was noted."""
        counts = [len(item[1]) for item in self._out]
        if not counts:
            none = np.zeros(0, bool)
            return Victims(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0), none, none)
        return Victims(
            np.array([item[0] for item in self._out]),
            np.concatenate(([0], np.cumsum(counts))),
            np.concatenate([item[1] for item in self._out]).astype(float),
            np.concatenate([item[2] for item in self._out]),
            np.concatenate([item[3] for item in self._out]),
        )


def _at(
    orders: np.ndarray, field: str, chosen: np.ndarray | None = None
) -> dict[tuple[int, int, int], list[int]]:
    found: dict[tuple[int, int, int], list[int]] = {}
    places = range(len(orders)) if chosen is None else np.flatnonzero(chosen).tolist()
    for n in places:
        order = orders[n]
        key = (int(order[field]), int(order["side"]), int(order["px"]))
        found.setdefault(key, []).append(n)
    return found


def _changes(rows: Rows) -> list[_Block]:
    """Return each change of a level by a depth row; images and gaps make levels unknown."""
    shown: dict[tuple[int, int], int] = {}
    traded: dict[tuple[int, int], int] = {}
    best = {1: -1, -1: 1 << 60}
    found: list[_Block] = []
    now = -1
    columns = (rows.kind, rows.is_bid, rows.px, rows.lots, rows.ts)
    for kind, is_bid, px, lots, ts in zip(*(c.tolist() for c in columns), strict=True):
        if ts != now:
            traded.clear()
            now = ts
        side = 1 if is_bid else -1
        if kind == TRADE:
            met = (-side, px)
            traded[met] = traded.get(met, 0) + lots
            continue
        if kind == DEPTH:
            key = (side, px)
            before = shown.get(key, 0)
            touch = side * px >= side * best[side]
            found.append(_Block(ts, key, before, lots, traded.pop(key, 0), touch))
        shown[(side, px)] = lots
        if lots > 0 and side * px > side * best[side]:
            best[side] = px
        elif lots == 0 and px == best[side]:
            best[side] = _next_best(shown, side, px)
    return found


def _next_best(shown: dict[tuple[int, int], int], side: int, px: int) -> int:
    """Return the best price that shows lots, looking away from `px`."""
    for away in range(1, 1000):
        if shown.get((side, px - side * away), 0) > 0:
            return px - side * away
    return -1 if side > 0 else 1 << 60


def likelihood(data: Victims, block_ns: int) -> Likelihood:
    """Fit the rank law to the victims by conditional maximum likelihood.

    Raises
    ------
    VenueError
        If there are too few cancels.

    Notes
    -----
    Errors are of the sandwich kind: scores are summed over blocks of time before they are squared.
    Source: McFadden, "Conditional logit analysis of qualitative choice behavior" (1974); White,
    "Maximum likelihood estimation of misspecified models" (1982).
    """
    if data.cancels < LEAST_CANCELS:
        raise VenueError(
            f"only {data.cancels} cancels at best prices whose queue is known order by order; at "
            f"least {LEAST_CANCELS} are needed"
        )
    log_rank = np.log1p(data.younger)

    def surprise(x: np.ndarray) -> tuple[float, np.ndarray]:
        each, slopes = _surprises(data, log_rank, x)
        return float(each.mean()), slopes.mean(axis=0)

    best = minimize(surprise, START, jac=True, method="L-BFGS-B", bounds=BOUNDS)
    each, slopes = _surprises(data, log_rank, best.x)
    _, block = np.unique(data.ts // block_ns, return_inverse=True)
    summed = np.stack([np.bincount(block, slopes[:, k]) for k in range(2)], axis=1)
    step = 1e-4
    curve = np.zeros((2, 2))
    for k in range(2):
        aside = best.x.copy()
        aside[k] += step
        curve[k] = (_surprises(data, log_rank, aside)[1] - slopes).sum(axis=0) / step
    inverse = np.linalg.pinv((curve + curve.T) / 2.0)
    errors = np.sqrt(np.diag(inverse @ (summed.T @ summed) @ inverse))
    flat = _surprises(data, log_rank, np.zeros(2))[0]
    return Likelihood(
        float(best.x[0]), float(best.x[1]), float(errors[0]), float(errors[1]),
        float(each.mean()), float(flat.mean()),
    )  # fmt: skip


def _surprises(data: Victims, log_rank: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return -log probability of each cancel, and its slopes in (alpha, log kappa)."""
    weight = np.exp(-x[0] * log_rank + x[1] * data.larger)
    first = data.first[:-1]
    slope = np.stack((-log_rank, data.larger.astype(float)), axis=1)
    total = np.add.reduceat(weight, first)
    taken = np.add.reduceat(weight * data.taken, first)
    all_slope = np.add.reduceat(weight[:, None] * slope, first)
    taken_slope = np.add.reduceat((weight * data.taken)[:, None] * slope, first)
    each = np.log(total) - np.log(taken)
    return each, all_slope / total[:, None] - taken_slope / taken[:, None]
