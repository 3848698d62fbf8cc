"""What a paper session costs: memory over a day of the feed, and time from a packet to intents.

``day``
    A session of 24 generated hours at full speed, and of a recorded tape of 34 where there is one
    (or of another tape alone), each in a process of its own.
    Its memory, files and threads are looked at twenty times a second from outside, against the
    feed's time, which the spooled equity tells: one row a second of the feed. Then several short
    sessions in one process, and what is left of each.
``step``
    Time from a packet to its intents, as the session takes it, with its parts and the journal
    beside it: on a tape whose packets have one row each, and on a recorded one; each with the
    strategy asked once a second and after each packet. The cases run in turns, each in a process
    of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from simmm.output_records import EquityRow

HERE = Path(__file__).parent
SIMMM = [sys.executable, "-c", "from simmm.cli.main import main; main()"]
PROBE = [sys.executable, str(HERE / "session_probe.py")]
DATASET, DAY = "quiet_hl_btc", "session_day"
SHARED = Path(os.environ.get("SIMMM_SHARED", HERE.parents[1] / "shared"))
RECORDED = SHARED / "data" / "hl_BTC_20250904.parquet"
RECORDED_DAY = SHARED / "data" / "binance_spot_NEXOUSDT_20240723.parquet"
RECORDED_SIZES = ["maker.max_position=2000", "strategy.order_size=200"]  # in its market's units
SAMPLE_S = 0.05
SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 1.0)
STEP_LIMIT_US = 20.0
GROWTH_LIMIT_MB = 20.0
#: What a session does once the feed is over, in this order.
FINISHING = ("tables", "events", "rerun", "report")


class Sample(NamedTuple):
    """A session's process, seen from outside."""

    wall_s: float
    phase: str
    feed_s: float
    rss_mb: float
    own_mb: float  # not backed by files
    files: int
    threads: int
    journal_bytes: int
    checkpoint_bytes: int


class Sampler:
    """Looks at a process that runs a session in `folder`."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._proc = Path("/proc") / str(pid)
        self._folder = folder.with_name(folder.name + ".partial")
        self._begin_s = time.monotonic()
        self._played = False

    def __call__(self) -> Sample | None:
        """Return a sample; None once the process is gone."""
        try:
            status = (self._proc / "status").read_text()
            files = [_target(name) for name in (self._proc / "fd").iterdir()]
        except OSError:
            return None
        facts = dict(line.split(":", 1) for line in status.splitlines())
        if "VmRSS" not in facts:
            return None
        return Sample(
            time.monotonic() - self._begin_s,
            self._phase(files),
            _size(self._folder / "spool" / "equity") // EquityRow.itemsize,
            _kilobytes(facts["VmRSS"]) / 1e3,
            _kilobytes(facts["RssAnon"]) / 1e3,
            len(files),
            int(facts["Threads"]),
            _size(self._folder / "journal.bin"),
            _size(self._folder / "checkpoint.bin"),
        )

    def _phase(self, files: list[str]) -> str:
        there = self._folder
        if not self._played:
            if not (there / "journal.bin").exists():
                return "start"
            if (there / "equity.parquet").exists() or (there / "fills.parquet").exists():
                self._played = True
            else:
                return "play"
        if not there.exists():
            return "print"
        if (there / "under_tape").exists():
            return "report"
        if (there / "under_tape.partial").exists():
            return "rerun"
        return "events" if (there / "run.json").exists() else "tables"


def _target(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _kilobytes(text: str) -> float:
    return int(text.split()[0]) * 1.024


def make_day(project: Path, hours: float) -> None:
    """Write a project with one dataset, a day like a shipped one, and build its tape."""
    shipped = yaml.safe_load((HERE.parent / "datasets" / "manifest.yaml").read_text())
    day = shipped["datasets"][DATASET]
    day |= {"digest": "", "parameters": {**day["parameters"], "hours": hours}}
    (project / "datasets").mkdir()
    (project / "simmm.yaml").write_text("{}\n")
    (project / "datasets" / "manifest.yaml").write_text(yaml.safe_dump({"datasets": {DAY: day}}))
    subprocess.run(
        [*SIMMM, "datasets", "build", DAY], cwd=project, check=True, stdout=subprocess.DEVNULL
    )


def watch(project: Path, tape: str, changes: list[str]) -> tuple[list[Sample], dict[str, Any]]:
    """Run a session at full speed; return samples of its process and its ``run.json``."""
    out = project / "session"
    command = [*SIMMM, "paper", "--feed", f"tape:{tape}", "--speed", "max", "--out", str(out)]
    for change in changes:
        command += ["--set", change]
    samples = []
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=project, stdout=log, stderr=log)
        look = Sampler(process.pid, out)
        while process.poll() is None:
            sample = look()
            if sample is not None:
                samples.append(sample)
            time.sleep(SAMPLE_S)
    if process.returncode:
        raise SystemExit((project / "log").read_text())
    return samples, json.loads((out / "run.json").read_text())


def tell_day(samples: list[Sample], info: dict[str, Any]) -> bool:
    """Print a session's figures; return whether its memory was flat."""
    period = info["period"]
    feed_s = (period["end_ns"] - period["t0_ns"]) / 1e9
    played = [sample for sample in samples if sample.phase == "play"]
    marks: dict[float, Sample] = {}
    print(f"{'feed':>6} {'RSS MB':>8} {'own MB':>8} {'files':>6} {'threads':>8} {'wall s':>7}")
    for share in SHARES:
        at = next((s for s in played if s.feed_s >= share * feed_s), played[-1])
        marks[share] = at
        print(
            f"{share:6.0%} {at.rss_mb:8.1f} {at.own_mb:8.1f} {at.files:6} {at.threads:8} "
            f"{at.wall_s:7.1f}"
        )
    # Medians, since a row group that is being read adds some 10 MB for a moment; up to 95 %, since
    # the tape's own buffers are let go before the end. Either would hide growth.
    growth = _median(played, feed_s, 0.75, 0.95) - _median(played, feed_s, 0.10, 0.25)
    wall_s = played[-1].wall_s - played[0].wall_s
    hours, session = feed_s / 3600, info["session"]
    print(f"peak while it plays   {max(s.rss_mb for s in played):.1f} MB")
    print(f"growth                {growth:+.1f} MB, median of 75-95 % over median of 10-25 %")
    print(
        f"feed                  {hours:.1f} h, {session['packets']:,} packets, "
        f"{session['rows']:,} rows, in {wall_s:.1f} s: {hours / wall_s:.2f} h a second, "
        f"{1e6 * wall_s / session['packets']:.1f} us a packet"
    )
    print(f"journal               {session['journal']['bytes'] / hours / 1e6:.1f} MB an hour")
    print(f"checkpoint            {max(s.checkpoint_bytes for s in played) / 1e6:.2f} MB")
    times = ", ".join(f"{name} {value:.1f}" for name, value in session["step_us"].items())
    print(f"steps, us             {times} (the last 16,384; the maximum of all)")
    for phase in FINISHING:
        seen = [s for s in samples if s.phase == phase]
        if seen:
            took = seen[-1].wall_s - seen[0].wall_s + SAMPLE_S
            print(f"then: {phase:16}peak {max(s.rss_mb for s in seen):.1f} MB, {took:.1f} s")
    return growth <= GROWTH_LIMIT_MB


def _median(played: list[Sample], feed_s: float, low: float, high: float) -> float:
    """Return the median memory between two shares of the feed."""
    return statistics.median(s.rss_mb for s in played if low * feed_s <= s.feed_s <= high * feed_s)


def tell_left(project: Path, tape: str, changes: list[str], hours: float) -> bool:
    """Run sessions in one process and print what they left; return whether that was nothing.

    Libraries start threads of their own at first use and keep them, and the files by which these
    wake each other (`anon_inode`). So tasks, loops and Python's threads are compared with the
    start, and the process's threads and files with what was there after the first session; but for
    those, no file may be open that wasn't at the start.
    """
    held = probe("left", tape, changes, project, "--hours", str(hours))
    start, first = held[:2]
    clean = True
    for number, now in enumerate(held):
        print(
            f"after {number} sessions: {len(now['threads'])} threads of Python, "
            f"{now['native_threads']} of the process, {now['tasks']} tasks, {now['loops']} loops, "
            f"{len(now['files'])} files, {now['objects']:,} objects, {now['rss_mb']} MB"
        )
        opened = [name for name in now["files"] if name not in start["files"]]
        if number:
            print(f"  opened since the start: {', '.join(opened) or 'none'}")
        clean = clean and not (
            now["tasks"]
            or now["loops"]
            or now["threads"] != start["threads"]
            or any(not name.startswith("anon_inode:") for name in opened)
        )
        if number > 1:
            clean = clean and now["native_threads"] <= first["native_threads"]
            clean = clean and len(now["files"]) <= len(first["files"])
    print("left open: nothing" if clean else "left open: see above")
    return clean


def probe(what: str, tape: str, changes: list[str], folder: Path, *options: str) -> Any:
    """Run `session_probe.py` on the paper scenario with a tape; return what it printed."""
    field = "tape.file" if Path(tape).exists() else "tape.dataset"
    command = [*PROBE, what, "paper", "--set", f"{field}={tape}", *options]
    for change in changes:
        command += ["--set", change]
    process = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(process.stdout.splitlines()[-1])


def day(arguments: argparse.Namespace) -> bool:
    """Watch a day, a recorded tape, and several short sessions."""
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        project = Path(name)
        cases = {DAY: arguments.sets}
        if arguments.tape is not None:
            cases = {str(arguments.tape.resolve()): arguments.sets}
        else:
            make_day(project, arguments.hours)
            if RECORDED_DAY.exists():
                cases[str(RECORDED_DAY.resolve())] = [*RECORDED_SIZES, *arguments.sets]
        kept = True
        for tape, changes in cases.items():
            load = os.getloadavg()[0]
            print(f"{Path(tape).stem}, load {load:.1f} on {os.cpu_count()} processors", flush=True)
            kept = tell_day(*watch(project, tape, changes)) and kept
            shutil.rmtree(project / "session")
            print(flush=True)
        tape, changes = next(iter(cases.items()))
        kept = tell_left(project, tape, changes, arguments.left_hours) and kept
    print(f"limit {GROWTH_LIMIT_MB:.0f} MB of growth, nothing left: {'kept' if kept else 'passed'}")
    return kept


def make_rows(folder: Path, rows: int) -> Path:
    """Draw a tape whose packets have one row each."""
    columns = folder / "rows"
    for script, more in (("peer_tape.py", ["--rows", str(rows)]), ("simmm_tape.py", [])):
        command = [sys.executable, str(HERE / script), str(columns), *more]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return columns / "simmm.parquet"


def step(arguments: argparse.Namespace) -> bool:
    """Time steps of all cases in turns; return whether one-row packets keep the limit."""
    with tempfile.TemporaryDirectory(prefix="simmm-benchmark-") as name:
        folder = Path(name)
        tapes = {"one row": make_rows(folder, arguments.rows)}
        if RECORDED.exists():
            tapes["BTC"] = RECORDED
        options = []
        for option in ("core", "speed", "hours"):
            if getattr(arguments, option) is not None:
                options += [f"--{option}", str(getattr(arguments, option))]
        found: dict[str, list[dict[str, Any]]] = {}
        for round_number in range(arguments.repeats):
            load = os.getloadavg()[0]
            print(f"round {round_number + 1}, load {load:.1f} on {os.cpu_count()}", flush=True)
            for tape_name, tape in tapes.items():
                for asked in ("fill", "fill, packet"):
                    changes = [f"maker.quote_on=[{asked}]", "run.warm_up_s=5", *arguments.sets]
                    case = f"{tape_name}, asked {'each packet' if 'packet' in asked else '1/s'}"
                    result = probe("step", str(tape), changes, folder, *options)
                    found.setdefault(case, []).append(result)
                    print(f"  {case}: median {result['all']['median']:.1f} us", flush=True)
        return tell_steps(found)


def tell_steps(found: dict[str, list[dict[str, Any]]]) -> bool:
    """Print the figures of all cases: the median of the repeats, and the best."""
    kept = True
    for case, results in found.items():
        sending = results[0]["with_intents"]
        print(
            f"\n{case}: {results[0]['packets']:,} packets, {results[0]['rows']:,} rows, "
            f"{sending['count'] if sending else 0:,} packets with intents"
        )
        print(f"{'us':24} {'median':>8} {'best':>8} {'99 %':>8} {'max':>10}")
        for part, label in (
            ("all", "packet to intents"),
            ("one_row", "  packets of one row"),
            ("with_intents", "  with intents"),
            ("take", "    take"),
            ("believe", "    believe"),
            ("advance", "    advance"),
            ("drain", "    drain"),
            ("rest", "    the loop around them"),
            ("journal", "journal"),
        ):
            rows = [result[part] for result in results if result[part] is not None]
            if not rows:
                continue
            medians = [row["median"] for row in rows]
            print(
                f"{label:24} {statistics.median(medians):8.2f} {min(medians):8.2f} "
                f"{statistics.median(row['p99'] for row in rows):8.1f} "
                f"{max(row['max'] for row in rows):10.1f}"
            )
        taken = [ms for result in results for ms in result["checkpoint_ms"]]
        if taken:
            print(
                f"checkpoint               {statistics.median(taken):8.1f} ms, longest "
                f"{max(taken):.1f} ms, {results[0]['checkpoint_mb']:.2f} MB"
            )
        one_row = [result["one_row"]["median"] for result in results if result["one_row"]]
        if case.startswith("one row"):
            kept = kept and statistics.median(one_row) <= STEP_LIMIT_US
    print(f"\nlimit {STEP_LIMIT_US:.0f} us for packets of one row: {'kept' if kept else 'passed'}")
    return kept


def main() -> int:
    """Measure; 1 if a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    of_day = commands.add_parser("day", help="memory over a day of the feed")
    of_day.add_argument("--hours", type=float, default=24.0, help="of the generated tape")
    of_day.add_argument("--tape", type=Path, help="another tape than the generated one")
    of_day.add_argument("--left-hours", type=float, default=1.0, help="of the short sessions")
    of_step = commands.add_parser("step", help="time from a packet to its intents")
    of_step.add_argument("--rows", type=int, default=100_000, help="of the generated tape")
    of_step.add_argument("--repeats", type=int, default=5)
    of_step.add_argument("--hours", type=float, help="of each session; without it: whole tapes")
    of_step.add_argument("--speed", type=float, help="without it: as fast as it goes")
    of_step.add_argument("--core", type=int, help="keep the sessions on this processor")
    for command in (of_day, of_step):
        command.add_argument(
            "--set", action="append", default=[], metavar="FIELD=VALUE", dest="sets"
        )
    arguments = parser.parse_args()
    return 0 if (day if arguments.command == "day" else step)(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
