"""``simmm queues``: the queue models, and what each assumes about cancels."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON instead.")
def queues(as_json: bool) -> None:
    """List the queue models and what each assumes.

    A tape says how large a level is, not where we stand in it: when a level shrinks without a
    trade, somebody cancelled, ahead of us or behind. That is all in which the models differ. Choose
    one with --set venue.queue.model=NAME.
    """
    from simmm.venue.queue import queue_models

    models = queue_models()
    if as_json:
        click.echo(json.dumps([model._asdict() for model in models], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("what it assumes; the share p of cancels behind us")
    table.add_column("cost grows with")
    for model in models:
        parameters = f" ({', '.join(model.parameters)})" if model.parameters else ""
        table.add_row(model.name + parameters, model.assumes, model.cost)
        table.add_row("", model.formula, "")
    console = Console()
    console.print(table)
    console.print(
        "\na: lots ahead of us, b: lots behind, n: venue.queue.n. cost: per event at our level.\n"
        "Sources, and when each is right: docs/fill-model.md and simmm/venue/queue/<model>.py.",
        soft_wrap=True,
    )
