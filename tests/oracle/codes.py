"""Codes of rows, requests, responses and fills, spelled out again from the documented format."""

from __future__ import annotations

# kinds of row, in the low three bits of a tag
DEPTH, SNAPSHOT, BBO, TRADE, CONTEXT, GAP = 0, 1, 2, 3, 4, 5
RANK = {GAP: 0, TRADE: 1, BBO: 2, DEPTH: 3, SNAPSHOT: 3, CONTEXT: 4}
BUY_BIT, END_BIT, FIRST_BIT, AGGRESSOR_END_BIT = 8, 16, 32, 64

NEW, CANCEL, MODIFY = 0, 1, 2
GTC, IOC, ALO = 0, 1, 2

ACCEPTED, REJECTED, FILLED, CANCELLED = 0, 1, 2, 3
CANCEL_REJECTED, MODIFIED, MODIFY_REJECTED, EXPIRED = 4, 5, 6, 7

NO_REASON, BAD_STEP, BAD_SIZE, MIN_NOTIONAL, WOULD_CROSS = 0, 1, 2, 3, 4
UNKNOWN_ORDER, TOO_MANY_ORDERS, NO_LIQUIDITY, OUT_OF_WINDOW = 5, 6, 7, 8

CROSSED, THROUGH, UNSEEN, TAKER, STALE_MID, LATE = 1, 2, 4, 8, 16, 32

PENDING, RESTING, CANCELLING, MODIFYING = 1, 2, 3, 4

# order of events within one instant
AT_VENUE_PACKET, AT_VENUE_REQUEST, AT_MAKER_PACKET, AT_MAKER_RESPONSE, AT_TIMER = 0, 1, 2, 3, 4
AT_VENUE_TAKER = 1.5  # one that waited for its block

NEVER = (1 << 62) - 1  # a time that never comes, ns
LADDER = 16
ORDER_SLOTS = 64  # own orders alive or in flight


def kind_of(tag: int) -> int:
    """Return the kind of row a tag holds."""
    return tag % 8


def side_of(tag: int) -> int:
    """Return +1 for a bid level or a buying aggressor, -1 otherwise."""
    return 1 if tag & BUY_BIT else -1
