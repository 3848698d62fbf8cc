"""Worlds whose queues are known: models err as they assume, the true one not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simmm.fitting.queue_victims import likelihood, victims
from simmm.tape import TapeWriter
from simmm.tape.synthetic.order_book import OrderQueue, truth_frame, write_orders
from simmm.validation.models import Model, fitted, model
from simmm.validation.probes import SECOND, phantoms, real_orders
from simmm.validation.result import Estimate
from simmm.validation.rows import Rows, load
from simmm.validation.scores import blocks, estimates, mids, sums
from simmm.validation.simulate import simulate
from simmm.validation.truth import read_orders

#: Nobody leaves and joins one price at one moment, which no tape of levels can show.
ONE_LOT: dict[str, Any] = {"sizes": (1,), "size_weights": (1.0,), "replace_share": 0.0}
#: Watches of 30 s overlap: blocks must be a good deal longer for errors to be right.
BLOCK_NS = 120 * SECOND
DRAWS = 16


def world(folder: Path, **parameters: Any) -> tuple[Rows, Any]:
    made = OrderQueue(hours=1.0, **parameters)
    with TapeWriter(folder / "tape.parquet", made.market) as writer:
        orders = write_orders(made, 5, writer)
    truth_frame(orders, made.market).write_parquet(folder / "truth.parquet")
    rows = load(folder / "tape.parquet")
    return rows, read_orders(folder / "truth.parquet", rows)


@pytest.fixture(scope="module")
def by_rank(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Any]:
    return world(tmp_path_factory.mktemp("rank"), cancels="rank", alpha=1.25, **ONE_LOT)


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Any]:
    return world(tmp_path_factory.mktemp("orders"), cancels="orders", **ONE_LOT)


def found(market: tuple[Rows, Any], models: Sequence[Model]) -> dict[str, dict[str, Estimate]]:
    rows, orders = market
    people = phantoms(orders, rows, rows.start_ts + 60 * SECOND, rows.end_ts)
    by = blocks(people.probes["join_ts"], rows.start_ts, BLOCK_NS, 1000, 1)
    mid = mids(rows)
    return {
        one.label: estimates(sums(people, simulate(rows, people, one, DRAWS), mid, by), by)
        for one in models
    }


def errors_away(estimate: Estimate) -> float:
    """How many standard errors a figure is from zero."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.value / ((estimate.high - estimate.low) / (2 * 1.96))


def test_the_rank_law_is_unbiased_where_cancels_follow_it(by_rank: tuple[Rows, Any]) -> None:
    law = fitted("rank", 1.25, -2.0, "given")
    scores = found(by_rank, [law, model("pessimistic"), model("optimistic")])
    true = scores[law.label]
    assert abs(errors_away(true["position_bias"])) < 3
    assert abs(errors_away(true["probability_error"])) < 3
    assert errors_away(scores["pessimistic"]["position_bias"]) > 6
    assert errors_away(scores["optimistic"]["position_bias"]) < -6
    assert scores["pessimistic"]["early"].value == scores["pessimistic"]["false"].value == 0.0
    assert scores["optimistic"]["late"].value == 0.0
    for name in ("position", "time", "brier_30s"):
        assert true[name].value < min(
            scores["pessimistic"][name].value, scores["optimistic"][name].value
        )


def test_the_proportional_form_is_unbiased_where_all_are_alike(alike: tuple[Rows, Any]) -> None:
    flat = fitted("rank", 0.0, 0.0, "given")
    scores = found(alike, [model("power 1"), flat, model("pessimistic"), model("power 3")])
    for label in ("power 1", flat.label):
        assert abs(errors_away(scores[label]["position_bias"])) < 3
        assert abs(errors_away(scores[label]["probability_error"])) < 3
    assert errors_away(scores["pessimistic"]["position_bias"]) > 6
    # Whole orders leave, shares of them don't: draws know the times better than the mean does.
    assert scores[flat.label]["time"].value < scores["power 1"]["time"].value


def test_the_likelihood_finds_the_law(by_rank: tuple[Rows, Any], alike: tuple[Rows, Any]) -> None:
    for market, alpha in ((by_rank, 1.25), (alike, 0.0)):
        rows, orders = market
        data = victims(rows, orders, rows.start_ts, rows.end_ts + 1)
        assert data.cancels > 1000
        assert data.partial == 0
        law = likelihood(data, BLOCK_NS)
        assert abs(law.alpha - alpha) < max(3 * law.alpha_error, 0.02)
        assert law.alpha_error < 0.1


def test_the_likelihood_finds_what_sizes_tell(tmp_path: Path) -> None:
    rows, orders = world(tmp_path, cancels="rank", alpha=1.0, log_kappa=-2.0)
    data = victims(rows, orders, rows.start_ts, rows.end_ts + 1)
    assert data.partial > 50
    law = likelihood(data, BLOCK_NS)
    # A part that was cut off isn't told whose it was, which blurs the sizes left behind a little.
    assert law.alpha == pytest.approx(1.0, abs=0.15)
    assert law.log_kappa == pytest.approx(-2.0, abs=0.6)
    assert law.nats < law.nats_uniform


def test_real_orders_end_as_the_table_says(by_rank: tuple[Rows, Any]) -> None:
    """Pessimistic is never before the truth, the level at the join is what the table says."""
    rows, orders = by_rank
    people = real_orders(orders, rows, rows.start_ts, rows.end_ts)
    outcome = simulate(rows, people, model("pessimistic"))[0]
    by_join = {int(order["add_ts"]): int(order["ahead0"]) for order in orders}
    ahead = [by_join[int(ts)] for ts in people.probes["join_ts"]]
    assert outcome["joined"].all()
    assert outcome["level_at_join"].tolist() == ahead
    waits = people.real_ts < 0
    assert (outcome["ahead_at_end"] >= people.real_ahead_end)[waits].all()
