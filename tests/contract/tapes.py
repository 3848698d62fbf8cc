"""Tapes made from other tapes: their beginning, pieces of them, and ones with a false future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from simmm.datasets import load_manifest, tape_path
from simmm.market import MarketRules
from simmm.records import PACKET_END
from simmm.tape import TapeWriter, info
from simmm.tape.schema import COLUMNS
from tests.contract.runs import ROOT

Columns = dict[str, np.ndarray]


def dataset_file(name: str) -> Path:
    """Return the tape of a generated dataset, built if it isn't there."""
    return tape_path(load_manifest(ROOT / "datasets")[name])


def read(path: Path, rows: int | None = None) -> Columns:
    """Return the first columns of a tape, to the end of the message at or after `rows`."""
    table = pq.read_table(path, columns=list(COLUMNS))
    columns = {name: table.column(name).to_numpy() for name in COLUMNS}
    if rows is None or rows >= table.num_rows:
        return columns
    ends = np.flatnonzero(columns["tag"][rows:] & PACKET_END)
    stop = rows + int(ends[0]) + 1
    return {name: values[:stop] for name, values in columns.items()}


def write(
    path: Path, columns: Columns, market: MarketRules, *, row_group: int = 262_144
) -> Path:
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
    cuts = [0]
    for n in range(1, parts):
        ends = np.flatnonzero(columns["tag"][n * total // parts :] & PACKET_END)
        cuts.append(n * total // parts + int(ends[0]) + 1)
    cuts.append(total)
    market = info(source).market
    return [
        write(
            folder / f"part-{n}.parquet",
            {name: values[cuts[n] : cuts[n + 1]] for name, values in columns.items()},
            market,
        )
        for n in range(parts)
    ]
