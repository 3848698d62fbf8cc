"""Strategies that don't load, don't compile, or break a rule while they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simmm.jit import INTERPRETED
from tests.bad_input.conftest import CommandLine
from tests.bad_input.strategies import faulty

FAULTY = Path(faulty.__file__)
HEAD = "from simmm.strategy import record\n\nParams = record(lots=1)\n\n\n"
QUOTE = HEAD + "def quote(wanted, market, memory, params):\n"


def test_missing(simmm: CommandLine) -> None:
    path = simmm.folder / "none.py"
    line = simmm.backtest("--strategy", path, code=2)
    assert line.startswith(f"{path}: no such strategy; looked in {simmm.folder}")
    assert "there are: glft, symmetric" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def quote(:\n", ":1: does not parse: invalid syntax: def quote(:"),
        (QUOTE, ":6: does not parse: expected an indented block"),
        (HEAD, ": has no function quote(wanted, market, memory, params)"),
        (
            HEAD + "def qoute(wanted, market, memory, params):\n    pass\n",
            ": has no function quote(wanted, market, memory, params); did you mean 'qoute'?",
        ),
        (HEAD + "def quote(wanted):\n    pass\n", ":6: quote(wanted) must take 4 arguments"),
        ("1 / 0\n" + QUOTE + "    pass\n", ":1: fails when it is loaded: ZeroDivisionError"),
        ("import nothing_like_it\n" + QUOTE + "    pass\n", ":1: fails when it is loaded: "),
        (QUOTE + "    wanted.bidz = 1\n", ":7: `wanted.bidz`: wanted has no field 'bidz'; did you"),
        (QUOTE + "    x = market.sgima\n", ":7: `market.sgima`: market has no field 'sgima'; did"),
        (QUOTE + "    wanted.bids = nothing\n", ":7: `nothing`: it is not defined"),
        (QUOTE + "    x = market.mid ** 0.5\n", ":7: "),
        (QUOTE + "    open('x')\n", ":7: `open`: it is not part of simmm"),
        ("import os\n" + QUOTE + "    os.getpid()\n", ":8: `os.getpid`: it is not part of simmm"),
        (QUOTE + "    x = 'abc' + 1\n", ":7: does not compile: `add` does not work on"),
        (
            QUOTE + "    x = 1\n    if market.mid > 0:\n        x = (1, 2)\n    wanted.bids = x\n",
            ":10: does not compile: `x` would be",
        ),
    ],
)
def test_file_that_is_no_strategy(simmm: CommandLine, text: str, expected: str) -> None:
    if "compile" in expected and os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("nothing is compiled here")
    path = simmm.folder / "mine.py"
    path.write_text(text)
    line = simmm.backtest("--strategy", path, code=2)
    assert line.startswith(f"{path}{expected}")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faulty.PRICE_NAN, "wanted a price or size that is not finite"),
        (faulty.SIZE_INFINITE, "wanted a price or size that is not finite"),
        (faulty.TAKE_NAN, "not finite"),
        (faulty.TAKE_PRICE_NAN, "not finite"),
        (faulty.MILLION, "wanted 1000000 levels on one side; at most 16 are possible"),
        (faulty.NEGATIVE, "wanted -1 levels on one side; at most 16 are possible"),
        (faulty.OUTSIDE, "an index is outside its array; wanted has 16 levels a side"),
        (faulty.DIVIDES, "division by zero; test the divisor first"),
        (faulty.RAISES, "ValueError: enough"),
    ],
)
def test_rule_broken_while_running(simmm: CommandLine, fault: int, expected: str) -> None:
    line = simmm.backtest("--strategy", FAULTY, "--set", f"strategy.fault={fault}", code=1)
    assert line.startswith(str(FAULTY))
    assert expected in line
    assert "2025-01-01" in line, "the tape's time is told"
    if not INTERPRETED and fault in (faulty.OUTSIDE, faulty.DIVIDES):
        assert line.endswith("; NUMBA_DISABLE_JIT=1 in the environment names the line")


def test_without_its_fault_it_runs(simmm: CommandLine) -> None:
    told = simmm.sound("--strategy", FAULTY)
    assert told.code == 0
    assert (simmm.folder / "out" / "fills.parquet").is_file()


def test_parameter_that_it_does_not_have(simmm: CommandLine) -> None:
    line = simmm.backtest("--strategy", FAULTY, "--set", "strategy.fualt=1", code=2)
    assert line == (
        "--set: strategy.fualt: strategy faulty has no such parameter; did you mean 'fault'?"
    )


def test_traceback_with_debug_alone(simmm: CommandLine) -> None:
    told = simmm(
        "backtest",
        "recorded",
        "--debug",
        "--tape",
        simmm.tape,
        "--strategy",
        FAULTY,
        "--set",
        "run.warm_up_s=5",
        "--set",
        f"strategy.fault={faulty.DIVIDES}",
    )
    assert told.code == 1
    assert any(line.startswith("Traceback") for line in told.errors)
    assert "division by zero" in told.line
