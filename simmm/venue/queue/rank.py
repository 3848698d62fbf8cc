"""The rank law: cancels take whole orders, mostly young ones.

State is a list of the orders of others at our price, oldest first, as we imagine it: those before
our order, then those behind. A trade takes from the front. A level that grew has one more order
at the back. A level that shrank by more than traded lost one order, drawn with weight
``(1 + rank)^-alpha``, where rank counts the younger orders; where the tape shows each change an
order of exactly the cancelled size weighs 1, a larger one `kappa`, a smaller one nothing.

What stood before us when we joined isn't known order by order: its sizes are drawn from those of
orders that were added to the touch before. A queue too long for the list is followed by its two
sums alone, with the same law in closed form (the form `rank_scalar` does so always).
`rank_tracked` keeps lists of levels before we join them.

What is drawn depends on the stream of the state alone: one state is a path, several are a
distribution.

Source: fitted to order-by-order data of CME ES, carried over unchanged to AAPL (Nasdaq) and
Bitstamp BTCUSD; docs/fill-model.md gives figures and limits.
"""

from typing import Any

import numpy as np

from simmm.jit import kernel
from simmm.math import log, mix, power, uniform
from simmm.venue_records import QUEUE_LIST

LIST = QUEUE_LIST
ROOM = 64  # places left for orders that come behind us
TRIES = 8  # draws by rank before all weights are added up
FEW_ADDS = 8  # with fewer sizes learned a queue is cut into this many orders
RANK, RANK_TRACKED, RANK_SCALAR = range(100, 103)
LEVELS = 512  # levels that `rank_tracked` watches
NAME = "rank"
ASSUMES = "a cancel takes a whole order, mostly a young one; sizes tell which where they are shown"
FORMULA = "1 - (sum over those ahead of (1 + younger)^-alpha kappa^larger) / (the same over all)"
PARAMETERS = ("alpha", "log_kappa", "draws")
COST = "grows with the orders of the level"
EXPONENTS = (1.25, -2.0)  # alpha, log kappa

State = np.dtype(
    [
        ("ahead", "i8"),  # lots others have before us
        ("behind", "i8"),  # lots others have behind us
        ("beyond", "i8"),  # lots matched past the queue and not yet told by `filled`
        ("traded", "i8"),  # lots matched here since the level was last shown
        ("scalar", "i8"),  # 1: the sums alone are kept
        ("first", "i8"),  # the oldest order is lots[first]
        ("own", "i8"),  # those from here on are behind us
        ("end", "i8"),  # one past the youngest
        ("key", "i8"),  # stream of random numbers
        ("draws", "i8"),  # drawn so far
        ("lots", "i8", (LIST,)),
    ],
    align=True,
)


@kernel
def begin(state: Any, settings: Any, stream: int) -> None:
    """Give the state its own stream of random numbers; nothing is queued."""
    state.key = mix(settings.key, stream)
    state.draws = 0
    _clear(state, settings)


@kernel
def join(state: Any, settings: Any, ahead: float) -> None:
    """Enter the queue behind `ahead` lots, cut into orders like those seen before."""
    _clear(state, settings)
    lots = int(ahead)
    state.ahead = lots
    if state.scalar == 0 and not _cut(state, settings, lots, LIST - ROOM):
        state.scalar = 1
    state.own = state.end


@kernel
def adopt(state: Any, settings: Any, level: Any) -> None:
    """Enter the queue behind all orders of a level that was watched."""
    _clear(state, settings)
    state.ahead = level.ahead
    state.scalar = level.scalar
    for k in range(level.first, level.end):
        state.lots[state.end] = level.lots[k]
        state.end += 1
    state.own = state.end


@kernel
def trade(state: Any, settings: Any, lots: int) -> None:
    """`lots` were matched at our price, from the front."""
    state.traded += lots
    if lots > state.ahead:
        state.beyond += lots - state.ahead
    from_ahead = min(lots, state.ahead)
    from_behind = min(lots - from_ahead, state.behind)
    state.ahead -= from_ahead
    state.behind -= from_behind
    if state.scalar:
        return
    left = from_ahead + from_behind
    while left > 0 and state.first < state.end:
        order = state.lots[state.first]
        if order > left:
            state.lots[state.first] = order - left
            left = 0
        else:
            left -= order
            state.first += 1
    state.own = max(state.own, state.first)


@kernel
def depth(state: Any, settings: Any, previous: int, shown: int) -> None:
    """The level shows `shown` lots: what trades don't explain is one order more, or one less."""
    state.traded = 0
    change = shown - state.ahead - state.behind
    if change > 0:
        _append(state, change)
    elif change < 0:
        _cancel(state, settings, -change)


@kernel
def cap(state: Any, settings: Any, shown: int) -> None:
    """The level is seen again after it was out of view: keep our place, within what is shown."""
    state.traded = 0
    ahead = min(state.ahead, shown)
    if state.scalar == 0:
        _move_down(state)
        state.end = state.own
        over = state.ahead - ahead
        while over > 0:
            order = state.lots[state.end - 1]
            cut = min(order, over)
            state.lots[state.end - 1] = order - cut
            over -= cut
            if cut == order:
                state.end -= 1
        state.own = state.end
        if not _cut(state, settings, shown - ahead, LIST):
            state.scalar = 1
    state.ahead = ahead
    state.behind = shown - ahead


@kernel
def filled(state: Any, settings: Any) -> int:
    """Return the lots matched beyond the queue since the last call."""
    lots = state.beyond
    state.beyond = 0
    return lots


@kernel
def watch(state: Any, settings: Any, previous: int, shown: int) -> None:
    """A level on which we may join later went from `previous` to `shown` lots."""
    if state.ahead + min(state.traded, previous) != previous:
        join(state, settings, float(previous))
    depth(state, settings, previous, shown)
    state.ahead += state.behind
    state.behind = 0
    state.own = state.end
    state.beyond = 0


@kernel
def learn(settings: Any, lots: int) -> None:
    """An order of `lots` was added to a touch."""
    k = settings.adds & (settings.sizes.size - 1)
    settings.sizes_sum += lots - settings.sizes[k]
    settings.sizes[k] = lots
    settings.adds += 1


@kernel
def _clear(state: Any, settings: Any) -> None:
    state.ahead = 0
    state.behind = 0
    state.beyond = 0
    state.traded = 0
    state.scalar = 1 if settings.form == RANK_SCALAR else 0
    state.first = 0
    state.own = 0
    state.end = 0


@kernel
def _draw(state: Any) -> float:
    """Return the next random number of the state's stream, in [0, 1)."""
    state.draws += 1
    return uniform(state.key, state.draws)


@kernel
def _cut(state: Any, settings: Any, lots: int, places: int) -> bool:
    """Append orders of drawn sizes that sum to `lots`; False if they need more than `places`."""
    known = min(settings.adds, settings.sizes.size)
    start = state.end
    while lots > 0:
        if state.end >= places:
            return False
        size = lots
        if known > 0:
            size = settings.sizes[int(_draw(state) * known)]
        elif state.end - start < FEW_ADDS - 1:
            size = max(lots // (FEW_ADDS - (state.end - start)), 1)
        size = min(size, lots)
        state.lots[state.end] = size
        state.end += 1
        lots -= size
    return True


@kernel
def _append(state: Any, lots: int) -> None:
    """One more order at the back."""
    state.behind += lots
    if state.scalar:
        return
    if state.end == LIST:
        _move_down(state)
    if state.end == LIST:
        state.scalar = 1
        return
    state.lots[state.end] = lots
    state.end += 1


@kernel
def _move_down(state: Any) -> None:
    """Make room at the end of the list: the places of orders that are gone lie at its start."""
    for k in range(state.first, state.end):
        state.lots[k - state.first] = state.lots[k]
    state.own -= state.first
    state.end -= state.first
    state.first = 0


@kernel
def _cancel(state: Any, settings: Any, lots: int) -> None:
    """`lots` were cancelled: of one order or, if no order is that large, of several."""
    if state.scalar:
        _cancel_scalar(state, settings, lots)
        return
    if settings.exact:
        place = _victim(state, settings, lots)
        if place >= 0:
            _shrink(state, place, lots)
            return
    while lots > 0 and state.first < state.end:
        place = state.end - 1 - _rank(state, settings, state.end - state.first)
        cut = min(lots, state.lots[place])
        _shrink(state, place, cut)
        lots -= cut


@kernel
def _rank(state: Any, settings: Any, orders: int) -> int:
    """Draw how many orders are younger than the victim, of `orders`."""
    x = _draw(state) * settings.cumulative[orders]
    low = 0
    high = orders - 1
    if x < settings.cumulative[1]:
        return 0
    while low < high:
        middle = (low + high) // 2
        if x < settings.cumulative[middle + 1]:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def _victim(state: Any, settings: Any, lots: int) -> int:
    """Draw the place of the order that cancelled `lots`; -1 if none is that large.

    A draw by rank is kept with the weight of its size; after some that weren't, all weights are
    added up, which changes nothing about the law.
    """
    orders = state.end - state.first
    for _ in range(min(TRIES, orders)):
        place = state.end - 1 - _rank(state, settings, orders)
        order = state.lots[place]
        if order == lots or (order > lots and _draw(state) < settings.kappa):
            return place
    total = 0.0
    for rank in range(orders):
        total += _weight(state, settings, rank, lots)
    if not total > 0.0:
        return -1
    x = _draw(state) * total
    last = -1
    for rank in range(orders):
        weight = _weight(state, settings, rank, lots)
        if weight > 0.0:
            last = state.end - 1 - rank
            x -= weight
            if x < 0.0:
                return last
    return last


@kernel
def _weight(state: Any, settings: Any, rank: int, lots: int) -> float:
    order = state.lots[state.end - 1 - rank]
    if order < lots:
        return 0.0
    weight = settings.cumulative[rank + 1] - settings.cumulative[rank]
    return weight if order == lots else weight * settings.kappa


@kernel
def _shrink(state: Any, place: int, lots: int) -> None:
    """Take `lots` off the order at `place`; an order with nothing left is gone."""
    if place < state.own:
        state.ahead -= lots
    else:
        state.behind -= lots
    state.lots[place] -= lots
    if state.lots[place] == 0:
        for k in range(place, state.end - 1):
            state.lots[k] = state.lots[k + 1]
        state.end -= 1
        if place < state.own:
            state.own -= 1


@kernel
def _cancel_scalar(state: Any, settings: Any, lots: int) -> None:
    """The law in closed form: all of it from before us or all from behind, where that fits."""
    known = min(settings.adds, settings.sizes.size)
    typical = float(max(state.ahead + state.behind, 1)) / FEW_ADDS
    if known > 0:
        typical = max(float(settings.sizes_sum) / known, 1.0)
    behind = mass(settings, state.behind / typical)
    everywhere = mass(settings, (state.ahead + state.behind) / typical)
    from_ahead = 0
    if lots > state.behind:
        from_ahead = min(lots, state.ahead)
    elif lots <= state.ahead and _draw(state) * everywhere >= behind:
        from_ahead = lots
    state.ahead -= from_ahead
    state.behind -= lots - from_ahead


@kernel
def mass(settings: Any, orders: float) -> float:
    """Return the sum of ``(1 + j)^-alpha`` over j < `orders`, any number at least 0.

    Between whole numbers linear; beyond the table by the integral.
    """
    if orders < LIST:
        whole = int(orders)
        low = settings.cumulative[whole]
        return low + (orders - whole) * (settings.cumulative[whole + 1] - low)
    rest = 1.0 - settings.alpha
    start = LIST + 0.5
    if abs(rest) < 1e-9:
        return settings.cumulative[LIST] + log((orders + 0.5) / start)
    tail = (power(orders + 0.5, rest) - power(start, rest)) / rest
    return settings.cumulative[LIST] + tail


def cumulative(alpha: float) -> np.ndarray:
    """Return the sums of ``(1 + j)^-alpha`` over j < n, for n = 0, ..., `LIST`."""
    sums = np.zeros(LIST + 1)
    for n in range(LIST):
        sums[n + 1] = sums[n] + power(1.0 + n, -alpha)
    return sums
