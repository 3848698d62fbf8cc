"""Emulated tapes that scenarios ask for, made once and kept in the cache folder."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from simmm.errors import RunError, TapeError
from simmm.tape.files import Tape, expand
from simmm.tape.schema import SCHEMA_VERSION, read_info
from simmm.tape.sources.conversion import tapes_folder
from simmm.tape.streams.emulation import Progress, emulate
from simmm.tape.streams.presets import Streams

_EMULATION = 1  # raise it when an emulation gives other rows


def emulated_tape(
    source: str | Path | Sequence[str | Path],
    streams: Streams,
    *,
    notify: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Return the tape that `streams` would have given of `source`: the one that is kept, or a new.

    Its name holds the digests of what it was made of.

    Raises
    ------
    TapeError
        Where the source can't be used.
    RunError
        Where the cache folder can't be written.
    """
    tape = Tape(expand(source), None, None)
    tape.close()
    digests = " ".join(info.digest for info in tape.infos)
    key = hashlib.sha256(f"simmm streams {_EMULATION} {SCHEMA_VERSION} {digests}\n".encode())
    key.update(msgspec.json.encode(streams, order="sorted"))
    folder = tapes_folder()
    target = folder / f"{tape.paths[0].stem[:40]}-streams-{key.hexdigest()[:24]}.parquet"
    if target.exists():
        try:
            read_info(target)
            return target
        except TapeError:
            pass  # damaged, or of another version: made anew
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be written ({error.strerror}); set SIMMM_CACHE to a writable folder"
        ) from None
    if notify is not None:
        name = streams.preset or "its"
        notify(f"making {name} streams of {tape.paths[0].name} (once; kept in {folder})")
    emulate(source, target, streams=streams, overwrite=True, progress=progress)
    return target
