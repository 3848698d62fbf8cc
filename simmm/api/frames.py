"""The tables of a run as people read them: times, prices, base units, money, words for codes.

On disk a table holds integers: ns, quanta, lots, money quanta, codes. Each frame made here has the
same rows in the same order. A float is the nearest one to the exact decimal figure.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import polars as pl

from simmm.estimators.catalogue import BELIEFS
from simmm.market import MarketRules
from simmm.output_records import FundingRow, PredictionRow
from simmm.records import (
    BACKSTOP,
    CROSSED,
    FUNDING_SCALE,
    LATE,
    LIQUIDATION_FILL,
    NEVER,
    NO_ASK,
    REASON_NAMES,
    REQUEST_NAMES,
    RESPONSE_NAMES,
    STALE_MID,
    TAKER,
    THROUGH,
    TIF_NAMES,
    UNSEEN,
)

TIME = pl.Datetime("ns", "UTC")
SIDE = pl.Enum(["buy", "sell"])
KIND = pl.Enum(REQUEST_NAMES)
TIME_IN_FORCE = pl.Enum(TIF_NAMES)
END = pl.Enum(["open", *RESPONSE_NAMES[1:]])
REASON = pl.Enum(REASON_NAMES[1:])

_NS = Fraction(1, 1_000_000_000)  # seconds

Frame = Callable[[pl.DataFrame, "Units"], pl.DataFrame]


class Units:
    """Turns a market's integers into prices, base units and money."""

    def __init__(self, market: MarketRules) -> None:
        self._quantum = Fraction(market.price_quantum)
        self._lot = Fraction(market.lot_size)
        self.money_scale = market.money_scale
        multiplier = Fraction(market.contract_multiplier)
        self._money = self._quantum * self._lot * multiplier / self.money_scale
        self.multiplier = float(multiplier)

    def price(self, quanta: pl.Series) -> pl.Series:
        """Return quanta as prices."""
        return _times(quanta, self._quantum)

    def half_price(self, half_quanta: pl.Series) -> pl.Series:
        """Return half quanta as prices."""
        return _times(half_quanta, self._quantum / 2)

    def size(self, lots: pl.Series) -> pl.Series:
        """Return lots as base units."""
        return _times(lots, self._lot)

    def money(self, quanta: pl.Series) -> pl.Series:
        """Return money quanta as quote currency."""
        return _times(quanta, self._money)

    def equity(self, raw: pl.DataFrame) -> pl.Series:
        """Return cash and position at the mid, as quote currency."""
        value = raw["position"] * raw["mid2"] * self.money_scale
        return _times(raw["cash"] * 2 + value, self._money / 2)


def fills(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a fill, in the order of the exchange."""
    price, size = units.price(raw["px"]), units.size(raw["quantity"])
    mid = _unless(units.half_price(raw["mid2"]), raw["mid2"] <= 0)
    flags = {
        "taker": TAKER,
        "crossed": CROSSED,
        "through": THROUGH,
        "unseen": UNSEEN,
        "stale_mid": STALE_MID,
        "late": LATE,
        "liquidation": LIQUIDATION_FILL,
        "backstop": BACKSTOP,
    }
    known = raw["level_at_join"] < 0
    return pl.DataFrame(
        {
            "time": _time(raw["ts"]),
            "known": _time(raw["known_ts"]),
            "order_id": raw["id"],
            "side": _side(raw["side"]),
            "price": price,
            "size": size,
            "notional": price * size * units.multiplier,
            "fee": units.money(raw["fee"]),
            "mid": mid,
            "edge_bps": raw["side"] * (mid - price) / price * 1e4,
            "position": units.size(raw["position"]),
            "open_size": units.size(raw["leaves"]),
            "placed": _time(raw["placed_ts"]),
            "ahead_at_join": _unless(units.size(raw["ahead_at_join"]), known),
            "shown_at_join": _unless(units.size(raw["level_at_join"]), known),
            "ahead_at_fill": _unless(units.size(raw["ahead"]), known),
            "closed_pnl": units.money(raw["closed_pnl"]),
            **{name: _has(raw["marks"], bit) for name, bit in flags.items()},
        }
    )


def orders(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row an order, at its end."""
    known = raw["level_at_join"] < 0
    return pl.DataFrame(
        {
            "order_id": raw["id"],
            "side": _side(raw["side"]),
            "price": units.price(raw["px"]),
            "size": units.size(raw["quantity"]),
            "filled": units.size(raw["filled"]),
            "time_in_force": _words(raw["tif"], TIME_IN_FORCE),
            "sent": _time(raw["sent_ts"]),
            "placed": _time(raw["placed_ts"]),
            "answered": _time(raw["answered_ts"]),
            "ended": _time(raw["end_ts"]),
            "end": _words(raw["end"], END),
            "reason": _words(raw["reason"] - 1, REASON),
            "ahead_at_join": _unless(units.size(raw["ahead_at_join"]), known),
            "shown_at_join": _unless(units.size(raw["level_at_join"]), known),
            "ahead_at_end": _unless(units.size(raw["ahead_at_end"]), known),
            "modifies": raw["modifies"],
            "reduce_only": raw["reduce_only"] != 0,
        }
    )


def intents(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a request of the maker, in the order of sending."""
    return pl.DataFrame(
        {
            "time": _time(raw["ts"]),
            "number": raw["seq"],
            "kind": _words(raw["kind"], KIND),
            "order_id": raw["id"],
            "new_id": _unless(raw["new_id"], raw["new_id"] == 0),
            "side": _side(raw["side"]),
            "price": units.price(raw["px"]),
            "size": units.size(raw["quantity"]),
            "time_in_force": _words(raw["tif"], TIME_IN_FORCE),
            "arrives": _time(raw["arrival_ts"]),
        }
    )


def equity(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a sample of the account at the exchange."""
    unknown = raw["mid2"] <= 0
    no_budget = raw["requests_cap"] <= 0
    modelled = bool((raw["margin_available"] != 0).any() or (raw["margin_used"] != 0).any())
    no_margin = pl.repeat(not modelled, raw.height, dtype=pl.Boolean, eager=True)

    def price(name: str) -> pl.Series:
        return _unless(units.price(raw[name]), (raw[name] <= 0) | (raw[name] >= NO_ASK))

    return pl.DataFrame(
        {
            "time": _time(raw["ts"]),
            "mid": _unless(units.half_price(raw["mid2"]), unknown),
            "position": units.size(raw["position"]),
            "cash": units.money(raw["cash"]),
            "equity": units.equity(raw),
            "fees": units.money(raw["fees"]),
            "funding": units.money(raw["funding"]),
            "mark": _unless(units.price(raw["mark"]), raw["mark"] <= 0),
            **{
                name: _unless(units.money(raw[column]), no_margin)
                for name, column in (
                    ("value", "value"),
                    ("margin_used", "margin_used"),
                    ("maintenance", "maintenance"),
                    ("withdrawable", "margin_available"),
                )
            },
            "requests_used": _unless(raw["requests_used"], no_budget),
            "requests_allowed": _unless(raw["requests_cap"], no_budget),
            "fills": raw["fills"],
            **{name: price(name) for name in ("own_bid", "own_ask", "best_bid", "best_ask")},
            **{
                f"{name}_s": _times(raw[f"{name}_ns"], _NS)
                for name in ("quoted_bid", "quoted_ask", "touch_bid", "touch_ask")
            },
        }
    )


def beliefs(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a sample of what the maker believed; null where it did not know."""
    columns = {
        "time": _time(raw["ts"]),
        "mid": _unless(units.price(raw["mid"]), raw["mid"] <= 0),
    }
    for name in ("sigma", "kappa", "arrival"):
        unknown = ~((raw[name] > 0) & (raw[f"{name}_sd"] > 0))
        columns[name] = _unless(raw[name], unknown)
        columns[f"{name}_sd"] = _unless(raw[f"{name}_sd"], unknown)
    columns["position"] = units.size(raw["position"])
    columns["intents"] = raw["intents"]
    return pl.DataFrame(columns)


def estimates(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row an interval of all beliefs, in their own units; null where no data spoke yet.

    Prices (`microprice`, `fair_price`) are in quote currency. Columns of a belief ``x`` are ``x``,
    ``x_sd``, ``x_low``, ``x_high`` and ``x_age_s``.
    """
    columns = {"time": _time(raw["now_ns"])}
    for belief in BELIEFS.values():
        age = f"{belief.name}_age_ns"
        if age not in raw.columns:
            continue
        unknown = raw[age] < 0
        for name in belief.fields[:-1]:
            value = units.price(raw[name]) if belief.price_power == 1.0 else raw[name]
            columns[name] = _unless(value, unknown)
        columns[f"{belief.name}_age_s"] = _unless(raw[age] / 1e9, unknown)
    return pl.DataFrame(columns)


def mids(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a change of the mid at the exchange."""
    mid = _unless(units.half_price(raw["mid2"]), raw["mid2"] <= 0)
    return pl.DataFrame({"time": _time(raw["ts"]), "mid": mid})


def funding(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a funding payment; `rate` is a fraction of the notional."""
    return pl.DataFrame(
        {
            "time": _time(raw["ts"]),
            "position": units.size(raw["position"]),
            "price": units.price(raw["px"]),
            "rate": _times(raw["rate_e12"], Fraction(1, FUNDING_SCALE)),
            "paid": units.money(raw["payment"]),
        }
    )


def predictions(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a print that reached the level of an own order, with its probability to fill it."""
    return pl.DataFrame(
        {
            "time": _time(raw["ts"]),
            "order_id": raw["id"],
            "probability": raw["probability"],
            "filled": raw["filled"] != 0,
            "ahead": units.size(raw["ahead"]),
            "ahead_mean": units.size(raw["ahead_mean"]),
        }
    )


def memory(raw: pl.DataFrame, units: Units) -> pl.DataFrame:
    """One row a sample of what the strategy records, in the strategy's own units."""
    return raw.select(pl.Series("time", _time(raw["ts"])), pl.exclude("ts"))


#: Table of a run folder -> how its frame is made.
FRAMES: dict[str, Frame] = {
    "fills": fills,
    "orders": orders,
    "intents": intents,
    "equity": equity,
    "beliefs": beliefs,
    "estimates": estimates,
    "mids": mids,
    "memory": memory,
    "funding": funding,
    "predictions": predictions,
}
#: Tables that a run may not have: their columns as they are stored.
PERHAPS = {
    "funding": FundingRow,
    "predictions": PredictionRow,
    "estimates": np.dtype([("now_ns", "i8")]),
}


def _times(values: pl.Series, unit: Fraction) -> pl.Series:
    """Return values times a unit: multiplied and then divided, so that decimals come out right."""
    numbers = values.to_numpy() * np.float64(unit.numerator) / np.float64(unit.denominator)
    return pl.Series(values.name, numbers, dtype=pl.Float64)


def _unless(values: pl.Series, unknown: pl.Series) -> pl.Series:
    return values.set(unknown, None)


def _time(ns: pl.Series) -> pl.Series:
    """Return ns since 1970 as times; what never happened as null."""
    return _unless(ns, (ns == 0) | (ns >= NEVER)).cast(TIME)


def _side(sign: pl.Series) -> pl.Series:
    names = {1: "buy", -1: "sell"}
    return sign.replace_strict(names, default=None, return_dtype=SIDE)


def _words(codes: pl.Series, kind: pl.Enum) -> pl.Series:
    """Return codes as their names; -1 as null."""
    names: dict[int, str | None] = dict(enumerate(kind.categories))
    return codes.replace_strict({**names, -1: None}, return_dtype=kind)


def _has(marks: pl.Series, bit: int) -> pl.Series:
    return pl.Series((marks.to_numpy() & bit) != 0)
