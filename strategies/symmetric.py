"""Symmetric quotes: the same distance from the touch on both sides, whatever is held.

The simplest maker there is, and the yardstick for others: it knows nothing of volatility or
inventory. Only the position limit stops it from buying all the way down.
"""

from simmm.math import round_int
from simmm.strategy import Field, record

Params = record(
    order_size=Field(0.001, unit="base", low=0.0, doc="size of each quote"),
    offset_steps=Field(0, unit="valid steps", low=0, doc="behind the own touch; 0 joins it"),
    levels=Field(1, unit="quotes", low=1, high=16, doc="quotes per side"),
    spacing_steps=Field(1, unit="valid steps", low=1, doc="distance between quotes of one side"),
)


def quote(wanted, market, memory, params):
    quantity = round_int(params.order_size / market.lot)
    for k in range(params.levels):
        behind = (params.offset_steps + k * params.spacing_steps) * market.step
        wanted.bid_px[k] = market.bid_px - behind
        wanted.ask_px[k] = market.ask_px + behind
        wanted.bid_qty[k] = quantity
        wanted.ask_qty[k] = quantity
    wanted.bids = params.levels
    wanted.asks = params.levels
