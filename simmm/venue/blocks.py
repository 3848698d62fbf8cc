"""Blocks: cancels and post-only orders come first, those that may take wait for the block's end.

A taker acts at the first moment at or after its arrival at which the tape shows a block of the
market, after that block; at the latest `block_ns` after its arrival.

Source: Hyperliquid, order of actions within a block.
"""

from typing import Any

from simmm.jit import kernel
from simmm.reading import packet_info_of, packet_ts_of
from simmm.records import ALO, INFO_LATE, INFO_MARKET_SHIFT, MODIFY, NEVER, NEW, WAITING
from simmm.venue.resting import find_named

UNKNOWN_YET = -1


@kernel
def block_end(window: Any, venue: Any, arrival_ts: int) -> int:
    """Return when a taker that arrives at `arrival_ts` acts (ns).

    `UNKNOWN_YET` where the rows that would tell aren't there; all packets up to `arrival_ts` have
    been applied.
    """
    latest = arrival_ts + venue.market.block_ns
    if venue.market.block_ns == 0 or venue.block_ts == arrival_ts:
        return arrival_ts
    n = window.packet
    while n < window.packet_hi:
        ts = packet_ts_of(window, n)
        if ts >= latest:
            return latest
        info = packet_info_of(window, n)
        if info >> INFO_MARKET_SHIFT == 0 or info & INFO_LATE:
            return ts
        n += 1
    if window.final or window.bound_ts >= latest:
        return latest
    return UNKNOWN_YET


@kernel
def acts_later(venue: Any, request: Any, ts: int) -> bool:
    """Return whether a request waits for the end of its block at `ts`, and let it."""
    if venue.market.block_ns == 0 or ts < venue.now or venue.n_waiting == WAITING:
        return False
    tif = request.tif
    if request.kind == MODIFY:
        slot = find_named(venue, request)
        if slot < 0:
            return False
        tif = venue.orders[slot].tif
    elif request.kind != NEW:
        return False
    if tif == ALO:
        return False
    venue.waiting[venue.n_waiting] = request
    venue.waiting[venue.n_waiting].arrival_ts = ts
    venue.n_waiting += 1
    return True


@kernel
def next_waiting_ts(venue: Any) -> int:
    """Return when the next waiting taker acts (ns), `NEVER` if none waits."""
    return venue.waiting[0].arrival_ts if venue.n_waiting > 0 else NEVER


@kernel
def pop_waiting(venue: Any) -> None:
    """Forget the first of the waiting takers."""
    venue.n_waiting -= 1
    for k in range(venue.n_waiting):
        venue.waiting[k] = venue.waiting[k + 1]
