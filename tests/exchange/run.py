"""Seeded worlds, one after the other, and what happened in them."""

from __future__ import annotations

from collections import Counter

from tests.exchange.draws import Seeded
from tests.exchange.pair import REASONS
from tests.exchange.world import EVENTS, World

STEPS_PER_WORLD = 120
STEPS_AFTER_LIQUIDATION = 12

#: What a fixed seed must have shown.
MUST_HAPPEN = (
    *REASONS,
    "backstop",
    "market liquidation",
    "partial liquidation",
    "shrunk",
    "taker waited",
    "flip",
    "tier border",
    "free request",
    "fee tier",
    "FUNDED NO_REASON",
    "CANCELLED MARGIN",
    "CANCELLED REDUCE_ONLY",
    "CANCEL_REJECTED ACTION_EXPIRED",
    "MODIFIED NO_REASON",
    "MODIFY_REJECTED WOULD_CROSS",
    "MODIFY_REJECTED MARGIN",
    "ACCOUNT_REJECTED OUT_OF_REQUESTS",
)


def play(steps: int, seed: int, *, echo: int = 0) -> Counter[str]:
    """Let `steps` events happen in worlds of `seed`; return how often rare things happened.

    Raises
    ------
    AssertionError
        Where kernels and slow model differ; it lists the events of that world.
    """
    counts: Counter[str] = Counter()
    done = number = 0
    events = [event for event, weight in EVENTS.items() for _ in range(weight)]
    while done < steps:
        draw = Seeded(seed * 1_000_003 + number)
        number += 1
        world = World(draw)
        left = STEPS_PER_WORLD
        while left > 0 and done < steps:
            draw.pick(events)(world)
            done += 1
            left -= 1
            if world.pair.slow.liquidated_ts:
                left = min(left, STEPS_AFTER_LIQUIDATION)
            if echo and done % echo == 0:
                print(f"{done:,} steps, {number:,} worlds", flush=True)
        counts.update(world.pair.slow.counts)
        counts["worlds"] += 1
        counts["free request"] += world.pair.slow_budget.free_requests
    return counts
