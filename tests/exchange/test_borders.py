"""Values that lie exactly on a border of margin: one money quantum decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.exchange.pair import Pair
from tests.exchange.slow import Request, Rules
from tests.exchange.world import START

SCALE = 1000
LOTS, ENTRY = 10, 100_000
RULES = Rules(
    money_scale=SCALE,
    maker_fee="0",
    taker_fee="0",
    tiers=((0, 40), (3_000_000 * SCALE, 20)),
    partial_liquidation=10**15,
)


def held(deposit: int, rules: Rules = RULES, **account: Any) -> Pair:
    """Return an account that bought ten lots at 100,000 and pays no fees."""
    account = {"margin": 1, "deposit": deposit, "leverage": 40, **account}
    pair = Pair(rules, account, {}, START)
    pair.packet(("image", 1, [(ENTRY - 10, 50)]), ("image", -1, [(ENTRY, 50)]))
    pair.packet(("mark", ENTRY))
    pair.request(Request("NEW", 1, 0, 1, ENTRY, LOTS, "IOC"))
    assert pair.slow_account.position == LOTS
    return pair


def deposit_for(mark: int, value: int) -> int:
    """Return with which deposit the account is worth `value` at a mark."""
    return value + LOTS * (ENTRY - mark) * SCALE


MARK = 98_000
MAINTENANCE = LOTS * MARK * SCALE // 80


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (MAINTENANCE, ""),
        (MAINTENANCE - 1, "market liquidation"),
        (MAINTENANCE * 2 // 3, "market liquidation"),
        (MAINTENANCE * 2 // 3 - 1, "backstop"),
    ],
)
def test_one_money_quantum_decides_over_liquidation(value: int, what: str) -> None:
    pair = held(deposit_for(MARK, value))
    pair.packet(("mark", MARK))
    assert pair.slow.margin.value == value or what
    for name in ("market liquidation", "backstop"):
        assert pair.slow.counts.get(name, 0) == (name == what)
    assert (pair.desk.account["position"] == LOTS) == (not what)
    assert pair.desk.account["forfeited"] == (value if what == "backstop" else 0)


@pytest.mark.parametrize(("less", "refused"), [(0, False), (1, True)])
def test_one_money_quantum_decides_over_an_order(less: int, refused: bool) -> None:
    initial = 2 * LOTS * ENTRY * SCALE // 40
    pair = held(initial - less)
    pair.request(Request("NEW", 2, 0, 1, ENTRY - 10, LOTS, "ALO"))
    assert (pair.slow.answers[-1].reason == "MARGIN") == refused
    assert bool(pair.desk.orders) != refused


@pytest.mark.parametrize(("less", "refused"), [(0, False), (1, True)])
def test_one_money_quantum_decides_over_a_resting_order(less: int, refused: bool) -> None:
    pair = held(deposit_for(MARK, 2 * LOTS * MARK * SCALE // 40 - less))
    pair.request(Request("NEW", 2, 0, 1, ENTRY - 10, LOTS, "ALO"))
    pair.packet(("mark", MARK))
    pair.packet(("trade", -1, ENTRY - 20, 50))
    assert pair.desk.account["position"] == (LOTS if refused else 2 * LOTS)
    assert pair.slow.counts.get("CANCELLED MARGIN", 0) == refused


@pytest.mark.parametrize(("back", "refused"), [(0, False), (1, True)])
def test_one_money_quantum_decides_over_isolated_margin_taken_back(
    back: int, refused: bool
) -> None:
    pair = held(500_000 * SCALE, margin=2)
    pair.request(Request("ISOLATED_MARGIN", quantity=200_000 * SCALE))
    tenth = LOTS * ENTRY * SCALE // 10
    taken = pair.slow_account.isolated - tenth + back
    pair.request(Request("ISOLATED_MARGIN", quantity=-taken))
    assert (pair.slow.answers[-1].reason == "MARGIN") == refused


def test_maintenance_is_continuous_at_a_tier_s_border() -> None:
    """The border, 1,000,000 x scale, is met by ten lots at 100,000: below 1 / 80, above 1 / 40."""
    rules = replace(RULES, tiers=((0, 40), (1_000_000 * SCALE, 20)))
    pair = held(10**9, rules, leverage=20)
    found = []
    for mark in (ENTRY - 1, ENTRY, ENTRY + 1):
        pair.packet(("mark", mark))
        found.append(pair.slow.margin.maintenance)
    border = LOTS * ENTRY * SCALE // 80
    assert found == [border - LOTS * SCALE // 80, border, border + LOTS * SCALE // 40]
