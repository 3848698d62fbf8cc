"""Which streams a venue shows, and how often.

Source: Hyperliquid's websocket since 2026-07: `l2Book` shows 20 levels a side every 5 s, with
``fast`` 5 levels every 0.5 s; `bbo` whenever the top changes, `trades` with each block; a sampled
hour had a block every 81 ms.
"""

from typing import Any

import msgspec

from simmm.decoding import ready
from simmm.errors import TapeError
from simmm.nearest import suggestion
from simmm.tape.streams.state import MOST_LEVELS

BY_BLOCK = 0.0
_MOST_MS = 3_600_000.0


class Streams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A venue's public streams. Trades are always told.

    Attributes
    ----------
    preset
        Name of the preset these came from.
    levels
        Levels of each side of an image.
    every_ms
        Time between images; 0: at each block that changes what an image shows.
    bbo
        Best bid and ask are told at each block that changes them.
    block_ms
        Exchange times are put to the end of blocks of this length; 0: they stay as they are.
    """

    preset: str = ""
    levels: int = 20
    every_ms: float = BY_BLOCK
    bbo: bool = False
    block_ms: float = 0.0


PRESETS = {
    "block": Streams(preset="block"),
    "every": Streams(preset="every", every_ms=500.0),
    "hyperliquid": Streams(preset="hyperliquid", every_ms=5000.0, bbo=True, block_ms=80.0),
    "hyperliquid_fast": Streams(
        preset="hyperliquid_fast", levels=5, every_ms=500.0, bbo=True, block_ms=80.0
    ),
}


def streams_of(preset: str, **changes: Any) -> Streams:
    """Return a preset with some of its values changed; None leaves a value as it is.

    >>> streams_of("hyperliquid_fast", levels=10, block_ms=None).levels
    10

    Raises
    ------
    TapeError
        If there is no such preset, or a value is impossible.
    """
    if preset not in PRESETS:
        raise TapeError(f"streams: no preset {preset!r}{suggestion(preset, PRESETS)}")
    given = {name: value for name, value in changes.items() if value is not None}
    streams = msgspec.structs.replace(PRESETS[preset], **given)
    check_streams(streams)
    return streams


def check_streams(streams: Streams) -> None:
    """Raise `TapeError` where no venue's streams can be so."""
    if not 1 <= streams.levels <= MOST_LEVELS:
        raise TapeError(f"streams: levels: {streams.levels} must lie in 1..{MOST_LEVELS}")
    for name in ("every_ms", "block_ms"):
        value = getattr(streams, name)
        if value != 0 and not 0.001 <= value <= _MOST_MS:
            raise TapeError(f"streams: {name}: {value:g} must be 0 or lie in 0.001..{_MOST_MS:.0f}")


ready(Streams)
