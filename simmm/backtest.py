"""A backtest: scenario in, run folder out."""

import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simmm import __version__
from simmm.errors import ScenarioError
from simmm.estimator_entry import compiling_beside
from simmm.exchange_facts import (
    budget_facts,
    learned_facts,
    liquidation_facts,
    queue_facts,
    rules_facts,
    unmodelled,
)
from simmm.exchange_terms import exchange_of, market_of, rules_of, shows_images
from simmm.feed import Feed
from simmm.idle import say_if_idle
from simmm.jit import on_compile
from simmm.latency_settings import drawn
from simmm.market import LARGEST_COUNT, MarketRules
from simmm.records import (
    ALO,
    BOOK_WINDOW,
    GTC,
    REASON_NAMES,
)
from simmm.rules import VenueRules
from simmm.run_folder import RunFolder, TableSink, default_folder, recorded_dtype
from simmm.run_tapes import Notify as Notify
from simmm.run_tapes import Progress as Progress
from simmm.run_tapes import feed_clock as feed_clock
from simmm.run_tapes import tape_specs as tape_specs
from simmm.scenario import Resolved
from simmm.scenario.delays import settings_of
from simmm.scenario.estimators import parameters_of
from simmm.scenario.times import iso, window
from simmm.simulation import Settings, Simulation
from simmm.strategy.load import Strategy, load_strategy
from simmm.tape import TapeSpec, TapeStream, open_tapes

NS_PER_MS = 1_000_000.0
WINDOW_PER_REACH = 4  # the book's window over how far from the touch the tape shows levels
LARGEST_WINDOW = 1 << 20
building = threading.Lock()  # one thread at a time makes tapes; others find them made
_listening = threading.local()  # each thread compiles for its own run


def run(
    resolved: Resolved,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
    notify: Notify | None = None,
    rows_per_chunk: int | None = None,
) -> Path:
    """Run a scenario and write its run folder, report included.

    Parameters
    ----------
    resolved
        Of `scenario.load_scenario`.
    out
        Folder of the run, which must not exist; default ``runs/<time>-<scenario>``.
    progress
        Called while the tape is built and while it runs.
    notify
        Gets a line of text before anything slow that happens once.
    rows_per_chunk
        Feed chunks of about so many rows; the result does not depend on it.

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    SimmmError
        See `simmm.errors`: of the tape, the scenario, the strategy, or the run.
    """
    say = notify or _silent
    strategy = load_strategy(resolved.strategy_path)
    params = strategy.params.filled(resolved.scenario.strategy.params)
    compile_notice(say)
    # A tape that is generated has code of its own to compile: the estimators need not wait for it.
    with compiling_beside() if resolved.scenario.tape.dataset is not None else nullcontext():
        with building:
            specs = tape_specs(resolved, progress, say)
        return _run(resolved, strategy, params, specs, out, progress, say, rows_per_chunk)


def _run(
    resolved: Resolved,
    strategy: Strategy,
    params: np.ndarray,
    specs: list[TapeSpec],
    out: Path | None,
    progress: Progress | None,
    say: Notify,
    rows_per_chunk: int | None,
) -> Path:
    """Run a scenario on its tapes, which are there; return the folder."""
    with open_tapes(specs, rows_per_chunk=rows_per_chunk, feed=feed_clock(resolved)) as stream:
        rules = rules_of(resolved, stream)
        markets = [market_of(resolved, stream, rules), *stream.markets[1:]]
        settings = make_settings(resolved, stream, markets[0], rules)
        simulation = Simulation(
            markets, strategy, params, settings, book_window=book_window(stream)
        )
        folder = out if out is not None else default_folder(resolved.scenario.name)
        recorded = recorded_dtype(strategy)
        simulation.prepare()
        with RunFolder(folder, recorded) as files:
            fed = None
            if progress is not None:
                total = stream.rows

                def fed(rows: int) -> None:
                    progress("run", rows, total)

            sink = TableSink(files.write, recorded)
            started_s = time.perf_counter()
            simulation.run(stream.chunks(), sink, fed)
            simulation.finish(sink)
            files.close_tables()
            elapsed_s = time.perf_counter() - started_s
            files.write_text("scenario.yaml", resolved.to_yaml_anywhere())
            files.write_json(
                "run.json",
                describe(resolved, stream, markets[0], rules, strategy, simulation, elapsed_s),
            )
            from simmm.report import write  # late: the first event need not wait for data frames

            write(files.partial)
        say_if_idle(simulation, markets[0], say)
    return folder


def compile_notice(say: Notify) -> None:
    """Let this thread's compilations be told by `say`, each kind once."""
    _listening.say = say
    _listening.told = set()
    on_compile(_say_compiling)


def _say_compiling(name: str) -> None:
    line = "compiling simmm's own parts (once; later runs find them in the cache) …"
    if name == "advance":
        line = "compiling the engine (20 s or so, once for all strategies) …"
    elif name == "stack_at":
        line = "compiling the estimators (40 s or so, once, beside the engine) …"
    elif name == "verb_at":
        line = "compiling the strategy …"
    told = getattr(_listening, "told", None)
    if told is not None and line not in told:
        told.add(line)
        _listening.say(line)


def make_settings(
    resolved: Resolved, stream: TapeStream, market: MarketRules, rules: VenueRules | None
) -> Settings:
    """Return the run's settings in ns and lots.

    Raises
    ------
    ScenarioError
        If nothing would be quoted, or a reference tape is of another time.
    """
    scenario = resolved.scenario
    _check_references(stream)
    maker = scenario.maker
    start_ns, end_ns = window(
        scenario.run.start, scenario.run.end, stream.first_local_ts, stream.last_local_ts
    )
    quote_start_ns = start_ns + round(scenario.run.warm_up_s * 1e9)
    if quote_start_ns >= end_ns:
        raise ScenarioError(
            f"run.warm_up_s: {scenario.run.warm_up_s:g} s is no shorter than the run, "
            f"{(end_ns - start_ns) / 1e9:g} s; nothing would be quoted; "
            "give a later end (`--to`), or a shorter warm-up (`--set run.warm_up_s=…`)"
        )
    max_lots = market.lots(maker.max_position)
    if max_lots > LARGEST_COUNT:
        raise ScenarioError(
            f"maker.max_position: {maker.max_position:g} is more lots ({market.lot_size}) than can "
            "be counted"
        )
    if max_lots < 1:
        raise ScenarioError(
            f"maker.max_position: {maker.max_position:g} is less than one lot ({market.lot_size})"
        )
    entry = scenario.venue.latency.entry
    return Settings(
        t0_ns=start_ns,
        quote_start_ns=quote_start_ns,
        end_ns=end_ns,
        clock_t0_ns=stream.first_local_ts,
        max_position_lots=max_lots,
        seed=scenario.seed.run,
        requote_ns=round(maker.requote_ms * NS_PER_MS),
        sample_ns=round(scenario.run.sample_s * 1e9),
        clock_ns=round(scenario.estimators.clock_ms * NS_PER_MS),
        estimate=scenario.estimators.enabled,
        stale_ns=round(scenario.estimators.stale_s * 1e9),
        estimates_every=max(1, round(scenario.estimators.record_s / scenario.run.sample_s)),
        estimators=parameters_of(scenario.estimators),
        quote_on_fill="fill" in maker.quote_on,
        quote_on_packet="packet" in maker.quote_on,
        replace_all=maker.reconcile == "replace",
        move_by_modify=maker.moves == "modify",
        time_in_force=ALO if maker.time_in_force == "alo" else GTC,
        queue=scenario.venue.queue.model,
        queue_n=scenario.venue.queue.n,
        queue_alpha=scenario.venue.queue.alpha,
        queue_log_kappa=scenario.venue.queue.log_kappa,
        queue_images=shows_images(resolved, stream),
        queue_draws=scenario.venue.queue.draws,
        exchange=exchange_of(resolved, stream, rules, market, start_ns, end_ns),
        expires_ns=round(maker.expires_after_ms * NS_PER_MS),
        entry=settings_of(entry.new or entry),
        cancel=settings_of(entry.cancel or entry),
        modify=settings_of(entry.modify or entry),
        response=settings_of(scenario.venue.latency.response),
        knowledge=scenario.venue.knowledge,
        hold_back_ns=round(scenario.venue.hold_back_ms * NS_PER_MS),
    )


def _check_references(stream: TapeStream) -> None:
    """A reference that no moment of the traded tape has seen would be a mistake, not a market."""
    traded = stream.infos[0]
    first, last = traded[0].first_local_ts, traded[-1].last_local_ts
    for number, infos in enumerate(stream.infos[1:], 1):
        start, end = infos[0].first_local_ts, infos[-1].last_local_ts
        if end < first or start > last:
            raise ScenarioError(
                f"tape.references: entry {number} lasts from {iso(start)} to {iso(end)}, the "
                f"traded tape from {iso(first)} to {iso(last)}; they have no moment in common: "
                "give a tape of the same time, or none"
            )


def book_window(stream: TapeStream) -> int:
    """Return how many quanta the books must hold for what the tapes show, a power of two."""
    reach = max(info.reach_px_99 for infos in stream.infos for info in infos)
    size = BOOK_WINDOW
    while size < WINDOW_PER_REACH * reach and size < LARGEST_WINDOW:
        size *= 2
    return size


def describe(
    resolved: Resolved,
    stream: TapeStream,
    market: MarketRules,
    rules: VenueRules | None,
    strategy: Strategy,
    simulation: Simulation,
    elapsed_s: float,
) -> dict[str, Any]:
    """Return what ``run.json`` holds: all that a report needs besides the tables."""
    venue, maker = simulation.venues[0], simulation.makers[0]
    settings = simulation.settings
    scenario = resolved.scenario
    account = venue["account"]
    info = stream.infos[0][0]
    return {
        "simmm_version": __version__,
        "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "scenario_name": scenario.name,
        "scenario": resolved.values(),
        "origins": resolved.origins,
        "market": {name: getattr(market, name) for name in market.__struct_fields__},
        "money_scale": market.money_scale,
        "money_quantum": market.money_quantum,
        "tape": {
            "name": scenario.tape.dataset or ", ".join(p.name for p in resolved.tape_paths),
            "digest": " ".join(stream.digests[0]),
            "references": [" ".join(digests) for digests in stream.digests[1:]],
            "first_ts": stream.first_ts,
            "last_ts": stream.last_ts,
            "first_local_ts": stream.first_local_ts,
            "last_local_ts": stream.last_local_ts,
            "rows": stream.rows,
            "truth": stream.truth[0],
            "source": info.source,
            "kinds": getattr(info, "kinds", None),
            "streams": info.source.get("streams"),
            "streams_of": info.source.get("of", {}).get("digests"),
        },
        "seed": {"tape": scenario.seed.tape, "run": scenario.seed.run},
        "code_digest": simulation.code_digest,
        "config_digest": resolved.digest(),
        "strategy": {
            "file": resolved.strategy_path.name,
            "digest": strategy.digest,
            "params": scenario.strategy.params,
        },
        "period": {
            "t0_ns": settings.t0_ns,
            "quote_start_ns": min(settings.quote_start_ns, settings.end_ns),
            "end_ns": settings.end_ns,
        },
        "account": {name: int(account[name]) for name in account.dtype.names},
        "final": {
            "mid2": int(venue["mid2"]),
            "best_bid": int(venue["best_bid"]),
            "best_ask": int(venue["best_ask"]),
            "mid_stale": int(venue["mid_stale"]),
            "position": int(account["position"]),
            "chain_venue": f"{int(venue['chain']):016x}",
            "chain_maker": f"{int(maker['chain']):016x}",
            **{
                name: int(venue[name])
                for name in ("quoted_bid_ns", "quoted_ask_ns", "touch_bid_ns", "touch_ask_ns")
            },
        },
        "counts": {
            "rows": simulation.rows,
            "fills": int(venue["fills"]),
            "intents": int(maker["sequence"]),
            "quotes": int(maker["steps"]),
            "blind_quotes": int(maker["blind_steps"]),
            "levels_too_small": int(maker["too_small"]),
            "orders_without_place": int(maker["no_place"]),
            "rejections": {
                name: int(count)
                for name, count in zip(REASON_NAMES, venue["rejections"], strict=True)
                if count
            },
            "gaps": int(venue["gaps"]),
            "rows_outside_window": int(simulation.venue_books["dropped"][0]),
        },
        "queue": queue_facts(simulation),
        "learned": learned_facts(simulation),
        "rules": {} if rules is None else rules_facts(rules, simulation),
        "budget": budget_facts(simulation),
        "liquidation": liquidation_facts(simulation),
        "latency": resolved.values()["venue"]["latency"],
        "latency_drawn": drawn(simulation.mails[0]),
        "wall": {
            "seconds": elapsed_s,
            "rows_per_s": simulation.rows / elapsed_s if elapsed_s > 0 else 0.0,
        },
        "unmodelled": unmodelled(simulation),
        "session": held_back("backtest", simulation, simulation.heard),
    }


def held_back(kind: str, simulation: Simulation, feed: Feed | None) -> dict[str, Any] | None:
    """Return what is said of a run whose exchange learns from the feed, None of any other."""
    if feed is None or feed.knowledge is None:
        return None
    know = feed.knowledge[0]
    return {
        "kind": kind,
        "hold_back_ms": simulation.settings.hold_back_ns / NS_PER_MS,
        "packets": int(know["packets"]),
        "rows": int(know["rows"]),
        "late_packets": int(know["late_packets"]),
        "late_rows": int(know["late_rows"]),
        "ignored_rows": int(know["ignored_rows"]),
    }


def _silent(line: str) -> None:
    pass
