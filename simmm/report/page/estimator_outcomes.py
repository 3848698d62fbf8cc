"""Pictures of how the maker's forecasts of its own fills came out."""

from __future__ import annotations

from typing import Any

from simmm.report.belief_table import BeliefTable
from simmm.report.fill_forecasts import Bucket, buckets, decay
from simmm.report.page.shell import Html, chart, table, tag
from simmm.report.schema import Estimate
from simmm.report.tables import Run
from simmm.report.words import fixed, percent


def figures(run: Run, found: BeliefTable, charts: dict[str, Any]) -> list[Html]:
    """Both figures; where there is nothing, the reason."""
    made, words, below = toxicity_chart(run, found)
    first = _figure("toxicity", "Markout by toxicity", made, words, charts, below)
    made, words = decay_chart(run, found)
    return [first, _figure("decay", "Adverse fills by depth", made, words, charts)]


def _figure(
    name: str, title: str, made: dict[str, Any] | None, words: str, charts: dict[str, Any],
    below: object = "",
) -> Html:  # fmt: skip
    if made is None:
        return tag("figure", tag("h3", title), tag("p", words, class_="words"))
    charts[name] = made
    return tag("div", chart(name, title, words), below)


def toxicity_chart(run: Run, found: BeliefTable) -> tuple[dict[str, Any] | None, str, Html]:
    """Markouts of the buckets, the sentence, and a table of forecast and outcome."""
    told = buckets(run, found)
    if not told:
        return None, (
            "Fewer than six fills had a toxicity before them, so they can't be divided by it."
        ), Html("")  # fmt: skip
    labels = [percent(b.believed, 0) for b in told]
    series = [
        {"name": name, "colour": colour, "y": [e.value for e in values],
         "lo": [e.low for e in values], "hi": [e.high for e in values]}
        for name, colour, values in (
            ("edge from the fill price", "ink", [b.edge for b in told]),
            ("the mid's move alone", "sell", [b.move for b in told]),
        )
    ]  # fmt: skip
    made = {
        "kind": "curve", "unit": "bps", "decimals": 2, "zero": True, "labels": labels,
        "axis": "mean toxicity believed before the fill; upwards: bps", "series": series,
        "levels": [],
    }  # fmt: skip
    rows = [
        [b.name, f"{b.fills:,}", f"{percent(b.low, 0)} to {percent(b.high, 0)}",
         percent(b.believed, 0), percent(b.adverse.value, 0), _span(b.adverse)]
        for b in told
    ]  # fmt: skip
    columns = ("toxicity", "fills", "range", "mean believed", "adverse", "95 %")
    return made, _toxicity_words(told), table(columns, rows, left=1)


def _span(share: Estimate) -> str:
    return "–" if share.low is None else f"{percent(share.low, 0)} to {percent(share.high, 0)}"


def moved(bps: float) -> str:
    """How far the mid moved and whether for or against the fills.

    >>> moved(-3.354), moved(0.5)
    ('3.35 bps against', '0.50 bps for')
    """
    return f"{fixed(abs(bps), 2)} bps {'against' if bps < 0 else 'for'}"


def _toxicity_words(told: list[Bucket]) -> str:
    if len(told) == 1:
        return "The toxicity believed before every fill was the same, so nothing can be divided."
    first, end = told[0].move, told[-1].move
    assert first.value is not None
    assert end.value is not None
    apart = first.low is not None and end.high is not None and (
        end.high < first.low or (end.low is not None and first.high is not None
                                 and first.high < end.low)
    )  # fmt: skip
    right = end.value < first.value
    return (
        f"In five seconds the mid moved {moved(end.value)} the fills believed the most toxic and "
        f"{moved(first.value)} the least: the order is "
        f"{'right' if right else 'wrong'}, and the difference "
        f"{'is more' if apart else 'is not surely more'} than chance."
    )


def decay_chart(run: Run, found: BeliefTable) -> tuple[dict[str, Any] | None, str]:
    """The curve over what own fills show, and its sentence."""
    made = decay(run, found)
    if made is None:
        return None, (
            "No fit of adverse selection over depth: too few fills were judged for one."
        )  # fmt: skip
    series = [
        {"name": name, "colour": colour, "y": [_hundred(e.value) for e in values],
         "lo": [_hundred(e.low) for e in values], "hi": [_hundred(e.high) for e in values]}
        for name, colour, values in (("own fills", "ink", made.own), ("fit", "buy", made.fit))
    ]  # fmt: skip
    level = {"name": "noise alone", "y": 100 * made.noise}
    chart_ = {"kind": "curve", "unit": "% adverse", "decimals": 1, "zero": True,
              "labels": made.labels, "axis": "depth behind the touch, bps (mean of its fills); "
              "upwards: % of fills that were adverse", "series": series,
              "levels": [level] if made.noise > 0 else []}  # fmt: skip
    inside = sum(
        own.low <= fit.value <= own.high
        for own, fit in zip(made.own, made.fit, strict=True)
        if own.low is not None and own.high is not None and fit.value is not None
    )
    touch, delta = found.columns["adverse_touch"][-1], found.columns["adverse_decay"][-1]
    return chart_, (
        f"Of fills at the touch {percent(float(touch), 0)} beyond noise were believed adverse, "
        f"falling by e each {fixed(1e4 * float(delta), 1)} bps of depth; the fit lies within the "
        f"interval of own fills at {inside} of {len(made.own)} depths ({made.fills:,} fills)."
    )


def _hundred(value: float | None) -> float | None:
    return None if value is None else 100 * value
