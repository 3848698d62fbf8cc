"""Compiled code and the same source run by Python give the same bits, and never leave an array."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.contract.cases import CASES, Heads, scenario_names
from tests.contract.runs import run_job, run_jobs_apart

#: Two processes of about equal length.
SHARES = (("poisson", "starved_altcoin", "busy_packet"), ("cascade", "quiet", "trend", "busy"))
Told = dict[str, dict[str, str]]


def _apart(heads: Heads, **environment: str) -> Told:
    """Run all cases in two processes side by side."""
    shares = [[CASES[name].job(heads.of(CASES[name])) for name in share] for share in SHARES]
    told = run_jobs_apart(*shares, environments=[environment])
    return {
        name: digests
        for share, found in zip(SHARES, told, strict=True)
        for name, digests in zip(share, found, strict=True)
    }


@pytest.fixture(scope="module")
def here(heads: Heads) -> Told:
    return {name: run_job(case.job(heads.of(case))).digests() for name, case in CASES.items()}


@pytest.fixture(scope="module", params=["interpreted", "bounds_checked"])
def elsewhere(request: pytest.FixtureRequest, heads: Heads, here: Told) -> Iterator[Told]:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("nothing is compiled here")
    if request.param == "interpreted":
        yield _apart(heads, NUMBA_DISABLE_JIT="1")
    else:
        yield _apart(heads, NUMBA_BOUNDSCHECK="1")


@pytest.mark.parametrize("name", CASES)
def test_same_bits(name: str, here: Told, elsewhere: Told) -> None:
    assert elsewhere[name] == here[name]


def test_all_scenarios_are_run_and_something_happens(heads: Heads) -> None:
    assert scenario_names() <= set(CASES) == {name for share in SHARES for name in share}
    for name in ("poisson", "quiet", "busy", "busy_packet"):
        assert run_job(CASES[name].job(heads.of(CASES[name]))).rows("fills").size > 10, name


def test_a_difference_would_be_seen(heads: Heads, here: Told) -> None:
    case = CASES["busy"]
    job = case.job(heads.of(case))
    job["sets"] = {**case.sets, "venue.queue.n": 3.0000001}
    changed = run_job(job).digests()
    assert changed["orders"] != here["busy"]["orders"]
