"""Turns a benchmark tape into the peer's own rows. Only the peer's environment can run this.

Run ``python benchmarks/peer_convert.py FOLDER`` with the peer's interpreter: it writes
``peer.npy`` (as recorded) and ``peer_lots.npy`` (prices in ticks, sizes in lots) beside the
columns. With the second every size is a whole number, so that the peer's queue arithmetic has no
rounding that comes from units.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from hftbacktest.types import (  # type: ignore[import-not-found]
    BUY_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    event_dtype,
)
from peer_columns import CLEAR, DEPTH, SNAPSHOT, TRADE, Array, load_columns

_KINDS = {
    DEPTH: DEPTH_EVENT,
    TRADE: TRADE_EVENT,
    CLEAR: DEPTH_CLEAR_EVENT,
    SNAPSHOT: DEPTH_SNAPSHOT_EVENT,
}


def to_peer(columns: dict[str, Array], *, in_lots: bool = False) -> Array:
    """Give a tape as the peer's rows, in an order that the peer accepts.

    Parameters
    ----------
    columns
        Columns of a tape, rows in the order of ``exch_ts``.
    in_lots
        Prices in ticks and sizes in lots in place of the recorded units.

    Returns
    -------
    ndarray
        Rows of ``event_dtype``. Where the clocks agree on the order, row for row those of the
        tape; else every row stands twice, once for the exchange by ``exch_ts`` and then once for
        the strategy by ``local_ts``.

    Raises
    ------
    ValueError
        If ``exch_ts`` goes backwards.
    """
    exch_ts, local_ts = columns["exch_ts"], columns["local_ts"]
    backwards = np.flatnonzero(np.diff(exch_ts) < 0)
    if backwards.size:
        raise ValueError(f"row {backwards[0] + 1}: exch_ts goes backwards; sort the tape first")
    side = np.asarray(columns["side"])
    kinds = np.zeros(max(_KINDS) + 1, np.uint64)
    kinds[list(_KINDS)] = list(_KINDS.values())
    events = np.zeros(len(exch_ts), event_dtype)
    events["ev"] = kinds[columns["kind"]]
    events["ev"] |= np.array([0, BUY_EVENT, SELL_EVENT], np.uint64)[side]
    events["exch_ts"], events["local_ts"] = exch_ts, local_ts
    events["px"] = columns["px_ticks" if in_lots else "px"]
    events["qty"] = columns["qty_lots" if in_lots else "qty"]
    if bool(np.all(np.diff(local_ts) >= 0)):
        events["ev"] |= np.uint64(EXCH_EVENT | LOCAL_EVENT)
        return events
    heard = events[np.argsort(local_ts, kind="stable")]
    events["ev"] |= np.uint64(EXCH_EVENT)
    heard["ev"] |= np.uint64(LOCAL_EVENT)
    return np.concatenate([events, heard])


def load_events(folder: Path, *, in_lots: bool = False) -> Array:
    """Load the peer's rows of a tape, converting it on first use.

    The caller must keep the array while a backtest uses it: the peer keeps only its address.
    """
    path = folder / ("peer_lots.npy" if in_lots else "peer.npy")
    if not path.exists():
        partial = path.with_name(f".{path.stem}.partial.npy")
        np.save(partial, to_peer(load_columns(folder), in_lots=in_lots))
        partial.replace(path)
    events: Array = np.load(path)
    return events


def main() -> int:
    """Convert the tape in a folder to both units."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    for in_lots in (False, True):
        print(len(load_events(arguments.folder, in_lots=in_lots)), "rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
