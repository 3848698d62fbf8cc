"""simmm from Python: names, arguments, folders, and what a run says of itself."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import simmm
from simmm.errors import RunError, ScenarioError, SimmmError, StrategyError

END = 900  # seconds of the tape; the first 300 warm up


@pytest.fixture(scope="module")
def run() -> simmm.Run:
    return simmm.backtest("cascade", end=END)


def test_public_names_are_there_and_nothing_heavy_is_loaded_for_them() -> None:
    code = (
        "import sys, simmm\n"
        "heavy = {'numba', 'numpy', 'polars', 'pyarrow', 'click', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert set(simmm.__all__) <= set(dir(simmm))\n"
        "for name in simmm.__all__: getattr(simmm, name)\n"
        "assert not hasattr(simmm, 'backtset')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_module_does_not_hide_the_function_of_its_name() -> None:
    code = (
        "from simmm.backtest import run\n"
        "import simmm.backtest, simmm, sys\n"
        "assert simmm.backtest.__module__ == 'simmm.api.backtest', simmm.backtest\n"
        "assert sys.modules['simmm.backtest'].run is run\n"
        "import simmm.tape.frame, simmm.api.golden\n"
        "assert simmm.tape is sys.modules['simmm.tape']\n"
        "simmm.anything = 3\n"
        "assert simmm.anything == 3\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_errors_are_of_one_tree() -> None:
    for name in ("TapeError", "ScenarioError", "StrategyError", "RunError", "GoldenError"):
        assert issubclass(getattr(simmm, name), simmm.SimmmError)
    assert simmm.SimmmError is SimmmError


def test_the_digest_is_both_chains_and_the_same_again(run: simmm.Run) -> None:
    final = json.loads((run.folder / "run.json").read_text())["final"]
    assert run.digest == final["chain_venue"] + final["chain_maker"]
    again = simmm.backtest("cascade", end=END)
    assert again.digest == run.digest
    assert again.fills.equals(run.fills)
    other = simmm.backtest("cascade", end=END, set={"strategy.gamma": 100})
    assert other.digest != run.digest


def test_arguments_mean_what_the_options_of_the_command_line_mean(run: simmm.Run) -> None:
    texts = simmm.backtest("cascade", set=["run.to=900", "strategy.gamma=100"])
    values = simmm.backtest("cascade", set={"run.to": np.int64(900), "strategy.gamma": 1e2})
    times = simmm.backtest(
        "scenarios/cascade.yaml",
        end=datetime(2025, 1, 1, 0, 15, 0, 478245, tzinfo=UTC),
        set={"strategy": {"file": "glft", "gamma": np.float64(100), "order_size": 0.01}},
        seed=np.int64(1),
    )
    assert texts.digest == values.digest
    assert texts.report.run.end_ns - times.report.run.end_ns == 394  # below a microsecond
    assert len(times.fills) == len(texts.fills)
    tape = simmm.dataset("cascade_hl_btc")
    assert simmm.backtest("cascade", tape=tape, end=END).digest == run.digest
    assert simmm.backtest("cascade", tape=[str(tape)], end=np.float64(END)).digest == run.digest


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"scenario": "cascda"}, ScenarioError, "did you mean 'cascade'"),
        ({"set": {"venue.queue.modle": "log"}}, ScenarioError, "venue.queue.modle"),
        ({"set": {"": 1}}, ScenarioError, "no field path"),
        ({"set": {3: 1}}, ScenarioError, "no field path"),
        ({"set": {"strategy.gamma": "much"}}, ScenarioError, "strategy.gamma"),
        ({"set": {"strategy.gamma": object()}}, ScenarioError, "strategy.gamma"),
        ({"set": "gamma"}, ScenarioError, "path=value"),
        ({"seed": 1.5}, ScenarioError, "no whole number"),
        ({"seed": -1}, ScenarioError, "seed"),
        ({"end": "later"}, ScenarioError, "is no time"),
        ({"end": float("nan")}, ScenarioError, "is no time"),
        ({"strategy": "nowhere.py"}, StrategyError, "nowhere.py"),
        ({"tape": "nowhere.parquet"}, SimmmError, "nowhere.parquet"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(
    arguments: dict, error: type[SimmmError], said: str
) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(")) as raised:
        simmm.backtest(**{"scenario": "cascade", **arguments})
    assert "\n" not in str(raised.value)


def test_a_run_without_out_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run = simmm.backtest("cascade", end=400)
    assert run.folder.is_relative_to(tmp_path)
    fills, folder = run.fills, run.folder
    assert folder.is_dir()
    del run
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    assert fills.height > 0
    with pytest.raises(ScenarioError, match="warm_up_s"):
        simmm.backtest("cascade", set={"run.warm_up_s": 1e6})
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_kept_where_out_or_save_say(tmp_path: Path, run: simmm.Run) -> None:
    kept = simmm.backtest("cascade", end=400, out=tmp_path / "deep" / "run")
    assert kept.folder == tmp_path / "deep" / "run"
    with pytest.raises(RunError, match="exists already"):
        simmm.backtest("cascade", end=400, out=tmp_path / "deep" / "run")
    again = simmm.backtest("cascade", end=400)
    before = again.folder
    assert again.save(tmp_path / "saved") == again.folder == tmp_path / "saved"
    assert not before.exists()
    assert again.raw("orders").equals(kept.raw("orders"))
    with pytest.raises(RunError, match="exists already"):
        again.save(kept)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        again.save(tmp_path / "file" / "run")
    del again
    gc.collect()
    assert simmm.open_run(tmp_path / "saved").digest == kept.digest


def test_open_run_finds_runs_as_the_command_line_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="no run under runs/"):
        simmm.open_run()
    run = simmm.backtest("cascade", end=400, out="runs/one")
    for name in (None, "one", "runs/one", run, tmp_path / "runs" / "one"):
        assert simmm.open_run(name).digest == run.digest
    with pytest.raises(RunError, match="no such run folder"):
        simmm.open_run("two")
    (tmp_path / "runs" / "two").mkdir()
    with pytest.raises(RunError, match=r"no run\.json"):
        simmm.open_run("two")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        simmm.open_run("file")


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, int, int]] = []
    simmm.backtest("cascade", progress=lambda *step: told.append(step))
    done = [done for stage, done, _ in told if stage == "run"]
    assert done == sorted(done)
    assert done[-1] == simmm.tape.info(simmm.dataset("cascade_hl_btc")).rows
    assert capsys.readouterr() == ("", "")
    simmm.backtest("cascade", progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "cascade: running" in shown.err
    assert shown.err.rpartition("\r")[2] == ""  # the line is wiped


def test_what_a_run_says_is_kept() -> None:
    idle = simmm.backtest("cascade", end=400, set={"strategy.order_size": 1e-6})
    assert any("no order was sent" in note for note in idle.notes)
    assert idle.report.verdict.outcome == "idle"
    assert idle.fills.height == idle.orders.height == 0
    assert idle.summary()["net"] == 0
    assert "0 fills" in repr(idle)
    assert "no order was sent" in idle._repr_html_()
    other = simmm.backtest("cascade", end=400, strategy="symmetric")
    assert any("strategy.gamma" in note for note in other.notes)
    assert other.memory.columns == ["time"]
    with pytest.raises(RunError, match="records nothing"):
        other.raw("memory")


def test_the_summary_and_the_page_are_the_report(run: simmm.Run) -> None:
    found = run.summary()
    assert found["net"] == run.report.profit.net.value
    parts = sum(found[name] for name in ("spread", "adverse", "holding", "fees", "funding"))
    assert parts == pytest.approx(found["net"], abs=1e-9)
    assert found["markout_5s_bps"] is not None
    assert found["fills"] == run.fills.height
    page = run.page(80)
    assert run.report.verdict.sentences[0][:20] in page
    assert max(map(len, page.splitlines())) <= 80
    assert "\x1b" not in page
    assert repr(run).startswith("<Run cascade: glft on BTC, 10 min, net ")


def test_a_damaged_run_is_told_in_one_line(tmp_path: Path, run: simmm.Run) -> None:
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / "fills.parquet").write_bytes(b"PAR1 and no more")
    (folder / "mids.parquet").unlink()
    run.raw("orders").drop("px").write_parquet(folder / "orders.parquet")
    run.raw("intents").with_columns(kind=99).write_parquet(folder / "intents.parquet")
    damaged = simmm.open_run(folder)
    for table in ("fills", "mids", "orders", "intents"):
        with pytest.raises(RunError, match=f"{table}.parquet") as raised:
            getattr(damaged, table)
        assert "\n" not in str(raised.value)
    with pytest.raises(ScenarioError, match="no table of a run"):
        damaged.raw("trades")


def test_two_runs_are_compared(run: simmm.Run, tmp_path: Path) -> None:
    other = simmm.backtest("cascade", end=END, set={"strategy.gamma": 100}, out=tmp_path / "b")
    found = simmm.compare(run, tmp_path / "b")
    assert not found.same
    assert found.configuration.rows() == [("strategy.gamma", "10000.0", "100.0")]
    net = found.figures.filter(group="P&L", figure="net")
    for name, side in (("a", run), ("b", other)):
        assert net[name].item() == side.report.profit.net.value
    assert net["difference"].item() == pytest.approx(net["b"].item() - net["a"].item(), abs=1e-9)
    assert net["low"].item() < net["difference"].item() < net["high"].item()
    assert "strategy.gamma: 10000.0 → 100.0" in repr(found)
    assert "strategy.gamma" in found.page(80)
    assert found.save(tmp_path / "c.html").stat().st_size > 1000
    alike = simmm.compare(run, run)
    assert alike.same
    assert alike.configuration.height == 0
    with pytest.raises(RunError, match="no such run folder"):
        simmm.compare(run, tmp_path / "nowhere")
