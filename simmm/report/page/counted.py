"""Refusals by reason, and latencies as they were drawn, by kind of message."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from simmm.records import REASON_NAMES
from simmm.report.counted import latency_lines, sorted_refusals
from simmm.report.page.doubt import short
from simmm.report.page.shell import Html, field, figure, table, tag
from simmm.report.schema import Report
from simmm.report.words import percent

_COLOURS = {"new": "held", "cancel": "adverse", "modify": "spread", "response": "faint"}
_SPARE = ("fees", "holding", "buy", "sell")
_QUANTILES = (("min_ms", "least"), ("p50_ms", "median"), ("p99_ms", "99 %"), ("max_ms", "most"),
              ("mean_ms", "mean"))  # fmt: skip
_MOST_BINS = 32


def refusals(report: Report) -> tuple[Html, dict[str, Any]]:
    """A bar for each reason, with what the venue itself says."""
    found = sorted_refusals(report)
    data = {"columns": ["reason", "requests"], "rows": [list(pair) for pair in found]}
    if not found:
        return tag("p", "No request was refused.", class_="words"), data
    total, most = sum(number for _, number in found), max(number for _, number in found)
    asked = sum(report.orders.requests.values())
    rows = []
    for name, number in found:
        width = 100 * number / most
        rows.append(tag(
            "div",
            tag("span", name, tag("small", _venue_words(report, name)), class_="name"),
            tag("span", tag("i", class_="bar held", style=f"left:0;width:{width:.2f}%"),
                class_="track"),
            tag("span", field(f"orders.refusals.{name}", number, f"{number:,}"), class_="n"),
            class_="step flag",
        ))  # fmt: skip
    told = f"{total:,} requests were refused or cancelled by the exchange"
    if asked:
        told += f", {percent(total / asked)} of {asked:,}"
    return figure("refusals", "Refusals by reason", f"{told}.",
                  tag("div", *rows, class_="waterfall")), data  # fmt: skip


def _venue_words(report: Report, name: str) -> str:
    """The venue's own text for a reason, where simmm knows it."""
    if "hyperliquid" not in report.run.venue.lower() or name not in REASON_NAMES:
        return ""
    try:
        from simmm.rules.words import words
    except ImportError:
        return ""
    text = words(REASON_NAMES.index(name), bid="…", ask="…", used=0, traded="…")
    text = text.replace("0 > 0", "… > …")
    return f"“{text}”" if text.rstrip(".").lower() != name.lower() else ""


def latency_chart(report: Report) -> tuple[dict[str, Any] | None, str]:
    """Histogram of latencies by kind of message; None and why where the run has none."""
    found = latency_lines(report)
    if not found:
        return None, (
            "Latency by kind of request: not counted; the run was made by an earlier version."
        )
    edges = sorted({edge for line in found.values() for low, high, _ in line["buckets"]
                    for edge in (low, high)})  # fmt: skip
    joined = _joined(edges)
    series = []
    spare = iter(_SPARE * len(found))
    for name, line in found.items():
        shares = [0.0] * len(joined)
        for low, high, count in line["buckets"]:
            middle = (low + high) / 2
            at = next(k for k, (a, b) in enumerate(joined) if a <= middle < b)
            shares[at] += count / line["count"]
        colour = _COLOURS.get(name) or next(spare)
        series.append({"name": f"{name} ({line['count']:,})", "colour": colour, "y": shares})
    chart = {"kind": "bars", "percent": True, "series": series,
             "labels": [f"≤ {_ms(high)}" for _, high in joined], "axis": "latency, one way"}  # fmt: skip # noqa: E501
    told = "; ".join(
        f"{name} {_ms(line['p50_ms'])} (99 %: {_ms(line['p99_ms'])})"
        for name, line in found.items()
    )
    return chart, f"Medians: {told}. Nothing overtakes on one connection, so queues are part of it."


def _joined(edges: list[float]) -> list[tuple[float, float]]:
    """Neighbouring buckets put together until they are few enough for a picture."""
    pairs = list(pairwise(edges))
    every = max(1, -(-len(pairs) // _MOST_BINS))
    return [(pairs[k][0], pairs[min(k + every, len(pairs)) - 1][1])
            for k in range(0, len(pairs), every)]  # fmt: skip


def latency_table(report: Report) -> Html:
    """Latency by kind of message in figures."""
    found = latency_lines(report)
    if not found:
        return Html("")
    rows = [
        (name, *(_ms(line[key]) for key, _ in _QUANTILES), f"{line['count']:,}")
        for name, line in found.items()
    ]
    head = ("as drawn", *(label for _, label in _QUANTILES), "count")
    return table(head, rows)


def _ms(value: float) -> str:
    return short(value / 1e3)
