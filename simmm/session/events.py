"""A session's journal as Parquet: every row the maker saw and every response it heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simmm.records import (
    INFO_MARKET_SHIFT,
    KIND_MASK,
    KIND_NAMES,
    REASON_NAMES,
    RESPONSE_NAMES,
    Response,
)
from simmm.session.journal import FILE_NAME, STEP, JournalReader, StepParts, cut_step

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


def write_events(folder: Path) -> None:
    """Write ``seen.parquet`` and ``heard.parquet`` from the journal of a session's folder.

    ``seen``: one line a tape row, in the order in which the maker saw it (record of the journal,
    times in ns, market, kind, tag, price in quanta, size in lots). ``heard``: one line a response
    (`records.Response`, with names of kind and reason).
    """
    kinds = pa.array(KIND_NAMES)
    with (
        pq.ParquetWriter(folder / SEEN, _SEEN, compression="zstd") as seen,
        pq.ParquetWriter(folder / HEARD, _heard_schema(), compression="zstd") as heard,
    ):
        rows = _Columns()
        responses: list[bytes] = []
        for record in JournalReader(folder / FILE_NAME):
            if record.kind != STEP:
                continue
            step = cut_step(record.payload)
            if step.tag:
                rows.add(record.number, step)
            if step.heard:
                responses.append(step.heard)
            if rows.count >= _ROWS:
                seen.write_table(rows.table(kinds))
                rows = _Columns()
            if len(responses) >= _ROWS:
                heard.write_table(_heard_table(responses))
                responses = []
        seen.write_table(rows.table(kinds))
        heard.write_table(_heard_table(responses))


class _Columns:
    """Rows of packets on their way into a table."""

    def __init__(self) -> None:
        self.count = 0
        self._heads: list[tuple[int, int, int, int, int]] = []
        self._parts: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])

    def add(self, number: int, step: StepParts) -> None:
        _, local_ts, exch_ts, info, *_ = step.fields
        market = info >> INFO_MARKET_SHIFT
        self._heads.append((number, local_ts, exch_ts, market, len(step.tag)))
        for parts, part in zip(self._parts, (step.tag, step.px, step.qty), strict=True):
            parts.append(part)
        self.count += len(step.tag)

    def table(self, kinds: pa.Array) -> pa.Table:
        heads = np.array(self._heads, np.int64).reshape(-1, 5)
        tag, px, qty = (
            np.frombuffer(b"".join(parts), dtype)
            for parts, dtype in zip(self._parts, (np.uint8, np.int64, np.int64), strict=True)
        )
        record, local_ts, exch_ts, market = (np.repeat(heads[:, k], heads[:, 4]) for k in range(4))
        kind = pa.DictionaryArray.from_arrays(pa.array((tag & KIND_MASK).astype(np.int8)), kinds)
        return pa.table(
            [record, local_ts, exch_ts, market.astype(np.int16), kind, tag, px, qty], schema=_SEEN
        )


def _heard_schema() -> pa.Schema:
    return pa.schema(
        [
            (name, pa.string() if name in ("kind", "reason") else pa.int64())
            for name in Response.names or ()
        ]
    )


def _heard_table(responses: list[bytes]) -> pa.Table:
    rows = np.frombuffer(b"".join(responses), Response)
    columns = []
    for name in Response.names or ():
        values = np.ascontiguousarray(rows[name])
        if name in ("kind", "reason"):
            words = RESPONSE_NAMES if name == "kind" else REASON_NAMES
            columns.append(pa.array([words[k] for k in values.tolist()], pa.string()))
        else:
            columns.append(pa.array(values))
    return pa.table(columns, schema=_heard_schema())
