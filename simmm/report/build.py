"""From a run folder to its report, and the report on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from simmm.decoding import ready
from simmm.errors import RunError
from simmm.report import account, activity
from simmm.report.calibration import calibration
from simmm.report.estimator_summary import estimator_summary
from simmm.report.files import FILE_NAME, write_whole
from simmm.report.hourly import curve, hours
from simmm.report.intervals import exact_dot, exact_sum
from simmm.report.inventory import inventory, quoting
from simmm.report.markouts import markouts
from simmm.report.page import write_page
from simmm.report.performance import METHOD, net_and_risk
from simmm.report.place import place
from simmm.report.reliability import reliability
from simmm.report.schema import (
    SCHEMA_VERSION,
    SPLIT_HORIZON_S,
    Change,
    Part,
    Profit,
    Report,
    Risk,
    RunFacts,
)
from simmm.report.session import UNDER_TAPE, session
from simmm.report.split import checked_split, closing
from simmm.report.tables import Run, read_run
from simmm.report.unknowns import unknowns
from simmm.report.verdict import verdict, with_account
from simmm.scenario.fields import REQUIRED, leaves
from simmm.scenario.schema import Scenario


def build(folder: str | Path) -> Report:
    """Make the report of a run and check that its P&L adds up.

    Parameters
    ----------
    folder : str or Path
        A run folder with `run.json` and the Parquet tables. Nothing is written.

    Raises
    ------
    RunError
        The folder is not readable as a run, or the parts of the P&L don't add up to the account.
    """
    return report_of(read_run(folder))


def report_of(run: Run) -> Report:
    """Make the report of a run that was read; see `build`."""
    beside = run.folder / UNDER_TAPE
    under_tape = load(beside) if run.info.session is not None and beside.is_dir() else None
    profit, risk = _profit(run)
    fills = activity.fills(run)
    margin, budget = account.margin(run), account.budget(run)
    return Report(
        schema_version=SCHEMA_VERSION,
        run=_facts(run),
        verdict=with_account(
            verdict(profit, fills.count, run.hours, run.market.quote), margin, budget
        ),
        profit=profit,
        risk=risk,
        fills=fills,
        markouts=markouts(run),
        inventory=inventory(run),
        quoting=quoting(run),
        orders=activity.orders(run),
        queue=activity.queue(run),
        hours=hours(run),
        calibration=calibration(run),
        unknowns=unknowns(run, fills),
        changes=_changes(run),
        scenario=run.info.scenario,
        curve=curve(run),
        session=session(run, under_tape),
        place=place(run),
        reliability=reliability(run),
        fees=account.fees(run),
        funding=account.funding(run),
        margin=margin,
        budget=budget,
        latency_drawn=run.info.latency_drawn,
        estimators=estimator_summary(run),
    )


def write(folder: str | Path, report: Report | None = None) -> Report:
    """Make the report of a run, write `report.json` and `report.html` to its folder; return it.

    Each file is written whole or not at all.
    """
    run = read_run(folder)
    if report is None:
        report = report_of(run)
    write_whole(run.folder / FILE_NAME, msgspec.json.format(msgspec.json.encode(report), indent=1))
    write_page(run, report)
    return report


def load(folder: str | Path) -> Report:
    """Read `report.json` of a run folder; where there is none, make it from the tables.

    Raises
    ------
    RunError
        The file is no report, or one of a newer schema.
    """
    path = Path(folder) / FILE_NAME
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return build(folder)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    return decode(content, path)


def decode(content: bytes, path: Path) -> Report:
    """Read a report from the bytes of its file; `path` is named in errors."""
    try:
        version = msgspec.json.decode(content, type=_Version).schema_version
        if version == SCHEMA_VERSION:
            return msgspec.json.decode(content, type=Report)
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: not a report ({error}); use --rebuild to make it again") from None
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{path}: schema {version} is newer than this simmm knows ({SCHEMA_VERSION}); "
            "install a newer simmm, or use --rebuild"
        )
    raise RunError(f"{path}: schema {version} is no longer read; use --rebuild to make it again")


class _Version(msgspec.Struct):
    schema_version: int


def _profit(run: Run) -> tuple[Profit, Risk]:
    split = checked_split(run)
    fills = run.fills
    traded = exact_dot(fills["px"], fills["quantity"])
    notional = traded * run.notional_unit

    def part(name: str, half_quanta: int, modelled: bool = True) -> Part:
        money = half_quanta * run.half_quantum
        bps = money / notional * 1e4 if notional else None
        return Part(name, money, half_quanta, bps, modelled)

    net, risk = net_and_risk(run, split.total * run.half_quantum)
    return Profit(
        net=net,
        net_half_quanta=split.total,
        parts=[
            part("spread", split.spread),
            part("adverse", split.adverse),
            part("holding", split.holding),
            part("fees", split.fees),
            part("funding", split.funding, "funding" not in run.info.unmodelled),
            *([part("forfeited", split.forfeited)] if split.forfeited else []),
        ],
        horizon_s=SPLIT_HORIZON_S,
        notional=notional,
        volume=exact_sum(fills["quantity"]) * run.lot,
        closing=closing(run),
        method=METHOD,
    ), risk


def _facts(run: Run) -> RunFacts:
    info = run.info
    period = info.period
    return RunFacts(
        scenario=info.scenario_name,
        created=info.created,
        simmm_version=info.simmm_version,
        symbol=run.market.symbol,
        venue=run.market.venue,
        quote=run.market.quote,
        strategy=info.strategy,
        tape=info.tape,
        seed=info.seed,
        queue=info.queue,
        latency=info.latency,
        market=info.market,
        code_digest=info.code_digest,
        config_digest=info.config_digest,
        chain_venue=info.final.chain_venue,
        chain_maker=info.final.chain_maker,
        start_ns=period.t0_ns,
        quote_start_ns=period.quote_start_ns,
        end_ns=period.end_ns,
        warm_up_s=(period.quote_start_ns - period.t0_ns) / 1e9,
        hours=run.hours,
        counts=info.counts,
        wall=info.wall,
    )


def _changes(run: Run) -> list[Change]:
    """Values in force that aren't the schema's or the strategy's default.

    What was named and equals the schema's default is none. A strategy's defaults aren't in the run
    folder: its parameters are told whenever they were named.
    """
    defaults = {path: msgspec.to_builtins(field.default) for path, field in leaves(Scenario)
                if field.default is not REQUIRED}  # fmt: skip
    found = []
    for path, origin in sorted(run.info.origins.items()):
        node: Any = run.info.scenario
        for name in path.split("."):
            node = node.get(name) if isinstance(node, dict) else None
        own = node is None and str(origin).startswith(("market rules", "the tape"))
        if isinstance(node, dict) or own or str(origin).startswith("default"):
            continue
        if path in ("name", "description") or (path in defaults and node == defaults[path]):
            continue
        found.append(Change(path, node, str(origin)))
    return found


ready(_Version)
