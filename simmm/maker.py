"""The maker: events in, requests out. It cannot tell which venue it talks to.

Everything it knows arrives as an event: a packet of its feed, a response, a timer. `step_packet`,
`step_response` and the timers below are all there is to it; the strategy's `quote` and `observe`
are handed in by `engine.link`.
"""

from typing import Any

from simmm.book import best_ask, best_bid
from simmm.estimators import native as estimators
from simmm.jit import kernel
from simmm.math import chain
from simmm.observing import see_clock, see_context, see_fill, see_gap, see_touch, see_trade
from simmm.orders.table import on_response
from simmm.output_records import BELIEFS, ESTIMATES, HEARD, INTENTS
from simmm.packets import open_quiet
from simmm.quote_step import fill_record, fill_touch, quote_step
from simmm.reading import px_of, qty_of, tag_of
from simmm.records import (
    ALO,
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
    INFO_END,
    INFO_MARKET_SHIFT,
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
from simmm.views import see_rows


@kernel
def start_estimators(stack: Any, maker: Any) -> None:
    """Let the estimators know nothing, once."""
    if maker.begun == 0:
        maker.begun = 1
        estimators.start(stack, maker.o, maker.record)


@kernel
def has_room(out: Any) -> bool:
    """Return whether the buffers surely hold what one event may write."""
    return (
        out.n_intents < INTENTS - 3 * ORDER_SLOTS
        and out.n_beliefs < BELIEFS - 1
        and out.n_estimates < ESTIMATES - 1
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
            _tell(observe, maker, memory, params, EVENT_CONTEXT, packet_ts, 0, 0, 0, 0, 0)
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
            _tell(observe, maker, memory, params, EVENT_PACKET, packet_ts, market, 0, 0, 0, 0)
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
    _tell(observe, maker, memory, params, EVENT_GAP, packet_ts, 0, 0, px, lots, 0)


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
            _tell(observe, maker, memory, params, EVENT_TRADE, packet_ts, 0, side, px, lots, tag)


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


# ---------------------------------------------------------------------------------- responses


@kernel
def step_response(
    quote: Any,
    observe: Any,
    stack: Any,
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
        if maker.estimate:
            see_fill(stack, maker, response)
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
            quote_step(quote, stack, maker, books, mail, out, memory, params)


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
    stack: Any,
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
        maker.next_clock_ts += maker.clock_ns
        see_clock(stack, maker, books[0])
    elif maker.next_requote_ts == now:
        maker.next_requote_ts += maker.requote_ns
        quote_step(quote, stack, maker, books, mail, out, memory, params)
    else:
        maker.next_record_ts += maker.record_ns
        _record_beliefs(keep, stack, maker, books[0], out, memory, memory_rows)


@kernel
def _record_beliefs(
    keep: Any, stack: Any, maker: Any, book: Any, out: Any, memory: Any, memory_rows: Any
) -> None:
    fill_record(stack, maker, book)
    record = maker.record
    row = out.beliefs[out.n_beliefs]
    row.ts = maker.now
    row.mid = record.mid
    spoke = record.sigma_age_ns >= 0  # else a prior's, or nothing
    row.sigma = record.sigma if spoke else 0.0
    row.sigma_sd = record.sigma_sd if spoke else 0.0
    spoke = record.kappa_age_ns >= 0
    row.kappa = record.kappa if spoke else 0.0
    row.kappa_sd = record.kappa_sd if spoke else 0.0
    spoke = record.arrival_age_ns >= 0
    row.arrival = record.arrival if spoke else 0.0
    row.arrival_sd = record.arrival_sd if spoke else 0.0
    row.position = maker.position
    row.intents = maker.sequence
    row.chain = maker.chain
    keep(memory_rows, out.n_beliefs, memory)
    out.n_beliefs += 1
    maker.samples += 1
    if maker.estimate and maker.samples % maker.estimates_every == 0:
        out.estimates[out.n_estimates] = record
        out.n_estimates += 1


@kernel
def ignore(event: Any, market: Any, memory: Any, params: Any) -> None:
    """Stand in for `observe` where a strategy has none."""


@kernel
def open_maker(maker: Any) -> None:
    """Make a maker that knows nothing; times, settings and parameters are written by the caller.

    Its estimators start with the first call of `advance`, compiled: they have much to clear.
    """
    open_quiet(maker)
    maker.touch_bid = NO_BID
    maker.touch_ask = NO_ASK
    maker.next_id = 1
    if maker.tif == IOC:
        maker.tif = ALO
    if maker.estimate == 0 or maker.clock_ns < 1:
        maker.next_clock_ts = NEVER
