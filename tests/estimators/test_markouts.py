"""E22: markouts by hand and by brute force, bursts, noise that is not informed, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, FILL, TOUCH, Observation
from simmm.estimators.outcomes.clusters import wider
from simmm.estimators.outcomes.pending import MIDS, RING, noise_beyond
from simmm.estimators.outcomes.share import beta_counts, logistic_moments, share_beyond
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases.markouts import CASES
from tests.estimators.outcome_fixture import (
    SIGMA,
    START_TS,
    UNKNOWN_SIGMA,
    WORLDS,
    case_named,
    clock,
    fill,
    gap,
    judged,
    pairs,
    together,
    touch,
)
from tests.outside import oracle

HORIZONS = {"markout_500ms": 0.5, "markout_1s": 1.0, "markout_5s": 5.0, "markout_30s": 30.0}


def told(seen, given=SIGMA, **parameters):
    return Driver("markouts", parameters).run(seen, given, every=len(seen))[-1]


def test_the_mid_in_force_at_the_horizon_is_what_counts():
    """A change at the very time counts, a later one doesn't, and none in between does."""
    rows = []
    for k in range(8):
        t = 100.0 * (k + 1)
        rows += [touch(t - 1.0, 1000.0), fill(t, 1000.0, 1.0), touch(t + 0.2, 900.0)]
        rows += [touch(t + 0.5, 1001.0), touch(t + 0.500001, 1500.0), touch(t + 1.0, 1002.0)]
        rows += [touch(t + 4.9, 990.0), touch(t + 29.0, 1010.0), touch(t + 31.0, 500.0)]
        rows += [clock(t + 50.0, 500.0)]
    found = told(np.concatenate(rows))
    assert found["markout_500ms"] == pytest.approx(1e-3)
    assert found["markout_1s"] == pytest.approx(2e-3)
    assert found["markout_5s"] == pytest.approx(-1e-2)
    assert found["markout_30s"] == pytest.approx(1e-2)
    assert found["markout_30s_age_ns"] == pytest.approx(20e9, abs=2)


def later(rows, seconds):
    """The same, heard so long after the exchange's time."""
    rows["now"] += round(seconds * 1e9)
    return rows


def test_horizons_count_from_the_fill_not_from_its_answer():
    """Answers take 300 ms, the feed 20 ms; the mid moves on between both ends."""
    rows = []
    for k in range(8):
        t = 100.0 * (k + 1)
        for after, mid in ((-1.0, 1000.0), (0.45, 1001.0), (0.55, 1500.0), (0.9, 1002.0)):
            rows.append(later(touch(t + after, mid), 0.02))
        rows += [later(touch(t + 1.1, 1600.0), 0.02), later(fill(t, 1000.0, 1.0), 0.3)]
        rows += [later(touch(t + 4.9, 990.0), 0.02), later(touch(t + 5.1, 500.0), 0.02)]
        rows += [clock(t + 50.0, 500.0)]
    found = told(together(*rows))
    assert found["markout_500ms"] == pytest.approx(1e-3)
    assert found["markout_1s"] == pytest.approx(2e-3)
    assert found["markout_5s"] == pytest.approx(-1e-2)
    assert found["markout_5s_age_ns"] == pytest.approx(45e9, abs=2)


@pytest.mark.parametrize("clock_s", [0.1, 1.0])
@pytest.mark.parametrize("answer_s", [0.05, 0.7, 6.0])
@pytest.mark.parametrize("feed_s", [0.02, 0.3])
def test_nothing_hangs_on_how_late_the_feed_or_the_answer_is(feed_s, answer_s, clock_s):
    """The mid jumps 0.3 s after each fill; after half of them the touch flickers on."""
    rows, seconds, mids, mid = [], [], [], 1000.0
    for k in range(12):
        t, side = 40.0 * (k + 1), -1.0 if k % 2 else 1.0
        rows.append(later(fill(t, mid, side), answer_s))
        changes = [(t + 0.3, mid * (1.0 - 3e-4 * side))]
        changes += [
            (t + 0.5 + 0.04 * n, changes[0][1] * (1.0 + 1e-9 * n)) for n in range(k % 2 * 4)
        ]
        rows += [later(touch(at, told_mid), feed_s) for at, told_mid in changes]
        seconds += [at + feed_s for at, _ in changes]
        mids += [told_mid for _, told_mid in changes]
        mid = mids[-1]
    rows.insert(0, later(touch(0.0, 1000.0), feed_s))
    ticks = clock_s * np.arange(1.0, 560.0 / clock_s)
    shown = np.concatenate([[1000.0], mids])[np.searchsorted(seconds, ticks, side="right")]
    rows += [clock(at, of) for at, of in zip(ticks, shown, strict=True)]
    found = told(together(*rows))
    for belief in ("markout_500ms", "markout_1s", "markout_5s", "markout_30s"):
        assert found[belief] == pytest.approx(-3e-4, rel=1e-4), belief


def test_a_mid_that_is_no_longer_kept_settles_nothing():
    rows = [touch(0.0, 1000.0)]
    rows += [touch(1.0 + 0.001 * k, 1000.0 + k % 7) for k in range(MIDS)]
    rows += [later(fill(0.2, 1000.0, 1.0), 2.0), clock(60.0, 1000.0)]
    driver = Driver("markouts")
    driver.run(together(*rows), SIGMA)
    assert driver.state["left_out"][0] == 1  # at 0.5 s, before the oldest mid that is kept
    assert driver.state["open_n"][0, :4].tolist() == [0.0, 1.0, 1.0, 1.0]


def test_fills_dated_out_of_order_fall_due_in_theirs():
    rows = [touch(0.0, 1000.0), fill(5.0, 1000.0, 1.0), later(fill(4.0, 1000.0, 1.0), 1.1)]
    rows += [later(fill(9.0, 1000.0, 1.0), -3.5), clock(60.0, 1001.0)]
    driver = Driver("markouts")
    driver.run(together(*rows), SIGMA)
    times = driver.state["pending_ts"][0, :3] - START_TS
    assert times.tolist() == [5_000_000_000, 5_000_000_000, 5_500_000_000]  # none to come
    assert driver.state["left_out"][0] == 0


def test_selling_turns_the_sign():
    outcomes = [(100.0 * (k + 1), -1.0, -4e-4) for k in range(8)]
    found = told(pairs(outcomes))
    assert found["markout_5s"] == pytest.approx(-4e-4)


def random_fills(seed, count=300):
    rng = np.random.default_rng(seed)
    seconds = np.cumsum(rng.exponential(3.0, count))
    sides = rng.choice([-1.0, 1.0], count)
    change = np.sort(rng.uniform(0.0, seconds[-1] + 40.0, 4000))
    level = 1e5 * np.exp(np.cumsum(rng.normal(0.0, 2e-4, 4000)))
    before = level[np.maximum(np.searchsorted(change, seconds, side="right") - 1, 0)]
    found = np.zeros(count + 4000 + 1, Observation)
    found["kind"] = [TOUCH] * 4000 + [FILL] * count + [CLOCK]
    times = np.concatenate([change, seconds, [seconds[-1] + 41.0]])
    found["now"] = found["exch_ts"] = START_TS + np.round(times * 1e9).astype(np.int64)
    found["mid"] = np.concatenate([level, before, level[-1:]])
    found["side"][4000:-1] = sides
    found["step"] = 0.0
    found["half_spread"] = 1e-4
    found = found[np.argsort(found["now"], kind="stable")]
    after = {
        name: level[np.searchsorted(change, seconds + horizon, side="right") - 1] / before - 1.0
        for name, horizon in HORIZONS.items()
    }
    return found, seconds, sides, after


@pytest.mark.parametrize("name", list(HORIZONS))
def test_mean_and_deviation_against_brute_force(name):
    """Weighted mean and cluster-robust deviation, computed from the list of all fills."""
    weight, horizon = 0.02, HORIZONS[name]
    seen, seconds, sides, after = random_fills(5)
    found = told(seen, weight=weight, cluster_s=4.0)
    x = sides * after[name]
    span = max(horizon, 4.0)
    clusters, first = np.zeros(len(x), int), seconds[0]
    for i in range(1, len(x)):
        clusters[i] = clusters[i - 1]
        if seconds[i] - first > span:
            clusters[i], first = clusters[i] + 1, seconds[i]
    count = clusters[-1] + 1
    n = np.bincount(clusters)
    total = np.bincount(clusters, x)
    behind = np.cumsum(n[::-1])[::-1] - n  # outcomes after the cluster
    w = (1.0 - weight) ** behind
    mean = (w * total).sum() / (w * n).sum()
    error = w * (total - mean * n)
    own, beside = (error**2).sum(), (error[1:] * error[:-1]).sum()
    effective = (w * n).sum() ** 2 / ((w * n) ** 2).sum()
    variance = max(own, own + 2.0 * beside) / (w * n).sum() ** 2 * effective / (effective - 1.0)
    expected = np.sqrt(variance) * stats.t.ppf(0.975, effective - 1.0) / stats.norm.ppf(0.975)
    assert count > 10
    assert found[name] == pytest.approx(mean, rel=1e-9)
    assert found[f"{name}_sd"] == pytest.approx(expected, rel=2e-3)
    assert found[f"{name}_high"] - mean == pytest.approx(1.959964 * found[f"{name}_sd"], rel=1e-6)


@pytest.mark.parametrize("clusters", [4.0, 5.0, 9.0, 40.0])
def test_few_clusters_widen_as_student_says(clusters):
    expected = stats.t.ppf(0.975, clusters - 1.0) / stats.norm.ppf(0.975)
    assert wider(clusters) == pytest.approx(expected, rel=0.01)


def test_noise_beyond_a_threshold_is_the_oracles():
    for deviation_bps, _, one_sided, _ in oracle("r_regressions")["noise_informed"]:
        assert noise_beyond(1e-4, 0.0, 1e-4 * deviation_bps) == pytest.approx(one_sided, abs=1e-12)


def test_pure_noise_is_not_informed():
    """Noise of 2 bps against 1 bp: either way 62 % of fills move by more, and none is informed."""
    rng = np.random.default_rng(8)
    moves = rng.normal(0.0, 2e-4, 400)
    outcomes = [(60.0 * (k + 1), 1.0, float(m)) for k, m in enumerate(moves)]
    assert np.mean(np.abs(moves) > 1e-4) > 0.55
    sigma = {"sigma": 2e-4 / np.sqrt(0.5)}
    for floor in (0.0, 1.0):
        found = told(pairs(outcomes), sigma, informed_bps=1.0, noise_floor=floor, weight=1e-4)
        assert found["informed_share"] < 0.06
        assert found["informed_share_low"] < 0.01


def test_share_beyond_noise_against_integrals():
    for a, b, q in [(30.0, 70.0, 0.1), (12.0, 88.0, 0.1), (8.0, 92.0, 0.12), (3.0, 5.0, 0.3)]:
        law = stats.beta(a, b)
        grid = np.linspace(q, 1.0, 200_001)
        weights = law.pdf(grid)
        r = (grid - q) / (1.0 - q)
        mean = np.sum(weights * r) / np.sum(weights)
        deviation = np.sqrt(np.sum(weights * (r - mean) ** 2) / np.sum(weights))
        assert share_beyond(a, b, q) == pytest.approx((mean, deviation), rel=1e-3)
    mean, deviation = share_beyond(2.0, 5000.0, 0.1)  # far below the noise: the edge
    assert 0.0 < mean < 1e-3
    assert deviation == mean
    a, b = beta_counts(0.3, 0.05)
    assert stats.beta(a, b).mean() == pytest.approx(0.3)
    assert stats.beta(a, b).std() == pytest.approx(0.05)


@pytest.mark.parametrize(("centre", "deviation"), [(0.0, 0.3), (-1.5, 1.0), (2.0, 2.5)])
def test_moments_of_a_logistic_of_a_normal(centre, deviation):
    z = np.linspace(-9.0, 9.0, 20_001)
    weights = stats.norm.pdf(z)
    y = 1.0 / (1.0 + np.exp(-(centre + deviation * z)))
    mean = np.sum(weights * y) / np.sum(weights)
    spread = np.sqrt(np.sum(weights * (y - mean) ** 2) / np.sum(weights))
    assert logistic_moments(centre, deviation) == pytest.approx((mean, spread), rel=2e-3)


def test_informed_fills_are_counted_as_share():
    losses = ([-1e-3] + [1e-6] * 3) * 40
    outcomes = [(60.0 * (k + 1), 1.0, m) for k, m in enumerate(losses)]
    found = told(pairs(outcomes))
    assert found["informed_share"] == pytest.approx(0.25, abs=0.01)
    law = stats.beta(*beta_counts(found["informed_share"], found["informed_share_sd"]))
    assert found["informed_share_low"] == pytest.approx(law.ppf(0.025), rel=1e-6)
    assert found["informed_share_high"] == pytest.approx(law.ppf(0.975), rel=1e-6)


def test_a_move_in_favour_is_never_informed():
    outcomes = [(60.0 * (k + 1), 1.0, 1e-3) for k in range(60)]
    assert told(pairs(outcomes))["informed_share"] < 0.02


def test_without_sigma_nothing_is_called_informed():
    outcomes = [(60.0 * (k + 1), 1.0, -1e-3) for k in range(20)]
    found = told(pairs(outcomes), UNKNOWN_SIGMA)
    assert found["informed_share_age_ns"] == -1
    assert found["informed_share"] == pytest.approx(0.25)
    assert found["markout_5s"] == pytest.approx(-1e-3)


def test_a_drift_of_all_the_mid_is_not_adverse():
    """One that always sells into a rise loses by its position, not to whom it traded with."""
    rows = []
    for k in range(2000):
        mid = 1e5 * np.exp(1e-5 * k)
        rows.append(touch(float(k), mid))
        if k % 50 == 10:
            rows.append(fill(k + 0.25, mid, -1.0))
        rows.append(clock(k + 0.5, mid))
    found = told(np.concatenate(rows))
    assert found["markout_5s"] == pytest.approx(-5e-5, rel=0.01)
    assert abs(found["adverse"]) < 1e-6


def test_what_is_unknown_at_the_horizon_is_left_out():
    driver = Driver("markouts")
    lost = together(
        touch(0.5, 1000.0),
        fill(1.0, 1000.0, 1.0),  # the mid is unknown at 1.5 s, known again at 2 s
        touch(1.2, 0.0),
        touch(1.9, 1001.0),
        clock(9.0, 1001.0),
        fill(10.0, 1001.0, 1.0),  # unknown since some time before the tick
        clock(12.0, 0.0),
        touch(13.0, 1001.0),
        clock(19.0, 1001.0),
        fill(20.0, 1001.0, 1.0),  # and so in an interruption of the feed
        gap(20.7, 1001.0),
        touch(21.5, 1001.0),
        clock(60.0, 1001.0),
    )
    driver.run(lost, SIGMA)
    assert driver.state["left_out"][0] == 1 + 2 + 2
    assert driver.state["closed_n"][0, 0] + driver.state["open_n"][0, 0] == 0.0


def test_a_full_ring_passes_new_fills_over_and_stays_exact():
    rows = [touch(0.0, 1000.0)]
    rows += [fill(1.0 + 1e-3 * k, 1000.0, 1.0) for k in range(RING + 50)]
    rows += [touch(2.0, 1001.0), clock(40.0, 1001.0)]
    driver = Driver("markouts", {"cluster_s": 0.0})
    driver.run(np.concatenate(rows), SIGMA)
    assert driver.state["passed_over"][0] == 50
    assert driver.state["fills"][0] == RING
    driver.run(together(fill(41.0, 1001.0, 1.0), clock(80.0, 1001.0)), SIGMA)
    assert driver.state["fills"][0] == RING + 1


def test_silence_holds():
    outcomes = [(60.0 * (k + 1), 1.0, -1e-3 * (k % 2)) for k in range(10)]
    seen = pairs(outcomes)
    quiet = np.concatenate([clock(700.0 + 10.0 * k, 0.0) for k in range(400)])
    driver = Driver("markouts")
    before = driver.run(seen, SIGMA)[-1]
    after = driver.run(quiet, SIGMA)[-1]
    for name in (*HORIZONS, "adverse", "informed_share"):
        assert after[name] == before[name]
        assert after[f"{name}_sd"] == before[f"{name}_sd"]
        assert after[f"{name}_age_ns"] > before[f"{name}_age_ns"] > 0


def test_a_price_that_never_moves_is_not_certain():
    outcomes = [(60.0 * (k + 1), 1.0, 0.0) for k in range(10)]
    found = told(pairs(outcomes))
    assert found["markout_5s"] == 0.0
    assert found["markout_5s_sd"] == pytest.approx(0.5e-5 / 10.0, rel=0.05)


def test_nothing_is_said_of_few_bursts():
    found = told(pairs([(60.0 * (k + 1), 1.0, 1e-3) for k in range(3)]))
    assert found["markout_5s_age_ns"] == -1
    assert found["markout_5s"] == found["markout_5s_sd"] == 0.0


@pytest.mark.skipif(INTERPRETED, reason="many worlds")
@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "assumed"], ids=lambda c: c.name)
def test_intervals_cover(case):
    worlds = WORLDS if case.name == "sparse fills" else 150
    slack = 0.02 if worlds == WORLDS else 0.04
    for belief, (held, width) in judged("markouts", case, worlds).items():
        assert 0.95 - slack - 0.012 <= held <= 0.95 + slack + 0.02, (belief, held)
        assert width <= 1.25, belief


@pytest.mark.skipif(INTERPRETED, reason="many worlds")
def test_heavy_tails_are_told_as_what_they_are():
    held = judged("markouts", case_named(CASES, "heavy tails"), 80)
    assert held["adverse"][0] > 0.85
