"""A tape is validated before its first run; that it passed is remembered in the cache folder.

What is remembered is an empty file whose name holds the file's path, length, time of change and
content digest, so that a changed file is validated again.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from simmm.errors import TapeError
from simmm.tape.schema import SCHEMA_VERSION, TapeInfo, read_info

_VALIDATOR = 1  # raise it when the validation finds more
_MANY_ROWS = 2_000_000  # validated in a second or two


def validate_once(
    path: Path, remembered: Path, *, notify: Callable[[str], None] | None = None
) -> None:
    """Validate a tape file unless it passed before.

    Parameters
    ----------
    path
        A tape file.
    remembered
        Folder that says which files have passed; where it can't be written, nothing is remembered.
    notify
        Gets a line of text before a validation that takes long, and one if there are warnings.

    Raises
    ------
    TapeError
        Where the file can't be read as a tape, or breaks a rule of the format: row and field.
    """
    # Late: a run on a tape that passed before needs no more than its metadata.
    from simmm.tape.validation import validate, worst_error

    info = read_info(path)
    mark = remembered / f"{path.stem}-{_key(path, info)}.valid"
    if mark.exists():
        return
    if notify is not None and info.rows > _MANY_ROWS:
        notify(f"validating {path.name} (once, {info.rows:,} rows) …")
    warnings = validate(path)
    problem = worst_error(warnings)
    if problem:
        raise TapeError(f"{path}: {problem}; `simmm tape validate {path}` tells all")
    if warnings and notify is not None:
        first = str(warnings[0]).removeprefix("warning: ")
        notify(f"{path.name}: {first}; `simmm tape validate {path}` tells all warnings")
    try:
        remembered.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        pass  # validated again next time


def _key(path: Path, info: TapeInfo) -> str:
    status = path.stat()
    known = (str(path.absolute()), status.st_size, status.st_mtime_ns, info.digest)
    text = repr((_VALIDATOR, SCHEMA_VERSION, *known))
    return hashlib.sha256(text.encode()).hexdigest()[:24]
