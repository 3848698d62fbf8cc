"""The maker's view of the market: its delayed books, and each block's mid before the block."""

from typing import Any

import numpy as np

from simmm.book import best_ask, best_bid, forget, key_of, set_best, set_depth, set_image
from simmm.jit import kernel
from simmm.records import (
    BBO,
    BLOCKS,
    DEPTH,
    FIRST,
    GAP,
    INFO_END,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    NO_ASK,
    NO_BID,
    NO_KEY,
    SNAPSHOT,
    TRADE,
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
    mask = window.tag.size - 1
    for i in range(row, end):
        k = i & mask
        tag: Any = np.int64(window.tag[k])
        if tag & KIND_MASK == GAP:
            forget(book)
        else:
            see_level(book, tag, window.px[k], window.qty[k], packet_ts)


@kernel
def see_packets(maker: Any, book: Any, window: Any, until: int) -> None:
    """See packets of the traded market up to local time `until`, as long as only books change.

    For a maker that neither estimates nor observes. Most rows move nothing but a size and only set
    a cell.
    """
    mask = window.tag.size - 1
    cell_mask = book.cells.size // 2 - 1
    low_ask, high_ask, low_bid, high_bid = _known_range(book)
    n = window.arrival
    high = window.arrival_hi
    ended_ts = maker.last_packet_ts
    while n < high:
        now = window.arrival_ts[n & mask]
        if now > until:
            break
        packet = window.arrival_packet[n & mask]
        info = window.packet_info[packet & mask]
        kind = info & KIND_MASK
        if kind > TRADE or info >> INFO_MARKET_SHIFT != 0:
            break
        if kind != TRADE:
            packet_ts = window.packet_ts[packet & mask]
            quiet = kind == DEPTH and packet_ts >= book.bbo_ts
            end = window.packet_row[(packet + 1) & mask]
            for i in range(window.packet_row[packet & mask], end):
                k = i & mask
                tag: Any = np.int64(window.tag[k])
                side = (tag >> 3) & 1
                px = window.px[k]
                lots = window.qty[k]
                low = low_bid if side else low_ask
                top = high_bid if side else high_ask
                if quiet and px >= low and px <= top:
                    book.cells[((px & cell_mask) << 1) | side] = lots
                else:
                    see_level(book, tag, px, lots, packet_ts)
                    low_ask, high_ask, low_bid, high_bid = _known_range(book)
        if info & INFO_END:
            ended_ts = now
        n += 1
    if n > window.arrival:
        maker.now = window.arrival_ts[(n - 1) & mask]
        maker.last_packet_ts = ended_ts
    window.arrival = n


@kernel
def _known_range(book: Any) -> tuple[int, int, int, int]:
    """Return lowest and highest price of asks, then of bids, at which a row only sets a cell."""
    top = book.low + book.cells.size // 2 - 1
    return (
        max(-book.bound[0], book.low),
        min(-book.edge[0], top),
        max(book.edge[1], book.low),
        min(book.bound[1], top),
    )


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
