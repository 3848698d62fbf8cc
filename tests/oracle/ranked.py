"""The rank law on a plain list of orders, oldest first, each with whether it is before ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from simmm.math import exp, log, mix, power, uniform

PLACES = 256  # longer lists are not kept: their sums alone are
SPARE = 64  # of these places, for orders that come behind us
REMEMBERED = 1024  # sizes of adds
TRIES = 8
PIECES = 8  # as many orders a queue is cut into while no sizes are known
DEFAULTS = {"rank": (1.25, -2.0), "rank_tracked": (1.5, -4.0), "rank_scalar": (1.25, -2.0)}


@dataclass
class Law:
    """What all places of a run share: exponents, and the sizes learned so far."""

    form: str
    alpha: float
    log_kappa: float
    exact: bool
    key: int
    adds: int = 0
    sizes: list[int] = field(default_factory=list)  # the newest, each where its number says

    def learn(self, lots: int) -> None:
        """An order was added to a touch."""
        if len(self.sizes) < REMEMBERED:
            self.sizes.append(lots)
        else:
            self.sizes[self.adds % REMEMBERED] = lots
        self.adds += 1

    @cached_property
    def kappa(self) -> float:
        """Return the weight of an order larger than what was cancelled."""
        return float(exp(self.log_kappa))

    @cached_property
    def table(self) -> list[float]:
        """Return the sums of the weights of the youngest 0, 1, 2, ... orders."""
        sums = [0.0]
        for younger in range(PLACES):
            sums.append(sums[-1] + float(power(1.0 + younger, -self.alpha)))
        return sums


class Ranked:
    """Place of one order. `stream` is the number of its stream of random numbers."""

    def __init__(self, law: Law, stream: int) -> None:
        self.law = law
        self.key, self.drawn = mix(law.key, stream), 0
        self.sums_alone = law.form == "rank_scalar"
        self.queue: list[tuple[int, bool]] = []  # (lots, before ours), oldest first
        self.sums = {True: 0, False: 0}
        self.gone = 0  # orders that left by the front since the list was begun, and leave no place
        self.past = 0
        self.traded = 0  # since the level was last shown
        self.table = law.table
        self.counts = {"matched": 0, "several": 0, "weighed": 0, "sums": 0, "adopted": 0}

    # ------------------------------------------------------------------ what others see

    @property
    def front(self) -> int:
        """Lots ahead."""
        return self.sums[True]

    def filled(self) -> int:
        """Lots of the prints that reached beyond the queue."""
        past, self.past = self.past, 0
        return past

    # ------------------------------------------------------------------ events

    def join(self, shown: int) -> None:
        """Stand behind what is shown, as orders like those seen before."""
        self._begin()
        self.sums[True] = shown
        if not self.sums_alone and not self._cut(shown, True, PLACES - SPARE):
            self.sums_alone = True

    def adopt(self, other: Ranked) -> None:
        """Stand behind all orders of a level that was watched."""
        self._begin()
        self.sums_alone = other.sums_alone
        self.sums[True] = other.front
        self.queue = [(lots, True) for lots, _ in other.queue]
        self.counts["adopted"] += 1

    def trade(self, lots: int) -> None:
        """A print takes from the oldest."""
        self.traded += lots
        self.past += max(lots - self.sums[True], 0)
        left = lots
        for before in (True, False):
            taken = min(left, self.sums[before])
            self.sums[before] -= taken
            left -= taken
        if self.sums_alone:
            return
        left = lots
        while self.queue and left > 0:
            order, before = self.queue.pop(0)
            if order > left:
                self.queue.insert(0, (order - left, before))
            else:
                self.gone += 1
            left -= min(order, left)

    def depth(self, _previous: int, shown: int) -> None:
        """What is shown: one order more, or a cancel."""
        self.traded = 0
        change = shown - sum(self.sums.values())
        if change > 0:
            self._add(change)
        elif change < 0:
            self._cancel(-change)

    def cap(self, shown: int) -> None:
        """The level came back: what is too much leaves just before us; behind us all is new."""
        self.traded = self.gone = 0
        keep = min(self.front, shown)
        if not self.sums_alone:
            self.queue = [order for order in self.queue if order[1]]
            surplus = self.front - keep
            while surplus > 0:
                lots, _ = self.queue.pop()
                if lots > surplus:
                    self.queue.append((lots - surplus, True))
                surplus -= min(lots, surplus)
            if not self._cut(shown - keep, False, PLACES):
                self.sums_alone = True
        self.sums = {True: keep, False: shown - keep}

    def watch(self, previous: int, shown: int) -> None:
        """A level on which nobody of ours stands; prints account for what is missing."""
        if self.front + min(self.traded, previous) != previous:
            self.join(previous)
        self.depth(previous, shown)
        self.sums = {True: sum(self.sums.values()), False: 0}
        self.queue = [(lots, True) for lots, _ in self.queue]
        self.past = 0

    # ------------------------------------------------------------------ the law

    def _begin(self) -> None:
        self.sums_alone = self.law.form == "rank_scalar"
        self.queue, self.sums = [], {True: 0, False: 0}
        self.gone = self.past = self.traded = 0

    def _draw(self) -> float:
        self.drawn += 1
        return float(uniform(self.key, self.drawn))

    def _cut(self, lots: int, before: bool, places: int) -> bool:
        """Append orders of drawn sizes; tell whether the places were enough."""
        start = len(self.queue)
        while lots > 0:
            if self.gone + len(self.queue) >= places:
                return False
            used = len(self.queue) - start
            sizes = self.law.sizes
            if sizes:
                size = sizes[int(self._draw() * len(sizes))]
            else:
                size = max(lots // (PIECES - used), 1) if used < PIECES - 1 else lots
            size = min(size, lots)
            self.queue.append((size, before))
            lots -= size
        return True

    def _add(self, lots: int) -> None:
        self.sums[False] += lots
        if self.sums_alone:
            return
        if len(self.queue) + self.gone >= PLACES:
            self.gone = 0
        if len(self.queue) >= PLACES:
            self.sums_alone = True
        else:
            self.queue.append((lots, False))

    def _cancel(self, lots: int) -> None:
        if self.sums_alone:
            self._cancel_by_sums(lots)
            return
        if self.law.exact:
            victim = self._of_its_size(lots)
            if victim is not None:
                self._take(victim, lots)
                return
        self.counts["several"] += self.law.exact
        while lots > 0 and self.queue:
            victim = self._by_rank()
            part = min(lots, self.queue[victim][0])
            self._take(victim, part)
            lots -= part

    def _by_rank(self) -> int:
        """Draw a victim by its rank alone; return its index."""
        count = len(self.queue)
        x = self._draw() * self.table[count]
        younger = next((n for n in range(count) if x < self.table[n + 1]), count - 1)
        return count - 1 - younger

    def _of_its_size(self, lots: int) -> int | None:
        """Draw a victim that has the lots; None if no order has."""
        for _ in range(min(TRIES, len(self.queue))):
            victim = self._by_rank()
            order = self.queue[victim][0]
            if order == lots or (order > lots and self._draw() < self.law.kappa):
                self.counts["matched"] += order == lots
                return victim
        weights = []
        for younger, (order, _) in enumerate(reversed(self.queue)):
            fit = 0.0 if order < lots else 1.0 if order == lots else self.law.kappa
            weights.append((self.table[younger + 1] - self.table[younger]) * fit)
        total = 0.0
        for weight in weights:
            total += weight
        if total <= 0.0:
            return None
        self.counts["weighed"] += 1
        x = self._draw() * total
        possible = [n for n, weight in enumerate(weights) if weight > 0.0]
        for younger in possible:
            x -= weights[younger]
            if x < 0.0:
                return len(self.queue) - 1 - younger
        return len(self.queue) - 1 - possible[-1]

    def _take(self, victim: int, lots: int) -> None:
        order, before = self.queue[victim]
        self.sums[before] -= lots
        if order == lots:
            del self.queue[victim]
        else:
            self.queue[victim] = (order - lots, before)

    def _cancel_by_sums(self, lots: int) -> None:
        """All of it from before us or all from behind, where that fits."""
        self.counts["sums"] += 1
        ahead, behind = self.sums[True], self.sums[False]
        sizes = self.law.sizes
        typical = max(sum(sizes) / len(sizes), 1.0) if sizes else max(ahead + behind, 1) / PIECES
        if lots > behind:
            from_front = min(lots, ahead)
        elif lots > ahead:
            from_front = 0
        else:
            x = self._draw() * self._mass((ahead + behind) / typical)
            from_front = lots if x >= self._mass(behind / typical) else 0
        self.sums = {True: ahead - from_front, False: behind - (lots - from_front)}

    def _mass(self, orders: float) -> float:
        """Return the weight of the youngest `orders`, any number."""
        if orders < PLACES:
            whole = int(orders)
            return self.table[whole] + (orders - whole) * (
                self.table[whole + 1] - self.table[whole]
            )
        low, high = PLACES + 0.5, orders + 0.5
        if abs(self.law.alpha - 1.0) < 1e-9:
            return self.table[PLACES] + float(log(high / low))
        n = 1.0 - self.law.alpha
        return self.table[PLACES] + (float(power(high, n)) - float(power(low, n))) / n
