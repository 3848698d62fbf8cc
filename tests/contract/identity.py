"""Checks that a run's account is the sum of its fills and of its report's parts, exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl


class Finished(NamedTuple):
    """A run folder, read with nothing of simmm."""

    info: dict[str, Any]
    report: dict[str, Any]
    fills: list[dict[str, int]]
    equity: list[dict[str, int]]


def read(folder: Path) -> Finished:
    """Read what the checks need of a run folder."""

    def rows(table: str) -> list[dict[str, int]]:
        return pl.read_parquet(folder / f"{table}.parquet").to_dicts()

    def content(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((folder / name).read_text())
        return loaded

    return Finished(content("run.json"), content("report.json"), rows("fills"), rows("equity"))


def check_account(run: Finished) -> None:
    """The account at the end is the sum of the fills."""
    scale, account = run.info["money_scale"], run.info["account"]
    fees = sum(fill["fee"] for fill in run.fills)
    paid = sum(fill["side"] * fill["px"] * fill["quantity"] for fill in run.fills) * scale
    assert account["position"] == sum(fill["side"] * fill["quantity"] for fill in run.fills)
    assert account["fees"] == fees
    assert account["cash"] == -paid - fees
    volume = account["maker_volume"] + account["taker_volume"]
    assert volume == sum(fill["quantity"] for fill in run.fills)
    assert (account["funding"], account["margin_used"], account["margin_available"]) == (0, 0, 0)


def check_samples(run: Finished) -> None:
    """Every sample is the sum of the fills before it."""
    scale, fills = run.info["money_scale"], run.fills
    cash = position = fees = done = 0
    for sample in run.equity:
        while done < len(fills) and fills[done]["ts"] <= sample["ts"]:
            fill = fills[done]
            position += fill["side"] * fill["quantity"]
            cash -= fill["side"] * fill["px"] * fill["quantity"] * scale + fill["fee"]
            fees += fill["fee"]
            done += 1
        told = (sample["position"], sample["cash"], sample["fees"], sample["fills"])
        assert told == (position, cash, fees, done), f"at {sample['ts']}"


def check_parts(run: Finished) -> None:
    """The parts of the report's P&L add up to the account at the final mid."""
    profit, account, scale = run.report["profit"], run.info["account"], run.info["money_scale"]
    worth = 2 * account["cash"] + account["position"] * run.info["final"]["mid2"] * scale
    parts = {part["name"]: part["half_quanta"] for part in profit["parts"]}
    assert sum(parts.values()) == profit["net_half_quanta"] == worth
    assert parts["fees"] == -2 * account["fees"]
    spread = sum(
        fill["side"] * (fill["mid2"] - 2 * fill["px"]) * fill["quantity"] for fill in run.fills
    )
    assert parts["spread"] == spread * scale
