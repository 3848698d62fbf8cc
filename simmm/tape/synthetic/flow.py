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
from simmm.math import exponential, floor_int, normal, uniform

LEVELS = 48  # kept per side
ANCHORED = 4  # of them, at the far end: never empty
#: Streams of random numbers.
FLOW, TAKERS, GAPS, FEED, FORCED = range(5)
STREAM_NAMES = ("flow", "takers", "gaps", "feed", "forced")


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Law of the queue at one level. Rates per second, sizes in lots.

    Limit orders come at rate `limit`, or `refill` where the level is empty; each of the orders
    that stand there (size over `order_lots`) is cancelled at rate `cancel`. Sizes are exponential.
    A level that the reference's move uncovers holds something with chance `presence`, of mean
    `fresh_lots`.
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
        # takers
        ("market", "f8"),  # aggressors per second and side
        ("thin_boost", "f8"),
        ("size_median", "f8"),  # lots
        ("size_sigma", "f8"),
        ("size_cap", "f8"),
        ("split", "f8"),  # chance that a print ends before the level's share does
        ("prints", "i8"),  # in this block
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
        ("fuel", "f8"),  # lots that may still be liquidated
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
def draw_uniform(w, stream: int) -> float:  # type: ignore[no-untyped-def]
    """Return the next uniform of a stream."""
    draw = uniform(w.key[stream], w.draws[stream])
    w.draws[stream] += 1
    return draw


@kernel
def draw_exponential(w, stream: int) -> float:  # type: ignore[no-untyped-def]
    """Return the next exponential of mean 1 of a stream."""
    draw = exponential(w.key[stream], w.draws[stream])
    w.draws[stream] += 1
    return draw


@kernel
def draw_normal(w, stream: int) -> float:  # type: ignore[no-untyped-def]
    """Return the next standard normal of a stream."""
    draw = normal(w.key[stream], w.draws[stream])
    w.draws[stream] += 1
    return draw


@kernel
def best(w, side: int) -> int:  # type: ignore[no-untyped-def]
    """Return the first level of a side that is not empty."""
    level = 0
    while level < LEVELS - 1 and w.q[side, level] == 0:
        level += 1
    return level


@kernel
def fresh(w, level: int) -> int:  # type: ignore[no-untyped-def]
    """Draw the size of a level that comes into being."""
    if level < LEVELS - ANCHORED and draw_uniform(w, FLOW) >= w.presence[level]:
        return 0
    return 1 + floor_int(draw_exponential(w, FLOW) * w.fresh_lots[level] * w.fresh_scale)


@kernel
def shift(w, steps: int) -> None:  # type: ignore[no-untyped-def]
    """Move the reference: one side's first levels are withdrawn, the other's come into being."""
    direction = 1 if steps > 0 else -1
    ahead = 1 if steps > 0 else 0  # the side towards which the reference moves
    moved = steps / w.reference
    w.variance[w.open] += moved * moved
    for _ in range(abs(steps)):
        for level in range(LEVELS - 1):
            w.q[ahead, level] = w.q[ahead, level + 1]
        w.q[ahead, LEVELS - 1] = fresh(w, LEVELS - 1)
        for level in range(LEVELS - 1, 0, -1):
            w.q[1 - ahead, level] = w.q[1 - ahead, level - 1]
        w.q[1 - ahead, 0] = fresh(w, 0)
        w.reference += direction
    for side in range(2):  # what moved to the far end may be empty there
        for level in range(LEVELS - ANCHORED, LEVELS):
            w.q[side, level] = max(w.q[side, level], 1)


@kernel
def _arrive(w, side: int, level: int) -> None:  # type: ignore[no-untyped-def]
    size = draw_exponential(w, FLOW) * w.order_lots[level]
    w.q[side, level] += 1 + floor_int(size)


@kernel
def _cancel(w, side: int, level: int) -> None:  # type: ignore[no-untyped-def]
    left = w.q[side, level] - 1 - floor_int(draw_exponential(w, FLOW) * w.order_lots[level])
    was_best = left <= 0 and best(w, side) == level
    w.q[side, level] = max(left, 1 if level >= LEVELS - ANCHORED else 0)
    if was_best and draw_uniform(w, FLOW) < w.follow:
        shift(w, 1 if side == 1 else -1)


@kernel
def _news(w) -> None:  # type: ignore[no-untyped-def]
    steps = 1 + floor_int(draw_exponential(w, FLOW) * w.news_scale)
    shift(w, steps if draw_uniform(w, FLOW) < w.news_up else -steps)


@kernel
def _total_rate(w) -> float:  # type: ignore[no-untyped-def]
    total = 0.0
    for side in range(2):
        for level in range(LEVELS):
            size = w.q[side, level]
            arrive = w.limit[level] if size > 0 else w.refill[level]
            total += arrive * w.limit_scale + w.cancel_per_lot[level] * size * w.cancel_scale
    return total


@kernel
def _event_at(w, place: float) -> None:  # type: ignore[no-untyped-def]
    """Let the event happen that holds `place` on the line of all rates."""
    for side in range(2):
        for level in range(LEVELS):
            size = w.q[side, level]
            place -= (w.limit[level] if size > 0 else w.refill[level]) * w.limit_scale
            if place < 0.0:
                _arrive(w, side, level)
                return
            place -= w.cancel_per_lot[level] * size * w.cancel_scale
            if place < 0.0:
                _cancel(w, side, level)
                return


@kernel
def flow(w, seconds: float) -> None:  # type: ignore[no-untyped-def]
    """Let limit orders, cancels and news happen for a time: a Markov chain, drawn exactly."""
    while True:
        news = w.news * w.news_rate_scale
        total = _total_rate(w)
        seconds -= draw_exponential(w, FLOW) / (total + news)
        if seconds <= 0.0:
            return
        place = draw_uniform(w, FLOW) * (total + news)
        if place < news:
            _news(w)
        else:
            _event_at(w, place - news)
