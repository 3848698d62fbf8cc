"""Leans against its position at the touch, in jumps of whole seconds; takes when it leans far."""

from simmm.strategy import record

Params = record(lots=5, lean=4, patience_ns=200_000_000, limit=20)
Memory = record(changed_ns=0, bid_px=0.0, ask_px=0.0, turns=0)


def quote(wanted, market, memory, params):
    if market.now_ns - memory.changed_ns >= params.patience_ns or memory.turns == 0:
        memory.changed_ns = market.now_ns
        memory.turns += 1
        lean = (market.position / params.lean) * market.step
        memory.bid_px = market.bid_px - max(lean, 0.0)
        memory.ask_px = market.ask_px - min(lean, 0.0)
    if market.position < params.limit:
        wanted.bids = 1
        wanted.bid_px[0] = memory.bid_px
        wanted.bid_qty[0] = params.lots
    if market.position > -params.limit:
        wanted.asks = 1
        wanted.ask_px[0] = memory.ask_px
        wanted.ask_qty[0] = params.lots + memory.turns % 3
    if abs(market.position) > 2 * params.limit:
        wanted.go_flat = 1
