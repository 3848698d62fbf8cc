"""The figures of one run that a comparison shows, each with what its error follows from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simmm.records import REJECTED
from simmm.report.compare.series import (
    Grid,
    Money,
    Series,
    binned,
    cluster_sums,
    make_grid,
    money,
    ratio,
    sharpe,
)
from simmm.report.markouts import CLUSTER_NS
from simmm.report.payments import NOT_MAKER
from simmm.report.schema import HORIZONS_S, Report
from simmm.report.tables import Run

_PART_NAMES = {"adverse": "adverse moves"}
MEDIAN = "none for a median"
EXTREME = "none for an extreme"
COUNTED = "counted only in all"


class Row(NamedTuple):
    """A figure of one run. `why` says why it has neither series nor clusters."""

    key: str
    name: str
    kind: str
    value: float | None
    series: Series | None = None
    clusters: dict[int, float] | None = None
    why: str = ""


@dataclass(frozen=True)
class Sampled:
    """A run with its report and, where it is long enough, its P&L step by step."""

    run: Run
    report: Report
    grid: Grid | None
    money: Money | None

    def rate(self, counts: np.ndarray) -> Series | None:
        """Influence of a count per hour."""
        return self._series(counts / self.run.hours) if self.run.hours else None

    def _series(self, influence: np.ndarray) -> Series | None:
        return None if self.grid is None else Series(influence, self.grid)


def sampled(run: Run, report: Report, start_ns: int, end_ns: int, step_ns: int) -> Sampled:
    """Divide a run into steps between two instants."""
    grid = make_grid(start_ns, end_ns, step_ns)
    return Sampled(run, report, grid, None if grid is None else money(run, grid, end_ns))


def profit_rows(side: Sampled, per_hour: bool) -> list[Row]:
    """Net P&L, its parts, and the drawdown; in the quote currency, or that per hour."""
    report, parts = side.report, side.report.profit.parts
    over = side.run.hours if per_hour else 1.0

    def row(key: str, value: float | None, steps: np.ndarray | None) -> Row:
        known = value is not None and over > 0
        series = None
        if known and steps is not None and side.grid is not None:
            series = Series(steps / over, side.grid)
        amount = value / over if known and value is not None else None
        return Row(key, _PART_NAMES.get(key, key), "money", amount, series)

    found = [row("net", report.profit.net.value, side.money.net if side.money else None)]
    for part in parts:
        if part.modelled or part.half_quanta:
            steps = side.money.parts.get(part.name) if side.money else None
            found.append(row(part.name, part.amount, steps))
    if not per_hour:
        found.append(Row("drawdown", "drawdown", "amount", report.risk.drawdown, why=EXTREME))
    return found


def edge_rows(side: Sampled) -> list[Row]:
    """The same in basis points of the notional traded."""
    profit = side.report.profit
    net = profit.net.value
    bps = net / profit.notional * 1e4 if profit.notional and net is not None else None
    values = [("net", bps), *((part.name, part.bps) for part in profit.parts
                              if part.modelled or part.half_quanta)]  # fmt: skip
    found = []
    for key, value in values:
        series = None
        if side.money is not None and side.grid is not None:
            steps = side.money.net if key == "net" else side.money.parts.get(key)
            if steps is not None:
                series = ratio(side.grid, steps * 1e4, side.money.notional, value)
        found.append(Row(f"{key}_bps", _PART_NAMES.get(key, key), "bps", value, series))
    return found


def activity_rows(side: Sampled) -> list[Row]:
    """Sharpe ratio, fills, and what was traded."""
    report, run, grid = side.report, side.run, side.grid
    hours = run.hours
    own = sharpe(grid, side.money.net) if grid and side.money else None
    fills = traded = None
    if grid and side.money:
        fills = side.rate(binned(grid, run.fills["ts"]))
        traded = side.rate(side.money.notional)
    waited = report.fills.time_to_fill_s.get("p50")
    return [
        Row("sharpe", "Sharpe ratio, √day", "number", report.risk.sharpe_day, own),
        Row("sharpe_se", " its standard error", "number", report.risk.sharpe_day_se,
            why="is one itself"),
        Row("fills", "fills an hour", "number", report.fills.per_hour, fills),
        Row("traded", "traded an hour", "amount",
            report.profit.notional / hours if hours else None, traded),
        Row("wait", "median time to fill, s", "seconds", waited, why=MEDIAN),
    ]  # fmt: skip


def markout_rows(side: Sampled) -> list[Row]:
    """Edge left at every horizon, and the move of the mid alone; all fills."""
    run = side.run
    fills, period = run.fills, run.info.period
    sign, px, mid2 = fills["side"], fills["px"], fills["mid2"]
    notional = (px * fills["quantity"]).astype(np.float64)
    cluster = (fills["ts"] - period.quote_start_ns) // CLUSTER_NS
    told = {(entry.horizon_s, entry.side): entry for entry in side.report.markouts}
    rows: dict[str, list[Row]] = {"edge": [], "move": []}
    for horizon in HORIZONS_S:
        later = fills["ts"] + round(horizon * 1e9)
        mid2_h = run.mid2_at(later)
        use = (mid2 > 0) & (mid2_h > 0) & (later <= period.end_ns)
        entry = told.get((horizon, "all"))
        for name, since in (("edge", 2 * px), ("move", mid2)):
            bps = sign * (mid2_h - since) / (2 * px) * 1e4
            value = getattr(entry, name).value if entry else None
            sums = None
            if value is not None:
                sums = cluster_sums(bps[use], notional[use], cluster[use], value)
            shown = f"{name} after {horizon:g} s"
            rows[name].append(Row(f"{name}_{horizon:g}s", shown, "bps", value, clusters=sums))
    return rows["edge"] + rows["move"]


def inventory_rows(side: Sampled) -> list[Row]:
    """Position over time, base units."""
    held, grid = side.report.inventory, side.grid
    mean = size = None
    if grid and side.money:
        steps = len(side.money.position)
        mean = Series(side.money.position / steps, grid)
        size = Series(np.abs(side.money.position) / steps, grid)
    return [
        Row("position", "position, mean", "size", held.mean, mean),
        Row("position_size", "its size, mean", "size", held.mean_absolute, size),
        Row("longest", "longest", "size", held.longest, why=EXTREME),
        Row("shortest", "shortest", "size", held.shortest, why=EXTREME),
        Row("final", "at the end", "size", held.final, why="a single moment"),
    ]


def quoting_rows(side: Sampled) -> list[Row]:
    """Shares of the time with a bid or ask resting, and at the touch."""
    quoting, found = side.report.quoting, []
    for key, name, counter in (
        ("bid", "bid resting", "quoted_bid_ns"),
        ("ask", "ask resting", "quoted_ask_ns"),
        ("touch_bid", "bid at touch", "touch_bid_ns"),
        ("touch_ask", "ask at touch", "touch_ask_ns"),
    ):
        value = getattr(quoting, key)
        series = None if value is None else _counter(side, counter)
        found.append(Row(key, name, "share", value, series))
    return found


def _counter(side: Sampled, name: str) -> Series | None:
    """Influence of the share that a counter of ns grows by; None if not sampled at the grid."""
    grid, table = side.grid, side.run.equity
    if grid is None or not len(table["ts"]):
        return None
    at = np.minimum(np.searchsorted(table["ts"], grid.ts), len(table["ts"]) - 1)
    if np.any(table["ts"][at] != grid.ts):
        return None
    grown = np.diff(table[name][at]).astype(np.float64)
    return Series(grown / (grid.step_s * 1e9 * len(grown)), grid)


def order_rows(side: Sampled) -> list[Row]:
    """Fates of orders and numbers of requests."""
    orders, run, grid = side.report.orders, side.run, side.grid
    table, hours = run.orders, run.hours
    taken = table["end"] != REJECTED
    placed_ts = table["placed_ts"][taken]
    filled, quantity = table["filled"][taken], table["quantity"][taken]
    life = (table["end_ts"] - table["placed_ts"])[taken] / 1e9
    requests = sum(orders.requests.values())
    refused = sum(orders.refusals.values())

    def of_orders(
        above: np.ndarray, below: np.ndarray | None, value: float | None
    ) -> Series | None:
        if grid is None:
            return None
        return ratio(grid, binned(grid, placed_ts, above), binned(grid, placed_ts, below), value)

    sent = trades = None
    if grid is not None:
        sent, trades = binned(grid, run.intents["ts"]), binned(grid, run.fills["ts"])
    per_fill = None
    if grid is not None and sent is not None and trades is not None:
        per_fill = ratio(grid, sent, trades, orders.order_to_trade)

    def rate(count: int) -> float | None:
        return count / hours if hours else None

    return [
        Row("orders", "orders an hour", "number", rate(orders.placed),
            None if grid is None else side.rate(binned(grid, placed_ts))),
        Row("fill_ratio", "of them filled", "share", orders.fill_ratio,
            of_orders(filled > 0, None, orders.fill_ratio)),
        Row("size_fill_ratio", "of their size", "share", orders.size_fill_ratio,
            of_orders(filled, quantity, orders.size_fill_ratio)),
        Row("life", "mean life, s", "seconds", orders.mean_life_s,
            of_orders(life, None, orders.mean_life_s)),
        Row("requests", "requests an hour", "number", rate(requests),
            None if sent is None else side.rate(sent)),
        Row("requests_per_fill", "requests a fill", "number", orders.order_to_trade, per_fill),
        Row("refused", "refused an hour", "number", rate(refused), why=COUNTED),
    ]  # fmt: skip


def queue_rows(side: Sampled) -> list[Row]:
    """Size ahead at the join, of orders that rested and of those that filled."""
    place, run = side.report.queue, side.run
    table = run.orders
    rested = (table["end"] != REJECTED) & (table["ahead_at_join"] >= 0)
    rested &= table["level_at_join"] >= 0
    fills = run.fills
    maker = np.flatnonzero((fills["marks"] & NOT_MAKER) == 0)
    first = maker[np.unique(fills["id"][maker], return_index=True)[1]]
    first = np.sort(first[fills["level_at_join"][first] >= 0])
    found = []
    for word, ahead, alone, times, lots, instants in (
        ("rested", place.ahead_joined, place.alone_joined, place.times_joined,
         table["ahead_at_join"][rested], table["placed_ts"][rested]),
        ("filled", place.ahead_filled, place.alone_filled, place.times_filled,
         fills["ahead_at_join"][first], fills["ts"][first]),
    ):  # fmt: skip
        of = _means(side, instants)
        found += [
            Row(f"ahead_{word}", f"ahead, {word}: mean", "size", ahead.get("mean"),
                of(lots * run.lot, ahead.get("mean"))),
            Row(f"ahead_{word}_median", " median", "size", ahead.get("p50"), why=MEDIAN),
            Row(f"times_{word}_median", " median, × shown", "number", times.get("p50"),
                why=MEDIAN),
            Row(f"alone_{word}", " nobody ahead", "share", alone, of(lots == 0, alone)),
        ]  # fmt: skip
    return found


def _means(
    side: Sampled, instants: np.ndarray
) -> Callable[[np.ndarray, float | None], Series | None]:
    """Influence of the mean of values at `instants`."""

    def of(values: np.ndarray, value: float | None) -> Series | None:
        if side.grid is None:
            return None
        count = binned(side.grid, instants)
        return ratio(side.grid, binned(side.grid, instants, values), count, value)

    return of
