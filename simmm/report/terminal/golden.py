"""A golden comparison as a table: what, was, is, and where the two first part."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from simmm.report.golden import Comparison, Difference, Divergence, Figure
from simmm.report.golden_runs import Outcome
from simmm.report.terminal.parts import FAINT, plain_table
from simmm.report.words import moment

_MARKS = {"same": "=", "kept": "=", "differs": "≠", "changed": "≠", "missing": "?", "made": "+"}
_FIRST = ("pnl.", "account.", "fills.", "risk.", "markouts.")
_WORDS = {
    "same": "same",
    "differs": "differs",
    "missing": "no golden report; make it with `simmm golden update --reason ...`",
    "made": "made",
    "changed": "changed",
    "kept": "same, kept",
}


def show_outcome(outcome: Outcome, console: Console, most: int | None = 30) -> None:
    """Show what became of a scenario; at most `most` differing figures, None for all."""
    mark, words = _MARKS[outcome.status], _WORDS[outcome.status]
    bold = "bold" if outcome.status in ("differs", "changed", "missing") else ""
    console.print(Text(f"{mark} {outcome.scenario}: {words}", style=bold))
    if outcome.comparison is None:
        return
    if outcome.comparison.same:
        if outcome.comparison.configuration:
            count = len(outcome.comparison.configuration)
            console.print(Text(f"  configuration differs in {count}, the results don't", FAINT))
        return
    show_comparison(outcome.comparison, console, most)


def show_comparison(comparison: Comparison, console: Console, most: int | None = 30) -> None:
    """Show where two results first part, the configuration and the figures that differ."""
    for divergence in comparison.divergences:
        console.print(Text(f"  {divergence_sentence(divergence)}"))
    if not comparison.divergences:
        console.print(Text("  fills, account and intents are the same to the last bit"))
    _show("configuration", comparison.configuration, console, None)
    _show("figure", sorted(comparison.differences, key=_weight), console, most)


def _weight(difference: Difference) -> int:
    """What people look for first comes first."""
    name = difference.what
    return next((k for k, first in enumerate(_FIRST) if name.startswith(first)), len(_FIRST))


def divergence_sentence(found: Divergence) -> str:
    """The first differing interval in words."""
    until = "the end" if found.until_ns is None else f"{moment(found.until_ns)} UTC"
    after = (
        "between the start of the run" if found.after_ns is None
        else f"after {moment(found.after_ns)}"
    )  # fmt: skip
    joint = " and " if found.after_ns is None else ", by "
    return (
        f"{found.chain}: first difference {after}{joint}{until} "
        f"(checkpoint {found.checkpoint} of {found.checkpoints})"
    )


def _show(title: str, found: list[Difference], console: Console, most: int | None) -> None:
    if not found:
        return
    table = plain_table(title, "was", "is")
    for column in table.columns:
        column.no_wrap, column.overflow = False, "fold"
    for difference in found[:most]:
        table.add_row(difference.what, _value(difference.was), _value(difference.now))
    console.print(table)
    if most is not None and len(found) > most:
        console.print(Text(f"and {len(found) - most} more (--all shows them)", style=FAINT))
    console.print()


def _value(value: Figure) -> str:
    if value is None:
        return "–"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
