"""A session's journal as Parquet: every row the maker saw and every response it heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simmm.records import KIND_MASK, KIND_NAMES, REASON_NAMES, RESPONSE_NAMES, Response
from simmm.session.header import Header
from simmm.session.journal import FILE_NAME, STEP, JournalReader, unpack_step

SEEN, HEARD = "seen.parquet", "heard.parquet"
_ROWS = 1 << 16
_SEEN = pa.schema(
    [
        ("record", pa.int64()),
        ("local_ts", pa.int64()),
        ("exch_ts", pa.int64()),
        ("market", pa.int16()),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("tag", pa.uint8()),
        ("px", pa.int64()),
        ("qty", pa.int64()),
    ]
)


def write_events(folder: Path, header: Header) -> None:
    """Write ``seen.parquet`` and ``heard.parquet`` from the journal of a session's folder.

    ``seen``: one line a tape row, in the order in which the maker saw it (record of the journal,
    times in ns, market, kind, tag, price in quanta, size in lots). ``heard``: one line a response
    (`records.Response`, with names of kind and reason).
    """
    kinds = pa.array(KIND_NAMES)
    names = Response.names or ()
    with (
        pq.ParquetWriter(folder / SEEN, _SEEN, compression="zstd") as seen,
        pq.ParquetWriter(folder / HEARD, _heard_schema(), compression="zstd") as heard,
    ):
        rows = _Columns()
        responses: list[np.ndarray] = []
        for record in JournalReader(folder / FILE_NAME):
            if record.kind != STEP:
                continue
            step = unpack_step(record.payload, len(header.markets))
            if step.packet is not None:
                rows.add(record.number, step.packet)
            if step.heard:
                responses.append(np.frombuffer(step.heard, Response))
            if rows.count >= _ROWS:
                seen.write_table(rows.table(kinds))
            if len(responses) >= _ROWS:
                heard.write_table(_heard_table(responses, names))
                responses = []
        seen.write_table(rows.table(kinds))
        heard.write_table(_heard_table(responses, names))


class _Columns:
    def __init__(self) -> None:
        self.count = 0
        self._heads: list[tuple[int, int, int, int, int]] = []
        self._rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, number: int, packet) -> None:  # type: ignore[no-untyped-def]
        self._heads.append(
            (number, packet.local_ts, packet.exch_ts, packet.info >> 8, len(packet.tag))
        )
        self._rows.append((packet.tag, packet.px, packet.qty))
        self.count += len(packet.tag)

    def table(self, kinds: pa.Array) -> pa.Table:
        heads = np.array(self._heads, np.int64).reshape(-1, 5)
        tag, px, qty = (
            np.concatenate(parts) if parts else np.zeros(0, dtype)
            for parts, dtype in zip(
                zip(*self._rows, strict=True) if self._rows else ((), (), ()),
                (np.uint8, np.int64, np.int64),
                strict=True,
            )
        )
        count = heads[:, 4]
        columns = [np.repeat(heads[:, k], count) for k in range(4)]
        kind = pa.DictionaryArray.from_arrays(pa.array((tag & KIND_MASK).astype(np.int8)), kinds)
        self._heads, self._rows, self.count = [], [], 0
        return pa.table(
            [*columns[:3], columns[3].astype(np.int16), kind, tag, px, qty], schema=_SEEN
        )


def _heard_schema() -> pa.Schema:
    return pa.schema(
        [
            (name, pa.string() if name in ("kind", "reason") else pa.int64())
            for name in Response.names or ()
        ]
    )


def _heard_table(responses: list[np.ndarray], names: tuple[str, ...]) -> pa.Table:
    rows = np.concatenate(responses) if responses else np.zeros(0, Response)
    columns = []
    for name in names:
        values = np.ascontiguousarray(rows[name])
        if name in ("kind", "reason"):
            words = RESPONSE_NAMES if name == "kind" else REASON_NAMES
            columns.append(pa.array([words[k] for k in values.tolist()], pa.string()))
        else:
            columns.append(pa.array(values))
    return pa.table(columns, schema=_heard_schema())
