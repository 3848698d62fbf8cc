"""The engine and the slow oracle, written apart from one document, agree on drawn scenarios."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import pytest

from tests.oracle.codes import TRADE
from tests.oracle.slow import Result, run
from tests.swarm.adapter import run_engine
from tests.swarm.bound import Bound
from tests.swarm.draw import Case, draw

SEEDS = range(20)
AT_LEAST_100 = ("partial_fills", "modifies", "cancel_races", "gaps", "rejections")
FILL = (
    "ts",
    "known_ts",
    "id",
    "side",
    "px",
    "quantity",
    "leaves",
    "fee",
    "marks",
    "mid2",
    "position",
    "placed_ts",
    "ahead_at_join",
    "level_at_join",
)
INTENT = ("ts", "seq", "kind", "id", "new_id", "side", "px", "quantity", "tif", "arrival_ts")
ORDER = (
    "id",
    "side",
    "px",
    "quantity",
    "filled",
    "tif",
    "sent_ts",
    "placed_ts",
    "end",
    "reason",
    "ahead_at_join",
    "level_at_join",
    "modifies",
)


@functools.cache
def _case(seed: int) -> tuple[Case, Result]:
    case = draw(seed)
    return case, run(case, Bound(case.strategy, case.params))


def _first_difference(
    expected: list[dict[str, Any]], found: list[dict[str, Any]], names: tuple[str, ...]
) -> str:
    """Tell the first row that differs, or nothing."""
    for place in range(max(len(expected), len(found))):
        want = {n: expected[place][n] for n in names} if place < len(expected) else None
        have = {n: found[place][n] for n in names} if place < len(found) else None
        if want != have:
            return f"row {place}\noracle {want}\nengine {have}"
    return ""


def _by_id(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(orders, key=lambda row: row["id"])


@pytest.mark.parametrize("seed", SEEDS)
def test_engine_agrees_with_the_oracle(seed: int) -> None:
    case, expected = _case(seed)
    found = run_engine(case)
    assert not _first_difference(expected.intents, found.intents, INTENT)
    assert not _first_difference(expected.fills, found.fills, FILL)
    assert found.account == expected.account
    assert not _first_difference(_by_id(expected.orders), _by_id(found.orders), ORDER)


def test_the_cases_hold_what_is_hard() -> None:
    total = dict.fromkeys(AT_LEAST_100, 0)
    for seed in SEEDS:
        for name in total:
            total[name] += _case(seed)[1].counts[name]
    assert all(count >= 100 for count in total.values()), total


def test_all_queue_forms_and_both_modifies_are_drawn() -> None:
    cases = [_case(seed)[0] for seed in SEEDS]
    assert len({case.queue for case in cases}) == 5
    for key, of in (
        ("modify", "rules"),
        ("reconcile", "maker"),
        ("moves", "maker"),
        ("quote_on_fill", "maker"),
        ("quote_on_packet", "maker"),
        ("tif", "maker"),
    ):
        assert len({getattr(case, of)[key] for case in cases}) == 2, key


def test_the_comparison_can_fail() -> None:
    """One lot more in every print does not go unnoticed."""
    case, expected = _case(2)
    rows = [(*row[:5], row[5] + (row[3] % 8 == TRADE)) for row in case.rows]
    changed = run(dataclasses.replace(case, rows=rows), Bound(case.strategy, case.params))
    assert _first_difference(expected.fills, changed.fills, FILL)
