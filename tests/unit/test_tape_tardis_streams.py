"""Recordings read piece by piece: repairs, round trip of a generated tape, a backtest on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm.cli.main import main
from simmm.tape import scan
from simmm.tape.sources import tardis_csv as module
from simmm.tape.sources.arrivals import ARRIVED, tidy_images
from simmm.tape.sources.repair import write_repaired
from simmm.tape.sources.staging import write_merged
from simmm.tape.sources.tardis_files import COLUMNS, TardisFile
from simmm.tape.sources.tardis_files import batches as whole_batches
from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.writer import TapeWriter
from tests.unit.tape_fixture import RULES, START
from tests.unit.test_tape_tardis import (
    L2,
    MS,
    QUOTES,
    TRADES,
    change,
    converted,
    image,
    rows_of,
    save,
)


def messy_rows(seed: int, messages: int) -> list[tuple[Any, ...]]:
    """Return a recording with all that is repaired, in order of arrival, as neutral rows."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    ts, heard, seq, trade_id = START, 0, 0, 0
    while seq < messages:
        ts += int(rng.choice([0, 1, 5, 60, 2_000], p=[0.2, 0.2, 0.3, 0.29, 0.01])) * 1_000_000
        ts += 60_000_000_000 if rng.random() < 0.004 else 0
        kind = str(rng.choice(["depth", "bbo", "trade", "snapshot"], p=[0.5, 0.2, 0.2, 0.1]))
        exch = ts + int(rng.integers(-20, 3)) * 1_000_000 if rng.random() > 0.1 else None
        heard = max(heard, ts + int(rng.integers(-3, 4)) * 1_000_000)
        mid = 1000 + int(rng.integers(-2, 3))
        sides = {"bbo": [1, -1], "snapshot": [1, 1, -1, -1]}.get(kind) or rng.choice([1, -1], 2)
        if kind == "snapshot" and rng.random() < 0.3:
            sides = [1, 1]
        body: list[tuple[Any, ...]] = []
        for level, side in enumerate(sides):
            trade_id += kind == "trade"
            px = mid - int(side) * (0 if kind == "trade" else 3 + level)
            size = int(rng.integers(kind != "depth", 9)) / 1000
            body.append((kind, int(side), px / 10, size, trade_id if kind == "trade" else None))
        for _ in range(2 if rng.random() < 0.05 else 1):
            rows += [(exch, heard, seq, *row) for row in body]
            seq += 1
    return rows


def as_arrived(rows: list[tuple[Any, ...]]) -> np.ndarray:
    kinds = {"depth": 0, "snapshot": 1, "bbo": 2, "trade": 3}
    made = [
        (exch or 0, local, seq, px, qty, trade_id or -1, trade_id or 0, kinds[kind], side, 0, 0)
        for exch, local, seq, kind, side, px, qty, trade_id in rows
    ]
    return np.array(made, ARRIVED)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("messages", [7, 300, 10_000])
def test_streams_are_repaired_as_frames_are(tmp_path: Path, seed: int, messages: int) -> None:
    rows = messy_rows(seed, 1_200)
    names = ("exch_ts", "local_ts", "seq", "kind", "side", "px", "qty", "trade_id")
    frame = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    expected, wanted = write_repaired(
        frame,
        tmp_path / "frame.parquet",
        RULES,
        where="frame",
        source={},
        assumed={},
        overwrite=False,
    )
    counts: dict[str, int] = {}
    arrived = as_arrived(rows)
    cuts = np.flatnonzero(np.diff(arrived["message"]))[messages::messages] + 1
    pieces = (tidy_images(piece, counts) for piece in np.split(arrived, cuts))
    found = write_merged(
        [pieces],
        tmp_path / "stream.parquet",
        market=lambda: RULES,
        source={},
        counts=counts,
        assumed={},
    )
    assert min(wanted.values()) > 0
    assert len(wanted) == 6
    assert found.digest == expected.digest
    # Sides are added before images that came twice are dropped and clocks are mended.
    for name in ("empty_sides_added", "local_ts_raised"):
        assert wanted[name] <= counts.pop(name) <= wanted.pop(name) + 20
    assert counts == wanted


def test_small_pieces_give_the_same_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    book, prints = [], []
    local = 0
    for number in range(400):
        exch, local = (
            1 + number * 2 * MS,
            max(local, number * 2 * MS + int(rng.integers(1, 9)) * MS),
        )
        if number % 57 == 0:
            book += image(exch, local, levels=5)
        else:
            levels = rng.permutation(5)[: int(rng.integers(1, 4))]
            book += [change(exch, local, "bid", 100.0 - n / 10, 1 + number % 7) for n in levels]
        prints.append([exch, local - MS // 2, number, "buy", 100.1, 1])
    files = [save(tmp_path, L2, book), save(tmp_path, TRADES, prints)]
    expected = converted(tmp_path, *files)
    assert expected.counts["book_restarts_marked"] == 7

    def small(file: TardisFile, names: Sequence[str] = ()) -> Any:
        return whole_batches(file, names, block_bytes=200)

    monkeypatch.setattr(module, "batches", small)
    monkeypatch.setattr("simmm.tape.sources.staging._PIECE_ROWS", 50)
    monkeypatch.setattr("simmm.tape.sources.staging._STRETCH_ROWS", 7)
    found = converted(tmp_path, *files)
    assert found.info.digest == expected.info.digest
    assert found.counts == expected.counts


def made_tape(folder: Path, generator: str, preset: str, **parameters: Any) -> Path:
    chosen = parameters_of(generator, preset, parameters)
    with TapeWriter(folder / "made.parquet", chosen.market) as writer:
        generate_of(generator)(chosen, 1, writer)
    return folder / "made.parquet"


def as_tardis(tape: Path, folder: Path) -> tuple[pl.DataFrame, list[Path]]:
    """Write a tape's rows as Tardis files; return them with times in whole µs."""
    frame = scan(tape).filter(pl.col("kind") != "context").collect()
    frame = frame.with_columns(pl.col("exch_ts", "local_ts") // 1000 * 1000)
    arrived = frame.sort("local_ts", "seq", maintain_order=True)
    arrived = arrived.with_columns(
        pl.lit("hyperliquid").alias("exchange"),
        pl.lit("BTC").alias("symbol"),
        pl.col("kind").cast(pl.String),
        timestamp=pl.col("exch_ts") // 1000,
        local_timestamp=pl.col("local_ts") // 1000,
        id="trade_id",
        amount="size",
        is_snapshot=pl.when(pl.col("kind") == "snapshot")
        .then(pl.lit("true"))
        .otherwise(pl.lit("false")),
    )
    book = arrived.filter(pl.col("kind").is_in(["snapshot", "depth"]), pl.col("px") > 0)
    book = book.with_columns(
        side=pl.when(pl.col("side") > 0).then(pl.lit("bid")).otherwise(pl.lit("ask"))
    )
    trades = arrived.filter(pl.col("kind") == "trade")
    trades = trades.with_columns(
        side=pl.when(pl.col("side") > 0).then(pl.lit("buy")).otherwise(pl.lit("sell"))
    )
    quotes = arrived.filter(pl.col("kind") == "bbo")
    bids, asks = (quotes.filter(pl.col("side") == side) for side in (1, -1))
    quotes = bids.with_columns(
        bid_price="price",
        bid_amount="amount",
        ask_price=asks["price"],
        ask_amount=asks["amount"],
    )
    paths = []
    for kind, table in ((L2, book), (TRADES, trades), (QUOTES, quotes)):
        paths.append(folder / f"{kind}.csv")
        table.select(COLUMNS[kind]).write_csv(paths[-1])
    return frame, paths


CONTENT = ["exch_ts", "local_ts", "kind", "side", "px", "qty", "trade_id"]


def test_a_generated_tape_comes_back(tmp_path: Path) -> None:
    expected, paths = as_tardis(
        made_tape(tmp_path, "queue_reactive", "hl_btc", hours=0.03), tmp_path
    )
    done = converted(tmp_path, *paths)
    assert done.counts == {}
    assert done.info.market.price_quantum == "0.1"
    back = rows_of(done)
    assert back.height > 5_000
    assert back.select(CONTENT).sort(CONTENT).equals(expected.select(CONTENT).sort(CONTENT))


def test_a_backtest_runs_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, paths = as_tardis(made_tape(tmp_path, "queue_reactive", "hl_btc", hours=0.05), tmp_path)
    tape = tmp_path / "tape.parquet"
    assert main(["tape", "convert", *(str(path) for path in paths), str(tape)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{tape}: ")
    assert "assumed fees: Hyperliquid perpetuals, lowest tier" in told
    words = ["backtest", "recorded", "--tape", str(tape), "--out", str(tmp_path / "run")]
    words += ["--set", "run.warm_up_s=20", "--set", "strategy.order_size=0.001", "--quiet"]
    assert main(words) == 0
    assert (tmp_path / "run" / "report.json").is_file()
