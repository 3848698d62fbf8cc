"""``simmm golden``: compare what scenarios give with the golden reports, or renew those."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simmm.errors import ScenarioError

if TYPE_CHECKING:
    from rich.console import Console

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Folder with scenarios/ and reports/. [default: the project here, else simmm's own]",
)
_ALL = click.option("--all", "everything", is_flag=True, help="Show every differing figure.")
_MOST = 30


@click.group("golden")
def golden_group() -> None:
    """Compare results with the golden reports, and renew them.

    A golden report is reports/<scenario>.json. Exit codes: 0 all same, 1 something differs or a
    run failed, 2 a wrong call or a golden report that is missing.
    """


@golden_group.command()
@click.argument("names", nargs=-1)
@_FOLDER
@_ALL
@click.pass_context
def check(
    context: click.Context, names: tuple[str, ...], folder: Path | None, everything: bool
) -> None:
    """Run scenarios and compare each with its golden report.

    NAMES are scenarios; without them, all that have a tape.
    """
    from simmm.report import golden_runs
    from simmm.report.terminal.golden import show_outcome

    console = _console()
    statuses = []
    for outcome in golden_runs.check(golden_runs.golden_folder(folder), names, _told, _say):
        statuses.append(outcome.status)
        show_outcome(outcome, console, None if everything else _MOST)
    same = statuses.count("same")
    if same == len(statuses):
        console.print(f"{same} of {same} same")
        return
    console.print(f"{same} of {len(statuses)} same")
    if "differs" in statuses:
        console.print("If the change is meant: simmm golden update --reason TEXT")
    context.exit(1 if "differs" in statuses else 2)


@golden_group.command()
@click.argument("names", nargs=-1)
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the reports.")
@click.option("--date", metavar="DATE", help="Kept beside the reason.")
@_FOLDER
@_ALL
def update(
    names: tuple[str, ...], reason: str, date: str | None, folder: Path | None, everything: bool
) -> None:
    """Run scenarios and make what they give the golden reports.

    NAMES are scenarios; without them, all that have a tape.
    """
    from simmm.places import bundled_folder
    from simmm.report import golden_runs
    from simmm.report.terminal.golden import show_outcome

    place = golden_runs.golden_folder(folder)
    if folder is None and place == bundled_folder() and place.name == "bundled":
        raise ScenarioError(
            "no project here: golden reports are kept in the reports/ of a folder with scenarios/; "
            "go there, or name it with --folder"
        )
    console = _console()
    for outcome in golden_runs.update(place, names, reason, date, _told, _say):
        show_outcome(outcome, console, None if everything else _MOST)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _told(name: str) -> None:
    """Say on a terminal which scenario runs now; it may take a while."""
    if sys.stderr.isatty():
        click.echo(f"running {name} ...", err=True)


def _say(line: str) -> None:
    click.echo(line, err=True)
