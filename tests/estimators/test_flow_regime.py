"""E20: the filter against reference figures, the learning against forward-backward and worlds."""

import math

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.flow.flow_regime import RING, STATES, State
from simmm.estimators.flow.hidden_markov import expected, forward, order, remember
from simmm.estimators.observation import CLOCK, GAP
from simmm.study.recovery.cases import flow_regime as cases
from simmm.study.recovery.worlds.flow_regimes import (
    DISPERSION,
    INTERVAL_S,
    RATES,
    TRANSITION,
    chain,
    counts,
    flow,
    operating_curve,
)
from tests import outside


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("g_hmm")


def _filtered(x, before, transition, mean, sd):
    """Filtered probabilities and log likelihood by the kernel, with normal densities."""
    transition = np.array(transition)
    states = len(transition)
    probability, joint = np.array(before), np.zeros((states, states))
    found, total = [], 0.0
    for value in x:
        likelihood = stats.norm.pdf(value, mean, sd)
        total += math.log(forward(probability, transition, likelihood, joint, states))
        found.append(probability.copy())
    return np.array(found), total


def test_reference_filter(oracle):
    """The reference's chain starts at its first observation: one step back from there."""
    case = oracle["small"]
    before = np.linalg.solve(np.array(case["P"]).T, case["pi"])
    found, total = _filtered(case["x"], before, case["P"], case["mean"], case["sd"])
    assert found == pytest.approx(np.array(case["filtered"]), abs=1e-10)
    assert total == pytest.approx(case["logL"], abs=1e-10)


def test_reference_volatility_states(oracle):
    case = oracle["vol4"]
    found, total = _filtered(case["x"], [0.25] * 4, case["P"], 0.0, case["sd"])
    assert total == pytest.approx(case["logL"], abs=1e-9)
    assert found[-1] == pytest.approx(case["filtered_last"], rel=1e-9)
    every = np.array(case["filtered_every_25"])
    assert found[::25][: len(every)] == pytest.approx(every, rel=1e-9)
    states = np.array(case["z"])
    assert np.mean(found.argmax(axis=1) == states) == pytest.approx(case["accuracy"])
    brier = np.mean(((found - np.eye(4)[states]) ** 2).sum(axis=1))
    assert brier == pytest.approx(case["brier"], abs=1e-10)


def _smoothed(numbers, transition, likelihoods):
    """Expected transitions and occupation by the forward-backward algorithm."""
    n = len(numbers)
    ahead = np.zeros((n + 1, STATES))
    ahead[0] = 1.0 / STATES
    for t in range(n):
        ahead[t + 1] = ahead[t] @ transition * likelihoods[t]
        ahead[t + 1] /= ahead[t + 1].sum()
    back = np.ones((n + 1, STATES))
    for t in range(n - 1, -1, -1):
        back[t] = transition @ (likelihoods[t] * back[t + 1])
        back[t] /= back[t].sum()
    moves = np.zeros((STATES, STATES))
    shares = np.zeros((n, STATES))
    for t in range(n):
        pair = ahead[t][:, None] * transition * (likelihoods[t] * back[t + 1])[None, :]
        moves += pair / pair.sum()
        shares[t] = pair.sum(axis=0) / pair.sum()
    return moves, shares


def test_expectations_carried_along_are_those_of_forward_backward():
    rng = np.random.default_rng(5)
    transition = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]])
    numbers = rng.poisson(np.repeat([1.0, 5.0, 12.0, 3.0], 10))
    likelihoods = stats.poisson.pmf(numbers[:, None], np.array([1.0, 4.0, 11.0])[None, :])
    s = np.zeros(1, State).view(np.recarray)[0]
    s.transition[:] = transition
    s.past[:] = 1.0 / STATES
    for number, likelihood in zip(numbers, likelihoods, strict=True):
        s.likelihood[:] = likelihood
        forward(s.past, s.transition, s.likelihood, s.joint, STATES)
        remember(s, float(number), 5.0)
    moves, shares = _smoothed(numbers, transition, likelihoods)
    for a in range(STATES):
        assert expected(s, s.events[a]) == pytest.approx(shares[:, a] @ numbers, rel=1e-10)
        assert expected(s, s.seconds[a]) == pytest.approx(5.0 * shares[:, a].sum(), rel=1e-10)
        pairs = shares[:, a] @ (numbers * (numbers - 1))
        assert expected(s, s.squares[a]) == pytest.approx(pairs, rel=1e-10)
        for c in range(STATES):
            assert expected(s, s.moves[a, c]) == pytest.approx(moves[a, c], rel=1e-10)


def test_states_change_numbers_together():
    s = np.zeros(1, State).view(np.recarray)[0]
    s.rate[:] = 5.0, 0.1, 1.0
    s.probability[:] = 0.7, 0.1, 0.2
    s.spent[:] = 7.0, 1.0, 2.0
    rows = np.arange(9.0).reshape(3, 3)
    s.transition[:] = rows
    s.moved[:] = rows
    order(s)
    assert s.rate.tolist() == [0.1, 1.0, 5.0]
    assert s.probability.tolist() == [0.1, 0.2, 0.7]
    assert s.spent.tolist() == [1.0, 2.0, 7.0]
    assert s.transition.tolist() == rows[[1, 2, 0]][:, [1, 2, 0]].tolist() == s.moved.tolist()


@pytest.mark.parametrize("dispersion", [DISPERSION, 1.0])
def test_learns_three_regimes(dispersion):
    """From the counts alone: rates within a fifth, dispersion, and the states most of the time."""
    right = []
    for seed in range(6):
        rng = np.random.default_rng(300 + seed)
        states = chain(rng, TRANSITION, 1000, 0)
        seen, ends = flow(counts(rng, INTERVAL_S * RATES[states], dispersion))
        driver = Driver("flow_regime")
        found = driver.run(seen)[ends]
        s = driver.state[0]
        assert s["rate"] == pytest.approx(RATES, rel=0.25 if dispersion < 0.5 else 0.5), seed
        assert s["dispersion"] == pytest.approx(dispersion, rel=0.5, abs=0.1), seed
        right.append(np.mean(found["flow_regime"][300:] == states[300:]))
    assert np.mean(right) > (0.93 if dispersion < 0.5 else 0.8)


def test_bounds_hold_the_truth():
    case = next(c for c in cases.CASES if c.kind == "assumed")
    worlds = 200
    inside = dict.fromkeys(case.beliefs, 0)
    for seed in range(worlds):
        world = case.draw(5000 + seed)
        row = Driver("flow_regime").run(world.observations, every=len(world.observations))[-1]
        for belief in case.beliefs:
            truth = world.truth[belief]
            inside[belief] += row[f"{belief}_low"] <= truth <= row[f"{belief}_high"]
    for belief, count in inside.items():
        assert stats.binom(worlds, 0.92).ppf(0.002) <= count, (belief, count)
        assert count <= stats.binom(worlds, 0.98).ppf(0.998), (belief, count)


def test_false_alarms_against_delay():
    points = operating_curve(range(10), 0.5, (0.5, 0.99, 0.9999))
    false = [p.false_alarms for p in points]
    delay = [p.delay for p in points]
    assert false == sorted(false, reverse=True)
    assert false[0] < 20.0
    assert delay == sorted(delay)
    assert delay[0] <= 5.0
    assert points[0].found == 1.0


def _learned():
    rng = np.random.default_rng(1)
    states = chain(rng, TRANSITION, 300, 0)
    driver = Driver("flow_regime")
    return driver, driver.run(flow(counts(rng, INTERVAL_S * RATES[states], DISPERSION))[0])


def test_silence_and_gaps_change_nothing():
    driver, found = _learned()
    quiet = np.repeat(flow(np.zeros(40, int))[0][-1:], 200)
    quiet["kind"] = CLOCK
    quiet["now"] += np.arange(200) * 1_000_000_000 + found.size * 1_000_000_000
    quiet["mid"] = 0.0
    quiet["kind"][50] = GAP
    quiet["mid"][60] = np.nan
    after = driver.run(quiet)[-1]
    for name in after.dtype.names:
        if not name.endswith("_age_ns"):
            assert after[name] == found[-1][name], name


def test_no_flow_is_calm_and_finite():
    """Nothing from the start says nothing; nothing after flow is the calmest state."""
    nothing, _ = flow(np.zeros(100, int))
    assert (Driver("flow_regime").run(nothing)["flow_regime_rate_age_ns"] == -1).all()
    driver, found = _learned()
    later = nothing.copy()
    later["now"] += 2_000_000_000_000
    after = driver.run(later)
    assert after["flow_regime"][-1] == 0.0
    for name in after.dtype.names:
        assert np.isfinite(after[name]).all(), name
    assert found["flow_regime_rate_age_ns"][-1] == 0


def test_ring_is_bounded_and_a_coarse_clock_learns_too():
    rng = np.random.default_rng(2)
    states = chain(rng, TRANSITION, RING + 300, 0)
    numbers = counts(rng, INTERVAL_S * RATES[states], DISPERSION)
    driver = Driver("flow_regime", {"slice": 100})
    driver.run(flow(numbers, ticks=1)[0])
    assert driver.state[0]["intervals"] == RING + 300
    assert driver.state[0]["rate"] == pytest.approx(RATES, rel=0.3)
