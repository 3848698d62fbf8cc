"""Compiled code and the same source run by Python give the same bits, and never leave an array."""

from __future__ import annotations

import os

import pytest

from tests.contract.cases import CASES, Case, Heads, scenario_names
from tests.contract.runs import run_job, run_jobs_apart

#: A maker that does it all, in calmer markets too.
ELSEWHERE = {
    f"busy_{scenario}": Case(
        scenario, {**CASES["busy"].sets, "strategy.lots": lots}, CASES["busy"].strategy, 6_000
    )
    for scenario, lots in (("quiet", 1_000), ("trend", 200), ("starved_altcoin", 1_000))
}
ALL = {**CASES, **ELSEWHERE}
#: Two processes of about equal length.
SHARES = (
    ("poisson", "starved_altcoin", "trend", "busy_account", "busy_quiet"),
    (
        "busy",
        "busy_packet",
        "cascade",
        "hyperliquid",
        "quiet",
        "busy_trend",
        "busy_starved_altcoin",
    ),
)
Told = dict[str, dict[str, str]]

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled here"
)


@pytest.fixture(scope="module")
def here(heads: Heads) -> Told:
    return {name: run_job(case.job(heads.of(case))).digests() for name, case in ALL.items()}


@pytest.fixture(scope="module")
def interpreted(heads: Heads, here: Told) -> Told:
    shares = [[ALL[name].job(heads.of(ALL[name])) for name in share] for share in SHARES]
    told = run_jobs_apart(*shares, environments=[{"NUMBA_DISABLE_JIT": "1"}])
    return {
        name: digests
        for share, found in zip(SHARES, told, strict=True)
        for name, digests in zip(share, found, strict=True)
    }


@pytest.mark.parametrize("name", ALL)
def test_compiled_and_interpreted_give_the_same_bits(
    name: str, here: Told, interpreted: Told
) -> None:
    assert interpreted[name] == here[name]


@pytest.mark.skipif(
    os.environ.get("SIMMM_LONG") != "1",
    reason="compiles everything with bounds checked, minutes; SIMMM_LONG=1 runs it",
)
def test_no_index_leaves_its_array_in_compiled_code(heads: Heads) -> None:
    """Python checks the same indices of the same runs, all but those of bodies of their own."""
    cases = [case for name, case in ALL.items() if name.startswith("busy")]
    jobs = [case.job(heads.of(case)) for case in cases]
    (checked,) = run_jobs_apart(jobs, environments=[{"NUMBA_BOUNDSCHECK": "1"}])
    assert checked == [run_job(job).digests() for job in jobs]


def test_all_scenarios_are_run_and_something_happens(heads: Heads) -> None:
    assert scenario_names() <= set(CASES)
    assert set(ALL) == {name for share in SHARES for name in share}
    for name in ("poisson", "quiet", "busy", "busy_account", "busy_packet"):
        assert run_job(CASES[name].job(heads.of(CASES[name]))).rows("fills").size > 10, name
    for name, case in ELSEWHERE.items():
        assert run_job(case.job(heads.of(case))).rows("intents").size > 100, name


def test_a_difference_would_be_seen(heads: Heads, here: Told) -> None:
    case = CASES["busy"]
    job = case.job(heads.of(case))
    job["sets"] = {**case.sets, "maker.requote_ms": 250.000001}
    changed = run_job(job).digests()
    assert changed["chain_maker"] != here["busy"]["chain_maker"]
