"""Validation names row and field of every fault, and says nothing of a good tape."""

from pathlib import Path

import numpy as np
import pytest

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.tape import Finding, TapeWriter, require_valid, validate
from tests.unit.tape_fixture import (
    BBO,
    BUY,
    DEPTH,
    END,
    FIRST,
    GAP,
    LAST_PRINT,
    MS,
    RULES,
    SNAPSHOT,
    START,
    TRADE,
)

Rows = list[list[int]]


def good_rows() -> Rows:
    """Return rows of a small sound tape: exch_ts, local_ts, seq, tag, px, qty, aux."""
    rows: Rows = [
        [0, 5, 0, SNAPSHOT | BUY | FIRST, 1000, 5, -1],
        [0, 5, 0, SNAPSHOT | BUY, 998, 7, -1],
        [0, 5, 0, SNAPSHOT | FIRST, 1002, 5, -1],
        [0, 5, 0, SNAPSHOT | END, 1003, 9, -1],
    ]
    for number in range(1, 20):
        at = 10 * number
        rows += [
            [at, at + 6, 2 * number, TRADE | BUY | END | LAST_PRINT, 1002, 1, 100 + number],
            [at, at + 5, 2 * number - 1, BBO | BUY, 1000 + number % 2, 5, -1],
            [at, at + 5, 2 * number - 1, BBO | END, 1002, 4, -1],
        ]
    return [[row[0] * MS + START, row[1] * MS + START, *row[2:]] for row in rows]


def findings(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch, market: MarketRules = RULES
) -> list[Finding]:
    """Write rows past all checks of the writer, and validate."""
    monkeypatch.setattr(TapeWriter, "_refuse", lambda *_: None)
    path = tmp_path / "tape.parquet"
    columns = np.array(rows, np.int64).T
    with TapeWriter(path, market, row_group=10) as tape:
        tape.append(*columns[:3], columns[3].astype(np.uint8), *columns[4:])
    return validate(path)


def told(found: list[Finding]) -> list[tuple[str, int, str, str, int]]:
    return [(one.severity, one.row, one.field, one.what, one.count) for one in found]


def test_sound_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(tmp_path, good_rows(), monkeypatch) == []
    assert require_valid(tmp_path / "tape.parquet") == []


@pytest.mark.parametrize(
    ("row", "column", "value", "finding"),
    [
        (7, 3, 6 | END, ("error", 7, "tag", "unknown kind", 1)),
        (7, 5, -4, ("error", 7, "qty", "negative size", 1)),
        (7, 5, 0, ("error", 7, "qty", "a trade of nothing", 1)),
        (7, 4, 0, ("error", 7, "px", "price not above zero", 1)),
        (7, 1, START, ("error", 7, "local_ts", "before exch_ts", 1)),
        (7, 0, START, ("error", 7, "exch_ts", "goes backwards", 1)),
        (6, 2, 0, ("error", 6, "local_ts", "differs within one packet", 1)),
        (1, 4, 1001, ("error", 1, "px", "image not from best to worst", 1)),
        (2, 3, SNAPSHOT, ("error", 2, "tag", "image side without FIRST", 1)),
        (7, 6, 101, ("error", 7, "aux", "trade id occurs twice", 1)),
        (6, 3, BBO, ("error", 5, "tag", "message without PACKET_END", 1)),
        (7, 3, TRADE | BUY | LAST_PRINT, ("error", 7, "tag", "message without PACKET_END", 1)),
    ],
)
def test_faults_of_one_row(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    row: int,
    column: int,
    value: int,
    finding: tuple[str, int, str, str, int],
) -> None:
    rows = good_rows()
    if finding[3] == "differs within one packet":
        row, column, value = 6, 1, rows[6][1] + MS
    rows[row][column] = value
    assert finding in told(findings(tmp_path, rows, monkeypatch))


def test_wrong_causal_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    rows[4], rows[5], rows[6] = rows[5], rows[6], rows[4]  # bbo before the trade of its block
    found = told(findings(tmp_path, rows, monkeypatch))
    assert ("error", 6, "seq", "not in causal order (exch_ts, kind, seq)", 1) in found


def test_local_clock_going_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    for row in (5, 6):
        rows[row][1] += 40 * MS  # message 1 now arrives after messages that are numbered later
    found = told(findings(tmp_path, rows, monkeypatch))
    what = "goes backwards against seq: a later message arrives earlier"
    assert ("error", 5, "local_ts", what, 1) in found


def test_off_grid_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = MarketRules(symbol="T", price_quantum="0.1", lot_size="1", significant_figures=3)
    found = told(findings(tmp_path, good_rows(), monkeypatch, market))
    what = "price off the market's valid steps"
    # Three figures: below 1,000 quanta each is valid, from there on each tenth.
    prices = [row[4] for row in good_rows()]
    expected = [row for row, px in enumerate(prices) if px >= 1000 and px % 10]
    assert found == [("error", expected[0], "px", what, len(expected))]


def test_fixed_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = MarketRules(symbol="T", price_quantum="0.1", lot_size="1", tick_quanta=2)
    rows = good_rows()
    expected = [row for row, values in enumerate(rows) if values[4] % 2]
    found = told(findings(tmp_path, rows, monkeypatch, market))
    assert (found[0][1], found[0][2], found[0][4]) == (expected[0], "px", len(expected))


def test_crossed_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    rows[5][4] = 1002
    found = told(findings(tmp_path, rows, monkeypatch))
    what = "crossed book: one message shows a bid at or above an ask"
    assert ("error", 5, "px", what, 1) in found
    assert ("error", 6, "px", "crossed book after all messages of one exch_ts", 1) in found


@pytest.mark.parametrize("last", [False, True])
def test_crossed_between_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    rows = good_rows()
    at = 19 if not last else len(rows)
    exch, local, seq = rows[at - 1][:3]
    rows.insert(
        at, [exch, local + 2 * MS, seq + 2 if last else seq, DEPTH | BUY | END, 1002, 3, -1]
    )
    if not last:
        rows[at][1] = local
        rows[at - 1][3] &= ~END
    found = told(findings(tmp_path, rows, monkeypatch))
    assert found == [("error", at, "px", "crossed book after all messages of one exch_ts", 1)]


def test_rarely_crossed_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    exch, local, seq = rows[-1][:3]
    rows.append([exch + MS, local + MS, seq + 2, DEPTH | BUY | END, 1002, 3, -1])
    for number in range(200):
        later = exch + (number + 2) * MS
        rows.append([later, local + later - exch, seq + 3 + number, DEPTH | BUY | END, 990, 3, -1])
        if number == 0:
            rows[-1][4:6] = [1002, 0]
        else:
            rows[-1][5] += number
    found = told(findings(tmp_path, rows, monkeypatch))
    assert [(one[0], one[2], one[4]) for one in found] == [("warning", "px", 1)]


def test_silence_and_gap_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    last = rows[-1]
    later = last[0] + 11_000 * MS
    rows.append([later, later, last[2] + 2, TRADE | BUY | END | LAST_PRINT, 1002, 1, 999])
    found = told(findings(tmp_path, rows, monkeypatch))
    what = "exchange silent for more than 10 s and no gap row"
    assert found == [("warning", len(rows) - 1, "exch_ts", what, 1)]
    gap = [later, later, last[2] + 2, GAP, last[0], later - last[0], -1]
    (tmp_path / "tape.parquet").unlink()
    assert findings(tmp_path, [*rows[:-1], gap, rows[-1]], monkeypatch) == []
    assert validate(tmp_path / "tape.parquet", gap_ns=4 * MS) != []


def test_message_sent_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    again = [list(rows[-2]), list(rows[-1])]
    for row in again:
        row[1:3] = [row[1] + 3 * MS, row[2] + 2]
    found = told(findings(tmp_path, [*rows, *again], monkeypatch))
    what = "message equals the one before it"
    assert found == [("warning", len(rows), "seq", what, 1)]


def test_changed_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    from simmm.tape.schema import METADATA_KEY

    findings(tmp_path, good_rows(), monkeypatch)
    path = tmp_path / "tape.parquet"
    head = pq.ParquetFile(path).metadata.metadata[METADATA_KEY]
    table = pq.read_table(path)
    qty = table.column("qty").to_pylist()
    qty[3] += 1
    table = table.set_column(5, table.schema.field("qty"), [qty])
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: head}), path)
    what = "content does not match the digest in the metadata"
    assert told(validate(path)) == [("error", -1, "digest", what, 1)]
    with pytest.raises(TapeError, match=r"tape\.parquet: digest: content does not match"):
        require_valid(path)


def test_counts_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = good_rows()
    for row in (9, 25, 44):
        rows[row][5] = -1
    found = told(findings(tmp_path, rows, monkeypatch))
    assert ("error", 9, "qty", "negative size", 3) in found
    assert str(validate(tmp_path / "tape.parquet")[0]) == (
        "error: row 9, qty: negative size (3 times)"
    )
