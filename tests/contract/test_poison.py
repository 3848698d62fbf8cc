"""No look-ahead: with a false future the past stays, bit for bit, for every strategy.

The exchange may know what has happened, the maker what has arrived. So of two tapes that differ
only in what nobody can know at t, all that is written up to t must be the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.records import ACCEPTED
from simmm.tape import info
from tests.contract import poison
from tests.contract.cases import ACCOUNT, BUSY, DATASETS, QUICK, Heads
from tests.contract.runs import ROOT, Outcome, digest, resolve, run
from tests.contract.tapes import Columns, read, write

ROWS = 8_000
TIMES = 4
STRATEGIES = [*sorted((ROOT / "strategies").glob("*.py")), BUSY]
LOTS = {"cascade": 1_000, "poisson": 5}
#: What the true tapes show; left to the tape, rows of the false future would have a say in it.
LEVELS = {"cascade": "images", "poisson": "changes"}
#: Tables, and the column that says when a row was written.
WHEN = {
    "fills": "ts",
    "orders": "end_ts",
    "intents": "ts",
    "equity": "ts",
    "beliefs": "ts",
    "mids": "ts",
    "predictions": "ts",
    "funding": "ts",
}
#: What else may look ahead: further draws, joins behind images, watched levels, takers that wait.
VARIANTS: dict[str, dict[str, Any]] = {
    "images": {"venue.queue.draws": 4},
    "tracked": {"venue.queue.model": "rank_tracked", "venue.queue.levels": "changes"},
    "account": {**ACCOUNT, "venue.account.deposit": 90},
}
MAKER = ("intents", "beliefs", "memory")
DAY_MS = 86_400_000


def _settings(scenario: str, strategy: Path) -> dict[str, Any]:
    own = {"strategy.lots": LOTS[scenario]} if strategy == BUSY else {}
    return {**QUICK, "venue.queue.levels": LEVELS[scenario], **own}


def _run(scenario: str, strategy: Path, tape: Path, window: int, sets: dict[str, Any]) -> Outcome:
    resolved = resolve(scenario, [tape], {**_settings(scenario, strategy), **sets}, strategy)
    return run(resolved, book_window=window)


def until(outcome: Outcome, t: int) -> dict[str, str]:
    """Return digests of all that was written up to `t`."""
    kept = {name: outcome.rows(name) for name in WHEN}
    kept["orders"] = kept["orders"][kept["orders"]["end"] != ACCEPTED]  # not open at the end
    kept = {name: rows[rows[WHEN[name]] <= t] for name, rows in kept.items()}
    if "memory" in outcome.tables:  # written with the beliefs
        kept["memory"] = outcome.tables["memory"][: kept["beliefs"].size]
    return {name: f"{rows.size} {digest(rows)}" for name, rows in kept.items()}


def _written(outcome: Outcome, tables: tuple[str, ...]) -> dict[str, str]:
    """Return digests of all that was written, and so after t too."""
    return {name: outcome.digests().get(name, "") for name in tables}


def _times(columns: Columns) -> list[int]:
    """Return moments to poison at: as something happens, as something arrives, and between."""
    rng = np.random.default_rng(columns["px"].size)
    rows = rng.integers(ROWS // 3, ROWS * 4 // 5, TIMES)
    chosen = [columns[("exch_ts", "local_ts")[n % 2]][row] for n, row in enumerate(rows)]
    return [int(ts) + (0, 0, 1, -1)[n % 4] for n, ts in enumerate(chosen)]


@pytest.fixture(params=["cascade", "poisson"])
def scenario(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=STRATEGIES, ids=lambda path: path.stem)
def strategy(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def _faults(
    scenario: str,
    strategy: Path,
    heads: Heads,
    folder: Path,
    poisoned: Callable[[Columns, int], Columns],
    tables: tuple[str, ...] = (*WHEN, "memory"),
    sets: dict[str, Any] | None = None,
) -> list[str]:
    """Run with the true tape and with poisoned ones; return what differs before, and what is idle.

    A run in which nothing was decided before t, or that the poison didn't change after t, would
    show nothing.
    """
    true = heads(DATASETS[scenario], ROWS)
    columns, market = read(true), info(true).market
    window = poison.book_window(true)
    base = _run(scenario, strategy, true, window, sets or {})
    faults = []
    times = _times(columns)
    if len(times) != TIMES:
        faults.append(f"{len(times)} moments were poisoned, not {TIMES}")
    for t in times:
        false = write(folder / f"{t}.parquet", poisoned(columns, t), market)
        changed = _run(scenario, strategy, false, window, sets or {})
        end = min(t, changed.simulation.settings.end_ns)
        expected, found = until(base, end), until(changed, end)
        for table in tables:
            if found.get(table) != expected.get(table):
                faults.append(f"{table} up to {t}: {found.get(table)}, not {expected.get(table)}")
        if int(expected["intents"].split()[0]) == 0:
            faults.append(f"nothing was decided before {t}")
        if _written(changed, tables) == _written(base, tables):
            faults.append(f"the poison was not even tasted after {t}")
    return faults


def test_false_future(scenario: str, strategy: Path, heads: Heads, tmp_path: Path) -> None:
    """Rows with exch_ts > t are garbage: exchange and maker are the same up to t."""

    def poisoned(columns: Columns, t: int) -> Columns:
        return poison.false_future(columns, t, 1)

    assert _faults(scenario, strategy, heads, tmp_path, poisoned) == []


def test_no_future(scenario: str, strategy: Path, heads: Heads, tmp_path: Path) -> None:
    """The tape ends at t: what was written up to t is the same."""
    assert _faults(scenario, strategy, heads, tmp_path, poison.cut) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_false_future_of_what_else_may_look_ahead(
    variant: str, heads: Heads, tmp_path: Path
) -> None:
    """Queues that draw, joins behind images and takers that wait know the past alone, too."""
    sets = VARIANTS[variant]

    def poisoned(columns: Columns, t: int) -> Columns:
        return poison.false_future(columns, t, 6)

    for form in (poisoned, poison.cut):
        folder = tmp_path / form.__name__
        folder.mkdir()
        assert _faults("cascade", BUSY, heads, folder, form, sets=sets) == []


def test_false_arrivals(scenario: str, strategy: Path, heads: Heads, tmp_path: Path) -> None:
    """What arrives after t arrives at other times after t: nothing changes up to t."""

    def poisoned(columns: Columns, t: int) -> Columns:
        return poison.false_arrivals(columns, t, 2)

    assert _faults(scenario, strategy, heads, tmp_path, poisoned) == []


def test_false_unseen(scenario: str, strategy: Path, heads: Heads, tmp_path: Path) -> None:
    """Rows with local_ts > t are garbage, even such as have happened: the maker is the same.

    Answers take a day, since through them the exchange's knowledge would reach the maker.
    """
    sets = {"venue.latency.response": {"form": "constant", "ms": DAY_MS}}

    def poisoned(columns: Columns, t: int) -> Columns:
        return poison.false_unseen(columns, t, 3)

    assert _faults(scenario, strategy, heads, tmp_path, poisoned, MAKER, sets) == []


def test_false_reference(heads: Heads, tmp_path: Path) -> None:
    """A market that is only watched: its rows with local_ts > t change nothing up to t."""
    true = heads(DATASETS["quiet"], ROWS)
    columns, market = read(true), info(true).market
    tape = heads(DATASETS["cascade"], ROWS)
    window = poison.book_window(true, tape)

    def with_reference(path: Path) -> Outcome:
        return _run("cascade", BUSY, tape, window, {"tape.references": [{"file": str(path)}]})

    base = with_reference(true)
    for t in _times(read(tape)):
        false = write(tmp_path / f"{t}.parquet", poison.false_unseen(columns, t, 4), market)
        changed = with_reference(false)
        assert until(changed, t) == until(base, t)
        assert changed.digests()["chain_maker"] != base.digests()["chain_maker"]


def test_a_peek_would_be_seen(heads: Heads, tmp_path: Path) -> None:
    """Poisoned half a second early, the past does change."""
    true = heads(DATASETS["cascade"], ROWS)
    columns = read(true)
    window = poison.book_window(true)
    base = _run("cascade", BUSY, true, window, {})
    for n, t in enumerate(_times(columns)):
        early = poison.false_future(columns, t - 500_000_000, 5)
        false = write(tmp_path / f"{n}.parquet", early, info(true).market)
        assert until(_run("cascade", BUSY, false, window, {}), t) != until(base, t)
