"""The rank law against a list of orders in plain Python, and its rules one by one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from simmm.math import exp
from simmm.strategy.faults import compiled_arithmetic
from simmm.venue.queue import MODELS, queue_model, rank, write_settings
from simmm.venue_records import QUEUE_LIST, SIZES, QueueSettings
from tests.oracle.ranked import Law, Ranked

RANKED = [name for name in MODELS if name.startswith("rank")]
KEY = 0x1234_5678_9ABC
ALPHA, LOG_KAPPA = 1.25, -2.0
Fills = tuple[int, int]  # by the kernels and by the slow model


def settings_of(name: str = "rank", **given: Any) -> Any:
    """Return a record of settings."""
    settings = np.zeros(1, QueueSettings).view(np.recarray)[0]
    write_settings(settings, queue_model(name), **{"key": KEY, **given})
    return settings


def state_of(settings: Any, stream: int = 0) -> Any:
    """Return a queue with a stream of its own."""
    state = np.zeros(1, rank.State).view(np.recarray)[0]
    with compiled_arithmetic():
        rank.begin(state, settings, stream)
    return state


def orders(state: Any) -> list[tuple[int, bool]]:
    """Return (lots, before ours) of the orders of others, oldest first."""
    return [(int(state.lots[k]), k < state.own) for k in range(state.first, state.end)]


def stand(settings: Any, before: list[int], behind: list[int], stream: int = 0) -> Any:
    """Return a queue of known orders."""
    state = state_of(settings, stream)
    lots = before + behind
    state.lots[: len(lots)] = lots
    state.own, state.end = len(before), len(lots)
    state.ahead, state.behind = sum(before), sum(behind)
    return state


class Pair:
    """The kernels and the slow model, told the same."""

    def __init__(self, name: str, alpha: float, log_kappa: float, images: bool, key: int) -> None:
        self.settings = settings_of(name, alpha=alpha, log_kappa=log_kappa, images=images, key=key)
        self.law = Law(name, alpha, log_kappa, not images, key)
        self.state, self.slow = state_of(self.settings, 3), Ranked(self.law, 3)
        self.level, self.slow_level = state_of(self.settings, 9), Ranked(self.law, 9)

    def step(self, rng: random.Random, large: int) -> Fills:
        """Let something happen to both; return what each says filled."""
        fills = (0, 0)
        shown = self.slow.sums[True] + self.slow.sums[False]
        verb = rng.random()
        if verb < 0.04:
            lots = rng.randint(0, large)
            rank.join(self.state, self.settings, float(lots))
            self.slow.join(lots)
        elif verb < 0.12:
            self._learn(1 + int(rng.paretovariate(1.0)))
        elif verb < 0.30:
            fills = self._trade(self.state, self.slow, rng.randint(1, max(shown // 4, 3)))
        elif verb < 0.34:
            lots = rng.randint(0, large)
            rank.cap(self.state, self.settings, lots)
            self.slow.cap(lots)
        elif verb < 0.44:
            fills = self._watch(rng, large)
        else:
            change = 1 + int(rng.paretovariate(0.8)) if rng.random() < 0.6 else -shown
            now = max(0, shown + (change if rng.random() < 0.5 else -change))
            rank.depth(self.state, self.settings, shown, now)
            self.slow.depth(shown, now)
        return fills

    def _trade(self, state: Any, slow: Ranked, lots: int) -> Fills:
        rank.trade(state, self.settings, lots)
        slow.trade(lots)
        return rank.filled(state, self.settings), slow.filled()

    def _learn(self, lots: int) -> None:
        rank.learn(self.settings, lots)
        self.law.learn(lots)

    def _watch(self, rng: random.Random, large: int) -> Fills:
        fills = (0, 0)
        before = self.slow_level.front if rng.random() < 0.8 else rng.randint(0, large)
        if rng.random() < 0.5:  # the print comes before the row that shows what is left
            fills = self._trade(self.level, self.slow_level, rng.randint(1, max(before // 2, 3)))
        now = rng.randint(0, large if rng.random() < 0.5 else max(before, 1))
        rank.watch(self.level, self.settings, before, now)
        self.slow_level.watch(before, now)
        if rng.random() < 0.3:
            rank.adopt(self.state, self.settings, self.level)
            self.slow.adopt(self.slow_level)
        return fills

    def same(self) -> bool:
        """Tell whether both are in one state."""
        pairs = ((self.slow, self.state), (self.slow_level, self.level))
        return all(self._agree(slow, state) for slow, state in pairs)

    @staticmethod
    def _agree(slow: Ranked, state: Any) -> bool:
        told = (int(state.ahead), int(state.behind), int(state.draws), bool(state.scalar))
        if told != (slow.sums[True], slow.sums[False], slow.drawn, slow.sums_alone):
            return False
        if slow.sums_alone:
            return True
        return [lots for lots, _ in orders(state)] == [lots for lots, _ in slow.queue]


@pytest.mark.parametrize("large", [30, 900, 40_000], ids=["short", "long", "longest"])
@pytest.mark.parametrize("name", RANKED)
def test_kernels_agree_with_a_list_of_orders(name: str, large: int) -> None:
    seen: dict[str, int] = {}
    with compiled_arithmetic():
        for seed in range(6):
            rng = random.Random(f"{name} {large} {seed}")
            numbers = rng.choice(((1.25, -2.0), (1.0, 0.0), (2.5, -6.0), (0.4, -1.0)))
            pair = Pair(name, *numbers, rng.random() < 0.3, KEY + seed)
            for place in range(160):
                filled, expected = pair.step(rng, large)
                assert filled == expected, f"seed {seed}, step {place}"
                assert pair.same(), f"seed {seed}, step {place}"
            for what, count in pair.slow.counts.items():
                seen[what] = seen.get(what, 0) + count
    wanted = {"sums"} if name == "rank_scalar" else {"matched", "several", "weighed"}
    assert {what for what in wanted if seen[what]} == wanted


def test_sizes_of_adds_are_kept_in_a_ring() -> None:
    settings = settings_of()
    law = Law("rank", ALPHA, LOG_KAPPA, True, KEY)
    for lots in range(1, 2 * SIZES + 5):
        rank.learn(settings, lots)
        law.learn(lots)
    assert settings.sizes.tolist() == law.sizes
    assert settings.sizes_sum == sum(law.sizes)


def test_a_list_that_is_full_is_followed_by_its_sums() -> None:
    settings = settings_of()
    state = stand(settings, [1] * 10, [1] * (QUEUE_LIST - 10))
    with compiled_arithmetic():
        rank.trade(state, settings, 3)
        for more in range(1, 4):  # room of those gone is used again
            rank.depth(state, settings, 0, QUEUE_LIST - 3 + 2 * more)
        assert not state.scalar
        assert (state.ahead, state.behind) == (7, QUEUE_LIST - 10 + 6)
        rank.depth(state, settings, 0, QUEUE_LIST + 10)
        assert state.scalar
        assert state.ahead + state.behind == QUEUE_LIST + 10


def _victims(settings: Any, before: list[int], behind: list[int], lots: int, of: int) -> list[int]:
    """Return how often each order, oldest first, gave lots up, over many streams."""
    hit = [0] * (len(before) + len(behind))
    with compiled_arithmetic():
        for stream in range(of):
            state = stand(settings, before, behind, stream)
            total = sum(before) + sum(behind)
            rank.depth(state, settings, total, total - lots)
            left = [size for size, _ in orders(state)]
            gone = [k for k, size in enumerate(before + behind) if left[k : k + 1] != [size]]
            hit[gone[0]] += 1
    return hit


def _far(found: list[int], weights: list[float], of: int) -> list[tuple[int, float]]:
    """Return counts that lie further than four standard errors from what their weights give."""
    shares = [weight / sum(weights) for weight in weights]
    return [
        (count, of * p)
        for count, p in zip(found, shares, strict=True)
        if not abs(count - of * p) <= 4.0 * (of * p * (1.0 - p)) ** 0.5 + 1e-9
    ]


def test_victims_follow_their_rank() -> None:
    """Sizes tell nothing: all orders are of one size, larger than the cancel."""
    settings = settings_of(images=True, alpha=1.5)
    found = _victims(settings, [9, 7], [8, 6], 5, 3000)
    assert _far(found, [(1.0 + younger) ** -1.5 for younger in (3, 2, 1, 0)], 3000) == []


def test_an_order_of_the_cancelled_size_is_the_likeliest() -> None:
    settings = settings_of(alpha=0.0, log_kappa=-2.0)
    found = _victims(settings, [9, 5], [3, 4], 5, 3000)
    assert _far(found, [exp(-2.0), 1.0, 0.0, 0.0], 3000) == []


def test_no_order_is_that_large() -> None:
    """Then several cancel, each drawn by its rank, until the lots are gone."""
    settings = settings_of()
    with compiled_arithmetic():
        for stream in range(50):
            state = stand(settings, [2, 3], [1, 2], stream)
            rank.depth(state, settings, 8, 4)
            assert state.ahead + state.behind == 4
            assert sum(size for size, _ in orders(state)) == 4
            assert sum(size for size, before in orders(state) if before) == state.ahead


def test_each_place_has_a_stream_of_its_own() -> None:
    settings = settings_of()
    for lots in (1, 2, 3, 5, 8):
        rank.learn(settings, lots)
    cuts = set()
    with compiled_arithmetic():
        for stream in range(20):
            state = state_of(settings, stream)
            rank.join(state, settings, 60.0)
            cuts.add(tuple(orders(state)))
    assert len(cuts) == 20
