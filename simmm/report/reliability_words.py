"""Predicted fills in words, or why there are none."""

from __future__ import annotations

from simmm.report.schema_account import Reliability
from simmm.report.words import fixed, percent

MISSING = (
    "Predicted fills: none in this run. With venue.queue.draws above 0 each print that reaches an "
    "own order's level gets a probability of filling it (queue models that draw, such as rank)."
)
ITSELF = "This checks the simulator against itself"
REALITY = "against real fills: simmm validate fills"


def agreement(found: Reliability) -> str:
    """How far predictions and path are apart on average."""
    apart = found.apart
    if apart.value is None:
        return ""
    told = f"{fixed(100 * apart.value, 2, True)} points apart"
    if apart.low is None or apart.high is None:
        return f"{told}."
    word = "they disagree" if apart.low > 0 or apart.high < 0 else "they agree"
    return (
        f"{told} (95 %: {fixed(100 * apart.low, 2, True)} to {fixed(100 * apart.high, 2, True)}; "
        f"{word})."
    )


def reached(found: Reliability) -> str:
    """How many predictions there are."""
    prints = "print" if found.predictions == 1 else "prints"
    orders = "own order" if found.orders == 1 else "own orders"
    return f"{found.predictions:,} {prints} reached the level of {found.orders:,} {orders}."


def scores(found: Reliability) -> str:
    """The Brier score beside that of one probability for all."""
    if not found.brier_constant > 0:
        return ""
    return (
        f" Brier score {fixed(found.brier, 4)}; {fixed(found.brier_constant, 4)} for one "
        "probability for all."
    )


def reliability_words(found: Reliability) -> str:
    """All of it as plain text."""
    return (
        f"{reached(found)} They filled {percent(found.predicted)} of {found.draws} draws of the "
        "queue on average, and "
        f"the simulated path {percent(found.filled.value)} of the time: {agreement(found)}"
        f"{scores(found)} {ITSELF}; {REALITY}."
    )
