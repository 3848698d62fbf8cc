"""`simmm study fills`: the runs it makes and keeps, its figures against other ways to get them."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import simmm
from simmm.api.study import StudiedFills
from simmm.cli.study import study_group
from simmm.errors import RunError, ScenarioError
from simmm.report.compare import compare
from simmm.report.schema import Estimate
from simmm.scenario import load_scenario
from simmm.scenario.latency import Delay, Entry, Latency
from simmm.study import fills
from simmm.study.fills_page import page
from simmm.study.fills_terminal import render
from simmm.study.fills_words import sentences
from simmm.study.latency import slower
from tests.page_fields import shown_fields, wrong_fields
from tests.unit.test_page_browser import BROWSER, opened, root_of

OPTIONS = {"end": 600.0}  # seconds of the tape; the first 300 warm up
MODELS = ("pessimistic", "optimistic")


def made(folder, **changes):
    """Make a study; return it with what was told of its runs."""
    heard = []
    study, place = fills.study_fills(
        "cascade", options={**OPTIONS, **changes.pop("options", {})}, out=folder,
        told=heard.append, **{"models": MODELS, "seeds": 0, **changes},
    )  # fmt: skip
    assert place == folder
    return study, [(event.what, event.name) for event in heard if event.what != "rows"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "out"
    return made(folder, seeds=2)[0], folder


def result(study, model, extra=0.0):
    return next(one for one in study.results if (one.model, one.extra_latency_ms) == (model, extra))


def test_every_model_runs_with_and_without_extra_latency(study):
    found, folder = study
    own = load_scenario("cascade").scenario.venue.queue.model
    assert found.own_model == own
    assert set(found.models) == {*MODELS, own}
    assert found.extra_latency_ms == [0.0, 50.0]
    assert len(found.results) == 6
    assert [one.model for one in found.results if one.own] == [own, own]
    for one in found.results:
        info = json.loads((folder / one.folder / "run.json").read_text())
        assert info["queue"]["model"] == one.model
        entry = info["scenario"]["venue"]["latency"]["entry"]
        assert (entry["ms"], entry["cap_ms"]) == (
            60 + one.extra_latency_ms,
            5000 + one.extra_latency_ms,
        )


def test_a_run_of_the_study_is_the_same_as_one_made_alone(study):
    found, _ = study
    run = simmm.backtest("cascade", end=600.0, set={
        "venue.queue.model": "pessimistic",
        "venue.latency.entry.ms": 110, "venue.latency.entry.cap_ms": 5050,
        "venue.latency.response.ms": 70, "venue.latency.response.cap_ms": 5050,
    })  # fmt: skip
    one = result(found, "pessimistic", 50.0)
    assert one.fills == run.report.fills.count > 0
    assert one.net == run.report.profit.net
    assert one.turnover == run.report.profit.notional
    assert sum(one.parts.values()) == pytest.approx(one.net.value)


def test_differences_are_those_of_compare(study):
    found, folder = study
    for extra in (0.0, 50.0):
        own = result(found, found.own_model, extra)
        other = result(found, "optimistic", extra)
        told = compare(folder / own.folder, folder / other.folder)
        net = next(group for group in told.groups if group.title == "P&L").figures[0]
        assert net.name == "net"
        assert other.apart == net.difference
        assert own.apart.value is None


def test_the_spread_is_from_the_least_to_the_most(study):
    found, _ = study
    for spread in found.spreads:
        nets = {one.model: one.net.value for one in found.results
                if one.extra_latency_ms == spread.extra_latency_ms}  # fmt: skip
        assert spread.least == min(nets.values()) == nets[spread.least_model]
        assert spread.most == max(nets.values()) == nets[spread.most_model]
        assert spread.spread.value == pytest.approx(spread.most - spread.least)
        assert spread.share == pytest.approx(spread.spread.value / abs(nets[found.own_model]))


def test_other_seeds_say_what_chance_does(study):
    found, folder = study
    assert [one.seed for one in found.seeds] == [2, 3]
    seeds = [json.loads((folder / one.folder / "run.json").read_text())["seed"]
             for one in found.seeds]  # fmt: skip
    assert [seed["run"] for seed in seeds] == [2, 3]
    assert {seed["tape"] for seed in seeds} == {1}  # the market stays the same
    nets = [one.net.value for one in (*found.seeds, result(found, found.own_model))]
    assert len(set(nets)) == 3
    assert (found.draws.least, found.draws.most) == (min(nets), max(nets))
    assert found.draws.sd == pytest.approx(np.std(nets, ddof=1))
    models = [one.net.value for one in found.results if not one.extra_latency_ms]
    assert found.draws.sd_models == pytest.approx(np.std(models, ddof=1))
    assert any("Chance alone, 3 runs" in one for one in found.sentences)


def test_finished_runs_are_kept_and_missing_ones_made_again(study):
    found, folder = study
    again, heard = made(folder, seeds=2)
    assert again == found
    assert {what for what, _ in heard} == {"kept"}
    lost = folder / result(found, "optimistic").folder
    before = (lost / "fills.parquet").read_bytes()
    (lost / "report.json").unlink()
    (folder / "runs" / f"{lost.name}.partial").mkdir()  # as if a run had been killed there
    again, heard = made(folder, seeds=2)
    assert again == found
    assert [name for what, name in heard if what == "done"] == ["optimistic"]
    assert (lost / "fills.parquet").read_bytes() == before
    assert not list(folder.glob("runs/*.partial"))


def test_other_values_are_other_runs(study):
    found, folder = study
    other, heard = made(folder, models=[found.own_model], extra_latency_ms=[0],
                        options={"sets": ["strategy.gamma=500"]})  # fmt: skip
    assert [what for what, _ in heard if what in ("kept", "done")] == ["done"]
    assert other.results[0].folder != result(found, found.own_model).folder
    assert other.results[0].net != result(found, found.own_model).net
    assert "one queue model says nothing of others" in other.sentences[0]
    fills.write(folder, found)


def test_what_is_written_is_read_again(study):
    found, folder = study
    assert fills.load_study(folder) == found
    (folder / "study.json").write_text("{}")
    with pytest.raises(RunError, match="no study"):
        fills.load_study(folder)
    fills.write(folder, found)


def test_the_page_shows_what_the_file_holds_and_loads_nothing(study):
    found, folder = study
    text = (folder / "study.html").read_text()
    assert not re.search(r"(src|href)=\"(?!#)", text)
    assert len(shown_fields(text)) > 40
    assert wrong_fields(text, msgspec.to_builtins(found)) == []


@pytest.mark.skipif(BROWSER is None, reason="no browser to open the page with")
@pytest.mark.parametrize("width", [400, 1600])
def test_the_page_opens_without_an_error(study, width, tmp_path):
    _, folder = study
    check = """<script>const page = document.documentElement;
      page.dataset.wide = String(page.scrollWidth - window.innerWidth);</script></body>"""
    text = (folder / "study.html").read_text().replace("</body>", check)
    (tmp_path / "study.html").write_text(text)
    root = root_of(opened(tmp_path / "study.html", tmp_path / "profile", width))
    assert "error" not in root, root.get("error")
    assert root["ready"] == "1"
    assert int(root["wide"]) <= 0, "the page scrolls sideways"


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_page_fits(study, width):
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    render(study[0], console)
    console.file.close()
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for model in study[0].models:
        assert model in text


@pytest.mark.parametrize("width", [80, 160])
def test_many_parts_fit_too(study, width):
    parts = {"spread": 1234.5, "adverse": -1234.5, "holding": -1.0, "fees": -88.8, "funding": -0.01,
             "forfeited": -2345.6}  # fmt: skip
    many = [msgspec.structs.replace(one, parts=parts) for one in study[0].results]
    shown = StudiedFills(msgspec.structs.replace(study[0], results=many), study[1]).page(width)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    assert "forfeited" in shown


def test_the_command_prints_the_study_and_where_it_is(study):
    _, folder = study
    words = [
        "fills",
        "cascade",
        "--to",
        "600",
        "--models",
        ",".join(MODELS),
        "--seeds",
        "2",
        "--out",
        str(folder),
    ]
    shown = CliRunner().invoke(study_group, [*words, "--width", "80"])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[-1] == str(folder / "study.html")
    printed = CliRunner().invoke(study_group, [*words, "--json"])
    assert printed.stdout == (folder / "study.json").read_text()


def test_a_study_from_python(study, capsys):
    found, folder = study
    made = simmm.study_fills(
        "cascade", models=MODELS, seeds=2, end=600.0, out=folder, progress=True
    )
    assert made.study == found
    assert "power: kept" in capsys.readouterr().err or found.own_model != "power"
    runs = made.runs
    assert runs.height == len(found.results) + len(found.seeds)
    assert runs["net"].to_list()[0] == found.results[0].net.value
    assert simmm.open_run(runs["folder"][0]).report.profit.net == found.results[0].net
    assert repr(made).splitlines()[0] == found.sentences[0]
    assert "Net P&L by queue model" in made.page(100)


def test_an_unknown_model_is_told_before_anything_runs(tmp_path):
    with pytest.raises(ScenarioError, match=r"no queue model 'pesimistic'.*pessimistic"):
        made(tmp_path / "out", models=["pesimistic"])
    assert not (tmp_path / "out").exists()


def test_an_error_of_a_run_names_it_and_keeps_its_kind(tmp_path):
    (tmp_path / "bad.py").write_text(
        "from simmm.strategy import param, params\n"
        "Params = params(size=param(0.01))\n"
        "def quote(memory, market, wanted, params):\n"
        "    wanted.bids = 1\n"
        "    wanted.bid_px[0] = market.bid_px\n"
        "    wanted.bid_qty[0] = 0.0 / (params.size - params.size)\n"
    )
    with pytest.raises(simmm.SimmmError) as caught:
        made(tmp_path / "out", models=["power"], extra_latency_ms=[0],
             options={"strategy": str(tmp_path / "bad.py")})  # fmt: skip
    assert caught.value.exit_code in (1, 2)
    assert "\n" not in str(caught.value)


def test_two_studies_do_not_share_a_folder(tmp_path):
    with open(tmp_path / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another study is at work there"):
            made(tmp_path)


def test_ctrl_c_ends_the_workers_and_leaves_what_is_finished(tmp_path):
    command = [sys.executable, "-m", "simmm.cli.main", "study", "fills", "cascade", "--jobs", "1",
               "--out", str(tmp_path / "out")]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.endswith(": done\n"):
            break
    time.sleep(0.8)  # the next one is at work
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.splitlines()[-1] == "simmm: interrupted"
    assert len(list((tmp_path / "out" / "runs").iterdir())) >= 1
    assert not list((tmp_path / "out" / "runs").glob("*.partial"))
    with open(tmp_path / "out" / ".lock") as held:  # nobody is left who holds it
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_slower_moves_every_draw_and_its_cap():
    fast = Latency(entry=Entry(form="uniform", ms=3.0, scale_ms=2.0), response=Delay(ms=1.0))
    assert slower(fast, 0.0) == {}
    assert slower(fast, 10.0) == {
        "venue.latency.entry.ms": 13.0, "venue.latency.response.ms": 11.0,
    }  # fmt: skip
    capped = Latency(response=Delay(ms=1.0, cap_ms=4.0))
    assert slower(capped, 0.5)["venue.latency.response.cap_ms"] == 4.5


def test_slower_moves_kinds_of_requests_and_tables_too():
    sets = {"venue.latency.entry.cancel": 5,
            "venue.latency.response": {"form": "empirical", "sample_ms": [10, 20, 40]}}  # fmt: skip
    base = load_scenario("cascade", sets=sets)
    later = load_scenario("cascade", sets={**sets, **slower(base.scenario.venue.latency, 7.0)})
    before, after = base.scenario.venue.latency, later.scenario.venue.latency
    assert after.entry.cancel.ms == 12.0
    assert after.entry.ms == before.entry.ms + 7
    shifts = np.array(after.response.table_ms) - np.array(before.response.table_ms)
    np.testing.assert_allclose(shifts, 7.0)


def drawn(nets, extra=0.0, reach=1.0):
    """Results with given nets, the first model being the own one."""
    blank = Estimate(None)
    return [
        fills.Result(
            name=f"{at}", model=f"m{at}", extra_latency_ms=extra, seed=1, own=at == 0, folder="",
            net=Estimate(net, net - reach, net + reach), parts={"spread": net}, edge_bps=1.0,
            fills=3, fills_per_hour=1.0, fill_ratio=0.5, turnover=100.0, drawdown=1.0,
            markout_5s=blank, sharpe_day=1.0, apart=blank, apart_why="",
            curve={"ts": [0, 1], "net": [0.0, net]},
        )
        for at, net in enumerate(nets)
    ]  # fmt: skip


def spread_of(results):
    nets = [one.net.value for one in results]
    least, most = min(results, key=lambda r: r.net.value), max(results, key=lambda r: r.net.value)
    own = results[0].net
    return fills.Spread(
        results[0].extra_latency_ms, least.model, min(nets), most.model, max(nets),
        Estimate(max(nets) - min(nets)), own, Estimate(None),
        (max(nets) - min(nets)) / abs(own.value) if own.value else None,
        {"spread": max(nets) - min(nets)}, (3, 3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("nets", "later", "told"),
    [
        ([10.0, 5.0, 12.0], None, "70 % of net hangs on the queue model. It earns under every"),
        ([-10.0, -5.0, -12.0], None, "It loses under every queue model, by more than"),
        ([10.0, -5.0], None, "1.5 times the net itself apart. Whether it earns or loses is decid"),
        ([10.0, 0.5], None, "though not always by more than chance"),
        ([10.0, 5.0], [-1.0, 2.0], "No queue model turns its sign, but extra latency does"),
        ([0.0, 0.0], None, "Its sign is the same"),
    ],
)
def test_the_first_sentence_is_the_answer(nets, later, told):
    results, spreads = drawn(nets), [spread_of(drawn(nets))]
    if later:
        results += drawn(later, 50.0)
        spreads.append(spread_of(drawn(later, 50.0)))
    assert told in sentences(results, spreads, None, "USD")[0]


@pytest.mark.parametrize(
    ("sd", "told"),
    [(1.0, "58 % of net hangs on the queue model"),
     (3.0, "Queue models are 58 % of net apart, no more than other seeds of one model are")],
)  # fmt: skip
def test_what_seeds_do_as_well_is_not_laid_on_the_model(sd, told):
    results = drawn([12.0, 5.0])
    draws = fills.Draws(runs=5, least=8.0, most=12.0, sd=sd, sd_models=4.9)
    found = sentences(results, [spread_of(results)], draws, "USDC")
    assert told in found[0]
    still = fills.Draws(runs=5, least=12.0, most=12.0, sd=0.0, sd_models=4.9)
    same = sentences(results, [spread_of(results)], still, "USDC")
    assert any("Another seed changes nothing" in one for one in same)


def test_a_page_of_results_without_intervals(study):
    found, _ = study
    bare = [
        msgspec.structs.replace(one, net=Estimate(0.0), apart=Estimate(None), fills=0, parts={},
                                edge_bps=None, markout_5s=Estimate(None), sharpe_day=None)
        for one in found.results
    ]  # fmt: skip
    spreads = [spread_of(bare)]
    told = sentences(bare, spreads, None, "USD")
    empty = msgspec.structs.replace(
        found, results=bare, spreads=spreads, sentences=told, seeds=[], draws=None
    )
    assert "No fill under any queue model" in page(empty)
