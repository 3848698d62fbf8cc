"""Estimators on recorded tapes as text, for 80 columns and for wide screens."""

from __future__ import annotations

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simmm.report.terminal.parts import FAINT, GAIN, HEAD, LOSS, is_wide, section
from simmm.study.estimates.found import Comparison, EstimatesStudy, TapeFound
from simmm.study.estimates.words import (
    FAMILIES,
    NOTE,
    about,
    ahead,
    families,
    gain_words,
    interval,
    level_words,
    summary,
    units,
)

_STYLES = {"better": GAIN, "worse": LOSS, "too few": FAINT, "no better": ""}
_NARROW = (("", 18), ("ahead", 6), ("against", 17), ("gain", 8), ("interval", 17), ("", 9))
_WIDE = (("", 3), ("", 18), ("ahead", 6), ("against", 17), ("unit", 22), ("gain", 8),
         ("interval", 18), ("level right", 18), ("level", 8), ("cases", 9), ("", 9))  # fmt: skip
_LEFT = {"", "against", "unit"}


def render(found: EstimatesStudy, console: Console) -> None:
    """Show the study on `console`."""
    for one in found.tapes:
        _tape(one, console)
    words = NOTE
    if is_wide(console):
        words += " level right: the gain's interval with both levels put right in hindsight."
    console.print(Text(words, style=FAINT))


def _tape(found: TapeFound, console: Console) -> None:
    wide = is_wide(console)
    console.print(Text.assemble((found.name, HEAD), f"  {found.symbol}, {found.venue}"))
    console.print(Text(about(found), style=FAINT))
    console.print(Panel(Text(f"◆ {summary(found)}", style="bold"), border_style=FAINT))
    for name, members in families(found):
        table = Table.grid(padding=(0, 1))
        for title, width in _WIDE if wide else _NARROW:
            table.add_column(
                width=width,
                justify="left" if title in _LEFT else "right",
                no_wrap=True,
                overflow="ellipsis",
            )
        table.add_row(*(Text(title, style=FAINT) for title, _ in (_WIDE if wide else _NARROW)))
        for _, one in members:
            table.add_row(*_cells(one, wide))
        console.print(section(FAMILIES[name], table, note="" if wide else units(members)))
    told = [Text.assemble((f"{key}: ", HEAD), value) for key, value in found.facts.items()]
    console.print(section("In words", *told))


def _cells(one: Comparison, wide: bool) -> list[str | Text]:
    value, reach = gain_words(one)
    word = Text(one.verdict, style=_STYLES[one.verdict])
    if not wide:
        return [one.belief, ahead(one), one.baseline, value, reach, word]
    right = "" if one.shape is None else interval(one, one.shape.low, one.shape.high)
    return [Text(one.row, style=FAINT), one.belief, ahead(one), one.baseline, one.unit, value,
            reach, right, level_words(one), f"{one.cases:,}", word]  # fmt: skip
