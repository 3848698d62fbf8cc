"""``simmm study recovery``: do estimators find the truth, and do their intervals hold it?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from simmm.study.recovery.run import Told

_MOST_JOBS = 256


@click.command()
@click.option(
    "--estimator",
    "estimators",
    multiple=True,
    metavar="NAME",
    help="Only this one, such as heavy_tail; repeatable. [default: all]",
)
@click.option(
    "--seeds",
    type=click.IntRange(2, 1_000_000),
    default=400,
    show_default=True,
    metavar="N",
    help="Worlds of each case.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, _MOST_JOBS),
    metavar="N",
    help="Processes. [default: one a core]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/study-recovery"),
    show_default=True,
    metavar="DIR",
    help="Folder of the study; worlds in it are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print recovery.json instead.")
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
@click.option(
    "--golden",
    "reason",
    metavar="REASON",
    help="Make the scores reports/recovery.json, and say why they may change.",
)
@click.option(
    "--check", is_flag=True, help="Compare the first 40 seeds with reports/recovery.json."
)
@click.option("--no-progress", is_flag=True, help="No progress on standard error.")
@click.pass_context
def recovery(
    context: click.Context,
    estimators: tuple[str, ...],
    seeds: int,
    jobs: int | None,
    out: Path,
    as_json: bool,
    width: int | None,
    reason: str | None,
    check: bool,
    no_progress: bool,
) -> None:
    """Let estimators hear generated worlds whose truth is known, and score what they believe.

    Told are bias, error beside the best possible, how often the 50 and 95 % intervals hold the
    truth, the lag after a change, false alarms, and how wrong it gets where the model is. The
    folder gets recovery.json and recovery.html; a study that was stopped goes on where it was.
    With --check the exit code is 1 if a score differs.
    """
    from simmm.study.recovery import golden, study

    golden.refuse(estimators, seeds, reason, check)
    with _Bar(not no_progress) as bar:
        found, folder = study.study_recovery(
            estimators,
            seeds=golden.QUICK if check else seeds,
            jobs=jobs,
            out=out,
            told=bar.told,
        )
    if check:
        differences = golden.check(found)
        for line in differences:
            click.echo(line)
        click.echo("differs from reports/recovery.json" if differences else "same")
        context.exit(1 if differences else 0)
    if reason is not None:
        click.echo(golden.update(found, folder, reason))
        return
    if as_json:
        click.echo((folder / study.FILE_NAME).read_text("utf-8"), nl=False)
        return
    from rich.console import Console

    from simmm.study.recovery.terminal import render

    render(found, Console(width=width, highlight=False))
    click.echo(folder / study.PAGE_NAME)


class _Bar:
    """How many worlds are done, on a terminal."""

    def __init__(self, show: bool) -> None:
        self._bar: Any = None
        self._task: Any = None
        if show and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:,.0f} of {task.total:,.0f} worlds"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    @property
    def told(self) -> "Told | None":
        """What hears how far it is; None if nothing is shown."""
        return None if self._bar is None else self._move

    def __enter__(self) -> "_Bar":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _move(self, done: int, total: int, name: str) -> None:
        if self._task is None:
            self._task = self._bar.add_task(name, total=total)
        self._bar.update(self._task, description=name, completed=done, total=total)
