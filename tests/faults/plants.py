"""The faults: what is wrong, and the text that makes it so."""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """Replace `old`, which must occur `times` in `file`, by `new`."""

    file: str
    old: str
    new: str
    times: int = 1


class Fault(NamedTuple):
    """One fault, made by one or several changes."""

    name: str
    changes: tuple[Change, ...]


def _fault(name: str, *changes: Change) -> Fault:
    return Fault(name, changes)


FILLS = "simmm/venue/fills.py"
LEVELS = "simmm/venue/levels.py"
TAKING = "simmm/venue/taking.py"
CHECKS = "simmm/venue/checks.py"
REQUESTS = "simmm/venue/requests.py"
ACCOUNT = "simmm/venue/account.py"
EXCHANGE = "simmm/venue/exchange.py"
ROWS = "simmm/venue/rows.py"
MAIL = "simmm/mail.py"
KNOWLEDGE = "simmm/knowledge.py"
LATENCY = "simmm/latency.py"
QUEUE = "simmm/venue/queue/published.py"
POWER = "simmm/venue/queue/power.py"
ENGINE = "simmm/engine.py"
VIEWS = "simmm/views.py"
TABLE = "simmm/orders/table.py"
BOOK = "simmm/book.py"
LIMITS = "simmm/risk/limits.py"

FAULTS = (
    _fault(
        "a fill is booked twice",
        Change(
            ACCOUNT,
            "    book_position(account, market, side, px, lots)\n",
            "    book_position(account, market, side, px, 2 * lots)\n",
        ),
    ),
    _fault(
        "own orders do not share a print",
        Change(FILLS, "        budget -= lots_filled\n", "        lots_filled += 0\n"),
    ),
    _fault(
        "a small sweep fills a large order",
        Change(
            FILLS,
            "lots_filled = fill_resting(venue, mail, out, slot, budget, THROUGH, ahead)",
            "lots_filled = fill_resting(venue, mail, out, slot, order.leaves, THROUGH, ahead)",
        ),
    ),
    _fault(
        "the maker sees the book 20 ms early",
        Change(
            VIEWS,
            "arrival_ts_of(window, n) <= until",
            "arrival_ts_of(window, n) - 20_000_000 <= until",
        ),
        Change(VIEWS, "window, n + 1, until)", "window, n + 1, until + 20_000_000)"),
        Change(
            ENGINE,
            "                        if due > until:\n",
            "                        if due - 20_000_000 > until:\n",
        ),
    ),
    _fault(
        "the venue looks one row ahead: a mid from within the block",
        Change(
            EXCHANGE,
            "            tag = tag_of(window, row)\n            apply_row(",
            "            tag = tag_of(window, row)\n            venue.dirty = 1\n"
            "            read_mid(venue, book, out)\n            apply_row(",
        ),
    ),
    _fault(
        "the fee has the wrong sign",
        Change(
            ACCOUNT,
            "account.cash -= side * notional + fee",
            "account.cash -= side * notional - fee",
        ),
    ),
    _fault(
        "rebates are rounded down, not toward zero",
        Change(
            ACCOUNT,
            "return -mul_div_floor(notional, -rate_e9, 1_000_000_000)",
            "return mul_div_floor(notional, rate_e9, 1_000_000_000)",
        ),
    ),
    _fault(
        "makers pay the taker's fee",
        Change(
            ACCOUNT,
            "market.taker_fee_e9 if is_taker else market.maker_fee_e9",
            "market.taker_fee_e9",
        ),
    ),
    _fault(
        "a level that returns puts us first",
        Change(
            LEVELS,
            "verbs[CAP](venue.queue[slot], venue.settings, lots)",
            "verbs[CAP](venue.queue[slot], venue.settings, 0)",
        ),
    ),
    _fault(
        "an image puts us at the back of the queue",
        Change(
            LEVELS,
            "verbs[DEPTH_CHANGED](venue.queue[slot], venue.settings, previous, lots)",
            "verbs[JOIN](venue.queue[slot], venue.settings, float(lots))",
        ),
    ),
    _fault(
        "a print and its depth change count twice",
        Change(
            QUEUE,
            "cancelled = previous - shown - state.traded",
            "cancelled = float(previous - shown)",
        ),
    ),
    _fault(
        "a place below zero is kept below zero",
        Change(
            QUEUE,
            "    state.ahead = max(min(ahead, float(shown)), 0.0)\n",
            "    state.ahead = min(ahead, float(shown))\n",
        ),
    ),
    _fault(
        "cancels behind us move us up",
        Change(POWER, "return back / total\n", "return 1.0 - back / total\n"),
    ),
    _fault(
        "a level joined unseen fills",
        Change(FILLS, "        elif order.seen and not (", "        elif not ("),
    ),
    _fault(
        "an exact fill leaves the order behind",
        Change(
            FILLS,
            "    if order.leaves == 0:\n        finish(",
            "    if order.leaves < 0:\n        finish(",
        ),
    ),
    _fault(
        "a crossed order fills at the other side's price",
        Change(
            FILLS,
            "        lots_filled = fill_resting(venue, mail, out, slot, available, CROSSED, ahead)",
            "        venue.orders[slot].px = px\n"
            "        lots_filled = fill_resting(venue, mail, out, slot, available, CROSSED, ahead)",
        ),
    ),
    _fault(
        "crossing lots are used again at each row",
        Change(FILLS, "            take(venue, is_bid, px, lots_filled)\n", "            pass\n"),
    ),
    _fault(
        "liquidity taken is forgotten",
        Change(TAKING, "            take(venue, level_side, px, lots)\n", ""),
    ),
    _fault(
        "latency is ignored",
        Change(
            LATENCY,
            "arrival = max(ts + max(wait, 1), last_ns)",
            "arrival = max(ts + 1, last_ns)",
        ),
    ),
    _fault(
        "requests overtake each other",
        Change(
            LATENCY,
            "arrival = max(ts + max(wait, 1), last_ns)",
            "arrival = ts + max(wait, 1)",
        ),
    ),
    _fault(
        "a modify to a larger size keeps its place",
        Change(
            REQUESTS,
            "request.px == order.px and request.quantity <= order.leaves",
            "request.px == order.px",
        ),
    ),
    _fault(
        "a replaced order keeps its size",
        Change(
            REQUESTS,
            "    order.modifies = modifies + 1\n",
            "    order.leaves = order.quantity = 1\n    order.modifies = modifies + 1\n",
        ),
    ),
    _fault(
        "a cancel is answered but ignored",
        Change(
            REQUESTS,
            "    delist(venue, slot)\n    end_order(venue, out, slot, CANCELLED, NO_REASON)\n",
            "",
        ),
    ),
    _fault(
        "a post-only order that crosses is accepted",
        Change(
            CHECKS,
            "return WOULD_CROSS if is_crossing and tif == ALO else NO_REASON",
            "return NO_REASON",
        ),
    ),
    _fault(
        "minimum notional is not checked",
        Change(
            CHECKS,
            "if notional < market.min_notional and not closes:",
            "if notional < 0:",
        ),
    ),
    _fault(
        "a timer comes before the packet of its time",
        Change(
            ENGINE,
            "timer_due < min(arrival_due, response_due) and",
            "timer_due <= min(arrival_due, response_due) and",
        ),
        Change(
            ENGINE,
            "until = min(min(response_due, timer_due), min(tell_due, maker.end_ts))",
            "until = min(min(response_due, timer_due - 1), min(tell_due, maker.end_ts))",
        ),
    ),
    _fault(
        "a request acts before the rows of its time",
        Change(ENGINE, "request_due < packet_due\n", "request_due <= packet_due\n"),
        Change(ENGINE, "acts_due + least_entry_ns, ", "acts_due + least_entry_ns - 1, "),
        Change(
            ENGINE,
            "packet_due <= min(min(request_due, event_due), venue_until):",
            "packet_due <= min(min(request_due - 1, event_due), venue_until):",
        ),
        Change(
            ENGINE,
            "min(min(request_due, event_due), venue_until),\n",
            "min(min(request_due - 1, event_due), venue_until),\n",
        ),
    ),
    _fault(
        "the cached mid goes stale",
        Change(ROWS, "venue.dirty |= key >= book.bound[side]\n", "venue.dirty |= False\n"),
    ),
    _fault(
        "a gap is overlooked",
        Change(ROWS, "        forget(book)\n", ""),
    ),
    _fault(
        "an image leaves better levels alive",
        Change(BOOK, "    _fill(book, side, key + 1, book.top[side], 0)\n", ""),
        Change(
            BOOK,
            "    book.bound[side] = key\n    book.top[side] = key\n    book.edge[side] = min(",
            "    book.edge[side] = min(",
        ),
    ),
    _fault(
        "the maker's position moves only with the last partial fill",
        Change(
            TABLE,
            "    if response.kind == FILLED:\n",
            "    if response.kind == FILLED and response.leaves == 0:\n",
        ),
    ),
    _fault(
        "a modify on its way does not count against the position limit",
        Change(TABLE, "lots += order.leaves + order.new_leaves", "lots += order.leaves"),
    ),
    _fault(
        "bids are rounded up",
        Change(
            LIMITS, "round_down(maker.market, px + WHOLE)", "round_up(maker.market, px - WHOLE)"
        ),
    ),
    _fault(
        "a fill is told before the feed has shown its block",
        Change(
            MAIL,
            "max(next_arrival(mail.answer, now), mail.told_ts)",
            "next_arrival(mail.answer, now)",
        ),
    ),
    _fault(
        "a late trade fills an order that joined after it",
        Change(FILLS, "venue.late and order.joined_ts >= venue.row_ts", "venue.late < 0"),
    ),
    _fault(
        "a late trade counts what the depth has counted",
        Change(FILLS, "not (venue.late and order.told_ts >= venue.row_ts)", "not (venue.late < 0)"),
    ),
    _fault(
        "a late bbo older than the newest is believed",
        Change(KNOWLEDGE, "own_ts < know.newest_bbo_ts", "own_ts < 0"),
    ),
    _fault(
        "a late image brings back what a newer bbo has emptied",
        Change(ROWS, "key_of(side, px) >= best_key", "key_of(side, px) > best_key + 1_000_000"),
    ),
    _fault(
        "the watermark moves on without waiting",
        Change(
            KNOWLEDGE,
            "know.mark_local_ts[know.mark_head & mask] + know.hold_ns",
            "know.mark_local_ts[know.mark_head & mask]",
        ),
    ),
    _fault(
        "late packets lie about when they happen",
        Change(KNOWLEDGE, "know.watermark_ts + 1, told_ts, late_ts", "late_ts, told_ts, late_ts"),
    ),
)
