"""``simmm tape``: look at, validate, convert and coarsen tapes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simmm.cli.tape_emulate import emulate_command

if TYPE_CHECKING:
    from simmm.tape import TapeInfo

_PATH = click.Path(path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("tape")
def tape_group() -> None:
    """Look at, validate and convert tapes."""


@tape_group.command("info")
@click.argument("path", type=_PATH)
@click.option("--statistics", is_flag=True, help="Measure spread, touch, volatility and flow too.")
@_JSON
def info_command(path: Path, statistics: bool, as_json: bool) -> None:
    """Show what a tape is: market, period, rows, source and truth."""
    from simmm.tape.schema import read_info

    about = read_info(path)
    measured: dict[str, Any] = {}
    if statistics:
        import msgspec

        from simmm.tape.statistics import describe

        measured = msgspec.structs.asdict(describe(path))
    if as_json:
        import msgspec

        whole: dict[str, Any] = msgspec.to_builtins(about)
        if statistics:
            whole["statistics"] = measured
        click.echo(msgspec.json.format(msgspec.json.encode(whole)).decode())
        return
    for name, value in (*_lines(about), *((name, f"{measured[name]:.6g}") for name in measured)):
        click.echo(f"{name:<28}{value}")


def _lines(about: "TapeInfo") -> list[tuple[str, str]]:
    market = about.market
    hours = (about.last_ts - about.first_ts) / 3.6e12
    step = market.tick_quanta
    rules = f"price quantum {market.price_quantum}, lot {market.lot_size}, step {step} quanta"
    if market.significant_figures:
        rules += f", {market.significant_figures} significant figures"
    lines = [
        ("market", f"{market.symbol} on {market.venue}"),
        ("rules", rules),
        ("fees", f"maker {market.maker_fee}, taker {market.taker_fee}"),
        ("from (exchange)", _moment(about.first_ts)),
        ("to (exchange)", _moment(about.last_ts)),
        ("hours", f"{hours:.3f}"),
        ("rows", f"{about.rows:,}"),
        ("packets", f"{about.packets:,}"),
        ("prices", f"{market.price(about.px_low)} to {market.price(about.px_high)}"),
        ("levels' reach", f"{about.reach_px:,} quanta, 99 % within {about.reach_px_99:,}"),
        ("digest", about.digest),
        ("schema", str(about.schema_version)),
    ]
    for title, content in (("source", about.source), ("truth", about.truth)):
        lines += [(f"{title}: {name}", _plain(value)) for name, value in content.items()]
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_plain(item)}" for name, item in value.items()) or "none"
    return str(value)


def _moment(ts: int) -> str:
    """Return a time in ns since 1970 as ISO text with all its digits."""
    from datetime import UTC, datetime, timedelta

    start = datetime(1970, 1, 1, tzinfo=UTC)
    whole = (start + timedelta(seconds=ts // 1_000_000_000)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ts % 1_000_000_000:09d}Z"


@tape_group.command("validate")
@click.argument("paths", type=_PATH, nargs=-1, required=True)
@click.option(
    "--gap-seconds",
    type=click.FloatRange(min=0.0, min_open=True),
    default=10.0,
    show_default=True,
    help="Warn of exchange silences longer than this.",
)
@_JSON
def validate_command(paths: tuple[Path, ...], gap_seconds: float, as_json: bool) -> int:
    """Check tapes row by row; exit code 2 if any has an error."""
    from dataclasses import asdict

    from simmm.tape.files import expand
    from simmm.tape.validation import validate

    failed = False
    report = []
    for path in expand(paths):
        findings = validate(path, gap_ns=round(gap_seconds * 1e9))
        errors = [finding for finding in findings if finding.severity == "error"]
        failed = failed or bool(errors)
        report.append({"path": str(path), "findings": [asdict(finding) for finding in findings]})
        if as_json:
            continue
        for finding in findings:
            click.echo(f"{path}: {finding}")
        click.echo(
            f"{path}: {len(errors)} kinds of error, {len(findings) - len(errors)} of warning"
            if findings
            else f"{path}: valid"
        )
    if as_json:
        import json

        click.echo(json.dumps(report, indent=2))
    return 2 if failed else 0


@tape_group.command("convert")
@click.argument("sources", type=_PATH, nargs=-1, required=True, metavar="SOURCE...")
@click.argument("target", type=_PATH)
@click.option(
    "--source",
    "importer",
    metavar="NAME",
    help="Importer to use; without it the format is recognised by content.",
)
@click.option(
    "--map",
    "map_file",
    type=_PATH,
    metavar="FILE",
    help="YAML that says which column is what (docs/tape-format.md).",
)
@click.option("--symbol", default="", help="The market to take from a recording of several.")
@click.option("--tick", "price_quantum", default="", metavar="PRICE", help="Price step.")
@click.option("--lot", "lot_size", default="", metavar="SIZE", help="Size step.")
@click.option(
    "--sz-decimals",
    type=click.IntRange(0, 8),
    metavar="N",
    help="Hyperliquid: szDecimals of the coin.",
)
@click.option(
    "--meta",
    "meta_file",
    type=_PATH,
    metavar="FILE",
    help="Hyperliquid: a saved reply to `meta`, which holds szDecimals.",
)
@click.option("--min-notional", default="", metavar="MONEY", help="Least value of an order.")
@click.option("--maker-fee", default="", metavar="FRACTION", help="Such as 0.0002.")
@click.option("--taker-fee", default="", metavar="FRACTION", help="Such as 0.0005.")
@click.option(
    "--clock-shift-ms",
    type=click.FloatRange(-1e12, 1e12),
    metavar="MS",
    help="Add to the recorder's clock; without it a clock that runs behind is shifted by itself.",
)
@click.option("--skip-bad-lines", is_flag=True, help="Drop and count lines that can't be read.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it exists.")
def convert_command(
    sources: tuple[Path, ...],
    target: Path,
    importer: str | None,
    map_file: Path | None,
    overwrite: bool,
    sz_decimals: int | None,
    clock_shift_ms: float | None,
    **given: Any,
) -> None:
    """Convert a recording into a tape, and validate it.

    SOURCE is a recording in one of the formats of docs/importers.md or, with --map, any CSV,
    Parquet or NumPy file. Several files of one recording are put together in the order given.
    """
    from simmm.tape.sources import SourceOptions, convert, summary

    if clock_shift_ms is not None and clock_shift_ms != clock_shift_ms:
        raise click.BadParameter("nan is no time", param_hint="--clock-shift-ms")
    shift = None if clock_shift_ms is None else round(clock_shift_ms * 1e6)
    options = SourceOptions(size_decimals=sz_decimals, clock_shift_ns=shift, **given)
    done = convert(
        sources,
        target,
        importer=importer or "",
        map_file=map_file,
        options=options,
        overwrite=overwrite,
    )
    click.echo(f"{done.target}: {summary(done)}")


tape_group.add_command(emulate_command)
