"""Costs per row or event of book, queue, maker and venue, by pytest-benchmark.

Collected only when asked: ``python -m pytest -n 0 benchmarks/test_rows.py``. Each figure is the
time of one call over `COUNT` rows or events; ``extra_info`` has it per row, in ns. Compare runs of
one machine only, with ``--benchmark-compare``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from peer_columns import load_columns
from peer_tape import write_tape
from simmm_run import STRATEGIES, make_settings, whole_tape
from simmm_tape import market_rules, write_simmm_tape

from simmm import maker_records, output_records, records, venue_records
from simmm.book import best_ask, best_bid, clear, set_depth
from simmm.estimator_entry import StackHandle
from simmm.feed import Feed
from simmm.jit import compiled
from simmm.maker import open_maker
from simmm.packets import see_packets
from simmm.simulation import Simulation
from simmm.strategy.load import load_strategy
from simmm.tape import Chunk
from simmm.venue.exchange import apply_packets, open_venue
from simmm.venue.queue import published, queue_model
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

COUNT = 200_000
BOOK_WINDOW = 1 << 14
Timed = Callable[..., tuple[tuple[Any, ...], Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark tape, in both forms."""
    folder = tmp_path_factory.mktemp("rows") / "tape"
    write_tape(folder, COUNT, seed=3)
    write_simmm_tape(folder)
    return folder


@pytest.fixture(scope="module")
def chunk(folder: Path) -> Chunk:
    """The tape in one piece."""
    return whole_tape(folder / "simmm.parquet")


@pytest.fixture
def timed(benchmark: Any) -> Timed:
    """Time a call with fresh arguments each round; note the cost of one of `count`.

    Returns the arguments and the result of a call that isn't timed.
    """

    def run(
        function: Callable[..., Any], setup: Callable[[], tuple[Any, ...]], count: int
    ) -> tuple[tuple[Any, ...], Any]:
        arguments = setup()
        result = function(*arguments)  # compiles
        benchmark.pedantic(function, setup=lambda: (setup(), {}), rounds=15, warmup_rounds=1)
        benchmark.extra_info["ns_per_event"] = round(benchmark.stats.stats.min * 1e9 / count, 2)
        print(f"  {benchmark.name}: {benchmark.extra_info['ns_per_event']} ns")
        return arguments, result

    return run


def _window(chunk: Chunk) -> np.ndarray:
    """A window that holds the whole tape, with nothing passed."""
    feed = Feed(1 << (len(chunk.tag) - 1).bit_length() + 1)
    for _ in feed.push(chunk):
        pass
    return feed.windows


def _book() -> np.ndarray:
    books = np.zeros(1, records.book_dtype(BOOK_WINDOW))
    clear(books.view(np.recarray)[0])
    return books


@compiled
def _depth_rows(books: Any, is_bid: np.ndarray, px: np.ndarray, lots: np.ndarray) -> int:
    book = books[0]
    total = 0
    for k in range(px.size):
        set_depth(book, is_bid[k], px[k], lots[k])
        total += best_ask(book) - best_bid(book)
    return total


def test_book_row_and_both_bests(timed: Timed, folder: Path) -> None:
    columns = load_columns(folder)
    levels = np.asarray(columns["kind"]) != 1
    levels[0] = False  # the row that clears the book
    is_bid = (columns["side"][levels] > 0).astype(np.int64)
    px, lots = columns["px_ticks"][levels], columns["qty_lots"][levels]
    _, spreads = timed(_depth_rows, lambda: (_book(), is_bid, px, lots), len(px))
    assert spreads > 0


@compiled
def _queue_events(states: Any, settings: Any, previous: np.ndarray, shown: np.ndarray) -> int:
    state, setting = states[0], settings[0]
    lots = 0
    for k in range(shown.size):
        if k % 64 == 0:
            join(state, setting, previous[k])
        trade(state, setting, 1)
        lots += filled(state, setting)
        depth(state, setting, previous[k], shown[k])
    return lots


@pytest.mark.parametrize("model", published.FORMS)
def test_queue_trade_and_depth(timed: Timed, model: str) -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 200_000, COUNT + 1)
    settings = np.zeros(1, venue_records.QueueSettings)
    settings["form"], settings["n"] = queue_model(model).form, 3.0
    _, filled_lots = timed(
        _queue_events,
        lambda: (np.zeros(1, published.State), settings, sizes[:-1], sizes[1:]),
        COUNT,
    )
    assert filled_lots > 0


@compiled
def _venue_rows(windows: Any, venues: Any, books: Any, mails: Any, outputs: Any) -> None:
    window, out = windows[0], outputs[0]
    verbs = (join, trade, depth, cap, filled, watch, begin, adopt, learn)
    while window.packet < window.packet_hi:
        apply_packets(verbs, venues[0], books[0], mails[0], out, window, records.NEVER)
        out.n_mids = 0


def test_venue_row(timed: Timed, chunk: Chunk) -> None:
    def setup() -> tuple[np.ndarray, ...]:
        venues = np.zeros(1, venue_records.venue_dtype(queue_model("power").state))
        venue, books = venues.view(np.recarray)[0], _book()
        venue["market"] = market_rules().to_record()[0]
        venue.next_sample_ts = records.NEVER
        open_venue(queue_model("power").verbs, venue, books.view(np.recarray)[0])
        mails, outputs = np.zeros(1, records.Mail), np.zeros(1, output_records.Outputs)
        return _window(chunk), venues, books, mails, outputs

    (windows, *_), _ = timed(_venue_rows, setup, len(chunk.tag))
    assert windows["packet"][0] == windows["packet_hi"][0] > 0


@compiled
def _maker_rows(windows: Any, stacks: Any, makers: Any, books: Any) -> None:
    see_packets(stacks[0], makers[0], books[0], windows[0], records.NEVER)


def test_maker_row(timed: Timed, chunk: Chunk) -> None:
    def setup() -> tuple[np.ndarray, ...]:
        makers = np.zeros(1, maker_records.Maker)
        open_maker(makers.view(np.recarray)[0])
        return _window(chunk), np.zeros(1, StackHandle), makers, _book()

    (windows, *_), _ = timed(_maker_rows, setup, len(chunk.tag))
    assert windows["arrival"][0] == windows["arrival_hi"][0] > 0


@pytest.mark.parametrize("case", STRATEGIES)
def test_whole_run_row(timed: Timed, chunk: Chunk, case: str) -> None:
    strategy = load_strategy(Path(__file__).with_name("strategies") / STRATEGIES[case])
    settings = make_settings(int(chunk.arrival_ts[0]), int(chunk.arrival_ts[-1]))

    def setup() -> tuple[Any, ...]:
        params = strategy.params.filled({})
        simulation = Simulation([market_rules()], strategy, params, settings)
        simulation.prepare()
        return simulation, iter([chunk])

    def run(simulation: Simulation, chunks: Any) -> None:
        simulation.run(chunks, lambda table, rows: None)

    (simulation, _), _ = timed(run, setup, len(chunk.tag))
    assert simulation.rows == len(chunk.tag)
