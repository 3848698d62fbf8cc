"""A tape as plain arrays, and what its book showed at given times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simmm.book import best, clear, forget, set_best, set_depth, set_image, shown
from simmm.errors import TapeError
from simmm.jit import compiled
from simmm.market import MarketRules
from simmm.records import (
    BBO,
    BUY,
    DEPTH,
    GAP,
    KIND_MASK,
    NO_ASK,
    SNAPSHOT,
    TRADE,
    book_dtype,
)
from simmm.tape import TapeSpec, ensure_tape, open_tapes


class Rows(NamedTuple):
    """Rows of one market in causal order."""

    market: MarketRules
    digest: str
    tag: np.ndarray  # u1
    px: np.ndarray  # i8, quanta
    lots: np.ndarray  # i8
    ts: np.ndarray  # i8, ns of the exchange's clock

    @property
    def start_ts(self) -> int:
        return int(self.ts[0])

    @property
    def end_ts(self) -> int:
        return int(self.ts[-1])

    @property
    def kind(self) -> np.ndarray:
        return self.tag & KIND_MASK

    @property
    def is_bid(self) -> np.ndarray:
        """Whether a level is a bid, or a trade's aggressor bought."""
        return (self.tag & BUY) != 0


def load(path: str | Path, *, notify: Callable[[str], None] | None = None) -> Rows:
    """Read a whole tape of one market, converted first if it is a foreign file.

    Raises
    ------
    TapeError
        If it can't be used, or shows no level or no trade.
    """
    with open_tapes([TapeSpec(ensure_tape(path, notify=notify))]) as stream:
        parts: list[tuple[np.ndarray, ...]] = []
        rows = 0
        for chunk in stream.chunks():
            counts = np.diff(np.append(chunk.packet_row, rows + len(chunk.tag)))
            rows += len(chunk.tag)
            parts.append((chunk.tag, chunk.px, chunk.qty, np.repeat(chunk.packet_ts, counts)))
        columns = [np.concatenate([part[i] for part in parts]) for i in range(4)]
        market, digest = stream.markets[0], "+".join(stream.digests[0])
    kinds = np.bincount(columns[0] & KIND_MASK, minlength=KIND_MASK + 1)
    if kinds[[DEPTH, SNAPSHOT, BBO]].sum() == 0 or kinds[TRADE] == 0:
        raise TapeError(f"{path}: no levels or no trades; fills can't be judged without both")
    return Rows(market, digest, *columns)


#: What the book showed after the rows up to a time.
Sight = np.dtype(
    [
        ("ts", "i8"),  # asked, ns; sorted
        ("side", "i8"),  # asked: 1 bid, 0 ask
        ("px", "i8"),  # asked, quanta; -1: the side's best
        ("bid", "i8"),  # quanta, NO_BID if unknown
        ("ask", "i8"),  # quanta, NO_ASK if unknown
        ("lots", "i8"),  # at (side, px), -1 unknown
    ],
    align=True,
)
BEST = -1


def look(rows: Rows, ts: np.ndarray, side: np.ndarray, px: np.ndarray | int = BEST) -> np.ndarray:
    """Return a `Sight` for each (ts, side, px), in the order given."""
    sights = np.zeros(len(ts), Sight)
    sights["ts"], sights["side"], sights["px"] = ts, side, px
    order = np.argsort(sights["ts"], kind="stable")
    asked = np.ascontiguousarray(sights[order])
    book = np.zeros(1, book_dtype())
    _look(rows.tag, rows.px, rows.lots, rows.ts, book, asked)
    sights[order] = asked
    return sights


@compiled
def _look(tag: Any, px: Any, lots: Any, ts: Any, books: Any, sights: Any) -> None:
    book = books[0]
    clear(book)
    row = 0
    for n in range(sights.size):
        sight = sights[n]
        while row < tag.size and ts[row] <= sight.ts:
            t = int(tag[row])
            kind = t & KIND_MASK
            side = (t >> 3) & 1
            p = px[row]
            if kind == DEPTH:
                set_depth(book, side, p, lots[row])
            elif kind in (SNAPSHOT, BBO):
                if lots[row] <= 0:
                    p = 0 if side else NO_ASK
                if kind == SNAPSHOT:
                    set_image(book, t, side, p, lots[row])
                else:
                    set_best(book, side, p, lots[row])
            elif kind == GAP:
                forget(book)
            row += 1
        sight.bid = best(book, 1)
        sight.ask = best(book, 0)
        asked = sight.px
        if asked == BEST:
            asked = sight.bid if sight.side else sight.ask
        sight.lots = shown(book, sight.side, asked)


def first_reach(
    rows: Rows, join_ts: np.ndarray, side: np.ndarray, px: np.ndarray, patience_ns: int
) -> np.ndarray:
    """Return when the market first reached through each order, ns; -1 if not in `patience_ns`.

    That is a print beyond its price, prints of one moment at its price of more than all that rested
    there, or the other side showing lots at or through it, after `join_ts`: whatever the queue, it
    would have filled by then.
    """
    found = np.full(len(join_ts), -1, np.int64)
    kind, is_bid = rows.kind, rows.is_bid
    level = (kind == DEPTH) | (kind == SNAPSHOT) | (kind == BBO)
    whole = _took_all(rows)
    for which in (1, -1):  # own bids, own asks
        # In keys of the own side: a bid at key k is reached by an ask at or below k.
        asks = level & (is_bid == (which < 0)) & (rows.lots > 0)
        prints = (kind == TRADE) & (is_bid == (which < 0))
        reaches = asks | prints
        ts = rows.ts[reaches]
        # A print at the price itself must have taken all, else it must go one quantum further.
        key = which * rows.px[reaches] + (prints & ~whole)[reaches]
        for n in np.flatnonzero(side == which):
            low = np.searchsorted(ts, join_ts[n], "right")
            high = np.searchsorted(ts, join_ts[n] + patience_ns, "right")
            hit = np.flatnonzero(key[low:high] <= which * px[n])
            if len(hit):
                found[n] = ts[low + hit[0]]
    return found


def _took_all(rows: Rows) -> np.ndarray:
    """Return which prints, with others of their moment and price, exceed what rested there."""
    trades = np.flatnonzero(rows.kind == TRADE)
    keys = np.stack((rows.ts[trades], rows.px[trades], rows.is_bid[trades]), axis=1)
    groups, of = np.unique(keys, axis=0, return_inverse=True)
    total = np.bincount(of.ravel(), rows.lots[trades], len(groups))
    rested = look(rows, groups[:, 0] - 1, 1 - groups[:, 2], groups[:, 1])["lots"]
    over = (rested >= 0) & (total > rested)
    found = np.zeros(len(rows.tag), bool)
    found[trades] = over[of.ravel()]
    return found
