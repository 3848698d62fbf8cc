"""L2 book of one market in a ring of prices.

Rule 1: a book knows what was shown, what is empty, and what is *unknown*; a level that left the
visible window is unknown, never empty. Rule 2: it knows neither time nor own orders.

Both sides are one code: a price is turned into a *key* that grows as the price gets better, the
price itself for bids (side 1) and its negative for asks (side 0). A cell holds the lots others
show at (price, side), or -1 for unknown. Per side:

- `edge`: keys below are unknown, whatever the cell says.
- `top`: the best key shown since an image or a bbo last said where the side begins; keys above are
  empty, whatever the cell says. `NO_KEY`, after a gap or in an empty side: the cells tell.
- `bound`: no level is above. It is lazy: rows only raise it, `best` lowers it when somebody asks,
  and that nobody can see.
"""

from typing import Any

from simmm.jit import kernel
from simmm.records import FIRST, NO_ASK, NO_BID, NO_KEY

UNKNOWN = -1


@kernel
def clear(book: Any) -> None:
    """Make `book` know nothing."""
    book.low = NO_ASK
    forget(book)
    book.bbo_ts = 0
    book.bbo_key[0] = -NO_KEY  # no bbo yet
    book.bbo_key[1] = -NO_KEY
    book.image_key = 0
    book.image_edge = 0
    book.dropped = 0


@kernel
def forget(book: Any) -> None:
    """After a gap: every level is unknown until it is shown again."""
    for side in range(2):
        book.bound[side] = NO_KEY
        book.top[side] = NO_KEY
        book.edge[side] = -NO_KEY


@kernel
def key_of(side: int, px: int) -> int:
    """Return the key of a price on a side (1 bid, 0 ask); applied twice, the price again."""
    return px if side else -px


@kernel
def cell_of(book: Any, side: int, px: int) -> int:
    """Return the place of (price, side) among the cells."""
    return ((px & (book.cells.size // 2 - 1)) << 1) | side


@kernel
def in_window(book: Any, px: int) -> bool:
    """Return whether the ring holds price `px` (quanta)."""
    return px >= book.low and px < book.low + book.cells.size // 2


@kernel
def shown(book: Any, side: int, px: int) -> int:
    """Return the lots others show at `px`, 0 if known to be empty, -1 if unknown."""
    return shown_within(book, side, px, book.edge[side])


@kernel
def shown_within(book: Any, side: int, px: int, edge: int) -> int:
    """Return what `shown` would, were `edge` the side's edge."""
    key = key_of(side, px)
    if not in_window(book, px) or key < edge:
        return UNKNOWN
    top = book.top[side]
    if key > top and top != NO_KEY:
        return 0
    return book.cells[cell_of(book, side, px)]


@kernel
def best(book: Any, side: int) -> int:
    """Tighten and return the best price of a side in quanta, `NO_BID` or `NO_ASK` if unknown."""
    key = book.bound[side]
    if key != NO_KEY:
        floor = max(book.edge[side], _worst_key(book, side))
        while key >= floor:
            if book.cells[cell_of(book, side, key_of(side, key))] > 0:
                book.bound[side] = key
                return key_of(side, key)
            key -= 1
        book.bound[side] = NO_KEY
    return NO_BID if side else NO_ASK


@kernel
def best_bid(book: Any) -> int:
    """Return the best bid in quanta, `NO_BID` if none is known."""
    return best(book, 1)


@kernel
def best_ask(book: Any) -> int:
    """Return the best ask in quanta, `NO_ASK` if none is known."""
    return best(book, 0)


@kernel
def set_depth(book: Any, side: int, px: int, lots: int) -> None:
    """Apply one row of depth: the level at `px` now shows `lots`."""
    if not in_window(book, px) and not _fit(book, side, px, lots):
        return
    key = key_of(side, px)
    if lots > 0 and key > book.bound[side]:
        _raise_bound(book, side, key)
    edge = book.edge[side]
    if key < edge:
        _fill(book, side, key + 1, edge - 1, UNKNOWN)
        book.edge[side] = key
    book.cells[cell_of(book, side, px)] = lots


@kernel
def set_best(book: Any, side: int, px: int, lots: int) -> None:
    """Apply one side of a bbo row: nothing better than `px` exists; no lots: the side is empty."""
    if lots <= 0:
        _empty_side(book, side)
        return
    if not in_window(book, px) and not _fit(book, side, px, lots):
        _empty_side(book, side)  # all that the window holds is better than the best
        return
    key = key_of(side, px)
    if key > book.top[side]:
        _raise_bound(book, side, key)
    _fill(book, side, key + 1, book.top[side], 0)
    book.bound[side] = key
    book.top[side] = key
    book.edge[side] = min(book.edge[side], key)
    book.cells[cell_of(book, side, px)] = lots


@kernel
def set_image(book: Any, tag: int, side: int, px: int, lots: int) -> None:
    """Apply one row of an image; rows of a side run best to worst, `FIRST` marks the first."""
    key = key_of(side, px)
    if tag & FIRST:
        book.image_edge = book.edge[side]
        book.image_key = key
        if lots > 0:
            book.edge[side] = key
        set_best(book, side, px, lots)
        return
    if not in_window(book, px):
        book.dropped += 1
        return
    _fill(book, side, key + 1, book.image_key - 1, 0)
    # Between an image that begins late and a higher edge nothing is known.
    _fill(book, side, book.image_key, book.edge[side] - 1, UNKNOWN)
    book.edge[side] = key
    book.image_key = key
    # An image that a newer bbo overtook may begin below what is left.
    book.bound[side] = max(book.bound[side], key)
    if book.top[side] != NO_KEY:
        book.top[side] = max(book.top[side], key)
    book.cells[cell_of(book, side, px)] = lots


@kernel
def _worst_key(book: Any, side: int) -> int:
    """Return the worst key the window holds."""
    return book.low if side else -(book.low + book.cells.size // 2 - 1)


@kernel
def _raise_bound(book: Any, side: int, key: int) -> None:
    """A level above the bound: what lies between it and the top was better than the top: empty."""
    book.bound[side] = key
    if key <= book.top[side]:
        return
    px = key_of(side, key)
    half = book.cells.size // 4
    into = px - book.low
    if into < half // 2 or into >= half + half // 2:
        _slide(book, px - half)
    book.bound[side] = key
    if book.top[side] != NO_KEY:  # else nobody said where the side begins
        _fill(book, side, book.top[side] + 1, key - 1, 0)
        book.top[side] = key


@kernel
def _fit(book: Any, side: int, px: int, lots: int) -> bool:
    """Move the window to `px` if the row is a new best, else drop the row; return whether it fits.

    Far levels must not drag the window away from the touch.
    """
    better = key_of(side, px) > book.top[side]
    if px > 0 and (book.low == NO_ASK or (lots > 0 and better)):
        _slide(book, px - book.cells.size // 4)
        return True
    book.dropped += 1
    return False


@kernel
def _slide(book: Any, low: int) -> None:
    """Move the window to start at `low`; prices that enter are unknown."""
    window = book.cells.size // 2
    low = max(low, 0)
    if book.low == NO_ASK or low >= book.low + window or low + window <= book.low:
        for k in range(2 * window):
            book.cells[k] = UNKNOWN
    else:
        first = book.low + window if low > book.low else low
        after = low + window if low > book.low else book.low
        for px in range(first, after):
            book.cells[cell_of(book, 0, px)] = UNKNOWN
            book.cells[cell_of(book, 1, px)] = UNKNOWN
    book.low = low
    # What the window no longer holds is unknown; tops and bounds outside it mean nothing.
    for side in range(2):
        if book.edge[side] != -NO_KEY:
            book.edge[side] = max(book.edge[side], _worst_key(book, side))
        if not in_window(book, key_of(side, book.top[side])):
            book.top[side] = NO_KEY
        if not in_window(book, key_of(side, book.bound[side])):
            book.bound[side] = NO_KEY


@kernel
def _empty_side(book: Any, side: int) -> None:
    """The side was shown without a level: all of it is empty."""
    if book.low == NO_ASK:
        return
    worst = _worst_key(book, side)
    _fill(book, side, worst, worst + book.cells.size // 2 - 1, 0)
    book.bound[side] = NO_KEY
    book.top[side] = NO_KEY
    book.edge[side] = worst


@kernel
def _fill(book: Any, side: int, first_key: int, last_key: int, lots: int) -> None:
    """Write `lots` into the cells of keys first..last, as far as the window goes."""
    worst = _worst_key(book, side)
    first_key = max(first_key, worst)
    last_key = min(last_key, worst + book.cells.size // 2 - 1)
    for key in range(first_key, last_key + 1):
        book.cells[cell_of(book, side, key_of(side, key))] = lots
