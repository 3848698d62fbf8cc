"""Messages on their way: two first-in-first-out rings with drawn latency."""

from typing import Any

from simmm.jit import kernel
from simmm.latency import arrival_after, next_arrival
from simmm.records import NEVER, REQUEST_NAMES, RING


@kernel
def respond(
    mail: Any,
    now: int,
    kind: int,
    reason: int,
    id: int,
    new_id: int,
    side: int,
    px: int,
    lots: int,
    leaves: int,
    fee: int,
    flags: int,
    oid: int,
) -> int:
    """Send a response from the venue at `now`; return when the maker hears of it (ns)."""
    arrival = max(next_arrival(mail.answer, now), mail.told_ts)
    if mail.response_tail - mail.response_head >= RING:
        mail.overflow = 1
        return arrival
    response = mail.responses[mail.response_tail & (RING - 1)]
    response.arrival_ts = arrival
    response.venue_ts = now
    response.seq = mail.response_tail
    response.kind = kind
    response.reason = reason
    response.id = id
    response.new_id = new_id
    response.side = side
    response.px = px
    response.quantity = lots
    response.leaves = leaves
    response.fee = fee
    response.marks = flags
    response.oid = oid
    mail.response_tail += 1
    return arrival


@kernel
def request(
    mail: Any,
    now: int,
    kind: int,
    id: int,
    new_id: int,
    side: int,
    px: int,
    lots: int,
    tif: int,
    reduce_only: int,
    expires_ts: int,
) -> int:
    """Send a request from the maker at `now`; return when it arrives (ns)."""
    # One connection: its requests are counted together, whatever they ask for.
    arrival = arrival_after(mail.entry[kind], mail.request_tail, now, mail.entered_ts)
    mail.entered_ts = arrival
    if mail.request_tail - mail.request_head >= RING:
        mail.overflow = 1
        return arrival
    message = mail.requests[mail.request_tail & (RING - 1)]
    message.arrival_ts = arrival
    message.sent_ts = now
    message.seq = mail.request_tail
    message.kind = kind
    message.id = id
    message.new_id = new_id
    message.side = side
    message.px = px
    message.quantity = lots
    message.tif = tif
    message.reduce_only = reduce_only
    message.by_oid = 0
    message.expires_ts = expires_ts
    mail.request_tail += 1
    return arrival


@kernel
def least_ns(mail: Any) -> int:
    """Return the time that any request takes at least (ns)."""
    least = NEVER
    for kind in range(len(REQUEST_NAMES)):
        least = min(least, mail.entry[kind].low_ns)
    return max(least, 1)


@kernel
def next_request_ts(mail: Any) -> int:
    """Return when the next request reaches the venue (ns), `NEVER` if none is on its way."""
    if mail.request_head == mail.request_tail:
        return NEVER
    return mail.requests[mail.request_head & (RING - 1)].arrival_ts


@kernel
def next_response_ts(mail: Any) -> int:
    """Return when the next response reaches the maker (ns), `NEVER` if none is on its way."""
    if mail.response_head == mail.response_tail:
        return NEVER
    return mail.responses[mail.response_head & (RING - 1)].arrival_ts
