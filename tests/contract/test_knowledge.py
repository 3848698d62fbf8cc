"""What a venue behind a feed knows: whole tapes, chunks and single packets give it the same.

The stage that holds packets back is looked at by itself, against its definition computed from all
packets at once; `tests/session/test_knowledge_engine.py` has it under the whole engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from simmm.feed import Feed
from simmm.records import (
    BBO,
    DEPTH,
    INFO_LATE,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    KIND_RANK,
    NEVER,
    SNAPSHOT,
)
from simmm.session.arriving import arriving
from simmm.session.journal import Packet
from simmm.tape import Chunk, TapeSpec, TapeStream, open_tapes
from tests.contract.cases import Heads

MS = 1_000_000
SECOND = 1_000 * MS
ROWS = 2_500
HOLDS_NS = (0, 20 * MS, 250 * MS, 3 * SECOND)


class Let(NamedTuple):
    """A packet as the venue has it."""

    ts: int
    info: int
    told_ts: int
    late_ts: int
    rows: tuple[tuple[int, int, int], ...]


class Clock(NamedTuple):
    """When packets arrive: a least delay, an exponential one, for a share a late one; on ticks."""

    name: str
    least_ms: float
    mean_ms: float
    share: float
    late_ms: float
    tick_ms: float

    def __call__(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        draw = np.random.default_rng(round(self.late_ms)).exponential(1.0, 1 << 16)

        def clock(packet_ts: np.ndarray, packet_seq: np.ndarray) -> np.ndarray:
            own = draw[packet_seq % draw.size]
            delay = self.least_ms + self.mean_ms * own
            delay += self.late_ms * (draw[(7 * packet_seq + 1) % draw.size] < self.share)
            tick = round(self.tick_ms * MS)
            local = packet_ts + np.round(delay * MS).astype(np.int64)
            return -(-local // tick) * tick

        return clock


CLOCKS = [
    Clock("in order", 50.0, 0.0, 0.0, 0.0, 1e-6),
    Clock("overtaking", 5.0, 60.0, 0.1, 800.0, 1e-6),
    Clock("ties", 5.0, 60.0, 0.1, 800.0, 10.0),
    Clock("seconds late", 1.0, 400.0, 0.3, 3000.0, 50.0),
]


# ---------------------------------------------------------------------------- the definition


def expected(packets: list[Packet], hold_ns: int, end_ns: int) -> tuple[list[Let], dict[str, int]]:
    """Return what the venue is given, from all packets in the order of their arrival."""
    fed = [p for p in packets if p.local_ts <= end_ns and p.info >> INFO_MARKET_SHIFT == 0]
    local = np.array([p.local_ts for p in fed], np.int64)
    newest = np.maximum.accumulate(np.array([p.exch_ts for p in fed], np.int64))
    passed = np.searchsorted(local + hold_ns, local, "left")  # local + hold < now

    def told(x: int) -> int:
        first = int(np.searchsorted(newest, x, "left"))
        return int(local[first]) + hold_ns if first < newest.size else NEVER

    placed: list[tuple[tuple[int, ...], Packet, int, int]] = []
    for number, packet in enumerate(fed):
        watermark = int(newest[passed[number] - 1]) if passed[number] else -1
        if packet.exch_ts <= watermark:
            key = (watermark + 1, 0, number, 0)
            placed.append((key, packet, watermark + 1, packet.exch_ts))
        else:
            rank = int(KIND_RANK[packet.info & KIND_MASK])
            key = (packet.exch_ts, 1, rank, packet.order)
            placed.append((key, packet, packet.exch_ts, 0))
    counts = {"late_packets": 0, "late_rows": 0, "ignored_rows": 0}
    found = []
    newest_of = {"bbo": -1, "book": -1}
    for _, packet, ts, late_ts in sorted(placed, key=lambda entry: entry[0]):
        kind = packet.info & KIND_MASK
        counts["late_packets"] += late_ts > 0
        counts["late_rows"] += len(packet.tag) * (late_ts > 0)
        family = {BBO: "bbo", DEPTH: "book", SNAPSHOT: "book"}.get(kind)
        if family is not None:
            if packet.exch_ts < newest_of[family]:
                counts["ignored_rows"] += len(packet.tag)
                continue
            newest_of[family] = packet.exch_ts
        rows = tuple(zip(packet.tag.tolist(), packet.px.tolist(), packet.qty.tolist(), strict=True))
        late = INFO_LATE if late_ts else 0
        found.append(Let(ts, kind | late, told(ts), late_ts, rows))
    return found, counts


# ---------------------------------------------------------------------------- the stage itself


class Venue:
    """Takes what the feed lets in, as fast as it likes, and checks what the feed promises.

    `pace` returns how many of so many packets it passes now.
    """

    def __init__(self, feed: Feed, pace: Callable[[int], int]) -> None:
        self.feed = feed
        self.let: list[Let] = []
        self._pace = pace
        self._bound_ts = self._told_bound_ts = -1
        self._seen = 0

    def move(self) -> None:
        """Look at what is new, pass some of it; the maker passes all that has arrived."""
        window, heard = self.feed.array[0], self.feed.array[-1]
        mask = self.feed.capacity - 1
        for number in range(self._seen, int(window["packet_hi"])):
            let = self._packet(window, number & mask, (number + 1) & mask, mask)
            assert let.ts >= self._bound_ts, "it was told that nothing so early would come"
            assert let.told_ts >= self._told_bound_ts
            self.let.append(let)
        self._seen = int(window["packet_hi"])
        self._bound_ts = int(window["bound_ts"])
        self._told_bound_ts = int(window["told_bound_ts"])
        window["packet"] += self._pace(self._seen - int(window["packet"]))
        heard["arrival"] = heard["arrival_hi"]

    def _packet(self, window: Any, at: int, after: int, mask: int) -> Let:
        rows = range(int(window["packet_row"][at]), int(window["packet_row"][after]))
        return Let(
            int(window["packet_ts"][at]),
            int(window["packet_info"][at]),
            int(window["told_ts"][at]),
            int(window["late_ts"][at]),
            tuple(
                (int(window["tag"][r & mask]), int(window["px"][r & mask]),
                 int(window["qty"][r & mask]))
                for r in rows
            ),
        )  # fmt: skip

    def all_of(self, pieces: Iterable[None]) -> None:
        """Move after each piece."""
        for _ in pieces:
            self.move()


def _at_once(waiting: int) -> int:
    return waiting


def _lazily(seed: int) -> Callable[[int], int]:
    draw = np.random.default_rng(seed)
    return lambda waiting: int(draw.integers(0, waiting + 1)) if draw.random() < 0.7 else waiting


def pushed(chunks: Iterable[Chunk], feed: Feed, pace: Callable[[int], int] = _at_once) -> Venue:
    """Give chunks to a feed."""
    venue = Venue(feed, pace)
    for chunk in chunks:
        venue.all_of(feed.push(chunk))
    venue.all_of(feed.believe())
    return venue


def taken(packets: list[Packet], feed: Feed, end_ns: int, seed: int) -> Venue:
    """Give packets singly, some time passing between them now and then."""
    draw = np.random.default_rng(seed)
    venue = Venue(feed, _lazily(seed))
    now = 0
    for packet in packets:
        if packet.local_ts > end_ns:
            break
        if now and packet.local_ts > now and draw.random() < 0.3:
            for share in sorted(draw.random(int(draw.integers(1, 4)))):
                feed.wait(now + int(share * (packet.local_ts - now)))
                venue.all_of(feed.believe())
        feed.take(*packet)
        now = packet.local_ts
        if draw.random() < 0.9:
            venue.all_of(feed.believe())
    feed.finish(end_ns)
    venue.all_of(feed.believe())
    return venue


class Source:
    """A tape, and maybe a reference, seen by a clock of one's own."""

    def __init__(self, tapes: list[Path], clock: Clock) -> None:
        self._tapes = tapes
        self._clock = clock

    def stream(self, rows: int | None = None) -> TapeStream:
        specs = [TapeSpec(self._tapes[0])]
        specs += [TapeSpec(tape, "reference") for tape in self._tapes[1:]]
        return open_tapes(specs, rows_per_chunk=rows, feed=self._clock)

    def chunks(self, rows: int | None = None) -> Iterator[Chunk]:
        with self.stream(rows) as stream:
            yield from stream.chunks()

    def packets(self, rows: int | None = None) -> list[Packet]:
        return [
            packet._replace(tag=packet.tag.copy(), px=packet.px.copy(), qty=packet.qty.copy())
            for packet in arriving(self.chunks(rows))
        ]


@pytest.fixture(scope="module", params=CLOCKS, ids=lambda clock: str(clock.name))
def source(request: pytest.FixtureRequest, heads: Heads) -> Source:
    """A tape with a reference beside it."""
    return Source([heads("cascade_hl_btc", ROWS), heads("quiet_hl_btc", 600)], request.param)


def _whole(packets: list[Packet]) -> int:
    return packets[-1].local_ts + SECOND


def _counts(feed: Feed) -> dict[str, int]:
    assert feed.knowledge is not None
    names = ("late_packets", "late_rows", "ignored_rows")
    return {name: int(feed.knowledge[0][name]) for name in names}


@pytest.mark.parametrize("hold_ns", HOLDS_NS)
def test_chunks_of_any_size(source: Source, hold_ns: int) -> None:
    packets = source.packets()
    for end_ns in (_whole(packets), packets[len(packets) * 2 // 3].local_ts):
        wanted, counts = expected(packets, hold_ns, end_ns)
        assert len(wanted) > 50
        for rows in (1, 7, 1000, None):
            feed = Feed(hold_ns=hold_ns, end_ns=end_ns)
            assert pushed(source.chunks(rows), feed).let == wanted, rows
            assert _counts(feed) == counts


def _told(packet: Packet) -> tuple[Any, ...]:
    return (*packet[:4], *(values.tolist() for values in packet[4:]))


@pytest.mark.parametrize("rows", [1, 7, 500])
def test_packets_singly_from_chunks_of_any_size(source: Source, rows: int) -> None:
    """As they arrived, each with its own rows, also those that come a chunk or more later."""
    whole = [_told(packet) for packet in source.packets()]
    assert [_told(packet) for packet in source.packets(rows)] == whole
    assert [packet[0] for packet in whole] == sorted(packet[0] for packet in whole)
    with source.stream() as stream:
        assert sum(len(packet[4]) for packet in whole) == stream.rows


@pytest.mark.parametrize("hold_ns", HOLDS_NS)
def test_single_packets_and_idle_waits(source: Source, hold_ns: int) -> None:
    packets = source.packets()
    for seed, end_ns in enumerate((_whole(packets), packets[len(packets) // 2].local_ts)):
        wanted, counts = expected(packets, hold_ns, end_ns)
        feed = Feed(hold_ns=hold_ns, end_ns=end_ns, by_arrival=True)
        assert taken(packets, feed, end_ns, seed).let == wanted
        assert _counts(feed) == counts


@pytest.mark.parametrize("hold_ns", HOLDS_NS[1:3])
def test_windows_that_grow(source: Source, hold_ns: int) -> None:
    """From a few rows on, with a venue that is slow to pass them."""
    packets = source.packets()
    end_ns = _whole(packets)
    wanted, counts = expected(packets, hold_ns, end_ns)
    for rows in (7, None):
        feed = Feed(1 << 4, hold_ns=hold_ns, end_ns=end_ns)
        assert pushed(source.chunks(rows), feed, _lazily(3)).let == wanted
        assert feed.capacity > 1 << 4
        assert _counts(feed) == counts
    feed = Feed(1 << 4, hold_ns=hold_ns, end_ns=end_ns, by_arrival=True)
    assert taken(packets, feed, end_ns, 4).let == wanted
    assert feed.capacity > 1 << 4


def test_something_is_late_and_ignored(heads: Heads) -> None:
    """The clocks do what the tests above are about."""
    tape = heads("cascade_hl_btc", ROWS)
    told = {}
    for clock in CLOCKS:
        packets = Source([tape], clock).packets()
        _, counts = expected(packets, 250 * MS, _whole(packets))
        told[clock.name] = counts
        times = [packet.local_ts for packet in packets]
        assert (len(set(times)) < len(times)) or clock.name != "ties"
    assert told["in order"]["late_packets"] == 0
    assert told["overtaking"]["late_packets"] > 10
    assert told["seconds late"]["ignored_rows"] > 10
