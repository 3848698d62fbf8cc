"""What a venue behind a live feed may know: packets are held back until their block is complete.

Theory of operation (docs/architecture.md, "The venue behind a live feed"). Packets are heard as
they arrive, into the maker's window. Those above the watermark wait in a heap, first in causal
order; each newer `exch_ts` leaves a mark of when it was first seen. Once `hold_ns` has passed over
a mark the watermark moves there: first the late packets, then all the heap holds up to it go into
the venue's window, in the venue's order, with the moment at which they are told. All that counts
is the order of arrivals, so replayed and live feeds give the venue the same.
"""

from typing import Any

from simmm.jit import compiled, kernel
from simmm.records import (
    BBO,
    DEPTH,
    INFO_LATE,
    INFO_MARKET_SHIFT,
    KIND_MASK,
    KIND_RANK,
    NEVER,
    SNAPSHOT,
)
from simmm.window_records import UNSEEN_BY_MAKER


@compiled
def believe(windows: Any, knowledges: Any) -> int:
    """Hear what arrived in ``windows[1]`` and let into ``windows[0]`` what may be known by now.

    Returns
    -------
    int
        1 if the venue's window was full: call again once the engine has moved on.
    """
    believed = windows[0]
    heard = windows[1]
    know = knowledges[0]
    mask = heard.tag.size - 1
    believed.oldest = believed.packet
    heard.packet = heard.packet_hi  # only `unseen` says what is still needed
    full = 0
    closing = False
    while full == 0 and know.arrival < heard.arrival_hi:
        now = heard.arrival_ts[know.arrival & mask]
        if now > know.end_ts:
            closing = True
            break
        if _pass_marks(believed, heard, know, now):
            _hear(heard, know, heard.arrival_packet[know.arrival & mask], now)
            know.arrival += 1
        else:
            full = 1
    if full == 0:
        closing = closing or heard.final != 0 or heard.bound_ts > know.end_ts
        until = NEVER if closing else heard.bound_ts
        if not _pass_marks(believed, heard, know, until):
            full = 1
        elif closing:
            if _let_waiting_in(believed, heard, know, NEVER):
                believed.final = 1
            else:
                full = 1
    believed.bound_ts = know.watermark_ts + 1
    first = heard.bound_ts
    if know.arrival < heard.arrival_hi:
        first = min(first, heard.arrival_ts[know.arrival & mask])
    if know.mark_head < know.mark_tail:
        first = know.mark_local_ts[know.mark_head & mask]
    believed.told_bound_ts = min(first, NEVER - know.hold_ns) + know.hold_ns
    return full


@kernel
def _hear(heard: Any, know: Any, n: int, now: int) -> None:
    """Take in packet `n` of the maker's window, which arrives at `now`."""
    mask = heard.tag.size - 1
    rows = heard.packet_row[(n + 1) & mask] - heard.packet_row[n & mask]
    if heard.packet_info[n & mask] >> INFO_MARKET_SHIFT != 0:
        know.other_rows += rows
        heard.unseen[n & mask] &= UNSEEN_BY_MAKER
        return
    ts = heard.packet_ts[n & mask]
    know.packets += 1
    know.rows += rows
    if ts <= know.watermark_ts:
        know.late_packets += 1
        know.late_rows += rows
        know.waiting[know.waiting_tail & mask] = n
        know.waiting_tail += 1
        return
    _push(heard, know, n)
    if ts > know.newest_ts:
        know.newest_ts = ts
        know.mark_local_ts[know.mark_tail & mask] = now
        know.mark_exch_ts[know.mark_tail & mask] = ts
        know.mark_tail += 1


@kernel
def _pass_marks(believed: Any, heard: Any, know: Any, until: int) -> bool:
    """Move the watermark over all marks that are held long enough before `until`.

    Returns False if the venue's window is full first.
    """
    mask = heard.tag.size - 1
    while know.mark_head < know.mark_tail:
        told_ts = know.mark_local_ts[know.mark_head & mask] + know.hold_ns
        if told_ts >= until:
            break
        mark = know.mark_exch_ts[know.mark_head & mask]
        if not _let_waiting_in(believed, heard, know, told_ts):
            return False
        while know.n_held > 0 and heard.packet_ts[know.held[0] & mask] <= mark:
            n = know.held[0]
            if not _let_in(believed, heard, know, n, heard.packet_ts[n & mask], told_ts, 0):
                return False
            _pop(heard, know)
        know.watermark_ts = mark
        know.mark_head += 1
    return True


@kernel
def _let_waiting_in(believed: Any, heard: Any, know: Any, told_ts: int) -> bool:
    """Let the late packets in, just above the watermark; False if the window is full first."""
    mask = heard.tag.size - 1
    while know.waiting_head < know.waiting_tail:
        n = know.waiting[know.waiting_head & mask]
        late_ts = heard.packet_ts[n & mask]
        if not _let_in(believed, heard, know, n, know.watermark_ts + 1, told_ts, late_ts):
            return False
        know.waiting_head += 1
    return True


@kernel
def _let_in(
    believed: Any, heard: Any, know: Any, n: int, ts: int, told_ts: int, late_ts: int
) -> bool:
    """Append packet `n` to the venue's window as of `ts`; False if there is no room.

    A late packet (`late_ts` is its own time) that is older than the newest of its kind is dropped.
    """
    mask = heard.tag.size - 1
    kind = heard.packet_info[n & mask] & KIND_MASK
    first = heard.packet_row[n & mask]
    rows = heard.packet_row[(n + 1) & mask] - first
    own_ts = heard.packet_ts[n & mask]
    if kind == BBO:
        if own_ts < know.newest_bbo_ts:
            know.ignored_rows += rows
            heard.unseen[n & mask] &= UNSEEN_BY_MAKER
            return True
    elif kind in (DEPTH, SNAPSHOT) and own_ts < know.newest_book_ts:
        know.ignored_rows += rows
        heard.unseen[n & mask] &= UNSEEN_BY_MAKER
        return True
    kept_row = believed.row_hi
    if believed.packet < believed.packet_hi:
        kept_row = believed.packet_row[believed.packet & mask]
    if believed.packet_hi - believed.packet >= mask or believed.row_hi + rows - kept_row > mask:
        return False
    if kind == BBO:
        know.newest_bbo_ts = own_ts
    elif kind in (DEPTH, SNAPSHOT):
        know.newest_book_ts = own_ts
    place = believed.packet_hi & mask
    believed.packet_ts[place] = ts
    believed.packet_info[place] = kind | (INFO_LATE if late_ts else 0)
    believed.told_ts[place] = told_ts
    believed.late_ts[place] = late_ts
    for row in range(first, first + rows):
        into = believed.row_hi & mask
        believed.tag[into] = heard.tag[row & mask]
        believed.px[into] = heard.px[row & mask]
        believed.qty[into] = heard.qty[row & mask]
        believed.row_hi += 1
    believed.packet_hi += 1
    believed.packet_row[believed.packet_hi & mask] = believed.row_hi
    heard.unseen[n & mask] &= UNSEEN_BY_MAKER
    return True


@kernel
def _precedes(heard: Any, know: Any, n: int, m: int) -> bool:
    """Return whether packet `n` comes before packet `m` in causal order."""
    if know.by_arrival == 0:
        return n < m
    mask = heard.tag.size - 1
    ts = heard.packet_ts[n & mask]
    other_ts = heard.packet_ts[m & mask]
    if ts != other_ts:
        return ts < other_ts
    rank = KIND_RANK[heard.packet_info[n & mask] & KIND_MASK]
    other_rank = KIND_RANK[heard.packet_info[m & mask] & KIND_MASK]
    if rank != other_rank:
        return rank < other_rank
    return heard.packet_order[n & mask] < heard.packet_order[m & mask]


@kernel
def _push(heard: Any, know: Any, n: int) -> None:
    k = know.n_held
    know.n_held += 1
    while k > 0:
        parent = (k - 1) // 2
        if not _precedes(heard, know, n, know.held[parent]):
            break
        know.held[k] = know.held[parent]
        k = parent
    know.held[k] = n


@kernel
def _pop(heard: Any, know: Any) -> None:
    know.n_held -= 1
    n = know.held[know.n_held]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= know.n_held:
            break
        if child + 1 < know.n_held and _precedes(
            heard, know, know.held[child + 1], know.held[child]
        ):
            child += 1
        if not _precedes(heard, know, know.held[child], n):
            break
        know.held[k] = know.held[child]
        k = child
    know.held[k] = n
