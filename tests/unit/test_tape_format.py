"""The file: what is written can be read, content has one digest, bad files are told apart."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import simmm.tape as tape_module
from simmm.errors import RunError, TapeError
from simmm.market import MarketRules
from simmm.tape import TapeSpec, TapeWriter, info, open_tapes, scan, write
from simmm.tape.schema import METADATA_KEY
from tests.unit.tape_fixture import (
    BBO,
    BUY,
    DEPTH,
    END,
    FIRST,
    LAST_PRINT,
    MS,
    RULES,
    SNAPSHOT,
    START,
    TRADE,
    drawn_rows,
    write_rows,
)


def plain() -> pl.DataFrame:
    """Return a plain frame, unsorted, with each kind of row."""
    rows = [
        # exch, local, seq, kind, side, price, size, trade id, orders, liquidation, context
        (2, 9, 3, "depth", -1, 100.3, 0.0, None, None, None, None),
        (1, 5, 0, "snapshot", -1, 100.3, 2.0, None, 4, None, None),
        (1, 5, 0, "snapshot", 1, 100.0, 1.5, None, 2, None, None),
        (1, 5, 0, "snapshot", 1, 100.1, 0.5, None, None, None, None),
        (1, 5, 0, "snapshot", -1, 100.2, 0.25, None, 1, None, None),
        (2, 6, 1, "bbo", 1, 100.1, 0.5, None, None, None, None),
        (2, 6, 1, "bbo", -1, 100.2, 0.25, None, None, None, None),
        (2, 8, 2, "trade", 1, 100.2, 0.1, 71, None, False, None),
        (2, 8, 2, "trade", 1, 100.3, 0.15, 72, None, False, None),
        (2, 8, 2, "trade", -1, 100.1, 0.05, 73, None, True, None),
        (3, 11, 4, "context", 0, 100.15, 0.0, None, None, None, "mark"),
        (3, 11, 4, "context", 0, -0.0000125, 0.0, None, None, None, "funding"),
        (3, 11, 4, "context", 0, 12_345.678, 0.0, None, None, None, "open_interest"),
    ]
    names = (
        "exch_ts", "local_ts", "seq", "kind", "side", "price", "size", "trade_id", "order_count",
        "liquidation", "context",
    )  # fmt: skip
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("exch_ts", "local_ts") * MS + START
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tape.parquet"
    about = write(path, plain(), RULES, source={"made": "by hand"}, truth={"sigma": 1.5})
    assert about == info(path)
    assert (about.rows, about.packets) == (13, 5)
    assert (about.source, about.truth) == ({"made": "by hand"}, {"sigma": 1.5})
    assert (about.first_ts, about.last_ts) == (START + MS, START + 3 * MS)
    assert (about.first_local_ts, about.last_local_ts) == (START + 5 * MS, START + 11 * MS)
    assert (about.px_low, about.px_high) == (1000, 1003)
    back = scan(path).collect()
    # Causal order: trades of a block before its bbo, that before its depth.
    kinds = ["snapshot"] * 4 + ["trade"] * 3 + ["bbo"] * 2 + ["depth"] + ["context"] * 3
    assert back["kind"].to_list() == kinds
    assert back["side"].to_list() == [1, 1, -1, -1, 1, 1, -1, 1, -1, -1, 0, 0, 0]
    assert back["price"].to_list() == [
        100.1, 100.0, 100.2, 100.3, 100.2, 100.3, 100.1, 100.1, 100.2, 100.3,
        100.2, -0.0000125, 12_345.678,
    ]  # fmt: skip
    assert back["size"].to_list()[:10] == [0.5, 1.5, 0.25, 2, 0.1, 0.15, 0.05, 0.5, 0.25, 0]
    assert back["trade_id"].to_list()[4:7] == [71, 72, 73]
    assert back["order_count"].to_list()[:4] == [None, 2, 1, 4]
    assert back["context"].to_list()[9:] == [None, "mark", "funding", "open_interest"]
    rows = np.arange(13)
    assert rows[back["packet_end"]].tolist() == [3, 6, 8, 9, 12]
    assert rows[back["first"]].tolist() == [0, 2]
    assert rows[back["aggressor_end"]].tolist() == [5, 6]
    assert rows[back["liquidation"]].tolist() == [6]


def test_stored_tags(tmp_path: Path) -> None:
    path = tmp_path / "tape.parquet"
    write(path, plain(), RULES)
    tag = pq.read_table(path).column("tag").to_pylist()
    assert tag[:4] == [
        SNAPSHOT | BUY | FIRST, SNAPSHOT | BUY, SNAPSHOT | FIRST, SNAPSHOT | END,
    ]  # fmt: skip
    assert tag[4:10] == [
        TRADE | BUY, TRADE | BUY | LAST_PRINT, TRADE | END | LAST_PRINT | 128,
        BBO | BUY, BBO | END, DEPTH | END,
    ]  # fmt: skip


def test_scanned_frame_can_be_written_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    first = write(one, plain(), RULES)
    again = write(two, scan(one).collect().sample(fraction=1, shuffle=True, seed=1), RULES)
    assert again.digest != first.digest  # rows of one message were shuffled
    assert write(two, scan(one).collect(), RULES, overwrite=True).digest == first.digest


def test_drawn_tape_survives_frame(tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.parquet", drawn_rows(3, 300))
    again = write(tmp_path / "two.parquet", scan(one).collect(), RULES)
    assert again.digest == info(one).digest
    assert again.packets == info(one).packets


def test_scan_joins_files(tmp_path: Path) -> None:
    rows = drawn_rows(3, 300)
    whole = write_rows(tmp_path / "whole.parquet", rows)
    write_rows(tmp_path / "z.parquet", rows[:100])
    write_rows(tmp_path / "a.parquet", rows[100:])
    parts = scan([tmp_path / "a.parquet", tmp_path / "z.parquet"]).collect()
    assert_frame_equal(parts, scan(whole).collect())


def test_messages_without_numbers(tmp_path: Path) -> None:
    path = tmp_path / "tape.parquet"
    write(path, plain().drop("seq"), RULES)
    back = scan(path).collect()
    assert back["seq"].to_list() == [0, 0, 0, 0, 2, 2, 2, 1, 1, 3, 4, 4, 4]


def test_digest_depends_on_content_alone(tmp_path: Path) -> None:
    rows = drawn_rows(1, 500)
    one = info(write_rows(tmp_path / "one.parquet", rows, row_group=100, step=13))
    two = info(write_rows(tmp_path / "two.parquet", rows, source={"other": 1}, truth={"kappa": 2}))
    assert one.digest == two.digest
    changed = list(rows)
    changed[77] = (*changed[77][:5], changed[77][5] + 1)
    assert info(write_rows(tmp_path / "three.parquet", changed)).digest != one.digest
    rules = MarketRules(symbol="TEST", price_quantum="0.1", lot_size="0.001", maker_fee="0.1")
    assert info(write_rows(tmp_path / "four.parquet", rows, market=rules)).digest != one.digest


def test_digest_is_what_it_was(tmp_path: Path) -> None:
    # Digests stand in manifests of datasets: they must not change within a schema version.
    path = tmp_path / "tape.parquet"
    assert write(path, plain(), RULES).digest == (
        "cd30c4128c0e8b0dcb60b35c505617b355e7f63f5768c25f8cfd2e8d253fac29"
    )


def test_other_layouts_of_one_tape_are_read(tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.parquet", drawn_rows(1, 500))
    two = rewritten(
        one, tmp_path / "two.parquet", compression="gzip", row_group_size=37, write_statistics=False
    )
    assert tape_module.validate(two) == tape_module.validate(one)
    with open_tapes([TapeSpec(two)], start=START + 100 * MS) as tapes:
        assert sum(len(chunk.tag) for chunk in tapes.chunks()) == tapes.rows > 0


def test_reach_of_levels(tmp_path: Path) -> None:
    rows = [(START, START, 0, TRADE | END, 1000, 5)]
    rows += [(START + n, START + n, n, DEPTH | BUY | END, 1000 - n % 60, 5) for n in range(1, 600)]
    rows += [(START + 600, START + 600, 600, DEPTH | BUY | END, 10, 5)]
    about = info(write_rows(tmp_path / "tape.parquet", rows, step=50))
    assert (about.reach_px, about.reach_px_99) == (990, 64)


# --------------------------------------------------------------------- wrong rows


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("exch_ts", START - MS, "row 2, exch_ts: goes backwards"),
        ("local_ts", START, "row 2, local_ts: before exch_ts"),
        ("seq", -1, "row 2, seq: negative"),
        ("tag", 7, "row 2, tag: unknown kind"),
        ("px", 0, "row 2, px: not above zero"),
        ("qty", -1, "row 2, qty: negative"),
    ],
)
@pytest.mark.parametrize("step", [1, 5])
def test_writer_names_row_and_field(
    tmp_path: Path, column: str, value: int, message: str, step: int
) -> None:
    names = ("exch_ts", "local_ts", "seq", "tag", "px", "qty")
    rows = [[START + n, START + n + 1, n, TRADE | END, 100, 1] for n in range(5)]
    rows[2][names.index(column)] = value
    with pytest.raises(TapeError, match=message):
        write_rows(tmp_path / "tape.parquet", [tuple(row) for row in rows], step=step)  # type: ignore[misc]
    assert list(tmp_path.iterdir()) == []


def test_writer_wants_causal_order(tmp_path: Path) -> None:
    rows = [(START, START, 0, DEPTH | END, 100, 1), (START, START, 1, TRADE | END, 100, 1)]
    with pytest.raises(TapeError, match="row 1, seq: not in causal order"):
        write_rows(tmp_path / "tape.parquet", rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.lit(100.123456).alias("price"), "row 0, price: 100.123456 is no multiple of 0.1"),
        (pl.lit(0.00012).alias("size"), "row 0, size: 0.00012 is no multiple of 0.001"),
        (pl.lit(-1.0).alias("size"), "row 0, size: negative"),
        (pl.lit(float("nan")).alias("price"), "row 0, price: not finite"),
        (pl.lit("banana").alias("kind"), "row 0, kind: 'banana' is unknown"),
        (pl.lit(0).alias("side"), r"row 0, side: must be \+1 or -1"),
        (pl.lit("x").alias("context"), "row 10, context: not one of"),
        (pl.col("exch_ts").cast(pl.Float64), "exch_ts must be integers"),
    ],
)
def test_frame_names_row_and_field(tmp_path: Path, change: pl.Expr, message: str) -> None:
    with pytest.raises(TapeError, match=message):
        write(tmp_path / "tape.parquet", plain().with_columns(change), RULES)
    assert list(tmp_path.iterdir()) == []


def test_frame_without_a_column(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="column side is missing; found exch_ts"):
        write(tmp_path / "tape.parquet", plain().drop("side"), RULES)
    with pytest.raises(TapeError, match="no rows"):
        write(tmp_path / "tape.parquet", plain().clear(), RULES)


def test_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "tape.parquet"
    path.write_text("mine")
    with pytest.raises(TapeError, match="exists already"):
        write(path, plain(), RULES)
    assert path.read_text() == "mine"
    write(path, plain(), RULES, overwrite=True)
    assert info(path).rows == 13


def test_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        write(tmp_path / "nowhere" / "tape.parquet", plain(), RULES)


def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def write_and_stop() -> None:
        one = np.array([START]), np.array([START]), np.array([0])
        with TapeWriter(tmp_path / "tape.parquet", RULES, row_group=1) as tape:
            tape.append(*one, np.array([TRADE], np.uint8), np.array([1]), np.array([1]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    with pytest.raises(TapeError, match="no rows"), TapeWriter(tmp_path / "t.parquet", RULES):
        pass
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------- wrong files


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "good.parquet", drawn_rows(1, 200))


def opened(path: Path) -> str:
    """Return what opening a file says."""
    with pytest.raises(TapeError) as error:
        open_tapes([TapeSpec(path)])
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def test_missing_empty_truncated_foreign(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    assert "no such file" in opened(path)
    path.touch()
    assert "empty" in opened(path)
    content = good.read_bytes()
    for size in (4, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert "truncated or damaged" in opened(path)
    path.write_text("time,price\n1,2\n")
    assert "not a Parquet file" in opened(path)
    pl.DataFrame({"time": [1], "price": [2.0]}).write_parquet(path)
    assert "not a simmm tape; its columns are time, price; describe them" in opened(path)


def test_damaged_pages_are_told(good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    content[100:2000] = bytes(1900)
    path = tmp_path / "bad.parquet"
    path.write_bytes(content)
    with open_tapes([TapeSpec(path)]) as tapes, pytest.raises(TapeError, match="row group 0"):
        list(tapes.chunks())


def rewritten(
    good: Path, path: Path, head: dict[str, object] | None = None, drop: str = "", **layout: Any
) -> Path:
    """Copy a tape with other metadata, fewer columns or another layout."""
    raw = pq.ParquetFile(good).metadata.metadata[METADATA_KEY]
    table = pq.read_table(good)
    table = table.drop_columns([drop]) if drop else table
    whole = json.dumps(json.loads(raw) | (head or {})).encode()
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: whole}), path, **layout)
    return path


def test_metadata_is_checked(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    text = opened(rewritten(good, path, {"schema_version": 2, "shape": "unknown"}))
    assert "tape schema 2 is newer than this simmm reads (1); upgrade simmm" in text
    assert "not valid" in opened(rewritten(good, path, {"rows": "many"}))
    assert "holds" in opened(rewritten(good, path, {"rows": 7}))
    market = {"symbol": "X", "price_quantum": "0"}
    assert "price_quantum: 0 must be above zero" in opened(
        rewritten(good, path, {"market": market})
    )


def test_columns_are_checked(good: Path, tmp_path: Path) -> None:
    path = rewritten(good, tmp_path / "bad.parquet", drop="px")
    assert "column px should be int64, is None" in opened(path)


def test_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="is a folder"):
        info(tmp_path)


def test_copy_is_the_same_tape(good: Path, tmp_path: Path) -> None:
    shutil.copy(good, tmp_path / "copy.parquet")
    assert info(tmp_path / "copy.parquet") == info(good)
