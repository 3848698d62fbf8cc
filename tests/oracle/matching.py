"""The exchange's half that follows the market: rows of the feed in, fills out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.oracle import codes
from tests.oracle.book import BookSide
from tests.oracle.messages import Order, Response, Row
from tests.oracle.places import Places, QueueTerms
from tests.oracle.rules import Rules


class Matching:
    """A simulated exchange with one market and one account."""

    def __init__(self, rules: Rules, queue: QueueTerms, send: Callable[[Response], int]) -> None:
        self.rules, self.send = rules, send
        self.places = Places(queue)
        self.sides = {1: BookSide(), -1: BookSide()}
        self.orders: dict[int, Order] = {}
        self.taken: dict[tuple[int, int], int] = {}
        self.now = 0
        self.row_ts = 0  # what the packet says of itself
        self.late = False  # it came after its moment was believed complete
        self.newest: dict[int, int] = {}  # latest time by kind of row
        self.bbo_key: dict[int, float] = {}
        self.ignored = self.protected = self.passed_over = self.counted = 0
        self.block: int | None = None
        self.stale = True
        self.mid2 = 0
        self.joins = 0
        self.stood_behind_images = 0
        self.position = self.cash = self.fees = 0
        self.maker_volume = self.taker_volume = 0
        self.fills: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []
        self.gaps = 0
        self.filled: set[int] = set()  # ids of orders that filled to the end
        self.cancel_races = 0  # cancels that came too late for them

    # ------------------------------------------------------------------ market rows

    def packet(self, rows: list[Row], happens: int | None = None) -> None:
        """Apply the rows of one packet. A late one is told when it `happens`: not when it says."""
        self.row_ts = rows[0][0]
        self.late = happens is not None
        self.now = self.row_ts if happens is None else happens
        if self.now != self.block:
            self.block = self.now
            self._read_mid()
        kinds = {codes.kind_of(row[3]) for row in rows}
        for family in ({codes.BBO}, {codes.DEPTH, codes.SNAPSHOT}):
            if kinds & family:
                newest = max((self.newest.get(kind, 0) for kind in family), default=0)
                if self.row_ts < newest:
                    self.ignored += 1
                    return
                self.newest.update(dict.fromkeys(kinds, self.row_ts))
        index = 0
        while index < len(rows):
            _, _, _, tag, px, quantity = rows[index]
            kind, side = codes.kind_of(tag), codes.side_of(tag)
            if kind == codes.SNAPSHOT:
                stop = index + 1
                while stop < len(rows) and self._continues(rows[index], rows[stop]):
                    stop += 1
                self._image(side, [(r[4], r[5]) for r in rows[index:stop]])
                index = stop
                continue
            if kind == codes.TRADE:
                self._trade(side, px, quantity)
            elif kind == codes.BBO:
                self._bbo(side, px, quantity)
            elif kind == codes.DEPTH:
                if self._may_touch(side, side * px):
                    before = self.sides[side].get(side * px)
                    self._look(side, px, quantity, before)
                    self._level(side, px, quantity, before, False)
            elif kind == codes.GAP:
                self.gaps += 1
                for book_side in self.sides.values():
                    book_side.forget()
                self.places.bound = {1: None, -1: None}
            index += 1

    def _read_mid(self) -> None:
        """The mid before what comes; without two sides the last whole one stays, stale."""
        bid, ask = self.sides[1].best(), self.sides[-1].best()
        self.stale = bid is None or ask is None
        if bid is not None and ask is not None:
            self.mid2 = bid - ask
        self.places.touches(self.sides)

    @staticmethod
    def _continues(first: Row, row: Row) -> bool:
        """Tell whether `row` belongs to the image side that `first` opened."""
        same_side = codes.side_of(row[3]) == codes.side_of(first[3])
        is_image = codes.kind_of(row[3]) == codes.SNAPSHOT
        return is_image and same_side and not row[3] & codes.FIRST_BIT

    def _limit(self, side: int) -> float | None:
        """Key from which on levels older than the newest bbo are not believed; None: all are."""
        if self.row_ts >= self.newest.get(codes.BBO, 0):
            return None
        return self.bbo_key.get(side)

    def _may_touch(self, side: int, key: int) -> bool:
        limit = self._limit(side)
        self.protected += limit is not None and key >= limit
        return limit is None or key < limit

    def _resting(self, side: int) -> list[Order]:
        """Own orders of a side, best price first, then oldest."""
        chosen = [order for order in self.orders.values() if order.side == side]
        return sorted(chosen, key=lambda order: (-side * order.px, order.joined))

    def _look(
        self, side: int, px: int, lots: int, before: int | None, touch: bool | None = None
    ) -> None:
        """Let the queues learn of a level, ours or not."""
        own = self._resting(side)
        self.places.look((side, px, lots), before, own[0].px if own else None, touch=touch)

    def _tell(self, order: Order, before: int | None, lots: int, whole: bool) -> None:
        """Others show `lots` at the order's price; `whole`: an image or bbo says so."""
        order.told_ts = max(order.told_ts, self.row_ts)
        if not order.seen:
            order.seen = True
            self.places.stand(order, lots)
        elif order.awaits:
            if whole or lots > order.level_at_join:
                self.places.stand(order, lots)
                self.stood_behind_images += 1
        else:
            self.places.shown(order, before, lots)
        if whole and self.row_ts >= order.joined_ts:
            order.awaits = False

    def _emptied(self, order: Order) -> None:
        """The order's level turned out to hold nobody else; called before the book learns it."""
        self._tell(order, self.sides[order.side].get(order.side * order.px), 0, True)

    def _bbo(self, side: int, px: int, lots: int) -> None:
        self.bbo_key[side] = side * px if lots else -math.inf
        if lots == 0:
            self._nobody(side)
            return
        before = self.sides[side].get(side * px)
        self._look(side, px, lots, before, True)
        for order in self._resting(side):
            if order.side * order.px > side * px:
                self._emptied(order)
        self.sides[side].empty_better(side * px)
        self.places.bound[side] = side * px
        self._level(side, px, lots, before, True)

    def _nobody(self, side: int) -> None:
        """A bbo or image shows that the whole side is empty."""
        for order in self._resting(side):
            self._emptied(order)
        self.sides[side].nobody()
        self.places.bound[side] = None

    def _image(self, side: int, levels: list[tuple[int, int]]) -> None:
        limit = self._limit(side)
        if limit is None and not any(lots for _, lots in levels):
            self._nobody(side)
            return
        worst = side * levels[-1][0]
        levels = [(px, lots) for px, lots in levels if self._may_touch(side, side * px)]
        if not levels:
            return
        before = {px: self.sides[side].get(side * px) for px, _ in levels}
        for place, (px, lots) in enumerate(levels):
            self._look(side, px, lots, before[px], place == 0 and limit is None)
        for order in self._resting(side):
            key = side * order.px
            if order.px not in before and worst < key < (math.inf if limit is None else limit):
                self._emptied(order)
        self.sides[side].image([(side * px, lots) for px, lots in levels], limit)
        if limit is None:
            self.places.bound[side] = None
        self.places.rise(side, side * levels[0][0])
        for px, lots in levels:
            self._level(side, px, lots, before[px], True)

    def _level(self, side: int, px: int, lots: int, before: int | None, whole: bool) -> None:
        """One level is shown with `lots` of others, where it had `before` (None: unknown)."""
        if before != lots:
            self.taken.pop((side, px), None)
        for order in self._resting(side):
            if order.px == px:
                self._tell(order, before, lots, whole)
        self.sides[side].show(side * px, lots)
        if lots <= 0:
            return
        self.places.rise(side, side * px)
        budget = lots - self.taken.get((side, px), 0)
        for order in self._resting(-side):
            if side * order.px > side * px or budget <= 0:
                break
            quantity = min(order.leaves, budget)
            budget -= quantity
            self.taken[side, px] = self.taken.get((side, px), 0) + quantity
            self._fill(order, order.px, quantity, codes.CROSSED)

    def _trade(self, aggressor: int, px: int, quantity: int) -> None:
        budget = quantity
        self.places.print(aggressor, px, quantity)
        for order in self._resting(-aggressor):
            if budget <= 0:
                break
            if self.late and order.joined_ts >= self.row_ts:
                self.passed_over += 1
                continue
            if order.px == px:
                if not order.seen:
                    continue
                if self.late and order.told_ts >= self.row_ts:
                    self.counted += 1
                    continue
                fill, flag = self._match(order, budget), 0
                if fill > 0:
                    budget -= fill
                    continue
            elif aggressor * order.px < aggressor * px:
                fill, flag = min(order.leaves, budget), codes.THROUGH
            else:
                break
            if fill > 0:
                budget -= fill
                self._fill(order, order.px, fill, flag)

    def _match(self, order: Order, budget: int) -> int:
        """A print at the order's own price: fill what passes its queue; return how much."""
        ahead = max(float(order.place.front), 0.0)
        told = self.places.predict(order, budget)
        order.place.trade(budget)
        lots = min(order.place.filled(), order.leaves, budget)
        if told is not None:
            self.places.predictions.append(
                {
                    "ts": self.now,
                    "id": order.id,
                    "probability": told[0],
                    "filled": int(lots > 0),
                    "ahead": ahead,
                    "ahead_mean": told[1],
                }
            )
        if lots > 0:
            self._fill(order, order.px, lots, 0, ahead)
        return lots

    # ------------------------------------------------------------------ fills

    def _fill(
        self, order: Order, px: int, quantity: int, flags: int, ahead: float | None = None
    ) -> None:
        taker = flags & codes.TAKER > 0
        if ahead is None:
            ahead = 0.0 if taker else max(float(order.place.front), 0.0)
        fee = self.rules.fee(px, quantity, taker)
        order.leaves -= quantity
        order.filled += quantity
        self.position += order.side * quantity
        self.cash -= order.side * self.rules.notional(px, quantity) + fee
        self.fees += fee
        if taker:
            self.taker_volume += quantity
        else:
            self.maker_volume += quantity
            flags |= 0 if order.seen_at_join else codes.UNSEEN
            flags |= codes.LATE if self.late else 0
        flags |= codes.STALE_MID if self.stale else 0
        known = self.send(
            Response(codes.FILLED, 0, order.id, order.side, px, quantity, order.leaves, fee)
        )
        self.fills.append(
            {
                "ts": self.now,
                "known_ts": known,
                "id": order.id,
                "side": order.side,
                "px": px,
                "quantity": quantity,
                "leaves": order.leaves,
                "fee": fee,
                "marks": flags,
                "mid2": self.mid2,
                "position": self.position,
                "placed_ts": order.placed,
                "ahead_at_join": order.ahead_at_join,
                "level_at_join": order.level_at_join,
                "ahead": ahead,
            }
        )
        if order.leaves == 0:
            self.filled.add(order.id)
            self._end(order, codes.FILLED, 0)

    def _end(self, order: Order, how: int, reason: int) -> None:
        self.orders.pop(order.id, None)
        self.ends.append(
            {
                "id": order.id,
                "side": order.side,
                "px": order.px,
                "quantity": order.quantity,
                "filled": order.filled,
                "tif": order.tif,
                "sent_ts": order.sent,
                "placed_ts": order.placed,
                "end_ts": self.now,
                "end": how,
                "reason": reason,
                "ahead_at_join": order.ahead_at_join,
                "level_at_join": order.level_at_join,
                "modifies": order.modifies,
                "ahead_at_end": max(float(order.place.front), 0.0) if order.joined_ts else 0.0,
            }
        )
