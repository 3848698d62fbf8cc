"""Importer of neutral packets: Parquet rows of recorded feed messages in arrival order.

Columns `exch_ts` (ns, may be null), `local_ts` (ns), `seq` (the message), `kind` (snap, depth,
bbo, trade), `side` (+1, -1), `px`, `qty` (floats), `trade_id`; JSON about the recording under the
metadata key ``tape``. Files are read whole.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.tape.frame import on_grid, write
from simmm.tape.schema import TapeInfo, open_parquet

#: A silence of the whole feed counts as a gap beyond this many ns ...
GAP_NS = 10_000_000_000
#: ... and beyond this many times the 99.9 % quantile of the silences between its messages.
GAP_FACTOR = 10
#: Hyperliquid's decimals of size, by coin (its `meta` request).
SIZE_DECIMALS = {"BTC": 5, "SOL": 2, "WLFI": 0, "ETH": 4}
_HYPERLIQUID_MAKER_FEE, _HYPERLIQUID_TAKER_FEE = "0.00015", "0.00045"
_MESSAGE = ["exch_ts", "kind", "side", "px", "qty"]


def convert_neutral(
    source: Path, target: Path, *, market: MarketRules | None = None, overwrite: bool = False
) -> tuple[TapeInfo, dict[str, int], dict[str, str]]:
    """Write a neutral file as a tape.

    Returns
    -------
    tuple
        The tape's metadata; counts of what was dropped, repaired and added; what was assumed.
    """
    about = read_about(source)
    frame = _read(source)
    counts: dict[str, int] = {}
    assumed: dict[str, str] = {}
    rules = market or derive_market(about, frame["qty"].to_numpy(), assumed)
    for repair in (_place_in_time, _drop_duplicates, _mend_clock, _empty_sides):
        frame = repair(frame, counts)
    frame = frame.with_columns(
        px_quanta=on_grid(frame["px"].to_numpy(), rules.price_quantum, str(source), "px"),
        qty_lots=on_grid(frame["qty"].to_numpy(), rules.lot_size, str(source), "qty"),
    ).drop("px", "qty")
    frame = _mark_gaps(frame, counts)
    made = {
        "importer": "neutral",
        "file": source.name,
        "recording": about,
        "counts": counts,
        "assumed": assumed,
    }
    return write(target, frame, rules, source=made, overwrite=overwrite), counts, assumed


def read_about(source: Path) -> dict[str, Any]:
    """Return what the file says about its recording, {} where it says nothing."""
    with open_parquet(source) as file:
        raw = (file.metadata.metadata or {}).get(b"tape", b"{}")
    try:
        about = json.loads(raw)
    except ValueError:
        raise TapeError(f"{source}: metadata key `tape` is no JSON") from None
    return about if isinstance(about, dict) else {}


def _read(source: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(source, glob=False)
        frame = frame.select(
            pl.col("exch_ts", "local_ts", "seq", "trade_id").cast(pl.Int64),
            pl.col("kind").cast(pl.String).replace("snap", "snapshot"),
            pl.col("side").cast(pl.Int64),
            pl.col("px", "qty").cast(pl.Float64),
        )
    except pl.exceptions.PolarsError as error:
        raise TapeError(f"{source}: not neutral packets ({str(error).splitlines()[0]})") from None
    if frame.height == 0:
        raise TapeError(f"{source}: no rows")
    backwards = frame["seq"].diff().fill_null(0) < 0
    if backwards.any():
        raise TapeError(f"{source}: row {backwards.arg_max()}, seq: goes backwards")
    return frame


def derive_market(
    about: dict[str, Any], sizes: np.ndarray, assumed: dict[str, str]
) -> MarketRules:
    """Return the market's rules as far as a recording tells; say what was assumed."""
    symbol = str(about.get("symbol", "unknown"))
    venue = str(about.get("venue", "unknown")).lower()
    observed = _decimals(sizes)
    if venue == "hyperliquid":
        coin = symbol.removesuffix("-PERP")
        decimals = SIZE_DECIMALS.get(coin)
        if decimals is None:
            decimals = observed
            assumed["lot_size"] = f"1e-{observed}, from the sizes seen"
        assumed["fees"] = "Hyperliquid perpetuals, lowest tier"
        return MarketRules(
            symbol=symbol,
            venue=venue,
            quote="USDC",
            price_quantum=_power_of_ten(6 - decimals),
            lot_size=_power_of_ten(decimals),
            significant_figures=5,
            min_notional="10",
            maker_fee=_HYPERLIQUID_MAKER_FEE,
            taker_fee=_HYPERLIQUID_TAKER_FEE,
            modify="replace",
        )
    if "tick" not in about:
        raise TapeError("the recording does not say its tick; give market rules with a map")
    lot = str(about["lot"]) if "lot" in about else _power_of_ten(observed)
    if "lot" not in about:
        assumed["lot_size"] = f"{lot}, from the sizes seen"
    assumed["fees"] = "none"
    return MarketRules(
        symbol=symbol,
        venue=venue,
        price_quantum=format(Decimal(str(about["tick"])), "f"),
        lot_size=lot,
        modify="in_place" if venue == "cme" else "replace",
    )


def _decimals(values: np.ndarray) -> int:
    """Return how many decimals the values have, at most 8."""
    for decimals in range(8):
        scaled = values * 10.0**decimals
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-6 * np.maximum(1.0, scaled * 1e-6)):
            return decimals
    return 8


def _power_of_ten(decimals: int) -> str:
    return format(Decimal(1).scaleb(-decimals), "f")


def _place_in_time(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
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


def _drop_duplicates(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
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


def _mend_clock(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Raise `local_ts` to `exch_ts`, and so that no message arrives before an earlier one."""
    mended = (
        pl.max_horizontal(pl.col("local_ts"), pl.col("exch_ts")).max().over("seq").cum_max()
    )
    result = frame.with_columns(local_ts=mended)
    changed = (result["local_ts"] != frame["local_ts"]).sum()
    if changed:
        counts["local_ts_raised"] = int(changed)
    return result


def _empty_sides(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
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
    return pl.concat([frame, added.select(frame.columns)]).sort("seq", maintain_order=True)


def _mark_gaps(frame: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """Put a GAP row where the whole feed was silent far longer than it ever is.

    It stands at the earliest exchange time among all that arrived after the silence.
    """
    arrivals = frame["local_ts"].to_numpy()
    silence = np.diff(arrivals)
    between = silence[silence > 0]
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


