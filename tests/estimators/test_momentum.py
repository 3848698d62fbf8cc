"""E26 against sums written out, the test's own law, and series with a known slope."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.study.recovery.cases.momentum import BARS, CASES, SIGMA, slope
from simmm.study.recovery.sample import sample
from simmm.study.recovery.worlds.lead_lag import autoregression
from simmm.study.recovery.worlds.volatility import on_clock, path

BLOCK = 90
KNOWN = {"sigma": SIGMA, "sigma_sd": 0.1 * SIGMA}


def bars(returns: np.ndarray) -> np.ndarray:
    """A clock of two seconds, a bar each."""
    return on_clock(path(SIGMA * np.sqrt(2.0) * returns), 2.0)


def test_momentum_is_the_return_over_the_window_in_deviations() -> None:
    returns = np.random.default_rng(1).standard_normal(400)
    seen = bars(returns)
    found = Driver("momentum").run(seen, KNOWN)[-1]
    moved = np.log(seen["mid"][-1] / seen["mid"][-1 - BARS]) / (SIGMA * np.sqrt(30.0))
    assert found["momentum"] == pytest.approx(moved, rel=1e-9)
    assert found["momentum_sd"] == pytest.approx(0.1 * abs(moved), rel=1e-9)


def test_a_price_that_stands_is_known_to_its_grid_and_no_better() -> None:
    seen = on_clock(np.full(60, 1e6), 2.0)
    seen["step"] = 2e-5
    found = Driver("momentum").run(seen, KNOWN)
    last = found[-1]
    assert last["momentum"] == 0.0
    assert last["momentum_sd"] == pytest.approx(2e-5 / (SIGMA * np.sqrt(30.0) * np.sqrt(6.0)))
    assert np.all(found["momentum_high"] - found["momentum_low"] > 0.0)
    assert found["momentum_sd"][0] == 1.0  # before there is a window
    assert np.all(found["momentum_slope_high"] - found["momentum_slope_low"] > 0.0)


def test_each_bar_has_the_sigma_and_the_duration_of_its_time() -> None:
    rng = np.random.default_rng(2)
    seconds = rng.uniform(2.0, 6.0, 40)
    sigmas = np.exp(rng.standard_normal(41)) * SIGMA
    seen = on_clock(path(SIGMA * rng.standard_normal(40)), seconds)
    found = Driver("momentum").run(seen, {"sigma": sigmas})[-1]
    parts = np.diff(np.log(seen["mid"])) / (sigmas[1:] * np.sqrt(np.diff(seen["now"]) / 1e9))
    assert found["momentum"] == pytest.approx(parts[-BARS:].sum() / np.sqrt(BARS), rel=1e-9)


def test_the_slope_is_the_ratio_of_sums_over_blocks() -> None:
    """All pairs of adjoining windows, written out pair by pair."""
    returns = autoregression(np.random.default_rng(3), 0.3, 40 * BLOCK + 2 * BARS - 1)
    found = Driver("momentum", {"half_life_s": 1e7, "warm_up": 2.0}).run(bars(returns), KNOWN)[-1]
    products, squares = [], []
    for t in range(2 * BARS - 1, len(returns)):
        past = sum(min(j, 2 * BARS - j) * returns[t - j] for j in range(1, 2 * BARS))
        products.append(returns[t] * past / BARS)
        squares.append(returns[t - BARS : t].sum() ** 2 / BARS)
    n, m = (np.array(values).reshape(-1, BLOCK).sum(axis=1) for values in (products, squares))
    wanted = n.sum() / m.sum()
    assert found["momentum_slope"] == pytest.approx(wanted, rel=1e-2)
    spread = np.sqrt(np.sum((n - wanted * m) ** 2) * 40 / 39) / m.sum() * (1 + 3 / 39)
    assert found["momentum_slope_sd"] == pytest.approx(spread, rel=1e-2)


def test_regrouped_terms_have_the_covariance_of_the_windows() -> None:
    """E[u X] / 15 is the covariance of adjoining windows, by a long simulation."""
    rng = np.random.default_rng(4)
    slow = np.sqrt(0.3) * autoregression(rng, 0.95, 1_000_000)
    returns = slow + np.sqrt(0.7) * rng.standard_normal(1_000_000)
    windows = np.convolve(returns, np.ones(BARS), "valid") / np.sqrt(BARS)
    sampled = np.mean(windows[BARS:] * windows[:-BARS]) / np.mean(windows**2)
    assert slope(0.3, 0.95) == pytest.approx(sampled, abs=0.01)


@pytest.mark.parametrize("number", [0, 1], ids=["no memory", "trends"])
def test_intervals_cover(number: int) -> None:
    found = [sample("momentum", CASES[number], 10_000 + seed) for seed in range(500)]
    for name in ("momentum", "momentum_slope"):
        hits = [f[f"{name}.low"] <= f[f"{name}.truth"] <= f[f"{name}.high"] for f in found]
        assert 0.92 <= np.mean(hits) <= 0.98, name


def statistic(u: np.ndarray) -> float:
    """Kwiatkowski's, with Bartlett weights over five lags."""
    away = u - u.mean()
    total = away @ away
    for lag in range(1, 6):
        total += 2.0 * (1.0 - lag / 6.0) * (away[lag:] @ away[:-lag])
    return float(np.sum(np.cumsum(away) ** 2) / (len(u) * total))


def test_stationarity_is_the_test_of_level_and_size() -> None:
    told = {0.0: 0, 1.0: 0}
    for seed in range(150):
        returns = np.random.default_rng(seed).standard_normal(265)
        returns[200:] += 0.6 * (seed % 3)
        # The test begins with the 256th bar and ends eight ticks on.
        found = Driver("momentum").run(bars(returns), KNOWN)[-1]
        first = returns[:256]
        wanders = max(statistic(first), statistic(np.abs(first))) > 0.558
        assert found["momentum_stationary"] == float(not wanders)
        told[float(found["momentum_stationary"])] += 1
    assert min(told.values()) > 20


def test_it_rejects_one_in_twenty_stationary_series() -> None:
    said = [
        Driver("momentum").run(bars(np.random.default_rng([5, k]).standard_normal(265)), KNOWN)[-1]
        for k in range(1500)
    ]
    share = 1.0 - np.mean([one["momentum_stationary"] for one in said])
    assert share == pytest.approx(0.05, abs=0.017)


def test_a_late_sigma_is_noticed() -> None:
    found = [sample("momentum", CASES[3], seed)["momentum_stationary.value"] for seed in range(20)]
    assert np.mean(found) == 0.0


def test_without_sigma_nothing_is_said() -> None:
    seen = bars(np.random.default_rng(6).standard_normal(100))
    found = Driver("momentum").run(seen, {"sigma": 0.0})[-1]
    assert found["momentum"] == 0.0
    assert found["momentum_age_ns"] == -1
