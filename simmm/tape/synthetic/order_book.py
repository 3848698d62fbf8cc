"""World of single orders: the queue is known, and with it what really happened to each order.

Law
---
- Makers: orders of a drawn size join each of the prices 1 to `levels` ticks from the other side's
  best, at `limit_rate` a second for each of them and each side.
- Takers: `taker_rate` a second and side, of a drawn size; they take from the front, price by price.
- Cancels: `cancel_rate` a second for each order at a level. Which order of the level goes is drawn
  by the law `cancels`:

  ========  ======================================================================================
  lots      by its size: every lot of the level is equally likely to leave; the whole order goes
  orders    every order of the level is equally likely; the whole order goes
  rank      a size c is drawn as for joins, among those that the level can give; the weight of an
            order with r younger ones is (1 + r)^-alpha, times 1, kappa or 0 if it has c lots, more
            or fewer; c lots of it go, and it keeps its place if it has more
  ========  ======================================================================================

- Of the orders that leave whole, the share `replace_share` joins another price at once.

With orders of one lot the chance of each victim depends on nothing that the tape doesn't show, so
under `rank` the law, and under `lots` and `orders` the proportional form, is exactly right.

Source: Smith, Farmer, Gillemot and Krishnamurthy (2003) for the flow of orders; the rank law of
cancels is that of `venue.queue.model: rank`.
"""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.jit import compiled, records
from simmm.market import MarketRules
from simmm.math import exp, power, stream_key
from simmm.record_views import record_view
from simmm.tape.synthetic.columns import START_TS, Progress, Row, Rows, Writer
from simmm.tape.synthetic.order_flow import (
    draw_wait,
    event,
    open_order,
    show_image,
    tell,
)
from simmm.tape.synthetic.order_world import (
    ACTIONS,
    ADD,
    END_OPEN,
    ENDS,
    LAWS,
    ORDERS,
    RANKS,
    SIZES,
    STREAMS,
    TICKS,
    Fate,
    OrderRow,
    World,
)

if TYPE_CHECKING:
    import polars as pl

_SLICE = 1 << 16  # rows of a buffer
_RESERVE = ORDERS  # rows that one event may need at most


class OrderQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the world of single orders. Rates per second, sizes in lots."""

    hours: float = 0.5
    price: str = "100"
    levels: int = 4  # prices of a side at which orders join
    limit_rate: float = 1.0  # for each of them and each side
    cancel_rate: float = 0.08  # for each order at a level
    taker_rate: float = 0.2  # for each side
    sizes: tuple[int, ...] = (1, 2, 3, 5, 10)
    size_weights: tuple[float, ...] = (8.0, 4.0, 2.0, 2.0, 1.0)
    taker_sizes: tuple[int, ...] = (1, 2, 5, 10, 30)
    taker_weights: tuple[float, ...] = (4.0, 2.0, 2.0, 1.0, 1.0)
    cancels: Literal["lots", "orders", "rank"] = "rank"
    alpha: float = 1.25
    log_kappa: float = -2.0
    replace_share: float = 0.25
    feed_ns: int = 1_000_000  # from exchange to recorder
    market: MarketRules = MarketRules(
        symbol="QUEUE", venue="synthetic", price_quantum="0.01", lot_size="1"
    )

    def __post_init__(self) -> None:
        _check(self)


def _check(p: OrderQueue) -> None:
    for name in ("hours", "limit_rate", "cancel_rate"):
        if not 0.0 < getattr(p, name) < 1e6:
            raise ScenarioError(f"order_queue.{name}: {getattr(p, name)} must lie above zero")
    if not 0.0 <= p.taker_rate < 1e6:
        raise ScenarioError(f"order_queue.taker_rate: {p.taker_rate} must not be negative")
    if not 0.0 <= p.alpha <= 10.0:
        raise ScenarioError(f"order_queue.alpha: {p.alpha} must lie in 0..10")
    if not -700.0 <= p.log_kappa <= 0.0:
        raise ScenarioError(f"order_queue.log_kappa: {p.log_kappa} must lie in -700..0")
    if not 0.0 <= p.replace_share <= 1.0:
        raise ScenarioError(f"order_queue.replace_share: {p.replace_share} must lie in 0..1")
    if not 1 <= p.levels <= 100:
        raise ScenarioError(f"order_queue.levels: {p.levels} must lie in 1..100")
    if p.feed_ns < 0:
        raise ScenarioError(f"order_queue.feed_ns: {p.feed_ns} must not be negative")
    _check_sizes("sizes", p.sizes, "size_weights", p.size_weights)
    _check_sizes("taker_sizes", p.taker_sizes, "taker_weights", p.taker_weights)
    crowd = 2.0 * p.levels * p.limit_rate / p.cancel_rate
    if crowd > ORDERS / 4:
        raise ScenarioError(
            f"order_queue: 2 levels limit_rate / cancel_rate = {crowd:.0f} orders would rest; "
            f"at most {ORDERS // 4}"
        )
    if p.market.quanta(p.price) // p.market.tick_quanta <= TICKS // 2:
        raise ScenarioError(
            f"order_queue.price: {p.price} must be above {TICKS // 2} ticks of the market"
        )


def _check_sizes(
    name: str, sizes: tuple[int, ...], weights_name: str, weights: tuple[float, ...]
) -> None:
    if not 1 <= len(sizes) <= SIZES or len(weights) != len(sizes):
        raise ScenarioError(
            f"order_queue.{name}, {weights_name}: 1 to {SIZES} sizes, and a weight for each"
        )
    if not all(1 <= size <= 1_000_000 for size in sizes) or len(set(sizes)) < len(sizes):
        raise ScenarioError(f"order_queue.{name}: sizes must differ and lie in 1..1000000 lots")
    if not all(0.0 < weight < 1e9 for weight in weights):
        raise ScenarioError(f"order_queue.{weights_name}: weights must be above zero")


class Orders(NamedTuple):
    """What happened, in three views of one story."""

    order_rows: np.ndarray  # OrderRow: market-by-order rows, the opening book first
    tape_rows: np.ndarray  # columns.Row: what the market showed; `message` is also its `seq`
    fates: np.ndarray  # Fate: what became of each order that joined after the opening


def _advance(world, rows, order_rows, fates) -> int:  # type: ignore[no-untyped-def]
    """Fill the buffers until one is nearly full (return 0) or the time is over (return 1)."""
    w = world[0]
    w.rows = 0
    w.n_order_rows = 0
    w.n_fates = 0
    if w.now == 0:
        w.now = w.next_ts
        middle = TICKS // 2
        crowd = max(int(w.limit_rate / w.cancel_rate + 0.5), 1)
        for away in range(1, w.levels + 1):
            for _ in range(crowd):
                open_order(w, order_rows, 1, middle - away)
                open_order(w, order_rows, -1, middle - 1 + away)
        for k in range(w.n_alive):
            w.orders[w.alive[k]].fate.order_id *= -1
        for k in range(w.n_order_rows):
            order_rows[k].order_id *= -1
        show_image(w, rows)
        draw_wait(w)
    limit = min(min(len(rows), len(order_rows)), len(fates)) - _RESERVE
    while w.rows <= limit and w.n_order_rows <= limit and w.n_fates <= limit:
        if w.next_ts >= w.end_ts:
            for k in range(w.n_alive):
                tell(w, fates, w.alive[k], END_OPEN)
            return 1
        event(w, rows, order_rows, fates)
    return 0


_advance_compiled = compiled(_advance)


def _initial(p: OrderQueue, seed: int) -> np.ndarray:
    world = records(np.zeros(1, World))
    w = record_view(world)[0]
    w.next_ts = START_TS
    w.end_ts = START_TS + round(p.hours * 3.6e12)
    w.next_id = 1
    w.tick_quanta = p.market.tick_quanta
    middle = p.market.quanta(p.price) // w.tick_quanta
    w.base = (middle - TICKS // 2) * w.tick_quanta
    for name in ("feed_ns", "levels", "limit_rate", "taker_rate", "cancel_rate", "replace_share"):
        setattr(w, name, getattr(p, name))
    w.law = LAWS.index(p.cancels)
    w.kappa = exp(p.log_kappa)
    w.weight[:] = [power(1.0 + rank, -p.alpha) for rank in range(RANKS)]
    w.n_sizes, w.n_taker_sizes = len(p.sizes), len(p.taker_sizes)
    w.sizes[: len(p.sizes)] = p.sizes
    w.size_chance[: len(p.sizes)] = np.array(p.size_weights) / sum(p.size_weights)
    w.taker_sizes[: len(p.taker_sizes)] = p.taker_sizes
    w.taker_chance[: len(p.taker_sizes)] = np.array(p.taker_weights) / sum(p.taker_weights)
    for stream, name in enumerate(STREAMS):
        w.key[stream] = stream_key(seed, f"order queue {name}")
    w.best[0], w.best[1] = TICKS // 2, TICKS // 2 - 1
    w.n_free = ORDERS
    w.free[:] = np.arange(ORDERS)[::-1]
    for edge in ("oldest", "youngest"):
        w.book[edge] = -1
    return world


class _Buffers:
    def __init__(self) -> None:
        self.rows = records(np.zeros(_SLICE, Row))
        self.order_rows = records(np.zeros(_SLICE, OrderRow))
        self.fates = records(np.zeros(_SLICE, Fate))

    def advance(self, world: np.ndarray) -> bool:
        """Fill the buffers; return whether the time is over."""
        return bool(_advance_compiled(world, self.rows, self.order_rows, self.fates))

    def taken(self, world: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return copies of what the buffers hold: tape rows, order rows, fates."""
        counts = (world["rows"][0], world["n_order_rows"][0], world["n_fates"][0])
        tape_rows, order_rows, fates = (
            np.array(buffer[:count])
            for buffer, count in zip((self.rows, self.order_rows, self.fates), counts, strict=True)
        )
        return tape_rows.view(Row), order_rows.view(OrderRow), fates.view(Fate)


def generate_orders(parameters: OrderQueue, seed: int, progress: Progress | None = None) -> Orders:
    """Return what happened in a world of single orders, in memory.

    Parameters
    ----------
    parameters
        See `OrderQueue`.
    seed
        Of all streams of random numbers.
    progress
        Called with (done, total) in seconds of tape.

    Returns
    -------
    Orders
        Market-by-order rows, rows of the tape, and the fate of each order.
    """
    world, buffers = _initial(parameters, seed), _Buffers()
    parts = []
    over = False
    while not over:
        over = buffers.advance(world)
        parts.append(buffers.taken(world))
        _report(world, parameters, progress)
    tape_rows, order_rows, fates = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Orders(order_rows, tape_rows, fates)


def generate(
    parameters: OrderQueue, seed: int, writer: Writer, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a tape of the world of single orders and return its truth, as `generate_of` tells."""
    world, rows = _initial(parameters, seed), Rows(writer)
    buffers = _Buffers()
    buffers.rows = rows.buffer
    over = False
    while not over:
        over = buffers.advance(world)
        rows.flush(int(world["rows"][0]), int(world["now"][0]) + parameters.feed_ns + 1)
        _report(world, parameters, progress)
    return _truth(parameters, world)


def write_orders(
    parameters: OrderQueue, seed: int, writer: Writer, progress: Progress | None = None
) -> Orders:
    """Write the tape of a world of single orders and return its three views.

    The same tape as that of `generate`; `order_frame` and `truth_frame` make tables of the rest.
    """
    orders = generate_orders(parameters, seed, progress)
    rows = orders.tape_rows
    for start in range(0, len(rows), _SLICE):
        part = rows[start : start + _SLICE]
        writer.append(
            part["exch_ts"], part["local_ts"], part["message"], part["tag"], part["px"],
            part["qty"], part["aux"],
        )  # fmt: skip
    return orders


def _report(world: np.ndarray, parameters: OrderQueue, progress: Progress | None) -> None:
    if progress is not None:
        done = min(int(world["next_ts"][0]), int(world["end_ts"][0])) - START_TS
        progress(done // 1_000_000_000, round(parameters.hours * 3600))


def _truth(p: OrderQueue, world: np.ndarray) -> dict[str, Any]:
    return {
        "cancels": p.cancels,
        "alpha": p.alpha,
        "log_kappa": p.log_kappa,
        "limit_rate": p.limit_rate,
        "cancel_rate": p.cancel_rate,
        "taker_rate": p.taker_rate,
        "orders": int(world["next_id"][0]) - 1,
        "takers": int(world["takers"][0]),
        "refused": int(world["refused"][0]),
    }


def order_frame(orders: Orders, market: MarketRules) -> "pl.DataFrame":
    """Return market-by-order rows as a table, prices and sizes in the market's own units.

    Columns: ts (ns), action (open: it rested when the record began; add, cancel, replace, fill),
    order_id, side (of the resting order, +1 bid), px, qty (joined, taken away, open after the
    replace, filled).
    """
    import polars as pl

    rows = orders.order_rows
    action = np.array(ACTIONS)[rows["action"]]
    opened = (rows["order_id"] < 0) & (rows["action"] == ADD)
    return pl.DataFrame(
        {
            "ts": rows["ts"],
            "action": np.where(opened, "open", action),
            "order_id": rows["order_id"],
            "side": rows["side"],
            "px": np.round(rows["px"] * float(market.price_quantum), 12),
            "qty": rows["lots"] * float(market.lot_size),
        }
    )


def truth_frame(orders: Orders, market: MarketRules) -> "pl.DataFrame":
    """Return the fate of each order as a table, prices and sizes in the market's own units."""
    import polars as pl

    fates = orders.fates
    quantum, lot = float(market.price_quantum), float(market.lot_size)
    columns: dict[str, Any] = {name: fates[name] for name in Fate.names or ()}
    del columns["replaced"]
    kind = np.where(fates["replaced"] == 1, "replace", "add")
    columns = dict(list(columns.items())[:5]) | {"kind": kind} | dict(list(columns.items())[5:])
    columns["px"] = np.round(fates["px"] * quantum, 12)
    for name in ("qty", "ahead_qty0", "ahead_exec", "ahead_canc", "filled"):
        columns[name] = fates[name] * lot
    columns["end"] = np.array(ENDS)[fates["end"]]
    return pl.DataFrame(columns)
