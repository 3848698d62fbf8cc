"""E21: run-length posteriors against reference figures, brute force, and worlds that change."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.flow.changepoint import extend
from simmm.estimators.observation import AGGRESSOR, BUCKET, CLOCK, Observation
from simmm.study.recovery.cases import changepoint as cases
from simmm.study.recovery.worlds.changes import (
    KAPPA,
    SECONDS,
    SIGMA,
    aggressors,
    buckets,
    operating_curve,
)
from tests import outside


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("f_bocpd")


def _known_variance(mean, prior_variance, variance):
    def log_predictive(x, past):
        precision = 1 / prior_variance + len(past) / variance
        centre = (mean / prior_variance + sum(past) / variance) / precision
        return stats.norm.logpdf(x, centre, math.sqrt(variance + 1 / precision))

    return log_predictive


def _unknown_variance(x, past):
    """Student's law of the normal-inverse-gamma model of prior (0, 1, 1, 1)."""
    n = len(past)
    average = np.mean(past) if n else 0.0
    a, k = 1 + n / 2, 1.0 + n
    b = 1 + 0.5 * np.sum((np.array(past) - average) ** 2) + n * average**2 / (2 * k)
    return stats.t.logpdf(x, 2 * a, n * average / k, math.sqrt(b * (k + 1) / (a * k)))


def _posteriors(x, hazard, log_predictive):
    """Log evidence, and the posterior after each observation, by the estimator's kernel."""
    rows = np.zeros((3, 1, len(x) + 2))
    log_weight, probability, joint = rows
    probability[0, 0] = 1.0
    evidence, found = 0.0, []
    for t, value in enumerate(x):
        for r in range(t + 1):
            joint[0, r] = log_predictive(value, x[t - r : t])
        evidence += extend(log_weight, probability, joint, 0, t + 1, hazard)
        found.append(probability[0, : t + 2].copy())
    return evidence, found


@pytest.mark.parametrize(
    ("name", "model"),
    [("known var_brute", _known_variance(0, 4, 1)), ("NIG_brute", _unknown_variance)],
)
def test_reference_brute_force(oracle, name, model):
    """All segmentations, and both conventions, which differ by one step and by the hazard."""
    case = oracle[name]
    evidence, found = _posteriors(case["x"], case["H"], model)
    assert evidence == pytest.approx(case["log_evidence"], abs=1e-10)
    assert [p[0] for p in found] == pytest.approx(case["P_A_r0"], abs=1e-12)
    for r, *conventions in case["rows"]:
        given_no_new_run = found[-1][r] / (1 - case["H"])
        assert [given_no_new_run] * 3 == pytest.approx(conventions, abs=1e-12), r


def test_reference_shift(oracle):
    case = oracle["shift"]
    evidence, found = _posteriors(case["x"], case["H"], _known_variance(*case["prior"]))
    assert evidence == pytest.approx(case["log_evidence"], abs=1e-9)
    assert [int(np.argmax(p)) for p in found] == case["map_r"]
    assert found[-1] == pytest.approx(case["final_posterior"], abs=1e-12)
    for t, most_likely, at_0, upto_2, upto_5, upto_10, mean in case["rows"]:
        p = found[t - 1]
        seen = [np.argmax(p), p[0], p[:3].sum(), p[:6].sum(), p[:11].sum(), p @ np.arange(len(p))]
        assert seen == pytest.approx([most_likely, at_0, upto_2, upto_5, upto_10, mean], abs=1e-9)


def test_reference_shift_of_unknown_variance(oracle):
    case = oracle["shift_nig"]
    evidence, found = _posteriors(oracle["shift"]["x"], oracle["shift"]["H"], _unknown_variance)
    assert evidence == pytest.approx(case["log_evidence"], abs=1e-9)
    assert found[-1] == pytest.approx(case["final_posterior"], abs=1e-12)
    for t, most_likely, at_0, upto_5, mean in case["rows"]:
        p = found[t - 1]
        seen = [np.argmax(p), p[0], p[:6].sum(), p @ np.arange(len(p))]
        assert seen == pytest.approx([most_likely, at_0, upto_5, mean], abs=1e-9)


def _brute_force(sums, shape, hazard, prior_shape, prior_rate):
    """Posterior of the run length over all segmentations, by scipy's compound gamma law."""
    density = {
        (begin, t): stats.betaprime.pdf(
            sums[t],
            shape,
            prior_shape + shape * (t - begin),
            scale=prior_rate + sum(sums[begin:t]),
        )
        for t in range(len(sums))
        for begin in range(t + 1)
    }
    weights = np.zeros(len(sums) + 1)
    for ends in itertools.product((False, True), repeat=len(sums)):
        weight, begin = 1.0, 0
        for t, end in enumerate(ends):
            weight *= density[begin, t] * (hazard if end else 1 - hazard)
            begin = t + 1 if end else begin
        weights[len(sums) - begin] += weight
    return weights / weights.sum()


def _check_posterior(row, name, posterior):
    r = np.arange(len(posterior))
    mean = posterior @ r
    assert row[name] == pytest.approx(mean, rel=1e-9)
    assert row[f"{name}_sd"] == pytest.approx(math.sqrt(posterior @ (r - mean) ** 2), rel=1e-9)
    below = np.cumsum(posterior)
    assert row[f"{name}_low"] == pytest.approx(min(np.argmax(below >= 0.025), mean), rel=1e-9)
    assert row[f"{name}_high"] == pytest.approx(max(np.argmax(below >= 0.975), mean), rel=1e-9)
    assert row["changepoint_probability"] == pytest.approx(posterior[:-1].sum(), rel=1e-9)


def test_volatility_against_all_segmentations():
    """Returns that vary no more than normal ones do, so that the likelihood counts in full."""
    z = np.array([1.0, -1.0, 0.9, 1.1, 1.2, -0.8, 1.0, 2.5, -2.9, 2.7])
    settings = {"warm_up": 2, "hazard": 0.05, "prior_shape": 1.5, "outlier": 1e6}
    row = Driver("changepoint", settings).run(buckets(SIGMA * z))[-1]
    sums = 0.5 * (SIGMA * z) ** 2
    scale = sums[:2].mean() / 0.5
    _check_posterior(row, "run_length", _brute_force(sums[2:], 0.5, 0.05, 1.5, 1.5 * scale))
    assert row["run_length_age_ns"] == 0
    assert row["reach_run_length_age_ns"] == -1


def test_reach_against_all_segmentations():
    """Batches of four aggressors on a grid; half a step is added to each."""
    excess = (
        np.array([2, 3, 1, 4, 3, 2, 2, 3, 1, 3, 4, 2, 2, 2, 3, 3, 5, 6, 3, 5, 5, 4, 6, 3]) * 1e-4
    )
    settings = {"batch": 4, "warm_up": 2, "hazard": 0.1, "prior_shape": 2.0, "outlier": 1e6}
    seen = aggressors(excess * (1 + 1e-12), a_tick=4, step=1e-4)
    row = Driver("changepoint", settings).run(seen)[-1]
    sums = (excess + 0.5e-4).reshape(-1, 4).sum(axis=1)
    expected = _brute_force(sums[2:], 4.0, 0.1, 2.0, 2.0 * sums[:2].mean() / 4)
    _check_posterior(row, "reach_run_length", expected)


def test_longest_runs_are_one():
    """Constant variance: the posterior stays whole, and what is longest keeps its mean size."""
    driver = Driver("changepoint", {"longest": 8, "recent": 4})
    driver.run(buckets(np.full(200, SIGMA)))
    s = driver.state[0]
    assert s["runs"][1] == 9
    assert s["probability"][1, :9].sum() == pytest.approx(1.0, abs=1e-12)
    assert np.exp(s["log_weight"][1, :9]) == pytest.approx(s["probability"][1, :9], rel=1e-9)
    assert s["rate"][1, 8] == pytest.approx(s["rate"][1, 0] + 8 * 0.5 * SIGMA**2, rel=1e-9)


def test_alarms_against_delay():
    """The curve: stricter thresholds alarm falsely less, and find changes later."""
    for series, latest in (("volatility", 20), ("reach", 8)):
        points = operating_curve(range(12), (2.0,), (0.5, 0.9, 0.99), series, quiet=600)
        false = [p.false_alarms for p in points]
        delay = [p.delay for p in points]
        assert false == sorted(false, reverse=True), series
        assert false[1] < 0.5, series
        assert delay == sorted(delay), series
        assert delay[1] <= latest, series
        assert points[1].found >= 0.9, series
        assert points[1].alarms < 1.5, series


def test_alarm_is_counted_once_and_lasts():
    rng = np.random.default_rng(2)
    z = SIGMA * np.where(np.arange(400) < 200, 1.0, 4.0) * rng.normal(size=400)
    found = Driver("changepoint", {"lasts": 7}).run(buckets(z))
    alarms, flag = found["changepoint_alarms"], found["changepoint"]
    first = int(np.argmax(alarms > 0))
    assert 200 <= first < 210
    assert alarms[-1] == 1.0
    assert flag.sum() == 7
    assert flag[first : first + 7].all()


@pytest.mark.parametrize("name", ["volatility runs", "reach runs"])
def test_bounds_hold_the_run_length(name):
    case = next(c for c in cases.CASES if c.name == name)
    (belief,) = case.beliefs
    inside = 0
    for seed in range(250):
        world = case.draw(seed)
        driver = Driver("changepoint", case.parameters)
        row = driver.run(world.observations, every=len(world.observations))[-1]
        inside += row[f"{belief}_low"] <= world.truth[belief] <= row[f"{belief}_high"]
    assert 0.92 <= inside / 250 <= 0.995


def test_far_ones_do_not_alarm_alone():
    rng = np.random.default_rng(5)
    for size in (10.0, 100.0, 1e4):
        z = SIGMA * rng.normal(size=300)
        z[200] = size * SIGMA
        assert Driver("changepoint").run(buckets(z))["changepoint_alarms"][-1] == 0.0, size
        excess = rng.exponential(1 / KAPPA, 3000)
        excess[2000] = size / KAPPA
        assert Driver("changepoint").run(aggressors(excess))["changepoint_alarms"][-1] == 0.0, size


def test_units_of_time_do_not_matter():
    rng = np.random.default_rng(6)
    seen = buckets(SIGMA * np.repeat([1.0, 3.0], 100) * rng.normal(size=200))
    slow = seen.copy()
    slow["now"] *= 10
    slow["seconds"] *= 10
    one, other = (Driver("changepoint").run(o) for o in (seen, slow))
    assert other["run_length"] == pytest.approx(one["run_length"], rel=1e-9)
    assert (other["changepoint_alarms"] == one["changepoint_alarms"]).all()


def test_silence_and_bad_input_change_nothing():
    driver = Driver("changepoint")
    before = driver.run(buckets(SIGMA * np.random.default_rng(1).normal(size=100)))[-1]
    bad = buckets(np.array([np.nan, np.inf, 1e300, -1e300, 0.0, 0.0, 0.0]))
    bad["change"][4:] = 1e-4
    bad["seconds"][4:] = 0.0, -1.0, np.nan
    quiet = np.zeros(50, Observation)
    quiet["kind"] = CLOCK
    nothing = np.zeros(30, Observation)
    nothing["kind"] = AGGRESSOR
    nothing["half_spread"][:10] = np.nan
    nothing["half_spread"][10:20] = 1e-4
    nothing["reach"][10:20] = np.inf
    after = driver.run(np.concatenate([bad, quiet, nothing, quiet]))[-1]
    for name in after.dtype.names:
        if not name.endswith("_age_ns"):
            assert after[name] == before[name], name


def test_more_than_a_batch_counts_as_one_by_its_mean():
    """Fifty aggressors between ticks: one observation of ten, of the same mean."""
    rng = np.random.default_rng(4)
    driver = Driver("changepoint")
    driver.run(aggressors(rng.exponential(1 / KAPPA, 2000), a_tick=50))
    s = driver.state[0]
    assert s["count"][0] == 40
    assert s["aggressors"] == 0
    mean = s["rate"][0, 30] - s["rate"][0, 0]
    assert mean == pytest.approx(30 * 10 / KAPPA, rel=0.1)


def test_a_price_at_rest_says_nothing():
    found = Driver("changepoint").run(buckets(np.zeros(300)))
    assert (found["run_length_age_ns"] == -1).all()
    assert (found["changepoint"] == 0).all()
    moves = np.zeros(600)
    moves[300:] = SIGMA * np.random.default_rng(3).choice([-1.0, 1.0], 300)
    assert np.isfinite(Driver("changepoint").run(buckets(moves))["run_length"]).all()
    assert SECONDS > 0


def test_no_run_length_is_certain_from_the_start() -> None:
    rng = np.random.default_rng(9)
    seen = np.zeros(200, Observation)
    seen["kind"], seen["now"] = BUCKET, np.arange(1, 201) * 10**9
    seen["seconds"], seen["change"] = 1.0, rng.normal(0.0, 1e-4, 200)
    found = Driver("changepoint").run(seen)
    for name in ("run_length", "reach_run_length"):
        assert np.all(found[f"{name}_high"] > found[f"{name}_low"])
        assert np.all(found[f"{name}_sd"] > 0.0)
        assert np.all(found[f"{name}_high"] >= found[name])
