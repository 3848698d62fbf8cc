"""The Poisson world against its own law, counted from the rows of its tapes alone."""

import math

import numpy as np
import pytest

from simmm.errors import ScenarioError
from simmm.records import AGGRESSOR_END, BUY, FIRST, KIND_MASK, SNAPSHOT, TRADE
from simmm.tape.synthetic.columns import START_TS
from simmm.tape.synthetic.generators import parameters_of
from simmm.tape.validation import validate
from tests.unit.synthetic_fixture import columns, made

HOURS = 6.0


def mids(tape):
    """Return times and mids of the images, from their first rows."""
    first = (tape["tag"] & KIND_MASK == SNAPSHOT) & (tape["tag"] & FIRST > 0)
    bid = first & (tape["tag"] & BUY > 0)
    ask = first & (tape["tag"] & BUY == 0)
    return tape["exch_ts"][bid], (tape["px"][bid] + tape["px"][ask]) // 2


@pytest.fixture(scope="module", params=[0.0, 1e-4], ids=["still", "moving"])
def world(request, tmp_path_factory):
    path, truth = made(
        tmp_path_factory.mktemp("poisson") / "tape", "poisson", hours=HOURS, sigma=request.param
    )
    return path, truth, columns(path)


def test_tape_is_valid(world):
    path, _, _ = world
    assert [str(finding) for finding in validate(path)] == []


@pytest.mark.parametrize("side", [BUY, 0], ids=["buyers", "sellers"])
@pytest.mark.parametrize("distance", [1, 2, 3, 5, 8, 13])
def test_fill_rate_of_an_order_with_nobody_ahead(world, side, distance):
    """An order that many ticks from the mid is reached at rate A exp(-kappa d tick/mid)."""
    _, truth, tape = world
    last = (tape["tag"] & KIND_MASK == TRADE) & (tape["tag"] & AGGRESSOR_END > 0)
    last &= (tape["tag"] & BUY) == side
    ts, mid = mids(tape)
    before = mid[np.searchsorted(ts, tape["exch_ts"][last], side="left") - 1]
    reach = (tape["px"][last] - before) * (1 if side else -1)
    seconds = np.diff(ts, append=START_TS + round(HOURS * 3.6e12)) / 1e9
    rate = truth["arrival"] * np.exp(-truth["kappa"] * distance / mid)
    expected = float((rate * seconds).sum())
    assert abs(np.count_nonzero(reach >= distance) - expected) <= 3.0 * math.sqrt(expected)


def test_aggressors_take_all_shown_before_their_last_price(world):
    _, _, tape = world
    trade = tape["tag"] & KIND_MASK == TRADE
    px, ts, buy = tape["px"][trade], tape["exch_ts"][trade], tape["tag"][trade] & BUY > 0
    inside = np.diff(ts) == 0  # prints of one aggressor
    assert np.all(np.where(buy[1:], np.diff(px), -np.diff(px))[inside] > 0)
    end = tape["tag"][trade] & AGGRESSOR_END > 0
    assert set(tape["qty"][trade][end]) == {100}
    assert set(tape["qty"][trade][~end]) == {1000}
    behind = px[~end][np.flatnonzero(~end) > 0]
    assert np.mean(behind % 3 == 0) > 0.2  # levels behind the touch stand at multiples of three


def test_variance_is_sigma_squared(tmp_path):
    path, truth = made(tmp_path / "tape", "poisson", hours=HOURS, sigma=2e-4)
    ts, mid = mids(columns(path))
    jumps = np.diff(mid)
    assert set(np.unique(jumps[jumps != 0])) == {-1, 1}
    expected = float((np.square(2e-4 * mid) * np.diff(ts, append=ts[-1])).sum() / 1e9)
    assert abs(np.count_nonzero(jumps) - expected) <= 3.0 * math.sqrt(expected)
    assert truth["jumps"] == np.count_nonzero(jumps)
    ups = np.count_nonzero(jumps > 0)
    assert abs(ups - truth["jumps"] / 2) <= 1.5 * math.sqrt(truth["jumps"])


def test_levels_in_between_are_shown_empty(world):
    _, _, tape = world
    image = tape["tag"] & KIND_MASK == SNAPSHOT
    one = image & (tape["exch_ts"] == tape["exch_ts"][0])
    bids = tape["px"][one & (tape["tag"] & BUY > 0)]
    asks = tape["px"][one & (tape["tag"] & BUY == 0)]
    assert bids.tolist() == [9999, 9996, 9993, 9990, 9987, 9984, 9981, 9978]
    assert asks.tolist() == [10001, 10002, 10005, 10008, 10011, 10014, 10017, 10020]


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"hours": 0.0}, "hours"),
        ({"sigma": -1.0}, "sigma"),
        ({"kappa": math.inf}, "kappa"),
        ({"level_step": 0}, "level_step"),
        ({"level_lots": 10, "reach_lots": 11}, "level_lots"),
        ({"price": "0.1"}, "price"),
        ({"hours": "long"}, "hours"),
        ({"hour": 1.0}, "hour"),
    ],
)
def test_impossible_parameters_are_named(overrides, named):
    with pytest.raises(ScenarioError, match=named):
        parameters_of("poisson", "", overrides)
