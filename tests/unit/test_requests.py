"""Requests at the simulated exchange: rules 4 and 5 of docs/fill-model.md, rejections, latency."""

from __future__ import annotations

from typing import Any

import pytest

from simmm.records import (
    ACCEPTED,
    ALO,
    BAD_SIZE,
    BAD_STEP,
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    GTC,
    IOC,
    MIN_NOTIONAL,
    MODIFIED,
    MODIFY_REJECTED,
    NO_LIQUIDITY,
    NO_REASON,
    OUT_OF_WINDOW,
    REJECTED,
    TAKER,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    UNSEEN,
    WOULD_CROSS,
)
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
    SELLER,
    Venue,
    bbo,
    depth,
    gap,
    image,
    trade,
)


def _venue(**rules: Any) -> Venue:
    return Venue(**rules).feed(BIDS, ASKS)


def _told(responses: list[dict[str, Any]]) -> list[tuple[int, int, int]]:
    return [(row["kind"], row["reason"], row["leaves"]) for row in responses]


# --------------------------------------------------------------------------------- new orders


def test_a_resting_order_is_accepted_with_its_size() -> None:
    venue = _venue()
    assert _told(venue.new(1, BID, 99, 5)) == [(ACCEPTED, NO_REASON, 5)]
    assert venue.order(1)["level_at_join"] == 10
    assert venue.ended == []


@pytest.mark.parametrize(("side", "px"), [(BID, 101), (BID, 103), (ASK, 100), (ASK, 95)])
def test_a_post_only_order_that_would_cross_is_rejected_and_takes_nothing(
    side: int, px: int
) -> None:
    venue = _venue()
    assert _told(venue.new(1, side, px, 5)) == [(REJECTED, WOULD_CROSS, 0)]
    assert venue.filled == []
    assert not venue.rests(1)
    assert [(row["id"], row["end"], row["reason"]) for row in venue.ended] == [
        (1, REJECTED, WOULD_CROSS)
    ]


def test_post_only_looks_at_what_others_show_when_the_order_arrives() -> None:
    venue = _venue().feed(depth(ASK, 101, 0))
    assert _told(venue.new(1, BID, 101, 5)) == [(ACCEPTED, NO_REASON, 5)]
    venue.feed(gap())  # nothing is known to be in the way
    assert _told(venue.new(2, BID, 103, 5)) == [(ACCEPTED, NO_REASON, 5)]


@pytest.mark.parametrize(
    ("px", "lots", "reason"),
    [
        (95, 5, NO_REASON),
        (94, 5, BAD_STEP),
        (95, 0, BAD_SIZE),
        (95, -3, BAD_SIZE),
        (0, 5, BAD_STEP),
        (-95, 5, BAD_STEP),
        (90, 1, MIN_NOTIONAL),
        (95, 2, MIN_NOTIONAL),
        (100, 2, NO_REASON),
        (5000, 5, WOULD_CROSS),
        (100_000, 5, OUT_OF_WINDOW),
    ],
)
def test_steps_sizes_and_notional_are_checked(px: int, lots: int, reason: int) -> None:
    """A step of 5 quanta, at least 200 of notional, one lot at least."""
    venue = Venue(window=1 << 13, tick_quanta=5, min_notional="200")
    venue.feed(image(BID, (100, 20)), image(ASK, (105, 20)))
    told = venue.new(1, BID, px, lots)
    assert _told(told)[0][:2] == (ACCEPTED if reason == NO_REASON else REJECTED, reason)
    assert int(venue.venue.rejections[reason]) == (reason != NO_REASON)


@pytest.mark.parametrize(
    ("px", "valid"),
    [(99_999, True), (100_001, False), (100_010, True), (1_234_500, True), (1_234_560, False)],
)
def test_five_significant_figures_make_the_step(px: int, valid: bool) -> None:
    """Quanta of 0.01: 1000.01 has six figures; whole prices such as 12345 are always valid."""
    venue = Venue(price_quantum="0.01", significant_figures=5)
    venue.feed(image(BID, (px - px % 100 + 300, 5)))
    told = _told(venue.new(1, BID, px, 1))
    assert told[0][:2] == ((ACCEPTED, NO_REASON) if valid else (REJECTED, BAD_STEP))


def test_orders_beyond_the_market_limit_are_rejected_until_one_ends() -> None:
    venue = _venue(max_open_orders=2)
    venue.new(1, BID, 99, 5)
    venue.new(2, ASK, 102, 5)
    assert _told(venue.new(3, BID, 98, 5)) == [(REJECTED, TOO_MANY_ORDERS, 0)]
    venue.cancel(1)
    assert _told(venue.new(4, BID, 98, 5)) == [(ACCEPTED, NO_REASON, 5)]


def test_ioc_takes_what_is_shown_up_to_its_price_and_the_rest_expires() -> None:
    venue = _venue()
    assert _told(venue.new(1, BID, 102, 25, IOC)) == [
        (FILLED, NO_REASON, 15),
        (FILLED, NO_REASON, 5),
        (EXPIRED, NO_REASON, 0),
    ]
    assert venue.filled == [(1, 101, 10), (1, 102, 10)]
    assert not venue.rests(1)


def test_ioc_filled_to_the_lot_ends_without_expiring() -> None:
    venue = _venue()
    assert _told(venue.new(1, ASK, 99, 30, IOC))[-1] == (FILLED, NO_REASON, 0)
    assert venue.filled == [(1, 100, 20), (1, 99, 10)]
    assert [(row["end"], row["filled"]) for row in venue.ended] == [(FILLED, 30)]


def test_ioc_with_nothing_to_match_says_so() -> None:
    venue = _venue()
    assert _told(venue.new(1, BID, 100, 5, IOC)) == [(EXPIRED, NO_LIQUIDITY, 0)]
    venue.feed(gap())
    assert _told(venue.new(2, BID, 103, 5, IOC)) == [(EXPIRED, NO_LIQUIDITY, 0)]


def test_a_taker_does_not_reach_into_what_is_unknown() -> None:
    """30 shown up to 103, nothing known beyond: an order of 50 at 150 gets 30."""
    venue = _venue()
    venue.new(1, BID, 150, 50, IOC)
    assert sum(lots for _, _, lots in venue.filled) == 30


def test_gtc_that_crosses_is_accepted_takes_and_rests() -> None:
    venue = _venue()
    assert _told(venue.new(1, ASK, 100, 25, GTC)) == [
        (ACCEPTED, NO_REASON, 25),
        (FILLED, NO_REASON, 5),
    ]
    assert (venue.order(1)["px"], venue.order(1)["leaves"], venue.ahead(1)) == (100, 5, 0)


# ------------------------------------------------------------------------------------- cancels


def test_a_cancel_ends_the_order_and_tells_what_was_open() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(trade(SELLER, 99, 2))
    assert _told(venue.cancel(1)) == [(CANCELLED, NO_REASON, 3)]
    venue.feed(trade(SELLER, 90, 50))
    assert venue.filled == [(1, 100, 2)]
    assert [(row["end"], row["filled"], row["quantity"]) for row in venue.ended] == [
        (CANCELLED, 2, 5)
    ]


def test_cancelling_what_is_gone_or_never_was_is_refused() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 2)
    venue.feed(trade(SELLER, 99, 2))
    for number in (1, 77):
        assert _told(venue.cancel(number)) == [(CANCEL_REJECTED, UNKNOWN_ORDER, 0)]


# ------------------------------------------------------------------- rule 4: what a modify does


def test_rule_4c_in_place_smaller_size_keeps_the_place_and_the_id() -> None:
    venue = _venue(modify="in_place")
    venue.new(1, BID, 100, 5)
    venue.feed(trade(SELLER, 100, 8), depth(BID, 100, 12))
    assert _told(venue.modify(1, BID, 100, 3)) == [(MODIFIED, NO_REASON, 3)]
    assert (venue.ahead(1), venue.order(1)["leaves"], venue.order(1)["quantity"]) == (12, 3, 3)


@pytest.mark.parametrize(("px", "lots", "ahead"), [(100, 6, 30), (99, 5, 10), (99, 2, 10)])
def test_rule_4c_in_place_anything_else_goes_to_the_back(px: int, lots: int, ahead: int) -> None:
    venue = _venue(modify="in_place")
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 30))
    assert _told(venue.modify(1, BID, px, lots)) == [(MODIFIED, NO_REASON, lots)]
    assert (venue.ahead(1), venue.order(1)["px"], venue.order(1)["leaves"]) == (ahead, px, lots)


def test_rule_4c_in_place_behind_our_own_order_that_came_before() -> None:
    venue = Venue(modify="in_place").feed(image(BID, (99, 10)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.new(2, BID, 100, 5)
    venue.modify(1, BID, 100, 6)
    venue.feed(trade(SELLER, 100, 7))
    assert venue.filled == [(2, 100, 5), (1, 100, 2)]


def test_rule_4c_a_modify_changes_the_open_size_whatever_was_filled() -> None:
    venue = _venue(modify="in_place")
    venue.new(1, BID, 100, 5)
    venue.feed(trade(SELLER, 99, 2))
    assert _told(venue.modify(1, BID, 100, 3)) == [(MODIFIED, NO_REASON, 3)]
    order = venue.order(1)
    assert (order["leaves"], order["filled"], order["quantity"], order["modifies"]) == (3, 2, 5, 1)


def test_rule_4d_replace_makes_a_new_order_at_the_back_even_for_the_same() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 30))
    told = venue.modify(1, BID, 100, 5, new_id=2)
    assert _told(told) == [(MODIFIED, NO_REASON, 5)]
    assert (told[0]["id"], told[0]["new_id"]) == (1, 2)
    assert not venue.rests(1)
    assert (venue.ahead(2), venue.order(2)["modifies"]) == (30, 1)
    assert [(row["id"], row["end"]) for row in venue.ended] == [(1, MODIFIED)]


@pytest.mark.parametrize("rule", ["in_place", "replace"])
def test_a_modify_keeps_its_time_in_force(rule: str) -> None:
    venue = _venue(modify=rule)
    venue.new(1, BID, 99, 5, GTC)
    venue.modify(1, BID, 101, 4, new_id=2 if rule == "replace" else 1)
    assert [lots for _, _, lots in venue.filled] == [4]


def test_a_post_only_modify_that_would_cross_is_refused_in_place() -> None:
    venue = _venue(modify="in_place")
    venue.new(1, BID, 100, 5)
    assert _told(venue.modify(1, BID, 101, 5)) == [(MODIFY_REJECTED, WOULD_CROSS, 5)]
    assert (venue.order(1)["px"], venue.ahead(1)) == (100, 20)


def test_a_post_only_modify_that_would_cross_loses_the_order_on_a_replacing_market() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 5)
    assert _told(venue.modify(1, BID, 101, 5, new_id=2)) == [(MODIFY_REJECTED, WOULD_CROSS, 0)]
    assert not venue.rests(1)
    assert not venue.rests(2)
    assert [(row["id"], row["end"]) for row in venue.ended] == [(1, MODIFY_REJECTED)]


@pytest.mark.parametrize("rule", ["in_place", "replace"])
@pytest.mark.parametrize(
    ("px", "lots", "reason"), [(99, 5, BAD_STEP), (98, 0, BAD_SIZE), (98, 1, MIN_NOTIONAL)]
)
def test_a_modify_against_the_rules_leaves_the_order_as_it_was(
    rule: str, px: int, lots: int, reason: int
) -> None:
    venue = _venue(modify=rule, tick_quanta=2, min_notional="150")
    venue.new(1, BID, 100, 5)
    assert _told(venue.modify(1, BID, px, lots, new_id=2)) == [(MODIFY_REJECTED, reason, 5)]
    assert (venue.order(1)["px"], venue.order(1)["leaves"], venue.ahead(1)) == (100, 5, 20)


def test_modifying_what_is_gone_is_refused() -> None:
    assert _told(_venue().modify(9, BID, 99, 5, new_id=10)) == [(MODIFY_REJECTED, UNKNOWN_ORDER, 0)]


def test_a_modified_order_is_flagged_by_where_it_stands_now() -> None:
    """Joined unseen at 90, moved to a level that is shown; a taker saw what it took."""
    venue = _venue(modify="in_place")
    venue.new(1, BID, 90, 5, GTC)
    venue.modify(1, BID, 101, 12)
    assert venue.fills[0]["marks"] == TAKER
    venue.new(2, BID, 90, 5)
    venue.modify(2, BID, 99, 5)
    venue.feed(trade(SELLER, 98, 99))
    assert all(not fill["marks"] & UNSEEN for fill in venue.fills)


def test_a_crossed_post_only_order_of_ours_can_still_shrink_in_place() -> None:
    """Others ask at our price less than we bid: what is left of ours stays and may shrink."""
    venue = _venue(modify="in_place")
    venue.new(1, BID, 100, 10)
    venue.feed(bbo(ASK, 100, 4))
    assert venue.filled == [(1, 100, 4)]
    assert _told(venue.modify(1, BID, 100, 3)) == [(MODIFIED, NO_REASON, 3)]
    assert _told(venue.modify(1, BID, 100, 9)) == [(MODIFY_REJECTED, WOULD_CROSS, 3)]
    assert venue.order(1)["tif"] == ALO
