"""Follows the touch of one market through a tape, block by block, for checks and statistics.

A *block* is all that happens at one `exch_ts`. This is a reader's view of a recording, not the
venue's book: sizes beyond what is shown stay as they were last shown.
"""

from typing import Any, NamedTuple

import numpy as np

from simmm.jit import compiled, kernel, records
from simmm.records import (
    AGGRESSOR_END,
    BBO,
    BUY,
    DEPTH,
    FIRST,
    GAP,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.reader import Chunk

WINDOW = 1 << 17  # quanta that are remembered around the touch
_MASK = WINDOW - 1

State = np.dtype(
    [
        ("ts", "i8"),  # of the block being read, ns; -1 before the first
        ("bid", "i8"),  # quanta; 0: none or unknown
        ("ask", "i8"),
        ("image_px", "i8"),  # last price of the image side being read, quanta
        ("traded_bid", "i8"),  # lots traded at the touch in this block
        ("traded_ask", "i8"),
        ("mid2", "i8"),  # before this block, half quanta; 0 unknown
        ("bid_before", "i8"),
        ("ask_before", "i8"),
        ("aggressor_qty", "i8"),  # of the aggressor being read: lots
        ("aggressor_px", "i8"),  # last price
        ("aggressor_levels", "i8"),
        ("samples", "i8"),
        ("aggressors", "i8"),
    ],
    align=True,
)

#: The touch at a block's end; it stands until the next sample. Quanta, lots; 0 price: none.
Sample = np.dtype(
    [
        ("ts", "i8"),
        ("bid", "i8"),
        ("ask", "i8"),
        ("bid_qty", "i8"),
        ("ask_qty", "i8"),
        ("traded_bid", "i8"),
        ("traded_ask", "i8"),
        ("gap", "i8"),  # 1: the block began with a gap; what stood before it was unknown
        ("row", "i8"),  # last row of the block
    ],
    align=True,
)

Aggressor = np.dtype(
    [
        ("ts", "i8"),
        ("side", "i8"),  # +1 bought
        ("qty", "i8"),  # lots
        ("px", "i8"),  # deepest price, quanta
        ("levels", "i8"),
        ("mid2", "i8"),  # before the block; 0 unknown
        ("touch", "i8"),  # price it met first, before the block; 0 unknown
    ],
    align=True,
)


class Seen(NamedTuple):
    """What a chunk showed."""

    samples: np.ndarray  # of dtype Sample
    aggressors: np.ndarray  # of dtype Aggressor


@kernel
def _cell(px: int, is_bid: int) -> int:
    return ((px & _MASK) << 1) | is_bid


@kernel
def _shown(cell_px: np.ndarray, cell_qty: np.ndarray, px: int, is_bid: int) -> int:
    cell = _cell(px, is_bid)
    if cell_px[cell] == px:
        return cell_qty[cell]
    return 0


@kernel
def _best_from(cell_px: np.ndarray, cell_qty: np.ndarray, px: int, is_bid: int) -> int:
    """Return the best price at or worse than `px` that holds size, 0 if none is remembered."""
    step = -1 if is_bid else 1
    for _ in range(_MASK >> 1):
        if px <= 0:
            return 0
        if _shown(cell_px, cell_qty, px, is_bid) > 0:
            return px
        px += step
    return 0


@kernel
def _empty(cell_px: np.ndarray, cell_qty: np.ndarray, low: int, high: int, is_bid: int) -> None:
    """Empty the prices in [low, high]."""
    for px in range(low, min(high, low + _MASK) + 1):
        cell = _cell(px, is_bid)
        if cell_px[cell] == px:
            cell_qty[cell] = 0


@kernel
def _set_level(
    state: Any, cell_px: np.ndarray, cell_qty: np.ndarray, px: int, qty: int, is_bid: int
) -> None:
    """Note a level's size and keep the best price of its side."""
    best = state.bid if is_bid else state.ask
    if best > 0 and abs(px - best) > (_MASK >> 1):
        return
    cell = _cell(px, is_bid)
    cell_px[cell] = px
    cell_qty[cell] = qty
    if qty > 0:
        if best == 0 or (px > best if is_bid else px < best):
            best = px
    elif px == best:
        best = _best_from(cell_px, cell_qty, px, is_bid)
    if is_bid:
        state.bid = best
    else:
        state.ask = best


@kernel
def _forget_better(
    state: Any, cell_px: np.ndarray, cell_qty: np.ndarray, px: int, is_bid: int
) -> None:
    """Empty everything of a side that is better than `px`."""
    if is_bid:
        if state.bid > px:
            _empty(cell_px, cell_qty, px + 1, state.bid, is_bid)
            state.bid = _best_from(cell_px, cell_qty, px, is_bid) if px > 0 else 0
    elif state.ask > 0 and (px == 0 or state.ask < px):
        _empty(cell_px, cell_qty, state.ask, px - 1 if px > 0 else state.ask + _MASK, is_bid)
        state.ask = _best_from(cell_px, cell_qty, px, is_bid) if px > 0 else 0


@kernel
def _level(
    state: Any, cell_px: np.ndarray, cell_qty: np.ndarray, tag: Any, px: int, qty: int, is_bid: int
) -> None:
    kind = tag & KIND_MASK
    if kind == BBO or (kind == SNAPSHOT and tag & FIRST):
        _forget_better(state, cell_px, cell_qty, px, is_bid)
    elif kind == SNAPSHOT:
        if is_bid:
            _empty(cell_px, cell_qty, px + 1, state.image_px - 1, is_bid)
        else:
            _empty(cell_px, cell_qty, state.image_px + 1, px - 1, is_bid)
    state.image_px = px
    if px > 0:
        _set_level(state, cell_px, cell_qty, px, qty, is_bid)


@kernel
def _trade(state: Any, aggressors: np.ndarray, tag: Any, px: int, qty: int, ts: int) -> None:
    buys = 1 if tag & BUY else 0
    if state.aggressor_qty == 0:
        state.aggressor_levels = 1
    elif px != state.aggressor_px:
        state.aggressor_levels += 1
    state.aggressor_qty += qty
    state.aggressor_px = px
    if buys:
        if px == state.ask_before:
            state.traded_ask += qty
    elif px == state.bid_before:
        state.traded_bid += qty
    if tag & AGGRESSOR_END:
        out = aggressors[state.aggressors]
        out.ts = ts
        out.side = 1 if buys else -1
        out.qty = state.aggressor_qty
        out.px = px
        out.levels = state.aggressor_levels
        out.mid2 = state.mid2
        out.touch = state.ask_before if buys else state.bid_before
        state.aggressors += 1
        state.aggressor_qty = 0


@kernel
def _end_block(
    state: Any, cell_px: np.ndarray, cell_qty: np.ndarray, samples: np.ndarray, row: int
) -> None:
    out = samples[state.samples]
    out.ts = state.ts
    out.bid = state.bid
    out.ask = state.ask
    out.bid_qty = _shown(cell_px, cell_qty, state.bid, 1) if state.bid > 0 else 0
    out.ask_qty = _shown(cell_px, cell_qty, state.ask, 0) if state.ask > 0 else 0
    out.traded_bid = state.traded_bid
    out.traded_ask = state.traded_ask
    out.row = row
    state.samples += 1
    state.traded_bid = 0
    state.traded_ask = 0
    state.bid_before = state.bid
    state.ask_before = state.ask
    state.mid2 = state.bid + state.ask if state.bid > 0 and state.ask > 0 else 0


@compiled
def follow(
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
    packet_ts: np.ndarray,
    packet_row: np.ndarray,
    packet_info: np.ndarray,
    base: int,
    market: int,
    states: np.ndarray,
    cell_px: np.ndarray,
    cell_qty: np.ndarray,
    samples: np.ndarray,
    aggressors: np.ndarray,
    final: int,
) -> None:
    """Follow the touch through one chunk; see `Touch`."""
    state = states[0]
    count = len(packet_ts)
    for p in range(count):
        if packet_info[p] >> INFO_MARKET_SHIFT != market:
            continue
        first = packet_row[p] - base
        stop = packet_row[p + 1] - base if p + 1 < count else len(tag)
        if packet_ts[p] != state.ts:
            if state.ts >= 0:
                _end_block(state, cell_px, cell_qty, samples, base + first - 1)
            state.ts = packet_ts[p]
        kind = packet_info[p] & KIND_MASK
        if kind == GAP:
            state.bid = 0
            state.ask = 0
            state.bid_before = 0
            state.ask_before = 0
            state.mid2 = 0
            cell_qty[:] = 0
            if state.samples > 0:
                samples[state.samples - 1].gap = 1
        elif kind == TRADE:
            for i in range(first, stop):
                _trade(state, aggressors, np.int64(tag[i]), px[i], qty[i], packet_ts[p])
        elif kind in (DEPTH, SNAPSHOT, BBO):
            for i in range(first, stop):
                is_bid = 1 if tag[i] & BUY else 0
                _level(state, cell_px, cell_qty, np.int64(tag[i]), px[i], qty[i], is_bid)
    if final and state.ts >= 0:
        _end_block(state, cell_px, cell_qty, samples, base + len(tag) - 1)


class Touch:
    """The touch of one market of a stream; give it every chunk in turn."""

    def __init__(self, market: int = 0) -> None:
        self._market = market
        self._state = records(np.zeros(1, State))
        self._state["ts"] = -1
        self._cell_px = np.zeros(2 * WINDOW, np.int64)
        self._cell_qty = np.zeros(2 * WINDOW, np.int64)
        self._row = 0

    def __call__(self, chunk: Chunk) -> Seen:
        """Return the blocks and aggressors that end within the chunk."""
        samples = records(np.zeros(len(chunk.packet_ts) + 1, Sample))
        aggressors = records(np.zeros(len(chunk.tag) + 1, Aggressor))
        self._state["samples"] = self._state["aggressors"] = 0
        follow(
            chunk.tag, chunk.px, chunk.qty, chunk.packet_ts, chunk.packet_row, chunk.packet_info,
            self._row, self._market, self._state, self._cell_px, self._cell_qty, samples,
            aggressors, int(chunk.final),
        )  # fmt: skip
        self._row += len(chunk.tag)
        return Seen(
            samples[: int(self._state["samples"][0])],
            aggressors[: int(self._state["aggressors"][0])],
        )
