"""Finding out what a file is, and converting it into a tape."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.tape.schema import METADATA_KEY, TapeInfo, is_neutral, open_parquet, read_info
from simmm.tape.sources.neutral import convert_neutral

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
        with open(place, "rb") as file:
            if file.read(4) != b"PAR1":
                return "unknown"
    elif place.suffix.lower() != ".parquet":
        return "columns"
    with open_parquet(place) as parquet:
        if METADATA_KEY in (parquet.metadata.metadata or {}):
            return "tape"
        return "neutral" if is_neutral(parquet) else "columns"
