"""Sessions that end otherwise than planned: where they broke, by a fault, with nobody listening."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from simmm.errors import RunError, StrategyError
from simmm.scenario import Resolved, load_scenario
from simmm.session import finish, paper
from simmm.session.checkpoint import FILE_NAME as CHECKPOINT
from simmm.session.checkpoint import MAGIC
from simmm.session.folder import SPOOL
from simmm.session.journal import FILE_NAME as JOURNAL
from simmm.session.pace import Unwatched
from simmm.session.verify import verify
from tests.contract.cases import DATASETS, QUICK, Heads
from tests.contract.runs import ROOT
from tests.session.journals import copied
from tests.session.processes import Server
from tests.session.resumed import check, go_on, partial
from tests.session.sessions import (
    FULL,
    SHORT,
    Told,
    as_backtest,
    assert_same_decisions,
    play,
    read,
)

#: Quotes at the touch, and divides by zero at its 40th step.
FAULTY = """\
from simmm.strategy import Field, record

Memory = record(steps=Field(0, doc="quote steps so far"))


def quote(wanted, market, memory, params):
    memory.steps += 1
    wanted.bid_px[0] = market.bid_px
    wanted.bid_qty[0] = 1_000 // (40 - memory.steps)
    wanted.bids = 1
"""


def with_strategy(file: Path, heads: Heads) -> Resolved:
    """Return the short session with another strategy."""
    return load_scenario(
        ROOT / "scenarios" / f"{SHORT.scenario}.yaml",
        sets={**QUICK, "venue.knowledge": "feed"},
        tape=[str(heads(DATASETS[SHORT.scenario], SHORT.rows))],
        strategy=str(file),
    )


@pytest.fixture
def left(broken_off: Path, tmp_path: Path) -> Path:
    """A session of one's own that was broken off; by the name it will have."""
    copied(partial(broken_off), partial(tmp_path / "run"))
    return tmp_path / "run"


def test_ended_where_it_broke(left: Path, tmp_path: Path) -> None:
    """All but the last moment counts, and a backtest of its scenario hears just as much."""
    before = verify(left)
    paper.resume(left, pace=FULL, ends_here=True)
    found, verdict = read(left), verify(left)
    assert verdict.same, verdict.reason
    assert 0 < verdict.packets < before.packets
    assert found.info["session"]["interrupted"]
    assert_same_decisions(as_backtest(left, tmp_path / "again"), found)
    with pytest.raises(RunError, match="session is over"):
        paper.resume(left, pace=FULL, ends_here=True)


def test_a_checkpoint_that_the_journal_no_longer_reaches(
    left: Path, broken_off: Path, server: Server, whole: Told
) -> None:
    """After a power loss; nor is it used once the journal has grown past it again."""
    journal, checkpoint = partial(left) / JOURNAL, partial(left) / CHECKPOINT
    stale = checkpoint.read_bytes()
    os.truncate(journal, journal.stat().st_size // 4)
    server.run(resume=left, kill_at={"JournalWriter.write": 400}, pace=(None, 86_400.0))
    assert not checkpoint.exists()
    checkpoint.write_bytes(stale)  # as long as the journal is, it isn't the one that it was
    head = len(MAGIC) + 8
    about = json.loads(stale[head : head + int.from_bytes(stale[head - 8 : head], "little")])
    assert journal.stat().st_size >= about["journal"][0]
    tables = (partial(place) / SPOOL for place in (broken_off, left))
    shutil.copytree(*tables, dirs_exist_ok=True)
    go_on(server, left)
    check(left, whole, resumed=2)


def test_a_fault_of_the_strategy_keeps_what_came_before(heads: Heads, tmp_path: Path) -> None:
    file, out = tmp_path / "faulty.py", tmp_path / "run"
    file.write_text(FAULTY)
    with pytest.raises(StrategyError, match="division by zero") as told:
        play(with_strategy(file, heads), out)
    assert f"end the session there with: simmm paper --resume {out} --end" in str(told.value)
    paper.resume(out, pace=FULL, ends_here=True)
    assert read(out).info["counts"]["quotes"] == 39
    assert verify(out).same


def test_a_comparison_that_fails_does_not_cost_the_report(
    heads: Heads, tmp_path: Path, whole: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RunError("no such luck")

    monkeypatch.setattr(finish, "backtest", fails)
    lines: list[str] = []
    found = read(play(SHORT.resolved(heads), tmp_path / "run", notify=lines.append))
    assert "without it: no such luck" in lines
    assert found.report["session"]["under_tape"] is None
    assert found.chains == whole.chains


class Gone(Unwatched):
    """A terminal that went away."""

    def __init__(self) -> None:
        self.updates = 0

    def due(self) -> bool:
        return True

    def update(self, snapshot: Any) -> None:
        self.updates += 1
        raise BrokenPipeError


def test_nobody_listens_any_more(heads: Heads, tmp_path: Path, whole: Told) -> None:
    def say(line: str) -> None:
        raise BrokenPipeError

    watcher = Gone()
    out = play(SHORT.resolved(heads), tmp_path / "run", watcher=watcher, notify=say)
    assert watcher.updates == 1
    assert read(out).chains == whole.chains


def test_a_session_stays_provable_while_its_strategy_changes(heads: Heads, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    source = FAULTY.replace("// (40 - memory.steps)", "// 1")
    file.write_text(source)
    out = play(with_strategy(file, heads), tmp_path / "run")
    file.write_text(source.replace("// 1", "// 2"))
    refused = verify(out)
    assert not refused.same
    assert "mine.py:9 has changed" in refused.reason
    assert verify(out, kept=True).same


def test_a_run_that_tells_otherwise_than_its_journal(run: Path) -> None:
    told = (run / "run.json").read_text()
    chain = read(run).chains[0]
    (run / "run.json").write_text(told.replace(chain, "0" * len(chain)))
    verdict = verify(run)
    assert not verdict.same
    assert "final.chain_maker" in verdict.reason


def test_a_session_s_scenario_loads_from_any_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(path.is_absolute() for path in load_scenario(str(run / "scenario.yaml")).tape_paths)
