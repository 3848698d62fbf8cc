"""``simmm study fills``: how much of the profit is the fill model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simmm.cli.options import scenario_options

if TYPE_CHECKING:
    from simmm.study.runs import Event

_MOST_JOBS = 64


@click.command()
@scenario_options
@click.option(
    "--models",
    multiple=True,
    metavar="NAME,...",
    help="Queue models beside the scenario's own. [default: all]",
)
@click.option(
    "--extra-latency-ms",
    "extra_latency_ms",
    multiple=True,
    type=click.FloatRange(0.0, 86_400_000.0),
    metavar="MS",
    help="Run all with requests and answers slower by so much too; 0: don't. Repeatable. "
    "[default: 50]",
)
@click.option(
    "--seeds",
    type=click.IntRange(0, 1000),
    default=4,
    show_default=True,
    metavar="N",
    help="Further runs of the own model with other seeds: what chance alone does.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, _MOST_JOBS),
    default=2,
    show_default=True,
    metavar="N",
    help="Runs at a time.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the study; finished runs in it are kept. [default: "
    "runs/study-fills-<scenario>]",
)
@click.option("--json", "as_json", is_flag=True, help="Print study.json instead.")
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
@click.option("--no-progress", is_flag=True, help="No progress on standard error.")
def fills(
    scenario: str,
    models: tuple[str, ...],
    extra_latency_ms: tuple[float, ...],
    seeds: int,
    jobs: int,
    out: Path | None,
    as_json: bool,
    width: int | None,
    no_progress: bool,
    **options: Any,
) -> None:
    """Run a scenario under every queue model and show how far the results are apart.

    SCENARIO is a path or a name, such as scenarios/cascade.yaml or cascade. Each model runs with
    the scenario's latency and with more. The folder gets study.json, study.html and all runs; the
    same command again makes only what is missing.
    """
    from simmm.cli.options import load_options
    from simmm.study import fills as study

    with _Progress(not no_progress) as shown:
        found, folder = study.study_fills(
            scenario,
            options=load_options(**options),
            models=[name.strip() for one in models for name in one.split(",") if name.strip()],
            extra_latency_ms=extra_latency_ms or study.EXTRA_MS,
            seeds=seeds,
            jobs=jobs,
            out=out,
            told=shown.told,
            progress=shown.tape,
        )
    if as_json:
        click.echo((folder / study.FILE_NAME).read_text("utf-8"), nl=False)
        return
    from rich.console import Console

    from simmm.study.fills_terminal import render

    render(found, Console(width=width))
    click.echo(folder / study.PAGE_NAME)


class _Progress:
    """A bar for all runs together, and lines for what is slow or finished."""

    def __init__(self, show: bool) -> None:
        self._show = show
        self._bar: Any = None
        self._task: Any = None
        self._shares: dict[str, float] = {}  # of each run that has begun, how much is done
        self._kept: list[str] = []
        self._runs = 1.0
        if show and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> "_Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tape(self, stage: str, done: int, total: int) -> None:
        """Move the bar while the tape is built."""
        self._move("building the tape", float(done), float(total))

    def told(self, event: "Event") -> None:
        """Show what happened to a run."""
        if event.what == "say":
            self._say(event.text)
        elif event.what == "kept":
            self._kept.append(event.name)
        elif event.what == "rows":
            self._shares[event.name] = event.done / max(1, event.total)
            self._move("running", sum(self._shares.values()), self._runs)
        elif event.what == "started":
            if self._kept:
                self._say(f"kept from before: {', '.join(self._kept)}")
                self._kept = []
            self._runs = float(event.total)
            self._shares[event.name] = 0.0
        elif event.what == "done":
            self._shares[event.name] = 1.0
            self._move("running", sum(self._shares.values()), self._runs)
            self._say(f"{event.name}: done")

    def _move(self, name: str, done: float, total: float) -> None:
        if self._bar is None:
            return
        if self._task is None:
            self._task = self._bar.add_task(name, total=total)
        self._bar.update(self._task, description=name, completed=done, total=total)

    def _say(self, line: str) -> None:
        if not self._show:
            return
        if self._bar is not None:
            self._bar.console.print(f"simmm: {line}", highlight=False)
        else:
            click.echo(f"simmm: {line}", err=True)
