"""What a session can't be begun with, or taken up with, is told in one line; nothing is lost."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest

from simmm.cli.main import main
from simmm.errors import RunError
from simmm.records import KIND_MASK, TRADE
from simmm.session import paper
from simmm.session.journal import FILE_NAME as JOURNAL
from simmm.session.verify import verify
from simmm.tape import info
from tests.contract import tapes
from tests.contract.cases import DATASETS, Heads
from tests.session.journals import copied, offsets
from tests.session.processes import Server, size, wait_until
from tests.session.resumed import check, go_on, partial
from tests.session.sessions import FULL, SHORT, Told, play, read, resolve


class CommandLine:
    """Calls `simmm` in this process, in a folder of its own."""

    def __init__(self, folder: Path, tape: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.tape = tape
        self._capture = capture

    def __call__(self, *words: str | Path) -> tuple[int, list[str], str]:
        """Return exit code, lines on standard error, and standard output."""
        self._capture.readouterr()
        code = main([str(word) for word in words])
        told = self._capture.readouterr()
        return code, told.err.splitlines(), told.out

    def refused(self, *words: str | Path, code: int = 2) -> str:
        """Expect one line and nothing left behind."""
        before = sorted(self.folder.rglob("*"))
        found, lines, output = self(*words)
        assert (found, output) == (code, ""), lines
        assert len(lines) == 1
        assert lines[0].startswith("simmm: ")
        assert "internal error" not in lines[0]
        assert sorted(self.folder.rglob("*")) == before
        return lines[0].removeprefix("simmm: ")

    def paper(self, *words: str) -> str:
        """Expect that a session on a sound tape is refused."""
        return self.refused("paper", "cascade", "--feed", f"tape:{self.tape}", *words,
                            "--out", "run")  # fmt: skip


@pytest.fixture
def simmm(
    heads: Heads,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # leave the test run's Ctrl-C alone
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, heads(DATASETS[SHORT.scenario], SHORT.rows), capsys)


# ------------------------------------------------------------------------------ the call


@pytest.mark.parametrize(
    "speed", ["0", "-1", "nan", "abc", "inf", "-inf", "1e-9", "1e12", "", "x2"]
)
def test_speeds_that_make_no_sense(speed: str, simmm: CommandLine) -> None:
    line = simmm.paper("--speed", speed)
    assert line.startswith("--speed: ")
    assert "is no speed; give feed seconds a second" in line


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "1e9", "1e-14", "0.0001"])
def test_lengths_that_make_no_sense(hours: str, simmm: CommandLine) -> None:
    line = simmm.paper("--speed", "max", "--hours", hours)
    assert line.startswith("--hours: ")
    assert "is no length; give hours of the feed's time" in line


def test_lengths_that_are_no_numbers(simmm: CommandLine) -> None:
    assert "Invalid value for '--hours': 'abc'" in simmm.paper("--hours", "abc")


def test_lengths_that_end_in_the_warm_up(simmm: CommandLine) -> None:
    assert "nothing would be quoted" in simmm.paper("--hours", "0.01")


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "1e9", "0.001"])
def test_checkpoints_that_make_no_sense(minutes: str, simmm: CommandLine) -> None:
    assert simmm.paper("--checkpoint-minutes", minutes).startswith("--checkpoint-minutes: ")


@pytest.mark.parametrize("feed", ["", "tape:", ":", "hyperliquid:BTC", "Tape:x", "tapes:x", "-"])
def test_feeds_that_are_none(feed: str, simmm: CommandLine) -> None:
    line = simmm.refused("paper", "cascade", "--feed", feed)
    assert line.startswith(f"--feed: {feed!r} is no feed")
    assert "--feed tape:PATH" in line


def test_no_feed_names_the_replay(simmm: CommandLine) -> None:
    line = simmm.refused("paper", "cascade")
    assert "there is no live feed yet" in line
    assert "--feed tape:PATH" in line


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        ("tape:nonsense", "no dataset 'nonsense'"),
        ("tape:./nonsense.parquet", "no such file"),
        ("tape:/dev/null", "not a simmm tape"),
        ("tape:.", "no tapes in it|holds no|no simmm tape|empty"),
        ("tape:a: b", "a: b"),
        ("tape:[1, 2]", r"\[1, 2\]"),
        ("tape:null", "null"),
        ("tape:1e5", "1e5"),
    ],
)
def test_feeds_that_are_not_there(feed: str, expected: str, simmm: CommandLine) -> None:
    line = simmm.refused("paper", "cascade", "--feed", feed, "--speed", "max", "--out", "run")
    assert re.search(expected, line), line
    assert "--set" not in line


@pytest.mark.parametrize(
    "name", ["a #b.parquet", "x: y.parquet", "[q].parquet", "1e5", "null", "ü"]
)
def test_feeds_of_any_name(name: str, simmm: CommandLine) -> None:
    """A file's name is a name, and no YAML."""
    shutil.copyfile(simmm.tape, simmm.folder / name)
    (simmm.folder / "a").write_text("no tape")
    words = ["--set", "run.warm_up_s=5", "--speed", "max", "--out", "run", "--quiet"]
    code, lines, output = simmm("paper", "cascade", "--feed", f"tape:./{name}", *words)
    assert code == 0, lines
    assert output == "run\n"
    assert not any("--set" in line for line in lines)
    assert read(simmm.folder / "run").info["session"]["feed"] == f"tape:./{name}"


def test_resume_takes_nothing_else(simmm: CommandLine) -> None:
    line = simmm.refused("paper", "--resume", "run", "--hours", "1", "--set", "seed.run=2")
    assert "leave out hours, sets" in line


@pytest.mark.parametrize(("name", "expected"), [("nothing", "there is no such session"), ("", "")])
def test_resume_of_nothing(name: str, expected: str, simmm: CommandLine) -> None:
    assert expected in simmm.refused("paper", "--resume", name, code=1)


def test_resume_of_a_finished_session(finished: Path, simmm: CommandLine) -> None:
    assert "the session is over" in simmm.refused("paper", "--resume", finished, code=1)


def test_a_folder_that_is_taken(finished: Path, broken_off: Path, simmm: CommandLine) -> None:
    for out, expected in ((finished, "exists already"), (broken_off, "a session was begun here")):
        words = ("--feed", f"tape:{simmm.tape}", "--set", "run.warm_up_s=5", "--out", out)
        assert expected in simmm.refused("paper", "cascade", *words, code=1)


# ------------------------------------------------------------------------------ two of them


def test_two_sessions_in_one_folder(
    heads: Heads, server: Server, whole: Told, tmp_path: Path
) -> None:
    """The second one is refused, however it tries, and the first one goes on unharmed."""
    folder = tmp_path / "run"
    process = server.begin(start=SHORT.job(heads, folder), pace=(100.0, 5.0))
    try:
        assert wait_until(lambda: size(partial(folder) / JOURNAL) > 5_000, process)
        with pytest.raises(RunError, match=r"a session was begun here|another session is writing"):
            play(SHORT.resolved(heads), folder)
        for name in (folder, partial(folder)):
            with pytest.raises(RunError, match="another session is writing there"):
                paper.resume(name, pace=FULL)
        assert verify(folder).same, "while it runs"
    finally:
        ended = server.end()
    assert ended.error == ""
    check(folder, whole, 0)


# ------------------------------------------------------------------------------ full disks


@pytest.mark.parametrize("largest", [25_000, 60_000, 150_000])
def test_a_disk_that_is_full(
    largest: int, heads: Heads, server: Server, whole: Told, tmp_path: Path
) -> None:
    """The operating system refuses; with room the session goes on as if nothing had been."""
    folder = tmp_path / "run"
    pace = (None, 10.0)
    ended = server.run(start=SHORT.job(heads, folder), largest_file=largest, pace=pace)
    assert "File too large" in ended.error, ended.error
    assert "Error: " not in ended.error
    assert f"simmm paper --resume {folder}" in ended.error
    assert str(partial(folder)) in ended.error or str(folder) in ended.error
    assert not folder.exists()
    assert size(partial(folder) / JOURNAL) == offsets(partial(folder))[-1], "whole to the end"
    verdict = verify(folder)
    assert verdict.same, verdict.reason
    again = server.run(resume=folder, largest_file=largest, pace=pace)
    assert "File too large" in again.error, "still full"
    go_on(server, folder)
    check(folder, whole, read(folder).info["session"]["resumed"])


@pytest.mark.parametrize("place", ["finish", "write_events", "under_tape", "write_report"])
def test_a_disk_that_is_full_at_the_end(
    place: str, heads: Heads, server: Server, whole: Told, tmp_path: Path
) -> None:
    """All was heard, and there is no room for tables, events, or the report."""
    folder = tmp_path / "run"
    ended = server.run(start=SHORT.job(heads, folder), limit_at={place: 1}, largest_file=2_000)
    assert re.search("File too large|can't be written|cannot be written", ended.error), ended.error
    assert not re.match(r"[A-Z]\w+Error: ", ended.error), ended.error
    assert f"simmm paper --resume {folder}" in ended.error
    assert not folder.exists()
    go_on(server, folder)
    check(folder, whole, 1)


# ------------------------------------------------------------------------------ tapes


def test_a_tape_that_ends_early(heads: Heads, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = play(SHORT.resolved(heads), tmp_path / "run", hours=5.0, notify=lines.append)
    said = [line for line in lines if "of the 5 hours; the session ends with it" in line]
    assert len(said) == 1
    assert read(folder).info["session"]["interrupted"] is False


def test_a_tape_without_trades(heads: Heads, tmp_path: Path) -> None:
    """Nobody ever trades, and the market never comes near: no fill, and a report all the same."""
    source = heads(DATASETS[SHORT.scenario], SHORT.rows)
    columns = tapes.read(source)
    kept = columns["tag"] & KIND_MASK != TRADE
    tape = tapes.write(
        tmp_path / "still.parquet",
        {name: values[kept] for name, values in columns.items()},
        info(source).market,
    )
    sets = {"run.warm_up_s": 5, "strategy.offset_steps": 500, "maker.max_position": 0.02}
    resolved = resolve("recorded", tape, sets)
    folder = play(resolved, tmp_path / "run")
    told = read(folder)
    assert told.info["counts"]["fills"] == 0 < told.info["counts"]["intents"]
    assert (folder / "report.html").is_file()
    assert verify(folder).same


def test_another_tape_under_the_same_name(broken_off: Path, heads: Heads, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    copied(partial(broken_off), partial(folder))
    scenario = partial(folder) / "scenario.yaml"
    tape = str(heads(DATASETS[SHORT.scenario], SHORT.rows))
    other = str(heads(DATASETS[SHORT.scenario], SHORT.rows + 500))
    assert tape in scenario.read_text()
    scenario.write_text(scenario.read_text().replace(tape, other))
    with pytest.raises(RunError, match="the tape is not the one the session was begun with"):
        paper.resume(folder, pace=FULL)
