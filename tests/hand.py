"""Hand-made markets for tests: a venue moved row by row, and whole runs of a scripted strategy.

Kernels are plain functions and records plain arrays, so all of this runs in ordinary Python:
nothing compiles, and a test's figures can be worked out on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from simmm import output_records, records, tape, venue_records, window_records
from simmm.latency import LATENCY_FORMS
from simmm.mail import request
from simmm.market import MarketRules
from simmm.records import (
    ALO,
    BBO,
    BUY,
    CANCEL,
    DEPTH,
    FIRST,
    GAP,
    INFO_END,
    KIND_MASK,
    KIND_NAMES,
    MODIFY,
    NEVER,
    NEW,
    SNAPSHOT,
    TRADE,
)
from simmm.simulation import Settings, Simulation
from simmm.strategy.fields import Record
from simmm.strategy.load import Strategy
from simmm.venue.exchange import apply_packets, open_venue, read_mid, serve_request
from simmm.venue.queue import queue_model, write_settings
from simmm.venue.resting import find

BID, ASK = 1, -1
BUYER, SELLER = 1, -1
START = 1_700_000_000_000_000_000
MS = 1_000_000
Row = tuple[int, int, int]  # tag, px (quanta), qty (lots)
Level = tuple[int, int]  # px (quanta), lots

#: A price quantum of 1, lots of 1, and money in millionths: notional = px * lots * 1_000_000.
WHOLE = {"price_quantum": "1", "lot_size": "1"}


def _tag(kind: int, side: int) -> int:
    return kind | (BUY if side > 0 else 0)


def depth(side: int, px: int, lots: int) -> list[Row]:
    """One level changed."""
    return [(_tag(DEPTH, side), px, lots)]


def trade(aggressor: int, px: int, lots: int) -> list[Row]:
    """One print."""
    return [(_tag(TRADE, aggressor), px, lots)]


def bbo(side: int, px: int, lots: int) -> list[Row]:
    """One side's best level."""
    return [(_tag(BBO, side), px, lots)]


def image(side: int, *levels: Level) -> list[Row]:
    """One side of the book, best to worst; no level: an empty side."""
    shown = levels or ((0, 0),)
    return [
        (_tag(SNAPSHOT, side) | (0 if place else FIRST), px, lots)
        for place, (px, lots) in enumerate(shown)
    ]


def gap() -> list[Row]:
    """The feed missed something."""
    return [(GAP, 0, 0)]


#: The book most tests open with.
BIDS = image(BID, (100, 20), (99, 10), (98, 10))
ASKS = image(ASK, (101, 10), (102, 10), (103, 10))


def record(dtype: np.dtype) -> Any:
    """Return one zeroed record whose fields are attributes."""
    return np.zeros(1, dtype).view(np.recarray)[0]


def plain(row: Any) -> dict[str, Any]:
    """Return one record as a dictionary of Python numbers."""
    return dict(zip(row.dtype.names, row.tolist(), strict=True))


class Venue:
    """A simulated exchange of one market, moved by hand. Each message is a block of its own."""

    def __init__(
        self,
        queue: str = "power",
        n: float = 3.0,
        window: int = 1 << 10,
        images: bool = False,
        draws: int = 0,
        **rules: Any,
    ) -> None:
        model = queue_model(queue)
        self.market = MarketRules(symbol="HAND", **{**WHOLE, **rules})
        self.venue = record(
            venue_records.venue_dtype(model.state, records.ORDER_SLOTS, model.draws, model.levels)
        )
        self.book = record(records.book_dtype(window))
        self.mail = record(records.Mail)
        self.out = record(output_records.Outputs)
        self.tape = record(window_records.window_dtype(1 << 8))
        self.verbs = model.verbs
        self.venue["market"] = self.market.to_record()[0]
        write_settings(self.venue.settings, model, n=n, images=images, draws=draws)
        self.now = START
        self.venue.now = START
        self.venue.next_sample_ts = NEVER
        for line in (*self.mail.entry, self.mail.answer):
            line.form = LATENCY_FORMS.index("constant")
            line.low_ns = 1
        open_venue(self.verbs, self.venue, self.book)

    # ------------------------------------------------------------------ the market

    def feed(self, *parts: list[Row]) -> Venue:
        """Apply rows as one block, 1 ms after the last one."""
        self.now += MS
        rows = [row for part in parts for row in part]
        tape = self.tape
        packets = 0
        for k, (tag, px, lots) in enumerate(rows):
            tape.tag[k], tape.px[k], tape.qty[k] = tag, px, lots
            kind = tag & KIND_MASK
            if k == 0 or kind != rows[k - 1][0] & KIND_MASK:
                tape.packet_ts[packets], tape.packet_row[packets] = self.now, k
                tape.packet_info[packets] = kind | INFO_END
                packets += 1
        tape.packet_row[packets] = tape.row_hi = len(rows)
        tape.packet_hi = packets
        tape.packet = tape.row = 0
        while tape.packet < packets:  # it returns where own orders were answered
            apply_packets(self.verbs, self.venue, self.book, self.mail, self.out, tape, self.now)
        return self

    # ------------------------------------------------------------------ own requests

    def new(self, id: int, side: int, px: int, lots: int, tif: int = ALO) -> list[dict[str, Any]]:
        """Place an order; return what the venue answers."""
        return self._send(NEW, id, 0, side, px, lots, tif)

    def cancel(self, id: int) -> list[dict[str, Any]]:
        """Cancel an order; return what the venue answers."""
        return self._send(CANCEL, id, 0, 0, 0, 0, 0)

    def modify(
        self, id: int, side: int, px: int, lots: int, new_id: int | None = None
    ) -> list[dict[str, Any]]:
        """Modify an order; return what the venue answers."""
        return self._send(MODIFY, id, id if new_id is None else new_id, side, px, lots, 0)

    def _send(
        self, kind: int, id: int, new_id: int, side: int, px: int, lots: int, tif: int
    ) -> list[dict[str, Any]]:
        self.now += MS
        request(self.mail, self.now, kind, id, new_id, side, px, lots, tif, 0, 0)
        first = self.mail.response_tail
        serve_request(self.verbs, self.venue, self.book, self.mail, self.out, self.now)
        return self.responses(first)

    # ------------------------------------------------------------------ what came of it

    def responses(self, first: int = 0) -> list[dict[str, Any]]:
        """Return the responses from number `first` on."""
        ring = self.mail.responses
        return [plain(ring[k % len(ring)]) for k in range(first, self.mail.response_tail)]

    @property
    def fills(self) -> list[dict[str, Any]]:
        return [plain(row) for row in self.out.fills[: self.out.n_fills]]

    @property
    def ended(self) -> list[dict[str, Any]]:
        """Rows of the orders that ended."""
        return [plain(row) for row in self.out.orders[: self.out.n_orders]]

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """Rows of what further draws said of prints."""
        return [plain(row) for row in self.out.predictions[: self.out.n_predictions]]

    @property
    def account(self) -> dict[str, Any]:
        return plain(self.venue.account)

    @property
    def filled(self) -> list[tuple[int, int, int]]:
        """Fills as (id, px, lots)."""
        return [(row["id"], row["px"], row["quantity"]) for row in self.fills]

    def rests(self, id: int) -> bool:
        """Return whether the order rests."""
        return find(self.venue, id) >= 0

    def order(self, id: int) -> dict[str, Any]:
        """Return the fields of a resting order."""
        slot = find(self.venue, id)
        assert slot >= 0, f"order {id} does not rest"
        return plain(self.venue.orders[slot])

    def ahead(self, id: int) -> float:
        """Return the lots ahead of a resting order."""
        slot = find(self.venue, id)
        assert slot >= 0, f"order {id} does not rest"
        return float(self.venue.queue[slot].ahead)

    def mid2(self) -> int:
        """Return the mid in half quanta, as the book stands."""
        read_mid(self.venue, self.book, self.out)
        return int(self.venue.mid2)


# ---------------------------------------------------------------------- whole runs


class Message(NamedTuple):
    """What one message of the feed holds; times in ns after `START`."""

    exch_ns: int
    local_ns: int
    rows: list[Row]


class Want(NamedTuple):
    """What a script wants from `from_ns` on (ns after `START`, maker's clock)."""

    from_ns: int
    bids: Sequence[tuple[float, float]] = ()
    asks: Sequence[tuple[float, float]] = ()
    take: float = 0.0
    take_px: float = 0.0
    flat: bool = False


Quote = Callable[[Any, Any, Any, Any], None]


def follow(script: Sequence[Want]) -> Quote:
    """Return a `quote` that wants what the script says."""

    def quote(wanted: Any, market: Any, memory: Any, params: Any) -> None:
        since = [want for want in script if START + want.from_ns <= market.now_ns]
        if not since:
            return
        want = since[-1]
        for k, (px, qty) in enumerate(want.bids):
            wanted.bid_px[k], wanted.bid_qty[k] = px, qty
        for k, (px, qty) in enumerate(want.asks):
            wanted.ask_px[k], wanted.ask_qty[k] = px, qty
        wanted.bids, wanted.asks = len(want.bids), len(want.asks)
        wanted.take_qty, wanted.take_px = want.take, want.take_px
        wanted.go_flat = want.flat

    return quote


class Run(NamedTuple):
    """What a run left behind. Times are ns after `START`."""

    simulation: Simulation
    tables: dict[str, list[dict[str, Any]]]

    @property
    def fills(self) -> list[dict[str, Any]]:
        return self.tables.get("fills", [])

    @property
    def intents(self) -> list[dict[str, Any]]:
        return self.tables.get("intents", [])


def write_messages(file: Path, messages: Iterable[Message], market: MarketRules) -> Path:
    """Write messages, as they are listed, as a tape; the writer sorts them causally."""
    lines = []
    for seq, message in enumerate(messages):
        for tag, px, qty in message.rows:
            lines.append(
                {
                    "exch_ts": START + message.exch_ns,
                    "local_ts": START + message.local_ns,
                    "seq": seq,
                    "kind": KIND_NAMES[tag & KIND_MASK],
                    "side": 1 if tag & BUY else -1,
                    "px_quanta": px,
                    "qty_lots": qty,
                }
            )
    tape.write(file, pl.DataFrame(lines), market, overwrite=True)
    return file


def run(
    folder: Path,
    messages: Sequence[Message],
    quote: Quote,
    *,
    observe: Quote | None = None,
    rules: dict[str, Any] | None = None,
    rows_per_chunk: int | None = None,
    **settings: Any,
) -> Run:
    """Run a quoting function, which may be any callable, over messages, in plain Python.

    `settings` are those of `simulation.Settings`, with `t0_ns`, `quote_start_ns`, `end_ns` and
    `clock_t0_ns` counted from `START`; unset ones follow from the tape.
    """
    market = MarketRules(symbol="HAND", **{**WHOLE, **(rules or {})})
    file = write_messages(folder / "hand.parquet", messages, market)
    strategy = Strategy(
        path=Path("script.py"),
        name="script",
        params=Record({}),
        memory=Record({}),
        quote=quote,
        observe=observe,
        files=(),
        digest="",
        doc="",
    )
    tables: dict[str, list[dict[str, Any]]] = {}

    def sink(table: str, rows: np.ndarray) -> None:
        names = rows.dtype.names or ()
        for row in rows.tolist():
            line = dict(zip(names, row, strict=True))
            tables.setdefault(table, []).append(
                {k: v - START if k.endswith("ts") else v for k, v in line.items()}
            )

    with tape.open_tapes([tape.TapeSpec(file)], rows_per_chunk=rows_per_chunk) as stream:
        times = {
            "t0_ns": stream.first_local_ts - START,
            "quote_start_ns": stream.first_local_ts - START,
            "end_ns": stream.last_local_ts - START,
            "clock_t0_ns": stream.first_local_ts - START,
        }
        times.update({name: settings.pop(name) for name in times if name in settings})
        settings = {"max_position_lots": 1_000_000, "estimate": False, **settings}
        simulation = Simulation(
            [market],
            strategy,
            strategy.params.filled(),
            Settings(**{name: START + ts for name, ts in times.items()}, **settings),
            book_window=1 << 10,
            interpreted=True,
        )
        simulation.run(stream.chunks(), sink)
    simulation.finish(sink)
    return Run(simulation, tables)
