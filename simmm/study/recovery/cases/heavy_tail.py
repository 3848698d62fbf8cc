"""Worlds for `heavy_tail`: aggressors of exponential reach, and of reach that isn't."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simmm.estimators.observation import AGGRESSOR, Observation
from simmm.study.recovery.case import Case, World

AGGRESSORS = 4_000
RATE = 2.0  # aggressors a second
KAPPA = 2_000.0
HALF_SPREAD = 1e-4
STEP = 1e-5
WEIGHT = 0.01
DEGREES = 3.0  # of Student's law, whose tail is a power


def _heard(seed: int, reach: np.ndarray, step: float) -> np.ndarray:
    """Aggressors with these reaches beyond the touch, in whole steps if there are some."""
    rng = np.random.default_rng([seed, 1])
    seen = np.zeros(len(reach), Observation)
    seen["kind"] = AGGRESSOR
    seen["now"] = np.cumsum(rng.exponential(1e9 / RATE, len(reach))).astype(np.int64)
    seen["exch_ts"] = seen["now"]
    seen["mid"], seen["lot"] = 1e6, 1e-3
    seen["half_spread"], seen["step"] = HALF_SPREAD, step
    seen["side"] = rng.choice([-1.0, 1.0], len(reach))
    seen["lots"], seen["prints"] = 1.0, 1.0
    on_grid = np.floor(reach / step) * step if step > 0.0 else reach
    seen["reach"] = HALF_SPREAD + on_grid
    return seen


def _ideal_sd() -> float:
    """Deviation of the variation over so many aggressors as the weights are worth, were it 1."""
    return math.sqrt(WEIGHT / (2.0 - WEIGHT))


def _exponential(step: float, count: int = AGGRESSORS) -> Callable[[int], World]:
    def draw(seed: int) -> World:
        reach = np.random.default_rng([seed, 2]).exponential(1.0 / KAPPA, count)
        truth = {"reach_variation": 1.0, "heavy_tail": 0.0}
        return World(_heard(seed, reach, step), truth, ideal_sd={"reach_variation": _ideal_sd()})

    return draw


def _power_tail(seed: int) -> World:
    reach = np.abs(np.random.default_rng([seed, 2]).standard_t(DEGREES, AGGRESSORS)) / KAPPA
    # The mean square of |t| is f / (f - 2), its mean 2 sqrt(f / pi) G((f+1)/2) / (G(f/2) (f-1)).
    f = DEGREES
    mean = 2 * math.sqrt(f / math.pi) * math.gamma((f + 1) / 2) / math.gamma(f / 2) / (f - 1)
    variation = math.sqrt(f / (f - 2) / mean**2 - 1)
    return World(_heard(seed, reach, 0.0), {"reach_variation": variation, "heavy_tail": 1.0})


def _change(seed: int) -> World:
    rng = np.random.default_rng([seed, 2])
    half = AGGRESSORS // 2
    before = rng.exponential(1.0 / KAPPA, half)
    after = rng.exponential(1.0 / KAPPA, AGGRESSORS - half)
    after *= np.where(rng.random(len(after)) < 0.1, 10.0, 1.0)
    # Of the mixture: mean 0.9 + 1, mean square 2 (0.9 + 10), over the mean of the ninety percent.
    variation = math.sqrt(2 * (0.9 + 10.0) / (0.9 + 1.0) ** 2 - 1)
    truth = np.where(np.arange(AGGRESSORS) < half, 1.0, variation)
    return World(
        _heard(seed, np.concatenate([before, after]), 0.0),
        {"reach_variation": truth, "heavy_tail": (truth > 1.0).astype(float)},
        change=half,
    )


CASES = (
    Case("exponential", "assumed", _exponential(0.0), ("reach_variation",),
         "4,000 aggressors of exponential reach on no grid, the last 200 in effect"),
    Case("exponential on a grid", "assumed", _exponential(STEP * 10), ("reach_variation",),
         "the same on steps of a fifth of the mean reach"),
    Case("power tail", "violated", _power_tail, ("reach_variation", "heavy_tail"),
         "reach of |Student t| with 3 degrees of freedom, whose variance of squares is infinite"),
    Case("tail grows heavy", "changing", _change, ("reach_variation", "heavy_tail"),
         "after 2,000 aggressors one in ten reaches ten times as far", alarm="heavy_tail",
         within=0.25),
    Case("quiet", "quiet", _exponential(0.0, 20_000), ("reach_variation",),
         "20,000 aggressors of exponential reach", alarm="heavy_tail"),
)  # fmt: skip
