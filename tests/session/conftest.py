"""Tapes, a finished session and one that was broken off, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cases import Heads
from tests.session.journals import copied
from tests.session.processes import Server
from tests.session.sessions import SHORT, Told, play, read


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Heads:
    """First rows of generated datasets, as tapes."""
    return Heads(tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="session")
def finished(heads: Heads, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session that came to its end; copy it to alter it."""
    return play(SHORT.resolved(heads), tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A finished session of one's own."""
    return copied(finished, tmp_path / "run")


@pytest.fixture(scope="session")
def whole(finished: Path) -> Told:
    """What the finished session says of itself."""
    return read(finished)


@pytest.fixture(scope="session")
def server(finished: Path) -> Iterator[Server]:
    """A process that forks sessions."""
    with Server() as started:
        started.warm(finished)
        yield started


@pytest.fixture(scope="session")
def broken_off(heads: Heads, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session that was killed in the middle, between checkpoints; copy it to go on with it."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    job = SHORT.job(heads, folder)
    server.run(start=job, kill_at={"JournalWriter.write": 500}, pace=(None, 10.0))
    return folder
