"""Where hftbacktest 2.4.4 is right, simmm's fills agree with it, order by order.

Its interpreter is named by SIMMM_PEER_PYTHON. Both get one generated tape and one schedule of
orders; how each order ends and when, to the nanosecond, must be the same. What of the peer is
known to be wrong is kept out of the schedule (`benchmarks/peer_fills.py` says what).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simmm.market import MarketRules
from tests.peer.replay import LIVE, WAS_FILLED, fill_schedule

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS = 3_000_000
ENTRY_NS = 5_000_000
LEAST_FILLS = 10_000
PEER_PYTHON = os.environ.get("SIMMM_PEER_PYTHON", "")
MARKET = MarketRules(symbol="BTC-PERP", venue="benchmark", price_quantum="1", lot_size="0.00001")

#: Our model and exponent, the peer's name of it.
MODELS = {
    "pessimistic": ("pessimistic", 0.0, "pessimistic"),
    "power-3": ("power", 3.0, "power"),
    "proportional": ("proportional", 0.0, "power"),
}
PEER_POWER = {"pessimistic": 0.0, "power-3": 3.0, "proportional": 1.0}


def _call(python: str, script: str, *arguments: str | Path) -> None:
    command = [python, str(BENCHMARKS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{script} failed:\n{done.stdout}{done.stderr}"


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tape in both forms (``tape/``) and a schedule (``schedule.npz``)."""
    if not PEER_PYTHON:
        pytest.skip("SIMMM_PEER_PYTHON is not set: no interpreter with hftbacktest 2.4.4")
    probe = "import hftbacktest, importlib.metadata as m; print(m.version('hftbacktest'))"
    found = subprocess.run([PEER_PYTHON, "-c", probe], capture_output=True, text=True)
    if found.stdout.strip() != "2.4.4":
        pytest.skip(f"{PEER_PYTHON} (SIMMM_PEER_PYTHON) has no hftbacktest 2.4.4")
    folder = tmp_path_factory.mktemp("peer")
    _call(sys.executable, "peer_tape.py", folder / "tape", "--rows", str(ROWS), "--seed", "7")
    _call(sys.executable, "peer_schedule.py", folder / "tape", folder / "schedule.npz")
    _call(sys.executable, "simmm_tape.py", folder / "tape")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_order_ends_as_with_the_peer(name: str, folder: Path) -> None:
    model, power, peer_model = MODELS[name]
    theirs_file = folder / f"{name}.npz"
    _call(
        PEER_PYTHON, "peer_fills.py", folder / "tape", folder / "schedule.npz", theirs_file,
        "--model", peer_model, "--power", str(PEER_POWER[name]), "--entry-ns", str(ENTRY_NS),
    )  # fmt: skip
    theirs, schedule = _load(theirs_file), _load(folder / "schedule.npz")
    ours = fill_schedule(
        folder / "tape" / "simmm.parquet", schedule, MARKET, model, power, ENTRY_NS
    )
    differ = (ours.status != theirs["status"]) | (ours.exch_ts != theirs["exch_ts"])
    fills = int(np.count_nonzero(ours.status == WAS_FILLED))
    print(f"{name}: {len(differ)} orders, {fills} fills, {np.count_nonzero(differ)} differ")
    first = [
        f"order {schedule['order_id'][k]}: ours {ours.status[k]} at {ours.exch_ts[k]}, "
        f"theirs {theirs['status'][k]} at {theirs['exch_ts'][k]}"
        for k in np.flatnonzero(differ)[:5]
    ]
    assert not differ.any(), "\n".join(first)
    assert fills >= LEAST_FILLS
    assert not (ours.status == LIVE).any()
