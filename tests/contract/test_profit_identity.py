"""The account is the sum of its fills, and of the report's parts, to the last quantum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from simmm.backtest import run
from tests.contract.cases import BUSY, QUICK, scenario_names
from tests.contract.runs import resolve


class Finished(NamedTuple):
    """A run folder, read with nothing of simmm."""

    info: dict[str, Any]
    report: dict[str, Any]
    fills: list[dict[str, int]]
    equity: list[dict[str, int]]


RUNS = {
    **{name: (name, {}, None) for name in scenario_names()},
    "busy": ("trend", {**QUICK, "strategy.lots": 1_000}, BUSY),
}


@pytest.fixture(scope="module", params=sorted(RUNS))
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    scenario, sets, strategy = RUNS[request.param]
    out = tmp_path_factory.mktemp("runs") / request.param
    folder = run(resolve(scenario, sets=sets, strategy=strategy), out=out)

    def rows(table: str) -> list[dict[str, int]]:
        return pl.read_parquet(folder / f"{table}.parquet").to_dicts()

    def content(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(Path(folder / name).read_text())
        return loaded

    return Finished(content("run.json"), content("report.json"), rows("fills"), rows("equity"))


def test_account_is_the_sum_of_its_fills(finished: Finished) -> None:
    scale, account = finished.info["money_scale"], finished.info["account"]
    fills = finished.fills
    assert fills
    fees = sum(fill["fee"] for fill in fills)
    paid = sum(fill["side"] * fill["px"] * fill["quantity"] for fill in fills) * scale
    assert account["position"] == sum(fill["side"] * fill["quantity"] for fill in fills)
    assert account["fees"] == fees
    assert account["cash"] == -paid - fees
    volume = account["maker_volume"] + account["taker_volume"]
    assert volume == sum(fill["quantity"] for fill in fills)
    assert (account["funding"], account["margin_used"], account["margin_available"]) == (0, 0, 0)


def test_every_sample_is_the_sum_of_the_fills_before(finished: Finished) -> None:
    scale = finished.info["money_scale"]
    cash = position = fees = done = 0
    fills = finished.fills
    for sample in finished.equity:
        while done < len(fills) and fills[done]["ts"] <= sample["ts"]:
            fill = fills[done]
            position += fill["side"] * fill["quantity"]
            cash -= fill["side"] * fill["px"] * fill["quantity"] * scale + fill["fee"]
            fees += fill["fee"]
            done += 1
        told = (sample["position"], sample["cash"], sample["fees"], sample["fills"])
        assert told == (position, cash, fees, done), f"at {sample['ts']}"


def test_parts_of_the_report_add_up_to_the_account(finished: Finished) -> None:
    profit, account = finished.report["profit"], finished.info["account"]
    final = finished.info["final"]
    worth = 2 * account["cash"]
    worth += account["position"] * final["mid2"] * finished.info["money_scale"]
    parts = {part["name"]: part["half_quanta"] for part in profit["parts"]}
    assert sum(parts.values()) == profit["net_half_quanta"] == worth
    assert parts["fees"] == -2 * account["fees"]
    spread = sum(
        fill["side"] * (fill["mid2"] - 2 * fill["px"]) * fill["quantity"]
        for fill in finished.fills
    )
    assert parts["spread"] == spread * finished.info["money_scale"]
