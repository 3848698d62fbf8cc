"""Inputs are never written to, memory doesn't grow with the tape, and one version is compiled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from simmm.feed import Feed
from simmm.records import WINDOW_ROWS
from simmm.simulation import Simulation
from simmm.tape import Chunk, TapeSpec, open_tapes
from tests.contract.cases import CASES, DATASETS, Heads
from tests.contract.runs import Tables, resolve, run_job, run_jobs_apart, simulate
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


def test_memory_does_not_grow_with_the_tape() -> None:
    """Hundreds of thousands of rows pass through one window and buffers of one size."""
    resolved = resolve("cascade", [dataset_file(DATASETS["cascade"])], {"run.warm_up_s": 60})
    largest = 0

    def sink(table: str, rows: np.ndarray) -> None:
        nonlocal largest
        largest = max(largest, rows.size)

    with open_tapes([TapeSpec(resolved.tape_paths[0])]) as stream:
        assert stream.rows > 4 * WINDOW_ROWS
        simulation = simulate(resolved, stream)
        simulation.prepare()
        buffers = _buffers(simulation)
        feed = Feed()
        windows = feed.windows.ctypes.data
        for chunk in stream.chunks():
            for _ in feed.push(chunk):
                ended = simulation.step(feed, sink)
        assert ended
        assert (feed.capacity, feed.windows.ctypes.data) == (WINDOW_ROWS, windows)
        assert _buffers(simulation) == buffers
    assert 0 < largest <= simulation.outputs["mids"].shape[1]


def test_one_version_is_compiled(heads: Heads) -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("nothing is compiled here")
    case = CASES["busy"]
    versions = []
    for rows in (None, 1, 100):
        job = {**case.job(heads(case.dataset, 1_500)), "rows_per_chunk": rows}
        entry: Any = run_job(job).simulation.advance  # of all runs in this process
        versions.append(len(entry.signatures))
    assert versions == versions[:1] * 3


def test_a_window_that_is_too_small_grows(heads: Heads) -> None:
    """Interpreted, because each size of window would be compiled apart."""
    case = CASES["busy"]
    job = case.job(heads(case.dataset, 1_000))
    jobs = [{**job, "window_rows": 1}, {**job, "window_rows": 32, "rows_per_chunk": 300}]
    (told,) = run_jobs_apart(jobs, environments=[{"NUMBA_DISABLE_JIT": "1"}])
    assert told == [run_job(job).digests()] * 2
