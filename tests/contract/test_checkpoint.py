"""The state is all there is: copied as bytes into another simulation, the run goes on the same."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.errors import StrategyError
from simmm.feed import Feed
from simmm.simulation import Simulation
from simmm.tape import TapeSpec, open_tapes
from tests.contract.cases import CASES, Case, Heads
from tests.contract.runs import STATES, Outcome, Tables, resolve, run_job, simulate

CHUNK_ROWS = 400


def saved(simulation: Simulation, tables: Tables) -> dict[str, bytes]:
    """Return the whole state as bytes; what is written so far goes to the tables."""
    simulation.drain(tables)
    return {name: getattr(simulation, name).tobytes() for name in STATES}


def restore(simulation: Simulation, state: dict[str, bytes]) -> None:
    """Overwrite the state of a simulation."""
    for name, content in state.items():
        array = getattr(simulation, name)
        array[...] = np.frombuffer(content, array.dtype)


def run_in_pieces(case: Case, heads: Heads, every: int) -> tuple[Outcome, int]:
    """Run a case; after each `every` chunks go on in another simulation. Return how often."""
    resolved = resolve(case.scenario, [heads.of(case)], case.sets, case.strategy)
    tables, moves = Tables(), 0
    with open_tapes([TapeSpec(resolved.tape_paths[0])], rows_per_chunk=CHUNK_ROWS) as stream:
        simulation = simulate(resolved, stream)
        feed = Feed()
        for number, chunk in enumerate(stream.chunks()):
            for _ in feed.push(chunk):
                ended = simulation.step(feed, tables)
            if number % every == every - 1 and not ended:
                state = saved(simulation, tables)
                for name in STATES:  # nothing of the old one is used any more
                    getattr(simulation, name).view(np.uint8)[...] = 0xAB
                simulation = simulate(resolved, stream)
                restore(simulation, state)
                moves += 1
        assert ended
        simulation.finish(tables)
    return Outcome(tables.joined(), simulation), moves


@pytest.mark.parametrize(
    ("name", "every"), [("busy", 1), ("busy_account", 2), ("busy_packet", 3), ("poisson", 20)]
)
def test_goes_on_from_its_bytes(name: str, every: int, heads: Heads) -> None:
    case = CASES[name]
    found, moves = run_in_pieces(case, heads, every)
    assert moves >= 2
    assert found.digests() == run_job(case.job(heads.of(case))).digests()


@pytest.mark.parametrize("name", STATES)
def test_every_part_of_the_state_counts(name: str, heads: Heads) -> None:
    """Left out of the copy, no part goes unnoticed."""
    case = CASES["busy"]
    expected = run_job(case.job(heads.of(case))).digests()
    resolved = resolve(case.scenario, [heads.of(case)], case.sets, case.strategy)
    tables = Tables()
    with open_tapes([TapeSpec(resolved.tape_paths[0])], rows_per_chunk=CHUNK_ROWS) as stream:
        simulation = simulate(resolved, stream)
        feed = Feed()
        for number, chunk in enumerate(stream.chunks()):
            for _ in feed.push(chunk):
                try:
                    simulation.step(feed, tables)
                except StrategyError:  # estimators that have lost their state divide by zero
                    assert name == "stacks"
                    return
            if number == 5:
                state = saved(simulation, tables)
                del state[name]
                simulation = simulate(resolved, stream)
                restore(simulation, state)
        simulation.finish(tables)
    assert Outcome(tables.joined(), simulation).digests() != expected
