"""``simmm backtest``: run a scenario and show its report."""

import sys
from pathlib import Path
from typing import Any

import click

from simmm.cli.bars import Bars
from simmm.cli.options import load, scenario_options


@click.command()
@scenario_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the run; it must not exist yet. [default: runs/<time>-<scenario>]",
)
@click.option("--quiet", is_flag=True, help="Print the folder of the run alone.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
def backtest(out: Path | None, quiet: bool, no_progress: bool, **options: Any) -> None:
    """Run a scenario and show its report.

    SCENARIO is a path or a name, such as scenarios/cascade.yaml or cascade.
    """
    resolved = load(**options)
    from simmm.backtest import run

    show = not (quiet or no_progress) and sys.stderr.isatty()
    with Bars(show) as bars:
        folder = run(resolved, out=out, progress=bars.update if show else None, notify=bars.say)
    if quiet:
        click.echo(folder)
        return
    from rich.console import Console

    from simmm.report.terminal import render

    render(folder, Console())
