"""E23: the oracle's likelihood, the exact posterior, buckets, bursts, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, FILL, TOUCH, Observation
from simmm.estimators.outcomes import depth_decay
from simmm.estimators.outcomes.depth_fit import RING
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import depth_decay as world
from tests.estimators.outcome_fixture import (
    SIGMA,
    START_TS,
    UNKNOWN_SIGMA,
    WORLDS,
    case_named,
    clock,
    fill,
    judged,
    touch,
)
from tests.outside import oracle

FLAT = {"prior_touch_sd": 1e4, "prior_decay_sd": 1e4, "smoothing": 1.0}
NOISELESS = {"sigma": 0.0}


def fills_at(depth, adverse, every_s=10.0, ticks=120):
    """Fills at depths; the mid falls by 30 bps after adverse ones and rises after others."""
    count = len(depth)
    found = np.zeros((count, 4), Observation)
    found["kind"] = [TOUCH, FILL, TOUCH, CLOCK]
    seconds = (1.0 + np.arange(count))[:, None] * every_s + np.array([0.0, 0.1, 0.2, 9.0])
    found["now"] = START_TS + np.round(seconds * 1e9).astype(np.int64)
    found["mid"] = 1e5
    found["mid"][:, 2:] = np.where(adverse, 1e5 * 0.997, 1e5 * 1.003)[:, None]
    found["side"] = 1.0
    found["half_spread"] = 1e-4
    found["depth"] = np.asarray(depth)[:, None]
    seen = found.reshape(-1)
    last = seen[-1:].copy()
    rest = np.repeat(last, ticks)
    rest["now"] += (1 + np.arange(ticks)) * 1_000_000_000
    whole = np.concatenate([seen, rest])
    whole["exch_ts"] = whole["now"]
    return whole


def drawn(seed, count, touch_share=0.25, decay=8e-4):
    rng = np.random.default_rng(seed)
    depth = rng.exponential(6e-4, count)
    return depth, rng.random(count) < touch_share * np.exp(-depth / decay)


def test_the_oracles_likelihood_has_its_mode_here():
    known = oracle("r_regressions")["depth_decay"]
    name, touch_share, decay_bps = known["rows"][1]
    assert name == "binomial MLE"
    depth = 1e-4 * np.array(known["d"])
    driver = Driver("depth_decay", FLAT | {"touch_low": 0.0, "touch_high": 1.0})
    driver.run(fills_at(depth, np.array(known["y"]) == 1, ticks=400), NOISELESS)
    assert driver.state["outcomes"][0] == driver.state["fit_end"][0] == 1000
    found, log_decay = driver.state["x"][0]
    assert 1.0 / (1.0 + np.exp(-found)) == pytest.approx(touch_share, rel=1e-5)
    assert 1e4 * np.exp(log_decay) == pytest.approx(decay_bps, rel=1e-5)
    edges = [[low * 1e-4, high * 1e-4] for low, high in known["buckets"]]
    driver = Driver("depth_decay", {"bucket_weight": 1e-6})
    told = driver.run(fills_at(depth, np.array(known["y"]) == 1), NOISELESS)[-1]
    for number, ((low, high), share) in enumerate(zip(edges, known["p"], strict=True), 1):
        count = np.count_nonzero((depth >= low) & (depth < high))
        expected = (share * count + 0.5) / (count + 1.0)
        assert told[f"adverse_bucket_{number}"] == pytest.approx(expected, rel=2e-3)


def test_depth_counts_from_the_touch():
    """From the mid the same fills give less than alpha at the touch (B20)."""
    for half_spread_bps, from_mid, at_touch in oracle("r_regressions")["touch_ref"]:
        assert from_mid == pytest.approx(at_touch * np.exp(-half_spread_bps / 8.0))
    depth, adverse = drawn(3, 800)
    inside = np.where(depth < 1e-4, -2e-4, depth)  # inside the spread counts as the touch
    outside = np.where(depth < 1e-4, 0.0, depth)
    one = Driver("depth_decay").run(fills_at(inside, adverse), NOISELESS)[-1]
    other = Driver("depth_decay").run(fills_at(outside, adverse), NOISELESS)[-1]
    assert one == other
    assert one["adverse_touch"] == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("count", [60, 200, 600])
def test_posterior_is_the_exact_one(count):
    """Means and deviations of one fit against a fine grid, in the fit's own coordinates."""
    depth, adverse = drawn(count, count)
    driver = Driver("depth_decay", {"smoothing": 1.0, "refit_fills": count})
    found = driver.run(fills_at(depth, adverse), NOISELESS)[-1]
    touch_share, decay, weights = world.posterior(depth, adverse)
    of_touch, of_decay = weights.sum(axis=1), weights.sum(axis=0)
    mean = of_decay @ np.log(decay)
    deviation = np.sqrt(of_decay @ np.square(np.log(decay) - mean))
    assert driver.state["bursts"][0] < 1.3
    stretch = np.sqrt(driver.state["bursts"][0])
    assert np.log(found["adverse_decay"]) == pytest.approx(mean, abs=0.12 * deviation * stretch)
    assert found["adverse_decay_sd"] / found["adverse_decay"] == pytest.approx(
        deviation * stretch, rel=0.08
    )
    assert found["adverse_touch"] == pytest.approx(of_touch @ touch_share, abs=0.01)
    bounds = found["adverse_decay"] * np.exp(
        np.array([-1.96, 1.96]) * found["adverse_decay_sd"] / found["adverse_decay"]
    )
    assert [found["adverse_decay_low"], found["adverse_decay_high"]] == pytest.approx(
        list(bounds), rel=1e-3
    )


def test_alpha_stays_in_its_range():
    always = Driver("depth_decay").run(fills_at(np.zeros(300), np.ones(300, bool)), NOISELESS)[-1]
    never = Driver("depth_decay").run(fills_at(np.zeros(300), np.zeros(300, bool)), NOISELESS)[-1]
    assert 0.4 < always["adverse_touch"] < 0.5
    assert 0.01 < never["adverse_touch"] < 0.05
    assert always["adverse_bucket_1"] > 0.99


def test_fits_come_each_twenty_outcomes_and_are_smoothed():
    depth, adverse = drawn(1, 400)
    driver = Driver("depth_decay")
    seen = fills_at(depth, adverse, every_s=60.0, ticks=0)
    found = driver.run(seen, NOISELESS)
    assert driver.state["fits"][0] == 0 or driver.state["fits"][0] < 400 // 20
    seen = fills_at(depth[:20], adverse[:20])
    driver = Driver("depth_decay")
    found = driver.run(seen, NOISELESS)
    assert driver.state["fits"][0] == 1
    assert found["adverse_touch_age_ns"][75] == -1
    assert found["adverse_touch_age_ns"][-1] > 0
    smooth = driver.state["smooth"][0].copy()
    assert smooth == pytest.approx(driver.state["found"][0])
    more = fills_at(depth[20:40], adverse[20:40])
    more["now"] += seen["now"][-1] - START_TS
    more["exch_ts"] = more["now"]
    driver.run(more, NOISELESS)
    assert driver.state["fits"][0] == 2
    assert driver.state["smooth"][0] == pytest.approx(0.5 * (smooth + driver.state["found"][0]))


def test_the_ring_forgets_the_oldest():
    depth, adverse = drawn(2, RING + 200)
    adverse[:200] = True
    driver = Driver("depth_decay", {"smoothing": 1.0})
    whole = driver.run(fills_at(depth, adverse, ticks=400), NOISELESS)[-1]
    last = Driver("depth_decay", {"smoothing": 1.0}).run(
        fills_at(depth[200:], adverse[200:], ticks=400), NOISELESS
    )[-1]
    # The last fit began at a multiple of 20 or a little after; both saw nearly the same.
    assert whole["adverse_touch"] == pytest.approx(last["adverse_touch"], abs=0.02)


def test_noise_is_taken_out():
    """Fills that only noise makes adverse leave alpha near its least."""
    rng = np.random.default_rng(4)
    sigma = 4e-4
    depth = rng.exponential(6e-4, 800)
    deviation = sigma * np.sqrt(5.0)
    noise = 1.0 - stats.norm.cdf((5e-4 + deviation) / deviation)
    adverse = rng.random(800) < noise
    assert adverse.mean() > 0.04
    with_sigma = Driver("depth_decay").run(fills_at(depth, adverse), {"sigma": sigma})[-1]
    without = Driver("depth_decay").run(fills_at(depth, adverse), NOISELESS)[-1]
    assert with_sigma["adverse_touch"] < 0.04 < without["adverse_touch"]
    assert with_sigma["adverse_bucket_1"] < 0.03


def test_one_burst_told_many_times_is_no_more_certain():
    depth, adverse = drawn(6, 150)
    alone = Driver("depth_decay", {"smoothing": 1.0, "refit_fills": 150})
    one = alone.run(fills_at(depth, adverse), NOISELESS)[-1]
    many = fills_at(depth, adverse)
    places = np.sort(
        np.concatenate([np.arange(len(many)), *[np.flatnonzero(many["kind"] == FILL)] * 3])
    )
    bursts = Driver("depth_decay", {"smoothing": 1.0, "refit_fills": 600})
    four = bursts.run(many[places], NOISELESS)[-1]
    assert 3.0 < bursts.state["bursts"][0] < 5.0
    assert four["adverse_touch_sd"] == pytest.approx(one["adverse_touch_sd"], rel=0.2)


def test_without_sigma_or_fills_it_is_the_prior():
    depth, adverse = drawn(1, 60)
    found = Driver("depth_decay").run(fills_at(depth, adverse), UNKNOWN_SIGMA)[-1]
    assert found["adverse_touch_age_ns"] == found["adverse_decay_age_ns"] == -1
    assert found["adverse_decay"] == pytest.approx(1e-3)
    assert found["adverse_decay_low"] == pytest.approx(1e-3 * np.exp(-1.96), rel=1e-3)
    assert 0.13 < found["adverse_touch"] < 0.22
    assert found["adverse_bucket_3"] == pytest.approx(0.5)


def test_silence_holds():
    depth, adverse = drawn(1, 45)
    driver = Driver("depth_decay")
    before = driver.run(fills_at(depth, adverse), NOISELESS)[-1]
    quiet = np.concatenate([clock(1000.0 + k, 0.0) for k in range(300)])
    quiet = np.concatenate([quiet[:1], fill(1000.5, 1000.0, 1.0), quiet[1:]])
    after = driver.run(quiet, SIGMA)[-1]
    names = ("adverse_touch", "adverse_decay", "adverse_bucket_1")
    assert [after[name] for name in names] == [before[name] for name in names]
    assert driver.state["left_out"][0] == 1


def test_a_late_touch_settles_by_what_was_told_before():
    driver = Driver("depth_decay")
    rows = [touch(0.5, 1000.0), fill(1.0, 1000.0, 1.0), touch(6.0, 999.0), touch(6.1, 2000.0)]
    driver.run(np.concatenate(rows), SIGMA)
    assert driver.state["outcomes"][0] == 1
    assert driver.state["adverse"][0, 0] == 1.0


@pytest.mark.skipif(INTERPRETED, reason="many worlds")
@pytest.mark.parametrize("name", ["exponential in depth", "few fills", "loud noise", "bursts"])
def test_intervals_cover(name):
    worlds = WORLDS if name == "few fills" else 80
    slack = 0.03 if worlds == WORLDS else 0.07
    for belief, (held, width) in judged(
        "depth_decay", case_named(world.CASES, name), worlds
    ).items():
        assert 0.95 - slack <= held <= min(0.95 + slack, 1.0), (belief, held)
        assert width <= 1.25, belief


def test_a_share_lies_inside_its_own_interval():
    """However skewed its law."""
    for mean, deviation in [(1e-4, 0.05), (0.9999, 0.05), (0.002, 0.04), (0.3, 0.1)]:
        told = np.zeros(4)
        depth_decay._tell(told, mean, deviation)
        assert told[2] <= told[0] <= told[3], (mean, deviation)
