"""Figures and findings of a comparison as text, the same on the terminal and on the page."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, NamedTuple

from simmm.report.compare.figures import PAIRED
from simmm.report.compare.schema import Agreement, Comparison, Figure, Group, Side, Value
from simmm.report.words import aligned, decimals_for, duration, fixed, moment, value_text

NOTABLE = "●"
_TOGETHER = ("money", "bps")  # kinds whose rows have as many decimals as the largest of them
_DIGEST_SHOWN = 16


class Row(NamedTuple):
    """One line of a table of figures."""

    name: str
    a: str
    b: str
    difference: str
    interval: str
    notable: bool
    known: bool  # the interval is one, not the reason why there is none


def rows(group: Group) -> list[Row]:
    """The figures of a group as text; points stand in line within a column."""
    together: dict[str, int] = {}
    for kind in _TOGETHER:
        values = [value for figure in group.figures if figure.kind == kind
                  for value in (figure.a, figure.b)]  # fmt: skip
        least = 2 if kind == "bps" else 0
        together[kind] = max(least, min(3, decimals_for(values, 4))) if values else 2
    columns = [_cells(figure, together) for figure in group.figures]
    a, b, apart = (aligned(cells[at] for cells in columns) for at in range(3))
    return [
        Row(figure.name, a[k], b[k], apart[k], columns[k][3] or figure.why, figure.notable,
            bool(columns[k][3]))
        for k, figure in enumerate(group.figures)
    ]  # fmt: skip


def _cells(figure: Figure, together: dict[str, int]) -> tuple[str, str, str, str]:
    scale, tail = (100.0, " %") if figure.kind == "share" else (1.0, "")
    values = [None if v is None else v * scale for v in (figure.a, figure.b)]
    if figure.kind == "amount":
        decimals = decimals_for(values, 4)
    elif figure.kind in together:
        decimals = together[figure.kind]
    elif figure.kind == "share":
        decimals = 1
    else:
        decimals = decimals_for(values)
    sign = figure.kind in _TOGETHER
    told = [fixed(v, decimals, sign) + (tail if v is not None else "") for v in values]
    found = figure.difference
    apart = None if found.value is None else found.value * scale
    interval = ""
    if found.low is not None and found.high is not None:
        low, high = (fixed(v * scale, decimals, True) for v in (found.low, found.high))
        interval = f"{low} to {high}"
    return told[0], told[1], fixed(apart, decimals, True), interval


def heading(group: Group) -> str:
    """The title with the kind of its intervals."""
    kind = "paired in time" if group.intervals == PAIRED else "runs taken as independent"
    return f"{group.title} ({kind})"


def names(comparison: Comparison) -> tuple[str, str]:
    """Short names of both folders."""
    a, b = (PurePath(side.folder).name or side.folder for side in (comparison.a, comparison.b))
    return a, b


def side_words(side: Side) -> str:
    """What a run was, in a line."""
    return (
        f"{side.scenario}: {side.strategy} on {side.symbol} at {side.venue}, "
        f"{moment(side.start_ns, seconds=False)} UTC, {duration(side.hours * 3600)} of quoting"
    )


def value_shown(value: Any, there: bool) -> str:
    """A value of the configuration; digests are cut."""
    if not there:
        return "(not there)"
    text = value_text(value)
    is_digest = len(text) == 64 and all(c in "0123456789abcdef" for c in text)
    return text[:_DIGEST_SHOWN] if is_digest else text


def value_cells(value: Value) -> tuple[tuple[str, str], tuple[str, str]]:
    """Value and origin of either side."""
    return (
        (value_shown(value.a, value.a_origin is not None), value.a_origin or ""),
        (value_shown(value.b, value.b_origin is not None), value.b_origin or ""),
    )


def configuration_words(comparison: Comparison) -> str:
    """What stands above, or in place of, the differing values."""
    if comparison.same_folder:
        return "The same folder was named twice: A and B are one run."
    if comparison.configuration:
        count = len(comparison.configuration)
        return f"{count} value{' differs' if count == 1 else 's differ'}; all others are alike."
    if comparison.same_results:
        return "Same configuration: every value is alike, tape, strategy and code included."
    return (
        "Same configuration: every value is alike, tape, strategy and code included. Yet the "
        "results differ: one of the runs was made otherwise than it says, or changed afterwards."
    )


def agreement_words(found: Agreement) -> str:
    """Whether a chain agrees and, if not, when it first doesn't."""
    if found.agree:
        return f"{found.chain}: the same to the last bit"
    if found.until_ns is None:
        return f"{found.chain}: {'not the same; ' if found.note else 'not the same'}{found.note}"
    number = f"sample {found.sample:,} of {found.samples:,}"
    until = moment(found.until_ns)
    if found.after_ns is None:
        return f"{found.chain}: apart from the first sample on, {until} UTC"
    return f"{found.chain}: alike up to {moment(found.after_ns)}, apart at {until} UTC ({number})"


def first_row_words(found: Agreement) -> list[tuple[str, str]]:
    """The first differing row: a heading and both sides; empty if there is none."""
    first = found.first_row
    if first is None:
        return []
    return [
        (f"first differing {first.table}", f"number {first.row + 1:,}"),
        ("A", first.a or "has no more"),
        ("B", first.b or "has no more"),
    ]
