"""Fees and closed P&L of 347 recorded fills, to the last digit, through the venue's kernels.

And account states recorded in 2023: margin used, value and what is withdrawable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import yaml

from simmm.market import MarketRules
from simmm.records import Market
from simmm.rules import venue_rules
from simmm.venue.fees import fee_product
from simmm.venue.margin import CROSS, book_position, entry_px, initial, unrealised, value
from simmm.venue_records import Account
from tests.hand import record
from tests.outside import DATA

FILLS = DATA / "hl_userfills_real_2026.parquet"
STATE = DATA / "raw" / "hyperliquid_info" / "get_user_state.yaml"
SCHEDULE = venue_rules("hyperliquid", "BTC", "2026-06-15").fees
REFERRED_FROM_MS = 1_781_349_000_000  # the account took a referral code after its 11th fill
GROWTH_MODE = 0.2  # what deployed markets ("xyz:") in growth mode take of the rate
DECIMALS = 6  # of prices and sizes together


def _exact(figure: float) -> Decimal:
    return Decimal(repr(figure))


def _money(figure: float) -> int:
    return int((_exact(figure) * 10**6).to_integral_value())


@pytest.fixture(scope="module")
def fills() -> list[dict[str, Any]]:
    if not FILLS.is_file():
        pytest.skip("no recorded fills here (data/ under SIMMM_SHARED)")
    rows = pl.read_parquet(FILLS).rows(named=True)
    assert len(rows) == 347
    return rows


def _size_decimals(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The decimals that a market's sizes use; the venue tells them apart from the fills."""
    found: dict[str, int] = {}
    for row in rows:
        for figure in (row["sz"], row["startPosition"]):
            used = max(0, -int(_exact(figure).normalize().as_tuple().exponent))
            found[row["coin"]] = max(found.get(row["coin"], 0), used)
    return found


def _fees(rows: list[dict[str, Any]], product: bool = True) -> Iterator[tuple[int, int]]:
    """Yield the fee recorded and that of the kernel."""
    for row in rows:
        referred = row["time_ms"] > REFERRED_FROM_MS
        maker, taker = SCHEDULE.rates(referral_discount=0.04 if referred and product else 0.0)
        rate = taker if row["crossed"] else maker
        if referred and not product:
            rate = float(_exact(rate) * Decimal("0.96"))
        if ":" in row["coin"]:
            rate *= GROWTH_MODE
        notional = int(_exact(row["px"]) * _exact(row["sz"]) * 10**6)
        yield _money(row["fee"]), fee_product(notional, rate)


def test_every_fee_comes_out(fills: list[dict[str, Any]]) -> None:
    assert all(recorded == computed for recorded, computed in _fees(fills))


def test_with_the_nearest_double_of_the_rate_two_fees_do_not(fills: list[dict[str, Any]]) -> None:
    """So the product of doubles is the venue's own; else the test above could prove nothing."""
    wrong = [(a, b) for a, b in _fees(fills, product=False) if a != b]
    assert wrong == [(4_553, 4_554), (1_727, 1_728)]


def test_every_closed_profit_comes_out(fills: list[dict[str, Any]]) -> None:
    decimals = _size_decimals(fills)
    accounts: dict[str, Any] = {coin: record(Account) for coin in decimals}
    market = record(Market)
    market.money_scale = 1  # a lot at a quantum is 1e-6 on every market
    closing = 0
    for row in fills:
        account, lot = accounts[row["coin"]], 10 ** decimals[row["coin"]]
        px = int(_exact(row["px"]) * 10**DECIMALS / lot)
        lots = int(_exact(row["sz"]) * lot)
        assert account.position == int(_exact(row["startPosition"]) * lot)
        before = int(account.closed_pnl)
        book_position(account, market, 1 if row["side"] == "B" else -1, px, lots)
        gained = int(account.closed_pnl) - before
        assert gained == _money(row["closedPnl"]), row
        closing += gained != 0
    assert closing > 150


def test_recorded_sizes_of_the_shipped_markets_fit(fills: list[dict[str, Any]]) -> None:
    for coin, decimals in _size_decimals(fills).items():
        if coin in ("BTC", "ETH", "SOL", "XRP"):
            rules = venue_rules("hyperliquid", coin)
            assert decimals <= rules.size_decimals
            assert MarketRules.lots(rules.market(), 1) == 10**rules.size_decimals


def test_margin_of_twelve_recorded_positions() -> None:
    """Twelve cross positions of 2023-03-27, all at 20x."""
    if not STATE.is_file():
        pytest.skip("no recorded account state here (data/ under SIMMM_SHARED)")
    reply = yaml.safe_load(STATE.read_text())["interactions"][0]["response"]["body"]["string"]
    state = json.loads(reply)
    sizes = {"BTC": 5, "ETH": 4, "SOL": 2, "ATOM": 2, "AVAX": 2, "LTC": 2, "BNB": 3}
    market = record(Market)
    market.money_scale = 1
    used = worth = 0
    for position in (p["position"] for p in state["assetPositions"]):
        lot = 10 ** sizes.get(position["coin"], 1)
        account = record(Account)
        account.margin, account.leverage = CROSS, position["leverage"]["value"]
        account.position = int(Decimal(position["szi"]) * lot)
        amount = int(Decimal(position["positionValue"]) * 10**6)
        account.mark, rest = divmod(amount, abs(int(account.position)))
        assert rest == 0  # the mark is a whole number of quanta
        assert initial(account, market) == int(Decimal(position["marginUsed"]) * 10**6)
        signed = 1 if account.position > 0 else -1
        profit = int(Decimal(position["unrealizedPnl"]) * 10**6)
        account.entry_cost = amount - signed * profit
        assert unrealised(account, market) == profit
        shown = int(Decimal(position["entryPx"]) * 10**6 / lot)
        assert entry_px(account, market) == shown
        used += initial(account, market)
        worth += value(account, market)
    summary = state["crossMarginSummary"]
    assert used == int(Decimal(summary["totalMarginUsed"]) * 10**6)
    raw = int(Decimal(summary["totalRawUsd"]) * 10**6)
    assert raw + worth == int(Decimal(summary["accountValue"]) * 10**6)
