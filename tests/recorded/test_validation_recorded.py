"""The default queue model against the real orders of a recorded half hour.

Scored are orders that joined in 30 to 49.2 % of the hour of which the recording is the first half.
"""

from __future__ import annotations

import numpy as np
import pytest

from simmm.errors import TapeError
from simmm.fitting.queue_victims import likelihood, victims
from simmm.validation.result import Row, Validation
from simmm.validation.rows import Rows, load
from simmm.validation.run import BLOCK_NS, Settings, score, validate
from simmm.validation.truth import read_orders
from tests.outside import DATA, recorded_file

TAPE = DATA / "l2from_l3_cme_ESH4_20231225_h1.parquet"
TRUTH = DATA / "truth_orders_cme_ESH4_20231225_h1.parquet"
OTHER = DATA / "bitmex_XBTUSD_20200310.parquet"
MODELS = ("pessimistic", "power 3", "rank_scalar", "rank", "rank_tracked")

pytestmark = pytest.mark.skipif(
    not (TAPE.is_file() and TRUTH.is_file()), reason="no recordings here (data/ under SIMMM_SHARED)"
)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return load(TAPE)


@pytest.fixture(scope="module")
def orders(rows: Rows) -> np.ndarray:
    return read_orders(TRUTH, rows)


@pytest.fixture(scope="module")
def found(rows: Rows, orders: np.ndarray) -> Validation:
    settings = Settings(models=MODELS, start="1076.25s", end="1765.05s")
    return score(rows, orders, "tape", "truth", settings)


def row(found: Validation, population: str, model: str, draws: int = 32) -> Row:
    (one,) = (
        row
        for row in found.rows
        if (row.population, row.model) == (population, model)
        and row.draws == (draws if row.drawn else 1)
    )
    return one


def value(found: Validation, population: str, model: str, score: str, draws: int = 32) -> float:
    return row(found, population, model, draws).scores[score].value


def test_counts(found: Validation) -> None:
    """R: 56 more orders joined then whose end lies beyond the file."""
    assert [(one.name, one.orders) for one in found.populations][:2] == [("R", 2396), ("RP", 2365)]
    assert all(check.holds for check in found.checks), found.checks


@pytest.mark.parametrize(
    ("model", "position", "time", "exact"),
    [("rank", 0.80, 0.15, 0.77), ("rank_tracked", 0.45, 0.08, 0.81)],
)
def test_the_rank_law(
    found: Validation, model: str, position: float, time: float, exact: float
) -> None:
    assert value(found, "R", model, "position") <= position
    assert abs(value(found, "R", model, "position_bias")) <= 0.35
    assert value(found, "RP", model, "time") <= time
    assert value(found, "RP", model, "brier_30s") <= 0.006
    assert abs(value(found, "RP", model, "probability_error")) <= 0.005
    assert value(found, "RP", model, "false") <= 0.010
    assert value(found, "RP", model, "exact") >= exact
    assert value(found, "R", model, "position", 1) <= 1.25
    assert value(found, "RP", model, "time", 1) <= 0.28


def test_the_published_forms_as_others_measured_them(found: Validation) -> None:
    assert value(found, "R", "power 3", "position") == pytest.approx(2.59, abs=0.05)
    assert value(found, "R", "power 3", "position_bias") == pytest.approx(-2.18, abs=0.05)
    for name, wanted in (
        ("time", 0.278),
        ("brier_30s", 0.0114),
        ("exact", 0.732),
        ("recall", 0.982),
        ("probability_error", -0.0114),
    ):
        assert value(found, "RP", "pessimistic", name) == pytest.approx(wanted, abs=0.001)
    for population in ("R", "RP", "V0"):
        assert value(found, population, "pessimistic", "false") == 0.0


def test_which_model_is_nearer(found: Validation) -> None:
    order = ("rank_tracked", "rank", "rank_scalar", "pessimistic", "power 3")
    for population in ("R", "RP", "V0"):
        errors = [value(found, population, model, "position") for model in order]
        assert errors == sorted(errors), population
    for population in ("R", "RP", "V0"):  # of fills there are too few to be as sure
        ratio = row(found, population, "rank").to_power["position"]
        assert ratio.high is not None
        assert ratio.high < 0.5


def test_markouts_of_simulated_fills_are_those_of_real_ones(found: Validation) -> None:
    for population in ("RP", "V0"):
        ranked, power = row(found, population, "rank"), row(found, population, "power 3")
        for name in ("1s", "5s"):
            real = ranked.scores[f"real_markout_{name}"].value
            gap = abs(ranked.scores[f"markout_{name}"].value - real)
            assert gap <= abs(power.scores[f"markout_{name}"].value - real)


def test_what_makes_real_victims_likely(rows: Rows, orders: np.ndarray) -> None:
    """By another's analysis of the same hour: alpha 1.065 +- .05, log kappa -1.86 +- .13."""
    data = victims(rows, orders, rows.start_ts, rows.end_ts + 1)
    law = likelihood(data, BLOCK_NS)
    assert law.alpha == pytest.approx(1.065, abs=0.1)
    assert -3.0 < law.log_kappa < -1.4
    assert law.nats < 0.8 * law.nats_uniform


def test_the_truth_of_another_market() -> None:
    recorded_file(OTHER.name)
    with pytest.raises(TapeError, match="truth_orders"):
        validate(OTHER, TRUTH)
