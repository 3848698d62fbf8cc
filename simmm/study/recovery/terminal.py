"""Scores of estimators as a page of text, for 80 columns and for wide screens."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simmm.estimators.catalogue import estimator
from simmm.report.terminal.parts import FAINT, HEAD, LOSS, is_wide, section
from simmm.report.words import fixed, percent
from simmm.study.recovery.scores import Accuracy, CaseScore, Recovery
from simmm.study.recovery.words import (
    KINDS,
    alarm_sentence,
    figures,
    lag_sentence,
    share_range,
    summary,
    told,
)

_NARROW = ("bias", "±", "eff.", "50 %", "95 %", "range", "width", "")
_WIDE = ("truth", "bias", "±", "RMSE", "eff.", "±", "apart", "50 %", "range", "95 %", "range",
         "width", "shrinks", "silent", "")  # fmt: skip
_NAME = (20, 30)
_CELLS = {
    "": 12,
    "±": 7,
    "bias": 8,
    "eff.": 5,
    "50 %": 4,
    "95 %": 5,
    "width": 5,
    "truth": 9,
    "RMSE": 8,
    "shrinks": 7,
}
_NOTE = (
    "bias ±: of the value, with its 95 % error; % are of the truth. eff.: ideal variance over "
    "mean squared error. 50 %, 95 %: how often the interval held the truth, range: where that "
    "share lies. width: mean of the 95 % interval over the ideal one."
)
_NOTE_WIDE = (
    " apart: RMSE against the best possible belief, in its deviations. shrinks: the width goes by "
    "the number of observations to this power. silent: worlds in which nothing was said."
)


def render(found: Recovery, console: Console) -> None:
    """Show scores on `console`."""
    wide = is_wide(console)
    console.print(
        Text.assemble(("Recovery", HEAD), f"  {found.seeds} worlds of each case, seeds from 0")
    )
    first, *rest = summary(found)
    body = [Text(f"◆ {first}", style="bold"), *(Text(one) for one in rest)]
    console.print(Panel(Group(*body), border_style=FAINT))
    for name, scores in groupby(found.scores, key=lambda one: one.estimator):
        console.print(_estimator(name, list(scores), wide))
    console.print(Text(_NOTE + (_NOTE_WIDE if wide else ""), style=FAINT))


def _estimator(name: str, scores: list[CaseScore], wide: bool) -> RenderableType:
    body: list[RenderableType] = [_head(wide)]
    for one in scores:
        words = Text.assemble((one.case, HEAD), f"  {KINDS[one.kind]}: {one.doc}")
        body.append(words)
        if one.beliefs:
            body.append(_table(one, wide))
        lines = [lag_sentence(lag) for lag in one.lags]
        if one.alarms is not None:
            lines.append(alarm_sentence(one.alarms))
        body += [Padding(Text(line), (0, 0, 0, 2)) for line in lines]
    note = f"Approximate: {scores[0].approximate}" if scores[0].approximate else ""
    return section(f"{scores[0].row}  {estimator(name).name}", *body, note=note)


def _grid(wide: bool) -> Table:
    """A table whose columns are as wide in each case, so that they stand in line."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=_NAME[wide], no_wrap=True, overflow="ellipsis")
    for name in _WIDE if wide else _NARROW:
        justify = "left" if name in ("", "range") else "right"
        table.add_column(width=_CELLS.get(name, 6), justify=justify, no_wrap=True)  # type: ignore[arg-type]
    return table


def _head(wide: bool) -> Table:
    table = _grid(wide)
    table.add_row("", *(Text(name, style=FAINT) for name in (_WIDE if wide else _NARROW)))
    return table


def _table(score: CaseScore, wide: bool) -> Table:
    table = _grid(wide)
    for one in score.beliefs:
        table.add_row(f"  {one.belief}", *(_wide(one) if wide else _narrow(one)))
    return table


def _narrow(one: Accuracy) -> list[str | Text]:
    return [*_bias(one), _number(one.efficiency), _covered(one, False), *_covered_95(one),
            _number(one.width), _verdict(one)]  # fmt: skip


def _wide(one: Accuracy) -> list[str | Text]:
    inner = one.covered_50
    return [
        figures(one.truth), *_bias(one), _scaled(one, one.rmse), _number(one.efficiency),
        "" if one.efficiency_error is None else fixed(1.96 * one.efficiency_error, 2),
        _number(one.apart), _covered(one, False), "" if inner is None else share_range(inner),
        *_covered_95(one), _number(one.width), _number(one.shrinks), str(one.silent or ""),
        _verdict(one),
    ]  # fmt: skip


def _bias(one: Accuracy) -> tuple[str, str]:
    error = None if one.bias_error is None else 1.96 * one.bias_error
    return _scaled(one, one.bias, True), "" if error is None else _scaled(one, error)


def _scaled(one: Accuracy, value: float | None, sign: bool = False) -> str:
    if value is None:
        return ""
    return f"{fixed(100 * value, 2, sign)} %" if one.relative else figures(value, sign)


def _number(value: float | None) -> str:
    return "" if value is None else fixed(value, 2)


def _covered(one: Accuracy, outer: bool) -> str:
    share = one.covered_95 if outer else one.covered_50
    return "" if share is None or not share.of else percent(share.value, 0).replace(" %", "")


def _covered_95(one: Accuracy) -> tuple[str, str]:
    share = one.covered_95
    if share is None or not share.of:
        return "", ""
    return fixed(100 * share.count / share.of, 1), share_range(share)


def _verdict(one: Accuracy) -> Text:
    words = told(one)
    return Text(words, style=LOSS if words.startswith("too") else "")
