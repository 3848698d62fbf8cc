"""One quote step: what the strategy reads, is asked, and what is sent to bring it about."""

from typing import Any

from simmm import estimator_entry as estimators
from simmm.book import best_ask, best_bid
from simmm.jit import kernel
from simmm.maker_records import NO_FAULT
from simmm.math import floor_int
from simmm.orders.reconcile import has_taker, reconcile, send_new
from simmm.orders.table import exposure, is_full
from simmm.records import IOC, LADDER, NO_ASK, NO_BID
from simmm.risk.limits import is_large_enough, set_targets, whole_lots
from simmm.steps import round_down, round_up, step_at


@kernel
def fill_touch(maker: Any, book: Any) -> None:
    """Write the book's part of the market record; 0 is unknown."""
    record = maker.record
    record.now_ns = maker.now
    record.mid_age_ns = maker.now - maker.last_packet_ts
    bid = best_bid(book)
    ask = best_ask(book)
    mask = book.cells.size // 2 - 1
    record.bid_px = 0.0
    record.bid_qty = 0.0
    record.ask_px = 0.0
    record.ask_qty = 0.0
    record.mid = 0.0
    if bid != NO_BID:
        record.bid_px = float(bid)
        record.bid_qty = float(book.cells[((bid & mask) << 1) | 1])
    if ask != NO_ASK:
        record.ask_px = float(ask)
        record.ask_qty = float(book.cells[(ask & mask) << 1])
    if bid != NO_BID and ask != NO_ASK:
        record.mid = 0.5 * (bid + ask)
        record.step = float(step_at(maker.market, floor_int(record.mid)))


@kernel
def fill_record(stack: Any, maker: Any, book: Any) -> None:
    """Write everything a strategy reads."""
    fill_touch(maker, book)
    record = maker.record
    record.position = float(maker.position)
    if maker.estimate:
        maker.o.now = maker.now
        estimators.read(stack, maker.o, record)


@kernel
def _reset_wanted(wanted: Any) -> None:
    wanted.bids = 0
    wanted.asks = 0
    wanted.take_qty = 0.0
    wanted.take_px = 0.0
    wanted.cancel_all = 0
    wanted.go_flat = 0
    for k in range(LADDER):
        wanted.bid_px[k] = 0.0
        wanted.bid_qty[k] = 0.0
        wanted.ask_px[k] = 0.0
        wanted.ask_qty[k] = 0.0


@kernel
def quote_step(
    quote: Any,
    stack: Any,
    maker: Any,
    books: Any,
    mail: Any,
    out: Any,
    memory: Any,
    params: Any,
) -> None:
    """Ask the strategy what it wants, limit it, and send what brings that about."""
    if maker.now < maker.start_ts or maker.fault != NO_FAULT or maker.halted:
        return
    fill_record(stack, maker, books[0])
    _reset_wanted(maker.wanted)
    record = maker.record
    if record.bid_px > 0.0 and record.ask_px > 0.0:
        maker.steps += 1
        quote(maker.wanted, record, memory, params)
    else:
        maker.blind_steps += 1
    set_targets(maker)
    if maker.fault != NO_FAULT:
        return
    reconcile(maker, mail, out)
    _take(maker, mail, out)


@kernel
def _take(maker: Any, mail: Any, out: Any) -> None:
    """Send the order that takes now, if one is wanted and none is on its way."""
    wanted = maker.wanted
    lots = -maker.position if wanted.go_flat else whole_lots(wanted.take_qty)
    if lots == 0 or has_taker(maker) or is_full(maker):
        return
    side = 1 if lots > 0 else -1
    record = maker.record
    px = wanted.take_px
    if not px > 0.0:
        px = record.ask_px if side > 0 else record.bid_px
    quanta = round_down(maker.market, px) if side > 0 else round_up(maker.market, px)
    room = maker.max_position - side * maker.position - exposure(maker, side)
    lots = min(abs(lots), room)
    if quanta > 0 and is_large_enough(maker, quanta, lots):
        # Where the venue knows reduce-only orders, going flat can't turn the position round.
        reduce_only = 1 if wanted.go_flat and maker.market.n_tiers > 0 else 0
        send_new(maker, mail, out, side, quanta, lots, IOC, reduce_only)
