"""The exchange: market rows and requests in, responses out."""

from __future__ import annotations

from tests.oracle import codes
from tests.oracle.matching import Matching
from tests.oracle.messages import Order, Request, Response


class Venue(Matching):
    """A simulated exchange with one market and one account."""

    # ------------------------------------------------------------------ requests

    def request(self, now: int, request: Request) -> None:
        """Act on a request that arrives now."""
        self.arrive(now)
        if request.kind == codes.NEW:
            self._new(request)
        elif request.kind == codes.CANCEL:
            self._cancel(request)
        else:
            self._modify(request)

    def arrive(self, now: int) -> None:
        """A request is here; it may have to wait before it acts."""
        self.now = now
        self.late = False
        self._read_mid()

    def takes(self, request: Request) -> bool:
        """Tell whether a request may take; a modify is what its order was."""
        if request.kind == codes.MODIFY:
            order = self.orders.get(request.id)
            return order is not None and order.tif != codes.ALO
        return request.kind == codes.NEW and request.tif != codes.ALO

    def _free_slot(self) -> int:
        used = {order.slot for order in self.orders.values()}
        return next(slot for slot in range(codes.ORDER_SLOTS) if slot not in used)

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
        slot = self._free_slot()
        order = Order(
            request.id,
            request.side,
            request.px,
            request.quantity,
            request.quantity,
            request.tif,
            request.sent,
            self.now,
            self.places.of(slot),
            slot,
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
        self.places.join(order, shown)
        self.joins += 1
        order.joined = self.joins
        order.joined_ts = self.now
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
            order.place,
            order.slot,
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
