"""A study of fills as one offline HTML file, made of the pieces of the report's own page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simmm.report.page.pack import packed
from simmm.report.page.shell import (
    Html,
    Section,
    chart,
    commands,
    document,
    field,
    figure,
    join,
    table,
    tag,
)
from simmm.report.schema import Estimate
from simmm.report.words import duration, fixed, moment, numbers, percent
from simmm.study.fills import FillStudy, Result

_NAMES = {"adverse": "adverse moves"}
_COLOURS = ("spread", "adverse", "buy", "sell", "holding", "held", "fees", "faint", "gain", "loss")
_STYLE = """
.study .row {
  display: grid; grid-template-columns: 150px 1fr 92px 84px; gap: 10px; align-items: center;
  padding: 1px 0; font-size: 14px;
}
.study .row.model { border-top: 1px solid var(--grid); margin-top: 3px; padding-top: 4px; }
.study .row.own .name { font-weight: 600; }
.study .row.later .name { padding-left: 14px; color: var(--faint); }
.study .track { height: 18px; overflow: hidden; }
.study .n { text-align: right; }
.study .zero { top: -4px; bottom: -4px; }
.study .band { top: 0; bottom: 0; background: var(--own); }
.study .reach { top: 8px; }
.study .dot { top: 4px; background: var(--ink); }
.study .dot.later { background: var(--page); border: 2px solid var(--ink); }
.study .dot.seed { background: var(--held); opacity: 0.6; }
.study .scale { color: var(--faint); font-size: 12.5px; }
@media (max-width: 600px) {
  .study .row { grid-template-columns: 92px 1fr 70px; }
  .study .row > :nth-child(4) { display: none; }
}
"""


def page(study: FillStudy) -> str:
    """Build the page of a study as HTML; it loads nothing."""
    charts, tables = {"course": _course(study)}, {"nets": _net_data(study)}
    sections = [
        Section("answer", "Answer", "How much of the profit is the fill model?", _verdict(study)),
        Section("nets", "Net", "Net P&L under every queue model", _nets(study)),
        Section("course", "Course", "Over time", chart(
            "course", "Net P&L", "Net of each run as the scenario has its latency. Click a name to "
            "show or hide it; drag to zoom.")),
        Section("parts", "Parts", "Where it comes from", join(_parts(study), _activity(study))),
        Section("reading", "How to read it", "How to read it", _notes(study)),
    ]  # fmt: skip
    return document(
        f"{study.scenario}: study of fills – simmm",
        sections,
        {"charts": charts, "tables": tables},
        head=_head(study),
        foot=tag("p", "Made by ", tag("code", "simmm study fills")),
    )


def _head(study: FillStudy) -> Html:
    extra = ", ".join(f"{ms:g} ms" for ms in study.extra_latency_ms if ms)
    slower = f", with requests and answers as they are and slower by {extra}" if extra else ""
    return join(
        tag("style", Html(_STYLE)),
        tag(
            "header",
            tag("h1", study.scenario, " ", tag("span", f"study of fills: {study.strategy} on "
                f"{study.symbol} at {study.venue}")),
            tag("p", f"{moment(study.start_ns, False)} to {moment(study.end_ns, False)} UTC: "
                f"{duration(study.hours * 3600)} of quoting, run under {len(study.models)} queue "
                f"models{slower}."),
        ),
    )  # fmt: skip


def _verdict(study: FillStudy) -> Html:
    first, *rest = study.sentences
    return tag(
        "div", tag("p", first, class_="first"), *(tag("p", one) for one in rest), class_="verdict"
    )


def ordered(study: FillStudy) -> list[tuple[int, Result]]:
    """Results with their place in `study.json`, by net without extra latency, least first."""
    rank = {one.model: one.net.value or 0.0 for one in study.results if not one.extra_latency_ms}
    return sorted(
        enumerate(study.results),
        key=lambda pair: (rank[pair[1].model], pair[1].model, pair[1].extra_latency_ms),
    )


def _nets(study: FillStudy) -> Html:
    shown = ordered(study)
    later = len(study.extra_latency_ms) > 1
    own = _forest(
        shown,
        {at: one.net for at, one in shown},
        "net",
        band=(study.spreads[0].least, study.spreads[0].most),
        seeds=study.seeds,
    )
    apart = ""
    if len(study.models) > 1:
        apart = figure(
            "apart", f"Beside {study.own_model}, {study.quote}",
            f"Net less that under {study.own_model}, the scenario's own model, at the same "
            "latency.",
            tag("div", _forest(shown, {at: one.apart for at, one in shown}, "apart"),
                class_="study"),
            note="Lines are 95 % intervals of the difference, paired: both runs saw the same "
            "market, so what moved both cancels.",
        )  # fmt: skip
    circles = " Filled: as the scenario has it; hollow: with extra latency." if later else ""
    return tag(
        "div",
        figure(
            "nets", f"Net, {study.quote}", "Shaded: from the least to the most favourable model.",
            tag("div", own, class_="study"),
            note=f"Lines are 95 % intervals of net.{circles} A line that goes on is cut. Other "
            "seeds: the own model, with other draws of latencies and queues.",
        ),
        apart,
        class_="columns",
    )  # fmt: skip


def _forest(
    shown: list[tuple[int, Result]], values: dict[int, Estimate], path: str,
    band: tuple[float, float] | None = None, seeds: Sequence[Result] = (),
) -> Html:  # fmt: skip
    """One line a run: its name, a dot on its interval, the figure."""
    low, high = _reach([*values.values(), *(Estimate(one.net.value) for one in seeds)])

    def place(value: float) -> float:
        return 100 * (min(max(value, low), high) - low) / (high - low)

    texts = numbers([values[at].value for at, _ in shown], 4, sign=True)
    halves = numbers([_half(values[at]) for at, _ in shown], 4)
    lines = []
    for k, (at, one) in enumerate(shown):
        found = values[at]
        marks = [tag("i", class_="zero", style=f"left:{place(0.0):.2f}%")]
        if band is not None and not one.extra_latency_ms:
            start, end = (place(value) for value in band)
            marks.append(
                tag("i", class_="band", style=f"left:{start:.2f}%;width:{end - start:.2f}%")
            )
        if found.low is not None and found.high is not None:
            cut = (" cut-low" if found.low < low else "") + (
                " cut-high" if found.high > high else "")  # fmt: skip
            start, end = place(found.low), place(found.high)
            marks.append(tag("i", class_=f"reach{cut}",
                             style=f"left:{start:.2f}%;width:{end - start:.2f}%"))  # fmt: skip
        if found.value is not None:
            kind = "dot later" if one.extra_latency_ms else "dot"
            marks.append(tag("i", class_=kind, style=f"left:{place(found.value):.2f}%"))
        label = f"+{one.extra_latency_ms:g} ms" if one.extra_latency_ms else one.model
        kinds = "row later" if one.extra_latency_ms else "row model" + (" own" if one.own else "")
        lines.append(tag(
            "div",
            tag("span", label, class_="name"),
            tag("span", *marks, class_="track", aria_hidden="true"),
            tag("span", field(f"results.{at}.{path}.value", found.value, texts[k] if found.value
                              is not None else "own", True), class_="n"),
            tag("span", f"± {halves[k]}" if _half(found) is not None else "", class_="n faint"),
            class_=kinds,
        ))  # fmt: skip
    if seeds:
        dots = [
            tag("i", class_="dot seed", style=f"left:{place(one.net.value or 0.0):.2f}%",
                title=f"seed {one.seed}: {fixed(one.net.value, 2, True)}")
            for one in seeds
        ]  # fmt: skip
        zero = tag("i", class_="zero", style=f"left:{place(0.0):.2f}%")
        lines.append(tag(
            "div",
            tag("span", "other seeds", class_="name"),
            tag("span", zero, *dots, class_="track"),
            tag("span"), tag("span", f"{len(seeds)} runs", class_="n faint"),
            class_="row model later",
        ))  # fmt: skip
    return join(*lines)


def _reach(values: list[Estimate]) -> tuple[float, float]:
    """Ends of the axis: all dots and zero, and intervals up to as much again."""
    dots = [0.0, *(one.value for one in values if one.value is not None)]
    low, high = min(dots), max(dots)
    more = 0.75 * (high - low) or 1.0
    ends = [end for one in values for end in (one.low, one.high) if end is not None]
    low, high = max(min([low, *ends]), low - more), min(max([high, *ends]), high + more)
    if not high > low:
        low, high = -1.0, 1.0
    edge = 0.03 * (high - low)
    return low - edge, high + edge


def _half(found: Estimate) -> float | None:
    return None if found.low is None or found.high is None else (found.high - found.low) / 2


def _net_data(study: FillStudy) -> dict[str, Any]:
    columns = ["model", "extra_latency_ms", "net", "low", "high", "beside_own", "beside_low",
               "beside_high"]  # fmt: skip
    rows = [
        [one.model, one.extra_latency_ms, one.net.value, one.net.low, one.net.high,
         one.apart.value, one.apart.low, one.apart.high]
        for _, one in ordered(study)
    ]  # fmt: skip
    return {"columns": columns, "rows": rows}


def _course(study: FillStudy) -> dict[str, Any]:
    """Data of the chart: net of every model over time, without extra latency."""
    start = study.start_ns
    series = []
    shown = [one for _, one in ordered(study) if not one.extra_latency_ms]
    colours = iter(_COLOURS * (1 + len(shown) // len(_COLOURS)))
    for one in reversed(shown):
        ts = (np.array(one.curve["ts"], np.int64) - start) // 1_000_000
        series.append({
            "style": "line", "name": one.model, "colour": "ink" if one.own else next(colours),
            "heavy": one.own, "x": packed(ts), "y": packed(np.array(one.curve["net"], np.float64)),
        })  # fmt: skip
    panel = {"title": "Net", "unit": study.quote, "height": 260, "zero": True, "decimals": 2,
             "series": series}  # fmt: skip
    span = max(1.0, (study.end_ns - start) / 1e6)
    return {"kind": "time", "start": start / 1e6, "span": span, "panels": [panel], "shades": []}


def _parts(study: FillStudy) -> Html:
    shown = ordered(study)
    names = [name for name in shown[0][1].parts if any(one.parts.get(name) for _, one in shown)]
    columns = {
        name: numbers([one.parts.get(name) for _, one in shown], 4, True) for name in names
    }  # fmt: skip
    net = numbers([one.net.value for _, one in shown], 4, True)
    bps = numbers([one.edge_bps for _, one in shown], 3, True)
    edge = numbers([one.markout_5s.value for _, one in shown], 3, True)
    rows = []
    for k, (at, one) in enumerate(shown):
        cells = [
            field(f"results.{at}.parts.{name}", one.parts.get(name), columns[name][k], True)
            for name in names
        ]
        rows.append((
            _name(one), *cells, field(f"results.{at}.net.value", one.net.value, net[k], True),
            bps[k], edge[k],
        ))  # fmt: skip
    head = ("", *(_NAMES.get(name, name) for name in names), "net", "net, bps", "markout 5 s, bps")
    return join(
        tag("h3", f"Parts of net, {study.quote}"),
        table(head, rows),
        tag("p", "bps are of what was traded; the markout is before fees.", class_="note"),
    )


def _activity(study: FillStudy) -> Html:
    shown = ordered(study)
    traded = numbers([one.turnover for _, one in shown], 4)
    deepest = numbers([one.drawdown for _, one in shown], 4)
    rows = [
        (_name(one), field(f"results.{at}.fills", one.fills, f"{one.fills:,}"),
         fixed(one.fills_per_hour, 1),
         field(f"results.{at}.fill_ratio", one.fill_ratio, percent(one.fill_ratio)),
         traded[k], deepest[k], fixed(one.sharpe_day, 2, True), one.folder)
        for k, (at, one) in enumerate(shown)
    ]  # fmt: skip
    head = ("", "fills", "per hour", "of orders", f"traded, {study.quote}", "drawdown",
            "Sharpe, √day", "run")  # fmt: skip
    return join(tag("h3", "Fills, turnover, risk"), table(head, rows, remark=True))


def _name(one: Result) -> Html:
    if one.extra_latency_ms:
        return tag("span", f"\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}+{one.extra_latency_ms:g} ms",
                   class_="faint")  # fmt: skip
    return tag("b", f"{one.model} (own)") if one.own else tag("span", one.model)


def _notes(study: FillStudy) -> Html:
    settings = ", ".join(f"{name} {value}" for name, value in study.queue.items())
    notes = [
        "Nothing but the queue model and the latency differs between these runs; what differs in "
        "their results is made by those assumptions.",
        study.method,
        "A spread that is small beside the net says that the result doesn't hang on the fill "
        "model. One as large says that the backtest alone can't decide. Which model comes nearest "
        "to real fills is a matter of evidence:",
    ]
    if settings:
        notes.append(f"Settings of the queue, used by the models that know them: {settings}.")
    items = [tag("li", note) for note in notes]
    items[2] = tag("li", notes[2], commands(["simmm validate fills --help"]))
    return tag("ul", *items)
