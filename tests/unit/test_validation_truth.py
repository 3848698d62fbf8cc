"""Real orders: read, checked against the tape they lived on, and cut where they filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm.errors import TapeError
from simmm.validation.rows import Rows, first_reach, look
from simmm.validation.truth import CANCEL, FILL, cuts_of, read_orders
from tests.hand import MS, START, depth, image, trade
from tests.unit.test_validation_replay import rows_of

OPENING = image(1, (100, 9), (99, 6)) + image(-1, (101, 8), (102, 5))
#: Order 7 joins 9 others at 2 ms, waits while 10 trade, fills 1 + 2 lots at 4 and 6 ms, 1 is left.
BLOCKS = [
    OPENING,
    depth(1, 100, 13),
    trade(-1, 100, 5) + depth(1, 100, 8),
    trade(-1, 100, 5) + depth(1, 100, 3),
    depth(1, 100, 5),
    trade(-1, 100, 2) + depth(1, 100, 3),
    depth(1, 100, 2),
]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return rows_of(BLOCKS)


def frame(**changed: Any) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "order_id": 7,
        "side": 1,
        "px": 100.0,
        "qty": 4.0,
        "add_ts": START + 2 * MS,
        "dist_ticks": 0,
        "ahead_qty0": 9.0,
        "ahead_exec": 9.0,
        "ahead_canc": 0.0,
        "first_fill_ts": START + 4 * MS,
        "last_fill_ts": START + 6 * MS,
        "filled": 3.0,
        "end": "cancel",
        "end_ts": START + 7 * MS,
    }
    return pl.DataFrame({name: [value] for name, value in {**columns, **changed}.items()})


def written(folder: Path, table: pl.DataFrame, name: str = "truth.parquet") -> Path:
    path = folder / name
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)
    return path


@pytest.mark.parametrize("name", ["truth.parquet", "truth.csv"])
def test_reads_whole_units(tmp_path: Path, rows: Rows, name: str) -> None:
    order = read_orders(written(tmp_path, frame(), name), rows)[0]
    assert (order["px"], order["lots"], order["ahead0"], order["filled"]) == (100, 4, 9, 3)
    assert order["end"] == CANCEL


def test_its_own_fills_are_told_apart(tmp_path: Path, rows: Rows) -> None:
    """Standing at the front it takes all of the second trade, so 1 lot was the first fill."""
    ((times, lots),) = cuts_of(read_orders(written(tmp_path, frame()), rows), rows)
    assert ((times - START) // MS).tolist() == [4, 6]
    assert lots.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"px": 100.5}, "px: 100.5 is no whole number of the tape's quanta"),
        ({"qty": 0.0}, "qty: must be above zero"),
        ({"side": 2}, "side: must be"),
        ({"end": "gone"}, "end: 'gone' is unknown; one of fill, cancel"),
        ({"add_ts": START - MS, "end_ts": START}, "add_ts: lies outside the tape"),
        ({"end_ts": START + MS}, "end_ts: is before add_ts"),
        ({"first_fill_ts": 0, "last_fill_ts": 0}, "filled: and first_fill_ts disagree"),
        ({"last_fill_ts": START + 3 * MS}, "last_fill_ts: before first_fill_ts"),
        ({"qty": 14.0}, "does not fit the tape: after order 7 joined with 14 lots"),
        (
            {"first_fill_ts": START + 5 * MS, "last_fill_ts": START + 5 * MS},
            "first fills happened when the tape has no trade",
        ),
        ({"px": 90.0}, "none of its 1 orders lies at a price the tape ever showed"),
        ({"add_ts": 0.5}, "add_ts must be whole numbers"),
        ({"qty": "4"}, "qty must be numbers"),
        ({"qty": None}, "row 0, qty: is empty"),
    ],
)
def test_says_what_does_not_fit(
    tmp_path: Path, rows: Rows, changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(TapeError) as error:
        read_orders(written(tmp_path, frame(**changed)), rows)
    assert says in str(error.value)
    assert "truth.parquet" in str(error.value)


def test_a_table_of_something_else(tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(TapeError, match="column order_id is missing"):
        read_orders(written(tmp_path, pl.DataFrame({"a": [1]})), rows)
    with pytest.raises(TapeError, match="holds no orders"):
        read_orders(written(tmp_path, frame().clear()), rows)
    with pytest.raises(TapeError, match="no such file"):
        read_orders(tmp_path / "nothing.parquet", rows)
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(TapeError, match="not a table of orders that can be read"):
        read_orders(tmp_path / "text.parquet", rows)


def test_an_order_may_come_again_but_not_at_one_time(tmp_path: Path, rows: Rows) -> None:
    later = frame(add_ts=START + 3 * MS, end="fill", qty=3.0)
    orders = read_orders(written(tmp_path, pl.concat([later, frame()])), rows)
    assert orders["end"].tolist() == [CANCEL, FILL]
    with pytest.raises(TapeError, match="stands there twice"):
        read_orders(written(tmp_path, pl.concat([frame(), frame()])), rows)


def test_looks_at_the_book_after_a_time(rows: Rows) -> None:
    ts = START + MS * np.array([1, 7, 2, 0])
    sights = look(rows, ts, np.array([1, 1, 0, 1]), np.array([100, 100, 101, 100]))
    assert sights["lots"].tolist() == [9, 2, 8, -1]
    assert sights["bid"].tolist()[:3] == [100] * 3


def test_knows_when_the_market_passed_a_price() -> None:
    rows = rows_of(
        [
            OPENING,
            trade(-1, 100, 9) + depth(1, 100, 0),  # all that rested, and no more
            depth(1, 100, 3),
            trade(-1, 100, 4) + depth(1, 100, 0),  # more than rested
            depth(-1, 99, 2),
        ]
    )
    join = START + MS * np.array([1, 1, 4, 1])
    side, px = np.array([1, 1, 1, -1]), np.array([100, 99, 100, 101])
    found = first_reach(rows, join, side, px, 100 * MS)
    assert ((found - START) // MS).tolist()[:3] == [4, 5, 5]
    assert found[3] == -1
