"""The argument and options that name a scenario and change it, shared by several commands."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from simmm.scenario import Resolved

Command = TypeVar("Command", bound=Callable[..., Any])


def scenario_options(function: Command) -> Command:
    """Add SCENARIO and the options of docs/scenarios.md; pass them on to `load`."""
    for option in reversed((click.argument("scenario"), *_CHANGES)):
        function = option(function)
    return function


def change_options(function: Command) -> Command:
    """Add the options that change a scenario, but not its tape; pass them on to `load`."""
    for option in reversed([one for one in _CHANGES if one is not _TAPE]):
        function = option(function)
    return function


_TAPE = click.option(
    "--tape", "tapes", multiple=True, metavar="PATH", help="Tape file or folder. Repeatable."
)
_CHANGES = (
    click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="PATH=VALUE",
        help="Set a field, as in venue.queue.n=2 or strategy.gamma=0.1. Repeatable.",
    ),
    click.option("--seed", type=int, metavar="N", help="Seed of tape and run."),
    click.option(
        "--from", "start", metavar="TIME", help="Start: ISO time, or HH:MM:SS or s into the tape."
    ),
    click.option("--to", "end", metavar="TIME", help="End, told in the same way."),
    _TAPE,
    click.option("--strategy", metavar="FILE", help="Strategy file or name."),
)


def load(
    scenario: str,
    sets: tuple[str, ...],
    seed: int | None,
    start: str | None,
    end: str | None,
    tapes: tuple[str, ...],
    strategy: str | None,
    need_tape: bool = True,
) -> "Resolved":
    """Load the scenario that the options name; what was left out is told on stderr."""
    from simmm.scenario import load_scenario

    named = load_options(sets, seed, start, end, tapes, strategy)
    resolved = load_scenario(scenario, **named, need_tape=need_tape)
    for note in resolved.notes:
        click.echo(f"simmm: {note}", err=True)
    return resolved


def load_options(
    sets: tuple[str, ...],
    seed: int | None,
    start: str | None,
    end: str | None,
    tapes: tuple[str, ...],
    strategy: str | None,
) -> dict[str, Any]:
    """Return the options as `load_scenario` takes them."""
    return {
        "sets": list(sets),
        "seed": seed,
        "tape": list(tapes),
        "strategy": strategy,
        "start": _time(start),
        "end": _time(end),
    }


def _time(text: str | None) -> str | float | None:
    """A bare number is seconds."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text
