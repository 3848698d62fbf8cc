"""``simmm compare``: two runs beside each other."""

from pathlib import Path

import click

from simmm.errors import RunError

_DEFAULT = "-"


@click.command()
@click.argument("run_a", metavar="RUN")
@click.argument("run_b", metavar="RUN")
@click.option(
    "--html",
    "html",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[FILE]",
    help="Also write one offline page. [default FILE: compare-A-B.html]",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write all that is shown, with every digit.",
)
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
def compare(
    run_a: str, run_b: str, html: str | None, json_file: Path | None, width: int | None
) -> None:
    """Show two runs beside each other, B against A.

    What was set differently comes first, then whether and where fills and requests part, then the
    results with the 95 % interval of each difference. RUN is the folder of a run, or its name under
    runs/.
    """
    folders = [_folder(run) for run in (run_a, run_b)]
    from rich.console import Console

    from simmm.report import compare as comparing
    from simmm.report.compare.terminal import render

    found = comparing.compare(*folders)
    # files first: whoever reads the text may stop before its end, which ends this process
    written: list[Path] = []
    if json_file is not None:
        comparing.write_json(json_file, found)
        written.append(json_file)
    if html is not None:
        from simmm.report.compare import page

        target = Path(page.default_name(found) if html == _DEFAULT else html)
        page.write(target, found)
        written.append(target)
    render(found, Console(width=width))
    for path in written:
        click.echo(path)


def _folder(run: str) -> Path:
    """The folder that RUN means.

    Raises
    ------
    RunError
        There is none.
    """
    under = Path("runs") / run
    for candidate in (Path(run), under):
        if candidate.is_dir() or candidate.with_name(candidate.name + ".partial").is_dir():
            return candidate
    if Path(run).is_file():
        raise RunError(f"{run} is a file; name the folder of a run")
    raise RunError(f"{run}: there is no such run folder, nor {under}")
