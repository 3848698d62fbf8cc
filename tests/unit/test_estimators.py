"""Estimators of volatility and arrivals: the truth is covered, and nothing goes bad."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.estimators import clock_volatility as volatility
from simmm.estimators import reach as intensity
from simmm.jit import INTERPRETED, compiled, records
from simmm.maker_records import MarketRecord
from simmm.math import exp, exponential, mix, normal, uniform
from simmm.records import Intensity, Sigma

NS = 1_000_000_000
WORLDS = 10 if INTERPRETED else 600

start_sigma, update_sigma, read_sigma = volatility.start, volatility.update, volatility.read
start_intensity, read_intensity = intensity.start, intensity.read
on_time, on_aggressor = intensity.on_time, intensity.on_aggressor


def _state(dtype):
    """One record that reads the same compiled and not."""
    return np.zeros(1, dtype).view(np.recarray)


# ------------------------------------------------------------------------------------- volatility


@compiled
def _sigma_worlds(state, market, found, seconds, half_life_s, jumps_per_s):
    """Worlds of 1e-4 per sqrt(s): normal, or +-1 in 10,000 at a rate (times its root)."""
    s, m = state[0], market[0]
    for world in range(len(found)):
        key = mix(20_240_101, world)
        start_sigma(s, NS, half_life_s)
        level, mid, draws = 0.0, 10_000.0, 0
        for k in range(seconds + 1):
            update_sigma(s, k * NS, mid)
            if jumps_per_s == 0.0:
                level += 1e-4 * normal(key, k)
                mid = 10_000.0 * exp(level)
            else:
                t = exponential(key, draws) / jumps_per_s
                while t < 1.0:
                    mid += 1.0 if uniform(key, draws + 1) < 0.5 else -1.0
                    draws += 2
                    t += exponential(key, draws) / jumps_per_s
                draws += 2
        read_sigma(s, seconds * NS, m)
        found[world, 0] = m.sigma
        found[world, 1] = m.sigma_sd


def _sigma(seconds, half_life_s, jumps_per_s, worlds=WORLDS):
    found = np.zeros((worlds, 2))
    state, market = records(np.zeros(1, Sigma)), records(np.zeros(1, MarketRecord))
    _sigma_worlds(state, market, found, seconds, half_life_s, jumps_per_s)
    return found


def _coverage(found, truth):
    return float(np.mean(np.abs(found[:, 0] - truth) < 1.96 * found[:, 1]))


@pytest.mark.parametrize("jumps_per_s", [0.0, 2.0, 0.2])
@pytest.mark.parametrize(("seconds", "half_life_s"), [(300, 300.0), (1500, 60.0), (1500, 300.0)])
def test_sigma_interval_covers_the_truth(seconds, half_life_s, jumps_per_s):
    truth = 1e-4 * math.sqrt(jumps_per_s or 1.0)
    found = _sigma(seconds, half_life_s, jumps_per_s)
    assert np.all(found[:, 0] > 0.0)
    if not INTERPRETED:
        assert 0.92 <= _coverage(found, truth) <= 0.98
        assert np.mean(found[:, 0]) == pytest.approx(truth, rel=0.02)
        assert np.mean(found[:, 1]) == pytest.approx(np.std(found[:, 0]), rel=0.1)


def test_sigma_interval_shrinks_with_the_square_root_of_time():
    short, long = _sigma(400, 0.0, 0.0, 50), _sigma(1600, 0.0, 0.0, 50)
    assert np.mean(short[:, 1]) / np.mean(long[:, 1]) == pytest.approx(2.0, rel=0.05)


def test_sigma_is_unknown_until_enough_was_seen():
    s, m = _state(Sigma)[0], _state(MarketRecord)[0]
    volatility.start(s, NS, 60.0)
    for k in range(500):
        volatility.update(s, k * NS, 100.0)  # never moves
    volatility.read(s, 500 * NS, m)
    assert (m.sigma, m.sigma_sd, m.sigma_age_ns) == (0.0, 0.0, -1)
    for k in range(500, 501 + volatility.MINIMUM_MOVES):
        volatility.update(s, k * NS, 100.0 + k % 2)
    volatility.read(s, 600 * NS, m)
    assert m.sigma > 0.0
    assert m.sigma_age_ns == 600 * NS - s.last_ts


def test_sigma_counts_the_time_of_a_silence():
    """A walk of which a minute is not seen gives the same sigma as one seen whole."""
    s, m = _state(Sigma)[0], _state(MarketRecord)[0]
    volatility.start(s, NS, 0.0)
    mid, squares = 1000.0, 0.0
    seen = mid
    for k in range(400):
        silent = 100 <= k < 160
        volatility.update(s, k * NS, 0.0 if silent else mid)
        if not silent:
            squares += math.log(mid / seen) ** 2
            seen = mid
        mid += (1.0, -1.0, 2.0, -1.0, -1.0)[k % 5]
    volatility.read(s, 399 * NS, m)
    assert m.sigma == pytest.approx(math.sqrt(squares / 399.0), rel=1e-12)


def test_sigma_scales_with_time_and_not_with_price():
    base, rich, slow = (_state(Sigma)[0] for _ in range(3))
    m = _state(MarketRecord)[0]
    found = []
    for s, factor, pace in ((base, 1.0, 1), (rich, 10.0, 1), (slow, 1.0, 4)):
        volatility.start(s, NS, 30.0 * pace)
        for k in range(200):
            volatility.update(s, k * pace * NS, factor * (1000.0 + mix(5, k) % 7))
        volatility.read(s, 200 * pace * NS, m)
        found.append((float(m.sigma), float(m.sigma_sd)))
    assert found[1] == pytest.approx(found[0], rel=1e-9)
    assert found[2] == pytest.approx((found[0][0] / 2.0, found[0][1] / 2.0), rel=1e-9)


def test_sigma_ignores_repeated_and_late_mids():
    one, two = _state(Sigma)[0], _state(Sigma)[0]
    for s in (one, two):
        volatility.start(s, NS, 30.0)
    for k in range(100):
        mid = 1000.0 + mix(6, k) % 5
        volatility.update(one, k * NS, mid)
        volatility.update(two, k * NS, mid)
        volatility.update(two, k * NS, mid + 3.0)
        volatility.update(two, (k - 1) * NS, mid - 3.0)
    assert one.tobytes() == two.tobytes()


# -------------------------------------------------------------------------------------- intensity


@compiled
def _intensity_worlds(state, market, found, kappa, arrival, step, widest, seconds, half_life_s):
    """Aggressors of exponential reach, against a half spread that changes about each 0.7 s."""
    i, m = state[0], market[0]
    for world in range(len(found)):
        key = mix(20_240_202, world)
        start_intensity(i, half_life_s)
        half_spread = 0.5 * step
        on_time(i, 0, half_spread, step)
        next_aggressor = exponential(key, 0) / (2.0 * arrival)
        next_change, tick, draws = 0.0, 1, 1
        while tick <= seconds:
            if next_change < next_aggressor and next_change < tick:
                half_spread = 0.5 * step * (1.0 + (mix(key, draws) >> 20) % widest)
                next_change += 0.7 * exponential(key, draws + 1)
                draws += 2
            elif next_aggressor < tick:
                reach = exponential(key, draws) / kappa
                if reach >= half_spread:
                    whole = step * ((reach - half_spread) // step)
                    ts = int(next_aggressor * 1e9)
                    on_aggressor(i, ts, half_spread + whole, half_spread, step)
                next_aggressor += exponential(key, draws + 1) / (2.0 * arrival)
                draws += 2
            else:
                on_time(i, tick * NS, half_spread, step)
                tick += 1
        read_intensity(i, seconds * NS, m)
        found[world, 0] = m.kappa
        found[world, 1] = m.kappa_sd
        found[world, 2] = m.arrival
        found[world, 3] = m.arrival_sd


def _intensity(kappa, arrival, step, widest, seconds, half_life_s, worlds=WORLDS):
    found = np.zeros((worlds, 4))
    state, market = records(np.zeros(1, Intensity)), records(np.zeros(1, MarketRecord))
    _intensity_worlds(state, market, found, kappa, arrival, step, widest, seconds, half_life_s)
    return found


@pytest.mark.parametrize("widest", [1, 4, 30])
@pytest.mark.parametrize(
    ("kappa", "arrival", "step"),
    [(17_000.0, 0.6, 1e-5), (17_000.0, 2.0, 5e-5), (2_000.0, 0.3, 5e-5)],
)
def test_kappa_and_arrival_intervals_cover_the_truth(kappa, arrival, step, widest):
    found = _intensity(kappa, arrival, step, widest, 900, 300.0)
    assert np.all(found > 0.0)
    if not INTERPRETED:
        assert 0.92 <= _coverage(found[:, :2], kappa) <= 0.98
        assert 0.92 <= _coverage(found[:, 2:], arrival) <= 0.98
        assert np.mean(found[:, 0]) == pytest.approx(kappa, rel=0.03)
        assert np.mean(found[:, 2]) == pytest.approx(arrival, rel=0.03)


def test_kappa_is_the_geometric_estimate():
    """Without forgetting: ln(1 + step / mean excess) / step, not 1 / mean excess."""
    i, m = _state(Intensity)[0], _state(MarketRecord)[0]
    intensity.start(i, 0.0)
    step = 1e-4
    steps = [0, 0, 1, 3, 0, 2, 0, 0, 1, 0, 4, 0]
    for k, n in enumerate(steps):
        intensity.on_aggressor(i, k * NS, (0.5 + n) * step, 0.5 * step, step)
    intensity.read(i, 20 * NS, m)
    mean = np.mean(steps)
    assert m.kappa == pytest.approx(math.log(1.0 + 1.0 / mean) / step, rel=1e-9)
    expected = 1.0 / (step * math.sqrt(mean * (mean + 1.0) * len(steps)))
    assert m.kappa_sd == pytest.approx(expected, rel=1e-9)
    assert m.kappa_age_ns == 9 * NS
    assert (m.arrival, m.arrival_sd, m.arrival_age_ns) == (0.0, 0.0, -1)  # no time was watched


def test_arrival_counts_exposure_at_each_half_spread():
    i, m = _state(Intensity)[0], _state(MarketRecord)[0]
    intensity.start(i, 0.0)
    step, exposure = 1e-4, 0.0
    halves = [0.5, 1.5, 0.5, 6.0, 0.0, 40.0] * 20  # 0: unknown, counts for nothing
    intensity.on_time(i, 0, 0.5 * step, step)
    for k, half in enumerate(halves):
        reach = (half + k % 3) * step
        intensity.on_aggressor(i, k * NS + 1, reach, half * step, step)
        intensity.on_time(i, (k + 1) * NS, half * step, step)
    intensity.read(i, 200 * NS, m)
    for half in halves:
        exposure += 2.0 * math.exp(-m.kappa * half * step) if half else 0.0
    count = sum(half > 0.0 for half in halves)
    assert m.arrival == pytest.approx(count / exposure, rel=1e-9)
    assert m.arrival_age_ns == 200 * NS - len(halves) * NS


def test_silence_lowers_the_rate_and_leaves_kappa():
    found = []
    i, m = _state(Intensity)[0], _state(MarketRecord)[0]
    intensity.start(i, 60.0)
    step = 1e-4
    for k in range(1, 1200):
        intensity.on_time(i, k * NS, 0.5 * step, step)
        if k <= 600 and k % 2:
            intensity.on_aggressor(i, k * NS + 7, (0.5 + k % 3) * step, 0.5 * step, step)
        if k in (600, 1199):
            intensity.read(i, k * NS, m)
            found.append((m.kappa, m.kappa_sd, m.arrival, m.arrival_sd / m.arrival))
    before, after = found
    assert after[0] == pytest.approx(before[0], rel=1e-9)
    assert after[1] == pytest.approx(before[1], rel=1e-9)
    assert after[2] == pytest.approx(before[2] * 2.0 ** (-599 / 60), rel=0.02)
    assert after[3] > 10.0 * before[3]  # and says that it is guessing


def test_reading_often_changes_nothing():
    once, often = _state(Intensity)[0], _state(Intensity)[0]
    m, n = _state(MarketRecord)[0], _state(MarketRecord)[0]
    for i in (once, often):
        intensity.start(i, 20.0)
    for k in range(300):
        for i in (once, often):
            intensity.on_time(i, k * NS, 1e-4, 2e-4)
            intensity.on_aggressor(i, k * NS + 9, 1e-4 + 2e-4 * (k % 4), 1e-4, 2e-4)
        intensity.read(often, k * NS + 10, n)
        intensity.read(often, k * NS + 11, n)
    intensity.read(once, 300 * NS, m)
    intensity.read(often, 300 * NS, n)
    assert once.tobytes() == often.tobytes()
    assert m.tobytes() == n.tobytes()


# ----------------------------------------------------------------------------------- both of them


@pytest.mark.skipif(INTERPRETED, reason="there is nothing compiled to compare with")
def test_compiled_and_interpreted_agree_bit_for_bit():
    @compiled
    def run(sigma, state, market):
        s, i, m = sigma[0], state[0], market[0]
        start_sigma(s, NS, 45.0)
        start_intensity(i, 45.0)
        _mixed(s, i, m)

    def plain(sigma, state, market):
        start_sigma(sigma[0], NS, 45.0)
        start_intensity(state[0], 45.0)
        _mixed(sigma[0], state[0], market[0])

    results = []
    for function in (run, plain):
        arrays = [np.zeros(1, dtype) for dtype in (Sigma, Intensity, MarketRecord)]
        views = arrays if function is run else [a.view(np.recarray) for a in arrays]
        function(*views)
        assert arrays[2]["sigma"][0] > 0.0
        assert arrays[2]["arrival"][0] > 0.0
        results.append(b"".join(a.tobytes() for a in arrays))
    assert results[0] == results[1]


def _mixed_plain(s, i, m):
    for k in range(400):
        ts = k * NS + mix(1, k) % 1000
        mid = 1000.0 + mix(2, k) % 9
        update_sigma(s, ts, mid if k % 50 else 0.0)
        half_spread = (0.5 + mix(3, k) % 5) / mid
        on_time(i, ts, half_spread, 1.0 / mid)
        if k % 3 == 0:
            reach = half_spread + (mix(4, k) % 4) / mid
            on_aggressor(i, ts + 5, reach, half_spread, 1.0 / mid)
        read_sigma(s, ts + 6, m)
        read_intensity(i, ts + 6, m)


if INTERPRETED:
    _mixed = _mixed_plain
else:
    from simmm.jit import kernel

    _mixed = kernel(_mixed_plain)

anything = st.floats(allow_nan=True, allow_infinity=True)
some_time = st.integers(min_value=-(2**60), max_value=2**60)


def _finite(record):
    return all(np.all(np.isfinite(record[name])) for name in record.dtype.names)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(some_time, anything), min_size=12, max_size=40), st.floats(0.0, 1e9))
def test_sigma_stays_finite_whatever_comes(calls, half_life_s):
    s, m = _state(Sigma)[0], _state(MarketRecord)[0]
    volatility.start(s, NS, half_life_s)
    with np.errstate(all="ignore"):
        for ts, mid in calls:
            volatility.update(s, ts, mid)
            volatility.read(s, ts, m)
            assert _finite(s)
            assert _finite(m)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(some_time, anything, anything, anything), min_size=12, max_size=40),
    st.floats(0.0, 1e9),
)
def test_intensity_stays_finite_whatever_comes(calls, half_life_s):
    i, m = _state(Intensity)[0], _state(MarketRecord)[0]
    intensity.start(i, half_life_s)
    with np.errstate(all="ignore"):
        for ts, reach, half_spread, step in calls:
            intensity.on_time(i, ts, half_spread, step)
            intensity.on_aggressor(i, ts, reach, half_spread, step)
            intensity.read(i, ts, m)
            assert _finite(i)
            assert _finite(m)
