"""One packet, seen by the maker: its books, its estimators, and what its strategy observes."""

from typing import Any

from simmm.book import best_ask, best_bid
from simmm.jit import kernel
from simmm.observing import see_context, see_gap, see_touch, see_trade
from simmm.quote_step import fill_touch, quote_step
from simmm.reading import px_of, qty_of, tag_of
from simmm.records import (
    BUY,
    CONTEXT,
    EVENT_CONTEXT,
    EVENT_GAP,
    EVENT_PACKET,
    EVENT_TRADE,
    FUNDING_SCALE,
    GAP,
    INFO_END,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    MARK,
    NO_ASK,
    NO_BID,
    OPEN_INTEREST,
    ORACLE,
    TRADE,
)
from simmm.views import see_rows


@kernel
def step_packet(
    quote: Any,
    observe: Any,
    stack: Any,
    maker: Any,
    books: Any,
    mail: Any,
    out: Any,
    memory: Any,
    params: Any,
    window: Any,
    row: int,
    end: int,
    packet_ts: int,
    info: int,
    now: int,
) -> None:
    """See one packet at `now`: rows [row, end), of exchange time `packet_ts`."""
    maker.now = now
    market = info >> INFO_MARKET_SHIFT
    kind = info & KIND_MASK
    book = books[market]
    if kind == TRADE:
        if market == 0 and (maker.estimate or maker.observes):
            _see_trades(observe, stack, maker, memory, params, window, row, end, packet_ts)
    elif kind == CONTEXT:
        _see_context(stack, maker, window, row, end, market, packet_ts)
        if market == 0:
            tell(observe, maker, memory, params, EVENT_CONTEXT, packet_ts, 0, 0, 0, 0, 0)
    else:
        see_rows(book, window, row, end, packet_ts)
        if market == 0:
            if maker.estimate:
                see_touch(stack, maker, book, packet_ts)
            if kind == GAP:
                _see_gap(observe, stack, maker, memory, params, window, row, packet_ts)
    if info & INFO_END:
        if market == 0:
            maker.last_packet_ts = now
        elif market <= 4:
            _see_reference(maker, book, market)
        if maker.observes:
            fill_touch(maker, books[0])
            tell(observe, maker, memory, params, EVENT_PACKET, packet_ts, market, 0, 0, 0, 0)
        if maker.quote_on_packet and market == 0:
            quote_step(quote, stack, maker, books, mail, out, memory, params)


@kernel
def _see_gap(
    observe: Any,
    stack: Any,
    maker: Any,
    memory: Any,
    params: Any,
    window: Any,
    row: int,
    packet_ts: int,
) -> None:
    maker.record.gaps += 1
    if maker.estimate:
        see_gap(stack, maker, packet_ts)
    px, lots = px_of(window, row), qty_of(window, row)
    tell(observe, maker, memory, params, EVENT_GAP, packet_ts, 0, 0, px, lots, 0)


@kernel
def tell(
    observe: Any,
    maker: Any,
    memory: Any,
    params: Any,
    kind: int,
    packet_ts: int,
    market: int,
    side: int,
    px: int,
    qty: int,
    flags: int,
) -> None:
    """Show one event to the strategy's own estimators."""
    if maker.observes == 0:
        return
    event = maker.event
    event.kind = kind
    event.ts = maker.now
    event.exch_ts = packet_ts
    event.market = market
    event.side = side
    event.px = float(px)
    event.qty = float(qty)
    event.marks = flags
    maker.record.now_ns = maker.now
    maker.record.position = float(maker.position)
    observe(event, maker.record, memory, params)


@kernel
def _see_trades(
    observe: Any,
    stack: Any,
    maker: Any,
    memory: Any,
    params: Any,
    window: Any,
    row: int,
    end: int,
    packet_ts: int,
) -> None:
    """Read prints, for the estimators and for the strategy's own."""
    for i in range(row, end):
        tag = int(tag_of(window, i))
        px, lots = px_of(window, i), qty_of(window, i)
        see_trade(stack, maker, tag, px, lots, packet_ts)
        if tag & KIND_MASK == TRADE:
            side = 1 if tag & BUY else -1
            tell(observe, maker, memory, params, EVENT_TRADE, packet_ts, 0, side, px, lots, tag)


@kernel
def _see_context(
    stack: Any, maker: Any, window: Any, row: int, end: int, market: int, packet_ts: int
) -> None:
    """Read mark, oracle, funding and open interest; of other markets for the estimators alone."""
    record = maker.record
    mark, open_interest = 0.0, 0.0
    for i in range(row, end):
        if tag_of(window, i) & KIND_MASK != CONTEXT:
            continue
        figure, px = qty_of(window, i), px_of(window, i)
        if figure == MARK:
            mark = float(px)
        elif figure == OPEN_INTEREST:
            open_interest = float(px)
        elif market != 0:
            continue
        elif figure == ORACLE:
            record.oracle = float(px)
        else:
            record.funding = float(px) / FUNDING_SCALE
    if market == 0:
        record.mark = mark if mark > 0.0 else record.mark
        record.open_interest = open_interest if open_interest > 0.0 else record.open_interest
    if maker.estimate:
        see_context(stack, maker, market, packet_ts, mark, open_interest)


@kernel
def _see_reference(maker: Any, book: Any, market: int) -> None:
    bid = best_bid(book)
    ask = best_ask(book)
    known = bid != NO_BID and ask != NO_ASK
    maker.record.reference_mid[market - 1] = 0.5 * (bid + ask) if known else 0.0
    maker.reference_ts[market - 1] = maker.now
