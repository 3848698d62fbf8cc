"""``simmm init``: make a project of one's own."""

import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from simmm.cli.bars import Bars

#: What a new project holds, in the words of its owner.
TOLD = (
    ("strategies/leaning.py", "the strategy: begin here"),
    ("scenarios/", "calm and fall: markets, exchange, parameters"),
    ("datasets/", "the two generated markets"),
    ("reports/", "golden reports: what the scenarios gave just now"),
    ("tests/", "of the strategy, and of the results"),
    (".github/", "the tests on GitHub, at each push"),
    ("README.md", "what is where, and the commands of each day"),
    ("requirements.txt", "what to install elsewhere, before the tests"),
)


@click.command()
@click.argument("folder")
def init(folder: str) -> None:
    """Make a project of your own: strategy, scenarios, golden reports, tests.

    FOLDER is new or empty; "." is the current one. The scenarios are run once for the golden
    reports, which takes half a minute the first time, for compiling.
    """
    from simmm.project import make_project

    show = sys.stderr.isatty()
    with Bars(show) as bars:
        project = make_project(folder, progress=bars.update if show else None, notify=bars.say)
    click.echo(f"made {folder}: {len(project.files)} files")
    for name, what in TOLD:
        click.echo(f"  {name:<22} {what}")
    click.echo("\nnext:")
    commands = _next(folder, project.folder)
    width = max(22, *(len(command) for command, _ in commands[-3:]))
    for command, what in commands:
        click.echo(f"  {command:<{width}} {'# ' + what if what else ''}".rstrip())


def _next(folder: str, place: Path) -> list[tuple[str, str]]:
    commands = [] if place == Path(os.getcwd()) else [(f"cd {shlex.quote(folder)}", "")]
    if find_spec("pytest") is None:
        commands.append(("python -m pip install pytest", "isn't installed here"))
    return [
        *commands,
        ("python -m pytest", "is everything as it was made?"),
        ("simmm backtest fall", "run a scenario and read its report"),
    ]
