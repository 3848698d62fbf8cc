"""The engine and the slow oracle, written apart from one document, agree on drawn scenarios."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import pytest

from tests.oracle.codes import NEVER, TRADE
from tests.oracle.knowledge import Knowledge
from tests.oracle.slow import Result, packets_of, run
from tests.swarm.adapter import run_engine
from tests.swarm.bound import Bound
from tests.swarm.draw import QUEUES, Case, draw, draw_ranked

SEEDS = range(20)
#: Chosen so that a rule left out or turned round in the oracle changes the outcome of some.
FEED_SEEDS = (1001, 1002, 1003, 1005, 1007, 1009, 1014, 1022, 1030, 1038, 1042, 1043)
#: Of the rank law, with further draws, images and blocks.
RANKED_SEEDS = (1, 2, 3, 9, 12, 15, 18, 23, 24, 26, 30, 37)
RANKED_FEED_SEEDS = (1000, 1003, 1008, 1014, 1021, 1033)
RANKED_AT_LEAST = {
    "takers_waited": 500,
    "stood_behind_images": 100,
    "learned": 1000,
    "predictions": 200,
    "matched": 20,
    "several": 20,
    "weighed": 20,
    "sums": 20,
    "adopted": 100,
}
AT_LEAST_100 = ("partial_fills", "modifies", "cancel_races", "gaps", "rejections")
FEED_AT_LEAST = {
    "late_packets": 1000,
    "late": 30,
    "ignored": 500,
    "protected": 10,
    "passed_over": 100,
    "counted": 20,
    "waited_requests": 1000,
    "waited_packets": 100,
    "never_told": 50,
}
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
RANKED_FILL = (*FILL, "ahead")  # whole lots: no sum of floats may differ in its last digit
PREDICTION = ("ts", "id", "probability", "filled", "ahead", "ahead_mean")
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


def _slow(case: Case) -> Result:
    return run(case, Bound(case.strategy, case.params))


@functools.cache
def _case(seed: int, knowledge: str = "tape") -> tuple[Case, Result]:
    case = draw(seed, knowledge=knowledge)
    return case, _slow(case)


@functools.cache
def _ranked(seed: int, knowledge: str) -> tuple[Case, Result]:
    case = draw_ranked(seed, knowledge=knowledge)
    return case, _slow(case)


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


CASES = [("tape", seed) for seed in SEEDS] + [("feed", seed) for seed in FEED_SEEDS]


@pytest.mark.parametrize(("knowledge", "seed"), CASES)
def test_engine_agrees_with_the_oracle(knowledge: str, seed: int) -> None:
    case, expected = _case(seed, knowledge)
    found = run_engine(case)
    assert not _first_difference(expected.intents, found.intents, INTENT)
    assert not _first_difference(expected.fills, found.fills, FILL)
    assert found.account == expected.account
    assert not _first_difference(_by_id(expected.orders), _by_id(found.orders), ORDER)


RANKED_CASES = [("tape", seed) for seed in RANKED_SEEDS]
RANKED_CASES += [("feed", seed) for seed in RANKED_FEED_SEEDS]


@pytest.mark.parametrize(("knowledge", "seed"), RANKED_CASES)
def test_engine_agrees_with_the_oracle_on_the_rank_law(knowledge: str, seed: int) -> None:
    case, expected = _ranked(seed, knowledge)
    found = run_engine(case)
    whole = case.queue not in QUEUES
    assert not _first_difference(expected.intents, found.intents, INTENT)
    assert not _first_difference(expected.fills, found.fills, RANKED_FILL if whole else FILL)
    assert not _first_difference(expected.predictions, found.predictions, PREDICTION)
    assert found.account == expected.account
    names = (*ORDER, "ahead_at_end") if whole else ORDER
    assert not _first_difference(_by_id(expected.orders), _by_id(found.orders), names)


def test_the_cases_of_the_rank_law_hold_what_is_hard() -> None:
    cases = [_ranked(seed, knowledge) for knowledge, seed in RANKED_CASES]
    total = {name: sum(r.counts.get(name, 0) for _, r in cases) for name in RANKED_AT_LEAST}
    assert all(count >= RANKED_AT_LEAST[name] for name, count in total.items()), total
    for name in ("rank", "rank_scalar", "rank_tracked"):
        assert any(case.queue == name and not case.images for case, _ in cases), name
    assert any(case.queue in QUEUES and case.images for case, _ in cases)


def test_the_cases_hold_what_is_hard() -> None:
    total = dict.fromkeys(AT_LEAST_100, 0)
    for seed in SEEDS:
        for name in total:
            total[name] += _case(seed)[1].counts[name]
    assert all(count >= 100 for count in total.values()), total


def test_the_cases_behind_a_feed_hold_what_is_hard() -> None:
    cases = [_case(seed, "feed") for seed in FEED_SEEDS]
    total = {name: sum(result.counts[name] for _, result in cases) for name in FEED_AT_LEAST}
    assert all(count >= FEED_AT_LEAST[name] for name, count in total.items()), total
    assert len({case.hold_back_ns for case, _ in cases}) >= 5
    assert any(case.references for case, _ in cases)
    assert any(case.to is not None for case, _ in cases)


# ------------------------------------------------------- what must hold for the oracle itself


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_a_feed_that_holds_nothing_back_from_slow_answers_changes_nothing(seed: int) -> None:
    """No packet comes late, and each answer is on its way until long after it could be told."""
    case, _ = _case(seed)
    lags = [row[1] - row[0] for row in case.rows]
    times = sorted({row[0] for row in case.rows})
    silence = max(b - a for a, b in itertools.pairwise(times))
    hold = max(lags)
    answer = {"form": "constant", "low_ns": hold + max(lags) + silence}
    tape = _slow(dataclasses.replace(case, response=answer, to=None))
    feed = dataclasses.replace(case, response=answer, to=None, knowledge="feed", hold_back_ns=hold)
    found = _slow(feed)
    end = max(row[1] for row in case.rows)
    assert found.counts["late_packets"] == found.counts["late"] == 0
    assert tape.intents
    assert not _first_difference(tape.intents, found.intents, INTENT)
    assert found.account == tape.account
    for fill in tape.fills + found.fills:
        fill["known_ts"] = min(fill["known_ts"], end)  # what is heard after the end isn't heard
    assert not _first_difference(tape.fills, found.fills, FILL)


@pytest.mark.parametrize("seed", FEED_SEEDS)
def test_nothing_is_answered_before_the_feed_has_shown_its_moment(seed: int) -> None:
    """Whenever the maker hears of a fill, the feed has shown a time as late a hold-back ago."""
    case, result = _case(seed, "feed")
    for fill in result.fills:
        heard = fill["known_ts"] - case.hold_back_ns
        shown = max((row[0] for row in case.rows if row[1] <= heard), default=0)
        assert fill["known_ts"] == NEVER or shown >= fill["ts"]
    assert [fill["ts"] for fill in result.fills] == sorted(fill["ts"] for fill in result.fills)
    heard = [fill["known_ts"] for fill in result.fills]
    assert heard == sorted(heard)


@pytest.mark.parametrize("seed", FEED_SEEDS)
def test_late_packets_happen_after_the_watermark_and_before_what_is_not_passed(seed: int) -> None:
    """The venue's order is one that a machine could follow which learns packet by packet."""
    case, _ = _case(seed, "feed")
    packets = packets_of(case.rows)
    order = Knowledge(packets, case.hold_back_ns).order
    assert sorted(id(happening.packet) for happening in order) == sorted(map(id, packets))
    assert [happening.ts for happening in order] == sorted(happening.ts for happening in order)
    for happening in order:
        exch_ts, local_ts = happening.packet[0][:2]
        assert exch_ts <= happening.ts <= local_ts
        assert happening.late == (happening.ts > exch_ts)
        if happening.late:
            assert happening.ts <= local_ts - case.hold_back_ns


def test_all_queue_forms_and_both_modifies_are_drawn() -> None:
    cases = [_case(seed)[0] for seed in SEEDS]
    assert len({case.queue for case in cases}) == len(QUEUES)
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
