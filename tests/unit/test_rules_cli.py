"""``simmm rules``."""

from __future__ import annotations

import pytest

from simmm.cli.main import main


def _shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["rules", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_venues(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(capsys)
    assert "hyperliquid" in shown
    assert "2025-05-05, 2026-06-11, 2026-07-25" in shown


def test_markets(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _shown(capsys, "hyperliquid", "--date", "2026-07-01").splitlines()
    assert lines[0] == "hyperliquid, rules since 2026-06-11"
    cells = ["BTC", "0.00001", "0.1", "40x", "2", "150,000,000"]
    assert cells in [line.split() for line in lines]


def test_one_market(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(capsys, "hyperliquid", "ETH")
    assert "from 100,000,000 USDC: 15x, maintenance 3.3333%" in shown
    assert "taker 4.5 / maker 1.5 bps" in shown
    assert "fast: 5 levels each 500 ms" in shown


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["binance"], "simmm: no rules of a venue 'binance'"),
        (["hyperliquid", "BTC", "--date", "2020-01-01"], "simmm: rules of hyperliquid: none known"),
        (["hyperliquid", "DOGE"], "simmm: rules of hyperliquid since 2026-07-25: no market 'DOGE'"),
    ],
)
def test_what_is_not_there(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    assert main(["rules", *words]) == 2
    assert capsys.readouterr().err.startswith(line)
