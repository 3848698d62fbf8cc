"""From rows of a finer tape to the rows of a venue's streams, block by block.

Theory of operation. Rows are read in causal order into a book. What belongs to one block is put to
its end: the trades as they are, then best bid and ask if they changed, then an image if one is due,
then the last of each figure of context. Between blocks, images fall due as time passes. A gap ends
the block before it and makes the book unknown. Of a book whose best bid is not below its best ask
nothing is told until that is over. What the book doesn't know is not told: an image ends where the
next price is unknown.

The machine stops before a row when the output is nearly full, and goes on from there; nothing else
of how it is fed or drained can be seen in the result.
"""

from typing import Any

import numpy as np

from simmm.book import best, forget, set_best, set_depth, set_image, shown
from simmm.jit import compiled, kernel
from simmm.latency import next_arrival
from simmm.records import (
    BBO,
    BUY,
    CONTEXT,
    FIRST,
    GAP,
    KIND_MASK,
    NO_ASK,
    NO_BID,
    NO_KEY,
    PACKET_END,
    SNAPSHOT,
    TRADE,
)
from simmm.steps import step_at
from simmm.tape.schema import NO_AUX
from simmm.tape.streams.state import BBOS, IMAGES, OTHERS, TRADES

_OTHER_ROWS = 16  # of a block, besides trades and image


@compiled
def transform(
    exch_ts: np.ndarray,
    local_ts: np.ndarray,
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
    aux: np.ndarray,
    start: int,
    final: int,
    states: np.ndarray,
    books: np.ndarray,
    lines: np.ndarray,
    markets: np.ndarray,
    outs: np.ndarray,
    packets: np.ndarray,
) -> int:
    """Read rows from `start` on; return the first that was not read, one more than all at the end.

    Parameters
    ----------
    final
        1: no rows follow; the last block is closed.
    states, books, lines, markets
        One `State`, book, `Latency` and `Market`.
    outs, packets
        Records `Out` and `Packet` of `emulation`, written from the state's place on.
    """
    state = states[0]
    book = books[0]
    count = len(exch_ts)
    reserve = 2 * state.levels + _OTHER_ROWS
    for i in range(start, count + final):
        if _full(state, outs, packets, reserve):
            return i
        if i == count:
            if state.open:
                _close_block(state, book, lines, markets, outs, packets, state.block_ts)
            return count + 1
        ts = exch_ts[i]
        what: Any = np.int64(tag[i])
        kind = what & KIND_MASK
        block = ts if kind == GAP else _block_of(state, ts)
        if state.started == 0:
            state.started = 1
            state.due_ts = _moment_after(state, block)
        if state.open and kind == GAP:
            _close_block(state, book, lines, markets, outs, packets, min(state.block_ts, ts - 1))
        elif state.open and block != state.block_ts:
            _close_block(state, book, lines, markets, outs, packets, state.block_ts)
        if state.open == 0 and state.image_ns > 0:
            while _block_of(state, state.due_ts) < block:
                if _full(state, outs, packets, reserve):
                    return i
                moment = _block_of(state, state.due_ts)
                if not _tell_image(state, book, lines, markets, outs, packets, moment):
                    state.due_ts = _moment_after(state, block)
        if kind == GAP:
            _gap(state, book, lines, outs, packets, ts, local_ts[i] - ts, px[i], qty[i])
            continue
        state.open = 1
        state.block_ts = block
        if kind == TRADE:
            if state.trade_row < 0:
                state.trade_row = state.rows
            state.trade_lag = local_ts[i] - ts
            state.trades += 1
            _write(state, outs, what & ~PACKET_END, px[i], qty[i], aux[i])
        elif kind == CONTEXT:
            state.context_px[qty[i]] = px[i]
            state.context_told[qty[i]] = 1
            state.context_lag = local_ts[i] - ts
        else:
            side = 1 if what & BUY else 0
            if kind == BBO:
                set_best(book, side, px[i], qty[i])
            elif kind == SNAPSHOT:
                set_image(book, what, side, px[i], qty[i])
            else:
                set_depth(book, side, px[i], qty[i])
            state.book_lag = local_ts[i] - ts
            state.changed = 1
    return count


@kernel
def _full(state: Any, outs: np.ndarray, packets: np.ndarray, reserve: int) -> bool:
    return len(outs) - state.rows < reserve or len(packets) - state.packets < _OTHER_ROWS


@kernel
def _block_of(state: Any, ts: int) -> int:
    """Return the end of the block that `ts` belongs to."""
    if state.block_ns == 0:
        return ts
    return -(-ts // state.block_ns) * state.block_ns


@kernel
def _moment_after(state: Any, block: int) -> int:
    """Return the first moment for an image that the block ending at `block` holds, or a later one.

    Moments are the multiples of the interval, whatever the tape begins with.
    """
    if state.image_ns <= 0:
        return 0
    before = block - 1
    if state.block_ns > 0:
        before = before // state.block_ns * state.block_ns
    return (before // state.image_ns + 1) * state.image_ns


@kernel
def _write(state: Any, outs: np.ndarray, tag: Any, px: int, qty: int, aux: int) -> None:
    row = outs[state.rows]
    row.tag = tag
    row.px = px
    row.qty = qty
    row.aux = aux
    state.rows += 1


@kernel
def _end_packet(
    state: Any,
    lines: np.ndarray,
    outs: np.ndarray,
    packets: np.ndarray,
    first: int,
    ts: int,
    stream: int,
    lag: int,
) -> None:
    """Make the rows from `first` on one message of a stream, sent at `ts`."""
    if state.drawn:
        local = next_arrival(lines[0], ts)
    else:
        local = max(ts + lag, state.last_ns[stream])
        state.last_ns[stream] = local
    for row in range(first, state.rows):
        outs[row].exch_ts = ts
        outs[row].local_ts = local
    outs[state.rows - 1].tag |= PACKET_END
    packets[state.packets].row = first
    packets[state.packets].local_ts = local
    state.packets += 1


@kernel
def _close_block(
    state: Any,
    book: Any,
    lines: np.ndarray,
    markets: np.ndarray,
    outs: np.ndarray,
    packets: np.ndarray,
    ts: int,
) -> None:
    """Tell what the block ended with, at `ts`."""
    if state.trade_row >= 0:
        _end_packet(state, lines, outs, packets, state.trade_row, ts, TRADES, state.trade_lag)
        state.trade_row = -1
    if _crossed(book):
        state.crossed_blocks += 1
    else:
        if state.tells_bbo:
            _tell_bbo(state, book, lines, outs, packets, ts)
        if state.image_ns < 0:
            if state.changed:
                _tell_image(state, book, lines, markets, outs, packets, ts)
        elif state.image_ns > 0 and (state.owed or _block_of(state, state.due_ts) <= ts):
            _tell_image(state, book, lines, markets, outs, packets, ts)
    first = state.rows
    for figure in range(state.context_told.size):
        if state.context_told[figure]:
            _write(state, outs, CONTEXT, state.context_px[figure], figure, NO_AUX)
            state.context_told[figure] = 0
    if state.rows > first:
        _end_packet(state, lines, outs, packets, first, ts, OTHERS, state.context_lag)
    state.open = 0
    state.closed_rows = state.rows


@kernel
def _gap(
    state: Any,
    book: Any,
    lines: np.ndarray,
    outs: np.ndarray,
    packets: np.ndarray,
    ts: int,
    lag: int,
    px: int,
    qty: int,
) -> None:
    first = state.rows
    _write(state, outs, GAP, px, qty, NO_AUX)
    _end_packet(state, lines, outs, packets, first, ts, OTHERS, lag)
    state.closed_rows = state.rows
    forget(book)
    state.owed = 1
    for side in range(2):
        state.told[side] = 0
        state.told_px[side] = 0
        state.shown[side] = -1


@kernel
def _crossed(book: Any) -> bool:
    bid = best(book, 1)
    ask = best(book, 0)
    return bid != NO_BID and ask != NO_ASK and bid >= ask


@kernel
def _is_empty(book: Any, side: int) -> bool:
    """Return whether the last that was said of where the side begins is: nowhere."""
    worst = book.low if side else -(book.low + book.cells.size // 2 - 1)
    price = best(book, side)
    nothing = price == NO_BID if side else price == NO_ASK
    return nothing and book.low != NO_ASK and book.edge[side] <= worst and book.top[side] == NO_KEY


@kernel
def _tell_bbo(
    state: Any, book: Any, lines: np.ndarray, outs: np.ndarray, packets: np.ndarray, ts: int
) -> None:
    """Tell both sides if one of them changed; of a side that is unknown nothing."""
    first = state.rows
    news = 0
    for side in range(1, -1, -1):
        price = best(book, side)
        lots = 0
        if price != (NO_BID if side else NO_ASK):
            lots = shown(book, side, price)
        elif state.told_px[side] > 0 and _is_empty(book, side):
            price = state.told_px[side]
        else:
            continue
        if state.told[side] == 0 or price != state.told_px[side] or lots != state.told_qty[side]:
            news = 1
        state.told[side] = 1
        state.told_px[side] = price
        state.told_qty[side] = lots
        _write(state, outs, BBO | (BUY if side else 0), price, lots, NO_AUX)
    if news:
        _end_packet(state, lines, outs, packets, first, ts, BBOS, state.book_lag)
        state.bbos += 1
    else:
        state.rows = first


@kernel
def _tell_image(
    state: Any,
    book: Any,
    lines: np.ndarray,
    markets: np.ndarray,
    outs: np.ndarray,
    packets: np.ndarray,
    ts: int,
) -> bool:
    """Tell an image at `ts` if the book allows one; return whether it was told.

    By blocks only one that differs from the last; the first one only of both sides.
    """
    if _crossed(book):
        return False
    first = state.rows
    news = 0
    sides = 0
    for side in range(1, -1, -1):
        before = state.rows
        _write_side(state, book, markets[0], outs, side)
        sides += state.rows > before
        news += _note_side(state, outs, side, before)
    if sides == 0 or (state.owed and sides < 2) or (state.image_ns < 0 and news == 0):
        state.rows = first
        state.changed = state.owed
        return False
    _end_packet(state, lines, outs, packets, first, ts, IMAGES, state.book_lag)
    state.images += 1
    state.owed = 0
    state.changed = 0
    state.due_ts = _moment_after(state, ts + 1)
    if state.open == 0:
        state.closed_rows = state.rows
    return True


@kernel
def _write_side(state: Any, book: Any, market: Any, outs: np.ndarray, side: int) -> None:
    """Write the best levels of a side, as far as the book is known without a hole."""
    tag = SNAPSHOT | (BUY if side else 0)
    price = best(book, side)
    if price == (NO_BID if side else NO_ASK):
        if _is_empty(book, side):
            _write(state, outs, tag | FIRST, 0, 0, NO_AUX)
        return
    found = 0
    while found < state.levels and price > 0:
        lots = shown(book, side, price)
        if lots < 0:
            state.short_sides += 1
            return
        if lots > 0:
            _write(state, outs, tag | (FIRST if found == 0 else 0), price, lots, NO_AUX)
            found += 1
        price = _next_price(market, side, price)


@kernel
def _next_price(market: Any, side: int, price: int) -> int:
    """Return the next worse valid price."""
    if side:
        return price - 1 - (price - 1) % step_at(market, price - 1)
    step = step_at(market, price + 1)
    return price + 1 + (step - (price + 1) % step) % step


@kernel
def _note_side(state: Any, outs: np.ndarray, side: int, first: int) -> int:
    """Remember what an image shows of a side; return 1 if it is not what the last one showed."""
    count = state.rows - first
    news = 1 if state.shown[side] != count else 0
    for k in range(count):
        row = outs[first + k]
        if row.px != state.shown_px[side, k] or row.qty != state.shown_qty[side, k]:
            news = 1
        state.shown_px[side, k] = row.px
        state.shown_qty[side, k] = row.qty
    state.shown[side] = count
    return news
