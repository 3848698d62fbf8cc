"""E8: both sides' kappa around the market's; against quadrature, E12 and worlds."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import FILL
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import own_kappa as cases
from simmm.study.recovery.worlds.own_quotes import clocks, path, quote
from tests.estimators.senseless import of_own_orders

ASK, BID = 0, 1
WORLDS = 4 if INTERPRETED else 500
KNOWN = {"market_kappa": 2000.0, "market_kappa_age_ns": 0, "markout_5s_age_ns": -1}


def _last(observations, given=None, parameters=None):
    driver = Driver("own_kappa", parameters)
    return driver.run(observations, given or KNOWN, every=len(observations))[-1]


def _quotes(seed, ticks, kappa=(2000.0, 2000.0), arrival=0.3):
    rng = np.random.default_rng(seed)
    distance = np.stack([path(rng, ticks, 10, 1e-4, 2e-3) for _ in range(2)])
    return quote(rng, np.full(2, arrival), np.array(kappa), distance)


def _profile(rows, quotes, log_kappa):
    """Log-likelihood of each side over ln kappa, with A integrated out on a grid."""
    weight = np.full(quotes.distance.shape[1], quotes.tick_s)
    weight[[0, -1]] *= 0.5
    log_a = np.linspace(-9.0, 4.0, 600)
    found = []
    for side in range(2):
        mine = rows[(rows["kind"] == FILL) & (rows["side"] == 2 * side - 1)]
        integral = (np.exp(-np.exp(log_kappa)[:, None] * quotes.distance[side]) * weight).sum(-1)
        log_p = mine.size * log_a - integral[:, None] * np.exp(log_a)
        log_p = log_p - (log_a - np.log(0.1)) ** 2 / 8.0
        top = log_p.max(axis=1, keepdims=True)
        whole = np.log(np.exp(log_p - top).sum(axis=1)) + top[:, 0]
        found.append(whole - np.exp(log_kappa) * mine["distance"].sum())
    return found


@pytest.mark.parametrize("ticks", [60, 200])
def test_posterior_of_both_sides_against_a_grid(ticks):
    quotes = _quotes(ticks, ticks, (1500.0, 2500.0))
    rows = quotes.observations
    log_kappa = np.linspace(np.log(100.0), np.log(20_000.0), 300)
    ask, bid = _profile(rows, quotes, log_kappa)
    away = log_kappa - np.log(2000.0)
    prior = np.linalg.inv([[0.25, 0.125], [0.125, 0.25]])  # shape 4, half of it shared
    log_p = ask[:, None] + bid[None, :] - prior[0, 1] * away[:, None] * away[None, :]
    log_p -= 0.5 * prior[0, 0] * (away[:, None] ** 2 + away[None, :] ** 2)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    last = _last(rows, parameters={"half_life_s": 0.0})
    mean = np.array([(p.sum(1) * log_kappa).sum(), (p.sum(0) * log_kappa).sum()])
    centred = log_kappa[:, None] - mean
    sd = np.sqrt([(p.sum(1) * centred[:, 0] ** 2).sum(), (p.sum(0) * centred[:, 1] ** 2).sum()])
    joint = (p * centred[:, 0][:, None] * centred[:, 1][None, :]).sum() / sd.prod()
    kappa = np.exp(log_kappa)
    for i, side in ((ASK, "ask_kappa"), (BID, "bid_kappa")):
        expected = (p.sum(1 - i) * kappa).sum()
        assert last[side] == pytest.approx(expected, abs=0.15 * sd[i] * expected)
        assert last[f"{side}_sd"] / last[side] == pytest.approx(sd[i], rel=0.15)
    assert last["side_correlation"] == pytest.approx(joint, abs=0.06)


def test_prior_is_the_markets_kappa():
    last = _last(clocks(3, 1.0)[:1], {**KNOWN, "market_kappa": 3000.0, "market_kappa_sd": 300.0})
    assert last["own_kappa"] == pytest.approx(3000.0)
    assert last["bid_kappa_sd"] / 3000.0 == pytest.approx(np.sqrt(0.25 + 0.01))
    assert last["side_correlation"] == pytest.approx((0.125 + 0.01) / (0.25 + 0.01))
    assert last["own_kappa_age_ns"] == 0
    unknown = _last(clocks(3, 1.0)[:1], {"market_kappa_age_ns": -1, "markout_5s_age_ns": -1})
    assert unknown["own_kappa"] == pytest.approx(2000.0)
    assert unknown["own_kappa_age_ns"] == -1


def test_with_plenty_of_fills_it_is_e12():
    rows = _quotes(4, 1500, arrival=2.0).observations
    pooled = Driver("exposure").run(rows, every=len(rows))[-1]
    last = _last(rows)
    assert last["own_kappa"] == pytest.approx(pooled["exposure_kappa"], rel=0.03)


def test_one_side_informs_the_other_by_what_they_share():
    quotes = _quotes(5, 1000, (800.0, 800.0), arrival=1.0)
    rows = quotes.observations[
        (quotes.observations["kind"] != FILL) | (quotes.observations["side"] < 0)
    ]
    rows["own"][:, BID] = 0
    moved = {}
    for shared in (0.0, 0.9):
        last = _last(rows, parameters={"shared": shared})
        assert last["ask_kappa"] == pytest.approx(800.0, rel=0.25)
        moved[shared] = last["bid_kappa"]
    assert moved[0.0] == pytest.approx(2000.0, rel=1e-6)
    assert moved[0.9] < 1200.0


def test_adverse_selection_enters_once_and_gently():
    row = clocks(1, 1.0)
    plain = _last(row)["own_kappa"]
    for markout, factor in ((-5e-4, np.exp(-0.5)), (-1e-4, np.exp(-0.1)), (-1e-2, 0.5), (5e-4, 1)):
        given = {**KNOWN, "markout_5s": markout, "markout_5s_age_ns": 0}
        last = _last(row, given)
        assert last["own_kappa"] == pytest.approx(plain * factor)
        assert last["bid_kappa"] == pytest.approx(2000.0)
    given = {**KNOWN, "markout_5s": -2e-4, "markout_5s_sd": 1e-4, "markout_5s_age_ns": 0}
    last = _last(row, given)
    # Mean of two sides, correlation 1/2, and 1 bp x 0.1 per bp.
    expected = np.sqrt(0.25 * (0.25 + 0.25 + 2 * 0.125) + 0.1**2)
    assert last["own_kappa_sd"] / last["own_kappa"] == pytest.approx(expected)


def test_intervals_cover():
    inside = []
    for seed in range(WORLDS):
        world = cases._around(seed, 181)
        last = _last(world.observations, world.given)
        inside.append([last[f"{n}_low"] < world.truth[n] < last[f"{n}_high"] for n in cases.ALL])
    assert WORLDS < 100 or (np.mean(inside, axis=0) > 0.92).all()
    assert WORLDS < 100 or (np.mean(inside, axis=0) < 0.98).all()


def test_anything_finite_stays_finite():
    rng = np.random.default_rng(6)
    wild = np.array([0.0, -1.0, 1e-300, 1e300, -1e300, 1e-4, 3e-4, 1.0, 1e9])
    rows = of_own_orders(rng, wild)
    fields = ("market_kappa", "market_kappa_sd", "markout_5s", "markout_5s_sd")
    given = {name: rng.choice(wild, rows.size) for name in fields}
    found = Driver("own_kappa").run(rows, given)
    for name in found.dtype.names:
        assert np.isfinite(found[name]).all(), name
    assert (found["own_kappa"] > 0.0).all()
