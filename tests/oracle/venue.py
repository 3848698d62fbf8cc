"""The exchange: market rows and requests in, responses out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.oracle import codes
from tests.oracle.book import BookSide
from tests.oracle.queue import Place
from tests.oracle.rules import Rules

Row = tuple[int, int, int, int, int, int]  # exch_ts, local_ts, seq, tag, px, qty


@dataclass
class Request:
    """One message of the maker."""

    seq: int
    sent: int
    kind: int
    id: int
    new_id: int = 0
    side: int = 0
    px: int = 0
    quantity: int = 0
    tif: int = 0


@dataclass
class Response:
    """One message of the venue."""

    kind: int
    reason: int
    id: int
    side: int = 0
    px: int = 0
    quantity: int = 0
    leaves: int = 0
    fee: int = 0
    new_id: int = 0


@dataclass
class Order:
    """An order that the venue knows."""

    id: int
    side: int
    px: int
    leaves: int
    quantity: int
    tif: int
    sent: int
    placed: int
    place: Place
    filled: int = 0
    joined: int = 0
    seen: bool = False
    seen_at_join: bool = True  # an order that never joined was surprised by nothing
    level_at_join: int = -1  # unknown until its level is shown
    ahead_at_join: float = 0.0
    modifies: int = 0


class Venue:
    """A simulated exchange with one market and one account."""

    def __init__(
        self, rules: Rules, form: str, exponent: float, send: Callable[[Response], int]
    ) -> None:
        self.rules, self.form, self.exponent, self.send = rules, form, exponent, send
        self.sides = {1: BookSide(), -1: BookSide()}
        self.orders: dict[int, Order] = {}
        self.taken: dict[tuple[int, int], int] = {}
        self.now = 0
        self.block: int | None = None
        self.stale = True
        self.mid2 = 0
        self.joins = 0
        self.position = self.cash = self.fees = 0
        self.maker_volume = self.taker_volume = 0
        self.fills: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []
        self.gaps = 0
        self.filled: set[int] = set()  # ids of orders that filled to the end
        self.cancel_races = 0  # cancels that came too late for them

    # ------------------------------------------------------------------ market rows

    def packet(self, rows: list[Row]) -> None:
        """Apply the rows of one packet."""
        self.now = rows[0][0]
        if self.now != self.block:
            self.block = self.now
            self._read_mid()
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
                self._level(side, px, quantity, self.sides[side].get(side * px))
            elif kind == codes.GAP:
                self.gaps += 1
                for book_side in self.sides.values():
                    book_side.forget()
            index += 1

    def _read_mid(self) -> None:
        """The mid before what comes; without two sides the last whole one stays, stale."""
        bid, ask = self.sides[1].best(), self.sides[-1].best()
        self.stale = bid is None or ask is None
        if bid is not None and ask is not None:
            self.mid2 = bid - ask

    @staticmethod
    def _continues(first: Row, row: Row) -> bool:
        """Tell whether `row` belongs to the image side that `first` opened."""
        same_side = codes.side_of(row[3]) == codes.side_of(first[3])
        is_image = codes.kind_of(row[3]) == codes.SNAPSHOT
        return is_image and same_side and not row[3] & codes.FIRST_BIT

    def _resting(self, side: int) -> list[Order]:
        """Own orders of a side, best price first, then oldest."""
        chosen = [order for order in self.orders.values() if order.side == side]
        return sorted(chosen, key=lambda order: (-side * order.px, order.joined))

    def _emptied(self, order: Order) -> None:
        """The order's level turned out to hold nobody else."""
        if order.seen:
            order.place.join(0)
        else:
            self._first_sight(order, 0)

    @staticmethod
    def _first_sight(order: Order, lots: int) -> None:
        """The level of an order that joined unseen is shown: all of it is ahead."""
        order.seen = True
        order.place.join(lots)
        order.level_at_join, order.ahead_at_join = lots, float(lots)

    def _bbo(self, side: int, px: int, lots: int) -> None:
        if lots == 0:
            self._nobody(side)
            return
        before = self.sides[side].get(side * px)
        for order in self._resting(side):
            if order.side * order.px > side * px:
                self._emptied(order)
        self.sides[side].empty_better(side * px)
        self._level(side, px, lots, before)

    def _nobody(self, side: int) -> None:
        """A bbo or image shows that the whole side is empty."""
        for order in self._resting(side):
            self._emptied(order)
        self.sides[side].nobody()

    def _image(self, side: int, levels: list[tuple[int, int]]) -> None:
        if not any(lots for _, lots in levels):
            self._nobody(side)
            return
        before = {px: self.sides[side].get(side * px) for px, _ in levels}
        worst = levels[-1][0]
        self.sides[side].image([(side * px, lots) for px, lots in levels])
        for order in self._resting(side):
            if order.px not in before and side * order.px > side * worst:
                self._emptied(order)
        for px, lots in levels:
            self._level(side, px, lots, before[px])

    def _level(self, side: int, px: int, lots: int, before: int | None) -> None:
        """One level is shown with `lots` of others, where it had `before` (None: unknown)."""
        if before != lots:
            self.taken.pop((side, px), None)
        for order in self._resting(side):
            if order.px != px:
                continue
            if not order.seen:
                self._first_sight(order, lots)
            elif before is None:
                order.place.cap(lots)
            else:
                order.place.depth(before, lots)
        self.sides[side].show(side * px, lots)
        if lots <= 0:
            return
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
        for order in self._resting(-aggressor):
            if budget <= 0:
                break
            if order.px == px:
                if not order.seen:
                    continue
                order.place.trade(budget)
                fill, flag = min(order.place.filled(), order.leaves, budget), 0
            elif aggressor * order.px < aggressor * px:
                fill, flag = min(order.leaves, budget), codes.THROUGH
            else:
                break
            if fill > 0:
                budget -= fill
                self._fill(order, order.px, fill, flag)

    # ------------------------------------------------------------------ fills

    def _fill(self, order: Order, px: int, quantity: int, flags: int) -> None:
        taker = flags & codes.TAKER > 0
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
            }
        )

    # ------------------------------------------------------------------ requests

    def request(self, now: int, request: Request) -> None:
        """Act on a request that arrives now."""
        self.now = now
        self._read_mid()
        if request.kind == codes.NEW:
            self._new(request)
        elif request.kind == codes.CANCEL:
            self._cancel(request)
        else:
            self._modify(request)

    def _refusal(self, px: int, lots: int) -> int:
        """Return why a price and size can't be, or 0."""
        if lots < 1:
            return codes.BAD_SIZE
        if not self.rules.valid(px):
            return codes.BAD_STEP
        if self.rules.notional(px, lots) < self.rules.min_notional:
            return codes.MIN_NOTIONAL
        return 0

    def _would_cross(self, side: int, px: int) -> bool:
        best = self.sides[-side].best()  # a key of the other side: -side x its price
        return best is not None and side * px >= -best

    def _new(self, request: Request) -> None:
        order = Order(
            request.id,
            request.side,
            request.px,
            request.quantity,
            request.quantity,
            request.tif,
            request.sent,
            self.now,
            Place(self.form, self.exponent),
        )
        reason = self._refusal(request.px, request.quantity)
        if not reason and len(self.orders) >= self.rules.max_open_orders:
            reason = codes.TOO_MANY_ORDERS
        if not reason and request.tif == codes.ALO and self._would_cross(order.side, order.px):
            reason = codes.WOULD_CROSS
        if reason:
            self._answer(codes.REJECTED, reason, order)
            self._end(order, codes.REJECTED, reason)
            return
        if request.tif != codes.IOC:
            self._answer(codes.ACCEPTED, 0, order)
            self._take_and_join(order)
            return
        self._take(order)
        if order.leaves > 0:
            reason = 0 if order.filled else codes.NO_LIQUIDITY
            self._answer(codes.EXPIRED, reason, order)
            self._end(order, codes.EXPIRED, reason)

    def _answer(self, kind: int, reason: int, order: Order, new_id: int = 0) -> None:
        self.send(
            Response(
                kind, reason, order.id, order.side, order.px, order.leaves, order.leaves, 0, new_id
            )
        )

    def _take(self, order: Order) -> None:
        """Match against what others show on the other side, level by level."""
        other = -order.side
        for key, lots in list(self.sides[other].from_best()):
            px = other * key
            if order.leaves == 0 or order.side * px > order.side * order.px:
                return
            quantity = min(order.leaves, lots - self.taken.get((other, px), 0))
            if quantity > 0:
                self.taken[other, px] = self.taken.get((other, px), 0) + quantity
                self._fill(order, px, quantity, codes.TAKER)

    def _take_and_join(self, order: Order) -> None:
        self._take(order)
        if order.leaves == 0:
            return
        own = self.sides[order.side]
        shown = own.get(order.side * order.px)
        order.seen = order.seen_at_join = shown is not None
        order.level_at_join = -1 if shown is None else shown
        order.ahead_at_join = float(shown or 0)
        order.place.join(shown or 0)
        self.joins += 1
        order.joined = self.joins
        self.orders[order.id] = order

    def _cancel(self, request: Request) -> None:
        order = self.orders.get(request.id)
        if order is None:
            self.cancel_races += request.id in self.filled
            self.send(Response(codes.CANCEL_REJECTED, codes.UNKNOWN_ORDER, request.id))
            return
        self._answer(codes.CANCELLED, 0, order)
        self._end(order, codes.CANCELLED, 0)

    def _modify(self, request: Request) -> None:
        order = self.orders.get(request.id)
        if order is None:
            self.send(
                Response(
                    codes.MODIFY_REJECTED, codes.UNKNOWN_ORDER, request.id, new_id=request.new_id
                )
            )
            return
        reason = self._refusal(request.px, request.quantity)
        if reason:
            self._answer(codes.MODIFY_REJECTED, reason, order, request.new_id)
            return
        crosses = order.tif == codes.ALO and self._would_cross(order.side, request.px)
        if self.rules.in_place:
            self._modify_in_place(order, request, crosses)
            return
        del self.orders[order.id]
        if crosses:
            self._end(order, codes.MODIFY_REJECTED, codes.WOULD_CROSS)
            self.send(
                Response(
                    codes.MODIFY_REJECTED,
                    codes.WOULD_CROSS,
                    order.id,
                    order.side,
                    order.px,
                    0,
                    0,
                    0,
                    request.new_id,
                )
            )
            return
        self._end(order, codes.MODIFIED, 0)
        new = Order(
            request.new_id,
            order.side,
            request.px,
            request.quantity,
            request.quantity,
            order.tif,
            request.sent,
            self.now,
            Place(self.form, self.exponent),
            modifies=order.modifies + 1,
        )
        self.send(
            Response(
                codes.MODIFIED, 0, order.id, new.side, new.px, new.leaves, new.leaves, 0, new.id
            )
        )
        self._take_and_join(new)

    def _modify_in_place(self, order: Order, request: Request, crosses: bool) -> None:
        keeps = request.px == order.px and request.quantity <= order.leaves
        if crosses and not keeps:
            self._answer(codes.MODIFY_REJECTED, codes.WOULD_CROSS, order)
            return
        order.px, order.leaves = request.px, request.quantity
        order.quantity = order.filled + request.quantity
        order.modifies += 1
        self._answer(codes.MODIFIED, 0, order, order.id)
        if not keeps:
            del self.orders[order.id]
            self._take_and_join(order)
