"""Why the simulated exchange refuses a request; the first reason in the order below counts."""

from typing import Any

from simmm.book import best_ask, best_bid, in_window
from simmm.jit import kernel
from simmm.records import (
    ACTION_EXPIRED,
    ALO,
    BAD_SIZE,
    BAD_STEP,
    CANCEL,
    IOC,
    LIQUIDATED_ACCOUNT,
    MARGIN,
    MAX_POSITION,
    MIN_NOTIONAL,
    NO_ASK,
    NO_BID,
    NO_REASON,
    ORDER_TOO_LARGE,
    OUT_OF_WINDOW,
    PRICE_BAND,
    REDUCE_ONLY,
    TOO_MANY_ORDERS,
    WOULD_CROSS,
)
from simmm.steps import step_at
from simmm.venue.budget import allow, charge_expired
from simmm.venue.margin import affords, leverage_limit, worst_exposure

NO_SLOT = -1


@kernel
def gate(venue: Any, request: Any) -> int:
    """Return why a request isn't even looked at: trading ended, too late, or one too many."""
    if request.kind != CANCEL and venue.account.liquidated_ts > 0:
        return LIQUIDATED_ACCOUNT
    budget = venue.budget
    if 0 < request.expires_ts < venue.now:
        charge_expired(budget)
        return ACTION_EXPIRED
    if budget.by_address or budget.by_ip:
        return allow(budget, venue.account, request.kind, request.sent_ts, venue.now)
    return NO_REASON


@kernel
def refusal(venue: Any, book: Any, request: Any, tif: int, reduce_only: int, replaced: int) -> int:
    """Return why an order is refused, `NO_REASON` if it isn't; crossing is looked at apart.

    `replaced` is the slot of the order that a modify takes away, `NO_SLOT` for a new order.
    """
    market = venue.market
    account = venue.account
    side = request.side
    held = abs(account.position)
    reduces = side * account.position < 0
    if account.liquidated_ts > 0:
        return LIQUIDATED_ACCOUNT
    if request.quantity < 1:
        return BAD_SIZE
    if request.px < 1 or request.px % step_at(market, request.px) != 0:
        return BAD_STEP
    if market.price_band_e9 > 0 and account.mark > 0:
        away = abs(request.px - account.mark)
        if away * 1_000_000_000 > account.mark * market.price_band_e9:
            return PRICE_BAND
    notional = request.px * request.quantity * market.money_scale
    closes = reduce_only and reduces and request.quantity >= held
    if notional < market.min_notional and not closes:
        return MIN_NOTIONAL
    if reduce_only and not reduces:
        return REDUCE_ONLY
    largest = market.largest_market if tif == IOC else market.largest_limit
    if largest > 0 and notional > largest:
        return ORDER_TOO_LARGE
    if account.margin and not reduce_only:
        worst = _worst(venue, side, request.quantity, replaced)
        amount = worst * account.mark * market.money_scale
        if leverage_limit(market, amount) < account.leverage:
            return MAX_POSITION
        if not affords(account, market, worst):
            return MARGIN
    if replaced == NO_SLOT and venue.n_bids + venue.n_asks >= market.max_open_orders:
        return TOO_MANY_ORDERS
    if not in_window(book, request.px):
        return OUT_OF_WINDOW
    return NO_REASON


@kernel
def _worst(venue: Any, side: int, lots: int, replaced: int) -> int:
    """Return the largest position that could come of all open orders and `lots` more of a side."""
    buys = lots if side > 0 else 0
    sells = lots if side < 0 else 0
    for k in range(venue.n_bids):
        slot = venue.bids[k]
        if slot != replaced and venue.orders[slot].reduce_only == 0:
            buys += venue.orders[slot].leaves
    for k in range(venue.n_asks):
        slot = venue.asks[k]
        if slot != replaced and venue.orders[slot].reduce_only == 0:
            sells += venue.orders[slot].leaves
    return worst_exposure(venue.account.position, buys, sells)


@kernel
def opposite_best(venue: Any, book: Any, side: int) -> int:
    """Return the price that an order of `side` must reach to take, NO_ASK or NO_BID if none.

    Own orders count where the venue prevents that they meet.
    """
    if side > 0:
        ask = best_ask(book)
        return min(ask, venue.own_ask) if venue.market.self_trade else ask
    bid = best_bid(book)
    return max(bid, venue.own_bid) if venue.market.self_trade else bid


@kernel
def crosses(venue: Any, book: Any, side: int, px: int) -> bool:
    """Return whether an order would take."""
    best = opposite_best(venue, book, side)
    if side > 0:
        return best != NO_ASK and px >= best
    return best != NO_BID and px <= best


@kernel
def crossing_refusal(tif: int, is_crossing: bool) -> int:
    """Return why a crossing order is refused: it is post-only."""
    return WOULD_CROSS if is_crossing and tif == ALO else NO_REASON
