"""An account's own orders and fills as a population to score: real orders with their real fate.

What others had before them isn't known, so that scores of places in the queue can't be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from simmm.errors import TapeError
from simmm.records import BUY, DEPTH, FIRST, KIND_MASK, NO_ASK, NO_BID, SNAPSHOT
from simmm.validation.live import HORIZONS, Cut, Probe
from simmm.validation.probes import NEVER_FILLED, Population
from simmm.validation.rows import Rows, look
from simmm.validation.sources.own_tables import Tables, read_tables

NAME = "own"
FEW = 30  # orders
_TOLERANCE = 1e-6  # of a quantum or lot
_MISFIT = 0.1  # share of fills that may disagree with the tape
_STRANGE = 0.5  # share of prices that may


class OwnOrders(NamedTuple):
    """An account's orders that rested in the tape's time."""

    orders: pl.DataFrame  # order_id, side, px (quanta), lots, placed_ts, end_ts, end
    fills: dict[int, tuple[np.ndarray, np.ndarray]]  # by row of `orders`: ns, lots
    in_tape: bool  # the tape's levels show them
    simulated: bool  # orders of a simmm run
    counts: dict[str, int]  # what was left out, by reason
    where: str


def read_own(
    paths: Sequence[Path], rows: Rows, *, in_tape: bool | None = None, time_unit: str = "ns"
) -> OwnOrders:
    """Read an account's orders and fills that belong to a tape.

    Parameters
    ----------
    paths
        Files, or a folder with orders and fills; see `own_tables.read_tables`.
    in_tape
        Whether the tape's levels show the account's own size; None: yes, unless they are orders of
        a simulation.
    time_unit
        Of tables in no known shape: ns, us, ms or s.

    Raises
    ------
    TapeError
        Where files can't be read, don't fit the tape, or hold no order that rested in its time.
    """
    tables = read_tables(paths, rows.market, time_unit)
    counts = dict(tables.counts)
    orders, fills = _in_units(tables, rows)
    takers = set(fills.filter(pl.col("taker"))["order_id"].to_list())
    takes = orders["order_id"].is_in(list(takers))
    within = (orders["placed_ts"] >= rows.start_ts) & (orders["placed_ts"] < rows.end_ts)
    if not within.any():
        raise TapeError(
            f"{tables.where}: none of {orders.height} orders was placed while the tape runs "
            f"({rows.start_ts} to {rows.end_ts} ns); is it another day, or another unit of time?"
        )
    for reason, bad in (
        ("outside the tape's time", ~within),
        ("never rested", within & ~orders["resting"]),
        ("filled as taker", within & orders["resting"] & takes),
    ):
        if bad.any():
            counts[reason] = int(bad.sum())
    kept = orders.filter(within & orders["resting"] & ~takes)
    if kept.height == 0:
        raise TapeError(f"{tables.where}: no order rested in the tape's time; nothing to score")
    shown = not tables.simulated if in_tape is None else in_tape
    own = OwnOrders(kept, _by_order(kept, fills), shown, tables.simulated, counts, tables.where)
    _check(own, rows)
    return own


def population(own: OwnOrders, rows: Rows, from_ts: int, to_ts: int) -> Population:
    """Return the account's orders that were placed in [from_ts, to_ts), to be scored."""
    placed = own.orders["placed_ts"].to_numpy()
    chosen = np.flatnonzero((placed >= from_ts) & (placed < to_ts))
    orders = own.orders[chosen]
    probes = np.zeros(len(chosen), Probe)
    probes["join_ts"] = placed[chosen]
    probes["side"], probes["px"] = orders["side"], orders["px"]
    ended = ((orders["end"] != "open") & (orders["end_ts"] <= rows.end_ts)).to_numpy()
    filled = (orders["end"] == "fill").to_numpy()
    probes["end_ts"] = np.where(ended, orders["end_ts"].to_numpy(), rows.end_ts)
    probes["ends_before"] = ended & ~filled
    times = [own.fills.get(int(n), (np.zeros(0, np.int64),) * 2) for n in chosen]
    real = np.array([int(ts[0]) if len(ts) else NEVER_FILLED for ts, _ in times], np.int64)
    real[real > rows.end_ts] = NEVER_FILLED
    probes["enter_ts"] = placed[chosen]
    cuts = np.zeros(0, Cut)
    if own.in_tape:
        changes = _changes(probes, orders["lots"].to_numpy(), times, rows)
        counts = np.array([len(one) for one in changes], np.int64)
        probes["last_cut"] = np.cumsum(counts)
        probes["first_cut"] = probes["last_cut"] - counts
        cuts = np.array([pair for one in changes for pair in one], Cut)
    shown = "its size is taken out of the levels" if own.in_tape else "the levels don't show them"
    what = "a simulation's orders" if own.simulated else "the account's own orders"
    return Population(
        NAME,
        f"{what} until their own end; {shown}",
        "simulated fills, under the queue model of that run"
        if own.simulated
        else "the account's own fills; the queue before them isn't known",
        probes,
        cuts,
        real,
        np.full(len(chosen), np.nan),
        np.full((len(chosen), HORIZONS), np.nan),
    )


def _changes(
    probes: np.ndarray, lots: np.ndarray, times: list[tuple[np.ndarray, np.ndarray]], rows: Rows
) -> list[list[tuple[int, int]]]:
    """Return when each order's lots leave the levels; set what is in them when it joins.

    A tape of every change shows an order at once, one of images with the next image: until then
    nothing of it is in the level, and it comes in as less than nothing that leaves.
    """
    found = []
    for n, (ts, filled) in enumerate(times):
        first = _first_shown(probes[n], rows)
        since = ts >= first
        open_lots = int(lots[n]) - int(filled[~since].sum())
        changes = [(int(t), int(size)) for t, size in zip(ts[since], filled[since], strict=True)]
        if first == probes["join_ts"][n]:
            probes["own"][n] = open_lots
        elif open_lots > 0:
            changes.insert(0, (first, -open_lots))
        found.append(changes)
    return found


def _first_shown(probe: np.ndarray, rows: Rows) -> int:
    """Return when the order's level is first told from its join on; never: the tape's end."""
    low = int(np.searchsorted(rows.ts, probe["join_ts"]))
    width = 1 << 10
    while low < len(rows.ts):
        part = slice(low, low + width)
        level = (rows.tag[part] & KIND_MASK == DEPTH) & (rows.px[part] == probe["px"])
        image = (rows.tag[part] & KIND_MASK == SNAPSHOT) & (rows.tag[part] & FIRST != 0)
        own_side = (rows.tag[part] & BUY != 0) == (probe["side"] > 0)
        hits = np.flatnonzero((level | image) & own_side)
        if len(hits):
            return int(rows.ts[low + hits[0]])
        low, width = low + width, 2 * width
    return rows.end_ts


def remarks(own: OwnOrders) -> list[str]:
    """Return what should be said about these orders beside their scores."""
    said = [
        "The queue before own orders isn't known: scores of places in the queue are left out.",
        "Own orders end with their own fill or cancel: a model that fills early is rewarded here, "
        "one that fills late is punished (see the conventions).",
    ]
    if own.simulated:
        said.insert(
            0,
            "These orders were simulated: the scores say how far the models differ from the one "
            "of that run, and nothing about a market.",
        )
    if own.counts:
        left = "; ".join(f"{count:,} {reason}" for reason, count in own.counts.items())
        said.append(f"Left out: {left}.")
    if own.orders.height < FEW:
        said.append(f"{own.orders.height} orders are too few for any conclusion.")
    return said


def _in_units(tables: Tables, rows: Rows) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return prices in quanta and sizes in lots; refuse what lies between."""
    market = rows.market
    frames = []
    for frame, what in ((tables.orders, "orders"), (tables.fills, "fills")):
        amounts = {}
        for name, unit in (("px", market.price_quantum), ("size", market.lot_size)):
            values = frame[name].to_numpy() / float(unit)
            whole = np.rint(values)
            off = np.abs(values - whole) > _TOLERANCE * np.maximum(1.0, np.abs(whole))
            if off.any():
                row = int(np.argmax(off))
                raise TapeError(
                    f"{tables.where}: {what}, row {row}, {name}: {frame[name][row]} is no multiple "
                    f"of the tape's {unit}; is it another market?"
                )
            amounts[name] = pl.Series(whole.astype(np.int64))
        frames.append(frame.with_columns(px=amounts["px"], lots=amounts["size"]).drop("size"))
    return frames[0], frames[1]


def _by_order(
    orders: pl.DataFrame, fills: pl.DataFrame
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return times and lots of each order's fills, by its row; one entry a moment."""
    place = {number: row for row, number in enumerate(orders["order_id"].to_list())}
    placed = orders["placed_ts"].to_list()
    grouped = fills.group_by("order_id", "ts").agg(pl.col("lots").sum()).sort("order_id", "ts")
    found: dict[int, list[tuple[int, int]]] = {}
    for number, ts, lots in grouped.select("order_id", "ts", "lots").iter_rows():
        row = place.get(number)
        if row is not None and ts >= placed[row]:
            found.setdefault(row, []).append((ts, lots))
    return {
        row: (np.array([ts for ts, _ in told]), np.array([lots for _, lots in told]))
        for row, told in found.items()
    }


def _check(own: OwnOrders, rows: Rows) -> None:
    """Refuse orders of another market or time, and ends that contradict the fills."""
    orders = own.orders
    side = (orders["side"] > 0).to_numpy().astype(np.int64)
    placed = orders["placed_ts"].to_numpy()
    seen = look(rows, placed, side, orders["px"].to_numpy())
    bid = side == 1
    other = np.where(bid, seen["ask"], seen["bid"])
    known = np.where(bid, other != NO_ASK, other != NO_BID)
    price = orders["px"].to_numpy()
    crossing = known & np.where(bid, price >= other, price <= other)
    strange = crossing | (seen["lots"] < 0)
    if strange.mean() > _STRANGE:
        raise TapeError(
            f"{own.where}: {int(strange.sum())} of {len(price)} orders lie at no price that the "
            "tape showed, or would have crossed its book; is it another market or another time?"
        )
    for row, (end, number) in enumerate(orders.select("end", "order_id").iter_rows()):
        if end == "fill" and row not in own.fills:
            raise TapeError(
                f"{own.where}: order {number} ended by a fill, but no fill of it is told; is the "
                "table of fills complete?"
            )
    times = [ts for ts, _ in own.fills.values()]
    if not times:
        return
    every = np.concatenate(times)
    every = every[every <= rows.end_ts]
    missed = ~np.isin(every, np.unique(rows.ts))
    if missed.sum() > _MISFIT * len(every):
        raise TapeError(
            f"{own.where}: {int(missed.sum())} of {len(every)} fills happened when the tape has no "
            "row; are its clocks those of the exchange, and is it the same market?"
        )
