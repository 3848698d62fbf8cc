"""What a validation says in words: conventions, checks, remarks, and what may be concluded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simmm.records import TRADE
from simmm.validation.models import PESSIMISTIC, POWER
from simmm.validation.probes import NEVER_FILLED, SECOND, Population, joins
from simmm.validation.result import Check, Row
from simmm.validation.rows import Rows
from simmm.validation.truth import FILL

#: Least to most error in R's position, as order-by-order data of several markets say.
EXPECTED_ORDER = ("rank_tracked", "rank", "rank_scalar", PESSIMISTIC, POWER)


def feed(images_ns: int) -> str:
    """Return what the models saw of the book."""
    return "every change" if images_ns == 0 else f"images each {images_ns / SECOND:g} s"


def conventions(patience_ns: int, images_ns: int) -> list[str]:
    """Return how things were counted."""
    told = [
        "An order joins after the rows of its own moment, behind what others show there; a real "
        "order's own lots are taken out of the level as long as it lives.",
        "Each order is one lot, alone at the venue, and is decided by the engine's own kernels. "
        "It fills at the first print beyond its queue; a published model's queue is a fraction of "
        "a lot, and half a lot beyond it counts as a lot.",
        "An order really fills with the first order that joined its price at or after it, or when "
        "a print goes beyond its price, or when the other side shows a price that reaches it.",
        "R ends with the real order's own end: before the rows of that moment where it was "
        "cancelled, after them where it was filled.",
        f"Times of fills are cut at {patience_ns / SECOND:g} s. CRPS and Brier scores are proper: "
        "no model gains by saying something else than it believes.",
        "Position is the CRPS of the lots ahead: for R at the own end of orders that never "
        "filled, for RP and V0 after 1, 5 and 30 s while really unfilled; a simulated fill counts "
        "as nobody ahead.",
        "With P >= .5 an order counts as filled, at the moment P got there. Exact: the same "
        "moment as the real fill.",
        "Reliability takes every moment at which the level of an order changed or traded while "
        "0 < P < 1; P is the share of draws filled so far, given the tape so far.",
        "Intervals are 95 %, from resampling blocks of time by when orders joined; ratios are "
        "resampled together.",
    ]
    if images_ns:
        told.append(
            f"The models saw images of the book each {images_ns / SECOND:g} s, made from the tape, "
            "and every print; what really happened is taken from the whole tape. R is left out: "
            "from images an order's own size can't be taken out."
        )
    return told


def left_out(populations: Sequence[Population], orders: int, fills: int) -> list[str]:
    """Return a line for each population that has fewer than so many orders or real fills."""
    lines = []
    for one in populations:
        filled = int((one.real_ts != NEVER_FILLED).sum())
        if len(one.probes) < orders or filled < fills:
            lines.append(
                f"{one.name} has {len(one.probes)} orders and {filled} real fills in the scored "
                f"stretch; at least {orders} and {fills} are needed"
            )
    return lines


def hidden(populations: Sequence[Population], images: Rows) -> list[str]:
    """Return a line for each population of which some fill before an image can show anything."""
    shown = np.unique(images.ts[images.kind != TRADE])
    lines = []
    for one in populations:
        after = np.searchsorted(shown, one.probes["join_ts"])
        first = shown[np.minimum(after, len(shown) - 1)]
        hopeless = (one.real_ts != NEVER_FILLED) & (one.real_ts <= first)
        lines.append(
            f"{one.name}: {int(hopeless.sum())} of {len(one.probes)} orders really filled before "
            "the first image after their join; an order that stands behind that image can't."
        )
    return lines


def checks(table: list[Row]) -> list[Check]:
    """Return what must hold in any data, and whether it does here."""
    found = [_order(table)] if any(row.population == "R" for row in table) else []
    for row in table:
        if row.model != PESSIMISTIC:
            continue
        false, early = row.scores.get("false"), row.scores.get("early")
        values = [false.value if false else 0.0]
        name = f"{row.population}: pessimistic has no false fill"
        if row.population != "R":  # there own partial cancels look like others' moving up
            values.append(early.value if early else 0.0)
            name += " and no early one"
        found.append(Check(name, not any(values), ", ".join(f"{value:.4f}" for value in values)))
    return found


def _order(table: list[Row]) -> Check:
    best: dict[str, float] = {}
    for row in table:  # the row with most draws comes last
        if row.population == "R" and "position" in row.scores:
            best[row.model] = row.scores["position"].value
    present = [name for name in EXPECTED_ORDER if name in best]
    values = [best[name] for name in present]
    return Check(
        "R: error of position, " + " < ".join(present),
        all(low < high for low, high in pairwise(values)),
        " < ".join(f"{value:.2f}" for value in values) if values else "no model of these",
    )


def about_orders(orders: np.ndarray) -> list[str]:
    """Return what a table of orders can't say, and how much that is."""
    joined = joins(orders)
    ended = joined & (orders["end"] == FILL)
    if not ended.any():
        return []
    cut = ended & (orders["filled"] < orders["lots"])
    small = orders["lots"][joined] == 1
    return [
        f"The table of orders has no own partial cancels. {int(cut.sum())} of {int(ended.sum())} "
        "orders that joined the best price and ended by a fill had cancelled part of themselves; "
        f"orders of one lot, which can't, are {small.mean():.0%} of all that joined it."
    ]


def remarks(table: list[Row]) -> list[str]:
    """Return what stood out in the figures."""
    found = []
    if any(row.population == "R" for row in table):
        found.append(
            "R rewards early models: its orders end with their own fill, so that a fill one "
            "moment late counts as missed, and a false fill after the real cancel is never "
            "seen. Judge by its position; by RP and V0 for fills."
        )
    if any(row.scores["real"].low is None for row in table if "real" in row.scores):
        found.append("Too few blocks of time for intervals: figures without them prove little.")
    return found


def may_conclude(table: list[Row], found: list[Check]) -> list[str]:
    """Return what this says for a venue whose orders nobody can see."""
    told = [
        "Which models are too far forward or back: the sign of the position's bias comes from how "
        "queues work under price and time, and has been the same wherever it was measured.",
        "How much of a result is the fill model: run a strategy under pessimistic and under the "
        "default (simmm study fills). What is left under pessimistic doesn't rest on false fills."
        if all(check.holds for check in found if "pessimistic has no" in check.name)
        else "Nothing from pessimistic: it filled here where nobody really did. Look at the tape.",
    ]
    power = _best(table, "RP", POWER)
    if power and "markout_1s" in power.scores and "real_markout_1s" in power.scores:
        gap = power.scores["markout_1s"].value - power.scores["real_markout_1s"].value
        told.append(
            f"Fills that are false or early flatter a result: power 3 sees fills {gap:+.3f} ticks "
            "better after 1 s than the real ones here."
        )
    return told


def may_not_conclude(complete: bool) -> list[str]:
    """Return what this says nothing of."""
    told = [
        "The figures themselves. Exponents, error and share of fills belong to this market and "
        "hour; another venue has other orders, another tick, other latency.",
        "That a model is calibrated elsewhere. A probability was checked here only against orders "
        "here; half an hour holds few independent fills, see the intervals.",
        "How the market answers to us. No order here was ours: nobody left, joined or took "
        "because of it.",
        "Anything on feeds coarser than this one: score with --images at the venue's own pace; "
        "there the error of the join is larger than that of any model.",
    ]
    if not complete:
        told.append(
            "What other orders would have met: only one account's orders are known, so that only "
            "population R could be scored."
        )
    return told


def _best(table: list[Row], population: str, label: str) -> Row | None:
    rows = [row for row in table if row.population == population and row.model == label]
    return rows[-1] if rows else None
