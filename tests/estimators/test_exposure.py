"""E12: kappa and A jointly from own fills and time quoted; against oracle, grid and worlds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, FILL, GAP, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.worlds.own_quotes import NS, clocks, fills_at, path, quote
from tests import outside
from tests.estimators.senseless import of_own_orders

FLAT = {"prior_shape": 0.0, "prior_arrival_log_sd": 1e4, "half_life_s": 0.0}
WORLDS = 4 if INTERPRETED else 500


def _last(observations, parameters=None):
    return Driver("exposure", parameters).run(observations, every=len(observations))[-1]


def _blocks(depths, seconds, fills):
    """One ask at each depth in turn, an interruption between, and the fills it got."""
    rows, now, stamp = [], NS, 1
    for depth, duration, count in zip(depths, seconds, fills, strict=True):
        ticks = clocks(int(duration / 40.0) + 1, 40.0)
        ticks["now"] += now - NS
        ticks["own"] = (1, 0)
        ticks["own_distance"][:, 0, 0] = depth
        now = int(ticks["now"][-1])
        filled = fills_at(np.zeros(count), np.zeros(count), np.full(count, depth), 1.0)
        filled["now"] = now
        filled["exch_ts"] = stamp + np.arange(count)
        stamp += count
        gap = np.zeros(1, Observation)
        gap["kind"], gap["now"] = GAP, now
        rows += [ticks, filled, gap]
    after = clocks(2, 1e-6)
    after["now"] += now - NS
    after["own_distance"] = depths[0]
    return np.concatenate([*rows, after])


# ------------------------------------------------------------------------------------- likelihood


@pytest.fixture(scope="module")
def oracle():
    return outside.oracle("c_gamma_kappa")


def test_maximum_likelihood_of_the_oracle(oracle):
    figures = oracle["exposure_mle"]
    rows = _blocks(figures["depth"], figures["exposure_s"], figures["fills"])
    last = _last(rows, FLAT)
    assert last["exposure_kappa"] == pytest.approx(figures["kappa_mle"], rel=1e-6)
    assert last["exposure_arrival"] == pytest.approx(figures["A_mle"], rel=1e-6)
    assert last["exposure_kappa_sd"] == pytest.approx(figures["se_kappa"], rel=1e-6)
    assert last["exposure_fills"] == sum(figures["fills"])


def test_distances_alone_are_biased_where_exposure_is_not(oracle):
    """The rule of E6, fills over their distances, on the same fills."""
    figures = oracle["exposure_mle"]
    fills, depth = np.array(figures["fills"]), np.array(figures["depth"])
    naive = fills.sum() / (fills * depth).sum()
    assert naive == pytest.approx(figures["naive"], rel=1e-12)
    last = _last(_blocks(depth, figures["exposure_s"], fills), FLAT)
    assert naive > figures["kappa_true"] * 1.4
    assert last["exposure_kappa_low"] < figures["kappa_true"] < last["exposure_kappa_high"]


def test_at_one_distance_the_prior_stays(oracle):
    """There fills over distances is one over the distance, whatever the truth."""
    for bps, count, naive, _ in oracle["self_reference"]:
        depth = 1e-4 * bps
        rows = _blocks([depth], [36_000.0], [count])
        assert count / (count * depth) == pytest.approx(naive, rel=1e-9)
        last = _last(rows, {"half_life_s": 0.0})
        relative = last["exposure_kappa_sd"] / last["exposure_kappa"]
        assert relative > 0.85 / np.sqrt(2.0)  # that of the prior, whose shape is 2
        rate = last["exposure_arrival"] * np.exp(-last["exposure_kappa"] * depth)
        assert rate == pytest.approx(count / 36_000.0, rel=0.01)


def _on_a_grid(rows, quotes):
    """Mean and 95 % of kappa and of A, by the posterior on a fine grid."""
    kappa = np.linspace(20.0, 9000.0, 700)[:, None]
    log_a = np.linspace(-6.0, 3.0, 700)[None, :]
    fills = rows[rows["kind"] == FILL]
    weight = np.full(quotes.distance.shape[1], quotes.tick_s)
    weight[[0, -1]] *= 0.5
    integral = (np.exp(-kappa[:, :, None] * quotes.distance.ravel()) * np.tile(weight, 2)).sum(-1)
    log_p = fills.size * log_a - kappa * fills["distance"].sum() - np.exp(log_a) * integral
    log_p = log_p + np.log(kappa) - kappa / 1000.0 - (log_a - np.log(0.1)) ** 2 / 8.0
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    found = []
    for values, share in ((kappa[:, 0], p.sum(1)), (np.exp(log_a[0]), p.sum(0))):
        quantiles = np.interp([0.025, 0.975], np.cumsum(share), values)
        found.append([(values * share).sum(), *quantiles])
    return np.array(found)


@pytest.mark.parametrize(("seed", "ticks"), [(1, 40), (2, 100), (3, 400)])
def test_posterior_against_a_grid(seed, ticks):
    rng = np.random.default_rng(seed)
    distance = np.stack([path(rng, ticks, 10, 1e-4, 2e-3) for _ in range(2)])
    quotes = quote(rng, np.full(2, 0.3), np.full(2, 2000.0), distance)
    grid = _on_a_grid(quotes.observations, quotes)
    last = _last(quotes.observations, {"half_life_s": 0.0})
    for row, name in zip(grid, ("exposure_kappa", "exposure_arrival"), strict=True):
        width = row[2] - row[1]
        told = [last[f"{name}{part}"] for part in ("", "_low", "_high")]
        assert told == pytest.approx(row.tolist(), abs=0.12 * width)


# ----------------------------------------------------------------------------------------- worlds


def test_interval_covers_and_is_efficient():
    found = []
    for seed in range(WORLDS):
        rng = np.random.default_rng([12, seed])
        distance = np.stack([path(rng, 181, 30, 1e-4, 2e-3) for _ in range(2)])
        quotes = quote(rng, np.full(2, 2.0), np.full(2, 1700.0), distance)
        last = _last(quotes.observations)
        bound = np.sqrt(np.linalg.inv(quotes.information(2.0, 1700.0))[1, 1])
        width = (last["exposure_kappa_high"] - last["exposure_kappa_low"]) / (2 * 1.96 * bound)
        low, high = last["exposure_kappa_low"], last["exposure_kappa_high"]
        inside_a = last["exposure_arrival_low"] < 2.0 < last["exposure_arrival_high"]
        error = (last["exposure_kappa"] - 1700.0) / bound
        found.append([low < 1700.0 < high, inside_a, error**2, width])
    covered, covered_a, square, width = np.mean(found, axis=0)
    if WORLDS < 100:
        return
    assert 0.92 < covered < 0.98
    assert 0.92 < covered_a < 0.98
    assert square < 1.0 / 0.85  # efficiency, within its error over so many worlds
    assert width < 1.25


def test_forgetting_keeps_the_interval_honest():
    """Half of the weight is gone after a third of the time: effective counts, not weights, tell."""
    found = []
    for seed in range(WORLDS):
        rng = np.random.default_rng([13, seed])
        distance = np.stack([path(rng, 181, 30, 1e-4, 2e-3) for _ in range(2)])
        quotes = quote(rng, np.full(2, 2.0), np.full(2, 1700.0), distance)
        last = _last(quotes.observations, {"half_life_s": 300.0})
        found.append(last["exposure_kappa_low"] < 1700.0 < last["exposure_kappa_high"])
    assert WORLDS < 100 or 0.92 < np.mean(found) < 0.98


# ------------------------------------------------------------------------------------------ edges


def test_parts_of_one_fill_count_once():
    rows = _blocks([5e-4], [400.0], [10])
    fills = rows[rows["kind"] == FILL]
    twice = np.concatenate([rows, fills[-1:], fills[-1:]])
    assert _last(twice, {"half_life_s": 0.0})["exposure_fills"] == 10.0


def test_pairs_of_fills_of_one_aggressor():
    """The sums over ordered pairs that the variance of kappa's score needs."""
    distance = np.array([1e-4, 3e-4, 3e-4, 8e-4, 2e-4, 9e-4])
    stamp = np.array([1, 1, 1, 1, 2, 3])  # the second part of one fill; then two by themselves
    rows = fills_at(np.zeros(6), np.zeros(6), distance, 1.0)
    rows["exch_ts"] = stamp
    driver = Driver("exposure")
    driver.run(rows)
    d = np.array([1e-4, 3e-4, 8e-4])
    i, j = np.nonzero(~np.eye(3, dtype=bool))
    expected = [6.0, ((d[i] + d[j]) / 2).sum(), (d[i] * d[j]).sum()]
    assert driver.state["pairs"][0].tolist() == pytest.approx(expected)
    assert driver.state["fills"][0] == 5.0


def test_ladders_widen_the_interval():
    """The fills of one aggressor say less than as many of several."""
    rows = clocks(200, 10.0)
    rows["own"] = 2
    rows["own_distance"][:, :, 0], rows["own_distance"][:, :, 1] = 2e-4, 5e-4
    count = 100
    fills = fills_at(np.arange(count), np.zeros(count), np.full(count, 2e-4), 10.0)
    deep = fills[::2].copy()
    deep["distance"] = 5e-4
    found = []
    for delay_ns in (0, 1):
        late = deep.copy()
        late["exch_ts"] += delay_ns
        whole = np.concatenate([rows, fills, late])
        found.append(_last(whole[np.argsort(whole["now"], kind="stable")], FLAT))
    together, apart = found
    assert together["exposure_kappa"] == pytest.approx(apart["exposure_kappa"], rel=1e-6)
    assert together["exposure_fills"] != pytest.approx(apart["exposure_fills"], rel=0.1)


def test_time_around_an_interruption_does_not_count():
    rows = clocks(20, 40.0)
    rows["own_distance"] = 5e-4
    whole, apart = _last(rows), rows.copy()
    apart["now"][10:] += 3600 * NS
    gap = np.zeros(1, Observation)
    gap["kind"], gap["now"] = GAP, rows["now"][9]
    cut = _last(np.concatenate([rows[:10], gap, rows[10:]]))
    assert _last(apart)["exposure_arrival"] == pytest.approx(cut["exposure_arrival"], rel=1e-9)
    assert cut["exposure_arrival"] > whole["exposure_arrival"]  # less time without any fill


def test_silence_holds_and_tells_its_age():
    rows = _blocks([5e-4, 1e-3], [400.0, 400.0], [10, 4])
    silent = clocks(100, 1.0)
    silent["now"] += rows["now"][-1]
    silent["mid"] = 0.0
    driver = Driver("exposure")
    before = driver.run(rows)[-1]
    after = driver.run(silent)[-1]
    assert after["exposure_kappa"] == before["exposure_kappa"]
    assert after["exposure_kappa_high"] > before["exposure_kappa_high"]
    assert after["exposure_arrival_sd"] > before["exposure_arrival_sd"]
    assert after["exposure_kappa_age_ns"] > before["exposure_kappa_age_ns"] >= 0


def test_without_data_it_tells_the_prior():
    last = _last(np.zeros(1, Observation))
    assert last["exposure_kappa"] == pytest.approx(2000.0)
    assert last["exposure_kappa_low"] == pytest.approx(stats.gamma.ppf(0.025, 2) * 1000.0)
    assert last["exposure_kappa_high"] == pytest.approx(stats.gamma.ppf(0.975, 2) * 1000.0)
    assert last["exposure_arrival"] == pytest.approx(0.1)
    assert last["exposure_kappa_age_ns"] == -1


def test_anything_finite_stays_finite():
    rng = np.random.default_rng(5)
    wild = np.array([0.0, -1.0, 1e-300, 1e300, -1e300, 1e-4, 3e-4, 1.0, np.nan, np.inf])
    rows = of_own_orders(rng, wild)
    found = Driver("exposure").run(rows)
    for name in found.dtype.names:
        assert np.isfinite(found[name]).all()
    assert (found["exposure_kappa"] > 0.0).all()
    assert rows["kind"].max() > CLOCK
