"""E17 against the steady gain, an exact likelihood from SciPy, and its own worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, TOUCH
from simmm.study.recovery.cases.kalman import CASES, SHAPE, Q, R, filtered
from simmm.study.recovery.sample import sample
from simmm.study.recovery.worlds.volatility import on_clock
from tests.outside import oracle

KNOWN = {"prior_shape": 1e12, "process_noise": math.sqrt(Q), "measurement_noise": math.sqrt(R)}
WORLDS = 500


def mids(count: int, seed: int = 1, q: float = Q, r: float = R) -> np.ndarray:
    rng = np.random.default_rng(seed)
    walk = np.cumsum(math.sqrt(q) * rng.standard_normal(count))
    return np.asarray(1e6 * np.exp(walk + math.sqrt(r) * rng.standard_normal(count)))


@pytest.mark.parametrize("name", ["i_conjugate", "o_sv_filter"])
def test_the_gain_of_the_oracles(name: str) -> None:
    """Four times as much variance a step as in a measurement."""
    gain = oracle(name)["kalman_gain"]
    found = Driver("kalman", KNOWN).run(on_clock(mids(200)))[-1]
    assert found["kalman_gain"] == pytest.approx(gain, abs=1e-9)
    assert gain == pytest.approx(2.0 * (math.sqrt(2.0) - 1.0), abs=1e-12)


def test_the_priors_of_the_oracle() -> None:
    """Means 1e-8 and 2.5e-9 of inverse-gamma laws of shape 10: the mode of the logarithm."""
    before = Driver("kalman").record[0]
    for name, mean in (("process_noise", 1e-8), ("measurement_noise", 2.5e-9)):
        scale = mean * (SHAPE - 1.0)
        assert before[name] == pytest.approx(math.sqrt(scale / SHAPE), rel=1e-12)
        assert before[f"{name}_age_ns"] == -1


def test_with_known_noises_it_is_the_exact_filter() -> None:
    rng = np.random.default_rng(2)
    seconds = rng.exponential(2.0, 299)
    seen = on_clock(mids(300), seconds)
    seconds = np.diff(seen["now"]) / 1e9
    found = Driver("kalman", KNOWN).run(seen)[-1]
    mean, variance = filtered(np.log(seen["mid"]), seconds, Q, R)
    assert found["fair_price"] == pytest.approx(math.exp(mean), rel=1e-12)
    assert found["fair_price_sd"] == pytest.approx(math.exp(mean) * math.sqrt(variance), rel=1e-6)


def test_noises_are_the_mode_of_the_exact_posterior() -> None:
    """The changes of the mid are normal, with covariance q + r (2 on the diagonal, -1 beside it).

    In that matrix's eigenvectors they are independent: no filter is needed.
    """
    count = 240
    seen = on_clock(mids(count, seed=3, q=3 * Q, r=2 * R))
    tied = 2.0 * np.eye(count - 1) - np.eye(count - 1, k=1) - np.eye(count - 1, k=-1)
    bounce, vectors = np.linalg.eigh(tied)
    squares = (vectors.T @ np.diff(np.log(seen["mid"]))) ** 2
    scales = (SHAPE - 1.0) * np.array([Q, R])

    def cost(logs: np.ndarray) -> float:
        q, r = np.exp(logs)
        variances = q + r * bounce
        likelihood = 0.5 * np.sum(np.log(variances) + squares / variances)
        return float(likelihood + np.sum(SHAPE * logs + scales / np.exp(logs)))

    options = {"xatol": 1e-9, "fatol": 1e-12}
    best = minimize(cost, np.log([Q, R]), method="Nelder-Mead", options=options).x
    driver = Driver("kalman")
    driver.run(seen)
    for _ in range(40):  # begin a pass over the same ring again and again
        driver.state["end"] = driver.state["position"] = 0
        driver.run(np.repeat(seen[-1:], 8))
    state = driver.state[0]
    assert np.log([state["process"], state["measurement"]]) == pytest.approx(best, abs=1e-6)
    q, r = np.exp(best)
    slopes = np.stack([np.full_like(bounce, q), r * bounce]) / (q + r * bounce)
    information = 0.5 * slopes @ slopes.T + np.diag(scales / np.exp(best))
    spread = 0.5 * np.sqrt(np.diag(np.linalg.inv(information)))
    assert state["process_spread"] == pytest.approx(spread[0], rel=1e-2)
    assert state["measurement_spread"] == pytest.approx(spread[1], rel=1e-2)


@pytest.mark.parametrize("case", CASES[:2], ids=lambda case: case.name)
def test_intervals_cover(case: object) -> None:
    found = [sample("kalman", case, 10_000 + seed) for seed in range(WORLDS)]  # type: ignore[arg-type]
    for name in ("fair_price", "process_noise", "measurement_noise"):
        hits = [
            f[f"{name}.low"] <= f[f"{name}.truth"] <= f[f"{name}.high"] and f[f"{name}.age"] >= 0
            for f in found
        ]
        assert 0.92 <= np.mean(hits) <= 0.98, name
    errors = np.array([f["fair_price.value"] - f["fair_price.ideal"] for f in found])
    sds = np.array([f["fair_price.ideal_sd"] for f in found])
    assert np.sqrt(np.mean((errors / sds) ** 2)) < 0.2


def test_a_mid_that_stands_is_no_second_measurement() -> None:
    once = Driver("kalman", KNOWN)
    once.run(on_clock(mids(50)))
    before = once.record[0].copy()
    seen = np.repeat(on_clock(mids(50))[-1:], 10)
    seen["now"] += np.arange(1, 11) * 1_000_000_000
    seen["kind"] = [CLOCK, TOUCH] * 5
    found = once.run(seen)
    assert np.all(found["fair_price"] == before["fair_price"])
    assert np.all(np.diff(found["fair_price_sd"]) > 0.0)
    wanted = np.hypot(before["fair_price_sd"], before["fair_price"] * np.sqrt(10 * Q))
    assert found["fair_price_sd"][-1] == pytest.approx(wanted, rel=1e-9)


def test_it_starts_anew_after_a_crash() -> None:
    seen = on_clock(np.concatenate([mids(100), mids(100) / 1000.0]))
    found = Driver("kalman").run(seen)
    assert found["fair_price"][100] == seen["mid"][100]
    assert found["kalman_gain"][100] == 1.0
    assert np.all(np.abs(found["fair_price"] / seen["mid"] - 1.0) < 1e-3)


def test_more_mids_than_the_ring_spares_during_a_pass() -> None:
    """Four hundred touches a second: passes skip, and still tell the noises."""
    count, a_second = 40_000, 400
    seen = on_clock(mids(count, seed=4), 1.0 / a_second)
    seen["kind"] = np.where(np.arange(count) % a_second == 0, CLOCK, TOUCH)
    found = Driver("kalman").run(seen)[-1]
    rate = math.sqrt(Q * a_second)
    assert found["process_noise"] == pytest.approx(rate, rel=0.3)
    assert found["measurement_noise"] == pytest.approx(math.sqrt(R), rel=0.3)
