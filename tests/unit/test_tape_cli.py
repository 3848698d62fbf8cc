"""``simmm tape``: what it prints and how it ends."""

import json
from pathlib import Path

import pytest

from simmm.cli.main import main
from tests.unit.tape_fixture import BUY, DEPTH, END, START, write_rows
from tests.unit.test_tape_sources import MAP, TABLE, save


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    rows = [(START + n, START + n, n, DEPTH | BUY | END, 100, n + 1) for n in range(5)]
    return write_rows(tmp_path / "tape.parquet", rows, truth={"kappa": 1.7})


def test_info(tape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tape", "info", str(tape)]) == 0
    out = capsys.readouterr().out
    for text in ("TEST on unknown", "2023-11-14T22:13:20.000000004Z", "truth: kappa", "1.7"):
        assert text in out


def test_info_as_json(tape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tape", "info", str(tape), "--json", "--statistics"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["rows"] == 5
    assert about["statistics"]["hours"] == 0


def test_validate(tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tape", "validate", str(tape)]) == 0
    assert capsys.readouterr().out == f"{tape}: valid\n"
    crossed = [(START, START, 0, DEPTH | side | END, 100, 1) for side in (0, BUY)]
    bad = write_rows(tmp_path / "bad.parquet", crossed)
    assert main(["tape", "validate", str(tape), str(bad)]) == 2
    out = capsys.readouterr().out
    assert f"{bad}: error: row 1, px: crossed book" in out
    assert main(["tape", "validate", str(bad), "--json"]) == 2
    (report,) = json.loads(capsys.readouterr().out)
    assert report["findings"][0]["severity"] == "error"


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(TABLE, tmp_path / "a.csv")
    (tmp_path / "map.yaml").write_text(MAP)
    call = ["tape", "convert", str(source), str(tmp_path / "b.parquet")]
    assert main(call) == 2
    assert "--map FILE" in capsys.readouterr().err
    assert main([*call, "--map", str(tmp_path / "map.yaml")]) == 0
    assert "4 rows, 3 packets; assumed seq" in capsys.readouterr().out
    assert main([*call, "--map", str(tmp_path / "map.yaml")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*call, "--map", str(tmp_path / "map.yaml"), "--overwrite"]) == 0


@pytest.mark.parametrize("command", ["info", "validate"])
def test_bad_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(["tape", command, str(tmp_path / "none.parquet")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no such file" in error
