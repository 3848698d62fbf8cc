"""Inputs are never written to, memory doesn't grow with the tape, and one version is compiled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import numpy as np
import pytest

from simmm.feed import FIRST_CAPACITY, RingFeed, WholeFeed
from simmm.simulation import Simulation
from simmm.tape import Chunk, TapeSpec, open_tapes
from tests.contract.cases import CASES, DATASETS, Heads
from tests.contract.runs import Outcome, Tables, resolve, run_job, simulate
from tests.contract.tapes import dataset_file


def _buffers(simulation: Simulation) -> list[tuple[int, int]]:
    """Address and size of every state array."""
    return [(array.ctypes.data, array.nbytes) for array in simulation._state]


def _watched(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Pass chunks on and check that each comes back as it went out."""
    for chunk in chunks:
        arrays = [value for value in chunk if isinstance(value, np.ndarray)]
        assert len(arrays) == 8
        before = [array.tobytes() for array in arrays]
        assert not any(array.flags.writeable for array in arrays)
        yield chunk
        assert [array.tobytes() for array in arrays] == before


@pytest.mark.parametrize("name", ["busy", "poisson"])
def test_inputs_stay_as_they_were(name: str, heads: Heads) -> None:
    case = CASES[name]
    tape = heads.of(case)
    file_before = hashlib.sha256(tape.read_bytes()).hexdigest()
    resolved = resolve(case.scenario, [tape], case.sets, case.strategy)
    with open_tapes([TapeSpec(tape)], rows_per_chunk=700) as stream:
        simulation = simulate(resolved, stream)
        params_before = simulation.params.tobytes()
        simulation.run(_watched(stream.chunks()), Tables())
    assert simulation.params.tobytes() == params_before
    assert hashlib.sha256(tape.read_bytes()).hexdigest() == file_before
    assert not any(column.flags.writeable for column in RingFeed().columns)


def test_memory_does_not_grow_with_the_tape() -> None:
    """300,000 rows pass through rings of the size that the first ones had."""
    resolved = resolve("cascade", [dataset_file(DATASETS["cascade"])], {"run.warm_up_s": 60})
    largest = 0

    def sink(table: str, rows: np.ndarray) -> None:
        nonlocal largest
        largest = max(largest, rows.size)

    with open_tapes([TapeSpec(resolved.tape_paths[0])], rows_per_chunk=10_000) as stream:
        assert stream.rows > 4 * FIRST_CAPACITY
        simulation = simulate(resolved, stream)
        buffers = _buffers(simulation)
        feed = RingFeed()
        for chunk in stream.chunks():
            feed.push(chunk)
            assert max(column.size for column in feed.columns) == FIRST_CAPACITY
            if simulation.step(feed, sink):
                break
        assert _buffers(simulation) == buffers
    out = simulation.outputs.dtype.fields
    assert out is not None
    assert 0 < largest <= max(out[name][0].shape[0] for name in ("fills", "mids"))


def test_one_version_is_compiled(heads: Heads) -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("nothing is compiled here")
    case = CASES["busy"]
    for rows in (None, 1, 100):
        job = {**case.job(heads(case.dataset, 1_500)), "rows_per_chunk": rows}
        assert len(run_job(job).simulation.advance.signatures) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["busy", "poisson"])
def test_whole_arrays_give_the_same(name: str, heads: Heads) -> None:
    """Fed from whole arrays in memory instead of rings, nothing changes."""
    case = CASES[name]
    job = case.job(heads.of(case))
    resolved = resolve(case.scenario, [heads.of(case)], case.sets, case.strategy)
    tables = Tables()
    with open_tapes([TapeSpec(resolved.tape_paths[0])]) as stream:
        (chunk,) = stream.chunks()
        simulation = simulate(resolved, stream)
        assert simulation.step(WholeFeed(chunk), tables)
        simulation.finish(tables)
    assert Outcome(tables.joined(), simulation).digests() == run_job(job).digests()
