"""E13: the mixture is learned, sigma isn't contaminated by jumps, and labels can't switch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import BUCKET, Observation
from simmm.estimators.volatility.jump import probability
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import jump as cases
from simmm.study.recovery.worlds.volatility import in_buckets
from tests.outside import oracle

WORLDS = 500
long = pytest.mark.skipif(INTERPRETED, reason="long worlds")
SIGMA = 1e-4


def _last(observations, parameters=None):
    return Driver("jump", parameters).run(observations, every=len(observations))[-1]


def _mixture(seed, count, share=0.05, ratio=4.0):
    """Returns over sigma times the root of seconds, and the buckets that hold them."""
    rng = np.random.default_rng(seed)
    jumps = rng.random(count) < share
    z = np.where(jumps, ratio, 1.0) * rng.standard_normal(count)
    seconds = rng.uniform(2.0, 8.0, count)
    return z, in_buckets(SIGMA * np.sqrt(seconds) * z, seconds)


def test_probability_of_a_jump():
    """The oracle's rows: shares and ratios (5 %, 4), (5 %, 3), (1 %, 4)."""
    known = oracle("e_bipower")
    for z, *expected in known["soft_jump"]:
        found = [probability(z, *of) for of in ((0.05, 4.0), (0.05, 3.0), (0.01, 4.0))]
        assert found == pytest.approx(expected, rel=1e-9)
    even = optimize.brentq(lambda z: probability(z, 0.05, 4.0) - 0.5, 1.0, 6.0, xtol=1e-13)
    assert even == pytest.approx(known["soft_jump_crossing_ratio4_pi05"], rel=1e-9)


@pytest.mark.parametrize("z", [-3.0, 0.4, 5.0, 1e9])
def test_probability_by_bayes_rule(z):
    normal, jump = 0.8 * stats.norm.pdf(z), 0.2 * stats.norm.pdf(z, scale=3.5)
    expected = jump / (jump + normal) if jump > 0.0 else 1.0
    assert probability(z, 0.2, 3.5) == pytest.approx(expected, rel=1e-12)


@long
def test_it_finds_the_most_likely_parameters():
    """Against a search of the penalised likelihood of the last 1,000 returns."""
    z, observations = _mixture(3, 3000)
    window = z[-1000:]

    def cost(theta):
        share = 1.0 / (1.0 + math.exp(-theta[0]))
        sigma, ratio = math.exp(theta[1]), math.exp(theta[2])
        density = (1.0 - share) * stats.norm.pdf(window, scale=sigma)
        density += share * stats.norm.pdf(window, scale=ratio * sigma)
        # The priors: 20 returns with 5 % jumps, and 5 jumps of ratio 4.
        prior = math.log(share) + 19.0 * math.log(1.0 - share)
        prior -= 5.0 * math.log(ratio) + 2.5 * 16.0 / ratio**2
        return -np.log(density).sum() - prior

    best = optimize.minimize(cost, [-3.0, 0.0, math.log(4.0)], method="Nelder-Mead", tol=1e-10)
    # The window moves by 10 returns a pass: the same one again and again lets it settle.
    driver = Driver("jump", {"slice": 1024})
    last = driver.run(np.concatenate([observations, *[observations[-1000:]] * 8]))[-1]
    share = 1.0 / (1.0 + math.exp(-best.x[0]))
    state = driver.state[0]
    assert last["jump_share"] == pytest.approx(share, rel=0.02)
    assert last["diffusion_sigma"] == pytest.approx(SIGMA * math.exp(best.x[1]), rel=0.005)
    assert state["ratio"] == pytest.approx(math.exp(best.x[2]), rel=0.01)


def test_the_running_share_is_an_online_average():
    _, observations = _mixture(4, 400)
    driver = Driver("jump")
    found = driver.run(observations)
    state = driver.state[0]
    weight = 1.0 / (1.0 - 0.5**0.01)
    assert state["running_weight"] == pytest.approx(weight, rel=0.1)
    before, after = found["jump_toxicity"][-2:]
    change = observations["change"][-1] / math.sqrt(observations["seconds"][-1])
    chance = probability(change / found["diffusion_sigma"][-1], before, state["ratio"])
    assert after - before == pytest.approx((chance - before) / state["running_weight"], rel=1e-6)


@long
def test_jumps_do_not_contaminate_sigma():
    """Five per cent of returns 30 times as large, beyond the widest jumps of the model."""
    z, observations = _mixture(5, 1200, 0.05, 30.0)
    last = _last(observations)
    assert np.mean(z**2) > 30.0
    assert last["diffusion_sigma"] == pytest.approx(SIGMA, rel=0.08)
    assert 0.04 < last["jump_share"] < 0.12  # twice too many, as the docstring says
    driver = Driver("jump")
    driver.run(observations)
    assert driver.state["ratio"][0] == 5.0


@long
def test_labels_cannot_switch():
    """Seven returns in ten are jumps: they stay the wider component."""
    _, observations = _mixture(6, 1500, 0.7, 4.0)
    driver = Driver("jump")
    last = driver.run(observations)[-1]
    assert 3.0 <= driver.state["ratio"][0] <= 5.0
    assert last["jump_share"] > 0.55
    assert last["diffusion_sigma"] < 1.3 * SIGMA


def test_a_large_return_is_a_jump_and_says_so():
    _, observations = _mixture(7, 300)
    small, large = observations[:-1].copy(), observations.copy()
    small["change"][-1], large["change"][-1] = 0.1 * SIGMA, 40.0 * SIGMA
    below, above = _last(small), _last(large)
    assert below["jump_probability"] < 0.05
    assert below["jump_probability_low"] > 0.0
    assert above["jump_probability"] > 0.999
    assert above["jump_toxicity"] > below["jump_toxicity"]


@long
def test_no_jumps_is_a_small_share():
    _, observations = _mixture(8, 1500, 0.0)
    last = _last(observations)
    assert last["jump_share"] < 0.02
    assert last["jump_share_low"] < 0.005
    assert last["diffusion_sigma"] == pytest.approx(SIGMA, rel=0.1)


@long
def test_ticks_are_no_jumps():
    """Moves of +-1 step in a third of the buckets: plain mixtures find zeros and jumps."""
    rng = np.random.default_rng(9)
    moves = rng.choice([-1.0, 1.0], 3000) * (rng.random(3000) < 0.33)
    last = _last(in_buckets(SIGMA * moves, np.full(3000, 5.0)))
    assert last["jump_share"] < 0.02
    assert last["diffusion_sigma"] == pytest.approx(SIGMA * math.sqrt(0.33 / 5.0), rel=0.4)


def test_the_prior_until_enough_was_seen():
    _, observations = _mixture(10, 60)
    found = Driver("jump").run(observations)
    early, late = found[48], found[49]
    for name in cases.LEARNED[:2]:
        assert (early[name], early[f"{name}_age_ns"]) == (0.05, -1)
        low, high = stats.beta.ppf([0.025, 0.975], 0.95, 18.05)  # of deviation sqrt(.05 .95 / 20)
        assert early[f"{name}_low"] == pytest.approx(low, rel=1e-6)
        assert early[f"{name}_high"] == pytest.approx(high, rel=1e-6)
        assert late[f"{name}_age_ns"] == 0
    assert (early["diffusion_sigma"], early["diffusion_sigma_age_ns"]) == (0.0, -1)
    assert late["diffusion_sigma"] > 0.0


@long
@pytest.mark.parametrize("case", [case for case in cases.CASES if case.kind == "assumed"])
def test_the_intervals_cover_the_truth(case):
    rows = {name: [] for name in case.beliefs}
    for seed in range(WORLDS):
        world = case.draw(seed)
        last = _last(world.observations)
        for name in case.beliefs:
            parts = [last[f"{name}{part}"] for part in ("", "_sd", "_low", "_high")]
            rows[name].append([*parts, world.truth[name]])
    for name in case.beliefs:
        value, deviation, low, high, truth = np.array(rows[name]).T
        assert np.all((low <= value) & (value <= high))
        assert 0.92 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
        assert np.mean(value) == pytest.approx(np.mean(truth), rel=0.04)
        if name in world.ideal_sd:
            assert np.mean(high - low) / 3.92 < 1.25 * world.ideal_sd[name]
        if name != "jump_probability":
            assert np.mean(deviation) == pytest.approx(np.std(value), rel=0.15)


anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(anything, st.floats(1e-9, 1e12) | anything), min_size=12, max_size=80))
def test_it_stays_finite_whatever_comes(rows):
    observations = np.zeros(len(rows), Observation)
    observations["kind"] = BUCKET
    observations["change"], observations["seconds"] = np.array(rows).T
    driver = Driver("jump", {"minimum_returns": 10})
    with np.errstate(all="ignore"):
        found = driver.run(observations)
    for array in (found, driver.state):
        assert all(np.all(np.isfinite(array[name])) for name in array.dtype.names)
