"""E1: buckets hold all that was traded and all that the mid moved, and take what they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, CLOCK, GAP, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import volume_clock as cases
from simmm.study.recovery.worlds.volatility import path, trading

NS = 1_000_000_000
WORLDS = 500
long = pytest.mark.skipif(INTERPRETED, reason="long worlds")


def _row(kind, seconds, mid=100.0, lots=0.0):
    row = np.zeros(1, Observation)
    row["kind"], row["now"], row["mid"], row["lots"] = kind, round(seconds * NS), mid, lots
    row["lot"] = 0.5
    return row


def _buckets(observations, parameters=None):
    """Lots, seconds, change, mid and time of each bucket that closes, and the beliefs after."""
    driver = Driver("volume_clock", parameters)
    found, beliefs = [], None
    for k in range(len(observations)):
        beliefs = driver.run(observations[k : k + 1])[0]
        s = driver.state[0]
        if s["closed"]:
            found.append([*(float(s[f]) for f in ("lots", "seconds", "change", "mid")), k])
    return np.array(found).reshape(-1, 5), beliefs


def _market(per_s, seconds=6000, seed=1):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, seconds, rng.poisson(per_s * seconds)))
    lots = np.ceil(rng.exponential(20.0, len(times)))
    return trading(times, lots, path(1e-4 * rng.standard_normal(seconds)), 0.5)


def test_buckets_of_a_fixed_volume():
    """Against a plain loop over the same rows."""
    rows = _market(2.0, 200)
    found, _ = _buckets(rows, {"bucket_volume": 75.0, "longest_s": 20.0, "shortest_s": 2.0})
    expected, opened, lots, mid = [], None, 0.0, 0.0
    for k, row in enumerate(rows):
        mid, now = float(row["mid"]), int(row["now"])
        if row["kind"] == AGGRESSOR and opened:
            lots += float(row["lots"])
        if row["kind"] == CLOCK and not opened:
            opened = (now, mid)
        elif opened and (
            (0.5 * lots >= 75.0 and now - opened[0] >= 2 * NS)
            or (row["kind"] == CLOCK and now - opened[0] >= 20 * NS)
        ):
            change = math.log(mid / opened[1])
            expected.append([lots, (now - opened[0]) / 1e9, change, mid, k])
            opened, lots = (now, mid), 0.0
    assert len(expected) > 40
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_nothing_is_lost_between_buckets():
    rows = _market(3.0, 300)
    found, beliefs = _buckets(rows)
    last = int(found[-1, 4])
    assert beliefs["buckets"] == len(found)
    assert found[:, 0].sum() == rows["lots"][: last + 1].sum()
    assert found[:, 1].sum() == pytest.approx(rows["now"][last] / 1e9, rel=1e-9)
    assert found[:, 2].sum() == pytest.approx(math.log(rows["mid"][last] / rows["mid"][0]))


def test_one_aggressor_closes_one_bucket():
    rows = np.concatenate(
        [
            _row(CLOCK, 0.0),
            *(_row(AGGRESSOR, t, lots=1000.0) for t in (1.0, 2.0, 2.0, 3.5, 4.0)),
            _row(CLOCK, 5.0),
        ]
    )
    found, _ = _buckets(rows, {"bucket_volume": 1.0})
    # What comes within a second of a close waits for more, or for the clock.
    assert found[:, 0].tolist() == [1000.0, 1000.0, 2000.0, 1000.0]
    assert found[:, 1].tolist() == [1.0, 1.0, 1.5, 1.5]


def test_the_clock_closes_what_takes_too_long():
    rows = np.concatenate([_row(CLOCK, float(t), 100.0 + t) for t in range(131)])
    found, beliefs = _buckets(rows)
    assert found[:, 1].tolist() == [60.0, 60.0]
    assert found[:, 0].tolist() == [0.0, 0.0]
    assert found[0, 2] == pytest.approx(math.log(160.0 / 100.0))
    assert (beliefs["bucket_volume"], beliefs["bucket_volume_age_ns"]) == (0.0, -1)
    assert beliefs["buckets_age_ns"] == 10 * NS


def test_a_gap_drops_the_open_bucket():
    rows = np.concatenate(
        [
            _row(CLOCK, 0.0),
            _row(AGGRESSOR, 1.0, lots=9.0),
            _row(GAP, 2.0),
            _row(AGGRESSOR, 3.0, lots=9.0),  # before a mid is shown by the clock
            _row(CLOCK, 4.0, 120.0),
            _row(AGGRESSOR, 5.0, 121.0, lots=30.0),
        ]
    )
    found, _ = _buckets(rows, {"bucket_volume": 10.0})
    np.testing.assert_allclose(found, [[30.0, 1.0, math.log(121.0 / 120.0), 121.0, 5]])


@long
@pytest.mark.parametrize("per_s", [0.3, 2.0, 20.0])
def test_learned_buckets_take_five_seconds(per_s):
    rows = _market(per_s)
    found = Driver("volume_clock").run(rows)
    half = len(rows) // 2
    took = rows["now"][-1] - rows["now"][half]
    average = took / NS / (found["buckets"][-1] - found["buckets"][half])
    assert average == pytest.approx(5.0, rel=0.05)
    assert 0.0 < found["bucket_volume"][-1] <= 5.5 * per_s * 10.3
    learned = np.argmax(found["bucket_volume"] > 0.0)
    assert np.count_nonzero(rows["kind"][: learned + 1] == AGGRESSOR) == 50


@long
def test_giants_do_not_upset_the_duration():
    """One aggressor in a hundred trades a thousand times as much."""
    rows = _market(2.0)
    rng = np.random.default_rng(8)
    rows["lots"] = np.where(rng.random(len(rows)) < 0.01, 1000.0, 1.0)
    found = Driver("volume_clock").run(rows)
    assert 6000.0 / found["buckets"][-1] == pytest.approx(5.0, rel=0.05)


def test_rate_is_the_weighted_volume_over_time():
    rows = _market(2.0, 200)
    last = Driver("volume_clock", {"rate_half_life_s": 50.0}).run(rows)[-1]
    end = rows["now"][-1] / 1e9
    trades = rows[rows["kind"] == AGGRESSOR]
    volume = 0.5 * trades["lots"]
    weight = 0.5 ** ((end - trades["now"] / 1e9) / 50.0)
    total = 50.0 / math.log(2.0)
    over = total * (1.0 - 0.5 ** (end / 50.0))
    squares = 0.5 * total * (1.0 - 0.25 ** (end / 50.0))
    rate = (weight * volume).sum() / over
    deviation = math.sqrt((weight * volume**2).sum() / over * squares) / over
    assert last["volume_rate"] == pytest.approx(rate, rel=0.02)  # steps of up to a second
    assert last["volume_rate_sd"] == pytest.approx(deviation, rel=0.02)
    assert last["volume_rate_low"] < rate < last["volume_rate_high"]


@long
def test_silence_holds_and_quiet_lowers_the_rate():
    rows = _market(2.0, 200)
    end = rows["now"][-1]
    for known in (False, True):
        driver = Driver("volume_clock")
        before = driver.run(rows, every=len(rows))[-1]
        more = np.repeat(_row(CLOCK, 0.0, 100.0 if known else 0.0), 6000)
        more["now"] = end + NS * np.arange(1, 6000 + 1)
        after = driver.run(more)
        rate = after["volume_rate"]
        if known:
            assert np.all(np.diff(rate[1:]) <= 0.0)
            relative = after["volume_rate_sd"] / rate
            assert relative[-1] > 5.0 * before["volume_rate_sd"] / before["volume_rate"]
            assert rate[-1] > 0.0
            assert after["volume_rate_high"][-1] > 3.0 * rate[-1]
        else:
            assert np.all(rate == before["volume_rate"])
            assert np.all(after["buckets"] == before["buckets"])
            assert after["volume_rate_age_ns"][-1] == 6000 * NS


@long
@pytest.mark.parametrize("case", [case for case in cases.CASES if case.kind == "assumed"])
def test_the_interval_covers_the_rate(case):
    rows = []
    for seed in range(WORLDS):
        world = case.draw(seed)
        observations = world.observations
        last = Driver("volume_clock").run(observations, every=len(observations))[-1]
        rows.append([last[f"volume_rate{part}"] for part in ("", "_sd", "_low", "_high")])
    value, deviation, low, high = np.array(rows).T
    truth = world.truth["volume_rate"]
    assert 0.92 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
    assert np.mean(value) == pytest.approx(truth, rel=0.02)
    assert np.mean(deviation) == pytest.approx(np.std(value), rel=0.1)
    assert np.mean(high - low) / 3.92 < 1.25 * world.ideal_sd["volume_rate"]


anything = st.floats(allow_nan=True, allow_infinity=True)
calls = st.tuples(
    st.sampled_from([CLOCK, AGGRESSOR, GAP]),
    st.integers(min_value=-(2**60), max_value=2**60),
    anything,
    anything,
    anything,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, min_size=10, max_size=60), st.sampled_from([0.0, 1e-12, 1.0, 1e15]))
def test_it_stays_finite_whatever_comes(rows, volume):
    observations = np.zeros(len(rows), Observation)
    for k, row in enumerate(rows):
        for name, value in zip(("kind", "now", "mid", "lots", "lot"), row, strict=True):
            observations[name][k] = value
    driver = Driver("volume_clock", {"bucket_volume": volume, "learn_aggressors": 2})
    with np.errstate(all="ignore"):
        found = driver.run(observations)
    for array in (found, driver.state):
        assert all(np.all(np.isfinite(array[name])) for name in array.dtype.names)
