"""``simmm fit latency``: learn the feed's latency from a tape."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from simmm.fitting.latency import LatencyFit
    from simmm.fitting.latency_tape import LatencySource

_PATH = click.Path(path_type=Path)


@click.command("latency")
@click.option(
    "--tape",
    "tapes",
    type=_PATH,
    multiple=True,
    required=True,
    metavar="PATH",
    help="Tape file, folder or recording. Repeatable: read as one tape.",
)
@click.option(
    "--kind",
    type=click.Choice(["feed", "book", "bbo", "trade"]),
    default="feed",
    show_default=True,
    help="Which packets: all, images and depth, bbo, or trades.",
)
@click.option("--out", type=_PATH, metavar="FILE", help="Write what a scenario can name (JSON).")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def latency_command(
    tapes: tuple[Path, ...], kind: str, out: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Learn from a tape how much later than they happened its packets were seen.

    Quantiles, a lognormal, and bursts: how alike latencies near in time are. ± is one standard
    error, of a block bootstrap. A scenario uses the file as
    `venue.latency.feed: {form: empirical, file: FILE}`.
    """
    from simmm.fitting.latency_tape import as_dict, fit_tape, write_fit
    from simmm.tape.sources import ensure_tape

    def say(line: str) -> None:
        click.echo(f"simmm: {line}", err=True)

    found = [ensure_tape(path, notify=say) for path in tapes]
    fit, source = fit_tape(found, kind, [path.name for path in tapes])
    if out is not None:
        write_fit(out, fit, source, overwrite)
    if as_json:
        import json

        click.echo(json.dumps({"source": source._asdict(), **as_dict(fit)}, indent=1))
        return
    _show(fit, source, out)


def _show(fit: "LatencyFit", source: "LatencySource", out: Path | None) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    what = {"feed": "packets", "book": "book packets"}.get(source.kind, f"{source.kind} packets")
    console.print(
        f"Latency of {fit.packets:,} {what} of {', '.join(source.tapes)}, "
        f"{fit.seconds / 60:.1f} min"
    )
    console.print()
    console.print(_quantiles(fit))
    console.print()
    console.print(_parameters(fit))
    if fit.correlation:
        console.print()
        console.print("How alike latencies are, by the time between messages:")
        console.print(_correlation(fit))
    console.print()
    name = out or "FILE"
    console.print(f"venue.latency.feed: {{form: empirical, file: {name}}}", markup=False)
    if out is None:
        console.print(f"(write it with --out {name})")


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place == 0 else "right", no_wrap=True)
    return table


def _quantiles(fit: "LatencyFit") -> Any:
    table = _table("latency, ms", "", "±")
    rows = [("least", fit.least_ms, None), ("mean", fit.mean_ms, fit.errors["mean_ms"])]
    rows += [(f"{n[1:]} %", value, fit.errors[n]) for n, value in fit.quantiles_ms.items()]
    rows += [("most", fit.most_ms, None)]
    for name, value, error in rows:
        table.add_row(name, f"{value:,.2f}", "" if error is None else f"{error:,.2f}")
    return table


def _parameters(fit: "LatencyFit") -> Any:
    import msgspec

    table = _table("as a scenario names it", "", "±")
    values = [
        (f"lognormal.{name}", value)
        for name, value in msgspec.structs.asdict(fit.lognormal).items()
    ]
    if fit.burst is not None:
        values += [
            (f"burst.{name}", value)
            for name, value in msgspec.structs.asdict(fit.burst).items()
            if f"burst.{name}" in fit.errors
        ]
    for name, value in values:
        digits = 2 if name.endswith("ms") else 3
        table.add_row(name, f"{value:,.{digits}f}", f"{fit.errors[name]:,.{digits}f}")
    if fit.burst is None:
        table.add_row("burst", "none found", "")
    return table


def _correlation(fit: "LatencyFit") -> Any:
    table = _table("apart, ms", "correlation", "±", "fit", "pairs")
    for row in fit.correlation:
        table.add_row(
            f"{row.lag_ms:,.0f}",
            f"{row.value:.3f}",
            f"{row.se:.3f}",
            f"{row.fitted:.3f}",
            f"{row.pairs:,}",
        )
    return table
