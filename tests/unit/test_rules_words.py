"""The venue's own words and order statuses, letter by letter."""

from __future__ import annotations

import pytest

from simmm import records
from simmm.rules.words import cancelled_status, rejected_status, words


@pytest.mark.parametrize(
    ("reason", "details", "text"),
    [
        (records.BAD_STEP, {"asset": 0}, "Price must be divisible by tick size. asset=0"),
        (records.MIN_NOTIONAL, {"asset": 1}, "Order must have minimum value of $10. asset=1"),
        (records.MARGIN, {}, "Insufficient margin to place order."),
        (records.REDUCE_ONLY, {}, "Reduce only order would increase position."),
        (
            records.WOULD_CROSS,
            {"bid": "2079.9", "ask": "2080.0", "asset": 1},
            "Post only order would have immediately matched, bbo was 2079.9@2080.0. asset=1",
        ),
        (
            records.NO_LIQUIDITY,
            {"asset": 5},
            "Order could not immediately match against any resting orders. asset=5",
        ),
        (records.BAD_SIZE, {}, "Order has invalid size."),
        (records.BAD_SIZE, {"zero_size": True}, "Order has zero size."),
        (
            records.PRICE_BAND,
            {"asset": 3},  # this one never names the asset
            "Order price cannot be more than 95% away from the reference price",
        ),
        (
            records.MAX_POSITION,
            {},
            "Order would cause position to exceed margin tier limit at current leverage",
        ),
        (
            records.UNKNOWN_ORDER,
            {"asset": 0},
            "Order was never placed, already canceled, or filled. asset=0",
        ),
        (records.UNKNOWN_ORDER, {"modify": True}, "Cannot modify canceled or filled order"),
        (
            records.WOULD_CROSS,
            {"bid": "1.0", "ask": "1.1", "order_gone": True},
            "Error placing new order during modify: Post only order would have immediately "
            "matched, bbo was 1.0@1.1.",
        ),
        (records.ACTION_EXPIRED, {}, "Action already expired"),
        (
            records.OUT_OF_REQUESTS,
            {"used": 10_003, "limit": 10_002, "traded": "2.12"},
            "Too many cumulative requests sent (10003 > 10002) for cumulative volume traded "
            "$2.12. Place taker orders to free up 1 request per USDC traded.",
        ),
        (
            records.SCHEDULE_VOLUME,
            {"traded": "12066.75"},
            "Cannot set scheduled cancel time until enough volume traded. "
            "Required: $1000000. Traded: $12066.75.",
        ),
        (records.BAD_LEVERAGE, {}, "Invalid leverage value"),
        (records.LEVERAGE_SWITCH, {}, "Cannot switch leverage type with open position."),
        (records.NOT_ISOLATED, {}, "Position does not use isolated margin."),
    ],
)
def test_texts(reason: int, details: dict[str, object], text: str) -> None:
    assert words(reason, **details) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", range(len(records.REASON_NAMES)))
def test_every_reason_has_words_without_a_gap(reason: int) -> None:
    text = words(reason, asset=2)
    assert text
    assert "{" not in text


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match="99 is no reason code"):
        words(99)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (records.WOULD_CROSS, "badAloPxRejected"),
        (records.MIN_NOTIONAL, "minTradeNtlRejected"),
        (records.MARGIN, "perpMarginRejected"),
        (records.NO_LIQUIDITY, "iocCancelRejected"),
        (records.REDUCE_ONLY, "reduceOnlyRejected"),
        (records.BAD_STEP, "tickRejected"),
        (records.BAD_SIZE, "rejected"),
    ],
)
def test_statuses_of_refused_orders(reason: int, status: str) -> None:
    assert rejected_status(reason) == status


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (records.NO_REASON, "canceled"),
        (records.SELF_TRADE, "selfTradeCanceled"),
        (records.REDUCE_ONLY, "reduceOnlyCanceled"),
        (records.MARGIN, "marginCanceled"),
        (records.SCHEDULED, "scheduledCancel"),
        (records.LIQUIDATED, "liquidatedCanceled"),
    ],
)
def test_statuses_of_cancelled_orders(reason: int, status: str) -> None:
    assert cancelled_status(reason) == status
