"""The maker's view of the market: its delayed books, and each block's mid before the block."""

from typing import Any

from simmm.book import best_ask, best_bid, forget, set_best, set_depth, set_image
from simmm.jit import kernel
from simmm.records import BBO, BLOCKS, DEPTH, FIRST, GAP, KIND_MASK, NO_ASK, NO_BID, SNAPSHOT


@kernel
def see_level(book: Any, tag: int, px: int, lots: int, packet_ts: int) -> None:
    """Apply a level row as it arrives; what the newest bbo has overtaken touches nothing.

    Rows of depth and images older than the newest bbo say nothing about prices at or beyond it.
    """
    kind = tag & KIND_MASK
    is_bid = (tag >> 3) & 1
    stale = packet_ts < book.bbo_ts
    if kind == BBO:
        if stale:
            return
        set_best(book, is_bid, px, lots)
        book.bbo_ts = packet_ts
        if is_bid:
            book.bbo_bid = px if lots > 0 else NO_BID
        else:
            book.bbo_ask = px if lots > 0 else NO_ASK
    elif not stale:
        if kind == DEPTH:
            set_depth(book, is_bid, px, lots)
        elif kind == SNAPSHOT:
            set_image(book, tag, is_bid, px, lots)
    elif kind == DEPTH:
        if (is_bid and px < book.bbo_bid) or (not is_bid and px > book.bbo_ask):
            set_depth(book, is_bid, px, lots)
    elif kind == SNAPSHOT:
        if tag & FIRST:
            book.image_px = book.bbo_bid if is_bid else book.bbo_ask
        if (is_bid and px < book.bbo_bid) or (not is_bid and px > book.bbo_ask):
            set_image(book, tag & (255 - FIRST), is_bid, px, lots)


@kernel
def see_rows(
    book: Any,
    window: Any,
    row: int,
    end: int,
    packet_ts: int,
) -> None:
    """Apply the rows of a packet that holds levels (or a gap) to the maker's book."""
    mask = window.tag.size - 1
    if packet_ts >= book.bbo_ts:
        for i in range(row, end):
            k = i & mask
            tag = window.tag[k]
            if tag & KIND_MASK == DEPTH:
                set_depth(book, (tag >> 3) & 1, window.px[k], window.qty[k])
            elif tag & KIND_MASK == GAP:
                forget(book)
            else:
                see_level(book, tag, window.px[k], window.qty[k], packet_ts)
    else:
        for i in range(row, end):
            k = i & mask
            if window.tag[k] & KIND_MASK == GAP:
                forget(book)
            else:
                see_level(book, window.tag[k], window.px[k], window.qty[k], packet_ts)


@kernel
def remember_block(maker: Any, book: Any, packet_ts: int) -> None:
    """Keep the mid from before the block `packet_ts`, if that block is new."""
    if packet_ts <= maker.newest_block_ts:
        return
    maker.newest_block_ts = packet_ts
    bid = best_bid(book)
    ask = best_ask(book)
    k = maker.block_head & (BLOCKS - 1)
    maker.block_ts[k] = packet_ts
    if bid == NO_BID or ask == NO_ASK:
        maker.block_mid2[k] = 0
        maker.block_spread[k] = 0
    else:
        maker.block_mid2[k] = bid + ask
        maker.block_spread[k] = ask - bid
    maker.block_head += 1


@kernel
def block_before(maker: Any, packet_ts: int) -> int:
    """Return the place of the earliest remembered block not before `packet_ts`; -1 if none.

    Its mid is the one in force just before `packet_ts`, however late the packet itself comes.
    """
    found = -1
    first = max(0, maker.block_head - BLOCKS)
    n = maker.block_head - 1
    while n >= first and maker.block_ts[n & (BLOCKS - 1)] >= packet_ts:
        found = n & (BLOCKS - 1)
        n -= 1
    return found
