"""What happens in a book of single orders: joins, cancels, replaces, and takers from the front.

Kernels on one `World`. Orders lie in a pool; those at a price are a list, oldest first. Every
change is written three times: as it concerns orders (`OrderRow`), as a market shows it (rows of a
tape), and, when an order ends, as that order's fate (`Fate`).
"""

from simmm.jit import kernel
from simmm.math import maximum, round_int
from simmm.records import AGGRESSOR_END, BUY, DEPTH, FIRST, NEVER, SNAPSHOT, TRADE
from simmm.tape.synthetic.columns import end_message, put
from simmm.tape.synthetic.draws import draw_exponential, draw_uniform
from simmm.tape.synthetic.order_world import (
    ADD,
    BY_LOTS,
    BY_ORDERS,
    BY_RANK,
    CANCEL,
    END_CANCEL,
    END_FILL,
    END_OPEN,
    END_REPLACE,
    FILL,
    NOBODY,
    PRICE,
    RANKS,
    REPLACE,
    REPLACED,
    SIZE,
    SWEPT,
    TAKER_SIZE,
    TICKS,
    TIME,
    VICTIM,
    WHAT,
)


@kernel
def draw_wait(world) -> None:  # type: ignore[no-untyped-def]
    """Set the time of the next event; all rates together are those of the book as it stands."""
    rate = 2.0 * (world.levels * world.limit_rate + world.taker_rate)
    rate += world.cancel_rate * world.n_alive
    if not rate > 0.0:
        world.next_ts = NEVER
        return
    wait = draw_exponential(world, TIME) / rate
    world.next_ts = world.now + max(round_int(wait * 1e9), 1)


@kernel
def _draw_size(world, stream: int) -> int:  # type: ignore[no-untyped-def]
    """Return a size in lots from the law of makers' or takers' sizes."""
    u = draw_uniform(world, stream)
    k = 0
    if stream == TAKER_SIZE:
        while k < world.n_taker_sizes - 1 and u >= world.taker_chance[k]:
            u -= world.taker_chance[k]
            k += 1
        return int(world.taker_sizes[k])
    while k < world.n_sizes - 1 and u >= world.size_chance[k]:
        u -= world.size_chance[k]
        k += 1
    return int(world.sizes[k])


@kernel
def _note(world, order_rows, action: int, slot: int, lots: int) -> None:  # type: ignore[no-untyped-def]
    order = world.orders[slot]
    row = order_rows[world.n_order_rows]
    row.ts = world.now
    row.action = action
    row.order_id = order.fate.order_id
    row.side = order.fate.side
    row.px = order.fate.px
    row.lots = lots
    world.n_order_rows += 1


@kernel
def show_level(world, rows, is_bid: int, tick: int) -> None:  # type: ignore[no-untyped-def]
    """Write the size of one level."""
    tag = (DEPTH | BUY) if is_bid else DEPTH
    px = world.base + tick * world.tick_quanta
    put(world, rows, world.now, world.now + world.feed_ns, tag, px, world.book[tick].lots, -1)


@kernel
def show_image(world, rows) -> None:  # type: ignore[no-untyped-def]
    """Write the whole book, best price first."""
    for side in range(2):
        is_bid = 1 - side
        step = -1 if is_bid else 1
        tag = (SNAPSHOT | BUY) if is_bid else SNAPSHOT
        left = world.resting[is_bid]
        tick = world.best[is_bid]
        first = FIRST
        while left > 0:
            level = world.book[tick]
            if level.count > 0:
                px = world.base + tick * world.tick_quanta
                put(world, rows, world.now, world.now + world.feed_ns, tag | first, px,
                    level.lots, level.count)  # fmt: skip
                first = 0
                left -= level.count
            tick += step
    end_message(world, rows)


@kernel
def join(world, order_rows, slot: int, tick: int, replaced: int) -> None:  # type: ignore[no-untyped-def]
    """Put an order whose id, side and open lots stand at the back of a level."""
    order = world.orders[slot]
    fate = order.fate
    level = world.book[tick]
    is_bid = 1 if fate.side > 0 else 0
    best = world.best[is_bid]
    order.tick = tick
    fate.px = world.base + tick * world.tick_quanta
    fate.qty = order.lots
    fate.add_ts = world.now
    fate.replaced = replaced
    fate.dist_ticks = (best - tick) * fate.side
    fate.spread_ticks = world.best[0] - world.best[1]
    fate.ahead_qty0 = level.lots
    fate.ahead_n0 = level.count
    fate.ahead_exec = fate.ahead_canc = fate.filled = fate.first_fill_ts = fate.last_fill_ts = 0
    order.older = level.youngest if level.count > 0 else NOBODY
    order.younger = NOBODY
    if level.count > 0:
        world.orders[level.youngest].younger = slot
    else:
        level.oldest = slot
    level.youngest = slot
    level.count += 1
    level.lots += order.lots
    if world.resting[is_bid] == 0 or (tick - best) * fate.side > 0:
        world.best[is_bid] = tick
    world.resting[is_bid] += 1
    order.place = world.n_alive
    world.alive[world.n_alive] = slot
    world.n_alive += 1
    _note(world, order_rows, REPLACE if replaced else ADD, slot, order.lots)


@kernel
def _leave(world, fates, slot: int, end: int) -> None:  # type: ignore[no-untyped-def]
    """Take an order, whose open lots its level no longer counts, off its level; tell its fate."""
    order = world.orders[slot]
    level = world.book[order.tick]
    is_bid = 1 if order.fate.side > 0 else 0
    if order.older == NOBODY:
        level.oldest = order.younger
    else:
        world.orders[order.older].younger = order.younger
    if order.younger == NOBODY:
        level.youngest = order.older
    else:
        world.orders[order.younger].older = order.older
    level.count -= 1
    world.resting[is_bid] -= 1
    world.n_alive -= 1
    last = world.alive[world.n_alive]
    world.alive[order.place] = last
    world.orders[last].place = order.place
    if level.count == 0 and order.tick == world.best[is_bid] and world.resting[is_bid] > 0:
        tick = order.tick
        while world.book[tick].count == 0:
            tick -= order.fate.side
        world.best[is_bid] = tick
    tell(world, fates, slot, end)


@kernel
def tell(world, fates, slot: int, end: int) -> None:  # type: ignore[no-untyped-def]
    """Write the fate of an order; what the opening book held, with negative ids, has none there."""
    fate = world.orders[slot].fate
    fate.end = end
    fate.end_ts = 0 if end == END_OPEN else world.now
    if fate.order_id > 0 or fate.replaced:
        fates[world.n_fates] = fate
        world.n_fates += 1


@kernel
def open_order(world, order_rows, side: int, tick: int) -> None:  # type: ignore[no-untyped-def]
    """Let a new order of a drawn size join a level."""
    if world.n_free == 0:
        world.refused += 1
        return
    world.n_free -= 1
    slot = world.free[world.n_free]
    order = world.orders[slot]
    order.fate.order_id = world.next_id
    order.fate.side = side
    order.lots = _draw_size(world, SIZE)
    world.next_id += 1
    join(world, order_rows, slot, tick, 0)


@kernel
def _draw_tick(world, side: int) -> int:  # type: ignore[no-untyped-def]
    """Return the price of a joining order, 1 to `levels` ticks from the other side; or none."""
    away = 1 + min(int(draw_uniform(world, PRICE) * world.levels), world.levels - 1)
    tick = world.best[0] - away if side > 0 else world.best[1] + away
    return tick if 0 <= tick < TICKS else NOBODY


@kernel
def limit(world, rows, order_rows, side: int) -> None:  # type: ignore[no-untyped-def]
    """Let a new order of a side join."""
    tick = _draw_tick(world, side)
    if tick == NOBODY:
        world.refused += 1
        return
    open_order(world, order_rows, side, tick)
    show_level(world, rows, 1 if side > 0 else 0, tick)
    end_message(world, rows)


@kernel
def _weight(world, slot: int, rank: int, lots: int) -> float:  # type: ignore[no-untyped-def]
    """Return how likely an order is the victim of a cancel of `lots` (0: of whatever it has)."""
    order = world.orders[slot]
    if world.law == BY_LOTS:
        return float(order.lots)
    if world.law == BY_ORDERS:
        return 1.0
    weight = float(world.weight[min(rank, RANKS - 1)])
    if lots == 0 or order.lots == lots:
        return weight
    return weight * world.kappa if order.lots > lots else 0.0


@kernel
def _total(world, tick: int, lots: int) -> float:  # type: ignore[no-untyped-def]
    """Return the sum of the weights of all orders of a level."""
    total = 0.0
    rank = 0
    slot = world.book[tick].youngest
    while slot != NOBODY:
        total += _weight(world, slot, rank, lots)
        rank += 1
        slot = world.orders[slot].older
    return total


@kernel
def _cancelled_lots(world, tick: int) -> int:  # type: ignore[no-untyped-def]
    """Return the size of a cancel under the rank law: of the sizes that it can take, one drawn."""
    possible = 0.0
    for k in range(world.n_sizes):
        if _total(world, tick, world.sizes[k]) > 0.0:
            possible += world.size_chance[k]
    left = draw_uniform(world, SIZE) * possible
    lots = 0
    for k in range(world.n_sizes):
        if _total(world, tick, world.sizes[k]) > 0.0:
            if left > 0.0:
                lots = world.sizes[k]
            left -= world.size_chance[k]
    return int(lots)


@kernel
def _victim(world, tick: int, lots: int) -> int:  # type: ignore[no-untyped-def]
    """Return the order that a cancel takes."""
    left = draw_uniform(world, VICTIM) * _total(world, tick, lots)
    rank = 0
    slot = world.book[tick].youngest
    victim = slot
    while slot != NOBODY:
        weight = _weight(world, slot, rank, lots)
        if weight > 0.0:
            victim = slot
            left -= weight
            if not left > 0.0:
                break
        rank += 1
        slot = world.orders[slot].older
    return int(victim)


@kernel
def cancel(world, rows, order_rows, fates) -> None:  # type: ignore[no-untyped-def]
    """Let one cancel happen: a level by its number of orders, there a victim by the law."""
    count = world.n_alive
    chosen = world.alive[min(int(draw_uniform(world, VICTIM) * count), count - 1)]
    tick = world.orders[chosen].tick
    lots = 0
    if world.law == BY_RANK:
        lots = _cancelled_lots(world, tick)
    slot = _victim(world, tick, lots)
    order = world.orders[slot]
    is_bid = 1 if order.fate.side > 0 else 0
    if lots == 0:
        lots = order.lots
    behind = order.younger
    while behind != NOBODY:
        world.orders[behind].fate.ahead_canc += lots
        behind = world.orders[behind].younger
    world.book[tick].lots -= lots
    whole = lots == order.lots
    target = NOBODY
    if whole and world.replace_share > 0.0 and draw_uniform(world, REPLACED) < world.replace_share:
        target = _draw_tick(world, order.fate.side)
    if target != NOBODY:
        _leave(world, fates, slot, END_REPLACE)
        join(world, order_rows, slot, target, 1)
    else:
        _note(world, order_rows, CANCEL, slot, lots)
        order.lots -= lots
        if whole:
            _leave(world, fates, slot, END_CANCEL)
            world.free[world.n_free] = slot
            world.n_free += 1
    show_level(world, rows, is_bid, tick)
    if target != NOBODY and target != tick:
        show_level(world, rows, is_bid, target)
    end_message(world, rows)


@kernel
def _fill_front(world, order_rows, fates, tick: int, lots: int) -> int:  # type: ignore[no-untyped-def]
    """Fill the oldest order of a level by at most `lots`; return by how many."""
    slot = world.book[tick].oldest
    order = world.orders[slot]
    filled = min(lots, order.lots)
    behind = order.younger
    while behind != NOBODY:
        world.orders[behind].fate.ahead_exec += filled
        behind = world.orders[behind].younger
    if order.fate.filled == 0:
        order.fate.first_fill_ts = world.now
    order.fate.last_fill_ts = world.now
    order.fate.filled += filled
    order.lots -= filled
    world.book[tick].lots -= filled
    _note(world, order_rows, FILL, slot, filled)
    if order.lots == 0:
        _leave(world, fates, slot, END_FILL)
        world.free[world.n_free] = slot
        world.n_free += 1
    return int(filled)


@kernel
def take(world, rows, order_rows, fates, side: int) -> None:  # type: ignore[no-untyped-def]
    """Let a taker buy (+1) or sell (-1) a drawn size, front first; one print a price."""
    lots = _draw_size(world, TAKER_SIZE)
    is_bid = 0 if side > 0 else 1
    tag = (TRADE | BUY) if side > 0 else TRADE
    swept = 0
    while lots > 0 and world.resting[is_bid] > 0 and swept < SWEPT:
        tick = world.best[is_bid]
        printed = 0
        while lots > 0 and world.book[tick].count > 0:
            filled = _fill_front(world, order_rows, fates, tick, lots)
            printed += filled
            lots -= filled
        px = world.base + tick * world.tick_quanta
        put(world, rows, world.now, world.now + world.feed_ns, tag, px, printed, world.prints)
        world.prints += 1
        world.swept[swept] = tick
        swept += 1
    if swept == 0:
        return
    world.takers += 1
    rows[world.rows - 1].tag |= AGGRESSOR_END
    end_message(world, rows)
    for k in range(swept):
        show_level(world, rows, is_bid, world.swept[k])
    end_message(world, rows)


@kernel
def event(world, rows, order_rows, fates) -> None:  # type: ignore[no-untyped-def]
    """Let the event that is due happen."""
    world.now = world.next_ts
    limits = world.levels * world.limit_rate
    rate = 2.0 * (limits + world.taker_rate) + world.cancel_rate * world.n_alive
    u = draw_uniform(world, WHAT) * rate
    if u < 2.0 * limits:
        limit(world, rows, order_rows, 1 if u < limits else -1)
    else:
        u = maximum(u - 2.0 * limits, 0.0)
        if u < 2.0 * world.taker_rate:
            take(world, rows, order_rows, fates, 1 if u < world.taker_rate else -1)
        elif world.n_alive > 0:
            cancel(world, rows, order_rows, fates)
    draw_wait(world)
