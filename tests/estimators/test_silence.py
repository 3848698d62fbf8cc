"""Time unknown: how intervals grow, what they are bounded by, and how that goes again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, FILL, Observation
from simmm.estimators.silence import LARGEST, excess_after, grown

NS = 1_000_000_000


def test_half_is_lost_in_each_half_life_and_a_quarter_left_of_the_excess() -> None:
    assert excess_after(0.0, False, 600.0, 300.0) == pytest.approx(3.0)
    assert excess_after(3.0, False, 300.0, 300.0) == pytest.approx(7.0)
    assert excess_after(8.0, True, 300.0, 300.0) == pytest.approx(2.0)
    assert excess_after(1.0, True, 1e9, 300.0) == 0.0
    assert excess_after(5.0, False, 1e18, 300.0) == LARGEST == 16.0**2 - 1.0
    assert excess_after(5.0, False, 1e9, 0.0) == 5.0  # what never changes


def test_steps_of_any_length_are_the_same() -> None:
    excess = 0.0
    for _ in range(900):
        excess = excess_after(excess, False, 1.0, 300.0)
    assert excess == pytest.approx(7.0)


def test_a_variance_grows_to_its_bound_and_never_shrinks() -> None:
    assert grown(0.1, 0.0, 2.0) == 0.1
    assert grown(0.1, 4.0, 2.0) == pytest.approx(0.5)
    assert grown(0.1, 1e9, 2.0) == 2.0
    assert grown(3.0, 1e9, 2.0) == 3.0


def ticks(mids: np.ndarray) -> np.ndarray:
    seen = np.zeros(len(mids), Observation)
    seen["kind"], seen["mid"] = CLOCK, mids
    seen["now"] = NS * np.arange(1, len(mids) + 1)
    return seen


def test_sigma_over_an_outage_doubles_its_variance_a_half_life_and_learns_anew() -> None:
    rng = np.random.default_rng(4)
    mids = 1e6 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, 9000)))
    mids[3000:3600] = 0.0  # two half-lives
    found = Driver("ewma").run(ticks(mids))
    shares = found["sigma_sd"] / np.maximum(found["sigma"], 1e-12)
    before, after = shares[2999], shares[3599]
    assert np.all(found["sigma"][3000:3600] == found["sigma"][2999])
    assert np.all(np.diff(shares[2999:3600]) > 0.0)
    assert after / before == pytest.approx(2.0, rel=0.02)  # four times the variance
    assert before < shares[3650] < 1.3 * after  # with one return over ten minutes
    assert shares[-1] == pytest.approx(before, rel=0.15)
    clean = Driver("ewma").run(ticks(np.where(mids > 0.0, mids, mids[2999])))
    assert clean["sigma_sd"][2999] == found["sigma_sd"][2999]


def test_a_sigma_that_changes_during_an_outage_is_still_inside() -> None:
    """Log variance walks as the half-life says; the interval at its end holds it as it should."""
    half_life_s, outage_s, held = 300.0, 900, 0
    for seed in range(200):
        rng = np.random.default_rng([seed, 6])
        path = 1e6 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, 1800)))
        found = Driver("ewma").run(ticks(np.append(path, np.zeros(outage_s))))[-1]
        # half of what some 2 h / ln 2 returns tell is lost a half-life: so far sigma may have gone
        variance = 2.0 * math.log(2.0) / (2.0 * half_life_s) * (2.0 ** (outage_s / half_life_s) - 1)
        sigma = 1e-4 * math.exp(0.5 * rng.normal() * math.sqrt(variance))
        held += found["sigma_low"] <= sigma <= found["sigma_high"]
    assert 0.9 <= held / 200 <= 0.99


def test_the_microprice_walks_on_unseen() -> None:
    rng = np.random.default_rng(7)
    mids = 1e6 * (1.0 + np.cumsum(rng.normal(0.0, 1e-4, 1000)))
    seen = ticks(np.append(mids, np.zeros(400)))
    seen["half_spread"], seen["step"] = 5e-5, 1e-4
    seen["touch_lots"] = rng.exponential(10.0, (len(seen), 2))
    seen["half_spread"][1000:] = 0.0
    found = Driver("microprice").run(seen)
    assert np.all(found["microprice"][1000:] == found["microprice"][999])
    walked = found["microprice_sd"][-1] / found["microprice"][-1]
    assert walked == pytest.approx(1e-4 * math.sqrt(400.0), rel=0.2)


def test_what_nothing_new_replaces_stays_as_wide() -> None:
    """After the outage the market is seen, but nothing is quoted: own fills can't tell anything."""
    rng = np.random.default_rng(8)
    seen = ticks(np.full(3 * 3600, 1e6))
    seen["half_spread"], seen["step"] = 5e-5, 1e-5
    seen["own"][:3600] = 1
    seen["own_distance"][:3600, :, 0] = rng.uniform(1e-4, 8e-4, (3600, 2))
    seen["mid"][3600:7200] = 0.0
    fills = seen[10:3600:10].copy()
    fills["kind"], fills["side"] = FILL, rng.choice([-1.0, 1.0], len(fills))
    fills["now"] += NS // 2
    fills["exch_ts"], fills["distance"] = fills["now"], rng.uniform(1e-4, 6e-4, len(fills))
    both = np.concatenate([seen, fills])
    both = both[np.argsort(both["now"], kind="stable")]
    for name, belief in (("exposure", "exposure_kappa"), ("own_kappa", "own_kappa")):
        told = Driver(name).run(both)[f"{belief}_sd"]
        before, after, end = told[len(both) - 7201], told[-3601], told[-1]
        assert after > 1.3 * before, name
        assert end == pytest.approx(after, rel=0.01), name


def test_a_blend_seen_again_is_as_wide_as_its_sources() -> None:
    seen = ticks(np.full(5000, 1e6))
    seen["mid"][1000:4000] = 0.0
    sources = ("market_kappa", "robust_kappa")
    given = dict.fromkeys(sources, 2500.0) | {f"{name}_sd": 250.0 for name in sources}
    told = Driver("kappa_blend").run(seen, given | {f"{name}_age_ns": 0.0 for name in sources})
    assert told["kappa_sd"][3999] > 2.0 * told["kappa_sd"][999]
    assert told["kappa_sd"][-1] == pytest.approx(told["kappa_sd"][999], rel=0.05)


@pytest.mark.parametrize("name", ["ewma", "volume_clock", "bipower", "microprice"])
def test_of_what_was_never_known_nothing_is_lost(name: str) -> None:
    rng = np.random.default_rng(9)
    mids = 1e6 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, 900)))
    seen = ticks(np.append(np.zeros(1800), mids))
    seen["half_spread"], seen["step"] = 5e-5, 1e-4
    seen["touch_lots"] = 10.0
    late = Driver(name).run(seen)[1800:]
    alone = Driver(name).run(seen[1800:])
    for column in late.dtype.names or ():
        assert np.array_equal(late[column], alone[column]), column
