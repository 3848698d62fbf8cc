"""Margin and the position's entry: recorded account states, tiers, and exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.jit import compiled, records
from simmm.records import TIERS, Market
from simmm.rules import venue_rules
from simmm.venue import margin
from simmm.venue_records import Account
from tests.hand import record

USDC = 1_000_000
M = 1_000_000 * USDC
BTC, ETH = (venue_rules("hyperliquid", name, "2026-07-19") for name in ("BTC", "ETH"))


def _market(rules: Any = BTC) -> Any:
    array = rules.market().to_record().view(np.recarray)
    rules.write(array)
    return array[0]


def _account(**fields: int) -> Any:
    account = record(Account)
    account.margin, account.leverage = margin.CROSS, 20
    for name, value in fields.items():
        setattr(account, name, value)
    return account


def _fills(account: Any, market: Any, fills: list[tuple[int, int, int]]) -> None:
    """Book fills (side, px, lots) with their cash."""
    for side, px, lots in fills:
        margin.book_position(account, market, side, px, lots)
        account.cash -= side * px * lots * market.money_scale


@pytest.fixture
def recorded() -> tuple[Any, Any]:
    """The account state of 2026-02-03: 0.00061 BTC from 82771.8(52), mark 78135.0."""
    market, account = _market(), _account(mark=781_350)
    _fills(account, market, [(1, 827_718, 29), (1, 827_719, 32)])
    account.deposit = 131_345_076 - account.cash  # totalRawUsd
    return account, market


# ------------------------------------------------------------------------- recorded account states


def test_recorded_value(recorded: tuple[Any, Any]) -> None:
    assert margin.notional(*recorded) == 47_662_350
    assert margin.value(*recorded) == 179_007_426


def test_recorded_initial_margin_is_truncated(recorded: tuple[Any, Any]) -> None:
    assert margin.initial(*recorded) == 2_383_117  # 2.3831175


def test_recorded_maintenance_is_truncated(recorded: tuple[Any, Any]) -> None:
    assert margin.maintenance(*recorded) == 595_779  # 0.595779375


def test_recorded_withdrawable_keeps_a_tenth_of_the_notional(recorded: tuple[Any, Any]) -> None:
    assert margin.withdrawable(*recorded) == 174_241_191


def test_recorded_unrealised_profit_uses_the_whole_entry(recorded: tuple[Any, Any]) -> None:
    assert margin.unrealised(*recorded) == -2_828_480


def test_recorded_return_on_equity(recorded: tuple[Any, Any]) -> None:
    account = recorded[0]
    exact = Fraction(margin.unrealised(*recorded) * account.leverage, int(account.entry_cost))
    assert round(float(exact), 10) == -1.1203935447


def test_refresh_writes_the_three_figures(recorded: tuple[Any, Any]) -> None:
    account, market = recorded
    margin.refresh(account, market)
    figures = (account.margin_used, account.margin_available, account.maintenance)
    assert figures == (2_383_117, 174_241_191, 595_779)


@pytest.mark.parametrize(
    ("position", "cost", "shown"),
    [
        (61, 50_490_830, 827_718),  # 82771.852 shown as 82771.8
        (25, 16_179_117, 647_164),  # 64716.468 as 64716.4
        (20, 243_399, 12_169),  # 0.1216995 as 0.12169
        (20_717, 13_404_613_181, 647_034),  # 2026-07-19: 64703.4
        (229_475, 42_788_177_504, 186_461),  # 1864.61
        (-993_285, 12_094_126_505, 12_175),  # a short: 0.121758... as 0.12175
    ],
)
def test_shown_entry_prices_are_truncated(position: int, cost: int, shown: int) -> None:
    assert margin.entry_px(_account(position=position, entry_cost=cost), _market()) == shown


# ------------------------------------------------------------------------------------------ tiers


def _exact_maintenance(rules: Any, amount: int) -> int:
    """The venue's formula in fractions, cut."""
    deduction, rate, owed = Fraction(0), Fraction(0), Fraction(0)
    for tier in rules.tiers:
        higher = Fraction(1, 2 * tier.leverage)
        deduction += tier.low * USDC * (higher - rate)
        rate = higher
        if amount >= tier.low * USDC:
            owed = amount * rate - deduction
    return int(owed)


@pytest.mark.parametrize(("rules", "border"), [(BTC, 150 * M), (ETH, 100 * M)])
def test_maintenance_has_no_jump_at_a_border(rules: Any, border: int) -> None:
    market = _market(rules)
    below, at, above = (margin.maintenance_of(market, border + d) for d in (-1, 0, 80))
    assert at == border // (2 * rules.tiers[0].leverage)
    assert below in (at - 1, at)
    assert above == at + 80 // (2 * rules.tiers[1].leverage)


def test_a_border_belongs_to_the_higher_tier() -> None:
    market = _market()
    assert [margin.tier_of(market, 150 * M + d) for d in (-1, 0)] == [0, 1]
    assert [margin.leverage_limit(market, 150 * M + d) for d in (-1, 0)] == [40, 20]


def test_maintenance_above_a_border() -> None:
    """200M of BTC: 200M x 2.5 % less 150M x 1.25 % = 3.125M."""
    assert margin.maintenance_of(_market(), 200 * M) == 3_125_000 * USDC


@given(st.integers(0, 10**18), st.sampled_from(["BTC", "ETH", "SOL", "XRP", "DYDX", "WLFI"]))
def test_maintenance_is_the_formula_cut(amount: int, symbol: str) -> None:
    rules = venue_rules("hyperliquid", symbol, "2026-07-19")
    assert margin.maintenance_of(_market(rules), amount) == _exact_maintenance(rules, amount)


def test_three_tiers_as_on_the_test_network() -> None:
    """0-20k 10x, to 100k 5x, above 3x."""
    market = record(Market)
    market.money_scale, market.n_tiers = 1, 3
    market.tier_low[:3] = [0, 20_000 * USDC, 100_000 * USDC]
    market.tier_leverage[:3] = [10, 5, 3]
    market.tier_deduction[:3] = [0, 10_000 * USDC, 46_000 * USDC]
    owed = [margin.maintenance_of(market, n * USDC) for n in (20_000, 100_000, 160_000)]
    assert owed == [1_000 * USDC, 9_000 * USDC, 19_000 * USDC]


def test_without_tiers_there_is_no_maintenance() -> None:
    assert margin.maintenance_of(record(Market), 10**12) == 0


# -------------------------------------------------------------------------- cross, isolated, limits


def test_cross_is_liquidatable_below_maintenance_not_at_it() -> None:
    market = _market()
    account = _account(mark=1_000_000, position=100_000)  # 100,000 USDC, maintenance 1,250
    for value, due, backstop in (
        (1_250 * USDC, False, False),
        (1_250 * USDC - 1, True, False),
        (833_333_333, True, False),  # two thirds: 833.333333 (cut)
        (833_333_332, True, True),
    ):
        account.deposit = value - 100_000 * USDC
        assert bool(margin.liquidatable(account, market)) == due
        assert bool(margin.backstop_due(account, market)) == backstop


@pytest.mark.parametrize("field", ["margin", "position", "mark"])
def test_nothing_is_liquidatable_without_margin_position_or_mark(field: str) -> None:
    account = _account(mark=1_000_000, position=100_000, deposit=-(10**15))
    assert margin.liquidatable(account, _market())
    setattr(account, field, 0)
    assert not margin.liquidatable(account, _market())


def test_isolated_sets_aside_gives_back_and_flips() -> None:
    market, account = _market(), _account(deposit=10_000 * USDC, mark=1_000_000)
    account.margin, account.leverage = margin.ISOLATED, 10
    _fills(account, market, [(1, 1_000_000, 3_000)])  # 3,000 USDC
    assert account.isolated == 300 * USDC
    assert margin.isolated_value(account, market) == 300 * USDC
    assert margin.free(account, market) == margin.withdrawable(account, market) == 9_700 * USDC
    account.mark = 1_010_000  # + 30 USDC, which is the position's
    assert margin.isolated_value(account, market) == 330 * USDC
    assert margin.free(account, market) == 9_700 * USDC
    _fills(account, market, [(-1, 1_010_000, 1_000)])  # a third is closed with 10 USDC profit
    assert (account.isolated, account.entry_cost) == (200 * USDC, 2_000 * USDC)
    assert margin.isolated_value(account, market) == 220 * USDC
    assert margin.free(account, market) == 9_810 * USDC
    _fills(account, market, [(-1, 1_010_000, 5_000)])  # closes 2,000 lots, sells 3,000 short
    assert (account.position, account.entry_cost) == (-3_000, 3_030 * USDC)
    assert account.isolated == 303 * USDC
    assert account.closed_pnl == 30 * USDC
    assert margin.value(account, market) == 10_030 * USDC
    margin.refresh(account, market)
    assert (account.margin_used, account.margin_available) == (303 * USDC, 9_727 * USDC)


def test_isolated_is_liquidated_on_its_own_value() -> None:
    market, account = _market(), _account(deposit=10**12, mark=1_000_000)
    account.margin, account.leverage = margin.ISOLATED, 40
    _fills(account, market, [(1, 1_000_000, 1_000)])  # 1,000 USDC, 25 set aside
    account.mark = 987_342  # value 12.342, maintenance 12.341775
    assert not margin.liquidatable(account, market)
    account.mark = 987_341
    assert margin.liquidatable(account, market)
    assert margin.value(account, market) > 900_000 * USDC


def test_nothing_is_withdrawable_below_the_margin() -> None:
    account = _account(deposit=9 * USDC, mark=1_000_000)
    _fills(account, _market(), [(-1, 1_000_000, 100)])
    assert margin.withdrawable(account, _market()) == 0


def test_worst_exposure() -> None:
    assert margin.worst_exposure(5, 3, 4) == 8
    assert margin.worst_exposure(5, 0, 20) == 15
    assert margin.worst_exposure(-5, 3, 4) == 9


def test_a_position_is_afforded_up_to_its_initial_margin() -> None:
    market, account = _market(), _account(deposit=100 * USDC, mark=1_000_000)
    assert margin.affords(account, market, 2_000)  # 2,000 USDC at 20x
    assert not margin.affords(account, market, 2_001)
    account.position = 5_000
    account.cash = -5_000 * USDC
    assert margin.affords(account, market, 5_000)  # no larger than it is
    assert not margin.affords(account, market, 5_001)


def test_isolated_affords_what_is_free() -> None:
    market, account = _market(), _account(deposit=1_000 * USDC, mark=1_000_000)
    account.margin, account.leverage = margin.ISOLATED, 10
    _fills(account, market, [(-1, 1_000_000, 4_000)])  # 400 set aside, 600 free
    assert margin.affords(account, market, 10_000)
    assert not margin.affords(account, market, 10_001)


# ------------------------------------------------------------------------------ exact arithmetic


@given(
    st.integers(-(10**18), 10**18),
    st.integers(1, 2**61 - 1).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_share_is_exact(total: int, parts: tuple[int, int]) -> None:
    part, whole = parts
    assert margin.share(total, part, whole) == total * part // whole


def test_share_of_nothing() -> None:
    assert margin.share(5, 0, 0) == 0


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6), st.integers(-(10**11), 10**11))
def test_funding_is_cut_toward_zero(position: int, px: int, rate_e12: int) -> None:
    exact = Fraction(position * px * rate_e12, 10**12)
    assert margin.funding_payment(position, px, 1, rate_e12) == int(exact)


def test_recorded_funding() -> None:
    """0.22273 BTC paid 0.179006 at 0.0000125 (2026-07-19), with the oracle at about 64295.5."""
    assert margin.funding_payment(22_273, 642_955, 1, 12_500_000) == 179_006
    assert margin.funding_payment(-22_273, 642_955, 1, 12_500_000) == -179_006


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, -1]), st.integers(1, 10**6), st.integers(1, 10**12)),
        max_size=30,
    )
)
def test_entry_and_closed_profit_follow_exact_averages(fills: list[tuple[int, int, int]]) -> None:
    """Against fractions: the truncated entry never moves while a position shrinks."""
    market, account = _market(), _account()
    for side, px, lots in fills:
        before = int(account.position)
        entry, cost = margin.entry_px(account, market), int(account.entry_cost)
        closed = int(account.closed_pnl)
        margin.book_position(account, market, side, px, lots)
        position = int(account.position)
        assert position == before + side * lots
        closing = min(lots, abs(before)) if before * side < 0 else 0
        gained = -side * (px - entry) * closing
        assert account.closed_pnl == closed + gained
        if closing == 0:
            assert account.entry_cost == cost + px * lots
        elif closing == lots and position != 0:  # smaller
            assert margin.entry_px(account, market) == entry
            assert account.entry_cost == cost * abs(position) // abs(before)
        elif position == 0:
            assert account.entry_cost == 0
        else:  # flipped
            assert account.entry_cost == px * abs(position)


def test_a_notional_of_a_trillion_does_not_wrap() -> None:
    """1e12 USDC is 1e18 money quanta."""
    market, account = _market(), _account(mark=10**6, position=10**12, deposit=5 * 10**16)
    account.cash, account.entry_cost = -(10**18), 10**18
    assert margin.notional(account, market) == 10**18
    assert margin.value(account, market) == 5 * 10**16
    assert margin.initial(account, market) == 5 * 10**16
    assert margin.maintenance(account, market) == (10**18 - 75 * M) // 40
    assert margin.liquidatable(account, market) == ((10**18 - 75 * M) // 40 > 5 * 10**16)
    margin.close_position(account, market, 10**6, 10**12 // 3)
    assert account.entry_cost == 10**18 - 10**6 * (10**12 // 3)


@compiled
def _compiled_state(accounts: Any, markets: Any, fills: Any) -> int:
    account, market = accounts[0], markets[0]
    for k in range(len(fills)):
        margin.book_position(account, market, fills[k, 0], fills[k, 1], fills[k, 2])
        margin.refresh(account, market)
    return margin.funding_payment(account.position, account.mark, 1, 12_500_000)


@pytest.mark.parametrize("mode", [margin.CROSS, margin.ISOLATED])
def test_compiled_and_interpreted_agree(mode: int) -> None:
    rng = np.random.default_rng(7)
    sides = rng.choice([-1, 1], 200)
    fills = np.stack([sides, rng.integers(1, 10**6, 200), rng.integers(1, 10**11, 200)], 1)
    arrays = []
    for _ in range(2):
        account, market = np.zeros(1, Account), BTC.market().to_record()
        BTC.write(market)
        account["margin"], account["leverage"], account["mark"] = mode, 20, 123_456
        arrays.append((account, market))
    (fast, market), (slow, _) = arrays
    paid = _compiled_state(records(fast), records(market), fills)
    account, rules = slow.view(np.recarray)[0], market.view(np.recarray)[0]
    for side, px, lots in fills.tolist():
        margin.book_position(account, rules, side, px, lots)
        margin.refresh(account, rules)
    assert fast.tolist() == slow.tolist()
    assert paid == margin.funding_payment(int(account.position), 123_456, 1, 12_500_000)


def test_the_shipped_tables_fit_the_record() -> None:
    assert all(
        len(venue_rules("hyperliquid", name).tiers) <= TIERS for name in ("BTC", "ETH", "SOL")
    )
