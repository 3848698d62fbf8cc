"""Were the fills any good: markouts by horizon and by kind of fill, queue places, waiting times."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.records import CROSSED, NO_ASK, NO_BID, REJECTED, THROUGH, UNSEEN
from simmm.report.intervals import mean
from simmm.report.markouts import Edges
from simmm.report.page.place import place_counts, place_labels
from simmm.report.page.shell import Html, figure, tag
from simmm.report.payments import NOT_MAKER
from simmm.report.schema import SPLIT_HORIZON_S, Estimate, Report
from simmm.report.tables import Run
from simmm.report.words import fixed, moment, percent

#: Horizons of the markout curve, seconds; those of the report are taken from it.
CURVE_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_WAITS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_BINS_S = (60, 120, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)
_MOST_HOURS = 24
_TINY = 0.03  # a group of fewer of the fills doesn't set the axis


def markout_curve(run: Run, report: Report) -> tuple[dict[str, Any], str]:
    """The curve of what was left of the edge, by side and place, and its sentence."""
    edges, groups = Edges(run), _groups(run)
    shown = ("all fills", "buys", "sells", "nobody ahead", "behind others")
    series: dict[str, list[Estimate]] = {name: [] for name in shown if name in groups}
    told = {(m.horizon_s, m.side): m.edge for m in report.markouts}
    sides = {"all fills": "all", "buys": "buy", "sells": "sell"}
    for horizon in (0.0, *CURVE_S):
        edge, known = edges.at(horizon)
        for name, values in series.items():
            entry = told.get((horizon, sides.get(name, "")))
            values.append(entry or edges.mean(edge, groups[name] & known))
    baseline = half_spread_bps(run)
    colours = {"all fills": "ink", "buys": "buy", "sells": "sell", "nobody ahead": "spread",
               "behind others": "holding"}  # fmt: skip
    chart = {
        "kind": "curve", "unit": "bps", "decimals": 2, "zero": True,
        "labels": ["at fill", *(_time_label(h) for h in CURVE_S)], "axis": "after the fill",
        "series": [
            {"name": name, "colour": colours[name], "on": name == "all fills",
             "y": [e.value for e in values], "lo": [e.low for e in values],
             "hi": [e.high for e in values]}
            for name, values in series.items() if any(e.value is not None for e in values)
        ],
        "levels": [] if baseline is None else
        [{"name": "half the spread: a fill at the touch at random", "y": baseline}],
    }  # fmt: skip
    return chart, _curve_words(series.get("all fills", []), baseline)


def _curve_words(values: list[Estimate], baseline: float | None) -> str:
    first = values[0].value if values else None
    if first is None:
        return "No fill, so there is no markout."
    told = f"A fill began {fixed(first, 2, True)} bps from the mid"
    later = dict(zip(CURVE_S, values[1:], strict=True)).get(SPLIT_HORIZON_S)
    if later is not None and later.value is not None:
        told += f" and stood at {fixed(later.value, 2, True)} after {SPLIT_HORIZON_S:g} s"
        if later.low is not None and later.high is not None:
            sure = later.low > 0 or later.high < 0
            told += f" ({'more than' if sure else 'not more than'} chance explains)"
    if baseline is not None:
        told += (
            f"; one filled at the touch at a random moment would keep half the spread, "
            f"{fixed(baseline, 2, True)} bps"
        )
    return told + "."


def half_spread_bps(run: Run) -> float | None:
    """Mean half spread shown while quoting, bps of the mid.

    What a resting order at the touch would be left with at any horizon if it were filled at a
    random moment and side: the mid's moves then cancel. What own fills lack of it is selection.
    """
    equity = run.equity
    use = (equity["ts"] >= run.info.period.quote_start_ns) & (equity["best_bid"] != NO_BID)
    use &= equity["best_ask"] != NO_ASK
    if not use.any():
        return None
    bid, ask = equity["best_bid"][use], equity["best_ask"][use]
    return mean((ask - bid) / np.maximum(ask + bid, 1) * 1e4)


def _groups(run: Run) -> dict[str, np.ndarray]:
    """Masks over the fills: by side, by place at the join, by how they came."""
    fills = run.fills
    marks, side, level = fills["marks"], fills["side"], fills["level_at_join"]
    maker = (marks & NOT_MAKER) == 0
    known = maker & (level >= 0)
    assumed, beyond = (marks & CROSSED) != 0, (marks & THROUGH) != 0
    groups = {
        "all fills": np.ones(len(side), bool),
        "buys": side > 0,
        "sells": side < 0,
        "nobody ahead": known & (fills["ahead_at_join"] == 0),
        "behind others": known & (fills["ahead_at_join"] > 0),
        "place unknown": maker & ((level < 0) | ((marks & UNSEEN) != 0)),
        "printed at our price": maker & ~assumed & ~beyond,
        "traded through": maker & beyond & ~assumed,
        "crossed, no print": maker & assumed,
        "taker": ~maker,
    }
    return {name: use for name, use in groups.items() if use.any() or name == "all fills"}


def by_kind(run: Run) -> tuple[Html, dict[str, Any]]:
    """Markout after 5 s by side, place, way of filling and hour: dots with intervals."""
    edges = Edges(run)
    edge, known = edges.at(SPLIT_HORIZON_S)
    rows = [(name, edges.mean(edge, use & known), int(np.count_nonzero(use & known)))
            for name, use in _groups(run).items()]  # fmt: skip
    rows += _by_hour(edges, edge, known)
    rows = [row for row in rows if row[1].value is not None]
    data = {
        "columns": ["fills", "markout bps", "low", "high", "count"],
        "rows": [[name, e.value, e.low, e.high, count] for name, e, count in rows],
    }
    if not rows:
        return Html(""), data
    low, high = _reach(rows)
    lines = [_dot(name, e, count, low, high) for name, e, count in rows]
    return figure(
        "kinds", f"Which fills, {SPLIT_HORIZON_S:g} s after", _kind_words(rows),
        tag("div", *lines, class_="forest"),
        note="bps, before fees, + is in our favour. Bars are 95 % intervals, fills of one minute "
        "counting as one piece; an arrow says that a bar goes on, a bar without a dot that the "
        "dot lies beyond. A hollow dot has no interval.",
    ), data  # fmt: skip


def _by_hour(edges: Edges, edge: np.ndarray, known: np.ndarray) -> list[Any]:
    run = edges.run
    start, end = run.info.period.quote_start_ns, run.info.period.end_ns
    hours = -(-(end - start) // 3_600_000_000_000)
    if hours < 2 or not len(edges.ts):
        return []
    step = max(1, -(-hours // _MOST_HOURS)) * 3_600_000_000_000
    place = np.clip((edges.ts - start) // step, 0, None)
    found = []
    for k in range(-(-(end - start) // step)):
        use = (place == k) & known
        name = f"from {moment(start + k * step, seconds=False)[5:]}"
        found.append((name, edges.mean(edge, use), int(np.count_nonzero(use))))
    return found


def _reach(rows: list[Any]) -> tuple[float, float]:
    """Ends of the axis: dots of all but tiny groups, intervals as far as dots stay readable."""
    most = max(count for _, _, count in rows)
    shown = [e for _, e, count in rows if count >= _TINY * most] or [e for _, e, _ in rows]
    dots = [e.value for e in shown if e.value is not None]
    ends = [x for e in shown for x in (e.value, e.low, e.high) if x is not None]
    spread = max(max(dots) - min(dots), max(abs(x) for x in dots), 0.1)
    low, high = max(min(ends), min(dots) - spread), min(max(ends), max(dots) + spread)
    return min(low, 0.0), max(high, 0.0)


def _dot(name: str, e: Estimate, count: int, low: float, high: float) -> Html:
    def place(value: float) -> float:
        return 100 * (min(max(value, low), high) - low) / (high - low)

    assert e.value is not None
    parts = [tag("i", class_="zero", style=f"left:{place(0.0):.2f}%")]
    told = "–"
    if e.low is not None and e.high is not None:
        ends = (" cut-low" if e.low < low else "") + (" cut-high" if e.high > high else "")
        start, width = place(e.low), place(e.high) - place(e.low)
        parts.append(tag("i", class_=f"reach{ends}", style=f"left:{start:.2f}%;width:{width:.2f}%"))
        told = f"± {fixed((e.high - e.low) / 2, 2)}"
    kind = "gain" if e.value > 0 else "loss"
    hollow = "" if e.low is not None else " hollow"
    if low <= e.value <= high:
        parts.append(tag("i", class_=f"dot {kind}{hollow}", style=f"left:{place(e.value):.2f}%"))
    return tag(
        "div",
        tag("span", name, class_="name"),
        tag("span", *parts, class_="track"),
        tag("span", fixed(e.value, 2, True), class_=f"n {kind}"),
        tag("span", told, class_="n faint"),
        tag("span", f"{count:,}", tag("small", " fills"), class_="n faint"),
        class_="row",
    )


def _kind_words(rows: list[Any]) -> str:
    sure = [(name, e) for name, e, _ in rows[1:] if e.low is not None and (e.low > 0 or e.high < 0)]
    told = []
    for where, side in (("above", 1), ("below", -1)):
        apart = [row for row in sure if row[1].value * side > 0]
        apart.sort(key=lambda row: -side * row[1].value)
        if apart:
            names = ", ".join(f"{name} ({fixed(e.value, 2, True)})" for name, e in apart[:4])
            more = f" and {len(apart) - 4} more" if len(apart) > 4 else ""
            told.append(f"Clearly {where} zero: {names}{more}.")
    return " ".join(told) or "No kind of fill stands clearly apart from zero."


def queue_chart(run: Run, report: Report) -> tuple[dict[str, Any], str]:
    """Histogram of the place at the join, of orders that rested and of those that filled."""
    orders, fills, shown = run.orders, run.fills, report.queue.shown
    resting = (orders["end"] != REJECTED) & (orders["ahead_at_join"] >= 0)
    maker = (fills["marks"] & NOT_MAKER) == 0
    _, first = np.unique(fills["id"][maker], return_index=True)
    unit = shown / run.lot if shown else 1.0
    series = []
    for name, colour, ahead, level in (
        ("rested", "faint", orders["ahead_at_join"][resting], orders["level_at_join"][resting]),
        ("filled", "held", fills["ahead_at_join"][maker][first],
         fills["level_at_join"][maker][first]),
    ):  # fmt: skip
        times = ahead[level >= 0] / unit
        bins = place_counts(times)
        series.append({"name": f"{name} ({len(times):,})", "colour": colour,
                       "y": [number / max(1, len(times)) for number in bins]})  # fmt: skip
    chart = {"kind": "bars", "labels": place_labels(shown), "series": series,
             "percent": True,
             "axis": "ahead of us when we joined, × the size others showed"}  # fmt: skip
    queue = report.queue
    told = "No order rested."
    if queue.known_joined:
        told = f"{percent(queue.alone_joined)} of orders joined with nobody ahead"
        if queue.known_filled:
            told += f"; of those that filled {percent(queue.alone_filled)}"
        if shown:
            told += f". 1× is {shown:.4g} base units, the median others showed"
        told += "."
    unknown = int(np.count_nonzero(orders["level_at_join"][resting] < 0))
    if unknown:
        joined = "order" if unknown == 1 else "orders"
        told = told if queue.known_joined else "Nothing is known of places."
        told += f" Left out: {unknown:,} {joined} at prices that the tape had not shown."
    return chart, told


def wait_chart(run: Run, report: Report) -> tuple[dict[str, Any], str]:
    """Histogram of the time from placing to each maker fill."""
    fills = run.fills
    maker = (fills["marks"] & NOT_MAKER) == 0
    waits = (fills["ts"] - fills["placed_ts"])[maker] / 1e9
    bins = np.bincount(np.searchsorted(_WAITS_S, waits), minlength=len(_WAITS_S) + 1)
    chart = {"kind": "bars", "percent": True, "axis": "time from placing to fill",
             "labels": [*(f"≤ {_time_label(edge)}" for edge in _WAITS_S),
                        f"> {_time_label(_WAITS_S[-1])}"],
             "series": [{"name": f"maker fills ({len(waits):,})", "colour": "held",
                         "y": [number / max(1, len(waits)) for number in bins.tolist()]}],
             }  # fmt: skip
    middle = report.fills.time_to_fill_s.get("p50")
    told = "No maker fill." if middle is None else (
        f"Half of the fills came within {_time_label(float(f'{middle:.3g}'))} of placing."
    )  # fmt: skip
    return chart, told


def pace_chart(run: Run, report: Report) -> tuple[dict[str, Any], str]:
    """Fills over the run, bought and sold."""
    fills, period = run.fills, run.info.period
    span = max(1, period.end_ns - period.quote_start_ns)
    step = next((s for s in _BINS_S if span / (s * 1e9) <= 48), 86_400 * max(1, span // (48 * 86_400 * 10**9)))  # fmt: skip # noqa: E501
    step_ns, count = step * 1_000_000_000, -(-span // (step * 1_000_000_000))
    place = np.clip((fills["ts"] - period.quote_start_ns) // step_ns, 0, count - 1)
    series = [
        {"name": name, "colour": colour,
         "y": np.bincount(place[fills["side"] == side], minlength=count).tolist()}
        for name, colour, side in (("bought", "buy", 1), ("sold", "sell", -1))
    ]  # fmt: skip
    cut = slice(11, 16) if span < 86_400_000_000_000 else slice(5, 16)
    labels = [moment(period.quote_start_ns + k * step_ns, False)[cut] for k in range(count)]
    chart = {"kind": "bars", "labels": labels, "series": series, "stack": True,
             "axis": f"fills per {_time_label(step)}, from (UTC)"}  # fmt: skip
    found = report.fills
    told = "No fill." if not found.count else (
        f"{found.count:,} fills, {fixed(found.per_hour, 1)} per hour: "
        f"{found.buys:,} bought, {found.sells:,} sold."
    )  # fmt: skip
    return chart, told


def _time_label(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"
