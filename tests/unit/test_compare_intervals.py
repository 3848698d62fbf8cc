"""Intervals of differences: pairing pays, agrees with the reports, and covers what it should."""

import math
import shutil

import numpy as np
import pytest

from simmm.report import build
from simmm.report.compare import compare
from simmm.report.compare.series import (
    Grid,
    Series,
    binned,
    cluster_difference,
    cluster_sums,
    difference,
    make_grid,
    ratio,
    satterthwaite,
)
from simmm.report.intervals import student_975, weighted_mean
from tests.unit.report_fixture import START, S
from tests.unit.test_compare import edit, figure, twins


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on one market, and the second once more as if on another tape."""
    folder = tmp_path_factory.mktemp("runs")
    a, b = twins(folder, seconds=3600)
    apart = shutil.copytree(b, folder / "apart")
    edit(apart, lambda info: info["tape"].update(digest="9" * 64))
    return a, b, apart


@pytest.fixture(scope="module")
def both(runs):
    a, b, apart = runs
    return compare(a, b), compare(a, apart)


def width(one):
    return one.difference.high - one.difference.low


def test_paired_intervals_are_narrower_for_runs_that_move_together(both):
    paired, unpaired = both
    assert paired.pairing.paired
    assert not unpaired.pairing.paired
    assert "the tapes differ" in unpaired.notes[0]
    for key in ("net", "spread", "holding", "net_bps", "fills", "edge_5s", "position"):
        one, other = figure(paired, key), figure(unpaired, key)
        assert one.difference.value == other.difference.value
        assert width(one) < 0.8 * width(other), key
    assert width(figure(paired, "sharpe")) < width(figure(unpaired, "sharpe"))


def test_unpaired_errors_are_those_of_the_two_reports(runs, both):
    reports = [build(folder) for folder in (runs[0], runs[2])]
    for key, of in (
        ("net", lambda r: r.profit.net.se),
        ("sharpe", lambda r: r.risk.sharpe_day_se),
        ("edge_0.5s", lambda r: r.markouts[0].edge.se),
        ("edge_30s", lambda r: r.markouts[9].edge.se),
        ("move_5s", lambda r: r.markouts[6].move.se),
    ):
        expected = math.hypot(*(of(report) for report in reports))
        assert figure(both[1], key).difference.se == pytest.approx(expected, rel=1e-9), key


def test_the_note_tells_what_independence_would_give(both):
    from simmm.report.words import amount

    paired, unpaired = both
    half = width(figure(unpaired, "net")) / 2
    group = next(group for group in paired.groups if group.title == "P&L")
    assert f"± {amount(half)} for net" in group.note


def noisy(draw, n, shared, own):
    """Two series with a common part that remembers, and parts of their own."""
    common = np.zeros(n)
    shocks = draw.normal(size=n) * shared
    for at in range(1, n):
        common[at] = 0.5 * common[at - 1] + shocks[at]
    return [common + own * draw.normal(size=n) for _ in range(2)]


def test_paired_intervals_cover_a_true_difference_as_often_as_they_say():
    draw = np.random.Generator(np.random.PCG64(5))
    n, truth, inside, widths = 1200, 30.0, 0, []
    grid = Grid(np.arange(n + 1) * 5 * S, 5.0, float(n))
    runs = 300
    for _ in range(runs):
        a, b = noisy(draw, n, 3.0, 1.0)
        b = b + truth / n
        found, why = difference(
            float(b.sum() - a.sum()), Series(a, grid), Series(b, grid), paired=True
        )
        assert not why
        inside += found.low <= truth <= found.high
        widths.append(found.se)
    assert 0.91 <= inside / runs <= 0.99
    assert np.mean(widths) == pytest.approx(math.sqrt(2 * n), rel=0.06)  # sd of the own parts


def test_unpaired_errors_add_up_in_squares():
    draw = np.random.Generator(np.random.PCG64(6))
    n = 4000
    grid = Grid(np.arange(n + 1) * 60 * S, 60.0, float(n))
    a, b = 2.0 * draw.normal(size=n), 1.0 * draw.normal(size=n)
    found, _ = difference(0.0, Series(a, grid), Series(b, grid), paired=False)
    assert found.se == pytest.approx(math.sqrt(5 * n), rel=0.1)


def test_degrees_of_freedom_of_a_sum():
    assert satterthwaite([2.0, 2.0], [10.0, 10.0]) == pytest.approx(20.0)
    assert satterthwaite([5.0, 0.0], [7.0, 3.0]) == pytest.approx(7.0)
    # welch's textbook form, with n s^2 / n as the variances
    assert satterthwaite([1.0, 4.0], [9.0, 4.0]) == pytest.approx(25 / (1 / 9 + 16 / 4))


def test_influence_of_a_ratio_is_its_derivative():
    draw = np.random.Generator(np.random.PCG64(7))
    above, below = draw.normal(size=50), draw.random(50)
    grid = Grid(np.arange(51) * S, 1.0, 50.0)
    value = above.sum() / below.sum()
    found = ratio(grid, above, below, value)
    for at in (0, 17, 49):
        weight = np.ones(50)
        weight[at] += 1e-6
        moved = (weight * above).sum() / (weight * below).sum()
        assert (moved - value) / 1e-6 == pytest.approx(found.influence[at], abs=1e-5)
    assert ratio(grid, above, np.zeros(50), value) is None


def test_clusters_of_one_run_against_nothing_are_those_of_the_markouts():
    draw = np.random.Generator(np.random.PCG64(8))
    values, weights = draw.normal(size=200), draw.random(200) + 0.5
    cluster = np.sort(draw.integers(0, 30, 200))
    alone = weighted_mean(values, weights, cluster)
    sums = cluster_sums(values, weights, cluster, alone.value)
    found, _ = cluster_difference(alone.value, dict.fromkeys(sums, 0.0), sums, paired=True)
    assert found.se == pytest.approx(alone.se, rel=1e-12)
    assert found.high == pytest.approx(alone.high, rel=1e-12)


def test_clusters_pair_by_their_label():
    a = {0: 1.0, 1: -1.0, 2: 0.0}
    b = {0: 1.5, 1: -1.0, 3: -0.5}
    found, _ = cluster_difference(0.0, a, b, paired=True)
    assert found.se == pytest.approx(math.sqrt((0.25 + 0.25) * 4 / 3))
    assert found.high == pytest.approx(found.se * student_975(3))
    same, why = cluster_difference(0.0, a, dict(a), paired=True)
    assert same.low is None
    assert why == "the same throughout"


def test_a_grid_covers_its_time_and_bins_fills_once():
    grid = make_grid(START, START + 100 * S + S // 2, S)
    assert len(grid.ts) == 101
    assert grid.scale == pytest.approx(100.5)
    at = np.array([START, START + 1, START + S, START + S + 1, START + 100 * S, START + 101 * S])
    counts = binned(grid, at)
    assert counts[:2].tolist() == [2.0, 1.0]
    assert counts[-1] == 1.0
    assert counts.sum() == 4.0
    assert make_grid(START, START + 15 * S, S) is None
    assert make_grid(START, START, S) is None
    long = make_grid(START, START + 200_000 * S, S)
    assert 10_000 < len(long.ts) <= 12_001
    assert long.step_s == 17.0
