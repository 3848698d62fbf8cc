"""Columns of the benchmark tapes, and how they and other arrays lie on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 0, 1, 2, 3, 4
"""Values of the column ``kind``."""

COLUMNS: dict[str, str] = {
    "exch_ts": "i8",
    "local_ts": "i8",
    "kind": "i1",
    "side": "i1",
    "px": "f8",
    "qty": "f8",
    "px_ticks": "i8",
    "qty_lots": "i8",
}
"""Column names and NumPy types; ``side`` is 1 for bid or buyer, -1 for ask or seller, else 0."""

TICK_SIZE = 1.0
LOTS_PER_UNIT = 100_000
LOT_SIZE = 1 / LOTS_PER_UNIT
FEED_LATENCY_NS = 5_000_000
SNAPSHOT_LEVELS = 50
HEAD_ROWS = 1 + 2 * SNAPSHOT_LEVELS
FORMAT = 1


def load_meta(folder: Path) -> dict[str, float]:
    """Give what ``tape.json`` says: format, rows, seed, tick size, lots per unit."""
    meta: dict[str, float] = json.loads((folder / "tape.json").read_text(encoding="utf-8"))
    if meta["format"] != FORMAT:
        raise ValueError(f"{folder}: format {meta['format']}, this script reads {FORMAT}")
    return meta


def load_columns(folder: Path) -> dict[str, Array]:
    """Give the columns of a tape by name, mapped from disk; each has shape (rows,)."""
    load_meta(folder)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in COLUMNS}


def save_arrays(path: Path, arrays: dict[str, Array]) -> None:
    """Write named arrays to one ``.npz`` file, whole or not at all."""
    partial = path.with_name(f".{path.stem}.partial.npz")
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def load_arrays(path: Path) -> dict[str, Array]:
    """Read the arrays of an ``.npz`` file by name."""
    with np.load(path) as held:
        return {name: held[name] for name in held.files}
