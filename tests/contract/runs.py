"""Runs a scenario in memory and keeps everything it wrote; as a script, tells the digests.

``python -m tests.contract.runs JOB ...`` runs jobs of the form
``{"scenario": ..., "tapes": [...], "sets": ..., "rows_per_chunk": ...}`` in a process of its own
and prints one JSON line for each: what `Outcome.digests` returns.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simmm.backtest import book_window, make_settings
from simmm.exchange_terms import market_of, rules_of
from simmm.feed import Feed
from simmm.jit import INTERPRETED
from simmm.run_folder import TABLE_ROWS
from simmm.scenario import Resolved, load_scenario
from simmm.simulation import TABLES, Simulation
from simmm.strategy.load import load_strategy
from simmm.tape import Chunk, TapeSpec, TapeStream, open_tapes

ROOT = Path(__file__).parents[2]
STATES = ("venues", "venue_books", "makers", "stacks", "maker_books", "mails", "memories")
Rows = dict[str, np.ndarray]


class Tables:
    """A sink that keeps what the kernels wrote."""

    def __init__(self) -> None:
        self._parts: dict[str, list[np.ndarray]] = {}

    def __call__(self, table: str, rows: np.ndarray) -> None:
        self._parts.setdefault(table, []).append(rows.copy())

    def joined(self) -> Rows:
        """Return each table as one array; tables that nothing was written to are left out."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}


@dataclass(frozen=True)
class Outcome:
    """All that a run left behind."""

    tables: Rows
    simulation: Simulation

    def rows(self, table: str) -> np.ndarray:
        """Return the rows of a table, none if nothing was written."""
        return self.tables.get(table, np.zeros(0, TABLE_ROWS[table]))

    def digests(self) -> dict[str, str]:
        """Return a digest of every table, field by field, both hash chains, and the state."""
        found = {
            name: digest(self.tables[name]) for name in (*TABLES, "memory") if name in self.tables
        }
        found["chain_venue"] = f"{int(self.simulation.venues['chain'][0]):016x}"
        found["chain_maker"] = f"{int(self.simulation.makers['chain'][0]):016x}"
        for name in STATES:
            found[f"state_{name}"] = digest(getattr(self.simulation, name))
        return found


def digest(rows: np.ndarray) -> str:
    """Return the SHA-256 of an array's values; padding between fields doesn't count."""
    whole = hashlib.sha256(str(rows.size).encode())
    _feed(whole, np.asarray(rows))
    return whole.hexdigest()[:32]


def _feed(whole: Any, rows: np.ndarray) -> None:
    if rows.dtype.names is None:
        whole.update(np.ascontiguousarray(rows).tobytes())
        return
    for name in rows.dtype.names:
        whole.update(name.encode())
        _feed(whole, rows[name])


def resolve(
    scenario: str,
    tapes: Sequence[str | Path] = (),
    sets: Sequence[str] | Mapping[str, Any] = (),
    strategy: str | Path | None = None,
) -> Resolved:
    """Load a scenario of this project with some of it replaced."""
    file = ROOT / "scenarios" / f"{scenario}.yaml"
    return load_scenario(file, sets=sets, tape=[str(p) for p in tapes], strategy=strategy)


def simulate(
    resolved: Resolved,
    stream: TapeStream,
    window: int | None = None,
    interpreted: bool = INTERPRETED,
) -> Simulation:
    """Build the simulation of a scenario, as `backtest.run` does; `window` is the books' own."""
    strategy = load_strategy(resolved.strategy_path)
    rules = rules_of(resolved, stream)
    markets = [market_of(resolved, stream, rules), *stream.markets[1:]]
    return Simulation(
        markets,
        strategy,
        strategy.params.filled(resolved.scenario.strategy.params),
        make_settings(resolved, stream, markets[0], rules),
        book_window=window or book_window(stream),
        interpreted=interpreted,
    )


def advance_through(
    simulation: Simulation, chunks: Iterable[Chunk], feed: Feed, tables: Tables
) -> None:
    """Run to the end with a window of one's own."""
    for chunk in chunks:
        for _ in feed.push(chunk):
            if simulation.step(feed, tables):
                return


def run(
    resolved: Resolved,
    *,
    rows_per_chunk: int | None = None,
    window_rows: int | None = None,
    book_window: int | None = None,
) -> Outcome:
    """Run a scenario whose tapes are files.

    `window_rows` is what the engine's window on the tape holds, `book_window` how many quanta the
    books do.
    """
    specs = [TapeSpec(list(resolved.tape_paths))]
    specs += [TapeSpec(list(paths), "reference") for paths in resolved.reference_paths]
    with open_tapes(specs, rows_per_chunk=rows_per_chunk) as stream:
        simulation = simulate(resolved, stream, book_window)
        tables = Tables()
        if window_rows is None:
            simulation.run(stream.chunks(), tables)
        else:
            advance_through(simulation, stream.chunks(), Feed(window_rows), tables)
        simulation.finish(tables)
    return Outcome(tables.joined(), simulation)


def run_job(job: Mapping[str, Any]) -> Outcome:
    """Run what `run_jobs_apart` would, here."""
    resolved = resolve(job["scenario"], job["tapes"], job.get("sets", ()), job.get("strategy"))
    return run(
        resolved,
        rows_per_chunk=job.get("rows_per_chunk"),
        window_rows=job.get("window_rows"),
    )


def run_jobs_apart(
    *shares: Sequence[Mapping[str, Any]], environments: Sequence[Mapping[str, str]] = ({},)
) -> list[list[dict[str, str]]]:
    """Run shares of jobs, each in a process of its own, at most two at a time; return digests.

    Parameters
    ----------
    shares
        Jobs of each process.
    environments
        Variables to add, for each share; one for all if there is but one.
    """
    if len(environments) == 1:
        environments = list(environments) * len(shares)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_run_apart, shares, environments))


def _run_apart(
    jobs: Sequence[Mapping[str, Any]], environment: Mapping[str, str]
) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.runs", *(json.dumps(dict(job)) for job in jobs)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def main(arguments: Iterable[str]) -> None:
    """Run each job and print its digests."""
    for argument in arguments:
        print(json.dumps(run_job(json.loads(argument)).digests()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
