"""E25 against NumPy's autocorrelations and shifts, the information of Gaussians, and chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz

from simmm.estimators.driver import Driver
from simmm.study.recovery.cases.lead_lag import CASES
from simmm.study.recovery.sample import sample
from simmm.study.recovery.worlds.lead_lag import (
    BETA,
    LAGS,
    ORDER,
    SCALE,
    TICKS,
    WINDOW,
    autoregression,
    exact_lags,
    false_positives,
    follower,
    watched,
)
from tests.outside import oracle

NS = 1_000_000_000


def pair(seed: int, lag: int = 6, noise: float = BETA) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    other = autoregression(rng, 0.8, TICKS + lag)
    rest = noise * autoregression(rng, 0.4, TICKS + lag)
    return follower(other, lag, rest), other[lag:]


def by_hand(own: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The same test with whole arrays: SciPy's Toeplitz solver, NumPy's rolls."""
    y, x = (values[: WINDOW + ORDER] * SCALE for values in (own, other))
    y, x = y - y.mean(), x - x.mean()
    covariances = [x[k:] @ x[: len(x) - k] for k in range(ORDER + 1)]
    coefficients = np.concatenate([[1.0], -solve_toeplitz(covariances[:-1], covariances[1:])])
    x, y = (np.convolve(values, coefficients, "valid") for values in (x, y))
    held_x, held_y = (np.clip(v / np.sqrt(np.mean(v * v)), -4.0, 4.0) for v in (x, y))
    c = np.array([np.mean(np.roll(held_x, lag) * held_y) for lag in range(1, WINDOW - LAGS + 1)])
    largest = np.abs(c).reshape(-1, LAGS).max(axis=1)
    lag = int(np.argmax(np.abs(c[:LAGS]))) + 1
    beta = x[:-lag] @ y[lag:] / (x[:-lag] @ x[:-lag])
    rest = y[lag:] - beta * x[:-lag]
    return {
        "lead_significance": float(np.mean(largest >= largest[0])),
        "lead_lag_s": float(lag),
        "lead_beta": float(beta),
        "lead_beta_sd": float(np.sqrt(rest @ rest / (len(rest) - 1) / (x[:-lag] @ x[:-lag]))),
        "lead_information": float(-0.5 * np.log1p(-(c[lag - 1] ** 2))),
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_first_test_is_the_one_done_by_hand(seed: int) -> None:
    own, other = pair(seed, lag=1 + 5 * seed)
    found = Driver("lead_lag").run(watched(own, other))[-1]
    for name, wanted in by_hand(own, other).items():
        assert found[name] == pytest.approx(wanted, rel=1e-6), name
    assert found["lead_on"] == 1.0
    assert found["lead_state"] == 3.0


@pytest.mark.parametrize("seed", range(8))
def test_p_values_of_unrelated_markets(seed: int) -> None:
    rng = np.random.default_rng([7, seed])
    own, other = (autoregression(rng, 0.7, TICKS) for _ in range(2))
    found = Driver("lead_lag").run(watched(own, other))[-1]
    wanted = by_hand(own, other)
    assert found["lead_significance"] == pytest.approx(wanted["lead_significance"])
    on = wanted["lead_significance"] <= 0.05
    assert found["lead_on"] == float(on)
    if not on:
        assert found["lead_prediction"] == found["lead_beta"] == found["lead_lag_s"] == 0.0
        assert found["lead_state"] == 2.0


def test_the_information_is_that_of_gaussian_variables() -> None:
    """The oracle's truth for its correlations; its estimates by neighbours are not used here."""
    for vector in oracle("j_mutual_info")["ksg_vectors"]:
        rho, told = vector["rho"], []
        if rho == 0.0:
            continue  # the largest of 20 lags is told, and isn't 0
        for seed in range(20):
            rng = np.random.default_rng([8, seed])
            other, rest = rng.standard_normal((2, TICKS + 1))
            own = rho * other[:-1] + np.sqrt(1.0 - rho**2) * rest[1:]
            told.append(Driver("lead_lag").run(watched(own, other[1:]))["lead_information"][-1])
        assert np.mean(told) == pytest.approx(vector["truth"], abs=0.03)


def test_false_positives_are_one_in_twenty() -> None:
    """Pooled; a command prints them for 2,000 series of each kind."""
    shares = false_positives(series=350, seed=11)
    count, of = sum(s.count for s in shares), sum(s.of for s in shares)
    assert count / of == pytest.approx(0.05, abs=3.0 * np.sqrt(0.05 * 0.95 / of))
    for share in shares:
        assert share.value == pytest.approx(0.05, abs=4.0 * np.sqrt(0.05 * 0.95 / share.of)), share


def test_leads_are_found_exactly() -> None:
    for share in exact_lags(series=60, seed=12):
        if (share.other, share.own) != (0.97, 0.0):  # too little of the other is new: see its docs
            assert share.value >= 0.95, share


@pytest.mark.parametrize("case", CASES[:2], ids=lambda case: case.name)
def test_intervals_cover(case: object) -> None:
    found = [sample("lead_lag", case, 10_000 + seed) for seed in range(500)]  # type: ignore[arg-type]
    for name in ("lead_beta", "lead_prediction"):
        low, truth, high, ideal = (
            np.array([f[f"{name}.{part}"] for f in found])
            for part in ("low", "truth", "high", "ideal_sd")
        )
        assert 0.92 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
        assert np.mean((high - low) / (3.92 * ideal)) < 1.25


def test_the_prediction_is_beta_times_what_the_other_did() -> None:
    own, other = pair(1, lag=6)
    found = Driver("lead_lag").run(watched(own, other))[-1]
    wanted = found["lead_beta"] * SCALE * other[-6:].sum()
    assert found["lead_prediction"] == pytest.approx(wanted, rel=1e-6)


def test_an_absent_market_is_said_to_be_absent() -> None:
    own, other = pair(2)
    seen = watched(own, other)
    seen["reference_mid"] = 0.0
    found = Driver("lead_lag").run(seen)
    assert np.all(found["lead_state"] == 0.0)
    assert np.all(found["lead_on"] == 0.0)
    assert np.all(found["lead_state_age_ns"] == -1)


def test_a_market_that_goes_away_is_forgotten_after_a_while() -> None:
    own, other = pair(3)
    seen = watched(own, other)
    rest = seen[-1:].repeat(30)
    rest["now"] += NS * np.arange(1, 31)
    rest["reference_mid"] = 0.0
    found = Driver("lead_lag").run(np.concatenate([seen, rest]))[-30:]
    assert found["lead_on"][:10].all()
    assert not found["lead_on"][10:].any()
    assert np.all(found["lead_state"][10:] == 0.0)
    assert np.all(found["lead_prediction"][10:] == 0.0)


def test_prices_that_never_move_are_not_related() -> None:
    found = Driver("lead_lag").run(watched(np.zeros(TICKS), np.zeros(TICKS)))[-1]
    assert found["lead_state"] == 2.0
    assert found["lead_significance"] == 1.0
    assert found["lead_on"] == 0.0


def test_states_follow_the_data() -> None:
    own, other = pair(4)
    found = Driver("lead_lag").run(watched(own, other))["lead_state"]
    assert set(found[: WINDOW + ORDER]) == {1.0}
    assert found[-1] == 3.0


def test_one_in_twenty_cannot_be_said_with_few_blocks() -> None:
    """Twelve blocks of 60 lags allow no p-value of 5 %: never on."""
    own, other = pair(5)
    found = Driver("lead_lag", {"lags": 60}).run(watched(own, other))[-1]
    assert found["lead_significance"] == pytest.approx(1.0 / 12.0)
    assert found["lead_on"] == 0.0
