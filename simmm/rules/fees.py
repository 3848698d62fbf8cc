"""A venue's fee schedule, and the rates that an account pays under it.

Source: Hyperliquid, fees; the order of the products follows 347 recorded fills (2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from simmm.errors import ScenarioError


class FeeTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates, as fractions of notional, above a volume of the last 14 days in quote currency."""

    above: float
    taker: float
    maker: float


class RebateTier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The maker's rate above a share of all makers' volume of the last 14 days."""

    above: float
    maker: float


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fees by volume and maker share, and the discounts there are.

    `referral_discount` and `staking_discounts` are fractions of the fee; which of them an account
    has is for the account to say.
    """

    tiers: tuple[FeeTier, ...]
    rebates: tuple[RebateTier, ...] = ()
    referral_discount: float = 0.0
    staking_discounts: tuple[float, ...] = ()

    def rates(
        self,
        volume_14d: float = 0.0,
        maker_share: float = 0.0,
        referral_discount: float = 0.0,
        staking_discount: float = 0.0,
    ) -> tuple[float, float]:
        """Return the maker's and the taker's rate, fractions of notional.

        The venue looks at volume and share once a day, at 00:00 UTC.

        Parameters
        ----------
        volume_14d
            Traded in the last 14 days, quote currency; spot counts twice.
        maker_share
            Share of all makers' volume in the last 14 days, 0 to 1.
        referral_discount, staking_discount
            Fractions of the fee, 0 to 1.

        Notes
        -----
        A rate above zero is multiplied by 1 - staking discount, then by 1 - referral discount, as
        doubles; a rebate is not reduced. That order of the two is an assumption: the recorded
        fills have the referral alone.

        Raises
        ------
        ScenarioError
            Where an argument is no number in its range.

        >>> schedule = FeeSchedule(tiers=(FeeTier(above=0, taker=0.00045, maker=0.00015),))
        >>> schedule.rates(referral_discount=0.04)
        (0.00014399999999999998, 0.000432)
        """
        if not 0.0 <= volume_14d < float("inf"):
            raise ScenarioError(f"fees: a volume of {volume_14d} must be 0 or more")
        for name, value in (
            ("maker share", maker_share),
            ("referral discount", referral_discount),
            ("staking discount", staking_discount),
        ):
            if not 0.0 <= value <= 1.0:
                raise ScenarioError(f"fees: a {name} of {value} must lie in 0..1")
        tier = self.tiers[0]
        for higher in self.tiers[1:]:
            if volume_14d > higher.above:
                tier = higher
        maker = tier.maker
        for rebate in self.rebates:
            if maker_share > rebate.above:
                maker = min(maker, rebate.maker)
        return (
            _discounted(maker, staking_discount, referral_discount),
            _discounted(tier.taker, staking_discount, referral_discount),
        )


def check_fees(where: str, fees: FeeSchedule) -> None:
    """Refuse a schedule whose tiers don't begin at 0 and rise, or whose rates can't be meant.

    Raises
    ------
    ScenarioError
        The message begins with `where`.
    """
    if not fees.tiers or fees.tiers[0].above != 0.0:
        raise ScenarioError(f"{where}: fees.tiers must begin with `above: 0`")
    _check_rising(f"{where}: fees.tiers", [tier.above for tier in fees.tiers])
    _check_rising(f"{where}: fees.rebates", [rebate.above for rebate in fees.rebates])
    rates = [rate for tier in fees.tiers for rate in (tier.taker, tier.maker)]
    rates += [rebate.maker for rebate in fees.rebates]
    for rate in rates:
        if not abs(rate) < 0.5:
            raise ScenarioError(f"{where}: fees: a rate of {rate} is no fraction of notional")
    for discount in (fees.referral_discount, *fees.staking_discounts):
        if not 0.0 <= discount <= 1.0:
            raise ScenarioError(f"{where}: fees: a discount of {discount} must lie in 0..1")


def _discounted(rate: float, staking_discount: float, referral_discount: float) -> float:
    if rate <= 0.0:
        return rate
    return rate * (1.0 - staking_discount) * (1.0 - referral_discount)


def _check_rising(where: str, bounds: Sequence[float]) -> None:
    for low, high in pairwise(bounds):
        if not low < high:
            raise ScenarioError(f"{where}: `above: {high:g}` doesn't come after {low:g}")
