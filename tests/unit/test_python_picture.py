"""The picture of a run: whole, small, by itself, and true to what it draws."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import simmm
from simmm.api.picture import BUY, SELL, _thinned, _ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def run() -> simmm.Run:
    return simmm.backtest("cascade")


def test_it_is_one_small_svg_without_scripts_or_addresses(run: simmm.Run, tmp_path: Path) -> None:
    picture = run.show()
    root = ET.fromstring(picture.svg)
    assert root.tag == f"{SVG}svg"
    assert len(picture.svg) < 80_000
    rest = picture.svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|href|url\(|<script|<image|<style", rest)
    assert not re.search(r"nan|inf(?!o)", re.sub(r">[^<]*<", "><", rest))
    assert picture._repr_svg_() == picture.svg
    assert picture.svg in picture._repr_html_()
    assert picture.save(tmp_path / "run.svg").read_text(encoding="utf-8") == picture.svg
    with pytest.raises(simmm.RunError, match="no folder"):
        picture.save(tmp_path / "nowhere" / "run.svg")


def test_it_says_the_verdict(run: simmm.Run) -> None:
    texts = " ".join(node.text or "" for node in ET.fromstring(run.show().svg).iter(f"{SVG}text"))
    for sentence in run.report.verdict.sentences:
        assert sentence in texts
    for word in ("price, USDC", "position, BTC", "equity, USDC", "bought", "sold", "warm-up"):
        assert word in texts


@pytest.mark.parametrize(("colour", "side"), [(BUY, "buy"), (SELL, "sell")])
def test_no_fill_is_lost(run: simmm.Run, colour: str, side: str) -> None:
    """Where each fill must lie follows from the two axes; one mark may stand for several."""
    root = ET.fromstring(run.show().svg)
    marks = next(
        node.get("d", "")
        for node in root.iter(f"{SVG}path")
        if node.get("fill") == colour and node.get("fill-opacity")
    )
    places = np.array([(int(a), int(b)) for a, b in re.findall(r"M(\d+) (\d+)", marks)])
    of_side = run.fills.filter(side=side)
    facts = run.report.run
    ts = of_side["time"].to_physical().to_numpy()
    share = (ts - facts.start_ns) / (facts.end_ns - facts.start_ns)
    x = places[:, 0].min() + (places[:, 0].max() - places[:, 0].min()) * (
        (share - share[0]) / (share[-1] - share[0])
    )
    px = of_side["price"].to_numpy()
    y = places[:, 1].max() - (places[:, 1].max() - places[:, 1].min()) * (
        (px - px.min()) / (px.max() - px.min())
    )
    for a, b in zip(x, y, strict=True):
        assert np.abs(places - (a, b)).max(axis=1).min() <= 1.5
    assert len(places) <= of_side.height


def test_a_run_without_a_fill_or_shorter_than_a_sample_is_drawn() -> None:
    idle = simmm.backtest("cascade", end=400, set={"strategy.order_size": 1e-6})
    assert "Nothing was filled" in idle.show().svg
    short = simmm.backtest("cascade", end=0.5, set={"run.warm_up_s": 0})
    assert short.equity.height == 0
    ET.fromstring(short.show().svg)


def test_what_is_told_is_escaped(tmp_path: Path) -> None:
    run = simmm.backtest("cascade", end=400, out=tmp_path / "run")
    import msgspec

    facts = msgspec.structs.replace(run.report.run, scenario="<script>&")
    run.report = msgspec.structs.replace(run.report, run=facts)
    assert "<script>" not in run.show().svg
    ET.fromstring(run.show().svg)


def test_thinning_keeps_every_extreme() -> None:
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(0, 100, 20_000))
    y = np.cumsum(rng.normal(size=20_000))
    rows = _thinned(x, y)
    assert len(rows) <= 4 * 101
    assert {0, len(x) - 1} <= set(rows.tolist())
    for column in range(100):
        inside, kept = np.floor(x) == column, np.floor(x[rows]) == column
        assert y[inside].min() == y[rows][kept].min()
        assert y[inside].max() == y[rows][kept].max()


@pytest.mark.parametrize("wanted", [2, 3, 5])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-279, 3), (1e5, 1e5 + 1), (1e-7, 3e-7)])
def test_ticks_are_round_and_inside(low: float, high: float, wanted: int) -> None:
    ticks = _ticks(low, high, wanted)
    assert 1 <= len(ticks) <= wanted + 1
    assert all(low <= tick <= high for tick in ticks)
