"""Recorded captures of Binance's USD-M websocket: whole, as sent, and fit for a backtest."""

import gzip
import json
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm.cli.main import main
from simmm.tape import Conversion, convert, scan, validate
from tests.outside import recorded_file

RAW = "raw/binance_usdm_ws_btcusdt_20240808.gz"
MS = 1_000_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    return convert(
        recorded_file(RAW),
        tmp_path_factory.mktemp("binance") / "tape.parquet",
    )


@pytest.fixture(scope="module")
def sent(recorded: Conversion) -> list[dict[str, Any]]:
    with gzip.open(recorded_file(RAW), "rt") as file:
        frames = [json.loads(text.split(" ", 1)[1]) for text in file]
    return [frame.get("data", frame) for frame in frames]


Book = tuple[dict[float, float], dict[float, float]]


def apply(book: Book, event: dict[str, Any]) -> None:
    for side, name in zip(book, ("b", "a"), strict=True):
        for price, size in event[name]:
            side[float(price)] = float(size)
            if float(size) == 0:
                del side[float(price)]


def test_recording_is_whole(recorded: Conversion, sent: list[dict[str, Any]]) -> None:
    assert recorded.counts == {"images_brought_up_to_date": 1}
    kinds = [event.get("e", "image") for event in sent]
    number = dict(scan(recorded.target).collect()["kind"].value_counts().iter_rows())
    place = kinds.index("image")
    start = sent[place]
    book: Book = ({}, {})
    apply(book, {"b": start["bids"], "a": start["asks"]})
    edges = min(book[0]), max(book[1])
    for event in sent[:place]:
        if event["e"] == "depthUpdate" and event["u"] > start["lastUpdateId"]:
            apply(book, event)
    levels = sum(px >= edges[0] for px in book[0]) + sum(px <= edges[1] for px in book[1])
    changes = sum(len(e["b"]) + len(e["a"]) for e in sent if e.get("e") == "depthUpdate")
    assert number == {
        "bbo": 2 * kinds.count("bookTicker"),
        "trade": kinds.count("trade"),
        "depth": changes,
        "snapshot": levels,
    }
    assert {finding.severity for finding in validate(recorded.target)} <= {"warning"}
    rows = scan(recorded.target).collect()
    assert (rows["local_ts"] - rows["exch_ts"]).min() == MS
    traded = rows.filter(pl.col("kind") == "trade").sort("trade_id")
    prints = sorted((e for e in sent if e.get("e") == "trade"), key=lambda event: event["t"])
    assert traded["side"].to_list() == [-1 if event["m"] else 1 for event in prints]
    assert traded["price"].to_list() == [float(event["p"]) for event in prints]
    assert traded["size"].to_list() == [float(event["q"]) for event in prints]


def test_recorded_book_agrees_with_the_ticker(recorded: Conversion) -> None:
    """In causal order the book of the differences has the best prices of the book ticker."""
    rows = scan(recorded.target).select("exch_ts", "kind", "side", "px", "qty").collect()
    best = rows.filter(pl.col("kind") == "bbo")
    shown = best.group_by("exch_ts", maintain_order=True).agg(
        bid=pl.col("px").filter(pl.col("side") == 1).last(),
        ask=pl.col("px").filter(pl.col("side") == -1).last(),
    )
    times, touch = shown["exch_ts"].to_list(), shown.select("bid", "ask").rows()
    levels = rows.filter(pl.col("kind").is_in(["depth", "snapshot"])).rows()
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    imaged = False
    same = compared = 0
    for (exch, kind, side, px, qty), after in zip(levels, [*levels[1:], (0,)], strict=True):
        if kind == "snapshot" and not imaged:
            book[0].clear()
            book[1].clear()
            imaged = True
        half = book[side < 0]
        half[px] = qty
        if qty == 0:
            del half[px]
        if after[0] != exch:  # the last row of its time
            place = bisect_right(times, exch) - 1
            if imaged and place >= 0:
                compared += 1
                same += (max(book[0]), min(book[1])) == touch[place]
    assert compared > 6_000
    assert same >= 0.99 * compared


@pytest.mark.slow
def test_backtest_runs_on_a_capture(recorded: Conversion, tmp_path: Path) -> None:
    call = ["backtest", "recorded", "--tape", str(recorded.target), "--out", str(tmp_path / "run")]
    small = ["run.warm_up_s=20", "strategy.order_size=0.005", "maker.max_position=0.02"]
    assert main([*call, "--quiet", *(word for one in small for word in ("--set", one))]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report
    fills = pl.read_parquet(tmp_path / "run" / "fills.parquet")
    assert len(fills) > 10
    assert np.isfinite(fills.select(pl.selectors.numeric()).to_numpy()).all()
