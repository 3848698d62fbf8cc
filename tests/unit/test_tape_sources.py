"""Importers: neutral packets and mapped columns, what they repair, what they refuse."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm.errors import TapeError
from simmm.tape import TapeSpec, convert, ensure_tape, info, open_tapes, scan, validate
from simmm.tape.sources import detect
from tests.unit.tape_fixture import MS, START, neutral_frame

S = 1000 * MS
DOCS = Path(__file__).parents[2] / "docs" / "tape-format.md"


def neutral_rows() -> list[tuple[Any, ...]]:
    """Return a Hyperliquid-like recording: block messages arrive bbo, trades, image."""
    rows: list[tuple[Any, ...]] = []
    for block in range(40):
        exch = START + block * 500 * MS
        seq = 3 * block
        bid, ask = 99_999.0 - block % 3, 100_000.0 + 10 * (block % 2)
        rows += [(exch, exch + 300 * MS, seq, "bbo", 1, bid, 0.5, None)]
        rows += [(exch, exch + 300 * MS, seq, "bbo", -1, ask, 0.25, None)]
        rows += [(exch, exch + 310 * MS, seq + 1, "trade", 1, ask, 0.001, 2 * block)]
        rows += [(exch, exch + 310 * MS, seq + 1, "trade", 1, ask, 0.002, 2 * block + 1)]
        for level in range(3):  # sides interleaved, as they come
            down, up = bid - level, ask + 10 * level
            rows += [(exch, exch + 350 * MS, seq + 2, "snap", 1, down, 0.5 + level, None)]
            rows += [(exch, exch + 350 * MS, seq + 2, "snap", -1, up, 0.25 + level, None)]
    return rows


def neutral_file(
    path: Path, rows: list[tuple[Any, ...]], venue: str = "hyperliquid", **about: Any
) -> Path:
    about = {"venue": venue, "symbol": "BTC-PERP", "tick": 1.0, **about}
    table = neutral_frame(rows).to_arrow()
    import pyarrow.parquet as pq

    pq.write_table(table.replace_schema_metadata({"tape": json.dumps(about)}), path)
    return path


def converted(tmp_path: Path, rows: list[tuple[Any, ...]], **about: Any) -> Any:
    source = neutral_file(tmp_path / "neutral.parquet", rows, **about)
    return convert(source, tmp_path / "tape.parquet", overwrite=True)


def test_neutral_packets_become_a_tape(tmp_path: Path) -> None:
    done = converted(tmp_path, neutral_rows())
    assert done.source_kind == "neutral"
    assert done.counts == {}
    assert done.assumed == {"fees": "Hyperliquid perpetuals, lowest tier"}
    market = done.info.market
    assert (market.price_quantum, market.lot_size) == ("0.1", "0.00001")
    assert (market.significant_figures, market.min_notional, market.modify) == (5, "10", "replace")
    assert (market.maker_fee, market.taker_fee) == ("0.00015", "0.00045")
    back = scan(done.target).collect()
    first = back.head(10)
    assert first["kind"].to_list() == ["trade"] * 2 + ["bbo"] * 2 + ["snapshot"] * 6
    assert first["seq"].to_list() == [1, 1, 0, 0, 2, 2, 2, 2, 2, 2]
    assert first["price"].to_list()[4:] == [99_999, 99_998, 99_997, 100_000, 100_010, 100_020]
    assert first["first"].to_list()[4:] == [True, False, False, True, False, False]
    assert first["aggressor_end"].to_list()[:2] == [False, True]
    assert first["packet_end"].to_list() == [False, True, False, True, *[False] * 5, True]
    assert validate(done.target) == []


def test_feed_gap_becomes_a_row(tmp_path: Path) -> None:
    rows = neutral_rows()
    cut = 20 * 10  # the feed stops after 20 blocks ...
    late = [(row[0] + 17 * S, row[1] + 17 * S, row[2] + 1, *row[3:]) for row in rows[cut:]]
    # ... and on reconnecting a trade of the time between is sent first.
    between = (START + 20 * S, late[0][1], 60, "trade", 1, 100_000.0, 0.001, 777)
    done = converted(tmp_path, [*rows[:cut], between, *late])
    assert done.counts == {"gaps_marked": 1}
    gap = scan(done.target).filter(pl.col("kind") == "gap").collect()
    assert gap.height == 1
    (row,) = gap.rows(named=True)
    assert (row["exch_ts"], row["local_ts"], row["seq"]) == (START + 20 * S, late[0][1], 60)
    assert row["px"] == rows[cut - 1][0]
    assert row["qty"] == late[0][1] - rows[cut - 1][1]
    assert not row["packet_end"]  # the trade of the same message has it
    assert validate(done.target) == []


def test_repairs_are_counted(tmp_path: Path) -> None:
    rows = neutral_rows()
    rows[20:22] = [(row[0], row[0] - 5 * MS, *row[2:]) for row in rows[20:22]]  # before it happened
    trade = rows[32]
    rows.insert(34, (trade[0], trade[1], trade[2], *trade[3:]))  # a trade twice
    image = [(row[0], row[1] + MS, 10_000, *row[3:]) for row in rows[-6:]]
    one_sided = [(row[0] + S, row[1] + S, 10_001, *row[3:]) for row in rows[-6:] if row[4] == 1]
    done = converted(tmp_path, [*rows, *image, *one_sided])
    assert done.counts.pop("local_ts_raised") == 2
    assert done.counts == {
        "duplicate_trades_dropped": 1,
        "duplicate_messages_dropped": 1,
        "empty_sides_added": 1,
    }
    assert done.info.source["counts"]["empty_sides_added"] == 1
    back = scan(done.target).collect()
    assert back.filter(
        pl.col("trade_id").is_duplicated() & pl.col("trade_id").is_not_null()
    ).is_empty()
    tail = back.tail(4)
    assert (tail["side"].to_list(), tail["px"].to_list()[3]) == ([1, 1, 1, -1], 0)
    assert tail["first"].to_list() == [True, False, False, True]
    assert (back["local_ts"] >= back["exch_ts"]).all()


def test_missing_exchange_times_are_placed(tmp_path: Path) -> None:
    rows = neutral_rows()
    rows = [(None if row[3] == "bbo" else row[0], *row[1:]) for row in rows]
    done = converted(tmp_path, rows)
    assert done.counts["exch_ts_assumed"] == 40
    back = scan(done.target).filter(pl.col("kind") == "bbo").collect()
    assert (back["exch_ts"] <= back["local_ts"]).all()
    assert back["exch_ts"].is_sorted()
    # A block's bbo arrives 300 ms after it, and the trades of the block before arrived after 310.
    placed = back["exch_ts"].unique().sort()[1:]
    assert placed.to_list() == [START + block * 500 * MS - 10 * MS for block in range(1, 40)]


def test_other_venues_take_what_the_recording_says(tmp_path: Path) -> None:
    done = converted(tmp_path, neutral_rows(), venue="elsewhere", symbol="X", tick=0.5)
    assert done.info.market.price_quantum == "0.5"
    assert done.info.market.lot_size == "0.001"
    assert done.assumed == {"lot_size": "0.001, from the sizes seen", "fees": "none"}


def test_bad_recordings_leave_nothing(tmp_path: Path) -> None:
    rows = neutral_rows()
    with pytest.raises(TapeError, match=r"row 0, px: 99999\.0 is no multiple of 7"):
        converted(tmp_path, rows, venue="elsewhere", tick=7.0)
    crossed = [(*row[:5], row[5] + 500.0 * row[4], *row[6:]) for row in rows]
    with pytest.raises(TapeError, match=r"row 2, px: crossed book: one message"):
        converted(tmp_path, crossed)
    backwards = [*rows[50:], *rows[:50]]
    with pytest.raises(TapeError, match="seq: goes backwards"):
        converted(tmp_path, backwards)
    assert [path.name for path in tmp_path.iterdir()] == ["neutral.parquet"]


def test_target_is_kept(tmp_path: Path) -> None:
    source = neutral_file(tmp_path / "neutral.parquet", neutral_rows())
    target = tmp_path / "tape.parquet"
    target.write_text("mine")
    with pytest.raises(TapeError, match="exists already"):
        convert(source, target)
    assert target.read_text() == "mine"


def test_detect(tmp_path: Path) -> None:
    source = neutral_file(tmp_path / "neutral.parquet", neutral_rows())
    assert detect(source) == "neutral"
    assert detect(convert(source, tmp_path / "tape.parquet").target) == "tape"
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "a.txt").write_text("hello")
    assert [detect(tmp_path / name) for name in ("a.csv", "a.txt")] == ["columns", "unknown"]
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "foreign.parquet")
    assert detect(tmp_path / "foreign.parquet") == "columns"
    with pytest.raises(TapeError, match="none of the formats known"):
        convert(tmp_path / "a.txt", tmp_path / "b.parquet")
    with pytest.raises(TapeError, match="--map FILE"):
        convert(tmp_path / "foreign.parquet", tmp_path / "b.parquet")
    with pytest.raises(TapeError, match="no such file"):
        convert(tmp_path / "none.parquet", tmp_path / "b.parquet")


def test_neutral_file_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMMM_CACHE", str(tmp_path / "cache"))
    source = neutral_file(tmp_path / "neutral.parquet", neutral_rows())
    with pytest.raises(TapeError, match="run `simmm tape convert SOURCE TARGET` first"):
        open_tapes([TapeSpec(source)])
    lines: list[str] = []
    tape = ensure_tape(source, notify=lines.append)
    assert tape.is_relative_to(tmp_path / "cache" / "tapes")
    assert len(lines) == 2
    assert "converting neutral.parquet" in lines[0]
    assert "400 rows, 120 packets" in lines[1]
    assert ensure_tape(source, notify=lines.append) == tape
    assert ensure_tape(tape, notify=lines.append) == tape
    assert len(lines) == 2
    neutral_file(source, neutral_rows()[:100])
    assert ensure_tape(source) != tape
    tape.write_bytes(b"damaged")
    neutral_file(source, neutral_rows())
    assert info(ensure_tape(source)).rows == 400
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(TapeError, match="not a simmm tape; describe its columns in a map"):
        ensure_tape(tmp_path / "a.csv")


# ----------------------------------------------------------------------------- mapped columns

MAP = """
market: {symbol: TEST, price_quantum: "0.1", lot_size: "0.001"}
columns:
  exch_ts: time
  local_ts: seen
  kind: type
  side: side
  price: px
  size: amount
  trade_id: id
values:
  kind: {l: depth, t: trade}
  side: {S: -1, B: buy}
time_unit: ms
"""
TABLE = pl.DataFrame(
    {
        "time": [1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_003],
        "seen": [1_700_000_000_002, 1_700_000_000_002, 1_700_000_000_005, 1_700_000_000_004],
        "type": ["l", "l", "t", "L"],
        "side": ["B", "S", "B", "s"],
        "px": [100.0, 100.2, 100.2, 100.3],
        "amount": [1.5, 0.5, 0.125, 0.0],
        "id": [0, 0, 42, 0],
    }
)


def save(table: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.write_csv(path)
    elif path.suffix == ".parquet":
        table.write_parquet(path)
    else:
        columns = {
            name: table[name].to_numpy().astype("U8" if table[name].dtype == pl.String else None)
            for name in table.columns
        }
        if path.suffix == ".npz":
            np.savez(path, **columns)
        else:
            np.save(path, np.rec.fromarrays(list(columns.values()), names=list(columns)))
    return path


def mapped(tmp_path: Path, table: pl.DataFrame, text: str = MAP, name: str = "a.csv") -> Any:
    (tmp_path / "map.yaml").write_text(text)
    source = save(table, tmp_path / name)
    target = tmp_path / "tape.parquet"
    return convert(source, target, map_file=tmp_path / "map.yaml", overwrite=True)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.npy", "a.npz"])
def test_mapped_columns(tmp_path: Path, name: str) -> None:
    done = mapped(tmp_path, TABLE, name=name)
    assert done.source_kind == "columns"
    assert done.assumed == {"seq": "neighbours of one kind with equal clocks are one message"}
    back = scan(done.target).collect()
    assert back["kind"].to_list() == ["depth", "depth", "trade", "depth"]
    assert back["side"].to_list() == [1, -1, 1, -1]
    assert back["px"].to_list() == [1000, 1002, 1002, 1003]
    assert back["qty"].to_list() == [1500, 500, 125, 0]
    assert (back["exch_ts"] - START).to_list() == [0, 0, MS, 3 * MS]
    assert (back["local_ts"] - START).to_list() == [2 * MS, 2 * MS, 5 * MS, 4 * MS]
    assert back["seq"].to_list() == [1, 1, 3, 2]
    assert back["trade_id"].to_list() == [None, None, 42, None]
    assert info(done.target).market.symbol == "TEST"


def test_times_in_other_units(tmp_path: Path) -> None:
    whole = scan(mapped(tmp_path, TABLE).target).collect()
    for unit, make in (
        ("us", pl.col("time", "seen") * 1000),
        ("s", pl.col("time", "seen") / 1000),
        ("iso", pl.from_epoch(pl.col("time", "seen"), "ms").dt.to_string("%FT%T%.3f")),
    ):
        text = MAP.replace("time_unit: ms", f"time_unit: {unit}")
        back = scan(mapped(tmp_path, TABLE.with_columns(make), text).target).collect()
        assert back.equals(whole), unit
    text = MAP.replace("time_unit: ms", "time_unit: {exch_ts: ms, local_ts: ns}")
    nanoseconds = TABLE.with_columns(pl.col("seen") * 1_000_000)
    assert scan(mapped(tmp_path, nanoseconds, text).target).collect().equals(whole)


def test_constants_and_assumed_latency(tmp_path: Path) -> None:
    text = MAP.replace("  local_ts: seen\n", "").replace("  kind: type\n", "")
    text = text.replace("  trade_id: id\n", "")
    text += "constants: {kind: trade}\nfeed_latency_ns: 2500000\n"
    done = mapped(tmp_path, TABLE.with_columns(pl.lit(1.0).alias("amount")), text)
    assert done.assumed["local_ts"] == "exch_ts + 2500000 ns"
    back = scan(done.target).collect()
    assert (back["local_ts"] - back["exch_ts"]).unique().to_list() == [2_500_000]
    assert back["kind"].unique().to_list() == ["trade"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  price: px\n", "", r"map\.yaml: columns\.price is missing"),
        ("  price: px", "  prize: px", r"columns\.prize is no field; did you mean 'price'\?"),
        ("time_unit: ms", "time_unit: days", r"map\.yaml: .*days.*time_unit"),
        ("columns:", "colums:", r"map\.yaml: colums: unknown field; did you mean 'columns'\?"),
        ("lot_size", "lotsize", r"map\.yaml: market\.lotsize: unknown field; did you mean 'lot_s"),
        ("  side: {S", "  sides: {S", r"map\.yaml: values\.sides: unknown field; did you mean 's"),
        ('"0.1"', '"0"', r"map\.yaml: .*price_quantum: 0 must be above zero"),
        ("market: {", "market: {{", r"map\.yaml: is no YAML"),
        ("  price: px", "  price: cost", r"a\.csv: no column 'cost' for price; found time"),
        (
            "  kind: {l: depth",
            "  kind: {x: depth",
            r"row 0, type: 'l' is no kind that is known; translate",
        ),
        ("time_unit: ms", "time_unit: iso", "no ISO time"),
        ('"0.1"', '"0.7"', r"a\.csv: row 0, px: 100\.0 is no multiple of 0\.7"),
    ],
)
def test_bad_maps(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MAP
    with pytest.raises(TapeError, match=message) as error:
        mapped(tmp_path, TABLE, MAP.replace(old, new))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "tape.parquet").exists()


@pytest.mark.parametrize("text", ["[1]", "columns", ""])
def test_a_map_is_fields(tmp_path: Path, text: str) -> None:
    with pytest.raises(TapeError, match=r"map\.yaml: expected fields such as `market`"):
        mapped(tmp_path, TABLE, text)


def test_an_unknown_word_is_told_as_it_stands(tmp_path: Path) -> None:
    table = TABLE.with_columns(pl.Series("type", ["l", "bookTicker", "t", "L"]))
    with pytest.raises(TapeError, match=r"row 1, type: 'bookTicker' is no kind .*bookTicker: "):
        mapped(tmp_path, table)


def test_true_and_false_are_sides_only_by_the_map(tmp_path: Path) -> None:
    table = TABLE.with_columns(
        pl.Series("side", [True, False, True, False]),
        pl.Series("type", ["t"] * 4),
        pl.Series("id", [1, 2, 3, 4]),
        amount=1.0,
    ).sort("seen")
    with pytest.raises(TapeError, match=r"row 0, side: 'true' says no side .* map's `values`"):
        mapped(tmp_path, table)
    for values, sides in (
        ("{true: buy, false: sell}", [1, -1, 1, -1]),
        ("{true: sell, false: buy}", [-1, 1, -1, 1]),
    ):
        done = mapped(tmp_path, table, MAP.replace("{S: -1, B: buy}", values))
        assert scan(done.target).collect()["side"].to_list() == sides


def test_map_in_the_documentation(tmp_path: Path) -> None:
    blocks = DOCS.read_text().split("```yaml\n")[1:]
    (tmp_path / "map.yaml").write_text(blocks[0].split("```")[0])
    table = pl.DataFrame(
        {
            "T": [START // MS, START // MS + 1],
            "received": [START + 2 * MS, START + 3 * MS],
            "u": [5, 6],
            "event": ["aggTrade", "depthUpdate"],
            "is_buyer_maker": [True, False],
            "price": [100.1, 100.0],
            "quantity": [0.5, 0.25],
            "id": [1, None],
        }
    )
    source = save(table, tmp_path / "a.csv")
    done = convert(source, tmp_path / "tape.parquet", map_file=tmp_path / "map.yaml")
    back = scan(done.target).collect()
    assert back["kind"].to_list() == ["trade", "depth"]
    assert back["side"].to_list() == [-1, 1]


def test_example_in_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed: list[Any] = []
    code = DOCS.read_text().split("```python\n")[1].split("```")[0]
    exec(compile(code, str(DOCS), "exec"), {"print": printed.append})
    frame, findings = printed
    assert frame["kind"].to_list() == ["trade", "bbo", "bbo"]
    assert findings == []


def test_bad_tables(tmp_path: Path) -> None:
    text = pl.col("px").cast(pl.String).str.replace("100.3", "high")
    with pytest.raises(TapeError, match="row 3, price: 'high' is no number"):
        mapped(tmp_path, TABLE.with_columns(text))
    with pytest.raises(TapeError, match="crossed book after all messages"):
        mapped(tmp_path, TABLE.with_columns(px=pl.Series([100.3, 100.2, 100.2, 100.3])))
    (tmp_path / "b.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(TapeError, match=r"b\.npy: cannot be read"):
        convert(tmp_path / "b.npy", tmp_path / "t.parquet", map_file=tmp_path / "map.yaml")
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(TapeError, match="must be a structured array"):
        convert(tmp_path / "c.npy", tmp_path / "t.parquet", map_file=tmp_path / "map.yaml")
    (tmp_path / "d.csv").touch()
    with pytest.raises(TapeError, match="the file is empty"):
        convert(tmp_path / "d.csv", tmp_path / "t.parquet", map_file=tmp_path / "map.yaml")
    with pytest.raises(TapeError, match=r"no\.yaml: cannot be read"):
        convert(tmp_path / "a.csv", tmp_path / "t.parquet", map_file=tmp_path / "no.yaml")
