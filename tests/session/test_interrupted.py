"""Ctrl-C and SIGTERM end a session cleanly, whenever they come, with its report."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from simmm.errors import ScenarioError
from simmm.session.journal import FILE_NAME as JOURNAL
from simmm.session.paper import Pace
from simmm.session.verify import verify
from tests.contract.cases import DATASETS, Heads
from tests.session.journals import copied
from tests.session.processes import COMMAND, ENVIRONMENT, PATIENCE_S, Server, size, wait_until
from tests.session.resumed import EVERYTHING, go_on, partial
from tests.session.sessions import SHORT, as_backtest, assert_same, play, read

REAL_TIME = 25.0  # fast enough to pass the warm-up in less than a second


def check(folder: Path, out: Path, *, warm: bool = True) -> None:
    """It has a report, can be proved, and a backtest of its scenario is the same.

    Where it ended before the warm-up did, there is nothing a backtest would do.
    """
    told = read(folder)
    assert told.info["session"]["interrupted"] is True
    assert (folder / "report.html").stat().st_size > 10_000
    if warm:
        assert_same(as_backtest(folder, out), told, EVERYTHING)
    else:
        assert told.info["counts"]["intents"] == 0
        assert not (folder / "under_tape").exists()
        with pytest.raises(ScenarioError, match=r"nothing would be quoted|before it starts"):
            as_backtest(folder, out)
    verdict = verify(folder)
    assert verdict.same, verdict.reason
    assert verdict.packets == told.info["session"]["packets"]
    assert not partial(folder).exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_from_the_command_line(name: str, heads: Heads, tmp_path: Path) -> None:
    """Without a terminal: plain lines on standard error, the report on standard output."""
    tape = heads(DATASETS[SHORT.scenario], SHORT.rows)
    words = ["--feed", f"tape:{tape}", "--speed", str(REAL_TIME), "--out", "run"]
    for path in ("run.warm_up_s=5", "maker.quote_on=[fill]"):
        words += ["--set", path]
    with subprocess.Popen(
        [*COMMAND, "paper", SHORT.scenario, *words], cwd=tmp_path, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert wait_until(lambda: size(tmp_path / "run.partial" / JOURNAL) > 33_000)
            process.send_signal(getattr(signal, name))
            output, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "\x1b" not in output + errors
    lines = errors.splitlines()
    ends = r"simmm: interrupted; the session ends at 2025-01-01T00:00:\S+Z"
    assert sum(re.fullmatch(ends, line) is not None for line in lines) == 1
    assert all(line.startswith(("simmm: ", "2025-01-01T")) for line in lines), lines
    shown = [line for line in lines if line.startswith("2025-01-01T")]
    assert len(shown) >= 2
    assert all(len(line) <= 200 and line.isascii() and "mid=" in line for line in shown)
    assert "Digests" in output
    check(tmp_path / "run", tmp_path / "again")


@pytest.mark.parametrize(
    ("after_bytes", "speed"),
    [(21_000, REAL_TIME), (21_000, 1.0), (73_000, 200.0), (133_000, None)],
    ids=["in the warm-up", "in the first second", "quoting", "at full speed"],
)
def test_at_any_moment(
    after_bytes: int, speed: float | None, heads: Heads, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    process = server.begin(start=SHORT.job(heads, folder), pace=(speed, 5.0))
    journal = partial(folder) / JOURNAL
    assert wait_until(lambda: size(journal) > after_bytes, process)
    os.kill(process, signal.SIGTERM)
    began = time.monotonic()
    ended = server.end()
    assert ended.error == ""
    assert time.monotonic() - began < 20
    if speed is None and not read(folder).info["session"]["interrupted"]:
        return  # it was over sooner
    assert any("interrupted; the session ends at" in line for line in ended.lines), ended.lines
    check(folder, tmp_path / "again", warm=after_bytes > 21_000)


def test_before_the_first_packet(
    heads: Heads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Set(asyncio.Event):
        """Somebody was very quick."""

        def __init__(self) -> None:
            super().__init__()
            self.set()

    monkeypatch.setattr(asyncio, "Event", Set)
    folder = play(SHORT.resolved(heads), tmp_path / "run", pace=Pace(1.0, 60.0))
    monkeypatch.undo()
    check(folder, tmp_path / "again", warm=False)


def test_killed_and_then_interrupted(broken_off: Path, server: Server, tmp_path: Path) -> None:
    """Killed again while it is finished: the end that it had is kept."""
    folder = tmp_path / "run"
    copied(partial(broken_off), partial(folder))
    journal = partial(folder) / JOURNAL
    before = size(journal)
    process = server.begin(resume=folder, pace=(50.0, 60.0), kill_at={"write_report": 1})
    assert wait_until(lambda: size(journal) > before + 5_000, process)
    os.kill(process, signal.SIGINT)
    assert server.end().signal == signal.SIGKILL
    go_on(server, folder)
    check(folder, tmp_path / "again")


def test_interrupted_and_the_end_torn(heads: Heads, server: Server, tmp_path: Path) -> None:
    """What was cut off is only how it ended; it still ends there."""
    folder = tmp_path / "run"
    job = SHORT.job(heads, folder)
    process = server.begin(start=job, pace=(100.0, 60.0), kill_at={"JournalWriter.close": 1})
    journal = partial(folder) / JOURNAL
    assert wait_until(lambda: size(journal) > 73_000, process)
    os.kill(process, signal.SIGINT)
    assert server.end().signal == signal.SIGKILL
    os.truncate(journal, size(journal) - 3)
    go_on(server, folder)
    told = read(folder)
    assert told.info["session"]["packets"] < 600
    assert_same(as_backtest(folder, tmp_path / "again"), told, EVERYTHING)
    assert verify(folder).same
