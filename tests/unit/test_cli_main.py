"""The command line as a whole: speed, exit codes, one line for every error."""

import errno
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from simmm import __version__
from simmm.cli import group
from simmm.cli.group import COMMANDS
from simmm.cli.main import main
from simmm.errors import GoldenError, RunError, ScenarioError, StrategyError, TapeError

ROOT = Path(__file__).parents[2]
SIMMM = (sys.executable, "-m", "simmm.cli.main")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*SIMMM, *words], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, **options
    )


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``simmm cache`` raise `error`."""

    def raises() -> None:
        raise error

    monkeypatch.setattr(
        group.LazyGroup, "get_command", lambda *_: click.Command("cache", callback=raises)
    )
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # leave the test run's Ctrl-C alone


def test_help_is_quick() -> None:
    bare, whole = [], []
    for _ in range(5):
        for times, command in ((bare, ["-c", "pass"]), (whole, ["-m", "simmm.cli.main", "--help"])):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, *command], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT
            )
            times.append(time.perf_counter() - start)
    assert min(whole) - statistics.median(bare) < 0.3


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from simmm.cli.main import main; main(['--help']);"
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'numpy', 'numba', 'polars', 'pyarrow', 'scipy', 'msgspec', 'rich', 'yaml'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"simmm {__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_overview_line_is_the_commands_own(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(pytest.importorskip(module), attribute)
    first_paragraph = (command.help or "").partition("\n\n")[0]
    assert " ".join(first_paragraph.split()) == COMMANDS[name][1]
    assert command.name == name


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bactest"], "simmm: No command 'bactest'; did you mean 'backtest'?"),
        (["backtest"], "simmm: Missing argument 'SCENARIO'."),
        (["backtest", "cascade", "--sed", "3"], "simmm: No such option '--sed'"),
        (["backtest", "cascade", "--seed", "x"], "simmm: Invalid value for '--seed'"),
        (["backtest", "cascde"], "did you mean 'cascade'?"),
        (["backtest", "recorded"], "tape: the scenario names none; add --tape FILE"),
        (["paper", "--feed", "tape"], "names none; give one with --feed tape:FILE"),
        (["scenario", "check", "cascade", "--set", "venue.queue.modle=1"], "did you mean 'model'?"),
        (["scenario", "show", "cascade", "--to", "0"], "--to: run.to: 0.0 is not after"),
        (["scenario", "check", "cascade", "--strategy", "none.py"], "none.py: no such strategy"),
        (["cache", "--older-than-days", "-1"], "Invalid value for '--older-than-days'"),
    ],
)
def test_wrong_call_is_one_line_and_code_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert told.startswith("simmm: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ScenarioError("a: b"), 2, "simmm: a: b"),
        (TapeError("t"), 2, "simmm: t"),
        (StrategyError("s"), 2, "simmm: s"),
        (StrategyError("s", running=True), 1, "simmm: s"),
        (RunError("two\n  lines"), 1, "simmm: two lines"),
        (GoldenError("g"), 1, "simmm: g"),
        (
            OSError(errno.ENOSPC, "x", "/out/fills"),
            1,
            "simmm: /out/fills: no space left on the disk",
        ),
        (OSError(errno.EROFS, "x", "/out"), 1, "simmm: /out: the file system is read-only"),
        (PermissionError(errno.EACCES, "x", "/out"), 1, "simmm: /out: permission denied"),
        (FileNotFoundError(errno.ENOENT, "No such file", "f"), 1, "simmm: f: No such file"),
        (KeyboardInterrupt(), 130, "simmm: interrupted"),
        (click.Abort(), 130, "simmm: interrupted"),
        (MemoryError(), 1, "simmm: out of memory"),
        (BrokenPipeError(), 1, ""),
        (SystemExit(3), 3, ""),
    ],
)
def test_every_error_has_its_code_and_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising(error, monkeypatch)
    assert main(["cache"]) == code
    assert capsys.readouterr().err == (f"{line}\n" if line else "")


@pytest.mark.parametrize("words", [["cache"], ["--debug", "cache"], ["cache", "--debug"]])
def test_traceback_only_with_debug(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(ZeroDivisionError("oops"), monkeypatch)
    assert main(words) == 1
    told = capsys.readouterr().err
    assert ("Traceback" in told) == ("--debug" in words)
    last = told.splitlines()[-1]
    assert last.startswith("simmm: internal error, ZeroDivisionError in simmm.cli.")
    assert "add --debug" in last


def test_help_of_commands_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["backtest", "--help"], ["scenario", "-h"], ["cache", "--help"]):
        assert main(words) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SIMMM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
    assert done.returncode == 1
    assert done.stderr == "simmm: no space left on the disk\n"


@pytest.mark.parametrize(
    "settings",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""},
    ],
)
def test_output_that_knows_no_such_character(settings: dict[str, str]) -> None:
    ascii_only = {**ENVIRONMENT, **settings}
    code = (
        "import click, sys; from simmm.cli import group;"
        "tell = lambda: (print('\\xb1 \\u22121 \\u03c3'), print('\\u2026 2', file=sys.stderr));"
        "group.LazyGroup.get_command = lambda *a: click.Command('cache', callback=tell);"
        "from simmm.cli.main import main; sys.argv[1:] = ['cache']; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ascii_only
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "? -1 ?\n", "? 2\n")


def test_reader_that_leaves_is_no_error() -> None:
    code = "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); os.close(w);"
    code += "import sys; from simmm.cli.main import main; sys.exit(main(['--help']))"
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert done.stderr == ""


def test_ctrl_c_while_a_command_runs(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import sys, time, pathlib, click; from simmm.cli import group;"
        f"wait = lambda: (pathlib.Path({str(ready)!r}).touch(), time.sleep(30));"
        "group.LazyGroup.get_command = lambda *a: click.Command('cache', callback=wait);"
        "from simmm.cli.main import main; sys.exit(main(['cache']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        deadline = time.monotonic() + 20
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, told) == (130, "simmm: interrupted\n")
