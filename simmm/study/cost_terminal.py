"""What estimators cost, as a table for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from simmm.estimators.observation import KINDS
from simmm.report.terminal.parts import FAINT, HEAD, LOSS, plain_table, section
from simmm.report.words import fixed
from simmm.study.cost import Cost, Costs


def render(found: Costs, console: Console) -> None:
    """Show costs on `console`."""
    heard = [kind for kind in KINDS if any(kind in cost.update for cost in found.costs)]
    table = plain_table("", "", *(kind.lower()[:6] for kind in heard), "read", "row", "trade", "",
                        left=2)  # fmt: skip
    table.collapse_padding = True
    for cost in found.costs:
        cells = [_ns(cost.update.get(kind)) for kind in heard]
        table.add_row(
            Text(cost.row, style=FAINT), cost.estimator, *cells, _ns(cost.read),
            fixed(cost.per_row, 1), _ns(cost.per_trade), _verdict(cost, found.limit),
        )  # fmt: skip
    table.add_row(
        "", Text("all", style=HEAD), *("" for _ in heard), "", fixed(found.per_row, 1),
        _ns(found.per_trade), "",
    )  # fmt: skip
    mix = ", ".join(f"{kind.lower()} {count:g}" for kind, count in found.mix.items() if count)
    note = (
        "ns. By kind: one update; read: one reading of the beliefs. row: all of it per tape row, "
        f"trade: per aggressor, with so many observations per row: {mix}. Limit: "
        f"{found.limit:g} ns a row for one estimator. The quickest of several turns; on a busy "
        "computer all are slower."
    )
    console.print(section("What estimators cost", table, note=note))


def _ns(value: float | None) -> str:
    if value is None:
        return ""
    return fixed(value, 0 if value >= 10 else 1)


def _verdict(cost: Cost, limit: float) -> Text:
    return Text("over", style=LOSS) if cost.per_row > limit else Text("")
