"""Tapes made from other tapes: their beginning, and pieces of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from simmm.datasets import load_manifest, tape_path
from simmm.market import MarketRules
from simmm.records import PACKET_END
from simmm.tape import TapeWriter, info
from simmm.tape.schema import COLUMNS, ROW_GROUP
from tests.contract.runs import ROOT

Columns = dict[str, np.ndarray]


def dataset_file(name: str, seed: int | None = None) -> Path:
    """Return the tape of a generated dataset, built if it isn't there."""
    return tape_path(load_manifest(ROOT / "datasets")[name], seed=seed)


def read(path: Path, rows: int | None = None) -> Columns:
    """Return the first columns of a tape, to the end of the message at or after `rows`."""
    table = pq.read_table(path, columns=list(COLUMNS))
    columns = {name: table.column(name).to_numpy() for name in COLUMNS}
    if rows is None or rows >= table.num_rows:
        return columns
    return {name: values[: _end_of_message(columns, rows)] for name, values in columns.items()}


def _end_of_message(columns: Columns, row: int) -> int:
    """Return the first row, from `row` on, before which a message and an instant end."""
    ends = columns["tag"][row - 1 : -1] & PACKET_END > 0
    ends &= np.diff(columns["exch_ts"][row - 1 :]) > 0
    return row + int(np.flatnonzero(ends)[0])


def write(path: Path, columns: Columns, market: MarketRules, *, row_group: int = ROW_GROUP) -> Path:
    """Write columns as a tape."""
    with TapeWriter(path, market, row_group=row_group) as tape:
        tape.append(*(columns[name] for name in COLUMNS))
    return path


def head(source: Path, target: Path, rows: int) -> Path:
    """Write the first rows of a tape as a tape."""
    return write(target, read(source, rows), info(source).market)


def split(source: Path, folder: Path, parts: int) -> list[Path]:
    """Write the rows of a tape as several tapes, cut between messages."""
    columns = read(source)
    total = columns["tag"].size
    inner = [_end_of_message(columns, n * total // parts) for n in range(1, parts)]
    cuts = [0, *inner, total]
    market = info(source).market
    return [
        write(
            folder / f"part-{n}.parquet",
            {name: values[cuts[n] : cuts[n + 1]] for name, values in columns.items()},
            market,
        )
        for n in range(parts)
    ]
