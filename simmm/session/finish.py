"""What a session leaves once it is over: tables, report, its journal as Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from simmm.backtest import describe, held_back
from simmm.backtest import run as backtest
from simmm.errors import SimmmError
from simmm.exchange_terms import rules_of
from simmm.idle import say_if_idle
from simmm.report import write as write_report
from simmm.report.session import UNDER_TAPE
from simmm.run_folder import (
    RunFolder,
    TableSink,
    partial_folder,
    recorded_dtype,
    table_dtypes,
)
from simmm.scenario import Resolved
from simmm.scenario.times import iso
from simmm.session.checkpoint import FILE_NAME as CHECKPOINT
from simmm.session.checkpoint import PREVIOUS, TEMPORARY
from simmm.session.events import write_events
from simmm.session.folder import SessionFolder
from simmm.session.header import Ending, Header
from simmm.session.journal import Place
from simmm.session.running import StepTimes
from simmm.session.spool import Spool
from simmm.session.steps import Steps
from simmm.tape import TapeStream


class Finished(NamedTuple):
    """A session that is over, before its folder is made a run's."""

    place: SessionFolder
    header: Header
    steps: Steps
    spool: Spool
    speed: float | None
    times: StepTimes
    resumed: int
    end: Ending
    journal: Place
    wall_s: float


def finish(
    done: Finished, resolved: Resolved, stream: TapeStream, say: Callable[[str], None]
) -> Path:
    """Write tables, report and Parquet, and give the folder its name; return it."""
    simulation = done.steps.simulation
    end_ns = done.end.end_ns
    resolved = _ended(resolved, end_ns, done.end.interrupted)
    recorded = recorded_dtype(simulation.strategy)
    partial = done.place.partial
    with RunFolder(done.place.folder, recorded, begun=True) as files:
        for table in table_dtypes(recorded):
            for rows in done.spool.read(table):
                files.write(table, rows)
        simulation.finish(TableSink(files.write, recorded))
        files.close_tables()
        files.write_text("scenario.yaml", resolved.to_yaml_anywhere())
        info = describe(
            resolved,
            stream,
            done.header.markets[0],
            rules_of(resolved, stream),
            simulation.strategy,
            simulation,
            done.wall_s,
        )
        if done.resumed:
            info["wall"]["rows_per_s"] = None  # the seconds are those of the last process
        info["session"] = {
            **(held_back("paper", simulation, done.steps.feed) or {}),
            "feed": done.header.feed,
            "speed": done.speed,
            "interrupted": done.end.interrupted,
            "resumed": done.resumed,
            "step_us": {
                "median": done.times.quantile(0.5),
                "p99": done.times.quantile(0.99),
                "max": done.times.longest if done.times.count else None,
            },
            "journal": {
                "records": done.journal.records,
                "bytes": done.journal.offset,
                "digest": done.journal.chain.hex(),
            },
        }
        files.write_json("run.json", info)
        with files.writing("seen.parquet and heard.parquet"):
            write_events(partial)
        for folder in (partial / UNDER_TAPE, partial_folder(partial / UNDER_TAPE)):
            shutil.rmtree(folder, ignore_errors=True)  # of a finish that was broken off
        if end_ns > simulation.settings.quote_start_ns:
            say("the same session with all that the tape knows …")
            try:
                backtest(_under_tape(resolved), out=partial / UNDER_TAPE)
            except SimmmError as error:
                say(f"without it: {error}")
        write_report(partial)
        done.spool.remove()
        for name in (CHECKPOINT, PREVIOUS, TEMPORARY, "lock"):
            (partial / name).unlink(missing_ok=True)
    say_if_idle(simulation, done.header.markets[0], say)
    return done.place.folder


def _ended(resolved: Resolved, end_ns: int, interrupted: bool) -> Resolved:
    scenario = resolved.scenario
    run = msgspec.structs.replace(scenario.run, end=iso(end_ns))
    if interrupted:
        origins = {**resolved.origins, "run.to": "interrupted"}
        resolved = msgspec.structs.replace(resolved, origins=origins)
    return msgspec.structs.replace(resolved, scenario=msgspec.structs.replace(scenario, run=run))


def _under_tape(resolved: Resolved) -> Resolved:
    scenario = resolved.scenario
    venue = msgspec.structs.replace(scenario.venue, knowledge="tape")
    return msgspec.structs.replace(
        resolved, scenario=msgspec.structs.replace(scenario, venue=venue)
    )
