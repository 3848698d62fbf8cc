"""Importers, one a file: what was recorded elsewhere becomes a tape."""

from simmm.tape.sources.conversion import Conversion, convert, detect, ensure_tape, summary

__all__ = ["Conversion", "convert", "detect", "ensure_tape", "summary"]
