"""Further draws of an own order's queue: what share of them a print fills is its probability.

The draws are seeded like the simulated path and move with it through the same rows; they change
nothing about it. A draw that is filled stays so until the order ends.
"""

from typing import Any

from simmm.jit import kernel
from simmm.venue.queue import ADOPT, BEGIN, CAP, DEPTH_CHANGED, FILLED_LOTS, JOIN, TRADED


@kernel
def draws_begin(verbs: Any, venue: Any) -> None:
    """Give every place its own stream of random numbers: the paths' first, then the draws'."""
    slots = venue.orders.size
    for slot in range(slots):
        verbs[BEGIN](venue.queue[slot], venue.settings, slot)
    if venue.settings.draws > 0:
        for k in range(venue.draw.size):
            verbs[BEGIN](venue.draw[k], venue.settings, slots + k)
    for k in range(venue.level.size):
        verbs[BEGIN](venue.level[k], venue.settings, slots + venue.draw.size + k)


@kernel
def _first(venue: Any, slot: int) -> int:
    return slot * (venue.draw.size // venue.orders.size)


@kernel
def draws_reset(venue: Any, slot: int) -> None:
    """No draw of the slot is filled."""
    first = _first(venue, slot)
    for k in range(first, first + venue.settings.draws):
        venue.drawn_fill[k] = 0


@kernel
def draws_join(verbs: Any, venue: Any, slot: int, lots: int) -> None:
    """Let the draws stand behind `lots`."""
    first = _first(venue, slot)
    for k in range(first, first + venue.settings.draws):
        verbs[JOIN](venue.draw[k], venue.settings, float(lots))


@kernel
def draws_adopt(verbs: Any, venue: Any, slot: int, level: int) -> None:
    """Let the draws stand behind the orders of a watched level."""
    first = _first(venue, slot)
    for k in range(first, first + venue.settings.draws):
        verbs[ADOPT](venue.draw[k], venue.settings, venue.level[level])


@kernel
def draws_depth(verbs: Any, venue: Any, slot: int, previous: int, lots: int) -> None:
    """Tell the draws that are not filled that their level went to `lots`."""
    first = _first(venue, slot)
    for k in range(first, first + venue.settings.draws):
        if venue.drawn_fill[k] == 0:
            verbs[DEPTH_CHANGED](venue.draw[k], venue.settings, previous, lots)


@kernel
def draws_cap(verbs: Any, venue: Any, slot: int, lots: int) -> None:
    """Tell the draws that their level is seen again."""
    first = _first(venue, slot)
    for k in range(first, first + venue.settings.draws):
        if venue.drawn_fill[k] == 0:
            verbs[CAP](venue.draw[k], venue.settings, lots)


@kernel
def draws_trade(verbs: Any, venue: Any, slot: int, lots: int) -> tuple[float, float]:
    """Match `lots` in every draw not filled before.

    Returns
    -------
    tuple of float
        Share of these draws that it fills, -1 if none is left; mean of their lots ahead.
    """
    first = _first(venue, slot)
    left = 0
    hit = 0
    ahead = 0.0
    for k in range(first, first + venue.settings.draws):
        if venue.drawn_fill[k] == 0:
            state = venue.draw[k]
            left += 1
            ahead += float(state.ahead)
            verbs[TRADED](state, venue.settings, lots)
            if verbs[FILLED_LOTS](state, venue.settings) > 0:
                venue.drawn_fill[k] = 1
                hit += 1
    if left == 0:
        return -1.0, 0.0
    return hit / left, ahead / left


@kernel
def log_prediction(
    venue: Any, out: Any, id: int, chance: float, is_filled: int, ahead: float, mean: float
) -> None:
    """Write what the draws said of a print, and what the path did."""
    row = out.predictions[out.n_predictions]
    row.ts = venue.now
    row.id = id
    row.probability = chance
    row.filled = is_filled
    row.ahead = ahead
    row.ahead_mean = mean
    out.n_predictions += 1
