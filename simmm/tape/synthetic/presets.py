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

_FEED = {"feed_base_s": 0.221, "feed_median_s": 0.14, "feed_sigma": 0.85, "feed_memory_s": 0.6}
_HL_BTC: dict[str, Any] = {
    "price": "110000",
    "market": _BTC,
    "touch": {
        "limit": 6.5,
        "refill": 3.5,
        "cancel": 0.42,
        "order_lots": 72_000.0,
        "fresh_lots": 30_000.0,
        "presence": 0.8,
    },
    "inner": {
        "limit": 0.3,
        "refill": 1.5,
        "cancel": 0.5,
        "order_lots": 100_000.0,
        "fresh_lots": 40_000.0,
        "presence": 0.97,
    },
    "deep": {
        "limit": 0.25,
        "refill": 2.0,
        "cancel": 0.3,
        "order_lots": 80_000.0,
        "fresh_lots": 80_000.0,
        "presence": 0.98,
    },
    "inner_levels": 4,
    "follow": 0.1,
    "news": 0.27,
    "news_steps": 7.0,
    "vacant": 0.5,
    "picked": 0.5,
    "stale_lots": 14_000.0,
    "aggressors": 0.37,
    "thin_boost": 2.0,
    "size_median_lots": 260.0,
    "size_sigma": 2.6,
    "size_cap_lots": 1_000_000.0,
    "split": 0.43,
    "open_interest_lots": 3_000_000_000,
    **_FEED,
}

_HL_WLFI: dict[str, Any] = {
    "price": "0.186",
    "market": _WLFI,
    "touch": {
        "limit": 1.2,
        "refill": 0.78,
        "cancel": 2.0,
        "order_lots": 31_000.0,
        "fresh_lots": 30_000.0,
        "presence": 0.2,
    },
    "inner": {
        "limit": 0.3,
        "refill": 0.25,
        "cancel": 2.2,
        "order_lots": 27_000.0,
        "fresh_lots": 30_000.0,
        "presence": 0.1,
    },
    "deep": {
        "limit": 0.5,
        "refill": 0.6,
        "cancel": 0.5,
        "order_lots": 30_000.0,
        "fresh_lots": 40_000.0,
        "presence": 0.7,
    },
    "inner_levels": 8,
    "follow": 0.0,
    "news": 0.38,
    "news_steps": 9.5,
    "vacant": 0.95,
    "picked": 0.15,
    "stale_lots": 14_000.0,
    "aggressors": 0.215,
    "thin_boost": 0.1,
    "size_median_lots": 2_700.0,
    "size_sigma": 1.0,
    "size_cap_lots": 150_000.0,
    "split": 0.27,
    "open_interest_lots": 400_000_000,
    **_FEED,
}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "poisson": {},
    "queue_reactive": {"hl_btc": _HL_BTC, "hl_wlfi": _HL_WLFI},
    "hawkes": {},
    "order_queue": {},
    "cascade": {
        "hl_btc": {**_HL_BTC, "forced_median_lots": 100_000.0, "feedback": 0.3},
        "hl_wlfi": {
            **_HL_WLFI,
            "forced_median_lots": 20_000.0,
            "feedback": 0.03,
            "trigger_steps": 60,
        },
    },
}
