"""Reading a table of funding rates, for tapes that don't carry them.

A table is a Parquet or CSV file with the columns ``ts`` (ns since 1970, UTC, at or shortly after
the hour of the payment) and ``rate`` (a fraction of notional, per payment).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from simmm.errors import ScenarioError, TapeError
from simmm.records import FUNDING_SCALE, RATE_UNKNOWN

HOUR_NS = 3_600_000_000_000
_EARLIEST_NS = 1_000_000_000_000_000_000  # 2001; milliseconds and seconds are far below
_LARGEST = 0.04  # per payment, the venue's cap
_USUAL = 0.0005  # half of all rates are never above this


class FundingRates(NamedTuple):
    """Rates by hour, ascending.

    Attributes
    ----------
    hour_ts
        int64, ns: the hour of the payment.
    rate_e12
        int64: the rate of that payment x 1e12; a long pays where it is positive.
    gaps
        First and last missing hour, ns, of each run of hours without a rate.
    """

    hour_ts: np.ndarray
    rate_e12: np.ndarray
    gaps: list[tuple[int, int]]


def load_rates(path: str | Path) -> FundingRates:
    """Return the table of funding rates in a file.

    Raises
    ------
    TapeError
        If the file can't be read, lacks a column, holds two rates of one hour, or seems to be in
        other units; the message names the row.
    """
    path = Path(path)
    frame = _read(path)
    if frame.is_empty():
        raise TapeError(f"{path}: the funding table has no rows")
    ts, rate = _column(path, frame, "ts", pl.Int64), _column(path, frame, "rate", pl.Float64)
    _check_units(path, ts, rate)
    hours = ts - ts % HOUR_NS
    order = np.argsort(hours, kind="stable")
    hours, rate = hours[order], rate[order]
    same = np.flatnonzero(np.diff(hours) == 0)
    if len(same):
        first, second = sorted((int(order[same[0]]), int(order[same[0] + 1])))
        raise TapeError(
            f"{path}: rows {first + 1} and {second + 1} are both of the hour "
            f"{_hour(hours[same[0]])}; there is one rate an hour"
        )
    wide = np.flatnonzero(np.diff(hours) > HOUR_NS)
    gaps = [(int(hours[i]) + HOUR_NS, int(hours[i + 1]) - HOUR_NS) for i in wide]
    return FundingRates(hours, np.rint(rate * FUNDING_SCALE).astype(np.int64), gaps)


def missing_hours(rates: FundingRates, start_ts: int, end_ts: int) -> list[str]:
    """Return a line for each stretch of payments in (start, end] for which there is no rate.

    Parameters
    ----------
    rates
        As `load_rates` gives them.
    start_ts, end_ts
        Of a run, ns.
    """
    first = start_ts - start_ts % HOUR_NS + HOUR_NS
    last = end_ts - end_ts % HOUR_NS
    known_from, known_to = int(rates.hour_ts[0]), int(rates.hour_ts[-1])
    stretches = [(first, known_from - HOUR_NS), *rates.gaps, (known_to + HOUR_NS, last)]
    lines = []
    for low, high in stretches:
        low, high = max(low, first), min(high, last)
        if low <= high:
            count = (high - low) // HOUR_NS + 1
            until = "" if count == 1 else f" to {_hour(high)}"
            lines.append(f"no funding rate for {_hour(low)}{until} ({count} payments)")
    return lines


def require_rates(path: str | Path, rates: FundingRates, start_ts: int, end_ts: int) -> None:
    """Raise `ScenarioError` if a payment of the run has no rate."""
    lines = missing_hours(rates, start_ts, end_ts)
    if lines:
        more = f", and {len(lines) - 1} more such stretches" if len(lines) > 1 else ""
        raise ScenarioError(f"{path}: {lines[0]}{more}, and funding is required")


def by_payment(rates: FundingRates, start_ts: int, end_ts: int) -> tuple[int, np.ndarray]:
    """Return the first payment after `start_ts`, ns, and the rates from there on, hour by hour.

    The array (int64, 1e-12) reaches the last payment at or before `end_ts`; `RATE_UNKNOWN` stands
    where the table has no rate.
    """
    first = start_ts - start_ts % HOUR_NS + HOUR_NS
    last = end_ts - end_ts % HOUR_NS
    dense = np.full(max((last - first) // HOUR_NS + 1, 0), RATE_UNKNOWN, np.int64)
    inside = (rates.hour_ts >= first) & (rates.hour_ts <= last)
    dense[(rates.hour_ts[inside] - first) // HOUR_NS] = rates.rate_e12[inside]
    return first, dense


# ------------------------------------------------------------------------------------- reading


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path)
        return pl.read_parquet(path)
    except FileNotFoundError:
        raise TapeError(f"{path}: no such funding table") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        line = str(error).strip().splitlines()[0]
        raise TapeError(f"{path}: can't be read as a funding table: {line}") from None


def _column(
    path: Path, frame: pl.DataFrame, name: str, kind: type[pl.Int64] | type[pl.Float64]
) -> np.ndarray:
    if name not in frame.columns:
        raise TapeError(
            f"{path}: a funding table has the columns ts and rate; {name} is missing, there are "
            f"{', '.join(frame.columns)}"
        )
    column = frame[name]
    if not (column.dtype.is_numeric() if kind is pl.Float64 else column.dtype.is_integer()):
        wanted = "numbers" if kind is pl.Float64 else "whole nanoseconds"
        raise TapeError(f"{path}: column {name} holds {column.dtype}, it must hold {wanted}")
    bad = column.is_null()
    if column.dtype.is_float():
        bad = bad | column.is_nan() | column.is_infinite()
    if bad.any():
        raise TapeError(f"{path}: row {int(bad.arg_true()[0]) + 1}: {name} is missing")
    return column.cast(kind).to_numpy()


def _check_units(path: Path, ts: np.ndarray, rate: np.ndarray) -> None:
    early = np.flatnonzero(ts < _EARLIEST_NS)
    if len(early):
        value = int(ts[early[0]])
        seems = next(
            (
                f"; it seems to be in {unit}"
                for unit, scale in (("seconds", 10**9), ("ms", 10**6), ("microseconds", 10**3))
                if _EARLIEST_NS <= value * scale < 4 * _EARLIEST_NS
            ),
            "",
        )
        raise TapeError(f"{path}: row {early[0] + 1}: ts {value} is not in ns since 1970{seems}")
    high = np.flatnonzero(np.abs(rate) > _LARGEST)
    if len(high):
        raise TapeError(
            f"{path}: row {high[0] + 1}: a rate of {rate[high[0]]:g} is above the cap of "
            f"{_LARGEST:g}; rates are fractions of notional, not per cent or basis points"
        )
    usual = float(np.median(np.abs(rate)))
    if usual > _USUAL and len(rate) >= 24:
        raise TapeError(
            f"{path}: half of the rates are above {usual:g} an hour, {usual * 8766:.1f} times the "
            "notional a year; rates are fractions of notional, not per cent"
        )


def _hour(ts: int) -> str:
    minute = np.datetime64(int(ts), "ns").astype("datetime64[m]")
    return f"{str(minute).replace('T', ' ')} UTC"
