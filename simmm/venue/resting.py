"""Own orders resting at the venue: slots, and each side's list by price and time."""

from typing import Any

from simmm.jit import kernel
from simmm.records import NO_ASK, NO_BID, NO_KEY


@kernel
def find(venue: Any, id: int) -> int:
    """Return the slot of the resting order `id`, -1 if it does not rest."""
    for k in range(venue.n_bids):
        if venue.orders[venue.bids[k]].id == id:
            return venue.bids[k]
    for k in range(venue.n_asks):
        if venue.orders[venue.asks[k]].id == id:
            return venue.asks[k]
    return -1


@kernel
def find_oid(venue: Any, oid: int) -> int:
    """Return the slot of the resting order with the venue's number `oid`, -1 if none rests."""
    for k in range(venue.n_bids):
        if venue.orders[venue.bids[k]].oid == oid:
            return venue.bids[k]
    for k in range(venue.n_asks):
        if venue.orders[venue.asks[k]].oid == oid:
            return venue.asks[k]
    return -1


@kernel
def find_named(venue: Any, request: Any) -> int:
    """Return the slot of the resting order that a request names, -1 if there is none."""
    if request.by_oid:
        return find_oid(venue, request.id)
    return find(venue, request.id)


@kernel
def free_slot(venue: Any) -> int:
    """Return a free slot, -1 if all are in use."""
    for slot in range(venue.orders.size):
        if venue.orders[slot].id == 0:
            return slot
    return -1


@kernel
def pass_time(venue: Any, ts: int) -> None:
    """Account for the time quotes rested, up to `ts`; called before own or best prices change."""
    waited = ts - venue.passed_ts
    venue.passed_ts = ts
    if venue.n_bids > 0:
        venue.quoted_bid_ns += waited
        if venue.own_bid >= venue.best_bid:
            venue.touch_bid_ns += waited
    if venue.n_asks > 0:
        venue.quoted_ask_ns += waited
        if venue.own_ask <= venue.best_ask:
            venue.touch_ask_ns += waited


@kernel
def enlist(venue: Any, slot: int) -> None:
    """Put an order into its side's list: better price first, then earlier join."""
    pass_time(venue, venue.now)
    px = venue.orders[slot].px
    venue.n_reduce_only += venue.orders[slot].reduce_only
    if venue.orders[slot].side > 0:
        k = venue.n_bids
        while k > 0 and venue.orders[venue.bids[k - 1]].px < px:
            venue.bids[k] = venue.bids[k - 1]
            k -= 1
        venue.bids[k] = slot
        venue.n_bids += 1
    else:
        k = venue.n_asks
        while k > 0 and venue.orders[venue.asks[k - 1]].px > px:
            venue.asks[k] = venue.asks[k - 1]
            k -= 1
        venue.asks[k] = slot
        venue.n_asks += 1
    refresh(venue)


@kernel
def delist(venue: Any, slot: int) -> None:
    """Take an order out of its side's list."""
    pass_time(venue, venue.now)
    venue.n_reduce_only -= venue.orders[slot].reduce_only
    if venue.orders[slot].side > 0:
        k = 0
        while venue.bids[k] != slot:
            k += 1
        venue.n_bids -= 1
        while k < venue.n_bids:
            venue.bids[k] = venue.bids[k + 1]
            k += 1
    else:
        k = 0
        while venue.asks[k] != slot:
            k += 1
        venue.n_asks -= 1
        while k < venue.n_asks:
            venue.asks[k] = venue.asks[k + 1]
            k += 1
    refresh(venue)


@kernel
def refresh(venue: Any) -> None:
    """Set what the row loop compares with: best own prices, and whether there are deeper ones."""
    venue.own_bid = NO_BID
    venue.own_ask = NO_ASK
    venue.own_key[0] = NO_KEY
    venue.own_key[1] = NO_KEY
    venue.deep[0] = 0
    venue.deep[1] = 0
    if venue.n_bids > 0:
        venue.own_bid = venue.orders[venue.bids[0]].px
        venue.own_key[1] = venue.own_bid
        if venue.orders[venue.bids[venue.n_bids - 1]].px != venue.own_bid:
            venue.deep[1] = 1
    if venue.n_asks > 0:
        venue.own_ask = venue.orders[venue.asks[0]].px
        venue.own_key[0] = -venue.own_ask
        if venue.orders[venue.asks[venue.n_asks - 1]].px != venue.own_ask:
            venue.deep[0] = 1
