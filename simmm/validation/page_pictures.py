"""Pictures of a validation: bars of ratios, reliability diagrams, markouts. SVG and HTML alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from simmm.report.page.shell import Html, tag
from simmm.report.words import fixed
from simmm.validation import shown
from simmm.validation.result import Bin, Estimate, Row

STYLE = """
.bars .row, .moves .row {
  display: grid; grid-template-columns: minmax(110px, 190px) 1fr 186px; gap: 12px;
  align-items: center; padding: 2px 0; font-size: 14px;
}
.bars .track, .moves .track { height: 18px; }
.bars .zero, .moves .zero { top: -2px; bottom: -2px; }
.bars .bar { top: 3px; bottom: 3px; background: var(--held); }
.bars .bar.worse {
  background: repeating-linear-gradient(135deg, var(--loss) 0 5px,
    color-mix(in srgb, var(--loss) 72%, var(--page)) 5px 8px);
}
.bars .whisker, .moves .whisker { top: 8px; }
.bars .scale, .moves .scale { position: relative; height: 18px; color: var(--faint); }
.scale span { position: absolute; transform: translateX(-50%); font-size: 12px; }
.bars .figure, .moves .figure { text-align: right; white-space: nowrap; }
.moves .band { top: -2px; bottom: -2px; background: var(--shade-event); }
.moves .real { top: -2px; bottom: -2px; border-left: 2px solid var(--holding); }
.moves .dot { background: var(--ink); top: 4px; }
.diagrams { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr));
  gap: 12px 24px; max-width: 1100px; }
.diagrams h4 { margin: 4px 0 0; font-size: 13.5px; font-weight: 600; }
.diagrams svg { width: 100%; max-width: 300px; height: auto; }
.svg .right { stroke: var(--faint); stroke-dasharray: 5 4; }
.svg .found { fill: none; stroke: var(--buy); stroke-width: 1.5; }
.svg .dots { fill: var(--buy); } .svg .sure { stroke: var(--buy); stroke-width: 1.5; }
.judging td, .judging th, .asked td, .asked th { white-space: nowrap; }
.judging td:nth-child(odd) { color: var(--faint); text-align: left; }
.judging td, .judging th { padding-right: 9px; font-size: 13.5px; }
.judging td:nth-child(even) { padding-left: 8px; }
@media (max-width: 600px) {
  .bars .row, .moves .row { grid-template-columns: 92px 1fr; gap: 0 10px; }
  .bars .figure, .moves .figure { grid-column: 1 / -1; text-align: left; font-size: 12.5px; }
}
"""

_LEAST, _MOST = 0.1, 5.0  # ends of the axis of ratios
_RATIO_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_SIZE, _LEFT, _TOP, _BOTTOM = 220, 40, 8, 34  # of a reliability diagram, pixels


def ratio_bars(rows: Sequence[Row], other: str, score: str) -> Html:
    """Bars of each model's score as a part of another's, on a logarithmic axis around 1."""
    lines = []
    for row in rows:
        found = (row.to_power if other == "power 3" else row.to_pessimistic).get(score)
        if found is not None and row.model != other:
            lines.append(_ratio_line(shown.model_name(row), found))
    ticks = [tag("span", f"{tick:g}", style=f"left:{_share(tick):.2f}%") for tick in _RATIO_TICKS]
    axis = tag("div", tag("span", ""), tag("div", *ticks, class_="scale"), class_="row")
    return tag("div", *lines, axis, class_="bars")


def _share(ratio: float) -> float:
    """Where a ratio lies on the axis, per cent."""
    inside = min(max(ratio, _LEAST), _MOST)
    return 100 * math.log(inside / _LEAST) / math.log(_MOST / _LEAST)


def _ratio_line(name: str, found: Estimate) -> Html:
    one, at = _share(1.0), _share(found.value)
    low, width = min(one, at), abs(at - one)
    kind = "bar worse" if found.value > 1 else "bar"
    parts = [tag("i", class_=kind, style=f"left:{low:.2f}%;width:{width:.2f}%")]
    parts += _whisker(found, _share)
    parts.append(tag("i", class_="zero", style=f"left:{one:.2f}%"))
    return tag(
        "div",
        tag("span", name),
        tag("span", *parts, class_="track", aria_hidden="true"),
        tag("span", shown.ratio(found), class_="figure"),
        class_="row",
    )


def _whisker(found: Estimate, share: Callable[[float], float]) -> list[Html]:
    if found.low is None or found.high is None:
        return []
    low, high = share(found.low), share(found.high)
    return [tag("i", class_="whisker", style=f"left:{low:.2f}%;width:{high - low:.2f}%")]


def move_lines(rows: Sequence[Row], score: str) -> Html:
    """Moves after simulated fills as dots, and after the real ones as a band behind them."""
    known = [(row, row.scores[score]) for row in rows if score in row.scores]
    real = next((r.scores[f"real_{score}"] for r in rows if f"real_{score}" in r.scores), None)
    edges = [0.0]
    for found in (*(found for _, found in known), *((real,) if real else ())):
        edges += [v for v in (found.value, found.low, found.high) if v is not None]
    low, high = min(edges), max(edges)
    room = 0.06 * (high - low) or 1.0
    low, high = low - room, high + room

    def share(value: float) -> float:
        return 100 * (value - low) / (high - low)

    back: list[Html] = [tag("i", class_="zero", style=f"left:{share(0.0):.2f}%")]
    if real is not None:
        if real.low is not None and real.high is not None:
            width = share(real.high) - share(real.low)
            style = f"left:{share(real.low):.2f}%;width:{width:.2f}%"
            back.append(tag("i", class_="band", style=style))
        back.append(tag("i", class_="real", style=f"left:{share(real.value):.2f}%"))
    lines = [
        tag(
            "div",
            tag("span", shown.model_name(row)),
            tag("span", *back, *_whisker(found, share),
                tag("i", class_="dot", style=f"left:{share(found.value):.2f}%"),
                class_="track", aria_hidden="true"),
            tag("span", f"{shown.value(found, score)} {shown.between(found, score)}",
                class_="figure"),
            class_="row",
        )
        for row, found in known
    ]  # fmt: skip
    ends = [tag("span", fixed(value, 2, True), style=f"left:{share(value):.2f}%")
            for value in _round_ticks(low, high)]  # fmt: skip
    axis = tag("div", tag("span", ""), tag("div", *ends, class_="scale"), class_="row")
    return tag("div", *lines, axis, class_="moves")


def _round_ticks(low: float, high: float) -> list[float]:
    """From three to seven round numbers between two ends."""
    step = 10.0 ** math.floor(math.log10(high - low))
    for factor in (1.0, 0.5, 0.2, 0.1):
        first, last = math.ceil(low / (step * factor)), math.floor(high / (step * factor))
        if last - first >= 2:
            return [k * step * factor for k in range(first, last + 1)]
    return [low, high]


def diagram(bins: Sequence[Bin]) -> Html:
    """One reliability diagram: probability given across, share that came true upwards."""
    width, height = _LEFT + _SIZE + 10, _TOP + _SIZE + _BOTTOM

    def x(value: float) -> float:
        return _LEFT + _SIZE * value

    def y(value: float) -> float:
        return _TOP + _SIZE * (1 - value)

    parts: list[Html] = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        kind = "axis" if tick == 0 else "grid"
        parts += [
            _line(x(0), y(tick), x(1), y(tick), kind),
            _line(x(tick), y(0), x(tick), y(1), kind),
            tag("text", f"{tick:g}", x=x(0) - 5, y=y(tick) + 4, class_="end"),
            tag("text", f"{tick:g}", x=x(tick), y=y(0) + 14, class_="middle"),
        ]
    parts.append(_line(x(0), y(0), x(1), y(1), "right"))
    course = " ".join(f"{x(one.predicted):.1f},{y(one.real):.1f}" for one in bins)
    parts.append(tag("polyline", points=course, class_="found"))
    for one in bins:
        if one.low is not None and one.high is not None:
            at = x(one.predicted)
            parts.append(_line(at, y(one.low), at, y(one.high), "sure"))
        told = f"{one.predicted:.3f} given, {one.real:.3f} came true, {one.events:,} events"
        parts.append(tag("circle", tag("title", told), cx=f"{x(one.predicted):.1f}",
                         cy=f"{y(one.real):.1f}", r=4, class_="dots"))  # fmt: skip
    parts.append(tag("text", "probability given", x=x(0.5), y=height - 4, class_="middle"))
    described = "; ".join(shown.bin_words(one) for one in bins)
    return tag("svg", *parts, viewBox=f"0 0 {width} {height}", role="img",
               aria_label=f"came true: {described}")  # fmt: skip


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind)


def diagrams(rows: Sequence[Row]) -> Html:
    """A reliability diagram for each model that has one."""
    return tag(
        "div",
        *(
            tag("div", tag("h4", shown.model_name(row)), diagram(row.reliability), class_="svg")
            for row in rows
            if row.reliability
        ),
        class_="diagrams",
    )


def both_bars(rows: Sequence[Row], score: str) -> Html:
    """Bars to power 3 and to pessimistic beside each other."""
    return tag(
        "div",
        *(
            tag("div", tag("h3", f"to {other}"), ratio_bars(rows, other, score))
            for other in ("power 3", "pessimistic")
        ),
        class_="columns",
    )
