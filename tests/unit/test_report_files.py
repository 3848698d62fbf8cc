"""Run folders that are not what they should be, `report.json`, and the command."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from simmm.cli.report import report as command
from simmm.errors import RunError, ScenarioError
from simmm.report import build, load, write
from simmm.report.files import write_whole
from simmm.report.schema import SCHEMA_VERSION
from tests.unit.report_fixture import drawn_run


@pytest.fixture
def folder(tmp_path):
    return drawn_run(tmp_path / "run", seconds=120)


def test_report_survives_the_disk_and_is_the_same_each_time(folder):
    first = write(folder)
    content = (folder / "report.json").read_bytes()
    assert load(folder) == first == build(folder)
    write(folder)
    assert (folder / "report.json").read_bytes() == content
    assert json.loads(content)["schema_version"] == SCHEMA_VERSION
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def mids(folder, **columns):
    pl.DataFrame(columns).write_parquet(folder / "mids.parquet")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: (f / "run.json").unlink(), "no run.json"),
        (lambda f: (f / "run.json").write_text("{"), "run.json: "),
        (lambda f: (f / "run.json").write_text('{"simmm_version": "1"}'), "scenario_name"),
        (lambda f: (f / "fills.parquet").unlink(), "fills.parquet: missing"),
        (lambda f: (f / "mids.parquet").write_bytes(b"PAR1 not"), "not readable as Parquet"),
        (lambda f: mids(f, ts=[1]), "field 'mid2'"),
        (lambda f: mids(f, ts=[2, 1], mid2=[1, 1]), "row 1: ts goes backwards"),
        (lambda f: mids(f, ts=[2], mid2=["x"]), "does not hold numbers"),
        (lambda f: (f / "report.json").write_text("[]"), "not a report"),
        (lambda f: (f / "report.json").write_text('{"schema_version": 99}'), "newer"),
        (lambda f: (f / "report.json").write_text('{"schema_version": 3}'), "not a report"),
        (lambda f: (f / "report.json").write_text('{"schema_version": 2}'), "no longer read"),
    ],
)
def test_a_bad_folder_is_told_in_one_line(folder, change, told):
    change(folder)
    with pytest.raises(RunError, match=told) as caught:
        load(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_a_truncated_table_is_no_report(folder):
    path = folder / "equity.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match="equity"):
        build(folder)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left"):
        write_whole(tmp_path / "report.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_the_command_finds_the_run(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    runs = Path("runs")
    runs.mkdir()
    folder.rename(runs / "20260101-000000-made_up")
    call = CliRunner().invoke
    for words in ([], ["20260101-000000-made_up"], ["runs/20260101-000000-made_up"]):
        result = call(command, [*words, "--width", "100"])
        assert result.exit_code == 0
        assert "P&L, split" in result.output
    told = json.loads(call(command, ["--json"]).output)
    assert told["run"]["scenario"] == "made_up"
    assert not (runs / "20260101-000000-made_up" / "report.json").exists()
    assert call(command, ["--rebuild"]).exit_code == 0
    assert (runs / "20260101-000000-made_up" / "report.json").exists()


def test_the_command_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for words, told in (([], "no run under"), (["nowhere"], "no such run"), (["file"], "a file")):
        result = CliRunner().invoke(command, words)
        assert isinstance(result.exception, ScenarioError)
        assert told in str(result.exception)


def test_what_was_named_and_is_the_default_is_no_change(tmp_path):
    origins = {"maker.requote_ms": "mine.yaml:3", "maker.moves": "--set", "strategy.gamma": "--set"}
    scenario = {"maker": {"requote_ms": 1000.0, "moves": "modify"}, "strategy": {"gamma": 0.1}}
    folder = drawn_run(tmp_path / "run", seconds=120)
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(info | {"origins": origins, "scenario": scenario}))
    told = [(change.path, change.value) for change in build(folder).changes]
    assert told == [("maker.moves", "modify"), ("strategy.gamma", 0.1)]
