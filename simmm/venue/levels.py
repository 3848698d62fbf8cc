"""What a level that changes tells the queues of own orders there.

The rules are numbered in docs/fill-model.md; `verbs` are those of the linked queue model.
"""

from typing import Any

from simmm.book import UNKNOWN, key_of, shown_within
from simmm.jit import kernel
from simmm.records import BBO, DEPTH, FIRST, KIND_MASK, NO_ASK, SNAPSHOT
from simmm.venue.draws import draws_cap, draws_depth, draws_join
from simmm.venue.queue import CAP, DEPTH_CHANGED, JOIN, LEARN
from simmm.venue.taken import give_back
from simmm.venue_records import SIZES


@kernel
def on_level(
    verbs: Any,
    venue: Any,
    book: Any,
    tag: int,
    is_bid: int,
    px: int,
    lots: int,
) -> None:
    """Rules 1 and 2: tell the queues of own orders at `px`, and at prices a row shows empty.

    Called before the row is applied to `book`.
    """
    kind = tag & KIND_MASK
    continued = kind == SNAPSHOT and not tag & FIRST
    # Prices strictly better than px, up to `reach`, hold nothing after this row.
    clears = kind in (BBO, SNAPSHOT)
    reach = px
    if clears:
        reach = NO_ASK if is_bid else -1
        if continued:
            reach = key_of(is_bid, book.image_key)
    if is_bid:
        for k in range(venue.n_bids):
            slot = venue.bids[k]
            own = venue.orders[slot].px
            if own == px:
                _tell(verbs, venue, slot, shown_before(book, 1, own, continued), lots, clears)
            elif clears and own > px and own < reach:
                _tell(verbs, venue, slot, shown_before(book, 1, own, continued), 0, clears)
    else:
        for k in range(venue.n_asks):
            slot = venue.asks[k]
            own = venue.orders[slot].px
            if own == px:
                _tell(verbs, venue, slot, shown_before(book, 0, own, continued), lots, clears)
            elif clears and own < px and own > reach:
                _tell(verbs, venue, slot, shown_before(book, 0, own, continued), 0, clears)
    if venue.n_taken > 0:
        if shown_before(book, is_bid, px, continued) != lots:
            give_back(venue, is_bid, px, px)
        if clears:
            if is_bid:
                give_back(venue, 1, px + 1, reach - 1)
            else:
                give_back(venue, 0, reach + 1, px - 1)


@kernel
def tell_own(
    verbs: Any, venue: Any, side: int, px: int, previous: int, lots: int, at_touch: bool
) -> None:
    """Tell the own orders of a side at `px`, if there are any, that the level went to `lots`."""
    if side:
        for k in range(venue.n_bids):
            if venue.orders[venue.bids[k]].px == px:
                _tell(verbs, venue, venue.bids[k], previous, lots, False)
    else:
        for k in range(venue.n_asks):
            if venue.orders[venue.asks[k]].px == px:
                _tell(verbs, venue, venue.asks[k], previous, lots, False)
    if at_touch and venue.settings.learns and lots > previous >= 0:
        verbs[LEARN](venue.settings, lots - previous)


@kernel
def learn_size(
    verbs: Any, venue: Any, book: Any, tag: int, is_bid: int, px: int, lots: int
) -> None:
    """Remember by how much a touch grew; called before the row is applied to `book`.

    The first `SIZES` times at any touch, later where an own order stands there.
    """
    if venue.settings.adds >= SIZES and px != (venue.own_bid if is_bid else venue.own_ask):
        return
    if tag & KIND_MASK == SNAPSHOT and not tag & FIRST:
        return
    if tag & KIND_MASK == DEPTH and key_of(is_bid, px) < book.bound[is_bid]:
        return
    previous = shown_before(book, is_bid, px, False)
    if previous != UNKNOWN and lots > previous:
        verbs[LEARN](venue.settings, lots - previous)


@kernel
def stand_behind(verbs: Any, venue: Any, slot: int, lots: int) -> None:
    """Let an order stand behind all of the `lots` that others show at its price."""
    order = venue.orders[slot]
    verbs[JOIN](venue.queue[slot], venue.settings, float(lots))
    draws_join(verbs, venue, slot, lots)
    order.ahead_at_join = float(lots)
    order.level_at_join = lots


@kernel
def shown_before(book: Any, is_bid: int, px: int, continued: bool) -> int:
    """Return what a level showed before the row; `continued`: an image of this side is being read.

    While an image is read the edge already moves with it; what was known is told by the old edge.
    """
    edge = book.image_edge if continued else book.edge[is_bid]
    return shown_within(book, is_bid, px, edge)


@kernel
def _tell(verbs: Any, venue: Any, slot: int, previous: int, lots: int, is_image: bool) -> None:
    """Tell one own order that others now show `lots` at its price."""
    order = venue.orders[slot]
    order.told_ts = max(order.told_ts, venue.row_ts)
    is_first = is_image and venue.row_ts >= order.joined_ts
    if order.seen == 0:
        order.seen = 1
        stand_behind(verbs, venue, slot, lots)
    elif order.awaits_image:
        if is_first or lots > order.level_at_join:
            stand_behind(verbs, venue, slot, lots)
    elif previous == UNKNOWN:
        verbs[CAP](venue.queue[slot], venue.settings, lots)
        draws_cap(verbs, venue, slot, lots)
    else:
        verbs[DEPTH_CHANGED](venue.queue[slot], venue.settings, previous, lots)
        draws_depth(verbs, venue, slot, previous, lots)
    if is_first:
        order.awaits_image = 0
