"""Paper trading: the maker on a live feed against the simulated exchange, kept in a journal."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from simmm.backtest import (
    book_window,
    compile_notice,
    feed_clock,
    make_settings,
    tape_specs,
)
from simmm.errors import RunError, ScenarioError
from simmm.jit import code_digest
from simmm.records import knowledge_dtype, window_dtype
from simmm.run_folder import TableSink, default_folder, recorded_dtype, table_dtypes
from simmm.scenario import Resolved, load_scenario
from simmm.scenario.times import iso, window
from simmm.session.arriving import arriving
from simmm.session.checkpoint import read_checkpoint, write_checkpoint
from simmm.session.finish import Finished, finish
from simmm.session.folder import SPOOL, SessionFolder, session_folder
from simmm.session.header import (
    Header,
    keep_sources,
    load_same_strategy,
    make_header,
    read_header,
)
from simmm.session.journal import (
    END,
    FILE_NAME,
    HEADER,
    NOTE,
    STEP,
    JournalReader,
    JournalWriter,
    Packet,
    Place,
    Step,
    pack_step,
    unpack_step,
)
from simmm.session.running import Running, StepTimes, Tally
from simmm.session.snapshot import Snapshot
from simmm.session.spool import Spool
from simmm.session.steps import Steps
from simmm.simulation import Simulation
from simmm.strategy.load import Strategy, load_strategy
from simmm.tape import TapeStream, open_tapes

Notify = Callable[[str], None]
_TICK_S = 0.05  # time passes for the maker at least so often while the feed is silent
_YIELD_NS = 5_000_000  # signals are heard at least so often at full speed
_NS_PER_HOUR = 3_600_000_000_000
SCENARIO_FILE = "scenario.yaml"


class Watcher:
    """What shows a running session; this one shows nothing."""

    def due(self) -> bool:
        """Return whether a new snapshot is wanted now."""
        return False

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""


class Pace(NamedTuple):
    """How a session goes, without effect on what it decides."""

    speed: float | None = 1.0  # feed seconds a second; None: as fast as it goes
    checkpoint_s: float = 300.0  # of the feed's time


def start(
    resolved: Resolved,
    *,
    feed: str,
    hours: float | None = None,
    pace: Pace = Pace(),
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
    say = notify or _silent
    resolved = _with(resolved, "venue.knowledge", "feed", "simmm paper")
    strategy = load_strategy(resolved.strategy_path)
    compile_notice(say)
    folder = out if out is not None else default_folder(f"{resolved.scenario.name}-paper")
    with ExitStack() as stack:
        stream = stack.enter_context(_open(resolved, say))
        resolved = _until(resolved, stream, hours, say)
        markets = [resolved.market_rules(stream.markets[0]), *stream.markets[1:]]
        params = strategy.params.filled(resolved.scenario.strategy.params)
        simulation = Simulation(
            markets,
            strategy,
            params,
            replace(make_settings(resolved, stream, markets[0]), keep_heard=True),
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
            feed=feed,
            tape_digests=stream.digests,
        )
        keep_sources(strategy, place.partial)
        _write_text(place.partial / SCENARIO_FILE, resolved.to_yaml())
        journal = JournalWriter(place.partial / FILE_NAME)
        journal.write(HEADER, msgspec.json.encode(header))
        session = _Session(place, header, simulation, journal, pace, watcher or Watcher())
        session.spool.cut({})
        return session.run(resolved, stream, say)


def resume(
    name: Path,
    *,
    pace: Pace = Pace(),
    notify: Notify | None = None,
    watcher: Watcher | None = None,
) -> Path:
    """Take up a session that was broken off, from its checkpoint and journal; return its folder.

    It goes on as if it had never stopped, on the same tape, to the same end.

    Raises
    ------
    SimmmError
        If it is over, or not there, or held by another process; if strategy, tape or simmm are not
        those it was begun with; if its files were altered.
    """
    check_pace(pace, None)
    say = notify or _silent
    folder = session_folder(name)
    with ExitStack() as stack:
        place = stack.enter_context(SessionFolder(folder, resume=True))
        header = read_header(place.partial)
        resolved = load_scenario(str(place.partial / SCENARIO_FILE))
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
        if code_digest(simulation.advance) != header.code_digest:
            raise RunError(
                f"{place.partial}: the session was begun by another version of simmm "
                f"({header.simmm_version}); it can't be taken up with this one"
            )
        simulation.prepare()
        session = _Session(place, header, simulation, None, pace, watcher or Watcher())
        session.catch_up()
        return session.run(resolved, stream, say)


def simulation_of(header: Header, strategy: Strategy) -> Simulation:
    """Return a simulation as a header says; also what `verify` starts from."""
    return Simulation(
        header.markets,
        strategy,
        strategy.params.filled(header.params),
        header.settings,
        book_window=header.book_window,
    )


class _Session:
    """A session in progress."""

    def __init__(
        self,
        place: SessionFolder,
        header: Header,
        simulation: Simulation,
        journal: JournalWriter | None,
        pace: Pace,
        watcher: Watcher,
    ) -> None:
        self.place = place
        self.header = header
        self.pace = pace
        self.watcher = watcher
        self.journal = journal
        self.resumed = 0
        self.over: dict[str, Any] | None = None  # of the journal's last record
        self.tally = Tally()
        self.times = StepTimes()
        recorded = recorded_dtype(simulation.strategy)
        self.spool = Spool(place.partial / SPOOL, table_dtypes(recorded))
        self._spooled = TableSink(self.spool.write, recorded)
        self.steps = Steps(simulation, self._tables)
        self.running = Running(header, self.steps, self.tally, self.times)
        self._checkpoint_ns = round(pace.checkpoint_s * 1e9)
        self._checkpoint_ts: int | None = None
        self._identity = hashlib.blake2b(msgspec.json.encode(header), digest_size=16).hexdigest()

    def _tables(self, table: str, rows: np.ndarray) -> None:
        self._spooled(table, rows)
        if table in ("fills", "mids", "orders"):
            self.tally(table, rows)

    # ---------------------------------------------------------------------------- taking up again

    def catch_up(self) -> None:
        """Bring the state to where the journal ends, from the last checkpoint on."""
        path = self.place.partial / FILE_NAME
        reader = JournalReader(path)
        saved = read_checkpoint(self.place.partial, self._dtypes)
        if saved is None:
            self.spool.cut({})
        else:
            about = saved.about
            if about["session"] != self._identity:
                raise RunError(
                    f"{self.place.partial}: its checkpoint is of another session; the two were "
                    "mixed up"
                )
            self.steps.restore(saved.arrays, about["capacity"])
            self.spool.cut(about["rows"])
            for table in ("mids", "fills", "orders"):
                for rows in self.spool.read(table):
                    self.tally(table, rows)
            self.resumed = about["resumed"]
            self._checkpoint_ts = about["ts"]
            offset, number, chain = about["journal"]
            reader.place = Place(offset, number, bytes.fromhex(chain))
            if path.stat().st_size < offset:
                raise RunError(f"{path}: is shorter than the session's checkpoint says; it was cut")
        for record in reader:
            if record.kind == STEP:
                self._repeat(path, record.number, record.payload)
            elif record.kind == NOTE:
                self.resumed += 1
            elif record.kind == END:
                self.over = msgspec.json.decode(record.payload)
        self.journal = JournalWriter(path, reader.place)
        self.resumed += 1
        if self.over is None:
            self.journal.write_json(NOTE, {"resumed": _now(), "torn_bytes": reader.torn_bytes})

    def _repeat(self, path: Path, number: int, payload: bytes) -> None:
        try:
            step = unpack_step(payload)
        except ValueError as error:
            raise RunError(f"{path}: record {number}: {error}") from None
        if step.final:
            heard, intents = self.steps.end(step.bound_ts)
        elif step.packet is None:
            heard, intents = self.steps.wait(step.bound_ts)
        else:
            heard, intents = self.steps.hear(step.packet)
        if (heard, intents) != (step.heard, step.intents):
            raise RunError(
                f"{path}: record {number}: the session doesn't repeat itself here; "
                f"simmm verify {self.place.partial} tells more"
            )

    def _dtypes(self, about: dict[str, Any]) -> dict[str, np.dtype]:
        found = {name: array.dtype for name, array in self.steps.arrays().items()}
        rows = int(about.get("capacity", 0))
        found["windows"] = window_dtype(rows)
        found["knowledge"] = knowledge_dtype(rows)
        return found

    # -------------------------------------------------------------------------------- going on

    def run(self, resolved: Resolved, stream: TapeStream, say: Notify) -> Path:
        """Play the feed to the end, or to an interruption; write what a run leaves."""
        started_s = time.perf_counter()
        try:
            if self.over is None:
                with closing(stream.chunks()) as chunks:
                    asyncio.run(self._play(arriving(chunks), say))
            assert self.journal is not None and self.over is not None
            self.journal.close()
            done = Finished(
                place=self.place,
                header=self.header,
                steps=self.steps,
                spool=self.spool,
                speed=self.pace.speed,
                times=self.times,
                resumed=self.resumed,
                end=self.over,
                journal=self.journal.place,
                wall_s=time.perf_counter() - started_s,
            )
            return finish(done, resolved, stream, say)
        except RunError as error:
            raise RunError(
                f"{error}; go on with: simmm paper --resume {self.place.folder}"
                if "--resume" not in str(error)
                else str(error)
            ) from error
        finally:
            self.spool.close()
            if self.journal is not None:
                with suppress(RunError):
                    self.journal.close()

    async def _play(self, packets: Iterable[Packet], say: Notify) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        handled = []
        for name in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
                loop.add_signal_handler(name, stop.set)
                handled.append(name)
        try:
            end_ns = await self._hear_all(_after(packets, self._heard_before()), stop)
        finally:
            for name in handled:
                loop.remove_signal_handler(name)
        interrupted = stop.is_set()
        if interrupted:
            say(f"interrupted; the session ends at {iso(end_ns)}")
        step = Step(end_ns, None, *self.steps.end(end_ns), True)
        assert self.journal is not None
        self.journal.write(STEP, pack_step(step))
        simulation = self.steps.simulation
        self.over = {
            "end_ns": end_ns,
            "interrupted": interrupted,
            "intents": int(simulation.makers["sequence"][0]),
            "chain_maker": f"{int(simulation.makers['chain'][0]):016x}",
            "chain_venue": f"{int(simulation.venues['chain'][0]):016x}",
        }
        self.journal.write_json(END, self.over)

    def _heard_before(self) -> int:
        return int(self.steps.feed.array[-1]["arrival_hi"])

    async def _hear_all(self, packets: Iterator[Packet], stop: asyncio.Event) -> int:
        """Hear packets as the pace says; return the session's end, ns."""
        planned_ns = self.steps.simulation.settings.end_ns
        clock = _Clock(self.pace.speed)
        heard_ts = self.steps.bound_ts
        yielded_ns = time.perf_counter_ns()
        for packet in packets:
            if packet.local_ts > planned_ns:
                break
            if packet.local_ts > heard_ts:
                await self._wait_for(packet.local_ts, clock, stop)
                if stop.is_set():
                    # Nothing that carries this time or a later one was heard.
                    return max(self.steps.bound_ts - 1, heard_ts)
            self._hear(packet)
            heard_ts = packet.local_ts
            if self._checkpoint_ts is None:
                self._checkpoint_ts = heard_ts
            if heard_ts - self._checkpoint_ts >= self._checkpoint_ns:
                self._checkpoint(heard_ts)
            now_ns = time.perf_counter_ns()
            if now_ns - yielded_ns > _YIELD_NS:
                self._show()
                await asyncio.sleep(0)
                yielded_ns = now_ns
        return planned_ns

    async def _wait_for(self, due_ts: int, clock: "_Clock", stop: asyncio.Event) -> None:
        """Let time pass until the feed's time is `due_ts`; quotes go on while nothing comes."""
        while not stop.is_set():
            missing_s = clock.missing_s(due_ts)
            if missing_s <= 0.0:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(missing_s, _TICK_S))
            bound_ts = min(clock.now_ts(), due_ts)
            if bound_ts > self.steps.bound_ts:
                self._keep(None, *self.steps.wait(bound_ts))
            self._show()

    def _hear(self, packet: Packet) -> None:
        began_ns = time.perf_counter_ns()
        heard, intents = self.steps.hear(packet)
        self.times.add(time.perf_counter_ns() - began_ns)
        self._keep(packet, heard, intents)

    def _keep(self, packet: Packet | None, heard: bytes, intents: bytes) -> None:
        if packet is not None or heard or intents:
            assert self.journal is not None
            step = Step(self.steps.bound_ts, packet, heard, intents, False)
            self.journal.write(STEP, pack_step(step))

    def _show(self) -> None:
        if self.watcher.due():
            size = self.journal.place.offset if self.journal is not None else 0
            self.watcher.update(self.running.snapshot(self.pace.speed, self._checkpoint_ts, size))

    def _checkpoint(self, ts: int) -> None:
        assert self.journal is not None
        offset, number, chain = self.journal.place
        about = {
            "session": self._identity,
            "ts": ts,
            "resumed": self.resumed,
            "capacity": self.steps.feed.capacity,
            "rows": self.spool.lengths(),
            "journal": [offset, number, chain.hex()],
        }
        write_checkpoint(self.place.partial, about, self.steps.arrays())
        self._checkpoint_ts = ts


class _Clock:
    """The feed's time by the wall's, from the first packet on."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._zero_ts: int | None = None
        self._zero_s = 0.0

    def missing_s(self, due_ts: int) -> float:
        """Return how long to wait until `due_ts`."""
        if self._speed is None:
            return 0.0
        if self._zero_ts is None:
            self._zero_ts, self._zero_s = due_ts, time.monotonic()
        due_s = self._zero_s + (due_ts - self._zero_ts) / 1e9 / self._speed
        return due_s - time.monotonic()

    def now_ts(self) -> int:
        """Return the feed's time now, ns."""
        assert self._zero_ts is not None and self._speed is not None
        elapsed_s = time.monotonic() - self._zero_s
        return self._zero_ts + math.floor(elapsed_s * self._speed * 1e9)


def check_pace(pace: Pace, hours: float | None) -> None:
    """Reject a speed, a length or an interval that makes no sense."""
    speed = pace.speed
    if speed is not None and not (math.isfinite(speed) and 0.001 <= speed <= 1e9):
        raise ScenarioError(
            f"--speed: {speed:g} is no speed; give feed seconds a second (1, 60, 0.5) or max"
        )
    if hours is not None and not (math.isfinite(hours) and 0.0 < hours <= 24 * 366):
        raise ScenarioError(f"--hours: {hours:g} is no length; give hours of the feed's time")
    if not (math.isfinite(pace.checkpoint_s) and 1.0 <= pace.checkpoint_s <= 86_400.0):
        raise ScenarioError(
            f"--checkpoint-minutes: {pace.checkpoint_s / 60:g} must be between 1 second and a day"
        )


def _until(resolved: Resolved, stream: TapeStream, hours: float | None, say: Notify) -> Resolved:
    """Return the scenario with its end as a time, so that a backtest of it has the same."""
    run = resolved.scenario.run
    start_ns, end_ns = window(run.start, run.end, stream.first_local_ts, stream.last_local_ts)
    if hours is not None:
        wanted_ns = start_ns + round(hours * _NS_PER_HOUR)
        if wanted_ns > end_ns:
            length = (end_ns - start_ns) / _NS_PER_HOUR
            say(f"the feed has {length:.3g} of the {hours:g} hours; the session ends with it")
        end_ns = min(wanted_ns, end_ns)
    return _with(resolved, "run.to", iso(end_ns), "--hours")


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


def _after(packets: Iterable[Packet], count: int) -> Iterator[Packet]:
    """Yield what comes after the first `count` packets."""
    for number, packet in enumerate(packets):
        if number >= count:
            yield packet


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise RunError(f"{path}: can't be written ({reason})") from error


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _silent(line: str) -> None:
    pass
