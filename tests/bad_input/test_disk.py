"""Disks that are full, folders that can't be written, folders that are there already."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from simmm.run_folder import SOMETIMES, TABLE_ROWS
from tests.bad_input.conftest import CommandLine
from tests.contract.runs import ROOT

COMMAND = (sys.executable, "-m", "simmm.cli.main")


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "Error writing bytes to file", None)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("simmm.run_folder.pq.ParquetWriter.write_table", "fills.parquet"),
        ("simmm.run_folder.pq.ParquetWriter.__init__", "fills.parquet"),
        ("simmm.run_folder.Path.write_text", "scenario.yaml"),
    ],
)
def test_disk_that_fills_up(
    simmm: CommandLine, monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    monkeypatch.setattr(place, _full)
    line = simmm.backtest(code=1)
    assert line.startswith(str(simmm.folder / "out"))
    assert name in line
    assert "No space left on device" in line
    assert line.endswith("make room or give another --out")


def test_disk_that_fills_up_under_the_report(
    simmm: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", _full)
    line = simmm.backtest(code=1)
    assert "report.json: cannot be written" in line


def test_name_that_is_taken_meanwhile(simmm: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour's run isn't thrown away, but it doesn't look like another run either."""
    monkeypatch.setattr("simmm.run_folder.Path.rename", _full)
    told = simmm(
        "backtest", "recorded", "--set", "run.warm_up_s=5", "--tape", simmm.tape, "--out", "out"
    )
    assert told.code == 1
    assert told.line.startswith("out: can't be given to the finished run")
    assert told.line.endswith("it is kept as out.partial")
    assert [path.name for path in simmm.folder.iterdir()] == ["out.partial"]


def _limited(size: int) -> Any:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("size", [10, 3_000, 12_000])
def test_files_that_may_not_grow(simmm: CommandLine, size: int) -> None:
    """The operating system itself refuses, in the middle of a file."""
    done = subprocess.run(
        [*COMMAND, "backtest", "quiet", "--to", "900", "--out", "out", "--quiet"],
        capture_output=True, text=True, cwd=simmm.folder, preexec_fn=_limited(size), timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("simmm: out")
    assert "File too large" in last
    assert "Traceback" not in done.stderr
    assert list(simmm.folder.iterdir()) == []


def test_tape_that_does_not_fit(simmm: CommandLine) -> None:
    done = subprocess.run(
        [*COMMAND, "tape", "convert", simmm.tape, "out.parquet", "--map", "map.yaml"],
        capture_output=True, text=True, cwd=simmm.folder, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("simmm: map.yaml")
    assert list(simmm.folder.iterdir()) == []


def test_run_folder_that_exists(simmm: CommandLine) -> None:
    folder = simmm.folder / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep me")
    line = simmm.backtest(code=1)
    assert line == f"{folder}: exists already; give another --out or remove it"
    assert (folder / "mine.txt").read_text() == "keep me"


def test_run_folder_that_another_run_writes(simmm: CommandLine) -> None:
    folder = simmm.folder / "out.partial"
    folder.mkdir()
    line = simmm.backtest(code=1)
    assert line.startswith(f"{folder}: another run is writing there, or was killed")


def test_folder_below_a_file(simmm: CommandLine) -> None:
    (simmm.folder / "file").write_text("")
    folder = simmm.folder / "file" / "out"
    line = simmm.backtest(out=folder, code=1)
    assert line == f"{folder}: can't be written (Not a directory); give another --out"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(simmm: CommandLine) -> None:
    closed = simmm.folder / "closed"
    closed.mkdir(mode=0o500)
    line = simmm.backtest(out=closed / "out", code=1)
    assert line == f"{closed / 'out'}: can't be written (Permission denied); give another --out"


def test_cache_that_can_not_be_written(simmm: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    (simmm.folder / "file").write_text("")
    monkeypatch.setenv("SIMMM_CACHE", str(simmm.folder / "file"))
    line = simmm.refused("backtest", "quiet", "--out", "out", code=1)
    assert "cannot be written (Not a directory); set SIMMM_CACHE to a folder that can" in line


def _finished(simmm: CommandLine) -> Path:
    folder = simmm.folder / "out"
    told = simmm.sound(out=folder)
    assert told.code == 0
    return folder


def test_a_finished_run_is_whole(simmm: CommandLine) -> None:
    folder = _finished(simmm)
    for name in set(TABLE_ROWS) - set(SOMETIMES):
        pq.read_table(folder / f"{name}.parquet")
    for name in ("run.json", "report.json"):
        json.loads((folder / name).read_text())
    assert simmm("backtest", folder / "scenario.yaml", "--out", "again", "--quiet").code == 0
    chains = [
        json.loads((simmm.folder / name / "run.json").read_text())["final"]["chain_maker"]
        for name in ("out", "again")
    ]
    assert chains[0] == chains[1]


@pytest.mark.parametrize(
    ("name", "content", "words", "expected"),
    [
        ("report.json", "{", (), "report.json: not a report"),
        ("run.json", "{", ("--rebuild",), "run.json"),
        ("fills.parquet", "PAR1", ("--rebuild",), "fills.parquet: not readable as Parquet"),
        ("equity.parquet", None, ("--rebuild",), "equity.parquet"),
    ],
)
def test_run_folder_that_was_damaged(
    simmm: CommandLine, name: str, content: str | None, words: tuple[str, ...], expected: str
) -> None:
    folder = _finished(simmm)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    assert expected in simmm.refused("report", folder, *words, code=1)


def test_folder_that_is_no_run(simmm: CommandLine) -> None:
    line = simmm.refused("report", simmm.folder, code=1)
    assert line.startswith(f"{simmm.folder}: no run.json in it; it is no run folder")
