"""One order a side at a fixed distance from the mid, whatever is held."""

from simmm.strategy import Field, record

Params = record(
    lots=1,
    bid_distance=Field(1.0, unit="quanta", doc="of the bid below the mid"),
    ask_distance=Field(1.0, unit="quanta", doc="of the ask above the mid"),
)


def quote(wanted, market, memory, params):
    wanted.bid_px[0] = market.mid - params.bid_distance
    wanted.ask_px[0] = market.mid + params.ask_distance
    wanted.bid_qty[0] = params.lots
    wanted.ask_qty[0] = params.lots
    wanted.bids = 1
    wanted.asks = 1
