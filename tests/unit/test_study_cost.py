"""`simmm study cost`: every kind that is heard is timed, and sums are of their parts."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from simmm.cli.study_cost import cost
from simmm.errors import ScenarioError
from simmm.estimators.catalogue import ESTIMATORS, estimator
from simmm.estimators.observation import AGGRESSOR, KINDS
from simmm.study import cost as study
from simmm.study.cost import LIMIT_NS, MIX, Cost, Costs, _again, study_cost
from simmm.study.cost_terminal import render
from simmm.study.generated_observations import observed

NAME = "heavy_tail"


@pytest.fixture(scope="module")
def found() -> Costs:
    return study_cost([NAME], {"AGGRESSOR": 0.5})


def test_what_is_heard_is_timed_and_summed(found: Costs) -> None:
    (one,) = found.costs
    assert set(one.update) == {KINDS[kind] for kind in estimator(NAME).hears}
    assert 0.0 <= one.update["AGGRESSOR"] < 10_000.0
    assert one.per_row == pytest.approx(0.5 * (one.update["AGGRESSOR"] + one.read))
    assert one.per_trade == pytest.approx(one.per_row / 0.5)
    assert found.per_row == one.per_row
    assert found.mix["AGGRESSOR"] == 0.5
    assert found.mix["CLOCK"] == study.MIX["CLOCK"]


def test_work_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty aggressors' worth of work is more than none: the loop's own cost is taken off."""
    entry = estimator(NAME)
    stream = observed(seed=1, seconds=200)
    driver = study._warm(entry, stream, {})
    heard, span = _again(stream, AGGRESSOR)
    turn = study._turn_of(entry)
    nothing, updates = (
        min(study._quickest(turn, driver, heard.copy(), span, what) for _ in range(3))
        for what in (study.NOTHING, study.UPDATES)
    )
    assert 0.0 < nothing < updates


def test_the_clock_goes_on_after_the_stream() -> None:
    stream = observed(seed=1, seconds=200)
    heard, span = _again(stream, AGGRESSOR)
    assert set(heard["kind"]) == {AGGRESSOR}
    assert heard["now"][0] > stream["now"][-1]
    assert np.all(np.diff(heard["now"]) > 0)
    assert heard["now"][-1] - heard["now"][0] < span


@pytest.mark.parametrize("width", [80, 160])
def test_the_table_fits(found: Costs, width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    render(found, console)
    console.file.close()
    text = console.export_text()
    assert NAME in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(("width", "tables"), [(60, 3), (80, 2), (110, 1), (160, 1)])
def test_no_figure_and_no_verdict_is_cut(width: int, tables: int) -> None:
    costs = [
        Cost(
            entry.name,
            entry.row,
            {KINDS[kind]: 1_000.0 + 100 * at + kind for kind in entry.hears},
            100.0 + at,
            (10.1 if at % 2 else 90.1) + at / 10,
            1_000.0 + at,
        )
        for at, entry in enumerate(ESTIMATORS)
    ]
    console = Console(width=width, file=io.StringIO())
    render(Costs(1, dict(MIX), LIMIT_NS, costs, 321.5, 43_210.0), console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert text.count("E21 ") == tables
    assert text.split("\nns. By kind")[0].count("over") == sum(
        one.per_row > LIMIT_NS for one in costs
    )
    words = text.split()
    for given in costs:
        figures = [*(f"{ns:,.0f}" for ns in given.update.values()), f"{given.read:.0f}",
                   f"{given.per_row:.1f}", f"{given.per_trade:,.0f}"]  # fmt: skip
        assert [one for one in figures if one not in words] == []
        assert words.count(given.estimator) >= tables
    assert {"321.5", "43,210", "clock", "aggr.", "bucket", "context", "row", "trade"} <= {*words}
    assert "over it: bipower" in " ".join(words)


@pytest.mark.parametrize(("arguments", "words"), [
    (["--estimator", "hevy_tail"], "did you mean 'heavy_tail'"),
    (["--estimator", "reach_variation"], "that is a belief of heavy_tail"),
    (["--estimator", "E99"], "there are: bipower"),
    (["--mix", "AGRESSOR=1"], "did you mean 'AGGRESSOR'"),
    (["--mix", "CLOCK"], "is not KIND=N"),
    (["--mix", "CLOCK=x"], "is not KIND=N"),
    (["--mix", "CLOCK=-1"], "must be between"),
    (["--mix", "CLOCK=nan"], "must be between"),
])  # fmt: skip
def test_wrong_calls(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(cost, arguments)
    assert isinstance(result.exception, ScenarioError)
    assert words in str(result.exception)


def test_the_command_prints_json() -> None:
    result = CliRunner().invoke(cost, ["--estimator", "e7", "--json", "--no-progress"])
    assert result.exit_code == 0, result.output
    assert [one["estimator"] for one in json.loads(result.output)["costs"]] == [NAME]
