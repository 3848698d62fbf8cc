"""docs/python.md: its sessions run and show what they say, its columns are those of the code.

Numbers are left out of the comparison: whether results moved is for the golden reports to say.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import polars as pl
import pytest

import simmm

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")


class WithoutNumbers(doctest.OutputChecker):
    """Compares what is left without numbers, widths of tables and lengths of lines."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return _plain(want) == _plain(got)


def _plain(text: str) -> str:
    text = re.sub(r"'[0-9a-f]{32}'", "'#'", text)  # a digest
    text = re.sub(r"[-+−]?\d[\d,.]*", "#", text)
    text = re.sub(r"[─═]+", "─", text)
    return " ".join(text.split())


def test_the_sessions_show_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 8
    session = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {}, PAGE.name, str(PAGE), lineno=0
    )
    runner = doctest.DocTestRunner(WithoutNumbers(), optionflags=doctest.REPORT_ONLY_FIRST_FAILURE)
    told: list[str] = []
    runner.run(session, out=told.append)
    assert runner.failures == 0, "".join(told)
    assert runner.tries > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cascade.svg", "session"]


def test_a_changed_word_would_be_found() -> None:
    assert _plain("net -3.2 USDC") == _plain("net 17,001 USDC")
    assert _plain("net -3.2 USDC") != _plain("net -3.2 USD")


@pytest.fixture(scope="module")
def run() -> simmm.Run:
    return simmm.backtest("cascade", end=400)


@pytest.mark.parametrize("table", ["fills", "orders", "intents", "equity", "beliefs"])
def test_columns_are_those_of_the_frame(run: simmm.Run, table: str) -> None:
    start = TEXT.index(f"<!-- {table}: tests compare")
    lines = TEXT[start:].split("\n\n")[1].splitlines()[2:]
    told = [name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    frame: pl.DataFrame = getattr(run, table)
    assert told == frame.columns


def test_every_public_name_is_on_the_page() -> None:
    for name in simmm.__all__:
        if not name.startswith("_"):
            assert name in TEXT, name
    for name in dir(simmm.Run):
        if not name.startswith("_"):
            assert name in TEXT, name
    for name in ("check", "update", "require_same"):
        assert name in TEXT
