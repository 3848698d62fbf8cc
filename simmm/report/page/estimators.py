"""What the estimators believed over the run: bands, sources of kappa, warm-up, alarms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simmm.report.belief_table import (
    KAPPA_SOURCES,
    BeliefTable,
    alarms,
    belief_table,
    warm_up,
)
from simmm.report.off import no_table
from simmm.report.page import estimator_outcomes as outcomes
from simmm.report.page import estimator_words as words
from simmm.report.page.beliefs import AHEAD_S, realised_ahead
from simmm.report.page.course import shades, time_chart
from simmm.report.page.pack import Thinning, packed
from simmm.report.page.shell import Html, chart, join, tag
from simmm.report.schema import Report
from simmm.report.tables import Run
from simmm.report.truth import truth_at

LANE_HEIGHT = 17  # as in lanes.js
_BUCKETS = 700  # a panel is half a page wide
_BPS = 1e4
_MOST_SHADES = 200


class Line(NamedTuple):
    """One belief of a panel: its name, what the legend says, colour, with a band or not."""

    belief: str
    label: str
    colour: str
    band: str = ""  # colour of the band; none if empty
    on: bool = True


class Panel(NamedTuple):
    """A panel of beliefs of one unit, times `factor`; `truth` names whose truth is drawn."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    factor: float = 1.0
    truth: str = ""
    zero: bool = True
    log: bool = False
    against_mid: bool = False  # prices, shown as their distance from the mid


VOLATILITY = (
    Panel(
        "Volatility",
        "bps / √s",
        (
            Line("sigma", "sigma", "ink", "own"),
            Line("sigma_effective", "effective", "loss"),
            Line("filtered_sigma", "filtered", "spread"),
            Line("bipower_sigma", "without jumps", "held", on=False),
            Line("fast_sigma", "fast", "holding", on=False),
        ),
        _BPS,
        "sigma",
        log=True,
    ),
    Panel("Jumps", "RV / BV, 1 without", (Line("jump_ratio", "ratio", "ink", "own"),), zero=False),
    Panel(
        "Jump probability",
        "",
        (
            Line("jump_probability", "of the last return", "held"),
            Line("jump_share", "share of returns", "ink", "own"),
        ),
    ),
)
CHANGES = (
    Panel("Change probability", "of a change not long ago", (
        Line("changepoint_probability", "probability", "funding"),
        Line("changepoint", "alarm", "loss"),
    )),
    Panel("Run length", "since a change", (
        Line("run_length", "volatility, buckets", "ink", "own"),
        Line("reach_run_length", "reach, batches", "held", on=False),
    )),
)  # fmt: skip
INTENSITY = (
    Panel("kappa", "1 / fraction of price", (
        Line("kappa", "blended", "ink", "own"),
        Line("own_kappa", "own fills", "spread"),
        Line("book_kappa", "book", "held"),
        Line("robust_kappa", "robust", "holding"),
        Line("market_kappa", "market", "faint", on=False),
    ), truth="kappa", log=True),
    Panel("Arrival", "aggressors / s and side", (Line("arrival", "A at the mid", "ink", "own"),),
          truth="arrival"),
)  # fmt: skip
FLOW = (
    Panel("Branching", "aggressors each brings", (
        Line("hawkes_branching", "branching", "ink", "own"),
    ), truth="hawkes_branching"),
    Panel("Aggressors", "1 / s", (
        Line("hawkes_intensity", "expected now", "held"),
        Line("aggressor_rate", "mean rate", "ink", "own"),
        Line("hawkes_base", "base", "spread"),
    ), truth="aggressor_rate"),
    Panel("Price against the mid", "bps", (
        Line("microprice", "microprice", "ink", "own"),
        Line("fair_price", "fair price", "loss", on=False),
    ), _BPS, against_mid=True),
)  # fmt: skip
OUTCOMES = (
    Panel("Toxicity of a bid", "chance that a fill now is adverse", (
        Line("toxicity_bid", "believed", "buy", "own"),
    )),
    Panel("Toxicity of an ask", "chance that a fill now is adverse", (
        Line("toxicity_ask", "believed", "sell", "own-sell"),
    )),
    Panel("Markout after 5 s", "bps of the mid's move", (
        Line("markout_5s", "mean", "ink", "own"),
    ), _BPS),
)  # fmt: skip
_CHARTS = (
    ("estimator-volatility", "Volatility", VOLATILITY, words.volatility),
    ("estimator-intensity", "Kappa and arrivals", INTENSITY, words.intensity),
    ("estimator-flow", "Price and flow", FLOW, words.flow),
    ("estimator-changes", "Changes", CHANGES, words.changes),
    ("estimator-outcomes", "Outcomes of own fills", OUTCOMES, words.outcomes),
)
_LEFT = ("estimator-volatility", "estimator-flow", "estimator-changes")
_KAPPA_COLOURS = dict(zip(KAPPA_SOURCES, ("spread", "held", "holding", "axis"), strict=True))
_LANES = (
    ("warm", "not warm", "faint", 1.0, ("yes", "no")),
    ("cascade", "cascade", "loss", 1.0, None),
    ("changepoint", "change", "funding", 1.0, ("no", "yes")),
    ("fill_starved", "starved", "holding", 1.0, ("no", "yes")),
    ("kappa_stagnant", "κ stagnant", "fees", 1.0, ("no", "yes")),
    ("volatility_regime", "volatility", "held", 3.0, ("low", "normal", "high", "extreme")),
    ("flow_regime", "flow", "spread", 2.0, ("calm", "busy", "hectic")),
)


def section(run: Run, report: Report, charts: dict[str, Any], tables: dict[str, Any]) -> Html:
    """The whole section; says so where there is nothing to show."""
    found = belief_table(run)
    if found is None:
        why = no_table(run.info.scenario, report.changes)
        return tag("p", f"{why} What the strategy believed stands above.", class_="words")
    grid = Thinning(found.ts, run.info.period.t0_ns, _BUCKETS)
    charts["alarms"] = alarm_chart(run, found, grid)
    parts = [
        tag("p", words.warm(run, found, warm_up(run, found)), class_="words"),
        chart("alarms", "Price and alarms", words.alarms(run, found, alarms(found, _end(run))),
              note="Shaded: cascades as the estimators saw them; thin lines: alarms of a change "
              "point. Deeper colour: stronger, or a higher regime."),
    ]  # fmt: skip
    left, right = list[Html](), list[Html]()
    for name, title, panels, sentence in _CHARTS:
        side = left if name in _LEFT else right
        made = _chart(run, found, grid, panels, name == "estimator-intensity")
        if made is None:
            side.append(tag("figure", tag("h3", title), tag("p", words.NO_DATA, class_="words")))
            continue
        charts[name] = made
        side.append(chart(name, title, sentence(run, found)))
    right += outcomes.figures(run, found, charts)
    parts.append(tag("div", tag("div", *left), tag("div", *right), class_="columns panels"))
    shown, tables["estimates"] = words.all_beliefs(run, found)
    parts.append(shown)
    return join(*parts)


def _end(run: Run) -> int:
    return run.info.period.end_ns


def alarm_shades(run: Run) -> list[dict[str, Any]]:
    """What the estimators saw, to be shaded on a chart of prices: cascades and change points."""
    found = belief_table(run)
    if found is None:
        return []
    start, told = run.info.period.t0_ns, []
    for alarm in alarms(found, _end(run)):
        at, until = (alarm.start_ns - start) / 1e6, (alarm.end_ns - start) / 1e6
        if alarm.kind == "cascade":
            told.append({"from": at, "to": until, "text": f"seen as {alarm.text}", "kind": "seen"})
        elif alarm.kind == "changepoint":
            told.append({"from": at, "to": at, "text": "", "kind": "change"})
    return told[:_MOST_SHADES]


def alarm_chart(run: Run, found: BeliefTable, grid: Thinning) -> dict[str, Any]:
    """The price with what alarmed under it."""
    mids = Thinning(run.mids["ts"], run.info.period.t0_ns, _BUCKETS)
    mid = np.where(run.mids["mid2"] > 0, run.mids["mid2"], np.nan)
    series: list[dict[str, Any]] = [
        {"style": "step", "name": "mid", "colour": "ink", "x": mids.x(),
         **mids.line(mid, float(run.market.price_quantum) / 2)},
    ]  # fmt: skip
    lanes: list[dict[str, Any]] = []
    for belief, name, colour, most, said in _LANES:
        if not found.has(belief):
            continue
        value = found.value(belief)
        if belief == "warm":
            value = np.where(found.columns[belief] == 1, 0.0, 1.0)
        if said is not None:
            value = np.clip(value, 0, most)
        lane = {"style": "lane", "name": name, "colour": colour, "most": most, "lane": len(lanes),
                "x": grid.x(), **grid.line(value)}  # fmt: skip
        lanes.append(lane | ({"words": said} if said is not None else {}))
    panels = [{"title": "Price", "unit": run.market.quote, "height": 170, "series": series}]
    if lanes:
        panels.append({"title": "Alarms and regimes", "unit": "", "lanes": 1, "series": lanes,
                       "height": LANE_HEIGHT * len(lanes) + 2})  # fmt: skip
    return time_chart(run, panels, [*shades(run, None), *alarm_shades(run)])


def _chart(
    run: Run, found: BeliefTable, grid: Thinning, panels: tuple[Panel, ...], weights: bool
) -> dict[str, Any] | None:
    drawn = [made for one in panels if (made := _panel(run, found, grid, one)) is not None]
    if weights and (made := weight_panel(found, grid)) is not None:
        drawn.insert(1 if drawn else 0, made)
    if not drawn:
        return None
    shaded = [shade for shade in shades(run, None) if shade["kind"] != "gap"]
    for shade in shaded:
        shade["text"] = ""  # the chart above says it
    period = run.info.period
    return time_chart(run, drawn, shaded) | {
        "calm": (max(period.quote_start_ns, int(found.ts[0])) - period.t0_ns) / 1e6
    }


def _panel(run: Run, found: BeliefTable, grid: Thinning, spec: Panel) -> dict[str, Any] | None:
    bands: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    mid = found.columns.get("mid")
    if spec.against_mid and mid is None:
        return None

    def shown(values: np.ndarray) -> np.ndarray:
        if spec.against_mid:
            assert mid is not None
            values = values / np.where(mid > 0, mid, np.nan) - 1.0
        return values * spec.factor

    for line in spec.lines:
        if not found.has(line.belief):
            continue
        bounds = found.interval(line.belief) if line.band else None
        if bounds is not None:
            low, high = shown(bounds[0]), shown(bounds[1])
            bands.append({"style": "band", "name": "95 %", "colour": line.band,
                          "x": grid.x(), "low": packed(grid.low(low)),
                          "high": packed(grid.high(high))})  # fmt: skip
        lines.append({"style": "line", "name": line.label, "colour": line.colour,
                      "on": line.on, "free": int(spec.log and bool(lines)), "x": grid.x(),
                      **grid.line(shown(found.value(line.belief)))})  # fmt: skip
    if not lines:
        return None
    if spec.truth and found.has(spec.lines[0].belief):
        label, truth = _truth(run, found, spec.truth)
        if truth is not None:
            lines.append({"style": "step", "name": label, "colour": "sell", "dash": True,
                          "free": int(spec.log), "x": grid.x(),
                          **grid.line(truth * spec.factor)})  # fmt: skip
    scale = {"log": 1} if spec.log else {"zero": spec.zero}
    return {"title": spec.title, "unit": spec.unit, "height": 110, "robust": "both", **scale,
            "series": [*bands, *lines]}  # fmt: skip


def _truth(run: Run, found: BeliefTable, name: str) -> tuple[str, np.ndarray | None]:
    truth = truth_at(run, name, found.ts)
    if truth is None and name == "sigma":
        return f"realised in the next {AHEAD_S / 60:g} min", realised_ahead(run, found.ts)
    return "truth", truth


def weight_panel(found: BeliefTable, grid: Thinning) -> dict[str, Any] | None:
    """Weights of the sources of kappa, stacked to 1; None where none was ever told."""
    names = [name for name in KAPPA_SOURCES if found.has(f"{name}_weight")]
    if not names:
        return None
    series, under = [], np.zeros(len(found.ts))
    for name in names:
        weight = found.value(f"{name}_weight")
        over = under + np.nan_to_num(weight)
        last = grid.last(over)
        missing = np.isnan(grid.last(weight))
        series.append({"style": "band", "name": name, "colour": _KAPPA_COLOURS[name],
                       "x": grid.x(), "y": packed(grid.last(weight)),
                       "low": packed(np.where(missing, np.nan, grid.last(under))),
                       "high": packed(np.where(missing, np.nan, last))})  # fmt: skip
        under = over
    return {"title": "Weight in kappa", "unit": "share of each source", "height": 90, "zero": True,
            "series": series}  # fmt: skip
