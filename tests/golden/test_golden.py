"""Bundled scenarios give what their golden reports say, on this processor and on a lesser one."""

import io
import os
import platform
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from rich.console import Console

from simmm.places import bundled_folder
from simmm.report import golden_runs
from simmm.report.terminal.golden import show_outcome

FOLDER = bundled_folder()
NAMES = [path.stem for path in golden_runs.scenario_files(FOLDER)]
MASKED = ("cascade", "quiet")
# glibc picks variants of exp and log by processor; numba its instructions; NumPy its loops.
TUNABLES = "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F"
LIBM = "import math; print([math.exp(k * 1e-3 - 7).hex() for k in range(20000)])"


@pytest.mark.parametrize("name", NAMES)
def test_scenario_gives_its_golden_report(name):
    (outcome,) = golden_runs.check(FOLDER, [name])
    console = Console(width=100, record=True, file=io.StringIO())
    show_outcome(outcome, console)
    assert outcome.status == "same", console.export_text()


def test_every_golden_report_has_a_scenario_and_a_reason():
    reports = sorted((FOLDER / "reports").glob("*.json"))
    assert {path.stem for path in reports} == {*NAMES, "recovery"}
    for path in reports:
        if path.stem == "recovery":  # tests/golden/test_recovery.py
            continue
        history = golden_runs.golden.read(path).history
        assert history
        assert all(change.reason for change in history)


def _masked() -> dict[str, str]:
    """Environment in which this processor seems to have neither FMA nor AVX2."""
    environment = dict(os.environ, GLIBC_TUNABLES=TUNABLES, NUMBA_CPU_NAME="generic",
                       NUMBA_CPU_FEATURES="")  # fmt: skip
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if found:
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(found)
    return environment


def _run(words: Sequence[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True,
                          timeout=400, check=False)  # fmt: skip


@pytest.mark.skipif(
    os.environ.get("SIMMM_LONG") != "1",
    reason="compiles everything for another processor, minutes; SIMMM_LONG=1 runs it",
)
@pytest.mark.skipif(
    platform.system() != "Linux" or platform.libc_ver()[0] != "glibc",
    reason="only glibc can be told to do without FMA and AVX2",
)
def test_golden_reports_hold_without_fma_and_avx2():
    masked = _masked()
    if platform.machine() == "x86_64":
        plain = _run(["-c", LIBM], dict(os.environ)).stdout
        if plain == _run(["-c", LIBM], masked).stdout:
            pytest.skip("this processor or C library has no FMA variant to do without")
    names = [name for name in MASKED if name in NAMES] or NAMES[:2]
    command = "import sys; from simmm.cli.main import main; sys.exit(main(sys.argv[1:]))"
    result = _run(["-c", command, "golden", "check", "--folder", str(FOLDER), *names], masked)
    assert result.returncode == 0, result.stdout + result.stderr
