"""``simmm validate``: simulated fills against what really happened."""

import sys
from pathlib import Path
from typing import Any

import click

from simmm.cli.bars import Bars

_FILE = click.Path(path_type=Path, dir_okay=False)
_DEFAULT = "-"


@click.group("validate")
def validate_group() -> None:
    """Score the simulation's fills against what really happened."""


@validate_group.command("fills")
@click.option(
    "--tape",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Tape, or a recording that converts into one.",
)
@click.option(
    "--truth",
    type=_FILE,
    metavar="FILE",
    help="Real orders with their real fate, every order of the market.",
)
@click.option(
    "--orders",
    type=_FILE,
    metavar="FILE",
    help="Market-by-order rows; tape and truth are made from them.",
)
@click.option(
    "--fills",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="An account's own orders and fills: files, or a folder such as a run's. Repeatable.",
)
@click.option(
    "--own-in-tape/--own-not-in-tape",
    default=None,
    help="Whether the tape shows the account's own size. [default: yes, unless the "
    "orders are a simulation's]",
)
@click.option(
    "--models",
    metavar="NAMES",
    help='Queue models, separated by commas: "pessimistic, power 3". [default: all]',
)
@click.option(
    "--draws",
    type=click.IntRange(1, 4096),
    default=32,
    show_default=True,
    help="Runs of a model that draws; a probability is a share of them.",
)
@click.option(
    "--from",
    "start",
    metavar="TIME",
    help="Score orders that join from here: a share of the tape (0.3), seconds into it "
    "(1076s), or ns since 1970.",
)
@click.option("--to", "end", metavar="TIME", help="Up to here, told in the same way.")
@click.option(
    "--images",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="MS",
    help="Let the models see an image of the book so often, not each change.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="N", help="Of draws and resampling."
)
@click.option(
    "--refit",
    metavar="SHARE",
    is_flag=False,
    flag_value="0.28",
    help="Also score constants learned from the tape's first part. [default SHARE: 0.28]",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="FIELD=NAME",
    help="Name of a column of --orders. Repeatable.",
)
@click.option(
    "--time-unit",
    type=click.Choice(["ns", "us", "ms", "s"]),
    default="ns",
    show_default=True,
    help="Of times in --orders and --fills.",
)
@click.option("--symbol", default="", help="The market of --orders.")
@click.option("--tick", default="", metavar="PRICE", help="Price step of --orders.")
@click.option("--lot", default="", metavar="SIZE", help="Size step of --orders.")
@click.option(
    "--out",
    type=_FILE,
    metavar="FILE",
    help="Keep the tape made from --orders, and its truth beside it.",
)
@click.option(
    "--json",
    "json_file",
    type=_FILE,
    metavar="FILE",
    help="Also write all that is shown, with every digit.",
)
@click.option(
    "--html",
    "html",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[FILE]",
    help="Also write one offline page. [default FILE: validate-TAPE.html]",
)
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
@click.option("--no-progress", is_flag=True, help="No progress bar.")
def fills_command(
    json_file: Path | None,
    html: str | None,
    width: int | None,
    no_progress: bool,
    **given: Any,
) -> None:
    """Score queue models: would those fills have happened?

    Needs a tape and one kind of truth: --truth, --orders (which make the tape too) or --fills.
    docs/validate.md tells the formats, and which scores can be trusted.
    """
    _require_one_truth(given)
    from simmm.validation import page, terminal
    from simmm.validation.command import run
    from simmm.validation.result import write

    show = sys.stderr.isatty() and not no_progress
    with Bars(show) as bars:
        scored: list[str] = []

        def update(what: str, done: int, total: int) -> None:
            """One bar for each population; `what` names it first, then the model."""
            stage = f"scoring {what.partition(' ')[0]}"
            if scored and scored[-1] != stage:
                bars.update(scored[-1], total, total)
            scored.append(stage)
            bars.update(stage, done, total)

        result = run(notify=bars.say, progress=update if show else None, **given)
    from rich.console import Console

    # files first: whoever reads the text may stop before its end, which ends this process
    written: list[Path] = []
    if json_file is not None:
        write(result, json_file)
        written.append(json_file)
    if html is not None:
        target = Path(page.default_name(result) if html == _DEFAULT else html)
        page.write(target, result)
        written.append(target)
    terminal.render(result, Console(width=width))
    for path in written:
        click.echo(path)


def _require_one_truth(given: dict[str, Any]) -> None:
    named = [name for name in ("truth", "orders", "fills") if given[name]]
    if not named:
        raise click.UsageError(
            "what really happened is missing: give --truth (real orders), --orders (market-by-"
            "order rows) or --fills (an account's own)"
        )
    if len(named) > 1:
        raise click.UsageError(f"--{named[0]} and --{named[1]} are two truths; give one")
    if given["orders"] is not None and given["tape"] is not None:
        raise click.UsageError("--orders makes the tape itself; leave --tape out")
    if given["orders"] is None and given["tape"] is None:
        raise click.UsageError(f"--{named[0]} needs the --tape on which it happened")
    for name in ("columns", "symbol", "tick", "lot", "out"):
        if given[name] and given["orders"] is None:
            raise click.UsageError(f"--{name} is for --orders; leave it out")
