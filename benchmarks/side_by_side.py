"""Times simmm against its peer, hftbacktest 2.4.4, on the same tape and the same work.

Run ``python benchmarks/side_by_side.py`` with simmm's interpreter; SIMMM_PEER_PYTHON names one
that has the peer (docs/performance.md). The two alternate, each run in a process of its own, and
take turns at being first. What is timed is said in ``peer_run.py`` and ``simmm_run.py``: the peer's
compiled call alone, and all that simmm does with columns that lie in memory.

A comparison is a tape and a case. The tape is that of ``peer_tape.py``, or one of
``block_tape.py``, with changes or with images of the book. Where simmm runs under the rank law the
peer keeps its own power model. The last comparison is of simmm with itself: how much longer it
takes with the whole of Hyperliquid's exchange.

A run's time is what its thread spent on a processor; both sides work in one thread. The ratios in
the last lines are those of the best runs, which a busy machine disturbs least, and of the medians.
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
TAPES = ("plain", "changes", "images")
#: Name of a comparison: tape, case, and the options of simmm's runs.
COMPARISONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "bare": ("plain", "bare", ()),
    "quotes": ("plain", "quotes", ()),
    "rank": ("plain", "quotes", ("--queue", "rank")),
    "ladder": ("plain", "ladder", ()),
    "bare-changes": ("changes", "bare", ()),
    "quotes-changes": ("changes", "quotes", ()),
    "bare-images": ("images", "bare", ()),
    "quotes-images": ("images", "quotes", ()),
    "account": ("plain", "quotes", ("--account",)),
    "estimators": ("plain", "bare", ("--estimators",)),
}
LEAST_PAIRS, PAIRS = 5, 7
Result = dict[str, Any]


def call(python: str, script: str, *arguments: str | Path) -> str:
    """Run a script beside this one to its end and give what it printed."""
    command = [python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{script} failed; see above")
    return done.stdout


def make_tape(folder: Path, kind: str, peer_python: str, rows: int) -> Path:
    """Make a tape, and from it what each side reads; what is there already is kept."""
    tape = folder / f"tape-{kind}"
    print(f"making a tape of {rows:,} rows in {tape} ...", flush=True)
    if kind == "plain":
        call(sys.executable, "peer_tape.py", tape, "--rows", str(rows))
    else:
        call(sys.executable, "block_tape.py", tape, "--rows", str(rows), "--book", kind)
    call(peer_python, "peer_convert.py", tape)
    call(sys.executable, "simmm_tape.py", tape)
    return tape


def alternate(name: str, tape: Path, peer_python: str, pairs: int) -> dict[str, list[Result]]:
    """Run both sides of a comparison `pairs` times, in turns."""
    _, case, options = COMPARISONS[name]
    here = (sys.executable, "simmm_run.py", case, tape)
    sides: dict[str, tuple[str | Path, ...]] = {
        "peer": (peer_python, "peer_run.py", case, tape),
        "simmm": (*here, *options),
    }
    if name == "account":
        sides["peer"] = here  # simmm without it
    results: dict[str, list[Result]] = {side: [] for side in sides}
    for pair in range(pairs):
        for side in sides if pair % 2 == 0 else reversed(sides):
            python, script, *arguments = sides[side]
            result = json.loads(call(str(python), str(script), *arguments))
            results[side].append(result)
            print(f"{name:14}  {side:5}  {json.dumps(result)}", flush=True)
    return results


def ratio(
    results: dict[str, list[Result]], clock: str, choose: Callable[[list[float]], float]
) -> float:
    """Give how many times as fast as the peer simmm is, by one clock and one choice of runs."""
    peer, simmm = (choose([run[clock] for run in results[name]]) for name in ("peer", "simmm"))
    return peer / simmm


def summary(name: str, results: dict[str, list[Result]]) -> list[str]:
    """Give the lines that sum up a comparison; a row is one of the tape, on both sides."""
    lines = []
    rows = results["simmm"][0]["rows"]
    for side, runs in results.items():
        taken = [run["cpu_s"] / rows * 1e9 for run in runs]
        lines.append(
            f"{name:14}  {side:5}  best {min(taken):.1f} ns a row, "
            f"median {statistics.median(taken):.1f} ns; "
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
    return [*lines, f"{name:14}  ratio  {'; '.join(by_clock)}"]


def compare(folder: Path, peer_python: str, rows: int, pairs: int, names: list[str]) -> None:
    """Make the tapes, time the comparisons, print everything."""
    kinds = [kind for kind in TAPES if any(COMPARISONS[name][0] == kind for name in names)]
    tapes = {kind: make_tape(folder, kind, peer_python, rows) for kind in kinds}
    found = {
        name: alternate(name, tapes[COMPARISONS[name][0]], peer_python, pairs) for name in names
    }
    print()
    for name, results in found.items():
        print("\n".join(summary(name, results)))
    print()
    for name, results in found.items():
        best, median = (ratio(results, "cpu_s", f) for f in (min, statistics.median))
        if name == "account":
            print(f"{name:14}  {1 / best - 1:+.1%} best, {1 / median - 1:+.1%} median")
        else:
            print(f"{name:14}  {best:.2f}x best, {median:.2f}x median")


def main() -> int:
    """Compare, in a folder that is removed unless one is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--folder", type=Path, help="where tapes are made and kept")
    parser.add_argument("--only", nargs="+", choices=list(COMPARISONS), help="not all of them")
    arguments = parser.parse_args()
    names = arguments.only or list(COMPARISONS)
    peer_python = os.environ.get("SIMMM_PEER_PYTHON", "")
    if not peer_python:
        parser.error("SIMMM_PEER_PYTHON must name an interpreter that has hftbacktest 2.4.4")
    if arguments.pairs < LEAST_PAIRS:
        parser.error(f"--pairs {arguments.pairs}: at least {LEAST_PAIRS}")
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        compare(arguments.folder, peer_python, arguments.rows, arguments.pairs, names)
        return 0
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        compare(Path(name), peer_python, arguments.rows, arguments.pairs, names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
