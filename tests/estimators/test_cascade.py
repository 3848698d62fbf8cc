"""E4: each trigger by itself, by hand; what it forces and how it lets go; false and missed ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, CLOCK, CONTEXT, Observation
from simmm.study.recovery.cases.cascade import CASES
from simmm.study.recovery.worlds.cascade import BEFORE_S

CASE = {case.name: case for case in CASES}
SIGMA = 1e-4
KNOWN = {
    "sigma": SIGMA,
    "sigma_sd": 0.05 * SIGMA,
    "sigma_low": 0.9 * SIGMA,
    "sigma_high": 1.1 * SIGMA,
    "sigma_age_ns": 0,
    "filtered_sigma": SIGMA,
}


def row(kind: int, now_s: float, **fields: float) -> np.ndarray:
    told = np.zeros(1, Observation)
    told["kind"] = kind
    told["now"] = round(now_s * 1e9)
    told["mid"] = 1e6
    told["half_spread"] = 1e-5
    for name, value in fields.items():
        told[name] = value
    return told


def interest(now_s: float, lots: float, market: int = 0) -> np.ndarray:
    return row(CONTEXT, now_s, open_interest=lots, market=market)


def usual_flow(seconds: int) -> list[np.ndarray]:
    """A buy or a sell of one lot each second at a mid that stands, and the clock between."""
    told = []
    for i in range(1, seconds + 1):
        side = 1.0 if i % 2 else -1.0
        told.append(row(AGGRESSOR, i - 0.5, side=side, lots=1.0, reach=1e-5))
        told.append(row(CLOCK, float(i)))
    return told


def test_open_interest_below_its_maximum_of_the_window() -> None:
    told = np.concatenate([interest(1, 1000), interest(30, 981), interest(40, 979)])
    found = Driver("cascade").run(told, KNOWN)
    assert found["cascade"].tolist() == [0.0, 0.0, 1.0]
    assert found["cascade_cause"][-1] == 1.0
    assert found["cascades"][-1] == 1.0


def test_open_interest_that_falls_slower_than_the_window_is_none() -> None:
    told = np.concatenate([interest(20.0 * i, 1000 * 0.996**i) for i in range(200)])
    assert Driver("cascade").run(told, KNOWN)["cascades"][-1] == 0
    fast = np.concatenate([interest(5.0 * i, 1000 * 0.996**i) for i in range(200)])
    assert Driver("cascade").run(fast, KNOWN)["cascades"][-1] > 0


def test_markets_have_their_own_open_interest() -> None:
    told = np.concatenate([interest(1, 1000), interest(2, 10, 1), interest(3, 1000)])
    assert Driver("cascade").run(told, KNOWN)["cascades"][-1] == 0
    told = np.concatenate([interest(1, 1000), interest(2, 10, 3), interest(3, 9, 3)])
    assert Driver("cascade").run(told, KNOWN)["cascade_cause"][-1] == 8.0
    for market in (-1, 5):
        told = np.concatenate([interest(1, 1000, market), interest(2, 10, market)])
        assert Driver("cascade").run(told, KNOWN)["cascades"][-1] == 0


def test_one_fall_is_one_cascade_and_the_next_another() -> None:
    falls = [interest(1, 1000), interest(2, 900), interest(3, 900), interest(8, 800)]
    later = [interest(200, 800), interest(201, 700)]
    found = Driver("cascade").run(np.concatenate([*falls, *later]), KNOWN)
    assert found["cascades"].tolist() == [0, 1, 1, 1, 1, 2]
    assert found["cascade"][3] == 1.0  # the second fall begins its strength anew


@pytest.mark.parametrize(
    ("lots", "swept", "triggers"),
    [(40.0, 1.2e-3, True), (2.0, 1.2e-3, False), (40.0, 7e-4, False)],
)
def test_burst_asks_for_volume_and_move(lots: float, swept: float, triggers: bool) -> None:
    sale = row(AGGRESSOR, 200.5, side=-1.0, lots=lots, reach=1e-5 + swept)
    found = Driver("cascade").run(np.concatenate([*usual_flow(200), sale]), KNOWN)
    assert found["cascades"][-2] == 0
    assert (found["cascades"][-1] == 1) == triggers
    assert (found["cascade_cause"][-1] == 2.0) == triggers


def test_flagged_liquidations_are_a_burst_whatever_their_size() -> None:
    told = [row(AGGRESSOR, 1 + 0.1 * k, side=-1.0, lots=1.0, liquidation=1.0) for k in range(3)]
    assert Driver("cascade").run(np.concatenate(told), KNOWN)["cascade"].tolist() == [0, 0, 1]
    slow = [row(AGGRESSOR, 1 + 3.0 * k, side=-1.0, lots=1.0, liquidation=1.0) for k in range(9)]
    assert Driver("cascade").run(np.concatenate(slow), KNOWN)["cascades"][-1] == 0.0


def test_burst_against_the_move_or_from_both_sides_is_none() -> None:
    flow = usual_flow(200)
    fall = row(CLOCK, 201.0, mid=1e6 * (1 - 2e-3))
    buy = row(AGGRESSOR, 201.5, side=1.0, lots=40.0, reach=1e-5, mid=1e6 * (1 - 2e-3))
    sale = row(AGGRESSOR, 201.6, side=-1.0, lots=40.0, reach=1e-5, mid=1e6 * (1 - 2e-3))
    found = Driver("cascade").run(np.concatenate([*flow, fall, buy, sale]), KNOWN)
    assert found["cascades"][-1] == 0
    alone = Driver("cascade").run(np.concatenate([*flow, fall, sale]), KNOWN)
    assert alone["cascades"][-1] == 1


def test_hawkes_intensity_can_stand_for_volume() -> None:
    sale = row(AGGRESSOR, 200.5, side=-1.0, lots=4.0, reach=1.21e-3)
    told = np.concatenate([*usual_flow(200), sale])
    hawkes = {"hawkes_base": 0.5, "hawkes_branching": 0.5, "hawkes_intensity": 9.9}
    assert Driver("cascade").run(told, {**KNOWN, **hawkes})["cascades"][-1] == 0
    hawkes["hawkes_intensity"] = 10.1
    assert Driver("cascade").run(told, {**KNOWN, **hawkes})["cascades"][-1] == 1


def reference_path(jump: float, gap_s: float = 1.0) -> np.ndarray:
    """A reference that steps by 1e-4 up and down each second, then by `jump` after `gap_s`."""
    told = np.concatenate([row(CLOCK, float(i)) for i in range(1, 201)])
    told["reference_mid"][:, 2] = 2e6 * np.exp(1e-4 * (np.arange(200) % 2))
    last = row(CLOCK, 200.0 + gap_s)
    last["reference_mid"][:, 2] = told["reference_mid"][-1, 2] * math.exp(-jump)
    return np.concatenate([told, last])


def test_reference_move_in_its_own_deviations() -> None:
    # D of the alternating path just before the jump, aged by a second, and V by geometric series.
    keep = math.exp(-0.5)
    before = 1e-4 * keep / (1.0 + keep)
    deviation = 1e-4 * math.sqrt(1.0 / (1.0 - keep * keep))
    limit = 12.0 * deviation + before
    for jump, triggers in ((1.03 * limit, True), (0.97 * limit, False)):
        found = Driver("cascade").run(reference_path(jump), KNOWN)
        assert (found["cascade"][-1] == 1.0) == triggers, jump
    found = Driver("cascade").run(reference_path(1.03 * limit), KNOWN)
    assert found["cascade_cause"][-1] == 4.0


def test_a_change_over_a_gap_is_judged_by_its_length() -> None:
    assert Driver("cascade").run(reference_path(3e-3, 1.0), KNOWN)["cascades"][-1] == 1
    assert Driver("cascade").run(reference_path(3e-3, 3600.0), KNOWN)["cascades"][-1] == 0


def decayed(age_s: float, **given: float) -> np.void:
    """What is believed `age_s` after a cascade of open interest, with the settings' defaults."""
    told = np.concatenate([interest(1, 1000), interest(2, 900), row(CLOCK, 2.0 + age_s)])
    last: np.void = Driver("cascade").run(told, {**KNOWN, **given})[-1]
    return last


@pytest.mark.parametrize("age_s", [0.0, 30.0, 60.0, 120.0, 240.0])
def test_override_and_kappa_let_go_by_half_life(age_s: float) -> None:
    found = decayed(age_s)
    strength = 0.5 ** (age_s / 60.0)
    assert found["cascade"] == pytest.approx(strength, rel=1e-12)
    assert found["cascade_kappa_factor"] == pytest.approx(1.0 - 0.75 * strength, rel=1e-12)
    value = SIGMA * (1.0 + 4.0 * strength)
    deviation = math.hypot(0.5 * math.log(value / SIGMA), 0.05)
    assert found["sigma_effective"] == pytest.approx(value, rel=1e-12)
    assert found["sigma_effective_sd"] == pytest.approx(value * deviation, rel=1e-12)
    bound = math.exp(1.959963984540054 * deviation)
    assert found["sigma_effective_low"] == pytest.approx(value / bound, rel=1e-12)
    assert found["sigma_effective_high"] == pytest.approx(value * bound, rel=1e-12)


def test_override_is_capped_and_ends() -> None:
    found = decayed(0.0, sigma=5e-4)
    assert found["sigma_effective"] == 1e-3
    found = decayed(0.0, sigma=5e-3)
    assert found["sigma_effective"] == 5e-3  # sigma itself is not capped here
    found = decayed(60.0 * 21)
    assert found["cascade"] == 0.0
    assert found["cascade_kappa_factor"] == 1.0
    assert found["sigma_effective"] == SIGMA
    assert found["sigma_effective_low"] == KNOWN["sigma_low"]


def test_unknown_sigma_takes_the_filter_s() -> None:
    unknown = dict.fromkeys(("sigma", "sigma_sd", "sigma_low", "sigma_high"), 0.0)
    found = decayed(0.0, **unknown, sigma_age_ns=-1)
    assert found["sigma_effective"] == pytest.approx(5.0 * SIGMA)
    assert found["sigma_effective_age_ns"] == 0
    found = Driver("cascade").run(interest(1, 10), {**unknown, "sigma_age_ns": -1})[0]
    assert found["sigma_effective"] == 0.0
    assert found["sigma_effective_age_ns"] == -1


def figures(name: str, worlds: int) -> tuple[int, list[float]]:
    """Cascades before the change, and seconds from it to the alarm."""
    early, lags = 0, []
    for seed in range(worlds):
        world = CASE[name].draw(seed)
        now = world.observations["now"] / 1e9
        found = Driver("cascade").run(world.observations, world.given)
        early += int(found["cascades"][now < BEFORE_S][-1])
        fired = np.flatnonzero((found["cascade"] >= 1.0) & (now >= BEFORE_S))
        lags.append(float(now[fired[0]] - BEFORE_S) if len(fired) else math.inf)
    return early, lags


@pytest.mark.parametrize("name", ["quiet", "clustered flow"])
def test_quiet_markets_have_no_cascades(name: str) -> None:
    assert figures(name, 15)[0] == 0


@pytest.mark.parametrize(
    ("name", "most_s"),
    [("burst of liquidations", 5.0), ("open interest", 10.0), ("reference market", 5.0)],
)
def test_cascades_are_seen(name: str, most_s: float) -> None:
    early, lags = figures(name, 15)
    assert early == 0
    assert np.sort(lags)[-2] < most_s  # one of fifteen may be missed


def test_extremes_stay_finite() -> None:
    rng = np.random.default_rng(4)
    values = np.array([0.0, 1e300, -1e300, 1e-300, -1.0, 1.0, 1e-4, np.nan, np.inf, 1e9])
    told = np.zeros(4000, Observation)
    told["kind"] = rng.choice([CLOCK, AGGRESSOR, CONTEXT], len(told))
    told["now"] = np.sort(rng.integers(0, 10**12, len(told)))
    for name in ("mid", "half_spread", "lots", "reach", "open_interest"):
        told[name] = rng.choice(values, len(told))
    told["reference_mid"] = rng.choice(values, (len(told), 4))
    told["side"] = rng.choice([1.0, -1.0, 0.0], len(told))
    told["market"] = rng.integers(-2, 7, len(told))
    for given in (KNOWN, dict.fromkeys(KNOWN, 0.0), {**KNOWN, "sigma": 1e-300, "sigma_sd": 1.0}):
        found = Driver("cascade", {"warm_up": 1}).run(told, given)
        for field in found.dtype.names or ():
            assert np.all(np.isfinite(found[field])), field
