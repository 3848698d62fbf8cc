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
    for name in ("model", "assumes; cancels behind us", "settings", "cost"):
        table.add_column(name, no_wrap=name != "assumes; cancels behind us")
    for model in models:
        settings = "\n".join(model.parameters)
        table.add_row(model.name, f"{model.assumes}\n{model.formula}", settings, model.cost)
    console = Console()
    console.print(table)
    console.print(
        "\np: share of cancels behind us, a: lots ahead, b: lots behind, r: younger orders. Settings\n"
        "are fields of venue.queue. Cost: per event at our level, constant or by others' orders.\n"
        "Sources, and when each is right: docs/fill-model.md and the files in simmm/venue/queue/.",
        soft_wrap=True,
    )
