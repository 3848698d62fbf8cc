"""Latencies of a tape's packets, and the file that a fit becomes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from simmm.errors import RunError, TapeError
from simmm.fitting.latency import LatencyFit, fit_latency
from simmm.records import BBO, CONTEXT, DEPTH, GAP, KIND_MASK, SNAPSHOT, TRADE
from simmm.scenario.latency_files import FILE_MARK, FILE_VERSION
from simmm.tape.files import Tape, expand

KINDS = {
    "feed": (DEPTH, SNAPSHOT, BBO, TRADE, CONTEXT),
    "book": (DEPTH, SNAPSHOT),
    "bbo": (BBO,),
    "trade": (TRADE,),
}
_MOST_PACKETS = 8_000_000  # of a longer tape every n-th row group is read


class LatencySource(NamedTuple):
    """What a fit was made of."""

    tapes: list[str]
    digests: list[str]
    kind: str
    packets_of: int  # on the tape, of all kinds


def fit_tape(
    paths: Sequence[Path], kind: str = "feed", names: Sequence[str] = ()
) -> tuple[LatencyFit, LatencySource]:
    """Fit the feed latency ``local_ts - exch_ts`` of a tape's packets.

    Left out is what arrived together with the first message after a gap.

    Parameters
    ----------
    paths
        Files or folders of one tape.
    kind
        A key of `KINDS`: which packets.
    names
        What the tapes are called; without them the files' names.

    Raises
    ------
    TapeError
        Where the tape can't be read, or has too few such packets.
    """
    tape = Tape(expand(paths), None, None)
    total = sum(info.packets for info in tape.infos)
    stride = -(-total // _MOST_PACKETS)
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    wanted = np.isin(np.arange(KIND_MASK + 1), KINDS[kind])
    assert not wanted[GAP]  # a gap's clocks are those of another message
    try:
        for number, block in enumerate(tape.blocks(0)):
            if number % stride == 0:
                kinds = block.info & KIND_MASK
                # What came at once when the feed came back was no message on its way.
                caught_up = np.isin(block.local, block.local[kinds == GAP])
                chosen = wanted[kinds] & ~caught_up
                parts.append((block.ts[chosen], (block.local - block.ts)[chosen]))
    finally:
        tape.close()
    names = list(names) or [path.name for path in tape.paths]
    try:
        fit = fit_latency(
            np.concatenate([ts for ts, _ in parts]), np.concatenate([ns for _, ns in parts])
        )
    except TapeError as error:
        raise TapeError(f"{', '.join(names)}: of kind {kind!r} {error}") from None
    return fit, LatencySource(names, [info.digest for info in tape.infos], kind, total)


def write_fit(path: Path, fit: LatencyFit, source: LatencySource, overwrite: bool = False) -> None:
    """Write a fit as a file that a scenario's latency can name; whole or not at all.

    Raises
    ------
    RunError
        Where it is there already, or can't be written.
    """
    if path.exists() and not overwrite:
        raise RunError(f"{path}: exists already; choose another name or add --overwrite")
    content = {FILE_MARK: FILE_VERSION, "source": source._asdict(), **as_dict(fit)}
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    try:
        handle, temporary = tempfile.mkstemp(".tmp", f".{path.name}.", path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text + b"\n")
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from None


def as_dict(fit: LatencyFit) -> dict[str, Any]:
    """Return a fit as plain values."""
    values: dict[str, Any] = msgspec.to_builtins(fit)
    return values
