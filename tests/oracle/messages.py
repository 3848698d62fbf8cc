"""What maker and venue tell each other, rows of the feed, and the venue's own orders."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.queue import Place
from tests.oracle.ranked import Ranked

Row = tuple[int, int, int, int, int, int]  # exch_ts, local_ts, seq, tag, px, qty


@dataclass
class Request:
    """One message of the maker."""

    seq: int
    sent: int
    kind: int
    id: int
    new_id: int = 0
    side: int = 0
    px: int = 0
    quantity: int = 0
    tif: int = 0


@dataclass
class Response:
    """One message of the venue."""

    kind: int
    reason: int
    id: int
    side: int = 0
    px: int = 0
    quantity: int = 0
    leaves: int = 0
    fee: int = 0
    new_id: int = 0


@dataclass
class Order:
    """An order that the venue knows."""

    id: int
    side: int
    px: int
    leaves: int
    quantity: int
    tif: int
    sent: int
    placed: int
    place: Place | Ranked
    slot: int = 0
    filled: int = 0
    joined: int = 0  # the how manieth join it was
    joined_ts: int = 0
    told_ts: int = -1  # the latest time of its own that a row which told the level had
    seen: bool = False
    seen_at_join: bool = True  # an order that never joined was surprised by nothing
    level_at_join: int = -1  # unknown until its level is shown
    ahead_at_join: float = 0.0
    modifies: int = 0
    awaits: bool = False  # no image has shown its level since it joined
    drawn_fill: set[int] = field(default_factory=set)  # further draws in which it is filled
