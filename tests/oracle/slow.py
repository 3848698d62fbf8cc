"""One run, event by event, from one heap ordered by (time, priority, sequence)."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import codes
from tests.oracle.knowledge import AtOnce, Knowledge
from tests.oracle.latency import Line
from tests.oracle.maker import Maker
from tests.oracle.messages import Request, Response, Row
from tests.oracle.rules import Rules
from tests.oracle.venue import Venue


@dataclass
class Result:
    """What a run produced, and how often what was wanted of it happened."""

    fills: list[dict[str, Any]]
    intents: list[dict[str, Any]]
    account: dict[str, int]
    orders: list[dict[str, Any]]
    counts: dict[str, int] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)


def packets_of(rows: list[Row]) -> list[list[Row]]:
    """Sort rows causally and cut them into packets."""

    ordered = sorted(rows, key=causal)  # stable: the place within a message is kept
    return [list(group) for _, group in itertools.groupby(ordered, causal)]


def causal(row: Row) -> tuple[int, int, int]:
    """Return by what rows of one market are sorted, and what those of one packet share."""
    return row[0], codes.RANK[codes.kind_of(row[3])], row[2]


def arrivals(markets: list[list[list[Row]]]) -> list[tuple[int, list[Row]]]:
    """Return (local_ts, rows) of all packets in the order seen; no rows: of another market."""
    merged = [
        ((*causal(packet[0])[:2], market, packet[0][2]), packet if market == 0 else [], packet[0])
        for market, packets in enumerate(markets)
        for packet in packets
    ]
    merged.sort(key=lambda entry: entry[0])
    places = sorted(range(len(merged)), key=lambda k: (*merged[k][2][1:3], k))
    return [(merged[k][2][1], merged[k][1]) for k in places]


def run(case: Any, strategy: Any) -> Result:
    """Run a drawn case. `strategy.quote(wanted, market)` is the strategy bound to its memory."""
    return _Run(case, strategy).result()


class _Run:
    def __init__(self, case: Any, strategy: Any) -> None:
        self.case = case
        self.rules = Rules(case.rules)
        self.heap: list[tuple[int, float, int, Any]] = []
        self.entry, self.back = Line(**case.entry), Line(**case.response)
        self.sent = 0
        self.venue = Venue(self.rules, case.queue_terms(), self._respond)
        self.maker = Maker(self.rules, case.maker, strategy, self._send)
        self.markets = [packets_of(rows) for rows in (case.rows, *case.references)]
        local = [row[1] for rows in (case.rows, *case.references) for row in rows]
        first = min(local)
        self.end = case.to if case.to is not None else max(local)
        self.knowledge: Knowledge | AtOnce = AtOnce(self.markets[0])
        if case.knowledge == "feed":
            feed = [packet for packet in self.markets[0] if packet[0][1] <= self.end]
            self.knowledge = Knowledge(feed, case.hold_back_ns)
        self.serving = False  # a request, not a packet
        self.told = 0  # when the maker may hear of what happens now
        self.bound = {False: 0, True: 0}  # answers that waited to be told, to requests or not
        self.never_told = 0
        self.waited = 0  # takers that waited for their block
        self.maker.start = first + case.maker["warmup_ns"]

    def _push(self, time: int, priority: float, sequence: int, what: Any) -> None:
        heapq.heappush(self.heap, (time, priority, sequence, what))

    def _send(self, request: Request) -> int:
        arrival = self.entry.arrival(self.maker.now, request.kind)
        self._push(arrival, codes.AT_VENUE_REQUEST, request.seq, request)
        return arrival

    def _respond(self, response: Response) -> int:
        drawn = self.back.arrival(self.venue.now)
        arrival = max(drawn, self.told)
        self.bound[self.serving] += arrival > drawn
        self.never_told += arrival == codes.NEVER
        self._push(arrival, codes.AT_MAKER_RESPONSE, self.sent, response)
        self.sent += 1
        return arrival

    def _fill_heap(self) -> None:
        for place, happening in enumerate(self.knowledge.order):
            self._push(happening.ts, codes.AT_VENUE_PACKET, place, happening)
        for place, (local_ts, packet) in enumerate(arrivals(self.markets)):
            if packet:
                self._push(local_ts, codes.AT_MAKER_PACKET, place, packet)
        self._push(self.maker.start, codes.AT_TIMER, 0, None)

    def result(self) -> Result:
        self._fill_heap()
        requote = self.case.maker["requote_ns"]
        while self.heap and self.heap[0][0] <= self.end:
            time, priority, _, what = heapq.heappop(self.heap)
            if priority == codes.AT_VENUE_PACKET:
                self.serving, self.told = False, self.knowledge.told(time)
                self.venue.packet(what.packet, time if what.late else None)
            elif priority == codes.AT_VENUE_REQUEST:
                self._arrive(time, what)
            elif priority == codes.AT_VENUE_TAKER:
                self._serve(time, what)
            elif priority == codes.AT_MAKER_PACKET:
                self.maker.packet(time, what)
            elif priority == codes.AT_MAKER_RESPONSE:
                self.maker.response(time, what)
            else:
                self.maker.timer(time)
                self._push(time + requote, codes.AT_TIMER, 0, None)
        return self._collect()

    def _arrive(self, time: int, request: Request) -> None:
        """Let a taker wait until the next block is complete, but not longer than a block takes."""
        block_ns = self.case.block_ns
        if block_ns and self.venue.takes(request):
            self.venue.arrive(time)
            shown = [happening.ts for happening in self.knowledge.order if happening.ts >= time]
            acts = min([*shown[:1], time + block_ns])
            self.waited += acts > time
            self._push(acts, codes.AT_VENUE_TAKER, request.seq, request)
        else:
            self._serve(time, request)

    def _serve(self, time: int, request: Request) -> None:
        self.serving, self.told = True, self.knowledge.told_request(time)
        self.venue.request(time, request)

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
            "late_packets": sum(happening.late for happening in self.knowledge.order),
            "ignored": venue.ignored,
            "protected": venue.protected,
            "passed_over": venue.passed_over,
            "counted": venue.counted,
            "waited_requests": self.bound[True],
            "waited_packets": self.bound[False],
            "never_told": self.never_told,
            "takers_waited": self.waited,
            "stood_behind_images": venue.stood_behind_images,
            "learned": venue.places.law.adds,
            "predictions": len(venue.places.predictions),
            **venue.places.counted(),
        }
        for name, flag in (
            ("crossed", codes.CROSSED),
            ("through", codes.THROUGH),
            ("unseen", codes.UNSEEN),
            ("taker", codes.TAKER),
            ("stale", codes.STALE_MID),
            ("late", codes.LATE),
        ):
            counts[name] = sum(bool(fill["marks"] & flag) for fill in venue.fills)
        predictions = venue.places.predictions
        return Result(venue.fills, maker.intents, account, venue.ends, counts, predictions)
