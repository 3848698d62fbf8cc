"""E3 against exact filters on grids, the shared oracle, and worlds of its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.volatility.volatility_filter import CAPACITY, systematic
from simmm.math import stream_key
from simmm.study.recovery.cases.volatility_filter import CASES, KNOWN, SECONDS, SIGMA
from simmm.study.recovery.worlds.stochastic_volatility import Model, buckets
from tests import outside

CASE = {case.name: case for case in CASES}
MOST = 10 * SIGMA


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    return dict(outside.oracle("o_sv_filter"))


def key(seed: int) -> int:
    return stream_key(seed, "filter")


def test_likelihood_and_log_variance_agree_with_the_oracle(oracle: dict[str, Any]) -> None:
    phi, noise = oracle["params"]["phi"], oracle["params"]["s"]
    settings = {
        **KNOWN,
        "relaxation_s": -1.0 / math.log(phi),
        "log_variance_sd": noise / math.sqrt(1.0 - phi * phi),
        "default_sigma": math.exp(0.5 * oracle["params"]["mu"]),
        "warm_up": 1,
    }
    told = buckets(np.array(oracle["y"]), 1.0)
    logs, errors = [], []
    for seed in range(100):
        driver = Driver("volatility_filter", settings, key=key(seed))
        found = driver.run(told)
        logs.append(driver.state["log_likelihood"][0] - oracle["logL"])
        errors.append(2.0 * np.log(found["filtered_sigma"]) - oracle["filtered_h_mean"])
    likelihoods = np.exp(logs)
    error_of_mean = likelihoods.std(ddof=1) / math.sqrt(len(logs))
    assert abs(likelihoods.mean() - 1.0) < 3.0 * error_of_mean
    assert np.std(logs, ddof=1) < 0.6
    assert math.sqrt(np.mean(np.square(errors))) < 0.075
    wide = 2.0 * found["filtered_sigma_sd"] / found["filtered_sigma"]
    assert np.allclose(wide, np.sqrt(oracle["filtered_h_var"]), rtol=0.7)
    assert abs(np.mean(wide / np.sqrt(oracle["filtered_h_var"])) - 1.0) < 0.07


def test_systematic_resampling_of_the_oracle(oracle: dict[str, Any]) -> None:
    vector = oracle["ess_vec"]
    weight, ancestor = np.array(vector["w"]), np.zeros(4, np.int64)
    systematic(weight, 4, vector["U"], ancestor)
    assert ancestor.tolist() == vector["systematic_idx"]


def test_systematic_resampling_counts() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        n = int(rng.integers(2, 40))
        weight = rng.dirichlet(np.full(n, 0.3))
        u = float(rng.random())
        ancestor = np.zeros(n, np.int64)
        systematic(weight, n, u, ancestor)
        expected = np.searchsorted(np.cumsum(weight), (np.arange(n) + u) / n, side="right")
        assert ancestor.tolist() == np.minimum(expected, n - 1).tolist()
        counts = np.bincount(ancestor, minlength=n)
        assert np.all(np.abs(counts - n * weight) < 1.0 + 1e-9)


def test_level_is_learned_as_on_a_grid_of_two_dimensions() -> None:
    """Bayes' rule on a grid of (h, m), with irregular buckets: mean, sd and likelihood."""
    rng = np.random.default_rng(5)
    seconds = rng.gamma(2.0, 30.0, 40)
    model = Model(sigma=2.0 * SIGMA, relaxation_s=120.0)
    h = model.log_variance(seconds, rng)
    changes = np.exp(0.5 * h) * np.sqrt(seconds) * rng.normal(size=len(h))
    centre = 2.0 * math.log(SIGMA)
    grid_h = centre + np.linspace(-6.0, 8.0, 141)
    grid_m = centre + np.linspace(-5.0, 7.0, 61)

    def normal(x: np.ndarray, sd: float) -> np.ndarray:
        chance = np.exp(-0.5 * (x / sd) ** 2)
        return np.asarray(chance / chance.sum(axis=0))

    belief = normal(grid_m - centre, 1.5)[None, :] * normal(grid_h[:, None] - grid_m, 0.8)
    logged = 0.0
    for i, duration in enumerate(seconds):
        keep = math.exp(-duration / 120.0)
        if i:
            for k, m in enumerate(grid_m):
                to = m + keep * (grid_h[None, :] - m)
                onward = normal(grid_h[:, None] - to, 0.8 * math.sqrt(1.0 - keep * keep))
                belief[:, k] = onward @ belief[:, k]
        x = changes[i] ** 2 / duration * np.exp(-grid_h)
        belief *= np.exp(-0.5 * (grid_h + x + math.log(2 * math.pi * duration)))[:, None]
        logged += math.log(belief.sum())
        belief /= belief.sum()
    mean = float(belief.sum(axis=1) @ grid_h)
    deviation = math.sqrt(float(belief.sum(axis=1) @ (grid_h - mean) ** 2))
    level = float(belief.sum(axis=0) @ grid_m)
    settings = {
        "relaxation_s": 120.0,
        "level_sd": 1.5,
        "level_drift": 0.0,
        "regime_probability": 0.0,
        "particles": CAPACITY,
    }
    runs = []
    for seed in range(20):
        driver = Driver("volatility_filter", settings, key=key(seed))
        driver.run(buckets(changes, seconds))
        state = driver.state[0]
        learned = float(state["weight"] @ state["level"])
        runs.append(
            [
                state["log_likelihood"] - logged,
                state["mean_log_variance"],
                state["sd_log_variance"],
                learned,
            ]
        )
    found = np.mean(runs, axis=0)
    assert abs(found[0]) < 0.1
    assert abs(found[1] - mean) < 0.03
    assert abs(found[2] / deviation - 1.0) < 0.04
    assert abs(found[3] - level) < 0.06


@pytest.mark.parametrize("name", ["known level", "own world"])
def test_interval_covers(name: str) -> None:
    case, hits, relative, ideal = CASE[name], 0, 0.0, 0.0
    worlds = 500 if name == "own world" else 150
    for seed in range(worlds):
        world = case.draw(seed)
        driver = Driver("volatility_filter", case.parameters, key=key(seed))
        last = driver.run(world.observations, every=len(world.observations))[0]
        truth = np.asarray(world.truth["filtered_sigma"])[-1]
        hits += last["filtered_sigma_low"] <= truth <= last["filtered_sigma_high"]
        relative += last["filtered_sigma_sd"]
        ideal += world.ideal_sd.get("filtered_sigma", np.nan)
    # 3 binomial deviations about 92 % and 98 %.
    assert 0.92 - 3.0 * math.sqrt(0.92 * 0.08 / worlds) < hits / worlds
    assert hits / worlds < 0.98 + 3.0 * math.sqrt(0.98 * 0.02 / worlds)
    if name == "known level":
        assert relative / ideal < 1.1


def arrived(name: str, seed: int) -> int:
    """Buckets until sigma is within 25 % of four times the old."""
    case = CASE[name]
    world = case.draw(seed)
    found = Driver("volatility_filter", case.parameters, key=key(seed)).run(
        world.observations, world.given
    )
    after = found["filtered_sigma"][world.change :]
    return int(np.argmax(np.abs(after / (4.0 * SIGMA) - 1.0) < 0.25)) + 1


def test_regimes_and_alarms_shorten_the_lag() -> None:
    lags = {
        name: np.median([arrived(name, seed) for seed in range(60)])
        for name in ("times four", "times four, no regimes", "times four, alarm")
    }
    assert lags["times four"] <= 12
    assert lags["times four, alarm"] <= 14
    assert lags["times four, no regimes"] > 1.8 * max(lags["times four"], lags["times four, alarm"])


def test_same_key_same_draws_other_key_others() -> None:
    told = CASE["own world"].draw(3).observations
    one = Driver("volatility_filter", key=7).run(told)
    again = Driver("volatility_filter", key=7)
    halves = np.concatenate([again.run(told[:111]), again.run(told[111:])])
    other = Driver("volatility_filter", key=8).run(told)
    assert one.tobytes() == halves.tobytes()
    assert np.any(one["filtered_sigma"] != other["filtered_sigma"])


def test_default_until_warm_and_cap() -> None:
    told = buckets(np.full(60, 0.5), SECONDS)
    driver = Driver("volatility_filter", {"warm_up": 20})
    first = driver.record[0]
    assert first["filtered_sigma"] == SIGMA
    assert first["filtered_sigma_age_ns"] == -1
    found = driver.run(told)
    assert np.all(found["filtered_sigma"][:19] == SIGMA)
    assert np.all(found["filtered_sigma_age_ns"][:19] == -1)
    assert np.all(found["filtered_sigma"][19:] == MOST)
    assert np.all(found["filtered_sigma_high"][19:] == MOST)
    assert np.all(found["filtered_sigma_low"] <= MOST)


def test_a_mid_that_never_moves_is_not_known() -> None:
    found = Driver("volatility_filter").run(buckets(np.zeros(500), SECONDS))
    assert np.all(found["filtered_sigma"] == SIGMA)
    assert np.all(found["filtered_sigma_age_ns"] == -1)


def test_extremes_stay_finite_and_nonsense_is_ignored() -> None:
    rng = np.random.default_rng(2)
    values = np.array([0.0, 1e300, -1e300, 1e-300, -1.0, 1.0, 1e-4, np.nan, np.inf, 1e9])
    told = buckets(rng.choice(values, 2000), 1.0)
    told["seconds"] = rng.choice(values, 2000)
    found = Driver("volatility_filter", {"warm_up": 1}).run(told)
    for field in found.dtype.names or ():
        assert np.all(np.isfinite(found[field])), field
    assert np.all(found["filtered_sigma_low"] <= found["filtered_sigma"])
    assert np.all(found["filtered_sigma"] <= found["filtered_sigma_high"])
    refused = ~((told["seconds"] > 0) & np.isfinite(told["seconds"]) & np.isfinite(told["change"]))
    same = found["filtered_sigma"][1:] == found["filtered_sigma"][:-1]
    assert np.all(same[refused[1:]])


def test_a_long_gap_widens_the_interval() -> None:
    told = CASE["known level"].draw(1).observations
    told["now"][250:] += int(3600e9)
    found = Driver("volatility_filter", KNOWN).run(told)
    relative = found["filtered_sigma_sd"] / found["filtered_sigma"]
    assert relative[250] > 1.4 * relative[249]


def test_a_mid_at_rest_on_a_coarse_grid_is_no_calm() -> None:
    """Rounding hides moves; nothing smaller than what it hides may be believed."""
    told = buckets(np.zeros(400), 5.0)
    told["step"] = 1e-3
    state = Driver("volatility_filter", {"warm_up": 1}, key=key(1))
    told["change"][0] = 1e-4
    coarse = state.run(told)[-1]["filtered_sigma"]
    assert 0.3e-4 < coarse < 3e-4  # 0.2 steps a bucket: 0.9e-4 per root second
