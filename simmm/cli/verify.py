"""``simmm verify``: feed a session's journal to its maker again."""

import sys
from pathlib import Path

import click

from simmm.cli.bars import Bars


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--kept", is_flag=True, help="Use the session's own copy of the strategy, not the file it ran."
)
def verify(run: Path, kept: bool) -> int:
    """Prove a paper session: its journal, fed to the maker again, gives the same intents.

    RUN is the session's folder. Ends with code 1 if anything differs: an altered or cut journal is
    named by record and byte, a changed strategy by line, another decision by its first intent,
    with the maker's state around it.
    """
    from simmm.session.verify import verify as prove

    show = sys.stderr.isatty()
    with Bars(show) as bars:

        def fed(done: int, total: int) -> None:
            bars.update("verify", done, total)

        verdict = prove(run, kept=kept, progress=fed if show else None, notify=bars.say)
    for note in verdict.notes:
        click.echo(f"note: {note}")
    if verdict.same:
        click.echo(
            f"verified: {verdict.packets:,} packets and {verdict.responses:,} responses give the "
            f"same {verdict.intents:,} intents, digest {verdict.digest}"
        )
        return 0
    if "has changed" in verdict.reason and not kept:
        click.echo("note: --kept proves it with the strategy as it was, from the session's folder")
    click.echo(f"not the same: {verdict.reason}")
    for line in verdict.state:
        click.echo(f"  {line}")
    return 1
