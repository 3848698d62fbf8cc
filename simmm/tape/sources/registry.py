"""The importers of foreign recordings, by name, and how one is chosen.

Each is a module of this folder, named in `NAMES`, with three members:

``title``
    What it reads, in a few words, for help and errors.
``recognises(path)``
    Whether a file (or a folder) looks like its format: by content, quickly, without raising.
``convert(sources, target, options)``
    Write the tape `target`, replacing it, and return its metadata, counts of what was dropped,
    repaired and added, and what was assumed (a few words each).

Neutral packets and mapped columns stand apart (`conversion.py`): the one is the house's own
format, the other needs a map.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import msgspec

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.nearest import suggestion
from simmm.tape.schema import TapeInfo

#: Module of each importer, in the order in which they are asked.
NAMES = ("hyperliquid_ws", "binance_usdm_ws", "tardis_csv", "hftbacktest_npz")

#: Metadata, counts, assumed.
Converted = tuple[TapeInfo, dict[str, int], dict[str, str]]


class SourceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a user says about a recording; what is empty or None is for the importer to find out.

    `market` gives all rules at once; the single figures below it are decimal text, as in
    `MarketRules`. An importer ignores no option in silence: what makes no sense for its format
    is a `TapeError`.
    """

    symbol: str = ""  # the market to take from a recording of several
    market: MarketRules | None = None
    price_quantum: str = ""
    lot_size: str = ""
    size_decimals: int | None = None  # Hyperliquid's szDecimals
    meta_file: Path | None = None  # Hyperliquid's reply to `meta`, for szDecimals
    min_notional: str = ""
    maker_fee: str = ""
    taker_fee: str = ""
    clock_shift_ns: int | None = None  # to add to the recorder's clock
    skip_bad_lines: bool = False  # drop and count what can't be read, instead of an error

    def refuse_others(self, used: Sequence[str], where: str) -> None:
        """Raise `TapeError` for an option that is given but not among those an importer uses."""
        nothing = SourceOptions()
        for name in self.__struct_fields__:
            if name not in used and getattr(self, name) != getattr(nothing, name):
                raise TapeError(f"{where}: {name} means nothing for this format; leave it out")


class Source(Protocol):
    """An importer's module."""

    title: str
    recognises: Callable[[Path], bool]
    convert: Callable[[Sequence[Path], Path, SourceOptions], Converted]


def source_module(name: str) -> Source:
    """Return an importer; `TapeError` where there is none of that name."""
    if name not in NAMES:
        raise TapeError(f"no importer {name!r}{suggestion(name, NAMES)}")
    return cast(Source, import_module(f"simmm.tape.sources.{name}"))


def recognise(path: Path) -> str:
    """Return the name of the first importer that knows a file's format; "" if none does."""
    return next((name for name in NAMES if source_module(name).recognises(path)), "")
