"""``simmm scenario list | check | show``."""

import shutil
import sys
import textwrap
from typing import Any

import click

from simmm.cli.options import load, scenario_options


@click.group("scenario")
def scenario_group() -> None:
    """List, check and show scenarios."""


@scenario_group.command("list")
def list_scenarios() -> None:
    """List the scenarios that are found from here, and where they are."""
    from simmm.errors import SimmmError
    from simmm.places import available
    from simmm.scenario.load import shown
    from simmm.scenario.source import read

    found = available("scenarios")
    width = max(map(len, found), default=0)
    folder = None
    for name, path in sorted(found.items(), key=lambda item: (str(item[1].parent), item[0])):
        if path.parent != folder:
            folder = path.parent
            click.echo(f"{shown(folder)}/")
        try:
            text = str(read(path).values.get("description") or "")
        except SimmmError as error:
            text = f"can't be read: {error}"
        click.echo(_hanging(f"  {name:<{width}}  ", " ".join(text.split())))


def _hanging(head: str, text: str) -> str:
    """Return `text` behind `head`, broken for a terminal; on one line where nobody reads it."""
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or columns < len(head) + 20:
        return head + text
    return (
        textwrap.fill(text, columns, initial_indent=head, subsequent_indent=" " * len(head))
        or head.rstrip()
    )


@scenario_group.command("check")
@scenario_options
def check_scenario(**options: Any) -> None:
    """Check a scenario and its strategy.

    Exit code 0 if both are right, 2 if not.
    """
    from simmm.scenario.load import shown

    resolved = load(**options, need_tape=False)
    scenario = resolved.scenario
    tape = scenario.tape.dataset or ", ".join(scenario.tape.file or ()) or "none, needs --tape"
    click.echo(
        f"{shown(resolved.path)}: fine (tape: {tape}; strategy: {shown(resolved.strategy_path)})"
    )


@scenario_group.command("show")
@scenario_options
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the values as a scenario file.")
def show_scenario(as_yaml: bool, **options: Any) -> None:
    """Show every value in force, and where it came from."""
    resolved = load(**options, need_tape=False)
    if as_yaml:
        click.echo(resolved.to_yaml(), nl=False)
        return
    from simmm.scenario.load import shown
    from simmm.scenario.show import lines
    from simmm.scenario.tapes import tape_rules

    click.echo(f"scenario  {shown(resolved.path)}")
    click.echo(f"strategy  {shown(resolved.strategy_path)}")
    click.echo(f"digest    {resolved.digest()}\n")
    rows = [row for row in lines(resolved, tape_rules(resolved)) if row.path != "description"]
    cells = [(row.path, _value(row.value, row.unit), row.origin) for row in rows]
    left = max(len(path) for path, _, _ in cells)
    middle = min(max(len(value) for _, value, _ in cells), 48)
    for path, value, origin in cells:
        click.echo(f"{path:<{left}}  {value:<{middle}}  {origin}")


def _value(value: str, unit: str) -> str:
    return f"{value} {unit}" if unit and value != "-" else value
