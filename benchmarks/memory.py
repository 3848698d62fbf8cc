"""Peak memory of whole backtests that stream their tape from Parquet.

``python benchmarks/memory.py`` runs one over 5 M rows; with ``--long`` one over 50 M rows as well,
which needs 5 GB of disk for a while. Each is the command ``simmm backtest``, run folder and report
included, quoting one bid and one ask anew every 100 ms with all estimators on, in a process of its
own. A first short run compiles what there is to compile. Memory is the peak of the process's
resident set; tapes are drawn and written piece by piece by other processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SHORT_ROWS, LONG_ROWS = 5_000_000, 50_000_000
LIMIT_MB = 500
COMMAND = [sys.executable, "-c", "from simmm.cli.main import main; main()"]


def make_tape(folder: Path, rows: int) -> Path:
    """Draw a tape of `rows` rows and keep only its Parquet file."""
    columns = folder / f"columns-{rows}"
    for script, arguments in (("peer_tape.py", ["--rows", str(rows)]), ("simmm_tape.py", [])):
        command = [sys.executable, str(HERE / script), str(columns), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    tape = folder / f"tape-{rows}.parquet"
    (columns / "simmm.parquet").replace(tape)
    shutil.rmtree(columns)
    return tape


def backtest(tape: Path, out: Path, *options: str) -> tuple[float, float]:
    """Run ``simmm backtest`` over a tape; give its peak memory (MB) and wall time (s)."""
    command = [
        *COMMAND, "backtest", "recorded", "--tape", str(tape), "--out", str(out),
        "--strategy", str(HERE / "strategies" / "inventory_shift.py"),
        "--set", "maker.requote_ms=100", "--set", "maker.max_position=1000", "--quiet", *options,
    ]  # fmt: skip
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"simmm backtest ended with code {process.returncode}; see above")
    return usage.ru_maxrss / 1024, time.perf_counter() - start


def measure(folder: Path, rows: int) -> float:
    """Give the peak memory (MB) of a backtest over a new tape of `rows` rows, and print it."""
    tape = make_tape(folder, rows)
    backtest(tape, folder / f"first-{rows}", "--to", "120")
    peak_mb, wall_s = backtest(tape, folder / f"run-{rows}")
    print(f"{rows:>12,} rows  peak {peak_mb:.0f} MB  {wall_s:.1f} s", flush=True)
    tape.unlink()
    return peak_mb


def main() -> int:
    """Measure; 1 if a peak is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help=f"{LONG_ROWS:,} rows as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        peaks = [measure(Path(name), SHORT_ROWS)]
        if arguments.long:
            peaks.append(measure(Path(name), LONG_ROWS))
    within = max(peaks) < LIMIT_MB
    print(f"limit {LIMIT_MB} MB: {'kept' if within else 'passed'}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
