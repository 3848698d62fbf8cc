"""One simulation: the state of venue and maker, and the loop that feeds it.

The state is records throughout, built here from plain settings and moved by `engine.advance`
alone; outputs are handed to a sink, table by table, in the order in which they were written.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import numpy as np
from numba.core.errors import NumbaError

from simmm.engine import Advance, interpret, link, open_run
from simmm.errors import RunError, StrategyError
from simmm.estimator_entry import StackHandle, compiling_beside, fill, stack_entry
from simmm.estimators.stack import Stack, write_parameters
from simmm.exchange_settings import ExchangeSettings
from simmm.feed import Feed, whole_numbers
from simmm.jit import INTERPRETED, code_digest, direct
from simmm.latency_settings import LatencySettings
from simmm.maker_records import FAULT_LADDER, FAULT_NOT_FINITE, Maker
from simmm.market import MarketRules
from simmm.math import stream_key
from simmm.output_records import Outputs
from simmm.record_views import record_view
from simmm.records import (
    ACCEPTED,
    ALO,
    CANCEL,
    LADDER,
    MODIFY,
    NO_REASON,
    ORDER_SLOTS,
    REQUEST_NAMES,
    RING,
    WINDOW_ROWS,
    Mail,
    book_dtype,
)
from simmm.scenario.times import iso
from simmm.strategy.faults import compiled_arithmetic, explain
from simmm.strategy.load import Strategy
from simmm.strategy.native import Native
from simmm.tape import Chunk
from simmm.venue.fills import end_order
from simmm.venue.margin import refresh
from simmm.venue.queue import QueueModel, queue_model, write_settings
from simmm.venue_records import venue_dtype
from simmm.window_records import ENDED, FAULTED, NEED_ROWS

#: Table name, and the counter and buffer of `output_records.Outputs` it is drained from.
TABLES = tuple(name[2:] for name in (Outputs.names or ()) if name.startswith("n_"))
_BELIEFS = TABLES.index("beliefs")
Sink = Callable[[str, np.ndarray], None]


@dataclass(frozen=True)
class Settings:
    """All that decides a run besides tape, market rules and strategy. Times in ns."""

    t0_ns: int  # samples and records count from here
    quote_start_ns: int  # no quote before
    end_ns: int  # nothing happens after
    clock_t0_ns: int  # the estimator clock counts from here
    max_position_lots: int
    seed: int = 1
    requote_ns: int = 1_000_000_000
    sample_ns: int = 1_000_000_000
    clock_ns: int = 1_000_000_000
    estimate: bool = True
    stale_ns: int = 30_000_000_000  # silence after which estimators take the market for unknown
    estimates_every: int = 5  # samples from one row of all beliefs to the next
    estimators: Mapping[str, Mapping[str, float | int]] = field(default_factory=dict)
    quote_on_fill: bool = False
    quote_on_packet: bool = False
    replace_all: bool = False
    move_by_modify: bool = False
    time_in_force: int = ALO
    queue: str = "power"
    queue_n: float = 3.0
    queue_alpha: float | None = None  # of the rank law; None: its default
    queue_log_kappa: float | None = None
    queue_images: bool = False  # the tape shows images of levels, not each change
    queue_draws: int = 0  # further draws per order, for probabilities
    knowledge: Literal["tape", "feed"] = "tape"
    hold_back_ns: int = 250_000_000  # of knowledge "feed"
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)
    expires_ns: int = 0  # orders that reach the venue later are refused; 0: never
    keep_heard: bool = False  # table "heard": responses as the maker hears them
    remote: bool = False  # the venue is elsewhere; responses come by `hear`
    entry: LatencySettings = field(default_factory=LatencySettings)
    cancel: LatencySettings | None = None  # of cancels and modifies; None: as `entry`
    modify: LatencySettings | None = None
    response: LatencySettings = field(default_factory=LatencySettings)


_engine_digest = cache(code_digest)  # one engine, many runs


class Simulation:
    """Venue and maker of one run.

    Parameters
    ----------
    markets
        Rules of the traded market, then of the reference markets.
    strategy
    params
        Array of one element of ``strategy.params.dtype``.
    settings
    book_window
        Quanta the books hold, a power of two.
    interpreted
        Run as ordinary Python, slowly and with the same results.
    """

    def __init__(
        self,
        markets: list[MarketRules],
        strategy: Strategy,
        params: np.ndarray,
        settings: Settings,
        *,
        book_window: int = 1 << 14,
        interpreted: bool = INTERPRETED,
    ) -> None:
        self.strategy = strategy
        self.settings = settings
        queue = queue_model(settings.queue)
        book = book_dtype(book_window)
        self.venues = np.zeros(1, venue_dtype(queue.state, ORDER_SLOTS, queue.draws, queue.levels))
        self.makers = np.zeros(1, Maker)
        self.mails = np.zeros(1, Mail)
        self.stacks = np.zeros(1, Stack)
        self._handle = np.zeros(1, StackHandle)
        self.outputs = np.zeros(1, Outputs)
        self.venue_books = np.zeros(1, book)
        self.maker_books = np.zeros(len(markets), book)
        self.memories = strategy.memory.filled()
        self.params = params
        rows = self.outputs["beliefs"].shape[1]
        self.memory_rows = np.zeros(rows, strategy.memory.dtype)
        self._write_settings(markets[0], queue)
        numbers = whole_numbers(self.outputs)
        self._counts = numbers[: len(TABLES)]  # in the order of `TABLES`
        self.heard: Feed | None = None  # what `run` was fed through
        self._queue = queue
        self._interpreted = interpreted
        self.advance = interpret(queue, strategy) if interpreted else link(queue)
        self._native: Native | None = None
        self._entries: dict[int, Advance] = {}  # by the feed's capacity
        self._state: tuple[np.ndarray, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the tape that were replayed so far."""
        return self.heard.rows_applied if self.heard is not None else 0

    @property
    def code_digest(self) -> str:
        """SHA-256, in hex, of the code that decides the run: engine and strategy."""
        strategy = self.strategy
        verbs = [strategy.quote, *filter(None, [strategy.observe])]
        engine = [_engine_digest(entry) for entry in (link(self._queue), stack_entry())]
        digests = [*engine, *map(code_digest, verbs)]
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()

    def _arguments(self) -> tuple[np.ndarray, ...]:
        """Return what the entry is called with, after the windows."""
        memories, params, rows = self.memories, self.params, self.memory_rows
        stacks = self.stacks
        if not self._interpreted:
            self._native = Native(self.strategy)
            memories = params = self._native.handles(self.memories, self.params)
            rows = whole_numbers(self.memory_rows)
            stacks = self._handle
        found = (
            self.venues,
            self.venue_books,
            self.makers,
            self.maker_books,
            self.mails,
            stacks,
            memories,
            params,
            self.outputs,
            rows,
        )
        return tuple(record_view(a) if self._interpreted and a.dtype.names else a for a in found)

    def _write_settings(self, market: MarketRules, queue: QueueModel) -> None:
        settings = self.settings
        rules = market.to_record()[0]
        venue, maker, mail = self.venues[0], self.makers[0], self.mails[0]
        venue["market"] = rules
        maker["market"] = rules
        write_settings(
            venue["settings"],
            queue,
            n=settings.queue_n,
            alpha=settings.queue_alpha,
            log_kappa=settings.queue_log_kappa,
            images=settings.queue_images,
            draws=settings.queue_draws,
            key=stream_key(settings.seed, "queue"),
        )
        settings.exchange.write(venue, maker["market"])
        venue["sample_ns"] = settings.sample_ns
        venue["next_sample_ts"] = settings.t0_ns + settings.sample_ns
        venue["now"] = settings.t0_ns
        venue["passed_ts"] = settings.t0_ns
        maker["expires_ns"] = settings.expires_ns
        maker["start_ts"] = settings.quote_start_ns
        maker["end_ts"] = settings.end_ns
        maker["requote_ns"] = settings.requote_ns
        maker["next_requote_ts"] = settings.quote_start_ns
        # Own quotes are looked at between requotes; just before one they are at their oldest.
        apart_ns = min(settings.clock_ns, settings.requote_ns) // 2
        maker["next_clock_ts"] = settings.clock_t0_ns + settings.clock_ns - apart_ns
        maker["next_record_ts"] = settings.t0_ns + settings.sample_ns
        maker["record_ns"] = settings.sample_ns
        maker["quote_on_fill"] = settings.quote_on_fill
        maker["quote_on_packet"] = settings.quote_on_packet
        maker["reconcile"] = settings.replace_all
        maker["moves"] = settings.move_by_modify
        maker["tif"] = settings.time_in_force
        maker["estimate"] = settings.estimate
        maker["observes"] = self.strategy.has_observe
        maker["keeps_heard"] = settings.keep_heard
        maker["max_position"] = settings.max_position_lots
        maker["clock_ns"] = settings.clock_ns
        maker["stale_ns"] = settings.stale_ns
        maker["estimates_every"] = settings.estimates_every
        write_parameters(self.stacks[0], settings.estimators, settings.seed)
        maker["o"]["lot"] = float(market.lot_size)
        record = maker["record"]
        record["quantum"] = float(market.price_quantum)
        record["lot"] = float(market.lot_size)
        record["maker_fee"] = float(market.maker_fee)
        record["taker_fee"] = float(market.taker_fee)
        mail["remote"] = settings.remote
        lines = {CANCEL: settings.cancel, MODIFY: settings.modify}
        for kind in range(len(REQUEST_NAMES)):
            key = stream_key(settings.seed, "latency.entry")  # one connection, one stream
            line = lines.get(kind) or settings.entry
            line.write(mail["entry"][kind], key)
        settings.response.write(mail["answer"], stream_key(settings.seed, "latency.response"))
        open_run(
            queue.verbs,
            record_view(self.venues)[0],
            record_view(self.venue_books),
            record_view(self.makers)[0],
            record_view(self.maker_books),
        )

    def prepare(self) -> None:
        """Compile or load the entry, so that the first chunk doesn't wait for it.

        Raises
        ------
        StrategyError
            If the strategy does not compile: file, line and what to write instead.
        """
        self.step(Feed(), lambda table, rows: None)

    def feed(self, *, by_arrival: bool = False, rows: int = WINDOW_ROWS) -> Feed:
        """Return an empty feed for this run's venue and end."""
        settings = self.settings
        held = settings.knowledge == "feed" and not settings.remote
        return Feed(
            rows,
            hold_ns=settings.hold_back_ns if held else None,
            end_ns=settings.end_ns,
            by_arrival=by_arrival,
        )

    def run(
        self,
        chunks: Iterable[Chunk],
        sink: Sink,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Run to the end; `progress` is told how many rows were fed.

        Raises
        ------
        StrategyError
            If the strategy breaks a rule while running.
        RunError
            If more messages are on their way than the rings hold.
        """
        feed = self.heard = self.feed()
        for chunk in chunks:
            for _ in feed.push(chunk):
                if self.step(feed, sink, eager=False):
                    return
            if progress is not None:
                progress(feed.row_hi)

    def step(self, feed: Feed, sink: Sink, *, eager: bool = True) -> bool:
        """Advance as far as the feed's rows allow; return whether the run ended.

        What was written goes to the sink; unless `eager`, only once a buffer is full or at the end.
        """
        while True:
            self._call(feed)
            status = feed.status
            if eager or status != NEED_ROWS:
                self.drain(sink)
            if status == NEED_ROWS:
                return False
            if status == ENDED:
                return True
            if status == FAULTED:
                raise self._fault()

    def _call(self, feed: Feed) -> None:
        try:
            entry = self._entries.get(feed.capacity)
            if entry is None:
                self._state = self._state or self._arguments()
                entry = self._entry(feed)
                self._entries[feed.capacity] = entry
            if self._interpreted:
                with compiled_arithmetic():
                    entry(record_view(feed.array), *self._state)
            else:
                entry(feed.windows, *self._state)
        except (NumbaError, ArithmeticError, LookupError, ValueError, AssertionError) as error:
            raise explain(error, self.strategy, int(self.makers["now"][0])) from error

    def _entry(self, feed: Feed) -> Advance:
        if self._interpreted:
            return self.advance
        with compiling_beside():
            entry = direct(self.advance, feed.windows, *self._state)
        fill(self._handle, self.stacks)
        return entry

    def hear(self, responses: np.ndarray, bound_ns: int) -> None:
        """Give the maker of a remote venue responses (`records.Response`), in order of arrival.

        Unknown ones arrive at `bound_ns` or later.
        """
        mail = self.mails[0]
        tail = int(mail["response_tail"])
        if tail + responses.size - int(mail["response_head"]) > RING:
            raise self._overflow()
        mail["responses"][(tail + np.arange(responses.size)) % RING] = responses
        mail["response_tail"] = tail + responses.size
        mail["bound_ts"] = bound_ns

    def end_at(self, end_ns: int) -> None:
        """Let the run end at `end_ns`; nothing later may have happened yet."""
        self.settings = replace(self.settings, end_ns=end_ns)
        self.makers["end_ts"] = end_ns

    def drain(self, sink: Sink) -> None:
        """Hand all written rows to the sink and empty the buffers."""
        counts = self._counts.tolist()
        if not any(counts):
            return
        out = self.outputs[0]
        if counts[_BELIEFS] and self.strategy.recorded:
            sink("memory", self.memory_rows[: counts[_BELIEFS]])
        for table, count in zip(TABLES, counts, strict=True):
            if count:
                sink(table, out[table][:count])
        self._counts[:] = 0

    def finish(self, sink: Sink) -> None:
        """Write the rows of the orders that still rest when the run is over."""
        venue = record_view(self.venues)[0]
        out = record_view(self.outputs)[0]
        for slot in range(ORDER_SLOTS):
            if venue.orders[slot].id:
                end_order(venue, out, slot, ACCEPTED, NO_REASON)
        refresh(venue.account, venue.market)
        self.drain(sink)

    def _now(self) -> str:
        return iso(int(self.makers["now"][0]))

    def _fault(self) -> Exception:
        maker = self.makers[0]
        value = float(maker["fault_value"])
        where = f"{self.strategy.path}: at tape time {self._now()} quote()"
        if maker["fault"] == FAULT_NOT_FINITE:
            return StrategyError(
                f"{where} wanted a price or size that is not finite (level {int(value)}); "
                "guard the calculation, for instance until market.sigma is known",
                running=True,
            )
        if maker["fault"] == FAULT_LADDER:
            return StrategyError(
                f"{where} wanted {value:.0f} levels on one side; at most {LADDER} are possible",
                running=True,
            )
        return self._overflow()

    def _overflow(self) -> RunError:
        return RunError(
            f"more than {RING} messages were on their way at tape time {self._now()}; "
            "requote less often, quote fewer levels or larger sizes, or shorten the latency"
        )
