"""The order of events: what each machine knows when it acts (docs/architecture.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simmm.records import FILLED, NO_ASK, NO_BID
from simmm.simulation import LatencySettings
from tests.hand import (
    ASK,
    BID,
    MS,
    SELLER,
    START,
    Message,
    Quote,
    Venue,
    Want,
    bbo,
    depth,
    follow,
    gap,
    image,
    run,
    trade,
)

BIDS = image(BID, (100, 20), (99, 10), (98, 10))
ASKS = image(ASK, (101, 10), (102, 10), (103, 10))


def _looking(seen: list[tuple[int, float]], field: str) -> Quote:
    """Return a `quote` that notes (ms after the start, field) and wants nothing."""

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        seen.append(((int(market.now_ns) - START) // MS, float(market[field])))

    return quote


def test_the_maker_knows_a_packet_from_its_arrival_on_and_not_before(tmp_path: Path) -> None:
    """Bids rise at 10, 20 and 30 ms; each is seen 15 ms later. Asked every 5 ms."""
    messages = [Message(0, 0, BIDS + image(ASK, (110, 5)))] + [
        Message(k * 10 * MS, (k * 10 + 15) * MS, depth(BID, 100 + k, 5)) for k in (1, 2, 3)
    ]
    seen: list[tuple[int, float]] = []
    run(tmp_path, messages, _looking(seen, "bid_px"), requote_ns=5 * MS, end_ns=60 * MS)
    assert seen == [
        (now, 100.0 + sum(now >= 10 * k + 15 for k in (1, 2, 3))) for now in range(0, 61, 5)
    ]


def test_packets_are_seen_in_order_of_arrival_not_of_happening(tmp_path: Path) -> None:
    messages = [
        Message(0, 0, BIDS + ASKS),
        Message(10 * MS, 50 * MS, depth(BID, 99, 77)),  # late
        Message(20 * MS, 30 * MS, depth(ASK, 101, 0)),
    ]
    seen: list[tuple[int, float]] = []
    run(tmp_path, messages, _looking(seen, "ask_px"), requote_ns=10 * MS)
    assert seen == [(0, 101), (10, 101), (20, 101), (30, 102), (40, 102), (50, 102)]


def test_at_one_time_packets_come_before_responses_before_timers(tmp_path: Path) -> None:
    """Sent at 0, arrives at 10, its answer at 20; a packet at 20 too, and a timer."""
    events: list[str] = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        events.append(f"quote {(int(market.now_ns) - START) // MS} "
                      f"bid {int(market.bid_px)} position {int(market.position)}")
        if market.now_ns == START:
            wanted.take_qty, wanted.take_px = 5, 101

    def observe(event: Any, market: Any, memory: Any, params: Any) -> None:
        events.append(f"event {int(event.kind)} at {(int(event.ts) - START) // MS}")

    messages = [
        Message(0, 0, BIDS + ASKS),
        Message(5 * MS, 20 * MS, image(BID, (99, 3)) + ASKS),
        Message(90 * MS, 91 * MS, depth(BID, 90, 1)),
    ]
    result = run(
        tmp_path, messages, quote, observe=observe, requote_ns=20 * MS, end_ns=20 * MS,
        entry=LatencySettings(low_ns=10 * MS), response=LatencySettings(low_ns=10 * MS),
    )
    assert [fill["known_ts"] for fill in result.fills] == [20 * MS]
    assert events == [
        "event 0 at 0", "quote 0 bid 100 position 0",
        "event 0 at 20", f"event {FILLED} at 20", "quote 20 bid 99 position 5",
    ]


def test_the_strategy_is_asked_at_warm_up_and_each_interval_after(tmp_path: Path) -> None:
    messages = [Message(k * 30 * MS, k * 30 * MS, depth(BID, 98, k + 1)) for k in range(1, 8)]
    messages.insert(0, Message(0, 0, BIDS + ASKS))
    seen: list[tuple[int, float]] = []
    run(tmp_path, messages, _looking(seen, "warm"), requote_ns=40 * MS, quote_start_ns=70 * MS)
    assert seen == [(70, 1), (110, 1), (150, 1), (190, 1)]


def test_nothing_happens_after_the_end(tmp_path: Path) -> None:
    messages = [Message(0, 0, BIDS + ASKS), Message(50 * MS, 51 * MS, trade(SELLER, 99, 9)),
                Message(80 * MS, 81 * MS, depth(BID, 98, 3))]
    script = follow([Want(0, [(100, 5)])])
    assert len(run(tmp_path, messages, script).fills) == 1
    assert run(tmp_path, messages, script, end_ns=50 * MS - 1).fills == []
    # At 50 ms it is filled, but the maker does not hear of it any more.
    late = run(tmp_path, messages, script, end_ns=50 * MS)
    assert len(late.fills) == 1
    assert int(late.simulation.makers["position"][0]) == 0


def test_an_unknown_side_is_not_quoted_and_what_rests_is_withdrawn(tmp_path: Path) -> None:
    messages = [
        Message(0, 0, BIDS + ASKS),
        Message(20 * MS, 20 * MS, gap()),
        Message(40 * MS, 40 * MS, BIDS),
        Message(60 * MS, 60 * MS, ASKS),
    ]
    seen: list[tuple[int, float]] = []
    run(tmp_path, messages, _looking(seen, "ask_px"), requote_ns=10 * MS)
    assert [now for now, _ in seen] == [0, 10, 60]
    result = run(tmp_path, messages, follow([Want(0, [(100, 5)])]), requote_ns=10 * MS)
    assert [(i["ts"], i["kind"]) for i in result.intents] == [
        (0, 0), (20 * MS, 1), (60 * MS, 0)
    ]


@pytest.mark.parametrize("rows_per_chunk", [1, 2, 3, 7])
def test_chunk_borders_cannot_be_seen(rows_per_chunk: int, tmp_path: Path) -> None:
    messages = [Message(0, 3 * MS, BIDS + ASKS)]
    for k in range(1, 40):
        late = (k * 7) % 30 * MS
        rows = trade(SELLER, 100 - k % 2, 3 + k % 5) if k % 3 else depth(BID, 100, 10 + k % 7)
        messages.append(Message(k * 4 * MS, k * 4 * MS + late, rows))
    script = follow([Want(0, [(100, 9), (99, 4)], [(101, 5)]), Want(80 * MS, [(99, 9)])])
    settings: dict[str, Any] = {
        "requote_ns": 6 * MS,
        "entry": LatencySettings("uniform", 1, 9e6),
        "response": LatencySettings("exponential", 1, 5e6),
    }
    whole = run(tmp_path, messages, script, **settings)
    parts = run(tmp_path, messages, script, rows_per_chunk=rows_per_chunk, **settings)
    assert len(whole.fills) > 3
    assert parts.tables == whole.tables
    assert parts.simulation.venues["chain"] == whole.simulation.venues["chain"]
    assert parts.simulation.makers["chain"] == whole.simulation.makers["chain"]


# ------------------------------------------------------------------------ the mid of the venue


def test_the_mid_follows_every_row_that_moves_the_best_levels() -> None:
    venue = Venue().feed(BIDS, ASKS)
    steps = [
        (depth(BID, 100, 0), 99 + 101), (depth(ASK, 101, 0), 99 + 102),
        (depth(BID, 101, 2), 101 + 102), (depth(ASK, 110, 5), 101 + 102),
        (depth(BID, 99, 0), 101 + 102), (depth(BID, 101, 0), 98 + 102),
        (bbo(BID, 95, 1), 95 + 102), (bbo(ASK, 96, 1), 95 + 96),
        (image(BID, (90, 1)), 90 + 96), (image(ASK, (91, 4), (92, 4)), 90 + 91),
        (trade(SELLER, 90, 1), 90 + 91),
    ]
    assert venue.mid2() == 201
    for rows, mid2 in steps:
        assert venue.feed(rows).mid2() == mid2, rows


def test_a_side_that_is_missing_leaves_the_last_mid_stale() -> None:
    venue = Venue().feed(BIDS, ASKS).feed(gap())
    assert (venue.mid2(), int(venue.venue.mid_stale)) == (201, 1)
    assert (int(venue.venue.best_bid), int(venue.venue.best_ask)) == (NO_BID, NO_ASK)
    venue.feed(BIDS)
    assert (venue.mid2(), int(venue.venue.mid_stale)) == (201, 1)
    venue.feed(image(ASK, (103, 1)))
    assert (venue.mid2(), int(venue.venue.mid_stale)) == (203, 0)


def test_quoting_time_counts_while_an_order_rests_and_at_the_touch() -> None:
    """Rests 3 blocks of 1 ms: two behind the touch, one at it."""
    venue = Venue().feed(BIDS, ASKS)
    venue.new(1, BID, 99, 5)
    venue.feed(depth(ASK, 103, 4)).feed(depth(BID, 100, 0)).feed(depth(ASK, 103, 5))
    venue.cancel(1)
    state = venue.venue
    assert abs(int(state.quoted_bid_ns) - 4 * MS) <= 2
    assert abs(int(state.touch_bid_ns) - 2 * MS) <= 2
    assert int(state.quoted_ask_ns) == 0
