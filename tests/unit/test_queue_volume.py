"""Rules 3 and 6 of docs/fill-model.md: volume is used once; bounds of a place. Worked by hand.

Unless a test says otherwise: one lot is one unit, the book shows 20 lots at the best bid of 100,
10 at 99 and 98, and asks of 10 lots from 101 on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.book import shown
from simmm.records import CROSSED, GTC, IOC, TAKER, THROUGH, TRADE
from simmm.venue.queue import published
from simmm.venue_records import QueueSettings
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
    BUYER,
    MS,
    SELLER,
    Message,
    Row,
    Venue,
    bbo,
    depth,
    gap,
    image,
    record,
    run,
    trade,
)

MODELS = published.FORMS


def _venue(queue: str = "power", n: float = 3.0, **rules: Any) -> Venue:
    return Venue(queue, n, **rules).feed(BIDS, ASKS)


# ------------------------------------------------------------ rule 3: volume is used once


def test_rule_3a_own_orders_at_one_price_share_a_print_first_come_first_served() -> None:
    """Nobody else there; five orders of 1 and prints of 1, 3 and 0 left."""
    venue = Venue().feed(image(BID, (99, 10)), ASKS)
    for number in range(1, 6):
        venue.new(number, BID, 100, 1)
    venue.feed(trade(SELLER, 100, 1))
    assert venue.filled == [(1, 100, 1)]
    venue.feed(trade(SELLER, 100, 3))
    assert venue.filled == [(k, 100, 1) for k in (1, 2, 3, 4)]
    assert venue.rests(5)


def test_rule_3a_a_later_order_waits_for_others_and_for_our_earlier_one() -> None:
    """20 others, then ours of 5, then 10 others, then ours of 5; prints of 22, 5 and 12."""
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 30))
    venue.new(2, BID, 100, 5)
    assert (venue.ahead(1), venue.ahead(2)) == (20, 30)
    venue.feed(trade(SELLER, 100, 22))  # 20 others, 2 ours
    assert venue.filled == [(1, 100, 2)]
    assert venue.ahead(2) == 10
    venue.feed(trade(SELLER, 100, 5))  # 3 ours, 2 others
    assert venue.filled[1:] == [(1, 100, 3)]
    assert venue.ahead(2) == 8
    venue.feed(trade(SELLER, 100, 12))  # 8 others, 4 ours
    assert venue.filled[2:] == [(2, 100, 4)]


def test_rule_3a_the_better_price_is_served_first() -> None:
    venue = Venue().feed(image(BID, (98, 10)), ASKS)
    venue.new(1, BID, 99, 4)
    venue.new(2, BID, 100, 4)
    venue.feed(trade(SELLER, 99, 6))
    assert venue.filled == [(2, 100, 4), (1, 99, 2)]
    assert [fill["marks"] for fill in venue.fills] == [THROUGH, 0]


def test_rule_3b_a_small_sweep_fills_no_more_than_its_size() -> None:
    """A print of 1 lot far below an order of 1000."""
    venue = _venue()
    venue.new(1, BID, 100, 1000)
    venue.feed(trade(SELLER, 95, 1))
    assert venue.filled == [(1, 100, 1)]
    assert venue.fills[0]["marks"] == THROUGH
    assert venue.order(1)["leaves"] == 999


def test_rule_3b_own_fills_of_one_aggressor_never_exceed_its_prints() -> None:
    """It prints 3 at 100 and 4 at 99: of ours at 100 and 99 fill 7 at most."""
    venue = Venue().feed(image(BID, (98, 10)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.new(2, BID, 99, 50)
    venue.feed(trade(SELLER, 100, 3), trade(SELLER, 99, 4))
    assert venue.filled == [(1, 100, 3), (1, 100, 2), (2, 99, 2)]


def test_rule_3b_a_print_on_the_other_side_or_worse_than_ours_fills_nothing() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.new(2, ASK, 101, 5)
    venue.feed(trade(BUYER, 100, 90)).feed(trade(SELLER, 101, 90))
    assert venue.filled == []
    assert (venue.ahead(1), venue.ahead(2)) == (20, 10)


def test_rule_3c_the_opposite_best_that_reaches_us_fills_at_our_price_what_it_shows() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 50)
    venue.feed(bbo(ASK, 98, 7))
    assert venue.filled == [(1, 100, 7)]
    assert venue.fills[0]["marks"] == CROSSED
    assert venue.order(1)["leaves"] == 43


def test_rule_3c_an_ask_order_is_crossed_likewise() -> None:
    venue = _venue()
    venue.new(1, ASK, 101, 3)
    venue.new(2, ASK, 102, 3)
    venue.feed(image(BID, (103, 4), (102, 9)))
    # 4 shown at 103 fill ours at 101 and one of 102; 9 shown at 102 fill the rest.
    assert venue.filled == [(1, 101, 3), (2, 102, 1), (2, 102, 2)]


def test_rule_3c_shown_lots_are_not_used_twice_however_often_they_are_told() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 50)
    venue.feed(bbo(ASK, 100, 7)).feed(image(ASK, (100, 7), (101, 10))).feed(depth(ASK, 100, 7))
    assert venue.filled == [(1, 100, 7)]
    venue.feed(depth(ASK, 100, 3))  # another size: another offer
    assert venue.filled == [(1, 100, 7), (1, 100, 3)]


def test_rule_3d_taken_liquidity_is_gone_until_the_level_changes() -> None:
    """10 shown: IOCs of 4, 4 and 4 get 4, 4 and 2; then nothing, however often it is shown."""
    venue = _venue()
    for number in (1, 2, 3, 4):
        venue.new(number, BID, 101, 4, IOC)
    assert venue.filled == [(1, 101, 4), (2, 101, 4), (3, 101, 2)]
    assert all(fill["marks"] == TAKER for fill in venue.fills)
    venue.feed(ASKS).feed(depth(ASK, 101, 10)).feed(bbo(ASK, 101, 10)).feed(ASKS)
    venue.new(5, BID, 101, 4, IOC)
    assert len(venue.fills) == 3
    venue.feed(depth(ASK, 101, 6))
    venue.new(6, BID, 101, 9, IOC)
    assert venue.filled[3:] == [(6, 101, 6)]


def test_rule_3d_another_level_that_changes_gives_nothing_back() -> None:
    venue = _venue()
    venue.new(1, BID, 101, 10, IOC)
    venue.feed(depth(ASK, 102, 3)).feed(depth(BID, 101, 0)).feed(depth(BID, 100, 19))
    venue.new(2, BID, 101, 10, IOC)
    assert venue.filled == [(1, 101, 10)]


def test_rule_3d_what_a_resting_order_took_by_crossing_is_gone_for_takers_too() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 4)
    venue.feed(depth(ASK, 100, 6))
    assert venue.filled == [(1, 100, 4)]
    venue.new(2, BID, 100, 9, IOC)
    assert venue.filled[1:] == [(2, 100, 2)]


def test_rule_3d_a_taker_walks_levels_and_the_rest_of_gtc_rests_behind_nobody() -> None:
    """10 at 101 and 10 at 102: 25 at 102 take 20; 5 rest at 102, where no bid is known above."""
    venue = _venue()
    venue.new(1, BID, 102, 25, GTC)
    assert venue.filled == [(1, 101, 10), (1, 102, 10)]
    assert (venue.order(1)["leaves"], venue.ahead(1)) == (5, 0)
    venue.feed(trade(SELLER, 102, 2))
    assert venue.filled[2:] == [(1, 102, 2)]
    assert venue.fills[2]["marks"] & TAKER == 0


# -------------------------------------------------------------- rule 6: bounds of a place

ROWS = st.one_of(
    st.builds(trade, st.just(SELLER), st.sampled_from([99, 100]), st.integers(1, 30)),
    st.builds(depth, st.just(BID), st.sampled_from([99, 100]), st.integers(0, 40)),
    st.builds(lambda a, b: image(BID, (100, a), (99, b)), st.integers(1, 40), st.integers(1, 40)),
    st.builds(lambda a: image(BID, (100, a)), st.integers(1, 40)),
    st.builds(lambda a: image(BID, (99, a)), st.integers(1, 40)),
    st.builds(bbo, st.just(BID), st.sampled_from([99, 100]), st.integers(0, 40)),
    st.builds(gap),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(MODELS), st.sampled_from([0.5, 1.0, 2.5, 3.0]), st.lists(ROWS, max_size=15))
def test_rule_6_0_le_ahead_le_displayed_by_others(
    model: str, n: float, rows: list[list[Row]]
) -> None:
    """Own orders are too large to fill away; between a print and the next level row half a lot of
    the print may be owed to us, and nothing fills but by prints."""
    venue = Venue(model, n, window=1 << 7).feed(image(BID, (100, 15), (99, 5)), ASKS)
    venue.new(1, BID, 100, 10**6)
    venue.new(2, BID, 99, 10**6)
    filled = 0
    for part in rows:
        venue.feed(part)
        printed = part[0][2] if part[0][0] & 7 == TRADE else 0
        before, filled = filled, sum(lots for _, _, lots in venue.filled)
        assert filled - before <= printed
        for number, px in ((1, 100), (2, 99)):
            ahead = venue.ahead(number)
            assert ahead > -0.5 if printed else ahead >= 0
            displayed = shown(venue.book, 1, px)
            assert displayed <= 0 or ahead <= displayed


@pytest.mark.parametrize("n", [0.5, 2.5, 3.0])
@pytest.mark.parametrize("rest", [-3e-17, 0.0, -0.4])
def test_rule_6_a_rest_of_rounding_never_moves_the_first_order_back(n: float, rest: float) -> None:
    """What a print left ahead may be a hair below 0, where a root is not a number."""
    state, queue = record(published.State), record(QueueSettings)
    queue.form, queue.n = published.FORMS.index("power"), n
    published.join(state, queue, rest)
    published.depth(state, queue, 60, 54)
    assert state.ahead == 0


@pytest.mark.parametrize("model", MODELS)
def test_rule_6_sizes_beyond_all_bounds_stay_finite(model: str) -> None:
    """10^15 lots ahead and behind, under an exponent of 16."""
    venue = Venue(model, 16.0).feed(image(BID, (100, 10**15)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 2 * 10**15)).feed(depth(BID, 100, 10**15 + 1))
    assert 0 <= venue.ahead(1) <= 10**15


def test_rule_6_market_data_never_contains_own_orders(tmp_path: Path) -> None:
    """Alone at 100 with 5: the maker and the venue go on seeing 99 as the best bid."""
    seen = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        seen.append((market.bid_px, market.bid_qty))
        wanted.bids, wanted.bid_px[0], wanted.bid_qty[0] = 1, 100, 5

    messages = [
        Message(k * 100 * MS, k * 100 * MS + MS, image(BID, (99, 10)) + ASKS) for k in range(4)
    ]
    result = run(tmp_path, messages, quote, requote_ns=50 * MS)
    assert len(result.intents) == 1
    assert set(seen) == {(99.0, 10.0)}
    assert {row["best_bid"] for row in result.tables.get("equity", [])} <= {99}
