"""A validation as one offline HTML file, made of the pieces of the report's own page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simmm.report.files import write_whole
from simmm.report.page.shell import Html, Section, document, field, figure, join, table, tag
from simmm.validation import page_pictures as pictures
from simmm.validation import shown
from simmm.validation.result import SCORES, Population, Row, Validation

_SVG_NOTE = (
    "Points are bins of the probability with 95 % intervals; on the dashed line a probability is "
    "what it says. Events of one order are not independent."
)


def default_name(result: Validation) -> str:
    """The name of the page where none is given."""
    stem = re.sub(r"[^\w.-]+", "_", Path(result.tape).stem) or "tape"
    return f"validate-{stem}.html"


def write(path: Path, result: Validation) -> None:
    """Write the page, whole or not at all.

    Raises
    ------
    RunError
        The file cannot be written.
    """
    write_whole(path, page(result).encode())


def page(result: Validation) -> str:
    """The page as text; it loads nothing."""
    tables: dict[str, Any] = {}
    sections = [
        Section("result", "Result", "Result", _result(result)),
        Section("scores", "Scores", "Scores", _scores(result, tables)),
        Section("ratios", "Against others", "Error as a part of other models'", _ratios(result)),
    ]
    if any(row.reliability for row in result.rows):
        body = _reliability(result)
        sections.append(Section("reliability", "Reliability", "Reliability", body))
    if any(name in row.scores for row in result.rows for name in shown.MARKOUTS):
        sections.append(Section("markouts", "Markouts", "What a fill was worth", _markouts(result)))
    sections += [
        Section("conclusions", "Conclusions", "For a venue without truth", _conclusions(result)),
        Section("method", "Method", "How it was scored", _method(result)),
    ]
    return document(
        f"fills of {result.symbol} – simmm",
        sections,
        {"charts": {}, "tables": tables},
        head=_head(result),
        foot=tag("p", f"Made by simmm {result.version}, `simmm validate fills`."),
    )


def _head(result: Validation) -> Html:
    title = tag("h1", "Would those fills have happened? ", tag("span", result.symbol))
    lines = [tag("p", line) for line in shown.subject(result)]
    return join(tag("style", Html(pictures.STYLE)), tag("header", title, *lines))


def _result(result: Validation) -> Html:
    words = tag("div", tag("p", shown.headline(result), class_="first"), class_="verdict")
    checks = [
        tag("li", tag("b", "✓ " if one.holds else "✗ "), one.name, " ",
            tag("span", one.found, class_="faint"))
        for one in result.checks
    ]  # fmt: skip
    columns, rows = shown.summary(result)
    heads = [
        join(population, Html("<br>"), tag("span", shown.label(name), title=SCORES[name].meaning))
        for population, name in columns
    ]
    every = table(["model", *heads], [(model, *cells) for model, cells in rows], class_="asked")
    return join(
        words,
        tag("h3", "All models"),
        every,
        tag("h3", "Checks") if checks else "",
        tag("ul", *checks),
    )


def _scores(result: Validation, tables: dict[str, Any]) -> Html:
    parts = []
    for population in result.populations:
        rows = shown.rows_of(result, population.name)
        name = f"scores-{population.name}"
        tables[name] = _csv(rows)
        body = join(_judging(result, rows, population), _asked(result, rows, population))
        parts.append(
            figure(name, shown.title(population), shown.real_words(population, rows), body)
        )
    return join(*parts)


def _judging(result: Validation, rows: Sequence[Row], population: Population) -> Html:
    names = shown.judged(rows, population.name)
    if not names:
        return Html("")
    columns: list[object] = ["model"]
    for name in names:
        title, unit = shown.heading(name)
        columns += [tag("span", title, title=SCORES[name].meaning), unit]
    lines = []
    for row in rows:
        cells: list[object] = [shown.model_name(row)]
        for name in names:
            cells += [_figure(result, row, name), shown.between(row.scores.get(name), name)]
        lines.append(cells)
    return table(columns, lines, class_="judging")


def _asked(result: Validation, rows: Sequence[Row], population: Population) -> Html:
    names = shown.looked_at(rows, population.name)
    if not names:
        return Html("")
    words = shown.caveat(population.name) or (
        "Figures that people ask for, but that don't judge a model:"
    )
    columns = ["model", *(tag("span", shown.label(n), title=SCORES[n].meaning) for n in names)]
    lines = [
        [shown.model_name(row), *(_figure(result, row, name) for name in names)] for row in rows
    ]
    return join(tag("p", words, class_="note"), table(columns, lines, class_="asked"))


def _figure(result: Validation, row: Row, name: str) -> Html:
    """A score with its place in the JSON file."""
    found = row.scores.get(name)
    if found is None:
        return Html("–")
    at = next(k for k, one in enumerate(result.rows) if one is row)
    return field(f"rows.{at}.scores.{name}.value", found.value, shown.value(found, name))


def _csv(rows: Sequence[Row]) -> dict[str, Any]:
    names = [name for name in SCORES if any(name in row.scores for row in rows)]
    columns = ["model", *(part for name in names for part in (name, f"{name}_low", f"{name}_high"))]
    lines = []
    for row in rows:
        line: list[Any] = [shown.model_name(row)]
        for name in names:
            found = row.scores.get(name)
            line += [None] * 3 if found is None else [found.value, found.low, found.high]
        lines.append(line)
    return {"columns": columns, "rows": lines}


def _ratios(result: Validation) -> Html:
    parts = []
    for population in result.populations:
        rows = shown.rows_of(result, population.name)
        score = shown.RATIO.get(population.name, "time")
        if any(score in row.to_power for row in rows):
            parts += [
                tag("h3", f"{population.name}: {SCORES[score].meaning}"),
                pictures.both_bars(rows, score),
            ]
    note = (
        "1: as good as the other model; 0.5: half its error. The axis is logarithmic and ends at "
        "0.1 and 5. Lines are 95 % intervals."
    )
    return join(tag("p", note, class_="note"), *parts)


def _reliability(result: Validation) -> Html:
    parts = []
    for population in result.populations:
        rows = [row for row in shown.rows_of(result, population.name) if row.reliability]
        if rows:
            words = f"{population.name}: how often it had really filled, by the probability given"
            parts += [tag("h3", words), pictures.diagrams(rows)]
    return join(*parts, tag("p", _SVG_NOTE, class_="note"))


def _markouts(result: Validation) -> Html:
    parts = []
    for population in result.populations:
        rows = shown.rows_of(result, population.name)
        cells = [
            tag("div", tag("h3", f"{population.name}, {after} s after, ticks"),
                pictures.move_lines(rows, name))
            for name, after in zip(shown.MARKOUTS, ("1", "5"), strict=True)
            if any(name in row.scores for row in rows)
        ]  # fmt: skip
        parts.append(tag("div", *cells, class_="columns"))
    note = (
        "How far the mid moved for us after a fill, in ticks; dots with 95 % intervals are fills "
        "of each model, the band and its line are the real ones. A model whose dots lie to the "
        "right of the band has fills that are better than real ones."
    )
    return join(tag("p", note, class_="note"), *parts)


def _conclusions(result: Validation) -> Html:
    return tag(
        "div",
        tag("div", tag("h3", "It may be concluded"), _list(result.may_conclude)),
        tag("div", tag("h3", "It may not be concluded"), _list(result.may_not_conclude)),
        class_="columns",
    )


def _method(result: Validation) -> Html:
    models = [(one.name, shown.constants(one.constants), one.origin) for one in result.models]
    return join(
        _list(result.conventions),
        tag("h3", "What stood out") if result.remarks else "",
        _list(result.remarks),
        tag("h3", "Models"),
        table(("model", "constants", "where they come from"), models, left=3),
    )


def _list(lines: Sequence[str]) -> Html:
    return tag("ul", *(tag("li", line) for line in lines)) if lines else Html("")
