"""Sessions and backtests of short tapes, and what two finished runs have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from simmm.backtest import run as backtest
from simmm.scenario import Resolved, load_scenario
from simmm.session import paper
from simmm.session.paper import Pace
from tests.contract.cases import DATASETS, QUICK, Heads
from tests.contract.runs import ROOT

FULL = Pace(None, 60.0)
TABLES = ("fills", "orders", "intents", "equity", "beliefs", "mids")
#: Of run.json and report.json: what may differ between two runs that decided the same.
_APART = ("created", "wall", "session", "origins", "changes", "config_digest")


class Kind(NamedTuple):
    """A session: scenario, what is set in it, and how many rows of its tape are played."""

    scenario: str
    sets: dict[str, Any]
    rows: int

    def resolved(self, heads: Heads, knowledge: str = "feed") -> Resolved:
        """Return the scenario on the first rows of its tape."""
        tape = heads(DATASETS[self.scenario], self.rows)
        return resolve(self.scenario, tape, {**self.sets, "venue.knowledge": knowledge})

    def job(self, heads: Heads, out: Path) -> dict[str, Any]:
        """Return what `processes.Server` begins such a session with."""
        tape = heads(DATASETS[self.scenario], self.rows)
        return {"scenario": self.scenario, "tape": tape, "sets": self.sets, "out": out}


#: Few packets, many decisions: what is killed, altered and verified.
SHORT = Kind("cascade", {**QUICK, "strategy.gamma": 500.0}, 6_000)


def resolve(scenario: str, tape: Path, sets: dict[str, Any]) -> Resolved:
    """Load a scenario of this project on a tape."""
    return load_scenario(ROOT / "scenarios" / f"{scenario}.yaml", sets=sets, tape=[str(tape)])


def play(resolved: Resolved, out: Path, **more: Any) -> Path:
    """Run a paper session at full speed unless told otherwise."""
    return paper.start(resolved, feed="tape:test", out=out, **{"pace": FULL, **more})


class Told(NamedTuple):
    """What a finished run says of itself."""

    info: dict[str, Any]
    report: dict[str, Any]
    tables: dict[str, pl.DataFrame]

    @property
    def chains(self) -> tuple[str, str]:
        """Return the digests of intents, and of fills and account."""
        final = self.info["final"]
        return final["chain_maker"], final["chain_venue"]


def read(folder: Path) -> Told:
    """Read a run's folder."""
    tables = [path.stem for path in folder.glob("*.parquet")]
    return Told(
        json.loads((folder / "run.json").read_text()),
        json.loads((folder / "report.json").read_text()),
        {name: pl.read_parquet(folder / f"{name}.parquet") for name in sorted(tables)},
    )


def figures(content: dict[str, Any]) -> dict[str, Any]:
    """Return run.json or report.json without clock times, sources, and how it was run."""
    kept = {key: value for key, value in content.items() if key not in _APART}
    if isinstance(kept.get("run"), dict):
        kept["run"] = {key: value for key, value in kept["run"].items() if key not in _APART}
    return kept


def session_figures(told: Told) -> dict[str, Any]:
    """Return what the session says of itself, without wall times and interruptions."""
    apart = ("speed", "interrupted", "resumed", "step_us", "journal", "feed", "kind")
    return {key: value for key, value in told.info["session"].items() if key not in apart}


def assert_same_decisions(found: Told, expected: Told, tables: tuple[str, ...] = TABLES) -> None:
    """Two runs decided and earned the same, to the last row."""
    assert found.chains == expected.chains
    for name in tables:
        assert found.tables[name].equals(expected.tables[name]), name
    for part in ("account", "counts", "final"):
        assert found.info[part] == expected.info[part]
    assert session_figures(found) == session_figures(expected)


def assert_same(found: Told, expected: Told, tables: tuple[str, ...] = TABLES) -> None:
    """And all their figures are the same, and what was configured."""
    assert_same_decisions(found, expected, tables)
    for one, other in ((found.info, expected.info), (found.report, expected.report)):
        one, other = figures(one), figures(other)
        assert list(one) == list(other)
        for part in one:
            assert one[part] == other[part], part


def as_backtest(folder: Path, out: Path) -> Told:
    """Run a backtest of a session's own scenario."""
    return read(backtest(load_scenario(str(folder / "scenario.yaml")), out=out))
