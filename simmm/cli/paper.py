"""``simmm paper``: the maker on a live feed against the simulated exchange."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simmm.cli.options import change_options, load
from simmm.errors import ScenarioError
from simmm.scenario.feeds import feed_tape, require_tape

if TYPE_CHECKING:
    from collections.abc import Callable

    from simmm.session.pace import Pace, Watcher


@click.command()
@click.argument("scenario", default="paper")
@click.option(
    "--feed",
    metavar="FEED",
    help="tape:PATH plays a tape file, a folder or a generated dataset as a live feed; tape plays "
    "the scenario's own.",
)
@click.option(
    "--speed", default="1", show_default=True, metavar="X", help="Feed seconds a second, or max."
)
@click.option("--hours", type=float, metavar="H", help="Length, hours of the feed's time.")
@click.option(
    "--checkpoint-minutes",
    type=float,
    default=5.0,
    show_default=True,
    metavar="M",
    help="Keep the whole state so often, minutes of the feed's time.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Take up a session that was broken off.",
)
@click.option("--end", "ends_here", is_flag=True, help="With --resume: end it where it was.")
@change_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the session; it must not exist yet. [default: runs/<time>-<scenario>-paper]",
)
@click.option("--quiet", is_flag=True, help="Print the folder of the session alone.")
def paper(
    scenario: str,
    feed: str | None,
    speed: str,
    hours: float | None,
    checkpoint_minutes: float,
    resume: Path | None,
    ends_here: bool,
    out: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Run a strategy on a live feed against the simulated exchange.

    SCENARIO gives strategy, exchange and settings (default: paper). What the maker is given and
    what it sends goes into a journal, which `simmm verify` proves. Ctrl-C ends the session with
    its report; a session that was killed goes on with --resume.
    """
    pace = _pace(speed, checkpoint_minutes)
    if ends_here and resume is None:
        raise ScenarioError("--end: ends a session that was broken off; name it with --resume RUN")
    if resume is not None:
        _alone(click.get_current_context())
    from rich.console import Console

    from simmm.session import paper as session

    watcher, say = _watcher(quiet)
    if resume is not None:
        folder = session.resume(resume, pace=pace, notify=say, watcher=watcher, ends_here=ends_here)
    else:
        tapes, sets = feed_tape(feed)
        options["sets"] += tuple(f"{path}={value}" for path, value in sets.items())
        resolved = load(scenario, tapes=tuple(tapes), **options, need_tape=False)
        require_tape(resolved)
        folder = session.start(
            resolved, feed=str(feed), hours=hours, pace=pace, out=out, notify=say, watcher=watcher,
        )  # fmt: skip
    if quiet:
        click.echo(folder)
        return
    from simmm.report.terminal import render

    render(folder, Console())


def _pace(speed: str, checkpoint_minutes: float) -> "Pace":
    from simmm.session.pace import Pace

    if speed.strip().lower() == "max":
        return Pace(None, checkpoint_minutes * 60.0)
    try:
        return Pace(float(speed), checkpoint_minutes * 60.0)
    except ValueError:
        raise ScenarioError(
            f"--speed: {speed!r} is no speed; give feed seconds a second (1, 60, 0.5) or max"
        ) from None


def _alone(context: click.Context) -> None:
    """A session goes on as it was begun: nothing else may be given with --resume."""
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        and name not in ("resume", "ends_here", "speed", "checkpoint_minutes", "quiet")
    ]
    if given:
        names = ", ".join(sorted(given))
        raise ScenarioError(
            f"--resume: a session goes on as it was begun; leave out {names} (only --speed, "
            "--checkpoint-minutes and --quiet may be given)"
        )


def _watcher(quiet: bool) -> "tuple[Watcher, Callable[[str], None]]":
    """Return what shows the session, and what prints lines beside it."""
    from simmm.session.pace import Unwatched
    from simmm.session.view import View

    if quiet:
        return Unwatched(), lambda line: click.echo(f"simmm: {line}", err=True)
    view = View()
    return view, lambda line: view.say(f"simmm: {line}")
