"""Value, margin and the open position's entry, in integers.

All money is in money quanta, prices in quanta, sizes in lots. Products are safe for notionals
below 9e18 money quanta (9e12 USDC at 1e-6).

Source: Hyperliquid, margining, margin tiers and entry price; the rounding follows recorded
account states (2026-02) and 347 recorded fills (2026).
"""

from typing import Any

from simmm.jit import kernel

UNMODELLED, CROSS, ISOLATED = range(3)  # Account.margin

_MILLION = 1_000_000
_PLAIN = 3_037_000_499  # the square of this fits 63 bits, that of the next doesn't


# ------------------------------------------------------------------------------ exact products


@kernel
def share(total: int, part: int, whole: int) -> int:
    """Return floor(total * part / whole) exactly, for 0 <= part <= whole, whole below 2**61.

    `total` may be any int64; a part of nothing (whole 0) is 0.
    """
    if whole <= 0:
        return 0
    quotient = total // whole
    rest = total - quotient * whole
    if whole <= _PLAIN:
        return quotient * part + rest * part // whole
    # rest * part // whole by long division, bit after bit of `part` from the highest
    small, carried = 0, 0
    for bit in range(61, -1, -1):
        small += small
        carried += carried
        if (part >> bit) & 1:
            carried += rest
        while carried >= whole:
            carried -= whole
            small += 1
    return quotient * part + small


@kernel
def funding_payment(position: int, px: int, money_scale: int, rate_e12: int) -> int:
    """Return what a position pays at one funding, money quanta, truncated toward zero.

    Parameters
    ----------
    position
        Lots, signed: a long pays where the rate is positive.
    px
        Oracle price, quanta.
    money_scale
        Money quanta per quantum x lot.
    rate_e12
        Rate of this payment, 1e-12; below 1e13 in size.
    """
    amount = abs(position) * px * money_scale
    rate = abs(rate_e12)
    # amount * rate / 1e12 passes 63 bits: both in halves of six digits, which is exact
    high, low = amount // _MILLION, amount % _MILLION
    rate_high, rate_low = rate // _MILLION, rate % _MILLION
    middle = high * rate_low + low * rate_high + low * rate_low // _MILLION
    paid = high * rate_high + middle // _MILLION
    return paid if (position >= 0) == (rate_e12 >= 0) else -paid


# ------------------------------------------------------------------------------ value and margin


@kernel
def notional(account: Any, market: Any) -> int:
    """Return the size of the open position at the mark, money quanta, >= 0."""
    return abs(account.position) * account.mark * market.money_scale


@kernel
def value(account: Any, market: Any) -> int:
    """Return the account's value at the mark: deposit, cash and position, money quanta."""
    return account.deposit + account.cash + account.position * account.mark * market.money_scale


@kernel
def initial(account: Any, market: Any) -> int:
    """Return the initial margin of the open position at the account's leverage, money quanta."""
    return notional(account, market) // max(account.leverage, 1)


@kernel
def tier_of(market: Any, amount: int) -> int:
    """Return the margin tier of a notional in money quanta; a border belongs to the higher tier."""
    tier = 0
    while tier + 1 < market.n_tiers and market.tier_low[tier + 1] <= amount:
        tier += 1
    return tier


@kernel
def leverage_limit(market: Any, amount: int) -> int:
    """Return the largest leverage allowed at a notional in money quanta."""
    return market.tier_leverage[tier_of(market, amount)]


@kernel
def maintenance_of(market: Any, amount: int) -> int:
    """Return the maintenance margin of a notional, both in money quanta, without its fraction.

    The rate of a tier is 1 / (2 x its largest leverage). `tier_deduction` is the notional on which
    nothing is due at that rate, so that the margin has no jump where a tier begins
    (`simmm.rules.tiers`).
    """
    if market.n_tiers <= 0:
        return 0
    tier = tier_of(market, amount)
    return (amount - market.tier_deduction[tier]) // (2 * max(market.tier_leverage[tier], 1))


@kernel
def maintenance(account: Any, market: Any) -> int:
    """Return the maintenance margin of the open position at the mark, money quanta."""
    return maintenance_of(market, notional(account, market))


@kernel
def unrealised(account: Any, market: Any) -> int:
    """Return the open position's profit at the mark against its entry, money quanta."""
    worth = account.position * account.mark * market.money_scale
    if account.position >= 0:
        return worth - account.entry_cost
    return worth + account.entry_cost


@kernel
def isolated_value(account: Any, market: Any) -> int:
    """Return what belongs to an isolated position: what was set aside and its profit."""
    return account.isolated + unrealised(account, market)


@kernel
def free(account: Any, market: Any) -> int:
    """Return what does not belong to an isolated position, money quanta."""
    return value(account, market) - isolated_value(account, market)


@kernel
def withdrawable(account: Any, market: Any) -> int:
    """Return what could be taken out, money quanta, >= 0.

    Cross: the value less the larger of initial margin and a tenth of the notional. Isolated: what
    is free.
    """
    if account.margin == ISOLATED:
        return max(free(account, market), 0)
    amount = notional(account, market)
    return max(value(account, market) - max(initial(account, market), amount // 10), 0)


@kernel
def at_stake(account: Any, market: Any) -> int:
    """Return what is held against maintenance: the value, or the isolated position's."""
    if account.margin == ISOLATED:
        return isolated_value(account, market)
    return value(account, market)


@kernel
def liquidatable(account: Any, market: Any) -> bool:
    """Return whether what backs the open position is less than its maintenance margin."""
    if account.margin == UNMODELLED or account.position == 0 or account.mark <= 0:
        return False
    return at_stake(account, market) < maintenance(account, market)


@kernel
def backstop_due(account: Any, market: Any) -> bool:
    """Return whether a liquidatable account is below two thirds of its maintenance margin."""
    if account.position == 0 or account.mark <= 0:
        return False
    return at_stake(account, market) < maintenance(account, market) * 2 // 3


@kernel
def worst_exposure(position: int, open_buys: int, open_sells: int) -> int:
    """Return the largest position in lots, >= 0, if the orders of one side fill; all in lots."""
    return max(abs(position + open_buys), abs(position - open_sells))


@kernel
def margin_of(account: Any, market: Any, lots: int) -> int:
    """Return the initial margin of `lots` >= 0 at the mark and the account's leverage."""
    return lots * account.mark * market.money_scale // max(account.leverage, 1)


@kernel
def affords(account: Any, market: Any, lots: int) -> bool:
    """Return whether the account could hold `lots` >= 0 at the mark (its worst exposure).

    Cross: their initial margin is at most the value. Isolated: that of what exceeds the position
    is at most what is free. What is no larger than the position is always afforded.
    """
    held = abs(account.position)
    if account.margin == UNMODELLED or lots <= held:
        return True
    if account.margin == ISOLATED:
        return margin_of(account, market, lots - held) <= free(account, market)
    return margin_of(account, market, lots) <= value(account, market)


@kernel
def refresh(account: Any, market: Any) -> None:
    """Write `margin_used`, `margin_available` and `maintenance`, money quanta.

    Used is the initial margin (cross) or what belongs to the position (isolated), available is
    what is withdrawable.
    """
    if account.margin == UNMODELLED:
        return
    account.margin_available = withdrawable(account, market)
    account.maintenance = maintenance(account, market)
    if account.margin == ISOLATED:
        account.margin_used = isolated_value(account, market)
    else:
        account.margin_used = initial(account, market)


# ------------------------------------------------------------------------------ the position


@kernel
def entry_px(account: Any, market: Any) -> int:
    """Return the entry price as the venue shows it, quanta (its finest price), truncated."""
    held = abs(account.position)
    if held == 0:
        return 0
    return account.entry_cost // held // max(market.money_scale, 1)


@kernel
def close_position(account: Any, market: Any, px: int, lots: int) -> None:
    """Take `lots`, at most the whole position, off it at `px` quanta."""
    held = abs(account.position)
    side = 1 if account.position > 0 else -1
    account.closed_pnl += side * (px - entry_px(account, market)) * lots * market.money_scale
    # What is left of the cost is rounded down, which keeps the truncated entry price as it is.
    account.entry_cost = share(account.entry_cost, held - lots, held)
    account.isolated -= share(account.isolated, lots, held)
    account.position -= side * lots


@kernel
def book_position(account: Any, market: Any, side: int, px: int, lots: int) -> None:
    """Change position, entry cost, closed P&L and isolated margin by a fill; no cash.

    A fill of the other side closes first; what is left of it opens. Closed P&L is a label: it
    uses the entry price truncated to a quantum and leaves out fees and funding.

    Parameters
    ----------
    side
        +1 bought, -1 sold.
    px
        Quanta.
    lots
        Size of the fill, >= 0.

    Notes
    -----
    347 of 347 recorded closed P&Ls come out; with the entry in full precision 316, rounded to the
    nearest quantum 337.
    """
    opening = lots
    if account.position * side < 0:
        closing = min(lots, abs(account.position))
        close_position(account, market, px, closing)
        opening -= closing
    if opening > 0:
        cost = px * opening * market.money_scale
        account.position += side * opening
        account.entry_cost += cost
        if account.margin == ISOLATED:
            account.isolated += cost // max(account.leverage, 1)
