"""A venue's public streams made from a finer tape: what would have been seen of the same market."""

from simmm.tape.streams.cached import emulated_tape
from simmm.tape.streams.emulation import Emulation, emulate
from simmm.tape.streams.presets import PRESETS, Streams, streams_of

__all__ = ["PRESETS", "Emulation", "Streams", "emulate", "emulated_tape", "streams_of"]
