"""E15: correlation of beliefs that are smooth, with the interval that so few pairs allow."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import covariance as cases
from simmm.study.recovery.worlds.volatility import NS_PER_S, on_clock

WORLDS = 500
long = pytest.mark.skipif(INTERPRETED, reason="long worlds")
SECONDS = 10.0
R, C = cases.BOTH


def _given(logs):
    return {"kappa": np.exp(logs[0]), "sigma": np.exp(logs[1])}


def _run(logs, parameters=None, mids=None, seconds=SECONDS):
    observations = on_clock(np.full(len(logs[0]), 100.0) if mids is None else mids, seconds)
    return Driver("covariance", parameters).run(observations, _given(logs))


def _pair(seed, count, correlation=0.6):
    x, y = np.random.default_rng(seed).standard_normal((2, count))
    return np.array([7.0 + 0.3 * x, -9.0 + 0.1 * (correlation * x + 0.8 * y)])


@pytest.mark.parametrize("half_life_s", [0.0, 1200.0])
def test_weighted_covariance_and_correlation(half_life_s):
    """Against NumPy's, with the weights as they are defined."""
    logs = _pair(1, 400)
    last = _run(logs, {"half_life_s": half_life_s})[-1]
    age = SECONDS * np.arange(400)[::-1]
    weight = 0.5 ** (age / half_life_s) if half_life_s else np.ones(400)
    expected = np.cov(logs, aweights=weight, ddof=0)
    correlation = expected[0, 1] / math.sqrt(expected[0, 0] * expected[1, 1])
    assert last[C] == pytest.approx(expected[0, 1], rel=1e-9)
    assert last[R] == pytest.approx(correlation, rel=1e-9)


def test_fishers_interval_of_independent_pairs():
    logs = _pair(2, 1000)
    last = _run(logs, {"half_life_s": 0.0})[-1]
    low, high = (math.tanh(math.atanh(last[R]) + k * 1.96 / math.sqrt(997.0)) for k in (-1, 1))
    # The autocorrelations are measured, and not quite 0.
    assert last[f"{R}_low"] == pytest.approx(low, abs=0.003)
    assert last[f"{R}_high"] == pytest.approx(high, abs=0.003)
    deviation = math.sqrt(0.09 * 0.01 + last[C] ** 2) / math.sqrt(1000.0)
    assert last[f"{C}_sd"] == pytest.approx(deviation, rel=0.1)


@long
@pytest.mark.parametrize("kept", [0.8, 0.95])
def test_smooth_beliefs_count_for_less(kept):
    """The deviation of r between independent AR(1) is what Bartlett says, and is told."""
    found = []
    for seed in range(WORLDS):
        shocks = np.random.default_rng(seed).standard_normal((2, 800))
        last = _run(0.2 * cases._wander(shocks, kept), {"half_life_s": 0.0})[-1]
        found.append((last[R], last[f"{R}_sd"]))
    value, told = np.array(found).T
    bartlett = math.sqrt((1.0 + kept**2) / (1.0 - kept**2) / 800.0)
    assert np.mean(told) == pytest.approx(bartlett, rel=0.15)
    assert np.std(value) == pytest.approx(bartlett, rel=0.15)


def test_a_trend_alone_says_little():
    """Two straight lines correlate perfectly; they are hardly two pairs."""
    line = np.linspace(0.0, 1.0, 300)
    last = _run(np.array([line, line]))[-1]
    assert last[f"{R}_age_ns"] == -1


def test_pairs_are_taken_at_their_spacing():
    logs = _pair(3, 3000)
    often = _run(logs, seconds=1.0)[-1]
    seldom = _run(logs[:, ::10])[-1]
    for name in (R, f"{R}_low", C, f"{C}_sd"):
        assert often[name] == seldom[name]
    assert often[f"{R}_age_ns"] == 9 * NS_PER_S


def test_silence_and_unknown_beliefs_change_nothing():
    logs = _pair(4, 400)
    mids = np.full(400, 100.0)
    mids[250:] = 0.0
    found = _run(logs, mids=mids)
    assert np.all(found[R][249:] == found[R][249])
    assert found[f"{R}_age_ns"][-1] == 1500 * NS_PER_S
    known = _given(logs)
    known["sigma_age_ns"] = np.where(np.arange(400) < 250, 0.0, -1.0)
    other = Driver("covariance").run(on_clock(np.full(400, 100.0), SECONDS), known)
    assert np.all(other[R][249:] == found[R][249])


def test_what_never_varies_has_no_correlation():
    logs = _pair(5, 200)
    logs[0] = 7.0
    last = _run(logs)[-1]
    assert [last[f] for f in (R, f"{R}_low", f"{R}_age_ns", C)] == [0.0, 0.0, -1, 0.0]


@long
@pytest.mark.parametrize("case", [case for case in cases.CASES if case.kind == "assumed"])
def test_the_intervals_cover_the_truth(case):
    rows = {name: [] for name in case.beliefs}
    for seed in range(WORLDS):
        world = case.draw(seed)
        last = Driver("covariance").run(world.observations, world.given, every=cases.COUNT)[-1]
        for name in case.beliefs:
            parts = [last[f"{name}{part}"] for part in ("", "_sd", "_low", "_high")]
            rows[name].append([*parts, world.truth[name]])
    for name in case.beliefs:
        value, deviation, low, high, truth = np.array(rows[name]).T
        assert np.all((low < value) & (value < high))
        assert 0.92 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
        assert np.mean(deviation) == pytest.approx(np.std(value), rel=0.12)
        assert np.mean(value) == pytest.approx(truth[0], abs=0.2 * np.std(value))


anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**60), 2**60), anything, anything, anything),
        min_size=12,
        max_size=60,
    ),
    st.sampled_from([0.0, 1e-6, 3600.0]),
)
def test_it_stays_finite_whatever_comes(rows, half_life_s):
    observations = np.zeros(len(rows), Observation)
    observations["kind"] = CLOCK
    known = {"kappa": np.zeros(len(rows)), "sigma": np.zeros(len(rows))}
    for k, (now, mid, kappa, sigma) in enumerate(rows):
        observations["now"][k], observations["mid"][k] = now, mid
        known["kappa"][k], known["sigma"][k] = kappa, sigma
    driver = Driver("covariance", {"half_life_s": half_life_s, "spacing_s": 0.1})
    with np.errstate(all="ignore"):
        found = driver.run(observations, known)
    ours = [field for belief in driver.estimator.beliefs for field in belief.fields]
    assert all(np.all(np.isfinite(found[name])) for name in ours)
    assert all(np.all(np.isfinite(driver.state[name])) for name in driver.state.dtype.names)
