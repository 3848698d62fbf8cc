"""Fees: the venue's product of doubles, and rates by tier, maker share and discounts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmm.errors import ScenarioError
from simmm.rules import FeeSchedule, FeeTier, venue_rules
from simmm.venue.fees import fee_product

FEES = venue_rules("hyperliquid", "BTC", "2026-07-19").fees


@pytest.mark.parametrize(
    ("notional", "rate", "fee"),
    [
        # 81623 x 0.00031 and 66653 x 0.001, recorded: 0.00364365 and 0.00999795, both cut
        (25_303_130, 0.000144, 3_643),
        (66_653_000, 0.00015, 9_997),
        # 63250 x 0.0005 and 0.1 x 120, recorded: the discounted rate is a product of doubles
        (31_625_000, 0.00015 * 0.96, 4_553),
        (12_000_000, 0.00015 * 0.96, 1_727),
        (31_625_000, 0.000144, 4_554),
        (12_000_000, 0.000144, 1_728),
        # a rebate is cut toward zero as well
        (12_345_678, -0.00001, -123),
        (0, 0.00045, 0),
    ],
)
def test_fees_of_recorded_fills(notional: int, rate: float, fee: int) -> None:
    assert fee_product(notional, rate) == fee


@given(st.integers(0, 2**53), st.floats(-0.0005, 0.0005))
def test_the_product_is_within_its_one_rounding(notional: int, rate: float) -> None:
    exact = notional * Fraction(rate)
    assert abs(fee_product(notional, rate) - exact) <= 1 + abs(exact) * Fraction(1, 2**52)


def test_the_base_rates() -> None:
    assert FEES.rates() == (0.00015, 0.00045)


@pytest.mark.parametrize(
    ("volume", "maker", "taker"),
    [
        (5_000_000, 0.00015, 0.00045),  # a tier begins above its volume
        (5_000_000.01, 0.00012, 0.0004),
        (25_000_001, 0.00008, 0.00035),
        (100_000_001, 0.00004, 0.0003),  # as recorded of an account in that tier
        (500_000_001, 0.0, 0.00028),
        (2_000_000_001, 0.0, 0.00026),
        (7_000_000_001, 0.0, 0.00024),
    ],
)
def test_tiers_by_volume(volume: float, maker: float, taker: float) -> None:
    assert FEES.rates(volume) == (maker, taker)


@pytest.mark.parametrize(
    ("share", "maker"),
    [(0.005, 0.00015), (0.006, -0.00001), (0.016, -0.00002), (0.04, -0.00003), (1.0, -0.00003)],
)
def test_rebates_by_maker_share(share: float, maker: float) -> None:
    assert FEES.rates(maker_share=share) == (maker, 0.00045)


def test_discounts_are_products_of_doubles() -> None:
    maker, taker = FEES.rates(referral_discount=0.04)
    assert (maker, taker) == (0.00015 * 0.96, 0.00045 * 0.96)
    assert maker != 0.000144  # the nearest double is another
    recorded = (0.000105, 0.000315)  # of an account with 30 % off
    assert FEES.rates(staking_discount=0.3) == pytest.approx(recorded, rel=1e-15)


def test_a_rebate_is_not_discounted() -> None:
    assert FEES.rates(0, 0.02, 0.04, 0.4)[0] == -0.00002


@pytest.mark.parametrize(
    "wrong",
    [
        {"volume_14d": -1.0},
        {"volume_14d": float("nan")},
        {"maker_share": 1.5},
        {"referral_discount": -0.1},
        {"staking_discount": 4.0},
    ],
)
def test_impossible_standing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ScenarioError, match=r"^fees: a .* must"):
        FEES.rates(**wrong)


def test_one_tier_is_a_schedule_too() -> None:
    flat = FeeSchedule(tiers=(FeeTier(above=0, taker=0.00025, maker=-0.00002),))
    assert flat.rates(10**12, 0.9) == (-0.00002, 0.00025)
