"""Fills a fixed schedule of orders with simmm's exchange alone: no maker, requests at set times."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simmm import output_records, records, venue_records
from simmm.feed import Feed
from simmm.jit import compiled, kernel
from simmm.mail import next_request_ts, request
from simmm.market import MarketRules
from simmm.reading import packet_ts_of
from simmm.records import ALO, CANCEL, CANCELLED, FILLED, NEVER, NEW, REJECTED
from simmm.tape import TapeSpec, open_tapes
from simmm.venue.exchange import apply_packets, open_venue, serve_request
from simmm.venue.queue import queue_model, write_settings
from tests.peer import unbounded

LIVE, WAS_FILLED, WAS_CANCELLED, WAS_REJECTED = range(4)  # as `benchmarks/peer_fills.py` has them
MOST_REQUESTS = 1 << 15
Verbs = tuple[Callable[..., Any], ...]


class Ends(NamedTuple):
    """How each order of a schedule ended; rows as in the schedule."""

    status: np.ndarray
    exch_ts: np.ndarray  # ns
    unseen: np.ndarray  # whether nothing had been shown at its price when it joined
    misled: np.ndarray  # `unbounded.Unbounded.misled` of its place
    ahead: np.ndarray  # lots ahead of it when it ended


@kernel
def _send(mails: Any, plan: Any, row: int) -> None:
    """Put the next request of the plan on its way."""
    kind = CANCEL if plan.is_cancel[row] else NEW
    request(
        mails[0], plan.sent_ts[row], kind, plan.id[row], 0, plan.side[row], plan.px[row],
        plan.lots[row], ALO, 0, 0,
    )  # fmt: skip


@kernel
def _note(
    out: Any, status: np.ndarray, exch_ts: np.ndarray, unseen: np.ndarray, ahead: np.ndarray
) -> None:
    """Note the orders that ended, and empty all buffers."""
    for k in range(out.n_orders):
        row = out.orders[k]
        order = row.id - 1
        exch_ts[order] = row.end_ts
        unseen[order] = row.level_at_join < 0
        ahead[order] = row.ahead_at_end
        if row.end == FILLED:
            status[order] = WAS_FILLED
        elif row.end == CANCELLED:
            status[order] = WAS_CANCELLED
        elif row.end == REJECTED:
            status[order] = WAS_REJECTED
    out.n_fills = 0
    out.n_orders = 0
    out.n_equity = 0
    out.n_mids = 0


@kernel
def _note_misled(venue: Any, ids: np.ndarray, misled: np.ndarray) -> None:
    """Note which orders the formulas misled; `ids` are those that were in the slots before."""
    for slot in range(ids.size):
        if ids[slot] > 0:
            row = ids[slot] - 1
            misled[row] = max(misled[row], venue.queue[slot].misled)


@cache
def _replay_by(verbs: Verbs, watches: bool) -> Callable[..., None]:
    """Return the compiled loop; with `watches` it goes packet by packet and notes `misled`."""
    join, trade, depth, cap, filled, watch, begin, adopt, learn = verbs

    def replay(
        windows: Any,
        venues: Any,
        books: Any,
        mails: Any,
        outputs: Any,
        plans: Any,
        cursor: np.ndarray,
        ids: np.ndarray,
        status: np.ndarray,
        exch_ts: np.ndarray,
        unseen: np.ndarray,
        misled: np.ndarray,
        ahead: np.ndarray,
    ) -> None:
        """Apply what the window holds, and the requests that arrive meanwhile."""
        window, venue, mail, out = windows[0], venues[0], mails[0], outputs[0]
        plan = plans[0]
        verbs = (join, trade, depth, cap, filled, watch, begin, adopt, learn)
        while True:
            if mail.request_head == mail.request_tail and cursor[0] < plan.count:
                _send(mails, plan, cursor[0])
                cursor[0] += 1
            due = next_request_ts(mail)
            packet_due = window.bound_ts
            if window.packet < window.packet_hi:
                packet_due = packet_ts_of(window, window.packet)
                if packet_due <= due:
                    if watches:
                        for slot in range(ids.size):
                            ids[slot] = venue.orders[slot].id
                        apply_packets(verbs, venue, books[0], mail, out, window, packet_due)
                        _note_misled(venue, ids, misled)
                    else:
                        apply_packets(verbs, venue, books[0], mail, out, window, due)
            if packet_due > due:
                serve_request(verbs, venue, books[0], mail, out, 0)
            elif window.packet == window.packet_hi:
                return
            mail.response_head = mail.response_tail
            _note(out, status, exch_ts, unseen, ahead)

    return compiled(replay)


def fill_schedule(
    tape: Path,
    schedule: dict[str, np.ndarray],
    market: MarketRules,
    model: str,
    power: float,
    entry_ns: int,
    window: int = 1 << 16,
    bounded: bool = True,
    **settings: Any,
) -> Ends:
    """Fill a schedule of ``benchmarks/peer_schedule.py`` on a tape of the same rows.

    With `bounded` false the place of each order is kept as the peer keeps it. `settings` are those
    of `venue.queue.write_settings`.
    """
    queue = queue_model(model)
    if not bounded:
        queue = queue._replace(state=unbounded.Unbounded, verbs=unbounded.VERBS)
    replay = _replay_by(queue.verbs, not bounded)
    venues = np.zeros(
        1, venue_records.venue_dtype(queue.state, draws=queue.draws, levels=queue.levels)
    )
    books = np.zeros(1, records.book_dtype(window))
    mails = np.zeros(1, records.Mail)
    outputs = np.zeros(1, output_records.Outputs)
    venue = venues.view(np.recarray)[0]
    venue["market"] = market.to_record()[0]
    write_settings(venue.settings, queue, n=power, **settings)
    venue.next_sample_ts = NEVER
    for line, wait_ns in (("entry", entry_ns), ("answer", 1)):
        mails[0][line]["low_ns"] = wait_ns
    open_venue(queue.verbs, venue, books.view(np.recarray)[0])
    count = len(schedule["order_id"])
    kinds = (np.int64, np.int64, np.bool_, np.int64, np.float64)
    ends = Ends(*(np.zeros(count, kind) for kind in kinds))
    plans = _plan(schedule)
    cursor = np.zeros(1, np.int64)
    ids = np.zeros(len(venues["orders"][0]), np.int64)
    feed = Feed()
    with open_tapes([TapeSpec(tape)]) as stream:
        for chunk in stream.chunks():
            for _ in feed.push(chunk):
                replay(feed.windows, venues, books, mails, outputs, plans, cursor, ids, *ends)
                # There is no maker to see anything: what the venue has passed is free.
                feed.windows["arrival"] = feed.windows["arrival_hi"]
    assert books["dropped"][0] == 0, "the book's window is too narrow for this tape"
    return ends


def _plan(schedule: dict[str, np.ndarray]) -> np.ndarray:
    """Return the schedule's requests in sending order; at one time cancels go before news."""
    count = len(schedule["order_id"])
    sent_ts = np.concatenate((schedule["cancel_ts"], schedule["submit_ts"]))
    order = np.argsort(sent_ts, kind="stable")
    fields = [
        ("is_cancel", "i8"),
        ("sent_ts", "i8"),
        ("id", "i8"),
        ("side", "i8"),
        ("px", "i8"),
        ("lots", "i8"),
    ]
    # Of one size, so that all schedules are served by one compiled loop.
    plan = np.zeros(
        1, np.dtype([("count", "i8"), *((*field, (MOST_REQUESTS,)) for field in fields)])
    )
    plan["count"] = 2 * count
    plan["is_cancel"][0, : 2 * count] = order < count
    plan["sent_ts"][0, : 2 * count] = sent_ts[order]
    for name, column in (
        ("id", "order_id"),
        ("side", "side"),
        ("px", "px_ticks"),
        ("lots", "qty_lots"),
    ):
        plan[name][0, : 2 * count] = np.tile(schedule[column], 2)[order]
    return plan
