"""A comparison as a page of text, for 80 columns and for wide screens."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.console import Group as Stack
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simmm.report.compare import shown
from simmm.report.compare.schema import Comparison, Group
from simmm.report.terminal.parts import (
    FAINT,
    HEAD,
    is_wide,
    plain_table,
    room,
    section,
    side_by_side,
    spark,
    style_of,
)
from simmm.report.words import numbers

_MARKS = {"same": "=", "better": "▲", "worse": "▼", "undecided": "◆"}


def render(comparison: Comparison, console: Console) -> None:
    """Show a comparison on `console`; its width decides between one column and two."""
    console.print(header(comparison))
    console.print(configuration(comparison, console))
    console.print(agreements(comparison))
    parts = [figures(group) for group in comparison.groups]
    parts.insert(1, course(comparison, console))
    if is_wide(console):
        for left, right in zip(parts[::2], [*parts[1::2], Text("")], strict=False):
            console.print(side_by_side(console, left, right))
    else:
        console.print(Stack(*parts))
    console.print(remarks(comparison))
    console.print(verdict(comparison))


def header(comparison: Comparison) -> RenderableType:
    """Which two runs these are."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style=HEAD, no_wrap=True)
    table.add_column(overflow="fold")
    for name, side in (("A", comparison.a), ("B", comparison.b)):
        told = Text.assemble(
            (side.folder, HEAD), "\n", (shown.side_words(side), FAINT), "\n", side.said
        )
        table.add_row(name, told)
    return Stack(table, Text(""))


def configuration(comparison: Comparison, console: Console) -> RenderableType:
    """Every value that differs, with both origins."""
    words = Text(shown.configuration_words(comparison))
    if not comparison.configuration:
        return section("Configuration", words)
    table = plain_table("", "A", "B", left=3)
    for column in table.columns:
        column.no_wrap, column.overflow = False, "fold"
    between = "  " if is_wide(console) else "\n"
    for value in comparison.configuration:
        cells = [
            Text.assemble(told, (between + origin if origin else "", FAINT))
            for told, origin in shown.value_cells(value)
        ]
        table.add_row(value.path, *cells)
    return section("Configuration", words, table)


def agreements(comparison: Comparison) -> RenderableType:
    """Whether the hash chains agree, and where they first don't."""
    parts: list[RenderableType] = []
    for found in comparison.agreements:
        mark = "=" if found.agree else "≠"
        parts.append(Text(f"{mark} {shown.agreement_words(found)}"))
        ends = found.a if found.agree else f"A ends in {found.a or '–'}, B in {found.b or '–'}"
        parts.append(Text(f"  {ends}", style=FAINT))
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        rows = shown.first_row_words(found)
        if rows:
            parts.append(Text(f"  {rows[0][0]}, {rows[0][1]}:"))
            for name, told in rows[1:]:
                table.add_row(f"    {name}", told)
            parts.append(table)
    return section("Digests", *parts)


def figures(group: Group) -> RenderableType:
    """One group side by side, with the interval of each difference."""
    table = plain_table(group.unit, "A", "B", "B − A", "95 % interval", "")
    table.collapse_padding = True
    table.columns[4].no_wrap, table.columns[4].overflow = False, "fold"
    for row in shown.rows(group):
        interval = Text(row.interval, style="" if row.known else FAINT)
        mark = shown.NOTABLE if row.notable else ""
        bold = HEAD if row.name == "net" else ""
        table.add_row(Text(row.name, style=bold), row.a, row.b, Text(row.difference, style=bold),
                      interval, mark)  # fmt: skip
    return section(shown.heading(group), table, note=group.note)


def course(comparison: Comparison, console: Console) -> RenderableType:
    """Net of both, and their difference, in a line each."""
    curves, width = comparison.curves, max(16, room(console) - 32)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style=FAINT)
    table.add_column(no_wrap=True, style=FAINT)
    every = [*curves.a, *curves.b] if comparison.money_comparable else []
    known = [value for value in every if value is not None]
    span = (min(known), max(known)) if known else None
    for name, values, own in (
        ("net A", curves.a, span),
        ("net B", curves.b, span),
        ("B − A", curves.difference, None),
    ):
        text = _line(values, width, own)
        if text:
            inside = [value for value in values if value is not None]
            ends = numbers([min(inside), max(inside)], 4, sign=True)
            table.add_row(name, text, ends[0], f"to {ends[1]}")
    note = "Both on one scale. " if span else "Each on its own scale. "
    if curves.axis == "elapsed":
        note += "Time counts from each run's first quote."
    elif comparison.pairing.paired:
        note += "B − A counts from the first moment that both quote."
    return section("Course", table, note=note)


def _line(values: list[float | None], width: int, span: tuple[float, float] | None) -> str:
    """A spark line with blanks where there is nothing, between common ends if there are any."""
    inside = [at for at, value in enumerate(values) if value is not None]
    if not inside:
        return ""
    low, high = inside[0] * width // len(values), (inside[-1] + 1) * width // len(values)
    known = [value for value in values if value is not None]
    if span is None:
        return " " * low + spark(known, max(1, high - low))
    line = spark([*_means(known, max(1, high - low)), *span], max(1, high - low) + 2)
    return " " * low + line[:-2]


def _means(values: list[float], width: int) -> list[float]:
    """Means of `width` stretches."""
    width = min(width, len(values))
    parts = [values[k * len(values) // width : (k + 1) * len(values) // width]
             for k in range(width)]  # fmt: skip
    return [sum(part) / len(part) for part in parts]


def remarks(comparison: Comparison) -> RenderableType:
    """What the intervals are, and what they are not."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for note in comparison.notes:
        table.add_row("•", Text(note))
    return section("How to read it", table)


def verdict(comparison: Comparison) -> RenderableType:
    """The verdict in words, framed."""
    said = comparison.verdict
    value = {"better": 1.0, "worse": -1.0}.get(said.outcome, 0.0)
    style = style_of(value)
    text = Text(f"{_MARKS[said.outcome]} {' '.join(said.sentences)}", style=f"bold {style}".strip())
    return Panel(text, border_style=style or FAINT)
