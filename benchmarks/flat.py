"""Rate and memory of a run over very many rows, against one over fewer from Parquet.

``python benchmarks/flat.py`` feeds 1,000 M rows to a run, made while it runs and never on disk, and
in turns with it streams 50 M rows from a Parquet file. Each is a process of its own, quoting one
bid and one ask anew every 100 ms as ``simmm_run.py`` does. A run over either must take the same
time per row, within 10 %, and the same memory, within 5 %.

Both are the same market over and over: `TAPE_ROWS` rows of ``peer_tape.py``, repeated with later
times. Each repetition begins with the image that the tape begins with. Both processes hold these
rows, and rows are fed in chunks of as many as the groups of a Parquet file have, so that all that
differs is where they come from and how many there are. Decoding runs in a thread of its own, and
so does making. What is compared is the processor time of the thread that replays. The long run is
timed in stretches as long as the short one, which runs several times, before it and after. The best
stretch is compared with the best short run, since noise only ever adds; medians stand beside them,
and how much longer the last quarter of the stretches took than the first.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from simmm_run import STRATEGIES, make_settings, whole_tape
from simmm_tape import NAME, market_rules

from simmm.records import NEVER
from simmm.simulation import Simulation
from simmm.strategy.load import load_strategy
from simmm.tape import Chunk, TapeSpec, TapeWriter, open_tapes
from simmm.tape.reader import prefetch

HERE = Path(__file__).parent
CASE = "quotes"
TAPE_ROWS = 1_000_000
MADE_ROWS, STREAMED_ROWS = 1_000_000_000, 50_000_000
CHUNK_ROWS = 1 << 18
PAUSE_NS = 1_000_000_000  # between repetitions
STREAMED = "streamed.parquet"
RATE_WITHIN, MEMORY_WITHIN = 0.10, 0.05


def repeated(chunk: Chunk, rows: int) -> Iterator[Chunk]:
    """Yield a tape again and again, with later times, in chunks of `CHUNK_ROWS`.

    Parameters
    ----------
    chunk
        The whole tape; each packet must be seen in the order in which it happened.
    rows
        Rows wanted; the last repetition is whole.
    """
    span = int(chunk.arrival_ts[-1]) + PAUSE_NS - int(chunk.packet_ts[0])
    stops = np.arange(CHUNK_ROWS, len(chunk.tag), CHUNK_ROWS)
    places = [0, *np.searchsorted(chunk.packet_row, stops).tolist(), len(chunk.packet_ts)]
    repetitions = -(-rows // len(chunk.tag))
    for repetition in range(repetitions):
        shift = span * repetition
        first_row = repetition * len(chunk.tag)
        first_packet = repetition * len(chunk.packet_ts)
        for place, stop in pairwise(places):
            last = stop == len(chunk.packet_ts)
            final = last and repetition == repetitions - 1
            row = int(chunk.packet_row[place])
            end = len(chunk.tag) if last else int(chunk.packet_row[stop])
            columns = [
                chunk.tag[row:end],
                chunk.px[row:end],
                chunk.qty[row:end],
                chunk.packet_ts[place:stop] + shift,
                chunk.packet_row[place:stop] + first_row,
                chunk.packet_info[place:stop],
                chunk.arrival_ts[place:stop] + shift,
                chunk.arrival_packet[place:stop] + first_packet,
            ]
            for column in columns:
                column.flags.writeable = False
            bound = int(chunk.arrival_ts[-1 if last else stop - 1]) + shift
            yield Chunk(*columns, NEVER if final else bound, final)


def write_repeated(chunk: Chunk, rows: int, path: Path) -> None:
    """Write what `repeated` yields as a tape."""
    waits = (chunk.arrival_ts - chunk.packet_ts)[0]
    with TapeWriter(path, market_rules()) as writer:
        for part in repeated(chunk, rows):
            counts = np.diff(part.packet_row, append=part.packet_row[0] + len(part.tag))
            exch_ts = np.repeat(part.packet_ts, counts)
            seq = np.repeat(part.arrival_packet, counts)
            writer.append(exch_ts, exch_ts + waits, seq, part.tag, part.px, part.qty)


def run(source: str, folder: Path, rows: int) -> dict[str, Any]:
    """Run over `rows` rows and give time per row, ns, and the process's peak memory, MB."""
    chunk = whole_tape(folder / NAME)
    span = int(chunk.arrival_ts[-1]) + PAUSE_NS - int(chunk.packet_ts[0])
    repetitions = -(-rows // len(chunk.tag))
    end_ns = int(chunk.arrival_ts[-1]) + span * (repetitions - 1)
    settings = make_settings(int(chunk.arrival_ts[0]), end_ns)
    strategy = load_strategy(HERE / "strategies" / STRATEGIES[CASE])
    simulation = Simulation([market_rules()], strategy, strategy.params.filled({}), settings)
    simulation.prepare()
    marks = [(0, time.thread_time())]

    def mark(done: int) -> None:
        if done - marks[-1][0] >= STREAMED_ROWS:
            marks.append((done, time.thread_time()))

    if source == "made":
        chunks = prefetch(lambda: repeated(chunk, rows))
        simulation.run(chunks, lambda table, rows: None, mark)
    else:
        with open_tapes([TapeSpec(folder / STREAMED)]) as stream:
            simulation.run(stream.chunks(), lambda table, rows: None)
    done = repetitions * len(chunk.tag)
    if len(marks) == 1:
        marks.append((done, time.thread_time()))
    stretches = [
        round((after[1] - before[1]) / (after[0] - before[0]) * 1e9, 2)
        for before, after in pairwise(marks)
    ]
    return {
        "rows": done,
        "ns_a_row": stretches,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "fills": int(simulation.venues[0]["fills"]),
    }


def call(*arguments: str | Path) -> str:
    """Run a script beside this one to its end and give what it printed."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(folder: Path, made_rows: int, streamed_rows: int, runs: int) -> bool:
    """Run both and print what they took; return whether both limits were kept."""
    call(HERE / "peer_tape.py", folder, "--rows", str(TAPE_ROWS))
    call(HERE / "simmm_tape.py", folder)
    write_repeated(whole_tape(folder / NAME), streamed_rows, folder / STREAMED)
    taken: dict[str, list[dict[str, Any]]] = {"made": [], "streamed": []}
    wanted = {"made": made_rows, "streamed": streamed_rows}
    for source in [*runs * ["streamed"], "made", *runs * ["streamed"]]:
        told = call(__file__, "--run", source, "--folder", folder, "--rows", str(wanted[source]))
        taken[source].append(json.loads(told))
        print(source, told.strip(), flush=True)
    made, streamed = ([ns for run in taken[source] for ns in run["ns_a_row"]] for source in taken)
    quarter = max(len(made) // 4, 1)
    drift = statistics.median(made[-quarter:]) / statistics.median(made[:quarter]) - 1
    print(
        f"ns a row, median: {statistics.median(made):.1f} made, "
        f"{statistics.median(streamed):.1f} streamed; last quarter over first: {drift:+.1%}"
    )
    memory = ([run["peak_rss_mb"] for run in taken[source]] for source in taken)
    return told_apart("ns a row, best", min(made), min(streamed), RATE_WITHIN) & told_apart(
        "peak memory, MB", *map(max, memory), MEMORY_WITHIN
    )


def told_apart(name: str, made: float, streamed: float, within: float) -> bool:
    """Print how far two figures are apart; return whether the limit is kept."""
    apart = made / streamed - 1
    kept = abs(apart) <= within
    print(
        f"{name}: {made:.1f} made, {streamed:.1f} streamed, {apart:+.1%}; "
        f"within {within:.0%}: {'kept' if kept else 'passed'}"
    )
    return kept


def main() -> int:
    """Compare; 1 if a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=MADE_ROWS, help="rows made")
    parser.add_argument("--streamed", type=int, default=STREAMED_ROWS, help="rows streamed")
    parser.add_argument("--runs", type=int, default=3, help="short runs before and after")
    parser.add_argument("--run", choices=("made", "streamed"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run(arguments.run, arguments.folder, arguments.rows)))
        return 0
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        kept = compare(Path(name) / "tape", arguments.rows, arguments.streamed, arguments.runs)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
