"""Replays a benchmark tape with a book of its own and counts what must and must not be in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from peer_columns import CLEAR, DEPTH, HEAD_ROWS, TRADE, Array


@dataclass(frozen=True)
class TapeFacts:
    """What an independent replay of a tape counts; ratios are per row after the snapshot."""

    rows: int
    trades: int
    span_s: float
    crossed_or_empty_rows: int
    off_touch_trades: int
    unexplained_trades: int
    far_rows: int
    mean_spread_ticks: float
    bbo_moves: int
    low_ticks: int
    high_ticks: int


@njit()
def _replay(
    kind: Array,
    side: Array,
    px: Array,
    qty: Array,
    exch_ts: Array,
    first_row: int,
    window_low: int,
    window: int,
    out: Array,
) -> None:
    """Count a tape's facts with a book that shares nothing with the generator's."""
    bids = np.zeros(window, np.int64)
    asks = np.zeros(window, np.int64)
    bid, ask = -1, window
    for row in range(kind.size):
        if kind[row] == CLEAR:
            bids[:] = 0
            asks[:] = 0
            bid, ask = -1, window
            continue
        at = px[row] - window_low
        if kind[row] == TRADE:
            out[0] += 1
            at_touch = at == (ask if side[row] == 1 else bid)
            out[2] += not at_touch
            shown = asks[at] if side[row] == 1 else bids[at]
            follower = row + 1
            explained = (
                follower < kind.size
                and exch_ts[follower] == exch_ts[row]
                and kind[follower] == DEPTH
                and side[follower] == -side[row]
                and px[follower] == px[row]
                and qty[follower] == shown - qty[row]
            )
            out[3] += not explained
            continue
        if kind[row] == DEPTH:
            out[4] += abs(at - (bid if side[row] == 1 else ask)) > 10
        old_bid, old_ask = bid, ask
        if side[row] == 1:
            bids[at] = qty[row]
            if qty[row] > 0:
                bid = max(bid, at)
            while bid >= 0 and bids[bid] == 0:
                bid -= 1
        else:
            asks[at] = qty[row]
            if qty[row] > 0:
                ask = min(ask, at)
            while ask < window and asks[ask] == 0:
                ask += 1
        if row < first_row:
            continue
        out[1] += bid < 0 or ask >= window or bid >= ask
        out[5] += ask - bid
        out[6] += 1
        out[7] += bid != old_bid or ask != old_ask


def replay_facts(columns: dict[str, Array]) -> TapeFacts:
    """Replay `columns` and count what a consistent tape must or must not have.

    Parameters
    ----------
    columns
        Columns as `load_columns` gives them.

    Returns
    -------
    TapeFacts
        ``unexplained_trades`` are trades whose next row is not the change they cause;
        ``far_rows`` change a level more than ten ticks from their own touch.
    """
    px = columns["px_ticks"]
    priced = np.asarray(columns["kind"]) != CLEAR
    low, high = int(px[priced].min()), int(px[priced].max())
    out = np.zeros(8, np.int64)
    _replay(
        columns["kind"],
        columns["side"],
        px,
        columns["qty_lots"],
        columns["exch_ts"],
        HEAD_ROWS,
        low - 1,
        high - low + 3,
        out,
    )
    trades, broken, off_touch, unexplained, far, spread_sum, counted, moves = out.tolist()
    return TapeFacts(
        rows=len(px),
        trades=trades,
        span_s=(int(columns["exch_ts"][-1]) - int(columns["exch_ts"][0])) / 1e9,
        crossed_or_empty_rows=broken,
        off_touch_trades=off_touch,
        unexplained_trades=unexplained,
        far_rows=far,
        mean_spread_ticks=spread_sum / max(counted, 1),
        bbo_moves=moves,
        low_ticks=low,
        high_ticks=high,
    )
