"""Tapes that are missing, damaged, foreign, too new, or that break a rule of the format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simmm.records import BBO, BUY, DEPTH, KIND_MASK, SNAPSHOT, TRADE
from simmm.tape import info
from simmm.tape.schema import METADATA_KEY
from tests.bad_input.conftest import CommandLine
from tests.contract.tapes import Columns, read, write

Change = Callable[[Columns], None]


def _changed(simmm: CommandLine, change: Change) -> Path:
    """Write the tape with some of its values changed behind the writer's back."""
    columns = {name: values.copy() for name, values in read(simmm.tape).items()}
    change(columns)
    sound = pq.ParquetFile(simmm.tape)
    metadata = {METADATA_KEY: (sound.metadata.metadata or {})[METADATA_KEY]}
    schema = sound.schema_arrow.with_metadata(metadata)
    path = simmm.folder / "changed.parquet"
    pq.write_table(pa.table(columns, schema=schema), path)
    return path


def _with_metadata(simmm: CommandLine, change: Callable[[dict[str, Any]], Any]) -> Path:
    table = pq.read_table(simmm.tape)
    about = json.loads((pq.ParquetFile(simmm.tape).metadata.metadata or {})[METADATA_KEY])
    change(about)
    path = simmm.folder / "changed.parquet"
    metadata = {METADATA_KEY: json.dumps(about).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def _row_of(columns: Columns, kind: int, number: int) -> int:
    return int(np.flatnonzero(columns["tag"] & KIND_MASK == kind)[number])


def _write_bytes(simmm: CommandLine, content: bytes, name: str = "bad.parquet") -> Path:
    path = simmm.folder / name
    path.write_bytes(content)
    return path


def test_the_sound_tape_is_sound(simmm: CommandLine) -> None:
    told = simmm.sound()
    assert told.code == 0
    assert (simmm.folder / "out" / "report.json").is_file()
    assert simmm("tape", "validate", simmm.tape).code == 0


def test_missing(simmm: CommandLine) -> None:
    line = simmm.backtest(tape=simmm.folder / "none.parquet", code=2)
    assert line == f"{simmm.folder / 'none.parquet'}: no such file"


def test_empty(simmm: CommandLine) -> None:
    path = _write_bytes(simmm, b"")
    line = simmm.backtest(tape=path, code=2)
    assert line == f"{path}: the file is empty; fetch or build it again"


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_truncated(simmm: CommandLine, share: float) -> None:
    whole = simmm.tape.read_bytes()
    path = _write_bytes(simmm, whole[: int(len(whole) * share)])
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: truncated or damaged Parquet file")
    assert line.endswith("; fetch or build it again")


def test_damaged_inside(simmm: CommandLine) -> None:
    whole = simmm.tape.read_bytes()
    path = _write_bytes(simmm, whole[:2000] + bytes(500) + whole[2500:])
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: row group 0 cannot be read")
    assert line.endswith("; fetch or build it again")


def test_foreign_parquet(simmm: CommandLine) -> None:
    path = simmm.folder / "foreign.parquet"
    pq.write_table(pa.table({"when": [1, 2], "price": [1.0, 2.0]}), path)
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: not a simmm tape")
    assert "simmm tape convert --map FILE" in line
    assert "its columns are when, price" in simmm.refused("tape", "info", path, code=2)


@pytest.mark.parametrize("name", ["prices.csv", "notes.txt", "tape.parquet"])
def test_no_parquet_at_all(simmm: CommandLine, name: str) -> None:
    path = _write_bytes(simmm, b"when,price\n1,2\n", name)
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: not a")


def test_folder_without_tapes(simmm: CommandLine) -> None:
    path = simmm.folder / "days"
    path.mkdir()
    line = simmm.backtest(tape=path, code=2)
    assert line == f"{path}: the folder holds no .parquet file"


def test_newer_schema(simmm: CommandLine) -> None:
    path = _with_metadata(simmm, lambda about: about.update(schema_version=99))
    line = simmm.backtest(tape=path, code=2)
    assert line == (f"{path}: tape schema 99 is newer than this simmm reads (1); upgrade simmm")


def test_damaged_metadata(simmm: CommandLine) -> None:
    path = _with_metadata(simmm, lambda about: about.pop("market"))
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: its tape metadata is not valid")
    assert "market" in line


def _unsorted(columns: Columns) -> None:
    for values in columns.values():
        values[[1500, 1600]] = values[[1600, 1500]]


def _off_grid(columns: Columns) -> None:
    columns["px"][_row_of(columns, BBO, 5)] += 1


def _negative(columns: Columns) -> None:
    columns["qty"][_row_of(columns, BBO, 5)] = -5


def _free(columns: Columns) -> None:
    columns["px"][_row_of(columns, TRADE, 2)] = 0


def _unknown_kind(columns: Columns) -> None:
    columns["tag"][1000] = 7


def _seen_before_it_happens(columns: Columns) -> None:
    columns["local_ts"][1000] = columns["exch_ts"][1000] - 5


def _crossed(columns: Columns) -> None:
    bids = (columns["tag"] & KIND_MASK == BBO) & (columns["tag"] & BUY > 0)
    columns["px"][bids] += 20_000


@pytest.mark.parametrize(
    ("change", "place", "what"),
    [
        (_unsorted, "row 1501, exch_ts: ", "goes backwards"),
        (_off_grid, ", px: ", "price off the market's valid steps"),
        (_negative, ", qty: ", "negative size"),
        (_free, ", px: ", "price not above zero"),
        (_unknown_kind, "row 1000, tag: ", "unknown kind"),
        (_seen_before_it_happens, "row 1000, local_ts: ", "before exch_ts"),
        (_crossed, ", px: ", "crossed book: one message shows a bid at or above an ask"),
    ],
)
def test_rows_that_break_a_rule(simmm: CommandLine, change: Change, place: str, what: str) -> None:
    path = _changed(simmm, change)
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: row ")
    assert f"{place}{what}" in line
    assert line.endswith(f"; `simmm tape validate {path}` tells all")
    told = simmm("tape", "validate", path)
    assert told.code == 2
    assert f"{place}{what}" in told.output


def test_sound_content_that_was_changed(simmm: CommandLine) -> None:
    def change(columns: Columns) -> None:
        columns["qty"][_row_of(columns, BBO, 5)] += 1

    line = simmm.backtest(tape=_changed(simmm, change), code=2)
    assert "digest: content does not match the digest in the metadata" in line


def test_a_tape_of_ones_own_that_is_crossed(simmm: CommandLine) -> None:
    """Written with our writer, so that digest and order are right: the book still is not."""
    columns = {name: values.copy() for name, values in read(simmm.tape).items()}
    bids = (columns["tag"] & BUY > 0) & np.isin(columns["tag"] & KIND_MASK, (BBO, DEPTH, SNAPSHOT))
    columns["px"][bids] += 1_000
    path = write(simmm.folder / "own.parquet", columns, info(simmm.tape).market)
    line = simmm.backtest(tape=path, code=2)
    assert line.startswith(f"{path}: row ")
    assert "crossed" in line


def test_a_file_is_validated_anew_when_it_changes(simmm: CommandLine) -> None:
    """A verdict is remembered for what was looked at, not for the name."""
    path = _changed(simmm, lambda columns: None)
    words = ("--tape", path, "--set", "run.warm_up_s=5", "--quiet")
    assert simmm("backtest", "recorded", *words, "--out", simmm.folder / "one").code == 0
    assert simmm("backtest", "recorded", *words, "--out", simmm.folder / "two").code == 0
    assert _changed(simmm, _negative) == path
    assert "negative size" in simmm.backtest(tape=path, code=2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--from", "100", "--to", "50"), "--to: run.to: 50.0 is not after run.from, 100.0"),
        (("--from", "1000000"), "run.from: 1000000.0 lies after the tape's end"),
        (("--to", "1999-01-01"), "run.to: '1999-01-01' lies before the tape's start"),
        (("--to", "tomorrow"), "--to: run.to: 'tomorrow' is no time; write an ISO time"),
        (("--to", "4"), "run.warm_up_s: 5 s is no shorter than the run"),
    ],
)
def test_times_outside_the_tape(simmm: CommandLine, words: tuple[str, ...], expected: str) -> None:
    assert expected in simmm.backtest(*words, code=2)


def test_files_that_are_no_one_tape(simmm: CommandLine) -> None:
    line = simmm.backtest("--tape", simmm.tape, code=2)  # the same stretch of time twice
    assert "name each stretch of time once" in line


def test_traceback_with_debug_alone(simmm: CommandLine) -> None:
    path = simmm.folder / "none.parquet"
    told = simmm("--debug", "backtest", "recorded", "--tape", path)
    assert told.code == 2
    assert any(line.startswith("Traceback") for line in told.errors)
    assert told.line == f"{path}: no such file"
