"""Ctrl-C at any moment: exit code 130, one line, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simmm.jit import cache_folder
from tests.contract.runs import ROOT

#: Tells when the command begins; before that Python itself is still starting.
PROGRAM = """\
import sys
from simmm.cli import main

insist = main._insist_on_interrupts
main._insist_on_interrupts = lambda: (insist(), print("begins", flush=True))
sys.exit(main.main())
"""
#: Asked every 50 µs the maker keeps an hour of tape busy for long.
LONG = (
    "backtest",
    "cascade",
    "--strategy",
    "symmetric",
    "--set",
    "maker.requote_ms=0.05",
    "--set",
    "run.warm_up_s=1",
    "--out",
    "out",
)
COMPILING = "compiling the engine"
PATIENCE_S = 60.0
#: In pieces: a signal that comes just before a pause is heard at its end.
LONG_SLEEP = "[time.sleep(0.1) for _ in range(300)]"


class Interrupted:
    """A command that gets Ctrl-C once `moment` says so."""

    def __init__(
        self,
        folder: Path,
        words: tuple[str, ...],
        moment: Callable[[], bool],
        program: str = PROGRAM,
        **more: str,
    ) -> None:
        errors = folder.with_name(folder.name + ".errors")
        with (
            errors.open("w") as written,
            subprocess.Popen(
                [sys.executable, "-c", program, *words],
                stdout=subprocess.PIPE, stderr=written, text=True, cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **more},
            ) as process,
        ):  # fmt: skip
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "begins\n"
                limit = time.monotonic() + PATIENCE_S
                while not moment() and process.poll() is None and time.monotonic() < limit:
                    time.sleep(0.005)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
        self.code = process.returncode
        self.lines = errors.read_text().splitlines()

    def check(self) -> None:
        """One line, the code of an interruption, no traceback."""
        assert self.code == 130, self.lines
        assert self.lines[-1] == "simmm: interrupted"
        assert [line for line in self.lines if "Traceback" in line or "Error" in line] == []


def _after(seconds: float) -> Callable[[], bool]:
    start = time.monotonic()
    return lambda: time.monotonic() - start >= seconds


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.7])
def test_while_it_starts(tmp_path: Path, seconds: float) -> None:
    Interrupted(tmp_path, LONG, _after(seconds)).check()
    assert list(tmp_path.iterdir()) == []


def _with_command(body: str) -> str:
    """Return a program whose `simmm cache` runs `body`."""
    return (
        "import sys, time, pathlib, click\nfrom simmm.cli import group\n"
        f"def run():\n{textwrap.indent(body, '    ')}\n"
        "group.LazyGroup.get_command = lambda *a: click.Command('cache', callback=run)\n"
        f"sys.argv = ['simmm', 'cache']\n{PROGRAM}"
    )


def test_a_library_that_swallows_it(tmp_path: Path) -> None:
    """Some do, in the middle of being imported; it is raised again."""
    program = _with_command(
        "pathlib.Path('ready').touch()\n"
        f"try:\n    {LONG_SLEEP}\nexcept KeyboardInterrupt:\n    pass\n"
        f"{LONG_SLEEP}\npathlib.Path('wrong').touch()\n"
    )
    start = time.monotonic()
    Interrupted(tmp_path, (), (tmp_path / "ready").exists, program=program).check()
    assert time.monotonic() - start < 20
    assert not (tmp_path / "wrong").exists()


def test_what_cleans_up_may_finish(tmp_path: Path) -> None:
    program = _with_command(
        "pathlib.Path('ready').touch()\n"
        f"try:\n    {LONG_SLEEP}\nfinally:\n    time.sleep(1.5)\n"
        "    pathlib.Path('clean').touch()\n"
    )
    Interrupted(tmp_path, (), (tmp_path / "ready").exists, program=program).check()
    assert (tmp_path / "clean").exists()


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_while_it_runs(tmp_path: Path, seconds: float) -> None:
    began: list[float] = []

    def moment() -> bool:
        if not began and (tmp_path / "out.partial").exists():
            began.append(time.monotonic())
        return bool(began) and time.monotonic() - began[0] >= seconds

    Interrupted(tmp_path, LONG, moment).check()
    assert began
    assert list(tmp_path.iterdir()) == []


def test_while_it_compiles(tmp_path: Path) -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("nothing is compiled here")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "tapes").symlink_to(cache_folder().parent / "tapes")
    folder = tmp_path / "here"
    folder.mkdir()
    told = tmp_path / "here.errors"

    def moment() -> bool:
        return COMPILING in told.read_text()

    interrupted = Interrupted(folder, LONG, moment, SIMMM_CACHE=str(cache))
    interrupted.check()
    assert any(COMPILING in line for line in interrupted.lines)
    assert list(folder.iterdir()) == []
    assert list(cache.rglob("*.tmp")) == []


def test_while_it_builds_a_tape(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "kernels").symlink_to(cache_folder())
    folder = tmp_path / "here"
    folder.mkdir()

    def moment() -> bool:
        return any((cache / "tapes").glob(".*")) if (cache / "tapes").exists() else False

    words = ("datasets", "build", "starved_altcoin")
    Interrupted(folder, words, moment, SIMMM_CACHE=str(cache)).check()
    assert list((cache / "tapes").iterdir()) == []
