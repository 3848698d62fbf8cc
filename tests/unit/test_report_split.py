"""The P&L split: known answers, an independent calculation, and loud failure."""

import json
from fractions import Fraction

import polars as pl
import pytest

from simmm.errors import RunError
from simmm.records import TAKER
from simmm.report import build
from tests.unit.report_fixture import START, S, drawn_run, rules, write_run

HALF = rules().money_quantum / 2


def fill(second, side, px, quantity, mid2, position, fee=0, flags=0):
    ts = START + round(second * S)
    return {"ts": ts, "side": side, "px": px, "quantity": quantity, "mid2": mid2, "fee": fee,
            "position": position, "marks": flags, "placed_ts": ts - S}  # fmt: skip


def mids(*pairs):
    return [{"ts": START + round(second * S), "mid2": mid2} for second, mid2 in pairs]


def parts(report):
    return {part.name: part.half_quanta for part in report.profit.parts}


def test_one_round_trip_by_hand(tmp_path):
    # Bought 3 lots at 99 999 with the mid at 100 000; it is 99 990 five seconds later. Sold at
    # 100 011 with the mid at 100 010, which stays. One quantum times lot is `scale` money quanta.
    scale = rules().money_scale
    rows = {
        "fills": [fill(10, 1, 99_999, 3, 200_000, 3, fee=7), fill(30, -1, 100_011, 3, 200_020, 0)],
        "mids": mids((0, 200_000), (12, 199_980), (20, 200_020)),
    }
    report = build(write_run(tmp_path / "run", rows, mid2=200_020, seconds=60))
    assert parts(report) == {
        "spread": (2 * 3 + 2 * 3) * scale,
        "adverse": -20 * 3 * scale,
        "holding": 40 * 3 * scale,
        "fees": -14,
        "funding": 0,
    }
    assert report.profit.net_half_quanta == 72 * scale - 14
    assert report.profit.net.value == pytest.approx((72 * scale - 14) * HALF)


def test_the_mid_at_the_horizon_is_the_last_one_at_or_before_it(tmp_path):
    rows = {
        "fills": [fill(10, 1, 100_000, 1, 200_000, 1)],
        "mids": mids((0, 200_000), (15, 200_006), (15.000000001, 200_100)),
    }
    report = build(write_run(tmp_path / "run", rows, mid2=200_100, seconds=60))
    assert parts(report)["adverse"] == 6 * rules().money_scale


def test_near_the_end_the_horizon_is_the_end(tmp_path):
    rows = {
        "fills": [fill(58, -1, 100_001, 2, 200_000, -2)],
        "mids": mids((0, 200_000), (59, 200_010)),
    }
    report = build(write_run(tmp_path / "run", rows, mid2=200_010, seconds=60))
    assert parts(report)["adverse"] == -10 * 2 * rules().money_scale
    assert parts(report)["holding"] == 0


def test_parts_agree_with_a_calculation_in_fractions(tmp_path):
    folder = drawn_run(tmp_path / "run", seconds=900)
    report, fills = build(folder), pl.read_parquet(folder / "fills.parquet").to_dicts()
    path = [(row["ts"], row["mid2"]) for row in pl.read_parquet(folder / "mids.parquet").to_dicts()]
    info = json.loads((folder / "run.json").read_text())
    end, last = info["period"]["end_ns"], info["final"]["mid2"]

    def mid(ts):
        if ts >= end:
            return Fraction(last, 2)
        return Fraction([m for t, m in path if t <= ts][-1] if path[0][0] <= ts else path[0][1], 2)

    spread = adverse = holding = fees = Fraction(0)
    for row in fills:
        signed = row["side"] * row["quantity"] * rules().money_scale
        before, later = Fraction(row["mid2"], 2), mid(row["ts"] + 5 * S)
        spread += signed * (before - row["px"])
        adverse += signed * (later - before)
        holding += signed * (Fraction(last, 2) - later)
        fees -= row["fee"]
    found = parts(report)
    assert [found["spread"], found["adverse"], found["holding"], found["fees"]] == [
        2 * spread, 2 * adverse, 2 * holding, 2 * fees,
    ]  # fmt: skip
    account = info["account"]
    assert report.profit.net_half_quanta == (
        2 * account["cash"] + account["position"] * last * rules().money_scale
    )


@pytest.mark.parametrize(
    ("field", "change", "told"),
    [("cash", 1, "difference -2"), ("position", 1, "the account holds"), ("cash", -9, "add up")],
)
def test_an_account_that_is_not_what_fills_say_is_refused(tmp_path, field, change, told):
    folder = drawn_run(tmp_path / "run", seconds=300)
    info = json.loads((folder / "run.json").read_text())
    info["account"][field] += change
    (folder / "run.json").write_text(json.dumps(info))
    with pytest.raises(RunError, match=told):
        build(folder)


@pytest.mark.parametrize("fault", ["twice", "lost", "fee", "sign", "mid"])
def test_a_wrong_fill_is_refused_or_moves_no_total(tmp_path, fault):
    folder = drawn_run(tmp_path / "run", seconds=300)
    path = folder / "fills.parquet"
    rows = pl.read_parquet(path).to_dicts()
    if fault == "twice":
        rows.insert(4, rows[4])
    elif fault == "lost":
        del rows[4]
    elif fault == "fee":
        rows[4]["fee"] *= -1
    elif fault == "sign":
        rows[4]["side"] *= -1
    else:
        rows[4]["mid2"] += 100
    pl.DataFrame(rows).write_parquet(path)
    if fault == "mid":  # moves value between parts; the account does not know of it
        build(folder)
        return
    with pytest.raises(RunError):
        build(folder)


@pytest.mark.parametrize(("side", "best", "cost2"), [(1, (99_990, 100_020), 20 * 4),
                                                     (-1, (99_990, 100_020), 40 * 4)])  # fmt: skip
def test_closing_costs_the_far_touch_and_the_taker_fee(tmp_path, side, best, cost2):
    rows = {"fills": [fill(10, side, 100_000, 4, 200_000, 4 * side, flags=TAKER)],
            "mids": mids((0, 200_000))}  # fmt: skip
    report = build(write_run(tmp_path / "run", rows, mid2=200_000, seconds=60, best=best))
    price = best[0] if side > 0 else best[1]
    fee = 4 * price * 1e-4 * 0.00045  # a quantum times a lot is 1e-4 USD
    assert report.profit.closing.cost == pytest.approx(cost2 * rules().money_scale * HALF + fee)
    assert report.profit.closing.position == pytest.approx(side * 0.004)


def test_without_a_far_side_the_closing_cost_is_unknown(tmp_path):
    rows = {"fills": [fill(10, 1, 100_000, 4, 200_000, 4)], "mids": mids((0, 200_000))}
    report = build(write_run(tmp_path / "run", rows, mid2=200_000, seconds=60))
    assert report.profit.closing.cost is None
    assert "no bid" in report.profit.closing.note
