"""Position, cash and fees of the simulated exchange, and what the maker makes of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmm.market import MarketRules
from simmm.records import GTC, IOC, STALE_MID, Market
from simmm.simulation import LatencySettings
from simmm.venue.account import book_fill, fee_of
from simmm.venue_records import Account
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
    BUYER,
    MS,
    SELLER,
    Message,
    Venue,
    Want,
    depth,
    follow,
    image,
    record,
    run,
    trade,
)

FEES = {"maker_fee": "0.0001", "taker_fee": "0.00045"}
MILLION = 1_000_000  # money quanta per quantum x lot in `hand.WHOLE`


def _venue(**rules: Any) -> Venue:
    return Venue(**{**FEES, **rules}).feed(BIDS, ASKS)


# ---------------------------------------------------------------- rule 4a, 4b: at once, exactly


def test_rule_4a_a_partial_fill_reaches_position_cash_and_fees_at_once() -> None:
    """2 of 5 at 100: position 2, cash -200 and a fee of 1 bp of 200 = 0.02."""
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(trade(SELLER, 100, 22))
    account = venue.account
    assert (account["position"], account["maker_volume"], account["taker_volume"]) == (2, 2, 0)
    assert account["fees"] == 20_000
    assert account["cash"] == -200 * MILLION - 20_000
    told = venue.responses()[-1]
    assert (told["quantity"], told["leaves"], told["fee"]) == (2, 3, 20_000)
    assert venue.fills[0]["position"] == 2


def test_rule_4a_every_level_a_taker_takes_is_booked() -> None:
    """25 at 101, 102, 103: 10 * 101 + 10 * 102 + 5 * 103 = 2545; 4.5 bps of it."""
    venue = _venue()
    venue.new(1, BID, 103, 25, IOC)
    account = venue.account
    fees = (1010 * 450 + 1020 * 450 + 515 * 450) * MILLION // 1_000_000
    assert (account["position"], account["taker_volume"]) == (25, 25)
    assert account["fees"] == fees
    assert account["cash"] == -2545 * MILLION - fees


def test_rule_4a_a_round_trip_earns_the_spread_less_fees() -> None:
    """Bought 5 at 100, sold 5 at 101: 5 less 1 bp of 1005."""
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.new(2, ASK, 101, 5)
    venue.feed(trade(SELLER, 99, 5)).feed(trade(BUYER, 102, 5))
    account = venue.account
    assert (account["position"], account["fees"]) == (0, 100_500)
    assert account["cash"] == 5 * MILLION - 100_500


def test_rule_4b_an_exact_fill_ends_the_order_and_the_run_goes_on() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(trade(SELLER, 100, 25))
    assert not venue.rests(1)
    assert (venue.ended[0]["filled"], venue.ended[0]["end"]) == (5, 2)
    for _ in range(5):
        venue.feed(trade(SELLER, 100, 25), depth(BID, 100, 20))
    assert venue.filled == [(1, 100, 5)]
    assert venue.venue.n_bids == 0


@pytest.mark.parametrize("tif", [GTC, IOC])
def test_rule_4b_a_taker_filled_to_the_lot_leaves_nothing_behind(tif: int) -> None:
    venue = _venue()
    venue.new(1, BID, 101, 10, tif)
    assert not venue.rests(1)
    venue.feed(trade(SELLER, 90, 50))
    assert venue.filled == [(1, 101, 10)]


# ------------------------------------------------------------------------------ rule 4e: fees


@pytest.mark.parametrize(
    ("notional", "rate_e9", "fee"),
    [
        (10_000, 150_000, 1),  # 1.5 money quanta, truncated
        (9_999_999, 100_000, 999),  # 999.9999
        (10_000, -30_000, 0),  # a rebate of 0.3 is none
        (100_000, -30_000, -3),
        (99_999, -30_000, -2),  # toward zero, not down
        (0, 450_000, 0),
        (10_000, 0, 0),
    ],
)
def test_rule_4e_fees_are_truncated_toward_zero(notional: int, rate_e9: int, fee: int) -> None:
    assert fee_of(notional, rate_e9) == fee


@given(st.integers(0, 9 * 10**18), st.integers(-500_000_000, 500_000_000))
def test_rule_4e_fees_of_huge_notionals_are_exact(notional: int, rate_e9: int) -> None:
    exact = Fraction(notional * rate_e9, 10**9)
    assert fee_of(notional, rate_e9) == int(exact)  # int() truncates toward zero


def test_rule_4e_a_rebate_is_paid_to_the_maker() -> None:
    venue = _venue(maker_fee="-0.0001")
    venue.new(1, ASK, 101, 4)
    venue.feed(trade(BUYER, 102, 4))
    assert venue.account["fees"] == -40_400
    assert venue.account["cash"] == 404 * MILLION + 40_400


def test_rule_4e_maker_and_taker_pay_their_own_rates() -> None:
    """A GTC buys 10 at 101 as taker; 5 rest at 101 and are sold to as maker."""
    venue = _venue()
    venue.new(1, BID, 101, 15, GTC)
    venue.feed(trade(SELLER, 101, 5))
    assert [fill["fee"] for fill in venue.fills] == [454_500, 50_500]


def test_cash_of_a_large_position_does_not_wrap() -> None:
    """10 million of price times 500 billion of notional: beyond 2^53, inside 2^63."""
    account, market = record(Account), record(Market)
    market.money_scale, market.maker_fee_e9 = 1, 150_000
    px, lots = 10_000_000, 500_000_000_001
    fee = book_fill(account, market, ASK, px, lots, False)
    assert fee == px * lots * 150_000 // 10**9
    assert account.cash == px * lots - fee
    assert account.position == -lots


def test_money_is_fine_enough_for_a_lot_of_the_smallest_price() -> None:
    """One lot at one quantum is a whole number of money quanta, each at most 1e-6."""
    for quantum, lot in (("0.1", "0.00001"), ("0.000001", "1"), ("1", "1"), ("0.5", "0.2")):
        rules = MarketRules(symbol="X", price_quantum=quantum, lot_size=lot)
        unit = Fraction(quantum) * Fraction(lot)
        assert rules.money_quantum <= 1e-6
        assert Fraction(rules.money_quantum).limit_denominator(10**15) * rules.money_scale == unit


# --------------------------------------------------- the mid of a fill, and the maker's account


def test_the_mid_of_a_fill_is_the_one_before_its_block() -> None:
    """The block that fills us also moves the book from 100/101 to 97/99."""
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(trade(SELLER, 98, 40), image(BID, (97, 3)), image(ASK, (99, 3)))
    assert [fill["mid2"] for fill in venue.fills] == [201]
    venue.new(2, BID, 97, 5)
    venue.feed(trade(SELLER, 96, 40))
    assert [fill["mid2"] for fill in venue.fills] == [201, 196]


def test_the_mid_of_a_crossed_fill_is_the_one_before_its_block_too() -> None:
    """Within the block the bids fall to 95 before the ask comes down to ours."""
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(image(BID, (95, 3)), image(ASK, (99, 3)), depth(ASK, 98, 1))
    assert [(fill["quantity"], fill["mid2"]) for fill in venue.fills] == [(3, 201), (1, 201)]


def test_the_mid_of_a_request_is_that_of_the_book_when_it_arrives() -> None:
    venue = _venue().feed(depth(ASK, 101, 0))
    venue.new(1, BID, 102, 5, IOC)
    assert [fill["mid2"] for fill in venue.fills] == [202]


def test_without_a_whole_book_the_last_whole_mid_is_used_and_the_fill_marked() -> None:
    venue = _venue()
    venue.new(1, BID, 100, 5)
    venue.feed(image(ASK)).feed(trade(SELLER, 99, 2))
    assert [(fill["mid2"], fill["marks"] & STALE_MID) for fill in venue.fills] == [(201, STALE_MID)]
    venue.feed(ASKS).feed(trade(SELLER, 99, 2))
    assert venue.fills[1]["marks"] & STALE_MID == 0


def test_maker_and_venue_agree_on_every_figure_once_all_is_heard(tmp_path: Path) -> None:
    messages = [Message(0, MS, BIDS + ASKS)]
    for k in range(1, 30):
        aggressor = SELLER if k % 3 else BUYER
        messages.append(Message(k * 10 * MS, k * 10 * MS + MS, trade(aggressor, 100 + k % 2, k)))
    messages.append(Message(2000 * MS, 2001 * MS, depth(BID, 98, 11)))
    result = run(
        tmp_path,
        messages,
        follow([Want(0, [(100, 7), (99, 3)], [(101, 4)]), Want(250 * MS)]),
        requote_ns=7 * MS,
        response=LatencySettings(low_ns=9 * MS),
        rules=FEES,
    )
    account, maker = result.simulation.venues["account"][0], result.simulation.makers[0]
    assert len(result.fills) > 5
    assert sum(fill["side"] * fill["quantity"] for fill in result.fills) == account["position"]
    assert sum(fill["fee"] for fill in result.fills) == account["fees"] == maker["fees"]
    assert (maker["position"], maker["cash"]) == (account["position"], account["cash"])


def test_funding_and_margin_are_there_and_stay_zero() -> None:
    account = _venue().account
    assert [account[name] for name in ("funding", "margin_used", "margin_available")] == [0, 0, 0]
