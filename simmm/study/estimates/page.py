"""A tape's comparisons and beliefs as one offline HTML file, made of the report's pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.report.page.course import time_chart
from simmm.report.page.pack import Thinning, packed
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
from simmm.report.words import moment
from simmm.study.estimates.compare import AHEAD_S, COUNT_S, HALF_LIFE_S, reach_ahead_s
from simmm.study.estimates.data import NS, Recorded
from simmm.study.estimates.found import Comparison, TapeFound
from simmm.study.estimates.words import (
    FAMILIES,
    NOTE,
    about,
    ahead,
    families,
    gain_words,
    level_words,
    summary,
)

_MOST_SHADES = 400
_REACHES = 1.5  # an axis goes so far beyond the outermost value
_STYLE = """
.estimates .row {
  display: grid; grid-template-columns: 170px 176px 1fr 84px 84px; gap: 10px; align-items: center;
  padding: 1px 0; font-size: 14px; border-top: 1px solid var(--grid);
}
.estimates .track { height: 18px; overflow: hidden; }
.estimates .zero { top: -4px; bottom: -4px; }
.estimates .reach { top: 8px; }
.estimates .dot { top: 4px; background: var(--ink); }
.estimates .dot.better { background: var(--gain); }
.estimates .dot.worse { background: var(--loss); border-radius: 0; }
.estimates .n { text-align: right; }
@media (max-width: 600px) {
  .estimates .row { grid-template-columns: 110px 1fr 70px; }
  .estimates .row > :nth-child(2), .estimates .row > :nth-child(5) { display: none; }
}
"""


def page(found: TapeFound, data: Recorded) -> str:
    """Build the page of a tape; it loads nothing."""
    charts = {"course": course(data)}
    groups = families(found)
    sections = [
        Section("answer", "Answer", "Did estimators foretell more than simple means do?",
                _verdict(found)),
        Section("course", "Over time", "What was believed, and what came", chart(
            "course", "Beliefs", "At the maker's clock. Dashed: what the time after brought, which "
            "nobody knew then. Shaded: hectic flow (E20); darker: alarms (E21). Drag to zoom.",
            note="Bands are the 95 % intervals that the estimators tell.")),
        Section("compared", "Beside baselines", "Gain over the baseline",
                join(*(_forest(name, members) for name, members in groups))),
        Section("words", "In words", "What else there is to say", _facts(found)),
        Section("figures", "Figures", "All comparisons", join(
            *(join(tag("h3", FAMILIES[name]), _table(members)) for name, members in groups))),
        Section("reading", "How to read it", "How to read it", _notes()),
    ]  # fmt: skip
    return document(
        f"{found.name}: estimators – simmm",
        sections,
        {"charts": charts, "tables": {"gains": _gains(found)}},
        head=join(
            tag("style", Html(_STYLE)),
            tag("header",
                tag("h1", found.symbol, " ",
                    tag("span", f"estimators on a recorded tape of {found.venue}")),
                tag("p", f"{found.name}: {moment(found.start_ns, False)} to "
                    f"{moment(found.end_ns, False)} UTC; {about(found)}.")),
        ),
        foot=tag("p", "Made by ", tag("code", "simmm study estimates")),
    )  # fmt: skip


def _verdict(found: TapeFound) -> Html:
    told = [tag("p", summary(found), class_="first")]
    for verdict in ("better", "worse"):
        names = [
            f"{one.belief} against {one.baseline} ({ahead(one)})"
            for one in found.comparisons
            if one.verdict == verdict
        ]
        if names:
            told.append(tag("p", f"{verdict.capitalize()}: {', '.join(names)}."))
    return tag("div", *told, class_="verdict")


# ----------------------------------------------------------------------------------------- picture


def course(data: Recorded) -> dict[str, Any]:
    """Price with alarms and regimes, sigma over realised, kappa, rate of aggressors."""
    start = data.run.info.period.t0_ns
    grid = Thinning(data.now, start)
    quantum = float(data.run.market.price_quantum)
    price = {
        "title": "Price", "unit": data.run.market.quote, "height": 200, "series": [
            _line("mid", "ink", grid, data.mid[data.at] * quantum),
            _line("microprice", "held", grid, data.belief("microprice") * quantum),
            _line("fair price", "sell", grid, data.belief("fair_price") * quantum),
        ],
    }  # fmt: skip
    minutes, reach_s = AHEAD_S[-1], reach_ahead_s(data)
    sigma = _panel("sigma", "fraction / √s", [
        *_band(data, grid, "sigma"),
        _line("filtered_sigma", "spread", grid, data.belief("filtered_sigma")),
        _line("bipower_sigma", "sell", grid, data.belief("bipower_sigma")),
        _ahead(f"realised in the next {minutes / 60:g} min", grid, np.sqrt(data.realised(minutes))),
    ])  # fmt: skip
    kappa = _panel("kappa", "1 / fraction", [
        *_band(data, grid, "kappa"),
        _line("market_kappa", "spread", grid, data.belief("market_kappa")),
        _line("robust_kappa", "sell", grid, data.belief("robust_kappa")),
        _ahead(f"of the next {reach_s:g} s", grid, _kappa_ahead(data, reach_s)),
    ])  # fmt: skip
    later = data.heard_by(data.now + round(60 * NS)) - data.heard_by(data.now)
    rate = _panel("aggressors", "1 / s", [
        *_band(data, grid, "aggressor_rate"),
        _line("hawkes_intensity", "spread", grid, data.belief("hawkes_intensity")),
        _ahead("in the next 60 s", grid, later / 60.0),
    ])  # fmt: skip
    regime = {
        "title": "regimes", "unit": "", "height": 90, "zero": True, "series": [
            _line("volatility_regime", "ink", grid, data.belief("volatility_regime"), "step"),
            _line("flow_regime", "held", grid, data.belief("flow_regime"), "step"),
        ],
    }  # fmt: skip
    return time_chart(data.run, [price, sigma, kappa, rate, regime], _shades(data))


def _panel(title: str, unit: str, series: list[dict[str, Any]]) -> dict[str, Any]:
    return {"title": title, "unit": unit, "height": 170, "zero": True, "robust": True,
            "series": series}  # fmt: skip


def _line(
    name: str, colour: str, grid: Thinning, values: np.ndarray, style: str = "line"
) -> dict[str, Any]:
    return {"style": style, "name": name, "colour": colour, "x": grid.x(), **grid.line(values)}


def _ahead(name: str, grid: Thinning, values: np.ndarray) -> dict[str, Any]:
    return {**_line(name, "loss", grid, values), "dash": True}


def _band(data: Recorded, grid: Thinning, name: str) -> list[dict[str, Any]]:
    value = data.belief(name)
    low, high = (
        np.where(np.isfinite(value), data.raw(f"{name}_{end}"), np.nan) for end in ("low", "high")
    )
    return [
        {"style": "band", "name": "95 %", "colour": "own", "x": grid.x(),
         "low": packed(grid.low(low)), "high": packed(grid.high(high))},
        {**_line(name, "ink", grid, value), "heavy": True},
    ]  # fmt: skip


def _kappa_ahead(data: Recorded, seconds: float) -> np.ndarray:
    """What fits the reach of the aggressors that came after best; NaN with none that reached."""
    known = np.isfinite(data.reach_steps)
    steps = np.concatenate([[0.0], np.cumsum(np.where(known, data.reach_steps, 0.0))])
    count = np.concatenate([[0.0], np.cumsum(known)])
    here, end = data.heard_by(data.now), data.heard_by(data.now + round(seconds * NS))
    n, k = count[end] - count[here], steps[end] - steps[here]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log1p(n / k) * data.mid[data.at] / data.raw("step")
    whole = (data.now + seconds * NS <= data.ts[-1]) & (k > 0)
    return np.where(whole & np.isfinite(found), found, np.nan)


def _shades(data: Recorded) -> list[dict[str, Any]]:
    start = data.run.info.period.t0_ns
    half = 500.0 * data.every
    hectic = data.belief("flow_regime") >= 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hectic, [False]]).astype(int)))
    found: list[dict[str, Any]] = [
        {"from": (int(data.now[a]) - start) / 1e6, "to": (int(data.now[b - 1]) - start) / 1e6 + 1,
         "text": "hectic flow", "kind": "idle"}
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]  # fmt: skip
    alarms = np.flatnonzero(np.diff(data.raw("changepoint_alarms"), prepend=0.0) > 0)
    found += [
        {"from": (int(data.now[k]) - start) / 1e6 - half,
         "to": (int(data.now[k]) - start) / 1e6 + half, "text": "alarm: a change", "kind": "event"}
        for k in alarms
    ]  # fmt: skip
    return sorted(found, key=lambda one: one["from"])[:_MOST_SHADES]


# ----------------------------------------------------------------------------------------- figures


def _forest(name: str, members: list[tuple[int, Comparison]]) -> Html:
    """One line a comparison; an axis for each unit."""
    parts = []
    for unit in dict.fromkeys(one.unit for _, one in members):
        chosen = [(k, one) for k, one in members if one.unit == unit]
        nothing = chosen[0][1].nothing
        values = [one.gain.value for _, one in chosen if one.gain.value is not None]
        reach = _reach(chosen, nothing, values)
        parts.append(tag("p", f"Gain, {unit}" if unit != "ratio" else "Ratio", class_="note"))
        parts += [_row(k, one, nothing, reach) for k, one in chosen]
    return figure(f"f-{name}", FAMILIES[name], "", tag("div", *parts, class_="estimates"))


def _reach(
    chosen: list[tuple[int, Comparison]], nothing: float, values: list[float]
) -> float:  # fmt: skip
    """Half the axis: most of the ends of intervals; those beyond are cut."""
    ends = [
        abs(end - nothing)
        for _, one in chosen
        for end in (one.gain.low, one.gain.high)
        if end is not None
    ]
    if not ends:
        return max((abs(value - nothing) for value in values), default=1.0) or 1.0
    return _REACHES * float(np.quantile(ends, 0.75)) or 1.0


def _row(at: int, one: Comparison, nothing: float, reach: float) -> Html:
    def place(value: float) -> float:
        share = (value - nothing) / reach
        return 50 + 49 * min(max(share, -1.0), 1.0)

    marks = [tag("i", class_="zero", style="left:50%")]
    gain = one.gain
    if gain.low is not None and gain.high is not None:
        cut = (" cut-low" if gain.low - nothing < -reach else "") + (
            " cut-high" if gain.high - nothing > reach else "")  # fmt: skip
        start, end = place(gain.low), place(gain.high)
        marks.append(
            tag("i", class_=f"reach{cut}", style=f"left:{start:.2f}%;width:{end - start:.2f}%")
        )
    if gain.value is not None:
        kind = one.verdict.replace(" ", "-")
        marks.append(tag("i", class_=f"dot {kind}", style=f"left:{place(gain.value):.2f}%"))
    return tag(
        "div",
        tag("span", one.belief, " ", tag("small", ahead(one)), class_="name"),
        tag("span", one.baseline, class_="faint"),
        tag("span", *marks, class_="track", aria_hidden="true"),
        tag("span", field(f"comparisons.{at}.gain.value", gain.value, gain_words(one)[0]),
            class_="n"),
        tag("span", one.verdict),
        class_="row",
    )  # fmt: skip


def _table(members: list[tuple[int, Comparison]]) -> Html:
    rows = []
    for _, one in members:
        value, reach = gain_words(one)
        rows.append((
            one.belief, one.row, one.baseline, ahead(one), one.unit, value, reach,
            level_words(one), f"{one.cases:,}", one.verdict,
        ))  # fmt: skip
    head = ("", "row", "against", "ahead", "unit", "gain", "interval", "level", "cases", "")
    return table(head, rows, left=5, remark=True)


def _gains(found: TapeFound) -> dict[str, Any]:
    columns = ["belief", "baseline", "ahead_s", "unit", "gain", "low", "high", "verdict"]
    rows = [
        [one.belief, one.baseline, one.ahead_s, one.unit, one.gain.value, one.gain.low,
         one.gain.high, one.verdict]
        for one in found.comparisons
    ]  # fmt: skip
    return {"columns": columns, "rows": rows}


def _facts(found: TapeFound) -> Html:
    items = [tag("li", tag("b", f"{name}: "), words) for name, words in found.facts.items()]
    return tag("ul", *items)


def _notes() -> Html:
    notes = (
        f"{NOTE[0].upper()}{NOTE[1:]}",
        "Beliefs, baselines and what is foretold are all at the maker's clock: neither knows more "
        "than the other. The first two minutes are not scored.",
        "Realised variance is that of the mid at the grid of seconds. The EWMA is one of the "
        f"squared returns of that grid with a half-life of {HALF_LIFE_S:g} s; E14's sigma is the "
        "same with 300 s. HAR is fitted to the first half of the tape and scored on the second. "
        f"Aggressors are counted {COUNT_S:g} s ahead.",
        "A ratio is the mean of the minute after an alarm, or while a regime stands, over that of "
        "any minute: better says that it is above 1.",
        "The fills are those of small quotes at the touch, simulated; other quotes get others.",
    )
    return join(
        tag("ul", *(tag("li", note) for note in notes)),
        commands(["simmm study estimates --help"]),
    )
