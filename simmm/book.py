"""L2 book of one market in a ring of prices.

Rule 1: a book knows what was shown, what is empty, and what is *unknown*; a level that left the
visible window is unknown, never empty. Rule 2: it knows neither time nor own orders.

A cell holds the lots others show at (price, side), or -1 for unknown. Cells outside
[`bid_edge`, `top_bid`] and [`top_ask`, `ask_edge`] hold leftovers, whatever they say: beyond the
edge is unknown, and better than the top is empty. The top is the best price shown since an image
or a bbo last said where the side begins. `high_bid` and `low_ask` are lazy bounds of the best
prices: rows only widen them, `best_bid` and `best_ask` tighten them when somebody asks, and that
nobody can see.
"""

from typing import Any

from simmm.jit import kernel
from simmm.records import FIRST, NO_ASK, NO_BID

UNKNOWN = -1


@kernel
def clear(book: Any) -> None:
    """Make `book` know nothing."""
    book.low = NO_ASK
    forget(book)
    book.bbo_ts = 0
    book.bbo_bid = NO_BID
    book.bbo_ask = NO_ASK
    book.image_px = 0
    book.image_edge = 0
    book.dropped = 0


@kernel
def forget(book: Any) -> None:
    """After a gap: every level is unknown until it is shown again."""
    book.high_bid = NO_BID
    book.low_ask = NO_ASK
    book.top_bid = NO_BID
    book.top_ask = NO_ASK
    book.bid_edge = NO_ASK
    book.ask_edge = NO_BID


@kernel
def in_window(book: Any, px: int) -> bool:
    """Return whether the ring holds price `px` (quanta)."""
    return px >= book.low and px < book.low + book.cells.size // 2


@kernel
def shown(book: Any, is_bid: int, px: int) -> int:
    """Return the lots others show at `px`, 0 if known to be empty, -1 if unknown."""
    if not in_window(book, px):
        return UNKNOWN
    if is_bid:
        if px < book.bid_edge:
            return UNKNOWN
        if px > book.top_bid and book.top_bid != NO_BID:
            return 0
    else:
        if px > book.ask_edge:
            return UNKNOWN
        if px < book.top_ask and book.top_ask != NO_ASK:
            return 0
    return book.cells[((px & (book.cells.size // 2 - 1)) << 1) | is_bid]


@kernel
def best_bid(book: Any) -> int:
    """Tighten and return the best bid in quanta, `NO_BID` if none is known."""
    mask = book.cells.size // 2 - 1
    floor = max(book.bid_edge, book.low)
    px = book.high_bid
    while px >= floor:
        if book.cells[((px & mask) << 1) | 1] > 0:
            book.high_bid = px
            return px
        px -= 1
    if book.high_bid >= floor:
        book.high_bid = floor - 1
    return NO_BID


@kernel
def best_ask(book: Any) -> int:
    """Tighten and return the best ask in quanta, `NO_ASK` if none is known."""
    mask = book.cells.size // 2 - 1
    ceiling = min(book.ask_edge, book.low + book.cells.size // 2 - 1)
    px = book.low_ask
    while px <= ceiling:
        if book.cells[(px & mask) << 1] > 0:
            book.low_ask = px
            return px
        px += 1
    if book.low_ask <= ceiling:
        book.low_ask = ceiling + 1
    return NO_ASK


@kernel
def set_depth(book: Any, is_bid: int, px: int, lots: int) -> None:
    """Apply one row of depth: the level at `px` now shows `lots`."""
    if not in_window(book, px) and not _fit(book, is_bid, px, lots):
        return
    if is_bid:
        if lots > 0 and px > book.high_bid:
            _raise_bid(book, px)
        if px < book.bid_edge:
            _fill(book, 1, px + 1, book.bid_edge - 1, UNKNOWN)
            book.bid_edge = px
    else:
        if lots > 0 and px < book.low_ask:
            _lower_ask(book, px)
        if px > book.ask_edge:
            _fill(book, 0, book.ask_edge + 1, px - 1, UNKNOWN)
            book.ask_edge = px
    book.cells[((px & (book.cells.size // 2 - 1)) << 1) | is_bid] = lots


@kernel
def set_best(book: Any, is_bid: int, px: int, lots: int) -> None:
    """Apply one side of a bbo row: nothing better than `px` exists; no lots: the side is empty."""
    if lots <= 0:
        _empty_side(book, is_bid)
        return
    if not in_window(book, px) and not _fit(book, is_bid, px, lots):
        return
    if is_bid:
        if px > book.top_bid:
            _raise_bid(book, px)
        _fill(book, 1, px + 1, book.top_bid, 0)
        book.high_bid = px
        book.top_bid = px
        if px < book.bid_edge:
            book.bid_edge = px
    else:
        if px < book.top_ask:
            _lower_ask(book, px)
        _fill(book, 0, book.top_ask, px - 1, 0)
        book.low_ask = px
        book.top_ask = px
        if px > book.ask_edge:
            book.ask_edge = px
    book.cells[((px & (book.cells.size // 2 - 1)) << 1) | is_bid] = lots


@kernel
def set_image(book: Any, tag: int, is_bid: int, px: int, lots: int) -> None:
    """Apply one row of an image; rows of a side run best to worst, `FIRST` marks the first."""
    if tag & FIRST:
        if lots <= 0:
            book.image_edge = book.bid_edge if is_bid else book.ask_edge
            _empty_side(book, is_bid)
            return
        if is_bid:
            book.image_edge = book.bid_edge
            book.bid_edge = px
        else:
            book.image_edge = book.ask_edge
            book.ask_edge = px
        book.image_px = px
        set_best(book, is_bid, px, lots)
        return
    if not in_window(book, px):
        book.dropped += 1
        return
    if is_bid:
        _fill(book, 1, px + 1, book.image_px - 1, 0)
        book.bid_edge = px
        # An image that a newer bbo overtook may begin below what is left.
        book.high_bid = max(book.high_bid, px)
        book.top_bid = max(book.top_bid, px)
    else:
        _fill(book, 0, book.image_px + 1, px - 1, 0)
        book.ask_edge = px
        book.low_ask = min(book.low_ask, px)
        book.top_ask = min(book.top_ask, px)
    book.image_px = px
    book.cells[((px & (book.cells.size // 2 - 1)) << 1) | is_bid] = lots


@kernel
def _raise_bid(book: Any, px: int) -> None:
    """A bid above the bound: what lies between it and the top was better than the top: empty."""
    book.high_bid = px
    if px <= book.top_bid:
        return
    half = book.cells.size // 4
    if px > book.low + half + half // 2:
        _slide(book, px - half)
    if book.top_bid != NO_BID:
        _fill(book, 1, book.top_bid + 1, px - 1, 0)
    book.high_bid = px
    book.top_bid = px


@kernel
def _lower_ask(book: Any, px: int) -> None:
    """An ask below the bound: what lies between it and the top was better than the top: empty."""
    book.low_ask = px
    if px >= book.top_ask:
        return
    half = book.cells.size // 4
    if px < book.low + half // 2:
        _slide(book, px - half)
    if book.top_ask != NO_ASK:
        _fill(book, 0, px + 1, book.top_ask - 1, 0)
    book.low_ask = px
    book.top_ask = px


@kernel
def _fit(book: Any, is_bid: int, px: int, lots: int) -> bool:
    """Move the window to `px` if the row is a new best, else drop the row; return whether it fits.

    Far levels must not drag the window away from the touch.
    """
    better = px > book.top_bid if is_bid else px < book.top_ask
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
        mask = window - 1
        for px in range(first, after):
            book.cells[(px & mask) << 1] = UNKNOWN
            book.cells[((px & mask) << 1) | 1] = UNKNOWN
    book.low = low
    # What the window no longer holds is unknown; bounds outside it mean nothing.
    if book.bid_edge != NO_ASK:
        book.bid_edge = max(book.bid_edge, low)
    if book.ask_edge != NO_BID:
        book.ask_edge = min(book.ask_edge, low + window - 1)
    if book.top_bid < low or book.top_bid >= low + window:
        book.top_bid = NO_BID
    if book.top_ask < low or book.top_ask >= low + window:
        book.top_ask = NO_ASK
    if book.high_bid < low or book.high_bid >= low + window:
        book.high_bid = NO_BID
    if book.low_ask < low or book.low_ask >= low + window:
        book.low_ask = NO_ASK


@kernel
def _empty_side(book: Any, is_bid: int) -> None:
    """The side was shown without a level: all of it is empty."""
    if book.low == NO_ASK:
        return
    top = book.low + book.cells.size // 2 - 1
    _fill(book, int(is_bid), book.low, top, 0)  # a tag's byte would overflow in plain Python
    if is_bid:
        book.high_bid = NO_BID
        book.top_bid = NO_BID
        book.bid_edge = book.low
    else:
        book.low_ask = NO_ASK
        book.top_ask = NO_ASK
        book.ask_edge = top


@kernel
def _fill(book: Any, is_bid: int, first: int, last: int, lots: int) -> None:
    """Write `lots` into the cells of prices first..last, as far as the window goes."""
    window = book.cells.size // 2
    mask = window - 1
    first = max(first, book.low)
    last = min(last, book.low + window - 1)
    for px in range(first, last + 1):
        book.cells[((px & mask) << 1) | is_bid] = lots
