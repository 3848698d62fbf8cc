"""``simmm study cost``: what each estimator costs per observation, row and trade."""

import sys

import click

from simmm.errors import ScenarioError


@click.command()
@click.option(
    "--estimator",
    "estimators",
    multiple=True,
    metavar="NAME",
    help="Only this one, such as heavy_tail; repeatable. [default: all]",
)
@click.option(
    "--mix",
    multiple=True,
    metavar="KIND=N,...",
    help="Observations of a kind per tape row, such as AGGRESSOR=0.05; kinds left out are as in a "
    "busy tape.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
@click.option(
    "--width", type=click.IntRange(60, 400), metavar="N", help="Columns. [default: the terminal's]"
)
@click.option("--no-progress", is_flag=True, help="No progress on standard error.")
def cost(
    estimators: tuple[str, ...],
    mix: tuple[str, ...],
    as_json: bool,
    width: int | None,
    no_progress: bool,
) -> None:
    """Time each estimator: ns per observation by kind, per tape row and per trade.

    Figures depend on the computer and on what else it does; nothing is written.
    """
    import msgspec

    from simmm.study.cost import study_cost

    shown = not no_progress and sys.stderr.isatty()
    found = study_cost(estimators, _parsed(mix), _told if shown else None)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return
    from rich.console import Console

    from simmm.study.cost_terminal import render

    render(found, Console(width=width, highlight=False))


def _parsed(mix: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for part in (one.strip() for given in mix for one in given.split(",")):
        kind, equals, text = part.partition("=")
        try:
            found[kind.strip().upper()] = float(text)
        except ValueError:
            raise ScenarioError(f"--mix: '{part}' is not KIND=N, such as AGGRESSOR=0.05") from None
        if not equals:
            raise ScenarioError(f"--mix: '{part}' is not KIND=N, such as AGGRESSOR=0.05")
    return found


def _told(name: str) -> None:
    click.echo(f"simmm: timing {name} ...", err=True)
