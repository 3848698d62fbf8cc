"""A validation as a page of text, for 80 columns and for wide screens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simmm.report.terminal.parts import FAINT, HEAD, is_wide, plain_table, section
from simmm.report.words import aligned
from simmm.validation import shown
from simmm.validation.result import SCORES, Estimate, Population, Row, Validation

Column = TypeVar("Column")
_OTHERS = ("to power 3", "to pessimistic")
_HOLDS = {True: "✓", False: "✗"}


def render(result: Validation, console: Console) -> None:
    """Show a validation on `console`; what may be concluded comes last."""
    for line in shown.subject(result):
        console.print(Text(line, style=FAINT))
    console.print(Text(""))
    console.print(Panel(Text(shown.headline(result), style=HEAD), border_style=FAINT), Text(""))
    console.print(summary(result, console))
    for population in result.populations:
        console.print(scores(result, population, console))
    console.print(ratios(result, console))
    if any(row.reliability for row in result.rows):
        console.print(reliability(result))
    if result.checks:
        console.print(checks(result))
    console.print(models(result))
    if result.conventions:
        console.print(section("How it was scored", _list(result.conventions)))
    if result.remarks:
        console.print(section("What stood out", _list(result.remarks)))
    console.print(conclusions(result))


def summary(result: Validation, console: Console) -> RenderableType:
    """All models in one table, with the figures that matter most, without intervals."""
    columns, rows = shown.summary(result)
    heads = [_head(population, name) for population, name in columns]
    cells = [aligned(figures[k] for _, figures in rows) for k in range(len(columns))]
    widths = [
        _widest([*head.split("\n"), *column]) + 2 for head, column in zip(heads, cells, strict=True)
    ]
    names = [model for model, _ in rows]
    tables: list[RenderableType] = []
    for part in _packed(range(len(columns)), widths, console.width - _widest(["model", *names])):
        table = plain_table("\n\nmodel", *(heads[k] for k in part))
        table.collapse_padding = True
        for at, model in enumerate(names):
            table.add_row(model, *(cells[k][at] for k in part))
        tables.append(table)
    note = "; ".join(
        f"{shown.label(name)} in {SCORES[name].unit}" for _, name in columns if SCORES[name].unit
    )
    return section("All models", *tables, note=f"{note[:1].upper()}{note[1:]}. 1 path: the mean "
                   "over single runs. Intervals stand below.")  # fmt: skip


def _head(population: str, name: str) -> str:
    """Three lines: population and score, the score's name on two of them if it has a space."""
    first, _, second = shown.label(name).rpartition(" ")
    return f"{population}\n{first}\n{second}" if first else f"\n{population}\n{second}"


def scores(result: Validation, population: Population, console: Console) -> RenderableType:
    """The tables of one population: scores that judge first, the others under them."""
    rows = shown.rows_of(result, population.name)
    words = Text(shown.real_words(population, rows))
    if not rows:
        return section(shown.title(population), words)
    parts: list[RenderableType] = [words]
    good, rest = shown.judged(rows, population.name), shown.looked_at(rows, population.name)
    if good:
        parts.append(_judging(rows, good, console))
    caveat = shown.caveat(population.name)
    if rest:
        head = caveat or "Figures that people ask for, but that don't judge a model:"
        parts += [Text(head, style=FAINT), _plain(rows, rest, console)]
    return section(shown.title(population), *parts)


def _judging(rows: Sequence[Row], names: Sequence[str], console: Console) -> RenderableType:
    """Scores with their intervals; as many beside each other as the screen holds."""
    pairs = {
        name: (
            [shown.value(row.scores.get(name), name) for row in rows],
            [shown.between(row.scores.get(name), name) for row in rows],
        )
        for name in names
    }
    widths = [
        _widest((shown.label(name), *pairs[name][0]))
        + _widest((shown.heading(name)[1], *pairs[name][1]))
        + 4
        for name in names
    ]
    tables: list[RenderableType] = []
    for part in _packed(names, widths, console.width - _name_width(rows)):
        table = plain_table("model", *(text for name in part for text in shown.heading(name)))
        table.collapse_padding = True
        for column in table.columns[2::2]:
            column.justify = "left"
            column.style = FAINT
        for at, row in enumerate(rows):
            table.add_row(_name(row), *(column[at] for name in part for column in pairs[name]))
        tables.append(table)
    return Group(*tables)


def _plain(rows: Sequence[Row], names: Sequence[str], console: Console) -> RenderableType:
    columns = {
        name: aligned(shown.value(row.scores.get(name), name) for row in rows) for name in names
    }
    widths = [_widest((SCORES[name].label, *columns[name])) + 2 for name in names]
    tables: list[RenderableType] = []
    for part in _packed(names, widths, console.width - _name_width(rows)):
        table = plain_table("model", *(shown.label(name) for name in part))
        table.collapse_padding = True
        for at, row in enumerate(rows):
            table.add_row(_name(row), *(columns[name][at] for name in part))
        tables.append(table)
    return Group(*tables)


def _packed(columns: Sequence[Column], widths: Sequence[int], room: int) -> list[list[Column]]:
    """Divide columns into as few groups as the room allows, of like counts where that is as few."""
    groups: list[list[Column]] = []
    left = 0
    for column, width in zip(columns, widths, strict=True):
        if not groups or width > left:
            groups.append([])
            left = room
        groups[-1].append(column)
        left -= width
    most = -(-len(columns) // len(groups)) if groups else 1
    starts = range(0, len(columns), most)
    if all(sum(widths[at : at + most]) <= room for at in starts):
        return [list(columns[at : at + most]) for at in starts]
    return groups


def _widest(texts: Sequence[str]) -> int:
    return max(map(len, texts), default=0)


def _name_width(rows: Sequence[Row]) -> int:
    return _widest(["model", *(shown.model_name(row) for row in rows)])


def _name(row: Row) -> Text:
    return Text(shown.model_name(row))


def ratios(result: Validation, console: Console) -> RenderableType:
    """Each model's score as a part of that of power 3 and of pessimistic."""
    parts: list[RenderableType] = []
    for population in result.populations:
        score = shown.RATIO.get(population.name, "time")
        rows = [
            row
            for row in shown.rows_of(result, population.name)
            if score in row.to_power or score in row.to_pessimistic
        ]
        if not rows:
            continue
        what = f"{population.name}, {SCORES[score].label}"
        heads = ("to power 3", "", "to pessimistic", "") if is_wide(console) else _OTHERS
        table = plain_table(what, *heads)
        for column in table.columns[2::2] if is_wide(console) else ():
            column.justify = "left"
        for row in rows:
            cells: list[Text] = []
            for own, found in (("power 3", row.to_power), ("pessimistic", row.to_pessimistic)):
                estimate = None if row.model == own else found.get(score)
                cells.append(Text(shown.ratio(estimate)))
                if is_wide(console):
                    cells.append(Text(_bar(estimate), style=FAINT))
            table.add_row(_name(row), *cells)
        parts.append(table)
    note = "1 is as good, 0 would be perfect."
    note += " Bars are cut at 1.5." if is_wide(console) else ""
    return section("Error as a part of other models'", *parts, note=note)


def _bar(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return "█" * round(8 * min(estimate.value, 1.5))


def reliability(result: Validation) -> RenderableType:
    """For each bin of probability given: its mean and how often it came true."""
    parts: list[RenderableType] = []
    for population in result.populations:
        rows = [row for row in shown.rows_of(result, population.name) if row.reliability]
        if not rows:
            continue
        most = max(len(row.reliability) for row in rows)
        table = plain_table(population.name, *[""] * most)
        table.collapse_padding = True
        for row in rows:
            cells = [shown.bin_words(one) for one in row.reliability]
            table.add_row(_name(row), *cells, *[""] * (most - len(cells)))
        parts.append(table)
    note = "Mean probability given → share that had really filled by then. Equal is right."
    return section("Reliability", *parts, note=note)


def checks(result: Validation) -> RenderableType:
    """What must hold, and whether it does."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for one in result.checks:
        style = "" if one.holds else HEAD
        told = Text.assemble((one.name, style), (f"  {one.found}", FAINT))
        table.add_row(Text(_HOLDS[one.holds], style=style), told)
    return section("Checks", table)


def models(result: Validation) -> RenderableType:
    """The models with their constants, and where these come from."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for one in result.models:
        told = Text(one.origin, style=FAINT)
        if one.constants:
            told = Text.assemble(shown.constants(one.constants), "; ", (one.origin, FAINT))
        table.add_row(one.name, told)
    return section("Models", table)


def conclusions(result: Validation) -> RenderableType:
    """What may be said about a venue without truth, and what may not."""
    return section(
        "For a venue without truth",
        Text("It may be concluded:", style=HEAD),
        _list(result.may_conclude),
        Text("It may not be concluded:", style=HEAD),
        _list(result.may_not_conclude),
    )


def _list(lines: Sequence[str]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for line in lines:
        table.add_row("•", Text(line))
    return table
