"""Own fills that wait until it is known what the price did after them.

A ring keeps 256 fills. Their time is the exchange's, when they happened, not when the answer was
heard; one that the exchange dates before an earlier one counts as of that one's time. So for each
horizon they fall due in their order, and one number says how many were settled there. A fill is due
at its time plus the horizon, by the exchange's clock, and is settled once the mid is known *beyond*
that: by a touch that the exchange dates later, or by a tick of the clock that comes later by more
than the feed takes (the longest of late). Another ring keeps the last `MIDS` mids with the times
the exchange gave them, so that the mid in force at the due time is found, however late the answer
or the tick comes.

- A mid that is unknown at the due time settles nothing: the fill is left out at that horizon. So
  is one that falls due between the last known mid and a clock tick, or an interruption of the
  feed, that doesn't know it any more, and one whose answer comes when the mid has changed more
  than `MIDS` times since.
- While the ring is full new fills are passed over: what is measured stays exact, of fewer fills.

The state that is handed in has the fields `PENDING` and ``settled``, one count per horizon.
"""

from __future__ import annotations

from typing import Any

from simmm.estimators.observation import CLOCK, GAP, TOUCH
from simmm.jit import kernel
from simmm.math import clip, floor_int, is_finite, normal_cdf, sqrt

RING = 256
MIDS = 512  # a power of two
LONGEST_DELAY_NS = 60_000_000_000  # of the feed; more is a clock that is wrong
NS_PER_S = 1e9
LARGEST_SIGMA = 1.0  # fraction per root second; more is no volatility

PENDING = [
    ("mid", "f8"),  # quanta, told last; 0 unknown
    ("known_ts", "i8"),  # exchange's time to which it is known, or known to be unknown
    ("delay_ns", "i8"),  # from exchange to here, the longest of late
    ("mids_kept", "i8"),  # mids in the ring so far
    ("mid_ts", "i8", (MIDS,)),  # at the exchange, never falling
    ("mids", "f8", (MIDS,)),  # 0 unknown
    ("due_mid", "f8"),  # in force when the fill settled last was due
    ("fills", "i8"),  # taken up so far
    ("passed_over", "i8"),  # fills that came while the ring was full
    ("left_out", "i8"),  # fills and horizons at which the mid was unknown, or not kept
    ("last_ts", "i8"),  # of the newest fill
    ("pending_ts", "i8", (RING,)),  # at the exchange
    ("pending_mid", "f8", (RING,)),  # before the fill
    ("pending_side", "f8", (RING,)),  # +1 bought, -1 sold
    ("pending_sigma", "f8", (RING,)),  # at the fill; below 0: unknown
]


@kernel
def start_pending(s: Any) -> None:
    """Nothing waits."""
    s.mid = 0.0
    s.known_ts = 0
    s.delay_ns = 0
    s.mids_kept = 0
    s.due_mid = 0.0
    s.last_ts = 0
    s.fills = 0
    s.passed_over = 0
    s.left_out = 0
    for h in range(s.settled.size):
        s.settled[h] = 0


@kernel
def known_price(x: float) -> bool:
    """Whether a mid is known."""
    return is_finite(x) and x > 0.0


@kernel
def hear_mid(s: Any, o: Any) -> None:
    """Take over the mid that `o` tells, and how far it is known; then what is due can be settled.

    An `o` that doesn't know it any more says nothing of the time since it was known.
    """
    known = o.kind != GAP and known_price(o.mid)
    if o.kind == TOUCH:
        ts = min(o.exch_ts, o.now)
        late = min(o.now - ts, LONGEST_DELAY_NS)
        s.delay_ns = max(late, s.delay_ns - (s.delay_ns - late) // 8)
        _keep_mid(s, ts, o.mid if known else 0.0)
        s.known_ts = max(s.known_ts, ts)
    elif o.kind == CLOCK and known:
        if o.mid != s.mid:
            _keep_mid(s, o.now, o.mid)
        s.known_ts = max(s.known_ts, o.now - s.delay_ns)
    elif o.kind == CLOCK or o.kind == GAP:
        if s.mid > 0.0:
            _keep_mid(s, s.known_ts, 0.0)
        s.known_ts = max(s.known_ts, o.now)


@kernel
def _keep_mid(s: Any, ts: int, mid: float) -> None:
    if s.mids_kept > 0:
        ts = max(ts, s.mid_ts[(s.mids_kept - 1) & (MIDS - 1)])
    place = s.mids_kept & (MIDS - 1)
    s.mid_ts[place] = ts
    s.mids[place] = mid
    s.mids_kept += 1
    s.mid = mid


@kernel
def _mid_at(s: Any, ts: int) -> float:
    """Return the mid in force at an exchange's time; 0 if it is unknown or not kept."""
    for back in range(1, min(s.mids_kept, MIDS) + 1):
        place = (s.mids_kept - back) & (MIDS - 1)
        if s.mid_ts[place] <= ts:
            return float(s.mids[place])
    return 0.0


@kernel
def admit(s: Any, o: Any, sigma: float) -> int:
    """Take up a fill and return its place in the ring; -1 if it is not taken up."""
    if not known_price(o.mid) or not (o.side == 1.0 or o.side == -1.0):
        return -1
    oldest = s.settled[0]
    for h in range(1, s.settled.size):
        oldest = min(oldest, s.settled[h])
    if s.fills - oldest >= RING:
        s.passed_over += 1
        return -1
    place = s.fills % RING
    s.fills += 1
    s.last_ts = max(s.last_ts, min(o.exch_ts, o.now))
    s.pending_ts[place] = s.last_ts
    s.pending_mid[place] = o.mid
    s.pending_side[place] = o.side
    s.pending_sigma[place] = clip(sigma, -1.0, LARGEST_SIGMA) if is_finite(sigma) else -1.0
    return place


@kernel
def next_due(s: Any, h: int, horizon_ns: int) -> int:
    """Settle the next fill that is due at horizon `h`; return its place, or -1 if there is none."""
    while s.settled[h] < s.fills:
        place = s.settled[h] % RING
        due_ts = s.pending_ts[place] + horizon_ns
        if not s.known_ts > due_ts:
            return -1
        s.settled[h] += 1
        s.due_mid = _mid_at(s, due_ts)
        if s.due_mid > 0.0:
            return int(place)
        s.left_out += 1
    return -1


@kernel
def markout(s: Any, place: int) -> float:
    """Move of the mid to when a fill was due, in favour of its side, a fraction; held in -1..1."""
    move = s.due_mid / s.pending_mid[place] - 1.0
    return clip(s.pending_side[place] * move, -1.0, 1.0)


@kernel
def nanoseconds(seconds: float) -> int:
    """A duration in whole nanoseconds."""
    return floor_int(seconds * NS_PER_S + 0.5)


@kernel
def noise_beyond(threshold: float, floor_deviations: float, deviation: float) -> float:
    """Chance that noise of this deviation alone is adverse by more than threshold and floor.

    The floor is `floor_deviations` deviations. Without noise, or threshold and floor, it is 0.
    """
    if not deviation > 0.0:
        return 0.0
    return 1.0 - normal_cdf(threshold / deviation + floor_deviations)


@kernel
def noise_of(sigma: float, seconds: float) -> float:
    """Standard deviation of the mid's move over a time; 0 for an unknown (negative) sigma."""
    return max(sigma, 0.0) * sqrt(seconds)
