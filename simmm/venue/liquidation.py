"""Liquidation: first a market order, then the backstop. Trading ends with the first.

Auto-deleveraging is not modelled: the backstop always takes the position.

Source: Hyperliquid, liquidations.
"""

from typing import Any

from simmm.jit import kernel
from simmm.math import chain
from simmm.records import (
    BACKSTOP,
    IOC,
    LIQUIDATED,
    LIQUIDATION_FILL,
    NO_ASK,
)
from simmm.venue.fills import expire, fill
from simmm.venue.margin import (
    at_stake,
    backstop_due,
    liquidatable,
    notional,
    value,
)
from simmm.venue.resting import free_slot
from simmm.venue.taking import take_liquidity


@kernel
def watch_margin(venue: Any, book: Any, mail: Any, out: Any) -> None:
    """Liquidate the account if what moved the mark, or funding, left too little."""
    venue.mark_moved = 0
    account = venue.account
    if not account.margin or venue.now < account.cooldown_ts:
        return
    if not liquidatable(account, venue.market):
        return
    first = account.liquidated_ts == 0
    if first:
        account.liquidated_ts = venue.now
    while venue.n_bids > 0:
        expire(venue, mail, out, venue.bids[0], LIQUIDATED)
    while venue.n_asks > 0:
        expire(venue, mail, out, venue.asks[0], LIQUIDATED)
    if backstop_due(account, venue.market):
        _take_over(venue, mail, out)
        return
    lots = abs(account.position)
    market = venue.market
    whole_rest = account.cooldown_ts > 0
    if notional(account, market) > market.partial_liquidation and not whole_rest:
        lots = (lots + 4) // 5
        account.cooldown_ts = venue.now + market.cooldown_ns
    slot = _prepare(venue, lots)
    take_liquidity(venue, book, mail, out, slot, LIQUIDATION_FILL)


@kernel
def _prepare(venue: Any, lots: int) -> int:
    """Fill in a place with the venue's own order against the position; it has no id."""
    slot = free_slot(venue)
    order = venue.orders[slot]
    order.side = -1 if venue.account.position > 0 else 1
    order.px = NO_ASK if order.side > 0 else 0
    order.leaves = lots
    order.filled = 0
    order.quantity = lots
    order.tif = IOC
    order.oid = 0
    order.reduce_only = 1
    order.answered_ts = venue.now
    order.placed_ts = venue.now
    order.joined_ts = 0
    order.seen_at_join = 1
    order.level_at_join = 0
    order.ahead_at_join = 0.0
    return slot


@kernel
def _take_over(venue: Any, mail: Any, out: Any) -> None:
    """The backstop takes position and collateral: the position at the mark, then what is left."""
    account = venue.account
    left = at_stake(account, venue.market)
    slot = _prepare(venue, abs(account.position))
    lots = venue.orders[slot].leaves
    fill(venue, mail, out, slot, account.mark, lots, LIQUIDATION_FILL | BACKSTOP, 0.0)
    account.forfeited += left
    venue.chain = chain(venue.chain, left)
    account.cash -= left
    account.margin_available = max(value(account, venue.market), 0)
