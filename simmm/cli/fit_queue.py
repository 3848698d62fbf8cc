"""``simmm fit queue``: learn the rank law's numbers from order-by-order data."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simmm.cli.bars import Bars

if TYPE_CHECKING:
    from simmm.fitting.queue import FilterFit, QueueFit

_PATH = click.Path(path_type=Path)


@click.command("queue")
@click.option(
    "--tape", type=_PATH, required=True, metavar="PATH", help="Tape with every change of the book."
)
@click.option(
    "--truth",
    type=_PATH,
    required=True,
    metavar="FILE",
    help="Real orders with their real fate, every order of the market (docs/validate.md).",
)
@click.option(
    "--from",
    "start",
    metavar="TIME",
    help="Learn from orders that join from here: a share of the tape (0.3), seconds into it "
    "(1076s), or ns since 1970.",
)
@click.option("--to", "end", metavar="TIME", help="Up to here, told in the same way.")
@click.option(
    "--draws",
    type=click.IntRange(2, 4096),
    default=16,
    show_default=True,
    help="Runs of each pair of exponents.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="N")
@click.option("--json", "json_file", type=_PATH, metavar="FILE", help="Also write all figures.")
def queue_command(
    tape: Path,
    truth: Path,
    start: str | None,
    end: str | None,
    draws: int,
    seed: int,
    json_file: Path | None,
) -> None:
    """Learn from which places in the queue orders are cancelled.

    Tells the exponents of the rank law in two ways: those that make the real victims of cancels
    most likely, with standard errors, and those with which simulated orders come nearest to the
    real ones. The second are for `venue.queue`.
    """
    import msgspec

    from simmm.fitting.queue import fit_queue
    from simmm.report.files import write_whole
    from simmm.validation.rows import load
    from simmm.validation.run import Settings, stretch
    from simmm.validation.truth import read_orders

    show = sys.stderr.isatty()
    with Bars(show) as bars:
        rows = load(tape, notify=bars.say)
        orders = read_orders(truth, rows)
        from_ts, to_ts = stretch(rows, Settings(start=start, end=end))
        fit = fit_queue(
            rows,
            orders,
            from_ts,
            to_ts,
            draws=draws,
            seed=seed,
            progress=bars.update if show else None,
        )
    if json_file is not None:
        write_whole(json_file, msgspec.json.format(msgspec.json.encode(fit), indent=2) + b"\n")
    _show(fit, tape, truth)
    if json_file is not None:
        click.echo(json_file)


def _show(fit: "QueueFit", tape: Path, truth: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    minutes = (fit.to_ts - fit.from_ts) / 60e9
    console.print(f"Cancels of {truth.name} on {tape.name}, {minutes:.1f} min", markup=False)
    console.print()
    console.print(
        f"{fit.cancels:,} cancels at best prices with the whole queue known, {fit.partial:,} of "
        "them of a part of an order"
    )
    if fit.likelihood is not None:
        found = fit.likelihood
        table = _table("most likely", "", "±")
        table.add_row("alpha", f"{found.alpha:.3f}", f"{found.alpha_error:.3f}")
        table.add_row("log kappa", f"{found.log_kappa:.2f}", f"{found.log_kappa_error:.2f}")
        table.add_row("nats a cancel", f"{found.nats:.3f}", "")
        table.add_row("if all orders were alike", f"{found.nats_uniform:.3f}", "")
        console.print(table)
    for one in fit.filters:
        console.print()
        _show_filter(console, one)
    console.print()
    sizes = ", ".join(f"{lots} ({count:,})" for lots, count in fit.sizes[:6])
    console.print(
        f"{fit.adds:,} orders joined or improved the best price: median {fit.median_add:g} lots, "
        f"mean {fit.mean_add:.2f}; most often {sizes}"
    )
    for line in fit.remarks:
        console.print(f"note: {line}", markup=False)
    console.print()
    for one in fit.filters:
        console.print(
            f"venue.queue: {{model: {one.form}, alpha: {one.alpha:g}, "
            f"log_kappa: {one.log_kappa:g}}}",
            markup=False,
        )


def _show_filter(console: Any, one: "FilterFit") -> None:
    table = _table(one.form, "alpha", "log kappa", "loss")
    table.add_row(
        "nearest to the real orders",
        f"{one.best_alpha:g}",
        f"{one.best_log_kappa:g}",
        f"{one.best_loss:.3f}",
    )
    table.add_row(
        "95 % of resamples",
        f"{one.alpha_low:g} to {one.alpha_high:g}",
        f"{one.log_kappa_low:g} to {one.log_kappa_high:g}",
        "",
    )
    table.add_row(
        "shipped",
        f"{one.shipped_alpha:g}",
        f"{one.shipped_log_kappa:g}",
        f"{one.shipped_loss:.3f}",
    )
    console.print(table)
    gain = f"{one.gain:+.3f} [{one.gain_low:+.3f}, {one.gain_high:+.3f}]"
    best = (one.best_alpha, one.best_log_kappa)
    if best == (one.shipped_alpha, one.shipped_log_kappa):
        console.print("The shipped exponents are the best.")
    elif one.kept:
        console.print(f"With new draws the gain is {gain}: not sure, so the shipped ones stay.")
    else:
        console.print(f"With new draws the gain is {gain}: the best are taken.")


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place == 0 else "right", no_wrap=True)
    return table
