"""Did it make money, and from what: verdict, five numbers, waterfall; and the words on when."""

from __future__ import annotations

from typing import Any

from simmm.report import remarks
from simmm.report.calibration_words import doubtful
from simmm.report.markouts import find_markout
from simmm.report.page.course import Course
from simmm.report.page.shell import Html, escape, field, figure, join, tag
from simmm.report.schema import SPLIT_HORIZON_S, Estimate, Report
from simmm.report.words import (
    amount,
    decimals_for,
    duration,
    fixed,
    moment,
    numbers,
    percent,
    signed,
)

_MARKS = {"earned": "▲", "lost": "▼", "undecided": "◆", "idle": "○"}
_NAMES = {"adverse": "adverse moves"}
_MEANING = {
    "spread": "fill price against the mid",
    "adverse": f"the mid within {SPLIT_HORIZON_S:g} s of fills",
    "holding": "positions after that",
    "fees": "less rebates",
    "funding": "paid on the position held",
    "forfeited": "what a liquidation's backstop took",
}
_WHOLE = 1.05  # a fall of at most this times the loss of the run is the loss of the run
NONE = tag("span", "no interval", class_="faint")


def interval(estimate: Estimate, path: str, decimals: int) -> Html:
    """An interval in words, or that there is none."""
    if estimate.low is None or estimate.high is None:
        return NONE
    return join(
        "95 %: ",
        field(f"{path}.low", estimate.low, fixed(estimate.low, decimals, True)),
        " to ",
        field(f"{path}.high", estimate.high, fixed(estimate.high, decimals, True)),
    )


def verdict(report: Report) -> Html:
    """The verdict in words, and in one line why to doubt it."""
    said = report.verdict
    parts = [
        tag("p", f"{_MARKS.get(said.outcome, '◆')} ",
            tag("span", said.sentences[0], data_field="verdict.sentences.0"), class_="first")
    ]  # fmt: skip
    parts += [tag("p", sentence) for sentence in said.sentences[1:]]
    reasons = doubts(report)
    if reasons:
        link = tag("a", "Would it have happened?", href="#doubt")
        parts.append(tag("p", tag("b", "Why to doubt it: "), f"{'; '.join(reasons)}. ", link))
    return tag("div", *parts, class_=f"verdict {said.outcome}")


def doubts(report: Report) -> list[str]:
    """The heaviest reasons for doubt, each in a few words."""
    found = []
    flagged = report.fills.flagged
    session, wait = remarks.paper(report), remarks.wait(report)
    if session:
        told = session[:1].lower() + session[1:]
        found.append(f"it was {told}, whose exchange is simulated")
    if wait:
        found.append(wait)
    if report.run.tape.get("truth"):
        found.append("the tape is generated")
    if report.fills.count:
        found.append(f"queue places are modelled ({report.queue.model.get('model', 'unknown')})")
    crossed = flagged.get("crossed") or 0.0
    if crossed >= 0.05:
        found.append(f"{percent(crossed)} of fills are assumed because the market crossed our "
                     "price")  # fmt: skip
    unseen = flagged.get("unseen") or 0.0
    if unseen >= 0.05:
        found.append(f"{percent(unseen)} of fills were at prices not shown when we joined")
    for belief in report.calibration:
        if reason := doubtful(belief):
            found.append(reason)
    if 0 < report.fills.count < 100:
        found.append(f"only {report.fills.count} fills")
    gaps = report.run.counts.get("gaps", 0)
    if gaps:
        found.append(f"{gaps} {'gap' if gaps == 1 else 'gaps'} in the tape")
    return found


def five(report: Report) -> Html:
    """The five numbers that people compare, each with its interval or saying that it has none."""
    net, risk, quote = report.profit.net, report.risk, report.run.quote
    money = decimals_for([net.value, risk.drawdown], 4)
    at = next((k for k, entry in enumerate(report.markouts)
               if entry.horizon_s == SPLIT_HORIZON_S and entry.side == "all"), None)  # fmt: skip
    entry = find_markout(report, SPLIT_HORIZON_S, "all")
    edge = entry.edge if entry else Estimate(None)
    sharpe_error = NONE if risk.sharpe_day_se is None else join(
        "± ", field("risk.sharpe_day_se", risk.sharpe_day_se, fixed(risk.sharpe_day_se, 2)),
        " s.e.; per √year ",
        field("risk.sharpe_year", risk.sharpe_year, fixed(risk.sharpe_year, 1, True)),
    )  # fmt: skip
    tiles = [
        ("Net P&L", field("profit.net.value", net.value, fixed(net.value, money, True), True),
         quote, interval(net, "profit.net", money)),
        ("Sharpe ratio",
         field("risk.sharpe_day", risk.sharpe_day, fixed(risk.sharpe_day, 2, True), True),
         "per √day", sharpe_error),
        ("Drawdown", field("risk.drawdown", risk.drawdown, fixed(risk.drawdown, money)), quote,
         join(NONE, ": deepest of one path")),
        ("Fills", field("fills.per_hour", report.fills.per_hour,
                        fixed(report.fills.per_hour, 1)), "per hour",
         join(field("fills.count", report.fills.count, f"{report.fills.count:,}"),
              " in all; ", NONE)),
        (f"Markout {SPLIT_HORIZON_S:g} s",
         field(f"markouts.{at}.edge.value", edge.value, fixed(edge.value, 2, True), True),
         "bps", interval(edge, f"markouts.{at}.edge", 2)),
    ]  # fmt: skip
    return tag("dl", *(
        tag("div", tag("dt", name), tag("dd", tag("b", value), " ", tag("span", unit)),
            tag("dd", error, class_="error"))
        for name, value, unit, error in tiles
    ), class_="tiles")  # fmt: skip


def waterfall(report: Report) -> tuple[Html, dict[str, Any]]:
    """The parts of the P&L, each beginning where the one before ended; and its table."""
    profit = report.profit
    net = profit.net.value or 0.0
    total_bps = net / profit.notional * 1e4 if profit.notional else None
    amounts = [part.amount for part in profit.parts]
    told = numbers([*amounts, profit.net.value], 4, sign=True)
    bps = numbers([*(part.bps for part in profit.parts), total_bps], 3, sign=True)
    ends, reached = [], 0.0
    for step in amounts:
        ends.append((reached, reached + step))
        reached += step
    whisker = [x for x in (profit.net.low, profit.net.high) if x is not None]
    low = min(0.0, net, *(min(pair) for pair in ends), *whisker)
    high = max(0.0, net, *(max(pair) for pair in ends), *whisker)
    scale = 100 / (high - low) if high > low else 0.0

    def place(value: float) -> float:
        return (value - low) * scale

    rows = [
        _step(_NAMES.get(part.name, part.name),
              "not modelled" if not part.modelled else _MEANING.get(part.name, ""),
              _bar(place(start), place(end), part.amount, place(0.0)),
              field(f"profit.parts.{k}.amount", part.amount, told[k], True),
              field(f"profit.parts.{k}.bps", part.bps, bps[k]))
        for k, (part, (start, end)) in enumerate(zip(profit.parts, ends, strict=True))
    ]  # fmt: skip
    band: object = ""
    if len(whisker) == 2:
        left, width = place(whisker[0]), place(whisker[1]) - place(whisker[0])
        band = tag("i", class_="whisker", style=f"left:{left:.2f}%;width:{width:.2f}%")
    bar = _bar(place(0.0), place(net), net, place(0.0), band)
    exact = tag("span", told[-1], class_="gain" if net > 0 else "loss" if net < 0 else None)
    rows.append(_step("net", "with its 95 % interval" if band else "no interval", bar, exact,
                      bps[-1], "net"))  # fmt: skip
    head = tag("div", *(tag("span", name) for name in ("", "", profit_unit(report), "bps")),
               class_="step head", aria_hidden="true")  # fmt: skip
    table = {
        "columns": ["part", report.run.quote, "bps of notional traded", "half money quanta"],
        "rows": [[part.name, part.amount, part.bps, part.half_quanta] for part in profit.parts]
        + [["net", profit.net.value, total_bps, profit.net_half_quanta]],
    }
    return figure(
        "waterfall", "From what", _split_words(report),
        tag("div", head, *rows, class_="waterfall"), note=_split_note(report),
    ), table  # fmt: skip


def profit_unit(report: Report) -> str:
    """The currency in which money is told."""
    return report.run.quote


def _step(name: str, meaning: str, bar: Html, money: Html, bps: object, kind: str = "") -> Html:
    label = tag("span", name, tag("small", meaning), class_="name")
    return tag("div", label, bar, tag("span", money, class_="n"), tag("span", bps, class_="n"),
               class_=f"step {kind}".strip())  # fmt: skip


def _bar(start: float, end: float, value: float, zero: float, more: object = "") -> Html:
    left, width = min(start, end), abs(end - start)
    kind = "gain" if value > 0 else "loss" if value < 0 else "none"
    return tag(
        "span",
        tag("i", class_="zero", style=f"left:{zero:.2f}%"),
        tag("i", class_=f"bar {kind}", style=f"left:{left:.2f}%;width:{width:.2f}%"),
        more,
        class_="track",
    )


def _split_words(report: Report) -> str:
    parts = [part for part in report.profit.parts if part.half_quanta]
    if not parts:
        return "Nothing was traded, so there is nothing to split."
    worst = min(parts, key=lambda part: part.amount)
    best = max(parts, key=lambda part: part.amount)
    told = []
    if best.amount > 0:
        told.append(f"Most came from {_NAMES.get(best.name, best.name)} ({signed(best.amount)})")
    if worst.amount < 0:
        name = _NAMES.get(worst.name, worst.name)
        told.append(f"most was lost to {name} ({signed(worst.amount)})")
    return "; ".join(told)[:1].upper() + "; ".join(told)[1:] + "."


def _split_note(report: Report) -> Html:
    profit, closing = report.profit, report.profit.closing
    told = (
        f"The parts add up to the account exactly; only net has an interval. bps are of the "
        f"{amount(profit.notional)} {report.run.quote} traded."
    )
    if closing.position:
        cost = "an unknown amount" if closing.cost is None else f"about {amount(closing.cost)}"
        told += (
            f" Closing the final position of {signed(closing.position)} would cost {cost} "
            f"({closing.note}); this is not in net."
        )
    return join(told, " ", tag("details", tag("summary", "How the interval is made"),
                               tag("span", profit.method)))  # fmt: skip


def when_words(report: Report, course: Course) -> Html:
    """When it was lost, in words, with a button that zooms there."""
    risk, quote, worst = report.risk, report.run.quote, course.worst
    if not report.fills.count:
        return escape("No fill, so equity never moved; the picture shows the market and our "
                      "quotes.")  # fmt: skip
    parts: list[object] = []
    if worst is not None:
        length = duration((worst.end_ns - worst.start_ns) / 1e9)
        lost = ", ".join(f"{_NAMES.get(name, name)} {signed(value)}"
                         for name, value in worst.parts.items() if abs(value) >= 0.005)  # fmt: skip
        cause = f"; in it: {worst.text}" if worst.text else ""
        start, since = report.run.start_ns, 11 if report.run.hours < 24 else 5
        parts += [
            f"The worst {length}, from {moment(worst.start_ns)[since:19]} UTC, cost "
            f"{amount(-worst.net)} {quote} ({lost}{cause}). ",
            tag("button", "zoom there", type="button", class_="tool",
                data_from=(worst.start_ns - start) / 1e6, data_to=(worst.end_ns - start) / 1e6),
            " ",
        ]  # fmt: skip
    parts.append(_event_words(report, course))
    if risk.drawdown_peak_ns is not None and risk.drawdown_trough_ns is not None:
        parts.append(_fall_words(report, risk.drawdown_peak_ns, risk.drawdown_trough_ns))
    return join(*parts)


def _fall_words(report: Report, peak_ns: int, trough_ns: int) -> str:
    """From when to when the deepest fall ran, or that it is the whole run's."""
    fall, net = report.risk.drawdown, report.profit.net.value or 0.0
    told = f"The deepest fall, {amount(fall)} {report.run.quote},"
    if net < 0 and fall <= _WHOLE * -net:
        return f"{told} is that of the whole run: what was lost did not come back."
    return f"{told} ran from {moment(peak_ns, False)} to {moment(trough_ns, False)} UTC."


def _event_words(report: Report, course: Course) -> str:
    """What cascades cost beside all the rest."""
    events, net = course.events, report.profit.net.value
    if not events or net is None:
        return ""
    one = len(events) == 1
    told = " and ".join(signed(event.net) for event in events[:4])
    if len(events) > 4:
        told = signed(sum(event.net for event in events))
    rest = signed(net - sum(event.net for event in events))
    return (
        f"{'The cascade' if one else f'The {len(events)} cascades'} brought {told}, all the rest "
        f"of the run {rest}. "
    )
