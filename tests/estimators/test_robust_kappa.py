"""E10: consistent on clean data, hard to carry away, its interval, its slices, its silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import integrate, optimize

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation
from simmm.jit import INTERPRETED
from tests.estimators.senseless import ANY, CALLS, Call, as_observations
from tests.outside import oracle

NS = 1_000_000_000
HALF = 1e-4
KAPPA = 8000.0
WORLDS = 4 if INTERPRETED else 500
FLAT = {"prior_shape": 0.01, "visits": 4096}


def heard(excess, step=0.0, last_ticks=12) -> np.ndarray:
    """Aggressors, a tenth of a second apart, then ticks of the clock."""
    count = len(excess)
    seen = np.zeros(count + last_ticks, Observation)
    seen["kind"] = np.where(np.arange(len(seen)) < count, AGGRESSOR, CLOCK)
    seconds = np.concatenate([0.1 * np.arange(count), 0.1 * count + np.arange(last_ticks)])
    seen["now"] = np.round(seconds * NS).astype(np.int64)
    seen["half_spread"] = HALF
    seen["reach"][:count] = HALF + np.asarray(excess)
    seen["step"], seen["mid"], seen["lot"] = step, 1e6, 1e-3
    return seen


def believed(excess, step=0.0, parameters=None, last_ticks=12) -> np.void:
    seen = heard(excess, step, last_ticks)
    return Driver("robust_kappa", parameters).run(seen, every=len(seen))[-1]


def psi(u, nu, f):
    return (nu + 1.0) * (f * u) ** 2 / (nu + (f * u) ** 2)


def expected(u, nu, f) -> float:
    """E psi, by adaptive quadrature without a grid, term by term with one."""
    if u == 0.0:
        return integrate.quad(lambda y: psi(y, nu, f) * math.exp(-y), 0, 60, limit=300)[0]
    k = np.arange(1, int(60 / u) + 2)
    return float(np.sum(-np.expm1(-u) * np.exp(-u * k) * psi(u * k, nu, f)))


# ------------------------------------------------------------------------------- on clean data


def test_factor_of_consistency() -> None:
    for nu, reweighted, _, half_student in oracle("c_gamma_kappa")["robust_bias"]:
        driver = Driver("robust_kappa", {"nu": nu, "prior_shape": 0.01, "visits": 4096})
        assert driver.state["factor"][0] == pytest.approx(half_student, rel=1e-6)
        points = (np.arange(4000) + 0.5) / 4000
        found = driver.run(heard(-np.log1p(-points) / KAPPA))[-1]["robust_kappa"]
        assert found == pytest.approx(KAPPA, rel=3e-3)
        assert abs(found / KAPPA - 1.0) < 0.1 * abs(reweighted - 1.0) + 3e-3


@pytest.mark.parametrize("nu", [1.0, 4.0, 30.0])
@pytest.mark.parametrize("grid", [0.05, 0.7, 1.4, 3.0, 9.0])
def test_target_on_a_grid(nu: float, grid: float) -> None:
    """The table's expectation is that of whole steps: exact shares of each give back kappa."""
    driver = Driver("robust_kappa", {"nu": nu})
    f = float(driver.state["factor"][0])
    assert expected(0.0, nu, f) == pytest.approx(1.0, abs=1e-7)
    if grid > 8.0:
        return
    place = grid * 8.0
    table = driver.state["table"][0]
    j = int(place)
    between = np.polyval(
        np.polyfit(np.arange(max(j - 1, 0), max(j - 1, 0) + 4), table[max(j - 1, 0) :][:4], 3),
        place,
    )
    assert between == pytest.approx(expected(grid, nu, f), rel=1e-4)


@pytest.mark.parametrize("grid", [0.0, 0.1, 1.4])
def test_estimate_and_sandwich_are_those_of_a_root_finder(grid: float) -> None:
    nu, count, step = 4.0, 250, grid / KAPPA
    excess = np.random.default_rng(7).exponential(1.0 / KAPPA, count)
    if step:
        excess = np.floor(excess / step) * step
    driver = Driver("robust_kappa", {"prior_shape": 0.5})
    found = driver.run(heard(excess, step))[-1]
    s = driver.state[0]
    f, scale = float(s["factor"]), float(s["slope"] / s["variance"])

    def score(theta: float) -> float:
        kappa = math.exp(theta)
        m = np.sum(psi(kappa * excess, nu, f)) - count * expected(kappa * step, nu, f)
        return scale * m + 0.5 * (theta - math.log(5000.0))

    theta = optimize.brentq(score, math.log(100.0), math.log(1e6))
    assert math.log(found["robust_kappa"]) == pytest.approx(theta, abs=2e-5)
    terms = psi(math.exp(theta) * excess, nu, f) - expected(math.exp(theta) * step, nu, f)
    slope = (score(theta + 1e-4) - score(theta - 1e-4)) / 2e-4 / scale - 0.5 / scale
    spread = (np.sum(terms**2) + 10.0 * float(s["variance"])) / (count + 10.0)
    information = slope**2 / (count * spread) + 0.5
    deviation = found["robust_kappa_sd"] / found["robust_kappa"]
    assert deviation == pytest.approx(information**-0.5, rel=2e-3)
    high = found["robust_kappa"] * math.exp(1.959964 * deviation)
    assert found["robust_kappa_high"] == pytest.approx(high, rel=1e-6)


@pytest.mark.parametrize("count", [40, 300])
@pytest.mark.parametrize("grid", [0.0, 0.1, 1.4])
def test_interval_covers_the_truth(grid: float, count: int) -> None:
    step = grid / KAPPA
    rng = np.random.default_rng([10, count])
    inside, values, widths = 0, [], []
    for _ in range(WORLDS):
        excess = rng.exponential(1.0 / KAPPA, count)
        if step:
            excess = np.floor(excess / step) * step
        found = believed(excess, step, last_ticks=8)
        inside += found["robust_kappa_low"] <= KAPPA <= found["robust_kappa_high"]
        values.append(found["robust_kappa"])
        widths.append(found["robust_kappa_high"] - found["robust_kappa_low"])
    if INTERPRETED:
        return
    information = grid**2 * math.exp(-grid) / math.expm1(-grid) ** 2 if grid else 1.0
    ideal = KAPPA / math.sqrt(count * information)
    assert 0.92 <= inside / WORLDS <= 0.98
    assert np.mean(widths) <= 1.2 * 2 * 1.96 * ideal
    mse = np.mean((np.array(values) - KAPPA) ** 2)
    assert ideal**2 / mse > (0.85 if count > 100 else 0.7)


# -------------------------------------------------------------------------------- and others


def test_outliers_carry_the_mean_away_but_not_this() -> None:
    rng = np.random.default_rng(5)
    excess = rng.exponential(1.0 / KAPPA, 4000)
    excess[:200] *= 20.0
    found = believed(excess, parameters=FLAT, last_ticks=60)["robust_kappa"]
    assert 0.80 < found / KAPPA < 0.90
    assert 1.0 / np.mean(excess) / KAPPA < 0.55
    harder = believed(excess, parameters={**FLAT, "nu": 1.0}, last_ticks=60)["robust_kappa"]
    assert found / KAPPA < harder / KAPPA < 1.0


def test_one_aggressor_counts_for_little() -> None:
    excess = np.random.default_rng(6).exponential(1.0 / KAPPA, 200)
    clean = believed(excess)["robust_kappa"]
    excess[100] = 1.0
    assert believed(excess)["robust_kappa"] == pytest.approx(clean, rel=0.04)


@pytest.mark.parametrize("visits", [1, 37, 200, 4096])
def test_slices_change_nothing_in_the_end(visits: int) -> None:
    excess = np.random.default_rng(8).exponential(1.0 / KAPPA, 150)
    found = believed(excess, 1e-5, {"visits": visits}, last_ticks=450 if visits == 1 else 30)
    whole = believed(excess, 1e-5)
    assert found["robust_kappa"] == pytest.approx(float(whole["robust_kappa"]), rel=1e-5)
    assert found["robust_kappa_sd"] == pytest.approx(float(whole["robust_kappa_sd"]), rel=1e-3)


def test_a_tick_visits_no_more_than_it_may() -> None:
    driver = Driver("robust_kappa", {"visits": 100})
    seen = heard(np.random.default_rng(8).exponential(1.0 / KAPPA, 1000), last_ticks=30)
    driver.run(seen[:1001])
    assert driver.state["cursor"][0] - driver.state["first"][0] == 100


def test_change_point_cuts_the_window() -> None:
    rng = np.random.default_rng(4)
    before, after = rng.exponential(4e-4, 300), rng.exponential(1e-4, 200)
    seen = np.concatenate([heard(before), heard(after)])
    seen["now"][312:] += seen["now"][311] + NS
    alarms = np.where(np.arange(len(seen)) >= 300, 1.0, 0.0)
    cut = Driver("robust_kappa").run(seen, {"changepoint_alarms": alarms})[-1]
    alone = believed(after)
    assert cut["robust_kappa"] == pytest.approx(float(alone["robust_kappa"]), rel=1e-4)
    kept = Driver("robust_kappa").run(seen)[-1]
    assert kept["robust_kappa"] < 0.7 * cut["robust_kappa"]


def test_quiet_market_leads_back_to_the_prior() -> None:
    seen = heard(np.full(50, 1e-4), last_ticks=700)
    found = Driver("robust_kappa").run(seen)
    assert found["robust_kappa"][100] > 6000.0
    assert found["robust_kappa"][-1] == pytest.approx(5000.0, rel=1e-3)
    assert found["robust_kappa_age_ns"][-1] == -1


def test_unknown_market_fades_straight_to_the_prior() -> None:
    seen = heard(np.random.default_rng(2).exponential(1e-4, 300), 1e-5, last_ticks=700)
    seen["mid"][305:] = 0.0
    seen["half_spread"][305:] = 0.0
    found = Driver("robust_kappa").run(seen)[305:]
    assert found["robust_kappa"][0] > 7000.0
    assert np.all(np.diff(found["robust_kappa"]) <= 0.0)
    assert found["robust_kappa"][-1] == pytest.approx(5000.0, rel=1e-9)
    assert found["robust_kappa_sd"][-1] / 5000.0 == pytest.approx(1.0, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(CALLS, ANY)
def test_finite_whatever_comes(calls: list[Call], alarms: float) -> None:
    seen = as_observations(calls)
    found = Driver("robust_kappa").run(seen, {"changepoint_alarms": alarms})
    for name in found.dtype.names:
        if name.startswith("robust"):
            assert np.all(np.isfinite(found[name])), name
    assert np.all(found["robust_kappa"] > 0.0)


@pytest.mark.parametrize("excess", [0.0, 1.0])
@pytest.mark.parametrize("step", [0.0, 1e-9, 1.0])
def test_finite_at_the_ends(excess: float, step: float) -> None:
    found = believed(np.full(100, excess), step, last_ticks=60)
    assert 0.0 < found["robust_kappa_low"] < found["robust_kappa_high"] < 1e300
