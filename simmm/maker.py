"""The maker: events in, requests out. It cannot tell which venue it talks to.

Everything it knows arrives as an event: a packet of its feed, a response, a timer. `step_packet`,
`step_response` and the timers below are all there is to it; the strategy's `quote` and `observe`
are handed in by `engine.link`.
"""

from typing import Any

from simmm import estimator_entry as estimators
from simmm.jit import kernel
from simmm.mail import next_response_ts
from simmm.maker_records import NO_FAULT
from simmm.math import chain
from simmm.observing import see_clock, see_fill
from simmm.orders.table import on_response
from simmm.output_records import BELIEFS, ESTIMATES, HEARD, INTENTS
from simmm.packet_step import step_packet, tell
from simmm.packets import open_quiet, see_packets
from simmm.quote_step import fill_record, quote_step
from simmm.reading import (
    arrival_packet_of,
    arrival_ts_of,
    packet_info_of,
    packet_row_of,
    packet_ts_of,
)
from simmm.records import (
    ALO,
    EVENT_FILL,
    FILLED,
    IOC,
    NEVER,
    NO_ASK,
    NO_BID,
    ORDER_SLOTS,
)


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
def step_arrivals(
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
    until: int,
) -> bool:
    """See what arrives up to `until`; return whether a packet needed a step of its own.

    Where the strategy quotes on packets, the venue may have to act after each: it is the last.
    """
    plain = maker.observes + maker.quote_on_packet == 0
    stepped = False
    while True:
        if plain:
            see_packets(stack, maker, books[0], window, until)
        if window.arrival == window.arrival_hi:
            break
        now = arrival_ts_of(window, window.arrival)
        if now > until:
            break
        stepped = True
        n = arrival_packet_of(window, window.arrival)
        window.arrival += 1
        row, end = packet_row_of(window, n), packet_row_of(window, n + 1)
        packet_ts, info = packet_ts_of(window, n), packet_info_of(window, n)
        step_packet(
            quote,
            observe,
            stack,
            maker,
            books,
            mail,
            out,
            memory,
            params,
            window,
            row,
            end,
            packet_ts,
            info,
            now,
        )
        if maker.quote_on_packet:
            break
    return stepped


@kernel
def step_responses(
    quote: Any,
    observe: Any,
    stack: Any,
    maker: Any,
    books: Any,
    mail: Any,
    out: Any,
    memory: Any,
    params: Any,
    now: int,
) -> None:
    """Hear the next response, due `now`, and all others of that time."""
    step_response(quote, observe, stack, maker, books, mail, out, memory, params)
    while next_response_ts(mail) == now and has_room(out) and maker.fault == NO_FAULT:
        step_response(quote, observe, stack, maker, books, mail, out, memory, params)


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
        tell(
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
