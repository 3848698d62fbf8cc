"""The blocks that the page of a session is made of, each with as many lines whatever it holds.

A block is a list of lines; `beside` puts blocks next to each other and cuts and fills them up to
their widths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from simmm.report.terminal.parts import FAINT, GAIN, HEAD, LOSS, style_of, waterfall
from simmm.report.words import decimals_for, fixed, percent
from simmm.session.snapshot import Belief, OwnQuote, Snapshot
from simmm.session.view_plain import (
    UNKNOWN,
    age,
    bytes_text,
    count,
    fitted,
    middle,
    spread_bps,
)

GAP = 2  # columns between blocks
_BELIEFS = 3
_SECOND_NS = 1_000_000_000

Cell = tuple[str, str]  # text and style


def ladder(snapshot: Snapshot, width: int, depth: int) -> list[Text]:
    """Own quotes above and below the market, nearest to it first, with their queue places."""
    columns = _ladder_columns(width)
    heads = {name: (name, FAINT) for name in columns}
    heads |= {"name": ("Quotes", HEAD), "bar": ("place", FAINT)}
    mid = middle(snapshot)
    asks = sorted((q for q in snapshot.quotes if q.side < 0), key=lambda q: (q.px, -q.age_s))
    bids = sorted((q for q in snapshot.quotes if q.side > 0), key=lambda q: (-q.px, -q.age_s))
    above = [_own(snapshot, columns, quote, mid) for quote in reversed(asks[:depth])]
    below = [_own(snapshot, columns, quote, mid) for quote in bids[:depth]]
    above = above or [_row(columns, {"name": ("no asks", FAINT)})]
    below = below or [_row(columns, {"name": ("no bids", FAINT)})]
    blank = [Text("") for _ in range(depth)]
    return [
        _row(columns, heads),
        *blank[len(above) :],
        *above,
        _market(snapshot, columns, -1, len(asks) - depth),
        _mid(snapshot, columns, mid),
        _market(snapshot, columns, 1, len(bids) - depth),
        *below,
        *blank[len(below) :],
    ]


def _ladder_columns(width: int) -> dict[str, int]:
    """Columns and their widths; what matters less is left out on narrow screens."""
    columns = {"name": 7, "price": 14, "bps": 7, "left": 9, "ahead": 9, "of": 2, "shown": 9,
               "bar": 8, "age": 7}  # fmt: skip
    for name in ("bps", "age", "bar"):
        if _taken(columns) > width:
            del columns[name]
    if "bar" in columns:
        columns["bar"] += min(12, max(0, width - _taken(columns)))
    return columns


def _taken(columns: Mapping[str, int]) -> int:
    return sum(columns.values()) + len(columns) - 1


def _row(columns: Mapping[str, int], cells: Mapping[str, Cell]) -> Text:
    line = Text()
    for at, (name, width) in enumerate(columns.items()):
        text, style = cells.get(name, ("", ""))
        text = text.ljust(width) if name in ("name", "of", "bar") else text.rjust(width)
        line.append(" " if at else "").append(text, style=style)
    return line


def _own(snapshot: Snapshot, columns: Mapping[str, int], own: OwnQuote, mid: float | None) -> Text:
    style = GAIN if own.side > 0 else LOSS
    distance = 1e4 * (own.px - mid) / mid if mid else None
    share = None
    if own.ahead is not None:
        share = own.ahead / own.shown if own.shown else float(own.ahead > 0)
    place = "unseen" if share is None else bar(share, columns.get("bar", 0))
    cells = {
        "name": ("own bid" if own.side > 0 else "own ask", style),
        "price": (_price(own.px, snapshot.price_decimals), ""),
        "bps": (fitted(distance, 7, 2, sign=True), ""),
        "left": (fitted(own.leaves, 9, snapshot.size_decimals), ""),
        "ahead": (_size(snapshot, own.ahead), ""),
        "of": ("of", FAINT),
        "shown": (_size(snapshot, own.shown), FAINT),
        "bar": (place, FAINT if share is None else style),
        "age": (age(own.age_s), FAINT),
    }
    return _row(columns, cells)


def _market(snapshot: Snapshot, columns: Mapping[str, int], side: int, hidden: int) -> Text:
    """The market's best price of a side, and how many own quotes find no place."""
    px = snapshot.bid if side > 0 else snapshot.ask
    size = snapshot.bid_size if side > 0 else snapshot.ask_size
    cells = {
        "name": ("bid" if side > 0 else "ask", HEAD),
        "price": (_price(px, snapshot.price_decimals), HEAD),
        "left": (f"+{hidden} more" if hidden > 0 else "", FAINT),
        "shown": (_size(snapshot, size), HEAD),
    }
    return _row(columns, cells)


def _mid(snapshot: Snapshot, columns: Mapping[str, int], mid: float | None) -> Text:
    line = _row(
        {"name": columns["name"], "price": columns["price"]},
        {"name": ("mid", FAINT), "price": (_price(mid, snapshot.price_decimals, 1), FAINT)},
    )
    spread = f"   spread {fitted(spread_bps(snapshot), 7, 2):>5} bps"
    seen = age(snapshot.mid_age_s)
    told = f"   seen {seen:>6}" + ("" if seen == UNKNOWN else " ago")
    return line.append(spread).append(told, style=FAINT)


def _price(value: float | None, decimals: int, more: int = 0) -> str:
    """A price in 14 columns; a mid has a decimal more, and room for it is kept on the others."""
    if value is None:
        return UNKNOWN.ljust(1 + decimals + (decimals > 0) + 1 + (decimals == 0))
    if more:
        return fitted(value, 14, decimals + more)
    return fitted(value, 12, decimals) + (" " if decimals else "  ")


def _size(snapshot: Snapshot, value: float | None) -> str:
    return fitted(value, 9, min(4, snapshot.size_decimals))


def money(snapshot: Snapshot, width: int) -> list[Text]:
    """Position against its limit, and the P&L split as a waterfall."""
    limit = f"±{fitted(snapshot.max_position, 8, min(4, snapshot.size_decimals))}"
    held = fitted(snapshot.position, 12, snapshot.size_decimals, sign=True)
    held_bar = _balance(snapshot.position, snapshot.max_position, width - len(limit) - 23)
    lines = [
        rule(f"Position; P&L in {clean(snapshot.quote)} and bps", width),
        Text.assemble(f"position {held:>12} ", held_bar, " ", (limit, FAINT)),
    ]
    names = ("spread", "adverse", "holding", "fees", "net")
    values = [snapshot.spread, snapshot.adverse, snapshot.holding, snapshot.fees, snapshot.net]
    finite = [value if math.isfinite(value) else 0.0 for value in values]
    places = max(2, decimals_for(finite))
    bars = waterfall(finite[:4], max(4, width - 31))
    for name, value, drawn in zip(names, values, bars, strict=True):
        bps = 1e4 * value / snapshot.volume if snapshot.volume > 0 else None
        weight = "bold " if name == "net" else ""
        style = f"{weight}{style_of(value)}".strip()
        numbers = f"{fitted(value, 12, places, True):>12}"
        told = f" {fitted(bps, 8, 2, True):>8} "
        lines.append(Text.assemble((f"{name:<9}", weight.strip()), (numbers, style), told, drawn))
    return lines


def _balance(value: float, limit: float, width: int) -> Text:
    """A bar from zero in the middle: long solid to the right, short shaded to the left."""
    side = max(0, (width - 1) // 2)
    if limit <= 0 or not math.isfinite(value) or not side:
        return Text("│".center(max(1, width)), style=FAINT)
    share = value / limit
    cells = min(side, max(1 if value else 0, round(abs(share) * side)))
    beyond = abs(share) > 1
    right = ("█" * (cells - beyond) + "»" * beyond if value > 0 else "").ljust(side, "·")
    left = ("«" * beyond + "▒" * (cells - beyond) if value < 0 else "").rjust(side, "·")
    return Text(f"{left}│{right}".ljust(width))


def beliefs(snapshot: Snapshot, width: int) -> list[Text]:
    found = [_belief(belief, width) for belief in snapshot.beliefs[:_BELIEFS]]
    hidden = len(snapshot.beliefs) - _BELIEFS
    if hidden > 0:
        found[-1].truncate(width - 9, pad=True)
        found[-1].append(f" +{hidden} more", style=FAINT)
    return found + [Text("")] * (_BELIEFS - len(found))


def _belief(belief: Belief, width: int) -> Text:
    """A belief ± its standard deviation, both at the same power of ten."""
    value = belief.value if belief.value is not None and math.isfinite(belief.value) else None
    deviation = belief.sd if belief.sd is not None and math.isfinite(belief.sd) else None
    name = set_cell_size(clean(belief.name), 9) + " "
    if value is None:
        return Text.assemble(name, f"{UNKNOWN:<18}", (clean(belief.unit), FAINT))
    power = 0
    if value and not 0.001 <= abs(value) < 1e6:
        power = math.floor(math.log10(abs(value)))
        value, deviation = value / 10.0**power, deviation and deviation / 10.0**power
    places = decimals_for([value], 4 if power == 0 else 3)
    wide = fixed(deviation, places)
    text = f"{fixed(value, places)} ± {wide if len(wide) < 9 else fitted(deviation, 9, places)}"
    if power:
        text = f"({text})e{power}"
    unit = set_cell_size(clean(belief.unit), max(1, width - 11 - max(17, len(text))))
    return Text.assemble(name, f"{text:<17} ", (unit.rstrip(), FAINT))


def times(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Names and values; the first three suffice on a narrow screen."""
    late = percent(snapshot.late_rows / snapshot.rows if snapshot.rows else None, 2)
    step, step_99 = (fitted(us, 6, 1 if us is None or us < 1000 else 0)
                     for us in (snapshot.step_us, snapshot.step_us_99))  # fmt: skip
    return [
        ("answer", f"{age(snapshot.answer_s)} median"),
        ("step", f"{step} µs median, 99 %: {step_99}"),
        ("late rows", f"{count(snapshot.late_rows)} of {count(snapshot.rows)}, {late}"),
        ("packets", f"{count(snapshot.late_packets)} late of {count(snapshot.packets)}"),
    ]


def counts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Names and values: four on orders, four on feed and journal."""
    saved = None
    if snapshot.checkpoint_ns is not None:
        saved = max(0, snapshot.now_ns - snapshot.checkpoint_ns) / _SECOND_NS
    saved_text = UNKNOWN if saved is None else f"{age(saved)} ago"
    return [
        ("fills", count(snapshot.fills)),
        ("traded", fitted(snapshot.volume, 11, 0)),
        ("requests", count(snapshot.requests)),
        ("refused", count(snapshot.rejections)),
        ("ignored", f"{count(snapshot.ignored_rows)} rows"),
        ("gaps", count(snapshot.gaps)),
        ("journal", bytes_text(snapshot.journal_bytes)),
        ("saved", saved_text),
    ]


def listed(rows: Sequence[tuple[str, str]], width: int) -> list[Text]:
    return [Text.assemble(f"{name:<10}", value[: max(0, width - 10)])
            for name, value in rows]  # fmt: skip


def in_cells(rows: Sequence[tuple[str, str]], width: int, across: int) -> list[Text]:
    """Names and values, several in a line."""
    cell = width // across
    lines = []
    for first in range(0, len(rows), across):
        line = Text()
        for name, value in rows[first : first + across]:
            part = Text.assemble((f"{name:<8} ", FAINT), value)
            part.truncate(cell - 1, pad=True)
            line.append_text(part.append(" "))
        lines.append(line)
    return lines


def beside(blocks: Sequence[list[Text]], widths: Sequence[int]) -> list[Text]:
    """Blocks beside each other, each cut or filled up to its width."""
    lines = []
    for parts in zip_longest(*blocks):
        line = Text()
        for at, (part, width) in enumerate(zip(parts, widths, strict=True)):
            cell = Text("") if part is None else part.copy()
            cell.truncate(width, overflow="ellipsis", pad=True)
            line.append(" " * (GAP if at else 0)).append_text(cell)
        lines.append(line)
    return lines


def rule(title: str, width: int) -> Text:
    return Text.assemble((title, HEAD), (f" {'─' * max(0, width - cell_len(title) - 1)}", FAINT))


def bar(share: float, width: int) -> str:
    """A bar filled from the left; what isn't empty has at least an eighth of a cell."""
    if width < 1:
        return ""
    share = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    whole, rest = divmod(max(round(8 * share * width), 1 if share > 0 else 0), 8)
    return f"{'█' * whole}{'▏▎▍▌▋▊▉'[rest - 1] if rest else ''}".ljust(width, "·")


def clean(text: str) -> str:
    """Without line breaks and control characters, which would break the lines of the page."""
    return "".join(character if character.isprintable() else " " for character in text)


def tail(text: str, width: int) -> str:
    """The end of a text that is too long: of a path its file."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}"
