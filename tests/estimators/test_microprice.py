"""E16 against NumPy's own least squares on the same ticks, known chains, and flashed size."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import ASK, BID, CLOCK, TOUCH, Observation
from simmm.study.recovery.cases.microprice import AT_ONCE, CASES, FOLLOWS, STEP, TICKS
from simmm.study.recovery.sample import sample

NS = 1_000_000_000
CELLS = 15


def touch(bid: float, ask: float, at_ns: int, kind: int = TOUCH, mid: float = 1e6) -> np.ndarray:
    seen = np.zeros(1, Observation)
    seen["kind"], seen["now"], seen["mid"] = kind, at_ns, mid
    seen["step"], seen["half_spread"] = 1e-5, 0.5e-5
    seen["touch_lots"][:, BID], seen["touch_lots"][:, ASK] = bid, ask
    return seen


def cells(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signs and folded cells, from the book as it is shown."""
    lots = seen["touch_lots"]
    imbalance = (lots[:, BID] - lots[:, ASK]) / lots.sum(axis=1)
    spread = np.clip(np.rint(2 * seen["half_spread"] / seen["step"]).astype(int) - 1, 0, 2)
    return np.sign(imbalance), 5 * spread + np.minimum((5 * np.abs(imbalance)).astype(int), 4)


@pytest.mark.parametrize("trace", [0.0, 0.8, 1.0])
def test_corrections_solve_the_recursion(trace: float) -> None:
    """Sums and their solution written out in matrices, without forgetting or a prior."""
    seen = CASES[0].draw(5).observations[:2000]
    driver = Driver(
        "microprice",
        AT_ONCE | {"trace_decay": trace, "half_life_s": 1e9, "prior_half_spreads": 1e3},
    )
    # Freeze at the last tick: 31 steps of inversion follow on ticks that are told twice.
    driver.run(seen)
    signs, places = cells(seen)
    features = np.zeros((len(seen), CELLS))
    features[np.arange(len(seen)), places] = signs
    traces = np.zeros_like(features)
    for i in range(len(seen)):
        traces[i] = FOLLOWS * trace * traces[i - 1] + features[i] if i else features[i]
    changes = seen["mid"][1:] / seen["mid"][:-1] - 1.0
    links = traces[:-1].T @ (features[:-1] - FOLLOWS * features[1:])
    state = driver.state[0]
    assert state["links"].reshape(CELLS, CELLS) == pytest.approx(links, abs=1e-3)
    assert state["changes"] == pytest.approx(traces[:-1].T @ changes, rel=1e-4, abs=1e-9)
    driver.run(np.repeat(seen[-1:], 62))  # no time passes: only the inversion goes on
    wanted = np.linalg.solve(links, traces[:-1].T @ changes)
    assert driver.state[0]["correction"] == pytest.approx(wanted, rel=1e-3, abs=1e-9)
    inverse = np.linalg.inv(links)
    spread = np.sqrt(np.diag(inverse @ driver.state[0]["squares"].reshape(15, 15) @ inverse.T))
    assert driver.state[0]["correction_sd"] == pytest.approx(spread, rel=1e-2)


@pytest.mark.parametrize(("number", "worlds"), [(0, 400), (1, 150)], ids=["tells", "noise"])
def test_intervals_cover(number: int, worlds: int) -> None:
    found = [sample("microprice", CASES[number], 10_000 + seed) for seed in range(worlds)]
    value, truth, low, high, ideal, sd = (
        np.array([f[f"microprice.{figure}"] for f in found])
        for figure in ("value", "truth", "low", "high", "ideal_sd", "sd")
    )
    room = 0.0 if worlds == 400 else 0.02
    assert 0.92 - room <= np.mean((low <= truth) & (truth <= high)) <= 0.98 + room
    assert np.mean(sd / ideal) < 1.25
    assert abs(np.mean(value - truth)) < 4.0 * np.std(value - truth) / np.sqrt(len(found))


def test_it_beats_mid_and_weighted_mid_where_imbalance_tells() -> None:
    worlds = [CASES[0].draw(seed) for seed in range(40)]
    errors = []
    for world in worlds:
        seen, truth = world.observations, world.truth["microprice"]
        last = seen[-1]
        bid, ask = last["touch_lots"][BID], last["touch_lots"][ASK]
        weighted = last["mid"] * (1.0 + last["half_spread"] * (bid - ask) / (bid + ask))
        learned = Driver("microprice", AT_ONCE).run(seen, every=TICKS)[-1]["microprice"]
        errors.append([learned - truth, last["mid"] - truth, weighted - truth])
    learned, mid, weighted = np.sqrt(np.mean(np.square(errors), axis=0))
    assert learned < 0.3 * mid
    assert learned < 0.5 * weighted


def test_without_data_it_is_the_mid_give_or_take_half_the_spread() -> None:
    found = Driver("microprice").run(touch(90.0, 10.0, NS, CLOCK))[-1]
    assert found["microprice"] == 1e6
    assert found["microprice_sd"] == pytest.approx(5.0)
    assert found["imbalance"] == pytest.approx(0.8)


def test_size_flashed_for_a_moment_hardly_counts() -> None:
    calm = touch(10.0, 10.0, NS, CLOCK)
    flash = touch(1000.0, 10.0, 20 * NS)
    gone = touch(10.0, 10.0, 20 * NS + 10_000_000)
    found = Driver("microprice").run(np.concatenate([calm, flash, gone]))
    assert found["imbalance"] == pytest.approx([0.0, 0.0, 0.0])
    stays = [touch(1000.0, 10.0, 20 * NS + k * NS // 2) for k in range(5)]
    found = Driver("microprice").run(np.concatenate([calm, *stays]))
    lasting = 1000.0 - 990.0 * 0.5 ** np.arange(5)
    assert found["imbalance"][1:] == pytest.approx((lasting - 10.0) / (lasting + 10.0), rel=1e-9)


def test_what_is_taken_away_counts_at_once() -> None:
    seen = np.concatenate([touch(50.0, 50.0, NS), touch(5.0, 50.0, NS + 1)])
    assert Driver("microprice").run(seen)["imbalance"][-1] == pytest.approx(-45.0 / 55.0)


def test_the_sides_are_mirror_images() -> None:
    seen = CASES[0].draw(9).observations
    other = seen.copy()
    other["mid"] = 2e6 - seen["mid"]
    other["half_spread"] *= seen["mid"] / other["mid"]
    other["step"] *= seen["mid"] / other["mid"]
    other["touch_lots"] = seen["touch_lots"][:, ::-1]
    here, there = (Driver("microprice", AT_ONCE).run(o, every=TICKS)[-1] for o in (seen, other))
    assert there["microprice"] - 1e6 == pytest.approx(1e6 - here["microprice"], abs=0.02 * STEP)
    assert there["imbalance"] == pytest.approx(-here["imbalance"])


def test_an_unknown_touch_teaches_nothing() -> None:
    seen = CASES[0].draw(7).observations[:200].copy()
    driver = Driver("microprice", AT_ONCE)
    driver.run(seen)
    before = driver.state["ticks"][0]
    gap = seen[-3:].copy()
    gap["now"] += 5 * NS
    gap["touch_lots"][1, ASK] = 0.0
    gap["mid"][2] *= 1.05
    found = driver.run(gap)
    assert driver.state["ticks"][0] == pytest.approx(before + 1.0, rel=1e-2)
    assert found["microprice"][1] == found["microprice"][0]


def test_nothing_is_told_of_prices_before_a_tick_was_seen() -> None:
    """From the first row on the interval is of half spreads, never of the whole price."""
    found = Driver("microprice").run(CASES[0].draw(3).observations[:400])
    wide = found["microprice_sd"] / found["microprice"]
    assert np.all((wide > 0.0) & (wide < 1e-3))


def test_an_outage_is_over_when_the_touch_is_back() -> None:
    seen = CASES[0].draw(7).observations[:600].copy()
    seen["touch_lots"][400:500] = 0.0
    seen["mid"][400:500] = 0.0
    seen["half_spread"][400:500] = 0.0
    wide = Driver("microprice", AT_ONCE).run(seen)["microprice_sd"]
    assert wide[499] > 5.0 * wide[399]
    assert wide[599] < 0.5 * wide[499]
