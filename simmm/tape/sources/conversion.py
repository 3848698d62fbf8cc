"""Finding out what a file is, and converting it into a tape."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simmm.errors import RunError, TapeError
from simmm.jit import cache_folder
from simmm.market import MarketRules
from simmm.tape.files import expand
from simmm.tape.schema import (
    METADATA_KEY,
    SCHEMA_VERSION,
    TapeInfo,
    is_neutral,
    open_parquet,
    read_info,
)
from simmm.tape.sources.verdict import validate_once

_CONVERTER = 1  # raise it when a conversion gives other rows
_COLUMN_FILES = (".csv", ".tsv", ".npy", ".npz", ".parquet")


class Conversion(NamedTuple):
    """What a conversion did."""

    target: Path
    source_kind: str  # "neutral" or "columns"
    info: TapeInfo
    counts: dict[str, int]  # rows or messages dropped, repaired or added
    assumed: dict[str, str]  # what the source does not say


def detect(path: str | Path) -> str:
    """Return what a file is: "tape", "neutral", "columns" (needs a map), or "unknown".

    Raises
    ------
    TapeError
        Where a Parquet file is missing, empty or damaged.
    """
    place = Path(path)
    if place.suffix.lower() not in _COLUMN_FILES:
        try:
            with place.open("rb") as file:
                if file.read(4) != b"PAR1":
                    return "unknown"
        except OSError as error:
            raise TapeError(f"{place}: cannot be read ({error.strerror})") from None
    elif place.suffix.lower() != ".parquet":
        return "columns"
    with open_parquet(place) as parquet:
        if METADATA_KEY in (parquet.metadata.metadata or {}):
            return "tape"
        return "neutral" if is_neutral(parquet) else "columns"


def convert(
    source: str | Path,
    target: str | Path,
    *,
    map_file: str | Path | None = None,
    market: MarketRules | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Convert a recording into a tape and validate it.

    Parameters
    ----------
    source
        Neutral packets, or with `map_file` a CSV, Parquet or NumPy file.
    target
        The tape to write.
    market
        Rules to use for neutral packets instead of what the recording says.

    Raises
    ------
    TapeError
        Where the source is not recognised or the result has an error; no tape is left then.
    RunError
        Where the target can't be written.
    """
    # Late: a run on a tape that is one already needs no data frames.
    from simmm.tape.sources.columns import convert_columns
    from simmm.tape.sources.neutral import convert_neutral
    from simmm.tape.validation import require_valid

    here, there = Path(source), Path(target)
    if not here.exists():
        raise TapeError(f"{here}: no such file")
    kind = "columns" if map_file is not None else detect(here)
    if there.exists() and not overwrite:
        raise TapeError(f"{there}: exists already; choose another name or add --overwrite")
    unchecked = there.with_name(f".{there.name}.{os.getpid()}.unchecked")
    try:
        if kind == "neutral":
            info, counts, assumed = convert_neutral(here, unchecked, market=market, overwrite=True)
        elif map_file is not None:
            info, counts, assumed = convert_columns(
                here, unchecked, map_file=Path(map_file), overwrite=True
            )
        else:
            raise TapeError(f"{here}: {_refusal(kind)}")
        try:
            require_valid(unchecked)
        except TapeError as error:
            raise TapeError(str(error).replace(str(unchecked), f"{here} as a tape")) from None
        os.replace(unchecked, there)
    except OSError as error:
        raise RunError(f"{there}: cannot be written ({error.strerror or error})") from None
    except (TapeError, RunError) as error:
        raise type(error)(str(error).replace(str(unchecked), str(there))) from None
    finally:
        unchecked.unlink(missing_ok=True)
    return Conversion(there, kind, info, counts, assumed)


def _refusal(kind: str) -> str:
    if kind == "tape":
        return "is a tape already"
    if kind == "columns":
        return "describe its columns in a map: `simmm tape convert --map FILE`"
    return "is none of the formats known (neutral packets, CSV, Parquet, NumPy)"


def ensure_tape(path: str | Path, *, notify: Callable[[str], None] | None = None) -> Path:
    """Return a sound tape for `path`: itself, or what it converts to, kept in the cache folder.

    Parameters
    ----------
    notify
        Gets a line of text before a conversion and one after it, and what validation tells.

    Raises
    ------
    TapeError
        Where the file is neither a tape nor converts into one without a map, or where it breaks a
        rule of the format: the first row and field.
    RunError
        Where the cache folder can't be written.
    """
    here = Path(path)
    kind = "tape" if here.is_dir() else detect(here)
    if kind == "tape":
        for file in expand(here):
            validate_once(file, tapes_folder(), notify=notify)
        return here
    if kind != "neutral":
        raise TapeError(f"{here}: not a simmm tape; {_refusal(kind)}")
    folder = tapes_folder()
    target = folder / f"{here.stem}-{_content_digest(here)[:24]}.parquet"
    if target.exists():
        try:
            read_info(target)
            return target
        except TapeError:
            pass  # of another version, or damaged: made anew
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be written ({error.strerror}); set SIMMM_CACHE to a writable folder"
        ) from None
    if notify is not None:
        notify(f"converting {here.name} into a tape (once; kept in {folder})")
    done = convert(here, target, overwrite=True)
    if notify is not None:
        notify(f"{here.name}: {summary(done)}")
    return target


def summary(done: Conversion) -> str:
    """Say in one line what a conversion did."""
    parts = [f"{done.info.rows:,} rows, {done.info.packets:,} packets"]
    parts += [f"{name.replace('_', ' ')}: {count:,}" for name, count in done.counts.items()]
    parts += [f"assumed {name.replace('_', ' ')}: {what}" for name, what in done.assumed.items()]
    return "; ".join(parts)


def tapes_folder() -> Path:
    """Folder of converted tapes: beside the compiled kernels."""
    return cache_folder().parent / "tapes"


def _content_digest(path: Path) -> str:
    """SHA-256 of the file, the converter's version and the tape schema's."""
    digest = hashlib.sha256(f"simmm conversion {_CONVERTER} {SCHEMA_VERSION}\n".encode())
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()
