"""The maker sees many packets at once, as long as only books change and estimators look on."""

from typing import Any

from simmm.jit import kernel
from simmm.observing import see_touch, see_trades
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
    BUY,
    DEPTH,
    INFO_END,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    NO_ASK,
    NO_BID,
    TRADE,
    WHAT_MASK,
    WHATS,
)
from simmm.views import see_level, see_rows


@kernel
def see_packets(stack: Any, maker: Any, book: Any, window: Any, until: int) -> None:
    """See packets of the traded market up to local time `until`, as long as only books change.

    For a maker whose strategy neither observes nor quotes on packets. Packets that arrive as they
    happened are one run of rows; most rows move nothing but a size and only set a cell. Estimators
    are told of trades and of each packet that changes the touch.
    """
    n = window.arrival
    while n < window.arrival_hi and arrival_ts_of(window, n) <= until:
        packet = arrival_packet_of(window, n)
        info = packet_info_of(window, packet)
        if info & KIND_MASK > TRADE or info >> INFO_MARKET_SHIFT != 0:
            break
        single = info & KIND_MASK not in (DEPTH, TRADE) or maker.forgotten == 1
        if single or packet_ts_of(window, packet) < book.bbo_ts:
            _see_packet(stack, maker, book, window, n, packet)
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
            if maker.estimate:
                while packet_row_of(window, packet + 1) <= row:
                    packet += 1
                maker.now = arrival_ts_of(window, packet - ahead)
                packet_end = packet_row_of(window, packet + 1)
                packet_ts = packet_ts_of(window, packet)
                if tag & KIND_MASK == TRADE:
                    see_trades(stack, maker, window, row, packet_end, packet_ts)
                else:
                    see_rows(book, window, row, packet_end, packet_ts)
                    see_touch(stack, maker, book, packet_ts)
                row = packet_end
                continue
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
        last = n - 1 if maker.estimate else -1
        while last >= first and packet_info_of(window, last + ahead) & KIND_MASK == TRADE:
            last -= 1
        if last >= first:
            maker.book_ts = arrival_ts_of(window, last)
    if n > window.arrival:
        maker.now = arrival_ts_of(window, n - 1)
        open_quiet(maker)  # where runs end must not be seen
    window.arrival = n


@kernel
def _see_packet(stack: Any, maker: Any, book: Any, window: Any, n: int, packet: int) -> None:
    """See the packet of arrival `n` by itself."""
    info = packet_info_of(window, packet)
    row, end = packet_row_of(window, packet), packet_row_of(window, packet + 1)
    packet_ts = packet_ts_of(window, packet)
    maker.now = arrival_ts_of(window, n)
    if info & KIND_MASK != TRADE:
        see_rows(book, window, row, end, packet_ts)
        if maker.estimate:
            see_touch(stack, maker, book, packet_ts)
    elif maker.estimate:
        see_trades(stack, maker, window, row, end, packet_ts)
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
    """Make rows of all kinds loud but trades that nobody looks at."""
    for what in range(WHATS):
        is_trade = what & KIND_MASK == TRADE and maker.estimate == 0
        maker.quiet_low[what] = NO_BID if is_trade else NO_ASK
        maker.quiet_high[what] = NO_ASK if is_trade else NO_BID
