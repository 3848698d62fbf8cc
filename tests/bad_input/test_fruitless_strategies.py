"""Strategies that break no rule, but whose orders never reach the book: a line says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simmm.idle import _refused
from simmm.records import OUT_OF_WINDOW, REASON_NAMES, UNKNOWN_ORDER, WOULD_CROSS
from tests.bad_input.conftest import CommandLine
from tests.bad_input.strategies import fruitless

FRUITLESS = Path(fruitless.__file__)


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        (fruitless.MONEY, ("no order was accepted: ", "prices in `wanted` are in quanta")),
        (fruitless.BASE, ("no order was sent: ", "sizes in `wanted` are in lots")),
        (fruitless.FORGOTTEN, ("no order was sent: ", "are wanted.bids and wanted.asks set?")),
        (fruitless.TAKES, ("accepted: ", "'post-only would cross'", "at or above market.ask_px")),
    ],
)
def test_a_line_says_why_nothing_came_of_it(
    simmm: CommandLine, mistake: int, expected: tuple[str, ...]
) -> None:
    told = simmm(
        "backtest", "recorded", "--tape", simmm.tape, "--strategy", FRUITLESS, "--quiet", "--set",
        "run.warm_up_s=5", "--set", f"strategy.mistake={mistake}", "--out", simmm.folder / "out",
    )  # fmt: skip
    assert told.code == 0
    assert all(words in told.line for words in expected), told.errors


def test_estimators_that_are_off_are_named(simmm: CommandLine) -> None:
    told = simmm(
        "backtest", "recorded", "--tape", simmm.tape, "--strategy", "glft", "--quiet", "--set",
        "run.warm_up_s=5", "--set", "estimators.enabled=false", "--out", simmm.folder / "off",
    )  # fmt: skip
    assert told.code == 0
    assert "the strategy wanted nothing" in told.line
    assert "estimators are off (estimators.enabled), so beliefs stay at their priors" in told.line


def test_refused_orders_are_told_only_where_nearly_all_were() -> None:
    rejections = np.zeros(len(REASON_NAMES), np.int64)
    assert _refused(0, rejections) == ""
    rejections[UNKNOWN_ORDER] = 100
    assert _refused(100, rejections) == "", "these are cancels of orders that are gone"
    rejections[WOULD_CROSS], rejections[OUT_OF_WINDOW] = 1, 79
    assert _refused(100, rejections) == ""
    rejections[OUT_OF_WINDOW] = 94
    told = _refused(100, rejections)
    assert told.startswith("hardly any order was accepted: 95 of 100 refused, 94 for 'price too")
    assert rejections[UNKNOWN_ORDER] == 100, "what is asked is not changed"
