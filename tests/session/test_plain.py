"""Without a terminal a session prints plain lines; with --quiet its folder alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.contract.cases import DATASETS, Heads
from tests.session.processes import COMMAND, ENVIRONMENT
from tests.session.sessions import SHORT


def call(folder: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, whose output is no terminal."""
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, cwd=folder, timeout=120,
        env={**ENVIRONMENT, **more},
    )  # fmt: skip


@pytest.fixture
def words(heads: Heads) -> list[str]:
    """A short session at full speed."""
    tape = heads(DATASETS[SHORT.scenario], SHORT.rows)
    return ["paper", "cascade", "--feed", f"tape:{tape}", "--speed", "max", "--out", "run",
            "--set", "run.warm_up_s=5"]  # fmt: skip


def test_plain_lines(words: list[str], tmp_path: Path) -> None:
    done = call(tmp_path, *words, TERM="xterm-256color")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    for line in done.stderr.splitlines():
        assert re.match(r"simmm: |2025-01-01T00:\d\d:\d\dZ BTC state=", line), line
    assert "Digests" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    verified = call(tmp_path, "verify", "run")
    assert verified.returncode == 0
    assert re.fullmatch(r"verified: .* intents, digest [0-9a-f]{16}\n", verified.stdout)
    assert verified.stderr == ""


def test_quiet(words: list[str], tmp_path: Path) -> None:
    done = call(tmp_path, *words, "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run\n"
    assert "state=" not in done.stderr
    (tmp_path / "run" / "journal.bin").write_bytes(b"nothing")
    verified = call(tmp_path, "verify", "run")
    assert verified.returncode == 1
    assert (verified.stdout + verified.stderr).count("\n") == 1
