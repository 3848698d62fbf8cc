"""The maker's view of the market: its delayed books, and the touch before each block."""

from typing import Any

from simmm.book import forget, key_of, set_best, set_depth, set_image
from simmm.images import pass_image
from simmm.jit import kernel
from simmm.reading import (
    px_of,
    qty_of,
    tag_of,
)
from simmm.records import (
    BBO,
    BLOCKS,
    DEPTH,
    FIRST,
    GAP,
    KIND_MASK,
    NO_KEY,
    SNAPSHOT,
)


@kernel
def see_level(book: Any, tag: int, px: int, lots: int, packet_ts: int) -> None:
    """Apply a level row as it arrives; what the newest bbo has overtaken touches nothing.

    Rows of depth and images older than the newest bbo say nothing about prices at or beyond it.
    """
    kind = tag & KIND_MASK
    side = (tag >> 3) & 1
    stale = packet_ts < book.bbo_ts
    if kind == BBO:
        if stale:
            return
        set_best(book, side, px, lots)
        book.bbo_ts = packet_ts
        book.bbo_key[side] = key_of(side, px) if lots > 0 else NO_KEY
    elif not stale or book.bbo_key[side] == -NO_KEY:
        if kind == DEPTH:
            set_depth(book, side, px, lots)
        elif kind == SNAPSHOT:
            set_image(book, tag, side, px, lots)
    elif kind == DEPTH:
        if key_of(side, px) < book.bbo_key[side]:
            set_depth(book, side, px, lots)
    elif kind == SNAPSHOT:
        if tag & FIRST:
            book.image_key = book.bbo_key[side]
        if key_of(side, px) < book.bbo_key[side]:
            set_image(book, tag & (255 - FIRST), side, px, lots)


@kernel
def see_rows(book: Any, window: Any, row: int, end: int, packet_ts: int) -> None:
    """Apply the rows of a packet that holds levels (or a gap) to a book of the maker."""
    while row < end:
        tag = tag_of(window, row)
        kind = tag & KIND_MASK
        if kind == SNAPSHOT and not tag & FIRST:
            passed = row
            side = (tag >> 3) & 1
            ceiling = -NO_KEY
            if packet_ts < book.bbo_ts:
                ceiling = book.bbo_key[side]
            row = pass_image(book, side, window, row, end, NO_KEY, ceiling)
            if row > passed:
                continue
        if kind == GAP:
            forget(book)
        else:
            see_level(book, tag, px_of(window, row), qty_of(window, row), packet_ts)
        row += 1


@kernel
def remember_block(maker: Any, packet_ts: int) -> None:
    """Keep the touch from before the block `packet_ts`, which changes it, if that block is new."""
    if packet_ts <= maker.newest_block_ts:
        return
    maker.newest_block_ts = packet_ts
    k = maker.block_head & (BLOCKS - 1)
    maker.block_ts[k] = packet_ts
    maker.block_bid[k] = maker.touch_bid
    maker.block_ask[k] = maker.touch_ask
    maker.block_head += 1


@kernel
def block_before(maker: Any, packet_ts: int) -> int:
    """Return the place of the earliest remembered block not before `packet_ts`; -1 if none.

    Its touch is the one in force just before `packet_ts`, however late the packet itself comes; if
    there is none, that is the touch as it stands.
    """
    found = -1
    first = max(0, maker.block_head - BLOCKS)
    n = maker.block_head - 1
    while n >= first and maker.block_ts[n & (BLOCKS - 1)] >= packet_ts:
        found = n & (BLOCKS - 1)
        n -= 1
    return found
