"""`simmm.golden` in a project of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import simmm

SCENARIO = """
tape: {dataset: cascade_hl_btc}
run: {warm_up_s: 60, to: 300}
maker: {max_position: 0.1}
strategy: {file: glft, order_size: 0.01, gamma: %s}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.yaml").write_text(SCENARIO % 1000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_and_update(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = simmm.golden.check()
    assert [outcome.status for outcome in missing] == ["missing"]
    assert not missing.same
    with pytest.raises(simmm.GoldenError, match="there is no golden report"):
        missing.require_same()
    assert repr(simmm.golden.update(reason="first")) == "mine: made"
    same = simmm.golden.check("mine", progress=True)
    assert same.same
    same.require_same()
    assert repr(same) == "mine: same"
    assert capsys.readouterr().err == "running mine …\n"

    (project / "scenarios" / "mine.yaml").write_text(SCENARIO % 100_000)
    told: list[str] = []
    moved = simmm.golden.check(folder=project, progress=told.append)
    assert told == ["mine"]
    assert not moved.same
    assert isinstance(moved[0], simmm.golden.Outcome)
    with pytest.raises(simmm.GoldenError, match=r"^mine: differs: .* → ") as raised:
        moved.require_same()
    assert "\n" not in str(raised.value)
    assert repr(simmm.golden.update(reason="wider", date="2026-01-01")).startswith("mine: changed")
    assert simmm.golden.check().same


def test_wrong_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    with pytest.raises(simmm.ScenarioError, match="no such scenario"):
        simmm.golden.check("theirs")
    with pytest.raises(simmm.ScenarioError, match="say why"):
        simmm.golden.update("mine", reason=" ")
    with pytest.raises(simmm.ScenarioError, match="no folder `scenarios`"):
        simmm.golden.check(folder=tmp_path / "scenarios")
