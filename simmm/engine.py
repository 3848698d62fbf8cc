"""The engine: one total order of events, one compiled entry for all strategies.

Theory of operation. Two machines, venue and maker, each with its own clock, share only messages
that take at least 1 ns (docs/architecture.md, "The order of events"). So each may run ahead of the
other up to the first moment at which the other could send it something. `advance` does just that,
and returns when rows run out, an output buffer is nearly full, the run ended, or a fault stopped
it. Where it returns cannot be seen in the results.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

from simmm.book import clear
from simmm.jit import compiled
from simmm.mail import least_ns, next_request_ts, next_response_ts
from simmm.maker import (
    has_room as maker_has_room,
)
from simmm.maker import (
    ignore,
    next_timer_ts,
    open_maker,
    start_estimators,
    step_arrivals,
    step_responses,
    step_timer,
)
from simmm.maker_records import FAULT_RING, NO_FAULT
from simmm.reading import arrival_ts_of, packet_ts_of
from simmm.records import NEVER
from simmm.strategy.load import Strategy
from simmm.strategy.native import keep_at, keep_record, observe_at, quote_at
from simmm.venue.blocks import UNKNOWN_YET, block_end
from simmm.venue.exchange import (
    act_due,
    apply_packets,
    next_due_ts,
    next_request_due,
    open_venue,
    read_mid,
    samples_due,
    serve_requests,
)
from simmm.venue.exchange import (
    has_room as venue_has_room,
)
from simmm.venue.queue import QueueModel
from simmm.venue.resting import pass_time
from simmm.window_records import ENDED, FAULTED, NEED_ROWS, OUTPUT_FULL

Advance = Callable[..., None]
Verbs = tuple[Callable[..., Any], ...]


def link(queue: QueueModel) -> Advance:
    """Return the one entry that replay and live sessions call, the same for all strategies.

    Parameters
    ----------
    queue : QueueModel

    Returns
    -------
    callable
        ``advance(windows, venues, venue_books, makers, maker_books, mails, stacks, memories,
        params, outputs, memory_rows)``: record arrays of one element, but one book per market and,
        where the venue learns from the feed, two windows: the venue's and the maker's. Stacks are
        `estimator_entry.StackHandle`, memories and params `strategy.native.Handles`, memory_rows
        int64 words. It moves the state in place as far as it can and says why it returned in
        ``windows[0].status``.
    """
    with global_compiler_lock:  # threads share one entry
        return _linked(queue.verbs)


@cache
def _linked(verbs: Verbs) -> Advance:
    return compiled(_engine(verbs, quote_at, observe_at, keep_at))


def interpret(queue: QueueModel, strategy: Strategy) -> Advance:
    """Return the same as ordinary Python, with records of the strategy's own as its state."""
    return _engine(queue.verbs, strategy.quote, strategy.observe or ignore, keep_record)


def _engine(
    verbs: Verbs, quote: Callable[..., Any], observe: Callable[..., Any], keep: Callable[..., Any]
) -> Advance:
    join, trade, depth, cap, filled, watch, begin, adopt, learn = verbs

    def advance(
        windows: Any,
        venues: Any,
        venue_books: Any,
        makers: Any,
        maker_books: Any,
        mails: Any,
        stacks: Any,
        memories: Any,
        params: Any,
        outputs: Any,
        memory_rows: Any,
    ) -> None:
        # As `venue.queue` numbers them.
        verbs = (join, trade, depth, cap, filled, watch, begin, adopt, learn)
        window = windows[windows.size - 1]  # the maker's
        believed = windows[0]  # the venue's
        venue = venues[0]
        maker = makers[0]
        mail = mails[0]
        stack = stacks[0]
        memory = memories[0]
        param = params[0]
        out = outputs[0]
        start_estimators(stack, maker)
        least_entry_ns = least_ns(mail)
        while True:
            if maker.fault != NO_FAULT or mail.overflow:
                if maker.fault == NO_FAULT:
                    maker.fault = FAULT_RING
                believed.status = FAULTED
                return
            if not (venue_has_room(out) and maker_has_room(out)):
                believed.status = OUTPUT_FULL
                return
            # What each side does next. An unknown packet comes at `bound_ts` or later.
            known = believed.packet < believed.packet_hi
            packet_due = believed.bound_ts
            if known:
                packet_due = packet_ts_of(believed, believed.packet)
            elif believed.final:
                packet_due = NEVER
            request_due = next_request_due(venue, mail)
            event_due = next_due_ts(venue)
            # Nothing the venue may still do reaches the maker before this moment.
            tell_due = min(min(packet_due, request_due), event_due) + 1
            if believed.held:
                told_ts = believed.told_bound_ts
                if known:
                    told_ts = believed.told_ts[believed.packet & (believed.told_ts.size - 1)]
                elif believed.final:
                    told_ts = NEVER
                else:
                    request_due = NEVER  # its answer is told with the next packet
                    event_due = NEVER
                tell_due = max(tell_due, told_ts)
                mail.told_ts = told_ts
            elif mail.remote:
                known = False
                packet_due = NEVER
                request_due = NEVER
                event_due = NEVER
                tell_due = mail.bound_ts
                mail.request_head = mail.request_tail
                window.packet = window.packet_hi
            response_due = next_response_ts(mail)
            timer_due = next_timer_ts(maker)
            acts_due = min(response_due, timer_due)
            arrival_due = NEVER if window.final else window.bound_ts
            if window.arrival < window.arrival_hi:
                arrival_due = arrival_ts_of(window, window.arrival)
            if maker.quote_on_packet:
                acts_due = min(acts_due, arrival_due)
            if acts_due > maker.end_ts:
                acts_due = NEVER
            venue_until = min(acts_due + least_entry_ns, maker.end_ts)
            # A taker that waited acts after all that arrives at its time: what the maker has yet to
            # send arrives at `sends_due` or later.
            sends_due = acts_due + least_entry_ns
            is_waiting = next_request_ts(mail) > request_due
            block_end_ts = request_due
            if request_due < packet_due and venue.market.block_ns > 0:
                block_end_ts = block_end(believed, venue, request_due)

            if known and packet_due <= min(min(request_due, event_due), venue_until):
                apply_packets(
                    verbs,
                    venue,
                    venue_books[0],
                    mail,
                    out,
                    believed,
                    min(min(request_due, event_due), venue_until),
                )
            elif event_due < packet_due and event_due <= min(request_due, venue_until):
                if samples_due(venue, venue_books[0], out, event_due):
                    act_due(venue, venue_books[0], mail, out)
            elif (
                request_due < packet_due
                and request_due <= venue_until
                and not (is_waiting and request_due >= sends_due)
                and block_end_ts != UNKNOWN_YET
            ):
                if samples_due(venue, venue_books[0], out, request_due):
                    serve_requests(
                        verbs,
                        venue,
                        venue_books[0],
                        mail,
                        out,
                        request_due,
                        sends_due,
                        block_end_ts,
                    )
            else:
                done = True
                limit = min(tell_due - 1, maker.end_ts)
                if window.arrival < window.arrival_hi and arrival_due <= maker.end_ts:
                    # A packet comes before a response of the same time.
                    done = not step_arrivals(
                        quote,
                        observe,
                        stack,
                        maker,
                        maker_books,
                        mail,
                        out,
                        memory,
                        param,
                        window,
                        min(min(response_due, timer_due), min(tell_due, maker.end_ts)),
                    )
                if done:
                    arrival_due = NEVER if window.final else window.bound_ts
                    if window.arrival < window.arrival_hi:
                        arrival_due = arrival_ts_of(window, window.arrival)
                    if response_due < arrival_due and response_due <= min(timer_due, limit):
                        step_responses(
                            quote,
                            observe,
                            stack,
                            maker,
                            maker_books,
                            mail,
                            out,
                            memory,
                            param,
                            response_due,
                        )
                    elif timer_due < min(arrival_due, response_due) and timer_due <= limit:
                        step_timer(
                            quote,
                            keep,
                            stack,
                            maker,
                            maker_books,
                            mail,
                            out,
                            memory,
                            param,
                            memory_rows,
                        )
                    elif (window.final or window.bound_ts > maker.end_ts) and (
                        believed.final or believed.held == 0
                    ):
                        if mail.remote:
                            believed.status = ENDED if tell_due > maker.end_ts else NEED_ROWS
                            return
                        if samples_due(venue, venue_books[0], out, maker.end_ts + 1):
                            read_mid(venue, venue_books[0], out)
                            pass_time(venue, max(venue.passed_ts, maker.end_ts))
                            venue.now = max(venue.now, maker.end_ts)
                            believed.status = ENDED
                            return
                    else:
                        believed.status = NEED_ROWS
                        return

    return advance


def open_run(
    verbs: Verbs,
    venue: Any,
    venue_books: Any,
    maker: Any,
    maker_books: Any,
) -> None:
    """Bring the state of a run to its beginning; settings and times are written before."""
    open_venue(verbs, venue, venue_books[0])
    for book in maker_books:
        clear(book)
    open_maker(maker)
