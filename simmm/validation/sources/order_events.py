"""Market-by-order rows, replayed: what each does to the book, the tape and the fates of orders."""

from typing import Any

from simmm.jit import compiled, kernel
from simmm.records import AGGRESSOR_END, BUY, TRADE
from simmm.validation.sources.order_book import (
    end_message,
    fill,
    join,
    leave,
    put,
    show,
    show_image,
    take_away,
    tell,
)
from simmm.validation.sources.order_records import (
    ADD,
    BEYOND_CANCEL,
    BEYOND_FILL,
    CANCEL,
    CROSSED,
    DELETE,
    END_CANCEL,
    END_OPEN,
    END_REPLACE,
    FILL,
    KNOWN_ORDER,
    LATE_OPEN,
    MODIFY,
    NO_PRICE,
    NO_SIDE,
    NO_SIZE,
    NOBODY,
    OPEN,
    OTHER_PRICE,
    OTHER_SIDE,
    REPLACE,
    SOUND,
    UNKNOWN_ORDER,
    UNTOLD,
)


@kernel
def _fault(row: Any, order: Any) -> int:
    """Return what is wrong with a row, before the book is changed by it."""
    action = row.action
    if action in (ADD, OPEN):
        if order.alive == 1:
            return KNOWN_ORDER
        if row.side == 0:
            return NO_SIDE
        if row.level == UNTOLD:
            return NO_PRICE
        return NO_SIZE if row.lots <= 0 else SOUND
    if order.alive == 0:
        return UNKNOWN_ORDER
    if row.side != 0 and row.side != order.fate.side:
        return OTHER_SIDE
    if action in (REPLACE, MODIFY):
        return NO_SIZE if row.lots <= 0 else SOUND
    if row.level != UNTOLD and row.level != order.level and action == FILL:
        return OTHER_PRICE
    if action == FILL:
        if row.lots <= 0:
            return NO_SIZE
        return BEYOND_FILL if row.lots > order.lots else SOUND
    if action == CANCEL and row.lots > order.lots:
        return BEYOND_CANCEL
    return SOUND


@kernel
def _end_taker(book: Any, out: Any) -> None:
    out[book.rows - 1].tag |= AGGRESSOR_END


@kernel
def _fills(
    book: Any, orders: Any, levels: Any, prices: Any, changes: Any, out: Any, fates: Any,
    start: int, stop: int,
) -> int:  # fmt: skip
    """Do the fills of an event and write their prints, one a price."""
    k, taker = start, 0
    while k < stop:
        order = orders[changes[k].slot]
        fault = _fault(changes[k], order)
        if fault != SOUND:
            book.bad_row = k
            return fault
        at, side = order.level, order.fate.side
        if taker != 0 and taker != -side:
            _end_taker(book, out)
        taker = -side
        printed = 0
        while k < stop:
            row = changes[k]
            order = orders[row.slot]
            if order.alive == 1 and (order.level != at or order.fate.side != side):
                break
            fault = _fault(row, order)
            if fault != SOUND:
                book.bad_row = k
                return fault
            fill(book, orders, levels, prices, fates, row.slot, row.lots)
            printed += row.lots
            k += 1
        tag = TRADE if side > 0 else TRADE | BUY
        put(book, out, tag, prices[at], printed, book.prints)
        book.prints += 1
    _end_taker(book, out)
    end_message(book, out)
    return SOUND


@kernel
def _show_left(book: Any, orders: Any, levels: Any, prices: Any, changes: Any, out: Any,
               start: int, stop: int) -> None:  # fmt: skip
    """Write the size of each level that the fills of these rows met, in their order."""
    at, side = NOBODY, 0
    for k in range(start, stop):
        order = orders[changes[k].slot]
        if order.level != at or order.fate.side != side:
            at, side = order.level, order.fate.side
            show(book, levels, prices, out, 1 if side > 0 else 0, at)


@kernel
def _change(
    book: Any, orders: Any, levels: Any, prices: Any, row: Any, out: Any, fates: Any
) -> int:
    """Do one row that is no fill, and write the levels that it changed."""
    order = orders[row.slot]
    fault = _fault(row, order)
    if fault != SOUND:
        return fault
    action = row.action
    if action in (ADD, OPEN):
        order.fate.side = row.side
        order.lots = row.lots
        join(book, orders, levels, prices, row.slot, row.level, 0)
        if book.started == 1:
            show(book, levels, prices, out, 1 if row.side > 0 else 0, row.level)
        return SOUND
    side, before = order.fate.side, order.level
    is_bid = 1 if side > 0 else 0
    at = before if row.level == UNTOLD else row.level
    if action in (CANCEL, DELETE):
        gone = order.lots
        if action == CANCEL and row.lots > 0:
            gone = row.lots
        take_away(orders, levels, prices, row.slot, gone, 0)
        if order.lots == 0:
            leave(book, orders, levels, prices, fates, row.slot, END_CANCEL)
    elif action == MODIFY and at == before and row.lots <= order.lots:
        gone = order.lots - row.lots
        if gone > 0:
            take_away(orders, levels, prices, row.slot, gone, 0)
    else:
        if row.new_slot != row.slot and orders[row.new_slot].alive == 1:
            return KNOWN_ORDER
        take_away(orders, levels, prices, row.slot, order.lots, 0)
        leave(book, orders, levels, prices, fates, row.slot, END_REPLACE)
        successor = orders[row.new_slot]
        successor.fate.side = side
        successor.lots = row.lots
        join(book, orders, levels, prices, row.new_slot, at, 1)
        if at != before:
            show(book, levels, prices, out, is_bid, before)
        show(book, levels, prices, out, is_bid, at)
        return SOUND
    show(book, levels, prices, out, is_bid, before)
    return SOUND


@kernel
def _event(
    book: Any, orders: Any, levels: Any, prices: Any, changes: Any, out: Any, fates: Any,
    start: int, stop: int,
) -> int:  # fmt: skip
    """Do the rows of one event: fills before anything else."""
    k = start
    while k < stop and changes[k].action == FILL:
        k += 1
    if k > start:
        fault = _fills(book, orders, levels, prices, changes, out, fates, start, k)
        if fault != SOUND:
            return fault
        _show_left(book, orders, levels, prices, changes, out, start, k)
    while k < stop:
        fault = SOUND
        if changes[k].action == OPEN:
            fault = LATE_OPEN
        if fault == SOUND:
            fault = _change(book, orders, levels, prices, changes[k], out, fates)
        if fault != SOUND:
            book.bad_row = k
            return fault
        k += 1
    end_message(book, out)
    if book.resting[0] > 0 and book.resting[1] > 0 and book.best[0] <= book.best[1]:
        book.bad_row = stop - 1
        return CROSSED
    return SOUND


@kernel
def _set_times(book: Any, changes: Any, start: int, stop: int) -> None:
    """Set the clocks of an event; neither goes backwards, and no two events have one time."""
    now = changes[start].ts
    if now <= book.now:
        now = book.now + 1
        book.shifted += 1
    book.now = now
    told = changes[start].local_ts
    for k in range(start, stop):
        told = max(told, changes[k].local_ts)
    earliest = max(book.local_ts, now)
    if told < max(book.local_ts, changes[start].ts):
        book.raised += 1
    told = max(told, earliest)
    book.local_ts = told


def _replay(book_of: Any, orders: Any, levels: Any, prices: Any, changes: Any, out: Any,
            fates: Any) -> int:  # fmt: skip
    """Do all rows, which hold whole moments; return what is wrong with `bad_row`, or SOUND.

    Rows of one moment are one event, unless a fill follows a row that is none.
    """
    book = book_of[0]
    book.rows = book.fates = 0
    k, count = 0, len(changes)
    while k < count:
        stop = k + 1
        while (
            stop < count
            and changes[stop].ts == changes[k].ts
            and not (changes[stop].action == FILL and changes[stop - 1].action != FILL)
        ):
            stop += 1
        _set_times(book, changes, k, stop)
        fault = _event(book, orders, levels, prices, changes, out, fates, k, stop)
        if fault != SOUND:
            return fault
        k = stop
    return SOUND


def _open(book_of: Any, orders: Any, levels: Any, prices: Any, changes: Any, out: Any,
          fates: Any) -> int:  # fmt: skip
    """Let the orders rest with which the record begins, and write their image."""
    book = book_of[0]
    book.rows = book.fates = 0
    for k in range(len(changes)):
        fault = _change(book, orders, levels, prices, changes[k], out, fates)
        if fault != SOUND:
            book.bad_row = k
            return fault
    if book.resting[0] > 0 and book.resting[1] > 0 and book.best[0] <= book.best[1]:
        book.bad_row = len(changes) - 1
        return CROSSED
    show_image(book, levels, prices, out)
    book.started = 1
    book.joins = 0
    return SOUND


def _finish(book_of: Any, orders: Any, fates: Any) -> None:
    """Tell the fates of the orders that are still open."""
    book = book_of[0]
    book.fates = 0
    for slot in range(len(orders)):
        if orders[slot].alive == 1:
            tell(book, orders[slot], fates, END_OPEN)


replay = compiled(_replay)
open_book = compiled(_open)
finish = compiled(_finish)
