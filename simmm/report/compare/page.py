"""A comparison as one offline HTML file, made of the pieces of the report's own page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from simmm.report.compare import shown
from simmm.report.compare.schema import Comparison, Figure, Group
from simmm.report.files import write_whole
from simmm.report.page.pack import packed
from simmm.report.page.shell import Html, Section, chart, document, field, join, table, tag

_MARKS = {"same": "=", "better": "▲", "worse": "▼", "undecided": "◆"}
_COURSE = "course"
_INDENT = "\N{NO-BREAK SPACE}" * 3
_STYLE = """
.pairs th, .pairs td { white-space: nowrap; }
.pairs thead th:first-child { min-width: 170px; }
.pairs thead th.n { min-width: 72px; }
.pairs .track { width: 220px; height: 18px; overflow: hidden; }
.pairs .zero { top: 0; bottom: 0; }
.pairs .dot { top: 4px; }
.pairs .dot.sure { background: var(--ink); }
@media (max-width: 700px) {
  .pairs th, .pairs td { padding-right: 10px; }
  .pairs thead th { min-width: 0 !important; }
  .pairs th:last-child, .pairs td:last-child { display: none; }
}
@media (max-width: 600px) {
  .both td:nth-child(2)::before { content: "A\\2002"; color: var(--faint); }
  .both td:nth-child(4)::before { content: "\\A B\\2002"; white-space: pre; color: var(--faint); }
  .both td:nth-child(3)::before, .both td:nth-child(5)::before { content: " · "; }
  .both td:nth-child(3), .both td:nth-child(5) { color: var(--faint); }
  .both td:nth-child(3):empty::before, .both td:nth-child(5):empty::before { content: ""; }
}
"""


def default_name(comparison: Comparison) -> str:
    """The name of the page where none is given.

    The names of both folders, with what a file's name had better not hold left out.
    """
    a, b = (re.sub(r"[^\w.-]+", "_", name) or "run" for name in shown.names(comparison))
    return f"compare-{a}-{b}.html"


def write(path: Path, comparison: Comparison) -> None:
    """Write the page, whole or not at all.

    Raises
    ------
    RunError
        The file cannot be written.
    """
    write_whole(path, page(comparison).encode())


def page(comparison: Comparison) -> str:
    """The page as text; it loads nothing."""
    a, b = shown.names(comparison)
    results = join(*(_block(at, group) for at, group in enumerate(comparison.groups)))
    sections = [
        Section("verdict", "Verdict", "Verdict", _verdict(comparison)),
        Section("configuration", "Configuration", "Configuration", _configuration(comparison)),
        Section("digests", "Digests", "Digests", _agreements(comparison)),
        Section("course", "Course", "Course", _course_figure(comparison)),
        Section("results", "Results", "Results", join(_lead(comparison), results)),
        Section("reading", "How to read it", "How to read it", _notes(comparison)),
    ]
    charts = {_COURSE: _course(comparison)} if comparison.curves.ts else {}
    again = f"simmm compare {comparison.a.folder} {comparison.b.folder} --html"
    return document(
        f"{a} and {b} – simmm",
        sections,
        {"charts": charts, "tables": {}},
        head=_head(comparison),
        foot=tag("p", "Made by ", tag("code", again)),
    )


def _head(comparison: Comparison) -> Html:
    sides = [
        tag("div", tag("h3", f"{name}  {side.folder}"), tag("p", shown.side_words(side)),
            tag("p", side.said))
        for name, side in (("A", comparison.a), ("B", comparison.b))
    ]  # fmt: skip
    a, b = shown.names(comparison)
    title = tag("h1", f"A {a} ", tag("span", "beside"), f" B {b}")
    return join(
        tag("style", Html(_STYLE)), tag("header", title, tag("div", *sides, class_="columns"))
    )


def _configuration(comparison: Comparison) -> Html:
    words = tag("p", shown.configuration_words(comparison))
    if not comparison.configuration:
        return words
    rows = []
    for value in comparison.configuration:
        (a, a_origin), (b, b_origin) = shown.value_cells(value)
        rows.append((value.path, a, a_origin, b, b_origin))
    columns = ("value", "A", "from", "B", "from")
    return join(words, table(columns, rows, left=5, class_="configuration both"))


def _agreements(comparison: Comparison) -> Html:
    parts: list[Html] = []
    for found in comparison.agreements:
        mark = "=" if found.agree else "≠"
        parts.append(tag("p", f"{mark} {shown.agreement_words(found)}."))
        first = shown.first_row_words(found)
        rows = [("digest at the end, A", found.a or "–"), ("digest at the end, B", found.b or "–")]
        if first:
            rows += [(f"{first[0][0]}, {first[0][1]}, {name}", told) for name, told in first[1:]]
        parts.append(table(("", ""), rows, left=2))
    return join(*parts)


def _lead(comparison: Comparison) -> Html:
    return tag(
        "p",
        comparison.notes[0],
        " Beside each difference its interval is drawn around zero, each row on its own scale.",
        class_="words",
    )


def _block(at: int, group: Group) -> Html:
    """One group: a heading, its figures, and the intervals as lines around zero."""
    rows = []
    for k, (figure, row) in enumerate(zip(group.figures, shown.rows(group), strict=True)):
        place = f"groups.{at}.figures.{k}"
        rows.append((
            row.name.replace(" ", _INDENT, 1) if row.name.startswith(" ") else row.name,
            field(f"{place}.a", figure.a, row.a.rstrip()),
            field(f"{place}.b", figure.b, row.b.rstrip()),
            field(f"{place}.difference.value", figure.difference.value, row.difference.rstrip()),
            tag("span", row.interval, class_=None if row.known else "note"),
            shown.NOTABLE if row.notable else "",
            _line(figure),
        ))  # fmt: skip
    columns = (group.unit, "A", "B", "B − A", "95 % interval", "", "")
    note = tag("p", group.note, class_="note") if group.note else ""
    title = tag("h3", shown.heading(group), id=_anchor(group))
    return tag("div", title, table(columns, rows, remark=True, class_="pairs"), note)


def _anchor(group: Group) -> str:
    return re.sub(r"[^a-z]+", "-", group.title.lower()).strip("-")


def _line(figure: Figure) -> Html:
    """The interval as a line with a dot, zero in the middle; nothing without an interval."""
    found = figure.difference
    if found.value is None or found.low is None or found.high is None:
        return Html("")
    whole = 1.12 * max(abs(found.low), abs(found.high))
    low, at, high = (50 + 50 * value / whole for value in (found.low, found.value, found.high))
    return tag(
        "span",
        tag("i", class_="zero", style="left:50%"),
        tag("i", class_="reach", style=f"left:{low:.2f}%;width:{high - low:.2f}%"),
        tag("i", class_="dot sure" if figure.notable else "dot hollow", style=f"left:{at:.2f}%"),
        class_="track",
        aria_hidden="true",
    )


def _course_figure(comparison: Comparison) -> Html:
    curves = comparison.curves
    if not curves.ts:
        return tag("p", "Neither run quoted, so there is nothing to draw.")
    if curves.difference:
        words = "Net of both runs and, under it, B − A from the first moment that both quote."
    elif curves.axis == "utc":
        words = "Net of both runs; B − A is not drawn, since they did not see one tape."
    else:
        words = "Net of both runs over the time since each began to quote; they share no time."
    return chart(_COURSE, "Net P&L", words)


def _course(comparison: Comparison) -> dict[str, Any]:
    """Data of the chart: both nets on one panel, or on two where their money differs."""
    curves = comparison.curves
    start = curves.ts[0] / 1e6
    x = packed((np.array(curves.ts, np.int64) - curves.ts[0]) // 1_000_000)

    def line(values: list[float | None], name: str, colour: str) -> dict[str, Any]:
        numbers = np.array([np.nan if v is None else v for v in values])
        return {"style": "line", "name": name, "colour": colour, "heavy": True, "x": x,
                "y": packed(numbers)}  # fmt: skip

    def panel(title: str, unit: str, series: list[dict[str, Any]], height: int) -> dict[str, Any]:
        return {"title": title, "unit": unit, "height": height, "zero": True, "decimals": 2,
                "series": series}  # fmt: skip

    a, b = line(curves.a, "A", "spread"), line(curves.b, "B", "adverse")
    if comparison.money_comparable:
        panels = [panel("Net of A and B", comparison.a.quote, [a, b], 260)]
    else:
        panels = [panel("Net of A", comparison.a.quote, [a], 180),
                  panel("Net of B", comparison.b.quote, [b], 180)]  # fmt: skip
    if curves.difference:
        apart = line(curves.difference, "B − A", "net")
        panels.append(panel("B − A", comparison.a.quote, [apart], 180))
    span = max(1.0, (curves.ts[-1] - curves.ts[0]) / 1e6)
    return {"kind": "time", "start": start, "span": span, "panels": panels, "shades": []}


def _notes(comparison: Comparison) -> Html:
    return tag("ul", *(tag("li", note) for note in comparison.notes))


def _verdict(comparison: Comparison) -> Html:
    said = comparison.verdict
    kind = {"better": "verdict earned", "worse": "verdict lost"}.get(said.outcome, "verdict")
    words = f"{_MARKS[said.outcome]} {' '.join(said.sentences)}"
    return tag("div", tag("p", words, class_="first"), class_=kind)
