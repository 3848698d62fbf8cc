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
    funding: list[dict[str, int]]
    equity: list[dict[str, int]]


def read(folder: Path) -> Finished:
    """Read what the checks need of a run folder."""

    def rows(table: str) -> list[dict[str, int]]:
        file = folder / f"{table}.parquet"
        return pl.read_parquet(file).to_dicts() if file.exists() else []

    def content(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((folder / name).read_text())
        return loaded

    tables = (rows("fills"), rows("funding"), rows("equity"))
    return Finished(content("run.json"), content("report.json"), *tables)


def check_account(run: Finished) -> None:
    """The account at the end is the sum of the fills, and of what was paid besides."""
    scale, account = run.info["money_scale"], run.info["account"]
    fees = sum(fill["fee"] for fill in run.fills)
    paid = sum(fill["side"] * fill["px"] * fill["quantity"] for fill in run.fills) * scale
    assert account["position"] == sum(fill["side"] * fill["quantity"] for fill in run.fills)
    assert account["fees"] == fees
    assert account["funding"] == sum(row["payment"] for row in run.funding)
    assert account["cash"] == -paid - fees - account["funding"] - account["forfeited"]
    volume = account["maker_volume"] + account["taker_volume"]
    assert volume == sum(fill["quantity"] for fill in run.fills)
    if not account["margin"]:
        told = ("funding", "forfeited", "margin_used", "margin_available", "liquidated_ts")
        assert [account[name] for name in told] == [0] * len(told)


def check_samples(run: Finished) -> None:
    """Every sample is the sum of the fills and funding before it."""
    scale, fills = run.info["money_scale"], run.fills
    cash = position = fees = done = 0
    for sample in run.equity:
        funding = sum(row["payment"] for row in run.funding if row["ts"] <= sample["ts"])
        while done < len(fills) and fills[done]["ts"] <= sample["ts"]:
            fill = fills[done]
            position += fill["side"] * fill["quantity"]
            cash -= fill["side"] * fill["px"] * fill["quantity"] * scale + fill["fee"]
            fees += fill["fee"]
            done += 1
        told = [sample[name] for name in ("position", "cash", "fees", "funding", "fills")]
        assert told == [position, cash - funding, fees, funding, done], f"at {sample['ts']}"


def check_parts(run: Finished) -> None:
    """The parts of the report's P&L add up to the account at the final mid."""
    profit, account, scale = run.report["profit"], run.info["account"], run.info["money_scale"]
    worth = 2 * account["cash"] + account["position"] * run.info["final"]["mid2"] * scale
    parts = {part["name"]: part["half_quanta"] for part in profit["parts"]}
    assert sum(parts.values()) == profit["net_half_quanta"] == worth
    assert parts["fees"] == -2 * account["fees"]
    assert parts["funding"] == -2 * account["funding"]
    spread = sum(
        fill["side"] * (fill["mid2"] - 2 * fill["px"]) * fill["quantity"] for fill in run.fills
    )
    assert parts["spread"] == spread * scale
