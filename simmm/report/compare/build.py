"""From two run folders to their comparison."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from simmm.errors import RunError
from simmm.report.build import build
from simmm.report.compare.configuration import configuration
from simmm.report.compare.divergence import agreements
from simmm.report.compare.figures import comparable, groups
from simmm.report.compare.pairing import pairing, step_ns
from simmm.report.compare.schema import COMPARISON_SCHEMA, Comparison, Curves, Side
from simmm.report.compare.verdict import notes, verdict
from simmm.report.files import write_whole
from simmm.report.hourly import worth_at
from simmm.report.schema import Report
from simmm.report.tables import Run, read_run

CURVE_POINTS = 8_000


def compare(a: str | Path, b: str | Path) -> Comparison:
    """Compare two runs, B against A.

    Parameters
    ----------
    a, b : str or Path
        Run folders. Nothing is written.

    Raises
    ------
    RunError
        A folder is missing, unfinished or unreadable, or its P&L does not add up.
    """
    folders = [_finished(Path(folder)) for folder in (a, b)]
    runs = [read_run(folder) for folder in folders]
    reports = [build(folder) for folder in folders]
    same_folder = folders[0].resolve() == folders[1].resolve()
    how = pairing(*runs)
    found = groups((runs[0], reports[0]), (runs[1], reports[1]), how)
    values = configuration(*runs)
    chains = agreements(*runs)
    money = comparable(*runs)[0]
    sides = [_side(run, report) for run, report in zip(runs, reports, strict=True)]
    return Comparison(
        schema_version=COMPARISON_SCHEMA,
        a=sides[0],
        b=sides[1],
        same_folder=same_folder,
        money_comparable=money,
        configuration=values,
        agreements=chains,
        pairing=how,
        groups=found,
        notes=notes(found, how, money),
        verdict=verdict(found, chains, values, same_folder),
        curves=_curves(runs[0], runs[1], money),
    )


def write_json(path: Path, comparison: Comparison) -> None:
    """Write a comparison as JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")


def _finished(folder: Path) -> Path:
    """Return a folder that may hold a finished run.

    Raises
    ------
    RunError
        There is none, or its run has not finished.
    """
    if folder.name.endswith(".partial"):
        raise RunError(
            f"{folder}: this run has not finished, or was killed; compare finished runs only"
        )
    partial = folder.with_name(folder.name + ".partial")
    if not folder.exists() and partial.is_dir():
        raise RunError(
            f"{folder}: its run has not finished, or was killed; what there is lies in {partial}"
        )
    return folder


def _side(run: Run, report: Report) -> Side:
    facts = report.run
    name = str(facts.strategy.get("name") or facts.strategy.get("file", "")).rsplit("/", 1)[-1]
    return Side(
        folder=str(run.folder),
        scenario=facts.scenario,
        strategy=name.removesuffix(".py"),
        symbol=facts.symbol,
        venue=facts.venue,
        quote=facts.quote,
        start_ns=facts.quote_start_ns,
        end_ns=facts.end_ns,
        hours=facts.hours,
        said=report.verdict.sentences[0],
    )


def _curves(a: Run, b: Run, money: bool) -> Curves:
    """Net P&L of both on one axis: true times where they overlap, else since each began."""
    spans = [(run.info.period.quote_start_ns, run.info.period.end_ns) for run in (a, b)]
    overlap = max(start for start, _ in spans) < min(end for _, end in spans)
    shifts = [0, 0] if overlap else [start for start, _ in spans]
    first = min(start - shift for (start, _), shift in zip(spans, shifts, strict=True))
    last = max(end - shift for (_, end), shift in zip(spans, shifts, strict=True))
    axis = "utc" if overlap else "elapsed"
    if last <= first:
        return Curves(axis, [], [], [], [])
    sampled = [step for step in (step_ns(a), step_ns(b)) if step]
    steps = min(CURVE_POINTS - 1, last - first)
    if sampled:
        steps = min(steps, max(1, -(-(last - first) // max(sampled))))
    ts = [first + (last - first) * k // steps for k in range(steps + 1)]
    nets = []
    for run, (start, end), shift in zip((a, b), spans, shifts, strict=True):
        instants = np.array(ts, np.int64) + shift
        worth, _, _ = worth_at(run, instants)
        inside = ((instants >= start) & (instants <= end)).tolist()
        nets.append([
            value * run.half_quantum if within else None
            for value, within in zip(worth, inside, strict=True)
        ])  # fmt: skip
    apart: list[float | None] = []
    same_tape = a.info.tape.get("digest") == b.info.tape.get("digest")
    if overlap and money and same_tape and a.info.tape.get("digest"):
        apart = _apart(nets[0], nets[1])
    return Curves(axis, ts, nets[0], nets[1], apart)


def _apart(a: list[float | None], b: list[float | None]) -> list[float | None]:
    """B - A where both quote, counted from the first such instant."""
    found: list[float | None] = []
    start: float | None = None
    for one, other in zip(a, b, strict=True):
        if one is None or other is None:
            found.append(None)
            continue
        if start is None:
            start = other - one
        found.append(other - one - start)
    return found
