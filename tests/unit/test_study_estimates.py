"""`simmm study estimates`: scores against closed forms and scipy, on series made by hand."""

import io
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from scipy import stats

from simmm.cli.study import study_group
from simmm.report.schema import Estimate
from simmm.study.estimates import compare, scores
from simmm.study.estimates.found import SCHEMA, Comparison, EstimatesStudy, TapeFound
from simmm.study.estimates.terminal import render
from simmm.study.estimates.words import _UNITS, summary

RNG = np.random.default_rng


def test_the_loss_of_variances_is_least_at_the_truth():
    """E of ln f + v / f has its minimum at f = E v, whatever the law of v."""
    realised = RNG(0).gamma(0.7, 3.0, 200_000)
    tried = np.linspace(0.5, 2.0, 31)
    losses = [scores.quasi_likelihood(realised.mean() * x, realised).mean() for x in tried]
    assert tried[np.argmin(losses)] == pytest.approx(1.0)


def test_count_and_reach_scores_are_log_probabilities():
    count = np.array([0.0, 1.0, 4.0])
    expected = stats.poisson.logpmf(count, 1.7) - stats.poisson.logpmf(count, 2.5)
    found = scores.poisson_score(np.array(1.7), count) - scores.poisson_score(np.array(2.5), count)
    assert found == pytest.approx(expected)
    steps = np.array([0, 3, 1, 0])
    of_each = stats.geom.logpmf(steps + 1, 1 - 0.4).sum()
    whole = scores.geometric_score(np.array(0.4), np.array(4.0), np.array(float(steps.sum())))
    assert whole == pytest.approx(of_each)


def test_bootstrap_covers_a_dependent_mean():
    """Moving averages over 20 cells: a bootstrap of single cells would hold it in about 35 %."""
    held = narrow = 0
    for seed in range(80):
        noise = RNG(seed).normal(size=919)
        values = np.convolve(noise, np.ones(20), "valid")
        columns = np.stack([values, np.ones_like(values)], axis=1)
        found = scores.block_bootstrap(columns, scores.ratio, 60)
        held += found.low <= 0.0 <= found.high
        single = scores.block_bootstrap(columns, scores.ratio, 1)
        narrow += single.low <= 0.0 <= single.high
    assert held >= 70
    assert narrow < 44


def test_bootstrap_of_weighted_cells_and_of_few():
    columns = np.array([[2.0, 1.0], [4.0, 3.0], [0.0, 0.0], [6.0, 2.0]])
    assert scores.block_bootstrap(columns, scores.ratio, 1).value == pytest.approx(2.0)
    few = scores.block_bootstrap(columns, scores.ratio, 2)
    assert (few.value, few.low, few.high) == (pytest.approx(2.0), None, None)
    assert scores.verdict(few) == "too few"
    assert scores.block_bootstrap(np.zeros((8, 2)), scores.ratio, 1).value is None


def test_ratio_of_means():
    marked, values = np.array([1.0, 0, 0, 1]), np.array([4.0, 1, 1, 2])
    columns = np.stack([marked * values, marked, values, np.ones(4)], axis=1)
    assert scores.ratio_of_means(columns.sum(axis=0)) == pytest.approx(3.0 / 2.0)


@pytest.mark.parametrize(
    ("low", "high", "nothing", "word"),
    [
        (0.1, 0.2, 0.0, "better"),
        (-0.1, 0.2, 0.0, "no better"),
        (-0.2, -0.1, 0.0, "worse"),
        (0.5, 0.9, 1.0, "worse"),
        (None, None, 0.0, "too few"),
    ],
)
def test_verdict(low, high, nothing, word):
    assert scores.verdict(Estimate(0.15, low, high), nothing) == word


def test_decayed_sums_and_expanding_means():
    values, known = np.array([1.0, np.nan, 4.0]), np.array([True, False, True])
    total, weight = scores.decayed(values, known, 2.0)
    assert total[-1] == pytest.approx(4.0 + 1.0 * 0.5)
    assert weight[-1] == pytest.approx(1.5)
    assert scores.expanding(values, known).tolist() == [1.0, 1.0, 2.5]


def _hawkes(seed, base, branching, decay, seconds):
    """By thinning (Ogata, 1981): another way than the residuals go."""
    rng, now, rate_above, times = RNG(seed), 0.0, 0.0, []
    while now < seconds:
        bound = base + rate_above
        wait = rng.exponential(1.0 / bound)
        now, rate_above = now + wait, rate_above * np.exp(-decay * wait)
        if rng.random() * bound < base + rate_above:
            times.append(now)
            rate_above += branching * decay
    return np.array(times)


def test_residuals_of_the_true_process_are_exponential_and_of_a_wrong_one_are_not():
    times = _hawkes(3, 0.5, 0.6, 2.0, 2_000.0)
    full = np.full(len(times), 1.0)
    apart = np.zeros(len(times), bool)
    residual, log_rate = scores.hawkes_residuals(times, apart, 0.5 * full, 0.6 * full, 2.0 * full)
    assert stats.kstest(residual[1:], "expon").pvalue > 0.05
    rate = len(times) / times[-1]
    plain, _ = scores.hawkes_residuals(times, apart, rate * full, 0 * full, full)
    assert stats.kstest(plain[1:], "expon").pvalue < 1e-6
    k = 40  # against the definition
    before = times[k] - times[:k]
    expected = np.log(0.5 + 0.6 * 2.0 * np.exp(-2.0 * before).sum())
    assert log_rate[k] == pytest.approx(expected)
    compensator = 0.5 * (times[k] - times[k - 1]) + 0.6 * np.sum(
        np.exp(-2.0 * (times[k - 1] - times[:k])) - np.exp(-2.0 * before)
    )
    assert residual[k] == pytest.approx(compensator)


def test_residuals_stop_at_a_gap_and_where_nothing_is_believed():
    times = np.array([0.0, 1.0, 2.0, 3.0])
    apart = np.array([False, False, True, False])
    base = np.array([np.nan, np.nan, 1.0, 1.0])
    residual, _ = scores.hawkes_residuals(times, apart, base, 0.5 * np.ones(4), np.ones(4))
    assert np.isnan(residual[:3]).all()
    assert residual[3] == pytest.approx(1.0 + 0.5 * (1 - np.exp(-1.0)))  # of the event at 2 alone


def test_shared_stamps_are_spread_over_the_time_before():
    stamps = np.array([0, 1_000, 1_000, 1_000, 1_030, 1_030])
    assert scores.spread_out(stamps, 90).tolist() == [0, 940, 970, 1_000, 1_015, 1_030]


def _study():
    gain = Estimate(0.02, 0.01, 0.03, 0.005, 30)
    one = Comparison(
        family="variance", row="E14", belief="sigma", ahead_s=60.0, baseline="EWMA 60 s",
        unit="QLIKE", gain=gain, verdict="better", cases=1_900, level=1.01, shape=gain,
    )  # fmt: skip
    two = msgspec.structs.replace(
        one, family="price", row="E16", belief="microprice", unit="of MSE", baseline="weighted mid",
        gain=Estimate(-0.2, -0.3, -0.1), verdict="worse", level=None, shape=None,
    )  # fmt: skip
    tape = TapeFound(
        name="made", symbol="A", venue="b", hours=0.5, start_ns=0, end_ns=1, aggressors=10,
        fills=3, order_size=0.01, record_s=1.0, comparisons=[one, two], facts={"hawkes": "words"},
    )  # fmt: skip
    return EstimatesStudy(SCHEMA, [tape])


@pytest.mark.parametrize("width", [80, 160])
def test_terminal_fits_and_tells_verdicts(width):
    console = Console(width=width, record=True, file=io.StringIO())
    render(_study(), console)
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "1 better, 1 worse" in text
    assert "−30.0 to −10.0 %" in text
    words = " ".join(text.replace("│", " ").split())
    assert "1 better, 1 worse. Better: sigma 1 min ahead over EWMA 60 s." in words
    if width == 80:
        assert words.count("Gain in QLIKE.") == 1
        assert words.count("Gain in % of the baseline's mean squared error saved.") == 1
    assert "…" not in text


def test_what_is_better_is_named():
    tape = _study().tapes[0]
    worse = msgspec.structs.replace(tape, comparisons=tape.comparisons[1:])
    assert summary(worse) == "1 comparisons with baselines: 1 worse."
    rates = msgspec.structs.replace(tape.comparisons[0], belief="hawkes_intensity", ahead_s=0.0,
                                    baseline="mean rate 300 s", unit="log score")  # fmt: skip
    both = msgspec.structs.replace(tape, comparisons=[*tape.comparisons, rates])
    assert summary(both).endswith(
        "Better: sigma 1 min ahead over EWMA 60 s; hawkes_intensity over mean rate 300 s."
    )


def test_every_unit_of_a_gain_has_words():
    sources = Path(compare.__file__).parent.glob("*.py")
    said = {unit for one in sources for unit in re.findall(r'unit="([^"]+)"', one.read_text())}
    assert said == {*_UNITS}


def test_without_a_tape_the_last_study_is_shown(tmp_path):
    run = CliRunner().invoke(study_group, ["estimates", "--out", str(tmp_path / "none")])
    assert run.exit_code != 0
    assert "name tapes" in str(run.exception)
    (tmp_path / "estimates.json").write_bytes(msgspec.json.encode(_study()))
    run = CliRunner().invoke(
        study_group, ["estimates", "--out", str(tmp_path), "--width", "80"], catch_exceptions=False
    )
    assert run.exit_code == 0
    assert "1 better, 1 worse" in run.output
    as_json = CliRunner().invoke(study_group, ["estimates", "--out", str(tmp_path), "--json"])
    assert msgspec.json.decode(as_json.output, type=EstimatesStudy) == _study()
