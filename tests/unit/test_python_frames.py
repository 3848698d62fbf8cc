"""The frames of a run against its integers, turned into figures one by one with decimals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

import simmm
from simmm import records
from simmm.api.frames import FRAMES, PERHAPS, Units
from simmm.market import MarketRules

NEVER_PRICED = (records.NO_BID, records.NO_ASK)


@pytest.fixture(scope="module")
def run() -> simmm.Run:
    return simmm.backtest("cascade")


def price(run: simmm.Run, quanta: int) -> float:
    return float(quanta * Decimal(run.market.price_quantum))


def size(run: simmm.Run, lots: int) -> float:
    return float(lots * Decimal(run.market.lot_size))


def money(run: simmm.Run, quanta: int) -> float:
    unit = Decimal(run.market.price_quantum) * Decimal(run.market.lot_size)
    return float(quanta * unit / run.market.money_scale)


def time(ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)


def rows(run: simmm.Run, table: str) -> Iterator[tuple[dict, dict]]:
    """Rows of the frame, each with the one it is made of."""
    frame, raw = getattr(run, table), run.raw(table)
    return zip(frame.iter_rows(named=True), raw.iter_rows(named=True), strict=True)


def test_every_table_has_its_frame_row_by_row(run: simmm.Run) -> None:
    for table in FRAMES:
        frame, raw = getattr(run, table), run.raw(table)
        assert frame.height == raw.height, table
        assert frame.height > 0 or table in PERHAPS, table
        for name in ("time", "known", "placed", "sent", "ended", "arrives"):
            assert frame.schema.get(name, pl.Datetime("ns", "UTC")) == pl.Datetime("ns", "UTC")
        if "ts" in raw.columns:
            assert frame["time"].to_physical().to_list() == raw["ts"].to_list()


def test_fills(run: simmm.Run) -> None:
    for row, raw in rows(run, "fills"):
        assert row["time"] == time(raw["ts"])
        assert row["known"] == time(raw["known_ts"])
        assert row["placed"] == time(raw["placed_ts"])
        assert row["side"] == {1: "buy", -1: "sell"}[raw["side"]]
        assert row["price"] == price(run, raw["px"])
        assert row["size"] == size(run, raw["quantity"])
        assert row["open_size"] == size(run, raw["leaves"])
        assert row["position"] == size(run, raw["position"])
        assert row["fee"] == money(run, raw["fee"])
        assert row["mid"] == float(raw["mid2"] * Decimal(run.market.price_quantum) / 2)
        edge = raw["side"] * Fraction(raw["mid2"] - 2 * raw["px"], 2 * raw["px"]) * 10_000
        assert row["edge_bps"] == pytest.approx(float(edge), abs=1e-6)
        for name, bit in (
            ("taker", records.TAKER),
            ("crossed", records.CROSSED),
            ("through", records.THROUGH),
            ("unseen", records.UNSEEN),
            ("stale_mid", records.STALE_MID),
            ("late", records.LATE),
        ):
            assert row[name] is bool(raw["marks"] & bit)
        known = raw["level_at_join"] >= 0
        assert (row["shown_at_join"] is None) is not known
        assert (row["ahead_at_join"] is None) is not known
        if known:
            assert row["shown_at_join"] == size(run, raw["level_at_join"])
    assert run.fills["shown_at_join"].null_count() > 0
    assert run.fills["notional"].sum() == pytest.approx(run.report.profit.notional, rel=1e-12)


def test_orders(run: simmm.Run) -> None:
    for row, raw in rows(run, "orders"):
        assert row["price"] == price(run, raw["px"])
        assert row["size"] == size(run, raw["quantity"])
        assert row["filled"] == size(run, raw["filled"])
        assert row["time_in_force"] == records.TIF_NAMES[raw["tif"]]
        wanted = "open" if raw["end"] == records.ACCEPTED else records.RESPONSE_NAMES[raw["end"]]
        assert row["end"] == wanted
        reason = records.REASON_NAMES[raw["reason"]]
        assert row["reason"] == (None if reason == "none" else reason)
        assert row["ended"] == time(raw["end_ts"])
        answered = raw["answered_ts"] < records.NEVER
        assert row["answered"] == (time(raw["answered_ts"]) if answered else None)
    ends = run.orders["end"].value_counts()
    told = run.report.orders.ends
    for end, count in ends.iter_rows():
        assert told["open at the end" if end == "open" else end] == count
    rejected = run.orders.filter(pl.col("end") == "rejected")
    assert rejected["reason"].null_count() == 0 < rejected.height


def test_intents(run: simmm.Run) -> None:
    for row, raw in rows(run, "intents"):
        assert row["kind"] == records.REQUEST_NAMES[raw["kind"]]
        assert row["price"] == price(run, raw["px"])
        assert row["size"] == size(run, raw["quantity"])
        assert row["arrives"] == time(raw["arrival_ts"])
        assert row["arrives"] >= row["time"]
        assert row["new_id"] == (raw["new_id"] or None)
    assert run.intents["number"].to_list() == list(range(run.intents.height))
    kinds = dict(run.intents["kind"].value_counts().iter_rows())
    assert kinds == {k: v for k, v in run.report.orders.requests.items() if v}


def test_equity_is_what_the_report_says(run: simmm.Run) -> None:
    for row, raw in rows(run, "equity"):
        assert row["cash"] == money(run, raw["cash"])
        assert row["fees"] == money(run, raw["fees"])
        worth = raw["cash"] + Fraction(raw["position"] * raw["mid2"] * run.market.money_scale, 2)
        unit = Fraction(run.market.price_quantum) * Fraction(run.market.lot_size)
        assert row["equity"] == float(worth * unit / run.market.money_scale)
        for name in ("own_bid", "own_ask", "best_bid", "best_ask"):
            there = raw[name] not in NEVER_PRICED
            assert row[name] == (price(run, raw[name]) if there else None)
        assert row["quoted_bid_s"] == raw["quoted_bid_ns"] / 1e9
    assert run.equity["equity"][-1] == pytest.approx(run.report.profit.net.value, abs=1e-9)
    assert 0 < run.equity["own_bid"].null_count() < run.equity.height
    after = run.equity.filter(pl.col("time") >= run.fills["time"][-1])
    assert after["position"][-1] == run.fills["position"][-1]


def test_what_is_not_known_is_null(run: simmm.Run) -> None:
    raw = run.raw("beliefs")
    for name in ("sigma", "kappa", "arrival"):
        frame = run.beliefs[name]
        unknown = (raw[name] <= 0) | (raw[f"{name}_sd"] <= 0)
        assert frame.is_null().to_list() == unknown.to_list()
        assert frame.drop_nulls().to_list() == raw[name].filter(~unknown).to_list()
    assert run.beliefs["sigma"].null_count() > 0
    before = run.beliefs.filter(pl.col("sigma").is_null())["time"][0]
    assert before < run.fills["time"][0]


def test_mids_and_memory(run: simmm.Run) -> None:
    quantum = Decimal(run.market.price_quantum)
    wanted = [float(mid2 * quantum / 2) for mid2 in run.raw("mids")["mid2"]]
    assert run.mids["mid"].to_list() == wanted
    raw = run.raw("memory")
    assert run.memory.drop("time").equals(raw.drop("ts"))


@pytest.mark.parametrize("quantum", ["0.1", "0.00001", "0.05", "2.5", "100"])
def test_any_quantum_gives_the_nearest_float(quantum: str) -> None:
    market = MarketRules(symbol="X", price_quantum=quantum, lot_size="0.003")
    quanta = pl.Series(list(range(-50, 50)) + [10**9 + n for n in range(50)])
    found = Units(market).price(quanta).to_list()
    assert found == [float(n * Decimal(quantum)) for n in quanta]
    assert Units(market).size(quanta).to_list() == [float(n * Decimal("0.003")) for n in quanta]


def test_an_empty_table_has_the_columns_and_types_of_a_full_one(run: simmm.Run) -> None:
    units = Units(run.market)
    for table, frame in FRAMES.items():
        empty = frame(run.raw(table).clear(), units)
        assert empty.height == 0
        assert empty.schema == getattr(run, table).schema


@pytest.fixture(scope="module")
def account() -> simmm.Run:
    return simmm.backtest("cascade", end=900, set={
        "venue.rules.exchange": "hyperliquid", "venue.rules.symbol": "BTC",
        "venue.account.deposit": 10_000, "venue.queue.draws": 8,
    })  # fmt: skip


def test_an_account_is_in_the_frames(account: simmm.Run) -> None:
    for row, raw in rows(account, "equity"):
        assert row["value"] == money(account, raw["value"])
        assert row["withdrawable"] == money(account, raw["margin_available"])
        assert row["mark"] == (price(account, raw["mark"]) if raw["mark"] > 0 else None)
        assert row["requests_allowed"] == (raw["requests_cap"] or None)
    first = account.equity.row(0, named=True)
    assert first["value"] == 10_000
    for row, raw in rows(account, "fills"):
        known = raw["level_at_join"] >= 0
        assert row["ahead_at_fill"] == (
            pytest.approx(raw["ahead"] * float(account.market.lot_size)) if known else None
        )
        assert row["closed_pnl"] == money(account, raw["closed_pnl"])
    assert account.fills["closed_pnl"].sum() != 0
    told = account.predictions
    assert told.height == account.report.reliability.predictions > 0
    assert told["filled"].mean() == pytest.approx(account.report.reliability.filled.value)
    assert told["probability"].is_between(0, 1).all()


def test_what_a_run_does_not_model_is_null_or_empty(run: simmm.Run) -> None:
    assert run.equity["value"].null_count() == run.equity.height
    assert run.equity["requests_used"].null_count() == run.equity.height
    assert run.predictions.is_empty()
    assert run.predictions.columns[:3] == ["time", "order_id", "probability"]
    assert run.funding.is_empty()
