"""One run, event by event, from one heap ordered by (time, priority, sequence)."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import codes
from tests.oracle.latency import Line
from tests.oracle.maker import Maker
from tests.oracle.rules import Rules
from tests.oracle.venue import Request, Response, Row, Venue


@dataclass
class Result:
    """What a run produced, and how often what was wanted of it happened."""

    fills: list[dict[str, Any]]
    intents: list[dict[str, Any]]
    account: dict[str, int]
    orders: list[dict[str, Any]]
    counts: dict[str, int] = field(default_factory=dict)


def packets_of(rows: list[Row]) -> list[list[Row]]:
    """Sort rows causally and cut them into packets."""

    def key(row: Row) -> tuple[int, int, int]:
        return row[0], codes.RANK[codes.kind_of(row[3])], row[2]

    ordered = sorted(rows, key=key)  # stable: the place within a message is kept
    return [list(group) for _, group in itertools.groupby(ordered, key)]


def run(case: Any, strategy: Any) -> Result:
    """Run a drawn case. `strategy.quote(wanted, market)` is the strategy bound to its memory."""
    return _Run(case, strategy).result()


class _Run:
    def __init__(self, case: Any, strategy: Any) -> None:
        self.case = case
        self.rules = Rules(case.rules)
        self.heap: list[tuple[int, int, int, Any]] = []
        self.entry, self.back = Line(**case.entry), Line(**case.response)
        self.sent = 0
        self.venue = Venue(self.rules, case.queue, case.queue_n, self._respond)
        self.maker = Maker(self.rules, case.maker, strategy, self._send)
        self.packets = packets_of(case.rows)
        first = min(row[1] for row in case.rows)
        self.end = case.to if case.to is not None else max(row[1] for row in case.rows)
        self.maker.start = first + case.maker["warmup_ns"]

    def _push(self, time: int, priority: int, sequence: int, what: Any) -> None:
        heapq.heappush(self.heap, (time, priority, sequence, what))

    def _send(self, request: Request) -> int:
        arrival = self.entry.arrival(self.maker.now)
        self._push(arrival, codes.AT_VENUE_REQUEST, request.seq, request)
        return arrival

    def _respond(self, response: Response) -> int:
        arrival = self.back.arrival(self.venue.now)
        self._push(arrival, codes.AT_MAKER_RESPONSE, self.sent, response)
        self.sent += 1
        return arrival

    def _fill_heap(self) -> None:
        for index, packet in enumerate(self.packets):
            self._push(packet[0][0], codes.AT_VENUE_PACKET, index, packet)
        seen = sorted(range(len(self.packets)), key=lambda i: (*self.packets[i][0][1:3], i))
        for place, index in enumerate(seen):
            packet = self.packets[index]
            self._push(packet[0][1], codes.AT_MAKER_PACKET, place, packet)
        self._push(self.maker.start, codes.AT_TIMER, 0, None)

    def result(self) -> Result:
        self._fill_heap()
        requote = self.case.maker["requote_ns"]
        while self.heap and self.heap[0][0] <= self.end:
            time, priority, _, what = heapq.heappop(self.heap)
            if priority == codes.AT_VENUE_PACKET:
                self.venue.packet(what)
            elif priority == codes.AT_VENUE_REQUEST:
                self.venue.request(time, what)
            elif priority == codes.AT_MAKER_PACKET:
                self.maker.packet(time, what)
            elif priority == codes.AT_MAKER_RESPONSE:
                self.maker.response(time, what)
            else:
                self.maker.timer(time)
                self._push(time + requote, codes.AT_TIMER, 0, None)
        return self._collect()

    def _collect(self) -> Result:
        venue, maker = self.venue, self.maker
        venue.now = self.end
        for order in sorted(venue.orders.values(), key=lambda o: o.id):
            venue._end(order, codes.ACCEPTED, 0)
        account = {
            "position": venue.position,
            "cash": venue.cash,
            "fees": venue.fees,
            "maker_volume": venue.maker_volume,
            "taker_volume": venue.taker_volume,
        }
        answers = maker.responses
        counts = {
            "partial_fills": sum(fill["leaves"] > 0 for fill in venue.fills),
            "modifies": answers[codes.MODIFIED],
            "cancel_races": venue.cancel_races,
            "gaps": venue.gaps,
            "rejections": answers[codes.REJECTED],
            "modify_rejections": answers[codes.MODIFY_REJECTED],
            "expired": answers[codes.EXPIRED],
            "fills": len(venue.fills),
            "intents": len(maker.intents),
        }
        for name, flag in (
            ("crossed", codes.CROSSED),
            ("through", codes.THROUGH),
            ("unseen", codes.UNSEEN),
            ("taker", codes.TAKER),
            ("stale", codes.STALE_MID),
        ):
            counts[name] = sum(bool(fill["marks"] & flag) for fill in venue.fills)
        return Result(venue.fills, maker.intents, account, venue.ends, counts)
