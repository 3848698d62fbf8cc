"""When a venue behind a live feed tells what happened (the market: knowledge_fixture.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simmm.records import LATE, NEVER
from simmm.simulation import LatencySettings
from tests.hand import (
    BID,
    BUYER,
    MS,
    SELLER,
    START,
    Message,
    Run,
    Want,
    bbo,
    depth,
    run,
    trade,
)
from tests.unit.knowledge_fixture import HOLD, OPENING, TICKS, feed


def told(result: Run) -> list[int]:
    return [row["known_ts"] for row in result.fills]


def test_a_fill_is_told_a_hold_back_after_the_feed_first_showed_its_moment(tmp_path: Path) -> None:
    """The print of 300 ms comes at 390 ms, but at 320 ms the feed showed 305 ms."""
    messages = [
        Message(300 * MS - 1, 390 * MS, trade(SELLER, 99, 2)),
        Message(305 * MS, 320 * MS, trade(BUYER, 1, 1)),
    ]
    assert told(feed(tmp_path, messages)) == [410 * MS]  # the tick of 300 ms, seen at 310 ms
    silent = [k for k in TICKS if k != 3]
    assert told(feed(tmp_path, messages, ticks=silent)) == [420 * MS]
    assert told(feed(tmp_path, messages[:1], ticks=silent)) == [490 * MS]
    slow = LatencySettings(low_ns=250 * MS)  # takes longer anyhow
    assert told(feed(tmp_path, messages, response=slow)) == [550 * MS - 1]


def test_what_a_late_packet_fills_is_told_as_of_when_it_happened(tmp_path: Path) -> None:
    messages = [Message(250 * MS, 700 * MS, trade(SELLER, 99, 50))]
    result = feed(tmp_path, messages)
    assert told(result) == [710 * MS]  # 500 ms and 1 ns: shown by the tick of 600 ms at 610 ms
    assert int(result.simulation.makers["position"][0]) == 5
    # No tick after 500 ms: its moment is never shown, the venue knows it and the maker doesn't.
    result = feed(tmp_path, messages, ticks=TICKS[:5], end_ns=3000 * MS)
    assert told(result) == [NEVER - START]
    assert int(result.simulation.makers["position"][0]) == 0
    assert int(result.simulation.venues["account"]["position"][0]) == 5


@pytest.mark.parametrize(
    ("sent_ns", "known_ns"),
    [
        (190 * MS, 310 * MS),  # arrives at 191 ms: the packet of 200 ms comes next, seen at 210
        (199 * MS - 1, 310 * MS),
        (199 * MS, 410 * MS),  # arrives at 200 ms, after the packet of that time
        (1190 * MS, 1310 * MS),
        (1199 * MS, NEVER - START),  # the last packet was before it
        (1250 * MS, NEVER - START),
    ],
)
def test_a_request_waits_for_the_next_packet_to_be_told(
    sent_ns: int, known_ns: int, tmp_path: Path
) -> None:
    script = [Want(0, take=3, take_px=101), Want(sent_ns + 1)]
    result = feed(tmp_path, [], script, quote_start_ns=sent_ns, end_ns=3000 * MS)
    assert [row["arrival_ts"] for row in result.intents] == [sent_ns + MS]
    assert told(result) == [known_ns]
    assert int(result.simulation.makers["position"][0]) == (3 if known_ns < 3000 * MS else 0)


def test_an_answer_that_takes_longer_than_telling_comes_as_drawn(tmp_path: Path) -> None:
    script = [Want(0, take=3, take_px=101), Want(190 * MS + 1)]
    for wait_ns, known_ns in ((119 * MS, 310 * MS), (120 * MS, 311 * MS)):
        line = LatencySettings(low_ns=wait_ns)
        result = feed(tmp_path, [], script, quote_start_ns=190 * MS, response=line)
        assert told(result) == [known_ns]


def test_at_the_moment_of_telling_packets_and_answers_come_before_timers(tmp_path: Path) -> None:
    """Told at 310 ms, when a tick is seen and the strategy is asked: it knows of both."""
    seen: list[tuple[int, float, float]] = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        now = int(market.now_ns) - START
        seen.append((now // MS, float(market.position), float(market.bid_px)))
        if now == 190 * MS:
            wanted.take_qty, wanted.take_px = 3, 101

    messages = [OPENING, Message(200 * MS, 210 * MS, trade(BUYER, 1, 1))]
    messages.append(Message(300 * MS, 310 * MS, bbo(BID, 99, 10)))
    run(
        tmp_path,
        messages,
        quote,
        knowledge="feed",
        hold_back_ns=HOLD,
        entry=LatencySettings(low_ns=MS),
        requote_ns=60 * MS,
        quote_start_ns=190 * MS,
        end_ns=380 * MS,
    )
    assert seen == [(190, 0, 100), (250, 0, 100), (310, 3, 99), (370, 3, 99)]


@pytest.mark.parametrize("rows_per_chunk", [1, 2, 7])
def test_chunk_borders_cannot_be_seen_behind_a_feed(rows_per_chunk: int, tmp_path: Path) -> None:
    messages = []
    for k in range(1, 40):
        lag = (k * 7) % 30 * 12 * MS
        rows = trade(SELLER, 100 - k % 2, 3 + k % 5) if k % 3 else depth(BID, 100, 10 + k % 7)
        messages.append(Message(k * 25 * MS, k * 25 * MS + lag, rows))
    script = [Want(0, [(100, 9), (99, 4)], [(101, 5)]), Want(500 * MS, [(99, 9)])]
    settings: dict[str, Any] = {
        "requote_ns": 6 * MS,
        "response": LatencySettings("exponential", 1, 5e7),
    }
    whole = feed(tmp_path, messages, script, **settings)
    parts = feed(tmp_path, messages, script, rows_per_chunk=rows_per_chunk, **settings)
    assert sum(row["marks"] & LATE > 0 for row in whole.fills) >= 2
    assert parts.tables == whole.tables
    assert parts.simulation.venues["chain"] == whole.simulation.venues["chain"]
    assert parts.simulation.makers["chain"] == whole.simulation.makers["chain"]
