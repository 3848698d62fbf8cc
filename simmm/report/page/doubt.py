"""Would it have happened: kinds of fills, what isn't known, other assumptions, the session."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.records import CROSSED, THROUGH
from simmm.report import remarks
from simmm.report.page.money import interval
from simmm.report.page.shell import Html, commands, field, figure, table, tag
from simmm.report.payments import NOT_MAKER
from simmm.report.schema import Report, Session
from simmm.report.tables import Run
from simmm.report.words import decimals_for, duration, fixed, numbers, percent, signed

_FLAGS = {
    "crossed": ("crossed", "the other side's best reached our price; nothing printed that we could "
                "be matched with"),
    "through": ("traded through", "a print beyond our price: as sure as a simulated fill can be"),
    "printed": ("printed at our price", "a print reached our place in the queue: it hangs on the "
                "queue model"),
    "unseen": ("unseen level", "the price had not been shown when we joined: the queue is a guess"),
    "stale_mid": ("stale mid", "a side of the book was missing: spread and markout are rough"),
    "late": ("late", "a row that came after its block was believed complete caused the fill"),
}  # fmt: skip


def flags(run: Run, report: Report) -> tuple[Html, dict[str, Any]]:
    """Shares of the fills with each flag, as bars, and of those printed at our price."""
    marks, count = run.fills["marks"], report.fills.count
    printed = int(np.count_nonzero((marks & (NOT_MAKER | CROSSED | THROUGH)) == 0))
    told = list(report.fills.flagged.items())
    at = next((k + 1 for k, (name, _) in enumerate(told) if name == "through"), len(told))
    told.insert(at, ("printed", printed / count if count else None))
    shares = dict(told)
    rows = []
    for name, share in shares.items():
        label, meaning = _FLAGS.get(name, (name, ""))
        width = 100 * (share or 0.0)
        rows.append(tag(
            "div",
            tag("span", label, tag("small", meaning), class_="name"),
            tag("span", tag("i", class_="bar held", style=f"left:0;width:{width:.2f}%"),
                class_="track"),
            tag("span", percent(share) if name == "printed" else
                field(f"fills.flagged.{name}", share, percent(share)), class_="n"),
            class_="step flag",
        ))  # fmt: skip
    data = {"columns": ["flag", "share of fills"], "rows": [[k, v] for k, v in shares.items()]}
    words = "No fill, so nothing to doubt." if not count else _flag_words(report)
    note = "Shares of all fills; a fill can have several flags or none. They are counts, so they "
    return figure("flags", "How fills came about", words, tag("div", *rows, class_="waterfall"),
                  note=note + "have no interval."), data  # fmt: skip


def _flag_words(report: Report) -> str:
    crossed = report.fills.flagged.get("crossed") or 0.0
    through = report.fills.flagged.get("through") or 0.0
    return (
        f"{percent(through)} of {report.fills.count:,} fills are backed by a print beyond our "
        f"price; {percent(crossed)} rest on the book alone."
    )


def unknowns(report: Report) -> Html:
    """What the simulation doesn't know."""
    items = [
        tag("li", tag("b", f"{entry.topic}. "), entry.text) for entry in report.unknowns
    ]  # fmt: skip
    return tag("div", tag("h3", "What the simulation doesn't know"), tag("ul", *items))


def other_assumptions(report: Report, folder: str) -> Html:
    """Commands that run the same scenario under other assumptions; `folder` as a command has it."""
    current = str(report.run.queue.get("model", ""))
    base = f"simmm backtest {folder}/scenario.yaml"
    models = [name for name in ("pessimistic", "proportional", "optimistic") if name != current]
    lines = [f"simmm study fills {folder}/scenario.yaml"]
    lines += [f"{base} --set venue.queue.model={name}" for name in models]
    told = []
    for name in ("entry", "response"):
        value = report.run.latency.get(name)
        if isinstance(value, dict) and value.get("table_ms"):
            continue  # a table has no one number to change
        if isinstance(value, dict) and isinstance(value.get("ms"), int | float):
            told += [f"--set venue.latency.{name}.ms={value['ms'] * 1.5:g}"]
            if isinstance(value.get("scale_ms"), int | float) and value["scale_ms"]:
                told += [f"--set venue.latency.{name}.scale_ms={value['scale_ms'] * 1.5:g}"]
    if told:
        lines.append(f"{base} {' '.join(told)}")
    fee = report.run.market.get("maker_fee")
    if fee is not None:
        try:
            dearer = float(fee) + 0.0001
        except ValueError:
            dearer = None
        if dearer is not None:
            lines.append(f"{base} --set market.maker_fee={dearer:.6g}")
    return tag(
        "div",
        tag("h3", "The same run under other assumptions"),
        tag("p", "One run stands for one set of assumptions. The first command runs it under every "
            "queue model, with and without extra latency, and shows how much of the result is the "
            "fill model. The others run it with another queue model, latency half as long again, "
            "or a maker fee 1 bps higher; set the results "
            "beside this one with ", tag("code", f"simmm compare {folder} RUN"), ".",
            class_="words"),
        commands(lines),
    )  # fmt: skip


def session(report: Report, folder: str) -> Html:
    """Show what only a run whose exchange learns from the feed has; empty without one.

    `folder` is named as a command has it.
    """
    found = report.session
    if found is None:
        return Html("")
    late = found.late
    speed = "as fast as it goes" if found.speed is None else f"speed {found.speed:g}"
    told = f"A {found.kind} session" + (f" on {found.feed}, {speed}" if found.feed else "")
    told += ", interrupted" if found.interrupted else ""
    rows = [
        ("late packets", field("session.late.packets", late.packets, f"{late.packets:,}"),
         f"of {late.packets_of:,}, after their block was believed complete"),
        ("late rows", field("session.late.rows", late.rows, f"{late.rows:,}"),
         f"of {late.rows_of:,}; {late.ignored_rows:,} of them without effect"),
        ("fills by late rows", field("session.late.fills", late.fills, f"{late.fills:,}"),
         f"of {report.fills.count:,} fills"),
        *_times("request to answer", "session.answer_s", found.answer_s, 1.0),
        *_times("packet to intents", "session.step_us", found.step_us, 1e-6),
        ("taken up again", field("session.resumed", found.resumed, str(found.resumed)), "times"),
    ]  # fmt: skip
    for name, value in (found.journal or {}).items():
        rows.append((f"journal: {name}", value if value is not None else "–", ""))
    parts: list[object] = [
        tag("h3", "The session"),
        tag("p", f"{told}: the simulated exchange knew a block once the feed had shown it and "
            f"{found.hold_back_ms:g} ms had passed.", class_="words"),
        table(("", "", ""), rows, remark=True),
    ]  # fmt: skip
    if found.under_tape is not None:
        parts += _beside(report, found, folder)
    return tag("div", *parts, id="session")


def _times(
    name: str, path: str, values: dict[str, float | None], unit: float
) -> list[tuple[object, ...]]:
    shown = [
        (key, field(f"{path}.{key}", value, "–" if value is None else short(value * unit)))
        for key, value in values.items()
    ]
    return [(f"{name}, {key}", text, "") for key, text in shown]


def short(seconds: float) -> str:
    """A duration, down to microseconds.

    >>> short(0.0000123), short(0.25)
    ('12.3 µs', '250 ms')
    """
    if 0 < seconds < 0.001:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else duration(seconds)


def _beside(report: Report, found: Session, folder: str) -> list[object]:
    """Own figures beside those of the same session under `knowledge: tape`."""
    other = found.under_tape
    assert other is not None
    net, theirs = report.profit.net, other.net
    money = decimals_for([net.value, theirs.value], 4)
    own = {part.name: part.amount for part in report.profit.parts}
    tape = {part.name: part.amount for part in other.parts}
    mine = numbers([own.get(name) for name in own], 4, sign=True)
    those = numbers([tape.get(name) for name in own], 4, sign=True)
    rows: list[tuple[object, ...]] = [
        ("net", fixed(net.value, money, True),
         field("session.under_tape.net.value", theirs.value, fixed(theirs.value, money, True))),
        ("interval of net", interval(net, "profit.net", money),
         interval(theirs, "session.under_tape.net", money)),
        *((name, mine[k], those[k]) for k, name in enumerate(own)),
        ("fills", f"{report.fills.count:,}",
         field("session.under_tape.fills", other.fills, f"{other.fills:,}")),
        ("volume", f"{report.profit.volume:.6g}", f"{other.volume:.6g}"),
    ]  # fmt: skip
    words = "The wait for the feed changes fills."
    if net.value is not None and theirs.value is not None:
        words = (
            f"The wait for the feed changes fills: net is {signed(net.value - theirs.value)} "
            f"{report.run.quote} beside the same session without it. With the interval of the "
            "difference:"
        )
    return [
        tag("p", words, class_="words"),
        commands([remarks.beside_command(folder)]),
        table(("", "this session", "knowledge: tape"), rows),
    ]
