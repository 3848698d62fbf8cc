"""Drives the venue's kernels by hand, as plain Python, one event after the other, in integers.

Nothing compiles: kernels are plain functions and records plain arrays. Messages take a
nanosecond, so a request acts at the moment it is sent plus one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simmm import output_records, records, venue_records, window_records
from simmm.book import UNKNOWN
from simmm.latency import LATENCY_FORMS
from simmm.mail import next_request_ts, request
from simmm.record_views import record_view
from simmm.records import (
    BBO,
    BUY,
    CONTEXT,
    DEPTH,
    FIRST,
    GAP,
    INFO_END,
    KIND_MASK,
    NEVER,
    NO_ASK,
    SNAPSHOT,
    TRADE,
)
from simmm.venue.actions import DAY_NS
from simmm.venue.exchange import (
    act_due,
    apply_packets,
    next_due_ts,
    next_request_due,
    open_venue,
    read_mid,
    serve_request,
)
from simmm.venue.liquidation import watch_margin
from simmm.venue.queue import queue_model, write_settings

Row = tuple[int, int, int]  # tag, px (quanta; of a context row its figure), lots
ROWS = 1 << 10  # one packet may have


def level_row(kind: int, side: int, px: int, lots: int) -> Row:
    """Return one row of a depth, bbo or trade packet; `side` +1 bid or buyer."""
    return (kind | (BUY if side > 0 else 0), px, lots)


def image_rows(side: int, levels: Iterable[tuple[int, int]]) -> list[Row]:
    """Return one side of an image, best to worst; without levels, an empty side."""
    shown = list(levels) or [(0, 0)]
    rows = [level_row(SNAPSHOT, side, px, lots) for px, lots in shown]
    rows[0] = (rows[0][0] | FIRST, *rows[0][1:])
    return rows


def context_row(what: int, figure: int) -> Row:
    """Return one row of context: `what` is MARK, ORACLE or FUNDING."""
    return (CONTEXT, figure, what)


def plain(row: Any) -> dict[str, Any]:
    """Return one record as a dictionary of Python numbers."""
    return dict(zip(row.dtype.names, row.tolist(), strict=True))


def record(dtype: np.dtype) -> Any:
    """Return one zeroed record whose fields are attributes."""
    return record_view(np.zeros(1, dtype))[0]


class Desk:
    """One market, one account, driven event by event.

    Parameters
    ----------
    market : numpy.ndarray
        One `records.Market`.
    start_ts : int
        When it opens, ns.
    account, budget : dict of str to int, optional
        Fields of those records that are not zero at the start.
    queue : str
        A queue model without settings of its own.
    window : int
        Quanta that the book holds, a power of two.
    slots : int
        Places for own orders.
    """

    def __init__(
        self,
        market: np.ndarray,
        start_ts: int,
        account: dict[str, int] | None = None,
        budget: dict[str, int] | None = None,
        *,
        queue: str = "pessimistic",
        window: int = 1 << 16,
        slots: int = records.ORDER_SLOTS,
    ) -> None:
        model = queue_model(queue)
        self.verbs = model.verbs
        self.venue = record(
            venue_records.venue_dtype(model.state, slots, model.draws, model.levels)
        )
        self.book = record(records.book_dtype(window))
        self.mail = record(records.Mail)
        self.out = record(output_records.Outputs)
        self.tape = record(window_records.window_dtype(ROWS))
        self.venue["market"] = market
        write_settings(self.venue.settings, model)
        for name, figure in (account or {}).items():
            self.venue.account[name] = figure
        for name, figure in (budget or {}).items():
            self.venue.budget[name] = figure
        hour = int(self.venue.market.funding_ns)
        if hour > 0 and not self.venue.account.next_funding_ts:
            self.venue.account.next_funding_ts = (start_ts // hour + 1) * hour
        if self.venue.market.n_fee_tiers and not self.venue.account.next_day_ts:
            self.venue.account.next_day_ts = (start_ts // DAY_NS + 1) * DAY_NS
        self.now = start_ts
        self.packet_ts = -1  # of the newest packet
        self.venue.now = start_ts
        self.venue.next_sample_ts = NEVER
        for line in (*self.mail.entry, self.mail.answer):
            line.form = LATENCY_FORMS.index("constant")
            line.low_ns = 1
        self.heard = 0  # responses handed out
        self.taken_off = {"fills": 0, "orders": 0}
        open_venue(self.verbs, self.venue, self.book)

    # ------------------------------------------------------------------ events

    def packet(self, ts: int, rows: list[Row]) -> None:
        """Apply rows of one moment; a change of kind begins another packet."""
        self.advance(ts - 1)
        self.now = ts
        if self.book.low == NO_ASK:
            self._place_window(rows)
        tape = self.tape
        packets = 0
        for k, (tag, px, lots) in enumerate(rows):
            tape.tag[k], tape.px[k], tape.qty[k] = tag, px, lots
            kind = tag & KIND_MASK
            if k == 0 or kind != rows[k - 1][0] & KIND_MASK:
                tape.packet_ts[packets], tape.packet_row[packets] = ts, k
                tape.packet_info[packets] = kind | INFO_END
                packets += 1
        tape.packet_row[packets] = tape.row_hi = len(rows)
        tape.packet_hi = packets
        tape.packet = tape.row = 0
        while tape.packet < packets:  # it returns where own orders were answered
            apply_packets(self.verbs, self.venue, self.book, self.mail, self.out, tape, ts)
        self.packet_ts = ts
        self._end_block()
        for k in range(self.venue.n_waiting):
            waiting = self.venue.waiting[k]
            waiting["arrival_ts"] = min(waiting["arrival_ts"], ts)

    def _place_window(self, rows: list[Row]) -> None:
        """Place the book's window around the first level, as the book would, but all at once."""
        levels = [px for tag, px, _ in rows if tag & KIND_MASK in (DEPTH, SNAPSHOT, BBO) and px > 0]
        if levels:
            self.book.cells[:] = UNKNOWN
            self.book.low = max(levels[0] - len(self.book.cells) // 4, 0)

    def _end_block(self) -> None:
        """All of this moment was shown: a mark that is the book's middle may have moved."""
        read_mid(self.venue, self.book, self.out)
        if self.venue.mark_moved:
            watch_margin(self.venue, self.book, self.mail, self.out)

    def send(
        self,
        kind: int,
        *,
        id: int = 0,
        new_id: int = 0,
        side: int = 0,
        px: int = 0,
        quantity: int = 0,
        tif: int = 0,
        more: dict[str, int] | None = None,
    ) -> None:
        """Put a request on its way; it arrives 1 ns from now."""
        request(self.mail, self.now, kind, id, new_id, side, px, quantity, tif, 0, 0)
        message = self.mail.requests[(self.mail.request_tail - 1) & (records.RING - 1)]
        for name, figure in (more or {}).items():
            message[name] = figure

    def advance(self, ts: int) -> None:
        """Let everything happen that is due until `ts`, that moment included."""
        while self.next_ts <= ts:
            self.now = self.next_ts
            if next_due_ts(self.venue) == self.now:
                act_due(self.venue, self.book, self.mail, self.out)
                continue
            acts_ts = next_request_ts(self.mail)
            if acts_ts != self.packet_ts:
                acts_ts += int(self.venue.market.block_ns)
            serve_request(self.verbs, self.venue, self.book, self.mail, self.out, acts_ts)
        self.now = max(self.now, ts)

    @property
    def next_ts(self) -> int:
        """When something happens by itself or a request acts, ns; `NEVER`: nothing is due."""
        return int(min(next_due_ts(self.venue), next_request_due(self.venue, self.mail)))

    @property
    def waiting(self) -> int:
        """How many takers wait for their block."""
        return int(self.venue.n_waiting)

    # ------------------------------------------------------------------ what came of it

    def responses(self) -> list[dict[str, Any]]:
        """Return the responses since the last call."""
        ring = self.mail.responses
        first, self.heard = self.heard, self.mail.response_tail
        self.mail.response_head = self.mail.response_tail
        return [plain(ring[k % len(ring)]) for k in range(first, self.heard)]

    def fills(self) -> list[dict[str, Any]]:
        """Return the rows of fills since the last call."""
        rows = [plain(row) for row in self.out.fills[: self.out.n_fills]]
        self.out.n_fills = 0
        return rows

    def ended(self) -> list[dict[str, Any]]:
        """Return the rows of orders that ended since the last call."""
        rows = [plain(row) for row in self.out.orders[: self.out.n_orders]]
        self.out.n_orders = 0
        self.out.n_mids = self.out.n_funding = self.out.n_predictions = 0
        return rows

    @property
    def account(self) -> dict[str, Any]:
        """The account's fields."""
        return plain(self.venue.account)

    @property
    def orders(self) -> list[dict[str, Any]]:
        """The resting orders: bids, then asks, best price first, then oldest; `ahead` in lots."""
        venue = self.venue
        slots = [*venue.bids[: venue.n_bids], *venue.asks[: venue.n_asks]]
        ahead = [float(venue.queue[slot]["ahead"]) for slot in slots]
        rows = [plain(venue.orders[slot]) for slot in slots]
        return [{**row, "ahead": lots} for row, lots in zip(rows, ahead, strict=True)]


__all__ = [
    "BBO",
    "DEPTH",
    "GAP",
    "TRADE",
    "Desk",
    "Row",
    "context_row",
    "image_rows",
    "level_row",
    "plain",
]
