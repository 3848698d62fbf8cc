"""A venue's streams from a finer tape, said again in the plainest way: lists, dictionaries, sorts.

It shares nothing with the kernels but the draws of latencies.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import codes
from tests.oracle.latency import Line

CONTEXT = 4
Said = tuple[int, int, int]  # tag without PACKET_END, px, qty


@dataclass
class Message:
    """What one packet tells."""

    ts: int
    stream: int
    lag: int
    rows: list[Said]
    local: int = 0


class Side:
    """One side of a book: every price of a range is known to hold so much, or unknown (None)."""

    def __init__(self, bid: bool, low: int, high: int) -> None:
        self.bid = bid
        self.prices = list(range(high, low - 1, -1) if bid else range(low, high + 1))
        self.forget()

    def forget(self) -> None:
        self.lots: dict[int, int | None] = dict.fromkeys(self.prices)
        self.emptied = False
        self.last = 0

    def better(self, px: int) -> list[int]:
        return [p for p in self.prices if (p > px if self.bid else p < px)]

    def worse(self, px: int) -> list[int]:
        return [p for p in self.prices if (p < px if self.bid else p > px)]

    def begins(self, px: int, lots: int) -> None:
        """All that is better than `px` is empty; without lots the whole side is."""
        for price in self.better(px) if lots else self.prices:
            self.lots[price] = 0
        self.emptied = lots == 0
        if lots:
            self.lots[px] = lots

    def image_row(self, first: bool, px: int, lots: int) -> None:
        if first:
            self.begins(px, lots)
            if lots == 0:
                return
        else:
            between = set(self.better(px)) & set(self.worse(self.last))
            for price in between:
                self.lots[price] = 0
            self.lots[px] = lots
        self.last = px
        for price in self.worse(px):
            self.lots[price] = None

    def best(self) -> int | None:
        return next((p for p in self.prices if (self.lots[p] or 0) > 0), None)

    def levels(self, count: int, valid: Callable[[int], bool]) -> list[tuple[int, int]] | None:
        """Return the best levels as far as no valid price is unknown; None: nothing to tell."""
        best = self.best()
        if best is None:
            return [(0, 0)] if self.emptied else None
        found: list[tuple[int, int]] = []
        for price in [best, *self.worse(best)]:
            lots = self.lots[price]
            if len(found) == count or (lots is None and valid(price)):
                break
            if lots and valid(price):
                found.append((price, lots))
        return found


@dataclass
class Emulator:
    """Reads blocks of rows in causal order and collects messages."""

    levels: int
    every_ns: int  # 0: by block
    bbo: bool
    block_ns: int
    valid: Callable[[int], bool]
    sides: dict[int, Side]
    messages: list[Message] = field(default_factory=list)
    due: int | None = None
    owed: bool = True
    told: dict[int, Said] = field(default_factory=dict)
    shown: dict[int, list[tuple[int, int]] | None] = field(default_factory=dict)
    lag: int = 0

    def block_of(self, ts: int) -> int:
        return -(-ts // self.block_ns) * self.block_ns if self.block_ns else ts

    def first_due(self, block: int) -> int:
        """Return the first multiple of the interval whose block is `block` or later."""
        due = block // self.every_ns * self.every_ns - 2 * self.every_ns
        due -= (self.block_ns // self.every_ns + 1) * self.every_ns
        while self.block_of(due) < block:
            due += self.every_ns
        return due

    def crossed(self) -> bool:
        bid, ask = self.sides[1].best(), self.sides[-1].best()
        return bid is not None and ask is not None and bid >= ask

    def tell(self, ts: int, stream: int, lag: int, rows: list[Said]) -> None:
        self.messages.append(Message(ts, stream, lag, rows))

    def pass_time(self, until: int) -> None:
        """Tell images that fall due before the block at `until`."""
        if not self.every_ns:
            return
        if self.due is None:
            self.due = self.first_due(until)
        while self.block_of(self.due) < until:
            if not self.tell_image(self.block_of(self.due)):
                self.due = self.first_due(until)

    def read(self, ts: int, rows: list[Any]) -> None:
        """Apply the rows of one block and tell what it ended with."""
        trades, context, trade_lag, context_lag, level_rows = [], {}, 0, 0, 0
        for exch_ts, local_ts, _, tag, px, qty in rows:
            kind, side = codes.kind_of(tag), 1 if tag & 8 else -1
            if kind == codes.TRADE:
                trades.append((tag & ~codes.END_BIT, px, qty))
                trade_lag = local_ts - exch_ts
            elif kind == CONTEXT:
                context[qty] = px
                context_lag = local_ts - exch_ts
            else:
                level_rows += 1
                self.lag = local_ts - exch_ts
                if kind == codes.BBO:
                    self.sides[side].begins(px, qty)
                elif kind == codes.DEPTH:
                    self.sides[side].lots[px] = qty
                else:
                    self.sides[side].image_row(bool(tag & 32), px, qty)
        if trades:
            self.tell(ts, 0, trade_lag, trades)
        if not self.crossed():
            if self.bbo:
                self.tell_bbo(ts)
            if self.every_ns:
                assert self.due is not None
                if self.owed or self.block_of(self.due) <= ts:
                    self.tell_image(ts)
            else:
                self.tell_image(ts)
        if context:
            self.tell(ts, 3, context_lag, [(CONTEXT, context[k], k) for k in sorted(context)])

    def tell_bbo(self, ts: int) -> None:
        now: dict[int, Said] = {}
        for side in (1, -1):
            best = self.sides[side].best()
            if best is not None:
                lots = self.sides[side].lots[best]
                assert lots
                now[side] = (codes.BBO | (8 if side > 0 else 0), best, lots)
            elif side in self.told and self.sides[side].emptied:
                now[side] = (*self.told[side][:2], 0)
        if any(self.told.get(side) != said for side, said in now.items()):
            self.tell(ts, 1, self.lag, list(now.values()))
        self.told.update(now)

    def tell_image(self, ts: int) -> bool:
        if self.crossed():
            return False
        now = {side: self.sides[side].levels(self.levels, self.valid) for side in (1, -1)}
        rows = [
            (codes.SNAPSHOT | (8 if side > 0 else 0) | (0 if place else 32), px, lots)
            for side, levels in now.items()
            for place, (px, lots) in enumerate(levels or [])
        ]
        same = all((self.shown.get(side) or None) == (now[side] or None) for side in now)
        missing = any(levels is None for levels in now.values())
        self.shown = dict(now)
        if not rows or (self.owed and missing) or (not self.every_ns and same):
            return False
        self.tell(ts, 2, self.lag, rows)
        self.owed = False
        if self.every_ns:
            self.due = self.first_due(ts + 1)
        return True

    def gap(self, row: Any) -> None:
        exch_ts, local_ts, _, _, px, qty = row
        self.tell(exch_ts, 3, local_ts - exch_ts, [(codes.GAP, px, qty)])
        for side in self.sides.values():
            side.forget()
        self.owed, self.told, self.shown = True, {}, {}


def emulated(
    rows: list[Any],
    valid: Callable[[int], bool],
    *,
    levels: int,
    every_ns: int,
    bbo: bool,
    block_ns: int,
    line: Line | None = None,
) -> list[tuple[int, int, int, int, int, int]]:
    """Return the rows (exch_ts, local_ts, seq, tag, px, qty) that the streams tell of a tape.

    `rows` are those of the tape, in causal order.
    """
    prices = [px for *_, tag, px, _ in rows if codes.kind_of(tag) <= codes.TRADE and px > 0]
    low, high = max(1, min(prices) - 5), max(prices) + 5
    sides = {1: Side(True, low, high), -1: Side(False, low, high)}
    made = Emulator(levels, every_ns, bbo, block_ns, valid, sides)

    def key(row: Any) -> tuple[int, int]:
        return (row[0], 0) if codes.kind_of(row[3]) == codes.GAP else (made.block_of(row[0]), 1)

    parts: list[tuple[tuple[int, int], list[Any]]] = []
    for place, inside in itertools.groupby(rows, key):
        parts.append((place, list(inside)))
    for number, ((ts, is_block), inside) in enumerate(parts):
        made.pass_time(ts)
        if not is_block:
            for row in inside:
                made.gap(row)
            continue
        following = parts[number + 1] if number + 1 < len(parts) else None
        if following is not None and not following[0][1]:
            ts = min(ts, following[0][0] - 1)  # a gap ends the block before it
        made.read(ts, inside)
    return _numbered(made.messages, line)


def _numbered(
    messages: list[Message], line: Line | None
) -> list[tuple[int, int, int, int, int, int]]:
    last: dict[int, int] = {}
    for message in messages:
        if line is not None:
            message.local = line.arrival(message.ts)
        else:
            message.local = max(message.ts + message.lag, last.get(message.stream, 0))
            last[message.stream] = message.local
    order = sorted(range(len(messages)), key=lambda k: messages[k].local)
    seq = {k: number for number, k in enumerate(order)}
    return [
        (m.ts, m.local, seq[k], tag | (codes.END_BIT if place == len(m.rows) - 1 else 0), px, qty)
        for k, m in enumerate(messages)
        for place, (tag, px, qty) in enumerate(m.rows)
    ]
