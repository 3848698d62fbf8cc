"""E5: level by brute force, borders and dwelling by hand, coverage, calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.catalogue import estimator
from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, Observation
from simmm.study.recovery.cases.volatility_regime import (
    BATCH_SD,
    CASES,
    ERROR,
    FREEDOM,
    OF_MEAN,
    RELAXATION_S,
    SIGMA,
    TICK_S,
    exact_posterior,
    wandering,
)

CASE = {case.name: case for case in CASES}
DEFAULT = {
    name: spec.default for name, spec in estimator("volatility_regime").parameters.fields.items()
}


def ticks(count: int, seconds: float) -> np.ndarray:
    told = np.zeros(count, Observation)
    told["kind"] = CLOCK
    told["now"] = np.rint(np.arange(1, count + 1) * seconds * 1e9)
    told["mid"] = 1e6
    return told


def given(ratio: np.ndarray, relative: float = 0.05) -> dict[str, np.ndarray | float]:
    sigma = SIGMA * ratio
    return {"sigma": sigma, "sigma_sd": relative * sigma, "sigma_age_ns": 0.0}


def test_level_is_that_of_weighted_batches() -> None:
    rng = np.random.default_rng(2)
    seconds, count = 60.0, 1210  # 20 batches of 60 ticks and a sixth of one
    path = 0.4 * wandering(count, rng)
    found = Driver("volatility_regime").run(ticks(count, seconds), given(np.exp(path), 0.07))[-1]
    # The first tick has no duration; each later one counts for the time since the one before.
    closed = path[1:1201].reshape(20, 60).mean(axis=1)
    weight = np.append(0.5 ** ((19 - np.arange(20)) / 8.0), 9.0 / 60.0)
    means = np.append(closed, path[1201:].mean())
    level = float(weight @ means / weight.sum())
    effective = weight.sum() ** 2 / np.sum(weight**2)
    w = weight[:-1]
    centre = float(w @ closed / w.sum())
    variance = w @ (closed - centre) ** 2 / (w.sum() - np.sum(w**2) / w.sum())
    own = w.sum() ** 2 / np.sum(w**2) - 1.0
    pooled = (own * variance + 4.0 * DEFAULT["usual_sd"] ** 2) / (own + 4.0)
    wide = stats.t.ppf(0.975, own + 4.0) / stats.norm.ppf(0.975)
    deviation = math.hypot(0.07, wide * math.sqrt(pooled / effective))
    assert found["volatility_level"] == pytest.approx(math.exp(path[-1] - level), rel=1e-9)
    assert found["volatility_level_sd"] / found["volatility_level"] == pytest.approx(
        deviation, rel=0.01
    )
    bound = math.exp(
        stats.norm.ppf(0.975) * found["volatility_level_sd"] / found["volatility_level"]
    )
    assert found["volatility_level_high"] == pytest.approx(found["volatility_level"] * bound)
    assert found["volatility_level_low"] == pytest.approx(found["volatility_level"] / bound)


def after_a_day(ratios: list[float], seconds: float = 1.0) -> np.ndarray:
    """Regimes at sigmas of `ratios` to a level that a day at 1 has fixed."""
    day = np.ones(2880)
    told = np.concatenate([ticks(2880, 30.0), ticks(len(ratios), seconds)])
    told["now"][2880:] += told["now"][2879]
    driver = Driver("volatility_regime")
    found = driver.run(told, given(np.concatenate([day, ratios])))
    return np.asarray(found["volatility_regime"][2880:])


def test_rises_at_once_past_its_borders() -> None:
    assert after_a_day([1.59, 1.61, 2.9, 3.1, 9.0]).tolist() == [1, 2, 2, 3, 3]
    assert after_a_day([9.0])[0] == 3
    assert after_a_day([0.61, 0.59])[1] == 0


def test_falls_past_other_borders_when_it_has_lasted() -> None:
    slow = after_a_day([4.0, 2.5, 2.3, 1.4, 1.3, 0.65, 0.55, 0.65, 0.75], 40.0)
    assert slow.tolist() == [3, 3, 2, 2, 1, 1, 0, 0, 1]
    quick = after_a_day([4.0] + [1.0] * 40)
    assert quick[:30].tolist() == [3] * 30
    assert quick[30] == 1


def test_probability_is_the_share_of_true_ratios_that_stay() -> None:
    """Mean probability of the regime told, and how often the truth lies in its band."""
    down, up = [0.0, 0.6, 1.35, 2.4], [0.7, 1.6, 3.0, math.inf]
    said, inside = [], []
    for seed in range(300):
        world = CASE["own world"].draw(seed)
        last = Driver("volatility_regime").run(world.observations, world.given)[-1]
        regime = int(last["volatility_regime"])
        truth = np.asarray(world.truth["volatility_level"])[-1]
        said.append(last["volatility_regime_probability"])
        inside.append(down[regime] < truth < up[regime])
    error = math.sqrt(np.mean(np.array(said) * (1.0 - np.array(said))) / len(said))
    assert abs(np.mean(said) - np.mean(inside)) < 3.5 * error
    assert np.mean(np.square(np.array(said) - inside)) < np.var(inside) + 0.02


@pytest.mark.parametrize("name", ["own world", "short"])
def test_interval_covers(name: str) -> None:
    case, hits, worlds = CASE[name], 0, 500
    for seed in range(worlds):
        world = case.draw(seed)
        count = len(world.observations)
        last = Driver("volatility_regime").run(world.observations, world.given, count)[0]
        truth = np.asarray(world.truth["volatility_level"])[-1]
        hits += last["volatility_level_low"] <= truth <= last["volatility_level_high"]
    assert 0.92 - 3.0 * math.sqrt(0.92 * 0.08 / worlds) < hits / worlds
    assert hits / worlds < 0.98 + 3.0 * math.sqrt(0.98 * 0.02 / worlds)


@pytest.mark.parametrize("name", ["own world", "short"])
def test_the_ideal_is_the_exact_posterior(name: str) -> None:
    """Against conditioning with whole matrices, for levels of sigma drawn from the prior."""
    rng = np.random.default_rng(5)
    world = CASE[name].draw(7)
    path = np.log(np.asarray(world.given["sigma"]) / SIGMA)[-110:]
    apart = TICK_S * np.abs(np.subtract.outer(np.arange(len(path)), np.arange(len(path))))
    alike = np.exp(-apart / RELAXATION_S)
    log_sd = BATCH_SD * np.sqrt(FREEDOM / rng.chisquare(FREEDOM, 1500) / OF_MEAN)
    height, mean, variance = np.zeros((3, len(log_sd)))
    for i, one in enumerate(log_sd):
        whole = (one**2 + ERROR**2) * alike + 1e4  # of a level that may be anywhere
        solved = np.linalg.solve(whole, np.stack((path, one**2 * alike[-1]), axis=1))
        height[i] = -0.5 * (np.linalg.slogdet(whole)[1] + path @ solved[:, 0])
        mean[i] = one**2 * alike[-1] @ solved[:, 0]
        variance[i] = one**2 - one**2 * alike[-1] @ solved[:, 1]
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    ratio = np.exp(mean + 0.5 * variance)
    best = float(weight @ ratio)
    sd = math.sqrt(weight @ (ratio**2 * np.exp(variance)) - best**2)
    found, spread = exact_posterior(path)
    assert found == pytest.approx(best, abs=0.05 * sd)
    assert spread == pytest.approx(sd, rel=0.05)


def test_hysteresis_keeps_it_from_flapping() -> None:
    """Sigma stands at a border, told with an error of 8 %: few changes in a day."""
    rng = np.random.default_rng(3)
    ratio = np.repeat([1.0, 1.5], [2880, 2880]) * np.exp(0.03 * wandering(5760, rng))
    found = Driver("volatility_regime").run(ticks(5760, 30.0), given(ratio, 0.03))
    assert np.count_nonzero(np.diff(found["volatility_regime"])) <= 12


def test_prior_before_sigma_is_known_and_held_in_silence() -> None:
    told = ticks(200, 30.0)
    known = given(np.linspace(1.0, 2.0, 200))
    unknown = {"sigma": 0.0, "sigma_sd": 0.0, "sigma_age_ns": -1}
    first = Driver("volatility_regime").run(told, unknown)[-1]
    assert first["volatility_level"] == 1.0
    assert first["volatility_level_age_ns"] == first["volatility_regime_age_ns"] == -1
    assert first["volatility_regime"] == 1.0
    assert first["volatility_level_sd"] == DEFAULT["usual_sd"]
    told["mid"][100:] = 0.0
    found = Driver("volatility_regime").run(told, known)
    for name in ("volatility_level", "volatility_regime"):
        assert np.all(found[name][100:] == found[name][99])
    assert np.all(np.diff(found["volatility_level_high"][99:]) > 0.0)
    assert found["volatility_level_age_ns"][-1] == 100 * 30e9
    assert found["volatility_level"][99] > 1.1


def test_extremes_stay_finite() -> None:
    rng = np.random.default_rng(4)
    values = np.array([0.0, 1e300, -1e300, 1e-300, -1.0, 1.0, 1e-4, 1e9])
    told = ticks(3000, 1.0)
    told["now"] = np.sort(rng.integers(0, 10**18, len(told)))
    told["mid"] = rng.choice([*values, np.nan, np.inf], len(told))
    found = Driver("volatility_regime").run(
        told, {"sigma": rng.choice(values, 3000), "sigma_sd": rng.choice(values, 3000)}
    )
    for field in found.dtype.names or ():
        if not field.startswith("sigma"):
            assert np.all(np.isfinite(found[field])), field
