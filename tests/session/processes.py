"""Sessions in processes of their own, killed where they are told to be, or from outside.

As a script it is a server: it imports simmm once, reads one job a line, and forks for each, so
that a session costs no start. It has no threads of its own when it forks.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.contract.runs import ROOT

COMMAND = (sys.executable, "-m", "simmm.cli.main")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PATIENCE_S = 60.0
#: What a forked session may be killed at, before it does it.
PLACES = {
    "JournalWriter.write": "simmm.session.journal:JournalWriter.write",
    "JournalWriter.close": "simmm.session.journal:JournalWriter.close",
    "checkpoint.fsync": "simmm.session.checkpoint:os.fsync",
    "checkpoint.replace": "simmm.session.checkpoint:os.replace",
    "finish": "simmm.session.playing:finish",
    "write_events": "simmm.session.finish:write_events",
    "under_tape": "simmm.report:write",
    "write_report": "simmm.session.finish:write_report",
    "Spool.remove": "simmm.session.spool:Spool.remove",
    "rename": "simmm.run_folder:Path.rename",
}


class Ended:
    """How a forked session ended: the signal that killed it, and the line of its error."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.signal = int(told["signal"])
        self.error = str(told["error"])
        self.lines = [str(line) for line in told["lines"]]


class Server:
    """Runs sessions in forked processes; use as a context."""

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.session.processes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRONMENT,
        )  # fmt: skip
        return self

    def warm(self, folder: Path) -> None:
        """Load the engine of a session once, for all that follow."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"warm": str(folder)}) + "\n")
        self._process.stdin.flush()
        assert self._read() == {}

    def run(self, **job: Any) -> Ended:
        """Run a session; see `_session` for what a job is."""
        self.begin(**job)
        return self.end()

    def begin(self, **job: Any) -> int:
        """Let a session begin; return its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job, default=str) + "\n")
        self._process.stdin.flush()
        return int(self._read()["process"])

    def end(self) -> Ended:
        """Wait for the session to end."""
        return Ended(self._read())

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server died"
        told: dict[str, Any] = json.loads(line)
        return told

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()


def wait_until(moment: Callable[[], bool], process: int | None = None) -> bool:
    """Wait until `moment`; return whether it came before patience or the process ended."""
    limit = time.monotonic() + PATIENCE_S
    while not moment():
        if time.monotonic() > limit or (process is not None and not _alive(process)):
            return False
        time.sleep(0.001)
    return True


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def size(path: Path) -> int:
    """Return a file's size; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _at(place: str, count: int, act: Callable[[], None]) -> None:
    """Act when this process is about to do something for the `count`-th time."""
    import importlib
    import types

    module_name, path = PLACES[place].split(":")
    holder: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for owner in owners:
        inner = getattr(holder, owner)
        if isinstance(inner, types.ModuleType):  # this one's own, with all else as it was
            own = types.ModuleType(inner.__name__)
            own.__dict__.update(inner.__dict__)
            setattr(holder, owner, own)
            inner = own
        holder = inner
    real, done = getattr(holder, name), [0]

    def wrapped(*values: Any, **named: Any) -> Any:
        done[0] += 1
        if done[0] == count:
            act()
        return real(*values, **named)

    setattr(holder, name, wrapped)


def _session(job: dict[str, Any], say: Callable[[str], None]) -> None:
    """Begin a session (`start`: scenario, tape, sets, out), take one up (`resume`: folder), or
    prove one (`verify`: folder).

    `pace`: speed and checkpoint seconds. `kill_at`: a place of `PLACES` and its number.
    `largest_file`: bytes that a file may have, from the beginning or from the place `limit_at` on.
    """
    from simmm.session import paper, playing
    from simmm.session.paper import Pace
    from tests.session.sessions import FULL, resolve

    playing._CHECKPOINT_REST = 0  # as often as the pace says, though the session is short
    for place, count in job.get("kill_at", {}).items():
        _at(place, count, _kill)

    def fill_up() -> None:
        limit = job["largest_file"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    for place, count in job.get("limit_at", {}).items():
        _at(place, count, fill_up)
    if "largest_file" in job and "limit_at" not in job:
        fill_up()
    pace = Pace(*job["pace"]) if "pace" in job else FULL
    if "verify" in job:
        from simmm.session.verify import verify

        signal.alarm(20)
        verdict = verify(job["verify"])
        say(verdict.reason or "the same")
        return
    if "resume" in job:
        paper.resume(Path(job["resume"]), pace=pace, notify=say)
        return
    begun = job["start"]
    resolved = resolve(begun["scenario"], Path(begun["tape"]), begun["sets"])
    paper.start(
        resolved, feed="tape:test", hours=begun.get("hours"), pace=pace, out=Path(begun["out"]),
        notify=say,
    )  # fmt: skip


def _warm(folder: Path) -> None:
    """Load all that is compiled; nothing here begins a thread."""
    from simmm.session.verify import verify

    assert verify(folder).same


def _forked(job: dict[str, Any], channel: int) -> None:
    from simmm.errors import SimmmError

    lines: list[str] = []
    error = ""
    try:
        _session(job, lines.append)
    except SimmmError as failed:
        error = str(failed)
    except BaseException as failed:  # noqa: BLE001 - told to the test, which fails
        error = f"{type(failed).__name__}: {failed}"
    os.write(channel, json.dumps({"error": error, "lines": lines}).encode())
    os._exit(0)


def main() -> None:
    """Serve jobs from standard input until it ends."""
    import simmm.session.paper  # noqa: F401 - imported before the forks
    import tests.session.sessions  # noqa: F401

    for line in sys.stdin:
        job = json.loads(line)
        if "warm" in job:
            _warm(Path(job["warm"]))
            print("{}", flush=True)
            continue
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            _forked(job, write_end)
        os.close(write_end)
        print(json.dumps({"process": child}), flush=True)
        with os.fdopen(read_end, "rb") as channel:
            content = channel.read()
        _, status = os.waitpid(child, 0)
        told = json.loads(content) if content else {"error": "", "lines": []}
        code = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps({**told, "signal": code}), flush=True)


if __name__ == "__main__":
    main()
