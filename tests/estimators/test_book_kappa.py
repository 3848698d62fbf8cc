"""E9: kappa from the book; against the oracle, least squares and worlds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import GAP, KINDS, LEVELS, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import book_kappa as cases
from simmm.study.recovery.worlds.books import NS, book
from tests import outside

WORLDS = 4 if INTERPRETED else 500
BARE = {"calibrate": 0, "sample_s": 0.0}
ONE = {**BARE, "persistence": 1}
UNKNOWN = {"market_kappa_age_ns": -1}


def _last(observations, parameters=None, given=None):
    driver = Driver("book_kappa", BARE if parameters is None else parameters)
    return driver.run(observations, given or UNKNOWN, every=len(observations))[-1]


def _one(seed=1, noise=0.5, slope=1500.0):
    return book(np.random.default_rng(seed), slope, 1, noise, 30.0)


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("r_regressions")


def test_exact_book_of_the_oracle(oracle):
    """Per level it gives the truth; cumulated depth the wrong sign."""
    figures = oracle["book_kappa"]
    rows = _one(noise=0.0, slope=figures["true"])
    last = _last(rows, ONE)
    assert [last["book_kappa"], last["book_fit"]] == pytest.approx(figures["per_level"], rel=1e-9)
    rows["level_lots"] = np.cumsum(rows["level_lots"], axis=2)
    assert _last(rows, ONE)["book_kappa"] == 1.0  # the floor
    assert figures["cumulative"][0] < 0.0


def test_fit_without_any_slope(oracle):
    """R^2 of nothing is one over the degrees of freedom of one side: no precision."""
    fits = []
    for seed in range(20 if INTERPRETED else 2000):
        rows = _one(seed, slope=0.0)
        rows["levels"][:, 1] = 0
        fits.append(_last(rows, ONE)["book_fit"])
    error = np.std(fits) / np.sqrt(len(fits))
    assert np.mean(fits) == pytest.approx(oracle["r2_null"]["theory"], abs=4.0 * error)


@pytest.mark.parametrize("seed", range(3))
def test_one_book_against_least_squares(seed):
    rows = _one(seed)
    x = rows["level_distance"][0]
    y = np.log(rows["level_lots"][0])
    design = np.zeros((2 * LEVELS, 3))
    design[:LEVELS, 0] = design[LEVELS:, 1] = 1.0
    design[:, 2] = x.ravel()
    solution, rest, *_ = np.linalg.lstsq(design, y.ravel(), rcond=None)
    variance = rest[0] / (2 * LEVELS - 3) * np.linalg.inv(design.T @ design)[2, 2]
    last = _last(rows, ONE)
    assert last["book_kappa"] == pytest.approx(-solution[2], rel=1e-9)
    assert last["book_kappa_sd"] == pytest.approx(np.sqrt(variance), rel=1e-9)
    one_side = rows.copy()
    one_side["levels"][:, 1] = 0
    line = stats.linregress(x[0], y[0])
    last = _last(one_side, ONE)
    assert last["book_kappa"] == pytest.approx(-line.slope, rel=1e-9)
    assert last["book_kappa_sd"] == pytest.approx(line.stderr, rel=1e-9)
    assert last["book_fit"] == pytest.approx(line.rvalue**2, rel=1e-9)


def test_variance_of_the_average_against_its_covariance_matrix():
    """The recursion is exact for errors of one size whose autocorrelation is exponential."""
    ticks = 40
    rows = np.repeat(_one(), ticks)
    rows["now"] += np.arange(ticks) * NS
    single = _last(rows[:1], ONE)["book_kappa_sd"]
    keep = 0.5 ** (1.0 / 20.0)
    weight = keep ** np.arange(ticks)[::-1]
    weight[0] = 0.0  # of no duration yet
    weight /= weight.sum()
    lag = np.abs(np.subtract.outer(np.arange(ticks), np.arange(ticks)))
    expected = single * np.sqrt(weight @ np.exp(-lag / 7.0) @ weight)
    last = _last(rows, {**ONE, "half_life_s": 20.0, "memory_s": 7.0})
    assert last["book_kappa_sd"] == pytest.approx(expected, rel=1e-9)


def test_what_flashes_does_not_count():
    rows = book(np.random.default_rng(3), 1500.0, 12, 0.1, 1e6)
    steady = _last(rows)["book_kappa"]
    flashing = rows.copy()
    flashing["level_lots"][::2, :, 15] *= 50.0
    flashing["level_lots"][1::2, :, 17] *= 50.0
    assert _last(flashing)["book_kappa"] == pytest.approx(steady, rel=0.02)
    assert _last(flashing, ONE)["book_kappa"] < 0.8 * steady


def test_levels_are_matched_by_price_when_the_mid_moves():
    rows = book(np.random.default_rng(4), 1500.0, 3, 0.3, 1e6)
    moved = rows.copy()
    for tick in (1, 2):  # the mid one level higher, the same orders: asks lose one, bids gain one
        mid = rows["mid"][0] * (1.0 + 1e-4 * tick)
        moved["mid"][tick] = mid
        price = rows["mid"][0] * (1.0 + rows["level_distance"][0, 0])
        moved["level_distance"][tick, 0] = np.roll(price, -tick) / mid - 1.0
        moved["level_lots"][tick, 0] = np.roll(rows["level_lots"][0, 0], -tick)
        moved["levels"][tick, 0] = LEVELS - tick
        price = rows["mid"][0] * (1.0 - rows["level_distance"][0, 1])
        moved["level_distance"][tick, 1] = 1.0 - price / mid
        moved["level_lots"][tick, 1] = rows["level_lots"][0, 1]
    driver = Driver("book_kappa", BARE)
    driver.run(moved, UNKNOWN)
    assert driver.state["kept"][0].tolist() == [LEVELS - 2, LEVELS]
    driver = Driver("book_kappa", BARE)
    shifted = rows.copy()
    shifted["mid"] *= 1.0 + np.arange(3) * 3.3e-5  # other prices on every tick
    driver.run(shifted, UNKNOWN)
    assert driver.state["kept"].sum() <= 2 * 2  # only those beyond what was shown


def test_ratio_is_learned_and_shrunk():
    rows = book(np.random.default_rng(5), 1500.0, 400, 0.02, 1.0)
    sure = {"market_kappa": 3000.0, "market_kappa_sd": 30.0, "market_kappa_age_ns": 0}
    last = _last(rows, {}, sure)
    assert last["book_ratio"] == pytest.approx(2.0, rel=0.01)
    assert last["book_kappa"] == pytest.approx(3000.0, rel=0.01)
    assert last["book_kappa_sd"] == pytest.approx(30.0, rel=0.3)
    unsure = {**sure, "market_kappa_sd": 3000.0}
    assert 1.0 < _last(rows, {}, unsure)["book_ratio"] < 1.5
    nothing = _last(rows, {})
    assert nothing["book_ratio"] == 1.0
    assert nothing["book_ratio_age_ns"] == -1
    assert nothing["book_kappa_sd"] == pytest.approx(0.5 * nothing["book_kappa"], rel=0.01)


@pytest.mark.parametrize("draw", [cases._one_minute, cases._exponential])
def test_interval_covers(draw):
    inside = []
    for seed in range(WORLDS):
        last = _last(draw(seed).observations)
        inside.append(last["book_kappa_low"] < cases.SLOPE < last["book_kappa_high"])
    assert WORLDS < 100 or 0.92 < np.mean(inside) < 0.98


def test_silence_and_repeats_change_nothing():
    rows = book(np.random.default_rng(8), 1500.0, 20, 0.3, 30.0)
    before = _last(rows)
    silent = np.zeros(50, Observation)
    silent["now"] = rows["now"][-1] + np.arange(50) * NS
    after = _last(np.concatenate([rows, silent]))
    again = _last(np.concatenate([rows, rows[-1:]]))
    for field in ("book_kappa", "book_kappa_sd", "book_kappa_low", "book_fit"):
        assert before[field] == again[field]
        assert before[field] == after[field] or field.endswith(("_sd", "_low"))
    assert after["book_kappa_sd"] > before["book_kappa_sd"]
    assert after["book_kappa_low"] < before["book_kappa_low"]
    assert after["book_kappa_age_ns"] == 49 * NS


def test_books_between_samples_are_passed_over():
    rows = book(np.random.default_rng(10), 1500.0, 31, 0.3, 30.0)
    every = _last(rows, {**BARE, "sample_s": 3.0})
    assert every["book_kappa"] == _last(rows[::3])["book_kappa"]


def test_an_interruption_forgets_the_books():
    rows = book(np.random.default_rng(9), 1500.0, 5, 0.3, 30.0)
    gap = np.zeros(1, Observation)
    gap["kind"], gap["now"] = GAP, rows["now"][-1]
    driver = Driver("book_kappa", BARE)
    driver.run(np.concatenate([rows, gap]), UNKNOWN)
    assert driver.state["books"][0] == 0
    before = driver.record["book_kappa"][0]
    driver.run(rows[:2], UNKNOWN)  # too few to compare
    assert driver.record["book_kappa"][0] == before > 0.0


def test_anything_finite_stays_finite():
    rng = np.random.default_rng(7)
    wild = np.array([0.0, -1.0, 1e-300, 1e300, -1e300, 1e-4, 3e-4, 1.0, 5.0, 1e9])
    rows = np.zeros(3000, Observation)
    rows["kind"] = rng.integers(0, len(KINDS), rows.size)
    rows["now"] = np.sort(rng.integers(0, 10**12, rows.size))
    rows["mid"] = rng.choice(wild, rows.size)
    rows["levels"] = rng.integers(-3, 40, (rows.size, 2))
    rows["level_distance"] = np.sort(rng.choice(wild, rows["level_distance"].shape), axis=2)
    rows["level_distance"][::3] = np.sort(rng.uniform(0, 0.1, (1000, 2, LEVELS)), axis=2)
    rows["level_lots"] = rng.choice(wild, rows["level_lots"].shape)
    given = {
        "market_kappa": rng.choice(wild, rows.size),
        "market_kappa_sd": rng.choice(wild, rows.size),
    }
    found = Driver("book_kappa", {"least_levels": 4, "persistence": 1}).run(rows, given)
    for name in found.dtype.names:
        assert np.isfinite(found[name]).all(), name
    assert (found["book_kappa_low"] >= 0.0).all()
