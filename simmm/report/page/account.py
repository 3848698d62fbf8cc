"""What the account went through: fees, funding, margin, request budget."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.records import NEVER
from simmm.report import payments
from simmm.report.account import DAY_S, HOUR_S
from simmm.report.account_words import budget_words, fee_words, funding_words, margin_words
from simmm.report.page.course import time_chart
from simmm.report.page.pack import Thinning, packed
from simmm.report.page.shell import Html, chart, field, join, table, tag
from simmm.report.schema import Report
from simmm.report.tables import Run
from simmm.report.words import decimals_for, fixed, moment, numbers

_MOST_BARS = 60


def account(run: Run, report: Report, charts: dict[str, Any]) -> Html:
    """Everything of the account; each part that the run lacks says in a line why."""
    if report.fees is None:  # report.json of an earlier version
        return tag("p", fee_words(report), class_="note")
    charts["fees"], words = _fee_chart(report)
    figures = [tag("div", chart("fees", "Fees", words, note="Received fees (rebates) are "
                                "negative."), _rates(report), class_="columns")]  # fmt: skip
    panels: list[dict[str, Any]] = []
    told: list[str] = []
    missing: list[str] = []
    for words, found in (
        (margin_words(report), _margin_panels(run, report)),
        (funding_words(report), _funding_panels(run, report)),
        (budget_words(report), _budget_panels(run, report)),
    ):
        panels += found
        (told if found else missing).append(words)
    if panels:
        charts["account"] = time_chart(run, panels, _shades(run, report))
        figures.append(chart("account", "Margin, funding and requests over time",
                             join(*(tag("p", one) for one in told)),
                             note="The axis zooms with the others."))  # fmt: skip
    figures += [tag("p", one, class_="note") for one in missing]
    return join(*figures)


def _fee_chart(report: Report) -> tuple[dict[str, Any], str]:
    found = report.fees
    assert found is not None
    shown = found.periods[-_MOST_BARS:]
    cut = slice(11, 16) if found.period_s < DAY_S else slice(5, 10)
    series = [
        {"name": name, "colour": colour, "y": [getattr(one, name) for one in shown]}
        for name, colour in (("maker", "fees"), ("taker", "adverse"))
    ]
    left = f", the last {_MOST_BARS}" if len(found.periods) > _MOST_BARS else ""
    step = {HOUR_S: "hour", DAY_S: "day"}.get(found.period_s, f"{found.period_s // 60} min")
    return {
        "kind": "bars", "labels": [moment(one.start_ns, False)[cut] for one in shown],
        "series": series, "decimals": decimals_for([v for s in series for v in s["y"]], 3),
        "axis": f"{report.run.quote} per {step} from (UTC){left}",
    }, fee_words(report)  # fmt: skip


def _rates(report: Report) -> Html:
    """Fees by kind of fill, and the rates in force with what they follow from."""
    found = report.fees
    assert found is not None
    paid = numbers([line.paid for line in found.lines], 4, sign=True)
    bps = numbers([line.bps for line in found.lines], 3, sign=True)
    traded = numbers([line.notional for line in found.lines], 4)
    rows = [
        (line.name, field(f"fees.lines.{k}.paid", line.paid, paid[k]), traded[k],
         field(f"fees.lines.{k}.bps", line.bps, bps[k]), f"{line.fills:,}")
        for k, line in enumerate(found.lines)
    ]  # fmt: skip
    head = ("", f"paid, {report.run.quote}", "traded", "bps", "fills")
    rules = _rules(found.rules)
    told: list[object] = [table(head, rows)]
    if rules:
        told.append(table(("rules in force", ""), rules, left=2))
    return tag("div", *told)


def _rules(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The rules in force as names and texts; the account's own terms are told elsewhere."""
    shown = []
    for name, value in found.items():
        if name == "tiers":
            tiers = (f"{tier['leverage']}× from {tier['low']:,}" for tier in value)
            shown.append(("margin tiers", ", ".join(tiers)))
        elif name.endswith("_rate") and isinstance(value, int | float):
            shown.append((name.replace("_rate", " fee"), f"{fixed(1e4 * value, 3, True)} bps"))
        elif name == "block_ms":
            shown.append(("takers wait for a block", f"{value:g} ms at most" if value else "no"))
        elif name not in ("deposit", "leverage", "margin", "unfunded"):
            shown.append((name.replace("_", " "), str(value)))
    return shown


def _margin_panels(run: Run, report: Report) -> list[dict[str, Any]]:
    if report.margin is None:
        return []
    equity, start = run.equity, run.info.period.t0_ns
    known = equity["mark"] > 0
    grid = Thinning(equity["ts"], start)
    unit = 2 * run.half_quantum

    def line(name: str, label: str, colour: str, heavy: bool = False) -> dict[str, Any]:
        values = np.where(known, equity[name] * unit, np.nan)
        return {"style": "line", "name": label, "colour": colour, "heavy": heavy, "x": grid.x(),
                **grid.line(values)}  # fmt: skip

    return [
        {"title": "Margin", "unit": report.run.quote, "height": 190, "zero": True, "decimals": 2,
         "series": [line("value", "value", "ink", True),
                    line("margin_available", "withdrawable", "spread"),
                    line("margin_used", "margin used", "held"),
                    line("maintenance", "maintenance", "loss")]},
        *_cover(run, report, grid),
    ]  # fmt: skip


def _cover(run: Run, report: Report, grid: Thinning) -> list[dict[str, Any]]:
    """Maintenance over value: at 100 % a cross account is liquidated."""
    value, due = run.equity["value"], run.equity["maintenance"]
    if report.margin is None or report.margin.mode != "cross":
        return []
    share = np.where((run.equity["mark"] > 0) & (value > 0), 100.0 * due / np.maximum(value, 1),
                     np.nan)  # fmt: skip
    lines = [100.0] if np.nanmax(share, initial=0.0) > 50 else []
    return [{"title": "Maintenance", "unit": "% of value; at 100 % the account is liquidated",
             "height": 90, "zero": True, "decimals": 2, "lines": lines,
             "series": [{"style": "line", "name": "maintenance", "colour": "loss", "x": grid.x(),
                         **grid.line(share)}]}]  # fmt: skip


def _funding_panels(run: Run, report: Report) -> list[dict[str, Any]]:
    found = report.funding
    if found is None or not found.payments or run.funding is None:
        return []
    start, end = run.info.period.t0_ns, run.info.period.end_ns
    paid = payments.funding(run)
    ts = np.concatenate(([start], paid.ts, [end]))
    sums = np.concatenate(([0], np.cumsum(paid.paid), [int(paid.paid.sum())]))
    rate = run.funding["rate_e12"] / 1e8  # 1e-12 as bps
    x = packed((ts - start) // 1_000_000)
    # each rate is that of the time before its payment
    first = max(start, int(paid.ts[0]) - HOUR_S * 1_000_000_000)
    steps = np.concatenate((rate, rate[-1:]))
    at = packed((np.concatenate(([first], paid.ts)) - start) // 1_000_000)
    return [
        {"title": "Funding received", "unit": report.run.quote, "height": 110, "zero": True,
         "decimals": 4,
         "series": [{"style": "step", "name": "since the start", "colour": "funding", "x": x,
                     "y": packed(-sums * 2.0 * run.half_quantum)}]},
        {"title": "Rate", "unit": "bps of notional per payment, longs pay if positive",
         "height": 90, "zero": True, "decimals": 3,
         "series": [{"style": "step", "name": "rate", "colour": "faint", "x": at,
                     "y": packed(steps)}]},
    ]  # fmt: skip


def _budget_panels(run: Run, report: Report) -> list[dict[str, Any]]:
    if report.budget is None or "requests_used" not in run.equity:
        return []
    grid = Thinning(run.equity["ts"], run.info.period.t0_ns)
    series = [
        {"style": "step", "name": label, "colour": colour, "x": grid.x(),
         **grid.line(run.equity[name].astype(np.float64))}
        for name, label, colour in (("requests_used", "used", "held"),
                                    ("requests_cap", "allowed", "ink"))
    ]  # fmt: skip
    return [{"title": "Requests", "unit": "of the address", "height": 110, "zero": True,
             "decimals": 0, "series": series}]  # fmt: skip


def _shades(run: Run, report: Report) -> list[dict[str, Any]]:
    """Warm-up, the time after a liquidation, the time after the budget was used up."""
    period = run.info.period
    found = []

    def add(low: int, text: str, kind: str, high: int = period.end_ns) -> None:
        found.append({"from": (low - period.t0_ns) / 1e6, "to": (high - period.t0_ns) / 1e6,
                      "text": text, "kind": kind})  # fmt: skip

    if period.quote_start_ns > period.t0_ns:
        add(period.t0_ns, "warm-up", "idle", period.quote_start_ns)
    closed = (report.margin.liquidation or {}) if report.margin else {}
    if closed.get("ts"):
        add(int(closed["ts"]), f"liquidated ({closed.get('kind', '')}): no trading", "worst")
    spent = report.budget.exhausted_ns if report.budget else None
    if spent and spent < NEVER:
        add(spent, "request budget used up", "event")
    return found
