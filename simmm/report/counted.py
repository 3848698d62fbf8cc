"""What the run counted itself: refusals by reason, latencies by kind of message."""

from __future__ import annotations

from typing import Any

from simmm.report.schema import Report


def sorted_refusals(report: Report) -> list[tuple[str, int]]:
    """Return reasons with their counts, the most frequent first."""
    return sorted(report.orders.refusals.items(), key=lambda pair: (-pair[1], pair[0]))


def latency_lines(report: Report) -> dict[str, dict[str, Any]]:
    """Return the figures of each kind of message that was sent; empty where none were kept."""
    told = report.latency_drawn or {}
    found = {
        name: line for name, line in (told.get("entry") or {}).items() if isinstance(line, dict)
    }
    if isinstance(told.get("response"), dict):
        found["response"] = told["response"]
    return {name: line for name, line in found.items() if line.get("count")}
