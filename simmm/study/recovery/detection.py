"""What bias and coverage can't tell: alarms as curves, leads, the filter beside the exact one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simmm.estimators.driver import Driver
from simmm.estimators.observation import BUCKET, Observation
from simmm.math import stream_key
from simmm.study.recovery.worlds import changes, flow_regimes, lead_lag

PHI, NOISE, LEVEL, COUNT = 0.97, 0.2, -18.4, 250  # of the series the filter is tried on
NODES = 1201


@dataclass(frozen=True)
class Likelihood:
    """The particle filter's likelihood beside the exact one, over filter seeds.

    Parameters
    ----------
    ratio, ratio_error
        Mean of estimated over exact likelihood, and its standard error.
    log_sd
        Standard deviation of the log of the estimate.
    rmse
        Of the filtered log-variance, against the exact filter's.
    """

    particles: int
    seeds: int
    ratio: float
    ratio_error: float
    log_sd: float
    rmse: float


def exact_filter(returns: np.ndarray) -> tuple[float, np.ndarray]:
    """Log likelihood and filtered mean of the log-variance, by Bayes' rule on a dense grid."""
    spread = NOISE / math.sqrt(1.0 - PHI * PHI)
    h = np.linspace(LEVEL - 7.0 * spread, LEVEL + 7.0 * spread, NODES)
    ahead = LEVEL + PHI * (h[None, :] - LEVEL)
    move = np.exp(-0.5 * ((h[:, None] - ahead) / NOISE) ** 2)
    move /= move.sum(axis=0)
    belief = np.exp(-0.5 * ((h - LEVEL) / spread) ** 2)
    belief /= belief.sum()
    total, means = 0.0, []
    for k, value in enumerate(returns):
        belief = move @ belief if k else belief
        belief = belief * np.exp(-0.5 * (value * value * np.exp(-h) + h))
        evidence = belief.sum()
        total += math.log(evidence) - 0.5 * math.log(2.0 * math.pi)
        belief /= evidence
        means.append(float(belief @ h))
    return total, np.array(means)


def series(seed: int = 1) -> np.ndarray:
    """Returns of a stochastic volatility with the figures above, one a second."""
    rng = np.random.default_rng(seed)
    h = LEVEL + NOISE / math.sqrt(1.0 - PHI * PHI) * rng.normal()
    found = []
    for _ in range(COUNT):
        found.append(math.exp(0.5 * h) * rng.normal())
        h = LEVEL + PHI * (h - LEVEL) + NOISE * rng.normal()
    return np.array(found)


def likelihood(returns: np.ndarray, seeds: int = 100, particles: int = 100) -> Likelihood:
    """Run the filter over one series with many seeds, with the model's figures given."""
    exact, means = exact_filter(returns)
    told = np.zeros(len(returns), Observation)
    told["kind"], told["mid"], told["seconds"], told["change"] = BUCKET, 1e6, 1.0, returns
    told["now"] = np.arange(1, len(returns) + 1) * 1_000_000_000
    settings: dict[str, float | int] = {
        "particles": particles,
        "level_sd": 0.0,
        "level_drift": 0.0,
        "regime_probability": 0.0,
        "relaxation_s": -1.0 / math.log(PHI),
        "log_variance_sd": NOISE / math.sqrt(1.0 - PHI * PHI),
        "default_sigma": math.exp(0.5 * LEVEL),
        "warm_up": 1,
    }
    logs, errors = [], []
    for seed in range(seeds):
        driver = Driver("volatility_filter", settings, key=stream_key(seed, "filter"))
        found = driver.run(told)
        logs.append(float(driver.state["log_likelihood"][0]) - exact)
        errors.append(2.0 * np.log(found["filtered_sigma"]) - means)
    ratios = np.exp(logs)
    return Likelihood(
        particles,
        seeds,
        float(ratios.mean()),
        float(ratios.std(ddof=1) / math.sqrt(seeds)),
        float(np.std(logs, ddof=1)),
        float(np.sqrt(np.mean(np.square(errors)))),
    )


def parts(seeds: int, null_series: int) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Yield each table's heading and what makes its lines, so that one can tell what is at work."""
    yield (
        "E3 volatility_filter: likelihood on one series of 250 returns, against a dense grid",
        _likelihood_lines,
    )
    yield (
        "E21 changepoint: false alarms against delay, in observations",
        lambda: _changepoint_lines(seeds),
    )
    yield (
        "E20 flow_regime: false hectic regimes against delay, in intervals",
        lambda: _regime_lines(seeds),
    )
    yield (
        "E25 lead_lag: false leads, and how often the lag found is the right one",
        lambda: lead_lag.table(null_series, max(40, null_series // 5)).splitlines(),
    )


def _likelihood_lines() -> list[str]:
    filtered = likelihood(series())
    return [
        f"{filtered.particles} particles, {filtered.seeds} filter seeds:",
        f"ratio {filtered.ratio:.3f} ± {filtered.ratio_error:.3f}, sd of log "
        f"{filtered.log_sd:.3f}, RMSE of the log-variance {filtered.rmse:.3f}",
    ]


def _changepoint_lines(seeds: int) -> list[str]:
    lines = [
        f"{'series':>10} {'factor':>6} {'threshold':>9} {'false / 1000':>12} {'found':>6} "
        f"{'delay':>6} {'alarms each':>11}"
    ]
    for name in ("volatility", "reach"):
        for point in changes.operating_curve(range(seeds), series=name):
            lines.append(
                f"{name:>10} {point.factor:6.2f} {point.threshold:9.4f} {point.false_alarms:12.2f} "
                f"{point.found:6.2f} {point.delay:6.1f} {point.alarms:11.2f}"
            )
    return lines


def _regime_lines(seeds: int) -> list[str]:
    lines = [f"{'factor':>6} {'threshold':>9} {'false / 1000':>12} {'found':>6} {'delay':>6}"]
    for factor in (1.0, 0.5):
        for one in flow_regimes.operating_curve(range(max(1, seeds // 2)), factor):
            lines.append(
                f"{factor:6.2f} {one.threshold:9.4f} {one.false_alarms:12.2f} "
                f"{one.found:6.2f} {one.delay:6.1f}"
            )
    return lines
