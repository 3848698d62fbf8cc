"""`simmm study recovery`: its statistics against SciPy, its runs, and what it shows."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from scipy import stats

from simmm.cli.study_recovery import recovery
from simmm.errors import RunError, ScenarioError
from simmm.estimators.observation import AGGRESSOR, Observation
from simmm.study.recovery import golden, run, study
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.found import cases_of, chosen, digest_of, tried
from simmm.study.recovery.page import page
from simmm.study.recovery.run import CHUNK, Samples, run_cases
from simmm.study.recovery.sample import sample
from simmm.study.recovery.scores import CaseScore, Recovery, inner, scored, verdict, wilson
from simmm.study.recovery.terminal import render
from simmm.study.recovery.words import summary
from tests.page_fields import shown_fields, wrong_fields

NAME = "heavy_tail"
BELIEF = "reach_variation"
SEEDS = 2 * CHUNK


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recovery, Path]:
    return study.study_recovery(
        [NAME], seeds=SEEDS, jobs=1, out=tmp_path_factory.mktemp("study") / "out"
    )


def judged(kind: str = "assumed", alarm: str = "", **columns: Any) -> CaseScore:
    """Score worlds whose figures are given, of the belief `BELIEF`."""
    world = World(np.zeros(1, Observation), {})
    case = Case("made up", kind, lambda seed: world, (BELIEF,), "", alarm=alarm)  # type: ignore[arg-type]
    size = len(next(iter(columns.values())))
    figures = {f"{BELIEF}.age": np.zeros(size)}
    for name, values in columns.items():
        path = name.replace("__", ".") if "__" in name else f"{BELIEF}.{name}"
        figures[path] = np.asarray(values, float)
    return scored([Samples(NAME, case, figures)], size).scores[0]


def normal(n: int, spread: float = 1.0, said: float = 1.0) -> dict[str, np.ndarray]:
    """Beliefs that are off by `spread` and say `said`."""
    value = 5.0 + spread * np.random.default_rng(1).normal(size=n)
    half = 1.959963984540054 * said
    return {
        "value": value, "truth": np.full(n, 5.0), "sd": np.full(n, said), "low": value - half,
        "high": value + half, "ideal_sd": np.ones(n),
    }  # fmt: skip


# ------------------------------------------------------------------------------------ statistics


@pytest.mark.parametrize(("count", "of"), [(0, 20), (380, 400), (399, 400), (7, 9)])
def test_wilson_is_scipys(count: int, of: int) -> None:
    want = stats.binomtest(count, of).proportion_ci(0.95, "wilson")
    found = wilson(count, of)
    assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=1e-12)


@pytest.mark.parametrize("law", ["normal", "lognormal", "gamma", "beta"])
def test_the_inner_interval_holds_half_of_the_law(law: str) -> None:
    value, sd = 0.3, 0.1
    low, high = inner(law, np.array([value]), np.array([sd]), 0.5)[:, 0]
    size = value * (1 - value) / sd**2 - 1
    of = {
        "normal": stats.norm(value, sd),
        "lognormal": stats.lognorm(sd / value, scale=value),
        "gamma": stats.gamma((value / sd) ** 2, scale=sd**2 / value),
        "beta": stats.beta(value * size, (1 - value) * size),
    }[law]
    assert of.cdf(low) == pytest.approx(0.25, abs=1e-9)
    assert of.cdf(high) == pytest.approx(0.75, abs=1e-9)
    if law in ("gamma", "beta"):
        assert (of.mean(), of.std()) == pytest.approx((value, sd))


def test_an_estimator_that_is_right_about_itself_covers() -> None:
    found = judged(**normal(4_000)).beliefs[0]
    assert found.verdict == "covers"
    assert found.efficiency == pytest.approx(1.0, abs=4 * found.efficiency_error)
    assert found.efficiency_error == pytest.approx(math.sqrt(2 / 4_000), rel=0.1)
    assert abs(found.bias) < 4 * found.bias_error
    assert found.rmse == pytest.approx(1.0, rel=0.05)
    assert found.width == pytest.approx(1.0)
    assert found.covered_50.value == pytest.approx(0.5, abs=0.03)
    assert not found.relative  # it has no unit


@pytest.mark.parametrize(
    ("spread", "worlds", "words"),
    [
        (2.0, 400, "too narrow"),
        (0.5, 400, "too wide"),
        (1.7, 30, "agrees"),
        (2.0, 30, "too narrow?"),
    ],
)
def test_verdicts(spread: float, worlds: int, words: str) -> None:
    found = judged(**normal(worlds, spread)).beliefs[0]
    assert found.verdict == words
    assert abs(found.efficiency - spread**-2) < 4 * found.efficiency_error


def test_verdicts_at_their_borders() -> None:
    said = {held: verdict(wilson(held, 400)) for held in (351, 367, 368, 392, 393, 400)}
    assert said == {351: "too narrow", 367: "too narrow?", 368: "covers", 392: "covers",
                    393: "too wide?", 400: "too wide"}  # fmt: skip


def test_few_worlds_are_compared_with_what_chance_gives() -> None:
    said = {held: verdict(wilson(held, 30), 30) for held in (9, 25, 26, 28, 30)}
    assert said == {9: "too narrow", 25: "too narrow?", 26: "agrees", 28: "agrees", 30: "agrees"}
    inside = {n: [k for k in range(n + 1) if verdict(wilson(k, n), n) == "agrees"]
              for n in (20, 60, 399)}  # fmt: skip
    for n, counts in inside.items():
        law = stats.binom(n, 0.95)
        assert law.cdf(counts[0] - 1) <= 0.025 < law.cdf(counts[0])
        assert law.sf(counts[-1]) <= 0.025
    assert verdict(wilson(60, 60), 60) == "agrees"
    assert verdict(wilson(399, 399), 399) == "too wide"


def test_the_summary_of_few_worlds_is_no_failure() -> None:
    def off(least: float, most: float) -> CaseScore:
        value = 5.0 + np.linspace(least, most, 30)
        return judged(**normal(30) | {"value": value, "low": value - 1.96, "high": value + 1.96})

    (first,) = summary(Recovery(1, 30, [off(-1.5, 1.5)]))  # all are held
    assert first == (
        "In 1 of 1 world that estimators assume, how often the 95 % interval holds the truth "
        "agrees with 95 %, which 30 draws tell to ± 8 %; 400 would tell whether it is 92 to 98 %."
    )
    first, second = summary(Recovery(1, 30, [off(-2.45, 2.1)]))  # 25 are
    assert first.startswith("In 0 of 1 world")
    assert second.startswith("In 1 it does not, but so few draws don't tell by how much. E7")


def test_the_golden_file_does_not_hold_verdicts() -> None:
    few, kept = judged(**normal(40)), golden.captured(Recovery(1, 40, [judged(**normal(40))]))
    (figures,) = kept.values()
    assert "verdict" not in figures["beliefs"][0]
    older = {name: {**one, "beliefs": [{**one["beliefs"][0], "verdict": "covers?"}]}
             for name, one in kept.items()}  # fmt: skip
    assert [*golden.compare(older, golden.captured(Recovery(1, 40, [few])))] == []


def test_silent_and_unjudged_worlds_are_left_out() -> None:
    columns = normal(100)
    columns["truth"][:10] = np.nan
    columns["age"] = np.where(np.arange(100) < 30, -1.0, 0.0)
    columns["value"][:30] = 1e9
    found = judged(**columns).beliefs[0]
    assert (found.worlds, found.silent) == (70, 20)
    assert abs(found.bias) < 1.0


def test_against_the_best_possible_and_by_observations() -> None:
    columns = normal(200)
    columns["ideal"] = columns["value"] - 0.25
    columns["quarter"] = 2 * (columns["high"] - columns["low"])
    found = judged(**columns).beliefs[0]
    assert found.apart == pytest.approx(0.25)
    assert found.shrinks == pytest.approx(-0.5)


def test_lags_count_worlds_that_never_arrive_as_late() -> None:
    late = np.where(np.arange(100) < 8, np.nan, np.arange(100.0))
    found = judged(
        "changing", **normal(100), first_s=np.arange(100.0), first_seen=np.arange(100.0),
        stays_s=late, stays_seen=2 * late,
    ).lags[0]  # fmt: skip
    assert found.missed.count == 8
    assert found.first_s == 49.0
    assert found.seconds == 57.0  # the fiftieth of those that arrive
    assert found.seconds_90 == 97.0
    assert found.aggressors_90 == 194.0
    assert sum(found.counts) == 92
    never = judged(
        "changing", **normal(4), first_s=[1, 2, 3, 4], first_seen=[1, 2, 3, 4],
        stays_s=[1, np.nan, np.nan, np.nan], stays_seen=[1, np.nan, np.nan, np.nan],
    ).lags[0]  # fmt: skip
    assert never.seconds is None


def test_false_alarms_have_the_interval_of_a_poisson_count() -> None:
    found = judged("quiet", alarm="heavy_tail", **normal(4), alarm__false=[0, 2, 0, 1],
                   alarm__hours=[0.5, 0.5, 0.5, 0.5]).alarms  # fmt: skip
    assert found is not None
    assert (found.count, found.hours, found.worlds.count) == (3, 2.0, 2)
    assert found.per_hour == 1.5
    assert stats.poisson(found.low * 2).sf(2) == pytest.approx(0.025)
    assert stats.poisson(found.high * 2).cdf(3) == pytest.approx(0.025)


# ------------------------------------------------------------------------------------- one world


def world_of(truth: float | np.ndarray, size: int = 400, change: int | None = None) -> World:
    seen = np.zeros(size, Observation)
    seen["kind"] = np.where(np.arange(size) % 2 == 0, AGGRESSOR, 0)
    seen["now"] = 1_000_000_000 * np.arange(1, size + 1)
    seen["half_spread"], seen["mid"] = 1e-4, 1e6
    seen["reach"] = 1e-4 + np.random.default_rng(2).exponential(5e-4, size)
    return World(seen, {BELIEF: truth}, change=change)


def test_a_world_tells_when_the_belief_arrived_and_stayed() -> None:
    truth = np.where(np.arange(400) < 200, 1.0, 50.0)
    case = Case("c", "changing", lambda seed: world_of(truth, change=200), (BELIEF,), "")
    never = sample(NAME, case, 0)
    assert np.isnan(never[f"{BELIEF}.first_s"])
    assert np.isnan(never[f"{BELIEF}.stays_seen"])
    case = Case("c", "changing", lambda seed: world_of(1.0, change=200), (BELIEF,), "",
                within=0.9)  # fmt: skip
    there = sample(NAME, case, 0)
    assert there[f"{BELIEF}.stays_s"] == 0.0
    assert there[f"{BELIEF}.first_seen"] == 1.0  # the change itself was an aggressor


def test_alarms_count_rises_before_the_change() -> None:
    case = Case("c", "changing", lambda seed: world_of(1.0, change=300), (BELIEF,), "",
                {"threshold": 1.0, "warm_up": 2}, alarm="heavy_tail")  # fmt: skip
    found = sample(NAME, case, 0)
    trace = _trace(case)
    rises = (trace[1:300] == 1) & (trace[:299] == 0)
    assert found["alarm.false"] == rises.sum() > 0
    assert found["alarm.hours"] == pytest.approx(299 / 3600)


def _trace(case: Case) -> np.ndarray:
    from simmm.estimators.driver import Driver

    found = Driver(NAME, case.parameters).run(case.draw(0).observations)
    trace: np.ndarray = found["heavy_tail"]
    return trace


@pytest.mark.parametrize(("world", "words"), [
    (World(np.zeros(0, Observation), {BELIEF: 1.0}), "array of observations"),
    (World(world_of(1.0).observations[::-1].copy(), {BELIEF: 1.0}), "clock falls"),
    (World(world_of(1.0).observations, {}), "no truth of reach_variation"),
])  # fmt: skip
def test_what_is_no_world_is_refused(world: World, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sample(NAME, Case("c", "assumed", lambda seed: world, (BELIEF,), ""), 0)


# ------------------------------------------------------------------------------------------ runs


def test_results_do_not_depend_on_processes_or_on_what_was_there(
    made: tuple[Recovery, Path], tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []
    again = study.study_recovery(
        [NAME], seeds=SEEDS, jobs=3, out=tmp_path / "out",
        told=lambda done, total, name: heard.append((done, total)),
    )[0]  # fmt: skip
    assert again == made[0]
    total = SEEDS * len(cases_of(NAME))
    assert heard[0] == (0, total)
    assert heard[-1] == (total, total)


def test_a_study_goes_on_where_it_was(made: tuple[Recovery, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_cases(out, [NAME], seeds=CHUNK, jobs=1)
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "chunks").iterdir()}
    heard: list[int] = []
    run_cases(out, [NAME], seeds=SEEDS, jobs=1, told=lambda done, total, name: heard.append(done))
    assert heard[0] == CHUNK * len(kept)
    now = {path.name: path.stat().st_mtime_ns for path in (out / "chunks").iterdir()}
    assert kept.items() <= now.items()
    assert scored(run_cases(out, [NAME], seeds=SEEDS, jobs=1), SEEDS).scores == made[0].scores


def test_what_other_code_gave_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_cases(tmp_path, [NAME], seeds=CHUNK, jobs=1)
    monkeypatch.setattr(run, "digest_of", lambda name: digest_of(name) + "changed")
    heard: list[int] = []
    run_cases(tmp_path, [NAME], seeds=CHUNK, jobs=1, told=lambda done, *_: heard.append(done))
    assert heard[0] == 0


def test_failures_name_the_case(tmp_path: Path) -> None:
    chunk = run._Chunk(NAME, "no such case", 0, 1, tmp_path / "file")
    with run._Worker() as worker:
        with pytest.raises(RunError, match="heavy_tail, no such case: StopIteration"):
            worker.make(chunk)
        worker.process.kill()
        worker.process.wait()
        with pytest.raises(RunError, match="ended early"):
            worker.make(chunk)


def test_a_broken_chunk_is_told(tmp_path: Path) -> None:
    run_cases(tmp_path, [NAME], seeds=CHUNK, jobs=1)
    next((tmp_path / "chunks").iterdir()).write_bytes(b"no")
    with pytest.raises(RunError, match="delete it and run again"):
        run_cases(tmp_path, [NAME], seeds=CHUNK, jobs=1)


def test_names() -> None:
    assert NAME in tried()
    assert chosen([]) == tried()
    assert chosen(["E14", "heavy_tail", "e7"]) == ["ewma", "heavy_tail"]
    told = r"^--estimator: there is no 'heavytail'; did you mean 'heavy_tail'\?$"
    with pytest.raises(ScenarioError, match=told):
        chosen(["E7", "heavytail"])
    with pytest.raises(ScenarioError, match="that is a belief of ewma"):
        chosen(["fast_sigma"])
    with pytest.raises(ScenarioError) as caught:
        chosen(["zzz"])
    assert str(caught.value).count("heavy_tail") == 1


@pytest.mark.parametrize("name", tried())
def test_all_cases_draw_a_world_of_their_own(name: str) -> None:
    """Equal seeds give equal worlds, others others."""
    for case in cases_of(name):
        first, again, other = (_content(case.draw(seed)) for seed in (0, 0, 1))
        assert first == again, case.name
        assert first != other, case.name
        assert case.doc, case.name


def _content(world: World) -> list[bytes]:
    """All that an estimator is told of a world."""
    given = (np.asarray(values).tobytes() for _, values in sorted(world.given.items()))
    return [world.observations.tobytes(), *given]


# ----------------------------------------------------------------------------------------- shown


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_shows_all_within_its_width(made: tuple[Recovery, Path], width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    render(made[0], console)
    text = console.export_text()
    console.file.close()
    assert max(map(len, text.splitlines())) <= width
    for case in cases_of(NAME):
        assert case.name in text
    for words in ("agrees", "too narrow", "false alarms an hour", "there for good after"):
        assert words in text
    assert "…" not in text


def test_the_page_shows_what_the_file_holds(made: tuple[Recovery, Path]) -> None:
    found, folder = made
    text = (folder / study.PAGE_NAME).read_text()
    assert text == page(found)
    values = json.loads((folder / study.FILE_NAME).read_text())
    assert len(shown_fields(text)) > 10
    assert wrong_fields(text, values) == []
    assert not re.search(r"(src|href)=\"(?!#)", text)


def test_the_file_is_read_back(made: tuple[Recovery, Path], tmp_path: Path) -> None:
    assert study.load_recovery(made[1]) == made[0]
    with pytest.raises(RunError, match="cannot be read"):
        study.load_recovery(tmp_path)


def test_the_summary_names_who_does_not_cover() -> None:
    good, bad = judged(**normal(400)), judged(**normal(400, 3.0))
    first, second = summary(Recovery(1, 400, [good, bad]))
    assert first.startswith("In 1 of 2 worlds")
    assert second.startswith("Too narrow: E7 reach_variation in made up (")


# ---------------------------------------------------------------------------------------- golden


@pytest.fixture
def project(made: tuple[Recovery, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr(golden, "golden_folder", lambda: tmp_path)
    monkeypatch.setattr(golden, "run_cases", lambda folder, seeds: run_cases(folder, [NAME],
                        seeds=seeds))  # fmt: skip
    return tmp_path


def test_golden_scores_are_kept_with_the_reason_and_compared(
    made: tuple[Recovery, Path], project: Path
) -> None:
    found, folder = made
    path = project / "reports" / "recovery.json"
    assert golden.update(found, folder, "first").endswith("written")
    assert golden.check(found) == []  # these are the first 40 seeds
    before = path.read_bytes()
    assert "nothing differs" in golden.update(found, folder, "again")
    assert path.read_bytes() == before
    assert [change["reason"] for change in json.loads(before)["history"]] == ["first"]


def test_what_moved_is_told(made: tuple[Recovery, Path]) -> None:
    was, now = golden.captured(made[0]), golden.captured(made[0])
    assert [*golden.compare(was, now)] == []
    name = f"{NAME}/exponential"
    now[name]["beliefs"][0]["covered_95"]["count"] -= 1
    now[name]["beliefs"][0]["bias"] *= 1 + 1e-9  # no difference at six digits
    now[name]["beliefs"][0]["rmse"] *= 1.001
    del now[f"{NAME}/quiet"]
    lines = [*golden.compare(was, now)]
    assert lines[2] == f"{NAME}/quiet: is gone"
    assert [line.split(":")[1].strip() for line in lines[:2]] == [
        "beliefs.0.covered_95.count", "beliefs.0.rmse"]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), [
    (["--estimator", "hevy_tail"], "did you mean"),
    (["--golden", "why", "--estimator", NAME], "needs all estimators"),
    (["--golden", " "], "say why"),
    (["--golden", "why", "--check"], "give one of them"),
])  # fmt: skip
def test_wrong_calls(arguments: list[str], words: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(recovery, [*arguments, "--out", str(tmp_path)])
    assert isinstance(result.exception, ScenarioError)
    assert words in str(result.exception)


def test_the_command_prints_json(made: tuple[Recovery, Path]) -> None:
    result = CliRunner().invoke(
        recovery,
        ["--estimator", NAME, "--seeds", str(SEEDS), "--out", str(made[1]), "--json"],
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["seeds"] == SEEDS
