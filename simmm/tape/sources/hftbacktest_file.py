"""Files of hftbacktest: the array `data` of an `.npz`, piece by piece."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simmm.errors import TapeError

#: One event of hftbacktest 2 (`hftbacktest.types.event_dtype`); times in ns.
EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ]
)
_PIECE_ROWS = 1 << 18


class EventFile:
    """The array `data` of an `.npz` file, read in pieces; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise TapeError(f"{path}: no such file") from None
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise self._damaged(error) from None
        try:
            self._open()
        except BaseException:
            self._zip.close()
            raise

    def _open(self) -> None:
        names = [name.removesuffix(".npy") for name in self._zip.namelist()]
        if "data" not in names:
            raise TapeError(f"{self._path}: no array `data`; found {', '.join(names) or 'nothing'}")
        try:
            self._file = self._zip.open("data.npy")
        except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise self._damaged(error) from None
        try:
            version = np.lib.format.read_magic(self._file)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            self.shape, _, self.dtype = read(self._file)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            self._file.close()
            raise self._damaged(error) from None

    @property
    def is_old(self) -> bool:
        """Whether it is a table of numbers, as before version 2."""
        return len(self.shape) == 2 and self.shape[1] >= 6 and self.dtype.kind == "f"

    def check(self) -> None:
        """Raise `TapeError` where the array is not of events of version 2."""
        if self.is_old:
            raise TapeError(
                f"{self._path}: written for hftbacktest 1; convert it first with "
                "`hftbacktest.data.utils.migration2.convert`"
            )
        names = self.dtype.names or ()
        missing = [name for name in EVENT.names or () if name not in names]
        if missing or len(self.shape) != 1:
            raise TapeError(
                f"{self._path}: no events of hftbacktest 2: the field {missing[0]!r} is missing"
                if missing
                else f"{self._path}: no events of hftbacktest 2: shape {self.shape}"
            )
        if self.dtype.hasobject:
            raise TapeError(f"{self._path}: holds Python objects, which are not read")
        if self.shape[0] == 0:
            raise TapeError(f"{self._path}: no rows")

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield the events in their order, some at a time, as `EVENT`."""
        left = self.shape[0]
        while left:
            count = min(left, _PIECE_ROWS)
            try:
                raw = self._file.read(count * self.dtype.itemsize)
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise self._damaged(error) from None
            if len(raw) < count * self.dtype.itemsize:
                raise self._damaged(ValueError("it ends early"))
            events = np.frombuffer(raw, self.dtype, count)
            rows = np.empty(count, EVENT)
            for name in EVENT.names or ():
                rows[name] = events[name]
            yield rows
            left -= count

    def _damaged(self, error: Exception) -> TapeError:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it ends early"
        return TapeError(f"{self._path}: truncated or damaged file ({reason}); fetch it again")

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._zip.close()


def pieces(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yield pieces of a file, each with the number of its first row."""
    with EventFile(path) as array:
        array.check()
        row = 0
        for events in array.pieces():
            yield row, events
            row += len(events)
