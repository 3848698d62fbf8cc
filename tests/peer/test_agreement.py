"""Where hftbacktest 2.4.4 is right, simmm's fills agree with it, order by order.

Its interpreter is named by SIMMM_PEER_PYTHON. Both get the same tapes, generated and recorded, and
the same schedules of orders; how each order ends and when, to the nanosecond, must be the same.
What of the peer is known to be wrong is kept out of the schedules (`benchmarks/peer_fills.py` says
what), but for one fault that no schedule can avoid: the peer's place of an order may fall below
zero, where its formulas mean nothing (`tests/peer/unbounded.py`). There simmm differs, there alone,
and with the place kept as the peer keeps it not even there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.outside import DATA
from tests.peer.folders import MARKET, write_generated, write_recorded, write_schedules
from tests.peer.replay import LIVE, WAS_FILLED, Ends, fill_schedule
from tests.peer.unbounded import FEWER_THAN_NOBODY, HARDLY_ANYBODY

ENTRY_NS = 5_000_000
PEER_PYTHON = os.environ.get("SIMMM_PEER_PYTHON", "")
ROOT = Path(__file__).parents[2]
ROWS = 1_000_000

#: Tape: schedules, longest life of an order in s, least fills over all schedules.
RECORDINGS = {
    "l2from_l3_cme_ESH4_20231225_h1": (range(1, 3), 10.0, 150),
    "bitmex_XBTUSD_20200310": (range(1, 4), 5.0, 100),
    "binance_usdm_BTCUSDT_20240808": (range(1, 3), 3.0, 150),
}
TAPES = ("generated", *RECORDINGS)
LEAST_FILLS = {"generated": 3_500} | {name: row[2] for name, row in RECORDINGS.items()}


class Form(NamedTuple):
    """One model on both sides."""

    ours: str
    theirs: str
    power: float


#: Forms that the place below zero does no harm: the share that it gives is next to 1.
RIGHT = (
    Form("pessimistic", "pessimistic", 0.0),
    Form("proportional", "power", 1.0),
    Form("power", "power", 2.0),
    Form("power", "power", 3.0),
    Form("power3", "power3", 2.0),
    Form("power3", "power3", 3.0),
    Form("log2", "log2", 0.0),
)
#: Those that it puts back in the queue.
HARMED = (Form("power2", "power2", 2.0), Form("power2", "power2", 3.0), Form("log", "log", 0.0))
#: Roots of a negative place are no numbers, and their last bit decides what is below zero.
ROOTS = (Form("power", "power", 0.5), Form("power", "power", 2.5), Form("power3", "power3", 2.5))


def name_of(form: Form) -> str:
    return f"{form.ours}-{form.power:g}"


class Case(NamedTuple):
    """One schedule on one tape, and what the peer made of it."""

    tape: Path
    schedule: dict[str, np.ndarray]
    folder: Path
    number: str

    def theirs(self, form: Form) -> dict[str, np.ndarray]:
        """Return status and time of each order as the peer has them."""
        return _load(self.folder / f"ends-{self.number}-{form.theirs}-{form.power}.npz")

    def ours(self, form: Form, bounded: bool = True) -> Ends:
        """Fill the schedule with simmm's exchange."""
        return fill_schedule(
            self.tape, self.schedule, MARKET, form.ours, form.power, ENTRY_NS, bounded=bounded
        )


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders by tape, with schedules and the peer's ends under every model."""
    if not PEER_PYTHON:
        pytest.skip("SIMMM_PEER_PYTHON is not set: no interpreter with hftbacktest 2.4.4")
    probe = "import hftbacktest, importlib.metadata as m; print(m.version('hftbacktest'))"
    found = subprocess.run([PEER_PYTHON, "-c", probe], capture_output=True, text=True)
    if found.stdout.strip() != "2.4.4":
        pytest.skip(f"{PEER_PYTHON} (SIMMM_PEER_PYTHON) has no hftbacktest 2.4.4")
    base = tmp_path_factory.mktemp("peer")
    made = {"generated": base / "generated"}
    write_generated(made["generated"], ROWS, seed=7)
    write_schedules(made["generated"], range(1, 2), 0.9)
    for name, (seeds, most_life_s, _) in RECORDINGS.items():
        source = DATA / f"{name}.parquet"
        if source.is_file():
            made[name] = base / name
            write_recorded(made[name], source)
            write_schedules(made[name], seeds, most_life_s)
    models = {f"{form.theirs}:{form.power}" for form in (*RIGHT, *HARMED, *ROOTS)}
    script = Path(__file__).parent / "every_model.py"
    command = [PEER_PYTHON, str(script), str(ENTRY_NS), ",".join(sorted(models))]
    done = subprocess.run([*command, *map(str, made.values())], capture_output=True, text=True)
    assert done.returncode == 0, f"{script.name} failed:\n{done.stdout}{done.stderr}"
    return made


def _cases(folders: dict[str, Path], tape: str) -> Iterator[Case]:
    if tape not in folders:
        pytest.skip(f"{tape} is not here (data/ under SIMMM_SHARED)")
    folder = folders[tape]
    for path in sorted(folder.glob("schedule-*.npz")):
        yield Case(folder / "simmm.parquet", _load(path), folder, path.stem[9:])


def _differ(ours: Ends, theirs: dict[str, np.ndarray]) -> np.ndarray:
    differ: np.ndarray = (ours.status != theirs["status"]) | (ours.exch_ts != theirs["exch_ts"])
    return differ


@pytest.mark.slow
@pytest.mark.parametrize("tape", TAPES)
@pytest.mark.parametrize("form", RIGHT, ids=name_of)
def test_every_order_ends_as_with_the_peer(form: Form, tape: str, folders: dict[str, Path]) -> None:
    fills = orders = 0
    for case in _cases(folders, tape):
        ours, theirs = case.ours(form), case.theirs(form)
        differ = _differ(ours, theirs)
        first = [
            f"order {case.schedule['order_id'][k]}: ours {ours.status[k]} at {ours.exch_ts[k]}, "
            f"theirs {theirs['status'][k]} at {theirs['exch_ts'][k]}"
            for k in np.flatnonzero(differ)[:5]
        ]
        assert not differ.any(), "\n".join(first)
        assert not (ours.status == LIVE).any()
        orders += len(ours.status)
        fills += int(np.count_nonzero(ours.status == WAS_FILLED))
    print(f"{name_of(form)}, {tape}: {orders} orders, {fills} fills, all the same")
    assert fills >= LEAST_FILLS[tape]


@pytest.mark.slow
@pytest.mark.parametrize("tape", TAPES)
@pytest.mark.parametrize("form", HARMED, ids=name_of)
def test_only_orders_that_the_peer_counts_below_zero_end_otherwise(
    form: Form, tape: str, folders: dict[str, Path]
) -> None:
    """And with the place kept as the peer keeps it, every order ends as with the peer."""
    harmed = 0
    for case in _cases(folders, tape):
        theirs = case.theirs(form)
        differ = _differ(case.ours(form), theirs)
        as_theirs = case.ours(form, bounded=False)
        assert not _differ(as_theirs, theirs).any()
        assert not differ[as_theirs.misled < FEWER_THAN_NOBODY].any()
        harmed += int(np.count_nonzero(differ))
    print(f"{name_of(form)}, {tape}: {harmed} orders end otherwise")
    assert harmed or tape != "generated"


@pytest.mark.slow
@pytest.mark.parametrize("form", ROOTS, ids=name_of)
def test_under_roots_only_orders_without_anybody_ahead_end_otherwise(
    form: Form, folders: dict[str, Path]
) -> None:
    for case in _cases(folders, "generated"):
        theirs = case.theirs(form)
        differ = _differ(case.ours(form), theirs)
        as_theirs = case.ours(form, bounded=False)
        still = _differ(as_theirs, theirs)
        print(f"{name_of(form)}: {differ.sum()} end otherwise, {still.sum()} by the last bit")
        assert differ.any()
        assert still.sum() < 0.05 * differ.sum() + 5
        assert not (differ | still)[as_theirs.misled < HARDLY_ANYBODY].any()
