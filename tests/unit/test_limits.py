"""Limits that no quote leaves without: finite, on step, whole lots, inside the position."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm import maker_records
from simmm.maker_records import FAULT_LADDER, FAULT_NOT_FINITE, NO_FAULT
from simmm.market import MarketRules
from simmm.records import LADDER
from simmm.risk.limits import is_large_enough, no_fault, set_targets, whole_lots
from tests.hand import WHOLE, record

Wish = tuple[float, float]  # price in quanta, size in lots


def _maker(max_position: int = 1000, position: int = 0, **rules: Any) -> Any:
    maker = record(maker_records.Maker)
    maker["market"] = MarketRules(symbol="HAND", **{**WHOLE, **rules}).to_record()[0]
    maker.max_position = max_position
    maker.position = position
    return maker


def _targets(maker: Any, bids: list[Wish] | None = None, asks: list[Wish] | None = None) -> Any:
    """Return both sides' targets as lists of (px, lots)."""
    wanted = maker.wanted
    for name, levels in (("bid", bids or []), ("ask", asks or [])):
        wanted[f"{name}s"] = len(levels)
        for k, (px, qty) in enumerate(levels[:LADDER]):
            wanted[f"{name}_px"][k], wanted[f"{name}_qty"][k] = px, qty
    set_targets(maker)
    return [
        [
            (int(maker.target_px[side, k]), int(maker.target_lots[side, k]))
            for k in range(maker.n_targets[side])
        ]
        for side in (0, 1)
    ]


def test_prices_round_away_from_the_market_and_sizes_down() -> None:
    maker = _maker(tick_quanta=5)
    assert _targets(maker, [(104.9, 3.7)], [(105.1, 3.7)]) == [[(100, 3)], [(110, 3)]]


def test_what_is_almost_whole_is_whole() -> None:
    """0.1 + 0.2 makes 0.30000000000000004: neither a step worse nor a lot less."""
    maker = _maker()
    eps = 1e-9
    bids, asks = [(100 - eps, 3 - eps)], [(101 + eps, 3 - eps)]
    assert _targets(maker, bids, asks) == [[(100, 3)], [(101, 3)]]


@pytest.mark.parametrize(
    ("px", "bid", "ask"),
    [
        (99_999.4, 99_999, 100_000),
        (100_004.0, 100_000, 100_010),
        (1_234_567.0, 1_234_500, 1_234_600),
    ],
)
def test_the_step_follows_five_significant_figures(px: float, bid: int, ask: int) -> None:
    maker = _maker(price_quantum="0.01", significant_figures=5)
    assert _targets(maker, [(px, 1)], [(px, 1)]) == [[(bid, 1)], [(ask, 1)]]


def test_equal_prices_merge() -> None:
    maker = _maker()
    assert _targets(maker, [(100.2, 3), (99, 1), (100.7, 2)])[0] == [(100, 5), (99, 1)]


@pytest.mark.parametrize("wish", [(100, 0.9), (100, 0), (100, -5), (0.5, 5), (-7, 5), (1e300, 5)])
def test_wishes_that_mean_nothing_are_dropped(wish: Wish) -> None:
    maker = _maker()
    assert _targets(maker, [wish], [wish]) == [[], []]
    assert no_fault(maker)


def test_below_minimum_notional_is_dropped_after_equal_prices_merged() -> None:
    maker = _maker(min_notional="500")
    assert _targets(maker, [(100, 4), (99, 3), (99.5, 3)], [(101, 4)]) == [[(99, 6)], []]
    assert is_large_enough(maker, 100, 5)
    assert not is_large_enough(maker, 100, 4)
    assert not is_large_enough(_maker(), 100, 0)


@pytest.mark.parametrize(
    ("position", "bids", "asks"),
    [
        (0, [(100, 6), (99, 4)], [(101, 6), (102, 4)]),
        (7, [(100, 3)], [(101, 6), (102, 6)]),
        (-10, [(100, 6), (99, 6)], []),
        (12, [], [(101, 6), (102, 6)]),
    ],
)
def test_the_ladder_is_cut_to_the_position_limit(position: int, bids: Any, asks: Any) -> None:
    maker = _maker(max_position=10, position=position)
    assert _targets(maker, [(100, 6), (99, 6)], [(101, 6), (102, 6)]) == [bids, asks]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(4))
def test_what_is_not_finite_stops_the_run(bad: float, place: int) -> None:
    values = [100.0, 5.0, 101.0, 5.0]
    values[place] = bad
    maker = _maker()
    _targets(maker, [(99, 1), (values[0], values[1])], [(110, 1), (values[2], values[3])])
    assert (maker.fault, maker.fault_value) == (FAULT_NOT_FINITE, 1.0)
    assert not no_fault(maker)


@pytest.mark.parametrize("levels", [LADDER + 1, 1_000_000, -1])
def test_too_long_a_ladder_stops_the_run(levels: int) -> None:
    maker = _maker()
    maker.wanted.asks = levels
    set_targets(maker)
    assert (maker.fault, maker.fault_value) == (FAULT_LADDER, float(levels))


def test_a_full_ladder_is_fine() -> None:
    maker = _maker()
    bids, _ = _targets(maker, [(100 - k, 1) for k in range(LADDER)])
    assert len(bids) == LADDER
    assert maker.fault == NO_FAULT


def test_cancel_all_wants_nothing_whatever_else_is_written() -> None:
    maker = _maker()
    maker.wanted.cancel_all = 1
    assert _targets(maker, [(math.nan, 5)], [(101, 5)]) == [[], []]
    assert no_fault(maker)


@pytest.mark.parametrize(
    ("qty", "lots"),
    [(0.0, 0), (0.9, 0), (1 - 1e-9, 1), (2.5, 2), (-2.5, -2), (-3 + 1e-9, -3), (1e30, 10**15)],
)
def test_whole_lots_round_toward_zero(qty: float, lots: int) -> None:
    assert whole_lots(qty) == lots


FINITE = st.floats(-10, 1e6, allow_nan=False)
WISHES = st.lists(st.tuples(FINITE, st.floats(-10, 500, allow_nan=False)), max_size=LADDER)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(WISHES, WISHES, st.integers(-60, 60), st.sampled_from([(1, 0), (5, 0), (1, 5)]))
def test_whatever_is_wished_what_leaves_is_sound(
    bids: list[Wish], asks: list[Wish], position: int, grid: tuple[int, int]
) -> None:
    rules = MarketRules(
        symbol="HAND",
        price_quantum="0.01",
        lot_size="1",
        tick_quanta=grid[0],
        significant_figures=grid[1],
        min_notional="1",
    )
    maker = _maker(50, position)
    maker["market"] = rules.to_record()[0]
    found = _targets(maker, bids, asks)
    for side, levels, wishes in ((1, found[0], bids), (-1, found[1], asks)):
        assert sum(lots for _, lots in levels) <= max(50 - side * position, 0)
        assert len({px for px, _ in levels}) == len(levels)
        for px, lots in levels:
            assert px > 0
            assert px % rules.step_quanta(px) == 0
            assert px * lots >= 100  # 1 in quote currency
            assert any(side * px <= side * wish + 1e-5 for wish, _ in wishes)
        wished = sum(max(qty, 0) for _, qty in wishes)
        assert sum(lots for _, lots in levels) <= wished + 1e-5
