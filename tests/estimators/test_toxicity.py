"""E24: the regression against batch fits, features by hand, skill, coverage, calibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, ASK, BID, KINDS, TOUCH, Observation
from simmm.estimators.outcomes import toxicity
from simmm.estimators.outcomes.logistic import SIZE, forget_to_prior, learn, start_logistic
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases.toxicity import CASES, TRUTH
from simmm.study.recovery.worlds.logistic import exact_posterior
from tests.estimators.outcome_fixture import (
    START_TS,
    WORLDS,
    case_named,
    clock,
    fill,
    judged,
    row,
    together,
    touch,
)

ALL = {
    "sigma": 1e-6,
    "imbalance": 0.0,
    "jump_probability": 0.0,
    "hawkes_base": 1.0,
    "hawkes_intensity": 1.0,
}
UNKNOWN = {
    "sigma": 1e-6,
    "imbalance_age_ns": -1.0,
    "jump_probability_age_ns": -1.0,
    "hawkes_intensity_age_ns": -1.0,
}


def regression():
    return np.zeros(1, toxicity.State).view(np.recarray)[0]


def test_learning_goes_to_the_batch_posterior():
    """After many outcomes the posterior is near the mode and curvature of them all together."""
    rng = np.random.default_rng(3)
    truth = np.array([-0.8, 0.9, -0.5, 0.3, 0.0, 0.6, -0.2])
    x = np.concatenate([np.ones((150, 1)), rng.normal(0.0, 1.0, (150, SIZE - 1))], axis=1)
    y = (rng.random(150) < 1.0 / (1.0 + np.exp(-x @ truth))).astype(float)
    s = regression()
    start_logistic(s, -1.0, 1.5, 0.7)
    for i in range(150):
        forget_to_prior(s, 0.0, -1.0, 1.5, 0.7)
        learn(s, x[i], y[i])
    precision = np.diag([1.5**-2] + [0.7**-2] * (SIZE - 1))
    middle = np.array([-1.0] + [0.0] * (SIZE - 1))

    def loss(m):
        u = x @ m
        return np.sum(np.logaddexp(0.0, u) - y * u) + 0.5 * (m - middle) @ precision @ (m - middle)

    mode = optimize.minimize(loss, middle, method="BFGS", tol=1e-10).x
    p = 1.0 / (1.0 + np.exp(-x @ mode))
    deviation = np.sqrt(np.diag(np.linalg.inv(x.T * (p * (1.0 - p)) @ x + precision)))
    assert np.asarray(s.coefficient) == pytest.approx(mode, abs=0.35 * deviation.max())
    assert np.sqrt(np.diag(s.covariance)) == pytest.approx(deviation, rel=0.1)
    assert np.asarray(s.precision) @ np.asarray(s.covariance) == pytest.approx(
        np.eye(SIZE), abs=1e-9
    )
    assert np.asarray(s.precision) @ np.asarray(s.coefficient) == pytest.approx(
        np.asarray(s.linear), abs=1e-8
    )


def test_mean_and_variance_after_one_outcome_are_exact():
    s = regression()
    start_logistic(s, -1.0, 1.5, 0.7)
    x = np.array([1.0, 2.0, -1.0, 0.5, 0.0, 3.0, -2.0])
    learn(s, x, 1.0)
    prior = np.array([1.5**2] + [0.7**2] * (SIZE - 1))
    middle = np.array([-1.0] + [0.0] * (SIZE - 1))
    variance = x @ (prior * x)
    u = middle @ x + np.sqrt(variance) * np.linspace(-12.0, 12.0, 200_001)
    weights = np.exp(-0.5 * np.square(u - middle @ x) / variance) / (1.0 + np.exp(-u))
    mean = np.sum(weights * u) / np.sum(weights)
    spread = np.sum(weights * np.square(u - mean)) / np.sum(weights)
    moved = prior * x * (mean - middle @ x) / variance
    assert np.asarray(s.coefficient) == pytest.approx(middle + moved, rel=2e-3)
    assert x @ np.asarray(s.covariance) @ x == pytest.approx(spread, rel=5e-3)
    assert np.linalg.inv(s.precision) == pytest.approx(np.asarray(s.covariance), abs=1e-9)
    assert np.asarray(s.precision) @ np.asarray(s.coefficient) == pytest.approx(
        np.asarray(s.linear), abs=1e-8
    )


def test_forgetting_ends_at_the_prior():
    s = regression()
    start_logistic(s, -1.0, 1.5, 0.7)
    for k in range(20):
        learn(s, np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]), float(k % 3 > 0))
    assert s.coefficient[1] != 0.0
    for _ in range(100):
        forget_to_prior(s, 0.25, -1.0, 1.5, 0.7)
    assert np.asarray(s.coefficient) == pytest.approx([-1.0] + [0.0] * 6, abs=1e-9)
    assert np.diag(s.covariance) == pytest.approx([2.25] + [0.49] * 6)


def looked(seen, given, ends="CLOCK"):
    driver = Driver("toxicity")
    driver.run(seen, given)
    assert KINDS[seen["kind"][-1]] == ends
    return driver.state[0]


def test_features_as_if_bought():
    given = ALL | {"imbalance": 0.4, "jump_probability": 0.3, "hawkes_intensity": 4.0}
    one = clock(10.0, 1000.0)
    one["touch_lots"][0, ASK], one["touch_lots"][0, BID] = 30.0, 10.0
    one["half_spread"] = 2e-4
    sold = row(AGGRESSOR, 5.0, 1000.0, side=-1.0)
    sold["lots"] = 8.0
    s = looked(np.concatenate([sold, one]), given)
    assert s["raw"] == pytest.approx([0.5, 4.0 / 12.0, -0.4, 0.3, np.log(4.0), np.log(2e-4)])
    assert s["known"].tolist() == [1.0] * 6


def test_a_fill_sees_nothing_that_came_after_the_tick_before_it():
    """What the feed shows between a fill and its answer may be what followed the fill."""
    before = [row(AGGRESSOR, 1.0, 1000.0, side=1.0), clock(2.0, 1000.0)]
    after = row(TOUCH, 2.5, 1001.0)
    after["touch_lots"] = (90.0, 1.0)
    own = row(AGGRESSOR, 2.4, 1000.0, side=-1.0)
    own["lots"] = 500.0
    heard = fill(4.0, 1000.0, 1.0)
    heard["exch_ts"] = START_TS + 2_300_000_000
    tick = clock(3.0, 1001.0)
    tick["touch_lots"] = (90.0, 1.0)
    with_all = looked(together(*before, own, after, tick, heard), ALL, "FILL")
    alone = looked(together(*before, heard), ALL, "FILL")
    assert np.array_equal(with_all["raw"], alone["raw"])
    assert with_all["raw"][0] == looked(together(*before), ALL)["raw"][0]


def test_a_fill_without_a_tick_before_it_is_left_out():
    heard = fill(4.0, 1000.0, 1.0)
    heard["exch_ts"] = START_TS + 1_000_000_000
    assert looked(together(clock(2.0, 1000.0), heard), ALL, "FILL")["fills"] == 0


def test_silence_takes_the_flow_out():
    bought = row(AGGRESSOR, 1.0, 1000.0, side=1.0)
    s = looked(together(bought, clock(2.0, 1000.0), clock(200.0, 1000.0)), ALL)
    assert abs(s["raw"][1]) < 1e-10


def test_features_turn_with_the_side():
    rows = [clock(float(k), 1000.0) for k in range(1, 40)]
    rng = np.random.default_rng(1)
    for one in rows:
        one["touch_lots"] = rng.exponential(10.0, (1, 2))
        one["half_spread"] = rng.uniform(1e-4, 3e-4)
    bought = looked(np.concatenate([*rows, fill(50.0, 1000.0, 1.0)]), ALL, "FILL")["x"].copy()
    sold = looked(np.concatenate([*rows, fill(50.0, 1000.0, -1.0)]), ALL, "FILL")["x"]
    assert bought[1] == pytest.approx(-sold[1])
    assert bought[1] != 0.0
    assert bought[4:] == pytest.approx(sold[4:])
    lots = np.concatenate(rows)["touch_lots"]
    raw = (lots[:, ASK] - lots[:, BID]) / lots.sum(axis=1)
    assert bought[1] == pytest.approx(raw[-1] / np.sqrt(np.mean(raw**2)))
    spread = np.log(np.concatenate(rows)["half_spread"])
    assert bought[6] == pytest.approx((spread[-1] - spread.mean()) / spread.std(), rel=1e-9)


def test_what_is_unknown_counts_as_its_mean():
    s = looked(np.concatenate([clock(float(k), 1000.0) for k in range(1, 30)]), UNKNOWN)
    assert s["known"].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert s["x"][2:6].tolist() == [0.0] * 4


def adverse_fills(count, loss_of):
    rows = []
    for k in range(count):
        t = 20.0 * (k + 1)
        one = clock(t - 1.0, 1000.0)
        lots, side, move = loss_of(k)
        one["touch_lots"][0] = lots
        rows += [one, fill(t, 1000.0, side), touch(t + 1.0, 1000.0 * (1.0 - side * move))]
        rows += [clock(t + 8.0, 1000.0)]
    return np.concatenate(rows)


def test_learns_that_an_empty_queue_is_toxic():
    """Bids are hurt when the bid queue is thin, asks when the ask queue is."""
    rng = np.random.default_rng(2)

    def outcome(k):
        lots = rng.exponential(10.0, 2)
        side = rng.choice([-1.0, 1.0])
        against = (lots[ASK] - lots[BID]) * side > 0.0
        return lots, side, 1e-3 if against else -1e-3

    seen = adverse_fills(200, outcome)
    thin_bid = [clock(10_000.0 + k, 1000.0) for k in range(2)]
    for one in thin_bid:
        one["touch_lots"][0, BID], one["touch_lots"][0, ASK] = 1.0, 20.0
    found = Driver("toxicity").run(np.concatenate([seen, *thin_bid]), ALL)[-1]
    assert found["toxicity_bid"] > 0.85
    assert found["toxicity_ask"] < 0.15
    assert found["toxicity_skill"] > 0.4
    assert found["toxicity_fills"] == 200.0
    law = stats.beta(*toxicity.beta_counts(found["toxicity_bid"], found["toxicity_bid_sd"]))
    assert found["toxicity_bid_low"] == pytest.approx(law.ppf(0.025), rel=1e-6)
    assert found["toxicity_bid_high"] == pytest.approx(law.ppf(0.975), rel=1e-6)


def test_without_truth_in_the_features_there_is_no_skill():
    rng = np.random.default_rng(5)

    def outcome(k):
        return rng.exponential(10.0, 2), rng.choice([-1.0, 1.0]), rng.choice([1e-3, -1e-3])

    skills = [Driver("toxicity").run(adverse_fills(120, outcome), ALL)[-1] for _ in range(12)]
    mean = np.mean([found["toxicity_skill"] for found in skills])
    assert -0.12 < mean < 0.005


def test_many_outcomes_at_once_are_learned_from_in_turn():
    rows = [clock(0.5, 1000.0)]
    rows += [fill(1.0 + 1e-3 * k, 1000.0, 1.0) for k in range(50)]
    rows += [touch(1.5, 999.0), touch(100.0, 2000.0)]
    driver = Driver("toxicity")
    driver.run(np.concatenate(rows), ALL)
    assert driver.state["settled"][0].tolist() == [50, 4]
    driver.run(np.concatenate([touch(101.0 + k, 2000.0) for k in range(15)]), ALL)
    assert driver.state["settled"][0].tolist() == [50, 50]
    assert driver.state["fills_learned"][0] == 50
    assert driver.state["base_adverse"][0] > 45.0  # by the mid when each was due


def test_a_small_move_is_noise():
    sigma = {**ALL, "sigma": 1e-3}
    floor = 1e-3 * np.sqrt(5.0)
    below = Driver("toxicity").run(
        adverse_fills(40, lambda k: ([10.0, 10.0], 1.0, 0.9 * floor)), sigma
    )
    above = Driver("toxicity").run(
        adverse_fills(40, lambda k: ([10.0, 10.0], 1.0, 1.1 * floor)), sigma
    )
    assert below["toxicity_bid"][-1] < 0.1
    assert above["toxicity_bid"][-1] > 0.9


def test_it_is_the_prior_before_any_fill_and_holds_in_silence():
    found = Driver("toxicity").run(np.concatenate([clock(float(k), 1e3) for k in range(9)]), ALL)
    assert found["toxicity_bid_age_ns"][-1] == -1
    assert found["toxicity_bid"][-1] == found["toxicity_ask"][0]
    driver = Driver("toxicity")
    seen = adverse_fills(30, lambda k: ([10.0, 10.0], 1.0, 1e-3 * (-1.0) ** k))
    before = driver.run(seen, ALL)[-1]
    after = driver.run(np.concatenate([clock(5000.0 + k, 0.0) for k in range(50)]), ALL)[-1]
    for name in ("toxicity_bid", "toxicity_ask", "toxicity_bid_sd", "toxicity_skill"):
        assert after[name] == before[name]


def test_anything_finite_gives_something_finite():
    rng = np.random.default_rng(7)
    wild = np.array([0.0, -1.0, 1.0, 1e300, -1e300, 1e-300, 0.5, 1e5])
    seen = np.zeros(400, Observation)
    for name in ("mid", "half_spread", "step", "lots", "side", "reach", "depth"):
        seen[name] = rng.choice(wild, 400)
    seen["side"] = rng.choice([-1.0, 1.0, 0.0], 400)
    seen["touch_lots"] = rng.choice(wild, (400, 2))
    seen["kind"] = rng.choice(len(KINDS), 400)
    seen["now"] = np.cumsum(rng.choice([0, 10**9, 10**10], 400))
    given = {name: rng.choice(wild, 400) for name in ALL}
    for name in ("markouts", "depth_decay", "toxicity"):
        known = {k: v for k, v in given.items() if name == "toxicity" or k == "sigma"}
        found = Driver(name).run(seen, known)
        for field in found.dtype.names:
            if field not in known:
                assert np.all(np.isfinite(found[field].astype(float))), (name, field)


@pytest.mark.skipif(INTERPRETED, reason="many worlds")
@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "assumed"], ids=lambda c: c.name)
def test_intervals_cover(case):
    worlds = WORLDS if case.name == "few fills" else 80
    slack = 0.03 if worlds == WORLDS else 0.07
    for belief, (held, width) in judged("toxicity", case, worlds).items():
        assert 0.95 - slack <= held <= min(0.95 + slack, 1.0), (belief, held)
        assert width <= 1.25, belief


def walked(x, y, centre, deviation, at, chains=500, steps=3000):
    """Mean and deviation of the chance by many Metropolis walks."""
    rng = np.random.default_rng(11)
    prior = 1.0 / np.square(deviation)

    def height(m):
        odds = m @ x
        past = -0.5 * np.square(m - centre) @ prior
        return odds @ y - np.logaddexp(0.0, odds).sum(axis=1) + past

    now = centre + deviation * rng.normal(size=(chains, len(centre)))
    here, total, squares, kept = height(now), 0.0, 0.0, 0
    spread = np.cov(now.T)
    for step in range(steps):
        if step % 50 == 0:
            spread = np.cov(now.T)
        jump = rng.multivariate_normal(np.zeros(len(centre)), spread, chains, method="cholesky")
        there = now + 2.38 / np.sqrt(len(centre)) * jump
        level = height(there)
        go = np.log(rng.random(chains)) < level - here
        now, here = np.where(go[:, None], there, now), np.where(go, level, here)
        if step >= steps // 3:
            chance = 1.0 / (1.0 + np.exp(-now @ at.T))
            total, squares, kept = total + chance, squares + chance**2, kept + 1
    mean, square = np.mean(total, axis=0) / kept, np.mean(squares, axis=0) / kept
    return mean, np.sqrt(square - mean**2)


@pytest.mark.skipif(INTERPRETED, reason="many steps")
def test_the_ideal_of_few_fills_is_the_exact_posterior():
    rng = np.random.default_rng(6)
    centre = np.array([-1.1] + [0.0] * 6)
    deviation = np.array([1.5, 1.2, 2.0, 1.2, 4.4, 1.4, 2.3])
    x = np.concatenate((np.ones((1, 25)), rng.normal(0.0, 0.4, (6, 25))))
    y = (rng.random(25) < 1.0 / (1.0 + np.exp(-(centre + deviation * 1.3) @ x))).astype(float)
    at = np.concatenate((np.ones((4, 1)), rng.normal(0.0, 0.5, (4, 6))), axis=1)
    mean, sd = walked(x, y, centre, deviation, at)
    found, spread = exact_posterior(x, y, centre, deviation, at, rng)
    assert np.all(np.abs(found - mean) < 0.08 * sd)  # of 3,000 draws
    assert spread == pytest.approx(sd, rel=0.06)
    found, spread = exact_posterior(x, y, centre, deviation, at, rng, 60_000)
    assert np.all(np.abs(found - mean) < 0.02 * sd)
    assert spread == pytest.approx(sd, rel=0.02)


@pytest.mark.skipif(INTERPRETED, reason="many worlds")
def test_few_fills_are_used_nearly_as_well_as_can_be():
    """What is believed lies near the exact posterior's mean, in its deviations."""
    case = case_named(CASES, "few fills")
    away, errors, wide = [], [], []
    for seed in range(250):
        world = case.draw(500 + seed)
        found = Driver("toxicity").run(world.observations, world.given)[-1]
        for name, best in world.ideal.items():
            sd = world.ideal_sd[name]
            away.append((found[name] - best) / sd)
            errors.append((found[name] - world.truth[name]) ** 2 / sd**2)
            wide.append((found[f"{name}_high"] - found[f"{name}_low"]) / (3.92 * sd))
    assert np.sqrt(np.mean(np.square(away))) < 0.4
    assert 1.0 / np.mean(errors) > 0.8
    assert np.mean(wide) < 1.15


@pytest.mark.skipif(INTERPRETED, reason="many worlds")
def test_chances_are_calibrated():
    """Truth regressed on what is believed has a slope near one."""
    told, truth = [], []
    case = case_named(CASES, "few fills")  # truth is drawn from the prior
    for seed in range(250):
        world = case.draw(500 + seed)
        found = Driver("toxicity").run(world.observations, world.given)[-1]
        for name, chance in world.truth.items():
            told.append(found[name])
            truth.append(chance)
    slope, constant = np.polyfit(told, truth, 1)
    assert slope == pytest.approx(1.0, abs=0.08)
    assert constant == pytest.approx(0.0, abs=0.04)
    assert len(TRUTH) == SIZE


def test_the_clock_tells_the_sides_in_turns():
    seen = adverse_fills(30, lambda k: ([10.0, 10.0], 1.0, 1e-3 * (-1.0) ** k))
    driver = Driver("toxicity")
    driver.run(seen, ALL)
    one = clock(1000.0, 1000.0)
    one["touch_lots"][0, BID] = 100.0
    again = one.copy()
    again["now"] += 10**9
    found = driver.run(np.concatenate([one, again]), ALL)
    changed = found["toxicity_bid"][0] != found["toxicity_bid"][1]
    assert changed != (found["toxicity_ask"][0] != found["toxicity_ask"][1])
