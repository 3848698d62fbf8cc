"""Golden reports: what counts as a difference, where it begins, and the command around it."""

import io
import json

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner
from rich.console import Console

from simmm.cli.golden import golden_group
from simmm.errors import GoldenError, ScenarioError
from simmm.report import golden, golden_runs
from simmm.report.terminal.golden import divergence_sentence, show_comparison
from tests.unit.report_fixture import START, S, drawn_run

SCENARIO = "tape:\n  dataset: made_up\n"


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    folder = drawn_run(tmp_path_factory.mktemp("runs") / "run", seconds=1000)
    return folder, golden.capture(folder)


def test_a_golden_report_survives_the_disk(captured, tmp_path):
    folder, first = captured
    golden.write(tmp_path / "a.json", first)
    again = golden.read(tmp_path / "a.json")
    assert golden.compare(again, golden.capture(folder)).same
    assert again == first


def test_it_holds_money_counts_markouts_and_calibration(captured):
    _, first = captured
    wanted = ("pnl.spread", "pnl.net", "pnl.interval.low", "account.cash", "counts.rows",
              "fills.count", "orders.fill_ratio", "markout.5s.all.edge.value", "tape.digest",
              "markout.0.5s.buy.move.se", "calibration.sigma.coverage", "calibration.A.final",
              "queue.ahead_filled.p50", "risk.drawdown", "digest.intents")  # fmt: skip
    assert set(wanted) <= set(first.figures)
    assert not any(name.startswith(("wall", "run.")) for name in first.figures)
    assert type(first.figures["pnl.spread"]) is int


def test_floats_are_compared_at_twelve_digits(captured):
    _, first = captured
    name = "markout.5s.all.edge.value"
    value = first.figures[name]
    exact = golden._rounded(value * (1 + 1e-15))
    assert exact == value
    moved = golden._rounded(value * (1 + 3e-12))
    changed = msgspec.structs.replace(first, figures=first.figures | {name: moved})
    (difference,) = golden.compare(first, changed).differences
    assert (difference.what, difference.was, difference.now) == (name, value, moved)


def test_integers_are_compared_exactly(captured):
    _, first = captured
    figures = first.figures | {"account.cash": first.figures["account.cash"] + 1}
    assert not golden.compare(first, msgspec.structs.replace(first, figures=figures)).same


def test_a_figure_that_is_new_or_gone_differs(captured):
    _, first = captured
    figures = {name: value for name, value in first.figures.items() if name != "counts.rows"}
    gone = msgspec.structs.replace(first, figures=figures)
    assert golden.compare(first, gone).differences[0].now == "(not there)"
    assert golden.compare(gone, first).differences[0].was == "(not there)"


def test_checkpoints_are_few_and_end_with_the_run(captured, tmp_path):
    _, first = captured
    assert len(first.venue) == len(first.maker) == 200
    assert first.venue[-1].startswith(f"{START + 1000 * S} ")
    for seconds in (1, 199, 200, 201, 399, 403):
        found = golden.capture(drawn_run(tmp_path / str(seconds), seconds=seconds)).venue
        assert len(found) <= 200
        assert found[-1].startswith(f"{START + seconds * S} ")
        assert len(set(found)) == len(found)


@pytest.mark.parametrize("second", [1, 437, 1000])
def test_the_first_differing_interval_holds_the_change(captured, tmp_path, second):
    _, first = captured
    folder = drawn_run(tmp_path / "run", seconds=1000)
    path = folder / "equity.parquet"
    frame = pl.read_parquet(path)
    late = pl.col("ts") >= START + second * S
    frame.with_columns(
        pl.when(late).then(pl.col("chain") + 1).otherwise(pl.col("chain")).alias("chain")
    ).write_parquet(path)
    (found,) = golden.compare(first, golden.capture(folder)).divergences
    assert found.chain == "fills and account"
    assert (found.after_ns or START) < START + second * S <= found.until_ns
    assert found.until_ns - (found.after_ns or START) == 5 * S
    assert "checkpoint" in divergence_sentence(found)


def test_a_shorter_chain_differs_where_it_ends(captured):
    _, first = captured
    shorter = msgspec.structs.replace(first, maker=first.maker[:50])
    (found,) = golden.compare(first, shorter).divergences
    assert (found.chain, found.checkpoint) == ("intents", 51)


def test_configuration_alone_is_no_difference(captured):
    _, first = captured
    other = msgspec.structs.replace(first, configuration=first.configuration | {"seed.tape": 2})
    comparison = golden.compare(first, other)
    assert comparison.same
    assert comparison.configuration[0].what == "seed.tape"


def test_a_difference_reads_as_a_table(captured):
    _, first = captured
    moved = msgspec.structs.replace(
        first, figures=first.figures | {"pnl.spread": 5}, venue=["1 a", *first.venue[1:]]
    )
    console = Console(width=80, record=True, file=io.StringIO())
    show_comparison(golden.compare(first, moved), console)
    text = console.export_text()
    assert "pnl.spread" in text
    assert str(first.figures["pnl.spread"]) in text
    assert "fills and account: first difference" in text
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 1}', "[1]"])
def test_a_damaged_golden_report_is_told(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(GoldenError, match="not a golden report"):
        golden.read(path)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose scenarios give made-up runs of as many seconds as the file says."""
    (tmp_path / "scenarios").mkdir()
    for name in ("one", "two", "recorded"):
        (tmp_path / "scenarios" / f"{name}.yaml").write_text(f"{SCENARIO}# 60\n")

    def run_scenario(path, notify=None):
        seconds = int(path.read_text().split("#")[1])
        return golden.capture(drawn_run(tmp_path / "runs" / path.stem, seconds=seconds))

    monkeypatch.setattr(golden_runs, "run_scenario", run_scenario)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words):
    result = CliRunner().invoke(golden_group, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_update_then_check_then_a_change(project):
    assert call("check").exit_code == 2  # no golden report yet
    assert call("update", "--reason", "first").exit_code == 0
    assert sorted(path.name for path in (project / "reports").iterdir()) == ["one.json", "two.json"]
    assert call("check").exit_code == 0
    (project / "scenarios" / "two.yaml").write_text(f"{SCENARIO}# 61\n")
    assert call("check", "one").exit_code == 0
    result = call("check")
    assert result.exit_code == 1
    assert "two: differs" in result.output
    assert "1 of 2 same" in result.output


def test_update_keeps_a_history_and_leaves_the_same_alone(project):
    call("update", "--reason", "first")
    one = (project / "reports" / "one.json").read_bytes()
    (project / "scenarios" / "two.yaml").write_text(f"{SCENARIO}# 61\n")
    call("update", "--reason", "longer", "--date", "2026-01-02")
    assert (project / "reports" / "one.json").read_bytes() == one
    history = json.loads((project / "reports" / "two.json").read_text())["history"]
    assert [entry["reason"] for entry in history] == ["first", "longer"]
    assert history[1]["date"] == "2026-01-02"
    assert all(entry["version"] for entry in history)


def test_calls_that_are_wrong(project):
    assert call("update").exit_code == 2  # no reason
    for words, told in (
        (("update", "--reason", "  "), "say why"),
        (("check", "thre"), "no such scenario"),
        (("check", "recorded"), "tape of one's own"),
        (("check", "--folder", str(project / "scenarios")), "no folder `scenarios`"),
    ):
        with pytest.raises(ScenarioError, match=told) as caught:
            call(*words)
        assert caught.value.exit_code == 2
