"""Scenarios that don't parse, don't exist, or say what can't be."""

from __future__ import annotations

import pytest

from tests.bad_input.conftest import CommandLine

SOUND = """\
run:
  warm_up_s: 5
venue:
  latency: {entry: 60, response: 20}
maker:
  max_position: 0.1
strategy:
  file: symmetric
  order_size: 0.01
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("run:\n", "run: [1, 2\nb: }\n", "mine.yaml:2: not valid YAML"),
        ("  warm_up_s", "\twarm_up_s", "mine.yaml:2: not valid YAML"),
        (SOUND, "", "mine.yaml: empty; a scenario has at least `maker` and `strategy`"),
        (SOUND, "- 1\n- 2\n", "mine.yaml:1: expected `name: value` lines, found a list"),
        ("venue:", "venu:", "mine.yaml:3: venu: unknown field; did you mean 'venue'?"),
        (
            "max_position",
            "max_postion",
            "mine.yaml:6: maker.max_postion: unknown field; did you mean 'max_position'?",
        ),
        (
            "order_size",
            "order_sise",
            "mine.yaml:9: strategy.order_sise: strategy symmetric has no such parameter; did you "
            "mean 'order_size'?",
        ),
        (
            "file: symmetric",
            "file: symetric",
            "did you mean 'symmetric'?",
        ),
        (
            "max_position: 0.1",
            "max_position: much",
            "mine.yaml:6: maker.max_position: expected a number, found 'much'",
        ),
        (
            "max_position: 0.1",
            "max_position: [0.1]",
            "mine.yaml:6: maker.max_position: expected a number, found a list",
        ),
        ("maker:\n  max_position: 0.1", "maker: 3", "mine.yaml:5: maker: expected"),
        (
            "entry: 60",
            "entry: -60",
            "mine.yaml:4: venue.latency.entry.ms: -60 must be at least 0.000001 ms",
        ),
        (
            "max_position: 0.1",
            "max_position: 0",
            "mine.yaml:6: maker.max_position: 0 must be above 0 base units",
        ),
        ("max_position: 0.1", "max_position: .nan", "mine.yaml:6: maker.max_position: "),
        (
            "order_size: 0.01",
            "order_size: -1",
            "mine.yaml:9: strategy.order_size: -1 must be at least 0 base",
        ),
        (
            "run:\n",
            "run:\n  from: 100\n  to: 50\n",
            "mine.yaml:3: run.to: 50.0 is not after run.from",
        ),
        (
            "run:\n",
            "run:\n  sample_s: 0\n",
            "mine.yaml:2: run.sample_s: 0 must be at least 0.001 s",
        ),
        ("warm_up_s: 5", "warm_up_s: -5", "mine.yaml:2: run.warm_up_s: -5 must be at least 0"),
        (
            "venue:\n",
            "seed: {run: 1.5}\nvenue:\n",
            "mine.yaml:3: seed.run: expected a whole number",
        ),
        ("venue:\n", "market: {tick: 0}\nvenue:\n", "mine.yaml:3: market.tick: unknown field"),
        ("venue:\n", "market: {maker_fee: 7}\nvenue:\n", "market.maker_fee: 7 is a fraction"),
        ("venue:\n", "tape: {dataset: qiet}\nvenue:\n", "no dataset 'qiet'"),
        ("venue:\n", "venue:\n  queue: {model: powr}\n", "did you mean 'power'?"),
        (
            "maker:\n",
            "run:\n  warm_up_s: 3\nmaker:\n",
            "mine.yaml:5: run: given twice, first on line 1",
        ),
    ],
)
def test_scenario_file(simmm: CommandLine, old: str, new: str, expected: str) -> None:
    text = SOUND.replace(old, new, 1)
    assert text != SOUND
    (simmm.folder / "mine.yaml").write_text(text)
    words = ["backtest", "mine.yaml", "--out", "out"]
    if "dataset" not in new:
        words += ["--tape", str(simmm.tape)]
    assert expected in simmm.refused(*words, code=2)


def test_the_sound_scenario_is_sound(simmm: CommandLine) -> None:
    (simmm.folder / "mine.yaml").write_text(SOUND)
    assert simmm("scenario", "check", "mine.yaml").code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("backtest", "cascde"), "did you mean 'cascade'?"),
        (("backtest", "none.yaml"), "none.yaml: no such"),
        (("backtest", "."), "."),
        (("backtest", "recorded"), "tape: the scenario names none; add --tape FILE"),
        (("backtest", "quiet", "--set", "maker"), "write --set path=value"),
        (("backtest", "quiet", "--set", "maker.requote=5"), "did you mean 'requote_ms'?"),
        (("backtest", "quiet", "--set", "maker.requote_ms=soon"), "expected a number"),
        (("backtest", "quiet", "--seed", "-1"), "--seed -1: must lie in 0.."),
        (("backtest", "quiet", "--seed", "one"), "Invalid value for '--seed'"),
        (("backtest", "quiet", "--strategy", "nobody.py"), "nobody.py: no such strategy"),
        (("backtest", "quiet", "--to", "-5"), "is negative; a run can't reach before the tape"),
        (("scenario", "show", "quiet", "--set", "venue.queue.n=0"), "must be above 0"),
        (("report", "nowhere"), "nowhere: there is no such run folder"),
        (("golden", "check", "nothing"), "nothing: no such scenario"),
        (("datasets", "build", "nothing"), "no dataset 'nothing'"),
        (("tape", "info", "none.parquet"), "none.parquet: no such file"),
        (("tape", "convert", "none.csv", "out.parquet"), "none.csv: no such file"),
    ],
)
def test_wrong_call(simmm: CommandLine, words: tuple[str, ...], expected: str) -> None:
    assert expected in simmm.refused(*words, code=2)


def test_text_that_is_no_text(simmm: CommandLine) -> None:
    (simmm.folder / "mine.yaml").write_bytes(b"\xff\xfe\x00run")
    line = simmm.refused("backtest", "mine.yaml", code=2)
    assert line.startswith("mine.yaml")


def test_bad_manifest(simmm: CommandLine) -> None:
    """A project's own datasets are told with their file too."""
    for folder in ("scenarios", "datasets"):
        (simmm.folder / folder).mkdir()
    scenario = SOUND + "tape: {dataset: own}\n"
    (simmm.folder / "scenarios" / "mine.yaml").write_text(scenario)
    manifest = simmm.folder / "datasets" / "manifest.yaml"
    for text, expected in (
        ("datasets: [", "is not valid YAML"),
        ("datasets: {own: {generator: poisson, hours: 1}}", "own: "),
        ("datasets: {own: {generator: poison}}", "poison"),
        ("datasets: {own: {generator: poisson, parameters: {hours: -1}}}", "poisson.hours: -1"),
    ):
        manifest.write_text(text)
        line = simmm.refused("backtest", "mine", code=2)
        assert expected in line
        assert "manifest.yaml" in line
