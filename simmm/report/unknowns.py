"""What the simulation doesn't know, in plain words, for this venue, feed and configuration."""

from __future__ import annotations

from simmm.report.schema import Fills, Unknown
from simmm.report.tables import Run
from simmm.report.words import percent

_MODELS = {
    "pessimistic": "every cancel at our price is taken to come from behind us",
    "optimistic": "every cancel at our price is taken to come from ahead of us",
    "proportional": "cancels at our price are shared between those ahead and behind by their sizes",
    "power": "cancels at our price are shared between those ahead and behind by a power of their "
    "sizes",
    "rank": "who leaves is drawn, the youngest most likely, by a law found in order-by-order data "
    "of another market",
    "log": "cancels at our price are shared between those ahead and behind by the logarithm of "
    "their sizes",
}


def unknowns(run: Run, fills: Fills) -> list[Unknown]:
    """List what should make one doubt the figures, the heaviest first."""
    found = [
        Unknown(
            "impact",
            "Nobody reacts to our orders: others neither quote around them nor follow our fills. "
            "The larger our size beside what the market shows, the less these figures hold.",
        ),
        _queue(run),
    ]
    found += _data(run)
    found += _quality(fills)
    found += [_latency(run), *_venue(run)]
    return found


def _queue(run: Run) -> Unknown:
    name = str(run.info.queue.get("model", "unknown"))
    told = _MODELS.get(name, "how cancels are shared between those ahead and behind is assumed")
    n = run.info.queue.get("n")
    label = f"{name}, n = {n:g}" if name == "power" and isinstance(n, int | float) else name
    return Unknown(
        "queue",
        f"Our place in the queue is a model ({label}): {told}. The data does not say who left. "
        "simmm study fills shows what hangs on it.",
    )


def _data(run: Run) -> list[Unknown]:
    found = []
    tape, counts = run.info.tape, run.info.counts
    if tape.get("truth"):
        found.append(
            Unknown(
                "tape",
                "The tape was generated: it holds what its model knows of markets and no more. "
                "A profit on it is a property of the model.",
            )
        )
    elif _images(tape):
        found.append(
            Unknown(
                "feed",
                "The book comes as images at intervals. What happened between two images is "
                "unseen, so a place in the queue is known only as well as images come.",
            )
        )
    streams = tape.get("streams")
    if isinstance(streams, dict):
        found.append(
            Unknown(
                "streams",
                "The tape was seen through streams of a venue that shows less of it "
                f"({streams.get('preset') or 'described in the configuration'}): exchange and "
                "maker know what they tell, and nothing else of the finer tape.",
            )
        )
    gaps = counts.get("gaps", 0)
    if gaps:
        found.append(
            Unknown(
                "gaps",
                f"The tape has {gaps} {'gap' if gaps == 1 else 'gaps'}. What traded in them is "
                "lost, and with it fills that would have been ours.",
            )
        )
    session = run.info.session or {}
    if session.get("late_rows"):
        found.append(
            Unknown(
                "late rows",
                f"{session['late_rows']} rows came after the exchange had believed their block "
                f"complete; {session['ignored_rows']} of them were older than what was known and "
                "had no effect there.",
            )
        )
    return found


def _images(tape: dict[str, object]) -> bool:
    """True where the tape counts its rows by kind and has images but no single changes."""
    kinds = tape.get("kinds")
    return isinstance(kinds, dict) and bool(kinds.get("snapshot")) and not kinds.get("depth")


def _quality(fills: Fills) -> list[Unknown]:
    found = []
    if fills.flagged.get("unseen"):
        found.append(
            Unknown(
                "unseen levels",
                f"{percent(fills.flagged['unseen'])} of fills were at prices that the feed had not "
                "shown when we joined: the queue ahead of us there is a guess.",
            )
        )
    if fills.flagged.get("crossed"):
        found.append(
            Unknown(
                "crossed",
                f"{percent(fills.flagged['crossed'])} of fills are assumed, because the other "
                "side's best reached our price without a print that we could be matched with.",
            )
        )
    if fills.flagged.get("stale_mid"):
        found.append(
            Unknown(
                "stale mid",
                f"At {percent(fills.flagged['stale_mid'])} of fills one side of the book was "
                "missing; the last whole mid stands in, and spread and markouts of them are rough.",
            )
        )
    return found


def _latency(run: Run) -> Unknown:
    lines = [
        value
        for name, value in sorted(run.info.latency.items())
        if isinstance(value, dict) and name in ("entry", "response")
    ]
    kinds = [inner for line in lines for inner in line.values() if isinstance(inner, dict)]
    forms = {
        str(value.get("form", "constant")) for value in (*lines, *kinds) if "share" not in value
    }
    told = "drawn from a distribution that does not know the market"
    if forms <= {"constant"}:
        told = "a constant"
    elif any(value.get("burst") for value in (*lines, *kinds)):
        told += ", though in spells of like latencies"
    return Unknown(
        "latency",
        f"The way of orders and answers is {told}. Real ones are slowest when the market is "
        "busiest, which is when it costs most.",
    )


def _venue(run: Run) -> list[Unknown]:
    found = []
    rules = run.info.rules or {}
    if "hyperliquid" in run.market.venue.lower() and not rules.get("block_ms"):
        found.append(
            Unknown(
                "block order",
                "Hyperliquid puts cancels and post-only orders before takers inside a block. Here "
                "requests act when they arrive, between blocks; name the venue's rules "
                "(venue.rules.exchange) to have them wait.",
            )
        )
    if "funding" in run.info.unmodelled:
        why = "neither the tape nor a table tells rates" if rules else "not modelled"
        found.append(Unknown("funding", f"Funding counts as zero: {why}."))
    if "margin" in run.info.unmodelled:
        found.append(
            Unknown(
                "margin",
                "Margin is not modelled: every order is afforded, nothing is liquidated.",
            )
        )
    else:
        found.append(
            Unknown(
                "margin",
                "What open orders ask of the margin is our reading of the venue's rules, and "
                "auto-deleveraging is not modelled: the backstop always takes the position.",
            )
        )
    if rules.get("mark") == "middle of the book":
        found.append(
            Unknown(
                "mark",
                "The tape tells no mark price; the middle of the book stands in for it.",
            )
        )
    if not rules:
        found.append(
            Unknown(
                "venue limits",
                "Rate limits, self-trade rules and fee tiers that move with volume are not "
                "modelled; venue.rules.exchange names a venue that has them.",
            )
        )
    found.append(Unknown("outages", "Outages of the venue are not modelled."))
    return found
