"""A sound tape, and a way to call the command line and look at what it told."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from simmm.cli.main import main
from tests.contract.tapes import dataset_file, head

ROWS = 3_000


@dataclass(frozen=True)
class Told:
    """What a call left: exit code, lines on standard error, standard output."""

    code: int
    errors: list[str]
    output: str

    @property
    def line(self) -> str:
        """The line that tells the error, without the command's name."""
        assert self.errors, "nothing was told"
        assert self.errors[-1].startswith("simmm: ")
        return self.errors[-1].removeprefix("simmm: ")


class CommandLine:
    """Calls `simmm` in this process, in a folder of its own."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], tape: Path) -> None:
        self.folder = folder
        self.tape = tape
        self._capture = capture

    def __call__(self, *words: str | Path) -> Told:
        """Call with any words."""
        self._capture.readouterr()
        code = main([str(word) for word in words])
        told = self._capture.readouterr()
        return Told(code, told.err.splitlines(), told.out)

    def refused(self, *words: str | Path, code: int) -> str:
        """Call, expect an error of that code, and return its line; nothing may be left behind."""
        before = self._names()
        told = self(*words)
        assert told.code == code, told
        assert not any("Traceback" in line for line in told.errors)
        assert sum(line.startswith("simmm: ") for line in told.errors[-1:]) == 1
        assert self._names() == before, "something was left behind"
        assert len(told.line) > 20
        assert "internal error" not in told.line
        return told.line

    def sound(self, *words: str | Path, out: Path | None = None) -> Told:
        """Run the scenario for recordings, with nothing wrong."""
        return self(
            "backtest", "recorded", "--tape", self.tape, *words, "--quiet",
            "--set", "run.warm_up_s=5", "--out", out or self.folder / "out",
        )  # fmt: skip

    def backtest(
        self, *words: str | Path, code: int, tape: Path | None = None, out: Path | None = None
    ) -> str:
        """Run the scenario for recordings, with an error."""
        return self.refused(
            "backtest", "recorded", "--set", "run.warm_up_s=5", "--tape", tape or self.tape,
            "--out", out or self.folder / "out", *words, code=code,
        )  # fmt: skip

    def _names(self) -> list[str]:
        names = (str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))
        return sorted(name for name in names if name != "runs")


@pytest.fixture(scope="session")
def sound_tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short tape with nothing wrong."""
    path = tmp_path_factory.mktemp("sound") / "sound.parquet"
    return head(dataset_file("quiet_hl_btc"), path, ROWS)


@pytest.fixture
def simmm(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sound_tape: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> CommandLine:
    """The command line."""
    verdicts = tmp_path_factory.mktemp("verdicts")
    monkeypatch.setattr("simmm.tape.sources.conversion.tapes_folder", lambda: verdicts)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # leave the test run's Ctrl-C alone
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys, sound_tape)
