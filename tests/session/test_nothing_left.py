"""After a session no file, thread or task is left, and its memory doesn't grow with its length."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from simmm.errors import RunError
from simmm.session import paper
from simmm.session.journal import FILE_NAME as JOURNAL
from simmm.session.paper import Pace
from simmm.session.verify import verify
from simmm.tape import info
from simmm.tape.schema import NO_AUX
from tests.contract.cases import Heads
from tests.contract.runs import ROOT
from tests.contract.tapes import dataset_file, read, write
from tests.session.journals import copied
from tests.session.processes import ENVIRONMENT
from tests.session.resumed import partial
from tests.session.sessions import FULL, SHORT, play

MIB = 1 << 20
#: Of the second half of a million rows; what is held is some hundred.
GROWTH = 24 * MIB


class Held:
    """What this process holds."""

    def __init__(self) -> None:
        gc.collect()
        self.threads = {thread.name for thread in threading.enumerate()}
        folder = Path("/proc/self/fd")
        self.files = sorted(
            os.readlink(folder / name)
            for name in os.listdir(folder)
            if os.path.lexists(folder / name)
        )
        self.files = [name for name in self.files if not name.startswith("/proc/")]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and (self.threads, self.files) == (
            other.threads,
            other.files,
        )

    def __hash__(self) -> int:
        raise TypeError

    def __repr__(self) -> str:
        return f"{self.threads} {self.files}"


@pytest.fixture
def before(finished: Path, heads: Heads) -> Held:
    """What is held once all that is done once has been done."""
    SHORT.resolved(heads)
    return Held()


def test_after_a_session(before: Held, heads: Heads, tmp_path: Path) -> None:
    for number, pace in enumerate((FULL, Pace(500.0, 10.0))):
        folder = play(SHORT.resolved(heads), tmp_path / f"run-{number}", pace=pace)
        assert Held() == before
        verify(folder)
        assert Held() == before


def test_after_a_session_that_was_taken_up(before: Held, broken_off: Path, tmp_path: Path) -> None:
    copied(partial(broken_off), tmp_path / "run.partial")
    paper.resume(tmp_path / "run", pace=FULL)
    assert Held() == before


def test_after_a_session_that_failed(
    before: Held, heads: Heads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle: the reader's thread, the journal and the tables' files are closed."""
    real, count = os.write, [0]

    def write(file: int, content: bytes) -> int:
        count[0] += 1
        if count[0] > 300:
            raise OSError(28, "No space left on device")
        return real(file, content)

    monkeypatch.setattr("simmm.session.journal.os.write", write)
    with pytest.raises(RunError, match=r"No space left on device.*simmm paper --resume"):
        play(SHORT.resolved(heads), tmp_path / "run")
    monkeypatch.undo()
    assert Held() == before
    paper.resume(tmp_path / "run", pace=FULL)
    assert Held() == before


def test_after_a_session_that_could_not_be_taken_up(
    before: Held, broken_off: Path, tmp_path: Path
) -> None:
    folder = copied(partial(broken_off), tmp_path / "run.partial")
    content = bytearray((folder / JOURNAL).read_bytes())
    content[-40] ^= 1
    (folder / JOURNAL).write_bytes(content)
    with pytest.raises(RunError, match="was altered"):
        paper.resume(tmp_path / "run", pace=FULL)
    assert Held() == before
    assert not (folder / "lock").exists()


def test_no_task_is_left(heads: Heads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the session's part is done, nothing but itself runs in the loop."""
    left: list[int] = []
    real = asyncio.run

    def run(main: object) -> object:
        async def watched() -> object:
            result = await main  # type: ignore[misc]
            left.append(len(asyncio.all_tasks()) - 1)
            return result

        return real(watched())

    monkeypatch.setattr("simmm.session.playing.asyncio.run", run)
    play(SHORT.resolved(heads), tmp_path / "run", pace=Pace(300.0, 10.0))
    assert left == [0]


PROGRAM = """
import sys
from pathlib import Path
from simmm.scenario import load_scenario
from simmm.session import paper
from simmm.session.pace import Pace, Unwatched

class Memory(Unwatched):
    def __init__(self):
        self.next = 0.0
        self.told = []
    def due(self):
        return True
    def update(self, snapshot):
        if snapshot.rows >= self.next:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.told.append((snapshot.rows, pages * 4096))
            self.next = snapshot.rows + 50_000

memory = Memory()
resolved = load_scenario("quiet", tape=[sys.argv[2]])
paper.start(resolved, feed="tape", pace=Pace(None, 300.0), out=Path(sys.argv[1]), watcher=memory)
print(*(f"{rows}:{size}" for rows, size in memory.told))
"""


def _repeated(source: Path, target: Path, times: int) -> Path:
    """Write a tape several times after itself."""
    columns = read(source)
    length = int(columns["local_ts"].max() - columns["exch_ts"].min()) + 1
    steps = {"exch_ts": length, "local_ts": length, "seq": int(columns["seq"].max()) + 1}
    named = columns["aux"] != NO_AUX  # trades have an id each
    count = columns["aux"].size
    joined = {name: np.tile(values, times) for name, values in columns.items()}
    for name, step in steps.items():
        joined[name] += np.repeat(np.arange(times) * step, count)
    ids = np.repeat(np.arange(times) * (int(columns["aux"][named].max()) + 1), count)
    joined["aux"] += np.where(np.tile(named, times), ids, 0)
    return write(target, joined, info(source).market)


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """After the first fifth of a session nothing grows with its length; a million rows if long."""
    times = 3 if os.environ.get("SIMMM_LONG") == "1" else 1
    tape = _repeated(dataset_file("quiet_hl_btc"), tmp_path / "long.parquet", times)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run"), str(tape)],
        capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [tuple(map(int, pair.split(":"))) for pair in done.stdout.split()]
    total = told[-1][0]
    assert total > times * 350_000
    settled = max(size for rows, size in told if rows <= total // 5)
    largest = max(size for rows, size in told)
    assert largest - settled < GROWTH, told
