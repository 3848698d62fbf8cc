"""Same scenario and seed, same bits: whatever the process, the chunks, or the files it lies in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.cases import CASES, Heads
from tests.contract.runs import run_job, run_jobs_apart
from tests.contract.tapes import split

HASH_SEEDS = ("0", "1", "random")
SHORT_ROWS = 1_500


def test_processes_with_other_hash_seeds(heads: Heads) -> None:
    jobs = [CASES[name].job(heads.of(CASES[name])) for name in ("busy_account", "quiet", "poisson")]
    expected = [run_job(job).digests() for job in jobs]
    environments = [{"PYTHONHASHSEED": seed} for seed in HASH_SEEDS]
    found = run_jobs_apart(*[jobs] * len(HASH_SEEDS), environments=environments)
    assert found == [expected] * len(HASH_SEEDS)


@pytest.mark.parametrize("rows", [7, 1000])
@pytest.mark.parametrize("name", CASES)
def test_chunks(name: str, rows: int, heads: Heads) -> None:
    case = CASES[name]
    job = case.job(heads.of(case))
    assert run_job({**job, "rows_per_chunk": rows}).digests() == run_job(job).digests()


@pytest.mark.parametrize("name", ["busy", "busy_account", "busy_packet", "quiet"])
def test_chunks_of_single_packets(name: str, heads: Heads) -> None:
    case = CASES[name]
    job = case.job(heads(case.dataset, SHORT_ROWS))
    assert run_job({**job, "rows_per_chunk": 1}).digests() == run_job(job).digests()


@pytest.mark.parametrize("name", ["busy", "busy_packet", "poisson", "cascade"])
@pytest.mark.parametrize("rows", [None, 100])
def test_five_files(name: str, rows: int | None, heads: Heads, tmp_path: Path) -> None:
    case = CASES[name]
    whole = heads.of(case)
    parts = split(whole, tmp_path, 5)
    expected = run_job(case.job(whole)).digests()
    assert run_job(case.job(*parts, rows_per_chunk=rows)).digests() == expected
    assert run_job(case.job(tmp_path)).digests() == expected, "as a folder"


def test_seed_decides_latencies(heads: Heads) -> None:
    case = CASES["busy"]
    job = case.job(heads.of(case))
    other = {**job, "sets": {**case.sets, "seed.run": 2}}
    one, two = run_job(job).digests(), run_job(other).digests()
    assert one["chain_maker"] != two["chain_maker"]
    assert one["state_maker_books"] == two["state_maker_books"], "the tape is the same"
