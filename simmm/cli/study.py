"""``simmm study``: what a single run can't tell; one file a study."""

import click

from simmm.cli.study_cost import cost
from simmm.cli.study_detection import detection
from simmm.cli.study_estimates import estimates
from simmm.cli.study_fills import fills
from simmm.cli.study_recovery import recovery


@click.group("study")
def study_group() -> None:
    """Study fills, and estimators and their cost."""


study_group.add_command(fills)
study_group.add_command(estimates)
study_group.add_command(recovery)
study_group.add_command(cost)
study_group.add_command(detection)
