"""Scores of estimators as one offline HTML file, made of the pieces of the report's own page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

from simmm.estimators.catalogue import estimator
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
from simmm.report.words import duration, fixed, percent
from simmm.study.recovery.scores import HIGHEST, LOWEST, Accuracy, CaseScore, Lag, Recovery
from simmm.study.recovery.words import (
    KINDS,
    RIGHT,
    alarm_sentence,
    figures,
    lag_sentence,
    share_range,
    summary,
    told,
)

_LEFT, _RIGHT = 0.70, 1.0  # of the axis of coverage
_STYLE = """
.recovery .row {
  display: grid; grid-template-columns: 190px 1fr 64px 56px 110px; gap: 10px; align-items: center;
  padding: 1px 0; font-size: 14px;
}
.recovery .row.case { border-top: 1px solid var(--grid); margin-top: 3px; padding-top: 4px; }
.recovery .name small { display: block; line-height: 1.3; }
.recovery .track { height: 18px; overflow: hidden; }
.recovery .band { top: 0; bottom: 0; background: var(--own); }
.recovery .reach { top: 8px; }
.recovery .dot { top: 4px; background: var(--ink); }
.recovery .dot.off { background: var(--loss); border-radius: 0; }
.recovery .dot.half { background: var(--page); border: 2px solid var(--held); }
@media (max-width: 600px) {
  .recovery .row { grid-template-columns: 110px 1fr 60px; }
  .recovery .row > :nth-child(n+4) { display: none; }
}
"""


def page(found: Recovery) -> str:
    """Build the page of scores; it loads nothing."""
    charts: dict[str, Any] = {}
    groups = [
        (name, list(scores)) for name, scores in groupby(found.scores, lambda one: one.estimator)
    ]
    at = {id(one): k for k, one in enumerate(found.scores)}
    sections = [
        Section("answer", "Answer", "Do estimators find the truth, and know how sure they are?",
                _verdict(found)),
        Section("coverage", "Coverage", "In the worlds that estimators assume",
                _coverage(found, at)),
        *(
            Section(f"e-{name}", scores[0].row, f"{scores[0].row}  {name}",
                    _estimator(name, scores, at, charts))
            for name, scores in groups
        ),
        Section("reading", "How to read it", "How to read it", _notes()),
    ]  # fmt: skip
    return document(
        "Recovery of estimators – simmm",
        sections,
        {"charts": charts, "tables": {"covered": _coverage_data(found)}},
        head=join(
            tag("style", Html(_STYLE)),
            tag(
                "header",
                tag("h1", "Recovery ", tag("span", "study of estimators")),
                tag("p", f"{len(found.scores)} cases of {len(groups)} estimators, {found.seeds} "
                    "generated worlds of each, whose truth is known."),
            ),
        ),
        foot=tag("p", "Made by ", tag("code", "simmm study recovery")),
    )  # fmt: skip


def _verdict(found: Recovery) -> Html:
    first, *rest = summary(found)
    return tag(
        "div", tag("p", first, class_="first"), *(tag("p", one) for one in rest), class_="verdict"
    )


def _assumed(found: Recovery) -> Iterator[tuple[CaseScore, int, Accuracy]]:
    for case in found.scores:
        if case.kind == "assumed":
            for k, one in enumerate(case.beliefs):
                if one.covered_95 is not None and one.covered_95.of:
                    yield case, k, one


def _coverage(found: Recovery, at: dict[int, int]) -> Html:
    """One line a belief: how often its intervals held the truth, on an axis from 70 to 100 %."""
    rows = [
        _covered_row(case, one, f"scores.{at[id(case)]}.beliefs.{k}")
        for case, k, one in _assumed(found)
    ]
    return figure(
        "covered", "Coverage of the 95 % interval",
        f"Share of worlds whose truth it held, from {percent(_LEFT, 0)} on the left to 100 % on "
        f"the right; shaded: {percent(LOWEST, 0)} to {percent(HIGHEST, 0)}.",
        tag("div", *rows, class_="recovery"),
        note="Lines are Wilson's 95 % intervals of that share; a square lies outside of what is "
        "called right (with few worlds: of what chance makes of 95 %), a circle inside. A line "
        "that goes on is cut. The last figure is the mean width over that of the best possible "
        "interval, where that is known.",
    )  # fmt: skip


def _place(share: float) -> float:
    return 100 * (min(max(share, _LEFT), _RIGHT) - _LEFT) / (_RIGHT - _LEFT)


def _covered_row(case: CaseScore, one: Accuracy, path: str) -> Html:
    share = one.covered_95
    assert share is not None
    value = share.count / share.of
    start, end = _place(share.low), _place(share.high)
    low, high = _place(LOWEST), _place(HIGHEST)
    cut = " cut-low" if share.low < _LEFT else ""
    kind = "dot" if one.verdict in RIGHT else "dot off"
    marks = (
        tag("i", class_="band", style=f"left:{low:.2f}%;width:{high - low:.2f}%"),
        tag("i", class_=f"reach{cut}", style=f"left:{start:.2f}%;width:{end - start:.2f}%"),
        tag("i", class_=kind, style=f"left:{_place(value):.2f}%"),
    )
    return tag(
        "div",
        tag("span", f"{case.row} {one.belief}", tag("small", case.case), class_="name"),
        tag("span", *marks, class_="track", aria_hidden="true"),
        tag("span", field(f"{path}.covered_95.count", share.count, percent(value)), class_="n"),
        tag("span", "" if one.width is None else fixed(one.width, 2), class_="n faint"),
        tag("span", told(one)),
        class_="row case",
    )


def _coverage_data(found: Recovery) -> dict[str, Any]:
    columns = ["row", "belief", "case", "held", "worlds", "low", "high", "width", "verdict"]
    rows = [
        [case.row, one.belief, case.case, share.count, share.of, share.low, share.high, one.width,
         one.verdict]
        for case, _, one in _assumed(found) if (share := one.covered_95)
    ]  # fmt: skip
    return {"columns": columns, "rows": rows}


def _estimator(
    name: str, scores: list[CaseScore], at: dict[int, int], charts: dict[str, Any]
) -> Html:
    parts: list[Html] = [tag("p", estimator(name).title, class_="words")]
    if scores[0].approximate:
        parts.append(tag("p", tag("b", "Approximate: "), scores[0].approximate))
    for one in scores:
        path = f"scores.{at[id(one)]}"
        parts.append(tag("h3", one.case, " ", tag("span", KINDS[one.kind], class_="faint")))
        parts.append(tag("p", one.doc, class_="note"))
        if one.beliefs:
            parts.append(_accuracy_table(one, path))
        parts += [tag("p", lag_sentence(lag)) for lag in one.lags]
        if one.alarms is not None:
            parts.append(tag("p", alarm_sentence(one.alarms)))
        shown = [lag for lag in one.lags if sum(lag.counts) and lag.edges_s[-1] > 1e-6]
        figures_of_lags = [
            _histogram(f"lag-{at[id(one)]}-{k}", lag, charts) for k, lag in enumerate(shown)
        ]
        if figures_of_lags:
            parts.append(tag("div", *figures_of_lags, class_="columns"))
    return join(*parts)


def _accuracy_table(score: CaseScore, path: str) -> Html:
    head = ("", "unit", "truth", "bias", "±", "RMSE", "efficiency", "±", "apart", "50 %", "95 %",
            "", "width", "shrinks", "silent", "")  # fmt: skip
    rows = []
    for k, one in enumerate(score.beliefs):
        inner, outer = one.covered_50, one.covered_95
        here = f"{path}.beliefs.{k}"
        rows.append((
            one.belief, one.unit, figures(one.truth),
            field(f"{here}.bias", one.bias, _scaled(one, one.bias, True)),
            _scaled(one, _two_errors(one.bias_error)),
            field(f"{here}.rmse", one.rmse, _scaled(one, one.rmse)),
            field(f"{here}.efficiency", one.efficiency, fixed(one.efficiency, 2)),
            fixed(_two_errors(one.efficiency_error), 2), fixed(one.apart, 2),
            "–" if inner is None else percent(inner.value),
            "–" if outer is None else percent(outer.value),
            "" if outer is None else share_range(outer),
            fixed(one.width, 2), fixed(one.shrinks, 2), str(one.silent or ""), told(one),
        ))  # fmt: skip
    return table(head, rows, remark=True)


def _two_errors(error: float | None) -> float | None:
    return None if error is None else 1.96 * error


def _scaled(one: Accuracy, value: float | None, sign: bool = False) -> str:
    if value is None:
        return "–"
    return f"{fixed(100 * value, 2, sign)} %" if one.relative else figures(value, sign)


def _histogram(name: str, lag: Lag, charts: dict[str, Any]) -> Html:
    edges = lag.edges_s
    charts[name] = {
        "kind": "bars",
        "labels": [duration((a + b) / 2) for a, b in pairwise(edges)],
        "series": [{"name": "worlds", "colour": "held", "y": [float(n) for n in lag.counts]}],
        "axis": "after the change",
    }
    return chart(name, f"Lag of {lag.what}", "Time from the change until it is there for good; "
                 "worlds in which it never was are left out.")  # fmt: skip


def _notes() -> Html:
    notes = (
        "Each world is generated with a known truth; the estimator hears it as the maker would. "
        "What is told is the belief after the last observation.",
        "Bias and RMSE are fractions of the truth where that can't be zero. Efficiency is the "
        "variance of the best possible estimator over the mean squared error: 1 is as good as can "
        "be, and chance alone moves it by the ± beside it. Apart: RMSE against what the best "
        "possible estimator believed, in its standard deviations.",
        "Coverage: how often the interval held the truth. Too narrow: the estimator is less sure "
        "than it says. Too wide: it knows more than it says. A question mark: with so few worlds "
        "that may be chance. Agrees: below 400 worlds, a count that 95 % gives in 19 of 20 "
        "studies.",
        "Shrinks: the width of the interval goes by the number of observations to this power, "
        "from a quarter of the world to its end; −0.5 without forgetting, 0 where the memory is "
        "shorter than the world.",
        "Lag: from the change until the belief is within a stated share of the new truth, first "
        "and for good. A noisy belief may leave again by chance.",
        "In worlds that break the model nothing is demanded: it is told how wrong it gets.",
    )
    items = [tag("li", note) for note in notes]
    return join(tag("ul", *items), commands(["simmm study recovery --help"]))
