"""Fees, funding, margin and budget in a sentence each, or why there are none."""

from __future__ import annotations

from simmm.report.schema import Report
from simmm.report.schema_account import Margin
from simmm.report.words import amount, fixed, moment, percent


def fee_words(report: Report) -> str:
    """What was paid, by whom, and at which rate."""
    found = report.fees
    if found is None:
        return "Fees: the report was made by an earlier version; use --rebuild."
    told = []
    for line in found.lines:
        if line.fills:
            verb = "paid" if line.paid >= 0 else "got"
            told.append(
                f"{line.name} fills {verb} {amount(abs(line.paid))} {report.run.quote}"
                + (f" ({fixed(line.bps, 2, True)} bps)" if line.bps is not None else "")
            )
    if not told:
        return "No fill, no fee."
    joined = " and ".join(told)
    return joined[:1].upper() + joined[1:] + "."


def funding_words(report: Report) -> str:
    """What funding paid, at which rates; or why there is none."""
    found = report.funding
    if found is None:
        return (
            "Funding: it counts as zero in this run. The rules (venue.rules) must know it, and the "
            "tape or a table (venue.funding.rates) its rates."
        )
    lost = ""
    if found.unknown:
        was = "payment was" if found.unknown == 1 else "payments were"
        lost = f" {found.unknown:,} {was} left out because no rate was known."
    if not found.payments:
        return f"Funding: no payment fell due while a position was held.{lost}"
    told = "received" if found.net < 0 else "paid"
    times = "payment" if found.payments == 1 else "payments"
    rates = (
        f"at {_rate(found.rate_low)} to {_rate(found.rate_high)} (mean {_rate(found.rate_mean)})"
        if found.rate_low != found.rate_high
        else f"at {_rate(found.rate_mean)}"
    )
    return (
        f"Funding {told} {amount(abs(found.net))} {report.run.quote} net in {found.payments:,} "
        f"{times} {rates}: {amount(found.paid)} paid, {amount(found.received)} received.{lost}"
    )


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{fixed(1e4 * rate, 3, True)} bps"


def margin_words(report: Report) -> str:
    """How near the account came to its maintenance margin; or that there is none."""
    found, quote = report.margin, report.run.quote
    if found is None:
        return (
            "Margin: not modelled in this run; no collateral limited it and none was at risk. It "
            "needs venue.rules.exchange and venue.account.deposit."
        )
    told = (
        f"{found.mode.capitalize()} margin, {found.leverage}× on {amount(found.deposit)} {quote}: "
        f"the account was worth {amount(found.value_least)} at least and "
        f"{amount(found.value_final)} at the end."
    )
    if found.liquidation:
        told += f" {liquidation_words(found)}"
    elif found.cover_least is not None and found.cover_least_ns is not None:
        told += (
            f" Nearest to liquidation at {moment(found.cover_least_ns)} UTC, worth "
            f"{fixed(found.cover_least, 1)} times its maintenance margin."
        )
    if not found.mark_told:
        told += " The tape tells no mark price; the middle of the book stands in."
    return told


def liquidation_words(found: Margin) -> str:
    """When and how the account was liquidated; empty if it wasn't."""
    closed = found.liquidation
    if not closed:
        return ""
    when = f" at {moment(int(closed['ts']))} UTC" if closed.get("ts") else ""
    told = f"The account was liquidated{when}; it could not trade from there on."
    if closed.get("kind") == "backstop":
        told += " The venue's backstop took the position and what was left."
    return told


def budget_words(report: Report) -> str:
    """How much of the request budget was used; or that there is none."""
    found = report.budget
    if found is None:
        return (
            "Request budget: none in this run, requests were unlimited; with venue.rules.exchange "
            "there is one."
        )
    told = (
        f"{found.used:,} of {found.cap:,} requests used ({percent(found.used / found.cap)}); the "
        "budget grows with what is traded."
    )
    if found.exhausted_ns:
        told += (
            f" It was used up at {moment(found.exhausted_ns)} UTC; {found.refused:,} requests were "
            "refused."
        )
    return told
