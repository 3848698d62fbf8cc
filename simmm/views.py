"""The maker's view of the market: its delayed books, and each block's mid before the block."""

from typing import Any

from simmm.book import best_ask, best_bid, forget, key_of, set_best, set_depth, set_image
from simmm.images import pass_image
from simmm.jit import kernel
from simmm.reading import (
    arrival_packet_of,
    arrival_ts_of,
    octet,
    packet_info_of,
    packet_row_of,
    packet_ts_of,
    pass_in_order,
    px_of,
    qty_of,
    row_line,
    tag_of,
    word,
)
from simmm.records import (
    BBO,
    BLOCKS,
    BUY,
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
    WHAT_MASK,
    WHATS,
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
def see_packets(maker: Any, book: Any, window: Any, until: int) -> None:
    """See packets of the traded market up to local time `until`, as long as only books change.

    For a maker that neither estimates nor observes. Packets that arrive as they happened are one
    run of rows; most rows move nothing but a size and only set a cell.
    """
    n = window.arrival
    while n < window.arrival_hi and arrival_ts_of(window, n) <= until:
        packet = arrival_packet_of(window, n)
        info = packet_info_of(window, packet)
        if info & KIND_MASK > TRADE or info >> INFO_MARKET_SHIFT != 0:
            break
        if info & KIND_MASK not in (DEPTH, TRADE) or packet_ts_of(window, packet) < book.bbo_ts:
            _see_packet(maker, book, window, n, packet)
            n += 1
            continue
        ahead = packet - n
        first = n
        row = packet_row_of(window, packet)
        n = pass_in_order(window, n + 1, until)
        end = packet_row_of(window, n + ahead)
        while True:
            _set_quiet(maker, book)
            row = _pass_quiet(maker, book, window, row, end)
            if row == end:
                break
            tag = tag_of(window, row)
            if tag & KIND_MASK > TRADE:
                # Not for us: the run ends before its packet.
                while packet_row_of(window, packet + 1) <= row:
                    packet += 1
                n = packet - ahead
                break
            if tag & KIND_MASK == DEPTH:  # of a run none is older than the newest bbo
                see_level(book, tag, px_of(window, row), qty_of(window, row), book.bbo_ts)
                row += 1
                continue
            while packet_row_of(window, packet + 1) <= row:
                packet += 1
            packet_end = packet_row_of(window, packet + 1)
            see_rows(book, window, row, packet_end, packet_ts_of(window, packet))
            row = packet_end
        last = n - 1
        while last >= first and packet_info_of(window, last + ahead) & INFO_END == 0:
            last -= 1
        if last >= first:
            maker.last_packet_ts = arrival_ts_of(window, last)
    if n > window.arrival:
        maker.now = arrival_ts_of(window, n - 1)
    window.arrival = n


@kernel
def _see_packet(maker: Any, book: Any, window: Any, n: int, packet: int) -> None:
    """See the packet of arrival `n` by itself."""
    info = packet_info_of(window, packet)
    if info & KIND_MASK != TRADE:
        row, end = packet_row_of(window, packet), packet_row_of(window, packet + 1)
        see_rows(book, window, row, end, packet_ts_of(window, packet))
    if info & INFO_END:
        maker.last_packet_ts = arrival_ts_of(window, n)


@kernel
def _pass_quiet(maker: Any, book: Any, window: Any, row: int, end: int) -> int:
    """Apply rows up to `end` or the first that does more than set a cell; return where."""
    cell_mask = book.cells.size // 2 - 1
    while row < end:
        tags, prices, sizes, count = row_line(window, row, end)
        k = 0
        while k < count:
            px = word(prices, k)
            what = octet(tags, k) & WHAT_MASK
            cell = ((px & cell_mask) << 1) | (what >> 3)
            before = book.cells[cell]
            if (px < maker.quiet_low[what]) | (px > maker.quiet_high[what]):
                return row + k
            book.cells[cell] = word(sizes, k) if what & KIND_MASK == DEPTH else before
            k += 1
        row += count
    return row


@kernel
def _set_quiet(maker: Any, book: Any) -> None:
    """Set the prices at which rows of depth only set a cell; `open_quiet` did so for trades."""
    top = book.low + book.cells.size // 2 - 1
    maker.quiet_low[DEPTH] = max(-book.bound[0], book.low)
    maker.quiet_high[DEPTH] = min(-book.edge[0], top)
    maker.quiet_low[DEPTH | BUY] = max(book.edge[1], book.low)
    maker.quiet_high[DEPTH | BUY] = min(book.bound[1], top)


@kernel
def open_quiet(maker: Any) -> None:
    """Make rows of all kinds loud but trades."""
    for what in range(WHATS):
        is_trade = what & KIND_MASK == TRADE
        maker.quiet_low[what] = NO_BID if is_trade else NO_ASK
        maker.quiet_high[what] = NO_ASK if is_trade else NO_BID


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
