"""Two markets of which one may lead, and how often E25 finds a lead where there is none.

The figures of the test are printed by `table`:

>>> from simmm.study.recovery.worlds.lead_lag import table
>>> print(table(series=40, lags=20))  # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from simmm.estimators.driver import Driver
from simmm.study.recovery.worlds.volatility import on_clock, path

SCALE = 1e-4  # deviation of a return
BETA = 0.7
WINDOW, LAGS, ORDER = 820, 20, 4  # of the estimator's defaults
TICKS = WINDOW + ORDER + 110  # by when its first test is over
COEFFICIENTS = (0.5, 0.7, 0.9, 0.97)
_BURN_IN = 500


@dataclass(frozen=True)
class Share:
    """How often something happened, with the autoregressions of the other's and own returns."""

    other: float
    own: float
    count: int
    of: int

    @property
    def value(self) -> float:
        """The share."""
        return self.count / self.of


def autoregression(rng: np.random.Generator, coefficient: float, count: int) -> np.ndarray:
    """Return a stationary autoregression of order one with variance 1."""
    noise = rng.standard_normal(count + _BURN_IN)
    series = lfilter([1.0], [1.0, -coefficient], noise)[_BURN_IN:]
    return np.asarray(series * np.sqrt(1.0 - coefficient**2))


def follower(other: np.ndarray, lag: int, rest: np.ndarray) -> np.ndarray:
    """Return `BETA` times the other's return `lag` ticks before, plus the rest; first ones cut."""
    return np.asarray(BETA * other[: len(other) - lag] + rest[lag:])


def watched(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Observations of the clock, a second apart, of two markets with these returns."""
    seen = on_clock(path(SCALE * own))
    seen["reference_mid"][:, 0] = path(SCALE * other)
    return seen


def false_positives(series: int = 2000, seed: int = 1) -> list[Share]:
    """Test unrelated markets once each; `series` of them for each autoregression.

    A series has `TICKS` ticks: 820 returns in the test. Both markets have the same coefficient;
    then one has it and the other is white.
    """
    pairs = [(a, a) for a in COEFFICIENTS] + [(0.97, 0.0), (0.0, 0.97)]
    found = []
    for number, (a, b) in enumerate(pairs):
        rng = np.random.default_rng([seed, number])
        count = 0
        for _ in range(series):
            own, other = (autoregression(rng, c, TICKS) for c in (b, a))
            last = Driver("lead_lag").run(watched(own, other), every=TICKS + 1)[-1]
            count += int(last["lead_on"])
        found.append(Share(a, b, count, series))
    return found


def exact_lags(series: int = 400, seed: int = 2, signal_to_noise: float = 1.0) -> list[Share]:
    """Count the pairs whose lead, of 1 to 20 ticks, is found exactly.

    Parameters
    ----------
    series
        Pairs for each autoregression.
    seed
        Of the first.
    signal_to_noise
        Variance of what follows the other over the variance of the rest.
    """
    pairs = [(a, a) for a in (0.0, *COEFFICIENTS)] + [(0.9, 0.0), (0.97, 0.0), (0.0, 0.97)]
    found = []
    for number, (a, b) in enumerate(pairs):
        rng = np.random.default_rng([seed, number])
        count = 0
        for _ in range(series):
            lag = int(rng.integers(1, LAGS + 1))
            other = autoregression(rng, a, TICKS + lag)
            rest = BETA / np.sqrt(signal_to_noise) * autoregression(rng, b, TICKS + lag)
            seen = watched(follower(other, lag, rest), other[lag:])
            last = Driver("lead_lag").run(seen, every=TICKS + 1)[-1]
            count += int(last["lead_on"] == 1.0 and round(float(last["lead_lag_s"])) == lag)
        found.append(Share(a, b, count, series))
    return found


def table(series: int = 2000, lags: int = 400) -> str:
    """Return the false positives and the leads found exactly as a table of text."""
    lines = [
        f"{WINDOW} returns a test, lags 1 to {LAGS}, level 5 %",
        f"{'other AR':>8} {'own AR':>7} {'series':>7} {'false positives':>16}",
    ]
    for share in false_positives(series):
        error = np.sqrt(share.value * (1.0 - share.value) / share.of)
        lines.append(
            f"{share.other:8.2f} {share.own:7.2f} {share.of:7d} {share.value:9.2%} +- {error:.2%}"
        )
    lines += ["", "signal-to-noise 1", f"{'other AR':>8} {'rest AR':>7} {'series':>7} {'exact':>9}"]
    for share in exact_lags(lags):
        lines.append(f"{share.other:8.2f} {share.own:7.2f} {share.of:7d} {share.value:9.2%}")
    return "\n".join(lines)
