"""What estimators cost, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from simmm.estimators.observation import KINDS
from simmm.report.terminal.parts import FAINT, HEAD, LOSS, plain_table, section
from simmm.report.words import fixed
from simmm.study.cost import Cost, Costs

_UNBOUNDED = 1_000
#: Short words for kinds, where theirs is long.
_HEADS = {"AGGRESSOR": "aggr.", "CONTEXT": "context"}


def render(found: Costs, console: Console) -> None:
    """Show costs on `console`: one table on a wide screen, two or three where it would not fit."""
    heard = [kind for kind in KINDS if any(kind in cost.update for cost in found.costs)]
    tables = [_table(found, heard, True)]
    if not _fits(tables[0], console):
        half = heard if _fits(_table(found, heard, False), console) else heard[: len(heard) // 2]
        tables = [_table(found, [], True), _table(found, half, False)]
        if half is not heard:
            tables.append(_table(found, heard[len(half) :], False))
    mix = ", ".join(f"{kind.lower()} {count:g}" for kind, count in found.mix.items() if count)
    over = [cost.estimator for cost in found.costs if cost.per_row > found.limit]
    note = (
        "ns. By kind: one update; read: one reading of the beliefs. row: all of it per tape row, "
        f"trade: per aggressor, with so many observations per row: {mix}. Limit: "
        f"{found.limit:g} ns a row for one estimator{_listed(over)}. The quickest of several "
        "turns; on a busy computer all are slower."
    )
    console.print(section("What estimators cost", *tables, note=note))


def _fits(table: Table, console: Console) -> bool:
    needs = console.measure(table, options=console.options.update(max_width=_UNBOUNDED))
    return needs.minimum <= console.width


def _listed(over: list[str]) -> str:
    return f"; over it: {', '.join(over)}" if over else ""


def _table(found: Costs, heard: Sequence[str], sums: bool) -> Table:
    """Costs by the kinds `heard`, with `sums` also per row and trade, of which no figure is cut."""
    heads = [*(_HEADS.get(kind, kind.lower()) for kind in heard), *(["read"] if heard else [])]
    table = plain_table("", "", *heads, *(("row", "trade", "") if sums else ()), left=2)
    table.collapse_padding = True
    for cost in found.costs:
        cells = [_ns(cost.update.get(kind)) for kind in heard]
        cells += [_ns(cost.read)] if heard else []
        ends = (fixed(cost.per_row, 1), _ns(cost.per_trade), _verdict(cost, found.limit))
        table.add_row(Text(cost.row, style=FAINT), cost.estimator, *cells, *(ends if sums else ()))
    if sums:
        table.add_row("", Text("all", style=HEAD), *("" for _ in heads), fixed(found.per_row, 1),
                      _ns(found.per_trade), "")  # fmt: skip
    for column in table.columns:
        width = max(_width(cell) for cell in (column.header, *column.cells))
        column.min_width = width
    return table


def _width(cell: RenderableType) -> int:
    """Columns that a cell takes."""
    return Text(cell).cell_len if isinstance(cell, str) else getattr(cell, "cell_len", 0)


def _ns(value: float | None) -> str:
    if value is None:
        return ""
    return fixed(value, 0 if value >= 10 else 1)


def _verdict(cost: Cost, limit: float) -> Text:
    return Text("over", style=LOSS) if cost.per_row > limit else Text("")
