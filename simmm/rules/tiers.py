"""Margin tiers: checks, and the deductions that make maintenance margin continuous.

In tier n maintenance is notional / (2 L_n) - deduction_n, with L the tier's largest leverage and

    deduction_n = deduction_(n-1) + low_n (1 / (2 L_n) - 1 / (2 L_(n-1))),  deduction_0 = 0.

Kept is D_n = 2 L_n deduction_n, the notional on which nothing is due at the tier's rate, since
that is whole where the deduction itself isn't: 40,000,000 for ETH above 100,000,000, where the
deduction is 1,333,333.333... Maintenance then is (notional - D_n) // (2 L_n).

Source: Hyperliquid, margin tiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import msgspec

from simmm.errors import ScenarioError
from simmm.records import TIERS


class MarginTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which notional, in quote currency, which leverage is the largest.

    `to` may be given too, and then must be where the next tier begins.
    """

    low: int = msgspec.field(name="from")
    leverage: int
    to: int | None = None


def check_tiers(where: str, tiers: Sequence[MarginTier]) -> None:
    """Refuse a table that has no or too many tiers, gaps, overlaps, or rising leverage.

    Raises
    ------
    ScenarioError
        The message begins with `where`.
    """
    where = f"{where}: tiers"
    if not 1 <= len(tiers) <= TIERS:
        raise ScenarioError(f"{where}: {len(tiers)} given, there must be 1 to {TIERS}")
    if tiers[0].low != 0:
        raise ScenarioError(f"{where}: the first begins at {tiers[0].low:,}, it must begin at 0")
    for tier in tiers:
        if not 1 <= tier.leverage <= 1000:
            raise ScenarioError(f"{where}: a leverage of {tier.leverage} must lie in 1..1000")
    for lower, higher in pairwise(tiers):
        if higher.low <= lower.low:
            raise ScenarioError(
                f"{where}: `from: {higher.low}` must be above the {lower.low} before it"
            )
        if lower.to is not None and lower.to != higher.low:
            raise ScenarioError(
                f"{where}: one ends at {lower.to:,}, the next begins at {higher.low:,}: "
                "they must connect"
            )
        if higher.leverage >= lower.leverage:
            raise ScenarioError(
                f"{where}: leverage {higher.leverage} from {higher.low:,} must be below the "
                f"{lower.leverage} of the tier before"
            )
    if tiers[-1].to is not None:
        raise ScenarioError(f"{where}: the last ends at {tiers[-1].to:,}, it must have no end")


def deductions(where: str, tiers: Sequence[MarginTier], money: int) -> list[int]:
    """Return D of each tier, money quanta.

    Parameters
    ----------
    where
        Begins the message of an error.
    tiers
        As checked by `check_tiers`.
    money
        Money quanta per 1.0 of quote currency.

    Raises
    ------
    ScenarioError
        Where one is no whole number of money quanta.

    >>> table = [MarginTier(low=0, leverage=25), MarginTier(low=100, leverage=15)]
    >>> deductions("ETH", table, 1)
    [0, 40]
    """
    exact = [Fraction(0)]
    for lower, higher in pairwise(tiers):
        kept = Fraction(higher.leverage, lower.leverage)
        exact.append(exact[-1] * kept + higher.low * money * (1 - kept))
    for tier, value in zip(tiers, exact, strict=True):
        if value.denominator != 1:
            raise ScenarioError(
                f"{where}: tiers: the deduction from {tier.low:,} is no whole number of money "
                f"quanta ({float(value / money):,.6f})"
            )
    return [int(value) for value in exact]
