"""What is repaired in a recording before it becomes a tape, and counted.

Functions take and return a frame in arrival order: `exch_ts` (may be null), `local_ts`, `seq`,
`kind` (names of `simmm.records.KIND_NAMES`), `side`, `px`, `qty` (floats), `trade_id`; further
columns pass through. What they change they count.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simmm.market import MarketRules
from simmm.tape.frame import stored_amounts, write
from simmm.tape.schema import TapeInfo

#: A silence of the whole feed counts as a gap beyond this many ns ...
GAP_NS = 10_000_000_000
#: ... and beyond this many times the 99.9 % quantile of shorter silences.
GAP_FACTOR = 10
_MESSAGE = ("exch_ts", "kind", "side", "px", "qty")


def write_repaired(
    frame: pl.DataFrame,
    target: Path,
    market: MarketRules,
    *,
    where: str,
    source: dict[str, Any],
    assumed: dict[str, str],
    overwrite: bool,
) -> tuple[TapeInfo, dict[str, int]]:
    """Repair a frame in arrival order and write it as a tape; return counts of all repairs."""
    counts: dict[str, int] = {}
    for repair in (place_in_time, drop_duplicates, mend_clock, empty_sides):
        frame = repair(frame, counts)
    px, qty = stored_amounts(frame, market, where)
    frame = frame.drop("px", "qty").with_columns(px_quanta=px, qty_lots=qty)
    frame = mark_gaps(frame, counts)
    made = {**source, "counts": counts, "assumed": assumed}
    return write(target, frame, market, source=made, overwrite=overwrite), counts


def place_in_time(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Give messages without `exch_ts` one, by their place among their neighbours.

    It runs on from the newest exchange time seen before, by the local clock, but not beyond the
    next one known or the message's own arrival.
    """
    missing = frame["exch_ts"].is_null()
    if not missing.any():
        return frame
    counts["exch_ts_assumed"] = frame.filter(missing)["seq"].n_unique()
    exch, local = pl.col("exch_ts"), pl.col("local_ts")
    newest = exch.cum_max().forward_fill()
    # Where the newest known time was last raised: its arrival is the anchor of the local clock.
    raised = newest > newest.shift(1).fill_null(0)
    anchor = pl.when(raised).then(local).forward_fill()
    following = exch.backward_fill()
    running = newest + (local - anchor)
    placed = pl.min_horizontal(running, pl.max_horizontal(newest, following), local)
    return frame.with_columns(exch_ts=pl.coalesce(exch, placed, following, local))


def drop_duplicates(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Drop trades sent twice, and messages equal to the one before on their channel."""
    trade = pl.col("kind") == "trade"
    ids = frame.filter(trade & pl.col("trade_id").is_not_null())["trade_id"]
    if len(ids) and ids.n_unique() > 1:
        again = trade & (
            pl.struct("trade_id", *_MESSAGE).is_first_distinct().not_()
            & pl.col("trade_id").is_not_null()
        )
        before = frame.height
        frame = frame.filter(~again)
        if frame.height < before:
            counts["duplicate_trades_dropped"] = before - frame.height
    messages = (
        frame.lazy()
        .filter(~trade)
        .group_by("seq", maintain_order=True)
        .agg(
            pl.col("exch_ts").first(),
            pl.col("kind").first(),
            body=pl.struct("side", "px", "qty"),
        )
        .sort("kind", "seq", maintain_order=True)
    )
    same = pl.all_horizontal(
        pl.col(name) == pl.col(name).shift(1) for name in ("exch_ts", "kind", "body")
    ).fill_null(False)
    repeated = messages.filter(same).select("seq").collect()["seq"]
    if len(repeated):
        counts["duplicate_messages_dropped"] = len(repeated)
        frame = frame.filter(trade | ~pl.col("seq").is_in(repeated.implode()))
    return frame


def mend_clock(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Raise `local_ts` to `exch_ts`, and so that no message arrives before an earlier one."""
    mended = pl.max_horizontal(pl.col("local_ts"), pl.col("exch_ts")).max().over("seq").cum_max()
    result = frame.with_columns(local_ts=mended)
    changed = (result["local_ts"] != frame["local_ts"]).sum()
    if changed:
        counts["local_ts_raised"] = int(changed)
    return result


def empty_sides(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Say of images that lack a side that the side is empty."""
    sides = (
        frame.filter(pl.col("kind") == "snapshot")
        .group_by("seq", maintain_order=True)
        .agg(pl.col("exch_ts", "local_ts").first(), pl.col("side").min(), high=pl.col("side").max())
        .filter(pl.col("side") == pl.col("high"))
    )
    if sides.height == 0:
        return frame
    counts["empty_sides_added"] = sides.height
    added = sides.select(
        "exch_ts",
        "local_ts",
        "seq",
        trade_id=pl.lit(None, pl.Int64),
        kind=pl.lit("snapshot"),
        side=-pl.col("side"),
        px=pl.lit(0.0),
        qty=pl.lit(0.0),
    )
    whole = pl.concat([frame, added], how="diagonal").select(frame.columns)
    return whole.sort("seq", maintain_order=True)


def mark_gaps(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Put a GAP row where the whole feed was silent far longer than it ever is.

    It stands at the earliest exchange time among all that arrived after the silence.
    """
    arrivals = frame["local_ts"].to_numpy()
    silence = np.diff(arrivals)
    between = silence[(silence > 0) & (silence <= GAP_NS)]
    if len(between) == 0:
        return frame
    limit = max(GAP_NS, GAP_FACTOR * float(np.quantile(between, 0.999)))
    places = np.flatnonzero(silence > limit)
    if len(places) == 0:
        return frame
    counts["gaps_marked"] = len(places)
    exch = frame["exch_ts"].to_numpy()
    seq = frame["seq"].to_numpy()
    rows = []
    for place in places:
        last = int(exch[: place + 1].max())
        after = exch[place + 1 :]
        later = after[after >= last]
        rows.append(
            {
                "exch_ts": int(later.min()) if len(later) else last,
                "local_ts": int(arrivals[place + 1]),
                "seq": int(seq[place + 1]),
                "kind": "gap",
                "side": 0,
                "px_quanta": last,
                "qty_lots": int(silence[place]),
            }
        )
    gaps = pl.DataFrame(rows, schema_overrides=dict(frame.drop("trade_id").schema))
    return pl.concat([frame, gaps], how="diagonal")
