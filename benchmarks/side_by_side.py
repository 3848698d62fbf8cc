"""Times simmm against its peer, hftbacktest 2.4.4, on the same tape and the same work.

Run ``python benchmarks/side_by_side.py`` with simmm's interpreter; SIMMM_PEER_PYTHON names one
that has the peer (README, "Benchmarks"). The two alternate, each run in a process of its own, and
take turns at being first. What is timed is said in ``peer_run.py`` and ``simmm_run.py``: the peer's
compiled call alone, and all that simmm does with columns that lie in memory.

A run's time is what its thread spent on a processor; both sides work in one thread. The ratios in
the last two lines are those of the best runs, which a busy machine disturbs least. Medians, and
the same by wall clock, stand above them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CASES = ("bare", "quotes")
LEAST_PAIRS, PAIRS = 5, 7
Result = dict[str, Any]


def call(python: str, script: str, *arguments: str | Path) -> str:
    """Run a script beside this one to its end and give what it printed."""
    command = [python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{script} failed; see above")
    return done.stdout


def make_tapes(folder: Path, peer_python: str, rows: int) -> Path:
    """Make the tape, and from it what each side reads; what is there already is kept."""
    tape = folder / "tape"
    print(f"making a tape of {rows:,} rows in {tape} ...", flush=True)
    call(sys.executable, "peer_tape.py", tape, "--rows", str(rows))
    call(peer_python, "peer_convert.py", tape)
    call(sys.executable, "simmm_tape.py", tape)
    return tape


def alternate(case: str, tape: Path, peer_python: str, pairs: int) -> dict[str, list[Result]]:
    """Run both sides `pairs` times, in turns."""
    results: dict[str, list[Result]] = {"peer": [], "simmm": []}
    sides = [("peer", peer_python, "peer_run.py"), ("simmm", sys.executable, "simmm_run.py")]
    for pair in range(pairs):
        for name, python, script in sides if pair % 2 == 0 else reversed(sides):
            result = json.loads(call(python, script, case, tape))
            results[name].append(result)
            print(f"{case:6}  {name:5}  {json.dumps(result)}", flush=True)
    return results


def ratio(
    results: dict[str, list[Result]], clock: str, choose: Callable[[list[float]], float]
) -> float:
    """Give how many times as fast as the peer simmm is, by one clock and one choice of runs."""
    peer, simmm = (choose([run[clock] for run in results[name]]) for name in ("peer", "simmm"))
    return peer / simmm


def summary(case: str, results: dict[str, list[Result]]) -> list[str]:
    """Give the lines that sum up a case."""
    lines = []
    for name, runs in results.items():
        taken = [run["cpu_s"] for run in runs]
        rows = runs[0]["rows"]
        lines.append(
            f"{case:6}  {name:5}  best {min(taken):.3f} s, {rows / min(taken) / 1e6:.1f} M rows/s; "
            f"median {statistics.median(taken):.3f} s; "
            f"peak memory {max(run['peak_rss_mb'] for run in runs):.0f} MB"
        )
    by_clock = [
        f"{clock} best {ratio(results, clock, min):.2f}x, "
        f"median {ratio(results, clock, statistics.median):.2f}x"
        for clock in ("cpu_s", "wall_s")
    ]
    in_turn = zip(results["peer"], results["simmm"], strict=True)
    by_pair = statistics.median(peer["cpu_s"] / simmm["cpu_s"] for peer, simmm in in_turn)
    by_clock.append(f"median of pairs {by_pair:.2f}x")
    return [*lines, f"{case:6}  ratio  {'; '.join(by_clock)}"]


def compare(folder: Path, peer_python: str, rows: int, pairs: int) -> None:
    """Make the tapes, time both cases, print everything."""
    tape = make_tapes(folder, peer_python, rows)
    found = {case: alternate(case, tape, peer_python, pairs) for case in CASES}
    print()
    for case, results in found.items():
        print("\n".join(summary(case, results)))
    print()
    for case, results in found.items():
        print(f"{case} {ratio(results, 'cpu_s', min):.1f}x")


def main() -> int:
    """Compare, in a folder that is removed unless one is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--folder", type=Path, help="where tapes are made and kept")
    arguments = parser.parse_args()
    peer_python = os.environ.get("SIMMM_PEER_PYTHON", "")
    if not peer_python:
        parser.error("SIMMM_PEER_PYTHON must name an interpreter that has hftbacktest 2.4.4")
    if arguments.pairs < LEAST_PAIRS:
        parser.error(f"--pairs {arguments.pairs}: at least {LEAST_PAIRS}")
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        compare(arguments.folder, peer_python, arguments.rows, arguments.pairs)
        return 0
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        compare(Path(name), peer_python, arguments.rows, arguments.pairs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
