"""Figures of two runs beside each other, with the interval of each difference."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simmm.report.compare.pairing import step_ns
from simmm.report.compare.rows import (
    Row,
    Sampled,
    activity_rows,
    edge_rows,
    inventory_rows,
    markout_rows,
    order_rows,
    profit_rows,
    queue_rows,
    quoting_rows,
    sampled,
)
from simmm.report.compare.schema import Figure, Group, Pairing
from simmm.report.compare.series import (
    PART_NAMES,
    Series,
    cluster_difference,
    difference,
    satterthwaite,
)
from simmm.report.intervals import student_975, total
from simmm.report.schema import Estimate, Report
from simmm.report.tables import Run
from simmm.report.words import amount

PAIRED = "paired"
UNPAIRED = "unpaired"


def groups(a: tuple[Run, Report], b: tuple[Run, Report], how: Pairing) -> list[Group]:
    """Compare all figures; `how` says over which time, and whether step by step."""
    sides = []
    together = how.paired and how.same_period
    step = max(step_ns(run) for run, _ in (a, b))
    for run, report in (a, b):
        period = run.info.period
        own = step if together else step_ns(run)
        sides.append(sampled(run, report, period.quote_start_ns, period.end_ns, own))
    left, right = sides
    money, size = comparable(a[0], b[0])
    per_hour = not alike_long(a[0], b[0])
    quotes = [run.market.quote for run, _ in (a, b)]
    quote = quotes[0] if quotes[0] == quotes[1] else " | ".join(quotes)
    unit = f"{quote} an hour" if per_hour else quote
    intervals = PAIRED if together else UNPAIRED
    makers: list[tuple[str, str, Callable[[Sampled], list[Row]]]] = [
        ("P&L", unit, lambda side: profit_rows(side, per_hour)),
        ("P&L, of what was traded", "bps", edge_rows),
        ("Risk and activity", "", activity_rows),
        ("Markouts", "bps, before fees", markout_rows),
        ("Orders", "", order_rows),
        ("Queue at the join", "base units", queue_rows),
        ("Inventory", "base units", inventory_rows),
        ("Quoting", "of the time", quoting_rows),
    ]
    found = []
    if how.paired and not how.same_period:
        found.append(_common(a, b, how, quote))
    for title, of, rows in makers:
        pairs = _joined(rows(left), rows(right))
        figures = [_figure(one, other, together, money, size) for one, other in pairs]
        note = ""
        if title == "P&L":
            note = _profit_note(a[1], b[1], together, per_hour)
        found.append(Group(title, of, figures, intervals, note))
    return found


def _profit_note(a: Report, b: Report, together: bool, per_hour: bool) -> str:
    if per_hour:
        return "Money is told by the hour, as the runs are not equally long."
    errors = [report.profit.net.se for report in (a, b)]
    if not together or None in errors:
        return ""
    freedom = [1.5 * report.risk.samples / (report.risk.lags + 1) for report in (a, b)]
    variances = [error * error for error in errors if error is not None]
    if not sum(variances) > 0:
        return ""
    alone = student_975(satterthwaite(variances, freedom)) * math.sqrt(sum(variances))
    return f"Taken as independent, the runs would give ± {amount(alone)} for net."


def _joined(a: list[Row], b: list[Row]) -> list[tuple[Row, Row]]:
    """Rows of both runs by key; what only one has is empty in the other."""
    in_a, in_b = ({row.key: row for row in side} for side in (a, b))
    keys = [*in_a, *(key for key in in_b if key not in in_a)]
    empty = {row.key: row._replace(value=None) for row in (*b, *a)}
    return [(in_a.get(key, empty[key]), in_b.get(key, empty[key])) for key in keys]


def comparable(a: Run, b: Run) -> tuple[bool, bool]:
    """Whether money, and whether sizes, can be subtracted."""
    same_asset = a.market.symbol == b.market.symbol
    return same_asset and a.market.quote == b.market.quote, same_asset


def alike_long(a: Run, b: Run) -> bool:
    """Whether both runs quoted equally long, to a part in a thousand."""
    return abs(a.hours - b.hours) <= 1e-3 * max(a.hours, b.hours)


def _figure(a: Row, b: Row, paired: bool, money: bool, size: bool) -> Figure:
    def figure(estimate: Estimate, why: str) -> Figure:
        return Figure(a.key, a.name, a.kind, a.value, b.value, estimate, why)

    if a.value is None or b.value is None:
        return figure(Estimate(None), "not in both")
    if a.kind in ("money", "amount") and not money:
        return figure(Estimate(None), "other money")
    if a.kind == "size" and not size:
        return figure(Estimate(None), "other asset")
    value = b.value - a.value
    if a.why:
        return figure(Estimate(value), a.why)
    if a.clusters is not None and b.clusters is not None:
        return figure(*cluster_difference(value, a.clusters, b.clusters, paired))
    return figure(*difference(value, a.series, b.series, paired))


def _common(a: tuple[Run, Report], b: tuple[Run, Report], how: Pairing, quote: str) -> Group:
    """Net P&L and its parts over the time that both runs quoted, paired."""
    assert how.start_ns is not None
    assert how.end_ns is not None
    assert how.step_s is not None
    step = round(how.step_s * 1e9)
    left, right = (sampled(run, report, how.start_ns, how.end_ns, step) for run, report in (a, b))
    figures = []
    for key in ("net", *PART_NAMES, "funding", "forfeited"):
        if key not in ("net", *PART_NAMES) and not any(
            side.money is not None and np.any(side.money.parts[key]) for side in (left, right)
        ):
            continue
        rows = []
        for side in (left, right):
            assert side.money is not None
            assert side.grid is not None
            steps = side.money.net if key == "net" else side.money.parts[key]
            name = "adverse moves" if key == "adverse" else key
            rows.append(Row(f"common_{key}", name, "money", total(steps),
                            Series(steps, side.grid)))  # fmt: skip
        figures.append(_figure(rows[0], rows[1], True, True, True))
    note = (
        "Both runs over the time they share, in whole steps; what a run held when it began counts "
        "from its worth then."
    )
    return Group("P&L over the common time", quote, figures, PAIRED, note)
