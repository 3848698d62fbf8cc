"""A venue's public streams made from a finer tape: what would have been seen of the same market."""

from simmm.tape.streams.emulate import Emulation, emulate
from simmm.tape.streams.presets import PRESETS, Streams, streams_of

__all__ = ["PRESETS", "Emulation", "Streams", "emulate", "streams_of"]
