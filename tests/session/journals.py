"""Journals as lists of records, to be altered and written anew with chains that follow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simmm.errors import RunError
from simmm.session.journal import (
    FILE_NAME,
    STEP,
    JournalReader,
    JournalWriter,
    Step,
    pack_step,
    unpack_step,
)
from simmm.session.verify import verify

MARKETS = 1
ODD = 1 << 62
Record = tuple[int, bytes]  # kind, payload
Alteration = Callable[[list[Record]], list[Record]]


def step_of(record: Record) -> Step:
    """Return the step of a record."""
    return unpack_step(record[1], MARKETS)


def records(folder: Path) -> list[Record]:
    """Return all records of a session's journal."""
    return [(record.kind, record.payload) for record in JournalReader(folder / FILE_NAME)]


def offsets(folder: Path) -> list[int]:
    """Return where each record begins, and where the last one ends."""
    reader = JournalReader(folder / FILE_NAME)
    return [*(record.offset for record in reader), reader.place.offset]


def copied(folder: Path, target: Path) -> Path:
    """Copy a session's folder."""
    return Path(shutil.copytree(folder, target))


def rewrite(folder: Path, content: Sequence[Record], *, admitted: bool = True) -> None:
    """Write the journal anew, all chains rebuilt; `admitted`: what run.json says too."""
    path = folder / FILE_NAME
    path.unlink()
    journal = JournalWriter(path)
    for kind, payload in content:
        journal.write(kind, payload)
    journal.close()
    run = folder / "run.json"
    if admitted and run.exists():
        info = json.loads(run.read_text())
        info["session"]["journal"]["digest"] = journal.place.chain.hex()
        run.write_text(json.dumps(info))


def find(content: Sequence[Record], wanted: Callable[[Step], bool], skip: int = 0) -> int:
    """Return the number of a step that is as wanted, after `skip` others."""
    for number, (kind, payload) in enumerate(content):
        if kind == STEP and wanted(step_of((kind, payload))):
            if skip == 0:
                return number
            skip -= 1
    raise AssertionError("there is no such step")


def changed(record: Record, **fields: Any) -> Record:
    """Return a step's record with fields replaced."""
    return STEP, pack_step(step_of(record)._replace(**fields))


def with_row(raw: bytes, dtype: np.dtype, field: str, value: int, row: int = 0) -> bytes:
    """Return rows with one figure replaced."""
    rows = np.frombuffer(raw, dtype).copy()
    rows[field][row] = value
    return rows.tobytes()


def with_figure(values: np.ndarray, value: int, row: int = 0) -> np.ndarray:
    """Return a column of a packet with one figure replaced."""
    found = values.copy()
    found[row] = value
    return found


def packet_with(**fields: Any) -> Alteration:
    """Give the packet of record 300 other fields; a function gets the old value."""

    def alter(content: list[Record]) -> list[Record]:
        packet = step_of(content[300]).packet
        assert packet is not None
        new = {
            name: value(getattr(packet, name)) if callable(value) else value
            for name, value in fields.items()
        }
        content[300] = changed(content[300], packet=packet._replace(**new))
        return content

    return alter


def raised(row: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return what adds one to a row's figure."""
    return lambda values: with_figure(values, int(values[row]) + 1, row)


def refused(folder: Path) -> str:
    """Verify what was altered; return what it says, whether it could be fed or not."""
    try:
        verdict = verify(folder)
    except RunError as error:
        return str(error)
    assert not verdict.same
    assert verdict.reason
    return verdict.reason
