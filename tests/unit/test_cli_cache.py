"""`simmm cache`: what it shows and removes."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from simmm.cli.cache import cache

DAY_S = 86_400


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMMM_CACHE", str(tmp_path))
    return tmp_path


def run(*words: str) -> list[str]:
    return CliRunner().invoke(cache, words, catch_exceptions=False).output.splitlines()


def test_an_empty_cache_is_shown(folder: Path) -> None:
    assert run() == [
        f"compiled code: 0 files, 0.0 MB, {folder / 'kernels'}",
        f"tapes: 0 files, 0.0 MB, {folder / 'tapes'}",
    ]
    assert run("--prune")[1] == f"removed tapes: 0 files, 0.0 MB, {folder / 'tapes'}"


def test_tapes_are_shown_and_pruned_by_their_last_use(folder: Path) -> None:
    tapes = folder / "tapes"
    tapes.mkdir()
    now_s = tapes.stat().st_mtime
    days = {"old.parquet": (40, 40), "read.parquet": (1, 40), "new.parquet": (0, 0),
            "old.valid": (40, 40), ".half.1.building": (40, 40), "notes.txt": (40, 40)}  # fmt: skip
    for name, (read, written) in days.items():
        (tapes / name).write_bytes(b"x" * 500_000)
        os.utime(tapes / name, (now_s - read * DAY_S, now_s - written * DAY_S))
    assert run()[1] == f"tapes: 5 files, 2.5 MB, {tapes}"
    assert run("--prune")[1] == f"removed tapes: 3 files, 1.5 MB, {tapes}"
    left = sorted(path.name for path in tapes.iterdir())
    assert left == ["new.parquet", "notes.txt", "read.parquet"]
    assert run("--prune", "--older-than-days", "0")[1].startswith("removed tapes: 2 files")
