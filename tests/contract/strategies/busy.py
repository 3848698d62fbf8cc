"""Uses all there is: every estimate, its own estimators, ladders, takes, and changes of mind."""

from simmm.math import clip, exp, round_int, sqrt
from simmm.records import EVENT_CONTEXT, EVENT_FILL, EVENT_GAP, EVENT_PACKET, EVENT_TRADE
from simmm.strategy import Field, record

Params = record(lots=5, levels=3, calm_packets=40, most_held=12)

Memory = record(
    flow=Field(0.0, unit="lots", recorded=True, doc="signed volume, fading by packet"),
    tilt=Field(0.0, unit="steps", recorded=True, doc="how far quotes lean"),
    drift=Field(0.0, unit="quanta", recorded=True, doc="smoothed moves of all mids"),
    packets=Field(0, recorded=True, doc="seen so far"),
    contexts=Field(0, recorded=True, doc="seen so far"),
    gaps=Field(0, recorded=True, doc="seen so far"),
    fills=Field(0, recorded=True, doc="heard of so far"),
    mids=Field(0.0, shape=(5,), unit="quanta", doc="last mid of each market"),
)


def observe(event, market, memory, params):
    if event.kind == EVENT_TRADE:
        memory.flow += event.side * event.qty
    elif event.kind == EVENT_FILL:
        memory.fills += 1
        memory.flow -= event.side * event.qty
    elif event.kind == EVENT_GAP:
        memory.gaps += 1
        memory.flow = 0.0
    elif event.kind == EVENT_CONTEXT:
        memory.contexts += 1
    elif event.kind == EVENT_PACKET:
        memory.packets += 1
        memory.flow *= 0.999
        mid = market.mid
        if event.market > 0:
            mid = market.reference_mid[event.market - 1]
        if mid > 0.0:
            if memory.mids[event.market] > 0.0:
                memory.drift = 0.99 * memory.drift + mid - memory.mids[event.market]
            memory.mids[event.market] = mid


def belief(market, memory):
    """Return one number that depends on all that is believed."""
    known = 0.0
    if market.sigma_age_ns >= 0:
        known += 1e4 * market.sigma + 1e3 * market.sigma_sd
    if market.kappa_age_ns >= 0:
        known += exp(-0.001 * market.kappa) + market.kappa_sd / (1.0 + market.kappa)
    if market.arrival_age_ns >= 0:
        known += sqrt(market.arrival) + market.arrival_sd
    if market.mark > 0.0 and market.oracle > 0.0:
        known += 1e3 * (market.mark / market.oracle - 1.0) + 1e4 * market.funding
    return known + 1e-9 * market.open_interest + 0.1 * market.last_trade_side


def quote(wanted, market, memory, params):
    lean = belief(market, memory) + 0.02 * memory.flow / params.lots + 0.3 * memory.drift
    held = market.position / params.lots
    memory.tilt = clip(lean - held, -4.0, 4.0)
    shift = round_int(memory.tilt) * market.step
    phase = (memory.packets // params.calm_packets) % 5
    wanted.bids = params.levels - (phase == 1)
    wanted.asks = params.levels - (phase == 3)
    for k in range(params.levels):
        wanted.bid_px[k] = market.bid_px + min(shift, 0.0) - k * (1 + phase // 2) * market.step
        wanted.ask_px[k] = market.ask_px + max(shift, 0.0) + k * (1 + phase // 2) * market.step
        wanted.bid_qty[k] = params.lots + (phase + k) % 3
        wanted.ask_qty[k] = params.lots + (memory.fills + k) % 3
    if memory.packets % 997 < 10 and abs(held) > 1.0:
        wanted.go_flat = 1
    elif memory.packets % 613 < 5:
        wanted.cancel_all = 1
    elif memory.packets % 401 < 5 and abs(held) < params.most_held:
        wanted.take_qty = 2.0 * params.lots if lean > 0.0 else -2.0 * params.lots
