"""What the maker's estimators are told, from its own book, trades, fills and timers."""

from typing import Any

from simmm import estimator_entry as estimators
from simmm.book import best_ask, best_bid, cell_of, in_window, key_of, shown
from simmm.estimators.observation import (
    AGGRESSOR,
    ASK,
    BID,
    CLOCK,
    CONTEXT,
    FILL,
    GAP,
    LEVELS,
    OWN,
    REFERENCES,
    TOUCH,
)
from simmm.jit import kernel
from simmm.math import floor_int
from simmm.reading import px_of, qty_of, tag_of
from simmm.records import (
    AGGRESSOR_END,
    BLOCKS,
    BUY,
    CANCELLING,
    KIND_MASK,
    LIQUIDATION,
    MODIFYING,
    NO_ASK,
    NO_BID,
    RESTING,
    TAKER,
    TRADE,
)
from simmm.steps import step_at
from simmm.views import block_before, remember_block

SCAN = 512  # prices a side that are looked at for levels


@kernel
def _tell(stack: Any, maker: Any, kind: int, packet_ts: int) -> None:
    o = maker.o
    o.kind = kind
    o.now = maker.now
    o.exch_ts = packet_ts
    o.market = 0
    estimators.hear(stack, maker.o, maker.record)


@kernel
def _set_touch(maker: Any, bid: int, ask: int) -> None:
    """Write mid, half spread and step of a touch into the observation; 0 if a side is unknown."""
    o = maker.o
    o.mid = 0.0
    o.half_spread = 0.0
    o.step = 0.0
    if bid == NO_BID or ask == NO_ASK or bid + ask <= 0:
        return
    mid = 0.5 * (bid + ask)
    o.mid = mid
    o.half_spread = 0.5 * (ask - bid) / mid
    o.step = step_at(maker.market, floor_int(mid)) / mid


@kernel
def _set_touch_lots(o: Any, book: Any, bid: int, ask: int) -> None:
    o.touch_lots[BID] = 0.0
    o.touch_lots[ASK] = 0.0
    if bid != NO_BID:
        o.touch_lots[BID] = float(book.cells[cell_of(book, BID, bid)])
    if ask != NO_ASK:
        o.touch_lots[ASK] = float(book.cells[cell_of(book, ASK, ask)])


@kernel
def see_touch(stack: Any, maker: Any, book: Any, packet_ts: int) -> None:
    """After a packet: if the best bid or ask changed, remember what was before and tell it."""
    maker.book_ts = maker.now
    maker.forgotten = 0
    bid = best_bid(book)
    ask = best_ask(book)
    if bid == maker.touch_bid and ask == maker.touch_ask:
        return
    remember_block(maker, packet_ts)
    maker.touch_bid = bid
    maker.touch_ask = ask
    _set_touch(maker, bid, ask)
    _set_touch_lots(maker.o, book, bid, ask)
    _tell(stack, maker, TOUCH, packet_ts)


@kernel
def see_gap(stack: Any, maker: Any, packet_ts: int) -> None:
    """Tell that the feed was interrupted."""
    _tell(stack, maker, GAP, packet_ts)


@kernel
def see_trades(stack: Any, maker: Any, window: Any, row: int, end: int, packet_ts: int) -> None:
    """Read prints: each aggressor is told once, whole."""
    for i in range(row, end):
        see_trade(
            stack, maker, int(tag_of(window, i)), px_of(window, i), qty_of(window, i), packet_ts
        )


@kernel
def see_trade(stack: Any, maker: Any, tag: int, px: int, lots: int, packet_ts: int) -> None:
    """Read one print."""
    if tag & KIND_MASK != TRADE:
        return
    side = 1 if tag & BUY else -1
    maker.record.last_trade_px = float(px)
    maker.record.last_trade_side = float(side)
    if maker.estimate == 0:
        return
    if maker.sweep_side != side or maker.sweep_ts != packet_ts:
        maker.sweep_px = px
        maker.sweep_side = side
        maker.sweep_ts = packet_ts
        maker.sweep_lots = 0
        maker.sweep_prints = 0
        maker.sweep_liquidation = 0
    elif side > 0:
        maker.sweep_px = max(maker.sweep_px, px)
    else:
        maker.sweep_px = min(maker.sweep_px, px)
    maker.sweep_lots += lots
    maker.sweep_prints += 1
    if tag & LIQUIDATION:
        maker.sweep_liquidation = 1
    if tag & AGGRESSOR_END:
        _tell_aggressor(stack, maker, packet_ts)
        maker.sweep_side = 0


@kernel
def _before(maker: Any, packet_ts: int) -> None:
    """Write the touch as it stood before the block `packet_ts` into the observation.

    It is unknown if that was so many changes ago that it isn't remembered.
    """
    k = block_before(maker, packet_ts)
    if k < 0:
        _set_touch(maker, maker.touch_bid, maker.touch_ask)
    elif (
        maker.block_head > BLOCKS
        and k == maker.block_head & (BLOCKS - 1)
        and maker.block_ts[k] > packet_ts
    ):
        _set_touch(maker, NO_BID, NO_ASK)
    else:
        _set_touch(maker, maker.block_bid[k], maker.block_ask[k])


@kernel
def _tell_aggressor(stack: Any, maker: Any, packet_ts: int) -> None:
    """Tell the aggressor just read, with its reach from the mid that stood before its block."""
    o = maker.o
    _before(maker, packet_ts)
    side = maker.sweep_side
    o.side = float(side)
    o.lots = float(maker.sweep_lots)
    o.prints = float(maker.sweep_prints)
    o.liquidation = float(maker.sweep_liquidation)
    o.reach = 0.0
    if o.mid > 0.0:
        o.reach = side * (maker.sweep_px - o.mid) / o.mid
    _tell(stack, maker, AGGRESSOR, packet_ts)


@kernel
def see_fill(stack: Any, maker: Any, response: Any) -> None:
    """Tell the fill of an own resting order."""
    if response.marks & TAKER:
        return
    o = maker.o
    _before(maker, response.venue_ts)
    side = response.side
    o.side = float(side)
    o.lots = float(response.quantity)
    o.distance = 0.0
    o.depth = 0.0
    if o.mid > 0.0:
        o.distance = side * (o.mid - response.px) / o.mid
        o.depth = o.distance - o.half_spread
    _tell(stack, maker, FILL, response.venue_ts)


@kernel
def see_context(
    stack: Any, maker: Any, market: int, packet_ts: int, mark: float, open_interest: float
) -> None:
    """Tell figures of a market; 0 in those that the packet doesn't name."""
    o = maker.o
    o.kind = CONTEXT
    o.now = maker.now
    o.exch_ts = packet_ts
    o.market = market
    o.mark = mark
    o.open_interest = open_interest
    estimators.hear(stack, maker.o, maker.record)


@kernel
def see_clock(stack: Any, maker: Any, book: Any) -> None:
    """Tell the tick of the estimator clock: touch, levels, own orders, other markets.

    What a book showed that nothing has been told of for `stale_ns` is not known any more, neither
    now nor to prints that come before its next packet.
    """
    o = maker.o
    if maker.now - maker.book_ts > maker.stale_ns:
        maker.forgotten = 1
        maker.touch_bid = NO_BID
        maker.touch_ask = NO_ASK
    _set_touch(maker, maker.touch_bid, maker.touch_ask)
    _set_touch_lots(o, book, maker.touch_bid, maker.touch_ask)
    _set_levels(maker, book, BID)
    _set_levels(maker, book, ASK)
    _set_own(maker)
    for k in range(REFERENCES):
        known = maker.now - maker.reference_ts[k] <= maker.stale_ns
        o.reference_mid[k] = maker.record.reference_mid[k] if known else 0.0
    _tell(stack, maker, CLOCK, maker.now)


@kernel
def _set_levels(maker: Any, book: Any, side: int) -> None:
    """Write the levels of a side, best first, as far as they are known."""
    o = maker.o
    o.levels[side] = 0
    touch = maker.touch_bid if side == BID else maker.touch_ask
    if not o.mid > 0.0:
        return
    step = step_at(maker.market, touch)
    found = 0
    px = touch
    for _ in range(SCAN):
        if found == LEVELS or px <= 0 or not in_window(book, px):
            break
        if key_of(side, px) < book.edge[side]:
            break
        lots = shown(book, side, px)
        if lots > 0:
            distance = (o.mid - px) / o.mid
            o.level_distance[side, found] = distance if side == BID else -distance
            o.level_lots[side, found] = float(lots)
            found += 1
        px = px - step if side == BID else px + step
    o.levels[side] = found


@kernel
def _set_own(maker: Any) -> None:
    """Write how far own resting orders lie from the mid."""
    o = maker.o
    o.own[BID] = 0
    o.own[ASK] = 0
    if not o.mid > 0.0:
        return
    for k in range(maker.n_orders):
        order = maker.orders[k]
        rests = order.state == RESTING or order.state == CANCELLING or order.state == MODIFYING
        if order.id == 0 or not rests or order.accepted == 0:
            continue
        side = BID if order.side > 0 else ASK
        n = o.own[side]
        if n < OWN:
            o.own_distance[side, n] = order.side * (o.mid - order.px) / o.mid
            o.own[side] = n + 1
