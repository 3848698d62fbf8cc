"""Queue-reactive world: a book that lives by the law of `flow.py`, shown as Hyperliquid shows it.

Presets `hl_btc` and `hl_wlfi` are set so that the tape's statistics are those of two recordings of
2025-09-04 (docs/datasets.md has the table); `simmm datasets verify --presets` measures them again.
"""

from functools import partial
from typing import Any

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.jit import compiled, records
from simmm.market import MarketRules
from simmm.math import log, sqrt, stream_key
from simmm.record_views import record_view
from simmm.tape.synthetic.blocks import RESERVE, match, open_block, show, takers
from simmm.tape.synthetic.columns import START_TS, Progress, Writer, write_world
from simmm.tape.synthetic.draws import draw_uniform
from simmm.tape.synthetic.flow import (
    ANCHORED,
    FLOW,
    LEVELS,
    STREAM_NAMES,
    Level,
    World,
    draw_size,
    flow,
)


class QueueReactive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the queue-reactive world. Rates per second, sizes in lots."""

    hours: float = 1.0
    price: str
    market: MarketRules
    # the book
    touch: Level  # level 0
    inner: Level  # levels 1 .. inner_levels
    deep: Level  # the rest
    inner_levels: int = 1
    follow: float = 0.0  # chance that the reference follows an emptied best level
    # the reference price
    news: float = 0.3  # moves per second
    news_steps: float = 4.0  # mean size of a move, geometric
    drift_bps_per_hour: float = 0.0
    vacant: float = 0.0  # chance that a move leaves the uncovered levels empty
    picked: float = 0.0  # chance that an aggressor trades on it before the last makers withdraw
    stale_lots: float = 1.0  # mean size that they have left at a level by then
    # takers
    aggressors: float = 0.5  # per second and side, before `thin_boost`
    thin_boost: float = 0.0  # rate x (1 + thin_boost / (1 + orders at the touch))
    size_median_lots: float
    size_sigma: float
    size_cap_lots: float
    split: float = 0.5
    # presentation
    block_median_ms: float = 105.0
    block_sigma: float = 0.61
    image_ms: float = 480.0
    context_s: float = 3.0
    open_interest_lots: int
    feed_base_s: float = 0.221
    feed_median_s: float = 0.14
    feed_sigma: float = 0.85
    feed_memory_s: float = 0.6
    bbo_first: float = 0.92

    def __post_init__(self) -> None:
        _check(self)


def _check(p: QueueReactive) -> None:
    above = (
        "hours",
        "news_steps",
        "aggressors",
        "size_median_lots",
        "size_cap_lots",
        "stale_lots",
        "block_median_ms",
        "image_ms",
        "context_s",
        "feed_base_s",
        "feed_memory_s",
    )
    for name in above:
        if not 0.0 < getattr(p, name) < 1e15:
            raise ScenarioError(f"{name}: {getattr(p, name)} must be above zero and finite")
    for name in ("news", "thin_boost", "size_sigma", "block_sigma", "feed_median_s", "feed_sigma"):
        if not 0.0 <= getattr(p, name) < 1e9:
            raise ScenarioError(f"{name}: {getattr(p, name)} must not be negative")
    for name in ("follow", "vacant", "picked", "bbo_first"):
        if not 0.0 <= getattr(p, name) <= 1.0:
            raise ScenarioError(f"{name}: {getattr(p, name)} must lie in 0..1")
    if not 0.0 <= p.split <= 0.95:
        raise ScenarioError(f"split: {p.split} must lie in 0..0.95")
    if not 1.0 <= p.news_steps <= 40.0:
        raise ScenarioError(f"news_steps: {p.news_steps} must lie in 1..40")
    if not 0 <= p.inner_levels < LEVELS - 1:
        raise ScenarioError(f"inner_levels: {p.inner_levels} must lie in 0..{LEVELS - 2}")
    if p.open_interest_lots < 0:
        raise ScenarioError(f"open_interest_lots: {p.open_interest_lots} must not be negative")
    quanta = p.market.quanta(p.price)
    if quanta <= 8 * LEVELS * p.market.step_quanta(max(quanta, 1)):
        raise ScenarioError(f"price: {p.price} is too low for {LEVELS} levels of its step")
    if abs(_news_bias(p)) >= 1.0:
        raise ScenarioError(
            f"drift_bps_per_hour: {p.drift_bps_per_hour} is more than {p.news} moves per second "
            f"of {p.news_steps} steps can carry"
        )


def _news_bias(p: QueueReactive) -> float:
    """Chance of an upward move less that of a downward one, such that their mean is the drift."""
    if p.drift_bps_per_hour == 0.0:
        return 0.0
    quanta = p.market.quanta(p.price)
    steps_per_s = p.drift_bps_per_hour * 1e-4 / 3600.0 * quanta / p.market.step_quanta(quanta)
    carried = p.news * p.news_steps
    return steps_per_s / carried if carried > 0.0 else 2.0


def initial(p: QueueReactive, seed: int) -> np.ndarray:
    """Return the world at its start: an array of one `World`."""
    state = records(np.zeros(1, World))
    w = record_view(state)[0]
    for stream, name in enumerate(STREAM_NAMES):
        w.key[stream] = stream_key(seed, f"world {name}")
    w.now = w.start_ts = w.next_image = w.next_context = START_TS
    w.end_ts = START_TS + round(p.hours * 3.6e12)
    w.sides, w.levels = 2, LEVELS
    quanta = p.market.quanta(p.price)
    w.step = p.market.step_quanta(quanta)
    w.reference = quanta // w.step
    w.oracle = float(w.reference * w.step)
    for level in range(LEVELS):
        law = p.touch if level == 0 else p.inner if level <= p.inner_levels else p.deep
        w.limit[level], w.refill[level] = law.limit, law.refill
        w.cancel_per_lot[level] = law.cancel / law.order_lots
        w.order_lots[level], w.fresh_lots[level] = law.order_lots, law.fresh_lots
        w.presence[level] = law.presence
    w.news, w.news_up, w.follow = p.news, 0.5 * (1.0 + _news_bias(p)), p.follow
    w.news_scale = -1.0 / log(1.0 - 1.0 / p.news_steps) if p.news_steps > 1.0 else 0.0
    w.vacant, w.picked, w.stale_lots = p.vacant, p.picked, p.stale_lots
    w.market, w.thin_boost, w.split = p.aggressors, p.thin_boost, p.split
    w.size_median, w.size_sigma, w.size_cap = p.size_median_lots, p.size_sigma, p.size_cap_lots
    w.limit_scale = w.cancel_scale = w.fresh_scale = w.news_rate_scale = 1.0
    w.gap_median_ms, w.gap_sigma = p.block_median_ms, p.block_sigma
    w.image_ns, w.context_ns = round(p.image_ms * 1e6), round(p.context_s * 1e9)
    w.feed_base_s, w.feed_median_s = p.feed_base_s, p.feed_median_s
    w.feed_sigma, w.feed_memory_s, w.bbo_first = p.feed_sigma, p.feed_memory_s, p.bbo_first
    w.open_interest = p.open_interest_lots
    _draw_book(w)
    return state


def _draw_book(w: Any) -> None:
    """Draw every level of both sides as if it had just come into being."""
    for side in range(2):
        for level in range(LEVELS):
            there = level >= LEVELS - ANCHORED or draw_uniform(w, FLOW) < w.presence[level]
            if there:
                w.q[side, level] = 1 + int(draw_size(w) * w.fresh_lots[level])


def _advance(state, rows) -> int:  # type: ignore[no-untyped-def]
    """Fill `rows` until they are nearly full (return 0) or the time is over (return 1)."""
    w = state[0]
    w.rows = 0
    while w.rows + RESERVE <= len(rows):
        if not open_block(w):
            return 1
        takers(w)
        match(w, rows)
        flow(w, w.gap_s)
        show(w, rows)
    return 0


_advance_compiled = compiled(_advance)


def generate(
    parameters: QueueReactive, seed: int, writer: Writer, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a tape of the queue-reactive world and return its truth, as `generate_of` tells."""
    state = initial(parameters, seed)
    w = record_view(state)[0]
    write_world(partial(_advance_compiled, state), w, writer, progress)
    return truth(parameters, w)


def truth(parameters: QueueReactive, w: Any) -> dict[str, Any]:
    """Return what the world knows of itself: the reference price's law and what became of it."""
    p = parameters
    quanta = p.market.quanta(p.price)
    mean_square = p.news_steps * (2.0 * p.news_steps - 1.0)
    return {
        "sigma_news": sqrt(p.news * mean_square) * p.market.step_quanta(quanta) / quanta,
        "sigma": sqrt(float(w.variance[0]) / max(float(w.seconds[0]), 1e-9)),
        "sigma_whole": sqrt(float(w.variance.sum()) / max(float(w.seconds.sum()), 1e-9)),
        "drift_bps_per_hour": p.drift_bps_per_hour,
        "aggressors_per_side": p.aggressors,
        "blocks": int(w.block),
        "trades": int(w.trades),
    }
