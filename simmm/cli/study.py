"""``simmm study``: one scenario run many times under other assumptions; one file a study."""

import click

from simmm.cli.study_estimates import estimates
from simmm.cli.study_fills import fills


@click.group("study")
def study_group() -> None:
    """Run a scenario many times under other assumptions."""


study_group.add_command(fills)
study_group.add_command(estimates)
