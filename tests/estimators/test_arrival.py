"""E18: exposure at each half spread, kappa's part of the interval, forgetting, silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.worlds.reach import Market, heard

NS = 1_000_000_000
STEP = 1e-4
KAPPA = 5000.0
GIVEN = {"market_kappa": KAPPA, "market_kappa_sd": 0.0}
FLAT = {"prior_shape": 0.01, "half_life_s": 0.0}
WORLDS = 4 if INTERPRETED else 500


def tick(second: float, half: float = 0.5 * STEP, kind: int = CLOCK) -> np.ndarray:
    seen = np.zeros(1, Observation)
    seen["kind"], seen["now"] = kind, round(second * NS)
    seen["half_spread"], seen["step"] = half, STEP
    seen["mid"] = 1e6 if half else 0.0
    seen["reach"], seen["lot"] = half + STEP, 1e-3
    return seen


def row(parts) -> np.ndarray:
    return np.concatenate([tick(*part) for part in parts])


def last(seen: np.ndarray, parameters=None, given=GIVEN) -> np.void:
    return Driver("arrival", parameters).run(seen, given, every=len(seen))[-1]


def busy(seconds: int, each_s: int = 2, halves=(0.5, 1.5, 0.5, 6.0)) -> np.ndarray:
    """A tick a second, and an aggressor 7 ms after each so many."""
    parts = [(0.0, 0.5 * STEP)]
    for k in range(seconds):
        half = halves[k % len(halves)] * STEP
        if k % each_s == 0:
            parts.append((k + 0.007, half, AGGRESSOR))
        parts.append((k + 1.0, half))
    return row(parts)


# -------------------------------------------------------------------------------- the posterior


def test_counts_over_exposure_at_each_half_spread() -> None:
    halves = [0.5, 1.5, 0.5, 6.0, 0.0, 40.0] * 20  # 0: unknown, counts for nothing
    parts = [(0.0, 0.5 * STEP)]
    for k, half in enumerate(halves):
        parts += [(k + 0.5, half * STEP, AGGRESSOR), (k + 1.0, half * STEP)]
    found = last(row(parts), {"prior_shape": 2.0, "prior_arrival": 0.25, "half_life_s": 0.0})
    known = [half for half in halves if half]
    exposure = sum(2.0 * math.exp(-KAPPA * half * STEP) for half in known)
    fall = exposure / (2.0 * len(known))  # the prior's time counts at touches as those seen
    law = stats.gamma(2.0 + len(known), scale=1.0 / (8.0 * fall + exposure))
    assert found["arrival"] == pytest.approx(law.mean(), rel=1e-9)
    assert found["arrival_sd"] == pytest.approx(law.std(), rel=1e-9)
    assert found["arrival_low"] == pytest.approx(law.ppf(0.025), rel=1e-8)
    assert found["arrival_high"] == pytest.approx(law.ppf(0.975), rel=1e-8)
    plain = stats.gamma(2.0 + len(known), scale=1.0 / (4.0 + len(known)))  # both sides
    assert found["aggressor_rate"] == pytest.approx(plain.mean(), rel=1e-9)
    assert found["aggressor_rate_high"] == pytest.approx(plain.ppf(0.975), rel=1e-8)
    assert found["arrival_age_ns"] == 0


def test_kappas_uncertainty_is_that_of_mixing_over_it() -> None:
    """The delta method against drawing kappa, then A from its gamma law given that kappa."""
    seen = busy(600)
    sd = 400.0
    found = last(seen, FLAT, {"market_kappa": KAPPA, "market_kappa_sd": sd})
    rng = np.random.default_rng(1)
    kappa = rng.normal(KAPPA, sd, 200_000)
    halves = np.array([0.5, 1.5, 0.5, 6.0]) * STEP
    exposure = 2.0 * 150 * np.exp(-kappa[:, None] * halves).sum(axis=1)
    mixed = rng.gamma(300.0, 1.0, len(kappa)) / exposure
    assert found["arrival"] == pytest.approx(mixed.mean(), rel=0.01)
    assert found["arrival_sd"] == pytest.approx(mixed.std(), rel=0.03)
    assert found["arrival_low"] == pytest.approx(np.quantile(mixed, 0.025), rel=0.02)
    assert found["arrival_high"] == pytest.approx(np.quantile(mixed, 0.975), rel=0.02)
    sure = last(seen, FLAT)
    assert found["arrival_sd"] > 1.1 * sure["arrival_sd"]
    assert found["aggressor_rate_sd"] == sure["aggressor_rate_sd"]


@pytest.mark.parametrize("far", [0.5, 4.0, 8.0, 12.0])
def test_at_the_touch_it_is_what_was_seen_however_far_that_is(far: float) -> None:
    """Kappa times half spread of 8: a second at the mid would be worth hours at the touch."""
    half, share = far / KAPPA, 0.1
    given = {"market_kappa": KAPPA, "market_kappa_sd": share * KAPPA}
    found = last(busy(600, halves=(half / STEP,)), FLAT, given)
    at_touch = found["arrival"] * math.exp(-KAPPA * half)
    assert at_touch == pytest.approx(0.5 * found["aggressor_rate"], rel=1e-9)
    assert at_touch == pytest.approx(0.25, rel=0.01)
    relative = math.hypot(1.0 / math.sqrt(300.0), far * share)
    assert found["arrival_sd"] / found["arrival"] == pytest.approx(relative, rel=1e-3)
    # drawn: kappa from its normal law, then A from the gamma law given that kappa
    rng = np.random.default_rng(2)
    kappa = rng.normal(KAPPA, share * KAPPA, 400_000)
    mixed = rng.gamma(300.0, 1.0, len(kappa)) / (1200.0 * np.exp(-kappa * half))
    room = 0.01 + 0.03 * far * share
    assert math.log(found["arrival_low"] / np.quantile(mixed, 0.025)) == pytest.approx(0, abs=room)
    assert math.log(found["arrival_high"] / np.quantile(mixed, 0.975)) == pytest.approx(0, abs=room)


def test_forgetting_against_explicit_weights() -> None:
    seen = busy(400, 3)
    half_life_s = 60.0
    found = last(seen, {"half_life_s": half_life_s, "prior_shape": 0.01})
    end = seen["now"][-1] / NS
    came = seen["now"][seen["kind"] == AGGRESSOR] / NS
    count = np.sum(0.5 ** ((end - came) / half_life_s))
    rate = math.log(2.0) / half_life_s
    s1 = -math.expm1(-rate * 400) / rate
    s2 = -math.expm1(-2 * rate * 400) / (2 * rate)
    shape = 0.01 + count * s1 / s2
    assert found["aggressor_rate"] == pytest.approx(shape / (0.005 + s1 * s1 / s2), rel=1e-9)
    relative = found["aggressor_rate_sd"] / found["aggressor_rate"]
    assert relative == pytest.approx(shape**-0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("market", "half_life_s"),
    [
        (Market(400, 17_000.0, 1.0, 1e-5, (0.5e-5,)), 0.0),
        (Market(600, 17_000.0, 2.0, 5e-5, (2.5e-5, 7.5e-5, 12.5e-5)), 100.0),
        (Market(600, 2_000.0, 0.3, 5e-5, (2.5e-5, 2.25e-4, 4.75e-4)), 150.0),
    ],
)
def test_interval_covers_the_truth(market: Market, half_life_s: float) -> None:
    rng = np.random.default_rng(18)
    inside, values, ideals, widths = 0, [], [], []
    for _ in range(WORLDS):
        seen = heard(rng, market)
        share = 1.0 / math.sqrt(200)
        kappa = market.kappa * math.exp(share * rng.normal())
        given_ = {"market_kappa": kappa, "market_kappa_sd": kappa * share}
        found = last(seen, {"half_life_s": half_life_s}, given_)
        inside += found["arrival_low"] <= market.arrival <= found["arrival_high"]
        values.append(found["arrival"])
        widths.append(found["arrival_high"] - found["arrival_low"])
        halves = seen["half_spread"][seen["kind"] == CLOCK][1:]
        ages = np.arange(len(halves))[::-1]
        weights = 0.5 ** (ages / half_life_s) if half_life_s else np.ones(len(halves))
        falls = weights * np.exp(-market.kappa * halves)
        worth = weights.sum() / np.sum(weights**2)
        from_kappa = market.kappa * share * np.sum(falls * halves) / falls.sum()
        number = worth * 2 * market.arrival * falls.sum()
        ideals.append(market.arrival * math.sqrt(1.0 / number + from_kappa**2))
    if INTERPRETED:
        return
    assert 0.92 <= inside / WORLDS <= 0.98
    assert np.mean(widths) <= 1.1 * 2 * 1.96 * np.mean(ideals)
    errors = np.array(values) - market.arrival
    assert np.mean(np.square(ideals)) / np.mean(errors**2) > 0.85
    assert abs(np.mean(errors)) < 0.02 * market.arrival + 3 * np.std(errors) / math.sqrt(WORLDS)


# ------------------------------------------------------------------------- time, silence, ends


def test_prior_until_time_was_watched() -> None:
    found = Driver("arrival", {"prior_arrival": 0.5}).run(row([(0.0,), (0.5, 1e-4, AGGRESSOR)]))
    assert found["arrival"].tolist() == [0.5, 0.5]
    assert found["aggressor_rate"].tolist() == [1.0, 1.0]
    assert found["arrival_age_ns"].tolist() == [-1, -1]


def test_quiet_lowers_the_rate() -> None:
    seen = busy(600)
    still = row([(601.0 + k,) for k in range(600)])
    found = Driver("arrival", {"half_life_s": 60.0}).run(np.concatenate([seen, still]), GIVEN)
    before, after = found[len(seen) - 1], found[-1]
    assert before["aggressor_rate"] == pytest.approx(0.5, rel=0.02)
    assert after["aggressor_rate"] < 0.02
    assert after["aggressor_rate_high"] < 0.1
    relative = after["arrival_sd"] / after["arrival"], before["arrival_sd"] / before["arrival"]
    assert relative[0] > 5.0 * relative[1]  # and says that it is guessing


def test_unknown_market_holds_and_counts_as_age() -> None:
    seen = busy(300)
    blind = row([(301.0 + k, 0.0) for k in range(500)])
    back = row([(801.0 + k,) for k in range(10)])
    found = Driver("arrival", {"half_life_s": 60.0}).run(np.concatenate([seen, blind, back]), GIVEN)
    held = found[len(seen) - 1 : len(seen) + 500]
    for name in ("arrival", "aggressor_rate"):
        assert np.all(held[name] == held[name][0])
        assert np.all(np.diff(held[f"{name}_sd"]) >= 0.0)
        assert np.all(np.diff(held[f"{name}_low"]) <= 0.0)
        assert np.all(np.diff(held[f"{name}_high"]) >= 0.0)
        assert held[f"{name}_sd"][-1] > 5.0 * held[f"{name}_sd"][0]
        assert np.all(held[f"{name}_sd"][-100:] == held[name][0])  # the prior's shape of 1
    assert held["arrival_age_ns"][-1] == 500 * NS
    assert found["aggressor_rate"][-1] < 0.5 * held["aggressor_rate"][0]  # old by 8 half-lives


def test_an_outage_counts_once() -> None:
    """Seen again, the interval is as wide as it was held, until new time takes the place of old."""
    seen = busy(300)
    blind = row([(301.0 + k, 0.0) for k in range(60)])  # a half-life
    back = busy(300)
    back["now"] += 361 * NS
    back["exch_ts"] += 361 * NS
    found = Driver("arrival", {"half_life_s": 60.0}).run(np.concatenate([seen, blind, back]), GIVEN)
    relative = found["aggressor_rate_sd"] / found["aggressor_rate"]
    before, again = relative[len(seen) - 1], relative[len(seen) + 60 :]
    assert again[0] == pytest.approx(before * math.sqrt(2.0), rel=0.1)
    assert np.all(again[:60] > 1.2 * before)
    assert again[-1] == pytest.approx(before, rel=0.1)


def test_a_mid_far_from_the_touch_stays_a_number() -> None:
    given = {"market_kappa": 1e9, "market_kappa_sd": 1e8, "market_kappa_age_ns": 0.0}
    told = Driver("arrival").run(busy(300), given)[-1]
    assert told["arrival_low"] <= told["arrival"] <= told["arrival_high"] < 1e50


def test_unknown_touch_and_late_clocks_count_for_nothing() -> None:
    seen = busy(100)
    extra = row([(100.0,), (99.0,), (100.0, 0.0, AGGRESSOR), (100.0, 2.0, AGGRESSOR)])
    found = Driver("arrival").run(np.concatenate([seen, extra, row([(101.0,)])]), GIVEN)
    clean = Driver("arrival").run(np.concatenate([seen, row([(101.0,)])]), GIVEN)
    assert found[-1].tobytes() == clean[-1].tobytes()


def test_kappa_that_is_none_holds_arrival() -> None:
    seen = busy(100)
    kappa = np.where(np.arange(len(seen)) < 60, KAPPA, 0.0)
    found = Driver("arrival").run(seen, {"market_kappa": kappa, "market_kappa_sd": 0.0})
    assert np.all(found["arrival"][60:] == found["arrival"][59])
    assert found["aggressor_rate"][-1] != found["aggressor_rate"][59]


ANY = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([CLOCK, AGGRESSOR]), st.integers(0, 2**60), ANY, ANY, ANY, ANY, ANY
        ),
        min_size=2,
        max_size=40,
    ),
    st.floats(0.0, 1e9),
)
def test_finite_whatever_comes(calls, half_life_s: float) -> None:
    calls = sorted(calls, key=lambda call: call[1])
    seen = np.zeros(len(calls), Observation)
    kappa, deviation = np.zeros(len(calls)), np.zeros(len(calls))
    for i, (kind, now, mid, half_spread, reach, *belief) in enumerate(calls):
        seen[i]["kind"], seen[i]["now"] = kind, now
        seen[i]["mid"], seen[i]["half_spread"], seen[i]["reach"] = mid, half_spread, reach
        kappa[i], deviation[i] = belief
    found = Driver("arrival", {"half_life_s": half_life_s}).run(
        seen, {"market_kappa": kappa, "market_kappa_sd": deviation}
    )
    for name in found.dtype.names:
        if name.startswith("a"):
            assert np.all(np.isfinite(found[name])), name
