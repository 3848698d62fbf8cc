"""Tardis files that can't be converted: one line each, with file and line."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.errors import TapeError
from simmm.tape.sources import SourceOptions, convert, detect
from tests.unit.test_tape_tardis import MS, PRINTS, TRADES, US, save, text


def refused(folder: Path, path: Path, **options: Any) -> str:
    with pytest.raises(TapeError) as error:
        convert(
            path,
            folder / "tape.parquet",
            importer="tardis_csv",
            options=SourceOptions(**options),
        )
    assert not list(folder.glob("*.parquet"))
    assert not list(folder.glob(".*"))
    line = str(error.value)
    assert "\n" not in line
    return line.replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "amount\n",
            "size\n",
            "FILE: line 1: column 'amount' of trades is missing; found exchange",
        ),
        ("local_timestamp", "time", "FILE: line 1: column 'local_timestamp' of trades is missing"),
        (",100.2,", ",1OO.2,", "FILE: line 3: price: '1OO.2' is no number"),
        (",sell,", ",short,", "FILE: line 4: side: 'short' is not buy, sell or unknown"),
        (",73,sell,100.0,1\n", ",73,sell,1\n", "FILE: line 4: 7 columns, expected 8"),
        (
            f"{US + 22 * MS}",
            f"{US + 22 * MS}.5",
            "FILE: line 4: local_timestamp: '1700000000022000.",
        ),
        (f"{US + 22 * MS}", "", "FILE: line 4: local_timestamp: empty"),
        (
            f"{US + 22 * MS}",
            f"{(US + 22 * MS) // 1000}",
            "FILE: line 4: local_timestamp: 1700000000022 is no time in microseconds",
        ),
        ("exchange,symbol", "venue,coin", "FILE: line 1: column 'exchange' of trades is missing"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    content = text(TRADES, PRINTS)
    assert old in content
    path = tmp_path / "trades.csv"
    path.write_text(content.replace(old, new))
    assert refused(tmp_path, path).startswith(message)


def test_other_data_types_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("exchange,symbol,timestamp,local_timestamp,funding_rate\nx,y,1,2,3\n")
    assert detect(path) == "tardis_csv"
    assert "these are not the columns of trades, book_ticker, incremental" in refused(
        tmp_path, path
    )
    path.write_text("time,price\n1,2\n")
    assert detect(path) == "columns"


def test_damaged_and_empty_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    prints = [[n, n, n, "buy", 100 + int(rng.integers(0, 99)), 1] for n in range(1, 20_000)]
    path = save(tmp_path, TRADES, prints)
    whole = path.read_bytes()
    for length in (len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:length])
        line = refused(tmp_path, path)
        assert line.startswith("FILE: truncated or damaged file")
        assert line.endswith("; fetch it again")
    path.write_bytes(b"no gzip at all")
    assert refused(tmp_path, path).startswith("FILE: truncated or damaged file")
    path.write_bytes(gzip.compress(b""))
    assert refused(tmp_path, path) == "FILE: the file is empty"
    path = tmp_path / "trades.csv"
    path.write_text("")
    assert refused(tmp_path, path) == "FILE: the file is empty"
    path.write_text(text(TRADES, []))
    assert refused(tmp_path, path) == "FILE: no rows"
    path.write_bytes(b"\xff\xfe\x00")
    assert refused(tmp_path, path).startswith("FILE: ")
    path.write_text(text(TRADES, PRINTS))
    assert "size_decimals means nothing" in refused(tmp_path, path, size_decimals=3)
    path.unlink()
    (tmp_path / "empty").mkdir()
    assert "no CSV file" in refused(tmp_path, tmp_path / "empty")
