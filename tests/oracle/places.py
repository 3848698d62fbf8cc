"""Where own orders stand: queues by slot, further draws of them, and levels watched before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.oracle import codes
from tests.oracle.book import BookSide
from tests.oracle.messages import Order
from tests.oracle.queue import FORMS, Place
from tests.oracle.ranked import DEFAULTS, REMEMBERED, Law, Ranked

DRAWS = 32  # places a slot has for further draws, used or not
WATCHED = 512


@dataclass
class QueueTerms:
    """How places behave: the model, its numbers, and what the tape shows."""

    form: str
    n: float = 3.0
    alpha: float | None = None
    log_kappa: float | None = None
    images: bool = False
    draws: int = 0
    key: int = 0


class Places:
    """All queues of one market."""

    def __init__(self, terms: QueueTerms) -> None:
        self.terms = terms
        self.ranked = terms.form not in FORMS
        self.draws = terms.draws if self.ranked else 0
        alpha, log_kappa = DEFAULTS.get(terms.form, (1.0, 0.0))
        self.law = Law(
            terms.form,
            alpha if terms.alpha is None else terms.alpha,
            log_kappa if terms.log_kappa is None else terms.log_kappa,
            not terms.images,
            terms.key,
        )
        self.by_slot: dict[int, Place | Ranked] = {}
        self.further: dict[int, list[Ranked]] = {}
        self.levels: dict[int, tuple[int, Ranked]] = {}  # by place: key, queue
        self.bound: dict[int, int | None] = {1: None, -1: None}  # no level seen is better
        self.predictions: list[dict[str, Any]] = []

    def of(self, slot: int) -> Place | Ranked:
        """Return the queue of a slot."""
        if slot not in self.by_slot:
            terms = self.terms
            place = Ranked(self.law, slot) if self.ranked else Place(terms.form, terms.n)
            self.by_slot[slot] = place
            first = codes.ORDER_SLOTS + slot * DRAWS
            self.further[slot] = [Ranked(self.law, first + k) for k in range(self.draws)]
        return self.by_slot[slot]

    # ------------------------------------------------------------------ what a row tells

    def look(
        self,
        level: tuple[int, int, int],
        before: int | None,
        own_px: int | None,
        *,
        touch: bool | None = None,
    ) -> None:
        """A row is about to show a level (side, price, lots).

        `touch`: whether it says that this is the touch, None if it doesn't say: a bbo and the
        first row of an image do, other rows of an image say that they aren't. `own_px` is the best
        own price on that side: once enough sizes are known, no other touch is looked at.
        """
        side, px, lots = level
        if not self.ranked:
            return
        if touch is None:
            bound = self.bound[side]
            touch = bound is None or side * px >= bound
        looks = len(self.law.sizes) < REMEMBERED or px == own_px
        if touch and looks and before is not None and lots > before:
            self.law.learn(lots - before)
        if self.terms.form == "rank_tracked":
            self._watch(side, px, lots, before)

    def _watch(self, side: int, px: int, lots: int, before: int | None) -> None:
        place = self._place(side, px)
        if place not in self.levels:
            stream = codes.ORDER_SLOTS * (1 + DRAWS) + place
            self.levels[place] = (0, Ranked(self.law, stream))
        told, queue = self.levels[place]
        if told != px or before is None:
            self.levels[place] = (px, queue)
            queue.join(lots)
        else:
            queue.watch(before, lots)

    @staticmethod
    def _place(side: int, px: int) -> int:
        return (2 * px + (side > 0)) % WATCHED

    def print(self, aggressor: int, px: int, lots: int) -> None:
        """A print took lots from a level."""
        told, queue = self.levels.get(self._place(-aggressor, px), (0, None))
        if queue is not None and told == px:
            queue.trade(lots)
            queue.filled()

    def touches(self, sides: dict[int, BookSide]) -> None:
        """Nothing happens now: the touches are what they are."""
        self.bound = {side: book.best() for side, book in sides.items()}

    def rise(self, side: int, key: int) -> None:
        """A level with lots is shown."""
        bound = self.bound[side]
        self.bound[side] = key if bound is None else max(bound, key)

    # ------------------------------------------------------------------ one own order

    def stand(self, order: Order, lots: int) -> None:
        """The order stands behind all of the lots."""
        order.place.join(lots)
        for draw in self.further[order.slot]:
            draw.join(lots)
        order.level_at_join, order.ahead_at_join = lots, float(lots)

    def join(self, order: Order, shown: int | None) -> None:
        """The order rests behind what is shown."""
        order.drawn_fill = set()
        self.stand(order, shown or 0)
        order.level_at_join = -1 if shown is None else shown
        order.awaits = self.terms.images
        px, level = self.levels.get(self._place(order.side, order.px), (0, None))
        if level is not None and px == order.px and level.front == shown:
            assert isinstance(order.place, Ranked)
            for queue in (order.place, *self.further[order.slot]):
                queue.adopt(level)

    def shown(self, order: Order, before: int | None, lots: int) -> None:
        """The order's level went from `before`, or unknown, to `lots`."""
        draws = self.further[order.slot]
        unfilled = [draw for k, draw in enumerate(draws) if k not in order.drawn_fill]
        for queue in (order.place, *unfilled):
            if before is None:
                queue.cap(lots)
            else:
                queue.depth(before, lots)

    def predict(self, order: Order, lots: int) -> tuple[float, float] | None:
        """Return which share of the draws a print fills, and their mean lots ahead."""
        if order.filled or not self.draws:
            return None
        draws = self.further[order.slot]
        left = [k for k in range(self.draws) if k not in order.drawn_fill]
        if not left:
            return None
        ahead = sum(draws[k].front for k in left) / len(left)
        for k in left:
            draws[k].trade(lots)
            if draws[k].filled() > 0:
                order.drawn_fill.add(k)
        hits = sum(k in order.drawn_fill for k in left)
        return hits / len(left), ahead

    def counted(self) -> dict[str, int]:
        """Return how often each part of the law was asked for on the simulated paths."""
        total: dict[str, int] = {}
        for place in self.by_slot.values():
            for name, count in getattr(place, "counts", {}).items():
                total[name] = total.get(name, 0) + count
        return total
