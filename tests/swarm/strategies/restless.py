"""A quoter that changes its mind by counters: prices, sizes, ladders, takes, and nothing at all."""

from simmm.strategy import record

Params = record(
    seed=1,
    levels=2,  # most levels a side
    lots=6,  # most lots a level
    deepest=4,  # steps behind the touch
    inside=0,  # steps that a quote may lie inside or beyond the touch
    patience=3,  # quote steps between changes of mind, about
    cross_percent=0,  # a side priced through the market
    take_percent=0,
    cancel_percent=0,
    flatten_percent=0,
    odd_percent=0,  # off-step prices, broken sizes, equal levels
)
Memory = record(state=0, steps=0, until=0, bids=0, asks=0, bid_back=0, ask_back=0, first=1)


def draw(memory, below):
    memory.state = (memory.state * 1103515245 + 12345) % 2147483648
    return (memory.state // 65536) % below


def change_mind(memory, params):
    memory.bids = draw(memory, params.levels + 1)
    memory.asks = draw(memory, params.levels + 1)
    memory.bid_back = draw(memory, params.deepest + params.inside + 1) - params.inside
    memory.ask_back = draw(memory, params.deepest + params.inside + 1) - params.inside
    memory.first = 1 + draw(memory, params.lots)
    memory.until = memory.steps + 1 + draw(memory, 2 * params.patience)


def quote(wanted, market, memory, params):
    if memory.steps == 0:
        memory.state = params.seed
    memory.steps += 1
    if memory.steps >= memory.until:
        change_mind(memory, params)
    step = market.step
    for i in range(memory.bids):
        wanted.bid_px[i] = market.bid_px - (memory.bid_back + i * (1 + i)) * step
        wanted.bid_qty[i] = 1 + (memory.first + 3 * i) % params.lots
    for i in range(memory.asks):
        wanted.ask_px[i] = market.ask_px + (memory.ask_back + 2 * i) * step
        wanted.ask_qty[i] = 1 + (memory.first + i) % params.lots
    wanted.bids = memory.bids
    wanted.asks = memory.asks
    if draw(memory, 100) < params.cross_percent:
        if memory.bids > 0:
            wanted.bid_px[0] = market.ask_px + draw(memory, 3) * step
        elif memory.asks > 0:
            wanted.ask_px[0] = market.bid_px - draw(memory, 3) * step
    if draw(memory, 100) < params.odd_percent:
        for i in range(memory.bids):
            wanted.bid_px[i] += 0.25 * step - 1.0 * draw(memory, 2)
            wanted.bid_qty[i] -= 0.5 * draw(memory, 4)
        for i in range(memory.asks):
            wanted.ask_px[i] = wanted.ask_px[0] + 0.75 * step * (i % 2) + 1e-7
            wanted.ask_qty[i] -= 1e-7 * draw(memory, 2)
    if draw(memory, 100) < params.take_percent:
        lots = 1 + draw(memory, 2 * params.lots)
        if draw(memory, 2) == 0:
            wanted.take_qty = 1.0 * lots
            wanted.take_px = market.ask_px + (draw(memory, 4) - 1) * step
        else:
            wanted.take_qty = -1.0 * lots
            wanted.take_px = market.bid_px - (draw(memory, 4) - 1) * step
        if draw(memory, 4) == 0:
            wanted.take_px = 0.0
    if draw(memory, 100) < params.cancel_percent:
        wanted.cancel_all = 1
    if draw(memory, 100) < params.flatten_percent:
        wanted.go_flat = 1
        wanted.take_qty = 0.0
        wanted.take_px = 0.0
        if draw(memory, 2) == 0:
            wanted.take_px = market.bid_px if market.position > 0 else market.ask_px
