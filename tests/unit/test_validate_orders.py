"""Market-by-order rows: the tape and the truth they give, and what is refused."""

from pathlib import Path

import polars as pl
import pytest

import simmm.tape
from simmm.errors import TapeError
from simmm.tape.schema import REPLAY_COLUMNS
from simmm.tape.sources.registry import SourceOptions
from simmm.tape.synthetic import order_book
from simmm.tape.validation import validate
from simmm.validation.sources.market_by_order import TRUTH_COLUMNS, Built, build
from simmm.validation.sources.order_rows import Layout
from tests.unit.order_world import World

START = 1_700_000_000_000_000_000
COLUMNS = ("ts", "action", "order_id", "side", "px", "size")
STEPS = SourceOptions(symbol="TEST", price_quantum="0.5", lot_size="1")
#: Two bids at 99.5, a better bid alone, two asks: what rests before the record begins.
OPENING = [
    (0, "open", 1, "buy", 99.5, 4.0),
    (0, "open", 2, "buy", 99.5, 3.0),
    (0, "open", 3, "sell", 101.0, 5.0),
    (0, "open", 4, "sell", 101.5, 2.0),
]


def _rows(tmp_path: Path, rows: list[tuple], columns: tuple[str, ...] = COLUMNS) -> Path:
    path = tmp_path / "orders.parquet"
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    frame.with_columns(ts=pl.col("ts") + START).write_parquet(path)
    return path


def _build(tmp_path: Path, rows: list[tuple], options: SourceOptions = STEPS) -> Built:
    return build(_rows(tmp_path, rows), tmp_path / "tape.parquet", options=options, overwrite=True)


def _life(built: Built, order: int, number: int = 0) -> dict:
    found = built.truth.filter(pl.col("order_id") == order)
    life = found.row(number, named=True)
    for name in ("add_ts", "end_ts", "first_fill_ts", "last_fill_ts"):
        life[name] -= START if life[name] else 0
    return life


def _tape(built: Built) -> list[tuple]:
    rows = simmm.tape.scan(built.tape).collect()
    return [
        (ts - START, kind, side, price, size)
        for ts, kind, side, price, size in rows.select(
            "exch_ts", "kind", "side", "price", "size"
        ).iter_rows()
    ]


def test_a_queue_moves_by_fills_and_cancels_ahead(tmp_path: Path) -> None:
    built = _build(tmp_path, [
        *OPENING,
        (10, "add", 5, "buy", 99.5, 2.0),
        (20, "add", 6, "buy", 99.5, 9.0),  # behind
        (30, "fill", 1, "buy", 99.5, 3.0),
        (40, "cancel", 2, "buy", 99.5, 1.0),  # part of it
        (50, "cancel", 6, "buy", 99.5, 9.0),  # behind: moves nobody
        (60, "fill", 1, "buy", 99.5, 1.0),
        (60, "fill", 2, "buy", 99.5, 2.0),
        (60, "fill", 5, "buy", 99.5, 1.0),
        (70, "fill", 5, "buy", 99.5, 1.0),
    ])  # fmt: skip
    assert built.truth.columns == list(TRUTH_COLUMNS)
    assert _life(built, 5) == {
        "order_id": 5, "side": 1, "px": 99.5, "qty": 2.0, "add_ts": 10, "kind": "add",
        "dist_ticks": 0, "spread_ticks": 3, "ahead_qty0": 7.0, "ahead_n0": 2, "ahead_exec": 6.0,
        "ahead_canc": 1.0, "first_fill_ts": 60, "last_fill_ts": 70, "filled": 2.0, "end": "fill",
        "end_ts": 70,
    }  # fmt: skip
    assert _life(built, 6)["ahead_exec"] == 3.0
    assert _life(built, 6)["ahead_canc"] == 1.0
    assert _life(built, 6)["end"] == "cancel"
    assert _life(built, 6)["first_fill_ts"] == 0
    assert _tape(built) == [
        (0, "snapshot", 1, 99.5, 7.0),
        (0, "snapshot", -1, 101.0, 5.0),
        (0, "snapshot", -1, 101.5, 2.0),
        (10, "depth", 1, 99.5, 9.0),
        (20, "depth", 1, 99.5, 18.0),
        (30, "trade", -1, 99.5, 3.0),
        (30, "depth", 1, 99.5, 15.0),
        (40, "depth", 1, 99.5, 14.0),
        (50, "depth", 1, 99.5, 5.0),
        (60, "trade", -1, 99.5, 4.0),
        (60, "depth", 1, 99.5, 1.0),
        (70, "trade", -1, 99.5, 1.0),
        (70, "depth", 1, 99.5, 0.0),
    ]
    assert validate(built.tape) == []


def test_who_shrinks_keeps_the_place_and_who_grows_or_moves_loses_it(tmp_path: Path) -> None:
    built = _build(tmp_path, [
        *OPENING,
        (10, "add", 5, "buy", 99.5, 6.0),
        (20, "add", 6, "buy", 99.5, 1.0),  # 13 lots, 3 orders ahead
        (30, "modify", 5, "buy", 99.5, 2.0),  # keeps: 4 lots of the queue cancelled
        (40, "modify", 2, "buy", 99.5, 5.0),  # grows: to the back, 3 lots cancelled
        (50, "replace", 1, "buy", 99.5, 1.0),  # to the back even if smaller
        (60, "modify", 5, "buy", 100.0, 2.0),  # moves: alone, better than the best
    ])  # fmt: skip
    six = _life(built, 6)
    assert (six["ahead_qty0"], six["ahead_n0"]) == (13.0, 3)
    assert six["ahead_canc"] == 4.0 + 3.0 + 4.0 + 2.0
    assert six["ahead_exec"] == 0.0
    assert six["end"] == "open"
    assert six["end_ts"] == 0
    first, second = _life(built, 5), _life(built, 5, 1)
    assert (first["end"], first["end_ts"], first["ahead_canc"]) == ("replace", 60, 7.0)
    assert (second["kind"], second["dist_ticks"], second["ahead_qty0"]) == ("replace", -1, 0.0)
    # lives of opening orders begin with their replace
    assert (_life(built, 2)["kind"], _life(built, 2)["ahead_qty0"]) == ("replace", 7.0)
    assert (_life(built, 1)["ahead_qty0"], _life(built, 1)["ahead_n0"]) == (8.0, 3)
    # one level row a change, two where a price is left for another
    assert [row for row in _tape(built) if row[0] >= 30] == [
        (30, "depth", 1, 99.5, 10.0),
        (40, "depth", 1, 99.5, 12.0),
        (50, "depth", 1, 99.5, 9.0),
        (60, "depth", 1, 99.5, 7.0),
        (60, "depth", 1, 100.0, 2.0),
    ]


def test_a_taker_sweeps_prices_and_a_new_id_follows_the_order(tmp_path: Path) -> None:
    rows = [
        (*row, None)
        for row in (
            *OPENING,
            (10, "fill", 3, "sell", 101.0, 5.0),
            (10, "fill", 4, "sell", 101.5, 1.0),
        )
    ]
    rows.append((20, "replace", 4, "sell", 102.0, 1.0, 40))
    rows.append((30, "delete", 40, None, None, None, None))
    path = _rows(tmp_path, rows, (*COLUMNS, "new_id"))
    built = build(path, tmp_path / "tape.parquet", options=STEPS)
    assert [row[1:] for row in _tape(built)[3:8]] == [
        ("trade", 1, 101.0, 5.0),
        ("trade", 1, 101.5, 1.0),
        ("depth", -1, 101.0, 0.0),
        ("depth", -1, 101.5, 1.0),
        ("depth", -1, 101.5, 0.0),
    ]
    ends = simmm.tape.scan(built.tape).collect().filter(pl.col("kind") == "trade")
    assert ends["aggressor_end"].to_list() == [False, True]
    assert built.truth["order_id"].to_list() == [40]
    # its own side was empty when it left: the last best counts
    assert (_life(built, 40)["dist_ticks"], _life(built, 40)["end"]) == (1, "cancel")


def test_a_fill_after_other_changes_of_its_moment_is_parted_from_them(tmp_path: Path) -> None:
    built = _build(tmp_path, [
        *OPENING,
        (10, "add", 5, "buy", 100.0, 2.0),
        (10, "fill", 5, "buy", 100.0, 2.0),
        (11, "cancel", 1, "buy", 99.5, 4.0),
    ])  # fmt: skip
    times = [row[:2] for row in _tape(built)[3:]]
    assert times == [(10, "depth"), (11, "trade"), (11, "depth"), (12, "depth")]
    assert built.counts == {"moments_parted": 2}
    assert _life(built, 5)["first_fill_ts"] == 11


def test_steps_are_found_and_an_empty_beginning_is_shown(tmp_path: Path) -> None:
    built = _build(tmp_path, [
        (0, "add", 7, 1, 10.25, 0.5),
        (5, "add", 8, -1, 10.50, 1.5),
        (9, "trade", 0, 1, 10.50, 0.1),
        (9, "fill", 8, -1, 10.50, 0.1),
    ], SourceOptions(symbol="X"))  # fmt: skip
    assert (built.info.market.price_quantum, built.info.market.lot_size) == ("0.05", "0.1")
    assert built.counts == {"trade_rows_left_out": 1}
    assert [row[1:] for row in _tape(built)[:3]] == [
        ("snapshot", 1, 0.0, 0.0),
        ("snapshot", -1, 0.0, 0.0),
        ("depth", 1, 10.25, 0.5),
    ]
    assert built.truth["order_id"].to_list() == [7, 8]
    assert "price_quantum" in built.assumed


def test_pieces_and_file_kind_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*OPENING]
    for k in range(60):
        rows += [
            (10 * k + 10, "add", 100 + k, "buy", 99.5, 1.0 + k % 3),
            (10 * k + 15, "fill" if k % 2 else "add", 3 if k % 2 else 500 + k, "sell",
             101.0, 0.05),
        ]  # fmt: skip
        rows += [(10 * k + 17, "cancel", 100 + k, "buy", 99.5, 1.0)] if k % 3 else []
    options = SourceOptions(symbol="T", price_quantum="0.5", lot_size="0.05")
    whole = _build(tmp_path, rows, options)
    monkeypatch.setattr("simmm.validation.sources.order_rows._ROWS", 7)
    parts = build(_rows(tmp_path, rows), tmp_path / "parts.parquet", options=options)
    csv = tmp_path / "orders.csv"
    pl.read_parquet(tmp_path / "orders.parquet").rename({"px": "Price", "ts": "when"}).write_csv(
        csv
    )
    layout = Layout(columns={"px": "Price", "ts": "when"})
    told = build(csv, tmp_path / "csv.parquet", options=options, layout=layout)
    assert whole.info.digest == parts.info.digest == told.info.digest
    assert whole.truth.equals(parts.truth)
    assert whole.truth.equals(told.truth)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((10, "fill", 99, "buy", 99.5, 1.0), "row 4: order 99 isn't in the book"),
        ((10, "fill", 1, "buy", 99.5, 9.0), "row 4: a fill of 9, but order 1 has 4 open"),
        ((10, "cancel", 1, "buy", 99.5, 5.0), "row 4: a cancel of 5, but order 1 has 4 open"),
        ((10, "add", 1, "buy", 99.5, 5.0), "row 4: order 1 is in the book already"),
        ((10, "add", 9, "buy", 99.5, -1.0), "row 4, size: -1 is negative"),
        ((10, "add", 9, "buy", 99.5, 0.0), "row 4: needs a size above zero"),
        ((10, "add", 9, "buy", None, 1.0), "row 4: needs a price"),
        ((10, "add", 9, None, 99.5, 1.0), "row 4: needs a side"),
        ((10, "fill", 1, "sell", 99.5, 1.0), "row 4: order 1 is on the other side"),
        ((10, "fill", 1, "buy", 101.0, 1.0), "row 4: order 1 rests at another price"),
        ((10, "add", 9, "buy", 101.0, 1.0), "best bid 101, best ask 101"),
        ((10, "add", 9, "buy", 99.7, 1.0), "row 4, px: 99.7 is no multiple"),
        ((-1, "add", 9, "buy", 99.5, 1.0), "row 4, ts: goes back"),
        ((10, "jump", 9, "buy", 99.5, 1.0), "row 4, action: 'jump' is unknown"),
        ((10, "add", 9, "up", 99.5, 1.0), "row 4, side: 'up' is unknown"),
        ((10, "open", 9, "buy", 99.5, 1.0), "no order joins"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, row: tuple, words: str) -> None:
    with pytest.raises(TapeError) as caught:
        _build(tmp_path, [*OPENING, row] if row[1] != "open" else OPENING)
    assert words in str(caught.value)
    assert not list(tmp_path.glob("*tape*"))  # nothing is left behind


def test_a_late_opening_is_refused(tmp_path: Path) -> None:
    rows = [*OPENING, (5, "add", 8, "buy", 99.5, 1.0), (9, "open", 9, "buy", 99.5, 1.0)]
    with pytest.raises(TapeError, match="row 5: a row `open` after the record began"):
        _build(tmp_path, rows)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.parquet", None, "no such file"),
        ("empty.csv", b"", "the file is empty"),
        ("head.csv", b"ts,action,order_id,side,px,size\n", "no rows"),
        ("short.csv", b"ts,action,side,px,size\n1,add,1,2.0,1\n", "no column order_id"),
        ("text.csv", b"ts,action,order_id,side,px,size\n1,add,1,1,two,1\n", "px: 'two'"),
        ("time.csv", b"ts,action,order_id,side,px,size\nnoon,add,1,1,2,1\n", "is no time"),
        ("bad.parquet", b"PAR1 and no more", "cannot be read"),
        ("orders.xlsx", b"x", "are read from .parquet, .csv or .tsv"),
    ],
)
def test_files_of_another_kind_are_refused(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TapeError) as caught:
        build(path, tmp_path / "tape.parquet")
    assert words in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("law", ["rank", "lots"])
def test_the_world_of_single_orders_is_rebuilt(tmp_path: Path, law: str) -> None:
    parameters = order_book.OrderQueue(hours=0.05, cancels=law)
    made = order_book.generate_orders(parameters, 3)
    market = parameters.market
    frame = order_book.order_frame(made, market)
    path = tmp_path / "world.parquet"
    frame.write_parquet(path)
    layout = Layout(feed_latency_ns=parameters.feed_ns)
    built = build(
        path, tmp_path / "tape.parquet", options=SourceOptions(market=market), layout=layout
    )
    rows = pl.read_parquet(built.tape)
    names = {"seq": "message"}
    for name in REPLAY_COLUMNS:
        assert rows[name].to_list() == made.tape_rows[names.get(name, name)].tolist(), name
    truth = order_book.truth_frame(made, market).sort("add_ts", "order_id")
    mine = built.truth.sort("add_ts", "order_id")
    assert mine.height == truth.height > 1_000
    for name in TRUTH_COLUMNS:
        assert mine[name].to_list() == truth[name].to_list(), name


def test_prices_and_sizes_may_be_counted_in_steps(tmp_path: Path) -> None:
    rows = [*OPENING, (10, "add", 5, "buy", 99.5, 2.0), (30, "fill", 1, "buy", 99.5, 3.0)]
    plain = _build(tmp_path, rows)
    path = _rows(tmp_path, rows)
    counted = pl.read_parquet(path).with_columns(
        px_quanta=(pl.col("px") / 0.5).cast(pl.Int64), qty_lots=pl.col("size").cast(pl.Int64)
    )
    counted.drop("px", "size").write_parquet(path)
    built = build(path, tmp_path / "counted.parquet", options=STEPS)
    assert built.info.digest == plain.info.digest
    assert built.truth.equals(plain.truth)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_market_counted_by_hand_has_the_same_truth(tmp_path: Path, seed: int) -> None:
    world = World(seed).run(3_000)
    path = tmp_path / "orders.parquet"
    pl.DataFrame(world.rows, schema=COLUMNS, orient="row").write_parquet(path)
    built = build(path, tmp_path / "tape.parquet", options=STEPS)
    assert "fills_out_of_turn" not in built.counts
    assert validate(built.tape) == []
    assert built.truth.height == len(world.truth) > 1_000
    compared = set(TRUTH_COLUMNS) - {"dist_ticks", "spread_ticks", "px"}
    for mine, theirs in zip(built.truth.iter_rows(named=True), world.truth, strict=True):
        assert {name: mine[name] for name in compared} == {n: theirs[n] for n in compared}
        assert mine["px"] == theirs["px"] / 2
