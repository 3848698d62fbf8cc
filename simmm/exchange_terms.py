"""From a scenario's words about its exchange to the rules and settings in force."""

from datetime import UTC, datetime

from simmm.errors import ScenarioError
from simmm.exchange_settings import ExchangeSettings, settings_of
from simmm.market import MarketRules
from simmm.records import CONTEXT, DEPTH, FUNDING, RATES
from simmm.rules import VenueRules, dates, venue_rules
from simmm.rules.funding_rates import by_payment, load_rates, require_rates
from simmm.scenario.load import Resolved, apply_market
from simmm.tape import TapeStream


def rules_of(resolved: Resolved, stream: TapeStream) -> VenueRules | None:
    """Return the venue's rules that the scenario asks for, None if for none.

    Raises
    ------
    ScenarioError
        If there are none, or they count prices or sizes otherwise than the tape.
    """
    asked = resolved.scenario.venue.rules
    if asked.exchange is None:
        return None
    date = asked.date
    is_file = asked.exchange.endswith((".yaml", ".yml"))
    exchange = str(resolved.named_file(asked.exchange)) if is_file else asked.exchange
    if date is None and not is_file:
        day = datetime.fromtimestamp(stream.first_ts // 1_000_000_000, UTC).date().isoformat()
        date = max(day, dates(exchange)[0])
    rules = venue_rules(exchange, asked.symbol or stream.markets[0].symbol, date)
    told, tape = rules.market(), stream.markets[0]
    for name in ("price_quantum", "lot_size"):
        if float(getattr(told, name)) != float(getattr(tape, name)):
            raise ScenarioError(
                f"venue.rules: {rules.venue} counts {rules.symbol} in a {name} of "
                f"{getattr(told, name)}, the tape in {getattr(tape, name)}; "
                "name the market that the tape is of (venue.rules.symbol)"
            )
    return rules


def market_of(resolved: Resolved, stream: TapeStream, rules: VenueRules | None) -> MarketRules:
    """Return the traded market's rules: the tape's or the venue's, then the scenario's own."""
    if rules is None:
        return resolved.market_rules(stream.markets[0])
    account = resolved.scenario.venue.account
    told = rules.market(
        account.volume_14d,
        account.maker_share,
        account.referral_discount,
        account.staking_discount,
    )
    return apply_market(resolved.scenario.market, told)


def exchange_of(
    resolved: Resolved,
    stream: TapeStream,
    rules: VenueRules | None,
    market: MarketRules,
    start_ns: int,
    end_ns: int,
) -> ExchangeSettings:
    """Return the settings of the exchange beyond the market's rules.

    Raises
    ------
    ScenarioError
        If account or funding are asked for without rules, or required rates are missing.
    """
    venue = resolved.scenario.venue
    if rules is None:
        account, asked = venue.account, venue.rules
        for name, given in (
            ("rules.symbol", asked.symbol),
            ("rules.date", asked.date),
            ("account.margin", None if account.margin == "cross" else account.margin),
            ("account.volume_14d", account.volume_14d or None),
            ("account.maker_share", account.maker_share or None),
            ("account.referral_discount", account.referral_discount or None),
            ("account.staking_discount", account.staking_discount or None),
            ("account.deposit", venue.account.deposit),
            ("account.leverage", venue.account.leverage),
            ("funding.rates", venue.funding.rates),
        ):
            if given is not None:
                raise ScenarioError(
                    f"venue.{name}: {given} needs the venue's rules; "
                    "name them (`--set venue.rules.exchange=hyperliquid`)"
                )
        if venue.funding.payments == "required":
            raise ScenarioError(
                "venue.funding.payments: required, but no venue's rules say when; "
                "name them (`--set venue.rules.exchange=hyperliquid`)"
            )
        return ExchangeSettings()
    leverage = venue.account.leverage
    if leverage is not None and leverage > rules.largest_leverage:
        raise ScenarioError(
            f"venue.account.leverage: {leverage}; {rules.symbol} allows at most "
            f"{rules.largest_leverage}"
        )
    payments = venue.funding.payments
    rates: tuple[int, list[int]] = (0, [])
    if venue.funding.rates is not None and payments != "off":
        if rules.funding.hours != 1:
            raise ScenarioError(
                f"venue.funding.rates: a table tells a rate for each hour, {rules.venue} pays each "
                f"{rules.funding.hours}"
            )
        rates = _table(resolved, venue.funding.rates, start_ns, end_ns)
    elif payments == "required" and not stream.holds(CONTEXT, FUNDING):
        raise ScenarioError(
            "venue.funding.payments: required, but the tape tells no funding rates; "
            "name a table (`--set venue.funding.rates=FILE`)"
        )
    account = venue.account
    own = resolved.scenario.market
    return settings_of(
        rules,
        market,
        start_ns,
        deposit=account.deposit,
        margin=account.margin,
        leverage=leverage,
        volume_14d=account.volume_14d,
        maker_share=account.maker_share,
        referral_discount=account.referral_discount,
        staking_discount=account.staking_discount,
        request_budget=venue.rules.request_budget,
        blocks=venue.rules.blocks,
        funding=payments != "off",
        rates=rates,
        maker_fee=None if own.maker_fee is None else float(own.maker_fee),
        taker_fee=None if own.taker_fee is None else float(own.taker_fee),
    )


def _table(resolved: Resolved, name: str, start_ns: int, end_ns: int) -> tuple[int, list[int]]:
    """Return the rates of a file for a run's hours."""
    path = resolved.named_file(name)
    table = load_rates(path)
    if resolved.scenario.venue.funding.payments == "required":
        require_rates(path, table, start_ns, end_ns)
    first, rates = by_payment(table, start_ns, end_ns)
    if rates.size > RATES:
        raise ScenarioError(
            f"venue.funding.rates: the run has {rates.size} payments, at most {RATES} can come "
            "from a table; shorten the run"
        )
    return first, rates.tolist()


def shows_images(resolved: Resolved, stream: TapeStream) -> bool:
    """Return whether the tape shows images of levels instead of each change."""
    levels = resolved.scenario.venue.queue.levels
    return levels == "images" or (levels == "auto" and not stream.holds(DEPTH))
