"""Sections on predicted fills, the account, refusals and latency as drawn."""

from __future__ import annotations

import math

from rich.console import RenderableType
from rich.text import Text

from simmm.report import account_words
from simmm.report.counted import latency_lines, sorted_refusals
from simmm.report.reliability_words import MISSING, reliability_words
from simmm.report.schema import Report
from simmm.report.terminal.parts import FAINT, plain_table, section
from simmm.report.words import fixed, numbers, percent

_BAR, _COUNTS = 24, 10
_QUANTILES = (("min_ms", "least"), ("p50_ms", "median"), ("p99_ms", "99 %"), ("max_ms", "most"),
              ("mean_ms", "mean"))  # fmt: skip


def predictions(report: Report) -> RenderableType:
    """Predicted fills against the simulated path."""
    found = report.reliability
    if found is None:
        return section("Predicted fills", Text(MISSING, style=FAINT))
    table = plain_table("predicted", "mean", "filled", "95 %", "prints", "")
    table.columns[-1].justify = "left"
    most = math.log1p(max(one.predictions for one in found.bins))
    for one in found.bins:
        told = "–"
        if one.filled.low is not None and one.filled.high is not None:
            told = f"{fixed(100 * one.filled.low, 1)} to {fixed(100 * one.filled.high, 1)}"
        bar = "▪" * max(1, round(_COUNTS * math.log1p(one.predictions) / most))
        table.add_row(
            f"{100 * one.low:g} to {100 * one.high:g} %", percent(one.predicted),
            percent(one.filled.value), Text(told, style=FAINT), f"{one.predictions:,}",
            Text(bar, style=FAINT),
        )  # fmt: skip
    return section("Predicted fills", Text(reliability_words(found)), table)


def account(report: Report) -> RenderableType:
    """Fees, funding, margin and requests, a sentence each; faint where there is nothing."""
    parts = (
        (account_words.fee_words(report), report.fees),
        (account_words.margin_words(report), report.margin),
        (account_words.funding_words(report), report.funding),
        (account_words.budget_words(report), report.budget),
    )
    lines = [Text(words, style="" if found else FAINT) for words, found in parts]
    return section("Account", *lines)


def refusals(report: Report) -> RenderableType:
    """Refusals by reason as bars."""
    found = sorted_refusals(report)
    if not found:
        return section("Refusals", Text("No request was refused.", style=FAINT))
    most = max(number for _, number in found)
    table = plain_table("reason", "", "requests", left=2)
    for name, number in found:
        table.add_row(name, "█" * max(1, round(_BAR * number / most)), f"{number:,}")
    table.columns[0].no_wrap = False
    return section("Refusals", table)


def latency(report: Report) -> RenderableType:
    """Latency as drawn by kind of message, ms."""
    found = latency_lines(report)
    if not found:
        return section("Latency as drawn", Text("Not counted in this run.", style=FAINT))
    table = plain_table("ms, one way", *(label for _, label in _QUANTILES), "count")
    columns = {
        key: numbers([line[key] for line in found.values()], 4) for key, _ in _QUANTILES
    }  # fmt: skip
    for k, (name, line) in enumerate(found.items()):
        table.add_row(name, *(columns[key][k] for key, _ in _QUANTILES), f"{line['count']:,}")
    return section("Latency as drawn", table)
