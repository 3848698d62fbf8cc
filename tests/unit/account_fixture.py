"""Made-up runs with an account: margin, funding, a request budget, predictions, latencies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.unit.report_fixture import START, S, drawn_rows, rules, write_run

HOUR = 3_600 * S
DRAWS = 16
RATE_E12 = 12_500_000  # 0.00125 % an hour
DEPOSIT = 20_000_000_000
LATENCY = {
    "entry": {
        "new": {"count": 40, "mean_ms": 61.0, "min_ms": 40.0, "p50_ms": 55.0, "p99_ms": 150.0,
                "max_ms": 160.0,
                "buckets": [[32.0, 48.0, 10], [48.0, 64.0, 20], [96.0, 192.0, 10]]},
        "cancel": {"count": 8, "mean_ms": 50.0, "min_ms": 40.0, "p50_ms": 50.0, "p99_ms": 60.0,
                   "max_ms": 60.0, "buckets": [[32.0, 48.0, 2], [48.0, 64.0, 6]]},
    },
    "response": {"count": 30, "mean_ms": 21.0, "min_ms": 10.0, "p50_ms": 20.0, "p99_ms": 40.0,
                 "max_ms": 44.0, "buckets": [[8.0, 16.0, 10], [16.0, 32.0, 15], [32.0, 48.0, 5]]},
}  # fmt: skip


def account_run(
    folder: Path, seconds: int = 7200, *, seed: int = 1, off: float = 0.0, funded: bool = True,
    liquidated: bool = False, **changes: Any,
) -> Path:  # fmt: skip
    """Write a drawn run whose exchange models the account; predictions are `off` too high."""
    draw = np.random.Generator(np.random.PCG64(seed + 100))
    rows, mid2 = drawn_rows(seconds, seed)
    payments = _payments(rows, seconds) if funded else []
    paid = sum(payment["payment"] for payment in payments)
    position, cash, fees, scale = 0, 0, 0, rules().money_scale
    for fill in rows["fills"]:
        position += fill["side"] * fill["quantity"]
        cash -= fill["side"] * fill["quantity"] * fill["px"] * scale + fill["fee"]
        fees += fill["fee"]
    reached = max(fill["ts"] for fill in rows["fills"])
    account = {"position": position, "cash": cash - paid, "fees": fees, "funding": paid,
               "margin": 1, "leverage": 10, "deposit": DEPOSIT, "forfeited": 0, "mark_told": 1,
               "liquidated_ts": reached if liquidated else 0, "unfunded": 0}  # fmt: skip
    for sample in rows["equity"]:
        gone = sum(p["payment"] for p in payments if p["ts"] <= sample["ts"])
        sample["cash"] -= gone
        sample["funding"] = gone
    told: dict[str, Any] = {
        "account": account,
        "final": {"mid2": mid2, "best_bid": (mid2 - 1) // 2, "best_ask": (mid2 + 2) // 2,
                  "position": position},
        "queue": {"model": "rank", "alpha": 1.25, "log_kappa": -2.0, "draws": DRAWS},
        "unmodelled": [],
        "rules": {"venue": "hyperliquid", "symbol": "SYN", "date": "2026-01-01",
                  "maker_fee": "0.00001", "taker_fee": "0.00045"},
        "latency_drawn": LATENCY,
        "budget": {"used": 9_990, "cap": 10_400, "refused": 0, "exhausted_ts": 0},
        "counts": {"rows": 1234, "gaps": 0,
                   "rejections": {"post-only would cross": 41, "not enough margin": 3}},
        "liquidation": {"ts": reached, "kind": "market", "forfeited": 0} if liquidated else None,
    }  # fmt: skip
    for name, value in changes.items():
        told[name] = told[name] | value if isinstance(told.get(name), dict) else value
    write_run(folder, rows, mid2=mid2, seconds=seconds, best=((mid2 - 1) // 2, (mid2 + 2) // 2),
              **told)  # fmt: skip
    info = json.loads((folder / "run.json").read_text())
    info["queue"] = told["queue"]
    (folder / "run.json").write_text(json.dumps(info))
    _more_columns(folder, draw, scale)
    _predictions(folder, draw, off)
    if funded:
        names = ("ts", "position", "px", "rate_e12", "payment")
        frame = {name: [one[name] for one in payments] for name in names}
        pl.DataFrame(frame, schema=dict.fromkeys(names, pl.Int64)).write_parquet(
            folder / "funding.parquet"
        )
    return folder


def _payments(rows: dict[str, list[dict[str, Any]]], seconds: int) -> list[dict[str, Any]]:
    found = []
    first = -(-START // HOUR) * HOUR
    for ts in range(first, START + seconds * S + 1, HOUR):
        held = [fill["position"] for fill in rows["fills"] if fill["ts"] <= ts]
        position, px = (held[-1] if held else 0), 100_000
        rate = RATE_E12 if len(found) % 2 == 0 else -RATE_E12 // 2
        payment = int(position * px * rules().money_scale * rate / 1e12)
        found.append({"ts": ts, "position": position, "px": px, "rate_e12": rate,
                      "payment": payment})  # fmt: skip
    return found


def _more_columns(folder: Path, draw: np.random.Generator, scale: int) -> None:
    fills = pl.read_parquet(folder / "fills.parquet")
    joined = fills["ahead_at_join"].to_numpy()
    left = np.minimum(joined, draw.exponential(300.0, len(joined)))
    left[draw.random(len(joined)) < 0.4] = 0.0
    fills.with_columns(pl.Series("ahead", left)).write_parquet(folder / "fills.parquet")
    equity = pl.read_parquet(folder / "equity.parquet")
    mark = equity["mid2"].to_numpy() // 2
    position = equity["position"].to_numpy()
    value = DEPOSIT + equity["cash"].to_numpy() + position * mark * scale
    notional = np.abs(position) * mark * scale
    used = np.linspace(100, 9_990, len(mark)).astype(np.int64)
    equity.with_columns(
        mark=pl.Series(mark), value=pl.Series(value), margin_used=pl.Series(notional // 10),
        maintenance=pl.Series(notional // 50),
        margin_available=pl.Series(np.maximum(0, value - notional // 10)),
        requests_used=pl.Series(used), requests_cap=pl.Series(np.full(len(mark), 10_400)),
    ).write_parquet(folder / "equity.parquet")  # fmt: skip


def _predictions(folder: Path, draw: np.random.Generator, off: float) -> None:
    """Predictions whose truth is known: each fills with the probability it names, less `off`."""
    period = json.loads((folder / "run.json").read_text())["period"]
    count = 3000
    ts = np.sort(draw.integers(period["quote_start_ns"], period["end_ns"], count))
    share = np.where(draw.random(count) < 0.5, np.round(draw.beta(0.3, 0.5, count) * DRAWS), 0)
    probability = share / DRAWS
    filled = draw.random(count) < np.clip(probability - off, 0, 1)
    ahead = draw.exponential(20.0, count)
    pl.DataFrame(
        {"ts": ts, "id": np.sort(draw.integers(1, 900, count)), "probability": probability,
         "filled": filled.astype(np.int64), "ahead": ahead,
         "ahead_mean": ahead + draw.normal(0, 2, count)}
    ).write_parquet(folder / "predictions.parquet")  # fmt: skip
