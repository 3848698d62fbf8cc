"""A strategy that has changed since is named, and so is what isn't a session at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from simmm.session import paper
from simmm.session.header import SOURCES
from simmm.session.journal import FILE_NAME, MAGIC
from simmm.session.verify import Verdict, verify
from simmm.strategy.load import load_strategy
from tests.contract.cases import Heads
from tests.contract.runs import ROOT
from tests.session.journals import (
    copied,
    packet_with,
    raised,
    records,
    refused,
    rewrite,
)
from tests.session.resumed import partial
from tests.session.sessions import FULL, SHORT, play

# ------------------------------------------------------------------------------ the strategy


@pytest.fixture(scope="module")
def own(heads: Heads, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A session of a strategy file of one's own, and that file."""
    folder = tmp_path_factory.mktemp("own")
    file = folder / "mine.py"
    shutil.copyfile(ROOT / "strategies" / "glft.py", file)
    resolved = SHORT._replace(sets={**SHORT.sets, "strategy.file": str(file)}).resolved(heads)
    return play(resolved, folder / "run"), file


def _with_line(file: Path, number: int, line: str) -> str:
    lines = file.read_text().splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def test_a_changed_line_of_the_strategy_is_named(own: tuple[Path, Path]) -> None:
    run, file = own
    before = file.read_text()
    assert verify(run).same
    number = next(n for n, line in enumerate(before.splitlines(), 1) if "bid_px[0] =" in line)
    line = before.splitlines()[number - 1]
    try:
        file.write_text(_with_line(file, number, f"{line} - market.step"))
        reason = refused(run)
        assert f"{file}:{number} has changed: `{line.strip()} - market.step`" in reason
        assert re.search(r"record \d+, intent 0: the session sent new bid", reason)
    finally:
        file.write_text(before)


def test_a_changed_comment_of_the_strategy_is_named(own: tuple[Path, Path]) -> None:
    run, file = own
    before = file.read_text()
    try:
        file.write_text(before + "# Nothing.\n")
        reason = refused(run)
        number = len(before.splitlines()) + 1
        assert f"{file}:{number} has changed: `# Nothing.`, it was `(nothing)`" in reason
        assert reason.endswith("intents come out the same")
    finally:
        file.write_text(before)


def test_a_strategy_that_is_gone_or_broken(own: tuple[Path, Path], tmp_path: Path) -> None:
    run, file = own
    before = file.read_text()
    try:
        file.write_text("def quote(:\n")
        assert f"{file}:1 has changed" in refused(run)
        file.unlink()
        assert verify(run).same, "the session's own copy"
        copy = copied(run, tmp_path / "run")
        kept = copy / SOURCES / file.name
        kept.write_text(before.replace("market.step", "market.step * 2.0", 1))
        assert kept.name in refused(copy)
        kept.unlink()
        assert kept.name in refused(copy)
    finally:
        file.write_text(before)
    assert load_strategy(file).digest


# ------------------------------------------------------------------------------- other folders


def test_a_session_that_was_broken_off_is_proved_so_far(broken_off: Path, tmp_path: Path) -> None:
    for name in (broken_off, partial(broken_off)):
        verdict = verify(name)
        assert verdict.same, verdict.reason
        assert "the session was broken off: whole up to record" in verdict.notes[-1]
        assert verdict.packets > 400
    copy = copied(partial(broken_off), tmp_path / "run.partial")
    rewrite(copy, packet_with(px=raised(0))(records(copy)))
    assert not verify(copy).same


def test_folders_without_a_journal(run: Path, tmp_path: Path) -> None:
    (run / FILE_NAME).unlink()
    assert "only paper sessions keep a journal" in refused(run)
    assert "there is no such run" in refused(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    assert "there is no such run" in refused(tmp_path / "file")


@pytest.mark.parametrize("content", [b"", b"simmm", MAGIC[:-2] + b"2\n", MAGIC, b"\0" * 100])
def test_journals_of_another_format(content: bytes, run: Path) -> None:
    (run / FILE_NAME).write_bytes(content)
    reason = refused(run)
    assert re.search("is no journal of this version|has no whole header|is empty", reason), reason


def test_the_same_session_elsewhere(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder that was moved is proved from any current folder."""
    monkeypatch.chdir(run)
    assert verify(".").same


def test_a_resumed_session_says_so(broken_off: Path, tmp_path: Path) -> None:
    copied(partial(broken_off), tmp_path / "run.partial")
    verdict: Verdict = verify(paper.resume(tmp_path / "run", pace=FULL))
    assert verdict.same
    assert any("was taken up again at record" in note for note in verdict.notes)
