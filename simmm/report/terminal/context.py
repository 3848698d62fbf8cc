"""Sections on doubt and origin: what isn't known, configuration, digests, where the run lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simmm.report.files import FILE_NAME, PAGE_NAME
from simmm.report.schema import Report
from simmm.report.terminal.parts import FAINT, pairs, section
from simmm.report.words import value_text

_DIGEST_SHOWN = 16


def unknowns(report: Report) -> RenderableType:
    """What the simulation doesn't know."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for entry in report.unknowns:
        table.add_row("•", Text(entry.text))
    return section("What the simulation doesn't know", table)


def configuration(report: Report) -> RenderableType:
    """Values that somebody set, with where each came from."""
    if not report.changes:
        return section("Configuration", Text("Everything is at its default.", style=FAINT))
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column()
    table.add_column(style=FAINT)
    for change in report.changes:
        table.add_row(change.path, Text(value_text(change.value)), change.origin)
    return section(
        "Configuration",
        table,
        note="What was set; the rest is at its defaults. Everything in force is in report.json.",
    )


def identity(report: Report, folder: str | None) -> RenderableType:
    """Digests by which this run is known to be the same as another, and its folder."""
    run = report.run
    rows: list[tuple[str, str, str]] = []
    for name, digest, remark in (
        ("tape", str(run.tape.get("digest", "")), str(run.tape.get("name", ""))),
        ("configuration", run.config_digest, f"seeds {_listed(run.seed)}"),
        ("strategy", str(run.strategy.get("digest", "")), str(run.strategy.get("file", ""))),
        ("code", run.code_digest, f"engine, strategy, Python; simmm {run.simmm_version}"),
        ("fills, account", run.chain_venue, "hash chain at the exchange"),
        ("intents", run.chain_maker, "hash chain at the maker"),
    ):
        rows.append((name, digest[:_DIGEST_SHOWN] or "–", remark))
    speed = run.wall.get("rows_per_s")
    seconds = run.wall.get("seconds")
    made = f"{run.counts.get('rows', run.tape.get('rows', 0)):,} rows"
    if isinstance(seconds, int | float) and isinstance(speed, int | float):
        made += f" in {seconds:.2f} s, {speed / 1e6:.2f} M rows/s"
    note = f"{made}." + (f" Run of {run.created}." if run.created else "")
    parts: list[RenderableType] = [pairs(rows)]
    if folder:
        written = (Path(folder) / name for name in (PAGE_NAME, FILE_NAME))
        place = next((path for path in written if path.exists()), Path(folder))
        parts.append(Text(str(place), style="bold", overflow="fold"))
    return section("Digests", *parts, note=note)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
