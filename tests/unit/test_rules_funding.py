"""Tables of funding rates: hours, gaps, and tables in other units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simmm.errors import ScenarioError, TapeError
from simmm.records import RATE_UNKNOWN
from simmm.rules.funding_rates import (
    HOUR_NS,
    by_payment,
    load_rates,
    missing_hours,
    require_rates,
)

START = 1_784_372_400_000_000_000  # 2026-07-18 11:00 UTC


def _table(folder: Path, rows: list[tuple[Any, Any]], name: str = "rates.parquet") -> Path:
    path = folder / name
    frame = pl.DataFrame(rows, schema=["ts", "rate"], orient="row")
    if name.endswith(".csv"):
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


def _hours(*hours: int, rate: float = 0.0000125) -> list[tuple[int, float]]:
    """Rates stamped 59 ms after the hour, as the venue does."""
    return [(START + h * HOUR_NS + 59_000_064, rate) for h in hours]


@pytest.mark.parametrize("name", ["rates.parquet", "rates.csv"])
def test_stamps_go_down_to_the_hour_and_rates_are_whole(tmp_path: Path, name: str) -> None:
    rates = load_rates(_table(tmp_path, _hours(0, 1, rate=-0.0000104821), name))
    assert rates.hour_ts.tolist() == [START, START + HOUR_NS]
    assert rates.rate_e12.tolist() == [-10_482_100, -10_482_100]
    assert rates.gaps == []


def test_rows_in_any_order(tmp_path: Path) -> None:
    rates = load_rates(_table(tmp_path, _hours(2, rate=2e-6) + _hours(0, 1, rate=1e-6)))
    assert rates.rate_e12.tolist() == [1_000_000, 1_000_000, 2_000_000]


def test_missing_hours_are_told(tmp_path: Path) -> None:
    rates = load_rates(_table(tmp_path, _hours(0, 1, 4, 6)))
    assert rates.gaps == [
        (START + 2 * HOUR_NS, START + 3 * HOUR_NS),
        (START + 5 * HOUR_NS, START + 5 * HOUR_NS),
    ]
    assert missing_hours(rates, START - 1, START + HOUR_NS) == []
    assert missing_hours(rates, START + HOUR_NS, START + 7 * HOUR_NS) == [
        "no funding rate for 2026-07-18 13:00 UTC to 2026-07-18 14:00 UTC (2 payments)",
        "no funding rate for 2026-07-18 16:00 UTC (1 payments)",
        "no funding rate for 2026-07-18 18:00 UTC (1 payments)",
    ]
    assert missing_hours(rates, START + 2 * HOUR_NS, START + 3 * HOUR_NS - 1) == []


def test_a_run_of_another_time_has_no_rates(tmp_path: Path) -> None:
    path = _table(tmp_path, _hours(0, 1))
    rates = load_rates(path)
    before = START - 50 * HOUR_NS
    lines = missing_hours(rates, before, before + 3 * HOUR_NS)
    assert lines == [
        "no funding rate for 2026-07-16 10:00 UTC to 2026-07-16 12:00 UTC (3 payments)"
    ]
    with pytest.raises(ScenarioError, match=r"no funding rate for .*, and funding is required"):
        require_rates(path, rates, before, before + 3 * HOUR_NS)
    require_rates(path, rates, START - HOUR_NS, START + HOUR_NS)


def test_rates_by_payment(tmp_path: Path) -> None:
    rates = load_rates(_table(tmp_path, _hours(0, 1, 3)))
    first, dense = by_payment(rates, START, START + 4 * HOUR_NS + 1)
    assert first == START + HOUR_NS
    assert dense.tolist() == [12_500_000, RATE_UNKNOWN, 12_500_000, RATE_UNKNOWN]
    assert by_payment(rates, START, START + 1)[1].tolist() == []


def test_two_rates_of_one_hour(tmp_path: Path) -> None:
    rows = [*_hours(0, 1), (START + HOUR_NS + 5, 0.0)]
    with pytest.raises(TapeError, match=r"rows 2 and 3 are both of the hour 2026-07-18 12:00 UTC"):
        load_rates(_table(tmp_path, rows))


@pytest.mark.parametrize(
    ("divisor", "unit"), [(10**9, "seconds"), (10**6, "ms"), (10**3, "microseconds")]
)
def test_stamps_in_other_units(tmp_path: Path, divisor: int, unit: str) -> None:
    rows = [(ts // divisor, rate) for ts, rate in _hours(0, 1)]
    with pytest.raises(TapeError, match=rf"row 1: ts \d+ is not in ns .* seems to be in {unit}$"):
        load_rates(_table(tmp_path, rows))


def test_rates_in_basis_points(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"row 1: a rate of 0\.125 is above the cap of 0\.04"):
        load_rates(_table(tmp_path, _hours(0, 1, rate=0.125)))


def test_rates_in_per_cent(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"half of the rates are above 0\.00125 an hour"):
        load_rates(_table(tmp_path, _hours(*range(30), rate=0.00125)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"has no rows"),
        ([(START, None), (START + HOUR_NS, 0.1)], r"row 1: rate is missing"),
        ([(START, 0.0), (START + HOUR_NS, float("nan"))], r"row 2: rate is missing"),
        ([(None, 0.0), (START, 0.0)], r"row 1: ts is missing"),
        ([("a", 0.0)], r"column ts holds String, it must hold whole nanoseconds"),
        ([(float(START), 0.0)], r"column ts holds Float64"),
        ([(START, "x")], r"column rate holds String, it must hold numbers"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(TapeError, match=message) as caught:
        load_rates(_table(tmp_path, rows))
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="no such funding table"):
        load_rates(tmp_path / "none.parquet")
    junk = tmp_path / "junk.parquet"
    junk.write_text("no")
    with pytest.raises(TapeError, match="can't be read as a funding table"):
        load_rates(junk)
    other = tmp_path / "other.csv"
    other.write_text("time,fundingRate\n1,2\n")
    with pytest.raises(TapeError, match=r"ts is missing, there are time, fundingRate"):
        load_rates(other)
