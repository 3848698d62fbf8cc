"""The fee as Hyperliquid computes it: one product of doubles, the documented float step.

Every other venue's fee is exact in integers (`fee_of` in simmm/venue/account.py).
"""

from typing import Any

from simmm.jit import kernel


@kernel
def fee_product(notional: int, rate: float) -> int:
    """Return the fee on a notional, both in money quanta, as the venue's own product gives it.

    Parameters
    ----------
    notional
        Money quanta (1e-6 USDC), at least 0 and below 2**62.
    rate
        Fraction of the notional as a double, discounts multiplied in (`simmm.rules.fees`); a
        rebate is negative.

    Notes
    -----
    The product of USDC and rate, then truncated toward zero to six decimals. Found on 347 recorded
    fills of one account (2026): all come out with a discounted rate that is a product itself,
    0.00015 x 0.96, a little below the double nearest 0.000144; with that double two fills are one
    quantum too high (63250 x 0.0005 and 0.1 x 120). Which way a rebate is truncated no recorded
    fill shows.

    >>> fee_product(31_625_000, 0.00015 * 0.96), fee_product(31_625_000, 0.000144)
    (4553, 4554)
    """
    return int(float(notional) / 1e6 * rate * 1e6)


@kernel
def set_fee_tier(account: Any, market: Any) -> None:
    """Set the rates of the tier that the volume has reached; the venue looks at midnight, UTC.

    Volume is that before the run and all of the run: the older part isn't left behind.
    """
    volume = account.volume_before + account.maker_money + account.taker_money
    for tier in range(market.n_fee_tiers):
        if volume > market.fee_above[tier] or tier == 0:
            market.maker_rate = market.fee_maker[tier]
            market.taker_rate = market.fee_taker[tier]
