"""E7 against the moments of laws that are known, and against NumPy's weighted averages."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, Observation
from simmm.study.recovery.cases.heavy_tail import CASES
from simmm.study.recovery.sample import sample

MEAN = 5e-4  # of the excess, fraction
HALF_SPREAD = 1e-4


def heard(excess: np.ndarray, step: float = 0.0) -> np.ndarray:
    seen = np.zeros(len(excess), Observation)
    seen["kind"] = AGGRESSOR
    seen["now"] = 1_000_000_000 * np.arange(1, len(excess) + 1)
    seen["mid"] = 1e6
    seen["half_spread"], seen["step"] = HALF_SPREAD, step
    seen["reach"] = HALF_SPREAD + excess
    return seen


def believed(excess: np.ndarray, step: float = 0.0, **parameters: float) -> np.void:
    found: np.void = Driver("heavy_tail", parameters).run(heard(excess, step))[-1]
    return found


@pytest.fixture
def reach() -> np.ndarray:
    return np.random.default_rng(11).exponential(MEAN, 3_000)


def test_it_is_the_weighted_variation_of_reach(reach: np.ndarray) -> None:
    """Weights fall by 1 - weight from the newest on; written out, not recursive."""
    weight = 0.02
    weights = weight * (1 - weight) ** np.arange(len(reach))[::-1]
    mean = np.average(reach, weights=weights)
    square = np.average(reach**2, weights=weights)
    variation = np.sqrt(square / mean**2 - 1)
    found = believed(reach, weight=weight)
    assert found["reach_variation"] == pytest.approx(variation, rel=1e-9)
    spread = np.sqrt(np.sum(weights**2)) / np.sum(weights) * max(variation, 1.0)
    assert found["reach_variation_sd"] == pytest.approx(spread, rel=1e-9)
    assert found["reach_variation_low"] == pytest.approx(variation - 1.96 * spread, rel=1e-9)
    assert found["reach_variation_high"] == pytest.approx(variation + 1.96 * spread, rel=1e-9)


@pytest.mark.parametrize("step", [MEAN / 20, MEAN / 2, 2 * MEAN])
def test_a_grid_makes_no_tail(step: float) -> None:
    """Floored exponentials are geometric: the variation is told beside theirs, not beside 1."""
    values = [
        believed(
            np.floor(np.random.default_rng(seed).exponential(MEAN, 4_000) / step) * step,
            step,
            weight=0.002,
        )["reach_variation"]
        for seed in range(40)
    ]
    assert np.mean(values) == pytest.approx(1.0, abs=3 * np.std(values) / 40**0.5 + 0.01)


def test_known_laws() -> None:
    """A constant has no variation, a half-normal 0.756, a mixture of 1 and 10 times 2.24."""
    rng = np.random.default_rng(12)
    constant = believed(np.full(2_000, MEAN))
    assert constant["reach_variation"] == pytest.approx(0.0, abs=1e-6)
    assert constant["heavy_tail"] == 0.0
    normal = believed(np.abs(rng.normal(size=200_000)) * MEAN, weight=1e-4)
    assert normal["reach_variation"] == pytest.approx(np.sqrt(np.pi / 2 - 1), rel=0.02)
    mixture = rng.exponential(MEAN, 200_000) * np.where(rng.random(200_000) < 0.1, 10.0, 1.0)
    heavy = believed(mixture, weight=1e-4)
    assert heavy["reach_variation"] == pytest.approx(np.sqrt(2 * 10.9 / 1.9**2 - 1), rel=0.04)
    assert heavy["heavy_tail"] == 1.0


def test_the_threshold_is_the_one_set(reach: np.ndarray) -> None:
    value = float(believed(reach)["reach_variation"])
    assert believed(reach, threshold=max(1.0, value + 0.01))["heavy_tail"] == 0.0
    spread = np.concatenate([reach, 10 * reach[-20:]])
    value = float(believed(spread)["reach_variation"])
    assert value > 1.2
    assert believed(spread, threshold=value - 0.01)["heavy_tail"] == 1.0
    assert believed(spread, threshold=value + 0.01)["heavy_tail"] == 0.0


def test_it_says_nothing_before_it_is_warm(reach: np.ndarray) -> None:
    found = Driver("heavy_tail", {"warm_up": 50}).run(heard(reach[:60]))
    assert np.all(found["reach_variation_age_ns"][:49] == -1)
    assert np.all(found["reach_variation"][:49] == 0.0)
    assert np.all(found["reach_variation_age_ns"][49:] == 0)


def test_reach_inside_the_touch_counts_as_the_touch(reach: np.ndarray) -> None:
    seen = heard(reach)
    seen["reach"][::3] = HALF_SPREAD / 2
    want = heard(np.where(np.arange(len(reach)) % 3 == 0, 0.0, reach))
    found, other = (Driver("heavy_tail").run(one)[-1] for one in (seen, want))
    assert found["reach_variation"] == pytest.approx(other["reach_variation"], rel=1e-12)


@pytest.mark.parametrize(("field", "value"), [
    ("half_spread", 0.0), ("half_spread", -1.0), ("half_spread", 2.0), ("reach", np.nan),
    ("reach", np.inf), ("half_spread", np.nan),
])  # fmt: skip
def test_what_makes_no_sense_is_passed_over(reach: np.ndarray, field: str, value: float) -> None:
    seen = heard(reach)
    odd = np.insert(seen, 1_000, seen[1_000])
    odd[field][1_000] = value
    driver, other = Driver("heavy_tail"), Driver("heavy_tail")
    driver.run(odd)
    other.run(seen)
    assert driver.state.tobytes() == other.state.tobytes()


@pytest.mark.parametrize("case", CASES[:2], ids=lambda case: case.name)
def test_the_interval_covers_in_its_own_world(case: object) -> None:
    """500 worlds: 95 % is within 92 and 98, and 1.25 times the ideal width is not reached."""
    worlds = [sample("heavy_tail", case, seed) for seed in range(500)]  # type: ignore[arg-type]
    name = "reach_variation"
    low, high = (np.array([one[f"{name}.{end}"] for one in worlds]) for end in ("low", "high"))
    covered = np.mean((low <= 1.0) & (high >= 1.0))
    assert 0.92 <= covered <= 0.98
    assert np.mean(high - low) < 1.25 * 2 * 1.96 * worlds[0][f"{name}.ideal_sd"]
    values = np.array([one[f"{name}.value"] for one in worlds])
    assert np.mean(values) == pytest.approx(1.0, abs=0.03)
