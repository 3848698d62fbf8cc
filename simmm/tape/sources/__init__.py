"""Importers, one a file: what was recorded elsewhere becomes a tape."""

from simmm.tape.sources.conversion import Conversion, convert, detect, ensure_tape, summary
from simmm.tape.sources.registry import SourceOptions

__all__ = ["Conversion", "SourceOptions", "convert", "detect", "ensure_tape", "summary"]
