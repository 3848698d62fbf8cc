"""Sections on money: verdict, the numbers people compare, the split, the course, the hours."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simmm.report import remarks
from simmm.report.markouts import find_markout
from simmm.report.schema import SPLIT_HORIZON_S, Hour, Report
from simmm.report.terminal.parts import (
    FAINT,
    HEAD,
    is_wide,
    pairs,
    plain_table,
    reach,
    room,
    section,
    spark,
    style_of,
    waterfall,
)
from simmm.report.words import (
    aligned,
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
_PART_NAMES = {"adverse": "adverse moves"}
_MOST_HOURS = 12


def header(report: Report) -> RenderableType:
    """Which run this is, and when."""
    run = report.run
    name = str(run.strategy.get("name") or run.strategy.get("file", "")).rsplit("/", 1)[-1]
    title = Text.assemble(
        (run.scenario, HEAD), f"  {name.removesuffix('.py')} on {run.symbol} at {run.venue}"
    )
    times = (
        f"{moment(run.quote_start_ns, seconds=False)} to {moment(run.end_ns, seconds=False)} UTC: "
        f"{duration(run.hours * 3600)} of quoting, after {duration(run.warm_up_s)} of warm-up that "
        "is left out of everything below."
    )
    told = [title, Text(times, style=FAINT)]
    session, wait = remarks.paper(report), remarks.wait(report)
    if session:
        told.append(Text(f"{session}{f'; {wait}' if wait else ''}."))
    return Group(*told, Text(""))


def verdict(report: Report) -> RenderableType:
    """The verdict in words, framed."""
    said = report.verdict
    value = {"earned": 1.0, "lost": -1.0}.get(said.outcome, 0.0)
    first = Text(f"{_MARKS.get(said.outcome, '◆')} {said.sentences[0]}", style=f"bold "
                 f"{style_of(value)}".strip())  # fmt: skip
    rest = Text(" ".join(said.sentences[1:]))
    return Panel(Group(first, rest) if rest.plain else first, border_style=style_of(value) or FAINT)


def five(report: Report, console: Console) -> RenderableType:
    """Net, Sharpe ratio, drawdown, fills per hour, markout at 5 s."""
    cells = _five_cells(report)
    disagree = remarks.sharpe_beside_net(report)
    remark = [Text(disagree, style=FAINT)] if disagree else []
    if not is_wide(console):
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(style=FAINT)
        values = aligned(cell[1] for cell in cells)
        for (name, _, error, unit, sign), value in zip(cells, values, strict=True):
            table.add_row(name, Text(value, style=f"bold {style_of(sign)}".strip()), error, unit)
        return Group(table, *remark, Text(""))
    grid = Table.grid(expand=True)
    for _ in cells:
        grid.add_column(ratio=1)
    grid.add_row(
        *(
            Panel(
                Group(
                    Text.assemble((value, f"bold {style_of(sign)}".strip()), "  ", (error, FAINT)),
                    Text(unit, style=FAINT),
                ),
                title=Text(name),
                title_align="left",
                border_style=FAINT,
            )
            for name, value, error, unit, sign in cells
        )
    )
    return Group(grid, *remark, *([Text("")] if remark else []))


def _five_cells(report: Report) -> list[tuple[str, str, str, str, float]]:
    """Name, value, error, unit and sign of the five numbers."""
    net, risk, quote = report.profit.net, report.risk, report.run.quote
    money = decimals_for([net.value, risk.drawdown], 4)
    at = find_markout(report, SPLIT_HORIZON_S, "all")
    edge = at.edge if at else None
    value = edge.value if edge else None
    edge_decimals = max(2, decimals_for([value]))
    sharpe = risk.sharpe_day
    sharpe_error = "" if risk.sharpe_day_se is None else f"± {fixed(risk.sharpe_day_se, 2)} s.e."
    return [
        ("Net P&L", fixed(net.value, money, True), reach(net.low, net.high, money), quote,
         net.value or 0.0),
        ("Sharpe ratio", fixed(sharpe, 2, True), sharpe_error,
         f"per √day; per √year {fixed(risk.sharpe_year, 1, True)}", sharpe or 0.0),
        ("Drawdown", fixed(risk.drawdown, money), "", f"{quote}, deepest on samples", 0.0),
        ("Fills", fixed(report.fills.per_hour, 1), "",
         f"per hour; {report.fills.count:,} in all", 0.0),
        ("Markout 5 s", fixed(value, edge_decimals, True),
         reach(edge.low, edge.high, edge_decimals) if edge else "", "bps, before fees",
         value or 0.0),
    ]  # fmt: skip


def split(report: Report, console: Console) -> RenderableType:
    """The parts of the P&L as a waterfall."""
    profit = report.profit
    parts = [part for part in profit.parts if part.modelled or part.half_quanta]
    amounts = [part.amount for part in parts]
    net = profit.net.value or 0.0
    money = numbers([*amounts, net], 4, sign=True)
    total_bps = net / profit.notional * 1e4 if profit.notional else None
    bps = numbers([*(part.bps for part in parts), total_bps], 3, sign=True)
    width = min(60, max(12, room(console) - 38))
    bars = waterfall(amounts, width)
    table = plain_table("", "", report.run.quote, "bps", left=2)
    for row, part in enumerate(parts):
        table.add_row(_PART_NAMES.get(part.name, part.name), bars[row],
                      Text(money[row], style=style_of(part.amount)), bps[row])  # fmt: skip
    table.add_section()
    money_text = Text(money[-1], style=f"bold {style_of(net)}".strip())
    table.add_row(Text("net", style=HEAD), bars[-1], money_text, bps[-1])
    note = [
        f"The parts add up to the account exactly. bps are of the {amount(profit.notional)} "
        f"{report.run.quote} traded; adverse: the move within {profit.horizon_s:g} s of a fill, "
        "holding: the move after that."
    ]
    unmodelled = [part.name for part in profit.parts if not part.modelled]
    if unmodelled:
        note.append(f"{', '.join(unmodelled).capitalize()}: not modelled, zero.")
    note.append(closing_sentence(report))
    return section("P&L, split", table, note=" ".join(note))


def closing_sentence(report: Report) -> str:
    """What closing the final position would cost, in words."""
    close = report.profit.closing
    if close.position == 0:
        return "The run ends flat."
    held = f"The final position of {signed(close.position)}"
    if close.cost is None:
        return f"{held}: {close.note}."
    return f"{held} would cost about {amount(close.cost)} to close ({close.note}); not in net."


def course(report: Report, console: Console) -> RenderableType:
    """Net, position and price over the run, in a line each."""
    curve, width = report.curve, max(16, room(console) - 34)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style=FAINT)
    table.add_column(no_wrap=True, style=FAINT)
    for name in ("net", "position", "mid"):
        values = [float(value) for value in curve.get(name, [])]
        if not values:
            continue
        sign = name != "mid"
        ends = numbers([min(values), max(values)], 4 if sign else 6, sign)
        table.add_row(name, spark(values, width), ends[0], f"to {ends[1]}")
    risk = report.risk
    if risk.drawdown_peak_ns is not None and risk.drawdown_trough_ns is not None:
        note = (
            f"Deepest fall: {amount(risk.drawdown)} {report.run.quote} from "
            f"{moment(risk.drawdown_peak_ns)} to {moment(risk.drawdown_trough_ns)} UTC."
        )
    else:
        note = "Equity never fell below an earlier sample."
    interval = report.profit.method if report.profit.net.low is not None else report.risk.note
    return section("Course", table, note=f"{note} Interval of net, {interval}.")


def hours(report: Report) -> RenderableType:
    """Hour by hour; of a long run the best, the worst and the last."""
    shown = _chosen_hours(report.hours)
    table = plain_table("from (UTC)", "net", "fills", "traded", "fees", "position", "mid")
    net = numbers([hour.net for hour in shown], 4, sign=True)
    fees = numbers([hour.fees for hour in shown], 3)
    traded = numbers([hour.notional for hour in shown], 3)
    position = numbers([hour.position for hour in shown], 3, sign=True)
    mid = numbers([hour.mid for hour in shown], 6)
    for row, hour in enumerate(shown):
        table.add_row(moment(hour.start_ns, seconds=False)[5:],
                      Text(net[row], style=style_of(hour.net)), f"{hour.fills:,}", traded[row],
                      fees[row], position[row], mid[row])  # fmt: skip
    note = f"Money in {report.run.quote}; hours count from the first quote."
    if len(shown) < len(report.hours):
        note += (
            f" {len(shown)} of {len(report.hours)} hours: the {len(shown) // 2} best and worst; "
            "all are in report.json."
        )
    return section("Hour by hour", table, note=note)


def _chosen_hours(found: list[Hour]) -> list[Hour]:
    """All hours, or the best and worst of many, in order of time."""
    if len(found) <= _MOST_HOURS:
        return found
    ranked = sorted(range(len(found)), key=lambda at: (found[at].net, at))
    half = _MOST_HOURS // 2
    return [found[at] for at in sorted(ranked[:half] + ranked[-half:])]


def inventory(report: Report) -> RenderableType:
    """Position over time, and how long quotes rested."""
    held, quoted = report.inventory, report.quoting
    values = numbers(
        [held.mean, held.mean_absolute, held.longest, held.shortest, held.final], 3, True
    )
    limit = "" if held.limit is None else f"limit ± {held.limit:g}"
    notional = (
        "" if held.mean_absolute_notional is None
        else f"{amount(held.mean_absolute_notional)} {report.run.quote}"
    )  # fmt: skip
    rows: list[tuple[str, str, str]] = [
        ("mean", values[0], "weighted by time"),
        ("mean absolute", values[1].lstrip("+"), notional),
        ("longest", values[2], limit),
        ("shortest", values[3], ""),
        ("at the end", values[4], ""),
    ]
    for name, share in (("long", held.long_share), ("short", held.short_share),
                        ("flat", held.flat_share)):  # fmt: skip
        rows.append((f"time {name}", percent(share), ""))
    for name, value in (
        ("bid resting", quoted.bid),
        ("ask resting", quoted.ask),
        ("bid at touch", quoted.touch_bid),
        ("ask at touch", quoted.touch_ask),
    ):
        rows.append((name, percent(value), "of the time"))
    return section("Inventory and quoting", pairs(rows))
