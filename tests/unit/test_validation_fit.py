"""Learning the rank law's numbers, and scoring what was learned on later orders."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from simmm.cli.fit_queue import queue_command
from simmm.errors import ScenarioError, VenueError
from simmm.fitting.queue import QueueFit, fit_queue
from simmm.fitting.queue_victims import Victims, likelihood
from simmm.tape import TapeWriter
from simmm.tape.synthetic.order_book import OrderQueue, truth_frame, write_orders
from simmm.validation.probes import SECOND
from simmm.validation.rows import Rows, load
from simmm.validation.run import Settings, score
from simmm.validation.truth import read_orders


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Twenty minutes of orders of one lot, any of a level equally likely to leave."""
    folder = tmp_path_factory.mktemp("fit")
    made = OrderQueue(
        hours=1 / 3, cancels="orders", sizes=(1,), size_weights=(1.0,), replace_share=0.0
    )
    with TapeWriter(folder / "tape.parquet", made.market) as writer:
        orders = write_orders(made, 2, writer)
    truth_frame(orders, made.market).write_parquet(folder / "truth.parquet")
    return folder / "tape.parquet", folder / "truth.parquet"


@pytest.fixture(scope="module")
def market(files: tuple[Path, Path]) -> tuple[Rows, np.ndarray]:
    rows = load(files[0])
    return rows, read_orders(files[1], rows)


def test_leaves_the_shipped_numbers_where_they_are_surely_wrong(
    market: tuple[Rows, np.ndarray],
) -> None:
    rows, orders = market
    fit = fit_queue(
        rows, orders, rows.start_ts, rows.end_ts, forms=("rank",), whole_grid=False, draws=4
    )
    (one,) = fit.filters
    assert (one.shipped_alpha, one.shipped_log_kappa) == (1.25, -2.0)
    assert one.alpha == one.best_alpha == 0.75  # as near to 0 as the grid goes
    assert not one.kept
    assert one.gain_low > 0.0
    assert one.best_loss < one.shipped_loss < 1.0
    assert min(loss for _, _, loss in one.grid) == one.best_loss
    assert fit.sizes == [(1, fit.adds)]
    assert fit.likelihood is not None
    assert abs(fit.likelihood.alpha) < 0.1


def test_refitted_models_are_scored_on_later_orders_only(
    market: tuple[Rows, np.ndarray],
) -> None:
    rows, orders = market
    settings = Settings(models=("rank",), draws=4, refit=0.5, resamples=100)
    found = score(rows, orders, "tape", "truth", settings)
    assert found.from_ts == (rows.start_ts + rows.end_ts) // 2
    assert [one.name for one in found.models] == [
        "pessimistic",
        "power 3",
        "rank",
        "rank refitted",
    ]
    assert found.models[-1].constants["alpha"] == 0.75
    assert "learned on the first 50% of this tape" in found.models[-1].origin
    assert any("only later ones are scored" in line for line in found.remarks)
    place = {
        row.model: row.scores["position"].value
        for row in found.rows
        if row.population == "V0" and row.draws > 1
    }
    assert place["rank refitted"] < place["rank"]
    with pytest.raises(ScenarioError, match="must be a share of the tape"):
        score(rows, orders, "tape", "truth", settings._replace(refit=1.5))
    overlapping = score(rows, orders, "t", "t", settings._replace(start="0.25", models=("rank",)))
    assert any("partly fitted on" in line for line in overlapping.remarks)


def test_the_command_tells_and_keeps_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "fit.json"
    told = CliRunner().invoke(
        queue_command,
        ["--tape", str(files[0]), "--truth", str(files[1]), "--to", "0.5", "--draws", "2",
         "--json", str(target)],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "venue.queue: {model: rank, alpha: 0.75" in told.output
    assert "venue.queue: {model: rank_tracked, alpha: 0.75" in told.output
    assert msgspec.json.decode(target.read_bytes(), type=QueueFit).cancels > 100


def test_too_little_to_learn_from(market: tuple[Rows, np.ndarray]) -> None:
    rows, orders = market
    with pytest.raises(VenueError, match="too few orders to learn from: R has"):
        fit_queue(rows, orders, rows.start_ts, rows.start_ts + 5 * SECOND)
    none = np.zeros(0, bool)
    empty = Victims(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0), none, none)
    assert empty.partial == 0
    with pytest.raises(VenueError, match="only 0 cancels at best prices"):
        likelihood(empty, SECOND)


def test_likelihood_of_a_known_table() -> None:
    """Of three orders the youngest went in 4 of 7 cases, the next in 2, the oldest in 1: 1/r."""
    victims = [0] * 400 + [1] * 200 + [2] * 100
    taken = np.zeros((len(victims), 3), bool)
    taken[np.arange(len(victims)), [2 - v for v in victims]] = True
    data = Victims(
        np.arange(len(victims)) * SECOND,
        np.arange(len(victims) + 1) * 3,
        np.tile([2.0, 1.0, 0.0], len(victims)),
        np.zeros(3 * len(victims), bool),
        taken.ravel(),
    )
    law = likelihood(data, SECOND)
    weights = np.arange(1, 4) ** -law.alpha
    shares = weights / weights.sum()
    assert shares @ np.log([1.0, 2.0, 3.0]) == pytest.approx(
        np.array([4, 2, 1]) / 7 @ np.log([1.0, 2.0, 3.0]), abs=1e-4
    )
    assert law.nats_uniform == pytest.approx(np.log(3))
    assert 0.02 < law.alpha_error < 0.2
