"""Five bids and five asks from a tick behind the touch on, shifted against the inventory.

The rule of `inventory_shift.py` for the nearest level of each side; the others stand one tick
behind one another. `benchmarks/peer_run.py` does the same with the peer.
"""

from simmm.math import round_int
from simmm.strategy import Field, record

Params = record(
    order_lots=Field(1000, unit="lots", low=1, doc="size of each quote"),
    behind=Field(1, unit="quanta", low=0, doc="behind the touch when nothing is held"),
    clamp=Field(10, unit="orders", low=0, doc="inventory beyond this shifts no further"),
    levels=Field(5, unit="levels", low=1, high=16, doc="quotes of each side"),
)


def quote(wanted, market, memory, params):
    held = round_int(market.position / params.order_lots)
    held = max(-params.clamp, min(params.clamp, held))
    bid_px = market.bid_px - max(params.behind + held, 0)
    ask_px = market.ask_px + max(params.behind - held, 0)
    for k in range(params.levels):
        wanted.bid_px[k] = bid_px - k
        wanted.ask_px[k] = ask_px + k
        wanted.bid_qty[k] = params.order_lots
        wanted.ask_qty[k] = params.order_lots
    wanted.bids = params.levels
    wanted.asks = params.levels
