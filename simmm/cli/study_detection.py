"""``simmm study detection``: alarms as curves, leads, and the particle filter's likelihood."""

import click


@click.command()
@click.option(
    "--seeds",
    type=click.IntRange(2, 100_000),
    default=100,
    show_default=True,
    help="Worlds for each point of a curve.",
)
@click.option(
    "--series",
    type=click.IntRange(40, 1_000_000),
    default=2000,
    show_default=True,
    help="Pairs of unrelated series for the false positives of a lead.",
)
@click.option("--no-progress", is_flag=True, help="No progress on standard error.")
def detection(seeds: int, series: int, no_progress: bool) -> None:
    """Show how soon changes are found and how often without cause.

    Adaptation and false alarms of change points and regimes over their thresholds; false positives
    and exactly found lags of the lead of another market; the likelihood of the particle filter
    beside the exact one. Two minutes or so; each table is shown when it is there.
    """
    from simmm.study.recovery.detection import parts

    for heading, lines in parts(seeds, series):
        if not no_progress:
            click.echo(f"simmm: trying {heading.partition(':')[0]} ...", err=True)
        click.echo("\n".join([heading, *lines(), ""]))
