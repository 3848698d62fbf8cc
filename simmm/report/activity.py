"""Fills, orders and the queue: counts, ratios, fates and places."""

from __future__ import annotations

import numpy as np

from simmm.records import (
    ACCEPTED,
    CROSSED,
    REASON_NAMES,
    REJECTED,
    REQUEST_NAMES,
    RESPONSE_NAMES,
    STALE_MID,
    THROUGH,
    UNSEEN,
)
from simmm.report.intervals import exact_sum, mean, quantiles, share
from simmm.report.payments import NOT_MAKER
from simmm.report.schema import Fills, Orders, Queue
from simmm.report.tables import Run

_FLAGS = (
    ("crossed", CROSSED),
    ("through", THROUGH),
    ("unseen", UNSEEN),
    ("stale_mid", STALE_MID),
)
_ALWAYS = ("new", "cancel", "modify")  # requests that are told of even where there was none


def fills(run: Run) -> Fills:
    """Count the fills and describe them."""
    table, hours = run.fills, run.hours
    count = len(table["ts"])
    taker = (table["marks"] & NOT_MAKER) != 0
    quantity = table["quantity"]
    waited = (table["ts"] - table["placed_ts"])[~taker] / 1e9
    volume = exact_sum(quantity)
    return Fills(
        count=count,
        per_hour=count / hours if hours else None,
        maker=int(np.count_nonzero(~taker)),
        taker=int(np.count_nonzero(taker)),
        buys=int(np.count_nonzero(table["side"] > 0)),
        sells=int(np.count_nonzero(table["side"] < 0)),
        maker_volume=exact_sum(quantity[~taker]) * run.lot,
        taker_volume=exact_sum(quantity[taker]) * run.lot,
        fees_paid=2 * exact_sum(table["fee"]) * run.half_quantum,
        mean_size=volume * run.lot / count if count else None,
        flagged={
            name: share(int(np.count_nonzero(table["marks"] & bit)), count) for name, bit in _FLAGS
        },
        time_to_fill_s=quantiles(waited),
    )


def orders(run: Run) -> Orders:
    """Count orders, requests and refusals.

    A modify that makes a new order on a venue that replaces counts as a new order. Refusals are
    all rejected requests (orders, modifies, cancels) where the run has counted them, else rejected
    orders alone.
    """
    table = run.orders
    end, filled = table["end"], table["filled"]
    placed = end != REJECTED
    taken_in = int(np.count_nonzero(placed))
    with_fill = int(np.count_nonzero(placed & (filled > 0)))
    counted = [int(np.count_nonzero(run.intents["kind"] == k)) for k in range(len(REQUEST_NAMES))]
    requests = {
        name: number
        for name, number in zip(REQUEST_NAMES, counted, strict=True)
        if number or name in _ALWAYS
    }
    trades = len(run.fills["ts"])
    life = (table["end_ts"] - table["placed_ts"])[placed] / 1e9
    return Orders(
        placed=taken_in,
        filled=with_fill,
        fill_ratio=share(with_fill, taken_in),
        size_fill_ratio=share(exact_sum(filled[placed]), exact_sum(table["quantity"][placed])),
        requests=requests,
        order_to_trade=sum(requests.values()) / trades if trades else None,
        ends={
            "open at the end" if code == ACCEPTED else name: int(np.count_nonzero(end == code))
            for code, name in enumerate(RESPONSE_NAMES)
            if np.any(end == code)
        },
        refusals=_refusals(run),
        mean_life_s=mean(life) if len(life) else None,
    )


def _refusals(run: Run) -> dict[str, int]:
    counted = run.info.counts.get("rejections")
    if isinstance(counted, dict):
        return {str(name): int(number) for name, number in counted.items() if number}
    reasons = run.orders["reason"][run.orders["end"] == REJECTED]
    return {
        name: int(np.count_nonzero(reasons == code))
        for code, name in enumerate(REASON_NAMES)
        if np.any(reasons == code)
    }


def queue(run: Run) -> Queue:
    """Describe the queue at the join, of all orders that rested and of those that filled.

    Whoever joins stands behind all that is shown at the price, so lots ahead over lots shown there
    would be one for everybody. Lots ahead are told in base units, and as multiples of one size:
    the median shown at the prices of our orders, where anything was.
    """
    table = run.orders
    resting = (table["end"] != REJECTED) & (table["ahead_at_join"] >= 0)
    level = table["level_at_join"][resting]
    joined = _known(table["ahead_at_join"][resting], level)
    filled = _filled(run)
    shown = quantiles(level[level > 0])["p50"]
    return Queue(
        model=run.info.queue,
        shown=None if shown is None else shown * run.lot,
        ahead_joined=quantiles(joined * run.lot),
        ahead_filled=quantiles(filled * run.lot),
        times_joined=_times(joined, shown),
        times_filled=_times(filled, shown),
        known_joined=len(joined),
        known_filled=len(filled),
        alone_joined=share(int(np.count_nonzero(joined == 0)), len(joined)),
        alone_filled=share(int(np.count_nonzero(filled == 0)), len(filled)),
    )


def _filled(run: Run) -> np.ndarray:
    """Lots ahead at the join of every order with a maker fill, each once, at its first fill."""
    table = run.fills
    maker = (table["marks"] & NOT_MAKER) == 0
    _, first = np.unique(table["id"][maker], return_index=True)
    return _known(table["ahead_at_join"][maker][first], table["level_at_join"][maker][first])


def _known(ahead: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Lots ahead where it was known what others show."""
    return ahead[level >= 0]


def _times(ahead: np.ndarray, shown: float | None) -> dict[str, float | None]:
    return quantiles(ahead / shown if shown else ahead[:0])
