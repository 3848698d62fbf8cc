"""Worlds whose log variance wanders about a level, told by the bucket, and their exact filter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simmm.estimators.observation import BUCKET, Observation

NS_PER_S = 1e9


def buckets(changes: np.ndarray, seconds: np.ndarray | float) -> np.ndarray:
    """Return one BUCKET observation per log return `changes`, of `seconds` each."""
    told = np.zeros(len(changes), Observation)
    told["kind"] = BUCKET
    told["change"] = changes
    told["seconds"] = seconds
    told["now"] = np.cumsum(np.asarray(told["seconds"]) * NS_PER_S).astype(np.int64)
    told["exch_ts"] = told["now"]
    told["mid"] = 1e6 * np.exp(np.cumsum(changes))
    told["lot"] = 1.0
    told["lots"] = 1.0
    return told


@dataclass(frozen=True)
class Model:
    """Law of the log variance per second, as `volatility_filter` assumes it.

    Parameters
    ----------
    sigma
        Its level, fraction per root second.
    relaxation_s, log_variance_sd
        Of the log variance about its level.
    level_drift
        Of the level, per root second.
    move_probability, move_sd
        Of shifts of both, per bucket.
    """

    sigma: float = 1e-4
    relaxation_s: float = 120.0
    log_variance_sd: float = 0.8
    level_drift: float = 0.0
    move_probability: float = 0.0
    move_sd: float = 2.0

    def log_variance(self, seconds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw it at each bucket; `seconds` are their durations."""
        n = len(seconds)
        keep = np.exp(-seconds / self.relaxation_s)
        noise = rng.normal(size=n) * self.log_variance_sd * np.sqrt(1.0 - keep * keep)
        moves = rng.normal(size=n) * self.move_sd * (rng.random(n) < self.move_probability)
        wander = rng.normal(size=n) * self.level_drift * np.sqrt(seconds)
        level = 2.0 * math.log(self.sigma) + np.cumsum(moves + wander)
        about = np.empty(n)
        last = rng.normal() * self.log_variance_sd
        for i in range(n):  # h - level: the drift of the level is what h lags behind
            last = last if i == 0 else keep[i] * (last - wander[i]) + noise[i]
            about[i] = last
        return np.asarray(level + about)

    def filtered(self, changes: np.ndarray, seconds: float) -> tuple[float, float]:
        """Exact mean and sd of h / 2 after the last of equally long buckets.

        By Bayes' rule on a grid, for a level known and constant and no moves.
        """
        grid = np.linspace(-6.0, 6.0, 201) * self.log_variance_sd
        keep = math.exp(-seconds / self.relaxation_s)
        noise = self.log_variance_sd * math.sqrt(1.0 - keep * keep)
        onward = np.exp(-0.5 * ((grid[:, None] - keep * grid[None, :]) / noise) ** 2)
        onward /= onward.sum(axis=0)
        chance = np.exp(-0.5 * (grid / self.log_variance_sd) ** 2)
        h = grid + 2.0 * math.log(self.sigma)
        likely = np.exp(-0.5 * (h + (changes**2 / seconds)[:, None] * np.exp(-h)))
        for i, given in enumerate(likely):
            chance = (onward @ chance if i else chance) * given
            chance /= chance.sum()
        mean = float(chance @ h)
        return 0.5 * mean, 0.5 * math.sqrt(float(chance @ (h - mean) ** 2))
