"""The pieces that every section of the terminal page is made of.

Gains and losses differ by sign and by the texture of bars; colour (blue and orange, which
colour-blind people can tell apart, on light and dark screens) only repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from simmm.report.words import aligned, fixed

GAIN = "color(32)"
LOSS = "color(166)"
FAINT = "bright_black"
HEAD = "bold"

_STEPS = "▁▂▃▄▅▆▇█"


def style_of(value: float | None) -> str:
    """Colour of a gain or loss."""
    if value is None or value == 0:
        return ""
    return GAIN if value > 0 else LOSS


def section(title: str, *body: RenderableType, note: str = "") -> Group:
    """A heading with a line, what stands under it, and a faint remark."""
    parts: list[RenderableType] = [
        Rule(Text(title, style=HEAD), align="left", style=FAINT, characters="─"),
        *body,
    ]
    if note:
        parts.append(Text(note, style=FAINT))
    parts.append(Text(""))
    return Group(*parts)


def plain_table(*columns: str, left: int = 1) -> Table:
    """A table without frames: the first `left` columns to the left, numbers to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style=FAINT, border_style=FAINT,
                  show_edge=False, padding=(0, 1))  # fmt: skip
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at < left else "right", no_wrap=True)
    return table


def pairs(rows: Sequence[tuple[str, str, str]]) -> Table:
    """Rows of a name, a number and a remark; decimal points stand in line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="left", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="left", style=FAINT)
    values = aligned(value for _, value, _ in rows)
    for (name, _, remark), value in zip(rows, values, strict=True):
        table.add_row(name, value, remark)
    return table


def side_by_side(console: Console, left: RenderableType, right: RenderableType) -> RenderableType:
    """Two sections beside each other on a wide screen, else one under the other."""
    if not is_wide(console):
        return Group(left, right)
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(left, right)
    return grid


def is_wide(console: Console) -> bool:
    """Wide enough for two columns."""
    return console.width >= 130


def room(console: Console) -> int:
    """Columns that one section has."""
    return (console.width - 4) // 2 if is_wide(console) else console.width


def reach(low: float | None, high: float | None, decimals: int) -> str:
    """Half the width of an interval, as ± so much; empty without one."""
    if low is None or high is None:
        return ""
    return f"± {fixed((high - low) / 2, decimals)}"


def spark(values: Sequence[float], width: int) -> str:
    """A curve in one line; each character is the mean of its stretch."""
    count = len(values)
    if not count or width < 1:
        return ""
    width = min(width, count)
    means = []
    for k in range(width):
        part = values[k * count // width : max((k + 1) * count // width, k * count // width + 1)]
        means.append(sum(part) / len(part))
    low, high = min(means), max(means)
    if high <= low:
        return _STEPS[3] * width
    last = len(_STEPS) - 1
    return "".join(_STEPS[round((value - low) / (high - low) * last)] for value in means)


def waterfall(steps: Sequence[float], width: int) -> list[Text]:
    """Bars of a waterfall: each step begins where the one before ended, the last line is the sum.

    Gains are solid, losses shaded; the zero line is drawn through.
    """
    ends, reached = [], 0.0
    for step in steps:
        ends.append((reached, reached + step))
        reached += step
    ends.append((0.0, reached))
    low = min(0.0, *(min(pair) for pair in ends))
    high = max(0.0, *(max(pair) for pair in ends))
    scale = (width - 1) / (high - low) if high > low else 0.0
    zero = round(-low * scale)
    bars = []
    for start, end in ends:
        cells = [" "] * width
        cells[zero] = "│"
        first, last = sorted((round((start - low) * scale), round((end - low) * scale)))
        if end != start:
            last = max(last, first + 1)
            mark = "█" if end > start else "▒"
            for cell in range(min(first, width - 1), min(last, width)):
                cells[cell] = mark
        bars.append(Text("".join(cells), style=style_of(end - start)))
    return bars
