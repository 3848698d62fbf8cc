"""Paper trading: the maker on a live feed against the simulated exchange, kept in a journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from simmm.backtest import (
    book_window,
    compile_notice,
    feed_clock,
    make_settings,
    tape_specs,
)
from simmm.errors import RunError
from simmm.exchange_terms import market_of, rules_of
from simmm.run_folder import default_folder
from simmm.scenario import Resolved, load_scenario
from simmm.scenario.times import iso, window
from simmm.session.folder import SessionFolder, session_folder
from simmm.session.header import (
    keep_sources,
    load_same_strategy,
    make_header,
    read_header,
    simulation_of,
)
from simmm.session.journal import FILE_NAME, HEADER, JournalWriter
from simmm.session.pace import REAL_TIME, Pace, Unwatched, Watcher, check_pace
from simmm.session.playing import Session
from simmm.simulation import Simulation
from simmm.strategy.load import load_strategy
from simmm.tape import TapeStream, open_tapes

Notify = Callable[[str], None]
_NS_PER_HOUR = 3_600_000_000_000
SCENARIO_FILE = "scenario.yaml"


def start(
    resolved: Resolved,
    *,
    feed: str,
    hours: float | None = None,
    pace: Pace = REAL_TIME,
    out: Path | None = None,
    notify: Notify | None = None,
    watcher: Watcher | None = None,
) -> Path:
    """Run a paper session on the scenario's tape, played as a live feed; return its folder.

    Parameters
    ----------
    resolved
        Of `scenario.load_scenario`; its exchange learns from the feed, whatever it says.
    feed
        What the feed is called, for the report.
    hours
        Of the feed's time. None: to the end of the tape, or of the scenario.
    pace, notify, watcher
        How fast; who gets lines of text; who shows the session while it runs.
    out
        Folder, which must not exist; default ``runs/<time>-<scenario>``.

    Raises
    ------
    SimmmError
        As a backtest; and `RunError` where the session can't be written: it can then be taken up
        again by `resume`.
    """
    check_pace(pace, hours)
    say = _guarded(notify)
    resolved = _with(resolved, "venue.knowledge", "feed", "simmm paper")
    strategy = load_strategy(resolved.strategy_path)
    compile_notice(say)
    folder = out if out is not None else default_folder(f"{resolved.scenario.name}-paper")
    with ExitStack() as stack:
        stream = stack.enter_context(_open(resolved, say))
        resolved = _until(resolved, stream, hours, say)
        rules = rules_of(resolved, stream)
        markets = [market_of(resolved, stream, rules), *stream.markets[1:]]
        params = strategy.params.filled(resolved.scenario.strategy.params)
        simulation = Simulation(
            markets,
            strategy,
            params,
            replace(make_settings(resolved, stream, markets[0], rules), keep_heard=True),
            book_window=book_window(stream),
        )
        simulation.prepare()
        place = stack.enter_context(SessionFolder(folder, resume=False))
        header = make_header(
            simulation,
            markets,
            params,
            book_window(stream),
            config_digest=resolved.digest(),
            scenario=resolved.scenario.name,
            origins=resolved.origins,
            feed=feed,
            tape_digests=stream.digests,
        )
        keep_sources(strategy, place.partial)
        _write_text(place.partial / SCENARIO_FILE, resolved.to_yaml_anywhere())
        journal = JournalWriter(place.partial / FILE_NAME)
        journal.write(HEADER, msgspec.json.encode(header))
        session = Session(place, header, simulation, journal, pace, watcher or Unwatched())
        session.spool.cut({})
        return session.run(resolved, stream, say)


def resume(
    name: Path,
    *,
    pace: Pace = REAL_TIME,
    notify: Notify | None = None,
    watcher: Watcher | None = None,
    ends_here: bool = False,
) -> Path:
    """Take up a session that was broken off, from its checkpoint and journal; return its folder.

    It goes on as if it had never stopped, on the same tape, to the same end; with `ends_here` it
    ends where the journal does, with its report.

    Raises
    ------
    SimmmError
        If it is over, or not there, or held by another process; if strategy, tape or simmm are not
        those it was begun with; if its files were altered.
    """
    check_pace(pace, None)
    say = _guarded(notify)
    folder = session_folder(name)
    with ExitStack() as stack:
        place = stack.enter_context(SessionFolder(folder, resume=True))
        header = read_header(place.partial)
        resolved = load_scenario(str(place.partial / SCENARIO_FILE))
        resolved = msgspec.structs.replace(resolved, origins=header.origins)
        strategy, change = load_same_strategy(header, place.partial)
        if change:
            raise RunError(
                f"{change}; a session goes on with the strategy it was begun with, whose files "
                f"are kept in {place.partial / 'strategy'}"
            )
        compile_notice(say)
        stream = stack.enter_context(_open(resolved, say))
        if stream.digests != header.tape_digests:
            raise RunError(f"{place.partial}: the tape is not the one the session was begun with")
        simulation = simulation_of(header, strategy)
        if simulation.code_digest != header.code_digest:
            raise RunError(
                f"{place.partial}: the session was begun by another version of simmm "
                f"({header.simmm_version}); it can't be taken up with this one"
            )
        simulation.prepare()
        session = Session(place, header, simulation, None, pace, watcher or Unwatched())
        session.catch_up(ends_here=ends_here)
        return session.run(resolved, stream, say, ends_here=ends_here)


def _until(resolved: Resolved, stream: TapeStream, hours: float | None, say: Notify) -> Resolved:
    """Return the scenario with its end as a time, so that a backtest of it has the same."""
    run = resolved.scenario.run
    start_ns, end_ns = window(run.start, run.end, stream.first_local_ts, stream.last_local_ts)
    origin = resolved.origins.get("run.to", "")
    if run.end is None:
        origin = "the feed's end"
    if hours is not None:
        wanted_ns = start_ns + round(hours * _NS_PER_HOUR)
        if wanted_ns > end_ns:
            length = (end_ns - start_ns) / _NS_PER_HOUR
            first = "the feed" if run.end is None else "the scenario, up to run.to,"
            say(f"{first} has {length:.3g} of the {hours:g} hours; the session ends with it")
        elif wanted_ns < end_ns:
            end_ns, origin = wanted_ns, "--hours"
    return _with(resolved, "run.to", iso(end_ns), origin)


def _with(resolved: Resolved, path: str, value: Any, origin: str) -> Resolved:
    """Return the scenario with the field `section.field` set."""
    section, name = path.split(".")
    part = getattr(resolved.scenario, section)
    part = msgspec.structs.replace(part, **{"end" if name == "to" else name: value})
    return msgspec.structs.replace(
        resolved,
        scenario=msgspec.structs.replace(resolved.scenario, **{section: part}),
        origins={**resolved.origins, path: origin},
    )


def _open(resolved: Resolved, say: Notify) -> TapeStream:
    return open_tapes(tape_specs(resolved, None, say), feed=feed_clock(resolved))


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise RunError(f"{path}: can't be written ({reason})") from error


def _guarded(notify: Notify | None) -> Notify:
    """Return a `notify` that doesn't end the session when nobody listens any more."""

    def say(line: str) -> None:
        if notify is not None:
            with suppress(OSError):
                notify(line)

    return say
