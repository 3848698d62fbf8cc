"""Whole runs through the engine, with latencies, against the slow model.

The stateful tests move the exchange event by event; here the engine itself decides what comes
when. What the maker sent in a run is given to the slow model together with the tape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simmm import records, tape
from simmm.exchange_settings import ExchangeSettings
from simmm.latency_settings import LatencySettings
from simmm.market import MarketRules
from tests import hand
from tests.exchange.draws import Seeded, chance
from tests.exchange.pair import KINDS, REASONS, kernel_rows, mark_names, market_record, name_of
from tests.exchange.slow import Request, Rules, Venue
from tests.exchange.slow.account import Account
from tests.exchange.slow.budget import Budget

MS = 1_000_000
MIDDLE = 1000
USDC = 1_000_000
MESSAGES = 220
RANK = {"gap": 0, "trade": 1, "bbo": 2, "level": 3, "image": 3, "mark": 4, "oracle": 4, "rate": 4}
TIFS = dict(enumerate(("GTC", "IOC", "ALO")))
TEXTS = dict(enumerate(("NEW", "CANCEL", "MODIFY")))

SEEDS = (0, 2, 3, 5, 8, 13, 15)  # between them everything below happens
FLAT_SEEDS = (31, 33)  # in these the maker goes flat now and then
MUST_HAPPEN = (
    "taker waited",
    "SELF_TRADE",
    "CANCELLED LIQUIDATED",
    "market liquidation",
    "backstop",
    "CANCELLED MARGIN",
    "FUNDED NO_REASON",
    "fee tier",
    "tier border",
    "OUT_OF_REQUESTS",
    "WOULD_CROSS",
    "MARGIN",
    "REDUCE_ONLY",
)

RULES = Rules(
    money_scale=USDC,
    min_notional=2_000 * USDC,
    maker_fee="0.00015",
    taker_fee="0.00045",
    fee_tiers=((0, "0.00015", "0.00045"), (40_000 * USDC, "0.00012", "0.0004")),
    max_open_orders=6,
    block_ns=8 * MS,
    price_band_e9=90_000_000,
    funding_ns=70 * MS,
    partial_liquidation=30_000 * USDC,
    cooldown_ns=120 * MS,
    tiers=((0, 40), (40_000 * USDC, 20), (80_000 * USDC, 10)),
)


class Tape:
    """A drawn tape, as messages for the engine and as packets for the slow model."""

    def __init__(self, draw: Seeded, has_marks: bool) -> None:
        self.draw, self.mid = draw, MIDDLE
        self.packets: list[tuple[int, list[tuple[Any, ...]]]] = []
        self.messages: list[hand.Message] = []
        ts = 0
        self._add(ts, [("image", side, self._levels(side)) for side in (1, -1)])
        kinds = ["image", "image", "level", "level", "bbo", "trade", "trade", "trade"]
        kinds += ["mark", "oracle", "rate"] if has_marks else ["rate", "oracle"]
        for _ in range(MESSAGES):
            ts += draw.pick([0, MS, 3 * MS, 7 * MS, 14 * MS])
            self._add(ts, self._rows(draw.pick(kinds)))
        order = sorted(range(len(self.packets)), key=lambda k: self._causal(k))
        self.packets = [self.packets[k] for k in order]

    def _causal(self, k: int) -> tuple[int, int, int]:
        ts, rows = self.packets[k]
        return ts, RANK[rows[0][0]], k

    def _add(self, ts: int, rows: list[tuple[Any, ...]]) -> None:
        self.packets.append((hand.START + ts, rows))
        local = ts + self.draw.whole(0, 4) * MS
        flat = [row for part in rows for row in kernel_rows(part)]
        self.messages.append(hand.Message(ts, local, flat))

    def _levels(self, side: int) -> list[tuple[int, int]]:
        px, levels = self.mid - side * self.draw.whole(1, 2), []
        for _ in range(self.draw.whole(1, 4)):
            levels.append((px, self.draw.whole(1, 12)))
            px -= side * self.draw.whole(1, 4)
        return levels

    def _rows(self, kind: str) -> list[tuple[Any, ...]]:
        draw = self.draw
        side = draw.pick([1, -1])
        if kind == "image":
            self.mid = max(MIDDLE - 60, min(MIDDLE + 60, self.mid + draw.whole(-4, 4)))
            return [("image", s, self._levels(s)) for s in (1, -1)]
        if kind == "mark":
            far = draw.whole(-70, 70) if chance(draw, 4) else 0
            return [("mark", self.mid + far)]
        if kind == "oracle":
            return [("oracle", self.mid + draw.whole(-5, 5))]
        if kind == "rate":
            return [("rate", draw.whole(-10_000_000_000, 10_000_000_000))]
        if kind == "trade":
            return [("trade", side, self.mid + side * draw.whole(-1, 4), draw.whole(1, 15))]
        px = self.mid - side * draw.whole(0, 5)
        return [(kind, side, px, draw.whole(0 if kind == "level" else 1, 12))]


def wants(draw: Seeded, until_ns: int, goes_flat: bool) -> list[hand.Want]:
    """Return what a maker without sense wants over time."""
    script = []
    for from_ns in range(0, until_ns, 30 * MS):
        levels: dict[str, list[tuple[float, float]]] = {"bids": [], "asks": []}
        for name, side in (("bids", 1), ("asks", -1)):
            px = MIDDLE - side * draw.whole(-3, 6)
            for _ in range(draw.whole(0, 3)):
                levels[name].append((px, draw.whole(3, 12)))
                px -= side * draw.whole(1, 3)
        take = draw.whole(-12, 12) if chance(draw, 3) else 0
        far = MIDDLE + (60 if take > 0 else -60)
        flat = goes_flat and from_ns // (30 * MS) % 5 == 4  # what takes is then reduce-only
        far = 0 if flat else far
        script.append(hand.Want(from_ns, levels["bids"], levels["asks"], take, far, flat))
    return script


def settings(rules: Rules, account: dict[str, int], budget: dict[str, int]) -> ExchangeSettings:
    """Return the rules, the account and its budget as the engine takes them."""
    market = market_record(rules)
    names = market.dtype.names or ()
    times = {"next_funding_ts": first_funding(rules), "next_day_ts": hand.START + 900 * MS}
    return ExchangeSettings(
        market={name: market[name].tolist() for name in names},
        account={**account, **times},
        budget=budget,
    )


def first_funding(rules: Rules) -> int:
    return (hand.START // rules.funding_ns + 1) * rules.funding_ns


def replay(
    run: hand.Run, drawn: Tape, rules: Rules, account: dict[str, int], budget: dict[str, int]
) -> Venue:
    """Give the tape and what the maker sent to the slow model."""
    owner = Account(rules, **account)
    venue = Venue(rules, owner, Budget(owner, **budget), hand.START)
    venue.half_window = 1 << 9
    venue.rates.next_ts = hand.START + 900 * MS
    end = int(run.simulation.settings.end_ns)
    reduce_only = {row["id"]: bool(row["reduce_only"]) for row in run.tables.get("orders", [])}
    events: list[tuple[int, int, int, Any]] = [
        (ts, 0, k, rows) for k, (ts, rows) in enumerate(drawn.packets)
    ]
    for k, intent in enumerate(run.intents):
        request = Request(
            TEXTS[intent["kind"]],
            intent["id"],
            intent["new_id"],
            intent["side"],
            intent["px"],
            intent["quantity"],
            TIFS[intent["tif"]],
            reduce_only=reduce_only.get(intent["id"], False),
            sent_ts=hand.START + intent["ts"],
        )
        events.append((hand.START + intent["arrival_ts"], 1, k, request))
    for ts, what, _, event in sorted(events, key=lambda event: event[:3]):
        if ts > end:
            break
        if what == 0:
            venue.packet(ts, event)
        else:
            venue.request(ts, event)
    venue.advance(end)
    return venue


def write_messages(file: Path, messages: Iterable[hand.Message], market: MarketRules) -> Path:
    """Write messages as `hand.write_messages` does, those of context too."""
    lines = []
    for seq, message in enumerate(messages):
        for tag, px, qty in message.rows:
            kind = tag & records.KIND_MASK
            is_context = kind == records.CONTEXT
            lines.append(
                {
                    "exch_ts": hand.START + message.exch_ns,
                    "local_ts": hand.START + message.local_ns,
                    "seq": seq,
                    "kind": records.KIND_NAMES[kind],
                    "side": 1 if tag & records.BUY else -1,
                    "px_quanta": px,
                    "qty_lots": 0 if is_context else qty,
                    "context": records.CONTEXT_NAMES[qty] if is_context else None,
                }
            )
    frame = pl.DataFrame(lines, schema_overrides={"context": pl.String})
    tape.write(file, frame, market, overwrite=True)
    return file


def compared(folder: Path, seed: int) -> Counter[str]:
    """Run a drawn world through both; return what happened in it."""
    draw = Seeded(seed)
    has_marks = seed % 3 != 2
    drawn = Tape(draw, has_marks)
    rules = RULES if has_marks else replace(RULES, partial_liquidation=10**6 * USDC)
    account = {
        "margin": 1 + seed % 2,
        "deposit": draw.pick([1_500, 2_500, 20_000]) * USDC,
        "leverage": draw.pick([10, 20]),
    }
    budget = {
        "by_address": int(seed % 3 == 0),
        "initial": 60,
        "per_money": 1_000 * USDC,
        "cancels_more": 30,
        "free_ns": 300 * MS,
        "expired_cost": 5,
    }
    # Drawn latencies, or whole milliseconds as the tape has: then all meets at one moment.
    latency = LatencySettings(form="uniform", low_ns=MS, scale_ns=9.0 * MS)
    if seed % 2:
        latency = LatencySettings(low_ns=draw.whole(1, 6) * MS)
    run = hand.run(
        folder,
        drawn.messages,
        hand.follow(wants(draw, drawn.messages[-1].exch_ns, seed in FLAT_SEEDS)),
        exchange=settings(rules, account, budget),
        requote_ns=11 * MS,
        queue="pessimistic",
        time_in_force=draw.pick([records.ALO, records.GTC]),
        move_by_modify=bool(seed % 2),
        entry=latency,
        response=latency,
    )
    venue = replay(run, drawn, rules, account, budget)
    assert fills_of(run, has_marks) == slow_fills(venue, has_marks)
    assert ended_of(run) == slow_ended(venue)
    found = final_account(run)
    names = [name for name in found if hasattr(venue.account, name)]
    assert {n: found[n] for n in names} == {n: getattr(venue.account, n) for n in names}
    return Counter({**venue.counts, "fills": len(run.fills)})


def test_runs_through_the_engine_agree_with_the_slow_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand, "write_messages", write_messages)
    counts: Counter[str] = Counter()
    for seed in (*SEEDS, *FLAT_SEEDS):
        counts.update(compared(tmp_path, seed))
    missing = [name for name in MUST_HAPPEN if not counts[name]]
    assert not missing, f"never happened: {missing}; counts {dict(sorted(counts.items()))}"
    assert counts["fills"] > 100


def final_account(run: hand.Run) -> dict[str, int]:
    record = run.simulation.venues["account"][0]
    return dict(zip(record.dtype.names, record.tolist(), strict=True))


def fills_of(run: hand.Run, has_marks: bool) -> list[tuple[Any, ...]]:
    return [
        (
            (row["ts"] + hand.START) if has_marks else 0,
            row["id"],
            row["side"],
            row["px"],
            row["quantity"],
            row["leaves"],
            row["fee"],
            mark_names(row["marks"]),
        )
        for row in run.fills
    ]


def slow_fills(venue: Venue, has_marks: bool) -> list[tuple[Any, ...]]:
    return [
        (a.ts if has_marks else 0, a.id, a.side, a.px, a.quantity, a.leaves, a.fee, a.marks)
        for a in venue.fills
    ]


def ended_of(run: hand.Run) -> dict[int, tuple[Any, ...]]:
    return {
        row["id"]: (
            name_of(KINDS, row["end"]),
            name_of(REASONS, row["reason"]),
            row["filled"],
            row["quantity"],
            row["px"],
        )
        for row in run.tables.get("orders", [])
    }


def slow_ended(venue: Venue) -> dict[int, tuple[Any, ...]]:
    ended = {o.id: (o.end, o.reason, o.filled, o.quantity, o.px) for o in venue.ended.values()}
    for o in venue.orders.open.values():
        ended[o.id] = ("ACCEPTED", "NO_REASON", o.filled, o.quantity, o.px)
    return ended
