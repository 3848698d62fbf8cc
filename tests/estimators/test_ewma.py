"""E14: the truth is covered, silence and repeats are harmless, and nothing goes bad."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, Observation
from simmm.estimators.volatility.forgetting import retention
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import ewma as cases
from simmm.study.recovery.worlds.volatility import grid_path, on_clock, path
from tests import outside

NS = 1_000_000_000
WORLDS = 500
long = pytest.mark.skipif(INTERPRETED, reason="long worlds")
ENDLESS = {"half_life_s": 0.0, "fast_half_life_s": 0.0, "longest_s": 1e6}


def _last(observations, parameters=None):
    """What is believed after the last observation."""
    return Driver("ewma", parameters).run(observations, every=len(observations))[-1]


def _found(draw, name, parameters=None):
    """Value, deviation, low, high of each world, and its truth."""
    rows = []
    for seed in range(WORLDS):
        world = draw(seed)
        last = _last(world.observations, parameters)
        truth = np.ravel(world.truth[name])[-1]
        rows.append([*(last[f"{name}{part}"] for part in ("", "_sd", "_low", "_high")), truth])
    return np.array(rows).T


# ------------------------------------------------------------------------------------- forgetting


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("e_bipower")


def test_weight_of_the_newest_tick(oracle):
    for half_life, newest, *_ in oracle["ewma"]:
        assert 1.0 - retention(0.0, 0.0, 1.0, half_life) == pytest.approx(newest, rel=1e-12)
        assert retention(half_life, half_life, 0.0, 0.0) == pytest.approx(0.5, rel=1e-15)


def test_half_life_of_a_retention(oracle):
    for kept, half_life, *_ in oracle["retention"]:
        assert retention(0.0, 0.0, 1.0, half_life) == pytest.approx(kept, rel=1e-12)
        assert retention(1.0, half_life, 5.0, 0.0) == pytest.approx(kept, rel=1e-12)


def test_hybrid_of_time_and_ticks(oracle):
    """The oracle's average, with half-lives of 20 s and 5 ticks."""
    t, x, expected = (oracle["hybrid"][name] for name in ("t", "x", "v"))
    value = x[0]
    for k in range(1, len(t)):
        kept = retention(t[k] - t[k - 1], 20.0, 1.0, 5.0)
        value = kept * value + (1.0 - kept) * x[k]
        assert value == pytest.approx(expected[k], rel=1e-12)


def test_nothing_is_forgotten_without_half_lives():
    assert retention(1e9, 0.0, 1e9, 0.0) == 1.0


# --------------------------------------------------------------------------------------- the value


@pytest.mark.parametrize("ticks", [0.0, 60.0])
def test_sigma_is_the_weighted_average(ticks):
    """Against the sums of the definition, with an uneven clock."""
    rng = np.random.default_rng(5)
    seconds = rng.uniform(0.3, 4.0, 200)
    changes = 1e-4 * rng.standard_normal(200)
    last = _last(on_clock(path(changes), seconds), {"half_life_s": 40.0, "half_life_ticks": ticks})
    age = seconds[::-1].cumsum()[::-1] - seconds
    halvings = age / 40.0 + (np.arange(200)[::-1] / ticks if ticks else 0.0)
    weight = seconds * 0.5**halvings
    x = changes**2 / seconds
    variance = (weight * x).sum() / weight.sum()
    n = weight.sum() ** 2 / (weight**2).sum()
    relative = ((weight * x * x).sum() / weight.sum() / variance**2 - 1.0) / (n - 1.0)
    assert last["sigma"] == pytest.approx(math.sqrt(variance), rel=1e-6)
    deviation = 0.5 * math.sqrt(relative) * (1.0 + relative)
    assert last["sigma_sd"] == pytest.approx(last["sigma"] * deviation, rel=1e-5)
    assert last["sigma_high"] == pytest.approx(last["sigma"] * math.exp(1.959964 * deviation))
    assert last["sigma_low"] * last["sigma_high"] == pytest.approx(last["sigma"] ** 2)


def test_a_silence_counts_with_its_true_duration_as_one_return():
    """Of a walk of which a minute is not seen; one return tells as much however long it took."""
    steps = np.array([1.0, -1.0, 2.0, -1.0, -1.0] * 80)
    mids = grid_path(steps, 1e-3)
    shown = mids.copy()
    shown[100:160] = 0.0
    seconds = np.diff(np.flatnonzero(shown > 0.0))
    assert sorted(set(seconds)) == [1, 61]
    squares = np.diff(np.log(shown[shown > 0.0])) ** 2 / seconds
    last = _last(on_clock(shown), ENDLESS)
    assert last["sigma"] == pytest.approx(math.sqrt(squares.mean()), rel=1e-12)


def test_while_nothing_is_known_values_stay_and_intervals_widen():
    mids = np.concatenate([path(1e-4 * np.random.default_rng(1).standard_normal(99)), np.zeros(50)])
    found = Driver("ewma").run(on_clock(mids))
    for name in ("sigma", "fast_sigma"):
        assert np.all(found[name][99:] == found[name][99])
        assert np.all(np.diff(found[f"{name}_low"][99:]) < 0.0)
        assert np.all(np.diff(found[f"{name}_high"][99:]) > 0.0)
        assert np.array_equal(found[f"{name}_age_ns"][99:], np.arange(51) * NS)


def test_an_hour_of_silence_does_not_make_it_unknown():
    rng = np.random.default_rng(2)
    seconds = np.ones(400)
    seconds[300] = 3600.0
    mids = path(1e-4 * np.sqrt(seconds) * rng.standard_normal(400))
    found = Driver("ewma").run(on_clock(mids, seconds))
    for name in ("sigma", "fast_sigma"):
        assert found[name][300] * 0.4 < found[name][301] < found[name][300] * 2.5
        assert found[f"{name}_sd"][301] > found[f"{name}_sd"][300]


@long
def test_a_price_that_stands_still_lowers_it_but_not_to_nothing():
    moves = 1e-4 * np.random.default_rng(3).standard_normal(600)
    mids = path(np.concatenate([moves, np.zeros(20_000)]))
    found = Driver("ewma").run(on_clock(mids), every=20)
    sigma, high = found["sigma"][31:], found["sigma_high"][31:]
    assert np.all(np.diff(sigma) <= 0.0)
    assert sigma[-1] == pytest.approx(sigma[-200], rel=1e-9)
    window_s = 300.0 / math.log(2.0)
    assert sigma[-1] == pytest.approx(1e-4 * math.sqrt(0.5 / window_s), rel=0.1)
    assert np.all(high > 1e-4 * math.sqrt(2.5 / window_s))  # what Poisson's law can't exclude


def test_it_is_unknown_until_enough_was_seen():
    still = np.full(500, 100.0)
    last = _last(on_clock(still))
    assert [last[f] for f in ("sigma", "sigma_low", "sigma_high", "sigma_age_ns")] == [0, 0, 0, -1]
    moving = np.concatenate([still, 100.0 + np.arange(1, 6) % 2])
    assert _last(on_clock(moving[:-1]))["sigma_age_ns"] == -1
    assert _last(on_clock(moving))["sigma"] > 0.0
    assert _last(on_clock(moving[-10:]), {"minimum_moves": 1})["sigma_age_ns"] == -1


def test_repeated_and_late_mids_are_ignored():
    mids = path(1e-4 * np.random.default_rng(6).standard_normal(100))
    once = on_clock(mids)
    often = np.repeat(once, 3)
    often["mid"][1::3] += 3.0
    often["mid"][2::3] -= 3.0
    often["now"][2::3] -= NS
    one, two = Driver("ewma"), Driver("ewma")
    one.run(once)
    two.run(often)
    assert one.state.tobytes() == two.state.tobytes()


def test_it_scales_with_time_and_not_with_price():
    mids = 1000.0 + np.random.default_rng(7).integers(0, 7, 200)
    base = _last(on_clock(mids))
    rich = _last(on_clock(10.0 * mids))
    slow = _last(
        on_clock(mids, 4.0),
        {"half_life_s": 1200.0, "fast_half_life_s": 120.0, "longest_s": 40.0},
    )
    for name in ("sigma", "sigma_sd", "sigma_high", "fast_sigma", "fast_sigma_low"):
        assert rich[name] == pytest.approx(base[name], rel=1e-9)
        assert slow[name] == pytest.approx(base[name] / 2.0, rel=1e-9)


# ---------------------------------------------------------------------------------- the interval


@long
@pytest.mark.parametrize("case", [case for case in cases.CASES if case.kind == "assumed"])
def test_the_interval_covers_the_truth(case):
    for name in case.beliefs:
        value, deviation, low, high, truth = _found(case.draw, name, case.parameters)
        assert np.all(low < value)
        assert np.all(value < high)
        assert 0.92 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
        assert np.mean(value) == pytest.approx(truth[0], rel=0.03)
        assert np.mean(deviation) == pytest.approx(np.std(value), rel=0.12)


@long
def test_the_variance_is_as_precise_as_normal_returns_allow():
    """n Var(sigma^2) / sigma^4 is 2 without forgetting."""
    count = 400
    found = [
        _last(on_clock(path(1e-4 * np.random.default_rng(seed).standard_normal(count))), ENDLESS)
        for seed in range(1500)
    ]
    variance = np.array([last["sigma"] ** 2 for last in found]) / 1e-8
    assert np.var(variance) * count == pytest.approx(2.0, rel=0.15)  # 4 standard errors


@long
def test_the_interval_shrinks_with_the_square_root_of_time():
    changes = 1e-4 * np.random.default_rng(9).standard_normal(6400)
    short, long = (_last(on_clock(path(changes[:n])), ENDLESS) for n in (400, 6400))
    ratio = (short["sigma_high"] - short["sigma_low"]) / (long["sigma_high"] - long["sigma_low"])
    assert ratio == pytest.approx(4.0, rel=0.2)


# ------------------------------------------------------------------------------------- bad input

anything = st.floats(allow_nan=True, allow_infinity=True)
some_time = st.integers(min_value=-(2**60), max_value=2**60)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(some_time, anything), min_size=12, max_size=60),
    st.floats(0.0, 1e9),
    st.floats(0.0, 1e9),
)
def test_it_stays_finite_whatever_comes(calls, half_life_s, half_life_ticks):
    observations = np.zeros(len(calls), Observation)
    observations["kind"] = CLOCK
    for k, (now, mid) in enumerate(calls):
        observations["now"][k], observations["mid"][k] = now, mid
    driver = Driver("ewma", {"half_life_s": half_life_s, "half_life_ticks": half_life_ticks})
    with np.errstate(all="ignore"):
        found = driver.run(observations)
    for array in (found, driver.state):
        assert all(np.all(np.isfinite(array[name])) for name in array.dtype.names)


@pytest.mark.parametrize("crash", [1.0, 1e12])
def test_a_flash_crash_widens_it(crash):
    mids = path(1e-4 * np.random.default_rng(10).standard_normal(300))
    before = _last(on_clock(mids))
    after = _last(on_clock(np.append(mids, crash)))
    assert after["sigma_high"] > before["sigma_high"]
    assert after["sigma_sd"] / after["sigma"] > before["sigma_sd"] / before["sigma"]
