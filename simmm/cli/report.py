"""``simmm report``: show the report of a finished run again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simmm.errors import ScenarioError

if TYPE_CHECKING:
    from simmm.report import Report


@click.command()
@click.argument("run", required=False)
@click.option(
    "--rebuild", is_flag=True, help="Make report.json and report.html again from the tables."
)
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead.")
@click.option("--open", "opened", is_flag=True, help="Open report.html in the browser.")
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
def report(run: str | None, rebuild: bool, as_json: bool, opened: bool, width: int | None) -> None:
    """Show the report of a finished run again.

    RUN is the folder of a run, or its name under runs/; without it, the last one under runs/.
    """
    folder = _folder(run)
    from simmm.report import load, write

    found = write(folder) if rebuild else load(folder)
    if opened:
        _open(folder, found)
        return
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return
    from rich.console import Console

    from simmm.report.terminal import render

    render(found, Console(width=width), folder)


def _open(folder: Path, report: "Report") -> None:
    """Open the page in the default browser; where there is none, say where it is."""
    import webbrowser

    from simmm.report.files import PAGE_NAME
    from simmm.report.page import write_page
    from simmm.report.tables import read_run

    path = folder / PAGE_NAME
    if not path.is_file():
        path = write_page(read_run(folder), report)
    try:
        shown = webbrowser.open(path.resolve().as_uri())
    except webbrowser.Error:
        shown = False
    click.echo(path if shown else f"no browser found; the page is {path.resolve()}")


def _folder(run: str | None) -> Path:
    """The folder that RUN means.

    Raises
    ------
    ScenarioError
        There is none.
    """
    runs = Path("runs")
    if run is None:
        found = sorted(path for path in runs.glob("*") if (path / "run.json").is_file())
        if not found:
            raise ScenarioError("no run under runs/; name a run folder, as in simmm report RUN")
        return found[-1]
    for candidate in (Path(run), runs / run):
        if candidate.is_dir():
            return candidate
    if Path(run).is_file():
        raise ScenarioError(f"{run} is a file; name the folder of a run")
    raise ScenarioError(f"{run}: there is no such run folder, nor {runs / run}")
