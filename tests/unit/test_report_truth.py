"""Beliefs against a truth that moves: of the moment, and over sigma's window."""

import io
import math
import re

import msgspec
import numpy as np
import polars as pl
import pytest
from rich.console import Console

from simmm.report import build, truth, write
from simmm.report.belief_table import belief_table
from simmm.report.calibration import samples
from simmm.report.calibration_words import window
from simmm.report.files import PAGE_NAME
from simmm.report.page.estimator_words import held
from simmm.report.tables import read_run
from simmm.report.terminal import render
from simmm.report.truth import averaged_sigma, truth_at
from tests.unit.report_fixture import START, S, drawn_run, write_run
from tests.unit.test_page import data_of, unpacked

SECONDS, WARM_UP, EVERY = 1200, 10, 5
PATH = [2e-5, 2e-5, 8e-5, 2e-5] * 6
FIRST = START - WARM_UP * S
TRUTH = {"sigma": 3e-5, "sigma_path": PATH, "sigma_path_s": 60.0}


def brute(at_s, half_life_s, clock_s=1.0):
    """Weighted mean of the variance, by tenths of a second in each return of the clock."""
    weights, squares = 0.0, 0.0
    for k in range(int(at_s / clock_s)):
        inside = k * clock_s + (np.arange(10) + 0.5) * clock_s / 10
        step = np.minimum(inside // 60, len(PATH) - 1).astype(int)
        weight = 2.0 ** (-(int(at_s / clock_s) - 1 - k) * clock_s / half_life_s)
        weights += weight
        squares += weight * np.mean(np.array(PATH)[step] ** 2)
    return math.sqrt(squares / weights)


def moving(folder, width=0.2, **changes):
    """A run whose sigma is the truth over its own window, to a tenth, with honest intervals."""
    changes.setdefault("tape", {"truth": TRUTH, "first_ts": FIRST})
    drawn_run(folder, seconds=SECONDS, **changes)
    run = read_run(folder)
    ts = FIRST + np.arange(1, SECONDS // EVERY) * EVERY * S
    draw = np.random.Generator(np.random.PCG64(3))
    value = averaged_sigma(run, ts).values * np.exp(0.1 * draw.normal(size=len(ts)))
    table = {"now_ns": ts, "sigma": value, "sigma_sd": 0.1 * value,
             "sigma_low": value * np.exp(-width), "sigma_high": value * np.exp(width),
             "sigma_age_ns": np.zeros(len(ts), np.int64)}  # fmt: skip
    pl.DataFrame(table).write_parquet(folder / "estimates.parquet")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = moving(tmp_path_factory.mktemp("truth") / "run")
    write(found)
    return found


def test_the_truth_is_averaged_as_sigma_forgets(folder, tmp_path):
    run = read_run(folder)
    at = np.array([5, 61, 130, 777])
    found = averaged_sigma(run, FIRST + at * S + S // 3)
    assert found.half_life_s == 300.0
    np.testing.assert_allclose(found.values, [brute(s, 300.0) for s in at], rtol=1e-12)
    quick = {"estimators": {"clock_ms": 500.0, "ewma": {"half_life_s": 20}}}
    other = read_run(moving(tmp_path / "run", scenario=quick))
    found = averaged_sigma(other, FIRST + at * S)
    np.testing.assert_allclose(found.values, [brute(s, 20.0, 0.5) for s in at], rtol=1e-12)


def test_it_is_not_known_before_the_first_return_and_forgets_by_returns_too(folder, tmp_path):
    run = read_run(folder)
    assert np.isnan(averaged_sigma(run, np.array([FIRST - S, FIRST])).values).all()
    both = {"estimators": {"ewma": {"half_life_s": 0.0, "half_life_ticks": 40.0}}}
    counted = averaged_sigma(read_run(moving(tmp_path / "run", scenario=both)),
                             np.array([FIRST + 400 * S])).values  # fmt: skip
    np.testing.assert_allclose(counted, brute(400, 40.0), rtol=1e-12)


def test_a_quick_clock_weighs_neighbours_together(folder, tmp_path, monkeypatch):
    at = FIRST + np.array([300, 777]) * S
    quick = {"estimators": {"clock_ms": 100.0, "ewma": {"half_life_s": 0.0,
                                                        "half_life_ticks": 1000.0}}}  # fmt: skip
    run = read_run(moving(tmp_path / "run", scenario=quick))
    each = averaged_sigma(run, at).values
    np.testing.assert_allclose(each, [brute(s, 100.0, 0.1) for s in (300, 777)], rtol=1e-9)
    monkeypatch.setattr(truth, "_MOST_RETURNS", 2000)
    together = averaged_sigma(run, at).values
    np.testing.assert_allclose(together, each, rtol=0.01)
    assert np.any(together != each)


def test_the_truth_of_the_moment_is_that_of_its_stretch(folder):
    run = read_run(folder)
    at = FIRST + np.array([0, 59, 60, 120, 179, 99_999]) * S
    np.testing.assert_array_equal(truth_at(run, "sigma", at), [2e-5, 2e-5, 2e-5, 8e-5, 8e-5, 2e-5])
    assert truth_at(run, "kappa", at) is None


def test_a_silence_is_one_return_that_weighs_no_more_than_the_longest(tmp_path):
    mids = [{"ts": FIRST, "mid2": 200_000}, {"ts": FIRST + 100 * S + 1, "mid2": 0},
            {"ts": FIRST + 150 * S, "mid2": 200_001}]  # fmt: skip
    tape = {"truth": TRUTH, "first_ts": FIRST}
    run = read_run(write_run(tmp_path / "run", {"mids": mids}, mid2=200_001, seconds=400,
                             tape=tape))  # fmt: skip
    kept, before = 2.0 ** (-10 / 300), sum(2.0 ** (-k / 300) for k in range(100))
    gained = (20 * 4e-10 + 30 * 64e-10) / 50  # a mean over the 50 s of the one return
    expected = math.sqrt((kept * before * 4e-10 + 10 * gained) / (kept * before + 10))
    found = averaged_sigma(run, np.array([FIRST + 150 * S])).values
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_coverage_is_of_the_intervals_that_were_told(folder, tmp_path):
    run, report = read_run(folder), build(folder)
    (sigma,) = report.calibration
    told = samples(run, "sigma")
    use = told.ts >= START
    truth = truth_at(run, "sigma", told.ts)
    inside = (told.low[use] <= truth[use]) & (truth[use] <= told.high[use])
    assert sigma.coverage == np.mean(inside)
    assert sigma.coverage < 0.5
    assert 0.9 < sigma.averaged_coverage < 1.0
    assert sigma.half_life_s == 300.0
    assert abs(sigma.averaged_error) < 0.02 * sigma.reference
    assert (sigma.final_low, sigma.final_high) == (told.low[-1], told.high[-1])
    narrow = build(moving(tmp_path / "run", width=0.01)).calibration[0]
    assert narrow.final_sd == sigma.final_sd  # not by the deviation
    assert narrow.averaged_coverage < 0.2


def test_both_shares_are_told_with_the_reason(folder):
    (sigma,) = build(folder).calibration
    text = " ".join(re.sub(r"<[^>]*>", " ", (folder / PAGE_NAME).read_text()).split())
    assert (
        f"its 95 % interval held the truth over its own window in {sigma.averaged_coverage:.0%}"
        f" of the samples, that of the moment in {sigma.coverage:.0%}"
    ).replace("%", " %").replace("95  %", "95 %") in text  # fmt: skip
    assert "% against the truth over its window" in text
    assert "sigma is an average that forgets half in 5 min" in text
    assert "held the truth in" not in text  # one share of each
    assert "Without a truth in this tape's model: kappa, A." in text.replace("&#x27;", "'")
    assert "not 95 %" not in text  # no reason for doubt


@pytest.mark.parametrize(("over", "told"), [
    (1.31, "the mid moved 31 % more than the truth, which adds up single steps: they followed"),
    (0.6, "the mid moved 40 % less than the truth, which adds up single steps: they took each"),
    (1.05, ""), (None, ""),
])  # fmt: skip
def test_steps_that_follow_or_take_back_each_other_are_told(folder, over, told):
    (sigma,) = build(folder).calibration
    words = window(msgspec.structs.replace(sigma, realised_over_truth=over))
    assert told in words
    assert ("single steps" in words) == bool(told)


def test_the_clock_is_compared_with_single_steps(tmp_path):
    draw = np.random.Generator(np.random.PCG64(12))
    level, mids = 2_000_000.0, []
    for second in range(-WARM_UP, SECONDS):
        mids.append({"ts": START + second * S, "mid2": round(level)})
        level *= math.exp(2 * PATH[min((second + WARM_UP) // 60, len(PATH) - 1)] * draw.normal())
    tape = {"truth": TRUTH, "first_ts": FIRST}
    folder = write_run(tmp_path / "run", {"mids": mids}, mid2=mids[-1]["mid2"], seconds=SECONDS,
                       tape=tape)  # fmt: skip
    (sigma,) = build(folder).calibration
    assert sigma.realised_over_truth == pytest.approx(2.0, rel=0.1)


def test_an_interval_that_misses_its_own_window_is_a_reason_for_doubt(tmp_path):
    folder = moving(tmp_path / "run", width=0.01)
    write(folder)
    text = (folder / PAGE_NAME).read_text()
    assert "its interval of sigma held the truth over its own window" in text


def test_a_truth_that_stays_has_one_share(tmp_path):
    folder = moving(tmp_path / "run")
    info = (folder / "run.json").read_text().replace('"sigma_path_s": 60.0', '"sigma_path_s": null')
    (folder / "run.json").write_text(info)
    report = write(folder)
    (sigma,) = report.calibration
    assert sigma.averaged_coverage is None
    assert sigma.reference == 3e-5
    text = (folder / PAGE_NAME).read_text()
    assert "its 95 % interval held the truth in" in text
    assert "is an average" not in text
    run = read_run(folder)
    assert held(run, belief_table(run), "sigma") == ""


@pytest.mark.parametrize("width", [80, 130, 160])
def test_the_terminal_tells_both(folder, width):
    out = io.StringIO()
    render(folder, Console(file=out, width=width))
    shown = out.getvalue()
    (sigma,) = build(folder).calibration
    (row,) = [line for line in shown.splitlines() if re.search(r"\bsigma +0\.\d+ +0\.", line)]
    for share in (sigma.coverage, sigma.averaged_coverage):
        assert f"{100 * share:.0f} %" in row
    assert "…" not in row[row.index("sigma") :]
    assert f"{1e4 * sigma.reference:.3f}" in row
    assert "sigma is an average that forgets half in 5 min" in " ".join(shown.split())


def test_the_picture_has_both_truths(folder):
    panel = data_of((folder / PAGE_NAME).read_text())["charts"]["believed"]["panels"][0]
    names = [one["name"] for one in panel["series"]]
    assert names == ["95 %", "believed", "truth of the moment", "truth over its window"]
    moment, window = (unpacked(one["y"]) for one in panel["series"][2:])
    assert np.nanmax(moment) == pytest.approx(8e-5)
    assert np.nanmax(window) < 6e-5
