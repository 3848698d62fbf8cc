"""The order of events: what each machine knows when it acts (docs/architecture.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simmm.latency import LATENCY_FORMS, next_arrival
from simmm.records import FILLED, NO_ASK, NO_BID, Latency
from simmm.simulation import LatencySettings
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
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
    record,
    run,
    trade,
)


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
        events.append(
            f"quote {(int(market.now_ns) - START) // MS} "
            f"bid {int(market.bid_px)} position {int(market.position)}"
        )
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
        tmp_path,
        messages,
        quote,
        observe=observe,
        requote_ns=20 * MS,
        end_ns=20 * MS,
        entry=LatencySettings(low_ns=10 * MS),
        response=LatencySettings(low_ns=10 * MS),
    )
    assert [fill["known_ts"] for fill in result.fills] == [20 * MS]
    assert events == [
        "event 0 at 0",
        "quote 0 bid 100 position 0",
        "event 0 at 20",
        f"event {FILLED} at 20",
        "quote 20 bid 99 position 5",
    ]


def test_the_strategy_is_asked_at_warm_up_and_each_interval_after(tmp_path: Path) -> None:
    messages = [Message(k * 30 * MS, k * 30 * MS, depth(BID, 98, k + 1)) for k in range(1, 8)]
    messages.insert(0, Message(0, 0, BIDS + ASKS))
    seen: list[tuple[int, float]] = []
    run(tmp_path, messages, _looking(seen, "gaps"), requote_ns=40 * MS, quote_start_ns=70 * MS)
    assert seen == [(70, 0), (110, 0), (150, 0), (190, 0)]


def test_nothing_happens_after_the_end(tmp_path: Path) -> None:
    messages = [
        Message(0, 0, BIDS + ASKS),
        Message(50 * MS, 51 * MS, trade(SELLER, 99, 9)),
        Message(80 * MS, 81 * MS, depth(BID, 98, 3)),
    ]
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
    assert [(i["ts"], i["kind"]) for i in result.intents] == [(0, 0), (20 * MS, 1), (60 * MS, 0)]


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


# ------------------------------------------------------------- rule 5: when requests arrive


def test_rule_5_a_request_acts_after_all_rows_of_its_time_and_before_later_ones(
    tmp_path: Path,
) -> None:
    """An order placed to arrive at 300 ms joins behind what the block of 300 ms shows."""
    for change_ns, ahead in ((300 * MS, 33.0), (300 * MS + 1, 20.0)):
        messages = [
            Message(0, MS, BIDS + ASKS),
            Message(change_ns, change_ns + MS, depth(BID, 100, 33)),
            Message(500 * MS, 501 * MS, trade(SELLER, 99, 50)),
        ]
        result = run(
            tmp_path,
            messages,
            follow([Want(0, bids=[(100, 5)])]),
            quote_start_ns=290 * MS,
            entry=LatencySettings(low_ns=10 * MS),
            requote_ns=1000 * MS,
        )
        assert result.intents[0]["arrival_ts"] == 300 * MS
        assert [fill["ahead_at_join"] for fill in result.fills] == [ahead]


def test_a_late_cancel_does_not_save_an_order(tmp_path: Path) -> None:
    """Sent 1 ms before the print, 5 ms on its way: filled. Sent 6 ms before: not."""
    for cancel_ns, filled in ((399 * MS, 5), (394 * MS, 0)):
        messages = [
            Message(0, MS, BIDS + ASKS),
            Message(400 * MS, 401 * MS, trade(SELLER, 99, 50)),
            Message(600 * MS, 601 * MS, depth(BID, 98, 11)),
        ]
        result = run(
            tmp_path,
            messages,
            follow([Want(0, bids=[(100, 5)]), Want(cancel_ns)]),
            requote_ns=MS,
            entry=LatencySettings(low_ns=5 * MS),
            response=LatencySettings(low_ns=3 * MS),
            quote_start_ns=MS,
        )
        assert sum(fill["quantity"] for fill in result.fills) == filled
        assert [row["kind"] for row in result.intents] == [0, 1]
        assert int(result.simulation.makers["position"][0]) == filled
        assert int(result.simulation.makers["n_orders"][0]) == 0
        assert all(fill["known_ts"] == fill["ts"] + 3 * MS for fill in result.fills)


def test_the_maker_acts_on_a_fill_only_when_it_has_heard_of_it(tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        seen.append((int(market.now_ns), float(market.position)))
        wanted.bids, wanted.bid_px[0], wanted.bid_qty[0] = 1, 100, 5

    messages = [
        Message(0, MS, BIDS + ASKS),
        Message(100 * MS, 101 * MS, trade(SELLER, 99, 50)),
        Message(200 * MS, 201 * MS, depth(BID, 98, 11)),
    ]
    result = run(
        tmp_path, messages, quote, requote_ns=10 * MS, response=LatencySettings(low_ns=25 * MS)
    )
    changed = next(now for now, position in seen if position > 0)
    assert changed - result.simulation.settings.t0_ns == 130 * MS  # heard at 125, asked at 131


def test_requests_of_one_connection_never_overtake() -> None:
    line = record(Latency)
    line.form = LATENCY_FORMS.index("uniform")
    line.low_ns, line.scale_ns, line.cap_ns, line.key = 1, 1e9, 10**12, 42
    arrivals = [next_arrival(line, 1000 * k) for k in range(200)]
    assert arrivals == sorted(arrivals)
    assert all(arrival > 1000 * k for k, arrival in enumerate(arrivals))
    assert len(set(arrivals)) > 3  # drawn, not constant


def test_latency_is_at_least_a_nanosecond_and_at_most_its_cap() -> None:
    line = record(Latency)
    line.low_ns = -5
    assert next_arrival(line, 70) == 71
    line.form, line.low_ns, line.scale_ns, line.cap_ns = 1, 100, 1e9, 150
    assert [next_arrival(line, 10**6 * k) <= 10**6 * k + 150 for k in range(1, 20)] == [True] * 19


@pytest.mark.parametrize("form", LATENCY_FORMS)
def test_every_named_distribution_draws_in_plain_python_too(form: str) -> None:
    line = record(Latency)
    table = tuple(50.0 + place for place in range(129)) if form == "empirical" else ()
    LatencySettings(form, low_ns=50, scale_ns=100.0, shape=0.5, table_ns=table).write(line, 7)
    waits = [next_arrival(line, 10**10 * k) - 10**10 * k for k in range(50)]
    assert min(waits) >= 50
    assert (len(set(waits)) == 1) == (form == "constant")


# ------------------------------------------------------------------------ the mid of the venue


def test_the_mid_follows_every_row_that_moves_the_best_levels() -> None:
    venue = Venue().feed(BIDS, ASKS)
    steps = [
        (depth(BID, 100, 0), 99 + 101),
        (depth(ASK, 101, 0), 99 + 102),
        (depth(BID, 101, 2), 101 + 102),
        (depth(ASK, 110, 5), 101 + 102),
        (depth(BID, 99, 0), 101 + 102),
        (depth(BID, 101, 0), 98 + 102),
        (bbo(BID, 95, 1), 95 + 102),
        (bbo(ASK, 96, 1), 95 + 96),
        (image(BID, (90, 1)), 90 + 96),
        (image(ASK, (91, 4), (92, 4)), 90 + 91),
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
