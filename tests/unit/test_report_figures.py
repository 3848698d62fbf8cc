"""Markouts, performance, inventory, activity, hours and calibration, against known answers."""

import math

import numpy as np
import pytest

from simmm.records import ACCEPTED, CANCELLED, FILLED, REJECTED, TAKER, WOULD_CROSS
from simmm.report import build
from simmm.report.performance import net_and_risk, sampled_equity
from simmm.report.tables import read_run
from tests.unit.report_fixture import START, S, drawn_run, rules, write_run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = drawn_run(tmp_path_factory.mktemp("runs") / "run", seconds=5400)
    return folder, build(folder)


def fill(second, side, px, quantity, mid2, position, **more):
    ts = START + round(second * S)
    return {"ts": ts, "side": side, "px": px, "quantity": quantity, "mid2": mid2,
            "position": position, "placed_ts": ts - S, **more}  # fmt: skip


def markout(report, horizon, side="all"):
    return next(m for m in report.markouts if (m.horizon_s, m.side) == (horizon, side))


def test_markouts_are_weighted_by_notional_and_signed_by_side(tmp_path):
    mids = [{"ts": START + second * S, "mid2": mid2} for second, mid2 in
            ((0, 200_000), (11, 200_040), (100, 199_000))]  # fmt: skip
    rows = {"mids": mids, "fills": [fill(10, 1, 99_990, 2, 200_000, 2),
                                    fill(100, -1, 100_000, 6, 200_040, -4),
                                    fill(119.9, -1, 100_000, 1, 199_000, -5)]}  # fmt: skip
    report = build(write_run(tmp_path / "run", rows, mid2=199_000, seconds=120))
    found = markout(report, 5.0)
    buy, sell = 60 / 199_980 * 1e4, 1000 / 200_000 * 1e4
    weight_buy, weight_sell = 2 * 99_990, 6 * 100_000
    assert (found.fills, found.beyond_end) == (2, 1)
    assert found.edge.value == pytest.approx(
        (buy * weight_buy + sell * weight_sell) / (weight_buy + weight_sell)
    )
    assert markout(report, 5.0, "buy").edge.value == pytest.approx(buy)
    assert markout(report, 5.0, "buy").move.value == pytest.approx(40 / 199_980 * 1e4)
    assert markout(report, 0.5, "buy").move.value == 0
    assert markout(report, 5.0, "sell").edge.value == pytest.approx(sell)


def test_edge_at_the_horizon_is_spread_plus_adverse(drawn):
    _, report = drawn
    part = {p.name: p.bps for p in report.profit.parts}
    found = markout(report, 5.0)
    assert found.edge.value == pytest.approx(part["spread"] + part["adverse"], rel=0.01)
    assert found.edge.low < found.edge.value < found.edge.high


def test_net_interval_and_sharpe_agree_with_textbook_formulas(tmp_path):
    # Independent normal increments: interval and Sharpe ratio have closed forms.
    draw = np.random.Generator(np.random.PCG64(11))
    steps = np.round(draw.normal(4, 1000, 20_000)).astype(int)
    cash, rows = 0, {"equity": [{"ts": START, "mid2": 200_000}]}
    for second, step in enumerate(steps.tolist(), 1):
        cash += step
        rows["equity"].append({"ts": START + second * S, "mid2": 200_000, "cash": cash})
    run = read_run(write_run(tmp_path / "run", rows, mid2=200_000, seconds=20_000))
    net, risk = net_and_risk(run, cash * rules().money_quantum)
    money = steps * rules().money_quantum
    se = money.std() * math.sqrt(20_000)
    assert net.value == pytest.approx(money.sum())
    assert net.se == pytest.approx(se, rel=0.1)
    ratio = money.mean() / money.std()
    assert risk.sharpe_day == pytest.approx(ratio * math.sqrt(86_400), rel=0.1)
    lo = math.sqrt((1 + ratio**2 / 2) / 20_000) * math.sqrt(86_400)  # Lo (2002), independent case
    assert risk.sharpe_day_se == pytest.approx(lo, rel=0.1)
    assert risk.sharpe_year == pytest.approx(risk.sharpe_day * math.sqrt(365))


def test_drawdown_is_the_deepest_fall_from_an_earlier_peak(tmp_path):
    path = [0, 5, 3, 9, 4, 6, 2, 8, 20, 15]
    scale = rules().money_scale
    rows = {"equity": [{"ts": START + k * S, "mid2": 200_000, "cash": value * scale}
                       for k, value in enumerate(path)]}  # fmt: skip
    report = build(write_run(tmp_path / "run", rows, mid2=200_000, seconds=9))
    assert report.risk.drawdown == pytest.approx(7 * scale * rules().money_quantum)
    assert report.risk.drawdown_peak_ns == START + 3 * S
    assert report.risk.drawdown_trough_ns == START + 6 * S
    assert report.profit.net.low is None
    assert "too few" in report.risk.note


def test_samples_before_quoting_are_left_out(tmp_path):
    rows = {"equity": [{"ts": START + (k - 5) * S, "mid2": 200_000} for k in range(30)]}
    samples = sampled_equity(read_run(write_run(tmp_path / "r", rows, mid2=200_000, seconds=24)))
    assert samples.ts[0] == START
    assert len(samples.ts) == 25


def test_inventory_is_weighted_by_time(tmp_path):
    fills = [
        fill(10, 1, 100_000, 40, 200_000, 40),
        fill(30, -1, 100_000, 60, 200_000, -20),
        fill(70, 1, 100_000, 20, 200_000, 0),
    ]
    rows = {"fills": fills, "mids": [{"ts": START, "mid2": 200_000}]}
    found = build(write_run(tmp_path / "run", rows, mid2=200_000, seconds=100)).inventory
    assert found.mean == pytest.approx((0.04 * 20 - 0.02 * 40) / 100)
    assert found.mean_absolute == pytest.approx((0.04 * 20 + 0.02 * 40) / 100)
    assert (found.longest, found.shortest, found.final) == pytest.approx((0.04, -0.02, 0.0))
    assert (found.long_share, found.short_share, found.flat_share) == pytest.approx((0.2, 0.4, 0.4))
    assert found.mean_absolute_notional == pytest.approx(found.mean_absolute * 10_000)
    assert found.limit == 0.5


def test_quoting_time_from_counters_or_from_the_last_sample(tmp_path):
    rows = {"equity": [{"ts": START + 50 * S, "mid2": 200_000, "quoted_bid_ns": 25 * S,
                        "quoted_ask_ns": 50 * S, "touch_bid_ns": 5 * S}]}  # fmt: skip
    found = build(write_run(tmp_path / "a", rows, mid2=200_000, seconds=100)).quoting
    assert (found.bid, found.ask, found.touch_bid, found.touch_ask) == (0.5, 1.0, 0.1, 0.0)
    final = {"quoted_bid_ns": 80 * S, "quoted_ask_ns": 0, "touch_bid_ns": 1, "touch_ask_ns": 0}
    found = build(write_run(tmp_path / "b", rows, mid2=200_000, seconds=100, final=final)).quoting
    assert found.bid == 0.8


def order(end, filled, quantity=10, **more):
    return {"id": 1, "side": 1, "px": 100_000, "quantity": quantity, "filled": filled, "end": end,
            "placed_ts": START, "end_ts": START + 2 * S, "level_at_join": -1, **more}  # fmt: skip


def test_fates_of_orders_and_places_in_the_queue(tmp_path):
    rows = {
        "orders": [
            order(FILLED, 10, ahead_at_join=50.0, level_at_join=50),
            order(CANCELLED, 5, ahead_at_join=200.0, level_at_join=200),
            order(CANCELLED, 0, ahead_at_join=0.0, level_at_join=0),
            order(ACCEPTED, 0),
            order(REJECTED, 0, reason=WOULD_CROSS),
        ],
        "fills": [
            fill(1, 1, 100_000, 4, 200_000, 4, id=7, ahead_at_join=50.0, level_at_join=50),
            fill(1, 1, 100_000, 6, 200_000, 10, id=7, ahead_at_join=50.0, level_at_join=50),
            fill(2, 1, 100_000, 3, 200_000, 13, id=8, level_at_join=0),
            fill(2, 1, 100_000, 2, 200_000, 15, id=9, level_at_join=-1),
            fill(2, 1, 100_000, 5, 200_000, 20, id=10, marks=TAKER, level_at_join=7),
        ],
        "intents": [{"ts": START, "kind": kind} for kind in (0, 0, 0, 0, 0, 1, 1, 2)],
        "mids": [{"ts": START, "mid2": 200_000}],
    }
    report = build(write_run(tmp_path / "run", rows, mid2=200_000, seconds=3600))
    found = report.orders
    assert (found.placed, found.filled) == (4, 2)
    assert (found.fill_ratio, found.size_fill_ratio) == (0.5, 15 / 40)
    assert found.requests == {"new": 5, "cancel": 2, "modify": 1}
    assert found.order_to_trade == 8 / 5
    assert found.refusals == {"post-only would cross": 1}
    assert found.ends == {"open at the end": 1, "rejected": 1, "filled": 1, "cancelled": 2}
    place = report.queue  # a lot is 0.001; two of three joins saw somebody: 50 and 200 lots
    assert (place.known_joined, place.known_filled) == (3, 2)
    assert place.shown == pytest.approx(0.2)
    assert place.ahead_joined == pytest.approx(
        {"p05": 0.0, "p25": 0.05, "p50": 0.05, "p75": 0.2, "p95": 0.2, "mean": 0.25 / 3}
    )
    assert place.times_joined["p50"] == pytest.approx(0.25)
    assert place.times_joined["p95"] == pytest.approx(1.0)
    assert (place.ahead_filled["p05"], place.ahead_filled["mean"]) == pytest.approx((0.0, 0.025))
    assert (place.times_filled["p95"], place.times_filled["mean"]) == pytest.approx((0.25, 0.125))
    assert (place.alone_joined, place.alone_filled) == pytest.approx((1 / 3, 0.5))
    assert (report.fills.maker, report.fills.taker, report.fills.per_hour) == (4, 1, 5.0)
    assert report.fills.time_to_fill_s["p50"] == 1.0


def test_hours_add_up_to_net(drawn):
    _, report = drawn
    assert len(report.hours) == 2
    assert sum(hour.net for hour in report.hours) == pytest.approx(report.profit.net.value)
    assert sum(hour.fills for hour in report.hours) == report.fills.count
    assert sum(hour.notional for hour in report.hours) == pytest.approx(report.profit.notional)
    assert report.curve["net"][-1] == pytest.approx(report.profit.net.value)
    assert report.curve["position"][-1] == pytest.approx(report.inventory.final)


def test_calibration_counts_what_the_interval_holds(tmp_path):
    beliefs = [
        {"ts": START - S, "sigma": 9.0, "sigma_sd": 1.0},  # warm-up
        {"ts": START, "sigma": 0.0, "sigma_sd": 0.0, "kappa": 100.0, "kappa_sd": 10.0},
        {"ts": START + S, "sigma": 1.0, "sigma_sd": 0.1, "kappa": 110.0, "kappa_sd": 1.0},
        {"ts": START + 2 * S, "sigma": 1.3, "sigma_sd": 0.1, "kappa": 100.0, "kappa_sd": 10.0},
    ]
    rows = {"beliefs": beliefs, "mids": [{"ts": START, "mid2": 200_000}]}
    truth = {"truth": {"sigma": 1.1, "kappa": 105.0, "other": [1, 2]}}
    found = build(write_run(tmp_path / "run", rows, mid2=200_000, seconds=10, tape=truth))
    sigma, kappa = found.calibration
    assert (sigma.samples, sigma.unknown_samples, sigma.coverage) == (2, 1, 0.5)
    assert sigma.mean_error == pytest.approx(0.05)
    assert (sigma.final, sigma.final_sd, sigma.against) == (1.3, 0.1, "truth")
    assert kappa.coverage == pytest.approx(2 / 3)


def test_without_a_truth_sigma_is_compared_with_what_was_realised(tmp_path):
    draw = np.random.Generator(np.random.PCG64(12))
    level, mids = 2_000_000.0, []
    for second in range(3000):
        mids.append({"ts": START + second * S, "mid2": round(level)})
        level *= math.exp(1e-4 * draw.normal())
    rows = {"mids": mids, "beliefs": [{"ts": START + S, "sigma": 1e-4, "sigma_sd": 1e-5}]}
    found = build(write_run(tmp_path / "run", rows, mid2=mids[-1]["mid2"], seconds=3000))
    (sigma,) = found.calibration
    assert sigma.against == "realised"
    assert sigma.reference == pytest.approx(1e-4, rel=0.05)
    assert sigma.coverage is None


def test_a_run_without_a_fill_has_no_made_up_numbers(tmp_path):
    report = build(write_run(tmp_path / "run", {}, mid2=200_000, seconds=3600))
    assert report.verdict.outcome == "idle"
    assert report.profit.net.value == 0
    assert report.fills.count == 0
    assert markout(report, 5.0).edge.value is None
    assert report.orders.order_to_trade is None
    assert report.risk.sharpe_day is None


def test_verdict_follows_the_interval(drawn, tmp_path):
    _, report = drawn
    assert report.verdict.outcome == "earned"
    assert "more than chance" in report.verdict.sentences[0]
    short = build(drawn_run(tmp_path / "run", seconds=10))
    assert short.verdict.outcome in ("undecided", "idle")


def test_a_tape_seen_through_other_streams_is_told(tmp_path):
    seen = {"streams": {"preset": "hyperliquid"}, "rows": 1}
    folder = write_run(tmp_path / "run", {}, mid2=200_000, seconds=60, tape=seen)
    text = {entry.topic: entry.text for entry in build(folder).unknowns}
    assert "shows less of it (hyperliquid)" in text["streams"]


def test_unknowns_name_what_this_run_has(tmp_path):
    folder = drawn_run(tmp_path / "run", 600, counts={"gaps": 3}, queue={"model": "log"},
                       session={"kind": "backtest", "hold_back_ms": 250.0, "packets": 90,
                                "rows": 900, "late_packets": 5, "late_rows": 17,
                                "ignored_rows": 4})  # fmt: skip
    text = {entry.topic: entry.text for entry in build(folder).unknowns}
    assert "3 gaps" in text["gaps"]
    assert "17 rows" in text["late rows"]
    assert "4 of them" in text["late rows"]
    assert "logarithm" in text["queue"]
    assert {"impact", "tape", "latency", "block order", "crossed"} <= set(text)
    assert {"funding", "margin"} <= set(text)
    quiet = build(write_run(tmp_path / "quiet", {}, mid2=200_000, seconds=60))
    assert not {"gaps", "late rows", "crossed", "tape"} & {e.topic for e in quiet.unknowns}
