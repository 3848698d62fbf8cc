"""Queue-reactive flow: the book of others as sizes around a moving reference price.

The book is two lists of sizes counted from the reference: level 0 of the bids is the reference
step, level 0 of the asks the step above. Limit orders and cancels come at rates that depend on a
level and on what stands there (`Level`); the reference moves by news, or because the best level
was emptied. Kernels here change sizes only; `blocks.py` shows them as rows.

Source: Huang, Lehalle and Rosenbaum, Simulating and analyzing order book data: the queue-reactive
model (2015), model III: a reference price that moves with the queues and on its own.
"""

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.jit import kernel
from simmm.math import INFINITY, floor_int
from simmm.tape.synthetic.draws import draw_exponential, draw_uniform

LEVELS = 48  # kept per side
MOST_ORDERS = 16  # of takers in one block
ANCHORED = 4  # of them, at the far end: never empty
#: Streams of random numbers.
FLOW, TAKERS, GAPS, FEED, FORCED = range(5)
STREAM_NAMES = ("flow", "takers", "gaps", "feed", "forced")


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Law of the queue at one level. Rates per second, sizes in lots.

    Limit orders come at rate `limit`, or `refill` where the level is empty; each of the orders
    that stand there (size over `order_lots`) is cancelled at rate `cancel`. Sizes of orders are
    exponential. When a move of the reference uncovers the level, something stands there with
    chance `presence`: of mean `fresh_lots`, three times a squared uniform, so mostly small.
    """

    limit: float
    refill: float
    cancel: float
    order_lots: float
    fresh_lots: float
    presence: float

    def __post_init__(self) -> None:
        for name in ("limit", "refill", "cancel", "fresh_lots"):
            if not 0.0 <= getattr(self, name) < 1e15:
                raise ScenarioError(f"level.{name}: {getattr(self, name)} must not be negative")
        if not 1.0 <= self.order_lots < 1e15:
            raise ScenarioError(f"level.order_lots: {self.order_lots} must be at least 1")
        if not 0.0 <= self.presence <= 1.0:
            raise ScenarioError(f"level.presence: {self.presence} must lie in 0..1")


World = np.dtype(
    [
        # what is written
        ("rows", "i8"),
        ("messages", "i8"),
        ("trades", "i8"),  # trade ids given
        ("now", "i8"),  # exchange time of the last block, ns
        ("start_ts", "i8"),
        ("end_ts", "i8"),
        ("block", "i8"),  # number of the block
        ("gap_s", "f8"),  # from the block before
        ("local_ts", "i8", (4,)),  # of this block's messages, by channel
        ("feed_x", "f8"),  # latency's state, standard normal
        # random numbers
        ("key", "i8", (5,)),
        ("draws", "i8", (5,)),
        # the book
        ("sides", "i8"),  # 2, and `levels` is LEVELS: as fields, so that loops aren't unrolled
        ("levels", "i8"),
        ("step", "i8"),  # quanta
        ("reference", "i8"),  # steps
        ("q", "i8", (2, LEVELS)),  # lots; side 0 bids, 1 asks
        ("limit", "f8", (LEVELS,)),
        ("refill", "f8", (LEVELS,)),
        ("cancel_per_lot", "f8", (LEVELS,)),
        ("order_lots", "f8", (LEVELS,)),
        ("fresh_lots", "f8", (LEVELS,)),
        ("presence", "f8", (LEVELS,)),
        ("news", "f8"),  # per second
        ("news_scale", "f8"),  # steps
        ("news_up", "f8"),  # chance that a move is upward
        ("follow", "f8"),  # chance that the reference follows an emptied best level
        ("pending", "i8"),  # steps that the reference moves after this block's trades
        ("vacant", "f8"),  # chance that news leaves the uncovered levels empty
        ("picked", "f8"),  # chance that news is traded on before the last makers withdraw
        ("stale_lots", "f8"),  # mean size that they leave at a level until then
        ("stale", "i8"),  # steps of news that the next block's takers trade on
        ("stale_bare", "i8"),
        ("bare", "i8"),  # 1: the levels that the pending move uncovers stay empty
        ("total", "f8"),  # length of the line of rates, and the event found on it
        ("event_side", "i8"),
        ("event_level", "i8"),
        ("event_cancels", "i8"),  # 1: a cancel, 0: a limit order
        # takers
        ("market", "f8"),  # aggressors per second and side
        ("thin_boost", "f8"),
        ("size_median", "f8"),  # lots
        ("size_sigma", "f8"),
        ("size_cap", "f8"),
        ("split", "f8"),  # chance that a print ends before the level's share does
        ("prints", "i8"),  # in this block
        ("orders", "i8"),  # of takers in this block
        ("order_side", "i8", (MOST_ORDERS,)),  # 1: buys
        ("order_size", "i8", (MOST_ORDERS,)),
        ("order_forced", "i8", (MOST_ORDERS,)),  # 1: a liquidation
        ("order_follow", "f8", (MOST_ORDERS,)),
        # stress: 1 in calm
        ("limit_scale", "f8"),
        ("cancel_scale", "f8"),
        ("fresh_scale", "f8"),
        ("news_rate_scale", "f8"),
        # presentation
        ("gap_median_ms", "f8"),
        ("gap_sigma", "f8"),
        ("image_ns", "i8"),
        ("next_image", "i8"),
        ("context_ns", "i8"),
        ("next_context", "i8"),
        ("feed_base_s", "f8"),
        ("feed_median_s", "f8"),
        ("feed_sigma", "f8"),
        ("feed_memory_s", "f8"),
        ("bbo_first", "f8"),  # share of blocks whose bbo arrives before the trades
        ("shown", "i8", (4,)),  # bid px, bid size, ask px, ask size last shown
        ("oracle", "f8"),  # quanta
        ("open_interest", "i8"),  # lots
        # forced selling (cascade.py)
        ("heat", "f8"),  # liquidations per second while fuel lasts
        ("fuel", "i8"),  # lots that may still be liquidated
        ("fuel_full", "f8"),
        ("fuel_share", "f8"),  # of open interest, at a trigger
        ("trigger_heat", "f8"),
        ("trigger_steps", "i8"),  # the reference falls by this much at a trigger
        ("feedback", "f8"),  # heat per basis point of fall
        ("decay", "f8"),  # per second
        ("heat_scale", "f8"),  # heat at which makers have withdrawn half way
        ("forced_median", "f8"),  # lots
        ("forced_sigma", "f8"),
        ("forced_follow", "f8"),
        ("stress_news", "f8"),
        ("stress_depth", "f8"),
        ("stress_cancel", "f8"),
        ("quench", "f8"),  # heat below which a cascade is over
        ("open", "i8"),  # 1: in a cascade
        ("cascades", "i8"),  # started so far
        ("liquidations", "i8"),
        ("variance", "f8", (2,)),  # of the reference's returns, outside and inside cascades
        ("seconds", "f8", (2,)),
    ],
    align=True,
)


@kernel
def draw_size(w) -> float:  # type: ignore[no-untyped-def]
    """Return a size of mean 1, many of them small: three times a squared uniform."""
    draw = draw_uniform(w, FLOW)
    return 3.0 * draw * draw


@kernel
def best(w, side: int) -> int:  # type: ignore[no-untyped-def]
    """Return the first level of a side that is not empty."""
    level = 0
    while level < LEVELS - 1 and w.q[side, level] == 0:
        level += 1
    return level


@kernel
def shift(w) -> None:  # type: ignore[no-untyped-def]
    """Move the reference as far as is pending.

    One side's first levels are withdrawn, the other's come into being; where `bare`, those are
    empty and the spread is wide for a while.
    """
    direction = 1 if w.pending > 0 else -1
    ahead = 1 if w.pending > 0 else 0  # the side towards which the reference moves
    moved = w.pending / w.reference
    w.variance[w.open] += moved * moved
    w.reference += w.pending
    while w.pending != 0:
        w.pending -= direction
        for level in range(w.levels - 1):
            w.q[ahead, level] = w.q[ahead, level + 1]
        for level in range(w.levels - 1, 0, -1):
            w.q[1 - ahead, level] = w.q[1 - ahead, level - 1]
        w.q[1 - ahead, 0] = 0
        for place in range(w.bare, w.sides):
            side = ahead if place == 1 else 1 - ahead
            level = w.levels - 1 if place == 1 else 0
            if place == 1 or draw_uniform(w, FLOW) < w.presence[0]:
                mean = w.fresh_lots[level] * w.fresh_scale
                w.q[side, level] = 1 + floor_int(draw_size(w) * mean)
    w.bare = 0
    for side in range(w.sides):  # what moved to the far end may be empty there
        for level in range(w.levels - ANCHORED, w.levels):
            w.q[side, level] = max(w.q[side, level], 1)


@kernel
def _find(w, place: float) -> bool:  # type: ignore[no-untyped-def]
    """Find the event that holds `place` on the line of all rates; False: beyond its end.

    The line's length so far is left in `w.total`; with `place` infinite it is the total rate.
    """
    w.total = 0.0
    for side in range(w.sides):
        for level in range(w.levels):
            size = w.q[side, level]
            w.total += (w.limit[level] if size > 0 else w.refill[level]) * w.limit_scale
            w.event_cancels = 0
            if w.total <= place:
                w.total += w.cancel_per_lot[level] * size * w.cancel_scale
                w.event_cancels = 1
            if w.total > place:
                w.event_side = side
                w.event_level = level
                return True
    return False


@kernel
def _queue_event(w, draw: float) -> None:  # type: ignore[no-untyped-def]
    """Let the limit order or the cancel happen that was found; its size is `draw` means."""
    side, level = w.event_side, w.event_level
    size = 1 + floor_int(draw * w.order_lots[level])
    if w.event_cancels == 0:
        w.q[side, level] += size
        return
    left = w.q[side, level] - size
    was_best = left <= 0 and best(w, side) == level
    w.q[side, level] = max(left, 1 if level >= w.levels - ANCHORED else 0)
    if was_best and draw_uniform(w, FLOW) < w.follow:
        w.pending = 1 if side == 1 else -1


@kernel
def _news(w, draw: float) -> None:  # type: ignore[no-untyped-def]
    """Let news move the reference, now or after the next block's takers have traded on it."""
    steps = 1 + floor_int(draw * w.news_scale)
    side = 1 if draw_uniform(w, FLOW) < w.news_up else 0
    bare = 1 if draw_uniform(w, FLOW) < w.vacant else 0
    if draw_uniform(w, FLOW) >= w.picked or w.stale != 0:
        w.pending = steps if side == 1 else -steps
        w.bare = bare
        return
    w.stale = steps if side == 1 else -steps
    w.stale_bare = bare
    for level in range(min(steps, w.levels - ANCHORED)):
        left = 1 + floor_int(draw_size(w) * w.stale_lots)
        w.q[side, level] = min(w.q[side, level], left)


@kernel
def flow(w, seconds: float) -> None:  # type: ignore[no-untyped-def]
    """Let limit orders, cancels and news happen for a time: a Markov chain, drawn exactly."""
    while True:
        if w.pending != 0:
            shift(w)
        news = w.news * w.news_rate_scale
        _find(w, INFINITY)
        rate = w.total + news
        wait, size = 0.0, 0.0
        for _ in range(w.sides):  # one place for two draws: half the code to compile
            wait, size = size, draw_exponential(w, FLOW)
        seconds -= wait / rate
        if seconds <= 0.0:
            return
        if _find(w, draw_uniform(w, FLOW) * rate):
            _queue_event(w, size)
        else:
            _news(w, size)
