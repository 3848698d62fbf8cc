"""Place in the queue at the fill: how much of what was ahead at the join was left."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.report.page.shell import Html, field, join, table, tag
from simmm.report.place import placed
from simmm.report.schema import Report
from simmm.report.tables import Run
from simmm.report.words import numbers, percent

#: Edges of the places that are counted together, in multiples of the size others showed.
PLACES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
WAYS = {
    "queue": ("printed at our price", "the queue before us was used up"),
    "through": ("traded through", "a print beyond our price, wherever we stood"),
    "crossed": ("crossed", "the other side's best reached us without a print"),
}
MISSING = "Place at the fill: not recorded; the run was made by an earlier version of simmm."


def place_labels(shown: float | None) -> list[str]:
    """Return the names of the places: nobody ahead, up to each edge, more."""
    times = "×" if shown else ""
    return ["nobody", *(f"≤ {edge:g}{times}" for edge in PLACES), f"> {PLACES[-1]:g}{times}"]


def place_counts(times: np.ndarray) -> list[int]:
    """Count places (multiples of the size shown, not negative) by `place_labels`."""
    edges = np.searchsorted(PLACES, times[times > 0], side="left")
    return [
        int(np.count_nonzero(times <= 0)),
        *np.bincount(edges, minlength=len(PLACES) + 1).tolist(),
    ]


def place_chart(run: Run, report: Report) -> tuple[dict[str, Any], str]:
    """Histogram of the place just before the fill beside that at the join, of the same fills."""
    shown = report.queue.shown
    use = placed(run)
    unit = shown / run.lot if shown else 1.0
    series = []
    for name, colour, ahead in (
        ("at the join", "faint", run.fills["ahead_at_join"]),
        ("just before the fill", "held", run.fills["ahead"]),
    ):
        counts = place_counts(ahead[use] / unit)
        series.append({"name": name, "colour": colour,
                       "y": [number / max(1, sum(counts)) for number in counts]})  # fmt: skip
    chart = {"kind": "bars", "labels": place_labels(shown), "series": series, "percent": True,
             "axis": "ahead of us, × the size others showed" if shown else "ahead of us, base units"}  # fmt: skip # noqa: E501
    return chart, place_words(report)


def place_words(report: Report) -> str:
    """The places in one or two sentences."""
    found = report.place
    if found is None:
        return MISSING
    if not found.fills:
        return "No fill of a maker whose place was known."
    joined, left = found.at_join["p50"], found.at_fill["p50"]
    told = (
        f"Half of {found.fills:,} fills had {_most(joined)} ahead when they joined and "
        f"{_most(left)} just before what filled them; then {percent(found.alone_at_fill)} had "
        "nobody before them."
    )
    over = next((way for way in found.ways if way.name == "through"), None)
    if over is not None and over.fills and over.ahead_at_fill:
        told += (
            f" Prints beyond our price filled {percent(over.share)} of them over the heads of "
            f"{_size(over.ahead_at_fill)} (median)."
        )
    return told


def _most(value: float | None) -> str:
    return "nobody" if value == 0 else f"at most {_size(value)}"


def _size(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def way_table(report: Report) -> Html:
    """How maker fills came about, with the place at the join and at the fill."""
    found = report.place
    if found is None or not any(way.fills for way in found.ways):
        return Html("")
    joined = numbers([way.ahead_at_join for way in found.ways], 3)
    left = numbers([way.ahead_at_fill for way in found.ways], 3)
    rows = []
    for k, way in enumerate(found.ways):
        name, meaning = WAYS[way.name]
        path = f"place.ways.{k}"
        rows.append((
            join(name, tag("small", f" {meaning}", class_="faint")),
            field(f"{path}.fills", way.fills, f"{way.fills:,}"),
            field(f"{path}.share", way.share, percent(way.share)),
            field(f"{path}.volume_share", way.volume_share, percent(way.volume_share)),
            field(f"{path}.ahead_at_join", way.ahead_at_join, joined[k]),
            field(f"{path}.ahead_at_fill", way.ahead_at_fill, left[k]),
        ))  # fmt: skip
    head = ("maker fills by way", "fills", "share", "of size", "ahead at join", "at fill")
    note = "Ahead: medians, base units, where the place was known."
    return join(table(head, rows), tag("p", note, class_="note"))
