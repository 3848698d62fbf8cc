"""The account of the simulated exchange: what a fill does to position, cash and fees.

All of it is integers, but for the fee's own product where a venue computes it with doubles.
"""

from typing import Any

from simmm.jit import kernel
from simmm.math import mul_div_floor
from simmm.records import BACKSTOP, TAKER
from simmm.venue.fees import fee_product
from simmm.venue.margin import book_position


@kernel
def fee_of(notional: int, rate_e9: int) -> int:
    """Return the fee on a notional, both in money quanta, truncated toward zero.

    A negative rate is a rebate.
    """
    if rate_e9 < 0:
        return -mul_div_floor(notional, -rate_e9, 1_000_000_000)
    return mul_div_floor(notional, rate_e9, 1_000_000_000)


@kernel
def book_fill(account: Any, market: Any, side: int, px: int, lots: int, flags: int) -> int:
    """Book a fill of `lots` at `px` quanta; return the fee in money quanta."""
    notional = px * lots * market.money_scale
    is_taker = flags & TAKER != 0
    fee = 0
    if flags & BACKSTOP:
        fee = 0
    elif market.double_fee:
        fee = fee_product(notional, market.taker_rate if is_taker else market.maker_rate)
    else:
        fee = fee_of(notional, market.taker_fee_e9 if is_taker else market.maker_fee_e9)
    book_position(account, market, side, px, lots)
    account.cash -= side * notional + fee
    account.fees += fee
    if is_taker:
        account.taker_volume += lots
        account.taker_money += notional
    else:
        account.maker_volume += lots
        account.maker_money += notional
    return fee
