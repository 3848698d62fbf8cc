"""Running the cases of estimators over many seeds, on all cores.

Seeds go to processes in chunks. A finished chunk is a file of the folder, named after its
estimator, case, seeds and the digest of the code that decided it, so that a study that was stopped
goes on where it was, and nothing that older code gave is taken for new. What comes out doesn't
depend on how many processes there are, since each world is a function of its seed alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import re
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from simmm.errors import RunError
from simmm.study.recovery.case import Case
from simmm.study.recovery.found import cases_of, chosen, digest_of
from simmm.study.recovery.worker import Columns
from simmm.study.runs import locked, start_worker

SEEDS = 400
CHUNK = 20
CHUNKS = "chunks"
_DIGITS = 12
_LAST_WORDS = 2000
_DECODER = msgspec.msgpack.Decoder(Columns)

#: Worlds done, of how many, and the estimator at work.
Told = Callable[[int, int, str], None]
Figures = dict[str, np.ndarray]


class Samples(NamedTuple):
    """Figures of one case: a column each, as `sample.py` names them, a world a row."""

    estimator: str
    case: Case
    figures: Figures


class _Chunk(NamedTuple):
    estimator: str
    case: str
    first: int
    end: int
    file: Path

    def request(self) -> dict[str, Any]:
        return {**self._asdict(), "file": str(self.file)}


def run_cases(
    folder: Path,
    estimators: Sequence[str] = (),
    *,
    seeds: int = SEEDS,
    jobs: int | None = None,
    told: Told | None = None,
) -> list[Samples]:
    """Draw the worlds of all cases of estimators and return what was believed in them.

    Parameters
    ----------
    folder
        Of the study; made if need be. Finished chunks in it are kept.
    estimators
        Names; all that have cases without any.
    seeds
        Worlds of each case: seeds 0 to `seeds` - 1.
    jobs
        Processes; by default as many as there are cores.
    told
        Hears how far it is.

    Raises
    ------
    ScenarioError
        An estimator has no cases.
    RunError
        A case or an estimator failed, or the folder can't be written.
    """
    names = chosen(estimators)
    with locked(folder):
        (folder / CHUNKS).mkdir(exist_ok=True)
        chunks = [
            chunk
            for name in names
            for case in cases_of(name)
            for chunk in _chunks(folder / CHUNKS, name, case, seeds)
        ]
        _Making(chunks, told).make(jobs or os.cpu_count() or 1)
        return [
            Samples(name, case, _read(_chunks(folder / CHUNKS, name, case, seeds), seeds))
            for name in names
            for case in cases_of(name)
        ]


def _chunks(folder: Path, name: str, case: Case, seeds: int) -> list[_Chunk]:
    """Whole chunks always, so that more seeds later find those that are there."""
    digest = hashlib.sha256(f"{digest_of(name)}\0{case.name}".encode()).hexdigest()[:_DIGITS]
    slug = re.sub(r"\W+", "-", f"{name}-{case.name}")
    return [
        _Chunk(
            name, case.name, first, first + CHUNK, folder / f"{slug}-{first:04d}-{digest}.msgpack"
        )
        for first in range(0, seeds, CHUNK)
    ]


def _read(chunks: list[_Chunk], seeds: int) -> Figures:
    parts = [_columns(chunk) for chunk in chunks]
    names = sorted({name for part in parts for name in part})
    missing = [float("nan")] * CHUNK
    return {
        name: np.concatenate([np.array(part.get(name, missing)) for part in parts])[:seeds]
        for name in names
    }


def _columns(chunk: _Chunk) -> Columns:
    try:
        return _DECODER.decode(chunk.file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{chunk.file}: can't be read ({error}); delete it and run again") from None


class _Making:
    """Makes the chunks that aren't there, several processes at a time."""

    def __init__(self, chunks: list[_Chunk], told: Told | None) -> None:
        self._told = told
        self._total = len(chunks) * CHUNK
        self._missing = [chunk for chunk in chunks if not chunk.file.is_file()]
        self._done = self._total - len(self._missing) * CHUNK
        self._stopped = threading.Event()

    def make(self, jobs: int) -> None:
        """Make them; the first error ends all processes."""
        waiting: queue.SimpleQueue[_Chunk] = queue.SimpleQueue()
        answers: queue.SimpleQueue[_Chunk | RunError | None] = queue.SimpleQueue()
        for chunk in self._missing:
            waiting.put(chunk)
        jobs = min(jobs, len(self._missing))
        threads = [
            threading.Thread(target=self._serve, args=(waiting, answers), daemon=True)
            for _ in range(jobs)
        ]
        self._tell(self._missing[0].estimator if self._missing else "")
        for thread in threads:
            thread.start()
        try:
            ended = 0
            while ended < jobs:
                answer = answers.get()
                if isinstance(answer, RunError):
                    raise answer
                if answer is None:
                    ended += 1
                    continue
                self._done += CHUNK
                self._tell(answer.estimator)
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _tell(self, name: str) -> None:
        if self._told is not None:
            self._told(self._done, self._total, name)

    def _serve(
        self,
        waiting: queue.SimpleQueue[_Chunk],
        answers: queue.SimpleQueue[_Chunk | RunError | None],
    ) -> None:
        """Give one process a chunk after the other."""
        with _Worker() as worker:
            watch = threading.Thread(target=self._end_early, args=(worker,), daemon=True)
            watch.start()
            try:
                while not self._stopped.is_set():
                    chunk = waiting.get_nowait()
                    worker.make(chunk)
                    answers.put(chunk)
            except queue.Empty:
                pass
            except RunError as error:
                answers.put(error)
            answers.put(None)

    def _end_early(self, worker: _Worker) -> None:
        self._stopped.wait()
        worker.process.kill()


class _Worker:
    """A process that makes chunks."""

    def __init__(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = start_worker("simmm.study.recovery.worker", self._words)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it is gone, with a request unread
                self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._words.close()

    def make(self, chunk: _Chunk) -> None:
        """Make a chunk.

        Raises
        ------
        RunError
            The case or the estimator failed, or the process ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(chunk.request()).encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        where = f"{chunk.estimator}, {chunk.case}"
        if not line:
            raise RunError(f"{where}: its process ended early ({self._last_words()})")
        answer = json.loads(line)
        if "error" in answer:
            raise RunError(f"{where}: {answer['error']}")

    def _last_words(self) -> str:
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - _LAST_WORDS))
        lines = self._words.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
