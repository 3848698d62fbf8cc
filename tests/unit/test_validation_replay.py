"""Probes in one replay do what each would do alone at the engine's venue, moved row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.market import MarketRules
from simmm.records import ALO, NEVER, PACKET_END
from simmm.validation.live import Cut, Probe
from simmm.validation.models import Model, model
from simmm.validation.probes import HORIZONS_NS, SECOND, Population
from simmm.validation.rows import Rows
from simmm.validation.simulate import simulate
from tests.hand import MS, START, Row, Venue, depth, image, trade

MARKET = MarketRules(symbol="HAND", price_quantum="1", lot_size="1")
Block = list[Row]

OPENING = image(1, (100, 9), (99, 6), (98, 4)) + image(-1, (101, 8), (102, 5), (103, 3))


def rows_of(blocks: list[Block]) -> Rows:
    """Blocks 1 ms apart, the first at `START` + 1 ms."""
    flat = [(START + (k + 1) * MS, *row) for k, block in enumerate(blocks) for row in block]
    ts, tag, px, lots = (np.array(column) for column in zip(*flat, strict=True))
    tag = (tag | PACKET_END).astype(np.uint8)
    return Rows(MARKET, "hand", tag, px.astype(np.int64), lots.astype(np.int64), ts)


def probe(join_ms: int, side: int, px: int, end_ms: int = 10_000, own: int = 0) -> np.ndarray:
    one = np.zeros(1, Probe)
    one["join_ts"] = one["enter_ts"] = START + join_ms * MS
    one["end_ts"] = START + end_ms * MS
    one["side"], one["px"], one["own"] = side, px, own
    return one


def population(probes: np.ndarray, cuts: np.ndarray | None = None) -> Population:
    nothing = np.full(len(probes), np.nan)
    places = np.full((len(probes), len(HORIZONS_NS)), np.nan)
    real = np.full(len(probes), -1)
    none = np.zeros(0, Cut)
    return Population("RP", "", "", probes, none if cuts is None else cuts, real, nothing, places)


def replay(blocks: list[Block], probes: np.ndarray, one: Model, **more: np.ndarray) -> np.ndarray:
    return simulate(rows_of(blocks), population(probes, **more), one, interpreted=True)[0]


def alone(blocks: list[Block], join_ms: int, side: int, px: int, queue: str) -> tuple[int, float]:
    """Fill time (ms after `START`, -1 never) and lots ahead at the end, by the venue itself."""
    venue = Venue(queue)
    for k, block in enumerate(blocks):
        if k == join_ms:
            venue.new(1, side, px, 1, ALO)
            venue.now -= MS
        venue.feed(block)
        if venue.fills:
            return (venue.fills[0]["ts"] - START) // MS, 0.0
    return -1, max(venue.ahead(1), 0.0)


def test_fills_at_the_first_print_beyond_its_queue() -> None:
    blocks = [OPENING, trade(-1, 100, 9) + depth(1, 100, 0), depth(1, 100, 2)]
    blocks.append(trade(-1, 100, 1) + depth(1, 100, 1))
    found = replay(blocks, probe(1, 1, 100), model("pessimistic"))[0]
    assert (found["joined"], found["level_at_join"]) == (1, 9)
    assert found["fill_ts"] == START + 4 * MS
    assert found["marks"] & 3 == 0


@pytest.mark.parametrize("through", [trade(-1, 99, 1), depth(-1, 100, 3)])
def test_is_passed_by_a_print_beyond_and_by_the_other_side(through: Block) -> None:
    found = replay([OPENING, through], probe(1, 1, 100), model("pessimistic"))[0]
    assert found["fill_ts"] == START + 2 * MS
    assert found["marks"] & 3


def test_refused_where_it_would_take() -> None:
    found = replay([OPENING, depth(1, 99, 7)], probe(1, 1, 101), model("pessimistic"))[0]
    assert (found["joined"], found["fill_ts"]) == (0, NEVER)


def test_watched_up_to_its_end_and_places_noted_on_the_way() -> None:
    wait = int(SECOND // MS)
    blocks: list[Block] = [OPENING]
    blocks += [[] for _ in range(wait - 1)]
    blocks += [trade(-1, 100, 4) + depth(1, 100, 5)]  # 1 s after its join, on the dot
    blocks += [trade(-1, 100, 6)]
    probes = np.concatenate(
        (probe(1, 1, 100), probe(1, 1, 100, end_ms=wait + 2), probe(1, 1, 100, end_ms=wait + 2))
    )
    probes["ends_before"] = (0, 0, 1)
    found = replay(blocks, probes, model("pessimistic"))
    assert [row["fill_ts"] for row in found] == [START + (wait + 2) * MS] * 2 + [NEVER]
    assert [row["ahead"][0] for row in found] == [5.0] * 3
    assert found[2]["ahead_at_end"] == 5.0


LEVEL = st.tuples(st.sampled_from([1, -1]), st.integers(0, 2), st.integers(0, 12))
PRINT = st.tuples(st.sampled_from([1, -1]), st.integers(0, 1), st.integers(1, 6))


@st.composite
def markets(draw: st.DrawFn) -> list[Block]:
    """A touch at 100/101 whose levels change and trade at random; it may cross for a moment."""
    blocks: list[Block] = [OPENING]
    for _ in range(draw(st.integers(5, 25))):
        block: Block = []
        if draw(st.booleans()):
            side, deep, lots = draw(PRINT)
            block += trade(side, (101 + deep) if side > 0 else (100 - deep), lots)
        side, deep, lots = draw(LEVEL)
        block += depth(side, (100 - deep) if side > 0 else (101 + deep), lots)
        if draw(st.integers(0, 9)) == 0:
            block += depth(-1, 100, 2)
        blocks.append(block)
    return blocks


@settings(max_examples=40, deadline=None)
@given(
    blocks=markets(),
    joins=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([1, -1]), st.integers(0, 1)),
        min_size=1,
        max_size=4,
    ),
    queue=st.sampled_from(["pessimistic", "power", "optimistic"]),
)
def test_many_together_as_each_alone(
    blocks: list[Block], joins: list[tuple[int, int, int]], queue: str
) -> None:
    probes = np.concatenate(
        [probe(at, side, (100 - deep) if side > 0 else (101 + deep)) for at, side, deep in joins]
    )
    found = replay(blocks, probes, model(queue))
    for row, one in zip(found, probes, strict=True):
        if not row["joined"]:
            continue
        join_ms = int(one["join_ts"] - START) // MS
        ts, ahead = alone(blocks, join_ms, int(one["side"]), int(one["px"]), queue)
        assert (row["fill_ts"] == NEVER) == (ts < 0)
        if ts >= 0:
            assert row["fill_ts"] == START + ts * MS
        else:
            assert row["ahead_at_end"] == ahead


@settings(max_examples=40, deadline=None)
@given(
    changes=st.lists(st.integers(-4, 4), min_size=4, max_size=20),
    own=st.integers(1, 9),
    cut_after=st.integers(0, 3),
    queue=st.sampled_from(["pessimistic", "power", "optimistic"]),
)
def test_a_real_orders_own_lots_are_taken_out(
    changes: list[int], own: int, cut_after: int, queue: str
) -> None:
    """A tape with the order in it, which loses a lot on the way, and one without: the same life."""
    others = [9]
    for change in changes:
        others.append(max(others[-1] + change, 0))
    left = [own - (k > cut_after) for k in range(len(others))]
    seen = [OPENING] + [depth(1, 100, a + b) for a, b in zip(others, left, strict=True)]
    bare = [OPENING] + [depth(1, 100, lots) for lots in others]
    cuts = np.array([(START + (3 + cut_after) * MS, 1)], Cut)
    real = probe(2, 1, 100, own=own)
    real["last_cut"] = 1
    found = replay(seen, real, model(queue), cuts=cuts)[0]
    wanted = replay(bare, probe(2, 1, 100), model(queue))[0]
    assert found["level_at_join"] == wanted["level_at_join"] == 9
    assert found["ahead_at_end"] == wanted["ahead_at_end"]


def test_lots_behind_a_probe_do_not_stand_before_it() -> None:
    """The real order's lots are in the level when the probe goes in, but behind it."""
    ahead = probe(2, 1, 100, own=5)
    ahead["behind"] = 1
    blocks = [OPENING, depth(1, 100, 14), trade(-1, 100, 9) + depth(1, 100, 5)]
    blocks.append(trade(-1, 100, 1) + depth(1, 100, 4))
    found = replay(blocks, ahead, model("pessimistic"))[0]
    assert (found["level_at_join"], found["fill_ts"]) == (9, START + 4 * MS)


def test_draws_differ_and_repeat() -> None:
    blocks = [OPENING] + [depth(1, 100, 9 - k % 4) for k in range(20)]
    rows, one = rows_of(blocks), population(probe(1, 1, 100))
    first = simulate(rows, one, model("rank"), 6, interpreted=True)["ahead_at_end"]
    again = simulate(rows, one, model("rank"), 6, interpreted=True)["ahead_at_end"]
    other = simulate(rows, one, model("rank"), 6, seed=2, interpreted=True)["ahead_at_end"]
    assert (first == again).all()
    assert len(np.unique(first)) > 1
    assert (first != other).any()
