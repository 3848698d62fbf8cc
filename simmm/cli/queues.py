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
    table.add_column("assumes, and the share p of cancels behind us")
    for model in models:
        lines = [model.assumes, f"p = {model.formula}"]
        if model.parameters:
            lines.append(f"settings: {', '.join(model.parameters)}")
        if model.cost != "constant":
            lines.append(f"cost: {model.cost}")
        table.add_row(model.name, "\n".join(lines))
    console = Console()
    console.print(table)
    console.print(
        "\na: lots ahead of us, b: lots behind. Settings are fields of venue.queue. Cost: of an\n"
        "event at our level, constant where nothing is said. Sources, and when each is right:\n"
        "docs/fill-model.md and, one file a model, simmm/venue/queue/.",
        soft_wrap=True,
    )
