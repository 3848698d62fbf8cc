"""Who is followed: three populations of orders, each with what really happened to it.

R
    Real orders that joined the best price behind somebody and ended inside the tape, each watched
    until its own end.
RP
    The same joins, patient: an order without size just ahead of the real one, watched for
    `patience_ns` whatever the real one does.
V0
    An order without size at the back of the best price, on both sides, at every tick of a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simmm.records import NO_ASK, NO_BID, TRADE
from simmm.validation.live import HORIZONS, Cut, Probe
from simmm.validation.rows import Rows, first_reach, look
from simmm.validation.truth import CANCEL, FILL, REPLACE, TAKE, cuts_of

SECOND = 1_000_000_000
PATIENCE_NS = 30 * SECOND
CLOCK_NS = SECOND // 2
#: When places are compared: after 1, 5 and 30 s. Brier scores are taken at the same.
HORIZONS_NS = np.array([SECOND, 5 * SECOND, PATIENCE_NS], np.int64)
NEVER_FILLED = -1
#: Fewer tell nothing, whatever the intervals say.
LEAST_ORDERS = 50
LEAST_FILLS = 10

Progress = Callable[[str, int, int], None]  # what, done, of


class Population(NamedTuple):
    """Probes, by the time they join, and what really happened to each."""

    name: str
    meaning: str
    truth: str  # where the real fate comes from
    probes: np.ndarray  # `Probe`
    cuts: np.ndarray  # `Cut`
    real_ts: np.ndarray  # i8: when it really filled, ns; -1 never
    real_ahead_end: np.ndarray  # f8: lots really ahead at the own end; NaN not known or filled
    real_ahead: np.ndarray  # f8, (n, 3): lots really ahead at the horizons; NaN likewise


def enough_orders(population: Population) -> bool:
    """Return whether a population can say anything at all."""
    fills = int((population.real_ts != NEVER_FILLED).sum())
    return len(population.probes) >= LEAST_ORDERS and fills >= LEAST_FILLS


def joins(orders: np.ndarray) -> np.ndarray:
    """Return which orders joined the best price behind somebody."""
    return (orders["dist"] == 0) & (orders["ahead0"] > 0)


def real_orders(orders: np.ndarray, rows: Rows, from_ts: int, to_ts: int) -> Population:
    """Return population R of orders that joined in [from_ts, to_ts)."""
    ended = np.isin(orders["end"], (FILL, CANCEL, REPLACE, TAKE))
    ended &= orders["end_ts"] <= rows.end_ts
    chosen = orders[joins(orders) & ended & _within(orders["add_ts"], from_ts, to_ts)]
    probes = _probes(chosen["add_ts"], chosen["side"], chosen["px"])
    probes["end_ts"] = chosen["end_ts"]
    probes["ends_before"] = chosen["end"] != FILL
    changes = cuts_of(chosen, rows)
    early = _enter_before(probes, chosen, rows)
    for n in np.flatnonzero(early):  # its lots come in after it: less than nothing is taken out
        ts, lots = changes[n]
        changes[n] = (np.append(chosen["add_ts"][n], ts), np.append(-chosen["lots"][n], lots))
    counts = np.array([len(ts) for ts, _ in changes], np.int64)
    probes["last_cut"] = np.cumsum(counts)
    probes["first_cut"] = probes["last_cut"] - counts
    cuts = np.zeros(int(counts.sum()), Cut)
    if len(cuts):
        cuts["ts"] = np.concatenate([ts for ts, _ in changes])
        cuts["lots"] = np.concatenate([lots for _, lots in changes])
    filled = chosen["first_fill_ts"] > 0
    ahead = (chosen["ahead0"] - chosen["ahead_exec"] - chosen["ahead_cancelled"]).astype(float)
    return Population(
        "R",
        "real orders that joined the best price behind somebody, until their own end",
        "the orders' own fate; own partial cancels are not in the table and count as others'",
        probes,
        cuts,
        np.where(filled, chosen["first_fill_ts"], NEVER_FILLED),
        np.where(filled, np.nan, ahead),
        np.full((len(chosen), HORIZONS), np.nan),
    )


def patient(
    orders: np.ndarray, rows: Rows, from_ts: int, to_ts: int, patience_ns: int = PATIENCE_NS
) -> Population:
    """Return population RP of joins in [from_ts, to_ts - patience)."""
    chosen = orders[joins(orders) & _within(orders["add_ts"], from_ts, to_ts - patience_ns)]
    probes = _probes(chosen["add_ts"], chosen["side"], chosen["px"])
    probes["end_ts"] = chosen["add_ts"] + patience_ns
    probes["behind"] = 1
    _enter_before(probes, chosen, rows)
    real_ts = fate(probes, orders, rows, patience_ns)
    return Population(
        "RP",
        f"the same joins, patient: without size, just ahead, {patience_ns / SECOND:g} s",
        "first fill of any order that joined the price at or after it, or the price was passed",
        probes,
        np.zeros(0, Cut),
        real_ts,
        np.full(len(chosen), np.nan),
        places(probes, real_ts, orders, rows),
    )


def phantoms(
    orders: np.ndarray,
    rows: Rows,
    from_ts: int,
    to_ts: int,
    patience_ns: int = PATIENCE_NS,
    clock_ns: int = CLOCK_NS,
) -> Population:
    """Return population V0 of joins in [from_ts, to_ts - patience)."""
    # Half a beat off, so that no image of an even pace comes at the very moment of a join.
    first = rows.start_ts + (from_ts - rows.start_ts) // clock_ns * clock_ns + clock_ns // 2
    clock = np.arange(first, to_ts - patience_ns, clock_ns, dtype=np.int64)
    clock = clock[clock >= from_ts]
    ts = np.repeat(clock, 2)
    side = np.tile(np.array([1, -1], np.int64), len(clock))
    sights = look(rows, ts, (side > 0).astype(np.int64))
    known = (sights["bid"] > NO_BID) & (sights["ask"] < NO_ASK) & (sights["bid"] < sights["ask"])
    px = np.where(side > 0, sights["bid"], sights["ask"])
    probes = _probes(ts[known], side[known], px[known])
    probes["end_ts"] = probes["join_ts"] + patience_ns
    real_ts = fate(probes, orders, rows, patience_ns)
    return Population(
        "V0",
        f"without size at the back of both best prices each {clock_ns / SECOND:g} s, "
        f"{patience_ns / SECOND:g} s",
        "first fill of any order that joined the price after it, or the price was passed",
        probes,
        np.zeros(0, Cut),
        real_ts,
        np.full(len(probes), np.nan),
        places(probes, real_ts, orders, rows),
    )


def seen_through(population: Population, rows: Rows) -> Population:
    """Return a population as it can be placed on the images that `rows` hold.

    Images don't say when a real order's lots came in: they are others' like all. An order whose
    price the last image shows on the other side would be refused; it comes in with the first
    image that lets it, or never.
    """
    probes = population.probes.copy()
    probes["own"] = probes["first_cut"] = probes["last_cut"] = 0
    images = np.unique(rows.ts[rows.kind != TRADE])
    waits = np.arange(len(probes))
    while len(waits):
        asked = probes[waits]
        sights = look(rows, asked["enter_ts"], (asked["side"] > 0).astype(np.int64))
        crosses = np.where(
            asked["side"] > 0, sights["ask"] <= asked["px"], sights["bid"] >= asked["px"]
        )
        following = np.searchsorted(images, asked["enter_ts"], "right")
        late = following >= len(images)
        after = images[np.minimum(following, len(images) - 1)]
        crosses &= ~late & (after <= asked["end_ts"])
        probes["enter_ts"][waits[crosses]] = after[crosses]
        waits = waits[crosses]
    order = np.argsort(probes["enter_ts"], kind="stable")
    return population._replace(
        probes=probes[order],
        real_ts=population.real_ts[order],
        real_ahead_end=population.real_ahead_end[order],
        real_ahead=population.real_ahead[order],
    )


def fate(probes: np.ndarray, orders: np.ndarray, rows: Rows, patience_ns: int) -> np.ndarray:
    """Return when orders without size at the probes' places really filled, ns; -1 never.

    One fills where anybody who stands behind it does, or where the market passes its price.
    """
    far = np.iinfo(np.int64).max
    found = np.full(len(probes), far)
    for n, level in _by_level(probes, orders):
        fills = np.where(level["first_fill_ts"] > 0, level["first_fill_ts"], far)
        soonest = np.append(np.minimum.accumulate(fills[::-1])[::-1], far)
        found[n] = soonest[np.searchsorted(level["add_ts"], probes["join_ts"][n])]
    reached = first_reach(rows, probes["join_ts"], probes["side"], probes["px"], patience_ns)
    found = np.minimum(found, np.where(reached < 0, far, reached))
    return np.where(found <= probes["end_ts"], found, NEVER_FILLED)


def places(probes: np.ndarray, real_ts: np.ndarray, orders: np.ndarray, rows: Rows) -> np.ndarray:
    """Return lots really ahead of orders without size at the horizons, NaN once filled.

    What the level shows, less the orders alive that joined it at or after the probe. Their partial
    cancels are not in the table, so that this is a little low where there are any.
    """
    ts = probes["join_ts"][:, None] + HORIZONS_NS
    side = (probes["side"] > 0).astype(np.int64)
    behind = np.zeros(ts.shape)
    for n, level in _by_level(probes, orders):
        end = np.where(level["end_ts"] > 0, level["end_ts"], np.iinfo(np.int64).max)
        start = np.searchsorted(level["add_ts"], probes["join_ts"][n])
        for place, low in zip(n, start, strict=True):
            high = np.searchsorted(level["add_ts"], ts[place], "right")
            for h in range(HORIZONS):
                alive = end[low : high[h]] > ts[place, h]
                behind[place, h] = level["lots"][low : high[h]][alive].sum()
    found = np.full(ts.shape, np.nan)
    for h in range(HORIZONS):
        shown = look(rows, ts[:, h], side, probes["px"])["lots"]
        waits = (real_ts == NEVER_FILLED) | (real_ts > ts[:, h])
        known = (shown >= 0) & waits & (ts[:, h] <= rows.end_ts)
        found[known, h] = np.maximum(shown[known] - behind[known, h], 0.0)
    return found


def _within(ts: np.ndarray, low: int, high: int) -> np.ndarray:
    return (ts >= low) & (ts < high)


def _probes(ts: np.ndarray, side: np.ndarray, px: np.ndarray) -> np.ndarray:
    probes = np.zeros(len(ts), Probe)
    probes["join_ts"], probes["side"], probes["px"] = ts, side, px
    probes["enter_ts"] = ts
    return probes


def _enter_before(probes: np.ndarray, orders: np.ndarray, rows: Rows) -> np.ndarray:
    """Send probes in just before the real order, where the level held then what was ahead of it.

    So a model that watched the level knows who stands there. Else (the order was replaced at its
    own price, say) the probe goes in after it, and the real order's lots are taken out of the
    level. Returns which go in before.
    """
    sights = look(rows, orders["add_ts"] - 1, (orders["side"] > 0).astype(np.int64), orders["px"])
    early = sights["lots"] == orders["ahead0"]
    probes["enter_ts"] = np.where(early, orders["add_ts"] - 1, orders["add_ts"])
    probes["own"] = np.where(early, 0, orders["lots"])
    return early


def _by_level(probes: np.ndarray, orders: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each price and side, the probes there and all orders that ever joined it."""
    key = probes["px"] * 2 + (probes["side"] > 0)
    order_key = orders["px"] * 2 + (orders["side"] > 0)
    return [(np.flatnonzero(key == k), orders[order_key == k]) for k in np.unique(key)]
