"""E2: jumps are left out, the scales' shared data is accounted for, a grid is no jump."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import BUCKET, Observation
from simmm.estimators.volatility import bipower, bipower_terms
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import bipower as cases
from simmm.study.recovery.worlds.volatility import in_buckets
from tests import outside

WORLDS = 500
long = pytest.mark.skipif(INTERPRETED, reason="long worlds")
ENDLESS = {"half_life_s": 0.0}
PLAIN = {"half_life_s": 0.0, "cut": 1e3}


def _last(observations, parameters=None):
    return Driver("bipower", parameters).run(observations, every=len(observations))[-1]


def _found(draw, name, parameters=None, worlds=WORLDS):
    """Value, deviation, low, high of each world, whether it is known, and the truth."""
    rows = []
    for seed in range(worlds):
        world = draw(seed)
        last = _last(world.observations, parameters)
        parts = [last[f"{name}{part}"] for part in ("", "_sd", "_low", "_high", "_age_ns")]
        rows.append([*parts, np.ravel(world.truth[name])[-1]])
    return np.array(rows).T


# ------------------------------------------------------------------------------- terms and oracles


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("e_bipower")


def test_constants(oracle):
    constants = oracle["constants"]
    assert pytest.approx(constants["mu1_m2"], rel=1e-15) == bipower_terms.HALF_PI
    assert pytest.approx(constants["mu43_m3"], rel=1e-14) == bipower_terms.TRIPOWER
    assert pytest.approx(constants["avar_bv"], rel=1e-15) == bipower_terms.BIPOWER_VARIANCE
    assert pytest.approx(constants["theta"], rel=1e-14) == bipower_terms.RATIO_VARIANCE


@pytest.mark.parametrize("row", range(4))
def test_terms_add_up_to_the_oracle(oracle, row):
    vectors = oracle["vectors"]
    returns = (
        vectors["r"],
        vectors["r_jump"],
        [1e-4, -1e-4] * 4,
        [1e-4, 0.0] * 4,
    )[row]
    _, realised, raw, corrected, _, quarticity, z = vectors["rows"][row]
    n = len(returns)
    products = sum(bipower_terms.pair(a, b) for a, b in zip(returns[1:], returns, strict=False))
    triples = sum(
        bipower_terms.triple(a, b, c)
        for a, b, c in zip(returns[2:], returns[1:], returns, strict=False)
    )
    tripower = n * n / (n - 2) * triples
    assert sum(r * r for r in returns) == pytest.approx(realised, rel=1e-12)
    assert products == pytest.approx(raw, rel=1e-12)
    assert products * n / (n - 1) == pytest.approx(corrected, rel=1e-12)
    assert tripower == pytest.approx(quarticity, rel=1e-9)
    if products > 0.0:
        mean = products * n / (n - 1) / n  # a return's variance
        share = bipower_terms.RATIO_VARIANCE / bipower_terms.BIPOWER_VARIANCE
        deviation = math.sqrt(
            share * bipower_terms.bipower_variance(n, tripower / n**2, mean) / mean**2
        )
        assert (1.0 - mean * n / realised) / deviation == pytest.approx(z, rel=1e-9)


@pytest.mark.parametrize("cut", [1.0, 2.0, 3.0, 5.0])
def test_moments_of_a_cut_normal_variable(cut):
    density = stats.norm.pdf
    mean = 2.0 * integrate.quad(lambda z: min(z, cut) * density(z), 0.0, 40.0, points=[cut])[0]
    assert bipower_terms.mean_cut_squared(cut) == pytest.approx(mean**2 * math.pi / 2.0, rel=1e-8)
    beyond = 2.0 * integrate.quad(lambda z: z * z * (z * z - cut**2) * density(z), cut, 40.0)[0]
    assert bipower_terms.mean_beyond(cut) == pytest.approx(beyond, rel=1e-8)


@long
def test_correlations_between_scales():
    """Of BV and RV, and the absence of it in their difference, for normal returns."""
    returns = np.random.default_rng(4).standard_normal((6000, 1600))
    product, square = [], []
    for size in (1, 4, 16):
        a = np.abs(returns.reshape(6000, -1, size).sum(2))
        product.append(math.pi / 2.0 * (a[:, 1:] * a[:, :-1]).mean(1) / size)
        square.append((a * a).mean(1) / size)
    product, square = np.array(product), np.array(square)
    of_product, of_square = np.corrcoef(product), np.corrcoef(square)
    for i, j in ((0, 1), (1, 2)):
        assert of_product[i, j] == pytest.approx(bipower.NEXT, abs=0.04)
        assert of_square[i, j] == pytest.approx(bipower.REALISED_NEXT, abs=0.04)
    assert of_product[0, 2] == pytest.approx(bipower.NEXT_BUT_ONE, abs=0.04)
    assert of_square[0, 2] == pytest.approx(bipower.REALISED_NEXT**2, abs=0.04)
    assert np.all(np.abs(np.corrcoef(square - product)[np.triu_indices(3, 1)]) < 0.09)


# --------------------------------------------------------------------------------------- the value


def test_one_scale_is_the_definition():
    """A few buckets of uneven duration: only the first scale has enough terms."""
    rng = np.random.default_rng(3)
    seconds, changes = rng.uniform(1.0, 9.0, 38), 1e-4 * rng.standard_normal(38)
    last = _last(in_buckets(changes, seconds), {"half_life_s": 100.0, "cut": 1e3})
    weight = 0.5 ** ((seconds.sum() - seconds.cumsum()) / 100.0)
    size = np.abs(changes)
    products = (weight[1:] * size[1:] * size[:-1]).sum() * math.pi / 2.0
    over = (weight[1:] * np.sqrt(seconds[1:] * seconds[:-1])).sum()
    realised = (weight * changes**2).sum() / (weight * seconds).sum()
    assert last["bipower_sigma"] == pytest.approx(math.sqrt(products / over), rel=1e-9)
    assert last["total_sigma"] == pytest.approx(math.sqrt(realised), rel=1e-9)
    assert last["jump_ratio"] == pytest.approx(realised * over / products, rel=1e-9)


@long
def test_scales_are_combined_by_their_variance():
    """Against plain sums over returns of 1, 4 and 16 buckets."""
    changes = 1e-4 * np.random.default_rng(6).standard_normal(640)
    last = _last(in_buckets(changes, np.full(640, 5.0)), PLAIN)
    mean, terms, fourth = [], [], []
    for size in (1, 4, 16):
        a = np.abs(changes.reshape(-1, size).sum(1)) / math.sqrt(5.0 * size)
        mean.append(math.pi / 2.0 * (a[1:] * a[:-1]).mean())
        terms.append(len(a) - 1.0)
        fourth.append(bipower_terms.TRIPOWER * ((a[2:] * a[1:-1] * a[:-2]) ** (4.0 / 3.0)).mean())
    mean, terms, fourth = np.array(mean), np.array(terms), np.array(fourth)
    span = terms * np.array([1, 4, 16])
    typical = (mean * span).sum() / span.sum()
    variance = bipower_terms.BIPOWER_VARIANCE * np.maximum(fourth, typical**2) / terms
    share = 1.0 / variance / (1.0 / variance).sum()
    combined = (share * mean).sum()
    rho = np.array([[1, 0.374, 0.192], [0.374, 1, 0.374], [0.192, 0.374, 1]])
    error = share * np.sqrt(variance)
    deviation = 0.5 * math.sqrt(error @ rho @ error) / combined
    assert last["bipower_sigma"] == pytest.approx(math.sqrt(combined), rel=1e-9)
    assert last["bipower_sigma_sd"] / last["bipower_sigma"] == pytest.approx(deviation, rel=0.02)


@long
def test_a_jump_moves_the_ratio_and_not_the_volatility():
    changes = 1e-4 * np.random.default_rng(7).standard_normal(600)
    seconds = np.full(600, 5.0)
    before = _last(in_buckets(changes, seconds))
    changes[-20] += 40e-4
    after = _last(in_buckets(changes, seconds))
    assert after["bipower_sigma"] == pytest.approx(before["bipower_sigma"], rel=0.05)
    assert after["total_sigma"] > 1.5 * before["total_sigma"]
    assert after["jump_ratio"] > 3.0 * before["jump_ratio"]
    assert after["jump_ratio_sd"] > 3.0 * before["jump_ratio_sd"]


@long
def test_a_grid_of_prices_is_no_jump(oracle):
    """Moves of +-1 tick: the plain ratio is 2 / (pi p), and here it isn't told."""
    for share, plain, _ in oracle["tick_grid"][1:]:
        rng = np.random.default_rng(11)
        moves = rng.choice([-1.0, 1.0], 4000) * (rng.random(4000) < share)
        size = np.abs(moves)
        ratio = (moves**2).sum() / (math.pi / 2.0 * (size[1:] * size[:-1]).sum())
        if share >= 0.1:
            assert ratio == pytest.approx(plain, rel=0.25)
        last = _last(in_buckets(1e-4 * moves, np.full(4000, 5.0)))
        if last["jump_ratio_age_ns"] >= 0:
            assert last["jump_ratio_low"] < 1.3
            assert last["jump_ratio"] < 1.5
        assert last["total_sigma"] == pytest.approx(1e-4 * math.sqrt(share / 5.0), rel=0.25)


def test_a_still_price_says_nothing():
    last = _last(in_buckets(np.zeros(500), np.full(500, 5.0)))
    for name in cases.ALL:
        assert (last[name], last[f"{name}_high"], last[f"{name}_age_ns"]) == (0.0, 0.0, -1)


# ------------------------------------------------------------------------------------ the interval


@long
@pytest.mark.parametrize("case", [case for case in cases.CASES if case.kind == "assumed"])
def test_the_interval_covers_the_truth(case):
    for name in case.beliefs:
        value, deviation, low, high, age, truth = _found(case.draw, name)
        assert np.all(age >= 0)
        assert 0.92 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
        assert np.mean(value) == pytest.approx(truth[0], rel=0.02)
        assert np.mean(deviation) == pytest.approx(np.std(value), rel=0.15)


@long
def test_it_is_as_precise_as_bipower_variation_can_be():
    """n Var(BV) is 2.609 for normal returns; three scales may not cost more than a tenth."""
    count, worlds = 800, 1500
    seconds = np.full(count, 5.0)
    found = []
    for seed in range(worlds):
        changes = math.sqrt(5.0) * np.random.default_rng(seed).standard_normal(count)
        last = _last(in_buckets(1e-4 * changes, seconds), PLAIN)
        found.append((last["bipower_sigma"] / 1e-4) ** 2)
    assert np.var(found) * count < 1.1 * bipower_terms.BIPOWER_VARIANCE * 1.1  # 3 standard errors


# --------------------------------------------------------------------------------------- bad input

anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(anything, st.floats(1e-9, 1e12) | anything), min_size=12, max_size=90),
    st.sampled_from([0.0, 1e-3, 600.0]),
)
def test_it_stays_finite_whatever_comes(rows, half_life_s):
    observations = np.zeros(len(rows), Observation)
    observations["kind"] = BUCKET
    observations["change"], observations["seconds"] = np.array(rows).T
    driver = Driver("bipower", {"half_life_s": half_life_s, "minimum_terms": 2.0})
    with np.errstate(all="ignore"):
        found = driver.run(observations)
    for array in (found, driver.state):
        assert all(np.all(np.isfinite(array[name])) for name in array.dtype.names)
