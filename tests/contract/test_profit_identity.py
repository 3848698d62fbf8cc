"""The account is the sum of its fills, and of the report's parts, to the last quantum."""

from __future__ import annotations

import pytest

from simmm.backtest import run
from simmm.records import LIQUIDATION_FILL
from tests.contract import identity
from tests.contract.cases import ACCOUNT, BUSY, QUICK, scenario_names
from tests.contract.runs import resolve

RUNS = {
    **{name: (name, {}, None) for name in scenario_names()},
    "busy": ("trend", {**QUICK, "strategy.lots": 1_000}, BUSY),
    "liquidated": (
        "cascade",
        {**QUICK, **ACCOUNT, "maker.time_in_force": "alo", "strategy.lots": 1_000},
        BUSY,
    ),
}


@pytest.fixture(scope="module", params=sorted(RUNS))
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> identity.Finished:
    scenario, sets, strategy = RUNS[request.param]
    out = tmp_path_factory.mktemp("runs") / request.param
    return identity.read(run(resolve(scenario, sets=sets, strategy=strategy), out=out))


def test_something_was_traded(finished: identity.Finished) -> None:
    assert finished.fills


def test_account_is_the_sum_of_its_fills(finished: identity.Finished) -> None:
    identity.check_account(finished)


def test_every_sample_is_the_sum_of_the_fills_before(finished: identity.Finished) -> None:
    identity.check_samples(finished)


def test_liquidation_and_funding_are_among_them(finished: identity.Finished) -> None:
    """Only where an account was modelled, and there they are."""
    account = finished.info["account"]
    if finished.info["scenario_name"] == "hyperliquid":
        assert account["funding"] != 0
    elif account["margin"]:
        assert account["liquidated_ts"] > 0
        assert any(fill["marks"] & LIQUIDATION_FILL for fill in finished.fills)
        assert account["position"] == 0
    else:
        assert not finished.funding


def test_parts_of_the_report_add_up_to_the_account(finished: identity.Finished) -> None:
    identity.check_parts(finished)
