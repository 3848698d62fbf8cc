"""``simmm tape emulate``: what a venue's public streams would have shown of a finer tape."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simmm.latency_settings import LatencySettings

_PATH = click.Path(path_type=Path)


@click.command("emulate")
@click.argument("source", type=_PATH)
@click.argument("target", type=_PATH)
@click.option(
    "--streams",
    type=click.Choice(["block", "every", "hyperliquid", "hyperliquid_fast"]),
    default="hyperliquid_fast",
    show_default=True,
    help="Which streams: images each block or each --every-ms, or Hyperliquid's.",
)
@click.option("--levels", type=int, metavar="N", help="Levels of each side of an image.")
@click.option(
    "--every-ms", type=float, metavar="MS", help="Time between images; 0: each block that changes."
)
@click.option("--bbo/--no-bbo", default=None, help="Best bid and ask whenever they change.")
@click.option(
    "--block-ms", type=float, metavar="MS", help="Length of the venue's blocks; 0: times stay."
)
@click.option(
    "--latency",
    metavar="MS|FILE",
    help="How much later messages are seen: a constant, or a file such as `simmm fit latency` "
    "writes. Without it: as recorded.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="Of drawn latencies.",
)
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it exists.")
def emulate_command(
    source: Path,
    target: Path,
    streams: str,
    levels: int | None,
    every_ms: float | None,
    bbo: bool | None,
    block_ms: float | None,
    latency: str | None,
    seed: int,
    overwrite: bool,
) -> None:
    """Write the tape that a venue's public streams would have given of a finer one.

    Trades stay as they are. Images and best prices show the book at the end of their block, and
    only as much of it as the venue tells.
    """
    from simmm.cli.bars import Bars
    from simmm.errors import TapeError
    from simmm.tape.sources import ensure_tape
    from simmm.tape.streams import emulate, streams_of

    chosen = streams_of(streams, levels=levels, every_ms=every_ms, bbo=bbo, block_ms=block_ms)
    if target.exists() and source.exists() and target.samefile(source):
        raise TapeError(f"{target}: is the source itself; choose another name")
    with Bars(show=sys.stderr.isatty()) as bars:
        done = emulate(
            ensure_tape(source, notify=bars.say),
            target,
            streams=chosen,
            latency=_latency(latency),
            seed=seed,
            overwrite=overwrite,
        )
    counts = done.counts
    told = [f"{counts[name]:,} {name}" for name in ("trades", "bbos", "images")]
    click.echo(f"{done.target}: {done.info.rows:,} rows; {', '.join(told)}")
    if counts["short_sides"]:
        click.echo(
            f"{counts['short_sides']:,} sides of images are shorter than {chosen.levels} levels, "
            "because the source doesn't know more"
        )


def _latency(text: str | None) -> "LatencySettings | None":
    """Return what ``--latency`` means."""
    if text is None:
        return None
    from simmm.errors import ScenarioError
    from simmm.scenario.delays import settings_of
    from simmm.scenario.latency import Delay
    from simmm.scenario.latency_files import delay_of, read_latencies

    try:
        number = float(text)
    except ValueError:
        try:
            return settings_of(delay_of(read_latencies(Path(text).expanduser())))
        except ScenarioError as error:
            raise ScenarioError(f"--latency: {error}") from None
    if not 0 < number <= 86_400_000:
        raise click.BadParameter("a latency in ms lies above 0", param_hint="--latency")
    return settings_of(Delay(ms=number))
