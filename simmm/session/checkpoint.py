"""The whole state of a session on disk: to go on from, as if it had never stopped.

Layout: magic, the JSON part's length (u8), the JSON part (what the session is, where its journal
and tables stand, the arrays' names and sizes), the arrays compressed, and 16 bytes of BLAKE2b over
all of it. A file is written whole or not at all, and the one before it is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from simmm.errors import RunError

MAGIC = b"simmm check 001\n"
FILE_NAME = "checkpoint.bin"
PREVIOUS = "checkpoint.previous.bin"
TEMPORARY = "checkpoint.tmp"
_LENGTH = struct.Struct("<Q")
_DIGEST = 16


#: From what a checkpoint says of itself, the dtype of each of its arrays.
Dtypes = Callable[[dict[str, Any]], dict[str, np.dtype]]


class Checkpoint(NamedTuple):
    """What a checkpoint holds."""

    path: Path
    about: dict[str, Any]
    arrays: dict[str, np.ndarray]


def write_checkpoint(folder: Path, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint into a session's folder.

    Raises
    ------
    RunError
        Where it can't be written; the one before stays.
    """
    parts = []
    listed = []
    for name, array in arrays.items():
        packed = pa.compress(pa.py_buffer(array), codec="lz4", asbytes=True)
        listed.append([name, layout(array.dtype), len(array), array.nbytes, len(packed)])
        parts.append(packed)
    text = json.dumps({**about, "arrays": listed}, allow_nan=False).encode()
    content = b"".join((MAGIC, _LENGTH.pack(len(text)), text, *parts))
    content += hashlib.blake2b(content, digest_size=_DIGEST).digest()
    path = folder / FILE_NAME
    temporary = folder / TEMPORARY
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.replace(path, folder / PREVIOUS)
        os.replace(temporary, path)
        _sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise RunError(
            f"{path}: can't be written ({reason}); the session stopped, what was written is whole"
        ) from error


def checkpoints(folder: Path, dtypes: Dtypes) -> Iterator[Checkpoint]:
    """Yield the checkpoints of a session that are whole, the newest first.

    Raises
    ------
    RunError
        If the arrays of one are those of another version, strategy or market.
    """
    for name in (FILE_NAME, PREVIOUS):
        path = folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RunError(f"{path}: can't be read ({error.strerror})") from error
        body, digest = content[:-_DIGEST], content[-_DIGEST:]
        if (
            body[: len(MAGIC)] == MAGIC
            and hashlib.blake2b(body, digest_size=_DIGEST).digest() == digest
        ):
            yield _unpack(path, body, dtypes)


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@cache
def layout(dtype: np.dtype) -> str:
    """Return a digest of a dtype's fields, offsets and types."""
    return hashlib.blake2b(repr(dtype).encode(), digest_size=_DIGEST).hexdigest()


def _unpack(path: Path, body: bytes, dtypes: Dtypes) -> Checkpoint:
    at = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack_from(body, len(MAGIC))
    about = json.loads(body[at : at + length])
    at += length
    arrays = {}
    expected = dtypes(about)
    for name, layout_then, count, size, packed in about.pop("arrays"):
        dtype = expected.get(name)
        if dtype is None or layout(dtype) != layout_then:
            raise RunError(
                f"{path}: holds the state of another version of simmm, strategy or market "
                f"({name}); the session can't be taken up with these"
            )
        raw = pa.decompress(body[at : at + packed], size, codec="lz4", asbytes=True)
        arrays[name] = np.frombuffer(raw, dtype, count)
        at += packed
    return Checkpoint(path, about, arrays)
