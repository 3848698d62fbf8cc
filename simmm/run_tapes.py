"""The tapes that a scenario's run reads, and the clock that they are seen by."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from simmm.datasets import tape_path
from simmm.jit import records
from simmm.latency import delay_feed
from simmm.math import stream_key
from simmm.records import Latency
from simmm.scenario import Resolved
from simmm.scenario.delays import settings_of
from simmm.scenario.tapes import find_dataset
from simmm.tape import FeedClock, TapeSpec
from simmm.tape.sources import ensure_tape

#: `progress(stage, done, total)`: stage "tape" (seconds of tape built, or rows read) or "run" (rows
#: fed).
Progress = Callable[[str, int, int], None]
Notify = Callable[[str], None]


def tape_specs(resolved: Resolved, progress: Progress | None, say: Notify) -> list[TapeSpec]:
    """Return the tapes to open, built or converted where they must be."""
    tape = resolved.scenario.tape
    specs = []
    for n, (source, paths) in enumerate(
        zip((tape, *tape.references), (resolved.tape_paths, *resolved.reference_paths), strict=True)
    ):
        role: Literal["trade", "reference"] = "reference" if n else "trade"
        if source.dataset is None:
            found = [ensure_tape(path, notify=say) for path in paths]
            specs.append(TapeSpec(_shown(resolved, n, found, progress, say), role))
            continue
        built = None
        if progress is not None:

            def built(done: int, total: int) -> None:
                progress("tape", done, total)

        dataset = find_dataset(source.dataset, resolved.path)
        path = tape_path(dataset, seed=_tape_seed(resolved, n), progress=built)
        specs.append(TapeSpec(_shown(resolved, n, [path], progress, say), role))
    return specs


def _shown(
    resolved: Resolved, number: int, paths: list[Path], progress: Progress | None, say: Notify
) -> list[Path]:
    """Return a tape as the scenario wants it seen: the traded one maybe through other streams."""
    given = resolved.scenario.tape.streams
    if number or given is None:
        return paths
    from simmm.tape.streams import emulated_tape, streams_of  # late: most runs have none

    streams = streams_of(**msgspec.structs.asdict(given))
    built = None if progress is None else partial(progress, "tape")
    return [emulated_tape(paths, streams, notify=say, progress=built)]


def _tape_seed(resolved: Resolved, number: int) -> int | None:
    """Return the seed of a generated tape; the manifest's where the scenario sets none."""
    if number or resolved.origins.get("seed.tape", "default") == "default":
        return None
    return resolved.scenario.seed.tape


def feed_clock(resolved: Resolved) -> Callable[[], FeedClock] | None:
    """Return the clock that replaces the recorded one, if the scenario sets a feed latency."""
    delay = resolved.scenario.venue.latency.feed
    if delay is None:
        return None
    settings = settings_of(delay)
    key = stream_key(resolved.scenario.seed.run, "latency.feed")

    def make() -> FeedClock:
        record = np.zeros(1, Latency)
        settings.write(record[0], key)
        lines = records(record)

        def clock(packet_ts: np.ndarray, packet_seq: np.ndarray) -> np.ndarray:
            local_ts = np.empty_like(packet_ts)
            delay_feed(lines, packet_ts, local_ts)
            return local_ts

        return clock

    return make
