"""Where two runs part: the first sample whose hash chains differ, and the row that did it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from simmm.errors import RunError
from simmm.records import CANCEL, MODIFY, NEW, TIF_NAMES
from simmm.report.compare.schema import Agreement, FirstRow
from simmm.report.tables import Columns, Run
from simmm.report.words import moment

#: What makes a fill or a request the same; when the other side hears of it is not part of it.
_FILL: tuple[str, ...] = ("ts", "id", "side", "px", "quantity", "fee")
_REQUEST: tuple[str, ...] = ("ts", "kind", "id", "side", "px", "quantity", "tif")


def agreements(a: Run, b: Run) -> list[Agreement]:
    """Compare the two hash chains of both runs: over fills and account, and over intents."""
    return [
        _agreement(
            "fills and account", a.info.final.chain_venue, b.info.final.chain_venue,
            a.equity, b.equity, a, b,
        ),
        _agreement(
            "intents", a.info.final.chain_maker, b.info.final.chain_maker,
            a.beliefs, b.beliefs, a, b,
        ),
    ]  # fmt: skip


def _agreement(
    chain: str, end_a: str, end_b: str, table_a: Columns, table_b: Columns, a: Run, b: Run
) -> Agreement:
    if end_a == end_b and end_a:
        return Agreement(chain, True, end_a, end_b)
    tapes = {str(run.info.tape.get("digest", "")) for run in (a, b)}
    if len(tapes) > 1:
        note = "the runs saw different tapes, so nothing else could be"
        return Agreement(chain, False, end_a, end_b, note=note)
    row = first_row(a, b, chain)
    count = min(len(table_a["ts"]), len(table_b["ts"]))
    apart = np.flatnonzero(table_a["ts"][:count] != table_b["ts"][:count])
    alike = int(apart[0]) if apart.size else count
    if not alike:
        note = "the runs were not sampled at the same times, so chains can't be held side by side"
        return Agreement(chain, False, end_a, end_b, note=note, first_row=row)
    ts = table_a["ts"][:alike]
    differ = np.flatnonzero(table_a["chain"][:alike] != table_b["chain"][:alike])
    if not differ.size:
        note = "alike at every sample that both have; they differ after it"
        if len(table_a["ts"]) != len(table_b["ts"]):
            note = "alike as long as both runs last; one goes on"
        return Agreement(
            chain, False, end_a, end_b, after_ns=int(ts[-1]), samples=alike, note=note,
            first_row=row,
        )  # fmt: skip
    at = int(differ[0])
    return Agreement(
        chain,
        False,
        end_a,
        end_b,
        after_ns=int(ts[at - 1]) if at else None,
        until_ns=int(ts[at]),
        sample=at + 1,
        samples=alike,
        first_row=row,
    )


def first_row(a: Run, b: Run, chain: str) -> FirstRow | None:
    """Find the first fill (of the exchange's chain) or request (of the maker's) that differs.

    Returns
    -------
    FirstRow or None
        None if one table is as the other from beginning to end.
    """
    name, fields = "fill", _FILL
    tables = [a.fills, b.fills]
    if chain == "intents":
        name, fields = "request", _REQUEST
        tables = [_requests(run) for run in (a, b)]
    counts = [len(table["ts"]) for table in tables]
    common = min(counts)
    differ = np.zeros(common, bool)
    for field in fields:
        differ |= tables[0][field][:common] != tables[1][field][:common]
    rows = np.flatnonzero(differ)
    if not rows.size and counts[0] == counts[1]:
        return None
    at = int(rows[0]) if rows.size else common
    tell = _request_told if name == "request" else _fill_told
    told = [
        tell(run, table, at) if at < count else None
        for run, table, count in zip((a, b), tables, counts, strict=True)
    ]
    return FirstRow(name, at, told[0], told[1])


def _fill_told(run: Run, fills: Columns, at: int) -> str:
    verb = "bought" if fills["side"][at] > 0 else "sold"
    return (
        f"{moment(int(fills['ts'][at]))} {verb} {fills['quantity'][at] * run.lot:.10g} at "
        f"{run.market.price(int(fills['px'][at])):.10g} (order {fills['id'][at]})"
    )


def _request_told(run: Run, requests: Columns, at: int) -> str:
    kind, order = int(requests["kind"][at]), int(requests["id"][at])
    side = "bid" if requests["side"][at] > 0 else "ask"
    size = f"{requests['quantity'][at] * run.lot:.10g}"
    price = f"{run.market.price(int(requests['px'][at])):.10g}"
    told = {
        NEW: f"new {side} {size} at {price}, {TIF_NAMES[int(requests['tif'][at])]} (order {order})",
        CANCEL: f"cancel {side} at {price} (order {order})",
        MODIFY: f"modify {side} to {size} at {price} (order {order})",
    }
    return f"{moment(int(requests['ts'][at]))} {told.get(kind, f'request {kind}')}"


def _requests(run: Run) -> Columns:
    """The table of intents with what a comparison needs; a report itself reads less of it."""
    path = Path(run.folder) / "intents.parquet"
    try:
        frame = pl.read_parquet(path, columns=list(_REQUEST))
        return {name: frame[name].to_numpy() for name in _REQUEST}
    except (OSError, pl.exceptions.PolarsError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"{path}: not readable ({first}); run the backtest again") from None
