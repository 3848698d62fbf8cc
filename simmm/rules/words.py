"""What Hyperliquid itself says where the simulated exchange has a reason code.

Clients match on the beginning of these texts, so they stand here letter by letter. Where the
venue has no text of its own, the simulator's words are used (`simmm.records.REASON_NAMES`).

Source: Hyperliquid, error responses; replies recorded in 2026.
"""

from __future__ import annotations

from decimal import Decimal

from simmm.records import (
    ACTION_EXPIRED,
    BAD_LEVERAGE,
    BAD_SIZE,
    BAD_STEP,
    LEVERAGE_SWITCH,
    LIQUIDATED,
    MARGIN,
    MAX_POSITION,
    MIN_NOTIONAL,
    NO_LIQUIDITY,
    NOT_ISOLATED,
    OUT_OF_REQUESTS,
    PRICE_BAND,
    REASON_NAMES,
    REDUCE_ONLY,
    SCHEDULE_VOLUME,
    SCHEDULED,
    SELF_TRADE,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    WOULD_CROSS,
)

#: Texts about one order or cancel: `` asset=N`` follows where the asset is given.
_ABOUT_ORDERS = {
    BAD_STEP: "Price must be divisible by tick size.",
    BAD_SIZE: "Order has invalid size.",
    MIN_NOTIONAL: "Order must have minimum value of ${least}.",
    WOULD_CROSS: "Post only order would have immediately matched, bbo was {bid}@{ask}.",
    UNKNOWN_ORDER: "Order was never placed, already canceled, or filled.",
    NO_LIQUIDITY: "Order could not immediately match against any resting orders.",
    REDUCE_ONLY: "Reduce only order would increase position.",
    MARGIN: "Insufficient margin to place order.",
    MAX_POSITION: ("Order would cause position to exceed margin tier limit at current leverage"),
    TOO_MANY_ORDERS: "Too many open orders",
}
#: Texts about a whole action.
_ABOUT_ACTIONS = {
    PRICE_BAND: "Order price cannot be more than {band}% away from the reference price",
    ACTION_EXPIRED: "Action already expired",
    OUT_OF_REQUESTS: (
        "Too many cumulative requests sent ({used} > {limit}) for cumulative volume traded "
        "${traded}. Place taker orders to free up 1 request per USDC traded."
    ),
    SCHEDULE_VOLUME: (
        "Cannot set scheduled cancel time until enough volume traded. "
        "Required: ${required}. Traded: ${traded}."
    ),
    BAD_LEVERAGE: "Invalid leverage value",
    LEVERAGE_SWITCH: "Cannot switch leverage type with open position.",
    NOT_ISOLATED: "Position does not use isolated margin.",
}
_ZERO_SIZE = "Order has zero size."
_MODIFY_UNKNOWN = "Cannot modify canceled or filled order"
_MODIFY_LOST = "Error placing new order during modify: "

_REJECTED = {
    BAD_STEP: "tickRejected",
    MIN_NOTIONAL: "minTradeNtlRejected",
    WOULD_CROSS: "badAloPxRejected",
    NO_LIQUIDITY: "iocCancelRejected",
    REDUCE_ONLY: "reduceOnlyRejected",
    MARGIN: "perpMarginRejected",
    MAX_POSITION: "perpMaxPositionRejected",
    PRICE_BAND: "oracleRejected",
    TOO_MANY_ORDERS: "tooManyOpenOrdersRejected",
}
_CANCELLED = {
    MARGIN: "marginCanceled",
    REDUCE_ONLY: "reduceOnlyCanceled",
    SELF_TRADE: "selfTradeCanceled",
    SCHEDULED: "scheduledCancel",
    LIQUIDATED: "liquidatedCanceled",
}


def words(
    reason: int,
    *,
    asset: int | None = None,
    bid: str = "",
    ask: str = "",
    least: int | str = 10,
    band: int | str = 95,
    used: int = 0,
    limit: int = 0,
    traded: float | str | Decimal = 0,
    required: int | str = 1_000_000,
    zero_size: bool = False,
    modify: bool = False,
    order_gone: bool = False,
) -> str:
    """Return the venue's own text for a reason code.

    Parameters
    ----------
    reason
        A reason code of `simmm.records`.
    asset
        The venue's index of the market; texts about an order then end in `` asset=N``.
    bid, ask
        Best prices at that moment, as the venue writes them (``WOULD_CROSS``).
    least, band, required
        Minimum notional, price band in per cent, volume that scheduled cancels need.
    used, limit
        Requests counted and earned (``OUT_OF_REQUESTS``).
    traded
        Volume traded so far, in USDC.
    zero_size
        The size was zero (``BAD_SIZE``).
    modify, order_gone
        The request was a modify, and whether it already lost the old order.

    >>> words(WOULD_CROSS, bid="64641.0", ask="64642.0", asset=0)
    'Post only order would have immediately matched, bbo was 64641.0@64642.0. asset=0'
    """
    if not 0 <= reason < len(REASON_NAMES):
        raise ValueError(f"{reason} is no reason code")
    figures = {
        "bid": bid,
        "ask": ask,
        "least": least,
        "band": band,
        "used": used,
        "limit": limit,
        "traded": traded,
        "required": required,
    }
    if modify and reason == UNKNOWN_ORDER:
        return _MODIFY_UNKNOWN
    if reason == BAD_SIZE and zero_size:
        text = _ZERO_SIZE
    elif reason in _ABOUT_ACTIONS:
        text = _ABOUT_ACTIONS[reason].format(**figures)
        asset = None
    elif reason in _ABOUT_ORDERS:
        text = _ABOUT_ORDERS[reason].format(**figures)
    else:
        text = REASON_NAMES[reason].capitalize() + "."
    if asset is not None:
        text += f" asset={asset}"
    return _MODIFY_LOST + text if order_gone else text


def rejected_status(reason: int) -> str:
    """Return the status of an order refused at entry, ``rejected`` where the venue has no other.

    >>> rejected_status(WOULD_CROSS)
    'badAloPxRejected'
    """
    return _REJECTED.get(reason, "rejected")


def cancelled_status(reason: int) -> str:
    """Return the status of a resting order that was cancelled, ``canceled`` if by its owner.

    >>> cancelled_status(SELF_TRADE), cancelled_status(0)
    ('selfTradeCanceled', 'canceled')
    """
    return _CANCELLED.get(reason, "canceled")
