"""What happens at a venue behind a live feed, rule by rule (the market: knowledge_fixture.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simmm.records import CROSSED, LATE, STALE_MID, TAKER, THROUGH
from simmm.simulation import LatencySettings
from tests.hand import (
    ASK,
    ASKS,
    BID,
    MS,
    SELLER,
    START,
    Message,
    Row,
    Want,
    bbo,
    depth,
    follow,
    gap,
    image,
    run,
    trade,
)
from tests.unit.knowledge_fixture import LATE_TS, OPENING, WANT_BID, feed, fills, joined

# ------------------------------------------------------------------------- when packets happen


@pytest.mark.parametrize(
    ("exch_ns", "local_ns", "happens"),
    [
        (250 * MS, 700 * MS, LATE_TS),
        (500 * MS, 700 * MS, LATE_TS),  # as old as the watermark: late
        (500 * MS + 1, 700 * MS, 500 * MS + 1),  # newer: in time, and no mark
        (400 * MS, 610 * MS, 400 * MS + 1),  # 510 + 100 is not before 610: watermark 400
        (401 * MS, 610 * MS, 401 * MS),
        (401 * MS, 610 * MS + 1, LATE_TS),
        (250 * MS, 300 * MS, 250 * MS),  # 50 ms on its way: in time
    ],
)
def test_what_is_not_newer_than_the_watermark_happens_right_after_it(
    exch_ns: int, local_ns: int, happens: int, tmp_path: Path
) -> None:
    result = feed(tmp_path, [Message(exch_ns, local_ns, trade(SELLER, 99, 50))])
    late = LATE if happens > exch_ns else 0
    assert fills(result) == [(happens, 100, 5, THROUGH | late)]


def test_at_one_time_late_packets_come_before_those_in_time(tmp_path: Path) -> None:
    messages = [
        Message(LATE_TS, 620 * MS, trade(SELLER, 99, 3)),
        Message(250 * MS, 700 * MS, trade(SELLER, 99, 3)),
    ]
    assert fills(feed(tmp_path, messages)) == [
        (LATE_TS, 100, 3, THROUGH | LATE),
        (LATE_TS, 100, 2, THROUGH),
    ]


@pytest.mark.parametrize("second_ns", [700 * MS, 701 * MS])
def test_late_packets_of_one_moment_come_as_they_arrived(second_ns: int, tmp_path: Path) -> None:
    """Told at one time: as they were numbered. Their own times don't count."""
    messages = [
        Message(260 * MS, 700 * MS, trade(SELLER, 99, 3)),
        Message(250 * MS, second_ns, trade(SELLER, 99, 4)),
    ]
    assert [lots for _, _, lots, _ in fills(feed(tmp_path, messages))] == [3, 2]


def test_what_arrives_after_the_end_is_not_part_of_the_feed(tmp_path: Path) -> None:
    messages = [Message(300 * MS, 330 * MS, trade(SELLER, 99, 2))]
    messages.append(Message(320 * MS, 801 * MS, trade(SELLER, 99, 50)))
    assert fills(feed(tmp_path, messages, end_ns=800 * MS)) == [(300 * MS, 100, 2, THROUGH)]
    known = feed(tmp_path, messages, end_ns=800 * MS, knowledge="tape")
    assert [lots for _, _, lots, _ in fills(known)] == [2, 3]


def test_the_default_knows_the_tape(tmp_path: Path) -> None:
    messages = [Message(250 * MS, 700 * MS, trade(SELLER, 99, 50))]
    result = run(tmp_path, [OPENING, *messages], follow(WANT_BID), entry=LatencySettings(low_ns=MS))
    assert fills(result) == [(250 * MS, 100, 5, THROUGH)]


# ------------------------------------------------------------------------------- late trades


def test_a_late_trade_meets_only_orders_that_joined_before_it(tmp_path: Path) -> None:
    """A second bid at 100 and one at 99 follow at 311 ms, the print is of 250 ms or 320 ms."""
    script = [Want(0, [(100, 5), (98, 1)]), Want(300 * MS, [(100, 5), (99, 4), (98, 1)])]
    for exch_ns, prices in ((250 * MS, [100, 98]), (320 * MS, [100, 99, 98])):
        messages = [Message(exch_ns, 700 * MS, trade(SELLER, 97, 50))]
        found = fills(feed(tmp_path, messages, script))
        assert [px for _, px, _, _ in found] == prices
        assert {marks for _, _, _, marks in found} == {THROUGH | LATE}
    # In time, and at the same moment, it meets all three.
    messages = [Message(LATE_TS, 510 * MS, trade(SELLER, 97, 50))]
    assert [px for _, px, _, _ in fills(feed(tmp_path, messages, script))] == [100, 99, 98]


@pytest.mark.parametrize(("exch_ns", "filled"), [(11 * MS, 0), (11 * MS + 1, 5)])
def test_joined_before_means_before(exch_ns: int, filled: int, tmp_path: Path) -> None:
    result = feed(tmp_path, [Message(exch_ns, 700 * MS, trade(SELLER, 99, 50))])
    assert sum(row["quantity"] for row in result.fills) == filled


def test_an_order_passed_over_uses_up_none_of_the_trade(tmp_path: Path) -> None:
    """18 lots down to 99: 5 fill at 100, the 5 that joined at 311 ms are passed over, and of the
    13 that are left 10 go to others at 99 and 3 to us."""
    script = [Want(0, [(100, 5), (99, 4)]), Want(300 * MS, [(101, 5), (100, 5), (99, 4)])]
    opening = [Message(20 * MS, 25 * MS, depth(ASK, 101, 0))]  # so that a bid can stand at 101
    late = Message(250 * MS, 700 * MS, trade(SELLER, 99, 18))
    found = fills(feed(tmp_path, [*opening, late], script))
    assert [(px, lots, marks) for _, px, lots, marks in found] == [
        (100, 5, THROUGH | LATE),
        (99, 3, LATE),
    ]


@pytest.mark.parametrize(
    ("rows", "exch_ns", "filled"),
    [
        (depth(BID, 98, 11), 300 * MS, 3),  # nothing told the level: 20 of 23 go to others
        (depth(BID, 100, 20), 249 * MS, 3),  # told before the print
        (depth(BID, 100, 20), 250 * MS, 0),  # told after prints of that time
        (depth(BID, 100, 20), 300 * MS, 0),
        (bbo(BID, 100, 20), 249 * MS, 3),
        (bbo(BID, 100, 20), 300 * MS, 0),
        (bbo(BID, 99, 10), 300 * MS, 0),  # told: nobody there
        (bbo(BID, 100, 0), 300 * MS, 0),
        (image(BID, (100, 20), (99, 10)), 300 * MS, 0),
        (image(BID, (101, 1), (99, 10)), 300 * MS, 0),  # skipped: nobody there
        (image(BID, (101, 1)), 300 * MS, 3),  # beyond its edge: not told
        (gap(), 300 * MS, 3),  # tells nothing, and own places are kept
    ],
)
def test_at_its_own_price_a_late_trade_counts_unless_the_level_was_told_since(
    rows: list[Row], exch_ns: int, filled: int, tmp_path: Path
) -> None:
    """Of 23 lots at 100, of 250 ms, told at 700 ms."""
    messages = [
        Message(20 * MS, 25 * MS, depth(ASK, 101, 0)),
        Message(exch_ns, exch_ns + 10 * MS, rows),
        Message(250 * MS, 700 * MS, trade(SELLER, 100, 23)),
    ]
    script = [Want(0, [(100, 5)])]
    found = fills(feed(tmp_path, messages, script, requote_ns=2000 * MS))
    assert [(px, lots, marks & ~STALE_MID) for _, px, lots, marks in found] == (
        [(100, filled, LATE)] if filled else []
    )


def test_through_a_price_a_late_trade_fills_whatever_was_told(tmp_path: Path) -> None:
    messages = [
        Message(300 * MS, 310 * MS, depth(BID, 100, 12)),
        Message(250 * MS, 700 * MS, trade(SELLER, 99, 4)),
    ]
    assert fills(feed(tmp_path, messages)) == [(LATE_TS, 100, 4, THROUGH | LATE)]


def test_the_latest_row_that_told_a_level_counts_not_the_last_to_come(tmp_path: Path) -> None:
    """A bbo of 300 ms tells 100 and one of 310 ms a better price; then a depth row of 290 ms
    comes late and tells 100 again. The late print of 295 ms is in what the bbo of 300 ms showed.
    """
    opening = [Message(20 * MS, 25 * MS, image(ASK, (110, 5)))]
    telling = [Message(300 * MS, 310 * MS, bbo(BID, 100, 20))]
    after = [
        Message(310 * MS, 320 * MS, bbo(BID, 102, 5)),
        Message(290 * MS, 650 * MS, depth(BID, 100, 20)),
        Message(295 * MS, 700 * MS, trade(SELLER, 100, 23)),
    ]
    settings: dict[str, Any] = {"requote_ns": 2000 * MS}
    assert fills(feed(tmp_path, opening + telling + after, **settings)) == []
    assert fills(feed(tmp_path, opening + after, **settings)) == [(LATE_TS, 100, 3, LATE)]


# ------------------------------------------------------------------------------- late levels


@pytest.mark.parametrize(
    ("late", "other", "exch_ns", "filled"),
    [
        # a bbo is measured by the newest bbo alone
        (bbo(ASK, 100, 3), bbo(BID, 100, 20), 300 * MS, 0),
        (bbo(ASK, 100, 3), bbo(BID, 100, 20), 250 * MS, 3),
        (bbo(ASK, 100, 3), depth(BID, 98, 11), 300 * MS, 3),
        # depth and images by one another
        (depth(ASK, 100, 3), depth(BID, 98, 11), 300 * MS, 0),
        (depth(ASK, 100, 3), depth(BID, 98, 11), 250 * MS, 3),
        (depth(ASK, 100, 3), image(BID, (100, 20)), 300 * MS, 0),
        (image(ASK, (100, 3)), depth(BID, 98, 11), 300 * MS, 0),
        (image(ASK, (100, 3)), image(BID, (100, 20)), 250 * MS, 3),
        # and at or beyond the price of a newer bbo they touch nothing
        (depth(ASK, 100, 3), bbo(ASK, 101, 10), 300 * MS, 0),
        (depth(ASK, 100, 3), bbo(ASK, 101, 10), 250 * MS, 3),
        (depth(ASK, 100, 3), bbo(BID, 100, 20), 300 * MS, 3),  # that side it has not shown
        (depth(ASK, 100, 3), bbo(ASK, 101, 0), 300 * MS, 0),  # nor anything on an empty side
        (image(ASK, (100, 3), (101, 9)), bbo(ASK, 101, 10), 300 * MS, 0),
    ],
)
def test_late_levels_are_ignored_where_something_newer_spoke(
    late: list[Row], other: list[Row], exch_ns: int, filled: int, tmp_path: Path
) -> None:
    """An ask of 3 at our bid of 100, told late: it fills us if it is believed."""
    messages = [
        Message(exch_ns, exch_ns + 10 * MS, other),
        Message(250 * MS, 700 * MS, late),
    ]
    found = fills(feed(tmp_path, messages, requote_ns=2000 * MS))
    expected = [(LATE_TS, 100, filled, CROSSED | LATE)] if filled else []
    assert found == expected


def test_a_late_image_speaks_only_for_prices_worse_than_a_newer_bbo(tmp_path: Path) -> None:
    """103 was skipped: nobody there. 105 is beyond its edge. 101 stays as the bbo told it."""
    messages = [
        Message(300 * MS, 310 * MS, bbo(ASK, 101, 8)),
        Message(250 * MS, 700 * MS, image(ASK, (100, 3), (101, 4), (102, 7), (104, 5))),
    ]
    script = [
        Want(0, [(100, 5)]),
        Want(600 * MS, [(100, 5)], [(px, 1) for px in (101, 102, 103, 104, 105)]),
    ]
    result = feed(tmp_path, messages, script)
    assert result.fills == []
    assert joined(result) == {100: 20, 101: 8, 102: 7, 103: 0, 104: 5, 105: -1}


def test_what_a_gap_hid_stays_hidden_where_a_late_image_may_not_speak(tmp_path: Path) -> None:
    """Bids at 100 and 99 are known, then forgotten; the late image may speak of 99 and worse."""
    messages = [
        Message(300 * MS, 310 * MS, bbo(BID, 100, 8)),
        Message(350 * MS, 360 * MS, gap()),
        Message(250 * MS, 700 * MS, image(BID, (100, 3), (99, 6), (98, 7))),
        Message(705 * MS, 708 * MS, ASKS),
    ]
    script = [Want(600 * MS, [(px, 1) for px in (100, 99, 98)])]
    assert joined(feed(tmp_path, messages, script)) == {100: -1, 99: 6, 98: 7}


def test_the_maker_s_book_does_not_bring_back_what_a_gap_hid_either(tmp_path: Path) -> None:
    """After the overtaken image it knows of 99 and worse; 101 comes and goes."""
    seen: list[tuple[int, float]] = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        seen.append(((int(market.now_ns) - START) // MS, float(market.bid_px)))

    messages = [
        OPENING,
        Message(300 * MS, 310 * MS, bbo(BID, 100, 8)),
        Message(350 * MS, 360 * MS, gap()),
        Message(360 * MS, 370 * MS, image(ASK, (102, 5))),
        Message(250 * MS, 400 * MS, image(BID, (100, 3), (99, 6), (98, 7))),
        Message(410 * MS, 420 * MS, depth(BID, 101, 1)),
        Message(430 * MS, 440 * MS, depth(BID, 101, 0)),
    ]
    run(tmp_path, messages, quote, requote_ns=20 * MS, quote_start_ns=300 * MS, end_ns=450 * MS)
    shown = [(340, 100), (400, 99), (420, 101), (440, 99)]  # from 360 to 400 ms no bid is known
    assert seen == [(300, 100), (320, 100), *shown]


def test_a_late_gap_counts_as_any_gap(tmp_path: Path) -> None:
    script = [Want(0, [(100, 5)]), Want(600 * MS, [(100, 5), (99, 5)])]
    assert joined(feed(tmp_path, [], script)) == {100: 20, 99: 10}
    messages = [Message(250 * MS, 900 * MS, gap())]  # the maker still sees its book
    assert joined(feed(tmp_path, messages, script)) == {100: 20, 99: 10}
    messages = [Message(250 * MS, 551 * MS, gap())]  # happens at 400 ms and 1 ns
    messages += [Message(560 * MS, 565 * MS, ASKS), Message(570 * MS, 575 * MS, bbo(BID, 100, 9))]
    assert joined(feed(tmp_path, messages, script)) == {100: 9, 99: -1}  # quoted anew


def test_what_is_taken_from_late_levels_is_not_late(tmp_path: Path) -> None:
    messages = [Message(250 * MS, 551 * MS, depth(ASK, 101, 2))]
    script = [Want(600 * MS, take=4, take_px=102), Want(650 * MS)]
    result = feed(tmp_path, messages, script)
    assert [(px, lots, marks) for _, px, lots, marks in fills(result)] == [
        (101, 2, TAKER),
        (102, 2, TAKER),
    ]
