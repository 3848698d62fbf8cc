"""The estimators in the report: joins without look-ahead, bands, alarms, and what isn't there."""

import io
import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from simmm.report import build, load, write
from simmm.report.belief_table import BeliefTable, alarms, belief_table, warm_up
from simmm.report.figure import Estimate
from simmm.report.files import PAGE_NAME
from simmm.report.fill_forecasts import (
    adverse_fills,
    buckets,
    decay,
    depths,
    share_of,
    toxicity_before,
)
from simmm.report.markouts import Edges
from simmm.report.payments import NOT_MAKER
from simmm.report.sources import disagreeing
from simmm.report.tables import read_run
from simmm.report.terminal import render
from simmm.report.terminal.estimators import estimators
from tests.unit.report_fixture import START, S, drawn_run
from tests.unit.test_page import data_of, unpacked

SECONDS, WARM_UP, EVERY = 3000, 10, 5
TRUTH = {"sigma": 2.6e-5, "kappa": 9000.0, "arrival": 0.8, "hawkes_branching": 0.5}


def made(rows, change=None):
    """Beliefs that are told by their names, at the middle of every fifth second."""
    ts = START - WARM_UP * S + np.arange(rows) * EVERY * S + S // 4
    draw = np.random.Generator(np.random.PCG64(7))
    table = {"now_ns": ts, "mid": np.full(rows, 100_000.0)}

    def tell(name, value, sd=None, first=0):
        value = np.broadcast_to(np.asarray(value, float), rows).copy()
        table[name] = value
        if sd is not None:
            table[f"{name}_sd"] = np.full(rows, float(sd))
            table[f"{name}_low"], table[f"{name}_high"] = value - 1.96 * sd, value + 1.96 * sd
        table[f"{name}_age_ns"] = np.where(np.arange(rows) >= first, S, -1)

    tell("sigma", 2.6e-5 * (1 + 0.1 * draw.normal(size=rows)), 2.6e-6, first=2)
    tell("sigma_effective", table["sigma"] * np.where(np.arange(rows) // 50 == 3, 4.0, 1.0), 1e-6)
    tell("kappa", 9000.0, 400.0)
    own = np.linspace(0, 0.8, rows)
    tell("own_weight", own)
    tell("book_weight", 0.25 * (1 - own))
    tell("robust_weight", 0.75 * (1 - own))
    tell("market_weight", 0.0)
    tell("hawkes_branching", 0.6, 0.05)
    tell("microprice", 100_000.5, 0.2)
    tell("toxicity_bid", draw.random(rows), 0.1, first=4)
    tell("toxicity_ask", draw.random(rows), 0.1, first=4)
    tell("adverse_touch", 0.3, 0.05)
    tell("adverse_decay", 5e-4, 1e-4)
    at = np.arange(rows)
    tell("cascade", np.where(at >= 150, 2.0 ** -((at - 150) / 4), 0.0))
    tell("cascade_cause", np.where(at >= 150, 3.0, 0.0), first=150)
    tell("changepoint", (at >= 200) & (at < 210))
    tell("changepoint_alarms", np.where(at >= 200, 2.0, 0.0))
    tell("fill_starved", at < 40)
    tell("kappa_stagnant", 0.0)
    tell("warm", at >= 12)
    tell("warm_reason", np.where(at < 12, 0, np.where(at < 30, 2, 1)))
    tell("lead_beta", 0.0, 1.0, first=rows)
    if change:
        change(table)
    return table


def written(folder, change=None, **changes):
    changes.setdefault("tape", {"truth": TRUTH})
    changes.setdefault("scenario", {"estimators": {"depth_decay": {"adverse_bps": 0.5}}})
    drawn_run(folder, seconds=SECONDS, **changes)
    pl.DataFrame(made((SECONDS + WARM_UP) // EVERY, change)).write_parquet(
        folder / "estimates.parquet"
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = written(tmp_path_factory.mktemp("estimators") / "run")
    write(found)
    return found


def panel(text, chart, title):
    return next(p for p in data_of(text)["charts"][chart]["panels"] if p["title"] == title)


def test_a_fill_is_joined_with_what_was_written_before_it():
    found = BeliefTable({"now_ns": np.array([10, 20, 30]), "x": np.array([1.0, 2.0, 3.0]),
                       "x_age_ns": np.array([-1, 0, 5])})  # fmt: skip
    told = found.before("x", np.array([5, 10, 11, 20, 21, 30, 31]))
    np.testing.assert_array_equal(told, [np.nan] * 4 + [2.0, 2.0, 3.0])


def test_what_is_written_from_a_fill_on_changes_nothing_for_it(folder, tmp_path):
    run = read_run(folder)
    found = belief_table(run)
    before = toxicity_before(run, found)
    adverse, judged, _ = adverse_fills(run, found, "toxicity")
    k = len(run.fills["ts"]) // 2
    at = int(run.fills["ts"][k])

    def poison(table):
        for name, values in table.items():
            if name != "now_ns":
                values[table["now_ns"] >= at] = 7 if values.dtype.kind == "f" else 0

    other = read_run(written(tmp_path / "run", poison))
    after = toxicity_before(other, belief_table(other))
    np.testing.assert_array_equal(after[: k + 1], before[: k + 1])
    assert np.any(after[k + 1 :] != before[k + 1 :])
    changed, rated, _ = adverse_fills(other, belief_table(other), "toxicity")
    np.testing.assert_array_equal((changed & rated)[: k + 1], (adverse & judged)[: k + 1])


def test_fills_before_any_toxicity_are_in_no_bucket(folder):
    run = read_run(folder)
    known = np.isfinite(toxicity_before(run, belief_table(run)))
    since = run.fills["ts"] > START - WARM_UP * S + 4 * EVERY * S + S // 4
    np.testing.assert_array_equal(known, since)


def test_buckets_are_terciles_and_their_markouts_those_of_the_report(folder, tmp_path):
    run = read_run(folder)
    told = buckets(run, belief_table(run))
    assert [b.name for b in told] == ["low", "middle", "high"]
    assert max(b.fills for b in told) - min(b.fills for b in told) <= 2
    assert all(a.high < b.low for a, b in pairwise(told))

    def alike(table):
        for side in ("bid", "ask"):
            table[f"toxicity_{side}"][:] = 0.25
            table[f"toxicity_{side}_age_ns"][:] = 0

    same = read_run(written(tmp_path / "run", alike))
    (only,) = buckets(same, belief_table(same))
    edges = Edges(same)
    edge, known = edges.at(5.0)
    maker = (same.fills["marks"] & NOT_MAKER) == 0
    assert only.edge == edges.mean(edge, known & maker)
    later = known & (same.fills["ts"] + 5 * S <= same.info.period.end_ns)
    assert only.fills == np.count_nonzero(later & maker)


def test_toxicity_that_knows_the_outcome_sorts_the_buckets(folder, tmp_path):
    run = read_run(folder)
    edge, _ = Edges(run).at(5.0)

    def foresee(table):
        for side, name in ((1, "toxicity_bid"), (-1, "toxicity_ask")):
            mine = run.fills["side"] == side
            at = np.searchsorted(run.fills["ts"][mine], table["now_ns"], side="right")
            lost = -edge[mine][np.minimum(at, np.count_nonzero(mine) - 1)]
            table[name][:] = 1 / (1 + np.exp(-np.clip(lost, -30, 30)))

    told = buckets(run, belief_table(read_run(written(tmp_path / "run", foresee))))
    assert told[0].edge.value > told[2].edge.value + 1
    assert told[0].adverse.value < told[2].adverse.value


def test_shares_have_an_interval_even_if_all_are_alike():
    none = share_of(np.zeros(9, bool), np.ones(9, bool), np.arange(9))
    assert none.value == 0
    assert none.high == pytest.approx(0.299, abs=2e-3)  # Wilson's for 0 of 9
    burst = share_of(np.zeros(9, bool), np.ones(9, bool), np.zeros(9, int))
    assert burst.high > 0.7  # one minute tells what one fill does
    assert share_of(np.zeros(3, bool), np.zeros(3, bool), np.zeros(3, int)) == Estimate(None)
    half = share_of(np.arange(400) % 2 == 0, np.ones(400, bool), np.arange(400))
    assert half.se == pytest.approx(0.025, rel=0.1)
    assert half.clusters == 400
    assert half.high - half.low == pytest.approx(2 * 1.96 * half.se, rel=0.01)


def test_the_fit_over_depth_is_the_formula_of_its_beliefs(folder):
    run = read_run(folder)
    found = belief_table(run)
    told = decay(run, found)
    for at, fit in zip(told.at, told.fit, strict=True):
        part = 0.3 * np.exp(-at * 1e-4 / 5e-4)
        assert fit.value == pytest.approx(told.noise + (1 - told.noise) * part)
        assert fit.low < fit.value < fit.high
    adverse, judged, chance = adverse_fills(run, found, "depth_decay")
    use = judged & np.isfinite(depths(run)) & ((run.fills["marks"] & NOT_MAKER) == 0)
    assert told.fills == np.count_nonzero(use)
    assert told.noise == pytest.approx(chance[use].mean())
    assert 0 < np.mean(adverse[use]) < 1


def test_depth_is_counted_from_the_touch_of_the_sample_before():
    fills = {"ts": np.array([10, 20, 25]), "side": np.array([1, -1, 1]),
             "px": np.array([9990, 10_020, 10_000]), "mid2": np.full(3, 20_000)}  # fmt: skip
    equity = {"ts": np.array([10, 15]), "best_bid": np.array([9995, 9990]),
              "best_ask": np.array([10_005, 10_010])}  # fmt: skip
    found = depths(SimpleNamespace(fills=fills, equity=equity))
    np.testing.assert_allclose(found, [np.nan, 10.0, 0.0])


def test_alarms_are_stretches_with_their_cause(folder):
    run = read_run(folder)
    told = {kind: [a for a in alarms(belief_table(run), run.info.period.end_ns) if a.kind == kind]
            for kind in ("cascade", "changepoint", "fill_starved", "kappa_stagnant")}  # fmt: skip
    first = START - WARM_UP * S + S // 4
    (cascade,) = told["cascade"]
    assert cascade.text == "cascade: open interest fell, burst of liquidations"
    assert (cascade.start_ns, cascade.end_ns) == (first + 750 * S, first + 770 * S)
    (change,) = told["changepoint"]
    assert change.end_ns - change.start_ns == 50 * S
    assert told["fill_starved"][0].start_ns == first
    assert told["kappa_stagnant"] == []


def test_an_alarm_that_stands_at_the_end_lasts_to_it():
    found = BeliefTable({"now_ns": np.array([10, 20]), "fill_starved": np.array([0.0, 1.0]),
                       "fill_starved_age_ns": np.array([0, 0])})  # fmt: skip
    assert [(a.start_ns, a.end_ns) for a in alarms(found, 33)] == [(20, 33)]


def test_warm_up_tells_when_and_why(folder):
    run = read_run(folder)
    told = warm_up(run, belief_table(run))
    assert told.warm_s == pytest.approx(60.25)
    assert told.enough_s == pytest.approx(150.25)
    text = (folder / PAGE_NAME).read_text()
    assert "Warm after 1 min: the time was up, on priors; enough was heard after 2 min 30 s" in text
    assert "never had any" in text


def test_bands_truth_and_weights_are_drawn(folder):
    text = (folder / PAGE_NAME).read_text()
    sigma = panel(text, "estimator-volatility", "Volatility")
    assert [one["name"] for one in sigma["series"]] == ["95 %", "sigma", "effective", "truth"]
    np.testing.assert_allclose(unpacked(sigma["series"][-1]["y"]), 0.26)
    assert np.isnan(unpacked(sigma["series"][1]["y"])[:2]).all()  # no data yet
    branching = panel(text, "estimator-flow", "Branching")["series"]
    np.testing.assert_allclose(unpacked(branching[-1]["y"]), 0.5)
    assert branching[-1]["name"] == "truth"
    stack = panel(text, "estimator-intensity", "Weight in kappa")["series"]
    np.testing.assert_allclose(unpacked(stack[-1]["high"]), 1.0, atol=1e-6)
    for under, over in pairwise(stack):
        np.testing.assert_allclose(unpacked(under["high"]), unpacked(over["low"]), atol=1e-6)
    prices = panel(text, "estimator-flow", "Price against the mid")["series"]
    np.testing.assert_allclose(unpacked(prices[-1]["y"]), 0.05, rtol=1e-6)


def test_alarms_stand_on_the_price(folder):
    charts = data_of((folder / PAGE_NAME).read_text())["charts"]
    for name in ("course", "alarms"):
        kinds = [shade["kind"] for shade in charts[name]["shades"]]
        assert kinds.count("seen") == 1
        assert kinds.count("change") == 1
    lanes = {one["name"]: one for one in charts["alarms"]["panels"][1]["series"]}
    assert unpacked(lanes["cascade"]["y"]).max() == 1
    assert unpacked(lanes["not warm"]["y"]).sum() == 12


def test_every_belief_is_listed_with_its_unit_and_first_data(folder):
    text = (folder / PAGE_NAME).read_text()
    rows = {row[0]: row for row in data_of(text)["tables"]["estimates"]["rows"]}
    assert rows["kappa"][2:7] == [9000.0, 9000 - 1.96 * 400, 9000 + 1.96 * 400, 1.0, 0.25]
    assert rows["microprice"][2] == pytest.approx(10_000.05)  # in quote currency
    assert rows["sigma"][6] == pytest.approx(10.25)
    assert rows["lead_beta"][2:7] == [None] * 5


def test_a_run_without_the_table_says_so(tmp_path):
    folder = drawn_run(tmp_path / "run", seconds=60)
    report = write(folder)
    assert report.estimators is None
    text = (folder / PAGE_NAME).read_text()
    assert "this run is of a version of simmm that wrote none" in text
    assert "alarms" not in data_of(text)["charts"]


def test_a_table_in_which_nothing_spoke_shows_nothing(tmp_path):
    def silence(table):
        for name, values in table.items():
            if name.endswith("_age_ns"):
                values[:] = -1

    folder = written(tmp_path / "run", silence)
    write(folder)
    text = (folder / PAGE_NAME).read_text()
    assert [name for name in data_of(text)["charts"] if name.startswith("estimator-")] == []
    assert "No data spoke to any of these estimators" in text
    assert "can&#x27;t be divided by it" in text or "can't be divided by it" in text


def test_a_table_of_other_beliefs_makes_a_page(tmp_path):
    def fewer(table):
        for name in [n for n in table if n != "now_ns" and not n.startswith("kappa")]:
            del table[name]

    folder = written(tmp_path / "run", fewer)
    write(folder)
    charts = data_of((folder / PAGE_NAME).read_text())["charts"]
    assert [name for name in charts if name.startswith("estimator-")] == ["estimator-intensity"]


def test_the_report_sums_up_and_the_terminal_shows_it(folder):
    facts = build(folder).estimators
    assert facts == load(folder).estimators
    assert facts.kappa_weights["own"] == pytest.approx(0.8)
    assert facts.change_points == 2
    assert facts.cascades == {"open interest fell, burst of liquidations": 1}
    assert facts.starved_s == 200.0
    out = io.StringIO()
    render(folder, Console(file=out, width=100))
    shown = out.getvalue()
    assert "Estimators" in shown
    assert "weights: 80 % by own fills, 15 % by robust kappa, 5 % by the book" in shown


def test_a_day_of_beliefs_stays_light(tmp_path):
    folder = drawn_run(tmp_path / "run", seconds=600)
    write(folder)
    without = len((folder / PAGE_NAME).read_text())
    pl.DataFrame(made(86_400 // EVERY)).write_parquet(folder / "estimates.parquet")
    write(folder)
    assert len((folder / PAGE_NAME).read_text()) < without + 1_000_000


def quarrel(table):
    """Sources of kappa of which only one is apart from the others, and what toxicity was worth."""
    for name, value, sd in (("own_kappa", 9000.0, 400.0), ("robust_kappa", 100_000.0, 9000.0),
                            ("book_kappa", 9500.0, 45_000.0), ("toxicity_skill", -0.0123, None),
                            ("markout_5s", -3.09e-4, 0.5e-4)):  # fmt: skip
        rows = len(table["now_ns"])
        table[name] = np.full(rows, value)
        table[f"{name}_age_ns"] = np.zeros(rows)
        if sd is not None:
            table[f"{name}_sd"] = np.full(rows, sd)
            table[f"{name}_low"] = table[name] - 1.96 * sd
            table[f"{name}_high"] = table[name] + 1.96 * sd


def terminal(folder, width):
    out = io.StringIO()
    render(folder, Console(file=out, width=width))
    found = out.getvalue()
    assert max(map(len, found.splitlines())) <= width
    return found


def words_of(folder):
    text = (folder / PAGE_NAME).read_text().replace("&#x27;", "'")
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


@pytest.mark.parametrize("width", [63, 78, 80])  # of a page of 130, 160, 80
def test_the_terminal_tells_beliefs_with_interval_and_unit(tmp_path, width):
    report = build(written(tmp_path / "run", quarrel))
    out = io.StringIO()
    Console(file=out, width=width).print(estimators(report))
    shown = out.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    lines = " ".join(shown.split())
    sigma, third = report.estimators.last["sigma"], report.estimators.toxicity[0]
    values = [f"{1e4 * value:.3f}" for value in (sigma.value, sigma.low, sigma.high)]
    move = f"{abs(third.move.value):.2f} bps {'against' if third.move.value < 0 else 'for'} us in"
    for words in (
        f"sigma {values[0]} bps per √s, 95 %: {values[1]} to {values[2]}",
        "kappa 9,000 per fraction of price, 95 %: 8,216 to 9,784",
        "toxicity of a bid ",
        "toxicity of an ask ",
        "its forecasts 1.2 % worse than always telling the base rate",
        f"low toxicity {move} 5 s after {third.fills} fills, ±",
        f"{100 * third.believed:.0f} % foretold adverse, {100 * third.adverse.value:.0f} % came so",
        "warm 1 min the time was up, on priors",
        "change points 2 in volatility or reach",
        "starved of fills 3 min 20 s",
    ):
        assert words in lines


def test_sources_of_kappa_that_disagree_are_told(folder, tmp_path):
    quarrelling = written(tmp_path / "run", quarrel)
    write(quarrelling)
    told = ("Own fills (9,000) and robust kappa (100,000) are apart by more than their intervals "
            "allow; kappa takes own fills, by 80 % of the weight.")  # fmt: skip
    assert told in words_of(quarrelling)
    assert told in " ".join(terminal(quarrelling, 80).split())
    assert "are apart by more" not in words_of(folder)
    assert "are apart by more" not in terminal(folder, 80)


@pytest.mark.parametrize(("other", "names"), [
    (Estimate(5.0, 4.0, 6.0), ["own", "book"]), (Estimate(5.0, 3.0, 7.0), []),
    (Estimate(5.0), []), (Estimate(1.0, 0.5, 0.9), ["own", "book"]),
])  # fmt: skip
def test_disagreement_is_intervals_that_do_not_meet(other, names):
    assert disagreeing({"own": Estimate(2.0, 1.0, 3.0), "book": other}) == names


def test_moves_are_for_or_against_the_fills(tmp_path):
    folder = written(tmp_path / "run", quarrel)
    write(folder)
    text = words_of(folder)
    assert "Five seconds after a fill the mid had moved 3.09 bps (2.11 to 4.07) against it" in text
    assert "its way" not in text
    assert "in favour of the fills believed" not in text
    least, most = (build(folder).estimators.toxicity[k].move.value for k in (0, -1))
    said = [f"{abs(v):.2f} bps {'against' if v < 0 else 'for'}" for v in (most, least)]
    assert f"moved {said[0]} the fills believed the most toxic and {said[1]} the least" in text


def test_a_favourable_move_is_for_the_fills(tmp_path):
    def good(table):
        quarrel(table)
        for end in ("", "_low", "_high"):
            table[f"markout_5s{end}"] = -table[f"markout_5s{end}"]

    folder = written(tmp_path / "run", good)
    write(folder)
    assert "the mid had moved 3.09 bps (2.11 to 4.07) for it" in words_of(folder)


def test_toxicity_of_either_side_has_a_picture_of_its_own(folder):
    text = (folder / PAGE_NAME).read_text()
    for side in ("a bid", "an ask"):
        names = [one["name"] for one in
                 panel(text, "estimator-outcomes", f"Toxicity of {side}")["series"]]  # fmt: skip
        assert names == ["95 %", "believed"]


def test_what_the_change_probability_is_of_is_told(tmp_path):
    def alarm(table):
        table["changepoint_probability"] = np.full(len(table["now_ns"]), 0.97)
        table["changepoint_probability_age_ns"] = np.zeros(len(table["now_ns"]))

    settings = {"estimators": {"changepoint": {"recent": 77}}}
    folder = written(tmp_path / "run", alarm, scenario=settings)
    write(folder)
    assert "the newest change is no more than 77 observations old" in words_of(folder)
    series = panel((folder / PAGE_NAME).read_text(), "estimator-changes", "Change probability")
    assert [one["name"] for one in series["series"]] == ["probability", "alarm"]
    assert unpacked(series["series"][1]["y"]).max() == 1


@pytest.mark.parametrize(("section", "origins", "told"), [
    ({"enabled": False}, {"estimators.enabled": "--set"},
     "Estimators were off (estimators.enabled: false, set by --set)."),
    ({"enabled": False}, {}, "Estimators were off (estimators.enabled: false)."),
    ({"enabled": True}, {}, "the run was too short for a row"),
])  # fmt: skip
def test_why_there_is_no_table(tmp_path, section, origins, told):
    folder = drawn_run(tmp_path / "run", seconds=60, scenario={"estimators": section},
                       origins=origins)  # fmt: skip
    write(folder)
    assert told in words_of(folder)
    assert told in " ".join(terminal(folder, 80).split())
