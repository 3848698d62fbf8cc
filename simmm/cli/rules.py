"""``simmm rules``: the rules of a venue's markets, as they stood on a date."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from simmm.rules import VenueRules


@click.command("rules")
@click.argument("venue", required=False)
@click.argument("symbol", required=False)
@click.option("--date", metavar="YYYY-MM-DD", help="As they stood on this day (UTC).")
def rules(venue: str | None, symbol: str | None, date: str | None) -> None:
    """Show the rules of a venue's markets: steps, limits, fees, margin tiers, budget.

    Without SYMBOL its markets are listed, without VENUE the venues. VENUE may be the path of a
    YAML file of your own.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if venue is None:
        _show_venues(console, date)
    elif symbol is None:
        _show_markets(console, venue, date)
    else:
        from simmm.rules import venue_rules

        _show_market(console, venue_rules(venue, symbol, date))


def _show_venues(console: "Console", date: str | None) -> None:
    from rich.table import Table

    from simmm.rules import dates, symbols, venues

    table = Table(box=None, pad_edge=False)
    for column in ("venue", "rules since", "markets"):
        table.add_column(column)
    for name in venues():
        table.add_row(name, ", ".join(dates(name)), ", ".join(symbols(name, date)))
    console.print(table)


def _show_markets(console: "Console", venue: str, date: str | None) -> None:
    from rich.table import Table

    from simmm.rules import symbols, venue_rules

    table = Table(box=None, pad_edge=False)
    table.add_column("market")
    for column in ("lot", "smallest step", "largest leverage", "margin tiers", "largest order"):
        table.add_column(column, justify="right")
    since = ""
    for symbol in symbols(venue, date):
        market = venue_rules(venue, symbol, date)
        since = market.since
        table.add_row(
            symbol,
            market.market().lot_size,
            market.market().price_quantum,
            f"{market.largest_leverage}x",
            str(len(market.tiers)),
            f"{market.largest_order.limit:,}",
        )
    console.print(f"{venue}, rules since {since}\n")
    console.print(table)


def _show_market(console: "Console", rules: "VenueRules") -> None:
    from rich.table import Table

    console.print(f"{rules.venue} {rules.symbol}, rules since {rules.since}\n")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in _lines(rules):
        table.add_row(name, text)
    console.print(table)


def _lines(rules: "VenueRules") -> list[tuple[str, str]]:
    market, largest, opened = rules.market(), rules.largest_order, rules.open_orders
    budget, schedule, liquidation = rules.budget, rules.schedule_cancel, rules.liquidation
    low, high = liquidation.backstop
    tier = "taker {:.4g} / maker {:.4g} bps".format
    lines = [
        (
            "price step",
            f"{market.price_quantum} at least, {rules.significant_figures} significant figures; "
            "whole prices always",
        ),
        ("lot", f"{market.lot_size} {rules.symbol}"),
        ("smallest order", f"{rules.min_notional} {rules.quote}"),
        ("largest order", f"{largest.limit:,} {rules.quote}, taking {largest.market:,}"),
        (
            "open orders",
            f"{opened.at_least:,}, one more per {opened.volume_per_order:,} {rules.quote} traded, "
            f"at most {opened.at_most:,}",
        ),
        ("price band", f"{rules.price_band:.0%} from the mark"),
        ("modify", "new id at the back" if rules.modify == "replace" else "in place"),
        (
            "self-trade",
            "the resting order is cancelled"
            if rules.self_trade == "expire_resting"
            else "not prevented",
        ),
        (
            "blocks",
            f"at most {rules.blocks.ms} ms; {', '.join(rules.blocks.order)}".replace("_", "-"),
        ),
    ]
    for k, step in enumerate(rules.tiers):
        held = f"from {step.low:,} {rules.quote}: {step.leverage}x, "
        lines.append(("margin" if k == 0 else "", f"{held}maintenance {0.5 / step.leverage:.4%}"))
    for k, fee in enumerate(rules.fees.tiers):
        text = tier(fee.taker * 1e4, fee.maker * 1e4)
        if fee.above:
            text = f"above {fee.above:,.0f} in 14 days: {text}"
        lines.append(("fees" if k == 0 else "", text))
    for rebate in rules.fees.rebates:
        share = f"above {rebate.above:.1%} of all makers"
        lines.append(("", f"{share}: maker {rebate.maker * 1e4:.4g} bps"))
    staking = ", ".join(f"{d:.0%}" for d in rules.fees.staking_discounts)
    off = f"referral {rules.fees.referral_discount:.0%}" + (
        f"; staking {staking}" if staking else ""
    )
    lines += [
        ("discounts", off),
        ("funding", f"each {rules.funding.hours} h, at most {rules.funding.cap:.0%} a payment"),
        (
            "liquidation",
            f"whole up to {liquidation.whole_up_to:,} {rules.quote}, above it "
            f"{liquidation.part:.0%} each {liquidation.cooldown_s} s; backstop below {low}/{high} "
            "of maintenance",
        ),
        (
            "requests",
            f"{budget.initial:,}, one more per {budget.volume_per_request} {rules.quote} traded, "
            f"then one each {budget.one_per_s} s; cancels {budget.cancels_more:,} more; "
            f"{budget.ip_weight_per_minute:,} a minute per IP",
        ),
        (
            "scheduled cancel",
            f"after {schedule.volume:,} {rules.quote} traded, {schedule.ahead_s} s ahead, "
            f"{schedule.per_day} a day",
        ),
        (
            "book images",
            "; ".join(f"{n}: {s.levels} levels each {s.ms} ms" for n, s in rules.books.items()),
        ),
    ]
    return lines
