"""When a taker acts: with the first block that the tape shows, or when one must be over."""

from __future__ import annotations

from typing import Any

import pytest

from simmm import records, venue_records, window_records
from simmm.venue.blocks import UNKNOWN_YET, acts_later, block_end
from simmm.venue.queue import queue_model
from tests.hand import record

BLOCK = 400
ARRIVAL = 1_000
OTHER = 1 << records.INFO_MARKET_SHIFT
LATE = OTHER | records.INFO_LATE


def _venue(block_ns: int = BLOCK) -> Any:
    venue = record(venue_records.venue_dtype(queue_model("power").state))
    venue.market.block_ns = block_ns
    venue.now = ARRIVAL
    return venue


def _window(*packets: tuple[int, int], bound: int = 0, final: bool = False) -> Any:
    """Return a window with packets of (time, info) to come."""
    window = record(window_records.window_dtype(1 << 5))
    for n, (ts, info) in enumerate(packets):
        window.packet_ts[n], window.packet_info[n] = ts, info
    window.packet_hi = len(packets)
    window.bound_ts, window.final = bound, final
    return window


@pytest.mark.parametrize(
    ("window", "acts"),
    [
        (_window((1_100, 0), (1_200, 0)), 1_100),
        (_window((1_100, OTHER), (1_200, 0)), 1_200),
        (_window((1_100, LATE), (1_200, 0)), 1_100),
        (_window((1_399, 0)), 1_399),
        (_window((1_400, 0)), 1_400),
        (_window((1_401, 0)), 1_400),
        (_window((1_100, OTHER), bound=1_300), UNKNOWN_YET),
        (_window(bound=1_399), UNKNOWN_YET),
        (_window(bound=1_400), 1_400),
        (_window(final=True), 1_400),
    ],
)
def test_a_taker_acts_with_the_next_block_of_its_market(window: Any, acts: int) -> None:
    assert block_end(window, _venue(), ARRIVAL) == acts


def test_a_block_of_the_moment_of_arrival_is_its_block() -> None:
    venue = _venue()
    venue.block_ts = ARRIVAL
    assert block_end(_window((1_100, 0)), venue, ARRIVAL) == ARRIVAL


def test_without_blocks_nothing_waits() -> None:
    assert block_end(_window((1_100, 0)), _venue(0), ARRIVAL) == ARRIVAL
    assert not acts_later(_venue(0), _request(records.NEW, records.IOC), ARRIVAL)


def _request(kind: int, tif: int) -> Any:
    request = record(records.Request)
    request.kind, request.tif, request.id = kind, tif, 7
    return request


@pytest.mark.parametrize(
    ("kind", "tif", "waits"),
    [
        (records.NEW, records.IOC, True),
        (records.NEW, records.GTC, True),
        (records.NEW, records.ALO, False),
        (records.CANCEL, records.GTC, False),
        (records.MODIFY, records.GTC, False),  # of an order that isn't there
        (records.SCHEDULE_CANCEL, records.GTC, False),
    ],
)
def test_only_what_may_take_waits(kind: int, tif: int, waits: bool) -> None:
    venue = _venue()
    assert acts_later(venue, _request(kind, tif), 1_300) == waits
    assert venue.n_waiting == waits
    if waits:
        assert (venue.waiting[0].arrival_ts, venue.waiting[0].id) == (1_300, 7)
