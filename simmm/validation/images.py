"""A tape of every change, as a venue would show it that sends images of its book now and then."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.book import best, clear, forget, key_of, set_best, set_depth, set_image, shown
from simmm.jit import compiled, kernel
from simmm.records import (
    BBO,
    BUY,
    DEPTH,
    FIRST,
    GAP,
    KIND_MASK,
    NO_ASK,
    NO_BID,
    PACKET_END,
    SNAPSHOT,
    TRADE,
    book_dtype,
)
from simmm.validation.rows import Rows

LEVELS = 20  # of each side in an image


def images_of(rows: Rows, every_ns: int, levels: int = LEVELS) -> Rows:
    """Return the rows of a feed with an image each `every_ns`, and every print.

    An image shows the book after the rows up to its time, if anything came since the last one.
    """
    count = int((rows.end_ts - rows.start_ts) // every_ns) + 2
    trades = int((rows.kind == TRADE).sum())
    room = min(count, len(rows.tag)) * 2 * levels + trades
    tag = np.zeros(room, np.uint8)
    px, lots, ts = (np.zeros(room, np.int64) for _ in range(3))
    book = np.zeros(1, book_dtype())
    written = _images(
        rows.tag, rows.px, rows.lots, rows.ts, every_ns, levels, book, tag, px, lots, ts
    )
    return rows._replace(
        tag=tag[:written].copy(),
        px=px[:written].copy(),
        lots=lots[:written].copy(),
        ts=ts[:written].copy(),
    )


@compiled
def _images(
    tag: Any,
    px: Any,
    lots: Any,
    ts: Any,
    every_ns: int,
    levels: int,
    books: Any,
    out_tag: Any,
    out_px: Any,
    out_lots: Any,
    out_ts: Any,
) -> int:
    book = books[0]
    clear(book)
    due = ts[0]
    fresh = 0
    n = 0
    for row in range(tag.size):
        if ts[row] > due:
            if fresh:
                n = _image(book, due, levels, n, out_tag, out_px, out_lots, out_ts)
                fresh = 0
            due += (ts[row] - due + every_ns - 1) // every_ns * every_ns
        t = int(tag[row])
        kind = t & KIND_MASK
        side = (t >> 3) & 1
        p = px[row]
        if kind == TRADE:
            out_tag[n], out_px[n], out_lots[n], out_ts[n] = tag[row], p, lots[row], ts[row]
            n += 1
        elif kind == DEPTH:
            set_depth(book, side, p, lots[row])
            fresh = 1
        elif kind in (SNAPSHOT, BBO):
            if lots[row] <= 0:
                p = 0 if side else NO_ASK
            if kind == SNAPSHOT:
                set_image(book, t, side, p, lots[row])
            else:
                set_best(book, side, p, lots[row])
            fresh = 1
        elif kind == GAP:
            forget(book)
    return n


@kernel
def _image(book: Any, now: int, levels: int, n: int, tag: Any, px: Any, lots: Any, ts: Any) -> int:
    """Write the best `levels` of both sides; return the next free row."""
    for side in range(2):
        price = best(book, side)
        if price in (NO_BID, NO_ASK):
            continue
        key = key_of(side, price)
        first = FIRST
        found = 0
        while found < levels and key >= book.edge[side]:
            size = shown(book, side, key_of(side, key))
            if size < 0:
                break
            if size > 0:
                tag[n] = SNAPSHOT | (BUY if side else 0) | first | PACKET_END
                px[n] = key_of(side, key)
                lots[n] = size
                ts[n] = now
                first = 0
                found += 1
                n += 1
            key -= 1
    return n
