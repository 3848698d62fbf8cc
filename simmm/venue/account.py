"""The account of the simulated exchange: position, cash and fees in integers.

Funding and margin are fields of the record from the start; they are unmodelled and stay zero.
"""

from typing import Any

from simmm.jit import kernel
from simmm.math import mul_div_floor


@kernel
def fee_of(notional: int, rate_e9: int) -> int:
    """Return the fee on a notional, both in money quanta, truncated toward zero.

    A negative rate is a rebate. Source: Hyperliquid truncates fees toward zero.
    """
    if rate_e9 < 0:
        return -mul_div_floor(notional, -rate_e9, 1_000_000_000)
    return mul_div_floor(notional, rate_e9, 1_000_000_000)


@kernel
def book_fill(account: Any, market: Any, side: int, px: int, lots: int, is_taker: bool) -> int:
    """Book a fill of `lots` at `px` quanta; return the fee in money quanta."""
    notional = px * lots * market.money_scale
    fee = fee_of(notional, market.taker_fee_e9 if is_taker else market.maker_fee_e9)
    account.position += side * lots
    account.cash -= side * notional + fee
    account.fees += fee
    if is_taker:
        account.taker_volume += lots
    else:
        account.maker_volume += lots
    return fee
