"""``simmm fit``: learn what a scenario names from recorded data."""

import click

from simmm.cli.fit_latency import latency_command
from simmm.cli.fit_queue import queue_command


@click.group("fit")
def fit_group() -> None:
    """Learn what a scenario names from recorded data."""


fit_group.add_command(latency_command)
fit_group.add_command(queue_command)
