"""A study of fills as a page of text, for 80 columns and for wide screens."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.console import Group as Stack
from rich.panel import Panel
from rich.text import Text

from simmm.report.terminal.parts import (
    FAINT,
    HEAD,
    plain_table,
    room,
    section,
    side_by_side,
    style_of,
)
from simmm.report.words import duration, fixed, moment, numbers, percent
from simmm.study.fills import FillStudy, Result

_LEAST_TRACK = 12
_MOST_TRACK = 100


def render(study: FillStudy, console: Console) -> None:
    """Show a study on `console`."""
    console.print(header(study))
    console.print(verdict(study))
    console.print(nets(study, console))
    console.print(side_by_side(console, parts(study, console), activity(study)))


def header(study: FillStudy) -> RenderableType:
    """Which scenario this is, and what was changed."""
    title = Text.assemble(
        (study.scenario, HEAD), f"  {study.strategy} on {study.symbol} at {study.venue}"
    )
    extra = ", ".join(f"{ms:g} ms" for ms in study.extra_latency_ms if ms)
    told = (
        f"{moment(study.start_ns, False)} to {moment(study.end_ns, False)} UTC, "
        f"{duration(study.hours * 3600)} of quoting, under {len(study.models)} queue models"
        + (f", with requests and answers as they are and slower by {extra}." if extra else ".")
    )
    return Stack(title, Text(told, style=FAINT), Text(""))


def verdict(study: FillStudy) -> RenderableType:
    """The answer in words, framed."""
    first, *rest = study.sentences
    body = [Text(f"◆ {first}", style="bold"), *(Text(one) for one in rest)]
    return Panel(Stack(*body), border_style=FAINT)


def nets(study: FillStudy, console: Console) -> RenderableType:
    """Net of each run with its interval on one axis, and how far it is from the own model's."""
    shown = _ordered(study)
    net = numbers([one.net.value for one in shown], 4, sign=True)
    reach = numbers([_half(one.net.low, one.net.high) for one in shown], 4)
    apart = numbers([one.apart.value for one in shown], 4, sign=True)
    apart_reach = numbers([_half(one.apart.low, one.apart.high) for one in shown], 4)
    names = max(len(_name(one).plain) for one in shown)
    figures = sum(max(map(len, column)) for column in (net, reach, apart_reach))
    space = console.width - names - figures - max(len("beside own"), *map(len, apart)) - 12
    track = max(_LEAST_TRACK, min(_MOST_TRACK, space))
    table = plain_table("", "", "net", "±", "beside own", "±", left=2)
    table.collapse_padding = True
    axis = _axis(study)
    for k, one in enumerate(shown):
        table.add_row(
            _name(one), _track(one, axis, track), Text(net[k], style=style_of(one.net.value)),
            Text(reach[k], style=FAINT), "" if one.own else apart[k],
            Text("" if one.own else apart_reach[k], style=FAINT),
        )  # fmt: skip
    if study.draws is not None:
        table.add_row(*_seeds(study, axis, track))
    later = " ○ with extra latency." if len(study.extra_latency_ms) > 1 else ""
    seeds = " · the own model with other seeds." if study.draws is not None else ""
    note = (
        f"{study.quote}. ● net{' as the scenario has it,' if later else '.'}{later}{seeds} Lines "
        "are 95 % intervals of net. "
        f"beside own: less the net under {study.own_model} at the same latency, paired: both saw "
        "the same market, so what moved both cancels."
    )
    return section("Net P&L by queue model", table, note=note)


def parts(study: FillStudy, console: Console) -> RenderableType:
    """The parts of net of each run, and its edge where there is room for it."""
    shown = _ordered(study)
    names = [name for name in shown[0].parts if any(one.parts.get(name) for one in shown)]
    columns = {name: numbers([one.parts.get(name) for one in shown], 4, True) for name in names}
    edge = {
        "net bps": numbers([one.edge_bps for one in shown], 3, sign=True),
        "markout": numbers([one.markout_5s.value for one in shown], 3, sign=True),
        "±": numbers([_half(one.markout_5s.low, one.markout_5s.high) for one in shown], 3),
    }
    note = f"{study.quote}; adverse: the moves after fills."
    widths = [max(len(name), *map(len, cells)) + 1 for name, cells in (columns | edge).items()]
    if sum(widths) + max(len(_name(one).plain) for one in shown) + 1 <= room(console):
        columns |= edge
        note += " Net bps are of what was traded; markout after 5 s, bps, before fees."
    table = plain_table("", *columns)
    table.collapse_padding = True
    for k, one in enumerate(shown):
        cells = [
            Text(values[k], style=style_of(one.parts.get(name))) for name, values in columns.items()
        ]
        table.add_row(_name(one), *cells)
    return section("Where it comes from", table, note=note)


def activity(study: FillStudy) -> RenderableType:
    """Fills, fill rate and turnover of each run."""
    shown = _ordered(study)
    table = plain_table("", "fills", "per hour", "of orders", "traded", "drawdown", "Sharpe √day")
    traded = numbers([one.turnover for one in shown], 4)
    deepest = numbers([one.drawdown for one in shown], 4)
    sharpe = numbers([one.sharpe_day for one in shown], 3, sign=True)
    for k, one in enumerate(shown):
        table.add_row(
            _name(one), f"{one.fills:,}", fixed(one.fills_per_hour, 1), percent(one.fill_ratio),
            traded[k], deepest[k], sharpe[k],
        )  # fmt: skip
    note = "Which model comes nearest to real fills is a matter of evidence: simmm validate fills."
    return section("Fills", table, note=note)


def _seeds(study: FillStudy, axis: tuple[float, float], width: int) -> list[RenderableType]:
    """Runs of the own model with other seeds, all on one line."""
    low, high = axis
    cells = list(" " * width)
    scale = (width - 1) / (high - low) if high > low else 0.0
    cells[max(0, min(width - 1, round(-low * scale)))] = "│"
    for one in study.seeds:
        cells[max(0, min(width - 1, round(((one.net.value or 0.0) - low) * scale)))] = "·"
    return [Text("other seeds", style=FAINT), Text("".join(cells)), "", "", "", ""]


def _ordered(study: FillStudy) -> list[Result]:
    """By net without extra latency, the least first; latencies of a model together."""
    rank = {one.model: one.net.value or 0.0 for one in study.results if not one.extra_latency_ms}
    return sorted(study.results, key=lambda one: (rank[one.model], one.model, one.extra_latency_ms))


def _name(one: Result) -> Text:
    if one.extra_latency_ms:
        return Text(f"  +{one.extra_latency_ms:g} ms", style=FAINT)
    return Text(f"{one.model} (own)" if one.own else one.model, style=HEAD if one.own else "")


def _half(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else (high - low) / 2


def _axis(study: FillStudy) -> tuple[float, float]:
    """What the tracks reach from and to: all nets, zero, and intervals up to as much again."""
    values = [one.net.value or 0.0 for one in (*study.results, *study.seeds)] + [0.0]
    low, high = min(values), max(values)
    more = (high - low) * 0.75 or 1.0
    ends = [end for one in study.results for end in (one.net.low, one.net.high) if end is not None]
    return max(min([low, *ends]), low - more), min(max([high, *ends]), high + more)


def _track(one: Result, axis: tuple[float, float], width: int) -> Text:
    """Net as a dot on its interval, with the line of zero."""
    low, high = axis
    scale = (width - 1) / (high - low) if high > low else 0.0

    def cell(value: float) -> int:
        return max(0, min(width - 1, round((value - low) * scale)))

    cells = [" "] * width
    cells[cell(0.0)] = "│"
    if one.net.low is not None and one.net.high is not None:
        first, last = cell(one.net.low), cell(one.net.high)
        for at in range(first, last + 1):
            cells[at] = "┼" if cells[at] == "│" else "─"
        if one.net.low < low:
            cells[0] = "‹"
        if one.net.high > high:
            cells[-1] = "›"
    cells[cell(one.net.value or 0.0)] = "○" if one.extra_latency_ms else "●"
    return Text("".join(cells), style=style_of(one.net.value))
