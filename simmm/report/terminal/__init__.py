"""The report as a page of text, for 80 columns and for wide screens.

`render` writes to any `rich` console; the width is the console's. Nothing is computed here that
changes a figure: what is shown stands in `report.json`.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from simmm.report.build import load
from simmm.report.schema import Report
from simmm.report.terminal import account, activity, context, profit
from simmm.report.terminal.estimators import estimators
from simmm.report.terminal.parts import side_by_side
from simmm.report.terminal.session import session

__all__ = ["render"]


def render(run: Report | str | Path, console: Console, folder: str | Path | None = None) -> None:
    """Show a report on `console`.

    Parameters
    ----------
    run : Report, str or Path
        A report as `simmm.report.build` or `load` return it, or the folder of a run.
    console : rich.console.Console
        Its width decides between one column of sections and two.
    folder : str or Path, optional
        The run folder, shown at the end; not needed if `run` is one.

    Raises
    ------
    RunError
        The folder cannot be read as a run, or its P&L does not add up.
    """
    if isinstance(run, Report):
        report = run
    else:
        report, folder = load(run), run
    console.print(profit.header(report))
    console.print(profit.verdict(report))
    console.print(profit.five(report, console))
    for left, right in (
        (profit.split(report, console), profit.course(report, console)),
        (activity.markouts(report), activity.queue(report)),
        (activity.orders(report), profit.inventory(report)),
        (account.predictions(report), account.account(report)),
        (account.refusals(report), account.latency(report)),
        (profit.hours(report), activity.calibration(report)),
        (estimators(report), context.unknowns(report)),
    ):
        console.print(side_by_side(console, left, right))
    console.print(context.configuration(report))
    behind = session(report, None if folder is None else str(folder))
    if behind is not None:
        console.print(behind)
    console.print(context.identity(report, None if folder is None else str(folder)))
