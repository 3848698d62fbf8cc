"""What a study found as JSON: written whole or not at all, and read again by the same version."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from simmm.errors import RunError
from simmm.report.files import write_whole


class Study(Protocol):
    """What a study found."""

    @property
    def schema_version(self) -> int:
        """Of its fields and what they mean."""


Found = TypeVar("Found", bound=Study)


def write_study(path: Path, found: Study) -> None:
    """Write what a study found.

    Raises
    ------
    RunError
        The folder cannot be written.
    """
    encoded = msgspec.json.format(msgspec.json.encode(found), indent=1)
    write_whole(path, encoded + b"\n")


def read_study(path: Path, kind: type[Found], schema: int, missing: str = "") -> Found:
    """Return what a study found.

    Parameters
    ----------
    path
        Of the file.
    kind
        Of what it holds.
    schema
        Its version now.
    missing
        What to do where there is no file, after a semicolon.

    Raises
    ------
    RunError
        There is none, or it is of another version.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}){missing}") from None
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: no study ({error}); run it again") from None
    if found.schema_version != schema:
        raise RunError(f"{path}: schema {found.schema_version}, not {schema}; run it again")
    return found
