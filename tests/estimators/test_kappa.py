"""E6: the posterior exactly, its geometric likeness on grids, window, changes, silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from simmm.estimators.driver import Driver
from simmm.estimators.intensity.reach_window import SIZE
from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation
from simmm.jit import INTERPRETED
from tests.estimators.senseless import ANY, CALLS, Call, as_observations
from tests.outside import oracle

NS = 1_000_000_000
HALF = 1e-4
WORLDS = 6 if INTERPRETED else 500
ORACLE_PRIOR = {"prior_shape": 4.0, "prior_kappa": 2000.0}


def aggressors(excess, step=0.0, seconds=None) -> np.ndarray:
    """Aggressors that reach so far beyond the touch, one a second unless told."""
    count = len(excess)
    seen = np.zeros(count, Observation)
    seen["kind"] = AGGRESSOR
    times = np.arange(count) if seconds is None else np.asarray(seconds)
    seen["now"] = np.round(times * NS).astype(np.int64)
    seen["half_spread"] = HALF
    seen["reach"] = HALF + np.asarray(excess)
    seen["step"], seen["mid"], seen["lot"] = step, 1e6, 1e-3
    return seen


def ticks(seconds, mid=1e6) -> np.ndarray:
    seen = np.zeros(len(seconds), Observation)
    seen["kind"] = CLOCK
    seen["now"] = np.round(np.asarray(seconds) * NS).astype(np.int64)
    seen["half_spread"] = HALF if mid else 0.0
    seen["mid"], seen["lot"] = mid, 1e-3
    return seen


def believed(excess, step=0.0, parameters=None, seconds=None, at=None, alarms=0.0) -> np.void:
    came = aggressors(excess, step, seconds)
    end = at if at is not None else (came["now"][-1] / NS if len(came) else 0.0)
    seen = np.concatenate([came, ticks([end])])
    given_ = {"changepoint_alarms": alarms}
    return Driver("kappa", parameters).run(seen, given_)[-1]


# ---------------------------------------------------------------------------------------- oracles


def test_prior_and_posteriors() -> None:
    known = oracle("c_gamma_kappa")
    excess = np.array(known["data_bp"]) * 1e-4
    for row in known["posteriors"]:
        found = believed(excess[: row["n"]], parameters=ORACLE_PRIOR)
        assert found["market_kappa"] == pytest.approx(row["mean"], rel=1e-9)
        assert found["market_kappa_sd"] == pytest.approx(row["sd"], rel=1e-9)
        assert found["market_kappa_low"] == pytest.approx(row["q025"], rel=1e-9)
        assert found["market_kappa_high"] == pytest.approx(row["q975"], rel=1e-9)
        assert found["market_kappa_count"] == row["n"]
    for row in known["prior_table"]:
        prior = {"prior_shape": row["shape"], "prior_kappa": row["mean"]}
        if row["mean"] < 1e-2:
            continue
        found = believed([], parameters=prior)
        assert found["market_kappa_low"] == pytest.approx(row["q025"], rel=1e-9)
        assert found["market_kappa_high"] == pytest.approx(row["q975"], rel=1e-9)


def test_rolling_window_with_both_ends() -> None:
    known = oracle("c_gamma_kappa")
    excess, seconds = np.array(known["data_bp"]) * 1e-4, np.array(known["t_s"])
    for end, window_s, n, _, _, mean, low, high in known["rolling"]:
        past = seconds <= end
        found = believed(
            excess[past], 0.0, {**ORACLE_PRIOR, "window_s": window_s}, seconds[past], end
        )
        assert found["market_kappa_count"] == n
        assert found["market_kappa"] == pytest.approx(mean, rel=1e-9)
        assert found["market_kappa_low"] == pytest.approx(low, rel=1e-9)
        assert found["market_kappa_high"] == pytest.approx(high, rel=1e-9)


def test_interval_is_the_exact_one_not_the_normal_one() -> None:
    for shape, low, _, _, high, *_ in oracle("c_gamma_kappa")["ci_approx"]:
        found = believed([], parameters={"prior_shape": shape, "prior_kappa": 1.0})
        assert found["market_kappa_low"] == pytest.approx(low, rel=1e-9)
        assert found["market_kappa_high"] == pytest.approx(high, rel=1e-9)


def test_predictive_law_of_reach() -> None:
    """What value and deviation say of the next reach is the Lomax law, not the plug-in."""
    known = oracle("c_gamma_kappa")
    found = believed(np.array(known["data_bp"]) * 1e-4, parameters=ORACLE_PRIOR)
    shape = (found["market_kappa"] / found["market_kappa_sd"]) ** 2
    rate = shape / found["market_kappa"]
    for distance_bp, survival, _ in known["predictive"]:
        assert (1 + distance_bp * 1e-4 / rate) ** -shape == pytest.approx(survival, rel=1e-9)


def test_grid_is_corrected() -> None:
    """The geometric estimate of the sweeps: 1997 where the naive one is 2211 and the truth 2000."""
    known = oracle("r_regressions")["sweep"]
    found = believed(np.full(4000, 1.0 / known["naive_max"]), 1e-4, {"prior_shape": 0.01})
    assert found["market_kappa"] == pytest.approx(known["geometric_mle"], rel=1e-4)


# ------------------------------------------------------------------------- against other methods


@pytest.mark.parametrize(("step", "other"), [(1.4e-4, 1.4e-4), (2e-5, 2e-4), (1e-3, 1e-4)])
def test_posterior_on_a_grid_is_near_the_integrated_one(step: float, other: float) -> None:
    rng = np.random.default_rng(3)
    steps = np.where(np.arange(150) < 75, step, other)
    excess = np.floor(rng.exponential(1e-4, 150) / steps) * steps
    found = believed(excess, steps)
    kappa = np.linspace(1.0, 40_000.0, 400_001)
    shape, rate = 1.0, 1.0 / 5000.0
    log_weight = (shape - 1.0) * np.log(kappa) - kappa * (rate + excess.sum())
    for s in (step, other):
        log_weight = log_weight + 75 * np.log(-np.expm1(-kappa * s))
    weight = np.exp(log_weight - log_weight.max())
    law = np.cumsum(weight) / weight.sum()
    mean = np.sum(weight * kappa) / weight.sum()
    sd = math.sqrt(np.sum(weight * (kappa - mean) ** 2) / weight.sum())
    assert found["market_kappa"] == pytest.approx(mean, abs=0.1 * sd)
    assert found["market_kappa_sd"] == pytest.approx(sd, rel=0.05)
    assert found["market_kappa_low"] == pytest.approx(kappa[np.searchsorted(law, 0.025)], rel=0.03)
    assert found["market_kappa_high"] == pytest.approx(kappa[np.searchsorted(law, 0.975)], rel=0.03)


@pytest.mark.parametrize("count", [40, 300])
@pytest.mark.parametrize("grid", [0.0, 0.1, 1.4])
def test_interval_covers_the_truth(grid: float, count: int) -> None:
    kappa = 8000.0
    step = grid / kappa
    rng = np.random.default_rng([6, count])
    inside, values, widths = 0, [], []
    for _ in range(WORLDS):
        excess = rng.exponential(1.0 / kappa, count)
        if step:
            excess = np.floor(excess / step) * step
        found = believed(excess, step)
        inside += found["market_kappa_low"] <= kappa <= found["market_kappa_high"]
        values.append(found["market_kappa"])
        widths.append(found["market_kappa_high"] - found["market_kappa_low"])
    if INTERPRETED:
        return
    information = grid**2 * math.exp(-grid) / math.expm1(-grid) ** 2 if grid else 1.0
    ideal = kappa / math.sqrt(count * information)
    assert 0.92 <= inside / WORLDS <= 0.98
    assert np.mean(widths) <= 1.1 * 2 * 1.96 * ideal
    mse = np.mean((np.array(values) - kappa) ** 2)
    assert ideal**2 / mse > (0.9 if count > 100 else 0.75)


# --------------------------------------------------------------------- window, changes, silence


def test_full_ring_lets_the_oldest_go() -> None:
    count = SIZE + 500
    excess = np.where(np.arange(count) < 500, 5e-3, 1e-4)
    driver = Driver("kappa", {"prior_shape": 0.01})
    seen = np.concatenate([aggressors(excess, 0.0, np.arange(count) * 0.01), ticks([60.0])])
    found = driver.run(seen)[-1]
    assert found["market_kappa_count"] == SIZE
    assert driver.state["dropped"][0] == 500
    assert found["market_kappa"] == pytest.approx(1e4, rel=1e-4)


def test_change_point_cuts_the_window() -> None:
    """The newest 30 stay until 30 came after the alarm; then these only."""
    before, after = np.full(200, 4e-4), np.full(100, 1e-4)
    seen = np.concatenate(
        [aggressors(before), ticks([200.0]), aggressors(after, 0.0, 201.0 + np.arange(100))]
    )
    seen = np.sort(np.concatenate([seen, ticks(201.5 + np.arange(100))]), order="now")
    alarms = np.where(seen["now"] >= 200 * NS, 1.0, 0.0)
    found = Driver("kappa").run(seen, {"changepoint_alarms": alarms})
    seconds = seen["now"] / NS
    count = found["market_kappa_count"]
    assert count[seconds == 199.0][0] == 0.0  # nothing is told between ticks
    assert count[seconds == 200.0][-1] == 30.0
    assert count[seconds == 210.5][0] == 30.0
    assert count[seconds == 250.5][0] == 50.0
    expected = (1.0 + 50) / (1.0 / 5000.0 + 50 * 1e-4)
    assert found["market_kappa"][seconds == 250.5][0] == pytest.approx(expected, rel=1e-9)


def test_quiet_market_leads_back_to_the_prior() -> None:
    seen = np.concatenate([aggressors(np.full(50, 1e-4)), ticks(np.arange(51.0, 900.0))])
    found = Driver("kappa").run(seen)
    assert found["market_kappa"][-1] == pytest.approx(5000.0, rel=1e-12)
    assert found["market_kappa_age_ns"][-1] == -1
    assert found["market_kappa_count"][-1] == 0.0


def test_unknown_market_fades_straight_to_the_prior_and_comes_back() -> None:
    rng = np.random.default_rng(9)
    came = aggressors(rng.exponential(1e-4, 300), 1e-5)
    blind = ticks(np.arange(301.0, 950.0), mid=0.0)
    found = Driver("kappa").run(np.concatenate([came, ticks([300.0]), blind]))[300:]
    value, width = found["market_kappa"], found["market_kappa_high"] - found["market_kappa_low"]
    assert value[0] > 7000.0
    assert np.all(np.diff(value) <= 1e-9)
    assert np.all(value >= 5000.0 * (1 - 1e-12))
    assert value[-1] == pytest.approx(5000.0, rel=1e-12)
    assert width[-1] > 3 * width[0]
    again = Driver("kappa").run(np.concatenate([came, ticks([300.0]), blind[:350], ticks([651.0])]))
    straight = Driver("kappa").run(np.concatenate([came, ticks([651.0])]))
    for name in ("market_kappa", "market_kappa_sd"):
        assert again[-1][name] == pytest.approx(float(straight[-1][name]), rel=1e-9)


def test_unusable_aggressors_are_ignored() -> None:
    seen = aggressors(np.full(9, 1e-4))
    seen["half_spread"][0] = 0.0
    seen["reach"][1] = np.nan
    seen["reach"][2] = np.inf
    seen["step"][3] = -1.0
    seen["half_spread"][4] = 2.0
    seen["reach"][5] = 0.0  # inside the touch: as at it
    found = Driver("kappa").run(np.concatenate([seen, ticks([10.0])]))[-1]
    assert found["market_kappa_count"] == 4
    assert found["market_kappa"] == pytest.approx(5.0 / (1.0 / 5000.0 + 3e-4), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(CALLS, ANY)
def test_finite_whatever_comes(calls: list[Call], alarms: float) -> None:
    seen = as_observations(calls)
    found = Driver("kappa").run(seen, {"changepoint_alarms": alarms})
    for name in found.dtype.names:
        if name.startswith("market"):
            assert np.all(np.isfinite(found[name])), name
    assert np.all(found["market_kappa"] > 0.0)
