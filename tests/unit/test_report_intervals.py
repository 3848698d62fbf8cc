"""Exact sums, Student's quantiles, clustered means and long-run variances."""

import math

import numpy as np
import pytest
from scipy import stats

from simmm.report import intervals


def test_exact_sum_does_not_overflow():
    values = np.array([2**62, 2**62, 2**62, -(2**61), -5, 7], np.int64)
    assert intervals.exact_sum(values) == 3 * 2**62 - 2**61 + 2
    assert intervals.exact_sum(np.array([], np.int64)) == 0


@pytest.mark.parametrize("size", [1000, 2**40])
def test_exact_dot_agrees_with_python_integers(size):
    draw = np.random.Generator(np.random.PCG64(3))
    a, b = draw.integers(-size, size, 500), draw.integers(-size, size, 500)
    assert intervals.exact_dot(a, b) == sum(
        x * y for x, y in zip(a.tolist(), b.tolist(), strict=True)
    )


def test_student_quantile_agrees_with_scipy():
    for freedom in (*range(1, 41), 11.5, 63.7, 200, 10_000):
        whole = int(freedom) if freedom < 11 else freedom
        assert intervals.student_975(freedom) == pytest.approx(stats.t.ppf(0.975, whole), abs=3e-5)
    assert intervals.student_975(0.3) == pytest.approx(stats.t.ppf(0.975, 1))


def test_clusters_of_one_and_equal_weights_give_the_textbook_standard_error():
    draw = np.random.Generator(np.random.PCG64(4))
    values = draw.normal(size=60)
    found = intervals.weighted_mean(values, np.ones(60), np.arange(60))
    assert found.value == pytest.approx(values.mean())
    assert found.se == pytest.approx(stats.sem(values))
    low, high = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_copies_inside_a_cluster_do_not_narrow_the_interval():
    values = np.array([1.0, 3.0, 2.0, 5.0])
    once = intervals.weighted_mean(values, np.ones(4), np.arange(4))
    often = intervals.weighted_mean(values.repeat(9), np.ones(36), np.arange(4).repeat(9))
    assert (often.value, often.se) == pytest.approx((once.value, once.se))
    assert often.clusters == 4


def test_one_cluster_has_no_interval_and_nothing_has_no_value():
    found = intervals.weighted_mean(np.array([1.0, 2.0]), np.ones(2), np.zeros(2, int))
    assert found.value == 1.5
    assert found.low is None
    assert intervals.weighted_mean(np.array([]), np.array([]), np.array([])).value is None


def test_long_run_variance_of_independent_and_of_persistent_series():
    draw = np.random.Generator(np.random.PCG64(5))
    noise = draw.normal(size=20_000)
    assert intervals.long_run_variance(noise, 10).variance == pytest.approx(1, abs=0.1)
    persistent = np.zeros(20_000)
    for k in range(1, 20_000):
        persistent[k] = 0.8 * persistent[k - 1] + noise[k]
    found = intervals.long_run_variance(persistent, 10)
    assert found.variance == pytest.approx(1 / (1 - 0.8) ** 2, rel=0.2)
    assert found.lags > 10


def test_long_run_variance_agrees_with_its_definition():
    x = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 2.0, 2.0, -4.0, 1.0, 0.0, 1.5, -0.5])
    found = intervals.long_run_variance(x, 3)
    y = x - x.mean()
    direct = sum(
        (1 - abs(i - j) / (found.lags + 1)) * y[i] * y[j]
        for i in range(12)
        for j in range(12)
        if abs(i - j) <= found.lags
    )
    assert found.lags == 3  # a quarter of the values at most
    assert found.variance == pytest.approx(direct / 12)


def test_intervals_of_a_persistent_series_cover_its_mean():
    covered, runs = 0, 300
    draw = np.random.Generator(np.random.PCG64(6))
    for _ in range(runs):
        noise = draw.normal(size=800)
        x = np.convolve(noise, np.ones(10), "valid")  # sums of ten: strongly autocorrelated
        found = intervals.long_run_variance(x, 60)
        error = intervals.student_975(found.freedom) * math.sqrt(found.variance / len(x))
        covered += abs(x.mean()) <= error
    assert 0.91 <= covered / runs <= 0.98


def test_quantiles_are_values_that_occur():
    found = intervals.quantiles(np.array([4.0, 1.0, 2.0, 3.0, 100.0]))
    assert found == {"p05": 1.0, "p25": 2.0, "p50": 3.0, "p75": 4.0, "p95": 100.0, "mean": 22.0}
    assert set(intervals.quantiles(np.array([])).values()) == {None}
