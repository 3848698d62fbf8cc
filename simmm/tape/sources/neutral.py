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
from simmm.tape.schema import TapeInfo, open_parquet
from simmm.tape.sources.repair import write_repaired

#: Hyperliquid's decimals of size, by coin (its `meta` request).
SIZE_DECIMALS = {"BTC": 5, "SOL": 2, "WLFI": 0, "ETH": 4}
_HYPERLIQUID_MAKER_FEE, _HYPERLIQUID_TAKER_FEE = "0.00015", "0.00045"


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
    assumed: dict[str, str] = {}
    rules = market or derive_market(about, frame["qty"].to_numpy(), assumed)
    about_source = {"importer": "neutral", "file": source.name, "recording": about}
    info, counts = write_repaired(
        frame,
        target,
        rules,
        where=str(source),
        source=about_source,
        assumed=assumed,
        overwrite=overwrite,
    )
    return info, counts, assumed


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


def derive_market(about: dict[str, Any], sizes: np.ndarray, assumed: dict[str, str]) -> MarketRules:
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
