"""Compiled code and the same source run by Python give the same bits, and never leave an array."""

from __future__ import annotations

import os

import pytest

from tests.contract.cases import CASES, Case, Heads, scenario_names
from tests.contract.runs import run_job, run_jobs_apart

#: Two processes of about equal length.
SHARES = (
    ("poisson", "starved_altcoin", "trend", "busy_account"),
    ("busy", "busy_packet", "cascade", "hyperliquid", "quiet"),
)
Told = dict[str, dict[str, str]]

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled here"
)


@pytest.fixture(scope="module")
def here(heads: Heads) -> Told:
    return {name: run_job(case.job(heads.of(case))).digests() for name, case in CASES.items()}


@pytest.fixture(scope="module")
def interpreted(heads: Heads, here: Told) -> Told:
    shares = [[CASES[name].job(heads.of(CASES[name])) for name in share] for share in SHARES]
    told = run_jobs_apart(*shares, environments=[{"NUMBA_DISABLE_JIT": "1"}])
    return {
        name: digests
        for share, found in zip(SHARES, told, strict=True)
        for name, digests in zip(share, found, strict=True)
    }


@pytest.mark.parametrize("name", CASES)
def test_compiled_and_interpreted_give_the_same_bits(
    name: str, here: Told, interpreted: Told
) -> None:
    assert interpreted[name] == here[name]


def test_no_index_leaves_its_array(heads: Heads) -> None:
    """With bounds checked in all compiled code nothing is raised, and nothing else is computed."""
    busy = CASES["busy"]
    cases = [busy, CASES["busy_account"], CASES["busy_packet"]]
    cases += [
        Case(scenario, {**busy.sets, "strategy.lots": lots}, busy.strategy)
        for scenario, lots in (("quiet", 1_000), ("trend", 200), ("starved_altcoin", 1_000))
    ]
    jobs = [case.job(heads.of(case)) for case in cases]
    (checked,) = run_jobs_apart(jobs, environments=[{"NUMBA_BOUNDSCHECK": "1"}])
    runs = [run_job(job) for job in jobs]
    assert checked == [run.digests() for run in runs]
    assert all(run.rows("intents").size > 100 for run in runs)


def test_all_scenarios_are_run_and_something_happens(heads: Heads) -> None:
    assert scenario_names() <= set(CASES) == {name for share in SHARES for name in share}
    for name in ("poisson", "quiet", "busy", "busy_account", "busy_packet"):
        assert run_job(CASES[name].job(heads.of(CASES[name]))).rows("fills").size > 10, name


def test_a_difference_would_be_seen(heads: Heads, here: Told) -> None:
    case = CASES["busy"]
    job = case.job(heads.of(case))
    job["sets"] = {**case.sets, "maker.requote_ms": 250.000001}
    changed = run_job(job).digests()
    assert changed["chain_maker"] != here["busy"]["chain_maker"]
