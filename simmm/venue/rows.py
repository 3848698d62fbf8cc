"""What one row of the tape does at the exchange, by its kind."""

from typing import Any

from simmm.book import forget, key_of, set_best, set_depth, set_image
from simmm.jit import kernel
from simmm.records import (
    BBO,
    CONTEXT,
    DEPTH,
    FIRST,
    FUNDING,
    GAP,
    KIND_MASK,
    MARK,
    NO_ASK,
    NO_KEY,
    ORACLE,
    SNAPSHOT,
    TRADE,
)
from simmm.venue.fills import on_crossing, on_trade
from simmm.venue.levels import learn_size, on_level, shown_before
from simmm.venue.liquidation import watch_margin
from simmm.venue.watching import watch_level, watch_trade


@kernel
def apply_row(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    tag: int,
    px: int,
    lots: int,
) -> None:
    """Apply one row of any kind."""
    kind = tag & KIND_MASK
    side = (tag >> 3) & 1
    if kind == DEPTH:
        key = key_of(side, px)
        venue.dirty |= key >= book.bound[side]
        _look(verbs, venue, book, tag, side, px, lots)
        near = (
            key == venue.own_key[side]
            or key >= -venue.own_key[1 - side]
            or venue.deep[side] != 0
            or venue.n_taken > 0
        )
        if near:
            on_level(verbs, venue, book, tag, side, px, lots)
        set_depth(book, side, px, lots)
        if near and lots > 0:
            on_crossing(venue, mail, out, side, px, lots)
    elif kind == TRADE:
        if venue.level.size > 1:
            watch_trade(verbs, venue, 1 - side, px, lots)
        # A buyer (side 1) meets own asks.
        if key_of(side, px) >= -venue.own_key[1 - side]:
            on_trade(verbs, venue, mail, out, tag, px, lots)
    elif kind in (SNAPSHOT, BBO):
        _level_row(verbs, venue, book, mail, out, tag, side, px, lots)
    elif kind == GAP:
        venue.gaps += 1
        forget(book)
        venue.dirty = 1
    elif kind == CONTEXT:
        _context(venue, book, mail, out, px, lots)


@kernel
def _context(venue: Any, book: Any, mail: Any, out: Any, figure: int, what: int) -> None:
    """Take note of a figure that the venue publishes."""
    account = venue.account
    if what == MARK:
        account.mark = figure
        account.mark_told = 1
        watch_margin(venue, book, mail, out)
    elif what == ORACLE:
        account.oracle = figure
    elif what == FUNDING:
        account.funding_rate_e12 = figure
        account.funding_known = 1


@kernel
def _look(verbs: Any, venue: Any, book: Any, tag: int, side: int, px: int, lots: int) -> None:
    """Let the queue model look at a level, ours or not; before the row is applied to `book`."""
    if venue.settings.learns:
        learn_size(verbs, venue, book, tag, side, px, lots)
    if venue.level.size > 1:
        continued = tag & KIND_MASK == SNAPSHOT and not tag & FIRST
        watch_level(verbs, venue, side, px, shown_before(book, side, px, continued), lots)


@kernel
def _level_row(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    tag: int,
    is_bid: int,
    px: int,
    lots: int,
) -> None:
    """Apply one row of an image or a bbo."""
    continued = tag & KIND_MASK == SNAPSHOT and not tag & FIRST
    if continued:
        key = key_of(is_bid, px)
        own_key = venue.own_key[is_bid]
        near = key >= -venue.own_key[1 - is_bid] or (
            key <= own_key and (own_key < book.image_key or venue.deep[is_bid] != 0)
        )
    else:
        venue.dirty = 1
        near = venue.n_bids + venue.n_asks > 0
    near = near or venue.n_taken > 0
    if lots <= 0 and not continued:
        px = 0 if is_bid else NO_ASK  # an empty side is empty at every price
    elif lots > 0:
        _look(verbs, venue, book, tag, is_bid, px, lots)
    if near:
        on_level(verbs, venue, book, tag, is_bid, px, lots)
    if tag & KIND_MASK == SNAPSHOT:
        set_image(book, tag, is_bid, px, lots)
    else:
        set_best(book, is_bid, px, lots)
        book.bbo_ts = venue.row_ts
        book.bbo_key[is_bid] = key_of(is_bid, px) if lots > 0 else NO_KEY
    if near and lots > 0:
        on_crossing(venue, mail, out, is_bid, px, lots)


@kernel
def apply_late_row(
    verbs: Any,
    venue: Any,
    book: Any,
    mail: Any,
    out: Any,
    tag: int,
    px: int,
    lots: int,
) -> None:
    """Apply one row of a late packet: what the newest bbo has overtaken touches nothing there."""
    kind = tag & KIND_MASK
    side = (tag >> 3) & 1
    if kind in (DEPTH, SNAPSHOT, BBO):
        venue.dirty = 1
    if kind in (DEPTH, SNAPSHOT):
        best_key = book.bbo_key[side]
        if venue.row_ts < book.bbo_ts and best_key != -NO_KEY:
            if tag & FIRST and kind == SNAPSHOT:
                # The rest of the image begins below the bbo.
                book.image_edge = book.edge[side]
                book.image_key = best_key
                tag &= 255 - FIRST
            if key_of(side, px) >= best_key:
                return
    apply_row(verbs, venue, book, mail, out, tag, px, lots)
