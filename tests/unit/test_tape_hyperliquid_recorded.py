"""Recorded captures of Hyperliquid's websocket: whole, as sent, and fit for a backtest."""

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm.cli.main import main
from simmm.tape import Conversion, convert, scan, validate
from tests.outside import recorded_file

RAW = "raw/hyperliquid_ws_btc_20250126.gz"
MS = 1_000_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    return convert(
        recorded_file(RAW),
        tmp_path_factory.mktemp("hl") / "tape.parquet",
    )


def raw_messages() -> list[tuple[int, dict[str, Any]]]:
    with gzip.open(recorded_file(RAW), "rt") as file:
        split = (text.split(" ", 1) for text in file)
        return [(int(stamp), json.loads(body)) for stamp, body in split]


def test_recording_is_whole(recorded: Conversion) -> None:
    books, prints = [], []
    for _, frame in raw_messages():
        if frame["channel"] == "l2Book":
            books.append(frame["data"])
        else:
            prints += frame["data"]
    start = books[0]["time"]
    old = sum(one["time"] < start for one in prints)
    twice = sum(a == b for a, b in pairwise(books))
    assert recorded.counts == {
        "trades_before_the_capture_dropped": old,
        "duplicate_messages_dropped": twice,
    }
    rows = scan(recorded.target).collect()
    number = dict(rows["kind"].value_counts().iter_rows())
    levels = sum(len(side) for a, b in zip([{}, *books], books, strict=False) if a != b
                 for side in b["levels"])  # fmt: skip
    assert number == {"snapshot": levels, "trade": len(prints) - old}
    traded = rows.filter(pl.col("kind") == "trade")
    new = [one for one in prints if one["time"] >= start]
    assert traded["trade_id"].to_list() == [one["tid"] for one in new]
    assert traded["side"].to_list() == [1 if one["side"] == "B" else -1 for one in new]
    assert validate(recorded.target) == []
    spans = np.diff([one["time"] for one in new])
    assert traded["aggressor_end"].sum() == 1 + np.count_nonzero(spans)


def test_recorded_images_are_as_sent(recorded: Conversion) -> None:
    sent = {}
    for _, frame in raw_messages():
        if frame["channel"] == "l2Book":
            sent[frame["data"]["time"] * MS] = [
                [(float(level["px"]), float(level["sz"]), level["n"]) for level in side]
                for side in frame["data"]["levels"]
            ]
    images = scan(recorded.target).filter(pl.col("kind") == "snapshot").collect()
    columns = ("price", "size", "order_count")
    shown = {
        exch: [image.filter(pl.col("side") == side).select(columns).rows() for side in (1, -1)]
        for (exch,), image in images.group_by("exch_ts", maintain_order=True)
    }
    assert shown == sent


@pytest.mark.slow
def test_backtest_runs_on_a_capture(recorded: Conversion, tmp_path: Path) -> None:
    call = ["backtest", "recorded", "--tape", str(recorded.target), "--out", str(tmp_path / "run")]
    small = ["run.warm_up_s=5", "strategy.order_size=0.005", "maker.max_position=0.02"]
    assert main([*call, "--quiet", *(word for one in small for word in ("--set", one))]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report
