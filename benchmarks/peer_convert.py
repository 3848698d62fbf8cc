"""Turns a benchmark tape into the peer's own rows. Only the peer's environment can run this.

Run ``python benchmarks/peer_convert.py FOLDER`` with the peer's interpreter: it writes
``peer.npy`` (as recorded) and ``peer_lots.npy`` (prices in ticks, sizes in lots) beside the
columns. With the second every size is a whole number, so that the peer's queue arithmetic has no
rounding that comes from units.

A tape in blocks is seen in another order than it happens. It is split by the peer's own
`correct_event_order`, which gives a row twice where the clocks disagree: once for the exchange and
once for the strategy. The peer's rows know no best levels and no images. A best level becomes a
change of its level, before which the levels that it shows to be gone are deleted, as the peer's own
fusing of streams does. A side of an image becomes a row that clears the side as far as the image
reaches, and one snapshot row for each level, as in the peer's own converters.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from hftbacktest.data import correct_event_order, validate_event_order  # type: ignore[import-not-found]
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
from numba import njit
from peer_columns import (
    BBO,
    CLEAR,
    DEPTH,
    LOTS_PER_UNIT,
    SNAPSHOT,
    TICK_SIZE,
    TRADE,
    Array,
    load_columns,
    load_meta,
)

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
        tape; else a row stands twice where they don't, once for the exchange by ``exch_ts`` and
        once for the strategy by ``local_ts``.

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
    orders = (np.argsort(events[clock], kind="stable") for clock in ("exch_ts", "local_ts"))
    split: Array = correct_event_order(events, *orders)
    validate_event_order(split)
    return split


@njit()
def _plain_rows(
    kind: Array, side: Array, px: Array, lots: Array, out: tuple[Array, Array, Array, Array, Array]
) -> int:
    """Write rows that the peer knows for rows of a tape in blocks; return how many.

    `out` is kind, side, ticks, lots and the row of the tape that each stands for.
    """
    kind_out, side_out, px_out, lots_out, row_out = out
    low = px[1:].min()
    size = np.zeros((2, px.max() - low + 1), np.int64)
    best = np.array([0, size.shape[1] - 1])  # as far as the rows so far tell, bids first
    n = 0
    for row in range(kind.size):
        end = 0 if side[row] > 0 else 1
        step = 1 - 2 * end  # towards the market
        at = px[row] - low
        what = kind[row]
        if what == BBO:
            for gone in range(best[end], at, -step):
                if size[end, gone] > 0:
                    size[end, gone] = 0
                    kind_out[n], side_out[n] = DEPTH, side[row]
                    px_out[n], lots_out[n], row_out[n] = gone + low, 0, row
                    n += 1
            what = DEPTH
        elif what == SNAPSHOT and (kind[row - 1] != SNAPSHOT or side[row - 1] != side[row]):
            last = row
            while last + 1 < kind.size and kind[last + 1] == what and side[last + 1] == side[row]:
                last += 1
            for gone in range(best[end], px[last] - low - step, -step):
                size[end, gone] = 0
            kind_out[n], side_out[n] = CLEAR, side[row]
            px_out[n], lots_out[n], row_out[n] = px[last], 0, row
            n += 1
        kind_out[n], side_out[n] = what, side[row]
        px_out[n], lots_out[n], row_out[n] = px[row], lots[row], row
        n += 1
        if what in (DEPTH, SNAPSHOT):
            size[end, at] = lots[row]
            if kind[row] == BBO or (lots[row] > 0 and (at - best[end]) * step > 0):
                best[end] = at
    return n


def plain_columns(columns: dict[str, Array]) -> dict[str, Array]:
    """Give the columns of a tape in blocks as rows that the peer knows."""
    rows = len(columns["kind"])
    types = (np.int8, np.int8, np.int64, np.int64, np.int64)
    out = tuple(np.empty(3 * rows, dtype) for dtype in types)
    tape = (np.asarray(columns[name]) for name in ("kind", "side", "px_ticks", "qty_lots"))
    count = _plain_rows(*tape, out)
    kind, side, ticks, lots, row = (column[:count] for column in out)
    return {
        "exch_ts": np.asarray(columns["exch_ts"])[row],
        "local_ts": np.asarray(columns["local_ts"])[row],
        "kind": kind,
        "side": side,
        "px": ticks * TICK_SIZE,
        "qty": lots / LOTS_PER_UNIT,
        "px_ticks": ticks,
        "qty_lots": lots,
    }


def load_events(folder: Path, *, in_lots: bool = False) -> Array:
    """Load the peer's rows of a tape, converting it on first use.

    The caller must keep the array while a backtest uses it: the peer keeps only its address.
    """
    path = folder / ("peer_lots.npy" if in_lots else "peer.npy")
    if not path.exists():
        partial = path.with_name(f".{path.stem}.partial.npy")
        columns = load_columns(folder)
        if "book" in load_meta(folder):
            columns = plain_columns(columns)
        np.save(partial, to_peer(columns, in_lots=in_lots))
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
