"""What an aggressor or fill is measured from: the touch before it, as far back as is remembered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simmm.jit import compiled, records
from simmm.maker_records import Maker
from simmm.observing import _before
from simmm.records import BLOCKS
from simmm.views import remember_block


def _remember(makers: Any, packet_ts: int, bid: int, ask: int) -> None:
    maker = makers[0]
    remember_block(maker, packet_ts)
    maker.touch_bid = bid
    maker.touch_ask = ask


def _look(makers: Any, packet_ts: int) -> None:
    _before(makers[0], packet_ts)


@pytest.fixture(scope="module")
def kernels() -> tuple[Any, Any]:
    return compiled(_remember), compiled(_look)


def after(changes: int, kernels: tuple[Any, Any]) -> Any:
    """A maker that saw so many touch changes, the k-th at ts k to a mid of 1000 + k."""
    maker = np.zeros(1, Maker)
    maker["market"]["tick_quanta"] = 1
    remember, _ = kernels
    for k in range(1, changes + 1):
        remember(records(maker), k, 999 + k, 1001 + k)
    return maker


def mid_before(maker: np.ndarray, ts: int, kernels: tuple[Any, Any]) -> float:
    kernels[1](records(maker), ts)
    return float(maker["o"]["mid"][0])


def test_the_touch_before_a_block_is_found_as_long_as_it_is_remembered(
    kernels: tuple[Any, Any],
) -> None:
    changes = 3 * BLOCKS + 7
    maker = after(changes, kernels)
    assert mid_before(maker, changes + 1, kernels) == 1000.0 + changes  # as it stands
    assert mid_before(maker, changes, kernels) == 1000.0 + changes - 1
    oldest = changes - BLOCKS + 1
    assert mid_before(maker, oldest, kernels) == 1000.0 + oldest - 1


def test_a_touch_that_is_forgotten_is_unknown(kernels: tuple[Any, Any]) -> None:
    maker = after(3 * BLOCKS + 7, kernels)
    for ts in (1, 2 * BLOCKS + 7):
        assert mid_before(maker, ts, kernels) == 0.0
        assert float(maker["o"]["half_spread"][0]) == 0.0


def test_nothing_is_forgotten_before_the_memory_is_full(kernels: tuple[Any, Any]) -> None:
    maker = after(BLOCKS, kernels)
    assert mid_before(maker, 2, kernels) == 1001.0
    assert mid_before(maker, 0, kernels) == 0.0  # before the first touch none was known
