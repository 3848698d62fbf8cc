"""What must be true of a session that was taken up again."""

from __future__ import annotations

from pathlib import Path

from simmm.session.checkpoint import FILE_NAME as CHECKPOINT
from simmm.session.checkpoint import PREVIOUS
from simmm.session.verify import verify
from tests.session.processes import Server
from tests.session.sessions import Told, assert_same, read

EVERYTHING = ("fills", "orders", "intents", "equity", "beliefs", "mids", "memory")
SEEN = ("seen", "heard")


def partial(folder: Path) -> Path:
    """Return where a session is until it is over."""
    return folder.with_name(folder.name + ".partial")


def check(folder: Path, whole: Told, resumed: int) -> None:
    """The session is the uninterrupted one's twin, and can be proved."""
    found = read(folder)
    assert_same(found, whole, EVERYTHING)
    assert found.info["origins"] == whole.info["origins"]
    assert found.report["changes"] == whole.report["changes"]
    assert found.report["session"]["under_tape"] == whole.report["session"]["under_tape"]
    # Record numbers move by the notes of each resumption.
    for name in SEEN:
        kept = [column for column in whole.tables[name].columns if column != "record"]
        assert found.tables[name].select(kept).equals(whole.tables[name].select(kept)), name
    assert found.info["session"]["resumed"] == resumed
    verdict = verify(folder)
    assert verdict.same, verdict.reason
    assert verdict.digest == whole.chains[0]
    assert not partial(folder).exists()
    left = {path.name for path in folder.iterdir()}
    assert not list(folder.rglob("*.tmp"))
    assert not left & {CHECKPOINT, PREVIOUS, "lock", "spool"}, left


def go_on(server: Server, folder: Path) -> None:
    """Take a session up again, to its end."""
    ended = server.run(resume=folder)
    assert ended.error == ""
    assert ended.signal == 0
