"""Checkpoints, journals and tables that are damaged, or of something else."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.errors import RunError
from simmm.session import checkpoint, paper
from simmm.session.checkpoint import FILE_NAME as CHECKPOINT
from simmm.session.checkpoint import PREVIOUS
from simmm.session.journal import FILE_NAME as JOURNAL
from simmm.session.journal import HEADER
from tests.session.journals import copied, offsets, records, rewrite
from tests.session.resumed import check, partial
from tests.session.sessions import FULL, Told

# ------------------------------------------------------------------------------ checkpoints


@pytest.fixture
def session(broken_off: Path, tmp_path: Path) -> Path:
    """A session that was broken off, of one's own."""
    copied(partial(broken_off), tmp_path / "run.partial")
    return tmp_path / "run"


def _damage(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0.0, 0.001, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("names", [(CHECKPOINT,), (CHECKPOINT, PREVIOUS)])
def test_damaged_checkpoints(
    names: tuple[str, ...], place: float, session: Path, whole: Told
) -> None:
    """The one before is used, or the journal from its beginning."""
    for name in names:
        _damage(partial(session) / name, place)
    paper.resume(session, pace=FULL)
    check(session, whole, 1)


@pytest.mark.parametrize("content", [b"", b"simmm check 001\n", b"\0" * 5000])
def test_checkpoints_that_are_none(content: bytes, session: Path, whole: Told) -> None:
    (partial(session) / CHECKPOINT).write_bytes(content)
    paper.resume(session, pace=FULL)
    check(session, whole, 1)


def _rewritten(run: Path, **changes: Any) -> None:
    """Write the checkpoint with other facts, or an array of another layout."""
    dtypes: dict[str, np.dtype] = changes.pop("dtypes", {})
    folder = partial(run)
    content = (folder / CHECKPOINT).read_bytes()
    (length,) = checkpoint._LENGTH.unpack_from(content, len(checkpoint.MAGIC))
    start = len(checkpoint.MAGIC) + checkpoint._LENGTH.size
    about = json.loads(content[start : start + length])
    for entry in about["arrays"]:
        if entry[0] in dtypes:
            entry[1] = checkpoint.layout(dtypes[entry[0]])
    text = json.dumps({**about, **changes}).encode()
    head = checkpoint.MAGIC + checkpoint._LENGTH.pack(len(text))
    body = head + text + content[start + length : -16]
    digest = hashlib.blake2b(body, digest_size=16).digest()
    (folder / CHECKPOINT).write_bytes(body + digest)


def test_a_checkpoint_of_another_session(session: Path) -> None:
    _rewritten(session, session="00" * 16)
    with pytest.raises(RunError, match="its checkpoint is of another session"):
        paper.resume(session, pace=FULL)


def test_a_checkpoint_of_another_version(session: Path) -> None:
    _rewritten(session, dtypes={"makers": np.dtype([("now", "i8")])})
    with pytest.raises(RunError, match=r"another version of simmm, strategy or market \(makers\)"):
        paper.resume(session, pace=FULL)


def test_a_checkpoint_beyond_the_journal(session: Path, whole: Told) -> None:
    """After a loss of power the journal may end before it: what there is goes on."""
    starts = offsets(partial(session))
    os.truncate(partial(session) / JOURNAL, starts[100] + 7)
    paper.resume(session, pace=FULL)
    check(session, whole, 1)


def test_a_spool_that_was_cut(session: Path, whole: Told) -> None:
    os.truncate(partial(session) / "spool" / "equity", 8)
    paper.resume(session, pace=FULL)
    check(session, whole, 1)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("code_digest", "00", "begun by another version of simmm"),
        ("simmm_version", "9.9", "checkpoint is of another session"),
        ("tape_digests", [["00"]], "the tape is not the one"),
    ],
)
def test_a_session_of_something_else(field: str, value: Any, expected: str, session: Path) -> None:
    content = records(partial(session))
    header = {**json.loads(content[0][1]), field: value}
    rewrite(partial(session), [(HEADER, json.dumps(header).encode()), *content[1:]])
    with pytest.raises(RunError, match=expected):
        paper.resume(session, pace=FULL)


def test_an_altered_journal_is_not_taken_up(session: Path) -> None:
    """Neither with old chains nor with new ones; and it is left as it was."""
    path = partial(session) / JOURNAL
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"record \d+ at byte \d+ was altered"):
        paper.resume(session, pace=FULL)
    assert path.read_bytes() == content


def test_a_session_without_a_journal(session: Path) -> None:
    (partial(session) / JOURNAL).unlink()
    with pytest.raises(RunError, match=r"has no journal.*remove it and start anew"):
        paper.resume(session, pace=FULL)


@pytest.mark.parametrize("length", [0, 7, 16, 17, 500])
def test_killed_before_the_header_was_whole(length: int, session: Path) -> None:
    os.truncate(partial(session) / JOURNAL, length)
    for name in (CHECKPOINT, PREVIOUS):
        (partial(session) / name).unlink(missing_ok=True)
    with pytest.raises(RunError, match=r"ended before it began|is no journal") as told:
        paper.resume(session, pace=FULL)
    assert "remove" in str(told.value) or length < 16
