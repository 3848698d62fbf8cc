"""The folder of a run: tables streamed into Parquet, whole or not at all.

Everything is written into ``<folder>.partial`` and renamed at the end, so that a folder with the
right name is a finished run.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simmm.errors import RunError
from simmm.maker_records import MarketRecord
from simmm.output_records import (
    BeliefRow,
    EquityRow,
    FillRow,
    FundingRow,
    IntentRow,
    MidRow,
    OrderRow,
    PredictionRow,
)
from simmm.strategy.load import Strategy

ROWS_PER_GROUP = 1 << 16
TABLE_ROWS = {
    "fills": FillRow,
    "orders": OrderRow,
    "intents": IntentRow,
    "equity": EquityRow,
    "beliefs": BeliefRow,
    "estimates": MarketRecord,
    "mids": MidRow,
    "predictions": PredictionRow,
    "funding": FundingRow,
}
SOMETIMES = ("predictions", "funding", "estimates")  # not written where they have no rows


def _columns(name: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """One column of a plain field, one per place, from 1 on, of an array."""
    if values.ndim == 1:
        return [(name, np.ascontiguousarray(values))]
    return [(f"{name}_{k + 1}", np.ascontiguousarray(values[:, k])) for k in range(values.shape[1])]


def default_folder(scenario: str, now: datetime | None = None) -> Path:
    """Return ``runs/<time>-<scenario>``, with a number if it is taken."""
    time = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
    folder = Path("runs") / f"{time}-{scenario}"
    number = 2
    while folder.exists() or partial_folder(folder).exists():
        folder = Path("runs") / f"{time}-{scenario}-{number}"
        number += 1
    return folder


class RunFolder:
    """Writes one run. Use as a context; leaving it by an error leaves nothing behind.

    Parameters
    ----------
    folder
        Must not exist yet.
    memory
        Dtype of the strategy's recorded memory, with `ts` first; None if nothing is recorded.
    begun
        The folder was begun as `<folder>.partial`, and stays so if the run is left by an error.
    """

    def __init__(
        self, folder: Path, memory: np.dtype | None = None, *, begun: bool = False
    ) -> None:
        self.folder = folder
        self.partial = partial_folder(folder)
        self._dtypes = table_dtypes(memory)
        self._begun = begun
        self._pending: dict[str, list[np.ndarray]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> "RunFolder":
        if self.folder.exists():
            raise RunError(f"{self.folder}: exists already; give another --out or remove it")
        if self._begun:
            return self
        try:
            self.partial.mkdir(parents=True)
        except FileExistsError:
            raise RunError(
                f"{self.partial}: another run is writing there, or was killed while it did; "
                "remove it or give another --out"
            ) from None
        except OSError as error:
            raise RunError(
                f"{self.folder}: can't be written ({error.strerror}); give another --out"
            ) from error
        except BaseException:  # Ctrl-C just after it was made; nothing is in it yet
            with suppress(OSError):
                self.partial.rmdir()
            raise
        return self

    def write(self, table: str, rows: np.ndarray) -> None:
        """Append rows to a table; they are copied."""
        pending = self._pending.setdefault(table, [])
        pending.append(rows.copy())
        if sum(part.size for part in pending) >= ROWS_PER_GROUP:
            self._flush(table)

    def _flush(self, table: str) -> None:
        dtype = self._dtypes[table]
        parts = self._pending.pop(table, [])
        rows = np.concatenate(parts) if parts else np.zeros(0, dtype)
        names = [name for name in dtype.names or () if name in (rows.dtype.names or ())]
        data = pa.table({k: v for name in names for k, v in _columns(name, rows[name])})
        with self.writing(f"{table}.parquet"):
            if table not in self._writers:
                path = self.partial / f"{table}.parquet"
                self._writers[table] = pq.ParquetWriter(path, data.schema, compression="zstd")
            if rows.size or table not in self._writers:
                self._writers[table].write_table(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Tell a disk that is full, or gone, in one line."""
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise RunError(
                f"{self.folder / name}: can't be written ({reason}); "
                + (
                    f"make room and go on with: simmm paper --resume {self.folder}"
                    if self._begun
                    else "nothing is kept of this run; make room or give another --out"
                )
            ) from error

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the run."""
        self.write_text(name, json.dumps(content, indent=1, allow_nan=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the run."""
        with self.writing(name):
            (self.partial / name).write_text(text, encoding="utf-8")

    def close_tables(self) -> None:
        """Write all tables to the end; empty ones too, but for those that few runs have."""
        for table in self._dtypes:
            if table not in SOMETIMES or table in self._pending or table in self._writers:
                self._flush(table)
        for table, writer in self._writers.items():
            with self.writing(f"{table}.parquet"):
                writer.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                self.partial.rename(self.folder)
            except OSError as failed:
                raise RunError(
                    f"{self.folder}: can't be given to the finished run ({failed.strerror}); it is "
                    f"kept as {self.partial}"
                ) from failed
            return
        for writer in self._writers.values():
            try:
                writer.close()
            except (OSError, pa.ArrowException):
                continue  # the folder goes anyway; the first error is the one to tell
        if not self._begun:
            shutil.rmtree(self.partial, ignore_errors=True)


def partial_folder(folder: Path) -> Path:
    """Return where a run is written until it is finished."""
    return folder.with_name(folder.name + ".partial")


def table_dtypes(memory: np.dtype | None) -> dict[str, np.dtype]:
    """Return the tables of a run and their rows; `memory` as `recorded_dtype` gives it."""
    return TABLE_ROWS if memory is None else {**TABLE_ROWS, "memory": memory}


def recorded_dtype(strategy: Strategy) -> np.dtype | None:
    """Return the columns of ``memory.parquet``: recorded scalar fields after the time."""
    if not strategy.recorded:
        return None
    fields = [("ts", np.dtype(np.int64))]
    fields += [(name, strategy.memory.dtype[name]) for name in strategy.recorded]
    return np.dtype(fields)


class TableSink:
    """Hands tables to their writer; the strategy's memory gets the times of its rows."""

    def __init__(self, write: Callable[[str, np.ndarray], None], recorded: np.dtype | None) -> None:
        self._write = write
        self._recorded = recorded
        self._memory: np.ndarray | None = None

    def __call__(self, table: str, rows: np.ndarray) -> None:
        if table == "memory":
            self._memory = rows
            return
        self._write(table, rows)
        if table == "beliefs" and self._recorded is not None and self._memory is not None:
            memory = np.zeros(rows.size, self._recorded)
            memory["ts"] = rows["ts"]
            for name in (self._recorded.names or ())[1:]:
                memory[name] = self._memory[name]
            self._write("memory", memory)
            self._memory = None
