"""Writes one tape file, chunk by chunk, in causal order; whole or not at all."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simmm.errors import RunError, TapeError
from simmm.market import MarketRules
from simmm.records import (
    BBO,
    CONTEXT,
    DEPTH,
    FIRST,
    GAP,
    KIND_MASK,
    PACKET_END,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.schema import (
    ARROW_SCHEMA,
    COLUMNS,
    METADATA_KEY,
    NO_AUX,
    RANKS,
    ROW_GROUP,
    SCHEMA_VERSION,
    Digest,
    TapeInfo,
)

_TAIL = ("exch_ts", "local_ts", "seq", "tag")


class TapeWriter:
    """Takes columns in causal order and writes a tape.

    Use as a context manager: leaving it without an error closes the tape, leaving it with one
    leaves nothing behind.

    Parameters
    ----------
    path
        The file to write. It appears when the tape is complete.
    market
        The market's rules; kept in the metadata and part of the digest.
    source
        Where the rows come from and what was dropped, repaired or assumed.
    truth
        What a generator knows about its tape (σ, κ, A, ...).
    overwrite
        Whether an existing file may be replaced.
    row_group
        Rows per row group. Groups end at a complete message where one ends in their second half.

    Raises
    ------
    TapeError
        Where the file exists, and where rows break the format: the message names row and field.
    RunError
        Where the file can't be written.
    """

    def __init__(
        self,
        path: str | Path,
        market: MarketRules,
        *,
        source: dict[str, Any] | None = None,
        truth: dict[str, Any] | None = None,
        overwrite: bool = False,
        row_group: int = ROW_GROUP,
    ) -> None:
        self.path = Path(path)
        self.market = market
        self.source = dict(source or {})
        self.truth = dict(truth or {})
        self.rows = 0
        self.info: TapeInfo | None = None  # after `close`
        self._packets = 0
        self._row_group = row_group
        self._digest = Digest(market)
        self._waiting: list[dict[str, np.ndarray]] = []
        self._n_waiting = 0
        self._tail: dict[str, np.ndarray] | None = None
        self._first_ts = 0
        self._local_low = np.iinfo(np.int64).max
        self._local_high = np.iinfo(np.int64).min
        self._reach = _Reach()
        if self.path.exists() and not overwrite:
            raise TapeError(f"{self.path}: exists already; choose another name or overwrite=True")
        self._temporary = ""
        self._file = self._open()

    def _open(self) -> pq.ParquetWriter:
        try:
            handle, self._temporary = tempfile.mkstemp(
                ".tmp", f".{self.path.name}.", self.path.parent
            )
            os.close(handle)
            return pq.ParquetWriter(
                self._temporary,
                ARROW_SCHEMA,
                compression="lz4",
                use_dictionary=["tag"],
                column_encoding={name: "DELTA_BINARY_PACKED" for name in COLUMNS if name != "tag"},
                write_statistics=["exch_ts", "local_ts"],
            )
        except OSError as error:
            self._remove()
            raise self._unwritable(error) from None
        except BaseException:  # Ctrl-C
            self._remove()
            raise

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"{self.path}: cannot be written ({error.strerror or error})")

    def append(
        self,
        exch_ts: np.ndarray,
        local_ts: np.ndarray,
        seq: np.ndarray,
        tag: np.ndarray,
        px: np.ndarray,
        qty: np.ndarray,
        aux: np.ndarray | None = None,
    ) -> None:
        """Append rows, which follow the rows before in causal order.

        Parameters
        ----------
        exch_ts, local_ts
            Clocks of exchange and recorder, ns.
        seq
            Number of the message in arrival order.
        tag
            Kind, side and flags (`simmm.records`).
        px, qty
            Quanta and lots.
        aux
            Trade id, or order count of a level; -1 or absent: none.
        """
        count = len(exch_ts)
        if count == 0:
            return
        given = (exch_ts, local_ts, seq, tag, px, qty, aux)
        columns: dict[str, np.ndarray] = {}
        for name, values in zip(COLUMNS, given, strict=True):
            kind = np.uint8 if name == "tag" else np.int64
            if values is None:
                columns[name] = np.full(count, NO_AUX, np.int64)
                continue
            values = np.asarray(values)
            if values.dtype.kind not in "iu" or len(values) != count:
                raise TapeError(f"{self.path}: {name} must be {count} integers")
            columns[name] = np.array(values, kind)  # a copy: callers may reuse their buffers
        self._check(columns)
        self._digest.update(columns)
        self._reach.update(columns["tag"], columns["px"])
        if self.rows == 0:
            self._first_ts = int(columns["exch_ts"][0])
        self._local_low = min(self._local_low, int(columns["local_ts"].min()))
        self._local_high = max(self._local_high, int(columns["local_ts"].max()))
        self.rows += count
        self._waiting.append(columns)
        self._n_waiting += count
        if self._n_waiting >= self._row_group:
            self._write_groups(final=False)

    def _check(self, columns: dict[str, np.ndarray]) -> None:
        """Raise where rows break the format."""
        tag, px, qty = columns["tag"], columns["px"], columns["qty"]
        kind = tag & KIND_MASK
        self._refuse(kind > GAP, "tag", "unknown kind")
        self._refuse(columns["local_ts"] < columns["exch_ts"], "local_ts", "before exch_ts")
        self._refuse(columns["seq"] < 0, "seq", "negative")
        self._refuse(qty < 0, "qty", "negative")
        self._refuse((kind == TRADE) & (qty == 0), "qty", "a trade of nothing")
        empty_side = (kind == SNAPSHOT) & (tag & FIRST > 0) & (px == 0) & (qty == 0)
        has_price = (kind == DEPTH) | (kind == SNAPSHOT) | (kind == BBO) | (kind == TRADE)
        self._refuse(has_price & (px <= 0) & ~empty_side, "px", "not above zero")
        self._refuse((kind == CONTEXT) & (qty > 3), "qty", "unknown context figure")
        self._check_order(columns)

    def _check_order(self, columns: dict[str, np.ndarray]) -> None:
        """Raise where a row may not follow the one before it, and count packets."""
        joined = columns
        before = 0
        if self._tail is not None:
            joined = {name: np.concatenate((self._tail[name], columns[name])) for name in _TAIL}
            before = 1
        rank = RANKS[joined["tag"] & KIND_MASK]
        d_ts, d_rank = np.diff(joined["exch_ts"]), np.diff(rank)
        d_seq, d_local = np.diff(joined["seq"]), np.diff(joined["local_ts"])
        self._refuse(d_ts < 0, "exch_ts", "goes backwards; sort the rows", 1 - before)
        late = (d_ts == 0) & ((d_rank < 0) | ((d_rank == 0) & (d_seq < 0)))
        self._refuse(late, "seq", "not in causal order (exch_ts, kind, seq)", 1 - before)
        same = (d_ts == 0) & (d_rank == 0) & (d_seq == 0) & (joined["tag"][:-1] & PACKET_END == 0)
        self._refuse(same & (d_local != 0), "local_ts", "differs within one packet", 1 - before)
        self._packets += int(len(same) - np.count_nonzero(same)) + (1 - before)
        self._tail = {name: columns[name][-1:] for name in _TAIL}

    def _refuse(self, bad: np.ndarray, field: str, what: str, offset: int = 0) -> None:
        if bad.any():
            row = self.rows + int(np.argmax(bad)) + offset
            raise TapeError(f"{self.path}: row {row}, {field}: {what}")

    def _write_groups(self, final: bool) -> None:
        columns = {name: np.concatenate([part[name] for part in self._waiting]) for name in COLUMNS}
        count, start = self._n_waiting, 0
        while count - start >= self._row_group or (final and start < count):
            stop = min(start + self._row_group, count)
            if stop - start == self._row_group:
                # A group that ends with a complete message needs no joining when it is read.
                half = start + self._row_group // 2
                ends = np.flatnonzero(columns["tag"][half:stop] & PACKET_END)
                stop = half + int(ends[-1]) + 1 if len(ends) else stop
            arrays = [pa.array(columns[name][start:stop]) for name in COLUMNS]
            try:
                self._file.write_table(
                    pa.Table.from_arrays(arrays, schema=ARROW_SCHEMA), row_group_size=stop - start
                )
            except OSError as error:
                raise self._unwritable(error) from None
            start = stop
        self._waiting = [{name: columns[name][start:] for name in COLUMNS}]
        self._n_waiting = count - start

    def close(self) -> TapeInfo:
        """Write what is left and the metadata, and give the file its name."""
        if self.info is not None:
            return self.info
        if self.rows == 0:
            self.abort()
            raise TapeError(f"{self.path}: no rows to write")
        try:
            if self._n_waiting:
                self._write_groups(final=True)
            info = self._info()
            self._file.add_key_value_metadata({METADATA_KEY: msgspec.json.encode(info)})
            self._file.close()
            os.chmod(self._temporary, 0o666 & ~_UMASK)
            os.replace(self._temporary, self.path)
            self._temporary = ""
        except OSError as error:
            self.abort()
            raise self._unwritable(error) from None
        except BaseException:
            self.abort()
            raise
        self.info = info
        return info

    def _info(self) -> TapeInfo:
        assert self._tail is not None
        return TapeInfo(
            schema_version=SCHEMA_VERSION,
            market=self.market,
            digest=self._digest.hexdigest(),
            rows=self.rows,
            packets=self._packets,
            first_ts=self._first_ts,
            last_ts=int(self._tail["exch_ts"][0]),
            first_local_ts=int(self._local_low),
            last_local_ts=int(self._local_high),
            px_low=self._reach.low,
            px_high=self._reach.high,
            reach_px=self._reach.furthest,
            reach_px_99=self._reach.share(0.99),
            source=self.source,
            truth=self.truth,
        )

    def abort(self) -> None:
        """Drop what was written."""
        try:
            self._file.close()
        except (OSError, pa.ArrowException):
            pass  # a full disk; the file is removed anyway
        self._remove()

    def _remove(self) -> None:
        if self._temporary:
            Path(self._temporary).unlink(missing_ok=True)
            self._temporary = ""

    def __del__(self) -> None:
        """Leave nothing behind where Ctrl-C came before the context was entered."""
        if getattr(self, "_temporary", "") and hasattr(self, "_file"):
            self.abort()

    def __enter__(self) -> "TapeWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


_UMASK = _umask()  # asked once, because asking sets it for a moment, for all threads


class _Reach:
    """Price range, and how far level rows lie from the last price at the touch, in quanta."""

    def __init__(self) -> None:
        self.low = 0
        self.high = 0
        self.furthest = 0
        self._touch = 0
        self._counts = np.zeros(64, np.int64)

    def update(self, tag: np.ndarray, px: np.ndarray) -> None:
        kind = tag & KIND_MASK
        priced = (kind <= TRADE) & (px > 0)
        if not priced.any():
            return
        low, high = int(px[priced].min()), int(px[priced].max())
        self.low = min(self.low, low) if self.low else low
        self.high = max(self.high, high)
        at_touch = priced & ((kind == BBO) | (kind == TRADE) | (tag & FIRST > 0))
        place = np.where(at_touch, np.arange(len(px)), -1)
        np.maximum.accumulate(place, out=place)
        touch = np.where(place >= 0, px[np.maximum(place, 0)], self._touch)
        self._touch = int(touch[-1])
        level = priced & (kind != TRADE) & (touch > 0)
        distance = np.abs(px[level] - touch[level])
        if len(distance):
            self.furthest = max(self.furthest, int(distance.max()))
            # The exponent of a float is the place of its highest bit.
            exponent = np.frexp(distance.astype(np.float64))[1]
            self._counts += np.bincount(exponent, minlength=64)

    def share(self, wanted: float) -> int:
        """Return the power of two below which `wanted` of the distances lie."""
        total = int(self._counts.sum())
        if total == 0:
            return 0
        place = int(np.searchsorted(np.cumsum(self._counts), wanted * total))
        return 1 << place
