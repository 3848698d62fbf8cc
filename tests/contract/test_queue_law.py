"""Where the queue is known: each model's bias is what it assumes, and the rank law has none.

A generated world of single orders, and orders of our own of which nobody there knows: what would
have become of them follows from the world's orders, what becomes of them under a queue model from
its tape alone. The measure is (model - truth) of: lots ahead after 30 s (0 if filled by then),
whether it filled, and when (30 s if not). All errors are of the mean, from that many orders whose
lives don't overlap on their side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from simmm.tape.synthetic.order_book import OrderQueue
from tests.contract.known_queues import ENTRY_NS, World, make_world
from tests.peer.replay import WAS_FILLED, WAS_REJECTED, fill_schedule

pytestmark = pytest.mark.slow

BOUND = 3.0  # standard errors
KEY = 20_250_101
PUBLISHED = (
    "pessimistic",
    "proportional",
    "power",
    "power2",
    "power3",
    "log",
    "log2",
    "optimistic",
)
FLOW: dict[str, Any] = {
    "hours": 12.0,
    "levels": 3,
    "limit_rate": 1.0,
    "cancel_rate": 0.05,
    "taker_rate": 0.08,
    "taker_sizes": (1, 3, 8),
    "taker_weights": (3.0, 1.0, 1.0),
    "replace_share": 0.0,
}
ONE_LOT: dict[str, Any] = {"sizes": (1,), "size_weights": (1.0,)}
WORLDS = {
    "any order": OrderQueue(**FLOW, **ONE_LOT, cancels="orders"),
    "young orders": OrderQueue(**FLOW, **ONE_LOT, cancels="rank", alpha=1.25),
    "orders of many sizes": OrderQueue(
        **{**FLOW, "taker_sizes": (3, 10, 25)}, cancels="rank", alpha=1.25, log_kappa=-2.0
    ),
}


class Bias(NamedTuple):
    """Differences (model - truth), one an order."""

    ahead: np.ndarray  # lots
    filled: np.ndarray
    time_s: np.ndarray

    def in_errors(self) -> tuple[float, ...]:
        """Return the means in standard errors."""
        return tuple(_mean_in_errors(values) for values in self)


def _mean_in_errors(values: np.ndarray) -> float:
    spread = float(np.std(values))
    if spread == 0.0:
        return 0.0 if values[0] == 0.0 else float(np.sign(values[0])) * np.inf
    return float(np.mean(values)) / spread * len(values) ** 0.5


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, World]:
    made = {}
    for seed, (name, parameters) in enumerate(WORLDS.items(), start=1):
        made[name] = make_world(tmp_path_factory.mktemp(f"world{seed}"), parameters, seed)
    return made


def _bias(world: World, model: str, n: float = 3.0, **settings: Any) -> Bias:
    ends = fill_schedule(
        world.tape, world.schedule, world.market, model, n, ENTRY_NS, key=KEY, **settings
    )
    assert not (ends.status == WAS_REJECTED).any()
    filled = ends.status == WAS_FILLED
    truth = world.fates
    bias = Bias(
        np.where(filled, 0.0, ends.ahead) - np.where(truth.filled, 0.0, truth.ahead),
        filled.astype(float) - truth.filled,
        (ends.exch_ts - truth.end_ts) / 1e9,
    )
    words = (
        f"{name} {np.mean(values):+.3f} ± {np.std(values) / len(values) ** 0.5:.3f}"
        for name, values in bias._asdict().items()
    )
    print(f"{model} {settings or ''}: {', '.join(words)}; {len(filled)} orders")
    return bias


def test_the_worlds_say_something(worlds: dict[str, World]) -> None:
    """Many orders fill and many don't; some meet no trade at all."""
    for world in worlds.values():
        fates = world.fates
        assert len(fates.filled) > 2_500
        assert 0.1 < np.mean(fates.filled) < 0.9
        assert np.mean(fates.traded == 0) > 0.05
        assert np.all(fates.ahead[~fates.filled] >= 0)


@pytest.mark.parametrize("name", WORLDS)
def test_pessimistic_is_never_early_and_optimistic_never_late(
    name: str, worlds: dict[str, World]
) -> None:
    """Not in one order: no false fill under the first, none missed under the second."""
    late = _bias(worlds[name], "pessimistic")
    assert min(late.ahead) >= 0.0
    assert max(late.filled) <= 0.0
    assert min(late.time_s) >= 0.0
    early = _bias(worlds[name], "optimistic")
    assert max(early.ahead) <= 0.0
    assert min(early.filled) >= 0.0
    assert max(early.time_s) <= 0.0
    assert min(late.in_errors()[0], late.in_errors()[2]) > BOUND
    assert max(early.in_errors()[0], early.in_errors()[2]) < -BOUND
    assert late.in_errors()[1] < -BOUND < BOUND < early.in_errors()[1]


def test_proportional_is_right_on_average_where_any_order_may_go(worlds: dict[str, World]) -> None:
    """As long as nothing trades: what trades falls on a queue that is an average, not a queue."""
    world = worlds["any order"]
    quiet = world.fates.traded == 0
    assert np.count_nonzero(quiet) > 200
    ahead = _bias(world, "proportional").ahead[quiet]
    assert np.count_nonzero(ahead) > 100
    assert abs(_mean_in_errors(ahead)) < BOUND


def test_where_any_order_may_go_forms_that_prefer_the_back_are_late(
    worlds: dict[str, World],
) -> None:
    world = worlds["any order"]
    for model in ("power3", "log2"):
        assert _bias(world, model).in_errors()[0] > BOUND, model
    assert _bias(world, "power2").in_errors()[0] < -BOUND


def test_where_the_young_go_forms_by_share_are_early(worlds: dict[str, World]) -> None:
    """And in the order in which they prefer the back, from `optimistic` to `pessimistic`."""
    world = worlds["young orders"]
    means = {model: float(np.mean(_bias(world, model).ahead)) for model in PUBLISHED}
    for model in ("proportional", "power", "power2", "log"):
        ahead, filled, time_s = _bias(world, model).in_errors()
        assert ahead < -BOUND < BOUND < filled, model
        assert time_s < -BOUND, model
    order = (
        "optimistic",
        "power2",
        "log",
        "proportional",
        "power",
        "log2",
        "power3",
        "pessimistic",
    )
    assert tuple(sorted(means, key=means.__getitem__)) == order


@pytest.mark.parametrize("model", ["rank", "rank_tracked", "rank_scalar"])
@pytest.mark.parametrize(("name", "alpha"), [("any order", 0.0), ("young orders", 1.25)])
def test_one_draw_of_the_rank_law_is_unbiased_where_cancels_follow_it(
    model: str, name: str, alpha: float, worlds: dict[str, World]
) -> None:
    bias = _bias(worlds[name], model, alpha=alpha)
    assert np.count_nonzero(bias.ahead) > 0.1 * len(bias.ahead)  # it is a draw, not the truth
    assert max(map(abs, bias.in_errors())) < BOUND


def test_with_orders_of_many_sizes_it_is_nearly_so(worlds: dict[str, World]) -> None:
    """Sizes ahead are drawn, and not corrected by what later cancels say of them.

    What is left is less than a tenth of the bias of the forms that share out lots, and less where
    the level was watched before the join.
    """
    world = worlds["orders of many sizes"]
    others = [abs(np.mean(_bias(world, model).ahead)) for model in ("pessimistic", "power")]
    law = {"alpha": 1.25, "log_kappa": -2.0}
    since_join, tracked = (_bias(world, model, **law) for model in ("rank", "rank_tracked"))
    for bias in (since_join, tracked):
        assert abs(np.mean(bias.ahead)) < 0.1 * min(others)
        assert abs(bias.in_errors()[1]) < BOUND
        assert abs(bias.in_errors()[2]) < BOUND
    assert np.std(tracked.ahead) < np.std(since_join.ahead)


def test_the_rank_law_with_another_exponent_is_biased_as_the_exponent_says(
    worlds: dict[str, World],
) -> None:
    """More of the young than really go: late. Fewer: early."""
    assert _bias(worlds["any order"], "rank", alpha=1.25).in_errors()[0] > BOUND
    assert _bias(worlds["young orders"], "rank", alpha=0.0).in_errors()[0] < -BOUND
