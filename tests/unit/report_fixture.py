"""Run folders made up for the tests of the report: small, and with answers that are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simmm.market import MarketRules
from simmm.output_records import BeliefRow, EquityRow, FillRow, IntentRow, MidRow, OrderRow
from simmm.records import (
    ALO,
    CANCELLED,
    CROSSED,
    FILLED,
    IOC,
    NEW,
    REJECTED,
    TAKER,
    UNSEEN,
    WOULD_CROSS,
)

S = 1_000_000_000
START = 1_700_000_000 * S
MARKET = {
    "symbol": "SYN",
    "venue": "hyperliquid",
    "quote": "USD",
    "price_quantum": "0.1",
    "lot_size": "0.001",
    "maker_fee": "0.00001",
    "taker_fee": "0.00045",
    "significant_figures": 5,
}
DTYPES = {
    "fills": FillRow,
    "orders": OrderRow,
    "intents": IntentRow,
    "equity": EquityRow,
    "beliefs": BeliefRow,
    "mids": MidRow,
}
Rows = dict[str, list[dict[str, Any]]]


def rules() -> MarketRules:
    return MarketRules(**MARKET)


def write_run(
    folder: Path,
    rows: Rows,
    *,
    mid2: int,
    seconds: int,
    warm_up: int = 10,
    best: tuple[int, int] = (-1, 1 << 60),
    **changes: Any,
) -> Path:
    """Write a run whose account is what its fills say; `changes` replace parts of run.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, dtype in DTYPES.items():
        table = np.zeros(len(rows.get(name, [])), dtype)
        for at, row in enumerate(rows.get(name, [])):
            for field, value in row.items():
                table[field][at] = value
        columns = {field: table[field].copy() for field in dtype.names}
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
    scale = rules().money_scale
    position = cash = fees = 0
    for fill in rows.get("fills", []):
        position += fill["side"] * fill["quantity"]
        cash -= fill["side"] * fill["quantity"] * fill["px"] * scale + fill.get("fee", 0)
        fees += fill.get("fee", 0)
    info: dict[str, Any] = {
        "simmm_version": "0.1.0",
        "created": "2023-11-14 22:13:20",
        "scenario_name": "made_up",
        "scenario": {"maker": {"max_position": 0.5, "requote_ms": 500.0}, "seed": {"tape": 1}},
        "origins": {"maker.max_position": "made_up.yaml:4", "maker.requote_ms": "--set",
                    "seed.tape": "default"},
        "market": MARKET,
        "tape": {"name": "made_up", "digest": "aa" * 32, "rows": 1234, "truth": None},
        "seed": {"tape": 1, "run": 1},
        "code_digest": "bb" * 32,
        "config_digest": "cc" * 32,
        "strategy": {"file": "glft.py", "digest": "dd" * 32, "params": {"gamma": 0.1}},
        "period": {"t0_ns": START - warm_up * S, "quote_start_ns": START,
                   "end_ns": START + seconds * S},
        "account": {"position": position, "cash": cash, "fees": fees},
        "final": {"mid2": mid2, "best_bid": best[0], "best_ask": best[1], "position": position,
                  "chain_venue": "0123456789abcdef", "chain_maker": "fedcba9876543210"},
        "counts": {"rows": 1234, "gaps": 0},
        "queue": {"model": "power", "n": 3.0},
        "latency": {"entry": {"form": "constant"}, "response": {"form": "constant"}},
        "wall": {"seconds": 1.5, "rows_per_s": 1e6},
        "unmodelled": ["funding", "margin"],
    }  # fmt: skip
    for name, value in changes.items():
        info[name] = info[name] | value if isinstance(info.get(name), dict) else value
    (folder / "run.json").write_text(json.dumps(info))
    return folder


def drawn_rows(seconds: int = 7200, seed: int = 1, rate: float = 0.15) -> tuple[Rows, int]:
    """Draw a whole run: a random walk, quotes one step off the mid, fills that lean against it."""
    draw = np.random.Generator(np.random.PCG64(seed))
    rows: Rows = {name: [] for name in DTYPES}
    mid2, position, cash, fees, chain, chain_maker, order = 200_001, 0, 0, 0, 1, 2, 0
    money = rules().money_scale
    sigma = 2.6e-5
    for second in range(seconds):
        ts = START + second * S
        before, moved = mid2, int(draw.integers(-4, 5)) * 2
        order += 2
        for side in (1, -1):
            if draw.random() < rate and abs(position + side * 20) <= 500:
                px = (before - side * 40) // 2
                quantity = int(draw.integers(1, 30))
                taker = draw.random() < 0.05
                fee = px * quantity * money * (45 if taker else 1) // 100_000
                position += side * quantity
                cash -= side * quantity * px * money + fee
                fees += fee
                moved -= side * 7
                flags = TAKER if taker else (CROSSED if draw.random() < 0.1 else 0)
                flags |= UNSEEN if draw.random() < 0.03 else 0
                level = int(draw.integers(0, 4000))
                ahead = 0.0 if taker else level * float(draw.random())
                fill = {"ts": ts + S // 2, "known_ts": ts + S // 2 + S // 10, "id": order + side,
                        "side": side, "px": px, "quantity": quantity, "fee": fee, "marks": flags,
                        "mid2": before, "position": position, "placed_ts": ts - 3 * S,
                        "ahead_at_join": ahead, "level_at_join": level}  # fmt: skip
                rows["fills"].append(fill)
                rows["orders"].append(_order(fill, quantity, FILLED, 0))
                chain = chain * 31 % 2**63
            else:
                fill = {"id": order + side, "side": side, "px": before // 2, "quantity": 20,
                        "placed_ts": ts - S, "ts": ts, "ahead_at_join": 900.0,
                        "level_at_join": 1000}  # fmt: skip
                refused = draw.random() < 0.05
                rows["orders"].append(
                    _order(fill, 0, REJECTED if refused else CANCELLED, int(refused))
                )
            rows["intents"].append({"ts": ts - S, "seq": len(rows["intents"]), "kind": NEW})
        mid2 += moved
        if moved:
            rows["mids"].append({"ts": ts + S // 2, "mid2": mid2})
        chain_maker = chain_maker * 33 % 2**63
        rows["equity"].append(
            {"ts": ts + S, "mid2": mid2, "position": position, "cash": cash, "fees": fees,
             "quoted_bid_ns": int(second * S * 0.97), "quoted_ask_ns": int(second * S * 0.95),
             "touch_bid_ns": int(second * S * 0.4), "touch_ask_ns": int(second * S * 0.35),
             "chain": chain}
        )  # fmt: skip
        noise = 1 + 0.05 * float(draw.normal())
        rows["beliefs"].append(
            {"ts": ts + S, "mid": mid2 / 2, "sigma": sigma * noise, "sigma_sd": sigma * 0.05,
             "kappa": 9000 * noise, "kappa_sd": 300.0, "arrival": 0.8 * noise, "arrival_sd": 0.1,
             "chain": chain_maker}
        )  # fmt: skip
    return rows, mid2


def _order(fill: dict[str, Any], filled: int, end: int, refused: int) -> dict[str, Any]:
    return {
        "id": fill["id"], "side": fill["side"], "px": fill["px"],
        "quantity": fill["quantity"] + 5, "filled": filled,
        "tif": IOC if fill.get("marks", 0) & TAKER else ALO,
        "sent_ts": fill["placed_ts"] - S // 10, "placed_ts": fill["placed_ts"],
        "end_ts": fill["ts"], "end": end, "reason": WOULD_CROSS if refused else 0,
        "ahead_at_join": fill["ahead_at_join"], "level_at_join": fill["level_at_join"],
    }  # fmt: skip


def drawn_run(folder: Path, seconds: int = 7200, seed: int = 1, **changes: Any) -> Path:
    """Write the run of `drawn_rows`, with a truth for its beliefs."""
    rows, mid2 = drawn_rows(seconds, seed)
    changes.setdefault("tape", {"truth": {"sigma": 2.6e-5, "kappa": 9000.0, "A": 0.8}})
    best = ((mid2 - 1) // 2, (mid2 + 2) // 2)
    return write_run(folder, rows, mid2=mid2, seconds=seconds, best=best, **changes)
