"""Tables of a running session, row after row in plain files, so that they can be cut and go on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from simmm.errors import RunError

_ROWS = 1 << 16


class Spool:
    """One growing file a table, in a folder of their own.

    Parameters
    ----------
    folder
    dtypes
        Of each table's rows.
    """

    def __init__(self, folder: Path, dtypes: dict[str, np.dtype]) -> None:
        self._folder = folder
        self._dtypes = dtypes
        folder.mkdir(exist_ok=True)
        self._files: dict[str, IO[bytes]] = {table: (folder / table).open("ab") for table in dtypes}

    def write(self, table: str, rows: np.ndarray) -> None:
        """Append rows."""
        try:
            self._files[table].write(rows.tobytes())
        except OSError as error:
            raise self._failed(table, error) from error

    def lengths(self) -> dict[str, int]:
        """Bring everything to the disk and return the rows in each file."""
        found = {}
        for table, file in self._files.items():
            try:
                file.flush()
                os.fsync(file.fileno())
                found[table] = os.fstat(file.fileno()).st_size // self._dtypes[table].itemsize
            except OSError as error:
                raise self._failed(table, error) from error
        return found

    def holds(self, lengths: dict[str, int]) -> bool:
        """Return whether each table has at least so many rows."""
        return all(
            os.fstat(file.fileno()).st_size >= lengths.get(table, 0) * self._dtypes[table].itemsize
            for table, file in self._files.items()
        )

    def cut(self, lengths: dict[str, int]) -> None:
        """Forget the rows after the first `lengths` of each table; of those not named, all."""
        for table, file in self._files.items():
            self._flush(table)
            size = lengths.get(table, 0) * self._dtypes[table].itemsize
            os.ftruncate(file.fileno(), size)
            file.seek(size)

    def read(self, table: str) -> Iterator[np.ndarray]:
        """Yield a table's rows in blocks."""
        self._flush(table)
        with (self._folder / table).open("rb") as file:
            while True:
                rows = np.fromfile(file, self._dtypes[table], _ROWS)
                if not rows.size:
                    return
                yield rows

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            try:
                file.close()
            except OSError:
                continue  # a full disk was told when it was written to

    def remove(self) -> None:
        """Close and delete the files."""
        self.close()
        for table in self._files:
            (self._folder / table).unlink(missing_ok=True)
        self._folder.rmdir()

    def _flush(self, table: str) -> None:
        try:
            self._files[table].flush()
        except OSError as error:
            raise self._failed(table, error) from error

    def _failed(self, table: str, error: OSError) -> RunError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return RunError(
            f"{self._folder / table}: can't be written ({reason}); the session stopped, what was "
            "written is whole"
        )
