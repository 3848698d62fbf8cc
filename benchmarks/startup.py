"""How long simmm takes to start: to its help, and to the first event of a backtest.

Run ``python benchmarks/startup.py``. Every figure is wall time from the start of a process of its
own; the processor time it took stands beside it, since on a busy machine the two differ.

- *help*: ``simmm --help`` against an interpreter that does nothing, in turns.
- *first event*: a backtest of a small recorded tape with ``symmetric``, up to where the engine has
  passed the first rows. Warm: compiled code lies in the cache. Cold: the cache is empty, as on the
  first run ever.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SIMMM = ["-c", "from simmm.cli.main import main; main()"]
NOTHING = ["-c", "pass"]
REPEATS = 7
COLD_REPEATS = 2
TAPE_ROWS, FIRST_ROWS = 50_000, 1_000
HELP_LIMIT_S, WARM_LIMIT_S, COLD_LIMIT_S = 0.3, 1.0, 15.0


class Taken(NamedTuple):
    """What a process took, in seconds."""

    wall_s: float
    cpu_s: float
    output: str


def run(arguments: list[str], **environment: str) -> Taken:
    """Run an interpreter to its end; it finds in SIMMM_BENCHMARK_START when it was started."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, "SIMMM_BENCHMARK_START": repr(start)},
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"a process ended with code {process.returncode}; see above")
    return Taken(time.monotonic() - start, usage.ru_utime + usage.ru_stime, output)


def first_event(tape: Path, out: Path) -> None:
    """Run a backtest and print when (s after the process started) the first rows were passed."""
    from simmm.backtest import run as backtest
    from simmm.scenario import load_scenario

    found: list[tuple[float, float]] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "run" and done > 0 and not found:
            found.append((time.monotonic(), time.process_time()))

    resolved = load_scenario("recorded", tape=[str(tape)])
    backtest(
        resolved,
        out=out,
        progress=progress,
        notify=lambda line: print(line, file=sys.stderr),
        rows_per_chunk=FIRST_ROWS,
    )
    at, cpu_s = found[0]
    print(at - float(os.environ["SIMMM_BENCHMARK_START"]), cpu_s)


def time_first_event(folder: Path, tape: Path, number: int, cache: Path) -> tuple[float, float]:
    """Give wall and processor time (s) to the first event of a new process."""
    arguments = [__file__, "--child", str(tape), str(folder / f"run-{number}")]
    wall, cpu = run(arguments, SIMMM_CACHE=str(cache)).output.split()
    return float(wall), float(cpu)


def make_tape(folder: Path) -> Path:
    """Make a small tape."""
    tape = folder / "tape"
    for script, arguments in (("peer_tape.py", ["--rows", str(TAPE_ROWS)]), ("simmm_tape.py", [])):
        command = [sys.executable, str(HERE / script), str(tape), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return tape / "simmm.parquet"


def told(name: str, times: list[tuple[float, float]], limit_s: float) -> bool:
    """Print a figure (the median) and whether it keeps its limit; return that."""
    wall_s = statistics.median(wall for wall, _ in times)
    cpu_s = statistics.median(cpu for _, cpu in times)
    kept = wall_s < limit_s
    print(
        f"{name:22} {wall_s:6.2f} s, best {min(times)[0]:.2f} s (processor {cpu_s:.2f} s); "
        f"limit {limit_s} s: {'kept' if kept else 'passed'}"
    )
    return kept


def measure() -> bool:
    """Time everything; return whether all limits were kept."""
    extra = []
    for _ in range(REPEATS):
        bare, helped = run(NOTHING), run([*SIMMM, "--help"])
        extra.append((helped.wall_s - bare.wall_s, helped.cpu_s - bare.cpu_s))
    kept = [told("help over bare Python", extra, HELP_LIMIT_S)]
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        folder = Path(name)
        tape = make_tape(folder)
        cold = [
            time_first_event(folder, tape, k, folder / f"cache-{k}") for k in range(COLD_REPEATS)
        ]
        warm = [
            time_first_event(folder, tape, COLD_REPEATS + k, folder / "cache-0")
            for k in range(REPEATS)
        ]
    kept.append(told("first event, warm", warm, WARM_LIMIT_S))
    kept.append(told("first event, cold", cold, COLD_LIMIT_S))
    return all(kept)


def main() -> int:
    """Measure; 1 if a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        first_event(*arguments.child)
        return 0
    return 0 if measure() else 1


if __name__ == "__main__":
    sys.exit(main())
