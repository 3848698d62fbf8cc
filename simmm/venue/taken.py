"""What our own orders took from shown levels: gone until a later row changes the level's size."""

from typing import Any

from simmm.jit import kernel
from simmm.records import TAKEN


@kernel
def taken_at(venue: Any, is_bid: int, px: int) -> int:
    """Return the lots we took from the level (side `is_bid`, price `px`) since it last changed."""
    for k in range(venue.n_taken):
        if venue.taken_px[k] == px and venue.taken_side[k] == is_bid:
            return venue.taken_quantity[k]
    return 0


@kernel
def take(venue: Any, is_bid: int, px: int, lots: int) -> None:
    """Remember that we took `lots` from a level."""
    for k in range(venue.n_taken):
        if venue.taken_px[k] == px and venue.taken_side[k] == is_bid:
            venue.taken_quantity[k] += lots
            return
    if venue.n_taken == TAKEN:
        venue.dropped_taken += 1
        _remove(venue, 0)
    k = venue.n_taken
    venue.taken_px[k] = px
    venue.taken_side[k] = is_bid
    venue.taken_quantity[k] = lots
    venue.n_taken += 1


@kernel
def give_back(venue: Any, is_bid: int, low_px: int, high_px: int) -> None:
    """Forget what we took at the prices low..high of a side: these levels changed."""
    k = 0
    while k < venue.n_taken:
        px = venue.taken_px[k]
        if venue.taken_side[k] == is_bid and px >= low_px and px <= high_px:
            _remove(venue, k)
        else:
            k += 1


@kernel
def _remove(venue: Any, index: int) -> None:
    venue.n_taken -= 1
    for k in range(index, venue.n_taken):
        venue.taken_px[k] = venue.taken_px[k + 1]
        venue.taken_side[k] = venue.taken_side[k + 1]
        venue.taken_quantity[k] = venue.taken_quantity[k + 1]
