"""The runs of a study: variants of one scenario, several at a time, each in a process of its own.

A variant's folder is called after it and after the digest of all that decides its results, so that
a finished run is found again, and one made from another scenario, strategy, tape or version of
simmm is not taken for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import simmm
from simmm import errors
from simmm.backtest import Progress, building, compile_notice, tape_specs
from simmm.errors import RunError, SimmmError
from simmm.run_folder import partial_folder
from simmm.scenario import Resolved, load_scenario
from simmm.strategy.load import load_strategy
from simmm.tape import open_tapes

LOCK = ".lock"
_DIGITS = 12
_LAST_WORDS = 2000


class Variant(NamedTuple):
    """A run to be made: its name, and how the scenario is loaded for it."""

    name: str
    resolved: Resolved
    options: dict[str, Any]  # of `load_scenario`, as JSON can hold them


class Event(NamedTuple):
    """What happened to a variant: `kept`, `started`, `rows`, `say` or `done`."""

    what: str
    name: str
    done: int = 0
    total: int = 0
    text: str = ""


Told = Callable[[Event], None]


def variant(
    name: str, scenario: str, options: Mapping[str, Any], sets: Mapping[str, Any]
) -> Variant:
    """Load the scenario with further values set; the options' own `sets` come first."""
    merged = {**options, "sets": {**options.get("sets", {}), **sets}}
    return Variant(name, load_scenario(scenario, **merged), merged)


def run_all(
    variants: Sequence[Variant],
    folder: Path,
    *,
    scenario: str,
    jobs: int,
    told: Told,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Make the runs that are not there yet and return each variant's run folder.

    Parameters
    ----------
    variants
        All of one tape.
    folder
        Of the study; made if need be. Runs lie in its folder ``runs``.
    scenario
        Path or name, as `load_scenario` takes it.
    jobs
        Processes at a time.
    told
        Hears of every variant.
    progress
        Hears of a tape that has to be built first.

    Raises
    ------
    SimmmError
        Of the first run that fails, with the variant's name; those that are finished stay.
    """
    runs = folder / "runs"
    with locked(folder) as lock:
        tapes = _tape_digests(variants[0].resolved, progress, told)
        places = {one.name: runs / f"{one.name}-{_key(one, tapes)}" for one in variants}
        missing = [one for one in variants if not (places[one.name] / "report.json").is_file()]
        for one in variants:
            if one not in missing:
                told(Event("kept", one.name))
        for one in missing:  # what was interrupted; nobody writes there while we hold the lock
            for rest in (places[one.name], partial_folder(places[one.name])):
                shutil.rmtree(rest, ignore_errors=True)
        requests = [
            (one.name, {"scenario": scenario, "options": one.options, "out": str(places[one.name])})
            for one in missing
        ]
        _Pool(requests, jobs, told, lock).run()
    return places


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Keep a second study out of the folder; gives the lock's descriptor.

    Raises
    ------
    RunError
        Another study is at work there, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunError(f"{folder}: can't be written ({error.strerror}); give another --out") from (
            error
        )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise RunError(
            f"{folder}: another study is at work there; wait for it, or give another --out"
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # workers hold it too, until they are gone


def _tape_digests(resolved: Resolved, progress: Progress | None, told: Told) -> list[list[str]]:
    """Build or convert the tapes once, before several processes want them."""

    def say(line: str) -> None:
        told(Event("say", "", text=line))

    compile_notice(say)
    with building:
        specs = tape_specs(resolved, progress, say)
    with open_tapes(specs) as stream:
        return [list(digests) for digests in stream.digests]


def _key(one: Variant, tapes: list[list[str]]) -> str:
    """Digest of all that decides a run: scenario, tapes, strategy, simmm, Python."""
    strategy = load_strategy(one.resolved.strategy_path)
    parts = [one.resolved.digest(), strategy.digest, tapes, source_digest(), sys.version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]


@cache
def source_digest() -> str:
    """Return the SHA-256, in hex, of simmm's own files: results and reports follow from them."""
    root = Path(simmm.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def start_worker(module: str, words: IO[bytes], **more: Any) -> subprocess.Popen[bytes]:
    """Start a process that runs a module of this simmm and talks by its standard streams.

    Parameters
    ----------
    module
        Its name.
    words
        File for what it writes to its standard error.
    more
        Further arguments of `subprocess.Popen`.
    """
    paths = [str(Path(simmm.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        **more,
    )


class _Worker:
    """A process at work on one variant, and what it has written so far."""

    def __init__(self, name: str, request: dict[str, Any], lock: int) -> None:
        self.name = name
        self.finished = False
        self._pending = b""
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = start_worker(
            "simmm.study.worker",
            self._words,
            start_new_session=True,  # Ctrl-C is ours to pass on
            pass_fds=(lock,),
        )
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode())
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it is gone already; its end is told where it is read

    def messages(self) -> list[dict[str, Any]] | None:
        """Return the messages that are there; None once there will be no more."""
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self._pending = (self._pending + data).split(b"\n")
        return [json.loads(line) for line in lines if line]

    def last_words(self) -> str:
        """Return the last line of what it printed to standard error."""
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - _LAST_WORDS))
        lines = self._words.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """End the process if it still runs, and wait until it has cleaned up."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._words.close()


class _Pool:
    """Serves requests, at most `jobs` at a time, in their order."""

    def __init__(
        self, requests: list[tuple[str, dict[str, Any]]], jobs: int, told: Told, lock: int
    ) -> None:
        self._waiting = list(reversed(requests))
        self._jobs, self._told, self._lock = jobs, told, lock
        self._said: set[str] = set()

    def run(self) -> None:
        """Serve all; the first error ends those that are at work."""
        working: list[_Worker] = []
        total = len(self._waiting)
        with selectors.DefaultSelector() as selector:
            try:
                while self._waiting or working:
                    while self._waiting and len(working) < self._jobs:
                        name, request = self._waiting.pop()
                        worker = _Worker(name, request, self._lock)
                        working.append(worker)
                        selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
                        self._told(Event("started", name, total=total))
                    for key, _ in selector.select():
                        worker = key.data
                        messages = worker.messages()
                        if messages is None:
                            selector.unregister(key.fileobj)
                            self._end(worker)
                            working.remove(worker)
                        for message in messages or ():
                            self._hear(worker, message)
            finally:
                for worker in working:
                    worker.close()

    def _hear(self, worker: _Worker, message: dict[str, Any]) -> None:
        if "rows" in message:
            self._told(Event("rows", worker.name, message["rows"], message["of"]))
        elif "say" in message:
            if message["say"] not in self._said:  # each process compiles what the cache lacks
                self._said.add(message["say"])
                self._told(Event("say", worker.name, text=message["say"]))
        elif "error" in message:
            raise _error(worker.name, message)
        else:
            worker.finished = True

    def _end(self, worker: _Worker) -> None:
        words = worker.last_words()
        worker.close()
        if not worker.finished:
            raise RunError(f"{worker.name}: its process ended early ({words}); run it again")
        self._told(Event("done", worker.name))


def _error(name: str, message: dict[str, Any]) -> SimmmError:
    """Return a worker's error as this process would have raised it, with the variant's name."""
    kind = getattr(errors, message["error"], RunError)
    found: SimmmError = kind(f"{name}: {message['text']}")
    found.exit_code = message["exit_code"]
    return found
