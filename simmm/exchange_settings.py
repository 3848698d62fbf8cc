"""What a simulated exchange has beyond a market's rules: margin, funding, fee tiers, budget.

Plain numbers by the names of `simmm.records`, so that a session's journal can keep them.
"""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

import numpy as np

from simmm.errors import ScenarioError
from simmm.market import MarketRules
from simmm.records import RATES, Market
from simmm.rules import VenueRules
from simmm.venue.margin import CROSS, ISOLATED, UNMODELLED
from simmm.venue_records import Account, Budget

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
LARGEST_DEPOSIT = 10**12
MARGIN_MODES = {"cross": CROSS, "isolated": ISOLATED}


@dataclass(frozen=True)
class ExchangeSettings:
    """Values to be written into a venue's records; by default nothing is.

    Attributes
    ----------
    market, account, budget
        Fields of `records.Market`, `records.Account` and `records.Budget`.
    rates_from_ns, rates
        Hour of the first funding rate of a table, and the rates, 1e-12 an hour.
    """

    market: dict[str, int | float | list[int | float]] = field(default_factory=dict)
    account: dict[str, int] = field(default_factory=dict)
    budget: dict[str, int] = field(default_factory=dict)
    rates_from_ns: int = 0
    rates: list[int] = field(default_factory=list)

    def write(self, venue: Any, maker_market: Any) -> None:
        """Write them into the record of a venue, and what concerns the maker into its market."""
        for name, value in self.market.items():
            venue["market"][name] = value
            maker_market[name] = value
        for name, amount in self.account.items():
            venue["account"][name] = amount
        for name, amount in self.budget.items():
            venue["budget"][name] = amount
        venue["rates_from_ts"] = self.rates_from_ns
        venue["n_rates"] = len(self.rates)
        venue["rates"][: len(self.rates)] = self.rates

    def impossible(self) -> str:
        """Name what no settings of this simmm hold, for who reads them from a file."""
        for given, dtype in (
            (self.market, Market),
            (self.account, Account),
            (self.budget, Budget),
        ):
            for name, value in given.items():
                if name not in (dtype.names or ()):
                    return name
                shape = dtype[name].shape
                if isinstance(value, list) != bool(shape) or shape not in ((), (_count(value),)):
                    return name
        return "" if len(self.rates) <= RATES else "rates"


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def settings_of(
    rules: VenueRules,
    market: MarketRules,
    start_ns: int,
    *,
    deposit: str | None = None,
    margin: str = "cross",
    leverage: int | None = None,
    volume_14d: float = 0.0,
    maker_share: float = 0.0,
    referral_discount: float = 0.0,
    staking_discount: float = 0.0,
    request_budget: bool = True,
    blocks: bool = True,
    funding: bool = True,
    rates: tuple[int, list[int]] = (0, []),
    maker_fee: float | None = None,
    taker_fee: float | None = None,
) -> ExchangeSettings:
    """Return what a venue's rules and an account's terms mean for the simulated exchange.

    Parameters
    ----------
    rules, market
        Of the traded market.
    start_ns
        Start of the run, exchange's clock.
    deposit, margin, leverage
        None: no margin is modelled; the largest leverage.
    volume_14d, maker_share, referral_discount, staking_discount
        What the fees depend on (`simmm.rules.fees`).
    funding
        Whether payments are made.
    rates
        Hour (ns) of the first rate of a table, and the rates; none: those on the tape.
    maker_fee, taker_fee
        Rates that stay whatever the tier.
    """
    terms = (maker_share, referral_discount, staking_discount)
    record = market.to_record()
    rules.write(record, volume_14d, *terms)
    if not blocks:
        record["block_ns"] = 0
    if not funding:
        record["funding_ns"] = 0
    tiers = rules.fees.tiers
    record["n_fee_tiers"] = len(tiers)
    for k, tier in enumerate(tiers):
        record["fee_above"][0, k] = market.money(tier.above)
        reached = rules.fees.rates(tier.above * (1 + 1e-12), *terms)
        record["fee_maker"][0, k] = reached[0] if maker_fee is None else maker_fee
        record["fee_taker"][0, k] = reached[1] if taker_fee is None else taker_fee
    if maker_fee is not None:
        record["maker_rate"] = maker_fee
    if taker_fee is not None:
        record["taker_rate"] = taker_fee
    account = {
        "margin": UNMODELLED if deposit is None else MARGIN_MODES[margin],
        "deposit": 0 if deposit is None else _money(market, deposit),
        "leverage": leverage or rules.largest_leverage,
        "volume_before": market.money(round(volume_14d)),
        "next_day_ts": start_ns - start_ns % DAY_NS + DAY_NS,
    }
    if funding:
        every = rules.funding.hours * HOUR_NS
        account["next_funding_ts"] = start_ns - start_ns % every + every
    budget: dict[str, int] = {}
    if request_budget:
        counted = np.zeros(1, Budget)
        rules.write_budget(counted)
        budget = {name: int(counted[name][0]) for name in Budget.names or () if counted[name][0]}
    return ExchangeSettings(
        {name: record[name][0].tolist() for name in Market.names or ()},
        account,
        budget,
        *rates,
    )


def _money(market: MarketRules, amount: str) -> int:
    """Return a deposit in money quanta, without what is finer."""
    try:
        money = Decimal(amount)
    except ArithmeticError:
        money = Decimal("nan")
    if not money.is_finite() or money <= 0 or money > LARGEST_DEPOSIT:
        raise ScenarioError(
            f"venue.account.deposit: {amount} must be an amount above zero, "
            f"at most {LARGEST_DEPOSIT:,}"
        )
    return market.money(money.quantize(Decimal("0.000001"), ROUND_DOWN))
