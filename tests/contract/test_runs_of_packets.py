"""Many packets at once or each by itself: what is believed and done is the same, bit for bit.

For a strategy that has `observe`, the maker steps through every packet; without one it takes whole
runs of packets whose rows only change a book.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from simmm.records import KIND_MASK, TRADE
from simmm.tape import info
from tests.contract.cases import DATASETS, WARM, Heads
from tests.contract.runs import ROOT, Outcome, resolve, run
from tests.contract.tapes import read, write

GLFT = ROOT / "strategies" / "glft.py"
TABLES = ("estimates", "fills", "orders", "intents", "beliefs", "equity")
STATES = ("state_stacks", "state_maker_books", "state_venue_books", "chain_venue", "chain_maker")
MINUTES = 5.0


class Stretch(NamedTuple):
    """The beginning of a scenario's tape, and what is replaced so that fills come within it."""

    scenario: str
    rows: int
    sets: dict[str, Any]


STRETCHES = (
    Stretch("cascade", 30_000, WARM),
    Stretch("poisson", 9_000, {**WARM, "maker.quote_on": ["fill"], "maker.requote_ms": 250}),
)


@pytest.mark.parametrize("stretch", STRETCHES, ids=lambda stretch: stretch.scenario)
def test_single_packets_and_runs_of_packets(stretch: Stretch, heads: Heads, tmp_path: Path) -> None:
    observing = tmp_path / "observing.py"
    nothing = "\n\ndef observe(event, market, memory, params):\n    pass\n"
    observing.write_text(GLFT.read_text("utf-8") + nothing, "utf-8")
    tape = heads(DATASETS[stretch.scenario], stretch.rows)

    def outcome(strategy: Path) -> Outcome:
        return run(resolve(stretch.scenario, [tape], stretch.sets, strategy))

    runs, singles = outcome(GLFT), outcome(observing)
    assert runs.simulation.makers["observes"][0] == 0
    assert singles.simulation.makers["observes"][0] == 1
    columns = read(tape)
    assert columns["exch_ts"][-1] - columns["exch_ts"][0] > MINUTES * 60e9
    assert ((columns["tag"] & KIND_MASK) == TRADE).sum() > 100
    for table in ("estimates", "fills", "orders"):
        assert runs.rows(table).size > 10, f"{table}: too few to show anything"
    by_runs, by_singles = runs.digests(), singles.digests()
    for name in (*TABLES, *STATES):
        assert by_runs[name] == by_singles[name], name


SILENCE_NS = 120_000_000_000
AWAY = 1.05  # of prices after the silence


def silent(tape: Path, out: Path) -> int:
    """Write a tape anew whose feed is silent in the middle; return the ts of its first packet then.

    Nothing tells of the silence; then prints come first, far away, and the book after them.
    """
    columns = {name: values.copy() for name, values in read(tape).items()}
    starts = np.flatnonzero(np.diff(columns["seq"], prepend=-1))
    first = (columns["tag"][starts] & KIND_MASK) == TRADE
    k = int(starts[first & (starts > len(columns["tag"]) // 2)][0])
    for name in ("exch_ts", "local_ts"):
        columns[name][k:] += SILENCE_NS
    columns["px"][k:] = np.round(columns["px"][k:] * AWAY).astype(np.int64)
    write(out, columns, info(tape).market)
    return int(columns["local_ts"][k])


def test_prints_after_a_silence_are_not_measured_from_the_touch_before_it(
    heads: Heads, tmp_path: Path
) -> None:
    stretch = STRETCHES[1]
    observing = tmp_path / "observing.py"
    nothing = "\n\ndef observe(event, market, memory, params):\n    pass\n"
    observing.write_text(GLFT.read_text("utf-8") + nothing, "utf-8")
    tape = tmp_path / "silent.parquet"
    back_ts = silent(heads(DATASETS[stretch.scenario], stretch.rows), tape)
    runs, singles = (
        run(resolve(stretch.scenario, [tape], stretch.sets, strategy))
        for strategy in (GLFT, observing)
    )
    by_runs, by_singles = runs.digests(), singles.digests()
    for name in (*TABLES, *STATES):
        assert by_runs[name] == by_singles[name], name
    reach = runs.simulation.stacks["states"]["kappa"]["excess"][0]
    assert 0.0 < reach.max() < 0.5 * (AWAY - 1.0)
    rows = runs.rows("estimates")
    assert (rows["now_ns"] > back_ts).sum() > 10
    assert (rows["now_ns"] < back_ts - SILENCE_NS).sum() > 10
