"""An account's own orders and fills: read from every shape, fitted to the tape, and refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simmm.tape
from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import ACCEPTED, ALO, CANCELLED, FILLED, IOC, REJECTED, TAKER
from simmm.validation.probes import NEVER_FILLED
from simmm.validation.rows import Rows, load
from simmm.validation.sources.own_fills import NAME, population, read_own, remarks

START = 1_700_000_000_000_000_000
MS = 1_000_000
RULES = MarketRules(symbol="BTC", venue="hyperliquid", price_quantum="0.5", lot_size="0.1")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """A tape of 100 moments, a ms each: bids at 99.5, asks at 100.5, a sell print each tenth."""
    path = tmp_path_factory.mktemp("tape") / "tape.parquet"
    rows: list[dict[str, Any]] = []
    for k in range(100):
        ts = START + k * MS
        if k == 0:
            rows += [_row(ts, "snapshot", 1, 99.5, 5.0), _row(ts, "snapshot", -1, 100.5, 5.0)]
        elif k % 10 == 0:
            rows += [_row(ts, "trade", -1, 99.5, 0.2), _row(ts, "depth", 1, 99.5, 5.0 - k / 100)]
        else:
            rows.append(_row(ts, "depth", 1 if k % 2 else -1, 99.5 if k % 2 else 100.5, 5.0))
    simmm.tape.write(path, pl.DataFrame(rows), RULES)
    return load(path)


def _row(ts: int, kind: str, side: int, price: float, size: float) -> dict[str, Any]:
    return {"exch_ts": ts, "local_ts": ts, "kind": kind, "side": side, "price": price, "size": size}


ORDERS = pl.DataFrame(
    {
        "order_id": [1, 2, 3, 4],
        "side": [1, -1, 1, 1],
        "px": [99.5, 100.5, 99.5, 99.5],
        "size": [0.4, 0.2, 0.3, 0.3],
        "placed_ts": [START + 5 * MS, START + 6 * MS, START + 7 * MS, START - MS],
        "end_ts": [START + 30 * MS, START + 50 * MS, 0, START],
        "end": ["fill", "cancel", "open", "cancel"],
    }
)
FILLS = pl.DataFrame(
    {
        "order_id": [1, 1, 1, 77],
        "ts": [START + 20 * MS, START + 30 * MS, START + 30 * MS, START + 40 * MS],
        "px": [99.5, 99.5, 99.5, 99.5],
        "size": [0.2, 0.1, 0.1, 0.1],
    }
)


def _folder(tmp_path: Path, orders: pl.DataFrame = ORDERS, fills: pl.DataFrame = FILLS) -> Path:
    folder = tmp_path / "account"
    folder.mkdir(exist_ok=True)
    orders.write_parquet(folder / "orders.parquet")
    fills.write_csv(folder / "fills.csv")
    return folder


def test_tables_become_a_population(tmp_path: Path, rows: Rows) -> None:
    own = read_own([_folder(tmp_path)], rows)
    assert own.counts == {"outside the tape's time": 1}
    assert own.in_tape
    assert not own.simulated
    found = population(own, rows, rows.start_ts, rows.end_ts + 1)
    assert found.name == NAME
    assert found.real_ts.tolist() == [START + 20 * MS, NEVER_FILLED, NEVER_FILLED]
    probes = found.probes
    assert (probes["join_ts"] - START).tolist() == [5 * MS, 6 * MS, 7 * MS]
    # the order that is still open is watched until the tape ends
    assert (probes["end_ts"] - START).tolist() == [30 * MS, 50 * MS, 99 * MS]
    assert probes["ends_before"].tolist() == [0, 1, 0]
    assert probes["px"].tolist() == [199, 201, 199]
    assert probes["side"].tolist() == [1, -1, 1]
    # each order's level is told at its very moment, so that its lots are in it
    assert probes["own"].tolist() == [4, 2, 3]
    assert probes["enter_ts"].tolist() == probes["join_ts"].tolist()
    # two fills of one moment are one change
    assert [(c["ts"] - START, c["lots"]) for c in found.cuts] == [(20 * MS, 2), (30 * MS, 2)]
    assert probes["first_cut"].tolist() == [0, 2, 2]
    assert probes["last_cut"].tolist() == [2, 2, 2]
    assert np.isnan(found.real_ahead_end).all()
    assert np.isnan(found.real_ahead).all()
    assert any("too few" in line for line in remarks(own))
    later = population(own, rows, START + 6 * MS, rows.end_ts)
    assert (later.probes["join_ts"] - START).tolist() == [6 * MS, 7 * MS]


def test_own_size_is_left_in_the_levels_where_the_tape_lacks_it(tmp_path: Path, rows: Rows) -> None:
    own = read_own([_folder(tmp_path)], rows, in_tape=False)
    found = population(own, rows, rows.start_ts, rows.end_ts + 1)
    assert found.probes["own"].tolist() == [0, 0, 0]
    assert len(found.cuts) == 0
    assert found.real_ts[0] == START + 20 * MS


def test_an_order_that_the_tape_shows_later_comes_in_later(tmp_path: Path, rows: Rows) -> None:
    moved = ORDERS.with_columns(
        placed_ts=pl.when(pl.col("order_id") == 1)
        .then(START + 18 * MS)  # told at 19 ms, the next odd one
        .when(pl.col("order_id") == 2)
        .then(START + 29 * MS)  # asks are told at even ones but each tenth
        .otherwise("placed_ts")
    )
    own = read_own([_folder(tmp_path, moved)], rows)
    found = population(own, rows, START + 10 * MS, rows.end_ts)
    assert found.probes["own"].tolist() == [0, 0]
    changes = [(int(c["ts"]) - START, int(c["lots"])) for c in found.cuts]
    assert changes[:3] == [(19 * MS, -4), (20 * MS, 2), (30 * MS, 2)]
    assert changes[3:] == [(32 * MS, -2)]


def _hyperliquid(tmp_path: Path, coin: str = "BTC") -> list[Path]:
    """Replies as the venue sends them: strings for amounts, ms for times, newest first."""
    base = START // MS

    def order(oid: int, side: str, price: str, size: str, at: int, **more: Any) -> dict[str, Any]:
        return {"coin": coin, "side": side, "limitPx": price, "sz": "0.0", "origSz": size,
                "oid": oid, "timestamp": base + at, "orderType": "Limit", "tif": "Alo",
                "isTrigger": False, "cloid": None, **more}  # fmt: skip

    orders = [
        {"order": order(3, "B", "99.5", "0.3", 7, tif="Ioc"), "status": "filled",
         "statusTimestamp": base + 7},
        {"order": order(2, "A", "100.5", "0.2", 6), "status": "selfTradeCanceled",
         "statusTimestamp": base + 50},
        {"order": order(1, "B", "99.5", "0.4", 5), "status": "filled",
         "statusTimestamp": base + 30},
        {"order": order(1, "B", "99.5", "0.4", 5), "status": "open", "statusTimestamp": base + 5},
        {"order": order(9, "A", "100.5", "0.4", 8), "status": "badAloPxRejected",
         "statusTimestamp": base + 8},
    ]  # fmt: skip
    fills = [
        {"coin": coin, "px": "99.5", "sz": "0.2", "side": "B", "time": base + at, "oid": oid,
         "startPosition": "0.0", "dir": "Open Long", "closedPnl": "0.0", "crossed": taker,
         "fee": "0.001", "tid": tid, "feeToken": "USDC"}
        for at, oid, taker, tid in ((30, 1, False, 12), (20, 1, False, 11), (7, 3, True, 10))
    ]  # fmt: skip
    fills.append({**fills[0], "coin": "ETH", "oid": 8, "tid": 13})
    paths = [tmp_path / "historicalOrders.json", tmp_path / "userFills.json"]
    for path, content in zip(paths, (orders, fills), strict=True):
        path.write_text(json.dumps(content))
    return paths


def test_replies_of_hyperliquid_are_read(tmp_path: Path, rows: Rows) -> None:
    own = read_own(_hyperliquid(tmp_path), rows)
    found = population(own, rows, rows.start_ts, rows.end_ts + 1)
    assert (found.probes["join_ts"] - START).tolist() == [5 * MS, 6 * MS]
    assert (found.real_ts - START)[0] == 20 * MS
    assert found.real_ts[1] == NEVER_FILLED
    assert (found.probes["end_ts"] - START).tolist() == [30 * MS, 50 * MS]
    assert own.counts == {"of other markets": 1, "never rested": 2}
    folder = read_own([tmp_path], rows)  # the same from the folder that holds them
    assert folder.orders.equals(own.orders)


def _run_folder(tmp_path: Path) -> Path:
    """The tables of a run, with prices in quanta and sizes in lots."""
    folder = tmp_path / "run"
    folder.mkdir()
    count = 5
    pl.DataFrame(
        {
            "id": range(1, count + 1),
            "side": [1, -1, 1, 1, 1],
            "px": [199, 201, 199, 199, 199],
            "quantity": [4, 2, 3, 3, 3],
            "filled": [4, 0, 0, 3, 0],
            "tif": [ALO, ALO, ALO, IOC, ALO],
            "sent_ts": [START] * count,
            "placed_ts": [START + (5 + k) * MS for k in range(count)],
            "answered_ts": [START] * count,
            "end_ts": [START + at * MS for at in (30, 50, 99, 8, 9)],
            "end": [FILLED, CANCELLED, ACCEPTED, FILLED, REJECTED],
            "reason": [0] * count,
            "ahead_at_join": [50.0] * count,
            "level_at_join": [50] * count,
            "modifies": [0] * count,
        }
    ).write_parquet(folder / "orders.parquet")
    pl.DataFrame(
        {
            "ts": [START + 8 * MS, START + 20 * MS, START + 30 * MS],
            "known_ts": [START] * 3,
            "id": [4, 1, 1],
            "side": [1, 1, 1],
            "px": [199, 199, 199],
            "quantity": [3, 2, 2],
            "marks": [TAKER, 0, 0],
            "ahead_at_join": [0.0] * 3,
        }
    ).write_parquet(folder / "fills.parquet")
    (folder / "equity.parquet").write_bytes(b"not read")
    return folder


def test_a_run_is_told_to_be_a_simulation(tmp_path: Path, rows: Rows) -> None:
    own = read_own([_run_folder(tmp_path)], rows)
    assert own.simulated
    assert not own.in_tape
    assert own.counts == {"never rested": 2}
    found = population(own, rows, rows.start_ts, rows.end_ts + 1)
    assert found.real_ts.tolist() == [START + 20 * MS, NEVER_FILLED, NEVER_FILLED]
    assert (found.probes["end_ts"] - START).tolist() == [30 * MS, 50 * MS, 99 * MS]
    assert "simulated" in remarks(own)[0]


@pytest.mark.parametrize(
    ("orders", "fills", "words"),
    [
        (ORDERS.drop("end"), FILLS, "no column end (end or status)"),
        (ORDERS, FILLS.drop("ts"), "no column ts (ts or time"),
        (ORDERS.with_columns(pl.col("px") + 0.2), FILLS, "px: 99.7 is no multiple of the tape's"),
        (ORDERS.with_columns(pl.col("size") + 0.05), FILLS, "size: 0.35 is no multiple"),
        (ORDERS.with_columns(pl.col("placed_ts") // 1000), FILLS, "another unit of time?"),
        (ORDERS.with_columns(px=pl.lit(50.0)), FILLS, "3 of 3 orders lie at no price"),
        (ORDERS, FILLS.with_columns(pl.col("ts") + 7), "happened when the tape has no row"),
        (ORDERS, FILLS.filter(pl.col("order_id") > 1), "order 1 ended by a fill, but no fill"),
        (ORDERS.with_columns(side=pl.lit("up")), FILLS, "'up' is neither buy nor sell"),
        (ORDERS.with_columns(end=pl.lit("gone")), FILLS, "end: 'gone' is unknown"),
        (ORDERS.with_columns(px=pl.lit("dear")), FILLS, "'dear' is no number above zero"),
        (ORDERS.with_columns(size=-pl.col("size")), FILLS, "-0.4 is no number above zero"),
        (ORDERS.with_columns(symbol=pl.lit("ETH")), FILLS, "nothing of BTC, only of ETH"),
        (ORDERS.head(0), FILLS, "no orders of BTC"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, rows: Rows, orders: pl.DataFrame, fills: pl.DataFrame, words: str
) -> None:
    with pytest.raises(TapeError) as caught:
        read_own([_folder(tmp_path, orders, fills)], rows)
    assert words in str(caught.value)


def test_fills_alone_do_not_do(tmp_path: Path, rows: Rows) -> None:
    paths = _hyperliquid(tmp_path)
    with pytest.raises(TapeError, match="fills alone don't say which orders never filled"):
        read_own(paths[1:], rows)
    with pytest.raises(TapeError, match="nothing of BTC, only of ETH"):
        read_own(_hyperliquid(tmp_path, coin="ETH"), rows)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("orders.json", "{}", "expected a list of orders or fills"),
        ("orders.json", "[1, 2]", "entry 0 is no order or fill"),
        ("orders.json", "[{", "cannot be read"),
        ("orders.csv", "", "the file is empty"),
        ("orders.parquet", "PAR1", "cannot be read"),
        ("orders.xlsx", "x", "are read from .parquet, .csv, .json"),
    ],
)
def test_files_of_another_kind_are_refused(
    tmp_path: Path, rows: Rows, name: str, content: str, words: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(TapeError) as caught:
        read_own([path], rows)
    assert words in str(caught.value)
    assert name in str(caught.value)
    with pytest.raises(TapeError, match="no such file or folder"):
        read_own([tmp_path / "nowhere"], rows)
    (tmp_path / "bare").mkdir()
    with pytest.raises(TapeError, match="holds no file named orders or fills"):
        read_own([tmp_path / "bare"], rows)
