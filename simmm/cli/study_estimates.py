"""``simmm study estimates``: did estimators foretell recorded markets better than simple means?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simmm.study.runs import Event


@click.command()
@click.argument("tapes", nargs=-1, type=click.Path(path_type=Path), metavar="[TAPE ...]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/study-estimates"),
    show_default=True,
    metavar="DIR",
    help="Folder of the study; finished runs in it are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print estimates.json instead.")
@click.option("--markdown", is_flag=True, help="Print a table of all tapes for docs instead.")
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
@click.option("--no-progress", is_flag=True, help="No progress on standard error.")
def estimates(
    tapes: tuple[Path, ...],
    out: Path,
    as_json: bool,
    markdown: bool,
    width: int | None,
    no_progress: bool,
) -> None:
    """Score what estimators believed on recorded tapes beside simple baselines.

    TAPE is a tape, or a recording that `simmm tape convert` knows. Each is run with small quotes at
    the touch, and every belief that foretells something is scored by what came after, with an
    interval and a verdict. Without TAPE the study in the folder is shown again. The folder gets
    estimates.json, a page for each tape, and the runs.
    """
    from simmm.study.estimates import run as study

    def say(line: str) -> None:
        if not no_progress:
            click.echo(f"simmm: {line}", err=True)

    def told(event: "Event") -> None:
        if event.what == "say":
            say(event.text)
        elif event.what in ("kept", "done"):
            say(f"{event.name}: {'kept from before' if event.what == 'kept' else 'done'}")

    found, folder = study.study_estimates(tapes, out=out, told=told, say=say)
    if as_json:
        click.echo((folder / study.FILE_NAME).read_text("utf-8"), nl=False)
        return
    if markdown:
        from simmm.study.estimates.overview import markdown as table

        click.echo(table(found))
        return
    from rich.console import Console

    from simmm.study.estimates.terminal import render

    render(found, Console(width=width, highlight=False))
    for one in found.tapes:
        click.echo(folder / f"{one.name}.html")
