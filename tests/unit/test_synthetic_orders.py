"""The world of single orders, against a replay of its own market-by-order rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest

from simmm.errors import ScenarioError
from simmm.records import BUY, DEPTH, FIRST, KIND_MASK, SNAPSHOT, TRADE
from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.synthetic.order_book import (
    OrderQueue,
    Orders,
    generate_orders,
    order_frame,
    truth_frame,
    write_orders,
)
from simmm.tape.validation import validate
from simmm.tape.writer import TapeWriter

LAWS = ("lots", "orders", "rank")


@pytest.fixture(scope="module", params=LAWS)
def world(request: pytest.FixtureRequest) -> tuple[OrderQueue, Orders]:
    parameters = OrderQueue(hours=0.2, cancels=request.param)
    return parameters, generate_orders(parameters, 3)


def _replayed(orders: Orders) -> tuple[list[dict[str, Any]], list[tuple[int, dict[int, int]]]]:
    """Return every order's fate and, after each time, the sizes of the levels that changed."""
    levels: dict[int, list[int]] = defaultdict(list)
    alive: dict[int, dict[str, Any]] = {}
    told: list[dict[str, Any]] = []
    sizes: list[tuple[int, dict[int, int]]] = []

    def gone(number: int, lots: int, how: str) -> None:
        """Take lots of an order away; those behind it move up."""
        queue = levels[alive[number]["px"]]
        for behind in queue[queue.index(number) + 1 :]:
            alive[behind][how] += lots
        alive[number]["open"] -= lots

    def end(number: int, how: str, ts: int) -> None:
        life = alive.pop(number)
        levels[life["px"]].remove(number)
        told.append({**life, "end": how, "end_ts": ts})

    for row in order_frame(orders, OrderQueue().market).iter_rows(named=True):
        ts, number, px, lots = row["ts"], row["order_id"], round(row["px"] * 100), int(row["qty"])
        changed = {px}
        if row["action"] == "fill":
            assert levels[px][0] == number  # the front is filled first
            gone(number, lots, "ahead_exec")
            alive[number]["filled"] += lots
            alive[number]["first_fill_ts"] = alive[number]["first_fill_ts"] or ts
            alive[number]["last_fill_ts"] = ts
            if alive[number]["open"] == 0:
                end(number, "fill", ts)
        elif row["action"] == "cancel":
            gone(number, lots, "ahead_canc")
            if alive[number]["open"] == 0:
                end(number, "cancel", ts)
        else:
            if row["action"] == "replace":
                changed.add(alive[number]["px"])
                gone(number, alive[number]["open"], "ahead_canc")
                end(number, "replace", ts)
            ahead = levels[px]
            alive[number] = {
                "order_id": number, "side": row["side"], "px": px, "qty": lots, "add_ts": ts,
                "kind": row["action"], "ahead_n0": len(ahead), "open": lots, "filled": 0,
                "ahead_qty0": sum(alive[k]["open"] for k in ahead), "ahead_exec": 0,
                "ahead_canc": 0, "first_fill_ts": 0, "last_fill_ts": 0,
            }  # fmt: skip
            ahead.append(number)
        now = {p: sum(alive[k]["open"] for k in levels[p]) for p in changed}
        if sizes and sizes[-1][0] == ts:
            sizes[-1][1].update(now)
        else:
            sizes.append((ts, now))
    told += [{**life, "end": "open", "end_ts": 0} for life in alive.values()]
    return told, sizes


def test_fates_are_those_that_the_rows_tell(world: tuple[OrderQueue, Orders]) -> None:
    parameters, orders = world
    told, _ = _replayed(orders)
    theirs = pl.DataFrame(told).filter(pl.col("kind") != "open").drop("open")
    ours = truth_frame(orders, parameters.market)
    ours = ours.with_columns((pl.col("px") * 100).round().cast(pl.Int64))
    for name in ("qty", "ahead_qty0", "ahead_exec", "ahead_canc", "filled"):
        ours = ours.with_columns(pl.col(name).cast(pl.Int64))
    key = ["order_id", "add_ts"]
    ours, theirs = ours.sort(key), theirs.sort(key)
    assert len(ours) == len(theirs) > 1_000
    assert set(ours["end"]) == {"fill", "cancel", "replace", "open"}
    for name in theirs.columns:
        assert ours[name].to_list() == theirs[name].to_list(), name


def test_the_tape_shows_the_same_levels_and_prints(world: tuple[OrderQueue, Orders]) -> None:
    _, orders = world
    _, sizes = _replayed(orders)
    rows = orders.tape_rows
    kind = rows["tag"] & KIND_MASK
    level = rows[(kind == DEPTH) | (kind == SNAPSHOT)]
    shown: dict[int, dict[int, int]] = defaultdict(dict)
    for ts, px, lots in zip(level["exch_ts"], level["px"], level["qty"], strict=True):
        shown[int(ts)][int(px)] = int(lots)
    assert dict(sizes) == dict(shown)
    printed: Counter[tuple[int, int]] = Counter()
    for row in orders.order_rows[orders.order_rows["action"] == 3]:
        printed[int(row["ts"]), int(row["px"])] += int(row["lots"])
    prints = rows[kind == TRADE]
    found = {(int(r["exch_ts"]), int(r["px"])): int(r["qty"]) for r in prints}
    assert found == dict(printed)
    assert len(found) == len(prints) > 50
    bids = {int(row["px"]) for row in orders.order_rows[orders.order_rows["side"] == 1]}
    assert set(level["px"][(level["tag"] & BUY) > 0].tolist()) <= bids
    assert np.count_nonzero(rows["tag"][: 2 * 4] & FIRST) == 2


@pytest.mark.parametrize("law", LAWS)
def test_tapes_are_valid_and_do_not_depend_on_how_they_are_written(
    law: str, tmp_path: Path
) -> None:
    parameters = parameters_of("order_queue", "", {"hours": 0.5, "cancels": law})
    digests = []
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        with TapeWriter(tmp_path / name, parameters.market) as writer:
            if name == "b":
                write_orders(parameters, seed, writer)
            else:
                truth = generate_of("order_queue")(parameters, seed, writer)
                assert truth["orders"] > 10_000
                assert truth["refused"] == 0
        assert writer.info is not None
        digests.append(writer.info.digest)
    assert digests[0] == digests[1] != digests[2]
    assert [str(finding) for finding in validate(tmp_path / "a")] == []


def test_rates_and_sizes_are_those_asked_for() -> None:
    p = OrderQueue(hours=2.0, replace_share=0.0)
    orders = generate_orders(p, 5)
    action = orders.order_rows["action"]
    joined = orders.order_rows["lots"][(action == 0) & (orders.order_rows["order_id"] > 0)]
    expected = 2 * p.levels * p.limit_rate * 7200
    assert abs(len(joined) - expected) < 4 * expected**0.5
    total = sum(p.size_weights)
    for size, weight in zip(p.sizes, p.size_weights, strict=True):
        share = weight / total
        error = (share * (1 - share) / len(joined)) ** 0.5
        assert abs(np.mean(joined == size) - share) < 4 * error


@pytest.mark.parametrize(("law", "size"), [("orders", False), ("lots", True)])
def test_victims_are_drawn_by_order_or_by_lot(law: Literal["orders", "lots"], size: bool) -> None:
    """Under `orders` a victim is as large as any; under `lots` in proportion to its size."""
    p = OrderQueue(hours=2.0, cancels=law, taker_rate=0.0, replace_share=0.0, levels=1)
    orders = generate_orders(p, 7)
    alive: dict[int, int] = {}
    excess = []
    for row in orders.order_rows:
        number, lots = int(row["order_id"]), int(row["lots"])
        if row["action"] == 0:
            alive[number] = lots if row["side"] == 1 else 0
            continue
        here = np.array([value for value in alive.values() if value])
        if row["side"] == 1:
            mean = np.sum(here * here) / np.sum(here) if size else np.mean(here)
            excess.append(lots - mean)
        del alive[number]
    assert len(excess) > 3_000
    assert abs(np.mean(excess)) < 3 * np.std(excess) / len(excess) ** 0.5


@pytest.mark.parametrize("alpha", [0.0, 1.25])
def test_victims_of_one_lot_follow_the_rank_law(alpha: float) -> None:
    """The mean log-weight of the victim is what the law says it is, given each queue."""
    p = OrderQueue(
        hours=1.5, alpha=alpha, sizes=(1,), size_weights=(1.0,), replace_share=0.0, levels=1
    )
    orders = generate_orders(p, 9)
    queue: list[int] = []
    excess = []
    for row in orders.order_rows[orders.order_rows["side"] == -1]:
        number = int(row["order_id"])
        if row["action"] == 0:
            queue.append(number)
        else:
            if row["action"] == 1:
                rank = np.arange(len(queue))[::-1]
                weight = (1.0 + rank) ** -alpha
                expected = np.sum(weight * np.log1p(rank)) / np.sum(weight)
                excess.append(np.log1p(len(queue) - 1 - queue.index(number)) - expected)
            queue.remove(number)
    assert len(excess) > 2_000
    assert abs(np.mean(excess)) < 3 * np.std(excess) / len(excess) ** 0.5


def test_a_cancel_by_rank_takes_part_of_an_order_only_where_none_has_its_size() -> None:
    """With next to no kappa; the cancelled size is drawn, but never above the largest order."""
    orders = generate_orders(OrderQueue(hours=0.3, log_kappa=-700.0, replace_share=0.0), 2)
    alive: dict[int, tuple[int, int]] = {}  # price and open lots
    parts = 0
    for row in orders.order_rows:
        number, px, lots = int(row["order_id"]), int(row["px"]), int(row["lots"])
        if row["action"] == 0:
            alive[number] = px, lots
            continue
        if row["action"] == 1 and lots < alive[number][1]:
            parts += 1
            assert lots not in [size for at, size in alive.values() if at == px]
        alive[number] = px, alive[number][1] - lots
        if alive[number][1] == 0:
            del alive[number]
    assert parts > 100


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"limit_rate": 0.0}, "order_queue.limit_rate: 0.0 must lie above zero"),
        ({"cancels": "age"}, "parameters of order_queue: Invalid enum value 'age'"),
        ({"sizes": [1, 1], "size_weights": [1, 1]}, "sizes must differ"),
        ({"sizes": [1]}, "a weight for each"),
        ({"size_weights": [0, 1, 1, 1, 1]}, "weights must be above zero"),
        ({"alpha": -1.0}, "must lie in 0..10"),
        ({"log_kappa": 1.0}, "must lie in -700..0"),
        ({"replace_share": 2.0}, "must lie in 0..1"),
        ({"levels": 0}, "must lie in 1..100"),
        ({"cancel_rate": 1e-4}, "orders would rest"),
        ({"price": "1"}, "must be above 4096 ticks"),
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parameters_of("order_queue", "", parameters)
    assert told in str(error.value)
