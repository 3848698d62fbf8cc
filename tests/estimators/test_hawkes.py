"""E19: likelihood, its derivatives and maximum against reference figures; fits on the way."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from simmm.estimators.driver import Driver
from simmm.estimators.flow.hawkes import BELIEFS, PARAMETERS, RING, State
from simmm.estimators.flow.hawkes_fit import (
    add_one,
    explain,
    finish,
    improve,
    move_on,
    set_point,
    solve,
)
from simmm.estimators.observation import AGGRESSOR, CLOCK, GAP, Observation
from simmm.study.recovery.cases import hawkes as cases
from simmm.study.recovery.worlds.hawkes import (
    BEGIN_NS,
    NS_PER_S,
    arrivals,
    intensity,
    residuals,
    simulate,
)
from tests import outside


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("d_hawkes")


def _pass(s, events, end, natural=None):
    """Log likelihood and derivatives of all events in [0, end], by the estimator's kernels."""
    set_point(s)
    if natural is not None:
        s.natural[:] = natural
    before = 0.0
    for t in events:
        move_on(s, t - before)
        explain(s, t - before)
        add_one(s)
        before = t
    move_on(s, end - before)
    s.seconds += end - before
    finish(s)


def _state():
    return np.zeros(1, State).view(np.recarray)[0]


def _gradient(events, end, natural):
    s = _state()
    _pass(s, events, end, natural)
    return s.gradient.copy(), s.hessian.copy(), float(s.log_likelihood)


def test_reference_likelihood_and_gradient(oracle):
    """The reference's alpha is the jump: alpha here times beta."""
    case = oracle["micro"]
    for mu, jump, beta, recursion, direct, by_mu, by_jump, by_beta in case["rows"]:
        ratio = jump / beta
        g, _, log_likelihood = _gradient(case["events"], case["T"], (mu, ratio, beta))
        assert [log_likelihood] * 2 == pytest.approx([recursion, direct], abs=1e-12)
        seen = [g[0], g[1] / beta, g[2] - g[1] * ratio / beta]
        assert seen == pytest.approx([by_mu, by_jump, by_beta], abs=1e-12)


def test_second_derivatives_are_those_of_the_gradient():
    events, end = [0.5, 0.9, 1.0, 2.7, 2.75, 4.0], 5.0
    for point in ((0.5, 0.3, 1.0), (1.0, 0.8, 2.0), (0.2, 0.05, 7.0)):
        _, hessian, _ = _gradient(events, end, point)
        for j in range(3):
            step = 1e-6 * point[j]
            up, down = np.array(point), np.array(point)
            up[j] += step
            down[j] -= step
            slope = (_gradient(events, end, up)[0] - _gradient(events, end, down)[0]) / (2 * step)
            lower = [hessian[max(i, j), min(i, j)] for i in range(3)]
            assert lower == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_reference_maximum(oracle):
    """Newton's steps from afar, without prior, end at the reference's maximum and deviations."""
    case = oracle["mle"]
    p = PARAMETERS.filled({"prior_sd": 1e6}).view(np.recarray)[0]
    s = _state()
    s.point[:] = math.log(0.5 * case["n"] / case["T"]), 0.0, 0.0
    for _ in range(8):
        _pass(s, case["events"], case["T"])
        ridge = improve(s, p)
    assert ridge == 0.0
    assert abs(s.step).max() < 1e-6
    assert float(s.log_likelihood) == pytest.approx(case["logL_mle"], abs=1e-6)
    mu, ratio, beta = s.natural
    assert [mu, ratio * beta, beta] == pytest.approx(case["mle"], rel=1e-4)
    covariance = np.zeros((3, 3))
    for j in range(3):
        s.step[:] = np.eye(3)[j]
        solve(s)
        covariance[:, j] = s.step
    slopes = np.diag([mu, ratio * (1 - ratio) * beta, beta])
    slopes[1, 2] = ratio * beta  # of the jump, by log beta
    deviations = np.sqrt(np.diag(slopes @ covariance @ slopes.T))
    assert deviations == pytest.approx(case["se"], rel=1e-3)


def test_reference_residuals(oracle):
    case = oracle["mle"]
    mu, jump, beta = case["mle"]
    events = np.array(case["events"])
    first = mu * events[0]  # the reference counts the wait for the first event
    gone = np.concatenate([[first], residuals(events, mu, jump / beta, beta)])
    assert stats.kstest(gone, "expon").pvalue == pytest.approx(case["ks_p"], abs=1e-6)


def test_estimator_reaches_the_maximum(oracle):
    """Online, in slices, with history and a weak prior: within half a deviation of it."""
    case = oracle["mle"]
    seen = arrivals(np.array(case["events"]))
    more = np.repeat(seen[seen["kind"] == CLOCK][-1:], 1)
    row = Driver("hawkes", {"slice": 1000}).run(np.concatenate([seen, more]))[-1]
    mu, jump, beta = case["mle"]
    for name, value in (("base", mu), ("branching", jump / beta), ("decay", beta)):
        off = row[f"hawkes_{name}"] - value
        assert abs(off) < 0.5 * row[f"hawkes_{name}_sd"], name


def test_estimator_against_a_general_optimiser():
    """The same window and history handed to scipy, with the intensity written out."""
    times = simulate(np.random.default_rng(4), 0.5, 0.5, 1.6, 420.0)
    times = np.round(times * 1e9) / 1e9  # as stamps tell them
    seen = arrivals(times, clock_s=1.0)
    settings = {"slice": 1000, "prior_sd": 1e6}
    driver = Driver("hawkes", settings)
    driver.run(seen)
    events = times[:-1]  # the newest is held until the next stamp
    again = np.zeros(1, Observation)
    again["kind"] = CLOCK
    history = max(len(events) // 20, 1)
    begin = events[history - 1]

    def loss(point):
        mu, ratio, beta = math.exp(point[0]), 1 / (1 + math.exp(-point[1])), math.exp(point[2])
        ages = events[:, None] - events[None, :]
        level = np.where(ages > 0, np.exp(-beta * np.maximum(ages, 0)), 0).sum(axis=1)
        rates = mu + ratio * beta * level[history:]
        whole = 1 - np.exp(-beta * (events[-1] - events))
        early = 1 - np.exp(-beta * np.maximum(begin - events, 0))
        expected = mu * (events[-1] - begin) + ratio * (whole - early).sum()
        return expected - np.log(rates).sum()

    best = optimize.minimize(loss, [-0.7, 0.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-7})
    for _ in range(6):  # passes over the same events
        driver.state["heard"] = 1
        row = driver.run(again)[-1]
    expected = [math.exp(best.x[0]), 1 / (1 + math.exp(-best.x[1])), math.exp(best.x[2])]
    found = [row["hawkes_base"], row["hawkes_branching"], row["hawkes_decay"]]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["half excited", "mostly excited"])
def test_bounds_hold_the_truth(name):
    case = next(c for c in cases.CASES if c.name == name)
    worlds = 150
    inside = dict.fromkeys(case.beliefs, 0)
    width, ideal = 0.0, 0.0
    for seed in range(worlds):
        world = case.draw(1000 + seed)
        row = Driver("hawkes").run(world.observations, every=len(world.observations))[-1]
        assert row["hawkes_branching_high"] < 1.0
        for belief in case.beliefs:
            truth = world.truth[belief]
            inside[belief] += row[f"{belief}_low"] <= truth <= row[f"{belief}_high"]
        width += row["hawkes_branching_sd"]
        ideal += world.ideal_sd["hawkes_branching"]
    for belief, count in inside.items():
        assert stats.binom(worlds, 0.92).ppf(0.002) <= count, (belief, count)
        assert count <= stats.binom(worlds, 0.98).ppf(0.998), (belief, count)
    assert width <= 1.25 * ideal


def test_intensity_is_that_of_the_believed_parameters():
    times = simulate(np.random.default_rng(8), 0.5, 0.5, 1.6, 2500.0)
    driver = Driver("hawkes")
    last = driver.run(arrivals(times))[-1]
    later = np.zeros(3, Observation)
    later["kind"] = CLOCK
    later["now"] = BEGIN_NS + ((times[-1] + np.array([1.0, 3.0, 1000.0])) * NS_PER_S).astype("i8")
    found = driver.run(later)
    parameters = [float(last[f"hawkes_{name}"]) for name in ("base", "branching", "decay")]
    for row, now in zip(found, later["now"], strict=True):
        expected = intensity(times, *parameters, (now - BEGIN_NS) / 1e9)
        assert row["hawkes_intensity"] == pytest.approx(expected, rel=1e-6)
        assert row["hawkes_intensity_low"] < expected < row["hawkes_intensity_high"]
    assert found["hawkes_intensity"][-1] == pytest.approx(parameters[0], rel=1e-9)
    for belief in BELIEFS[:3]:
        assert (found[belief.name] == last[belief.name]).all()


def test_one_stamp_is_spread():
    """Five of one block come evenly over the block before it; alone they stay."""
    seen = np.zeros(8, Observation)
    seen["kind"] = AGGRESSOR
    seen["exch_ts"] = np.array([1000, 2000, 2000, 2000, 2000, 2000, 2040, 3000]) * 1_000_000
    seen["now"] = seen["exch_ts"]
    driver = Driver("hawkes", {"resolution_s": 0.1})
    driver.run(seen)
    milliseconds = driver.state[0]["times"][:7] // 1_000_000
    assert milliseconds.tolist() == [1000, 1920, 1940, 1960, 1980, 2000, 2040]
    assert driver.state[0]["together"] == 1


def test_stamps_that_fall_count_at_the_newest():
    seen = np.zeros(4, Observation)
    seen["kind"] = AGGRESSOR
    seen["exch_ts"] = np.array([1000, 3000, 2000, 4000]) * 1_000_000
    seen["now"] = 4_000_000_000
    driver = Driver("hawkes", {"resolution_s": 0.5})
    driver.run(seen)
    assert (driver.state[0]["times"][:3] // 1_000_000).tolist() == [1000, 2750, 3000]


def test_gap_empties_the_window_and_holds_beliefs():
    times = simulate(np.random.default_rng(9), 0.5, 0.5, 1.6, 1500.0)
    driver = Driver("hawkes")
    before = driver.run(arrivals(times))[-1]
    gap = np.zeros(2, Observation)
    gap["kind"] = GAP, CLOCK
    gap["now"] = BEGIN_NS + int(times[-1] + 2) * NS_PER_S
    after = driver.run(gap)[-1]
    assert driver.state[0]["head"] == driver.state[0]["tail"]
    assert after["hawkes_branching"] == before["hawkes_branching"] > 0.0


@pytest.mark.parametrize("rate", [50.0, 400.0, 5000.0])
def test_more_than_a_pass_can_follow(rate):
    """Above the clock's pace it takes in fewer; at whatever rate, something is believed."""
    times = np.cumsum(np.random.default_rng(3).exponential(1.0 / rate, 30_000))
    times = times[times < 200.0]
    row = Driver("hawkes", {"resolution_s": 0.0}).run(arrivals(times), every=10)[-1]
    if rate < 1000.0:
        mean = row["hawkes_base"] / (1.0 - row["hawkes_branching"])
        assert mean == pytest.approx(rate, rel=0.3)
    for belief in BELIEFS:
        assert np.isfinite(row[belief.name])


def test_explosive_arrivals_stay_below_one():
    """Ever faster arrivals: the branching ratio and its bounds stay below 1, all is finite."""
    times = 1000.0 * (1.0 - np.exp(-np.arange(3000) / 400.0))
    found = Driver("hawkes").run(arrivals(times), every=50)
    assert (found["hawkes_branching_high"] < 1.0).all()
    for name in found.dtype.names:
        assert np.isfinite(found[name]).all(), name


def test_no_clock_no_belief_and_no_overflow():
    times = np.arange(3 * RING) * 0.01
    seen = arrivals(times)
    seen = seen[seen["kind"] == AGGRESSOR]
    row = Driver("hawkes").run(seen)[-1]
    assert row["hawkes_branching_age_ns"] == -1
    equal = np.repeat(seen[:1], 3 * RING)
    clock = np.zeros(3, Observation)
    clock["kind"] = CLOCK
    clock["now"] = equal["now"][-1]
    row = Driver("hawkes").run(np.concatenate([equal, clock, seen[1:400], clock]))[-1]
    assert np.isfinite(row["hawkes_intensity"])


def test_bad_stamps_are_ignored():
    driver = Driver("hawkes")
    seen = np.zeros(4, Observation)
    seen["kind"] = AGGRESSOR
    seen["exch_ts"] = 0, -5, 2**62, 10**18
    driver.run(seen)
    assert driver.state[0]["stamp"] == 0
