"""What `session.py` starts in processes of their own: sessions that are timed, or looked over.

``step SCENARIO …``
    A session that plays to its end and is then thrown away. Each packet is timed as the session
    itself does it: from the packet to its intents, and until both are in the journal. A second
    session of the same tape times the parts; timing them costs about 0.1 us a part.
``left SCENARIO …``
    Whole sessions in turn, reports included, and what is left of each: threads, tasks, loops,
    files, memory.

Both print one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import tempfile
import threading
import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import simmm.session.paper as paper
import simmm.session.playing as playing
from simmm.scenario import load_scenario
from simmm.session.checkpoint import write_checkpoint
from simmm.session.journal import Packet
from simmm.session.pace import Pace
from simmm.session.playing import Session
from simmm.session.running import StepTimes

FIRST_PACKETS = 2_000  # of a session, not counted; nor are those before the first quote
PARTS = ("take", "believe", "advance", "drain")
CHECKPOINT_S = 60.0

now = time.perf_counter_ns


class Taken:
    """Times of one session: of each packet, of each part of it, of each checkpoint. In ns."""

    def __init__(self, parts: bool) -> None:
        self.parts = parts
        self.early = 0  # packets before the maker may quote
        # Rows, intents in bytes, ns to the intents, from there to the journal, of the parts; plain
        # numbers, since objects would set off collections of garbage that no session has.
        self._numbers = array("q")
        self._width = 4 + len(PARTS)
        self.checkpoints: list[tuple[int, int]] = []  # ns, bytes
        self._spent = dict.fromkeys(PARTS, 0)

    def begin(self, session: Session, packet: Packet) -> None:
        """Get ready for a packet."""
        if packet.local_ts < session.steps.simulation.settings.quote_start_ns:
            self.early = self.packets + 1
        if self.parts:
            if self.packets == 1:
                self._wrap(session)
            for name in PARTS:
                self._spent[name] = 0

    def add(self, rows: int, intents: int, to_intents_ns: int, to_journal_ns: int) -> None:
        """Count a packet that has passed."""
        self._numbers.extend((rows, intents, to_intents_ns, to_journal_ns))
        self._numbers.extend(self._spent.values())

    @property
    def packets(self) -> int:
        """Packets heard so far."""
        return len(self._numbers) // self._width

    def _wrap(self, session: Session) -> None:
        """Time the parts; each is known only once the first packet has passed."""
        feed: Any = session.steps.feed
        simulation: Any = session.steps.simulation
        feed.take = self._timed("take", feed.take)
        feed._believe = self._timed("believe", feed._believe)
        simulation._call = self._timed("advance", simulation._call)
        simulation.drain = self._timed("drain", simulation.drain)

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        spent = self._spent

        def timed(*arguments: Any) -> Any:
            begin = now()
            result = function(*arguments)
            spent[name] += now() - begin
            return result

        return timed

    def summary(self) -> dict[str, Any]:
        """Return medians, 99 % and maxima in us: of all packets and of those of one row."""
        first = max(self.early, FIRST_PACKETS)
        table = np.array(self._numbers).reshape(-1, self._width)[first:]
        sent = table[:, 1] > 0
        times = table[:, 2:] / 1e3
        found: dict[str, Any] = {
            "packets": len(table),
            "rows": int(table[:, 0].sum()),
            "all": _quantiles(times[:, 0]),
            "one_row": _quantiles(times[table[:, 0] == 1, 0]),
            "with_intents": _quantiles(times[sent, 0]),
            "journal": _quantiles(times[:, 1]),
            "checkpoint_ms": [round(taken / 1e6, 1) for taken, _ in self.checkpoints],
            "checkpoint_mb": max((size / 1e6 for _, size in self.checkpoints), default=None),
        }
        if self.parts:
            rest = times[:, 0] - times[:, 2:].sum(axis=1)
            for name, column in zip(PARTS, times[:, 2:].T, strict=True):
                found[name] = _quantiles(column)
            found["rest"] = _quantiles(rest)
        return found


def _quantiles(values: np.ndarray) -> dict[str, float] | None:
    if not values.size:
        return None
    return {
        "count": int(values.size),
        "median": float(np.median(values)),
        "p99": float(np.quantile(values, 0.99)),
        "max": float(values.max()),
    }


def time_session(scenario: str, sets: list[str], pace: Pace, hours: float | None,
                 parts: bool) -> Taken:  # fmt: skip
    """Run a session as `simmm paper` does, up to its report, and return its times."""
    taken = Taken(parts)
    last_ns = [0]
    count = StepTimes.add
    write = write_checkpoint

    def counted(times: StepTimes, elapsed_ns: int) -> None:
        last_ns[0] = elapsed_ns
        count(times, elapsed_ns)

    class Timed(Session):
        def _hear(self, packet: Packet) -> None:
            taken.begin(self, packet)
            super()._hear(packet)

        def _keep(self, packet: Packet | None, heard: bytes, intents: bytes) -> None:
            begin = now()
            super()._keep(packet, heard, intents)
            elapsed_ns = now() - begin
            if packet is not None:
                taken.add(len(packet.tag), len(intents), last_ns[0], elapsed_ns)

    def write_timed(folder: Path, *content: Any) -> None:
        begin = now()
        write(folder, *content)
        elapsed_ns = now() - begin
        taken.checkpoints.append((elapsed_ns, (folder / "checkpoint.bin").stat().st_size))

    replaced = (
        (paper, "Session", Timed),
        (StepTimes, "add", counted),
        (playing, "write_checkpoint", write_timed),
        (playing, "finish", lambda done, *_: done.place.folder),
    )
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="simmm-benchmark-"))
        for module, attribute, other in replaced:
            stack.enter_context(patch.object(module, attribute, other))
        paper.start(
            load_scenario(scenario, sets=sets), feed="tape", pace=pace, hours=hours,
            out=Path(name) / "session",
        )  # fmt: skip
    return taken


def step(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time two sessions: packets, then their parts."""
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    pace = Pace(arguments.speed, CHECKPOINT_S)
    whole, parts = (
        time_session(arguments.scenario, arguments.sets, pace, arguments.hours, timed).summary()
        for timed in (False, True)
    )
    return {**{name: parts[name] for name in (*PARTS, "rest")}, **whole}


def open_files() -> list[str]:
    """Return what this process has open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue  # that of the listing itself
    return sorted(found)


def rss_mb() -> float:
    """Return the memory of this process that is resident."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def remains() -> dict[str, Any]:
    """Return what this process holds now."""
    gc.collect()
    held = gc.get_objects()  # proxies among them must not be asked for their class
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "native_threads": len(os.listdir("/proc/self/task")),
        "tasks": sum(issubclass(type(item), asyncio.Task) and not item.done() for item in held),
        "loops": sum(
            issubclass(type(item), asyncio.AbstractEventLoop) and not item.is_closed()
            for item in held
        ),
        "files": open_files(),
        "objects": len(held),
        "rss_mb": round(rss_mb(), 1),
    }


def left(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run sessions one after the other in this process and look at what each leaves."""
    found = [remains()]
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        for number in range(arguments.sessions):
            paper.start(
                load_scenario(arguments.scenario, sets=arguments.sets),
                feed="tape",
                hours=arguments.hours,
                pace=Pace(None, 300.0),
                out=Path(name) / f"session-{number}",
            )
            found.append(remains())
    return found


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("step", "left"))
    parser.add_argument("scenario")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="sets")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--speed", type=float, help="without it: as fast as it goes")
    parser.add_argument("--core", type=int)
    parser.add_argument("--sessions", type=int, default=4)
    arguments = parser.parse_args()
    result = (step if arguments.what == "step" else left)(arguments)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
