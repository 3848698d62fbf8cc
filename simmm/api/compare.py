"""Two runs beside each other, from Python (docs/compare.md)."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from simmm.api.run import Run, open_run
from simmm.report.compare import Comparison
from simmm.report.compare import compare as compare_folders

PathLike = str | os.PathLike[str]


class Compared:
    """What differs between two runs, B against A.

    Attributes
    ----------
    comparison : simmm.report.compare.Comparison
        Everything, typed.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @property
    def same(self) -> bool:
        """True if both had the same fills, account and requests, bit for bit."""
        return self.comparison.same_results

    @cached_property
    def configuration(self) -> pl.DataFrame:
        """One row a value that was set differently: `path`, `a`, `b`, as texts."""
        rows = [(one.path, _text(one.a), _text(one.b)) for one in self.comparison.configuration]
        return pl.DataFrame(rows, schema=dict.fromkeys(("path", "a", "b"), pl.String), orient="row")

    @cached_property
    def figures(self) -> pl.DataFrame:
        """One row a figure: both values, B - A with its 95 % interval, and if that leaves out 0."""
        columns = ("group", "figure", "unit", "a", "b", "difference", "low", "high", "notable")
        rows = [
            (group.title, figure.name, group.unit, figure.a, figure.b,
             figure.difference.value, figure.difference.low, figure.difference.high,
             figure.notable)
            for group in self.comparison.groups
            for figure in group.figures
        ]  # fmt: skip
        kinds = [pl.String] * 3 + [pl.Float64] * 5 + [pl.Boolean]
        return pl.DataFrame(rows, schema=dict(zip(columns, kinds, strict=True)), orient="row")

    def page(self, width: int = 80) -> str:
        """Return the comparison as the terminal shows it, as plain text of `width` columns."""
        import io

        from rich.console import Console

        from simmm.report.compare.terminal import render

        text = io.StringIO()
        console = Console(file=text, width=width, color_system=None, force_jupyter=False)
        render(self.comparison, console)
        return text.getvalue()

    def save(self, path: PathLike) -> Path:
        """Write the comparison as one offline HTML page and return its path.

        Raises
        ------
        RunError
            The file can't be written.
        """
        from simmm.report.compare import page

        target = Path(path)
        page.write(target, self.comparison)
        return target

    def __repr__(self) -> str:
        set_apart = [f"{path}: {a} → {b}" for path, a, b in self.configuration.iter_rows()] or [
            "configured alike"
        ]
        return "\n".join([*set_apart, *self.comparison.verdict.sentences])


def compare(a: Run | PathLike, b: Run | PathLike) -> Compared:
    """Compare two finished runs, B against A.

    Parameters
    ----------
    a, b
        Runs, folders of runs, or their names under ``runs/``.

    Raises
    ------
    RunError
        A run can't be read.

    Examples
    --------
    >>> import simmm
    >>> one = simmm.backtest("cascade", end="00:08:00")
    >>> two = simmm.backtest("cascade", end="00:08:00", set={"strategy.gamma": 500})
    >>> found = simmm.compare(one, two)
    >>> found.same, found.configuration.row(0)
    (False, ('strategy.gamma', '10000.0', '500.0'))
    """
    runs = [one if isinstance(one, Run) else open_run(one) for one in (a, b)]
    return Compared(compare_folders(runs[0].folder, runs[1].folder))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
