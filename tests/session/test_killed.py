"""Sessions killed at any moment go on as if they had never stopped."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from simmm.session import paper
from simmm.session.checkpoint import FILE_NAME as CHECKPOINT
from simmm.session.checkpoint import PREVIOUS
from simmm.session.journal import FILE_NAME as JOURNAL
from simmm.session.verify import verify
from tests.contract.cases import Heads
from tests.session.journals import copied, offsets
from tests.session.processes import Server, size, wait_until
from tests.session.resumed import check, go_on, partial
from tests.session.sessions import FULL, SHORT, Told, read

MAGIC_BYTES, HEADER_BYTES = 16, 22_000  # more than a header takes
KILLS = int(os.environ.get("SIMMM_KILLS", "4"))


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("JournalWriter.write", 2),  # the header stands
        ("JournalWriter.write", 100),  # before the first checkpoint
        ("checkpoint.fsync", 1),
        ("checkpoint.replace", 1),  # the first one isn't there yet
        ("checkpoint.replace", 2),  # the one before has moved, the new one not
        ("checkpoint.replace", 3),
        ("JournalWriter.write", 685),  # before the end's record
        ("JournalWriter.close", 1),
        ("write_events", 1),
        ("under_tape", 1),
        ("write_report", 1),
        ("Spool.remove", 1),
        ("rename", 1),
        ("rename", 2),
    ],
)
def test_killed_at(
    place: str, count: int, heads: Heads, server: Server, whole: Told, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    pace = (None, 10.0)
    ended = server.run(start=SHORT.job(heads, folder), kill_at={place: count}, pace=pace)
    assert ended.signal == signal.SIGKILL
    assert not folder.exists()
    go_on(server, folder)
    check(folder, whole, 1)


def _chain(
    marks: list[float], heads: Heads, server: Server, folder: Path, draw: random.Random
) -> int:
    """Kill a session at each mark, a share of its journal; return how often it was."""
    journal = partial(folder) / JOURNAL
    job = {"start": SHORT.job(heads, folder)}
    killed = 0
    for mark in marks:
        process = server.begin(**job, pace=(draw.choice([None, 200.0]), 5.0))

        def reached(least: float = mark) -> bool:
            return size(journal) >= max(least, MAGIC_BYTES)

        if wait_until(reached, process):
            time.sleep(draw.choice([0.0, 0.0, 0.002, 0.02]))
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        killed += server.end().signal == signal.SIGKILL
        if folder.exists():
            break
        job = {"resume": folder} if size(journal) > HEADER_BYTES else job
        if "start" in job:
            shutil.rmtree(partial(folder), ignore_errors=True)
    return killed


@pytest.mark.parametrize("seed", range(max(1, KILLS // 20)))
def test_killed_again_and_again(
    seed: int, heads: Heads, server: Server, whole: Told, tmp_path: Path
) -> None:
    """From outside, at random moments; each time it goes on from the last checkpoint."""
    folder, draw = tmp_path / "run", random.Random(seed)
    total = whole.info["session"]["journal"]["bytes"]
    count = min(KILLS, 20)
    marks = sorted(draw.random() * total for _ in range(count))
    killed = _chain(marks, heads, server, folder, draw)
    assert killed >= count - 1
    if not folder.exists():
        go_on(server, folder)
    check(folder, whole, read(folder).info["session"]["resumed"])


@pytest.mark.parametrize("seed", range(max(2, KILLS // 4)))
def test_killed_after_some_time(
    seed: int, heads: Heads, server: Server, whole: Told, tmp_path: Path
) -> None:
    """Most of a short session's time is its finish."""
    folder, draw = tmp_path / "run", random.Random(seed)
    process = server.begin(start=SHORT.job(heads, folder), pace=(None, 5.0))
    wait_until(lambda: size(partial(folder) / JOURNAL) > HEADER_BYTES, process)
    time.sleep(draw.random() * 0.4)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    server.end()
    if not folder.exists():
        go_on(server, folder)
    check(folder, whole, read(folder).info["session"]["resumed"])


def test_killed_between_file_and_name_of_a_checkpoint(
    broken_off: Path, whole: Told, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    copied(partial(broken_off), partial(folder))
    content = (partial(folder) / CHECKPOINT).read_bytes()
    (partial(folder) / CHECKPOINT).with_suffix(".tmp").write_bytes(content[: len(content) // 2])
    paper.resume(folder, pace=FULL)
    check(folder, whole, 1)


@pytest.mark.parametrize("lost", [1, 4, 15, 16, 17, 80, 100, 200])
def test_torn_last_record(lost: int, broken_off: Path, whole: Told, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    copied(partial(broken_off), partial(folder))
    journal = partial(folder) / JOURNAL
    os.truncate(journal, size(journal) - lost)
    note = verify(folder).notes[-1]
    assert "broken off" in note
    if lost != size(journal) - offsets(partial(folder))[-1]:
        assert "bytes of a torn record" in note
    paper.resume(folder, pace=FULL)
    check(folder, whole, 1)


@pytest.mark.parametrize("lost", [1, 30])
def test_torn_end(lost: int, heads: Heads, server: Server, whole: Told, tmp_path: Path) -> None:
    """All was heard, and the last record is torn."""
    folder = tmp_path / "run"
    server.run(start=SHORT.job(heads, folder), kill_at={"JournalWriter.close": 1})
    journal = partial(folder) / JOURNAL
    os.truncate(journal, size(journal) - lost)
    paper.resume(folder, pace=FULL)
    check(folder, whole, 1)


def test_without_a_checkpoint(broken_off: Path, whole: Told, tmp_path: Path) -> None:
    """The journal alone is enough."""
    folder = tmp_path / "run"
    copied(partial(broken_off), partial(folder))
    for name in (CHECKPOINT, PREVIOUS):
        (partial(folder) / name).unlink(missing_ok=True)
    paper.resume(folder, pace=FULL)
    check(folder, whole, 1)


def test_elsewhere(broken_off: Path, whole: Told, tmp_path: Path) -> None:
    """A folder that was moved goes on, from any current folder."""
    folder = tmp_path / "moved" / "there"
    folder.parent.mkdir()
    shutil.copytree(partial(broken_off), partial(folder))
    paper.resume(partial(folder), pace=FULL)
    check(folder, whole, 1)


def test_a_lost_record_would_be_seen(broken_off: Path, whole: Told, tmp_path: Path) -> None:
    """Resumed without its memory of what was heard, the comparison fails."""
    folder = tmp_path / "run"
    copied(partial(broken_off), partial(folder))
    for spooled in (partial(folder) / "spool").iterdir():
        if spooled.name == "equity":
            content = spooled.read_bytes()
            spooled.write_bytes(content[:-80] + bytes(80))
    paper.resume(folder, pace=FULL)
    with pytest.raises(AssertionError):
        check(folder, whole, 1)
