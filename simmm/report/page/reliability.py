"""Reliability of predicted fills, as a picture without scripts."""

from __future__ import annotations

import math
from typing import Any

from simmm.report.page.shell import Html, field, figure, tag
from simmm.report.reliability_words import ITSELF, MISSING, agreement, reached, scores
from simmm.report.schema import Report
from simmm.report.schema_account import Reliability
from simmm.report.words import percent

WIDTH, HEIGHT = 560, 336
_LEFT, _RIGHT, _TOP, _FLOOR, _COUNTS = 46, 24, 10, 236, 56


def reliability(report: Report) -> tuple[Html, dict[str, Any]]:
    """Predicted probabilities against what the simulated path did; or why there is none."""
    found = report.reliability
    data: dict[str, Any] = {
        "columns": ["from", "to", "predictions", "predicted", "filled", "low", "high"],
        "rows": [],
    }
    if found is None:
        return tag("p", MISSING, class_="note"), data
    data["rows"] = [
        [one.low, one.high, one.predictions, one.predicted, one.filled.value, one.filled.low,
         one.filled.high]
        for one in found.bins
    ]  # fmt: skip
    body = tag("div", _picture(found), class_="svg")
    return figure(
        "reliability", "Predicted fills", words(found), body,
        note="Dots: predictions of like probability, what share of them filled on the simulated "
        "path; bars are 95 % intervals, predictions of one minute counting as one piece; a "
        "hollow dot has none. Columns below: how many (on a logarithmic scale).",
    ), data  # fmt: skip


def words(found: Reliability) -> Html:
    """What the picture says, and what it cannot say."""
    return tag(
        "span",
        f"{reached(found)} They filled ",
        field("reliability.predicted", found.predicted, percent(found.predicted)),
        f" of {found.draws} draws of the queue on average, and the simulated path ",
        field("reliability.filled.value", found.filled.value, percent(found.filled.value)),
        f" of the time: {agreement(found)}{scores(found)} ",
        tag("b", f"{ITSELF}; "),
        "against real fills: ",
        tag("code", "simmm validate fills"),
        ".",
    )


def _picture(found: Reliability) -> Html:
    right, bottom = WIDTH - _RIGHT, HEIGHT - 32
    wide, high = right - _LEFT, _FLOOR - _TOP

    def x(value: float) -> str:
        return f"{_LEFT + wide * value:.1f}"

    def y(value: float) -> str:
        return f"{_FLOOR - high * value:.1f}"

    parts = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        label = f"{100 * tick:.0f} %"
        kind = "axis" if tick == 0 else "grid"
        parts.append(_line(x(0), y(tick), x(1), y(tick), kind))
        parts.append(tag("text", label, x=_LEFT - 6, y=float(y(tick)) + 4, class_="end"))
        parts.append(tag("text", label, x=x(tick), y=bottom + 14, class_="middle"))
    parts.append(_line(x(0), y(0), x(1), y(1), "level"))
    parts.append(tag("text", "predicted", x=x(0.5), y=HEIGHT - 4, class_="middle"))
    parts.append(tag("text", "as predicted", x=x(0.2), y=float(y(0.2)) + 18))
    most = math.log1p(max(one.predictions for one in found.bins))
    for one in found.bins:
        tall = (_COUNTS - 10) * math.log1p(one.predictions) / most
        left, width = float(x(one.low)), max(3.0, wide * (one.high - one.low) - 1.5)
        parts.append(tag("rect", x=f"{left:.1f}", y=f"{bottom - tall:.1f}", width=f"{width:.1f}",
                         height=f"{tall:.1f}", style="fill:var(--held);opacity:.45"))  # fmt: skip
        parts.append(_dot(one, x, y))
    parts.append(_line(x(0), f"{bottom}", x(1), f"{bottom}", "axis"))
    return tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img",
        aria_label="share filled against predicted probability",
        style=f"width:100%;max-width:{WIDTH}px",
    )  # fmt: skip


def _dot(one: Any, x: Any, y: Any) -> Html:
    told = (
        f"predicted {percent(one.predicted)}, filled {percent(one.filled.value)} of "
        f"{one.predictions:,}"
    )
    marks = [tag("title", told)]
    if one.filled.low is not None and one.filled.high is not None:
        at, style = x(one.predicted), "stroke:var(--ink);stroke-width:2"
        marks.append(
            tag("line", x1=at, x2=at, y1=y(one.filled.low), y2=y(one.filled.high), style=style)
        )
    hollow = one.filled.low is None
    marks.append(tag(
        "circle", cx=x(one.predicted), cy=y(one.filled.value), r=4,
        style=f"fill:var(--{'page' if hollow else 'ink'});stroke:var(--ink);stroke-width:2",
    ))  # fmt: skip
    return tag("g", *marks)


def _line(x1: str, y1: str, x2: str, y2: str, kind: str) -> Html:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)
