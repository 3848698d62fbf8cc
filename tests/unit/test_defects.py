"""Defects found in other simulators, by their numbers in docs/fill-model.md: none of them here.

Without a test, because simmm has no such feature: D10 (handles to a running backtest that can be
misused), D15 (an order's tick size), D17 (a list of last trades with a capacity). D14 (names that
are exported but don't exist) and D16 (compiled code that can't be kept) concern no fill, queue,
order or account; `test_python.py` and `test_jit_cache.py` have them. D18 is about missing tests.
The probes behind the defects are in `test_defect_probes.py`.
"""

from __future__ import annotations

import gc
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm import tape
from simmm.errors import StrategyError, TapeError
from simmm.feed import Feed
from simmm.market import MarketRules
from simmm.records import ACCEPTED, BAD_SIZE, BAD_STEP, IOC, MIN_NOTIONAL, REJECTED
from simmm.simulation import LatencySettings
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
    MS,
    SELLER,
    START,
    WHOLE,
    Message,
    Venue,
    Want,
    bbo,
    depth,
    follow,
    image,
    run,
    trade,
    write_messages,
)

OPENING = Message(0, MS, BIDS + ASKS)
CLOSING = Message(900 * MS, 901 * MS, depth(BID, 98, 11))


def test_defect_d1_partial_fills_reach_the_maker_s_position_cash_and_fees(tmp_path: Path) -> None:
    """10 rest, 4 fill: the strategy reads a position of 4 and the account has paid for 4."""
    seen = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        seen.append(float(market.position))
        wanted.bids, wanted.bid_px[0], wanted.bid_qty[0] = 1, 100, 10

    messages = [OPENING, Message(300 * MS, 301 * MS, trade(SELLER, 99, 4)), CLOSING]
    result = run(tmp_path, messages, quote, requote_ns=100 * MS, rules={"maker_fee": "0.001"})
    maker = result.simulation.makers[0]
    assert seen[-1] == 4
    assert (maker["position"], maker["fees"]) == (4, 400_000)
    assert maker["cash"] == -400 * 1_000_000 - 400_000
    assert [row["leaves"] for row in result.fills] == [6]
    assert maker["n_orders"] == 1


def test_defect_d2_every_level_of_a_taker_is_booked(tmp_path: Path) -> None:
    """25 bought over three levels: 10 at 101, 10 at 102, 5 at 103."""
    script = follow([Want(0, take=25, take_px=103), Want(50 * MS)])
    result = run(tmp_path, [OPENING, CLOSING], script, requote_ns=100 * MS)
    maker = result.simulation.makers[0]
    filled = [(row["px"], row["quantity"]) for row in result.fills]
    assert filled == [(101, 10), (102, 10), (103, 5)]
    assert (maker["position"], maker["cash"]) == (25, -2545 * 1_000_000)


def test_defect_d3_an_exact_fill_ends_the_order_and_later_trades_the_run_survives(
    tmp_path: Path,
) -> None:
    messages = [OPENING]
    messages += [
        Message(k * 100 * MS, k * 100 * MS + MS, trade(SELLER, 99, 5)) for k in range(1, 7)
    ]
    result = run(
        tmp_path, messages, follow([Want(0, [(100, 5)]), Want(50 * MS)]), requote_ns=500 * MS
    )
    assert [(row["ts"], row["quantity"]) for row in result.fills] == [(100 * MS, 5)]
    assert result.simulation.venues["n_bids"][0] == 0
    assert result.simulation.makers["n_orders"][0] == 0


@pytest.mark.parametrize("rule", ["in_place", "replace"])
def test_defect_d4_a_modify_changes_price_and_size(rule: str) -> None:
    """1 at 100 becomes 9 at 99: 9 fill at 99."""
    venue = Venue(modify=rule).feed(image(BID, (98, 10)), ASKS)
    venue.new(1, BID, 100, 1)
    number = 2 if rule == "replace" else 1
    venue.modify(1, BID, 99, 9, new_id=number)
    venue.feed(trade(SELLER, 98, 50))
    assert venue.filled == [(number, 99, 9)]


def test_defect_d4_the_maker_s_own_modifies_fill_what_they_say(tmp_path: Path) -> None:
    for rule in ("in_place", "replace"):
        script = follow([Want(0, [(99, 1)]), Want(200 * MS, [(100, 9)])])
        messages = [OPENING, Message(500 * MS, 501 * MS, trade(SELLER, 99, 50)), CLOSING]
        result = run(
            tmp_path,
            messages,
            script,
            requote_ns=100 * MS,
            move_by_modify=True,
            rules={"modify": rule},
        )
        assert [row["kind"] for row in result.intents][:2] == [0, 2]
        assert [(row["px"], row["quantity"]) for row in result.fills] == [(100, 9)]


def test_defect_d5_own_orders_fill_in_the_order_in_which_they_joined() -> None:
    """40 orders over 4 prices and one sweep: no order of a hash table, sums are integers."""
    venue = Venue().feed(image(BID, (90, 10)), ASKS)
    for number in range(1, 41):
        venue.new(number, BID, 97 + number % 4, 3)
    venue.feed(trade(SELLER, 95, 40 * 3 - 1))
    expected = [n for px in (100, 99, 98, 97) for n in range(1, 41) if 97 + n % 4 == px]
    assert [number for number, _, _ in venue.filled] == expected
    assert [lots for _, _, lots in venue.filled] == [3] * 39 + [2]
    cash = -sum(px * lots for _, px, lots in venue.filled)
    assert venue.account["cash"] == cash * 1_000_000


def test_defect_d6_sizes_at_the_touch_are_sizes_and_prices_prices(tmp_path: Path) -> None:
    seen = []

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        seen.append((market.bid_px, market.bid_qty, market.ask_px, market.ask_qty, market.mid))

    run(tmp_path, [Message(0, MS, image(BID, (100, 5)) + image(ASK, (101, 1))), CLOSING], quote)
    assert seen[0] == (100.0, 5.0, 101.0, 1.0, 100.5)


def test_defect_d7_a_run_needs_nothing_of_the_caller_s_arrays(tmp_path: Path) -> None:
    """What was written is a file; what is read is copied; frames and chunks may go."""
    market = MarketRules(symbol="HAND", **WHOLE)
    file = write_messages(tmp_path / "t.parquet", [OPENING, CLOSING], market)
    gc.collect()
    with tape.open_tapes([tape.TapeSpec(file)]) as stream:
        chunk = next(iter(stream.chunks()))
        assert all(not column.flags.writeable for column in chunk[:8])
        own = tape.Chunk(*[np.array(column) for column in chunk[:8]], *chunk[8:])
    feed = Feed(1 << 4)
    pieces = feed.push(own)
    next(pieces)
    for column in own[:8]:
        column[...] = 0
    window = feed.windows[0]
    assert window["px"][:6].tolist() == [100, 99, 98, 101, 102, 103]


def test_defect_d8_inputs_are_never_changed(tmp_path: Path) -> None:
    """Latencies and parameters, given twice, act the same twice; the file stays as it is."""
    line = LatencySettings("uniform", 5 * MS, 3e6)
    script = follow([Want(0, [(100, 5)])])
    messages = [OPENING, Message(300 * MS, 301 * MS, trade(SELLER, 99, 4)), CLOSING]
    first = run(tmp_path, messages, script, entry=line, response=line, requote_ns=100 * MS)
    content = (tmp_path / "hand.parquet").read_bytes()
    params = first.simulation.params.tobytes()
    second = run(tmp_path, messages, script, entry=line, response=line, requote_ns=100 * MS)
    assert line == LatencySettings("uniform", 5 * MS, 3e6)
    assert second.tables == first.tables
    assert second.simulation.params.tobytes() == params
    assert (tmp_path / "hand.parquet").read_bytes() == content


@pytest.mark.parametrize(
    ("px", "lots", "reason"),
    [
        (100, -1, BAD_SIZE),
        (100, 0, BAD_SIZE),
        (99, 5, BAD_STEP),
        (0, 5, BAD_STEP),
        (-100, 5, BAD_STEP),
        (100, 1, MIN_NOTIONAL),
    ],
)
def test_defect_d9_the_venue_refuses_what_its_rules_forbid(px: int, lots: int, reason: int) -> None:
    venue = Venue(tick_quanta=2, min_notional="150").feed(image(BID, (96, 5)))
    told = venue.new(1, BID, px, lots)[0]
    assert (told["kind"], told["reason"]) == (REJECTED, reason)
    assert venue.new(2, BID, 100, 2)[0]["kind"] == ACCEPTED


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_defect_d9_a_price_that_is_no_number_stops_the_run(value: float, tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="not finite"):
        run(tmp_path, [OPENING, CLOSING], follow([Want(0, [(value, 5)])]))


def test_defect_d9_off_step_wishes_are_rounded_away_from_the_market(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        [OPENING, CLOSING],
        follow([Want(0, [(99.4, 5)], [(101.6, 5)])]),
        requote_ns=1000 * MS,
    )
    assert [(row["side"], row["px"]) for row in result.intents] == [(1, 99), (-1, 102)]


@pytest.mark.parametrize(
    ("px", "qty", "field"), [(100, -1, "qty"), (math.nan, 1.0, "px"), (100.4, 1.0, "px")]
)
def test_defect_d9_a_tape_of_such_rows_is_not_written(
    px: float, qty: float, field: str, tmp_path: Path
) -> None:
    frame = pl.DataFrame(
        {
            "exch_ts": [START],
            "local_ts": [START],
            "kind": ["depth"],
            "side": [1],
            "px": [px],
            "qty": [qty],
        }
    )
    with pytest.raises(TapeError, match=field):
        tape.write(tmp_path / "t.parquet", frame, MarketRules(symbol="X", **WHOLE))
    assert not (tmp_path / "t.parquet").exists()


@pytest.mark.parametrize("told_by", ["rows", "bbo", "image"])
@pytest.mark.parametrize("side", [BID, ASK])
def test_defect_d11_clearing_up_to_a_price_finds_the_level_behind(side: int, told_by: str) -> None:
    """Three levels vanish, a fourth is alive four steps on: it is the best, the others are gone."""
    venue = Venue().feed(image(BID, (100, 1), (99, 1), (98, 1), (94, 7)))
    venue.feed(image(ASK, (101, 1), (102, 1), (103, 1), (107, 7)))
    touch, alive = (100, 94) if side > 0 else (101, 107)
    if told_by == "rows":
        venue.feed(*[depth(side, touch - k * side, 0) for k in range(3)])
    elif told_by == "bbo":
        venue.feed(bbo(side, alive, 7))
    else:
        venue.feed(image(side, (alive, 7)))
    assert venue.mid2() == (94 + 101 if side > 0 else 100 + 107)
    venue.new(1, -side, touch, 3, IOC)
    assert venue.filled == []  # what was cleared cannot be taken
    venue.new(2, -side, alive, 9, IOC)
    assert venue.filled == [(2, alive, 7)]


def test_defect_d12_a_level_that_left_the_visible_depth_keeps_its_queue() -> None:
    """50 others before us; out of sight and back; 2 traded there: nothing fills."""
    venue = Venue().feed(image(BID, (100, 5), (99, 50)), ASKS)
    venue.new(1, BID, 99, 10)
    for _ in range(3):
        venue.feed(image(BID, (100, 5)), ASKS).feed(image(BID, (100, 5), (99, 50)), ASKS)
    venue.feed(trade(SELLER, 99, 2))
    assert venue.filled == []
    assert venue.ahead(1) == 48


def test_defect_d12_a_level_that_is_shown_empty_is_another_matter() -> None:
    """A row says that all 50 left: now we are the first."""
    venue = Venue().feed(image(BID, (100, 5), (99, 50)), ASKS)
    venue.new(1, BID, 99, 10)
    venue.feed(depth(BID, 99, 0)).feed(depth(BID, 99, 50)).feed(trade(SELLER, 99, 2))
    assert venue.filled == [(1, 99, 2)]


def test_defect_d13_images_of_few_levels_leave_no_phantoms() -> None:
    """After three levels, one: the others are unknown, not alive."""
    venue = Venue().feed(image(BID, (100, 4), (99, 2), (98, 2)), ASKS).feed(image(BID, (100, 4)))
    venue.new(1, ASK, 98, 50, IOC)
    assert venue.filled == [(1, 100, 4)]
