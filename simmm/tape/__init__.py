"""Tapes: recorded or generated market data in one versioned format (docs/tape-format.md)."""

from simmm.tape.frame import scan, write
from simmm.tape.reader import Chunk, FeedClock, TapeSpec, TapeStream, open_tapes
from simmm.tape.schema import TapeInfo, read_info
from simmm.tape.writer import TapeWriter

__all__ = [
    "Chunk",
    "FeedClock",
    "TapeInfo",
    "TapeSpec",
    "TapeStream",
    "TapeWriter",
    "open_tapes",
    "read_info",
    "scan",
    "write",
]
