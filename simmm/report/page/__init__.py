"""`report.html`: the page of a run, one file that needs no network.

It answers five questions from top to bottom: did it make money and from what, when, were the fills
any good, would it have happened, did it know what it was doing; then tables. What it tells in words
and figures stands in `report.json`; pictures are drawn from the tables of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simmm.report import remarks
from simmm.report.files import PAGE_NAME, write_whole
from simmm.report.page import (
    account,
    beliefs,
    counted,
    doubt,
    estimators,
    fills,
    lookup,
    money,
    place,
    reliability,
)
from simmm.report.page.course import MOST_DETAILED, build_course
from simmm.report.page.shell import Html, Section, chart, document, join, tag
from simmm.report.schema import Report
from simmm.report.tables import Run
from simmm.report.words import duration, moment

__all__ = ["page", "write_page"]


def write_page(run: Run, report: Report) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    Raises
    ------
    RunError
        A table is not readable, or the file cannot be written.
    """
    path = run.folder / PAGE_NAME
    write_whole(path, page(run, report).encode("utf-8"))
    return path


def page(run: Run, report: Report) -> str:
    """Build the page of a run as HTML."""
    charts: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    sections = [
        Section("result", "Result", "Did it make money, and from what?",
                _result(report, tables)),
        Section("when", "When", "When?", _when(run, report, charts)),
        Section("fills", "Fills", "Were the fills any good?", _fills(run, report, charts, tables)),
        Section("doubt", "Doubt", "Would it have happened?", _doubt(run, report, tables)),
        Section("beliefs", "Beliefs", "Did it know what it was doing?",
                _beliefs(run, report, charts)),
        Section("estimators", "Estimators", "What did its estimators say?",
                estimators.section(run, report, charts, tables)),
        Section("account", "Account", "Fees, funding, margin, requests",
                account.account(run, report, charts)),
        Section("tables", "Tables", "To look up", _tables(run, report, charts, tables)),
    ]  # fmt: skip
    title = f"{report.run.scenario} – simmm"
    return document(title, sections, {"charts": charts, "tables": tables}, head=_head(report),
                    foot=tag("p", lookup.made(report)))  # fmt: skip


def _head(report: Report) -> Html:
    run = report.run
    strategy = str(run.strategy.get("name") or run.strategy.get("file", "")).rsplit("/", 1)[-1]
    about = report.scenario.get("description")
    return tag(
        "header",
        tag("h1", run.scenario, " ", tag("span", f"{strategy.removesuffix('.py')} on {run.symbol} "
            f"at {run.venue}")),
        tag("p", f"{moment(run.quote_start_ns, False)} to {moment(run.end_ns, False)} UTC: "
            f"{duration(run.hours * 3600)} of quoting, after {duration(run.warm_up_s)} of warm-up "
            "that is left out of every figure."),
        _paper(report),
        tag("p", about) if about else "",
    )  # fmt: skip


def _paper(report: Report) -> Html:
    """Say first of a paper session that it was one."""
    told, wait = remarks.paper(report), remarks.wait(report)
    if not told:
        return Html("")
    return tag("p", tag("b", told), f"; {wait}" if wait else "", ". ",
               tag("a", "The session", href="#session"), class_="paper")  # fmt: skip


def _result(report: Report, tables: dict[str, Any]) -> Html:
    shown, tables["waterfall"] = money.waterfall(report)
    disagree = remarks.sharpe_beside_net(report)
    remark = tag("p", disagree, class_="words") if disagree else ""
    return join(money.verdict(report), money.five(report), remark, shown)


def _when(run: Run, report: Report, charts: dict[str, Any]) -> Html:
    made = build_course(run, report)
    made.chart["shades"] += estimators.alarm_shades(run)
    charts["course"] = made.chart
    note = (
        "Drag to zoom into a stretch, shift and drag to move, double click for the whole run. "
        "Click into the picture and the wheel zooms, or hold ctrl; keys: + − ← → 0. "
        "Touch: pinch or drag."
    )
    if report.fills.count > MOST_DETAILED:
        note += f" With more than {MOST_DETAILED:,} fills, their details are in fills.parquet only."
    return chart("course", "Price, inventory, equity", money.when_words(report, made), note=note)


def _fills(run: Run, report: Report, charts: dict[str, Any], tables: dict[str, Any]) -> Html:
    charts["markouts"], told = fills.markout_curve(run, report)
    curve = chart(
        "markouts", "Edge left after a fill", told,
        note="bps of notional, before fees, + is in our favour; weighted by notional. Shaded: 95 % "
        "interval, fills of one minute counting as one piece. Click a name to show or hide it.",
    )  # fmt: skip
    kinds, tables["kinds"] = fills.by_kind(run)
    small, rest = [], ""
    drawn = [("queue", "Place in the queue at the join", fills.queue_chart(run, report))]
    if report.place is not None:
        made = place.place_chart(run, report)
        drawn.append(("place", "Place in the queue at the fill", made))
    for name, title, made in (
        *drawn,
        ("waits", "Time to fill", fills.wait_chart(run, report)),
        ("pace", "Fills over the run", fills.pace_chart(run, report)),
    ):
        charts[name], words = made
        small.append(chart(name, title, words, note="Counts of this run; no interval."))
    shape = "columns" if len(small) == 4 else "columns three"
    if report.place is None:
        rest = tag("p", place.MISSING, class_="note")
    return join(
        tag("div", curve, kinds, class_="columns"),
        tag("div", *small, class_=shape),
        place.way_table(report),
        rest,
    )


def _doubt(run: Run, report: Report, tables: dict[str, Any]) -> Html:
    folder = lookup.shown_folder(run.folder)
    shown, tables["flags"] = doubt.flags(run, report)
    predicted, tables["reliability"] = reliability.reliability(report)
    return join(
        tag("div", shown, doubt.unknowns(report), class_="columns"),
        tag("div", predicted, doubt.other_assumptions(report, folder), class_="columns")
        if report.reliability is not None
        else join(predicted, doubt.other_assumptions(report, folder)),
        doubt.session(report, folder),
    )


def _beliefs(run: Run, report: Report, charts: dict[str, Any]) -> Html:
    made, words = beliefs.belief_chart(run, report)
    parts: list[object] = []
    if made is not None:
        charts["believed"] = made
        against = "truth" if run.info.tape.get("truth") else "realised"
        note = {
            "truth": "Dashed: the truth of the generated tape, where its model has one.",
            "realised": "Dashed: volatility that the next minutes realised, itself an estimate.",
        }[against]
        parts.append(chart("believed", "Beliefs", words, note=f"{note} The axis zooms with the one "
                           "above."))  # fmt: skip
    else:
        parts.append(tag("p", "No belief was ever known: the estimators were off, or the run too "
                         "short.", class_="words"))  # fmt: skip
    parts.append(beliefs.belief_table(report))
    made, words = beliefs.memory_chart(run)
    if made is not None:
        charts["memory"] = made
        parts.append(chart("memory", "Memory of the strategy", words))
    return join(*parts)


def _tables(run: Run, report: Report, charts: dict[str, Any], tables: dict[str, Any]) -> Html:
    by_hour, tables["hours"] = lookup.hours(report)
    refused, tables["refusals"] = counted.refusals(report)
    made, words = counted.latency_chart(report)
    if made is None:
        drawn: Html = tag("p", words, class_="note")
    else:
        charts["latency"] = made
        drawn = chart("latency", "Latency as drawn", words)
    return join(lookup.orders(report), tag("div", refused, drawn, class_="columns"),
                counted.latency_table(report), lookup.latency(run), by_hour,
                lookup.configuration(run, report), lookup.digests(run, report))  # fmt: skip
