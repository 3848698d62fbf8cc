"""The section of a run whose exchange learns from the feed."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from simmm.report.remarks import beside_command
from simmm.report.schema import OtherKnowledge, Report, Session
from simmm.report.terminal.parts import pairs, plain_table, reach, section
from simmm.report.words import decimals_for, numbers


def session(report: Report, folder: str | None = None) -> RenderableType | None:
    """Late rows, answers, the journal, and the figures under `knowledge: tape`; None without."""
    facts = report.session
    if facts is None:
        return None
    parts: list[RenderableType] = [pairs(_rows(facts))]
    note = (
        f"The exchange believed a block complete {facts.hold_back_ms:g} ms after the feed had "
        "shown a newer one; no fill was told earlier. Late: rows of a block that was believed "
        "already."
    )
    if facts.under_tape is not None:
        parts += [Text(""), _beside(report, facts.under_tape)]
        parts.append(Text("Both in full, with the interval of the difference:"))
        parts.append(Text(beside_command(folder or "RUN"), overflow="fold"))
        note += " tape: the same session where notices come at their own latency alone."
    return section("Behind a live feed", Group(*parts), note=note)


def _rows(facts: Session) -> list[tuple[str, str, str]]:
    late = facts.late
    rows = []
    if facts.feed is not None:
        pace = "as fast as it went" if facts.speed is None else f"at speed {facts.speed:g}"
        ended = ", interrupted" if facts.interrupted else ""
        rows.append(("feed", "", f"{facts.feed}, {pace}{ended}"))
    share = f", {late.rows / late.rows_of * 100:.2g} %" if late.rows_of else ""
    rows.append(
        (
            "late rows",
            f"{late.rows:,}",
            f"of {late.rows_of:,}{share}; {late.ignored_rows:,} ignored",
        )
    )
    rows.append(("late packets", f"{late.packets:,}", f"of {late.packets_of:,}"))
    rows.append(("fills by late rows", f"{late.fills:,}", ""))
    answer = facts.answer_s
    if answer.get("median") is not None:
        rows.append(
            (
                "request to answer",
                f"{answer['median']:.2f}",
                f"s, median; 99 % {answer['p99']:.2f}, longest {answer['max']:.2f}",
            )
        )
    step = facts.step_us
    if step.get("median") is not None:
        rows.append(
            ("packet to intents", f"{step['median']:.0f}", f"µs, median; 99 % {step['p99']:.0f}")
        )
    if facts.journal is not None:
        digest = str(facts.journal.get("digest", ""))[:16]
        rows.append(("journal", f"{facts.journal['records']:,}", f"records, digest {digest}"))
    if facts.resumed:
        rows.append(("taken up again", f"{facts.resumed:,}", "times"))
    return rows


def _beside(report: Report, other: OtherKnowledge) -> RenderableType:
    table = plain_table(report.run.quote, "this session", "±", "tape", "±", "difference")
    own = report.profit
    names = ["net", *(part.name for part in own.parts)]
    here = [own.net.value, *(part.amount for part in own.parts)]
    there = [other.net.value, *(part.amount for part in other.parts)]
    gaps = [None if a is None or b is None else a - b for a, b in zip(here, there, strict=True)]
    decimals = decimals_for([*here, *there], 3)
    for k, (name, a, b, gap) in enumerate(
        zip(names, numbers(here, sign=True), numbers(there, sign=True), numbers(gaps, sign=True),
            strict=True)
    ):  # fmt: skip
        plus, minus = own.net, other.net
        table.add_row(
            name,
            a,
            reach(plus.low, plus.high, decimals).removeprefix("± ") if k == 0 else "",
            b,
            reach(minus.low, minus.high, decimals).removeprefix("± ") if k == 0 else "",
            gap,
        )
    fills = report.fills.count
    table.add_row("fills", f"{fills:,}", "", f"{other.fills:,}", "", f"{fills - other.fills:+,}")
    return table
