"""The rules of the queue, by their numbers in docs/fill-model.md. All figures are worked by hand.

Unless a test says otherwise: one lot is one unit, the book shows 20 lots at the best bid of 100,
10 at 99 and 98, and asks of 10 lots from 101 on.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from simmm.book import UNKNOWN, shown
from simmm.records import (
    UNSEEN,
)
from simmm.venue.queue import published
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
    MS,
    SELLER,
    Message,
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

MODELS = published.FORMS


def _venue(queue: str = "power", n: float = 3.0, **rules: Any) -> Venue:
    return Venue(queue, n, **rules).feed(BIDS, ASKS)


# ------------------------------------------------------- rule 1: one match is counted once


@pytest.mark.parametrize("model", MODELS)
def test_rule_1a_a_trade_and_its_depth_change_count_once(model: str) -> None:
    """10 ahead, 10 behind, 6 traded: 4 ahead, whatever the model thinks of cancels."""
    venue = Venue(model).feed(image(BID, (100, 10)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 20))
    assert venue.ahead(1) == 10
    venue.feed(trade(SELLER, 100, 6), depth(BID, 100, 14))
    assert venue.ahead(1) == 4


@pytest.mark.parametrize("trade_first", [True, False])
def test_rule_1a_in_one_block_the_order_of_rows_in_the_file_does_not_matter(
    trade_first: bool, tmp_path: Path
) -> None:
    """10 ahead, 10 behind, 6 traded, 5 more: 4 are ahead, then 1 is filled."""
    match = [
        Message(300 * MS, 301 * MS, trade(SELLER, 100, 6)),
        Message(300 * MS, 302 * MS, depth(BID, 100, 14)),
    ]
    if not trade_first:
        match = [match[1]._replace(local_ns=301 * MS), match[0]._replace(local_ns=302 * MS)]
    messages = [
        Message(0, 1 * MS, image(BID, (100, 10)) + ASKS),
        Message(200 * MS, 201 * MS, depth(BID, 100, 20)),
        *match,
        Message(400 * MS, 401 * MS, trade(SELLER, 100, 5)),
    ]
    result = run(tmp_path, messages, follow([Want(0, bids=[(100, 5)])]), requote_ns=50 * MS)
    assert [(f["ts"], f["quantity"]) for f in result.fills] == [(400 * MS, 1)]


def test_rule_1b_only_what_did_not_trade_is_cancels() -> None:
    """6 traded and the level fell by 9: 3 are cancels, all of them ahead if one is optimistic."""
    for model, ahead in (("optimistic", 10 - 6 - 3), ("pessimistic", 10 - 6)):
        venue = Venue(model).feed(image(BID, (100, 10)), ASKS)
        venue.new(1, BID, 100, 5)
        venue.feed(depth(BID, 100, 20))
        venue.feed(trade(SELLER, 100, 6), depth(BID, 100, 11))
        assert venue.ahead(1) == ahead


def test_rule_1b_several_prints_and_one_depth_change_count_once() -> None:
    venue = Venue("optimistic").feed(image(BID, (100, 10)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 20))
    venue.feed(trade(SELLER, 100, 2), trade(SELLER, 100, 3)).feed(trade(SELLER, 100, 1))
    venue.feed(depth(BID, 100, 14))
    assert venue.ahead(1) == 4
    venue.feed(depth(BID, 100, 13))  # nothing has traded since: a cancel
    assert venue.ahead(1) == 3


def test_rule_1b_own_fills_are_no_cancels_of_others() -> None:
    """4 ahead, 6 behind; a print of 6 takes the 4 and 2 of ours; others fall from 10 to 6."""
    venue = Venue("optimistic").feed(image(BID, (100, 4)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 10))
    venue.feed(trade(SELLER, 100, 6), depth(BID, 100, 6))
    assert venue.filled == [(1, 100, 2)]
    assert venue.ahead(1) == 0


def test_rule_1c_what_joins_later_stands_behind() -> None:
    venue = _venue("optimistic")
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 90))
    assert venue.ahead(1) == 20


@pytest.mark.parametrize(
    ("model", "n", "ahead"),
    [
        ("pessimistic", 0.0, 20.0),
        ("optimistic", 0.0, 20 - 4.0),
        # 60 behind, 20 ahead: behind us happen 60/80, 60^2/(60^2 + 20^2), 60^3/(60^3 + 20^3)
        ("proportional", 0.0, 20 - 4 * (1 - 0.75)),
        ("power", 2.0, 20 - 4 * (1 - 0.9)),
        ("power", 3.0, 20 - 4 * (1 - 27 / 28)),
        ("power", 2.5, 20 - 4 * (1 - 60**2.5 / (60**2.5 + 20**2.5))),
        ("power2", 2.0, 20 - 4 * (1 - (60 / 80) ** 2)),
        ("power2", 0.5, 20 - 4 * (1 - (60 / 80) ** 0.5)),
        ("power3", 2.0, 20 - 4 * (20 / 80) ** 2),
        ("power3", 0.5, 20 - 4 * (20 / 80) ** 0.5),
        ("log", 0.0, 20 - 4 * (1 - math.log(61) / (math.log(61) + math.log(21)))),
        ("log2", 0.0, 20 - 4 * (1 - math.log(61) / math.log(81))),
    ],
)
def test_rule_1b_cancels_are_split_by_the_published_formulas(
    model: str, n: float, ahead: float
) -> None:
    """20 ahead and 60 behind; 4 are cancelled."""
    venue = _venue(model, n)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 80)).feed(depth(BID, 100, 76))
    assert venue.ahead(1) == pytest.approx(ahead, rel=1e-14)


def test_rule_1b_more_cancels_than_stand_behind_come_from_ahead() -> None:
    """18 ahead, 2 behind, 10 cancelled: of a share of nearly none behind, all else is ahead."""
    venue = Venue("pessimistic").feed(image(BID, (100, 18)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 20)).feed(depth(BID, 100, 10))
    assert venue.ahead(1) == 10


# ------------------------------------------- rule 2: what is not shown is unknown, not empty


@pytest.mark.parametrize("model", MODELS)
def test_rule_2a_an_identical_image_changes_nothing(model: str) -> None:
    venue = _venue(model)
    venue.new(1, BID, 100, 5)
    venue.new(2, BID, 99, 5)
    venue.feed(depth(BID, 100, 50), depth(BID, 99, 30)).feed(depth(BID, 100, 47))
    before = venue.ahead(1), venue.ahead(2)
    same = image(BID, (100, 47), (99, 30), (98, 10))
    for _ in range(5):
        venue.feed(same, ASKS).feed(bbo(BID, 100, 47), bbo(ASK, 101, 10)).feed(depth(BID, 99, 30))
    assert (venue.ahead(1), venue.ahead(2)) == before
    assert venue.fills == []


def test_rule_2b_a_level_that_leaves_the_window_is_unknown_and_our_place_is_kept() -> None:
    venue = _venue("optimistic")
    venue.new(1, BID, 98, 5)
    assert venue.ahead(1) == 10
    venue.feed(trade(SELLER, 98, 3))  # hidden from images; 7 remain ahead
    venue.feed(image(BID, (102, 5), (101, 5)), image(ASK, (103, 10)))
    assert shown(venue.book, 1, 98) == UNKNOWN
    assert venue.ahead(1) == 7
    venue.feed(image(BID, (100, 20), (99, 10), (98, 50)), ASKS)
    assert venue.ahead(1) == 7  # kept: 50 are shown, but we were there before
    venue.feed(image(BID, (102, 5), (101, 5)), image(ASK, (103, 10)))
    venue.feed(image(BID, (100, 20), (99, 10), (98, 2)), ASKS)
    assert venue.ahead(1) == 2  # capped by what is shown


def test_rule_2b_a_level_that_left_and_returned_is_no_invitation_to_the_head() -> None:
    """50 ahead, out of view, back; a print of 0.2 of a lot's worth may not fill us."""
    venue = Venue("power").feed(image(BID, (100, 5), (99, 50)), ASKS)
    venue.new(1, BID, 99, 10)
    venue.feed(image(BID, (100, 5)), ASKS).feed(image(BID, (100, 5), (99, 50)), ASKS)
    venue.feed(trade(SELLER, 99, 2))
    assert venue.filled == []
    assert venue.ahead(1) == 48


def test_rule_2c_the_first_sight_of_a_level_joined_unseen_is_all_ahead_of_us() -> None:
    venue = _venue()
    venue.new(1, BID, 90, 5)
    assert venue.order(1)["seen"] == 0
    assert venue.order(1)["level_at_join"] == UNKNOWN
    venue.feed(trade(SELLER, 90, 100))
    assert venue.filled == []  # nobody knows who stood before us
    venue.feed(image(BID, (91, 3), (90, 30)), ASKS)
    assert venue.ahead(1) == 30
    venue.feed(trade(SELLER, 90, 32))
    assert venue.filled == [(1, 90, 2)]
    assert venue.fills[0]["marks"] == UNSEEN
    assert venue.fills[0]["level_at_join"] == 30


def test_rule_2d_a_gap_keeps_places_and_caps_them_by_what_is_shown_next() -> None:
    venue = _venue("optimistic")
    venue.new(1, BID, 100, 5)
    venue.new(2, BID, 99, 5)
    venue.feed(gap())
    assert shown(venue.book, 1, 100) == UNKNOWN
    assert (venue.ahead(1), venue.ahead(2)) == (20, 10)
    venue.feed(image(BID, (100, 12), (99, 40)), ASKS)
    assert (venue.ahead(1), venue.ahead(2)) == (12, 10)
    venue.feed(depth(BID, 100, 9))
    assert venue.ahead(1) == 9


def test_rule_2d_trades_between_a_gap_and_the_next_image_count() -> None:
    venue = _venue("optimistic")
    venue.new(1, BID, 100, 5)
    venue.feed(gap()).feed(trade(SELLER, 100, 8))
    assert venue.ahead(1) == 12
    venue.feed(image(BID, (100, 30), (99, 10)), ASKS)
    assert venue.ahead(1) == 12


def test_rule_2d_after_a_gap_a_join_is_unseen() -> None:
    venue = _venue().feed(gap())
    venue.new(1, BID, 100, 5)
    assert venue.order(1)["seen"] == 0
    venue.feed(bbo(BID, 100, 7))
    assert (venue.order(1)["seen"], venue.ahead(1)) == (1, 7)


@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("told_by", ["image", "bbo"])
def test_rule_2e_a_price_that_an_image_or_bbo_skips_holds_nobody_else(
    side: int, told_by: str
) -> None:
    """Own orders at the touch and 2 behind; others leave the touch, then all in between."""
    venue = _venue()
    touch = 100 if side > 0 else 101
    venue.new(1, side, touch, 5)
    venue.new(2, side, touch - 2 * side, 5)
    deeper = touch - side
    if told_by == "image":
        venue.feed(image(side, (deeper, 10), (touch - 3 * side, 10)))
        assert venue.ahead(2) == 0
    else:
        venue.feed(bbo(side, deeper, 10))
        assert venue.ahead(2) == 10
    assert venue.ahead(1) == 0
    venue.feed(trade(-side, touch, 2))
    assert venue.filled == [(1, touch, 2)]


@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("px", [90, 100, 101, 110])
def test_rule_2f_a_side_shown_without_a_level_is_empty_at_every_price(side: int, px: int) -> None:
    """A bbo without lots empties its side, whatever price it carries."""
    venue = _venue()
    touch = 100 if side > 0 else 101
    venue.new(1, side, touch, 5)
    venue.new(2, side, touch - 2 * side, 5)
    venue.new(3, side, touch - 20 * side, 5)
    venue.feed(bbo(side, px, 0))
    assert [venue.ahead(k) for k in (1, 2, 3)] == [0, 0, 0]
    assert [venue.order(k)["seen"] for k in (1, 2, 3)] == [1, 1, 1]
    assert shown(venue.book, int(side > 0), touch - 20 * side) == 0


def test_rule_2f_an_image_without_a_level_is_an_empty_side() -> None:
    venue = _venue()
    venue.new(1, BID, 98, 5)
    venue.new(2, ASK, 103, 5)
    venue.feed(image(BID), image(ASK))
    assert (venue.ahead(1), venue.ahead(2)) == (0, 0)


def test_rule_2f_an_emptied_level_within_an_image_is_that_level_alone() -> None:
    venue = _venue()
    venue.new(1, ASK, 102, 5)
    venue.new(2, ASK, 110, 5)
    venue.feed(image(ASK, (101, 10), (102, 0)))
    assert venue.ahead(1) == 0
    assert venue.order(2)["seen"] == 0
    assert shown(venue.book, 0, 103) == UNKNOWN
