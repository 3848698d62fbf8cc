"""A session in progress: hears its feed, keeps its journal, goes on where it was broken off."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simmm.errors import RunError, SimmmError
from simmm.records import NEVER, Response
from simmm.run_folder import TableSink, recorded_dtype, table_dtypes
from simmm.scenario import Resolved
from simmm.scenario.times import iso
from simmm.session.arriving import arriving
from simmm.session.checkpoint import Checkpoint, checkpoints, write_checkpoint
from simmm.session.finish import Finished, finish
from simmm.session.folder import SPOOL, SessionFolder
from simmm.session.header import Ending, Header, last_moment, read_ending
from simmm.session.journal import (
    END,
    FILE_NAME,
    INTERRUPTED,
    NOTE,
    PLANNED,
    STEP,
    JournalReader,
    JournalWriter,
    Packet,
    Place,
    Step,
    cut_step,
    pack_step,
    unpack_step,
)
from simmm.session.pace import Clock, Pace, Unwatched, Watcher
from simmm.session.running import Running, StepTimes, Tally
from simmm.session.snapshot import Snapshot
from simmm.session.spool import Spool
from simmm.session.steps import Steps
from simmm.simulation import Simulation
from simmm.tape import TapeStream
from simmm.window_records import knowledge_dtype, window_dtype

_TICK_S = 0.05  # time passes for the maker at least so often while the feed is silent
_YIELD_NS = 5_000_000  # signals are heard at least so often at full speed
_CHECKPOINT_REST = 20  # at least so many times a checkpoint's own time lie between two


class Session:
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
        self.over: Ending | None = None  # the journal's last record
        self.responses = 0
        self._until_ts = NEVER  # what is left out of a session that ends where it was
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

    def catch_up(self, *, ends_here: bool = False) -> None:
        """Bring the state to where the journal ends, from the last checkpoint on.

        With `ends_here` the journal's last moment is left out: of what came before all is known, so
        the session can end there, and nothing of the moment at which it broke is done again.
        """
        try:
            if ends_here:
                self._until_ts = last_moment(self.place.partial / FILE_NAME)
            self._catch_up(self._until_ts)
        except BaseException:
            self.close()
            raise

    def _catch_up(self, until_ts: int) -> None:
        path = self.place.partial / FILE_NAME
        reader = JournalReader(path)
        saved = self._usable(path, until_ts)
        if saved is None:
            self.spool.cut({})
        else:
            about = saved.about
            self.steps.restore(saved.arrays, about["capacity"])
            self.spool.cut(about["rows"])
            self.tally.again(*(list(self.spool.read(name)) for name in ("mids", "fills", "orders")))
            self.resumed, self.responses = about["resumed"], about["responses"]
            self._checkpoint_ts = about["ts"]
            offset, number, chain = about["journal"]
            reader.place = Place(offset, number, bytes.fromhex(chain))
        final = None
        place = reader.place
        for record in reader:
            if record.kind == STEP and cut_step(record.payload).fields[0] >= until_ts:
                break
            place = reader.place
            if record.kind == STEP:
                final = self._repeat(path, record.number, record.payload)
            elif record.kind == NOTE:
                self.resumed += 1
            elif record.kind == END:
                self.over = read_ending(path, record)
        self.journal = JournalWriter(path, place)
        self.resumed += 1
        if self.over is None and final is not None and final.final:  # only its end was lost
            self._write_ending(final.bound_ts, final.final == INTERRUPTED)
        elif self.over is None:
            self.journal.write_json(NOTE, {"resumed": _now(), "torn_bytes": reader.torn_bytes})

    def _usable(self, path: Path, until_ts: int) -> Checkpoint | None:
        """Return the newest checkpoint from before `until_ts` that journal and tables reach.

        After a power loss they may not. What can't be used is removed: the journal goes on, and
        would in the end be longer than such a checkpoint says, but not the same.
        """
        for saved in checkpoints(self.place.partial, self._dtypes):
            if saved.about["session"] != self._identity:
                raise RunError(
                    f"{self.place.partial}: its checkpoint is of another session; the two were "
                    "mixed up"
                )
            offset, _, chain = saved.about["journal"]
            with path.open("rb") as file:
                file.seek(offset - len(chain) // 2)
                reached = file.read(len(chain) // 2).hex() == chain
            if reached and saved.about["ts"] < until_ts and self.spool.holds(saved.about["rows"]):
                return saved
            saved.path.unlink()
        return None

    def _repeat(self, path: Path, number: int, payload: bytes) -> Step:
        try:
            step = unpack_step(payload, len(self.header.markets))
        except ValueError as error:
            raise RunError(f"{path}: record {number}: {error}") from None
        self.responses += len(step.heard) // Response.itemsize
        if step.final:
            heard, intents = self.steps.end(step.bound_ts)
        elif step.packet is None:
            heard, intents = self.steps.wait(step.bound_ts)
        else:
            heard, intents = self.steps.hear(step.packet)
        if (heard, intents, self.steps.chains) != (step.heard, step.intents, step.chains):
            raise RunError(
                f"{path}: record {number}: the session doesn't repeat itself here; "
                f"simmm verify {self.place.partial} tells more"
            )
        return step

    def _dtypes(self, about: dict[str, Any]) -> dict[str, np.dtype]:
        found = {name: array.dtype for name, array in self.steps.arrays().items()}
        rows = int(about.get("capacity", 0))
        found["windows"] = window_dtype(rows)
        found["knowledge"] = knowledge_dtype(rows)
        return found

    # -------------------------------------------------------------------------------- going on

    def run(
        self,
        resolved: Resolved,
        stream: TapeStream,
        say: Callable[[str], None],
        *,
        ends_here: bool = False,
    ) -> Path:
        """Play the feed to the end, or to an interruption; write what a run leaves.

        With `ends_here` nothing more is played.
        """
        started_s = time.perf_counter()
        try:
            if self.over is None and ends_here:
                self._end(max(self._until_ts - 1, self._start_ns), interrupted=True)
            elif self.over is None:
                with _watched(self.watcher):
                    asyncio.run(self._play(stream, say))
                    self._show(always=True)
            assert self.journal is not None
            assert self.over is not None
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
        except SimmmError as error:
            if "--resume" not in str(error):
                again = f"simmm paper --resume {self.place.folder}"
                hint = f"go on with: {again}"
                if not isinstance(error, RunError):
                    hint = f"what came before is kept; end the session there with: {again} --end"
                error.args = (f"{error}; {hint}",)
            raise
        except KeyboardInterrupt:
            say(f"what there is is kept; go on with: simmm paper --resume {self.place.folder}")
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Close the files."""
        self.spool.close()
        if self.journal is not None:
            with suppress(RunError):
                self.journal.close()

    async def _play(self, stream: TapeStream, say: Callable[[str], None]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        handled = []
        chunks = stream.chunks()
        packets = _after(arriving(chunks), self._heard_before())
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
                loop.add_signal_handler(name, stop.set)
                handled.append(name)
        try:
            end_ns = await self._hear_all(packets, stop)
        finally:
            chunks.close()  # its thread ends
            for name in handled:
                loop.remove_signal_handler(name)
        interrupted = stop.is_set()
        if interrupted:
            say(f"interrupted; the session ends at {iso(end_ns)}")
        self._end(end_ns, interrupted)

    @property
    def _start_ns(self) -> int:
        return self.steps.simulation.settings.t0_ns

    def _end(self, end_ns: int, interrupted: bool) -> None:
        heard, intents = self.steps.end(end_ns)
        final = INTERRUPTED if interrupted else PLANNED
        step = Step(end_ns, None, heard, intents, final, self.steps.chains)
        assert self.journal is not None
        self.journal.write(STEP, pack_step(step))
        self.responses += len(heard) // Response.itemsize
        self._write_ending(end_ns, interrupted)

    def _write_ending(self, end_ns: int, interrupted: bool) -> None:
        assert self.journal is not None
        simulation = self.steps.simulation
        self.over = Ending(
            end_ns=end_ns,
            interrupted=interrupted,
            packets=self._heard_before(),
            responses=self.responses,
            intents=int(simulation.makers["sequence"][0]),
            records=self.journal.place.records,
            chain_maker=f"{int(simulation.makers['chain'][0]):016x}",
            chain_venue=f"{int(simulation.venues['chain'][0]):016x}",
        )
        self.journal.write(END, msgspec.json.encode(self.over))

    def _heard_before(self) -> int:
        return int(self.steps.feed.array[-1]["arrival_hi"])

    async def _hear_all(self, packets: Iterator[Packet], stop: asyncio.Event) -> int:
        """Hear packets as the pace says; return the session's end, ns."""
        planned_ns = self.steps.simulation.settings.end_ns
        clock = Clock(self.pace.speed)
        heard_ts = self.steps.bound_ts
        yielded_ns = rested_ns = time.perf_counter_ns()
        for packet in packets:
            if packet.local_ts > planned_ns:
                break
            if packet.local_ts > heard_ts:
                await self._wait_for(packet.local_ts, clock, stop)
                if stop.is_set():
                    # Nothing that carries this time or a later one was heard.
                    return max(self.steps.bound_ts - 1, heard_ts, self._start_ns)
            self._hear(packet)
            heard_ts = packet.local_ts
            if self._checkpoint_ts is None:
                self._checkpoint_ts = heard_ts
            now_ns = time.perf_counter_ns()
            if heard_ts - self._checkpoint_ts >= self._checkpoint_ns and now_ns >= rested_ns:
                self._checkpoint(heard_ts)
                done_ns = time.perf_counter_ns()
                rested_ns = done_ns + _CHECKPOINT_REST * (done_ns - now_ns)
                now_ns = done_ns
            if now_ns - yielded_ns > _YIELD_NS:
                self._show()
                await asyncio.sleep(0)
                yielded_ns = now_ns
        return planned_ns

    async def _wait_for(self, due_ts: int, clock: Clock, stop: asyncio.Event) -> None:
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
        self.responses += len(heard) // Response.itemsize
        if packet is not None or heard or intents:
            assert self.journal is not None
            step = Step(self.steps.bound_ts, packet, heard, intents, 0, self.steps.chains)
            self.journal.write(STEP, pack_step(step))

    def _show(self, *, always: bool = False) -> None:
        if always or self.watcher.due():
            try:
                self.watcher.update(self._snapshot())
            except OSError:  # a terminal or a log that went away doesn't end the session
                self.watcher = Unwatched()

    def _snapshot(self) -> Snapshot:
        size = self.journal.place.offset if self.journal is not None else 0
        return self.running.snapshot(self.pace.speed, self._checkpoint_ts, size)

    def _checkpoint(self, ts: int) -> None:
        assert self.journal is not None
        self.journal.sync()
        offset, number, chain = self.journal.place
        about = {
            "session": self._identity,
            "ts": ts,
            "resumed": self.resumed,
            "responses": self.responses,
            "capacity": self.steps.feed.capacity,
            "rows": self.spool.lengths(),
            "journal": [offset, number, chain.hex()],
        }
        write_checkpoint(self.place.partial, about, self.steps.arrays())
        self._checkpoint_ts = ts


def _after(packets: Iterable[Packet], count: int) -> Iterator[Packet]:
    """Yield what comes after the first `count` packets."""
    for number, packet in enumerate(packets):
        if number >= count:
            yield packet


@contextmanager
def _watched(watcher: Watcher) -> Iterator[None]:
    with suppress(OSError):
        watcher.__enter__()
    try:
        yield
    finally:
        with suppress(OSError):
            watcher.__exit__(None, None, None)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
