"""`simmm study detection`: its exact filter is exact, and its tables say what was found."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from click.testing import CliRunner

from simmm.cli.study import study_group
from simmm.jit import INTERPRETED
from simmm.study.recovery import detection
from simmm.study.recovery.detection import LEVEL, NOISE, PHI, exact_filter, likelihood, series


def test_the_exact_filter_integrates_two_returns() -> None:
    """Against a two-dimensional integral over both log-variances."""
    returns = np.array([1.5e-4, -0.6e-4])
    spread = NOISE / math.sqrt(1.0 - PHI * PHI)
    h = np.linspace(LEVEL - 8 * spread, LEVEL + 8 * spread, 1501)
    step = h[1] - h[0]

    def normal(x: np.ndarray, sd: float) -> np.ndarray:
        return np.exp(-0.5 * (x / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))

    def seen(value: float) -> np.ndarray:
        return np.exp(-0.5 * (value * value * np.exp(-h) + h)) / math.sqrt(2.0 * math.pi)

    joint = (normal(h - LEVEL, spread) * seen(returns[0]))[None, :] * normal(
        h[:, None] - LEVEL - PHI * (h[None, :] - LEVEL), NOISE
    )
    joint *= seen(returns[1])[:, None]
    total, means = exact_filter(returns)
    assert total == pytest.approx(math.log(joint.sum() * step * step), abs=1e-6)
    assert means[1] == pytest.approx(float((joint.sum(axis=1) @ h) / joint.sum()), abs=1e-5)


@pytest.mark.skipif(INTERPRETED, reason="thousands of particles take minutes interpreted")
def test_the_particle_filter_is_unbiased() -> None:
    found = likelihood(series(), seeds=60)
    assert abs(found.ratio - 1.0) < 3.5 * found.ratio_error
    assert found.log_sd < 1.0  # of this series; that of the oracle is in tests/estimators
    assert found.rmse <= 0.09


@pytest.mark.skipif(INTERPRETED, reason="thousands of observations take minutes interpreted")
def test_the_command_tells_all_tables() -> None:
    told = CliRunner().invoke(study_group, ["detection", "--seeds", "2", "--series", "40"])
    assert told.exit_code == 0, told.output
    for words in ("E3 volatility_filter", "E21 changepoint", "E20 flow_regime", "false positives"):
        assert words in told.stdout
    for name in ("E3 volatility_filter", "E21 changepoint", "E20 flow_regime", "E25 lead_lag"):
        assert f"simmm: trying {name} ..." in told.stderr


def test_tables_are_made_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is shown before the next is begun, and progress can be left out."""
    order: list[str] = []

    def made(name: str) -> Callable[[], list[str]]:
        return lambda: [order.append(name) or f"line of {name}"]  # type: ignore[func-returns-value]

    monkeypatch.setattr(
        detection, "parts", lambda seeds, series: ((f"{n}: x", made(n)) for n in "ab")
    )
    told = CliRunner().invoke(study_group, ["detection", "--no-progress"])
    assert told.stdout == "a: x\nline of a\n\nb: x\nline of b\n\n"
    assert told.stderr == ""
    assert order == ["a", "b"]
