"""Fills a fixed schedule of orders with simmm's exchange alone: no maker, requests at set times."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simmm import records
from simmm.feed import Feed
from simmm.jit import compiled, kernel
from simmm.mail import next_request_ts, request
from simmm.market import MarketRules
from simmm.records import ALO, CANCEL, CANCELLED, FILLED, NEVER, NEW, REJECTED
from simmm.tape import TapeSpec, open_tapes
from simmm.venue.exchange import apply_packets, open_venue, serve_request
from simmm.venue.queue import queue_model, write_settings
from simmm.venue.queue.published import (
    adopt,
    begin,
    cap,
    depth,
    filled,
    join,
    learn,
    trade,
    watch,
)

LIVE, WAS_FILLED, WAS_CANCELLED, WAS_REJECTED = range(4)  # as `benchmarks/peer_fills.py` has them
BOOK_WINDOW = 1 << 14


class Ends(NamedTuple):
    """How each order of a schedule ended; rows as in the schedule."""

    status: np.ndarray
    exch_ts: np.ndarray  # ns
    unseen: np.ndarray  # whether nothing had been shown at its price when it joined


@kernel
def _send(mails: Any, plan: Any, row: int) -> None:
    """Put the next request of the plan on its way."""
    kind = CANCEL if plan.is_cancel[row] else NEW
    request(
        mails[0], plan.sent_ts[row], kind, plan.id[row], 0, plan.side[row], plan.px[row],
        plan.lots[row], ALO, 0, 0,
    )  # fmt: skip


@kernel
def _note(out: Any, status: np.ndarray, exch_ts: np.ndarray, unseen: np.ndarray) -> None:
    """Note the orders that ended, and empty all buffers."""
    for k in range(out.n_orders):
        row = out.orders[k]
        order = row.id - 1
        exch_ts[order] = row.end_ts
        unseen[order] = row.level_at_join < 0
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


@compiled
def _replay(
    windows: Any,
    venues: Any,
    books: Any,
    mails: Any,
    outputs: Any,
    plans: Any,
    cursor: np.ndarray,
    status: np.ndarray,
    exch_ts: np.ndarray,
    unseen: np.ndarray,
) -> None:
    """Apply what the window holds, and the requests that arrive meanwhile."""
    window, venue, mail, out = windows[0], venues[0], mails[0], outputs[0]
    plan = plans[0]
    mask = window.tag.size - 1
    verbs = (join, trade, depth, cap, filled, watch, begin, adopt, learn)
    while True:
        if mail.request_head == mail.request_tail and cursor[0] < plan.id.size:
            _send(mails, plan, cursor[0])
            cursor[0] += 1
        due = next_request_ts(mail)
        packet_due = window.bound_ts
        if window.packet < window.packet_hi:
            packet_due = window.packet_ts[window.packet & mask]
            if packet_due <= due:
                apply_packets(verbs, venue, books[0], mail, out, window, due)
        if packet_due > due:
            serve_request(verbs, venue, books[0], mail, out, 0)
        elif window.packet == window.packet_hi:
            return
        mail.response_head = mail.response_tail
        _note(out, status, exch_ts, unseen)


def fill_schedule(
    tape: Path,
    schedule: dict[str, np.ndarray],
    market: MarketRules,
    model: str,
    power: float,
    entry_ns: int,
) -> Ends:
    """Fill a schedule of ``benchmarks/peer_schedule.py`` on a tape of the same rows."""
    queue = queue_model(model)
    assert queue.verbs == (join, trade, depth, cap, filled, watch, begin, adopt, learn)
    venues = np.zeros(1, records.venue_dtype(queue.state))
    books = np.zeros(1, records.book_dtype(BOOK_WINDOW))
    mails = np.zeros(1, records.Mail)
    outputs = np.zeros(1, records.Outputs)
    venue = venues.view(np.recarray)[0]
    venue["market"] = market.to_record()[0]
    write_settings(venue.settings, queue, n=power)
    venue.next_sample_ts = NEVER
    for line, wait_ns in (("entry", entry_ns), ("answer", 1)):
        mails[0][line]["low_ns"] = wait_ns
    open_venue(queue.verbs, venue, books.view(np.recarray)[0])
    count = len(schedule["order_id"])
    ends = Ends(np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.bool_))
    plans = _plan(schedule)
    cursor = np.zeros(1, np.int64)
    feed = Feed()
    with open_tapes([TapeSpec(tape)]) as stream:
        for chunk in stream.chunks():
            for _ in feed.push(chunk):
                _replay(feed.windows, venues, books, mails, outputs, plans, cursor, *ends)
                # There is no maker to see anything: what the venue has passed is free.
                feed.windows["arrival"] = feed.windows["arrival_hi"]
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
    plan = np.zeros(1, np.dtype([(name, kind, (2 * count,)) for name, kind in fields]))
    plan["is_cancel"][0] = order < count
    plan["sent_ts"][0] = sent_ts[order]
    for name, column in (
        ("id", "order_id"),
        ("side", "side"),
        ("px", "px_ticks"),
        ("lots", "qty_lots"),
    ):
        plan[name][0] = np.tile(schedule[column], 2)[order]
    return plan
