"""The maker: its own book, its orders, what its strategy wants, and the requests that follow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tests.oracle import codes
from tests.oracle.book import BookSide
from tests.oracle.messages import Request, Response, Row
from tests.oracle.rules import Rules


def _whole(value: float) -> float:
    """Return the whole number that lies within 1e-6 of `value`, else `value`."""
    nearest = float(round(value))
    return nearest if abs(value - nearest) <= 1e-6 else value


@dataclass
class Own:
    """An order as the maker sees it."""

    id: int
    state: int
    side: int
    px: int
    leaves: int
    tif: int
    quantity: int  # as placed or last modified
    new_id: int = 0
    new_px: int = 0
    new_leaves: int = 0
    accepted: bool = False


class Maker:
    """A strategy with its limits and orders. `send` takes a request and returns its arrival."""

    def __init__(
        self,
        rules: Rules,
        settings: dict[str, Any],
        strategy: Any,
        send: Callable[[Request], int],
    ) -> None:
        self.rules, self.settings, self.strategy, self.send = rules, settings, strategy, send
        self.sides = {1: BookSide(), -1: BookSide()}
        self.newest_bbo: int | None = None
        self.bbo_key: dict[int, float] = {}
        self.orders: list[Own] = []
        self.position = 0
        self.now = 0
        self.start = 0
        self.next_id = 1
        self.sequence = 0
        self.intents: list[dict[str, int]] = []
        self.gaps = 0
        self.last_trade = (0.0, 0.0)
        self.last_packet = 0
        self.responses = [0] * 8

    # ------------------------------------------------------------------ market data

    def packet(self, now: int, rows: list[Row]) -> None:
        """See one packet."""
        self.now = self.last_packet = now
        index = 0
        while index < len(rows):
            ts, _, _, tag, px, lots = rows[index]
            kind, side = codes.kind_of(tag), codes.side_of(tag)
            index += 1
            if kind == codes.SNAPSHOT:
                levels = [(side * px, lots)]
                while (
                    index < len(rows)
                    and not rows[index][3] & codes.FIRST_BIT
                    and codes.side_of(rows[index][3]) == side
                ):
                    levels.append((side * rows[index][4], rows[index][5]))
                    index += 1
                self.sides[side].image(levels, self._limit(ts, side))
            elif kind == codes.DEPTH:
                limit = self._limit(ts, side)
                if limit is None or side * px < limit:
                    self.sides[side].show(side * px, lots)
            elif kind == codes.BBO:
                if self.newest_bbo is not None and ts < self.newest_bbo:
                    continue
                self.newest_bbo = ts
                self.bbo_key[side] = side * px if lots else -math.inf
                if lots:
                    self.sides[side].empty_better(side * px)
                    self.sides[side].show(side * px, lots)
                else:
                    self.sides[side].nobody()
            elif kind == codes.TRADE:
                self.last_trade = (float(px), float(side))
            elif kind == codes.GAP:
                self.gaps += 1
                for book_side in self.sides.values():
                    book_side.forget()
        if rows[-1][3] & codes.END_BIT and self.settings["quote_on_packet"]:
            self.quote()

    def _limit(self, ts: int, side: int) -> float | None:
        """Key from which on rows of `ts` may touch nothing, None where they may touch all."""
        if self.newest_bbo is None or ts >= self.newest_bbo:
            return None
        return self.bbo_key.get(side)

    # ------------------------------------------------------------------ responses

    def response(self, now: int, response: Response) -> None:
        """Take in one answer of the venue."""
        self.now = now
        self.responses[response.kind] += 1
        if response.kind == codes.FILLED:
            self.position += response.side * response.quantity
        own = next((o for o in self.orders if o.id == response.id), None)
        if own is not None:
            self._update(own, response)
        if response.kind == codes.FILLED and self.settings["quote_on_fill"]:
            self.quote()

    def _update(self, own: Own, response: Response) -> None:
        kind = response.kind
        if kind == codes.ACCEPTED:
            own.accepted = True
            if own.state == codes.PENDING:
                own.state = codes.RESTING
            own.leaves = response.leaves
        elif kind == codes.FILLED:
            own.leaves = response.leaves
            if own.leaves == 0:
                self.orders.remove(own)
        elif kind == codes.MODIFIED:
            own.accepted = True
            own.id = response.new_id or own.id
            own.px, own.leaves, own.state = response.px, response.leaves, codes.RESTING
            own.quantity = response.leaves
        elif kind == codes.MODIFY_REJECTED:
            if response.leaves == 0:
                self.orders.remove(own)
            else:
                own.state, own.leaves = codes.RESTING, response.leaves
        elif kind == codes.CANCEL_REJECTED:  # it may wait for its block, and rest after it
            if own.state != codes.MODIFYING:
                own.state = codes.RESTING if own.accepted else codes.PENDING
        else:  # rejected, cancelled, expired
            self.orders.remove(own)

    # ------------------------------------------------------------------ quoting

    def timer(self, now: int) -> None:
        """Requote."""
        self.now = now
        self.quote()

    def quote(self) -> None:
        """Ask the strategy what it wants and send what brings it about."""
        if self.now < self.start:
            return
        wanted = SimpleNamespace(
            bids=0,
            asks=0,
            take_qty=0.0,
            take_px=0.0,
            cancel_all=0,
            go_flat=0,
            bid_px=[0.0] * codes.LADDER,
            bid_qty=[0.0] * codes.LADDER,
            ask_px=[0.0] * codes.LADDER,
            ask_qty=[0.0] * codes.LADDER,
        )
        bid, ask = self.sides[1].best(), self.sides[-1].best()
        if bid is not None and ask is not None:
            self.strategy.quote(wanted, self._record(bid, -ask))
        self.reconcile(wanted)

    def _record(self, bid: int, ask: int) -> SimpleNamespace:
        return SimpleNamespace(
            now_ns=self.now,
            bid_px=float(bid),
            ask_px=float(ask),
            bid_qty=float(self.sides[1].sizes[bid]),
            ask_qty=float(self.sides[-1].sizes[-ask]),
            mid=(bid + ask) / 2.0,
            mid_age_ns=self.now - self.last_packet,
            step=float(self.rules.step((bid + ask) // 2)),
            quantum=self.rules.price_quantum,
            lot=self.rules.lot_size,
            position=float(self.position),
            maker_fee=float(self.rules.maker_fee),
            taker_fee=float(self.rules.taker_fee),
            last_trade_px=self.last_trade[0],
            last_trade_side=self.last_trade[1],
            gaps=self.gaps,
            warm=1,
        )

    def reconcile(self, wanted: Any) -> None:
        """Limits, then the difference between wanted and resting."""
        if wanted.cancel_all:
            wanted.bids = wanted.asks = 0
        news: list[tuple[int, int, int]] = []
        for side in (1, -1):
            levels = self._levels(wanted, side)
            news += [(side, px, lots) for px, lots in self._settle(side, levels)]
        for side, px, lots in news:
            lots = self._sendable(side, px, lots)
            if lots:
                self._place(side, px, lots, self.settings["tif"])
        self._take(wanted)

    def _levels(self, wanted: Any, side: int) -> list[tuple[int, int]]:
        """Wanted levels as written, on valid steps and lots, equal prices merged, cut."""
        count = int(wanted.bids if side > 0 else wanted.asks)
        prices = wanted.bid_px if side > 0 else wanted.ask_px
        sizes = wanted.bid_qty if side > 0 else wanted.ask_qty
        room = int(self.settings["max_position"]) - side * self.position
        merged: dict[int, int] = {}
        for px, qty in zip(prices[:count], sizes[:count], strict=True):
            lots = max(0, min(math.floor(_whole(qty)), room))
            if lots < 1 or px < 1.0:
                continue
            room -= lots
            rounded = self._on_step(side, px)
            merged[rounded] = merged.get(rounded, 0) + lots
        return [
            (px, lots)
            for px, lots in merged.items()
            if self.rules.notional(px, lots) >= self.rules.min_notional
        ]

    def _on_step(self, side: int, px: float) -> int:
        """Round a bid down, an ask up, to a valid step."""
        px = _whole(px)
        if side > 0:
            whole = math.floor(px)
            return whole - whole % self.rules.step(whole)
        whole = math.ceil(px)
        step = self.rules.step(whole)
        return -(-whole // step) * step

    def _room(self, side: int) -> int:
        """Lots that may still be sent before position and all that may fill pass the limit."""
        out = 0
        for own in self.orders:
            if own.side == side:
                out += own.leaves
                if own.state == codes.MODIFYING:
                    out += own.new_leaves
        return int(self.settings["max_position"]) - side * self.position - out

    def _sendable(self, side: int, px: int, lots: int) -> int:
        """Return `lots` cut to the room there is, 0 if what is left isn't worth an order."""
        lots = min(lots, self._room(side))
        if lots < 1 or self.rules.notional(px, lots) < self.rules.min_notional:
            return 0
        return lots

    def _settle(self, side: int, levels: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Modify and cancel on one side; return the levels that are still to be placed."""
        own = [o for o in self.orders if o.side == side and o.tif != codes.IOC]
        free = [o for o in own if o.state in (codes.PENDING, codes.RESTING)]
        if self.settings["reconcile"] == "keep":
            room = self._room(side)
            for order in own:
                if order.state == codes.MODIFYING:  # it stands for a level of any size
                    levels[:] = [level for level in levels if level[0] != order.new_px]
                elif order in free:
                    for level in [lv for lv in levels if lv[0] == order.px]:
                        lots = level[1]
                        same = lots == order.quantity or lots == order.leaves
                        if same or (order.leaves < lots and min(lots, room) <= order.leaves):
                            levels.remove(level)
                            free.remove(order)
            if self.settings["moves"] == "modify":
                self._move(side, free, levels)
        for order in free:
            self._cancel(order)
        return levels

    def _move(self, side: int, free: list[Own], levels: list[tuple[int, int]]) -> None:
        """Modify resting orders left over to levels left over: where they are, then elsewhere."""
        for same_price in (True, False):
            for order in [o for o in free if o.state == codes.RESTING]:
                for level in [lv for lv in levels if not same_price or lv[0] == order.px]:
                    lots = self._sendable(side, *level)
                    if lots:
                        free.remove(order)
                        levels.remove(level)
                        self._modify(order, level[0], lots)
                        break

    def _take(self, wanted: Any) -> None:
        lots = math.floor(_whole(abs(wanted.take_qty))) * (1 if wanted.take_qty > 0 else -1)
        if wanted.go_flat:
            lots = -self.position
        px = wanted.take_px
        if px == 0.0:
            best = self.sides[-1 if lots > 0 else 1].best()
            px = 0.0 if best is None else float(abs(best))
        side = 1 if lots > 0 else -1
        price = self._on_step(side, px)
        lots = self._sendable(side, price, abs(lots))
        if lots and price > 0 and not any(own.tif == codes.IOC for own in self.orders):
            self._place(side, price, lots, codes.IOC)

    # ------------------------------------------------------------------ requests

    def _request(self, request: Request) -> None:
        arrival = self.send(request)
        self.intents.append(
            {
                "ts": self.now,
                "seq": request.seq,
                "kind": request.kind,
                "id": request.id,
                "new_id": request.new_id,
                "side": request.side,
                "px": request.px,
                "quantity": request.quantity,
                "tif": request.tif,
                "arrival_ts": arrival,
            }
        )

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence - 1

    def _fresh_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def _place(self, side: int, px: int, lots: int, tif: int) -> None:
        if len(self.orders) >= codes.ORDER_SLOTS:
            return
        own = Own(self._fresh_id(), codes.PENDING, side, px, lots, tif, lots)
        self.orders.append(own)
        self._request(Request(self._next(), self.now, codes.NEW, own.id, 0, side, px, lots, tif))

    def _cancel(self, own: Own) -> None:
        own.state = codes.CANCELLING
        self._request(
            Request(
                self._next(),
                self.now,
                codes.CANCEL,
                own.id,
                0,
                own.side,
                own.px,
                own.leaves,
                own.tif,
            )
        )

    def _modify(self, own: Own, px: int, lots: int) -> None:
        own.state, own.new_px, own.new_leaves = codes.MODIFYING, px, lots
        own.new_id = own.id if self.rules.in_place else self._fresh_id()
        self._request(
            Request(
                self._next(),
                self.now,
                codes.MODIFY,
                own.id,
                own.new_id,
                own.side,
                px,
                lots,
                own.tif,
            )
        )
