"""Tapes: recorded or generated market data in one versioned format (docs/tape-format.md)."""

from simmm.tape.frame import scan, write
from simmm.tape.reader import Chunk, FeedClock, TapeSpec, TapeStream, open_tapes
from simmm.tape.schema import TapeInfo
from simmm.tape.schema import read_info as info
from simmm.tape.sources import Conversion, convert, ensure_tape
from simmm.tape.statistics import Statistics, describe
from simmm.tape.validation import Finding, require_valid, validate
from simmm.tape.writer import TapeWriter

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
