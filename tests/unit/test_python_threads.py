"""Several runs at once in one process: each gives what it gives alone."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import simmm
from simmm import datasets
from simmm.strategy.load import load_strategy

CASES: list[dict] = [
    {"scenario": "cascade", "end": 1200},
    {"scenario": "quiet", "end": 1200, "set": {"strategy.offset_steps": 1}},
    {"scenario": "cascade", "end": 900, "seed": 1, "set": {"seed.run": 7, "strategy.gamma": 500}},
    {"scenario": "quiet", "end": 900, "set": {"maker.quote_on": ["packet"], "seed.run": 3}},
    {"scenario": "cascade", "set": {"venue.latency.entry": 1, "maker.requote_ms": 100}, "end": 800},
    {"scenario": "cascade", "start": 800, "end": 1500, "set": {"maker.moves": "modify"}},
]


def test_runs_in_threads_give_the_digests_of_runs_alone() -> None:
    def digests(case: dict) -> tuple[str, list[int]]:
        run = simmm.backtest(**case)
        return run.digest, [run.raw(table).hash_rows().sum() for table in ("orders", "beliefs")]

    alone = [digests(case) for case in CASES]
    assert len({digest for digest, _ in alone}) == len(CASES)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(digests, CASES * 2))
    assert together == alone * 2


def test_one_error_is_of_its_own_run_alone() -> None:
    def outcome(n: int) -> str:
        try:
            return simmm.backtest("cascade", end=400, set={"run.warm_up_s": 9e9 * (n % 2)}).digest
        except simmm.ScenarioError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(outcome, range(8)))
    assert len(set(found[::2])) == 1
    assert all("warm_up_s" in text for text in found[1::2])
    assert "warm_up_s" not in found[0]


def test_threads_build_a_tape_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "tapes_folder", lambda: tmp_path)
    built = []
    build = datasets.build
    monkeypatch.setattr(datasets, "build", lambda *a, **k: (built.append(1), build(*a, **k)))
    start = threading.Barrier(3)

    def path(name: str) -> Path:
        start.wait()
        return simmm.dataset(name, seed=5)

    with ThreadPoolExecutor(3) as pool:
        found = set(pool.map(path, ["poisson"] * 3))
    assert len(built) == len(found) == 1
    assert [file.name for file in tmp_path.iterdir()] == [found.pop().name]


STRATEGY = """
import time
from simmm.strategy import Field, record
Params = record(order_size=Field(0.01))
time.sleep(0.05)
from helper import WIDTH

def quote(wanted, market, memory, params):
    wanted.bids = WIDTH
"""


QUOTES = """
from simmm.math import round_int

def quote(wanted, market, memory, params):
    wanted.bid_px[0] = market.bid_px - {behind} * market.step
    wanted.ask_px[0] = market.ask_px + {behind} * market.step
    wanted.bid_qty[0] = wanted.ask_qty[0] = round_int(0.01 / market.lot)
    wanted.bids = wanted.asks = 1
"""


def test_strategies_that_compile_at_once_stay_apart(tmp_path: Path) -> None:
    def digest(file: Path) -> str:
        return simmm.backtest("cascade", strategy=file, end=600).digest

    files = [tmp_path / f"behind_{behind}.py" for behind in range(4)]
    for behind, file in enumerate(files):
        file.write_text(QUOTES.format(behind=behind))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(digest, files * 2))
    alone = [digest(file) for file in files]
    assert together == alone * 2
    assert len(set(alone)) == len(files)


def test_strategies_of_several_folders_do_not_meet(tmp_path: Path) -> None:
    files = []
    for n in range(4):
        folder = tmp_path / f"project_{n}"
        folder.mkdir()
        (folder / "helper.py").write_text(f"WIDTH = {n}\n")
        (folder / "mine.py").write_text(STRATEGY)
        files.append(folder / "mine.py")
    before = list(sys.meta_path)
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(load_strategy, files))
    assert [one.quote.__globals__["WIDTH"] for one in loaded] == [0, 1, 2, 3]
    assert sys.meta_path == before
