"""Putting rows, packets and arrivals into the engine's window, compiled.

Single packets and small chunks are copied into the rings. A large chunk is lent: the window is told
where it lies, and `settle` copies only what is still needed of it once it has been read.
"""

from typing import Any

import numpy as np

from simmm.jit import compiled, kernel
from simmm.math import chain
from simmm.reading import (
    arrival_line,
    arrival_packet_of,
    arrival_ts_of,
    packet_info_of,
    packet_row_of,
    packet_ts_of,
    px_of,
    qty_of,
    tag_of,
    word,
)
from simmm.records import NEVER
from simmm.window_records import UNSEEN_BY_MAKER, UNSEEN_BY_VENUE


@compiled
def take(
    windows: Any,
    local_ts: int,
    exch_ts: int,
    info: int,
    order: int,
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
) -> bool:
    """Append one packet and its arrival; False if there is no room."""
    window = windows[windows.size - 1]
    mask = window.tag.size - 1
    kept_row = _free(window)
    if window.packet_hi - window.oldest >= mask or window.row_hi + tag.size - kept_row > mask:
        return False
    n = window.packet_hi
    window.packet_ts[n & mask] = exch_ts
    window.packet_info[n & mask] = info
    window.packet_order[n & mask] = order
    window.unseen[n & mask] = UNSEEN_BY_MAKER
    if windows.size > 1:
        window.unseen[n & mask] = UNSEEN_BY_MAKER | UNSEEN_BY_VENUE
    h = chain(window.seen_chain, local_ts)
    h = chain(h, exch_ts)
    h = chain(h, info)
    h = chain(h, order)
    for k in range(tag.size):
        into = (window.row_hi + k) & mask
        h = chain(h, int(tag[k]))
        h = chain(h, px[k])
        h = chain(h, qty[k])
        window.tag[into] = tag[k]
        window.px[into] = px[k]
        window.qty[into] = qty[k]
    window.seen_chain = h
    window.row_hi += tag.size
    window.packet_hi += 1
    window.packet_row[window.packet_hi & mask] = window.row_hi
    window.arrival_ts[window.arrival_hi & mask] = local_ts
    window.arrival_packet[window.arrival_hi & mask] = n
    window.arrival_hi += 1
    window.bound_ts = max(window.bound_ts, local_ts)
    return True


@kernel
def _free(window: Any) -> int:
    """Give up what both machines have passed; return the first row that is still needed."""
    mask = window.tag.size - 1
    for n in range(window.marked, window.arrival):
        window.unseen[window.arrival_packet[n & mask] & mask] &= UNSEEN_BY_VENUE
    window.marked = window.arrival
    oldest = window.oldest
    while oldest < window.packet and window.unseen[oldest & mask] == 0:
        oldest += 1
    window.oldest = oldest
    if oldest < window.packet_hi:
        return window.packet_row[oldest & mask]
    return window.row_hi


@compiled
def append(
    windows: Any,
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
    packet_ts: np.ndarray,
    packet_row: np.ndarray,
    packet_info: np.ndarray,
    arrival_ts: np.ndarray,
    arrival_packet: np.ndarray,
    first_row: int,
    bound_ts: int,
    final: int,
    done: np.ndarray,
) -> None:
    """Put what fits of a chunk, from packet `done[0]` and arrival `done[1]` on, into the window.

    `done` moves on; if not one packet fits, ``done[0]`` becomes -1 - itself.
    """
    window = windows[windows.size - 1]
    capacity = window.tag.size
    mask = capacity - 1
    row_limit = _free(window) + capacity
    packet_limit = window.oldest + capacity - 1  # the row after the last packet is its end

    count = packet_ts.size
    packet = done[0]
    place = window.packet_hi
    row = window.row_hi
    stop = min(count, packet + packet_limit - place)
    end = packet_row[stop] if stop < count else first_row + tag.size
    if end > row_limit:
        # The first packet that begins beyond the limit: the one before it ends there.
        stop = _first_not_below(packet_row, packet, row_limit + 1) - 1
        end = packet_row[stop]
    if stop <= packet and packet < count:
        done[0] = -1 - packet
        return
    _copy(window.packet_ts, place, packet_ts, packet, stop)
    _copy(window.packet_row, place, packet_row, packet, stop)
    _copy(window.packet_info, place, packet_info, packet, stop)
    unseen = UNSEEN_BY_MAKER if windows.size == 1 else UNSEEN_BY_MAKER | UNSEEN_BY_VENUE
    _set_unseen(window.unseen, place, stop - packet, unseen)
    _copy(window.tag, row, tag, row - first_row, end - first_row)
    _copy(window.px, row, px, row - first_row, end - first_row)
    _copy(window.qty, row, qty, row - first_row, end - first_row)
    place += stop - packet
    packet = stop
    row = end
    window.packet_row[place & mask] = row
    window.packet_hi = place
    window.row_hi = row
    done[0] = packet
    bound = bound_ts if packet == count else packet_ts[packet]

    arrival = done[1]
    known = window.arrival_hi
    arrival_limit = window.arrival + capacity
    until = arrival_ts.size
    if packet < count:
        until = _first_not_below(arrival_ts, arrival, bound)
    until = min(until, arrival + arrival_limit - known)
    _copy(window.arrival_ts, known, arrival_ts, arrival, until)
    _copy(window.arrival_packet, known, arrival_packet, arrival, until)
    known += until - arrival
    arrival = until
    window.arrival_hi = known
    done[1] = arrival
    window.final = 0
    if arrival < arrival_ts.size:
        bound = min(bound, arrival_ts[arrival])
    elif packet == count and final:
        bound = NEVER
        window.final = 1
    window.bound_ts = bound


@compiled
def settle(windows: Any) -> bool:
    """Copy into the rings what may still be needed of a lent chunk; False if there is no room.

    After that nothing is lent. For a window that venue and maker share.
    """
    window = windows[0]
    mask = window.tag.size - 1
    low = _mark_unseen(window)
    if low < 0:
        return False
    packet = max(low, window.packet_base)
    row = packet_row_of(window, packet)
    if window.row_hi - packet_row_of(window, low) > mask:
        return False
    if window.arrival_hi - window.arrival > mask:
        return False
    for n in range(packet, window.packet_hi):
        window.packet_ts[n & mask] = packet_ts_of(window, n)
        window.packet_row[n & mask] = packet_row_of(window, n)
        window.packet_info[n & mask] = packet_info_of(window, n)
    window.packet_row[window.packet_hi & mask] = window.row_hi
    for i in range(row, window.row_hi):
        window.tag[i & mask] = tag_of(window, i)
        window.px[i & mask] = px_of(window, i)
        window.qty[i & mask] = qty_of(window, i)
    for n in range(max(window.arrival, window.arrival_base), window.arrival_hi):
        window.arrival_ts[n & mask] = arrival_ts_of(window, n)
        window.arrival_packet[n & mask] = arrival_packet_of(window, n)
    window.marked = window.arrival
    window.oldest = low
    window.lent = 0
    return True


@kernel
def _mark_unseen(window: Any) -> int:
    """Mark the packets that the maker has not seen; return the first still needed, -1: no room.

    Packets arrive nearly in order, so that those that are missing are among the last. How many are
    is known: once so many are found among the last, all are.
    """
    mask = window.tag.size - 1
    stop = window.packet_hi
    missing = stop - window.arrival
    reach = 2 * missing + 64
    low = stop - reach
    while low >= window.packet_base and stop - low - _seen_from(window, low) != missing:
        reach *= 4
        low = stop - reach
    if low < window.packet_base:
        low = window.oldest
    if stop - low >= mask:
        return -1
    for n in range(max(low, window.packet_base), stop):
        window.unseen[n & mask] = UNSEEN_BY_MAKER
    n = window.arrival
    left = stop - low - missing
    while n > window.marked and left > 0:
        n -= 1
        packet = arrival_packet_of(window, n)
        if packet >= low:
            window.unseen[packet & mask] = 0
            left -= 1
    while low < window.packet and window.unseen[low & mask] == 0:
        low += 1
    return low


@kernel
def _seen_from(window: Any, low: int) -> int:
    """Return how many of the lent packets from `low` on the maker has seen."""
    seen = 0
    n = window.marked
    while n < window.arrival:
        _, packets, count = arrival_line(window, n)
        count = min(count, window.arrival - n)
        for k in range(count):
            seen += word(packets, k) >= low
        n += count
    return seen


@kernel
def _copy(ring: Any, place: int, source: np.ndarray, start: int, stop: int) -> None:
    """Copy source[start:stop] into a ring from `place` on, in at most two straight runs."""
    at = place & (ring.size - 1)
    head = min(stop - start, ring.size - at)
    # Loops over slices from 0 on are those that the compiler turns into wide moves.
    into = ring[at : at + head]
    values = source[start : start + head]
    for k in range(into.size):
        into[k] = values[k]
    into = ring[: stop - start - head]
    values = source[start + head : stop]
    for k in range(into.size):
        into[k] = values[k]


@kernel
def _set_unseen(ring: Any, place: int, count: int, unseen: int) -> None:
    """Set `count` places of a ring from `place` on to `unseen`."""
    at = place & (ring.size - 1)
    head = min(count, ring.size - at)
    into = ring[at : at + head]
    for k in range(into.size):
        into[k] = unseen
    into = ring[: count - head]
    for k in range(into.size):
        into[k] = unseen


@kernel
def _first_not_below(values: np.ndarray, low: int, limit: int) -> int:
    """Return the first place from `low` on whose value is not below `limit`; values ascend."""
    high = values.size
    while low < high:
        middle = (low + high) // 2
        if values[middle] < limit:
            low = middle + 1
        else:
            high = middle
    return low
