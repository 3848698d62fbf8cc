"""Presentation of a flow as Hyperliquid shows it: blocks, and three channels that overtake.

One block has one `exch_ts`, in whole milliseconds. Its takers meet the book as the block before
left it; then come limit orders, cancels and news. So what the tape shows is what happened, in the
tape's own order: trades, the best bid and offer if it changed, the image of 20 levels if one is due
(the first block after `image_ns`), and the asset context.

Feed latency is `feed_base_s` plus a log-normal whose logarithm moves from block to block with
memory `feed_memory_s`. In most blocks the bbo arrives before the trades; the image comes 30–63 ms
after the bbo. On one channel nothing overtakes.
"""

from simmm.jit import kernel
from simmm.math import exp, floor_int, normal, round_int, sqrt, uniform
from simmm.records import (
    AGGRESSOR_END,
    BBO,
    BUY,
    CONTEXT,
    FIRST,
    FUNDING,
    LIQUIDATION,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.synthetic.columns import end_message, put
from simmm.tape.synthetic.draws import draw_exponential, draw_normal, draw_uniform
from simmm.tape.synthetic.flow import (
    ANCHORED,
    FEED,
    GAPS,
    MOST_ORDERS,
    TAKERS,
    best,
)

IMAGE_LEVELS = 20
PRINTS = 512  # most in a block that are split further
RESERVE = 2048  # rows that one block may need
_BBO, _TRADES, _IMAGE, _CONTEXT = range(4)  # channels
_FUNDING_BASE = 12_500_000  # 0.00125 % an hour
_FUNDING_CAP = 40_000_000_000  # 4 % an hour
_ORACLE_MEMORY_S = 5.0
_APART_S = 0.018  # mean time between a block's bbo and its trades


@kernel
def price(w, side: int, level: int) -> int:  # type: ignore[no-untyped-def]
    """Return a level's price in quanta."""
    return (w.reference + 1 + level if side == 1 else w.reference - level) * w.step


@kernel
def _see(w, channel: int, latency_s: float) -> None:  # type: ignore[no-untyped-def]
    seen = w.now + round_int(latency_s * 1e9)
    w.local_ts[channel] = max(seen, w.local_ts[channel])


@kernel
def _draw_latency(w) -> None:  # type: ignore[no-untyped-def]
    """Draw when this block's messages are seen; five draws per block, used or not."""
    key, place = w.key[FEED], w.block * 5
    memory = 1.0 / (1.0 + w.gap_s / w.feed_memory_s)
    w.feed_x = memory * w.feed_x + sqrt(1.0 - memory * memory) * normal(key, place)
    first = w.feed_base_s + w.feed_median_s * exp(w.feed_sigma * w.feed_x)
    draw = uniform(key, place + 1)
    apart = _APART_S * 3.0 * draw * draw
    bbo_first = uniform(key, place + 2) < w.bbo_first
    _see(w, _BBO, first if bbo_first else first + apart)
    _see(w, _TRADES, first + apart if bbo_first else first)
    _see(w, _IMAGE, first + 0.03 + 0.033 * uniform(key, place + 3))
    _see(w, _CONTEXT, first + 0.05 * uniform(key, place + 4))


@kernel
def open_block(w) -> bool:  # type: ignore[no-untyped-def]
    """Start the next block; return False where the time is over."""
    gap = w.gap_median_ms * exp(w.gap_sigma * normal(w.key[GAPS], w.block))
    gap_ms = min(max(floor_int(gap), 20), 5_000)
    if w.now + gap_ms * 1_000_000 >= w.end_ts:
        return False
    w.block += 1
    w.now += gap_ms * 1_000_000
    w.gap_s = gap_ms * 1e-3
    w.seconds[w.open] += w.gap_s
    w.prints = 0
    w.orders = 0
    _draw_latency(w)
    return True


@kernel
def order(w, side: int, size: float, forced: int, follow: float) -> None:  # type: ignore[no-untyped-def]
    """Add a taker's order to this block; `side` is 1 for a buyer."""
    if w.orders < MOST_ORDERS:
        w.order_side[w.orders] = side
        w.order_size[w.orders] = max(1, floor_int(size))
        w.order_forced[w.orders] = forced
        w.order_follow[w.orders] = follow
        w.orders += 1


@kernel
def takers(w) -> None:  # type: ignore[no-untyped-def]
    """Let aggressors come: one who knows the news, and at most one a side who does not.

    The latter come more often where the touch is thin.
    """
    if w.stale != 0:
        side = 1 if w.stale > 0 else 0
        size = 0.0
        for level in range(min(abs(w.stale), w.levels - ANCHORED)):
            size += w.q[side, level]
        order(w, side, size, 0, 0.0)
        w.pending += w.stale
        w.bare = w.stale_bare
        w.stale = 0
    for side in range(w.sides):
        orders = w.q[side, best(w, side)] / w.order_lots[0]
        rate = w.market * (1.0 + w.thin_boost / (1.0 + orders))
        if draw_exponential(w, TAKERS) < rate * w.gap_s:
            drawn = w.size_median * exp(w.size_sigma * draw_normal(w, TAKERS))
            order(w, side, min(drawn, w.size_cap), 0, w.follow)


@kernel
def match(w, rows) -> None:  # type: ignore[no-untyped-def]
    """Let this block's takers take, each as much as is there."""
    for place in range(w.orders):
        side, left = w.order_side[place], w.order_size[place]
        tag = (TRADE | BUY) if side == 1 else TRADE
        if w.order_forced[place] == 1:
            tag |= LIQUIDATION
        before = w.prints
        start = level = best(w, side)
        while left > 0 and level < w.levels - ANCHORED:
            share = min(left, w.q[side, level])
            w.q[side, level] -= share
            left -= share
            while share > 0:
                part = share
                if share > 1 and w.prints < PRINTS and draw_uniform(w, TAKERS) < w.split:
                    part = 1 + floor_int(draw_uniform(w, TAKERS) * (share - 1))
                put(w, rows, w.now, w.local_ts[_TRADES], tag, price(w, side, level), part, w.trades)
                share -= part
                w.trades += 1
                w.prints += 1
            level += 1
        if w.order_forced[place] == 1:
            sold = w.order_size[place] - left
            w.fuel -= sold
            w.open_interest -= sold
            w.liquidations += 1 if sold > 0 else 0
        if w.prints > before:
            rows[w.rows - 1].tag |= AGGRESSOR_END
            swept = best(w, side) - start
            if swept > 0 and draw_uniform(w, TAKERS) < w.order_follow[place]:
                w.pending += swept if side == 1 else -swept
    if w.prints > 0:
        end_message(w, rows)


@kernel
def _show_best(w, rows) -> None:  # type: ignore[no-untyped-def]
    changed = False
    for side in range(w.sides):
        level = best(w, side)
        px, size = price(w, side, level), w.q[side, level]
        changed = changed or w.shown[2 * side] != px or w.shown[2 * side + 1] != size
        w.shown[2 * side], w.shown[2 * side + 1] = px, size
    if not changed:
        return
    put(w, rows, w.now, w.local_ts[_BBO], BBO | BUY, w.shown[0], w.shown[1], -1)
    put(w, rows, w.now, w.local_ts[_BBO], BBO, w.shown[2], w.shown[3], -1)
    end_message(w, rows)


@kernel
def _show_image(w, rows) -> None:  # type: ignore[no-untyped-def]
    for side in range(w.sides):
        tag = SNAPSHOT | FIRST | (BUY if side == 0 else 0)
        shown = 0
        for level in range(w.levels):
            if w.q[side, level] > 0 and shown < IMAGE_LEVELS:
                put(
                    w,
                    rows,
                    w.now,
                    w.local_ts[_IMAGE],
                    tag,
                    price(w, side, level),
                    w.q[side, level],
                    -1,
                )
                tag &= ~FIRST
                shown += 1
    end_message(w, rows)
    w.next_image = w.now + w.image_ns


@kernel
def _show_context(w, rows) -> None:  # type: ignore[no-untyped-def]
    local_ts = w.local_ts[_CONTEXT]
    middle = (w.shown[0] + w.shown[2]) // 2
    premium = (middle - w.oracle) / w.oracle
    funding = _FUNDING_BASE + round_int(premium * 1.25e11)
    funding = min(max(funding, -_FUNDING_CAP), _FUNDING_CAP)
    put(w, rows, w.now, local_ts, CONTEXT, middle, MARK, -1)
    put(w, rows, w.now, local_ts, CONTEXT, round_int(w.oracle), ORACLE, -1)
    put(w, rows, w.now, local_ts, CONTEXT, funding, FUNDING, -1)
    put(w, rows, w.now, local_ts, CONTEXT, w.open_interest, OPEN_INTEREST, -1)
    end_message(w, rows)
    w.next_context = w.now + w.context_ns


@kernel
def show(w, rows) -> None:  # type: ignore[no-untyped-def]
    """Show what is to be shown at the end of a block."""
    _show_best(w, rows)
    if w.now >= w.next_image:
        _show_image(w, rows)
    memory = 1.0 / (1.0 + w.gap_s / _ORACLE_MEMORY_S)
    w.oracle = memory * w.oracle + (1.0 - memory) * 0.5 * (w.shown[0] + w.shown[2])
    if w.now >= w.next_context:
        _show_context(w, rows)
