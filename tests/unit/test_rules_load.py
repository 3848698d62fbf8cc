"""Rules by venue, market and date; what they write; and files that contradict themselves."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from simmm.errors import ScenarioError
from simmm.records import Market
from simmm.rules import VenueRules, dates, symbols, venue_rules, venues
from simmm.rules.load import _FOLDER
from simmm.steps import step_at
from simmm.venue_records import Budget
from tests.hand import record

MARKETS = ["BTC", "ETH", "DYDX", "SOL", "XRP", "WLFI"]
USDC = 1_000_000


def _get(symbol: str = "BTC", date: str = "2026-07-19") -> VenueRules:
    return venue_rules("hyperliquid", symbol, date)


# ------------------------------------------------------------------------------- what is shipped


def test_what_there_is() -> None:
    assert venues() == ["hyperliquid"]
    assert dates("hyperliquid") == ["2025-05-05", "2026-06-11", "2026-07-25"]
    assert symbols("hyperliquid") == MARKETS


@pytest.mark.parametrize("symbol", MARKETS)
@pytest.mark.parametrize("date", ["2025-05-05", "2026-06-11", "2026-07-25"])
def test_every_shipped_record_is_sound(symbol: str, date: str) -> None:
    rules = _get(symbol, date)
    rules.write(rules.market().to_record())
    assert (rules.symbol, rules.since, rules.venue) == (symbol, date, "hyperliquid")


@pytest.mark.parametrize(
    ("date", "since"),
    [
        ("2025-05-05", "2025-05-05"),
        ("2026-06-10", "2025-05-05"),
        ("2026-07-19", "2026-06-11"),
        ("2026-07-24", "2026-06-11"),
        ("2026-07-25", "2026-07-25"),
        ("2031-01-01", "2026-07-25"),
        (datetime.date(2026, 6, 11), "2026-06-11"),
        (None, "2026-07-25"),
    ],
)
def test_the_newest_not_after_the_date(date: Any, since: str) -> None:
    assert venue_rules("hyperliquid", "BTC", date).since == since


def test_cadence_of_the_images_by_date() -> None:
    books = {date: _get("BTC", date).books for date in dates("hyperliquid")}
    assert [(b["default"].levels, b["default"].ms) for b in books.values()] == [
        (20, 500),
        (20, 2000),
        (20, 5000),
    ]
    fast = books["2026-07-25"]["fast"]
    assert (fast.levels, fast.ms) == (5, 500)
    assert "fast" not in books["2026-06-11"]


def test_a_suffix_of_the_tape_is_the_same_market() -> None:
    assert _get("BTC-PERP") == _get("BTC")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("binance", "BTC"), r"no rules of a venue 'binance'; known are hyperliquid"),
        (("hyperliqid", "BTC"), r"did you mean 'hyperliquid'\?"),
        (("hyperliquid", "BTX"), r"no market 'BTX'; known are BTC, ETH, DYDX, SOL, XRP, WLFI"),
        (("hyperliquid", "BTC", "2024-02-01"), r"none known for 2024-02-01; they begin 2025-05-05"),
        (("hyperliquid", "BTC", "19.7.2026"), r"'19\.7\.2026' is no date"),
        (("nowhere.yaml", "BTC"), r"nowhere\.yaml: no such file"),
    ],
)
def test_what_is_not_known_is_said(call: tuple[str, ...], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        venue_rules(*call)


# ---------------------------------------------------------------------- ticks, limits, and records


def _valid(rules: VenueRules, price: str) -> bool:
    market = rules.market()
    quanta = Decimal(price) / Decimal(market.price_quantum)
    if quanta != int(quanta):
        return False
    whole = record(Market)
    array = market.to_record()
    for name in ("tick_quanta", "significant_figures", "unit_quanta"):
        setattr(whole, name, int(array[name][0]))
    assert step_at(whole, int(quanta)) == market.step_quanta(int(quanta))
    return bool(int(quanta) % step_at(whole, int(quanta)) == 0)


@pytest.mark.parametrize(
    ("symbol", "price", "valid"),
    [
        ("ETH", "1234.5", True),
        ("ETH", "1234.56", False),  # six figures
        ("XRP", "0.001234", True),
        ("XRP", "0.0012345", False),  # seven decimals
        ("DYDX", "0.01234", True),
        ("DYDX", "0.012345", False),  # six decimals where five are allowed
        ("BTC", "123456", True),  # six figures, whole
        ("BTC", "123456.5", False),
        ("BTC", "99999.5", False),
        ("BTC", "9999.5", True),
        ("SOL", "205.61", True),
        ("SOL", "205.615", False),
        ("WLFI", "0.18234", True),
    ],
)
def test_the_venues_own_examples_of_valid_prices(symbol: str, price: str, valid: bool) -> None:
    assert _valid(_get(symbol), price) is valid


@pytest.mark.parametrize(
    ("symbol", "limit", "market"),
    [("BTC", 150, 15), ("ETH", 150, 15), ("SOL", 50, 5), ("XRP", 50, 5), ("DYDX", 5, 0.5)],
)
def test_the_largest_order_goes_by_leverage(symbol: str, limit: float, market: float) -> None:
    row = _get(symbol).largest_order
    assert (row.limit, row.market) == (limit * 10**6, market * 10**6)


@pytest.mark.parametrize(
    ("volume", "orders"),
    [(0, 1000), (4_999_999, 1000), (5_000_000, 1001), (10**9, 1200), (10**12, 5000)],
)
def test_open_orders_grow_with_volume(volume: float, orders: int) -> None:
    assert _get().max_open_orders(volume) == orders


def test_market_rules_of_bitcoin() -> None:
    market = _get().market(referral_discount=0.04)
    assert (market.price_quantum, market.lot_size, market.money_scale) == ("0.1", "0.00001", 1)
    assert market.money_quantum == 1e-6
    assert (market.min_notional, market.modify) == ("10", "replace")
    assert float(market.maker_fee) == 0.00015 * 0.96


def test_what_is_written_into_a_market() -> None:
    rules = _get("ETH")
    array = rules.market().to_record()
    rules.write(array, volume_14d=30_000_000, referral_discount=0.04)
    row = array[0]
    assert (row["double_fee"], row["self_trade"]) == (1, 1)
    assert (row["maker_rate"], row["taker_rate"]) == (0.00008 * 0.96, 0.00035 * 0.96)
    assert row["block_ns"] == 100_000_000
    assert row["largest_limit"] == 150_000_000 * USDC
    assert row["largest_market"] == 15_000_000 * USDC
    assert row["price_band_e9"] == 950_000_000
    assert (row["funding_ns"], row["funding_cap_e12"]) == (3_600 * 10**9, 4 * 10**10)
    assert (row["partial_liquidation"], row["cooldown_ns"]) == (100_000 * USDC, 30 * 10**9)
    assert row["schedule_volume"] == 1_000_000 * USDC
    assert row["n_tiers"] == 2
    assert row["tier_low"][:3].tolist() == [0, 100_000_000 * USDC, 0]
    assert row["tier_leverage"][:3].tolist() == [25, 15, 0]
    assert row["tier_deduction"][:3].tolist() == [0, 40_000_000 * USDC, 0]


def test_what_is_written_into_a_budget() -> None:
    budget = record(Budget)
    budget.used = 17
    _get().write_budget(budget)
    assert (budget.by_address, budget.by_ip, budget.used) == (1, 1, 17)
    assert (budget.initial, budget.per_money, budget.cancels_more) == (10_000, USDC, 100_000)
    assert (budget.free_ns, budget.expired_cost, budget.ip_limit) == (10 * 10**9, 5, 1_200)


# --------------------------------------------------------------------- files that can't be meant


def _own(folder: Path, **changes: Any) -> str:
    """A rules file of one's own with BTC's facts changed (None: left out)."""
    content = yaml.safe_load((_FOLDER / "hyperliquid" / "2025-05-05.yaml").read_text())
    for name, value in changes.items():
        part = content["markets"]["BTC"] if name == "tiers" else content["venue"]
        if value is None:
            del part[name]
        elif isinstance(value, dict) and isinstance(part.get(name), dict):
            part[name] = {**part[name], **value}
        else:
            part[name] = value
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    rules = venue_rules(_own(tmp_path, min_notional=25), "BTC")
    assert (rules.min_notional, rules.since) == (25, "mine")


def test_a_file_may_say_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("like: 2026-07-25\nvenue: {min_notional: 11}\nmarkets: {BTC: {asset: 3}}\n")
    rules = venue_rules(str(path), "BTC")
    assert (rules.min_notional, rules.asset, rules.size_decimals) == (11, 3, 5)
    assert rules.tiers == _get().tiers


TIERS_WRONG = [
    ([], r"0 given, there must be 1 to 8"),
    ([{"from": 0, "leverage": 40 - k} for k in range(9)], r"9 given"),
    ([{"from": 5, "leverage": 40}], r"the first begins at 5, it must begin at 0"),
    (
        [{"from": 0, "leverage": 40}, {"from": 0, "leverage": 20}],
        r"`from: 0` must be above the 0 before it",
    ),
    (
        [{"from": 0, "leverage": 20}, {"from": 10, "leverage": 20}],
        r"leverage 20 from 10 must be below the 20 of the tier before",
    ),
    (
        [{"from": 0, "to": 9, "leverage": 20}, {"from": 10, "leverage": 10}],
        r"one ends at 9, the next begins at 10: they must connect",
    ),
    ([{"from": 0, "to": 9, "leverage": 20}], r"the last ends at 9, it must have no end"),
    ([{"from": 0, "leverage": 0}], r"a leverage of 0 must lie in 1\.\.1000"),
    (
        [{"from": 0, "leverage": 7}, {"from": 1, "leverage": 3}],
        r"the deduction from 1 is no whole number of money quanta \(0\.571429\)",
    ),
    ([{"from": 0, "leverage": "40"}], r"Expected `int`, got `str` - at `\$\.tiers\[0\]\.leverage`"),
    ([{"from": 0, "leverage": 40, "max": 3}], r"unknown field `max`"),
]


@pytest.mark.parametrize(("tiers", "message"), TIERS_WRONG)
def test_margin_tables_that_cannot_be_meant(tmp_path: Path, tiers: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        venue_rules(_own(tmp_path, tiers=tiers), "BTC")
    assert "\n" not in str(caught.value)
    assert "BTC" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_notional": -1}, r"min_notional: -1 must lie in"),
        ({"min_notional": None}, r"missing required field `min_notional`"),
        ({"self_trade": "maybe"}, r"Invalid enum value 'maybe'"),
        ({"price_band": -0.1}, r"price_band: -0\.1 must lie in 0\.\.9"),
        ({"funding": {"hours": 0}}, r"funding\.hours: 0 must lie in 1\.\.24"),
        ({"blocks": {"order": ["cancels", "takers"]}}, r"blocks\.order: cancels, takers; it must"),
        (
            {"largest_orders": [{"leverage": 50, "market": 1, "limit": 1}]},
            r"no row for a leverage of 40",
        ),
        ({"fees": {"tiers": []}}, r"fees\.tiers must begin with `above: 0`"),
        (
            {
                "fees": {
                    "tiers": [
                        {"above": 0, "taker": 0.1, "maker": 0.1},
                        {"above": 0, "taker": 0.1, "maker": 0.1},
                    ]
                }
            },
            r"`above: 0` doesn't come after 0",
        ),
        ({"fees": {"tiers": [{"above": 0, "taker": 4.5, "maker": 1}]}}, r"a rate of 4\.5"),
        ({"fees": {"referral_discount": 4}}, r"a discount of 4\.0 must lie in 0\.\.1"),
        ({"budget": {"volume_per_request": 0}}, r"budget\.volume_per_request: 0 must lie"),
    ],
)
def test_facts_that_cannot_be_meant(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        venue_rules(_own(tmp_path, **changes), "BTC")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"can't be read as YAML"),
        ("- 1", r"must be a map of `venue` and `markets`"),
        ("venue: {quote: USDC}", r"`markets` must be a map"),
        ("venues: {}", r"unknown key 'venues'"),
        ("like: 2020-01-01", r"like: 2020-01-01: there are no earlier rules of that day"),
        ("like: mine", r"there are no earlier rules of that day"),
        ("venue: {quote: USDC}\nmarkets: {BTC: 3}", r"markets: 'BTC' must be a name with a map"),
    ],
)
def test_files_that_are_no_rules(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=message) as caught:
        venue_rules(str(path), "BTC")
    assert "\n" not in str(caught.value)
