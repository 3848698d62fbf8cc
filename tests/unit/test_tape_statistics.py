"""Statistics against figures worked out by hand, and the touch against a plain book."""

import math
from pathlib import Path

import numpy as np
import pytest

from simmm.market import MarketRules
from simmm.tape import TapeSpec, describe, open_tapes
from simmm.tape.statistics import fit_reach, steps
from simmm.tape.touch import Touch
from tests.unit.tape_fixture import (
    BBO,
    BUY,
    CONTEXT,
    DEPTH,
    END,
    FIRST,
    GAP,
    LAST_PRINT,
    MS,
    RULES,
    SNAPSHOT,
    START,
    TRADE,
    Row,
    drawn_rows,
    write_rows,
)

S = 1000 * MS


def hand_made() -> list[Row]:
    """Return a tape whose touch is known: three states of 2, 3 and 5 seconds."""
    rows = [
        # second, latency in ms, seq, tag, px, qty
        (0, 10, 0, SNAPSHOT | BUY | FIRST, 1000, 4_000),
        (0, 10, 0, SNAPSHOT | BUY, 999, 8_000),
        (0, 10, 0, SNAPSHOT | FIRST, 1001, 6_000),
        (0, 10, 0, SNAPSHOT | END, 1002, 9_000),
        (2, 20, 1, TRADE | BUY, 1001, 6_000),
        (2, 20, 1, TRADE | BUY | LAST_PRINT, 1002, 1_000),
        (2, 20, 1, TRADE | LAST_PRINT | END, 1000, 500),
        (2, 30, 2, DEPTH, 1001, 0),
        (2, 30, 2, DEPTH, 1002, 8_000),
        (2, 30, 2, DEPTH | BUY | END, 1000, 3_000),
        (5, 40, 3, BBO | BUY, 1001, 2_000),
        (5, 40, 3, BBO | END, 1002, 8_000),
        (10, 50, 4, DEPTH | BUY | END, 998, 1),
    ]
    return [
        (START + second * S, START + second * S + latency * MS, *rest)
        for second, latency, *rest in rows
    ]  # type: ignore[misc]


def test_statistics_of_a_known_tape(tmp_path: Path) -> None:
    found = describe(write_rows(tmp_path / "tape.parquet", hand_made(), row_group=3))
    assert found.hours == pytest.approx(10 / 3600)
    assert found.tick_bps == pytest.approx(1 / 1000.5 * 1e4, rel=1e-3)
    assert found.trades_per_s == pytest.approx(0.3)
    assert found.aggressors_per_s == pytest.approx(0.2)
    assert found.spread_ticks == pytest.approx((2 * 1 + 3 * 2 + 5 * 1) / 10)
    assert found.one_tick_share == pytest.approx(0.7)
    assert found.sweeping_share == pytest.approx(0.5)
    assert found.aggressor_median == pytest.approx((7 + 0.5) / 2)
    assert found.aggressor_mean == pytest.approx((7 + 0.5) / 2)
    # 6.0 sold out at 1001 and 1.0 cancelled of 4.0 at 1000; 6.0 and 0.5 traded there.
    assert found.trading_share_of_depletion == pytest.approx(6.5 / 7)
    assert found.touch_size == pytest.approx(5.0)  # 4, 6 · 3, 8 · 2, 8 · 2, 8
    assert found.feed_latency_p50 == pytest.approx(0.030)
    mids = [1000.5] * 2 + [1001.0] * 3 + [1001.5] * 5
    returns = np.diff(np.log(mids)) * 1e4
    assert found.vol_1s_bps == pytest.approx(returns.std(), rel=1e-9)


def test_known_volatility_and_reach(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    mids = 100_000 + np.cumsum(rng.normal(0, 30, 4_000)).astype(int)
    rows: list[Row] = []
    reach = rng.exponential(200, 4_000).astype(int)
    for second, (mid, depth) in enumerate(zip(mids.tolist(), reach.tolist(), strict=True)):
        ts = START + second * S
        trade = TRADE | BUY | LAST_PRINT | END
        before = mids[max(second - 1, 0)]
        rows += [(ts, ts + 1, 2 * second, trade, int(before) + 1 + depth, 1)]
        rows += [(ts, ts + 1, 2 * second + 1, BBO | BUY, mid - 1, 10)]
        rows += [(ts, ts + 1, 2 * second + 1, BBO | END, mid + 1, 10)]
    found = describe(write_rows(tmp_path / "tape.parquet", rows))
    assert found.vol_1s_bps == pytest.approx(3.0, rel=0.05)
    assert found.vol_10s_bps == pytest.approx(3.0, rel=0.1)
    assert found.kappa_per_bp == pytest.approx(1 / 20, rel=0.1)
    assert found.kappa_r2 > 0.99


def test_fit_of_an_exponential() -> None:
    quantiles = -np.log(1 - (np.arange(100_000) + 0.5) / 100_000) / 1.7
    kappa, fit = fit_reach(quantiles)
    assert kappa == pytest.approx(1.7, rel=1e-3)
    assert fit == pytest.approx(1.0, abs=1e-6)
    assert math.isnan(fit_reach(np.array([1.0]))[0])


def test_steps_agree_with_rules() -> None:
    for rules in (
        MarketRules(symbol="B", price_quantum="0.1", significant_figures=5),
        MarketRules(symbol="W", price_quantum="0.000001", significant_figures=5),
        MarketRules(symbol="T", price_quantum="0.5", tick_quanta=3),
    ):
        px = np.array([1, 9, 10, 99_999, 100_000, 1_000_000, 1_097_550, 10**12])
        assert steps(rules, px).tolist() == [rules.step_quanta(int(one)) for one in px]


def plain_touch(rows: list[Row]) -> list[tuple[int, ...]]:
    """Return (ts, bid, ask, bid size, ask size) at the end of each block, with plain books."""
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    out: list[tuple[int, ...]] = []
    image = 0
    for number, (ts, _, _, tag, px, qty) in enumerate(rows):
        kind, bid = tag & 7, 1 if tag & BUY else 0
        book, sign = books[bid], 1 if bid else -1
        if kind == GAP:
            books[0].clear()
            books[1].clear()
        if kind == BBO or (kind == SNAPSHOT and tag & FIRST):
            for other in [p for p in book if px == 0 or sign * (p - px) > 0]:
                del book[other]
        elif kind == SNAPSHOT:
            for other in [p for p in book if sign * (p - px) > 0 and sign * (image - p) > 0]:
                del book[other]
        if kind in (DEPTH, SNAPSHOT, BBO):
            image = px
            book[px] = qty
            if qty == 0:
                del book[px]
        if number + 1 == len(rows) or rows[number + 1][0] != ts:
            best_bid, best_ask = max(books[1], default=0), min(books[0], default=0)
            out.append(
                (ts, best_bid, best_ask, books[1].get(best_bid, 0), books[0].get(best_ask, 0))
            )
    return out


@pytest.mark.parametrize("seed", range(4))
def test_touch_agrees_with_plain_book(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for row in drawn_rows(seed, 400):
        ts, local, seq, tag, px, qty = row
        if tag & 7 == DEPTH and rng.random() < 0.3:
            qty = 0
        if tag & 7 == CONTEXT and rng.random() < 0.3:
            tag, qty = GAP | tag & END, 1
        rows.append((ts, local, seq, tag, px, qty))
    rows.sort(key=lambda row: (row[0], (3, 3, 2, 1, 4, 0)[row[3] & 7], row[2]))
    # Images take the place of some bbo messages.
    image = [(SNAPSHOT | BUY | FIRST, 985), (SNAPSHOT | BUY, 981), (SNAPSHOT | FIRST, 1003),
             (SNAPSHOT, 1004), (SNAPSHOT | END, 1009)]  # fmt: skip
    last = rows[-1][0]
    for number in range(40):
        ts, kept = last + (number + 1) * MS, int(rng.integers(0, 6))
        if kept == 0:
            rows.append((ts, ts, 9_000 + number, SNAPSHOT | FIRST | END, 0, 0))
        for tag, px in image[:kept]:
            rows.append((ts, ts, 9_000 + number, tag, px - int(rng.integers(0, 2)), number + 1))
        for _ in range(3):
            side = int(rng.integers(0, 2)) * BUY
            px = 1000 + int(rng.integers(0, 12)) - (20 if side else 0)
            rows.append((ts + 1, ts + 1, 9_500 + number, DEPTH | side, px, int(rng.integers(0, 3))))
    path = write_rows(tmp_path / "tape.parquet", rows, row_group=100)
    touch = Touch()
    found = []
    with open_tapes([TapeSpec(path)], rows_per_chunk=50) as tapes:
        for chunk in tapes.chunks():
            samples = touch(chunk).samples
            fields = ("ts", "bid", "ask", "bid_qty", "ask_qty")
            found += list(zip(*(samples[name].tolist() for name in fields), strict=True))
    assert found == plain_touch(rows)
    assert RULES.tick_quanta == 1
