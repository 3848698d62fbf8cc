"""Latencies of the empirical form: from a file or a list to the table that stands in the scenario.

A run's configuration holds the table itself, so it doesn't depend on what becomes of the file.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.latency_settings import table_of
from simmm.places import resolve_path
from simmm.records import LATENCY_SCORES
from simmm.scenario.latency import KINDS, LINES, Burst, Delay
from simmm.scenario.latency_checks import delays, least_ms
from simmm.scenario.schema import Scenario
from simmm.scenario.section import DAY_MS
from simmm.scenario.source import Document

FILE_MARK = "simmm_latency"  # names the format of what `simmm fit latency` writes
FILE_VERSION = 1
COLUMN = "latency_ms"
_MAX_BYTES = 1 << 30
_replace = msgspec.structs.replace


class LatencyFile(msgspec.Struct, frozen=True):
    """What `simmm fit latency` writes, as far as a scenario needs it."""

    simmm_latency: int
    table_ms: list[float]
    burst: Burst | None = None


def delay_of(made: LatencyFile) -> Delay:
    """Return the latency that a file holds."""
    table = tuple(made.table_ms)
    return Delay(form="empirical", ms=least_ms(table), table_ms=table, burst=made.burst)


def with_tables(document: Document, scenario: Scenario, file: Path) -> Scenario:
    """Return the scenario with the table of every empirical latency in it.

    Parameters
    ----------
    document
        Where the values came from; where the tables came from is noted there.
    scenario
        As checked.
    file
        The scenario file; names of files are looked for beside it first.

    Raises
    ------
    ScenarioError
        If a file is missing, or holds something else than latencies.
    """
    latency = scenario.venue.latency
    found = {path: _with_table(document, path, delay, file) for path, delay in delays(latency)}
    lines: dict[str, Any] = {}
    for name in LINES:
        path = f"venue.latency.{name}"
        if path in found:
            inner = {kind: found[f"{path}.{kind}"] for kind in KINDS if f"{path}.{kind}" in found}
            lines[name] = _replace(found[path], **inner)
    venue = _replace(scenario.venue, latency=_replace(latency, **lines))
    return _replace(scenario, venue=venue)


def _with_table(document: Document, path: str, delay: Delay, file: Path) -> Delay:
    if delay.form != "empirical":
        return delay
    origins = document.origins
    burst, table = delay.burst, list(delay.table_ms or ())
    if delay.file is not None:
        origin = origins.get(f"{path}.file", "")
        beside = None if origin.startswith("--") else file
        try:
            made = read_latencies(resolve_path(delay.file, beside))
        except ScenarioError as error:
            raise document.error(f"{path}.file", str(error)) from None
        table = made.table_ms
        origin = f"{Path(delay.file).name} ({origin})"
        if burst is None and made.burst is not None:
            burst = made.burst
            for name in burst.__struct_fields__:
                origins[f"{path}.burst.{name}"] = origin
        origins[f"{path}.table_ms"] = origin
    elif delay.sample_ms is not None:
        table = table_of(np.array(delay.sample_ms)).tolist()
        origins[f"{path}.table_ms"] = f"sample_ms ({origins.get(f'{path}.sample_ms', '')})"
    for name in ("file", "sample_ms"):
        origins.pop(f"{path}.{name}", None)
    origins[f"{path}.ms"] = "lowest of table_ms"
    return _replace(
        delay,
        ms=least_ms(tuple(table)),
        file=None,
        sample_ms=None,
        table_ms=tuple(table),
        burst=burst,
    )


def read_latencies(path: Path) -> LatencyFile:
    """Read a file of latencies in ms, or what `simmm fit latency` wrote.

    Parameters
    ----------
    path
        JSON (a list, or the fit's own), CSV with one column or a column `latency_ms`, or Parquet
        likewise.

    Raises
    ------
    ScenarioError
        What is wrong with it; the caller says who named it.
    """
    if not path.is_file():
        raise ScenarioError(f"{path}: no such file")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ScenarioError(f"{path}: too large for a file of latencies")
        if path.suffix.lower() == ".json":
            return _from_json(path)
        values = _column(path)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror or error})") from None
    return LatencyFile(FILE_VERSION, _table(path, values))


def _from_json(path: Path) -> LatencyFile:
    try:
        content = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ScenarioError(f"{path}: not valid JSON ({error})") from None
    if isinstance(content, list):
        try:
            return LatencyFile(FILE_VERSION, _table(path, msgspec.convert(content, list[float])))
        except msgspec.ValidationError as error:
            raise ScenarioError(f"{path}: a list of numbers is expected ({error})") from None
    if not isinstance(content, dict) or FILE_MARK not in content:
        raise ScenarioError(
            f"{path}: neither a list of latencies in ms nor what `simmm fit latency` writes"
        )
    if content[FILE_MARK] != FILE_VERSION:
        raise ScenarioError(
            f"{path}: format {content[FILE_MARK]} isn't that of this simmm ({FILE_VERSION}); "
            "run `simmm fit latency` again"
        )
    try:
        made = msgspec.convert(content, LatencyFile)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{path}: was altered ({error})") from None
    table = np.array(made.table_ms)
    if len(table) != LATENCY_SCORES or _bad(table) or (np.diff(table) < 0).any():
        raise ScenarioError(f"{path}: was altered (table_ms: {LATENCY_SCORES} ascending values)")
    return made


def _column(path: Path) -> Any:
    """Return the values of the column of latencies of a CSV or Parquet file."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix.lower() == ".parquet":
            read = pa.parquet.read_table(path)
        else:
            text = path.read_bytes()
            head = text.splitlines()[0].split(b",")[0].strip() if text.strip() else b""
            named = None if not _is_number(head) else [COLUMN]
            read = pa.csv.read_csv(
                pa.BufferReader(text), read_options=pa.csv.ReadOptions(column_names=named)
            )
    except (pa.ArrowException, IndexError) as error:
        reason = (str(error).splitlines() or ["empty"])[0]
        raise ScenarioError(f"{path}: no table of latencies ({reason})") from None
    names = list(read.column_names)
    if COLUMN not in names and len(names) != 1:
        raise ScenarioError(
            f"{path}: has columns {', '.join(names[:6])}; name that of the latencies {COLUMN}"
        )
    column = read.column(COLUMN if COLUMN in names else names[0])
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise ScenarioError(f"{path}: its column holds {column.type}, not numbers")
    if column.null_count:
        raise ScenarioError(f"{path}: {column.null_count} of its values are missing")
    return column.to_numpy()


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _table(path: Path, values: Any) -> list[float]:
    latencies = np.asarray(values, np.float64)
    if len(latencies) < 2:
        raise ScenarioError(f"{path}: {len(latencies)} latencies; at least 2 are needed")
    if _bad(latencies):
        place = int(np.argmax(~((latencies >= 0) & (latencies <= DAY_MS))))
        raise ScenarioError(
            f"{path}: value {place + 1} ({latencies[place]:g}) is no latency in ms; they lie in "
            f"0..{DAY_MS:.0f}"
        )
    table: list[float] = table_of(latencies).tolist()
    return table


def _bad(values: np.ndarray) -> bool:
    return not bool(((values >= 0) & (values <= DAY_MS)).all())
