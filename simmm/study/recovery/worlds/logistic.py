"""The exact posterior of a logistic regression's chance, for worlds drawn from its prior."""

from __future__ import annotations

import numpy as np

DRAWS = 3_000
_FREEDOM = 8.0  # of the law drawn from: tails heavier than the posterior's
_WIDER = 1.15  # its covariance over that at the mode
_STEPS = 100
_LONGEST = 5.0  # step of Newton's


def chances(odds: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-odds))."""
    found: np.ndarray = np.exp(-np.logaddexp(0.0, -odds))
    return found


def exact_posterior(
    x: np.ndarray,
    y: np.ndarray,
    centre: np.ndarray,
    deviation: np.ndarray,
    at: np.ndarray,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mean and standard deviation of the chance at each of `at`.

    By importance sampling from Student's law about the mode; with n effective draws the mean is
    off by 1 / sqrt(n) posterior deviations.

    Parameters
    ----------
    x
        Features, shape (features, outcomes); the first is 1.
    y
        Outcomes, 0 or 1.
    centre, deviation
        Of the coefficients' prior, normal and independent.
    at
        Features where the chance is asked for, shape (k, features).
    rng
        Of the draws.
    draws
        How many.
    """
    precision = 1.0 / np.square(deviation)
    mode, curvature = _mode(x, y, centre, precision)
    factor = np.linalg.cholesky(np.linalg.inv(curvature) * _WIDER)
    scale = np.sqrt(rng.chisquare(_FREEDOM, draws) / _FREEDOM)
    away = rng.normal(size=(draws, len(mode))) / scale[:, None]
    coefficients = mode + away @ factor.T
    odds = coefficients @ x
    log_weight = odds @ y - np.logaddexp(0.0, odds).sum(axis=1)
    log_weight -= 0.5 * np.square(coefficients - centre) @ precision
    tail = 0.5 * (_FREEDOM + len(mode))
    log_weight += tail * np.log1p(np.square(away).sum(axis=1) / _FREEDOM)
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    chance = chances(coefficients @ at.T)
    mean = weights @ chance
    return mean, np.sqrt(weights @ np.square(chance - mean))


def _mode(
    x: np.ndarray, y: np.ndarray, centre: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mode and negative curvature of the log posterior there, by Newton's method."""
    mode = centre.copy()
    for _ in range(_STEPS):
        chance = chances(mode @ x)
        slope = x @ (y - chance) - precision * (mode - centre)
        curvature = (x * (chance * (1.0 - chance))) @ x.T + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        longest = float(np.abs(step).max())
        mode = mode + step * min(1.0, _LONGEST / max(longest, 1e-300))
        if longest < 1e-9:
            break
    return mode, curvature
