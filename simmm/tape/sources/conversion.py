"""Finding out what a file is, and converting it into a tape."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

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
from simmm.tape.sources.registry import (
    NAMES,
    Converted,
    SourceOptions,
    recognise,
    source_module,
)
from simmm.tape.sources.verdict import validate_once

_CONVERTER = 1  # raise it when a conversion gives other rows
_COLUMN_FILES = (".csv", ".tsv", ".npy", ".npz", ".parquet")


class Conversion(NamedTuple):
    """What a conversion did."""

    target: Path
    source_kind: str  # "neutral", "columns" or an importer's name
    info: TapeInfo
    counts: dict[str, int]  # rows or messages dropped, repaired or added
    assumed: dict[str, str]  # what the source does not say


def detect(path: str | Path) -> str:
    """Return what a file is.

    "tape", "neutral", an importer's name, "columns" (needs a map), or "unknown".

    Raises
    ------
    TapeError
        Where a file can't be read, or a Parquet file is empty or damaged.
    """
    place = Path(path)
    if _is_parquet(place):
        with open_parquet(place) as parquet:
            if METADATA_KEY in (parquet.metadata.metadata or {}):
                return "tape"
            if is_neutral(parquet):
                return "neutral"
    return recognise(place) or ("columns" if place.suffix.lower() in _COLUMN_FILES else "unknown")


def _is_parquet(place: Path) -> bool:
    suffix = place.suffix.lower()
    if suffix in _COLUMN_FILES or place.is_dir():
        return suffix == ".parquet" and not place.is_dir()
    try:
        with place.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise TapeError(f"{place}: cannot be read ({error.strerror})") from None


def convert(
    source: str | Path | Sequence[str | Path],
    target: str | Path,
    *,
    importer: str = "",
    map_file: str | Path | None = None,
    market: MarketRules | None = None,
    options: SourceOptions | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Convert a recording into a tape and validate it.

    Parameters
    ----------
    source
        A recording in one of the formats known (docs/importers.md), or several files of one; with
        `map_file` a CSV, Parquet or NumPy file.
    target
        The tape to write.
    importer
        Name of an importer, where the format isn't to be recognised by content.
    market
        Rules to use instead of what the recording says.
    options
        What else the importer should know.

    Raises
    ------
    TapeError
        Where the source is not recognised or the result has an error; no tape is left then.
    RunError
        Where the target can't be written.
    """
    # Late: a run on a tape that is one already needs no data frames.
    from simmm.tape.validation import require_valid

    given = [source] if isinstance(source, str | Path) else list(source)
    if not given:
        raise TapeError("no recording to convert; name at least one file")
    here, there = [Path(path) for path in given], Path(target)
    for path in here:
        if not path.exists():
            raise TapeError(f"{path}: no such file")
    chosen = options or SourceOptions()
    if market is not None:
        chosen = msgspec.structs.replace(chosen, market=market)
    kind = _kind(here[0], importer, map_file)
    if there.exists() and not overwrite:
        raise TapeError(f"{there}: exists already; choose another name or add --overwrite")
    unchecked = there.with_name(f".{there.name}.{os.getpid()}.unchecked")
    try:
        info, counts, assumed = _import(here, unchecked, kind, map_file, chosen)
        try:
            require_valid(unchecked)
        except TapeError as error:
            raise TapeError(str(error).replace(str(unchecked), f"{here[0]} as a tape")) from None
        os.replace(unchecked, there)
    except OSError as error:
        raise RunError(f"{there}: cannot be written ({error.strerror or error})") from None
    except (TapeError, RunError) as error:
        raise type(error)(str(error).replace(str(unchecked), str(there))) from None
    finally:
        unchecked.unlink(missing_ok=True)
    return Conversion(there, kind, info, counts, assumed)


def _kind(place: Path, importer: str, map_file: str | Path | None) -> str:
    """Return what to read a recording as: what was said, else what it is."""
    if not importer:
        return "columns" if map_file is not None else detect(place)
    if importer not in ("neutral", "columns"):
        source_module(importer)
    if map_file is not None and importer != "columns":
        raise TapeError(f"{place}: a map describes columns; with {importer!r} leave it out")
    return importer


def _import(
    sources: list[Path],
    target: Path,
    kind: str,
    map_file: str | Path | None,
    options: SourceOptions,
) -> Converted:
    if kind in NAMES:
        return source_module(kind).convert(sources, target, options)
    from simmm.tape.sources.columns import convert_columns
    from simmm.tape.sources.neutral import convert_neutral

    place = sources[0]
    if kind not in ("neutral", "columns") or (kind == "columns" and map_file is None):
        raise TapeError(f"{place}: {_refusal(kind)}")
    if len(sources) > 1:
        raise TapeError(f"{sources[1]}: one file at a time becomes a tape from this format")
    if map_file is not None:
        options.refuse_others((), str(place))
        return convert_columns(place, target, map_file=Path(map_file), overwrite=True)
    options.refuse_others(("market",), str(place))
    return convert_neutral(place, target, market=options.market, overwrite=True)


def _refusal(kind: str) -> str:
    if kind == "tape":
        return "is a tape already"
    if kind == "columns":
        return "describe its columns in a map: `simmm tape convert --map FILE`"
    known = ", ".join(NAMES)
    return f"is none of the formats known (neutral packets, CSV, Parquet, NumPy, {known})"


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
    if kind != "neutral" and kind not in NAMES:
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
