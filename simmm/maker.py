"""The maker: events in, requests out. It cannot tell which venue it talks to.

Everything it knows arrives as an event: a packet of its feed, a response, a timer. `step_packet`,
`step_response` and the timers below are all there is to it; the strategy's `quote` and `observe`
are handed in by `engine.link`.
"""

from typing import Any

from simmm.book import best_ask, best_bid
from simmm.estimators import clock_volatility as volatility
from simmm.estimators import reach as intensity
from simmm.jit import kernel
from simmm.math import chain
from simmm.orders.table import on_response
from simmm.quote_step import fill_record, fill_touch, quote_step
from simmm.reading import px_of, qty_of, tag_of
from simmm.records import (
    AGGRESSOR_END,
    ALO,
    BELIEFS,
    BUY,
    CONTEXT,
    EVENT_CONTEXT,
    EVENT_FILL,
    EVENT_GAP,
    EVENT_PACKET,
    EVENT_TRADE,
    FILLED,
    FUNDING_SCALE,
    GAP,
    HEARD,
    INFO_END,
    INFO_MARKET_SHIFT,
    INTENTS,
    IOC,
    KIND_MASK,
    MARK,
    NEVER,
    NO_ASK,
    NO_BID,
    OPEN_INTEREST,
    ORACLE,
    ORDER_SLOTS,
    TRADE,
)
from simmm.steps import step_at
from simmm.views import block_before, open_quiet, remember_block, see_rows


@kernel
def has_room(out: Any) -> bool:
    """Return whether the buffers surely hold what one event may write."""
    return (
        out.n_intents < INTENTS - 3 * ORDER_SLOTS
        and out.n_beliefs < BELIEFS - 1
        and out.n_heard < HEARD - 1
    )


@kernel
def next_timer_ts(maker: Any) -> int:
    """Return when the next timer is due (ns)."""
    return min(min(maker.next_clock_ts, maker.next_requote_ts), maker.next_record_ts)


# ------------------------------------------------------------------------------------ packets


@kernel
def step_packet(
    quote: Any,
    observe: Any,
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
            _see_trades(observe, maker, book, memory, params, window, row, end, packet_ts)
    elif kind == CONTEXT:
        if market == 0:
            _see_context(maker, window, row, end)
            _tell(observe, maker, memory, params, EVENT_CONTEXT, packet_ts, market, 0, 0, 0, 0)
    else:
        if market == 0 and maker.estimate:
            remember_block(maker, book, packet_ts)
        see_rows(book, window, row, end, packet_ts)
        if kind == GAP and market == 0:
            maker.record.gaps += 1
            _tell(
                observe,
                maker,
                memory,
                params,
                EVENT_GAP,
                packet_ts,
                market,
                0,
                px_of(window, row),
                qty_of(window, row),
                0,
            )
    if info & INFO_END:
        if market == 0:
            maker.last_packet_ts = now
        elif market <= 4:
            _see_reference(maker, book, market)
        if maker.observes:
            fill_touch(maker, books[0])
            _tell(observe, maker, memory, params, EVENT_PACKET, packet_ts, market, 0, 0, 0, 0)
        if maker.quote_on_packet and market == 0:
            quote_step(quote, maker, books, mail, out, memory, params)


@kernel
def _tell(
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
    maker: Any,
    book: Any,
    memory: Any,
    params: Any,
    window: Any,
    row: int,
    end: int,
    packet_ts: int,
) -> None:
    """Read prints: each aggressor counts once, with its deepest price."""
    state = maker.intensity
    for i in range(row, end):
        tag = tag_of(window, i)
        if tag & KIND_MASK != TRADE:
            continue
        side = 1 if tag & BUY else -1
        px = px_of(window, i)
        maker.record.last_trade_px = float(px)
        maker.record.last_trade_side = float(side)
        _tell(
            observe,
            maker,
            memory,
            params,
            EVENT_TRADE,
            packet_ts,
            0,
            side,
            px,
            qty_of(window, i),
            int(tag),
        )
        if maker.estimate == 0:
            continue
        if state.sweep_side != side or state.sweep_ts != packet_ts:
            state.sweep_px = px
            state.sweep_side = side
            state.sweep_ts = packet_ts
        elif side > 0:
            state.sweep_px = max(state.sweep_px, px)
        else:
            state.sweep_px = min(state.sweep_px, px)
        if tag & AGGRESSOR_END:
            _count_aggressor(maker, book, packet_ts)
            state.sweep_side = 0


@kernel
def _count_aggressor(maker: Any, book: Any, packet_ts: int) -> None:
    """Measure the aggressor's reach from the mid that stood before its block."""
    state = maker.intensity
    k = block_before(maker, packet_ts)
    if k >= 0:
        mid2 = maker.block_mid2[k]
        spread = maker.block_spread[k]
    else:
        bid = best_bid(book)
        ask = best_ask(book)
        mid2 = 0
        spread = 0
        if bid != NO_BID and ask != NO_ASK:
            mid2 = bid + ask
            spread = ask - bid
    if mid2 <= 0 or spread <= 0:
        return
    step = step_at(maker.market, mid2 // 2)
    reach = state.sweep_side * (2 * state.sweep_px - mid2)
    intensity.on_aggressor(state, maker.now, reach / mid2, spread / mid2, 2.0 * step / mid2)


@kernel
def _see_context(
    maker: Any,
    window: Any,
    row: int,
    end: int,
) -> None:
    record = maker.record
    for i in range(row, end):
        if tag_of(window, i) & KIND_MASK != CONTEXT:
            continue
        figure, px = qty_of(window, i), px_of(window, i)
        if figure == MARK:
            record.mark = float(px)
        elif figure == ORACLE:
            record.oracle = float(px)
        elif figure == OPEN_INTEREST:
            record.open_interest = float(px)
        else:
            record.funding = float(px) / FUNDING_SCALE


@kernel
def _see_reference(maker: Any, book: Any, market: int) -> None:
    bid = best_bid(book)
    ask = best_ask(book)
    if bid != NO_BID and ask != NO_ASK:
        maker.record.reference_mid[market - 1] = 0.5 * (bid + ask)


# ---------------------------------------------------------------------------------- responses


@kernel
def step_response(
    quote: Any,
    observe: Any,
    maker: Any,
    books: Any,
    mail: Any,
    out: Any,
    memory: Any,
    params: Any,
) -> None:
    """Hear the next response on its way."""
    response = mail.responses[mail.response_head & (mail.responses.size - 1)]
    mail.response_head += 1
    maker.now = response.arrival_ts
    if maker.keeps_heard:
        out.heard[out.n_heard] = response
        out.n_heard += 1
        maker.heard_chain = _chain_response(maker.heard_chain, response)
    on_response(maker, response)
    if response.kind == FILLED:
        _tell(
            observe,
            maker,
            memory,
            params,
            EVENT_FILL,
            response.venue_ts,
            0,
            response.side,
            response.px,
            response.quantity,
            response.marks,
        )
        if maker.quote_on_fill:
            quote_step(quote, maker, books, mail, out, memory, params)


@kernel
def _chain_response(h: int, response: Any) -> int:
    h = chain(h, response.arrival_ts)
    h = chain(h, response.venue_ts)
    h = chain(h, response.seq)
    h = chain(h, response.kind)
    h = chain(h, response.reason)
    h = chain(h, response.id)
    h = chain(h, response.new_id)
    h = chain(h, response.side)
    h = chain(h, response.px)
    h = chain(h, response.quantity)
    h = chain(h, response.leaves)
    h = chain(h, response.fee)
    h = chain(h, response.marks)
    return chain(h, response.oid)


# ------------------------------------------------------------------------------------- timers


@kernel
def step_timer(
    quote: Any,
    keep: Any,
    maker: Any,
    books: Any,
    mail: Any,
    out: Any,
    memory: Any,
    params: Any,
    memory_rows: Any,
) -> None:
    """Run the next timer: estimator clock before requote before record."""
    now = next_timer_ts(maker)
    maker.now = now
    if maker.next_clock_ts == now:
        maker.next_clock_ts += maker.sigma.clock_ns
        _step_clock(maker, books[0])
    elif maker.next_requote_ts == now:
        maker.next_requote_ts += maker.requote_ns
        quote_step(quote, maker, books, mail, out, memory, params)
    else:
        maker.next_record_ts += maker.record_ns
        _record_beliefs(keep, maker, books[0], out, memory, memory_rows)


@kernel
def _step_clock(maker: Any, book: Any) -> None:
    """Let the clocked estimators look at the book."""
    if maker.estimate == 0:
        return
    fill_touch(maker, book)
    record = maker.record
    volatility.update(maker.sigma, maker.now, record.mid)
    half_spread = 0.0
    step = 0.0
    if record.mid > 0.0:
        half_spread = 0.5 * (record.ask_px - record.bid_px) / record.mid
        step = record.step / record.mid
    intensity.on_time(maker.intensity, maker.now, half_spread, step)


@kernel
def _record_beliefs(
    keep: Any, maker: Any, book: Any, out: Any, memory: Any, memory_rows: Any
) -> None:
    fill_record(maker, book)
    record = maker.record
    row = out.beliefs[out.n_beliefs]
    row.ts = maker.now
    row.mid = record.mid
    row.sigma = record.sigma
    row.sigma_sd = record.sigma_sd
    row.kappa = record.kappa
    row.kappa_sd = record.kappa_sd
    row.arrival = record.arrival
    row.arrival_sd = record.arrival_sd
    row.position = maker.position
    row.intents = maker.sequence
    row.chain = maker.chain
    keep(memory_rows, out.n_beliefs, memory)
    out.n_beliefs += 1


@kernel
def ignore(event: Any, market: Any, memory: Any, params: Any) -> None:
    """Stand in for `observe` where a strategy has none."""


@kernel
def open_maker(maker: Any, sigma_half_life_s: float, intensity_half_life_s: float) -> None:
    """Make a maker that knows nothing; times and settings are written by the caller."""
    open_quiet(maker)
    volatility.start(maker.sigma, maker.sigma.clock_ns, sigma_half_life_s)
    intensity.start(maker.intensity, intensity_half_life_s)
    maker.next_id = 1
    if maker.tif == IOC:
        maker.tif = ALO
    if maker.sigma.clock_ns < 1:
        maker.next_clock_ts = NEVER
