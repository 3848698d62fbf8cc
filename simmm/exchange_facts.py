"""What ``run.json`` says of the simulated exchange."""

from typing import Any

from simmm.record_views import record_view
from simmm.records import RATE_UNKNOWN
from simmm.rules import VenueRules
from simmm.simulation import Simulation
from simmm.venue.budget import address_limit
from simmm.venue.margin import UNMODELLED
from simmm.venue.queue import is_ranked
from simmm.venue_records import SIZES

ALWAYS_UNMODELLED = ("market impact", "auto-deleveraging")


def queue_facts(simulation: Simulation) -> dict[str, Any]:
    """Return the queue model with the numbers in force and what it learned."""
    settings = simulation.venues[0]["settings"]
    facts: dict[str, Any] = {
        "model": simulation.settings.queue,
        "join": "image" if settings["joins_image"] else "level",
    }
    if not is_ranked(simulation.settings.queue):
        return {**facts, "n": float(settings["n"])}
    return {
        **facts,
        "alpha": float(settings["alpha"]),
        "kappa": float(settings["kappa"]),
        "size_matching": bool(settings["exact"]),
        "draws": int(settings["draws"]),
    }


def learned_facts(simulation: Simulation) -> dict[str, Any]:
    """Return what the rank law learned of order sizes during the run."""
    settings = simulation.venues[0]["settings"]
    known = min(int(settings["adds"]), SIZES)
    return {
        "sizes_learned": int(settings["adds"]),
        "mean_order_lots": int(settings["sizes_sum"]) / known if known else None,
    }


def rules_facts(rules: VenueRules, simulation: Simulation) -> dict[str, Any]:
    """Return whose rules were in force, and what they came to at the end of the run."""
    market, account = simulation.venues[0]["market"], simulation.venues[0]["account"]
    return {
        "venue": rules.venue,
        "symbol": rules.symbol,
        "since": rules.since,
        "maker_rate": float(market["maker_rate"]),
        "taker_rate": float(market["taker_rate"]),
        "largest_leverage": rules.largest_leverage,
        "tiers": [{"low": tier.low, "leverage": tier.leverage} for tier in rules.tiers],
        "leverage": int(account["leverage"]),
        "margin": ("unmodelled", "cross", "isolated")[int(account["margin"])],
        "deposit": int(account["deposit"]),
        "mark": "tape" if account["mark_told"] else "middle of the book",
        "block_ms": int(market["block_ns"]) / 1e6,
        "funding_source": funding_source(simulation),
        "unfunded": int(account["unfunded"]),
    }


def funding_source(simulation: Simulation) -> str:
    """Return where funding rates came from: ``tape``, ``table``, or ``none``."""
    venue = simulation.venues[0]
    if not venue["market"]["funding_ns"]:
        return "none"
    if venue["n_rates"]:
        known = venue["rates"][: int(venue["n_rates"])] != RATE_UNKNOWN
        return "table" if known.any() else "none"
    return "tape" if venue["account"]["funding_known"] else "none"


def budget_facts(simulation: Simulation) -> dict[str, Any] | None:
    """Return how far the request budget was used, None where there is none."""
    venue = simulation.venues[0]
    budget = venue["budget"]
    if not budget["by_address"]:
        return None
    return {
        "used": int(budget["used"]),
        "cap": int(address_limit(*_records(simulation))),
        "refused": int(budget["refused"]),
        "ip_refused": int(budget["ip_refused"]),
        "exhausted_ts": int(budget["exhausted_ts"]) or None,
    }


def _records(simulation: Simulation) -> tuple[Any, Any]:
    venue = record_view(simulation.venues)[0]
    return venue.budget, venue.account


def liquidation_facts(simulation: Simulation) -> dict[str, Any] | None:
    """Return when and how the account was liquidated, None if it wasn't."""
    account = simulation.venues[0]["account"]
    if not account["liquidated_ts"]:
        return None
    return {
        "ts": int(account["liquidated_ts"]),
        "forfeited": int(account["forfeited"]),
        "kind": "backstop" if account["forfeited"] else "market",
        "partial": bool(account["cooldown_ts"]),
    }


def unmodelled(simulation: Simulation) -> list[str]:
    """Return what the run leaves out, for the report to say."""
    venue = simulation.venues[0]
    missing = list(ALWAYS_UNMODELLED)
    if funding_source(simulation) == "none":
        missing.append("funding")
    if venue["account"]["margin"] == UNMODELLED:
        missing += ["margin", "liquidation"]
    if not venue["market"]["self_trade"]:
        missing.append("self-trade")
    return missing
