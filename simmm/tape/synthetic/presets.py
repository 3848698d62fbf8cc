"""Parameters named after the market they resemble."""

from typing import Any

#: What Hyperliquid publishes of the two markets; fees of the lowest tier.
_FEES = {"min_notional": "10", "maker_fee": "0.00015", "taker_fee": "0.00045"}
_BTC = {
    "symbol": "BTC",
    "venue": "hyperliquid",
    "quote": "USDC",
    "price_quantum": "0.1",
    "lot_size": "0.00001",
    "significant_figures": 5,
    **_FEES,
}
_WLFI = {
    "symbol": "WLFI",
    "venue": "hyperliquid",
    "quote": "USDC",
    "price_quantum": "0.000001",
    "lot_size": "1",
    "significant_figures": 5,
    **_FEES,
}

_HL_BTC: dict[str, Any] = {
    "price": "110000",
    "market": _BTC,
    "touch": {
        "limit": 6.0, "refill": 25.0, "cancel": 0.3, "order_lots": 45_000.0,
        "fresh_lots": 60_000.0, "presence": 0.95,
    },
    "inner": {
        "limit": 0.7, "refill": 3.0, "cancel": 0.35, "order_lots": 80_000.0,
        "fresh_lots": 80_000.0, "presence": 0.97,
    },
    "deep": {
        "limit": 0.4, "refill": 2.0, "cancel": 0.2, "order_lots": 80_000.0,
        "fresh_lots": 100_000.0, "presence": 0.98,
    },
    "inner_levels": 4,
    "follow": 0.3,
    "news": 0.3,
    "news_steps": 4.0,
    "aggressors": 0.5,
    "thin_boost": 2.0,
    "size_median_lots": 450.0,
    "size_sigma": 2.8,
    "size_cap_lots": 1_000_000.0,
    "split": 0.6,
    "open_interest_lots": 3_000_000_000,
}

_HL_WLFI: dict[str, Any] = {
    "price": "0.186",
    "market": _WLFI,
    "touch": {
        "limit": 0.5, "refill": 0.9, "cancel": 1.0, "order_lots": 30_000.0,
        "fresh_lots": 30_000.0, "presence": 0.45,
    },
    "inner": {
        "limit": 0.2, "refill": 0.2, "cancel": 1.0, "order_lots": 30_000.0,
        "fresh_lots": 30_000.0, "presence": 0.2,
    },
    "deep": {
        "limit": 0.2, "refill": 0.5, "cancel": 0.3, "order_lots": 30_000.0,
        "fresh_lots": 40_000.0, "presence": 0.7,
    },
    "inner_levels": 5,
    "follow": 0.0,
    "news": 0.6,
    "news_steps": 5.0,
    "aggressors": 0.22,
    "thin_boost": 0.5,
    "size_median_lots": 3_200.0,
    "size_sigma": 1.73,
    "size_cap_lots": 150_000.0,
    "split": 0.5,
    "open_interest_lots": 400_000_000,
}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "poisson": {},
    "queue_reactive": {"hl_btc": _HL_BTC, "hl_wlfi": _HL_WLFI},
    "cascade": {
        "hl_btc": {**_HL_BTC, "forced_median_lots": 100_000.0},
        "hl_wlfi": {**_HL_WLFI, "forced_median_lots": 20_000.0, "trigger_steps": 60},
    },
}
