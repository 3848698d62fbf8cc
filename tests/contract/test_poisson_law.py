"""In a world whose law is known, the simulator fills as the law says and the maker learns it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.records import TAKER
from simmm.tape import info
from tests.contract.runs import Outcome, resolve, run
from tests.contract.tapes import dataset_file

AT_DISTANCE = Path(__file__).parent / "strategies" / "at_distance.py"
#: The mid stands at 10,000; levels at 9,999, 9,996, 9,993 ... and 10,001, 10,002, 10,005 ...
PLACES = [(2, 3), (3, 4), (5, 6), (6, 7), (8, 9)]  # of bid and ask: prices nobody else quotes
SEEDS = range(1, 9)
ESTIMATES = ("sigma", "kappa", "arrival")
TRUTH_Z = 1.959963984540054
INSTANT: dict[str, Any] = {
    "venue.latency.entry": 0.000001,
    "venue.latency.response": 0.000001,
    "maker.quote_on": ["fill"],
    "maker.max_position": 1000,
    "run.warm_up_s": 10,
}


def _at_distance(bid: float, ask: float, **more: Any) -> Outcome:
    sets = {**INSTANT, "strategy.bid_distance": bid, "strategy.ask_distance": ask, **more}
    tape = dataset_file("poisson_still")
    return run(resolve("poisson", [tape], sets, AT_DISTANCE))


def _check_rate(outcome: Outcome, side: int, distance: float) -> None:
    """Fills of a side against A exp(-κ δ) for as long as its order rested."""
    truth = info(dataset_file("poisson_still")).truth
    fills = outcome.rows("fills")
    assert not (fills["marks"] & TAKER).any()
    assert (fills["ahead_at_join"] == 0).all()
    count = int(np.count_nonzero(fills["side"] == side))
    name = "quoted_bid_ns" if side > 0 else "quoted_ask_ns"
    seconds = int(outcome.simulation.venues[name][0]) / 1e9
    expected = truth["arrival"] * math.exp(-truth["kappa"] * distance / 10_000) * seconds
    assert expected > 1_000
    assert abs(count - expected) <= 3.0 * math.sqrt(expected)


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_fills_per_hour_at_a_distance(places: tuple[int, int]) -> None:
    bid, ask = places
    outcome = _at_distance(bid, ask)
    _check_rate(outcome, 1, bid)
    _check_rate(outcome, -1, ask)
    hours = int(outcome.simulation.venues["quoted_bid_ns"][0]) / 3.6e12
    assert hours > 3.99, "the order was away for no more than moments"


def test_only_the_time_that_an_order_rests_counts() -> None:
    """Asked once a second instead of after each fill, the order is away for long."""
    outcome = _at_distance(2, 3, **{"maker.quote_on": []})
    assert int(outcome.simulation.venues["quoted_bid_ns"][0]) / 3.6e12 < 3.5
    _check_rate(outcome, 1, 2)
    _check_rate(outcome, -1, 3)


def test_a_level_ahead_lowers_the_rate() -> None:
    """The law is of orders with nobody ahead: at the touch, behind others, hardly any fills."""
    outcome = _at_distance(1, 1)
    assert (outcome.rows("fills")["ahead_at_join"] > 0).all()
    with pytest.raises(AssertionError):
        _check_rate(outcome, 1, 1)


@pytest.fixture(scope="module")
def finals() -> dict[int, dict[str, tuple[float, float, float]]]:
    """Estimate, deviation and truth at the end of each seed's run."""
    found = {}
    for seed in SEEDS:
        tape = dataset_file("poisson", seed)
        last = run(resolve("poisson", [tape])).rows("beliefs")[-1]
        truth = info(tape).truth
        found[seed] = {
            name: (float(last[name]), float(last[f"{name}_sd"]), float(truth[name]))
            for name in ESTIMATES
        }
    return found


def _covers(estimate: float, deviation: float, truth: float) -> bool:
    return abs(estimate - truth) <= TRUTH_Z * deviation


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_cover_the_truth(
    name: str, finals: dict[int, dict[str, tuple[float, float, float]]]
) -> None:
    told = [found[name] for found in finals.values()]
    covered = sum(_covers(*one) for one in told)
    assert covered >= len(told) - 2, told  # less happens once in 170 times to honest intervals
    assert all(deviation < 0.2 * truth for _, deviation, truth in told), "not by being vague"


def test_estimates_of_the_shipped_scenario_cover_the_truth(
    finals: dict[int, dict[str, tuple[float, float, float]]],
) -> None:
    assert all(_covers(*finals[1][name]) for name in ESTIMATES), finals[1]
