"""Levels that a queue model watches before we join them (`rank_tracked`).

A level lives at a place given by its price; another price that needs the place takes it over. A
level that is not what the tape showed before a row is begun anew, so nothing has to be cleared.
"""

from typing import Any

from simmm.book import UNKNOWN
from simmm.jit import kernel
from simmm.venue.queue import FILLED_LOTS, JOIN, TRADED, WATCH


@kernel
def _place(venue: Any, is_bid: int, px: int) -> int:
    return ((px << 1) | is_bid) & (venue.level.size - 1)


@kernel
def watch_level(verbs: Any, venue: Any, is_bid: int, px: int, previous: int, lots: int) -> None:
    """A level went from `previous` lots, or from unknown, to `lots`."""
    place = _place(venue, is_bid, px)
    if venue.level_px[place] != px or previous == UNKNOWN:
        venue.level_px[place] = px
        verbs[JOIN](venue.level[place], venue.settings, float(lots))
    else:
        verbs[WATCH](venue.level[place], venue.settings, previous, lots)


@kernel
def watch_trade(verbs: Any, venue: Any, is_bid: int, px: int, lots: int) -> None:
    """A print took `lots` from the front of a level."""
    place = _place(venue, is_bid, px)
    if venue.level_px[place] == px:
        verbs[TRADED](venue.level[place], venue.settings, lots)
        verbs[FILLED_LOTS](venue.level[place], venue.settings)


@kernel
def watched(venue: Any, is_bid: int, px: int, lots: int) -> int:
    """Return the place of a level that was watched and holds `lots`, -1 if there is none."""
    place = _place(venue, is_bid, px)
    if venue.level.size > 1 and venue.level_px[place] == px and venue.level[place].ahead == lots:
        return place
    return -1
