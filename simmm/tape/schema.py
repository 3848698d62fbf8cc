"""What a tape file is: its columns, its metadata, and the digest of its content.

One Parquet file, one line per row, in causal order (docs/tape-format.md).
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simmm.decoding import ready
from simmm.errors import SimmmError, TapeError
from simmm.market import MarketRules
from simmm.records import KIND_RANK

SCHEMA_VERSION = 1
METADATA_KEY = b"simmm_tape"
ROW_GROUP = 262_144
COLUMNS = ("exch_ts", "local_ts", "seq", "tag", "px", "qty", "aux")
REPLAY_COLUMNS = COLUMNS[:-1]
NO_AUX = -1
ARROW_SCHEMA = pa.schema(
    [
        pa.field(name, pa.uint8() if name == "tag" else pa.int64(), nullable=False)
        for name in COLUMNS
    ]
)
#: Rank of each of the eight values of the kind bits; -1 where no kind has that value.
RANKS = np.array((*KIND_RANK, -1, -1), np.int64)


class TapeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of one tape file. Times in ns, prices in quanta.

    `reach_px` is how far level rows lie from the last price seen at the touch or traded,
    `reach_px_99` the power of two that holds 99 % of them.
    """

    schema_version: int
    market: MarketRules
    digest: str
    rows: int
    packets: int
    first_ts: int
    last_ts: int
    first_local_ts: int
    last_local_ts: int
    px_low: int
    px_high: int
    reach_px: int
    reach_px_99: int
    source: dict[str, Any] = {}
    truth: dict[str, Any] = {}


class Digest:
    """SHA-256 of a tape's content, fed in causal order; cuts between calls don't matter."""

    def __init__(self, market: MarketRules) -> None:
        self._market = market
        self._columns = {name: hashlib.sha256() for name in COLUMNS}

    def update(self, columns: dict[str, np.ndarray]) -> None:
        """Feed the next rows."""
        for name, digest in self._columns.items():
            kind = "u1" if name == "tag" else "<i8"
            digest.update(np.ascontiguousarray(columns[name], kind).view(np.uint8).data)

    def hexdigest(self) -> str:
        """Return the digest of all rows so far with the market's rules."""
        whole = hashlib.sha256(f"simmm tape {SCHEMA_VERSION}\n".encode())
        whole.update(msgspec.json.encode(self._market, order="sorted"))
        for name in COLUMNS:
            whole.update(self._columns[name].digest())
        return whole.hexdigest()


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises
    ------
    TapeError
        Where it is missing, empty, cut short, or no Parquet file.
    """
    try:
        if path.is_dir():
            raise TapeError(f"{path}: is a folder, not a tape file")
        if path.stat().st_size == 0:
            raise TapeError(f"{path}: the file is empty; fetch or build it again")
        with path.open("rb") as file:
            starts_well = file.read(4) == b"PAR1"
        if not starts_well:
            raise TapeError(
                f"{path}: not a Parquet file; convert it with `simmm tape convert --map FILE`"
            )
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise TapeError(f"{path}: no such file") from None
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise TapeError(
            f"{path}: truncated or damaged Parquet file ({reason}); fetch or build it again"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise TapeError(f"{path}: cannot be read ({reason})") from None


def read_info(path: str | Path) -> TapeInfo:
    """Return the metadata of a tape file; raises `TapeError` for anything that is no tape."""
    return open_tape_file(Path(path))[1]


def open_tape_file(path: Path) -> tuple[pq.ParquetFile, TapeInfo]:
    """Open a tape file and read its metadata, or raise `TapeError`."""
    file = open_parquet(path)
    try:
        return file, _parse(path, file)
    except BaseException:
        file.close()
        raise


def _parse(path: Path, file: pq.ParquetFile) -> TapeInfo:
    raw = (file.metadata.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise TapeError(f"{path}: a Parquet file, but not a simmm tape; {what_to_do(file)}")
    try:
        head = msgspec.json.decode(raw, type=dict)
    except msgspec.DecodeError:
        raise TapeError(f"{path}: its tape metadata is damaged; build the tape again") from None
    version = head.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise TapeError(
            f"{path}: tape schema {version} is newer than this simmm reads ({SCHEMA_VERSION}); "
            "upgrade simmm"
        )
    try:
        info = msgspec.convert(head, TapeInfo)
    except (msgspec.ValidationError, SimmmError) as error:
        raise TapeError(f"{path}: its tape metadata is not valid ({error})") from None
    expected = {field.name: field.type for field in ARROW_SCHEMA}
    found = {field.name: field.type for field in file.schema_arrow}
    for name, kind in expected.items():
        if found.get(name) != kind:
            raise TapeError(f"{path}: column {name} should be {kind}, is {found.get(name)}")
        if file.schema_arrow.field(name).nullable:
            raise TapeError(f"{path}: column {name} must not be nullable")
    if file.metadata.num_rows != info.rows:
        raise TapeError(
            f"{path}: holds {file.metadata.num_rows} rows but says {info.rows}; build it again"
        )
    return info


def what_to_do(file: pq.ParquetFile) -> str:
    """Say in a clause how a foreign Parquet file could become a tape."""
    if is_neutral(file):
        return "these are packets of a recording: run `simmm tape convert SOURCE TARGET` first"
    names = ", ".join(file.schema_arrow.names[:6])
    return f"its columns are {names}; describe them in a map: `simmm tape convert --map FILE`"


def is_neutral(file: pq.ParquetFile) -> bool:
    """Return whether a Parquet file holds neutral packets (`sources/neutral.py`)."""
    wanted = {"exch_ts", "local_ts", "seq", "kind", "side", "px", "qty", "trade_id"}
    return wanted <= set(file.schema_arrow.names)


def group_columns(
    file: pq.ParquetFile, group: int, names: tuple[str, ...], path: Path
) -> dict[str, np.ndarray]:
    """Return the columns of one row group as read-only arrays, without copying."""
    try:
        table = file.read_row_group(group, columns=list(names), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TapeError(
            f"{path}: row group {group} cannot be read ({reason}); fetch or build it again"
        ) from None
    columns = {}
    for name in names:
        column = table.column(name)
        whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        columns[name] = np.asarray(whole)
        columns[name].flags.writeable = False
    return columns


ready(TapeInfo)
