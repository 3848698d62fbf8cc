"""Tapes of generated worlds, and their columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.writer import TapeWriter


def made(
    path: Path, generator: str, preset: str = "", seed: int = 1, **overrides: Any
) -> tuple[Path, dict[str, Any]]:
    """Build a tape and return its path and truth."""
    parameters = parameters_of(generator, preset, overrides)
    with TapeWriter(path, parameters.market) as writer:
        truth = generate_of(generator)(parameters, seed, writer)
        writer.truth.update(truth)
    return path, truth


def columns(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a tape."""
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}
