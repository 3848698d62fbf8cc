"""Tapes: recorded or generated market data in one versioned format (docs/tape-format.md)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simmm.tape.reader import Chunk, FeedClock, TapeSpec, TapeStream, open_tapes
from simmm.tape.schema import TapeInfo
from simmm.tape.schema import read_info as info
from simmm.tape.writer import TapeWriter

if TYPE_CHECKING:
    from simmm.tape.frame import scan, write
    from simmm.tape.sources import Conversion, convert, ensure_tape
    from simmm.tape.statistics import Statistics, describe
    from simmm.tape.validation import Finding, require_valid, validate

#: Loaded when they are first asked for: a replay needs neither data frames nor importers.
_LATER = {
    "Conversion": "sources",
    "Finding": "validation",
    "Statistics": "statistics",
    "convert": "sources",
    "describe": "statistics",
    "ensure_tape": "sources",
    "require_valid": "validation",
    "scan": "frame",
    "validate": "validation",
    "write": "frame",
}

__all__ = [
    "Chunk",
    "Conversion",
    "FeedClock",
    "Finding",
    "Statistics",
    "TapeInfo",
    "TapeSpec",
    "TapeStream",
    "TapeWriter",
    "convert",
    "describe",
    "ensure_tape",
    "info",
    "open_tapes",
    "require_valid",
    "scan",
    "validate",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"simmm.tape.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
