"""What a type checker sees of `import simmm` at its strictest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import simmm

GOOD = """
from pathlib import Path

import numpy as np
import polars as pl

import simmm
from simmm.backtest import run as run_scenario


def told(stage: str, done: int, total: int) -> None: ...


run: simmm.Run = simmm.backtest("cascade", set={"venue.queue.n": 2}, seed=3, progress=told)
frames: list[pl.DataFrame] = [run.fills, run.orders, run.equity, run.raw("mids")]
net: float | None = run.report.profit.net.value
again: simmm.Run = simmm.open_run(run)
saved: Path = run.save("runs/one")
picture: simmm.Picture = run.show()
text: str = run.digest + run.page(100) + picture.svg
rows: pl.LazyFrame = simmm.tape.scan(simmm.dataset("quiet_hl_btc", seed=2))
count: int = simmm.tape.info("tape.parquet").rows
same: bool = simmm.golden.check("cascade").same
report: simmm.Report = run.report
simmm.backtest(Path("a.yaml"), set=["seed.run=2"], tape=[Path("a"), "b"], start="1:00:00", end=9.5)
try:
    simmm.golden.update("cascade", reason="wider")
except simmm.SimmmError as error:
    code: int = error.exit_code
"""
BAD = """
import simmm

simmm.backtest("cascade", sets={})
simmm.backtest(3)
simmm.backtset("cascade")
number: int = simmm.backtest("cascade").digest
simmm.golden.update("cascade")
"""


@pytest.mark.slow
def test_a_strict_checker_is_content_and_finds_mistakes(tmp_path: Path) -> None:
    root = Path(simmm.__file__).parent
    assert (root / "py.typed").is_file()
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary",
         "--python-version=3.11", "--config-file=", "good.py", "bad.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(root.parent)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    lines = [line.split(":")[:2] for line in found.stdout.splitlines() if ": error:" in line]
    assert lines == [["bad.py", str(n)] for n in (4, 5, 6, 7, 8)], found.stdout + found.stderr
